// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the engine and the dedicated links: received datagrams go in, what the
 * engine has for a peer goes out in batches, as far as the socket takes it. Each
 * peer has links of its own.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "observe/stats_text.h"
#include "priv.h"
#include "transport/links.h"

#define BATCHES 4              /* of CHAN_BATCH datagrams per turn, but one for each peer */
#define SILENCE (3 * TICK_SEC) /* of a peer that says something every second */

static void addr_from(struct chan_addr *to, const struct addr *from, uint8_t family, bool given)
{
	if (!given)
		return;
	to->family = family == FAM_IP4 ? AF_INET : AF_INET6;
	memcpy(to->b, from->b, sizeof(to->b));
}

static void chan_from(struct chan_params *p, const struct config_link *l, bool is_default,
		      uint32_t error_queue)
{
	static const enum chan_kind kinds[] = {
		[CONFIG_LINK_UDP] = CHAN_UDP,
		[CONFIG_LINK_MULTICAST] = CHAN_MCAST,
		[CONFIG_LINK_TCP] = CHAN_TCP,
	};

	*p = (struct chan_params){
		.kind = kinds[l->kind],
		.is_default = is_default,
		.port = (uint16_t)l->port,
		.sndbuf = l->snd_buffer,
		.rcvbuf = l->rcv_buffer,
		.no_checksum = !l->checksum,
		.queue_len = l->kind == CONFIG_LINK_TCP ? error_queue : 0,
	};
	_Static_assert(sizeof(p->interface) == sizeof(l->interface), "interface names differ");
	memcpy(p->interface, l->interface, sizeof(p->interface));
	addr_from(&p->local, &l->local, l->family, l->has_local);
	addr_from(&p->peer, &l->dest, l->family, l->has_dest);
	addr_from(&p->mcast_if, &l->iface_addr, FAM_IP4, l->has_iface_addr);
}

static bool same_port(const struct config_link *a, const struct config_link *b)
{
	struct chan_params p, q;

	chan_from(&p, a, false, 0);
	chan_from(&q, b, false, 0);
	return chan_same_port(&p, &q);
}

/* UDP: does a link of another peer receive on the same address and port? */
static bool port_is_shared(const struct config_sync *s, const struct config_peer *own,
			   const struct config_link *l)
{
	for (uint8_t i = 0; i < s->n_peers; i++)
		for (uint8_t k = 0; &s->peers[i] != own && k < s->peers[i].n_links; k++)
			if (l->kind == CONFIG_LINK_UDP && same_port(l, &s->peers[i].links[k]))
				return true;
	return false;
}

/* The same over TCP, among those of the set that are open. */
static struct chan *listener_for(const struct config_sync *s, const struct peer_links *set,
				 const struct config_link *l)
{
	for (uint8_t i = 0; i < s->n_peers; i++)
		for (uint8_t k = 0; set[i].links && k < s->peers[i].n_links; k++)
			if (l->kind == CONFIG_LINK_TCP && same_port(l, &s->peers[i].links[k]))
				return links_chan(set[i].links, k);
	return NULL;
}

static void on_datagram(void *ctx, size_t link, const struct chan_msg *m)
{
	struct peer_links *p = ctx;
	struct daemon *d = p->d;

	if (streams_input(&p->streams, d->engine, loop_now(d->loop), p->index, p->links, link, m))
		links_heard(p->links, link);
}

static void peer_start(struct peer_links *p)
{
	links_start(p->links, p->d->loop, p->d->cfg->general.event_limit, on_datagram, p);
}

static void link_params(struct chan_params *p, const struct config_sync *s,
			const struct peer_links *set, uint8_t i, uint8_t k)
{
	const struct config_peer *c = &s->peers[i];

	chan_from(p, &c->links[k], k == c->default_link, s->error_queue);
	p->shared_port = port_is_shared(s, c, &c->links[k]);
	p->listener = listener_for(s, set, &c->links[k]);
}

/* The links to peer i of the set. They are silent until peer_start(). */
static int peer_open(const struct daemon *d, const struct config_sync *s, struct peer_links *set,
		     uint8_t i)
{
	struct chan_params params[CONFIG_LINKS];
	int err;

	for (uint8_t k = 0; k < s->peers[i].n_links; k++)
		link_params(&params[k], s, set, i, k);
	err = links_open(params, s->peers[i].n_links, d->log, &set[i].links);
	if (err < 0)
		return err;
	links_set_peer(set[i].links, &(struct links_peer){
					     .silence = s->mode == REPL_ALARM ? 0 : SILENCE,
					     .drops_copies = s->mode == REPL_FTFW,
				     });
	return 0;
}

/* ---- other peers, other links ---- */

static bool same_links(const struct config_sync *a, uint8_t i, const struct config_sync *b,
		       uint8_t j)
{
	const struct config_peer *p = &a->peers[i], *q = &b->peers[j];

	if (p->n_links != q->n_links || p->default_link != q->default_link ||
	    a->error_queue != b->error_queue)
		return false;
	for (uint8_t k = 0; k < p->n_links; k++)
		if (!config_same_link(&p->links[k], &q->links[k]) ||
		    port_is_shared(a, p, &p->links[k]) != port_is_shared(b, q, &q->links[k]))
			return false;
	return true;
}

static void peer_close(struct peer_links *p)
{
	if (p->links)
		links_stop(p->links);
	links_close(p->links);
	streams_fini(&p->streams);
	p->links = NULL;
}

static bool stays(const struct peers_next *next, uint8_t old)
{
	for (uint8_t i = 0; i < next->n; i++)
		if (next->kept[i] && next->from[i] == old)
			return true;
	return false;
}

/* Do both receive on the same port, so that one must be closed before the other can be opened? */
static bool clash(const struct config_link *a, const struct config_link *b)
{
	return same_port(a, b) ||
	       (a->kind == b->kind && a->kind != CONFIG_LINK_MULTICAST && a->family == b->family &&
		a->port == b->port && !(a->has_local && b->has_local));
}

/* Is a link that is to be closed in the way of peer i to be? */
static bool is_in_the_way(const struct peers_next *next, const struct config_sync *old,
			  const struct config_sync *s, uint8_t i)
{
	for (uint8_t o = 0; o < old->n_peers; o++)
		for (uint8_t k = 0; !stays(next, o) && k < old->peers[o].n_links; k++)
			for (uint8_t n = 0; n < s->peers[i].n_links; n++)
				if (clash(&old->peers[o].links[k], &s->peers[i].links[n]))
					return true;
	return false;
}

/* Could the links to peer i be opened, but for those in the way? */
static int peer_try(const struct daemon *d, const struct config_sync *s, struct peer_links *set,
		    uint8_t i)
{
	for (uint8_t k = 0; k < s->peers[i].n_links; k++) {
		struct chan_params p;
		struct links *l = NULL;
		int err;

		link_params(&p, s, set, i, k);
		err = links_open(&p, 1, NULL, &l);
		if (err && err != -EADDRINUSE)
			err = links_open(&p, 1, d->log, &l); /* once more, to have it explained */
		if (!err)
			links_close(l);
		else if (err != -EADDRINUSE)
			return err;
	}
	return 0;
}

static void close_what_goes(struct daemon *d, const struct peers_next *next)
{
	for (uint8_t o = 0; o < d->n_peers; o++)
		if (!stays(next, o))
			peer_close(&d->peers[o]);
}

/* Keep, open or at least try each. True in waiting[i]: it can be opened later only. */
static int open_beside(struct daemon *d, const struct config_sync *old, struct peers_next *next,
		       bool waiting[CONFIG_PEERS])
{
	const struct config_sync *s = &d->cfg->sync;
	int err = 0;

	for (uint8_t i = 0; i < s->n_peers; i++) {
		const uint8_t o = next->from[i];

		next->kept[i] = o != ENGINE_NEW_PEER && same_links(s, i, old, o);
		if (next->kept[i])
			next->set[i].links = d->peers[o].links;
	}
	for (uint8_t i = 0; i < s->n_peers && !err; i++) {
		if (next->kept[i])
			continue;
		waiting[i] = is_in_the_way(next, old, s, i);
		err = waiting[i] ? peer_try(d, s, next->set, i) : peer_open(d, s, next->set, i);
	}
	return err;
}

int peers_prepare(struct daemon *d, const struct config_sync *old, const uint8_t *from,
		  struct peers_next *next)
{
	bool waiting[CONFIG_PEERS] = { false }, closed = false;
	int err;

	*next = (struct peers_next){ .n = d->cfg->sync.n_peers };
	memcpy(next->from, from, next->n);
	err = open_beside(d, old, next, waiting);
	for (uint8_t i = 0; i < next->n && !err; i++) {
		if (!waiting[i])
			continue;
		if (!closed)
			close_what_goes(d, next);
		closed = true;
		err = peer_open(d, &d->cfg->sync, next->set, i);
	}
	return err;
}

int peers_drop(struct daemon *d, const struct config_sync *old, struct peers_next *next)
{
	int err = 0;

	for (uint8_t i = 0; i < next->n; i++)
		if (!next->kept[i])
			peer_close(&next->set[i]);
	for (uint8_t o = 0; o < d->n_peers && !err; o++) {
		if (d->peers[o].links)
			continue;
		err = peer_open(d, old, d->peers, o);
		if (!err)
			peer_start(&d->peers[o]);
	}
	return err;
}

void peers_take(struct daemon *d, struct peers_next *next)
{
	for (uint8_t i = 0; i < next->n; i++) {
		struct peer_links *was;

		if (!next->kept[i])
			continue;
		was = &d->peers[next->from[i]];
		next->set[i] = *was;
		was->links = NULL;
		was->streams = (struct streams){ 0 };
		links_stop(next->set[i].links); /* it calls back where it was */
	}
	peers_close(d);
	memcpy(d->peers, next->set, sizeof(d->peers));
	for (; d->n_peers < next->n; d->n_peers++) {
		struct peer_links *p = &d->peers[d->n_peers];

		p->d = d;
		p->index = d->n_peers;
		peer_start(p);
	}
}

int peers_open(struct daemon *d)
{
	const struct config_sync *s = &d->cfg->sync;

	_Static_assert(CONFIG_PEERS <= ENGINE_PEERS, "more peers than the engine has");
	for (; d->n_peers < s->n_peers; d->n_peers++) {
		struct peer_links *p = &d->peers[d->n_peers];
		int err;

		*p = (struct peer_links){ .d = d, .index = d->n_peers };
		err = peer_open(d, s, d->peers, d->n_peers);
		if (err < 0)
			return err;
		peer_start(p);
	}
	return 0;
}

void peers_close(struct daemon *d)
{
	while (d->n_peers)
		peer_close(&d->peers[--d->n_peers]);
}

/* A batch for one peer. True: it has more, and its link takes it. */
static bool peer_batch(struct peer_links *p, tick_t now)
{
	uint8_t *buf;
	size_t cap, len, n;

	for (n = 0; n < CHAN_BATCH; n++) {
		/* No room: the links flush when the socket takes more, and the loop comes back here. */
		buf = links_space(p->links, &cap);
		len = buf ? engine_datagram(p->d->engine, now, p->index, buf, cap) : 0;
		if (!len)
			break;
		links_queue(p->links, len);
	}
	links_flush(p->links);
	return n == CHAN_BATCH;
}

/*
 * Batch by batch round all peers, so that one with a bulk to be sent does not
 * keep the others waiting; who is first changes with each turn.
 */
bool peers_turn(struct daemon *d)
{
	const tick_t now = loop_now(d->loop);
	uint32_t more = (1u << d->n_peers) - 1;
	int batches = BATCHES;

	while (more && batches > 0) {
		for (uint8_t i = 0; i < d->n_peers; i++) {
			const uint8_t k = (uint8_t)((d->first_peer + i) % d->n_peers);

			if (!(more & 1u << k))
				continue;
			if (links_broke(d->peers[k].links))
				engine_link_failed(d->engine, k);
			if (!peer_batch(&d->peers[k], now))
				more &= ~(1u << k);
			batches--;
		}
	}
	if (d->n_peers)
		d->first_peer = (uint8_t)((d->first_peer + 1) % d->n_peers);
	return more != 0;
}

int peers_find(const struct daemon *d, const char *name)
{
	for (uint8_t i = 0; i < d->n_peers; i++)
		if (strcmp(d->cfg->sync.peers[i].name, name) == 0)
			return i;
	return -ENOENT;
}

static bool means(int peer, uint8_t k)
{
	return peer == PEER_ALL || peer == k;
}

static void link_stats(const struct peer_links *p, size_t i, struct stats_link *out)
{
	static const enum stats_link_kind kinds[] = {
		[CHAN_MCAST] = STATS_LINK_MULTICAST,
		[CHAN_UDP] = STATS_LINK_UDP,
		[CHAN_TCP] = STATS_LINK_TCP,
	};
	static const enum stats_link_state states[] = {
		[CHAN_DOWN] = STATS_LINK_DOWN,
		[CHAN_NO_CARRIER] = STATS_LINK_NO_CARRIER,
		[CHAN_RUNNING] = STATS_LINK_RUNNING,
	};
	struct chan *c = links_chan(p->links, i);
	const struct chan_params *cp = chan_get_params(c);
	struct chan_stats cs;

	chan_get_stats(c, &cs);
	*out = (struct stats_link){
		.kind = kinds[cp->kind],
		.state = states[chan_check(c)],
		.server = cs.server,
		.client = cs.client,
		.active = i == links_current(p->links),
		.bytes_out = cs.bytes_out,
		.bytes_in = cs.bytes_in,
		.packets_out = cs.packets_out,
		.packets_in = cs.packets_in,
		.errors_out = cs.errors_out,
		.errors_in = cs.errors_in,
	};
	memcpy(out->device, cp->interface, sizeof(out->device));
	_Static_assert(sizeof(out->peer) == CONFIG_PEER_NAME, "names of peers differ");
	memcpy(out->peer, p->d->cfg->sync.peers[p->index].name, sizeof(out->peer));
}

size_t peers_stats(const struct daemon *d, int peer, struct stats_link *out, size_t cap)
{
	size_t n = 0;

	for (uint8_t k = 0; k < d->n_peers; k++)
		for (size_t i = 0; means(peer, k) && i < links_count(d->peers[k].links) && n < cap;
		     i++)
			link_stats(&d->peers[k], i, &out[n++]);
	return n;
}

static void add_errorq(struct chan *c, struct stats_queue *q)
{
	struct chan_stats cs;

	if (chan_get_params(c)->kind != CHAN_TCP)
		return;
	chan_get_stats(c, &cs);
	q->now += cs.waiting;
	q->full += cs.full;
	q->max = cs.slots;
}

void peers_errorq(const struct daemon *d, int peer, struct stats_queue *q)
{
	*q = (struct stats_queue){ .max = d->cfg->sync.error_queue };
	for (uint8_t k = 0; k < d->n_peers; k++)
		for (size_t i = 0; means(peer, k) && i < links_count(d->peers[k].links); i++)
			add_errorq(links_chan(d->peers[k].links, i), q);
}

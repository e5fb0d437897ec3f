// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the engine and the dedicated link: received datagrams go in, what the
 * engine has for the peer goes out in batches, as far as the socket takes it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "observe/stats_text.h"
#include "priv.h"
#include "transport/links.h"

#define DGRAM_SLICE (4u * CHAN_BATCH)       /* datagrams per turn */

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

static void on_datagram(void *ctx, size_t link, const struct chan_msg *m)
{
	struct daemon *d = ctx;

	if (streams_input(&d->streams, d->engine, loop_now(d->loop), 0, d->links, link, m))
		links_heard(d->links, link);
}

int peers_open(struct daemon *d)
{
	const struct config_peer *s = &d->cfg->sync.peers[0];
	struct chan_params p[CONFIG_LINKS];
	int err;

	for (uint8_t i = 0; i < s->n_links; i++)
		chan_from(&p[i], &s->links[i], i == s->default_link,
			  d->cfg->sync.error_queue);
	err = links_open(p, s->n_links, d->log, &d->links);
	if (err < 0)
		return err;
	links_start(d->links, d->loop, d->cfg->general.event_limit, on_datagram, d);
	return 0;
}

void peers_close(struct daemon *d)
{
	if (!d->links)
		return;
	links_stop(d->links);
	links_close(d->links);
	d->links = NULL;
	streams_fini(&d->streams);
}

bool peers_turn(struct daemon *d)
{
	const tick_t now = loop_now(d->loop);
	size_t cap, len, n = 0;
	uint8_t *buf = NULL;

	if (!d->links)
		return false;
	/* No room: the links flush when the socket takes more, and the loop comes back here. */
	while (n < DGRAM_SLICE && (buf = links_space(d->links, &cap))) {
		len = engine_datagram(d->engine, now, 0, buf, cap);
		if (!len)
			break;
		links_queue(d->links, len);
		if (++n % CHAN_BATCH == 0)
			links_flush(d->links);
	}
	links_flush(d->links);
	return n == DGRAM_SLICE;
}

size_t peers_stats(const struct daemon *d, struct stats_link *out, size_t cap)
{
	static const enum stats_link_kind kinds[] = {
		[CHAN_MCAST] = STATS_LINK_MULTICAST, [CHAN_UDP] = STATS_LINK_UDP, [CHAN_TCP] = STATS_LINK_TCP,
	};
	static const enum stats_link_state states[] = {
		[CHAN_DOWN] = STATS_LINK_DOWN, [CHAN_NO_CARRIER] = STATS_LINK_NO_CARRIER,
		[CHAN_RUNNING] = STATS_LINK_RUNNING,
	};
	const size_t n = d->links ? links_count(d->links) : 0;

	for (size_t i = 0; i < n && i < cap; i++) {
		struct chan *c = links_chan(d->links, i);
		const struct chan_params *p = chan_get_params(c);
		struct chan_stats cs;

		chan_get_stats(c, &cs);
		out[i] = (struct stats_link){
			.kind = kinds[p->kind],
			.state = states[chan_check(c)],
			.server = cs.server, .client = cs.client,
			.active = i == links_current(d->links),
			.bytes_out = cs.bytes_out, .bytes_in = cs.bytes_in,
			.packets_out = cs.packets_out, .packets_in = cs.packets_in,
			.errors_out = cs.errors_out, .errors_in = cs.errors_in,
		};
		memcpy(out[i].device, p->interface, sizeof(out[i].device));
	}
	return n < cap ? n : cap;
}

void peers_errorq(const struct daemon *d, struct stats_queue *q)
{
	const size_t n = d->links ? links_count(d->links) : 0;
	struct chan_stats cs;

	*q = (struct stats_queue){ .max = d->cfg->sync.error_queue };
	for (size_t i = 0; i < n; i++) {
		struct chan *c = links_chan(d->links, i);

		if (chan_get_params(c)->kind != CHAN_TCP)
			continue;
		chan_get_stats(c, &cs);
		q->now += cs.waiting;
		q->full += cs.full;
		q->max = cs.slots;
	}
}

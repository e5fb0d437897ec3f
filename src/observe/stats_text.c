// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The statistics as text. People and programs have parsed these blocks for
 * years, so every blank and tab is part of the interface; the tests compare
 * with captured samples. Counters of several peers are added up.
 */
#include "observe/stats_text.h"

#include <inttypes.h>
#include "sums.h"

/* ---- caches ---- */

/*
 * "failed" of updates and deletions has always been 0 in this block; events
 * for entries we do not have are normal and are shown by -s cache.
 */
static void cache_block(struct strbuf *b, const char *name, const struct cache_counts *c)
{
	strbuf_addf(b, "cache %s:\n", name);
	strbuf_addf(b, "current active connections:\t%12" PRIu32 "\n", c->active);
	strbuf_addf(b, "connections created:\t\t%12" PRIu64 "\tfailed:\t%12" PRIu64 "\n", c->add_ok,
		    sum_add_failed(c));
	strbuf_addf(b, "connections updated:\t\t%12" PRIu64 "\tfailed:\t%12u\n", c->update_ok, 0u);
	strbuf_addf(b, "connections destroyed:\t\t%12" PRIu64 "\tfailed:\t%12u\n\n", c->del_ok, 0u);
}

static void bypass_block(struct strbuf *b, const struct cache_counts *c)
{
	strbuf_add(b, "internal bypass:\n");
	strbuf_addf(b, "connections new:\t\t%12" PRIu64 "\n", c->add_ok);
	strbuf_addf(b, "connections updated:\t\t%12" PRIu64 "\n", c->update_ok);
	strbuf_addf(b, "connections destroyed:\t\t%12" PRIu64 "\n\n", c->del_ok);
}

static void inject_block(struct strbuf *b, const struct cache_counts *c)
{
	strbuf_add(b, "external inject:\n");
	strbuf_addf(b, "connections created:\t\t%12" PRIu64 "\tfailed:\t%12" PRIu64 "\n", c->add_ok,
		    sum_add_failed(c));
	strbuf_addf(b, "connections updated:\t\t%12" PRIu64 "\tfailed:\t%12" PRIu64 "\n",
		    c->update_ok, c->update_missing);
	strbuf_addf(b, "connections destroyed:\t\t%12" PRIu64 "\tfailed:\t%12" PRIu64 "\n\n",
		    c->del_ok, c->del_missing);
}

static void cache_details(struct strbuf *b, const char *name, const struct cache_counts *c)
{
	strbuf_addf(b, "cache:%s\tactive objects:\t\t%12" PRIu32 "\n", name, c->objects);
	strbuf_addf(b, "\tactive/total entries:\t\t%12" PRIu32 "/%12" PRIu32 "\n", c->active,
		    c->objects);
	strbuf_addf(b, "\tcreation OK/failed:\t\t%12" PRIu64 "/%12" PRIu64 "\n", c->add_ok,
		    sum_add_failed(c));
	strbuf_addf(b, "\t\tno memory available:\t%12" PRIu64 "\n", c->add_nomem);
	strbuf_addf(b, "\t\tno space left in cache:\t%12" PRIu64 "\n", c->add_full);
	strbuf_addf(b, "\tupdate OK/failed:\t\t%12" PRIu64 "/%12" PRIu64 "\n", c->update_ok,
		    c->update_missing);
	strbuf_addf(b, "\t\tentry not found:\t%12" PRIu64 "\n", c->update_missing);
	strbuf_addf(b, "\tdeletion created/failed:\t%12" PRIu64 "/%12" PRIu64 "\n", c->del_ok,
		    c->del_missing);
	strbuf_addf(b, "\t\tentry not found:\t%12" PRIu64 "\n\n", c->del_missing);
}

void stats_text_cache(struct strbuf *b, const struct stats_view *v)
{
	const struct cache_counts *c = v->engine->cache;

	if (!v->sync) {
		cache_details(b, "stats", &c[ECACHE_INTERNAL]);
		return;
	}
	if (v->no_internal)
		bypass_block(b, &c[ECACHE_INTERNAL]);
	else
		cache_details(b, "internal", &c[ECACHE_INTERNAL]);
	if (v->no_external)
		inject_block(b, &c[ECACHE_EXTERNAL]);
	else
		cache_details(b, "external", &c[ECACHE_EXTERNAL]);
}

/* ---- links ---- */

static const char *link_kind(const struct stats_link *l)
{
	switch (l->kind) {
	case STATS_LINK_MULTICAST:
		return "multicast";
	case STATS_LINK_TCP:
		return "TCP";
	case STATS_LINK_UDP:
		break;
	}
	return "UDP";
}

static const char *link_state(const struct stats_link *l)
{
	switch (l->state) {
	case STATS_LINK_NO_CARRIER:
		return "NO-CARRIER";
	case STATS_LINK_DOWN:
		return "DOWN";
	case STATS_LINK_RUNNING:
		break;
	}
	return "RUNNING";
}

static void link_traffic(struct strbuf *b, const struct stats_link *l)
{
	strbuf_addf(b, "%20" PRIu64 " Bytes sent %20" PRIu64 " Bytes recv\n", l->bytes_out,
		    l->bytes_in);
	strbuf_addf(b, "%20" PRIu64 " Pckts sent %20" PRIu64 " Pckts recv\n", l->packets_out,
		    l->packets_in);
	strbuf_addf(b, "%20" PRIu64 " Error send %20" PRIu64 " Error recv\n\n", l->errors_out,
		    l->errors_in);
}

static const char *connected(bool yes)
{
	return yes ? "connected" : "disconnected";
}

static void link_peer(struct strbuf *b, const struct stats_link *l)
{
	if (l->peer[0])
		strbuf_addf(b, " peer=%s", l->peer);
}

static void active_link(struct strbuf *b, const struct stats_link *l)
{
	strbuf_addf(b, "%s traffic (active device=%s", link_kind(l), l->device);
	link_peer(b, l);
	strbuf_add(b, ")");
	if (l->kind == STATS_LINK_TCP)
		strbuf_addf(b, " server=%s client=%s", connected(l->server), connected(l->client));
	strbuf_add(b, ":\n");
	link_traffic(b, l);
}

/* The link in use, one to each peer, else the first one. */
static void active_links(struct strbuf *b, const struct stats_view *v)
{
	size_t i, n = 0;

	for (i = 0; i < v->n_links; i++) {
		if (!v->links[i].active)
			continue;
		active_link(b, &v->links[i]);
		n++;
	}
	if (!n && v->n_links)
		active_link(b, v->links);
}

void stats_text_link(struct strbuf *b, const struct stats_view *v)
{
	const struct stats_link *l;

	for (l = v->links; l < v->links + v->n_links; l++) {
		strbuf_addf(b, "%s traffic device=%s status=%s role=%s", link_kind(l), l->device,
			    link_state(l), l->active ? "ACTIVE" : "BACKUP");
		link_peer(b, l);
		strbuf_add(b, ":\n");
		link_traffic(b, l);
	}
}

/* ---- network ---- */

void stats_text_network(struct strbuf *b, const struct stats_view *v)
{
	const struct engine_stats *st = v->engine;

	strbuf_add(b, "network statistics:\n\trecv:\n");
	strbuf_addf(b, "\t\tMalformed messages:\t%20" PRIu64 "\n", sum_malformed(st));
	strbuf_addf(b, "\t\tWrong protocol version:\t%20" PRIu64 "\n", st->bad_version);
	strbuf_addf(b, "\t\tMalformed header:\t%20" PRIu64 "\n", st->bad_header);
	strbuf_addf(b, "\t\tMalformed payload:\t%20" PRIu64 "\n", sum_bad_payload(st));
	strbuf_addf(b, "\t\tBad message type:\t%20" PRIu64 "\n", st->bad_type);
	strbuf_addf(b, "\t\tTruncated message:\t%20" PRIu64 "\n", st->truncated);
	strbuf_addf(b, "\t\tBad message size:\t%20" PRIu64 "\n", st->bad_size);
	strbuf_addf(b, "\tsend:\n\t\tMalformed messages:\t%20u\n\n", 0u);
	strbuf_add(b, "sequence tracking statistics:\n\trecv:\n");
	strbuf_addf(b, "\t\tPackets lost:\t\t%20" PRIu64 "\n", sum_lost(st));
	strbuf_addf(b, "\t\tPackets before:\t\t%20" PRIu64 "\n\n", sum_before(st));
	active_links(b, v);
}

/* ---- summary ---- */

void stats_text_summary(struct strbuf *b, const struct stats_view *v, bool expect)
{
	const struct engine_stats *st = v->engine;
	const struct cache_counts *in, *ext;

	in = &st->cache[expect ? ECACHE_EXP_INTERNAL : ECACHE_INTERNAL];
	ext = &st->cache[expect ? ECACHE_EXP_EXTERNAL : ECACHE_EXTERNAL];
	if (!v->sync)
		cache_block(b, "stats", in);
	else if (v->no_internal)
		bypass_block(b, in);
	else
		cache_block(b, "internal", in);
	if (v->sync && v->no_external)
		inject_block(b, ext);
	else if (v->sync)
		cache_block(b, "external", ext);
	strbuf_addf(b, "traffic processed:\n%20" PRIu64 " Bytes      %20" PRIu64 " Pckts\n\n",
		    st->end_bytes, st->end_packets);
	if (!v->sync)
		return;
	active_links(b, v);
	strbuf_addf(b,
		    "message tracking:\n%20" PRIu64 " Malformed msgs %20" PRIu64 " Lost msgs\n\n",
		    sum_malformed(st), sum_lost(st));
}

/* ---- runtime ---- */

/* [D day(s) ][H h ]M min; a part that is 0 is left out, but for the minutes. */
static void uptime(struct strbuf *b, tick_t t)
{
	uint64_t min = t / (60 * TICK_SEC);
	uint64_t days = min / (24 * 60), hours = min / 60 % 24;

	strbuf_add(b, "daemon uptime: ");
	if (days)
		strbuf_addf(b, "%" PRIu64 " day%s ", days, days > 1 ? "s" : "");
	if (hours)
		strbuf_addf(b, "%" PRIu64 " h ", hours);
	strbuf_addf(b, "%" PRIu64 " min\n\n", min % 60);
}

void stats_text_runtime(struct strbuf *b, const struct stats_view *v)
{
	const struct engine_stats *st = v->engine;
	const struct stats_runtime *rt = &v->runtime;

	uptime(b, rt->uptime);
	strbuf_add(b, "netlink stats:\n");
	strbuf_addf(b, "\tevents received:\t%20" PRIu64 "\n", st->events);
	strbuf_addf(b, "\tevents filtered:\t%20" PRIu64 "\n", st->events_filtered);
	strbuf_addf(b, "\tevents unknown type:\t\t%12" PRIu64 "\n", rt->events_unknown);
	strbuf_addf(b, "\tcatch event failed:\t\t%12" PRIu64 "\n", rt->events_failed);
	strbuf_addf(b, "\tdump unknown type:\t\t%12" PRIu64 "\n", rt->dump_unknown);
	strbuf_addf(b, "\tnetlink overrun:\t\t%12" PRIu64 "\n", st->overruns);
	strbuf_addf(b, "\tflush kernel table:\t\t%12" PRIu64 "\n", st->kernel_flushes);
	strbuf_addf(b, "\tresync with kernel table:\t%12" PRIu64 "\n", st->kernel_resyncs);
	strbuf_addf(b, "\tcurrent buffer size (in bytes):\t%12" PRIu64 "\n\n", rt->buffer);
	strbuf_add(b, "runtime stats:\n");
	/* There are no child processes, and the loop's wait fails never or for good. */
	strbuf_addf(b, "\tchild process failed:\t\t%12u\n", 0u);
	strbuf_addf(b, "\t\tchild process segfault:\t%12u\n", 0u);
	strbuf_addf(b, "\t\tchild process termsig:\t%12u\n", 0u);
	strbuf_addf(b, "\tselect failed:\t\t\t%12u\n", 0u);
	strbuf_addf(b, "\twait failed:\t\t\t%12u\n", 0u);
	strbuf_addf(b, "\tlocal read failed:\t\t%12" PRIu64 "\n", rt->read_failed);
	strbuf_addf(b, "\tlocal unknown request:\t\t%12" PRIu64 "\n\n", rt->unknown_requests);
}

/* ---- queues ---- */

/* "No limit" has always been shown as this. */
#define NO_LIMIT INT32_MAX

static void queue_block(struct strbuf *b, const char *name, const struct stats_queue *q)
{
	strbuf_addf(b, "queue %s:\n", name);
	strbuf_addf(b, "current elements:\t\t%12" PRIu64 "\n", q->now);
	strbuf_addf(b, "maximum elements:\t\t%12" PRIu64 "\n",
		    q->max < NO_LIMIT ? q->max : NO_LIMIT);
	strbuf_addf(b, "not enough space errors:\t%12" PRIu64 "\n\n", q->full);
}

void stats_text_queue(struct strbuf *b, const struct stats_view *v)
{
	const struct engine_stats *st = v->engine;
	const struct stats_queue tx = {
		.now = sum_txq(st),
		.max = sum_txq_max(st),
		.full = sum_txq_full(st),
	};
	const struct stats_queue rs = {
		.now = sum_window(st),
		.max = sum_window_max(st),
		.full = sum_window_full(st),
	};

	strbuf_addf(b, "allocated queue nodes:\t\t%12" PRIu64 "\n\n",
		    tx.now + rs.now + v->errorq.now);
	queue_block(b, "txqueue", &tx);
	queue_block(b, "errorq", &v->errorq);
	if (v->ftfw)
		queue_block(b, "rsqueue", &rs);
}

void stats_text_rsqueue(struct strbuf *b, const struct stats_view *v)
{
	strbuf_addf(b, "resent queue (len=%" PRIu64 ")\n", sum_window(v->engine));
}

void stats_text_rsqueue_line(struct strbuf *b, const struct repl_send *s)
{
	if (s->is_object)
		strbuf_addf(b, "object -> seq:%" PRIu32 "\n", s->seq);
	else
		strbuf_addf(b, "control -> seq:%" PRIu32 " flags:%u\n", s->seq, s->flags);
}

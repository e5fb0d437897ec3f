// SPDX-License-Identifier: GPL-2.0-or-later
/* The statistics as JSON, see observe/stats_json.h. */
#include "observe/stats_json.h"

#include "sums.h"

/* ---- caches ---- */

static void cache_members(struct jsonw *j, const struct cache_counts *c)
{
	jsonw_u64(j, "active", c->active);
	jsonw_u64(j, "objects", c->objects);
	jsonw_u64(j, "created", c->add_ok);
	jsonw_u64(j, "create_failed", sum_add_failed(c));
	jsonw_u64(j, "create_failed_memory", c->add_nomem);
	jsonw_u64(j, "create_failed_full", c->add_full);
	jsonw_u64(j, "updated", c->update_ok);
	jsonw_u64(j, "update_missing", c->update_missing);
	jsonw_u64(j, "destroyed", c->del_ok);
	jsonw_u64(j, "destroy_missing", c->del_missing);
	jsonw_u64(j, "bytes", c->bytes);
}

static void cache_object(struct jsonw *j, const char *key, const struct cache_counts *c)
{
	jsonw_object(j, key);
	cache_members(j, c);
	jsonw_object_end(j);
}

static void caches(struct jsonw *j, const struct stats_view *v, bool expect)
{
	const struct cache_counts *c = v->engine->cache;

	jsonw_object(j, v->sync ? "caches" : "stats_caches");
	cache_object(j, v->no_internal ? "internal_bypass" : "internal",
		     &c[expect ? ECACHE_EXP_INTERNAL : ECACHE_INTERNAL]);
	if (v->sync)
		cache_object(j, v->no_external ? "external_inject" : "external",
			     &c[expect ? ECACHE_EXP_EXTERNAL : ECACHE_EXTERNAL]);
	jsonw_object_end(j);
}

void stats_json_cache(struct jsonw *j, const struct stats_view *v)
{
	jsonw_object(j, NULL);
	caches(j, v, false);
	jsonw_object_end(j);
}

/* ---- links ---- */

static const char *link_kind(const struct stats_link *l)
{
	static const char *const names[] = {
		[STATS_LINK_UDP] = "udp",
		[STATS_LINK_MULTICAST] = "multicast",
		[STATS_LINK_TCP] = "tcp",
	};

	return names[l->kind];
}

static const char *link_state(const struct stats_link *l)
{
	static const char *const names[] = {
		[STATS_LINK_RUNNING] = "running",
		[STATS_LINK_NO_CARRIER] = "no carrier",
		[STATS_LINK_DOWN] = "down",
	};

	return names[l->state];
}

void stats_json_one_link(struct jsonw *j, const struct stats_link *l)
{
	jsonw_object(j, NULL);
	jsonw_str(j, "kind", link_kind(l));
	jsonw_str(j, "device", l->device);
	if (l->peer[0])
		jsonw_str(j, "peer", l->peer);
	jsonw_str(j, "state", link_state(l));
	jsonw_bool(j, "active", l->active);
	if (l->kind == STATS_LINK_TCP) {
		jsonw_bool(j, "server_connected", l->server);
		jsonw_bool(j, "client_connected", l->client);
	}
	jsonw_u64(j, "bytes_sent", l->bytes_out);
	jsonw_u64(j, "bytes_received", l->bytes_in);
	jsonw_u64(j, "packets_sent", l->packets_out);
	jsonw_u64(j, "packets_received", l->packets_in);
	jsonw_u64(j, "errors_sent", l->errors_out);
	jsonw_u64(j, "errors_received", l->errors_in);
	jsonw_object_end(j);
}

static void links(struct jsonw *j, const struct stats_view *v)
{
	jsonw_array(j, "links");
	for (size_t i = 0; i < v->n_links; i++)
		stats_json_one_link(j, &v->links[i]);
	jsonw_array_end(j);
}

void stats_json_link(struct jsonw *j, const struct stats_view *v)
{
	jsonw_object(j, NULL);
	links(j, v);
	jsonw_object_end(j);
}

/* ---- network ---- */

static void messages(struct jsonw *j, const struct engine_stats *st)
{
	jsonw_object(j, "messages");
	jsonw_u64(j, "received", st->msgs_in);
	jsonw_u64(j, "sent", st->msgs_out);
	jsonw_u64(j, "datagrams_sent", st->dgrams_out);
	jsonw_u64(j, "malformed", sum_malformed(st));
	jsonw_u64(j, "wrong_version", st->bad_version);
	jsonw_u64(j, "malformed_header", st->bad_header);
	jsonw_u64(j, "malformed_payload", sum_bad_payload(st));
	jsonw_u64(j, "bad_type", st->bad_type);
	jsonw_u64(j, "truncated", st->truncated);
	jsonw_u64(j, "bad_size", st->bad_size);
	jsonw_u64(j, "lost", sum_lost(st));
	jsonw_u64(j, "before", sum_before(st));
	jsonw_object_end(j);
}

void stats_json_network(struct jsonw *j, const struct stats_view *v)
{
	jsonw_object(j, NULL);
	messages(j, v->engine);
	links(j, v);
	jsonw_object_end(j);
}

/* ---- summary ---- */

void stats_json_summary(struct jsonw *j, const struct stats_view *v, bool expect)
{
	const struct engine_stats *st = v->engine;

	jsonw_object(j, NULL);
	caches(j, v, expect);
	jsonw_object(j, "traffic");
	jsonw_u64(j, "bytes", st->end_bytes);
	jsonw_u64(j, "packets", st->end_packets);
	jsonw_object_end(j);
	if (v->sync) {
		messages(j, st);
		links(j, v);
	}
	jsonw_object_end(j);
}

/* ---- runtime ---- */

static void kernel(struct jsonw *j, const struct stats_view *v)
{
	const struct engine_stats *st = v->engine;
	const struct stats_runtime *rt = &v->runtime;

	jsonw_object(j, "kernel");
	jsonw_u64(j, "events", st->events);
	jsonw_u64(j, "events_filtered", st->events_filtered);
	jsonw_u64(j, "events_own", st->events_own);
	jsonw_u64(j, "events_unknown", rt->events_unknown);
	jsonw_u64(j, "events_failed", rt->events_failed);
	jsonw_u64(j, "dump_unknown", rt->dump_unknown);
	jsonw_u64(j, "overruns", st->overruns);
	jsonw_u64(j, "flushes", st->kernel_flushes);
	jsonw_u64(j, "resyncs", st->kernel_resyncs);
	jsonw_u64(j, "fetched", st->fetched);
	jsonw_u64(j, "fetches_put_off", st->fetch_lost);
	jsonw_u64(j, "buffer_bytes", rt->buffer);
	jsonw_u64(j, "operations", rt->ops);
	jsonw_u64(j, "operations_failed", rt->ops_failed);
	jsonw_u64(j, "operations_refused", rt->ops_refused);
	jsonw_u64(j, "labels_lost", rt->labels_lost);
	jsonw_u64(j, "foreign_messages", rt->foreign);
	jsonw_object_end(j);
}

void stats_json_runtime(struct jsonw *j, const struct stats_view *v)
{
	const struct stats_runtime *rt = &v->runtime;

	jsonw_object(j, NULL);
	jsonw_seconds(j, "uptime", rt->uptime);
	kernel(j, v);
	jsonw_object(j, "control");
	jsonw_u64(j, "read_failed", rt->read_failed);
	jsonw_u64(j, "unknown_requests", rt->unknown_requests);
	jsonw_object_end(j);
	jsonw_object(j, "log");
	jsonw_u64(j, "lines_lost", rt->log_lost);
	jsonw_object_end(j);
	jsonw_object_end(j);
}

/* ---- queues ---- */

static void queue(struct jsonw *j, const char *key, const struct stats_queue *q)
{
	jsonw_object(j, key);
	jsonw_u64(j, "elements", q->now);
	if (q->max < INT32_MAX)
		jsonw_u64(j, "max", q->max);
	jsonw_u64(j, "full", q->full);
	jsonw_object_end(j);
}

void stats_json_queue(struct jsonw *j, const struct stats_view *v)
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

	jsonw_object(j, NULL);
	queue(j, "txqueue", &tx);
	queue(j, "errorq", &v->errorq);
	if (v->ftfw)
		queue(j, "rsqueue", &rs);
	jsonw_object_end(j);
}

void stats_json_rsqueue_element(struct jsonw *j, const struct repl_send *s)
{
	jsonw_object(j, NULL);
	jsonw_str(j, "kind", s->is_object ? "object" : "control");
	jsonw_u64(j, "seq", s->seq);
	if (!s->is_object)
		jsonw_u64(j, "flags", s->flags);
	jsonw_object_end(j);
}

/* ---- commit ---- */

static void reasons(struct jsonw *j, const char *key, const uint64_t by[COMMIT_REASONS])
{
	jsonw_object(j, key);
	for (int r = 0; r < COMMIT_REASONS; r++)
		if (by[r])
			jsonw_u64(j, commit_reason_text(r), by[r]);
	jsonw_object_end(j);
}

void stats_json_commit(struct jsonw *j, const struct engine_stats *st)
{
	const struct commit_stats *s = &st->last_commit;

	jsonw_bool(j, "running", st->commit_running);
	jsonw_bool(j, "finished", st->last_commit_at != 0);
	jsonw_seconds(j, "seconds", st->last_commit_took);
	jsonw_object(j, "flows");
	jsonw_u64(j, "created", s->flows_new);
	jsonw_u64(j, "updated", s->flows_updated);
	jsonw_u64(j, "skipped_older", s->flows_skipped);
	jsonw_u64(j, "clash", s->flows_clash);
	jsonw_u64(j, "expired", s->flows_expired);
	jsonw_u64(j, "failed", s->flows_failed);
	reasons(j, "failed_by_reason", s->flows_failed_by);
	jsonw_u64(j, "without_helper", s->flows_no_helper);
	jsonw_u64(j, "without_master", s->flows_no_master);
	jsonw_u64(j, "without_timeout", s->flows_no_timeout);
	jsonw_object_end(j);
	jsonw_object(j, "expectations");
	jsonw_u64(j, "created", s->expects_new);
	jsonw_u64(j, "expired", s->expects_expired);
	jsonw_u64(j, "failed", s->expects_failed);
	reasons(j, "failed_by_reason", s->expects_failed_by);
	jsonw_object_end(j);
}

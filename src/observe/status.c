// SPDX-License-Identifier: GPL-2.0-or-later
/* "conntrackd status": the state of the node on one screen. */
#include "observe/status.h"

#include <inttypes.h>
#include <stdio.h>
#include "observe/stats_json.h"
#include "silence.h"
#include "sums.h"

#define LABEL "%-10s "

/* ---- small parts ---- */

static const char *role_word(enum engine_role role)
{
	return role == ROLE_PRIMARY ? "primary" : role == ROLE_BACKUP ? "backup" : "unknown";
}

/* "3.2 s", "5 min", "7 h", "12 days". */
static void span(struct strbuf *b, tick_t t)
{
	const uint64_t s = t / TICK_SEC;

	if (s < 60)
		strbuf_addf(b, "%" PRIu64 ".%u s", s,
			    (unsigned int)(t % TICK_SEC / (TICK_SEC / 10)));
	else if (s < 3600)
		strbuf_addf(b, "%" PRIu64 " min", s / 60);
	else if (s < 2 * 86400)
		strbuf_addf(b, "%" PRIu64 " h", s / 3600);
	else
		strbuf_addf(b, "%" PRIu64 " days", s / 86400);
}

/* How long the oldest thing sent waits for its acknowledgement. */
static tick_t lag(const struct status_view *v, const struct repl_stats *r)
{
	return r->oldest_sent == TICK_NEVER ? 0 : tick_since(v->now, r->oldest_sent);
}

static const char *peer_state(const struct status_view *v, const struct repl_stats *r)
{
	if (!r->heard)
		return "never heard";
	if (peer_is_silent(v, r))
		return "silent";
	return r->bulk_running ? "sending all" : r->resync_pending ? "waiting for all" : "up";
}

static uint8_t peers_up(const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;
	uint8_t up = 0;

	for (uint8_t i = 0; i < st->npeers; i++)
		up += st->peer[i].heard && !peer_is_silent(v, &st->peer[i]);
	return up;
}

void status_line(struct strbuf *b, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;

	if (!v->stats->sync) {
		strbuf_addf(b, "%" PRIu32 " flows", st->cache[ECACHE_INTERNAL].active);
		return;
	}
	if (st->role != ROLE_UNKNOWN)
		strbuf_addf(b, "%s, ", role_word(st->role));
	strbuf_addf(b, "internal %" PRIu32 ", external %" PRIu32 ", %u of %u peers up",
		    st->cache[ECACHE_INTERNAL].active, st->cache[ECACHE_EXTERNAL].active,
		    peers_up(v), st->npeers);
}

/* ---- text ---- */

static void text_head(struct strbuf *b, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;

	strbuf_addf(b, "conntrackd %s, mode %s, up ", v->version, v->mode);
	span(b, v->stats->runtime.uptime);
	strbuf_addf(b, "\n" LABEL "%s", "role", role_word(st->role));
	if (st->role != ROLE_UNKNOWN) {
		strbuf_add(b, " for ");
		span(b, tick_since(v->now, st->role_since));
	} else {
		strbuf_add(b, ": no -c and no -t since the start");
	}
	strbuf_add(b, "\n");
}

static void text_cache(struct strbuf *b, const char *name, const struct cache_counts *flows,
		       const struct cache_counts *expects, uint32_t limit)
{
	strbuf_addf(b, LABEL "%" PRIu32 " flows", name, flows->active);
	if (expects->active)
		strbuf_addf(b, ", %" PRIu32 " expectations", expects->active);
	strbuf_addf(b, ", at most %" PRIu32, limit);
	if (sum_add_failed(flows))
		strbuf_addf(b, ", %" PRIu64 " refused", sum_add_failed(flows));
	strbuf_add(b, "\n");
}

static void text_peer(struct strbuf *b, const struct status_view *v, uint8_t i)
{
	const struct repl_stats *r = &v->stats->engine->peer[i];

	strbuf_addf(b, LABEL "%s%s%s", "peer", v->peers[i], v->peers[i][0] ? " " : "",
		    peer_state(v, r));
	if (r->heard) {
		strbuf_add(b, ", heard ");
		span(b, tick_since(v->now, r->last_heard));
		strbuf_add(b, " ago");
	}
	strbuf_addf(b, ", %" PRIu32 " to send", r->txq);
	if (v->stats->ftfw) {
		strbuf_addf(b, ", %" PRIu32 " unacknowledged", r->window);
		if (lag(v, r)) {
			strbuf_add(b, " (for ");
			span(b, lag(v, r));
			strbuf_add(b, ")");
		}
	}
	strbuf_addf(b, ", lost %" PRIu64 "\n", r->lost);
}

static void text_links(struct strbuf *b, const struct status_view *v)
{
	static const char *const kinds[] = { "UDP", "multicast", "TCP" };
	static const char *const states[] = { "running", "NO CARRIER", "DOWN" };

	for (size_t i = 0; i < v->stats->n_links; i++) {
		const struct stats_link *l = &v->stats->links[i];

		strbuf_addf(b, LABEL "%s %s %s, %s", "link", l->device, kinds[l->kind],
			    states[l->state], l->active ? "active" : "backup");
		if (l->kind == STATS_LINK_TCP)
			strbuf_addf(b, ", %s",
				    l->server && l->client ? "connected" : "NOT CONNECTED");
		if (l->errors_out + l->errors_in)
			strbuf_addf(b, ", %" PRIu64 " errors", l->errors_out + l->errors_in);
		strbuf_add(b, "\n");
	}
}

static void text_commit(struct strbuf *b, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;
	const struct commit_stats *s = &st->last_commit;

	if (st->commit_running) {
		strbuf_addf(b, LABEL "running\n", "commit");
	} else if (st->last_commit_at) {
		strbuf_addf(b, LABEL, "commit");
		span(b, tick_since(v->now, st->last_commit_at));
		strbuf_addf(b,
			    " ago: %" PRIu64 " created, %" PRIu64 " updated, %" PRIu64
			    " older, %" PRIu64 " clashes, %" PRIu64 " expired, %" PRIu64
			    " failed, in ",
			    s->flows_new, s->flows_updated, s->flows_skipped, s->flows_clash,
			    s->flows_expired, s->flows_failed);
		span(b, st->last_commit_took);
		strbuf_add(b, "\n");
	}
}

static void text_kernel(struct strbuf *b, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;

	strbuf_addf(b, LABEL "%" PRIu64 " events, %" PRIu64 " overruns, %" PRIu64 " resyncs%s\n",
		    "kernel", st->events, st->overruns, st->kernel_resyncs,
		    v->events_ended  ? ", EVENTS ENDED" :
		    st->resync_after ? ", a resync is due" :
				       "");
}

static void date_text(time_t when, char out[32])
{
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, 32, "?");
}

static void text_recent(struct strbuf *b, const struct status_view *v)
{
	char when[32];

	strbuf_addf(b, LABEL "%s\n", "errors", v->n_recent ? "" : "none");
	for (size_t i = 0; i < v->n_recent; i++) {
		date_text(v->recent[i].when, when);
		strbuf_addf(b, "  %s %s: %s", when, log_level_name(v->recent[i].level),
			    v->recent[i].text);
		if (v->recent[i].times > 1)
			strbuf_addf(b, " (%" PRIu32 " times)", v->recent[i].times);
		strbuf_add(b, "\n");
	}
}

void status_text(struct strbuf *b, const struct status_view *v)
{
	const struct cache_counts *c = v->stats->engine->cache;

	text_head(b, v);
	text_cache(b, "internal", &c[ECACHE_INTERNAL], &c[ECACHE_EXP_INTERNAL], v->cache_limit);
	if (v->stats->sync)
		text_cache(b, "external", &c[ECACHE_EXTERNAL], &c[ECACHE_EXP_EXTERNAL],
			   v->cache_limit);
	for (uint8_t i = 0; i < v->stats->engine->npeers; i++)
		text_peer(b, v, i);
	text_links(b, v);
	text_kernel(b, v);
	text_commit(b, v);
	text_recent(b, v);
}

/* ---- JSON ---- */

static void json_peer(struct jsonw *j, const struct status_view *v, uint8_t i)
{
	const struct repl_stats *r = &v->stats->engine->peer[i];

	jsonw_object(j, NULL);
	jsonw_str(j, "name", v->peers[i]);
	jsonw_str(j, "state", peer_state(v, r));
	jsonw_bool(j, "silent", peer_is_silent(v, r));
	if (r->heard)
		jsonw_seconds(j, "heard_ago", tick_since(v->now, r->last_heard));
	jsonw_u64(j, "to_send", r->txq);
	jsonw_u64(j, "unacknowledged", r->window);
	jsonw_seconds(j, "lag", lag(v, r));
	jsonw_u64(j, "lost", r->lost);
	jsonw_u64(j, "before", r->before);
	jsonw_u64(j, "resent", r->resent);
	jsonw_u64(j, "bulks", r->bulks);
	jsonw_bool(j, "bulk_running", r->bulk_running);
	jsonw_bool(j, "resync_pending", r->resync_pending);
	jsonw_object_end(j);
}

static void json_peers(struct jsonw *j, const struct status_view *v)
{
	jsonw_array(j, "peers");
	for (uint8_t i = 0; i < v->stats->engine->npeers; i++)
		json_peer(j, v, i);
	jsonw_array_end(j);
	jsonw_array(j, "links");
	for (size_t i = 0; i < v->stats->n_links; i++)
		stats_json_one_link(j, &v->stats->links[i]);
	jsonw_array_end(j);
}

static void json_caches(struct jsonw *j, const struct status_view *v)
{
	static const char *const names[] = {
		"internal",
		"external",
		"expect_internal",
		"expect_external",
	};

	jsonw_object(j, "entries");
	for (int i = 0; i < 4; i++)
		jsonw_u64(j, names[i], v->stats->engine->cache[i].active);
	jsonw_u64(j, "limit", v->cache_limit);
	jsonw_object_end(j);
}

static void json_kernel(struct jsonw *j, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;

	jsonw_object(j, "kernel");
	jsonw_u64(j, "events", st->events);
	jsonw_u64(j, "overruns", st->overruns);
	jsonw_u64(j, "resyncs", st->kernel_resyncs);
	jsonw_bool(j, "resync_due", st->resync_after != NULL);
	jsonw_bool(j, "events_ended", v->events_ended);
	jsonw_object_end(j);
}

static void json_recent(struct jsonw *j, const struct status_view *v)
{
	jsonw_array(j, "errors");
	for (size_t i = 0; i < v->n_recent; i++) {
		jsonw_object(j, NULL);
		jsonw_u64(j, "time", (uint64_t)v->recent[i].when);
		jsonw_str(j, "level", log_level_name(v->recent[i].level));
		jsonw_u64(j, "times", v->recent[i].times);
		jsonw_str(j, "text", v->recent[i].text);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
}

void status_json(struct strbuf *b, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;
	struct jsonw j = jsonw_to(b);

	jsonw_object(&j, NULL);
	jsonw_str(&j, "version", v->version);
	jsonw_str(&j, "mode", v->mode);
	jsonw_seconds(&j, "uptime", v->stats->runtime.uptime);
	jsonw_str(&j, "role", role_word(st->role));
	if (st->role != ROLE_UNKNOWN)
		jsonw_seconds(&j, "role_for", tick_since(v->now, st->role_since));
	json_caches(&j, v);
	json_peers(&j, v);
	json_kernel(&j, v);
	jsonw_object(&j, "commit");
	stats_json_commit(&j, st);
	jsonw_object_end(&j);
	json_recent(&j, v);
	jsonw_object_end(&j);
	strbuf_add(b, "\n");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A running node takes over other parameters. What a peer has and what is under
 * way to it must not be lost, so sessions are kept whole; only when peers come or
 * go do the words move that join cache entries and sessions.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "priv.h"

static bool same_peers(const struct engine *e, const struct engine_params *p, const uint8_t *from)
{
	if (p->npeers != e->npeers)
		return false;
	for (uint8_t i = 0; i < p->npeers; i++)
		if (from[i] != i)
			return false;
	return true;
}

/* ---- peers come and go ---- */

/* The words of all caches, in the order of the peers to be. */
static int move_words(struct engine *e, const uint8_t *from, uint8_t n)
{
	struct cache_reslot *flows, *expects;
	int err = cache_reslot_prepare(e->flows, from, n, &flows);

	if (err)
		return err;
	err = cache_reslot_prepare(e->expects, from, n, &expects);
	if (err) {
		cache_reslot_drop(flows);
		return err;
	}
	cache_reslot_apply(e->flows, flows);
	cache_reslot_apply(e->expects, expects);
	return 0;
}

struct word_of {
	struct engine *e;
	uint8_t peer;
};

static uint32_t *word(void *ctx, struct repl_obj o)
{
	const struct word_of *w = ctx;

	return &cache_slots(o.kind == OBJ_FLOW ? w->e->flows : w->e->expects, o.ref)[w->peer];
}

/* The peers to be: those kept as they are, the others opened. */
static int gather(struct engine *e, tick_t now, const struct engine_params *p, const uint8_t *from,
		  struct peer *next)
{
	for (uint8_t i = 0; i < p->npeers; i++) {
		if (from[i] != ENGINE_NEW_PEER) {
			assert(from[i] < e->npeers);
			next[i] = e->peers[from[i]];
			continue;
		}
		if (!engine_peer_open(e, &next[i], p->peer_names[i], now))
			return -ENOMEM;
		repl_request_bulk(next[i].repl);
	}
	return 0;
}

static void close_new(const struct engine_params *p, const uint8_t *from, struct peer *next)
{
	for (uint8_t i = 0; i < p->npeers; i++)
		if (from[i] == ENGINE_NEW_PEER)
			engine_peer_close(&next[i]);
}

static bool is_kept(const struct engine_params *p, const uint8_t *from, uint8_t peer)
{
	for (uint8_t i = 0; i < p->npeers; i++)
		if (from[i] == peer)
			return true;
	return false;
}

static void change_over(struct engine *e, const struct engine_params *p, const uint8_t *from,
			const struct peer *next)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (!is_kept(p, from, i))
			engine_peer_close(&e->peers[i]);
	for (uint32_t i = 0; i < e->nwaits; i++)
		e->waits[i].peers = UINT8_MAX; /* they waited for others: never complete */
	memset(e->peers, 0, sizeof(e->peers));
	memcpy(e->peers, next, p->npeers * sizeof(*next));
	e->npeers = p->npeers;
	for (uint8_t i = 0; i < e->npeers; i++)
		repl_moved(e->peers[i].repl, word, &(struct word_of){ .e = e, .peer = i });
	local_drop_idle(e);
}

static int change_peers(struct engine *e, tick_t now, const struct engine_params *p,
			const uint8_t *from)
{
	struct peer *next;
	int err;

	if (e->commit)
		return CTD_EBUSY;
	next = calloc(ENGINE_PEERS, sizeof(*next));
	if (!next)
		return -ENOMEM;
	err = gather(e, now, p, from, next);
	if (!err)
		err = move_words(e, from, p->npeers);
	if (err)
		close_new(p, from, next);
	else
		change_over(e, p, from, next);
	free(next);
	return err;
}

/* ---- the rest ---- */

static void set_limits(struct engine *e)
{
	cache_set_limit(e->flows, e->p.cache_limit);
	cache_set_limit(e->expects, e->p.cache_limit);
	for (uint8_t i = 0; i < e->npeers; i++) {
		struct peer *p = &e->peers[i];

		p->name = e->p.peer_names[i] ? e->p.peer_names[i] : "";
		cache_set_limit(p->flows, e->p.cache_limit);
		cache_set_limit(p->expects, e->p.cache_limit);
		if (p->direct)
			direct_set_window_tracking(p->direct, e->p.window_tracking);
		repl_set_limits(p->repl, e->p.repl.ack_window, e->p.repl.resend_limit);
	}
}

/* What cannot change keeps its value. */
static void take(struct engine *e, const struct engine_params *p)
{
	const struct engine_params old = e->p;

	e->p = *p;
	e->p.seed = old.seed;
	e->p.node_id = old.node_id;
	e->p.repl.mode = old.repl.mode;
	e->p.expect_sync = old.expect_sync;
	e->p.no_internal = old.no_internal;
	e->p.no_external = old.no_external;
	e->p.log = old.log;
}

int engine_reconfigure(struct engine *e, tick_t now, const struct engine_params *p,
		       const uint8_t *peer_from)
{
	const bool other_filter = p->filter != e->p.filter;
	int err;

	assert(p->npeers <= ENGINE_PEERS);
	if (!same_peers(e, p, peer_from)) {
		err = change_peers(e, now, p, peer_from);
		if (err)
			return err;
	}
	take(e, p);
	set_limits(e);
	e->refresh_at =
		p->refresh_time || p->cache_timeout ? tick_min(e->refresh_at, now) : TICK_NEVER;
	e->poll_at = p->poll_secs ? tick_add(now, p->poll_secs * TICK_SEC) : TICK_NEVER;
	if (other_filter) /* refused if too many wait: then one of them does */
		(void)jobs_catch_up(e);
	return 0;
}

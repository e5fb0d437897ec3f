// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One node. Joins the caches with the replication sessions and owns what is true
 * on this node; local.c takes the kernel's side, remote.c the peers', jobs.c what
 * takes time, admin.c the operator's commands.
 */
#include <assert.h>
#include <stdlib.h>
#include "priv.h"

static struct cache *make_cache(struct engine *e, const struct pack_ops *ops, uint8_t slots)
{
	const struct cache_params cp = {
		.ops = ops,
		.limit = e->p.cache_limit,
		.slots = slots,
		.secret = rng_u64(&e->rng),
	};

	return cache_new(&cp);
}

bool engine_peer_open(struct engine *e, struct peer *p, const char *name, tick_t now)
{
	const uint8_t slots = e->p.no_external ? DIRECT_SLOTS : 0;

	p->name = name ? name : "";
	p->view.heard_at = now;
	p->repl = repl_new(&e->p.repl, &e->rng, now);
	p->flows = make_cache(e, &pack_flow, slots);
	p->expects = make_cache(e, &pack_expect, slots);
	if (!p->repl || !p->flows || !p->expects)
		return false;
	return !e->p.no_external || copies_open(e, p) == 0;
}

void engine_peer_close(struct peer *p)
{
	direct_free(p->direct);
	repl_free(p->repl);
	cache_free(p->flows);
	cache_free(p->expects);
}

struct engine *engine_new(const struct engine_params *p, tick_t now)
{
	struct engine *e = calloc(1, sizeof(*e));

	assert(p->npeers <= ENGINE_PEERS);
	if (!e)
		return NULL;
	e->p = *p;
	rng_seed(&e->rng, p->seed);
	e->life = rng_u64(&e->rng);
	if (!e->p.node_id)
		e->p.node_id = rng_u64(&e->rng);
	e->purge_at = e->overrun_at = e->watch_at = TICK_NEVER;
	e->poll_at = p->poll_secs ? tick_add(now, p->poll_secs * TICK_SEC) : TICK_NEVER;
	e->refresh_at = p->refresh_time || p->cache_timeout ? now : TICK_NEVER;
	ratelim_init(&e->full_log, 1, 1);
	ratelim_init(&e->ext_full_log, 1, 1);
	ratelim_init(&e->resync_log, 5, 1);
	ratelim_init(&e->commit_log, 20, 5);
	e->flows = make_cache(e, &pack_flow, p->npeers);
	e->expects = make_cache(e, &pack_expect, p->npeers);
	if (!e->flows || !e->expects)
		goto fail;
	if (p->keep_ended) {
		e->endlog = malloc(ENDLOG_MAX * sizeof(*e->endlog));
		if (!e->endlog)
			goto fail;
	}
	for (uint8_t i = 0; i < p->npeers; i++) {
		e->npeers = (uint8_t)(i + 1);
		if (!engine_peer_open(e, &e->peers[i], p->peer_names[i], now))
			goto fail;
	}
	return e;
fail:
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (uint8_t i = 0; i < e->npeers; i++)
		engine_peer_close(&e->peers[i]);
	cache_free(e->flows);
	cache_free(e->expects);
	commit_free(e->commit);
	free(e->deleteq);
	free(e->endlog);
	free(e);
}

int engine_load(struct engine *e, uint64_t tag)
{
	int err;

	if (e->p.no_internal) {
		if (tag)
			engine_post(e, EFFECT_JOB_DONE, tag);
		return 1;
	}
	e->partial[OBJ_FLOW] = true;
	e->partial[OBJ_EXPECT] = e->p.expect_sync;
	err = jobs_dump(e, DUMP_LOAD, false, e->p.expect_sync ? 0 : tag);
	if (e->p.expect_sync)
		err = jobs_dump(e, DUMP_LOAD, true, tag);
	return err;
}

void engine_post(struct engine *e, enum effect_kind k, uint64_t tag)
{
	const uint32_t max = sizeof(e->effects) / sizeof(e->effects[0]);

	/*
	 * Bounded by what can end between two calls of engine_effect(): one commit,
	 * DUMP_QUEUE dumps, RESYNC_WAITS.
	 */
	assert(e->neffects < max);
	e->effects[e->neffects++] = (struct effect){ .kind = k, .tag = tag };
}

bool engine_effect(struct engine *e, tick_t now, struct effect *eff)
{
	(void)now;
	if (!e->neffects)
		return false;
	*eff = e->effects[0];
	e->neffects--;
	for (uint32_t i = 0; i < e->neffects; i++)
		e->effects[i] = e->effects[i + 1];
	return true;
}

tick_t engine_deadline(const struct engine *e)
{
	tick_t t = tick_min(tick_min(e->purge_at, e->overrun_at),
			    tick_min(e->refresh_at, e->watch_at));

	if (jobs_pending(e))
		return 0;
	t = tick_min(t, tick_min(e->poll_at, copies_deadline(e)));
	for (uint8_t i = 0; i < e->npeers; i++)
		t = tick_min(t, repl_deadline(e->peers[i].repl));
	return t;
}

void engine_tick(struct engine *e, tick_t now)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (repl_deadline(e->peers[i].repl) <= now)
			repl_tick(e->peers[i].repl, now);
	refresh_tick(e, now);
	copies_tick(e, now);
	view_tick(e, now);
	local_queue_all_done(e, now);
	expects_tick(e, now);
	jobs_tick(e, now);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks that never end: announcing every cached entry again (RefreshTime) and
 * forgetting what a peer has not confirmed for long (CacheTimeout). Both are for
 * sessions without acknowledgements (ALARM). One walk ends: a peer that turns out
 * to understand more is told again what it could not be told before. Instead of a
 * timer per entry, a walk goes round the cache at the pace that the period asks
 * for, a slice each STEP.
 */
#include <assert.h>
#include "priv.h"

#define STEP      (100 * TICK_MSEC)
#define SLICE_MAX 20000u

/* Places to visit in this step so that a round over n entries takes "period". */
static uint32_t slice(uint32_t n, tick_t period)
{
	const uint64_t want = (uint64_t)n * STEP / period + 1;

	return want < SLICE_MAX ? (uint32_t)want : SLICE_MAX;
}

static void round_over(struct cache_walk *w)
{
	if (cache_walk_done(w))
		*w = (struct cache_walk){ 0 };
}

/*
 * A round takes half of RefreshTime, so no entry waits longer than that although
 * new ones are added on the way.
 */
static void announce_again(struct engine *e, uint32_t kind)
{
	struct cache *c = kind == OBJ_FLOW ? e->flows : e->expects;
	uint32_t budget = slice(cache_places(c), e->p.refresh_time * TICK_SEC / 2);
	cache_ref ref;

	while ((ref = cache_walk_next(c, &e->refresh[kind], &budget)))
		if (!(*cache_flags(c, ref) & (ENTRY_DEAD | ENTRY_HELD))) {
			local_whole(c, ref);
			local_announce(e, kind, ref);
		}
	round_over(&e->refresh[kind]);
}

static void expire(struct engine *e, tick_t now, struct peer *p, bool expects)
{
	struct cache *c = expects ? p->expects : p->flows;
	uint32_t budget = slice(cache_places(c), TICK_SEC);
	cache_ref ref;

	while ((ref = cache_walk_next(c, &p->expiry[expects], &budget)))
		if (tick_since(now, cache_updated(c, ref)) >= e->p.cache_timeout * TICK_SEC)
			remote_forget(p, expects, ref);
	round_over(&p->expiry[expects]);
}

/* Does a message about this entry have extras? Expectations always say their zone. */
static bool has_extras(const struct engine *e, uint32_t kind, cache_ref ref)
{
	struct flow f;

	if (kind == OBJ_EXPECT)
		return true;
	cache_get(e->flows, ref, &f);
	return wire_flow_has_extras(&e->p.wire, &f);
}

/* Announce once more what has extras, to one peer. */
static void catch_up(struct engine *e, uint8_t index, uint32_t kind)
{
	struct peer *p = &e->peers[index];
	struct cache *c = kind == OBJ_FLOW ? e->flows : e->expects;
	uint32_t budget = SLICE_MAX;
	cache_ref ref;

	while ((ref = cache_walk_next(c, &p->catch_up[kind], &budget))) {
		const struct repl_obj o = { .kind = kind, .ref = ref };

		if (!(*cache_flags(c, ref) & (ENTRY_DEAD | ENTRY_HELD)) && has_extras(e, kind, ref))
			repl_changed(p->repl, o, &cache_slots(c, ref)[index]);
	}
}

static void catch_up_peer(struct engine *e, uint8_t index)
{
	struct peer *p = &e->peers[index];

	for (uint32_t kind = OBJ_FLOW; kind <= OBJ_EXPECT; kind++)
		catch_up(e, index, kind);
	p->catching_up = !cache_walk_done(&p->catch_up[OBJ_FLOW]) ||
			 !cache_walk_done(&p->catch_up[OBJ_EXPECT]);
}

void refresh_tick(struct engine *e, tick_t now)
{
	bool again = e->p.refresh_time || e->p.cache_timeout;

	if (now < e->refresh_at)
		return;
	for (uint32_t kind = OBJ_FLOW; kind <= OBJ_EXPECT && e->p.refresh_time; kind++)
		announce_again(e, kind);
	for (uint8_t i = 0; i < e->npeers; i++) {
		if (e->p.cache_timeout) {
			expire(e, now, &e->peers[i], false);
			expire(e, now, &e->peers[i], true);
		}
		if (e->peers[i].catching_up)
			catch_up_peer(e, i);
		again = again || e->peers[i].catching_up;
	}
	e->refresh_at = again ? tick_add(now, STEP) : TICK_NEVER;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Expectations of the internal cache. The kernel tells neither the zone of an
 * expectation, which is that of its master, nor does it wait with it for the
 * master: one that the first packet of a flow causes is told before the flow
 * (W11). Such an expectation is held back until the flow is known.
 */
#include <assert.h>
#include <string.h>
#include "priv.h"

/* ---- which one ---- */

static bool same_id(const struct expect *a, const struct expect *b)
{
	return !(a->has & b->has & EXPECT_HAS_ID) || a->id == b->id;
}

/*
 * The entry of this very expectation, in whatever zone: its key without zone, and
 * its id in the kernel. The zone of x becomes that of the entry.
 */
static cache_ref find_same(const struct engine *e, struct expect *x)
{
	struct expect cur;

	for (uint32_t z = 0; (z = zones_next(&e->zones, z)) < ZONES_END; z++) {
		cache_ref ref;

		expect_set_zone(x, (uint16_t)z);
		ref = cache_find(e->expects, x);
		if (!ref || (*cache_flags(e->expects, ref) & ENTRY_DEAD))
			continue;
		cache_get(e->expects, ref, &cur);
		if (same_id(x, &cur))
			return ref;
	}
	return 0;
}

/*
 * The zone of a new expectation: one where its master lives. If the same tuples
 * are in several, one where nothing is expected yet. False: no master is known.
 */
static bool choose_zone(const struct engine *e, struct expect *x)
{
	cache_ref master, ref;
	struct flow m;
	bool found = false;

	for (uint32_t z = 0; (master = masters_next(e->flows, &e->zones, x, &z));) {
		if (*cache_flags(e->flows, master) & ENTRY_DEAD)
			continue;
		cache_get(e->flows, master, &m);
		expect_set_zone(x, m.zone);
		found = true;
		ref = cache_find(e->expects, x);
		if (!ref || (*cache_flags(e->expects, ref) & ENTRY_DEAD))
			return true;
	}
	if (!found)
		expect_set_zone(x, 0);
	return found;
}

void expects_locate(const struct engine *e, struct expect *x)
{
	if (!find_same(e, x))
		choose_zone(e, x);
}

static bool helper_allowed(const struct engine *e, const struct expect *x)
{
	if (!e->p.n_expect_helpers)
		return true;
	if (!(x->has & EXPECT_HAS_HELPER))
		return false;
	for (uint8_t i = 0; i < e->p.n_expect_helpers; i++) {
		const char *want = e->p.expect_helpers[i];

		if (strncasecmp(x->helper, want, strnlen(want, FLOW_HELPER_MAX)) == 0)
			return true;
	}
	return false;
}

/* ---- held back ---- */

static void hold(struct engine *e, cache_ref ref)
{
	if (e->nheld == HELD_MAX) { /* the oldest is given up */
		e->count[OBJ_EXPECT].add_full++;
		local_drop(e, OBJ_EXPECT, e->held[0]);
	}
	*cache_flags(e->expects, ref) |= ENTRY_HELD;
	e->held[e->nheld++] = ref;
}

void expects_unhold(struct engine *e, cache_ref ref)
{
	uint32_t i = 0;

	while (i < e->nheld && e->held[i] != ref)
		i++;
	assert(i < e->nheld);
	e->nheld--;
	memmove(e->held + i, e->held + i + 1, (e->nheld - i) * sizeof(e->held[0]));
	*cache_flags(e->expects, ref) &= (uint8_t)~ENTRY_HELD;
}

/* ---- activated without a word ---- */

#define WATCH_FIRST (TICK_SEC / 2)
#define WATCH_LAST  (32 * TICK_SEC) /* longer than the answer to a request may take (RFC 3261) */

/*
 * What a SIP client registers is expected, but inactive until the answer has come.
 * No event tells of that, nor of the lifetime it then has. So the table is read
 * again while there are inactive ones, less and less often.
 */
static void watch(struct engine *e, tick_t now, const struct expect *x, bool fresh)
{
	if (!(x->flags & EXPF_INACTIVE))
		return;
	if (fresh)
		e->watch_pause = WATCH_FIRST;
	if (e->watch_pause <= WATCH_LAST)
		e->watch_at = tick_add(now, e->watch_pause);
}

void expects_tick(struct engine *e, tick_t now)
{
	if (now < e->watch_at)
		return;
	e->watch_at = TICK_NEVER;
	e->watch_pause *= 2;
	jobs_dump(e, DUMP_OVERRUN, true, 0);
}

/* ---- changes ---- */

static void add(struct engine *e, tick_t now, const struct expect *x, bool master, bool send)
{
	cache_ref ref;

	if (local_enter(e, now, OBJ_EXPECT, x, &ref) < 0)
		return;
	e->count[OBJ_EXPECT].add_ok++;
	*cache_flags(e->expects, ref) = local_flags(e, OBJ_EXPECT, true, send);
	if (!send)
		return;
	if (master)
		local_announce(e, OBJ_EXPECT, ref);
	else
		hold(e, ref);
}

static void put(struct engine *e, tick_t now, cache_ref ref, const struct expect *x, bool fresh,
		bool send)
{
	uint8_t *flags = cache_flags(e->expects, ref);

	if (*flags & ENTRY_DEAD) {
		local_revive(e, OBJ_EXPECT, ref);
		fresh = true;
	}
	if (cache_set(e->expects, now, ref, x) < 0)
		e->count[OBJ_EXPECT].add_nomem++;
	*flags = (uint8_t)((*flags & ENTRY_HELD) | local_flags(e, OBJ_EXPECT, fresh, send));
	e->count[OBJ_EXPECT].update_ok++;
	if (send && !(*flags & ENTRY_HELD))
		local_announce(e, OBJ_EXPECT, ref);
}

/* Not in the cache as this very expectation; it may take the place of another. */
static void place(struct engine *e, tick_t now, const struct expect *x, bool master, bool send)
{
	const cache_ref ref = cache_find(e->expects, x);

	if (ref)
		put(e, now, ref, x, true, send);
	else
		add(e, now, x, master, send);
}

static void appear(struct engine *e, tick_t now, struct expect *x, bool send)
{
	const bool master = choose_zone(e, x) || e->p.no_internal;

	watch(e, now, x, true);
	place(e, now, x, master, send);
}

/* The zone is part of the key, so the entry is made anew if there is one. */
static void release(struct engine *e, tick_t now, cache_ref ref, struct expect *x, uint16_t zone)
{
	if (!zone) {
		expects_unhold(e, ref);
		local_announce(e, OBJ_EXPECT, ref);
		return;
	}
	e->count[OBJ_EXPECT].del_ok++;
	local_drop(e, OBJ_EXPECT, ref);
	expect_set_zone(x, zone);
	place(e, now, x, true, true);
}

void expects_release(struct engine *e, tick_t now, const struct flow *master)
{
	struct expect x;

	for (uint32_t i = 0; i < e->nheld;) {
		cache_get(e->expects, e->held[i], &x);
		if (tuple_equal(&x.master, &master->orig))
			release(e, now, e->held[i], &x, master->zone);
		else
			i++;
	}
}

/* Also of one that is not replicated: its helper has worked on the master. */
static void fetch_master_of(struct engine *e, tick_t now, const struct expect *x)
{
	struct expect y = *x;

	expects_locate(e, &y);
	fetch_master(e, now, &y.master, (y.has & EXPECT_HAS_ZONE) != 0, y.zone);
}

/* What we did ourselves, without a cache that has to know of it. */
static bool keeps_quiet(const struct engine *e, enum event_kind k)
{
	if (k == EVENT_DESTROY)
		return e->p.no_internal && e->p.no_external;
	return e->p.no_internal || e->p.no_external;
}

void engine_expect_event(struct engine *e, tick_t now, enum event_kind k, enum event_origin o,
			 const struct expect *x)
{
	const bool send = o != ORIGIN_OWN;
	struct expect y = *x;
	cache_ref ref;

	if (!e->p.expect_sync)
		return;
	e->st.events++;
	if (!send)
		e->st.events_own++;
	else
		fetch_master_of(e, now, x);
	if (!expect_has_key(x) || !helper_allowed(e, x)) {
		e->st.events_filtered++;
		return;
	}
	if (!send && keeps_quiet(e, k))
		return;
	ref = find_same(e, &y);
	if (k == EVENT_DESTROY) {
		if (!ref) { /* activated, not yet noticed */
			y.flags |= EXPF_INACTIVE;
			ref = find_same(e, &y);
		}
		if (x->has & EXPECT_HAS_ID)
			local_note_end(e, OBJ_EXPECT, x->id);
		if (!ref && e->p.no_internal && !copies_have_expect(e, x))
			ref = expects_enter(e, now, x);
		if (ref)
			local_bury(e, OBJ_EXPECT, ref);
		else
			e->count[OBJ_EXPECT].del_missing++;
	} else if (ref) {
		watch(e, now, &y, true);
		put(e, now, ref, &y, k == EVENT_NEW, send);
	} else {
		appear(e, now, &y, send);
	}
}

/* Same expectation in all that is replicated, lifetime aside? */
static bool same_content(const struct expect *a, const struct expect *b)
{
	struct expect x = *a;

	x.timeout = b->timeout;
	return expect_equal(&x, b);
}

/* As local_dump_flow(): what differs is always sent, what is new if "send" says so. */
void expects_dump(struct engine *e, tick_t now, const struct expect *x, bool send)
{
	struct expect y = *x, cur;
	cache_ref ref;

	if (!expect_has_key(x) || !helper_allowed(e, x) ||
	    ((x->has & EXPECT_HAS_ID) && local_ended(e, x->id)))
		return;
	ref = find_same(e, &y);
	if (!ref) {
		if (!copies_have_expect(e, x))
			appear(e, now, &y, send);
		return;
	}
	watch(e, now, &y, false);
	cache_get(e->expects, ref, &cur);
	put(e, now, ref, &y, false, !same_content(&cur, &y));
}

cache_ref expects_enter(struct engine *e, tick_t now, const struct expect *x)
{
	struct expect y = *x;
	cache_ref ref;

	if (!expect_has_key(x) || !helper_allowed(e, x) || copies_have_expect(e, x))
		return 0;
	ref = find_same(e, &y);
	if (ref)
		return ref;
	choose_zone(e, &y);
	ref = cache_find(e->expects, &y); /* dead, or another in its place */
	if (ref)
		return 0;
	return local_enter(e, now, OBJ_EXPECT, &y, &ref) < 0 ? 0 : ref;
}

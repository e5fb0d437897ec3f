// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The internal cache: what this node's kernel tracks. Kernel events and table
 * dumps come in; every change is handed to each peer's session. A destroyed
 * entry stays, marked dead, until every session is through with it. Flows are
 * here, with what they share with expectations; those are in expects.c.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "priv.h"

#define ROOM_SLICE 1024u /* places looked at for room, per entry refused otherwise */

static struct cache *table(struct engine *e, uint32_t kind)
{
	return kind == OBJ_FLOW ? e->flows : e->expects;
}

static bool any_slot(const struct engine *e, const uint32_t *slots)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (slots[i])
			return true;
	return false;
}

void local_drop(struct engine *e, uint32_t kind, cache_ref ref)
{
	struct cache *c = table(e, kind);
	uint32_t *slots = cache_slots(c, ref);

	for (uint8_t i = 0; i < e->npeers; i++)
		if (slots[i])
			repl_forget(e->peers[i].repl, &slots[i]);
	if (*cache_flags(c, ref) & ENTRY_DEAD)
		e->count[kind].dead--;
	if (*cache_flags(c, ref) & ENTRY_HELD)
		expects_unhold(e, ref);
	cache_del(c, ref);
}

static void drop_idle(struct engine *e, uint32_t kind)
{
	struct cache *c = table(e, kind);
	struct cache_walk w = { 0 };
	uint32_t all = UINT32_MAX;
	cache_ref ref;

	while ((ref = cache_walk_next(c, &w, &all))) {
		const bool waits = e->p.no_internal || (*cache_flags(c, ref) & ENTRY_DEAD);

		if (waits && !any_slot(e, cache_slots(c, ref)))
			local_drop(e, kind, ref);
	}
}

void local_drop_idle(struct engine *e)
{
	for (uint32_t kind = OBJ_FLOW; kind <= OBJ_EXPECT; kind++)
		if (e->count[kind].dead || e->p.no_internal)
			drop_idle(e, kind);
}

void local_drop_sent(struct engine *e, uint32_t kind, cache_ref ref)
{
	struct cache *c = table(e, kind);

	if (e->p.no_internal && !(*cache_flags(c, ref) & ENTRY_DEAD) &&
	    !any_slot(e, cache_slots(c, ref)))
		local_drop(e, kind, ref);
}

void local_announce(struct engine *e, uint32_t kind, cache_ref ref)
{
	uint32_t *slots = cache_slots(table(e, kind), ref);
	const struct repl_obj o = { .kind = kind, .ref = ref };

	for (uint8_t i = 0; i < e->npeers; i++)
		repl_changed(e->peers[i].repl, o, &slots[i]);
}

void local_revive(struct engine *e, uint32_t kind, cache_ref ref)
{
	struct cache *c = table(e, kind);
	uint32_t *slots = cache_slots(c, ref);

	for (uint8_t i = 0; i < e->npeers; i++)
		if (slots[i])
			repl_revive(e->peers[i].repl, &slots[i]);
	*cache_flags(c, ref) &= (uint8_t)~ENTRY_DEAD;
	e->count[kind].dead--;
}

void local_bury(struct engine *e, uint32_t kind, cache_ref ref)
{
	struct cache *c = table(e, kind);
	uint32_t *slots = cache_slots(c, ref);
	const struct repl_obj o = { .kind = kind, .ref = ref };

	e->count[kind].del_ok++;
	if (*cache_flags(c, ref) & ENTRY_HELD) {
		local_drop(e, kind, ref);
		return;
	}
	*cache_flags(c, ref) |= ENTRY_DEAD;
	e->count[kind].dead++;
	for (uint8_t i = 0; i < e->npeers; i++)
		if (repl_changed(e->peers[i].repl, o, &slots[i]) == 0)
			repl_final(e->peers[i].repl, &slots[i]);
	if (!any_slot(e, slots))
		local_drop(e, kind, ref);
}

/* A session is through with a final object. */
static void gone(struct engine *e, tick_t now, struct repl_obj o)
{
	struct cache *c = table(e, o.kind);

	(void)now;
	if ((*cache_flags(c, o.ref) & ENTRY_DEAD) && !any_slot(e, cache_slots(c, o.ref)))
		local_drop(e, o.kind, o.ref);
}

void local_queue_all_done(struct engine *e, tick_t now)
{
	struct repl_obj o;

	for (uint8_t i = 0; i < e->npeers; i++)
		while (repl_done(e->peers[i].repl, &o))
			gone(e, now, o);
}

static void note_full(struct engine *e, tick_t now, uint32_t kind, int err)
{
	if (err == CTD_EFULL)
		e->refused[kind] = true; /* read again when there is room */
	else
		jobs_read_again(e, now, "a lack of memory");
	if (ratelim_ok(&e->full_log, now))
		log_warning(e->p.log,
			    "internal cache: %s: new flows are not replicated "
			    "(limit %u entries, %u refused in a row before this line)",
			    err_text(err), e->p.cache_limit, (unsigned int)e->full_log.suppressed);
}

/*
 * Does an entry wait for nobody but peers that are away? Without internal cache
 * every entry only waits.
 */
static bool waits_in_vain(const struct engine *e, tick_t now, uint32_t kind, cache_ref ref)
{
	const struct cache *c = kind == OBJ_FLOW ? e->flows : e->expects;
	const uint32_t *slots = cache_slots(c, ref);

	if (!e->p.no_internal && !(*cache_flags(c, ref) & ENTRY_DEAD))
		return false;
	for (uint8_t i = 0; i < e->npeers; i++)
		if (slots[i] && !repl_away(e->peers[i].repl, now))
			return false;
	return any_slot(e, slots);
}

static void give_up(struct engine *e, tick_t now, uint32_t kind, cache_ref ref)
{
	uint32_t *slots = cache_slots(table(e, kind), ref);

	for (uint8_t i = 0; i < e->npeers; i++)
		if (slots[i]) {
			repl_give_up(e->peers[i].repl, &slots[i]);
			view_gave_up(now, &e->peers[i]);
		}
	local_drop(e, kind, ref);
}

/*
 * A peer that is away, for maintenance or for ever, must not fill the cache with
 * what has ended meanwhile. When it is back it gets a bulk, which tells it as well.
 */
static bool make_room(struct engine *e, tick_t now, uint32_t kind)
{
	struct cache *c = table(e, kind);
	uint32_t budget = ROOM_SLICE;
	cache_ref ref;

	if (!e->count[kind].dead && !e->p.no_internal)
		return false;
	for (int round = 0; round < 2 && budget; round++) {
		while ((ref = cache_walk_next(c, &e->room[kind], &budget))) {
			if (!waits_in_vain(e, now, kind, ref))
				continue;
			give_up(e, now, kind, ref);
			return true;
		}
		if (cache_walk_done(&e->room[kind]))
			e->room[kind] = (struct cache_walk){ 0 };
	}
	return false;
}

int local_enter(struct engine *e, tick_t now, uint32_t kind, const void *obj, cache_ref *ref)
{
	int err = cache_add(table(e, kind), now, obj, ref);

	if (err == CTD_EFULL && make_room(e, now, kind))
		err = cache_add(table(e, kind), now, obj, ref);
	if (!err)
		return 0;
	if (err == -ENOMEM)
		e->count[kind].add_nomem++;
	else
		e->count[kind].add_full++;
	note_full(e, now, kind, err);
	return err;
}

/* ---- flows ---- */

uint8_t local_flags(const struct engine *e, uint32_t kind, bool fresh, bool send)
{
	const uint8_t told = send ? 0 : ENTRY_SILENT;

	return (uint8_t)((fresh || !send ? 0 : ENTRY_UPDATE) | told | e->gen[kind] | e->loading);
}

static void flow_add(struct engine *e, tick_t now, const struct flow *f, bool send)
{
	cache_ref ref;

	if (local_enter(e, now, OBJ_FLOW, f, &ref) < 0)
		return;
	e->count[OBJ_FLOW].add_ok++;
	*cache_flags(e->flows, ref) = local_flags(e, OBJ_FLOW, true, send);
	if (send) {
		local_announce(e, OBJ_FLOW, ref);
		fetch_after(e, now, ref, f, f, false);
	}
	zones_add(&e->zones, f->zone);
	expects_release(e, now, f);
}

/*
 * "new" replaces the peer's copy, "update" is laid over it. So an entry stays new
 * until every peer has it as such, and becomes new by a change they were not
 * told of: an update laid over another copy would keep that one's mark, helper or
 * labels.
 */
static bool stays_new(const struct engine *e, const struct cache *c, cache_ref ref)
{
	const uint8_t flags = *cache_flags(c, ref);

	return (flags & ENTRY_SILENT) ||
	       (!(flags & ENTRY_UPDATE) && any_slot(e, cache_slots(c, ref)));
}

/* Write a new state over a known entry. fresh: as if it were new. */
static void flow_put(struct engine *e, tick_t now, cache_ref ref, const struct flow *f, bool fresh,
		     bool send)
{
	uint8_t *flags = cache_flags(e->flows, ref);
	bool revived = false;

	if (*flags & ENTRY_DEAD) {
		local_revive(e, OBJ_FLOW, ref);
		fresh = true;
		revived = true;
	}
	fresh = fresh || stays_new(e, e->flows, ref);
	if (cache_set(e->flows, now, ref, f) < 0) /* the old state stays, alive */
		e->count[OBJ_FLOW].add_nomem++;
	*flags = (uint8_t)((*flags & ENTRY_FETCH) | local_flags(e, OBJ_FLOW, fresh, send));
	e->count[OBJ_FLOW].update_ok++;
	if (send)
		local_announce(e, OBJ_FLOW, ref);
	if (revived)
		expects_release(e, now, f);
}

static void flow_update(struct engine *e, tick_t now, cache_ref ref, const struct flow *f,
			enum event_origin o)
{
	const bool send = o != ORIGIN_OWN;
	struct flow cur;

	if (*cache_flags(e->flows, ref) & ENTRY_DEAD) {
		cur = *f;
	} else {
		cache_get(e->flows, ref, &cur);
		flow_merge(&cur, f);
	}
	flow_put(e, now, ref, &cur, false, send); /* fresh by itself if it was dead */
	if (send)
		fetch_after(e, now, ref, &cur, f, o == ORIGIN_PROGRAM);
}

void local_note_end(struct engine *e, uint32_t kind, uint32_t id)
{
	if (e->dump_running && e->dumps[0].expects == (kind == OBJ_EXPECT))
		e->ended[e->nended++ % ENDED_MAX] = id;
}

bool local_ended(const struct engine *e, uint32_t id)
{
	const uint32_t n = e->nended < ENDED_MAX ? e->nended : ENDED_MAX;

	for (uint32_t i = 0; i < n; i++)
		if (e->ended[i] == id)
			return true;
	return false;
}

void local_count_end(struct engine *e, const struct flow *f)
{
	if (!(f->has & FLOW_HAS_COUNTERS))
		return;
	e->st.end_bytes += f->bytes[0] + f->bytes[1];
	e->st.end_packets += f->packets[0] + f->packets[1];
}

static bool can_end(const struct engine *e)
{
	return !e->endlog || e->endlog_len < ENDLOG_MAX;
}

/* Keep what is known of an entry that ends, for the log. */
static void keep_ended(struct engine *e, cache_ref ref, const struct flow *last)
{
	struct flow *f;

	if (!e->endlog || !can_end(e))
		return;
	f = &e->endlog[(e->endlog_head + e->endlog_len++) % ENDLOG_MAX];
	cache_get(e->flows, ref, f);
	if (last)
		flow_merge(f, last);
}

bool engine_ended(struct engine *e, struct flow *f)
{
	if (!e->endlog_len)
		return false;
	*f = e->endlog[e->endlog_head];
	e->endlog_head = (e->endlog_head + 1) % ENDLOG_MAX;
	e->endlog_len--;
	return true;
}

static void flow_destroy(struct engine *e, cache_ref ref, const struct flow *f)
{
	struct flow cur;

	if (f->has & FLOW_HAS_ID)
		local_note_end(e, OBJ_FLOW, f->id);
	if (!ref || (*cache_flags(e->flows, ref) & ENTRY_DEAD)) {
		e->count[OBJ_FLOW].del_missing++;
		return;
	}
	if (f->has & FLOW_HAS_ID) {
		/* W32: a late event of an older flow must not end the newer one. */
		cache_get(e->flows, ref, &cur);
		if ((cur.has & FLOW_HAS_ID) && cur.id != f->id) {
			e->count[OBJ_FLOW].del_missing++;
			return;
		}
	}
	local_count_end(e, f);
	keep_ended(e, ref, f);
	local_bury(e, OBJ_FLOW, ref);
}

void engine_flow_event(struct engine *e, tick_t now, enum event_kind k, enum event_origin o,
		       const struct flow *f)
{
	const bool send = o != ORIGIN_OWN;
	cache_ref ref;

	e->st.events++;
	if (!send)
		e->st.events_own++;
	if (!flow_has_key(f) || copies_event(e, k, o, f))
		return;
	if (e->p.no_internal) {
		/* What we end for a peer is not told from what we flush: both stay quiet then. */
		if (send || (k == EVENT_DESTROY && !e->p.no_external))
			transit_flow(e, now, k, f);
		return;
	}
	ref = cache_find(e->flows, f);
	if (k == EVENT_DESTROY) {
		/* What is cached is never kept alive by the filter (state sets leak). */
		if (!ref && !filter_pass(e->p.filter, f, false))
			e->st.events_filtered++;
		else
			flow_destroy(e, ref, f);
		return;
	}
	if (!filter_pass(e->p.filter, f, true)) {
		e->st.events_filtered++;
		return;
	}
	if (!ref) {
		flow_add(e, now, f, send);
	} else if (k == EVENT_UPDATE) {
		flow_update(e, now, ref, f, o);
	} else {
		flow_put(e, now, ref, f, true, send);
		if (send)
			fetch_after(e, now, ref, f, f, false);
	}
}

/* Same flow in all that is replicated, lifetime aside? */
static bool same_content(const struct flow *a, const struct flow *b)
{
	struct flow x = *a;

	x.timeout = b->timeout;
	return flow_equal(&x, b);
}

/* Nothing new but the lifetime: no message. */
static void flow_refresh(struct engine *e, tick_t now, cache_ref ref, const struct flow *f)
{
	uint8_t *flags = cache_flags(e->flows, ref);

	if (cache_set(e->flows, now, ref, f) < 0)
		e->count[OBJ_FLOW].add_nomem++;
	*flags = (uint8_t)((*flags & ~ENTRY_GEN) | e->gen[OBJ_FLOW]);
}

/*
 * An entry of a table dump. It is complete, so it replaces what is cached: what
 * the kernel no longer has (cleared labels, a removed helper) goes. Announced as
 * "new" when something was removed, because a peer cannot be told otherwise. What
 * differs is news and always sent; "send" is about entries that were not cached.
 */
void local_dump_flow(struct engine *e, tick_t now, const struct flow *f, bool send)
{
	cache_ref ref;
	struct flow cur;

	if (!flow_has_key(f) || ((f->has & FLOW_HAS_ID) && local_ended(e, f->id)))
		return;
	ref = cache_find(e->flows, f);
	if (!filter_pass(e->p.filter, f, true)) {
		/* It exists and only its state is left out: the sweep must not take it. */
		if (ref && filter_pass(e->p.filter, f, false))
			*cache_flags(e->flows, ref) =
				(uint8_t)((*cache_flags(e->flows, ref) & ~ENTRY_GEN) |
					  e->gen[OBJ_FLOW]);
		return;
	}
	if (!ref) {
		if (!copies_have(e, f))
			flow_add(e, now, f, send);
		return;
	}
	cache_get(e->flows, ref, &cur);
	if (same_content(&cur, f) && !(*cache_flags(e->flows, ref) & ENTRY_DEAD))
		flow_refresh(e, now, ref, f);
	else
		flow_put(e, now, ref, f, (cur.has & ~f->has) != 0, true);
}

void local_lives(struct engine *e, tick_t now, const struct flow *f)
{
	const cache_ref ref = cache_find(e->flows, f);

	if (e->p.no_internal) {
		transit_flow(e, now, EVENT_NEW, f);
		return;
	}
	if (!filter_pass(e->p.filter, f, true))
		return;
	if (ref)
		flow_put(e, now, ref, f, true, true);
	else
		flow_add(e, now, f, true);
}

bool local_cede(struct engine *e, const struct flow *f)
{
	const cache_ref ref = cache_find(e->flows, f);

	if (!ref || !(*cache_flags(e->flows, ref) & ENTRY_LOADED))
		return false;
	local_drop(e, OBJ_FLOW, ref);
	return true;
}

/* ---- sweep and flush ---- */

bool local_sweep(struct engine *e, tick_t now, uint32_t budget)
{
	const uint32_t kind = e->sweep_expects ? OBJ_EXPECT : OBJ_FLOW;
	struct cache *c = table(e, kind);
	cache_ref ref;

	(void)now;
	while (can_end(e) && (ref = cache_walk_next(c, &e->sweep, &budget))) {
		uint8_t flags = *cache_flags(c, ref);

		if ((flags & ENTRY_DEAD) || (flags & ENTRY_GEN) == e->gen[kind])
			continue;
		if (e->sweep_keeps) {
			*cache_flags(c, ref) = (uint8_t)(flags ^ ENTRY_GEN);
			continue;
		}
		if (kind == OBJ_FLOW)
			keep_ended(e, ref, NULL);
		local_bury(e, kind, ref);
	}
	return !cache_walk_done(&e->sweep);
}

/*
 * Empty one internal cache without telling anybody. The table is replaced, so
 * the price is that of what is in flight, not of what was cached.
 */
void local_clear(struct engine *e, bool expects)
{
	const uint32_t kind = expects ? OBJ_EXPECT : OBJ_FLOW;
	struct cache **c = expects ? &e->expects : &e->flows;

	for (uint8_t i = 0; i < e->npeers; i++)
		repl_forget_all(e->peers[i].repl, kind);
	cache_clear(*c);
	e->refused[kind] = false;
	e->room[kind] = (struct cache_walk){ 0 };
	e->partial[kind] = !expects || e->p.expect_sync; /* else nothing fills it again */
	e->cleared[kind] = true;
	for (uint8_t i = 0; i < e->npeers; i++) {
		if (e->peers[i].bulk.expects == expects)
			e->peers[i].bulk.w = (struct cache_walk){ 0 };
		e->peers[i].catch_up[kind] = (struct cache_walk){ 0 };
	}
	e->count[kind].dead = 0;
	if (expects)
		e->nheld = 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Without internal cache (DisableInternalCache): an event becomes a message. The
 * tables of the internal cache serve as the queue: an entry is there from the
 * event until the last session has sent it, so what changes twice before that is
 * sent once, and what a peer asks for is read from the kernel.
 */
#include "base/err.h"
#include "priv.h"

/* A new entry without anything said of it. 0: no room. */
static cache_ref enter(struct engine *e, tick_t now, const struct flow *f)
{
	cache_ref ref;

	return local_enter(e, now, OBJ_FLOW, f, &ref) < 0 ? 0 : ref;
}

static void send(struct engine *e, cache_ref ref)
{
	local_announce(e, OBJ_FLOW, ref);
	local_drop_sent(e, OBJ_FLOW, ref);
}

/* "f" is all that is known of the flow. */
static void replace(struct engine *e, tick_t now, cache_ref ref, const struct flow *f)
{
	if (ref && (*cache_flags(e->flows, ref) & ENTRY_DEAD))
		local_revive(e, OBJ_FLOW, ref);
	if (ref)
		(void)cache_set(e->flows, now, ref, f);
	else
		ref = enter(e, now, f);
	if (!ref)
		return;
	*cache_flags(e->flows, ref) = 0;
	e->count[OBJ_FLOW].add_ok++;
	send(e, ref);
}

static void update(struct engine *e, tick_t now, cache_ref ref, const struct flow *f)
{
	struct flow cur;

	if (ref) {
		cache_get(e->flows, ref, &cur);
		flow_merge(&cur, f);
		(void)cache_set(e->flows, now, ref, &cur);
	} else {
		ref = enter(e, now, f);
		if (!ref)
			return;
		*cache_flags(e->flows, ref) = ENTRY_UPDATE;
	}
	e->count[OBJ_FLOW].update_ok++;
	send(e, ref);
}

static void destroy(struct engine *e, tick_t now, cache_ref ref, const struct flow *f)
{
	if (f->has & FLOW_HAS_ID)
		local_note_end(e, OBJ_FLOW, f->id);
	local_count_end(e, f);
	if (!ref)
		ref = enter(e, now, f);
	if (ref && !(*cache_flags(e->flows, ref) & ENTRY_DEAD))
		local_bury(e, OBJ_FLOW, ref);
}

void transit_flow(struct engine *e, tick_t now, enum event_kind k, const struct flow *f)
{
	const cache_ref ref = cache_find(e->flows, f);
	const bool dead = ref && (*cache_flags(e->flows, ref) & ENTRY_DEAD);

	if (!filter_pass(e->p.filter, f, k != EVENT_DESTROY)) {
		e->st.events_filtered++;
		return;
	}
	zones_add(&e->zones, f->zone);
	if (k == EVENT_DESTROY)
		destroy(e, now, ref, f);
	else if (k == EVENT_UPDATE && !dead)
		update(e, now, ref, f);
	else
		replace(e, now, ref, f);
}

/* ---- bulk: the kernel's table, as it is read ---- */

/* The session has begun its bulk anew: what was sent of it does not count. */
static bool begun_anew(struct peer *p, tick_t now)
{
	bool restart = false;

	p->bulk.room = repl_bulk_room(p->repl, now, &restart);
	if (restart)
		p->bulk = (struct bulk_walk){ .wanted = true };
	return restart;
}

void transit_bulk(struct engine *e, tick_t now, struct peer *p)
{
	if (begun_anew(p, now))
		log_notice(e->p.log, "sending bulk update%s%s", peer_word(p, " to peer "), p->name);
	if (p->bulk.wanted) /* refused: asked again in the next slice */
		(void)jobs_dump(e, DUMP_BULK, false, 0);
}

void transit_bulk_start(struct engine *e)
{
	for (uint8_t i = 0; i < e->npeers; i++) {
		struct bulk_walk *b = &e->peers[i].bulk;

		b->running = b->running || b->wanted;
		b->wanted = false;
	}
}

static bool takes_part(const struct peer *p, bool expects)
{
	return p->bulk.running && p->bulk.expects == expects;
}

bool transit_bulk_room(const struct engine *e)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (takes_part(&e->peers[i], e->dumps[0].expects) && !e->peers[i].bulk.room)
			return false;
	return true;
}

static void bulk_object(struct engine *e, tick_t now, uint32_t kind, cache_ref ref)
{
	struct cache *c = kind == OBJ_FLOW ? e->flows : e->expects;
	const struct repl_obj o = { .kind = kind, .ref = ref };

	for (uint8_t i = 0; i < e->npeers; i++) {
		struct peer *p = &e->peers[i];

		if (!takes_part(p, kind == OBJ_EXPECT) || begun_anew(p, now) ||
		    repl_bulk_changed(p->repl, o, &cache_slots(c, ref)[i]) < 0)
			continue;
		p->bulk.room -= p->bulk.room > 0;
		p->net.bulk_objects++;
		repl_bulk_step(p->repl, now, 1, false);
	}
	local_drop_sent(e, kind, ref);
}

void transit_bulk_flow(struct engine *e, tick_t now, const struct flow *f)
{
	cache_ref ref;

	if (!flow_has_key(f) || !filter_pass(e->p.filter, f, true) || copies_have(e, f) ||
	    ((f->has & FLOW_HAS_ID) && local_ended(e, f->id)))
		return;
	ref = cache_find(e->flows, f);
	if (ref && (*cache_flags(e->flows, ref) & ENTRY_DEAD))
		return;
	if (ref)
		(void)cache_set(e->flows, now, ref, f);
	else
		ref = enter(e, now, f);
	if (!ref)
		return;
	*cache_flags(e->flows, ref) = 0;
	bulk_object(e, now, OBJ_FLOW, ref);
}

void transit_bulk_expect(struct engine *e, tick_t now, const struct expect *x)
{
	const cache_ref ref = expects_enter(e, now, x);

	if (ref)
		bulk_object(e, now, OBJ_EXPECT, ref);
}

void transit_bulk_end(struct engine *e, tick_t now, bool expects, int err)
{
	const bool more = !expects && e->p.expect_sync && jobs_dump(e, DUMP_BULK, true, 0) >= 0;

	for (uint8_t i = 0; i < e->npeers; i++) {
		struct peer *p = &e->peers[i];

		if (!takes_part(p, expects) || begun_anew(p, now))
			continue;
		if (err < 0 || (e->p.expect_sync && !expects && !more))
			repl_bulk_partial(p->repl);
		p->bulk.expects = more;
		p->bulk.running = more;
		if (!more)
			repl_bulk_step(p->repl, now, 0, true);
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mark and sweep of what is held of a peer (W6). A generation of the peer's
 * entries ends when the peer starts anew or we ask for everything; a bulk that
 * began after that and is complete confirms what is true, and the rest goes.
 * Nodes of our own kind announce the completion in ALIVE; with the reference the
 * ACKs tell (repl_answered()).
 */
#include <assert.h>
#include "base/err.h"
#include "priv.h"
#include "wire/ident.h"

#define SWEEP_SLICE 4096u
#define SLACK       (600 * TICK_MSEC) /* resolution of cache times, and the way here */
/*
 * Two lives that speak in turn are two nodes, but once may be a message of the
 * life before that was late.
 */
#define SEVERAL (60 * TICK_SEC)
#define DOUBT   (30 * TICK_SEC) /* a node of our own kind says who it is */
#define LATE    (10 * TICK_SEC) /* the announcement may have waited somewhere */

static uint8_t bit_of(const struct engine *e, const struct peer *p)
{
	return (uint8_t)(1u << (p - e->peers));
}

static void drop_wait(struct engine *e, uint32_t i)
{
	e->waits[i] = e->waits[--e->nwaits];
}

int view_await(struct engine *e, uint32_t what, uint64_t tag)
{
	struct resync_wait w = { .tag = tag };

	if (e->p.repl.mode == REPL_ALARM)
		return CTD_EUNSUPPORTED; /* it has no requests */
	if (e->nwaits == RESYNC_WAITS)
		return CTD_EBUSY;
	for (uint8_t i = 0; i < e->npeers; i++)
		if (admin_means(what, i))
			w.peers |= (uint8_t)(1u << i);
	if (!w.peers)
		return 0;
	e->waits[e->nwaits++] = w;
	return 1;
}

void view_await_not(struct engine *e, uint64_t tag)
{
	for (uint32_t i = 0; i < e->nwaits; i++)
		if (e->waits[i].tag == tag)
			drop_wait(e, i--);
}

/* All of the present generation of this peer is here. */
static void complete(struct engine *e, const struct peer *p)
{
	for (uint32_t i = 0; i < e->nwaits; i++) {
		struct resync_wait *w = &e->waits[i];

		w->peers &= (uint8_t) ~(w->asked & bit_of(e, p));
		if (w->peers)
			continue;
		engine_post(e, EFFECT_JOB_DONE, w->tag);
		drop_wait(e, i--);
	}
}

void view_outdate(struct engine *e, tick_t now, struct peer *p)
{
	for (uint32_t i = 0; i < e->nwaits; i++)
		e->waits[i].asked |= bit_of(e, p);
	p->view.gen++;
	p->view.gen_since = now;
	p->view.sweeping = false;
}

/*
 * After a restart the reference tells what changes from then on, but not what it
 * has: ask it. Nodes of our own kind send all by themselves.
 */
void view_fresh(struct engine *e, tick_t now, struct peer *p)
{
	view_outdate(e, now, p);
	/* Its first message was under way for a while, and the bulk may have begun with it. */
	p->view.gen_since = tick_add(p->view.heard_at, 1);
	p->view.caps = 0;
	p->view.doubt_at = tick_add(now, DOUBT);
	if (p->view.met && !p->view.known)
		repl_request_resync(p->repl);
	p->view.met = true;
}

static void start_sweep(struct peer *p, tick_t began)
{
	struct resync_view *v = &p->view;

	v->sweeping = true;
	v->sweep_expects = false;
	v->walk = (struct cache_walk){ 0 };
	v->cutoff = tick_since(began, LATE);
	v->swept = 0;
}

static const char *mode_name(uint8_t mode)
{
	static const char *const names[] = {
		[REPL_NOTRACK] = "NOTRACK",
		[REPL_FTFW] = "FTFW",
		[REPL_ALARM] = "ALARM",
	};

	return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : "unknown";
}

static void check_mode(struct engine *e, struct peer *p, const struct wire_ident *id)
{
	struct resync_view *v = &p->view;

	if (id->mode == e->p.repl.mode || v->mode_said)
		return;
	v->mode_said = true;
	log_warning(e->p.log,
		    "the peer%s%s runs in mode %s, this node in mode %s: configure both alike",
		    peer_word(p, " "), p->name, mode_name(id->mode),
		    mode_name((uint8_t)e->p.repl.mode));
}

bool view_takes_extras(const struct peer *p)
{
	return (p->view.caps & WIRE_CAP_EXTRAS) && !p->view.several;
}

/*
 * What was sent before lacked the extras. A key, or a zone of the original direction,
 * even makes another entry of it; the peer drops the old one (apply_flow()).
 */
static void set_caps(struct engine *e, tick_t now, struct peer *p, uint32_t caps)
{
	const bool took = view_takes_extras(p);

	p->view.caps = caps;
	if (took || !view_takes_extras(p) || !p->told_plain)
		return;
	p->told_plain = false;
	p->catching_up = true;
	memset(p->catch_up, 0, sizeof(p->catch_up));
	e->refresh_at = tick_min(e->refresh_at, now);
}

/* A life speaks that another one had followed already. Once, it may be a late message. */
static void note_several(struct engine *e, tick_t now, struct peer *p)
{
	struct resync_view *v = &p->view;
	const bool first = now >= v->several_until;

	if (!first && !v->several_said)
		log_warning(e->p.log,
			    "more than one node speaks as the peer%s%s: what one of them has no "
			    "more stays here; give each a Peer block of its own",
			    peer_word(p, " "), p->name);
	v->several_said = !first;
	v->several_until = tick_add(now, SEVERAL);
}

/*
 * Another speaker than before is a new life of the peer, or another program in its
 * place (0: one that does not say who it is).
 */
static void note_speaker(struct engine *e, tick_t now, struct peer *p, uint64_t life)
{
	struct resync_view *v = &p->view;
	const bool changes = life != v->life;

	v->doubt_at = TICK_NEVER;
	if (changes && life && life == v->life_before)
		note_several(e, now, p);
	v->several = now < v->several_until;
	v->known = life != 0;
	if (!changes)
		return;
	v->life_before = v->life;
	v->life = life;
	v->bulk = 0;
	if (!v->known && !v->several)
		repl_request_resync(p->repl); /* see view_fresh() */
}

void view_ident(struct engine *e, tick_t now, uint8_t peer, const struct wire_msg *m)
{
	struct peer *p = &e->peers[peer];
	struct resync_view *v = &p->view;
	struct wire_ident id;
	tick_t began;

	if (wire_ident_get(m->body, m->body_len, &id) < 0) {
		v->caps = 0;
		note_speaker(e, now, p, 0);
		repl_tells_of_bulks(p->repl, false);
		return;
	}
	if (id.node == e->p.node_id) {
		if (!v->mode_said)
			log_warning(e->p.log,
				    "a peer has the identity of this node: is the link a loop?");
		v->mode_said = true;
		return;
	}
	note_speaker(e, now, p, id.life);
	set_caps(e, now, p, id.caps);
	check_mode(e, p, &id);
	began = tick_since(now, id.bulk_age * TICK_MSEC);
	repl_tells_of_bulks(p->repl, !v->several);
	if (id.bulk)
		repl_bulk_told(p->repl, began);
	if (v->several || !id.bulk || id.bulk == v->bulk || began < v->gen_since)
		return; /* none, known, or not of this generation */
	v->bulk = id.bulk;
	if (!repl_gap_since(p->repl, tick_since(began, SLACK)))
		start_sweep(p, began);
}

static bool is_stale(const struct resync_view *v, const struct cache *c, cache_ref ref)
{
	return *cache_flags(c, ref) != v->gen || cache_updated(c, ref) < v->cutoff;
}

/* One slice; the sweep ends after both caches. */
static void sweep(struct engine *e, struct peer *p)
{
	struct resync_view *v = &p->view;
	struct cache *c = v->sweep_expects ? p->expects : p->flows;
	uint32_t budget = SWEEP_SLICE;
	cache_ref ref;

	while ((ref = cache_walk_next(c, &v->walk, &budget))) {
		if (!is_stale(v, c, ref))
			continue;
		remote_forget(p, v->sweep_expects, ref);
		v->swept++;
	}
	if (!cache_walk_done(&v->walk))
		return;
	v->walk = (struct cache_walk){ 0 };
	v->sweeping = !v->sweep_expects;
	v->sweep_expects = true;
	if (v->sweeping)
		return;
	p->net.resyncs_complete++;
	p->net.swept += v->swept;
	complete(e, p);
	if (v->swept)
		log_notice(e->p.log, "resync complete, %llu stale entries removed",
			   (unsigned long long)v->swept);
}

/*
 * What its cache had no room for is asked for when there is some. In ALARM all comes
 * again and again. Others than our own kind may lose part of what they are asked for and
 * do not say so: the sweep after it could do more harm than what is missing.
 */
static bool may_ask_again(const struct engine *e, const struct peer *p)
{
	return p->view.known && e->p.repl.mode != REPL_ALARM &&
	       has_room_again(e, p->refused, p->flows, p->expects);
}

static void ask_again(struct engine *e, tick_t now, struct peer *p)
{
	p->refused[OBJ_FLOW] = p->refused[OBJ_EXPECT] = false;
	if (repl_resync_later(p->repl, now))
		log_notice(e->p.log,
			   "the external cache%s%s has room again: asking for what it refused",
			   peer_word(p, " of peer "), p->name);
}

/*
 * The bulk that it gets when it is back confirms the rest, but what it heard of less than
 * LATE before that bulk, perhaps only now, it does not take for stale: one more then.
 */
void view_gave_up(tick_t now, struct peer *p)
{
	p->tell_again = tick_add(now, LATE + TICK_SEC);
}

static void tell_again(tick_t now, struct peer *p)
{
	if (repl_away(p->repl, now)) {
		view_gave_up(now, p);
	} else if (now >= p->tell_again) {
		p->tell_again = 0;
		repl_request_bulk(p->repl);
	}
}

void view_tick(struct engine *e, tick_t now)
{
	for (uint8_t i = 0; i < e->npeers; i++) {
		struct peer *p = &e->peers[i];
		tick_t asked;

		if (p->view.known && now >= p->view.doubt_at) {
			p->view.known = false;
			repl_request_resync(p->repl); /* see view_fresh() */
		}
		if (repl_answered(p->repl, &asked) && !p->view.known && !p->view.several &&
		    asked >= p->view.gen_since)
			start_sweep(p, asked);
		if (p->view.sweeping)
			sweep(e, p);
		if (may_ask_again(e, p))
			ask_again(e, now, p);
		if (p->tell_again)
			tell_again(now, p);
	}
}

/* Our own kind sees the gap in the numbers and asks, for what it also has too much. */
void engine_link_failed(struct engine *e, uint8_t peer)
{
	assert(peer < e->npeers);
	if (!e->peers[peer].view.known)
		repl_lost(e->peers[peer].repl);
}

bool view_pending(const struct engine *e)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (e->peers[i].view.sweeping || may_ask_again(e, &e->peers[i]))
			return true;
	return false;
}

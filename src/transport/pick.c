// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The choice among redundant links. Nothing in the protocol tells which link a
 * node sends on, so the two ends agree by a few rules:
 *
 * 1. Follow: something valid heard on another link makes that one the current.
 *    After such a move we are not led away again for a short random time, or two
 *    nodes whose messages cross would swap links with each other for ever.
 * 2. State: when the interface of the current link stops running, the next one
 *    in the order of the configuration that runs takes its place.
 * 3. Silence: when other links run and nothing was heard on the current one for
 *    a while, the next one is tried. While nothing is heard anywhere (the peer is
 *    down) the patience doubles with each round.
 * 4. Return: a link left by rule 2 or 3, not by rule 1, is "home"; also one that
 *    the peer led us away from just before its interface stopped here, for then
 *    the peer was only the first to notice. When home has
 *    been running for some seconds and the peer is heard on the current link, we
 *    go back and see whether the peer follows (rule 1). Until then everything is
 *    sent on both links, so that a home that runs but does not carry costs
 *    nothing; if the peer is not heard there in time we stay away, twice as long
 *    as before.
 *
 * Only who left by its own observation returns, and to the link it left, not to
 * one its configuration prefers. So two nodes whose defaults differ do not pull
 * each other to and fro, and one of them may be the reference, which knows
 * rules 1 and 2 only.
 */
#include <assert.h>
#include <string.h>
#include "pick.h"

#define HOLD_MIN   (50 * TICK_MSEC)
#define HOLD_MORE  (450u)          /* ms, random, on top */
#define PATIENCE   (60 * TICK_SEC) /* largest */
#define HOME_RUNS  (5 * TICK_SEC)  /* so long before we return to it */
#define HOME_QUIET (10 * TICK_SEC) /* when it was left for silence */
#define HOME_MAX   (300 * TICK_SEC)
#define ATTEMPT    (2500 * TICK_MSEC) /* a peer says something each second */
#define NOTICED    (3 * TICK_SEC)     /* both ends of a link see it fail in that time */

void pick_init(struct pick *p, size_t n, size_t first, uint64_t seed, tick_t now)
{
	assert(n >= 1 && n <= PICK_MAX && first < n);

	memset(p, 0, sizeof(*p));
	p->n = n;
	p->current = first;
	p->last = first;
	for (size_t i = 0; i < n; i++)
		p->link[i] = (struct pick_link){ .usable = true, .ready = true };
	rng_seed(&p->rng, seed);
	p->quiet_from = now;
	p->home = PICK_NONE;
	p->from = PICK_NONE;
	p->led_from = PICK_NONE;
}

void pick_set_silence(struct pick *p, tick_t silence, tick_t now)
{
	p->silence = silence;
	p->patience = silence;
	p->quiet_from = now;
}

/* The next usable link after the current one. */
static size_t next_link(const struct pick *p, bool ready)
{
	for (size_t step = 1; step < p->n; step++) {
		size_t i = (p->current + step) % p->n;

		if (p->link[i].usable && (p->link[i].ready || !ready))
			return i;
	}
	return PICK_NONE;
}

static void go(struct pick *p, size_t to)
{
	p->last = p->current;
	p->current = to;
}

static void move(struct pick *p, size_t to, tick_t now)
{
	go(p, to);
	p->quiet_from = now;
	p->from = PICK_NONE;
	if (to == p->home)
		p->home = PICK_NONE;
}

/* Leave the current link by our own decision: remember the first one left. */
static void leave(struct pick *p, size_t to, tick_t now, tick_t home_at, tick_t home_wait)
{
	if (p->home == PICK_NONE) {
		p->home = p->current;
		p->home_at = home_at;
		p->home_wait = home_wait;
	}
	move(p, to, now);
}

static enum pick_move attempt_failed(struct pick *p, tick_t now)
{
	go(p, p->from);
	p->from = PICK_NONE;
	p->quiet_from = now;
	p->home_at = tick_add(now, p->home_wait);
	p->home_wait = tick_min(2 * p->home_wait, HOME_MAX);
	return PICK_VAIN;
}

/* ---- state ---- */

static enum pick_move lost(struct pick *p, tick_t now)
{
	size_t to;

	p->failed = true;
	if (p->from != PICK_NONE) {
		attempt_failed(p, now);
		p->home_at = TICK_NEVER; /* not before it runs again */
		return PICK_FAILED;
	}
	to = next_link(p, true);
	if (to == PICK_NONE)
		to = next_link(p, false);
	if (to == PICK_NONE)
		return PICK_STAYS;
	leave(p, to, now, TICK_NEVER, HOME_RUNS);
	return PICK_FAILED;
}

static enum pick_move found(struct pick *p, size_t i, tick_t now)
{
	if (i == p->home) {
		p->home_at = tick_add(now, HOME_RUNS);
		p->home_wait = HOME_QUIET;
	}
	if (p->link[p->current].usable)
		return PICK_STAYS;
	leave(p, i, now, TICK_NEVER, HOME_RUNS);
	return PICK_FAILED;
}

enum pick_move pick_usable(struct pick *p, size_t i, bool usable, tick_t now)
{
	assert(i < p->n);

	if (p->link[i].usable == usable)
		return PICK_STAYS;
	p->link[i].usable = usable;
	if (usable)
		return found(p, i, now);
	if (p->home == PICK_NONE && i == p->led_from && tick_since(now, p->led_at) < NOTICED) {
		p->home = i; /* as if we had seen it first */
		p->home_wait = HOME_RUNS;
		p->failed = true;
	}
	if (i == p->home && p->from == PICK_NONE)
		p->home_at = TICK_NEVER;
	if (i == p->from) { /* no way back: home it is */
		p->from = PICK_NONE;
		p->home = PICK_NONE;
	}
	return i == p->current ? lost(p, now) : PICK_STAYS;
}

void pick_ready(struct pick *p, size_t i, bool ready)
{
	assert(i < p->n);

	p->link[i].ready = ready;
}

/* ---- hearing ---- */

static void heard_here(struct pick *p, tick_t now)
{
	p->quiet_from = now;
	if (p->from == PICK_NONE)
		return;
	p->from = PICK_NONE; /* the peer followed us home */
	p->home = PICK_NONE;
	p->hold = tick_add(now, ATTEMPT / 2); /* while it doubles, if it came by itself */
}

enum pick_move pick_heard(struct pick *p, size_t i, tick_t now)
{
	assert(i < p->n);

	p->patience = p->silence;
	p->tried = 0;
	p->broke |= p->failed;
	p->failed = false;
	if (i == p->current) {
		heard_here(p, now);
		return PICK_STAYS;
	}
	if (!p->link[i].usable || i == p->from || now < p->hold)
		return PICK_STAYS; /* still on its way, or not followed yet */
	if (p->from != PICK_NONE)
		p->home_at = tick_add(now, p->home_wait);
	p->led_from = i == p->home ? PICK_NONE : p->current; /* none: it leads us back */
	p->led_at = now;
	move(p, i, now);
	p->hold = tick_add(now, HOLD_MIN + rng_below(&p->rng, HOLD_MORE) * TICK_MSEC);
	return PICK_HEARD;
}

/* ---- time ---- */

static tick_t silent_at(const struct pick *p)
{
	if (!p->silence || p->from != PICK_NONE || next_link(p, true) == PICK_NONE)
		return TICK_NEVER;
	return tick_add(p->quiet_from, p->patience);
}

static tick_t return_at(const struct pick *p)
{
	if (p->home == PICK_NONE || p->from != PICK_NONE || !p->link[p->home].usable)
		return TICK_NEVER;
	return p->home_at;
}

tick_t pick_deadline(const struct pick *p)
{
	const tick_t end = p->from == PICK_NONE ? TICK_NEVER : p->from_end;

	return tick_min(end, tick_min(silent_at(p), return_at(p)));
}

static enum pick_move silent(struct pick *p, tick_t now)
{
	p->failed = true;
	leave(p, next_link(p, true), now, tick_add(now, HOME_QUIET), 2 * HOME_QUIET);
	if (++p->tried >= p->n) {
		p->tried = 0;
		p->patience = tick_min(2 * p->patience, PATIENCE);
	}
	return PICK_SILENT;
}

static enum pick_move go_home(struct pick *p, tick_t now)
{
	const bool alive = tick_since(now, p->quiet_from) < p->silence;

	if (p->silence && (!alive || !p->link[p->home].ready)) {
		p->home_at = tick_add(now, TICK_SEC); /* no use now */
		return PICK_STAYS;
	}
	if (!p->silence) { /* nobody would confirm it: it runs, so go */
		move(p, p->home, now);
		return PICK_BACK;
	}
	p->from = p->current;
	p->from_end = tick_add(now, ATTEMPT);
	go(p, p->home);
	p->quiet_from = now;
	return PICK_BACK;
}

enum pick_move pick_tick(struct pick *p, tick_t now)
{
	if (p->from != PICK_NONE && p->from_end <= now)
		return attempt_failed(p, now);
	if (return_at(p) <= now)
		return go_home(p, now);
	if (silent_at(p) <= now)
		return silent(p, now);
	return PICK_STAYS;
}

bool pick_broke(struct pick *p)
{
	const bool broke = p->broke;

	p->broke = false;
	return broke;
}

size_t pick_double(const struct pick *p)
{
	return p->from;
}

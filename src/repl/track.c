// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receive order of one peer. A number one above the last is in order, one
 * further ahead leaves a gap, the rest is late; HELLO says "I start anew, forget
 * my numbering". The reference takes every HELLO at its word, whatever its
 * number, and so acknowledges what was lost while it is said (W4). Here only the
 * first HELLO of an incarnation sets the numbering. Which one that is has to be
 * guessed, because nothing on the wire names an incarnation:
 *
 * - A peer says HELLO on each message until our HELLO_BACK reaches it, never
 *   again after that (save when it repeats an old control message, W9).
 * - The reference starts counting at its clock in seconds and sends at least
 *   one message a second. After a restart it therefore starts near the number it
 *   stood at: behind it if it was busy, a little ahead if it was idle. Ours
 *   starts anywhere.
 * - It takes a restarted peer a moment to speak, and every peer speaks each
 *   second; messages overtaken on the way are late by much less than that.
 *
 * Where two readings remain, the one is chosen that loses nothing under either:
 * ask for the missing numbers (a peer that never sent them skips the request)
 * and also offer our state ("fresh").
 *
 * state     message                                  outcome
 * --------  ---------------------------------------  ------------------------------
 * nothing   any                                      take, fresh; with HELLO -> greeting
 * known                                              else -> settled
 * greeting  HELLO, next or ahead (< AHEAD)           take, gap check; fresh if the
 *                                                    peer had been silent for QUIET
 *           HELLO, first..last, peer not silent      late
 *           HELLO, just before first, all recent     late, but ask for it: it overtook
 *           HELLO, anything else                     reset, fresh -> greeting
 *           no HELLO                                 as settled -> settled
 * settled   no HELLO, next or ahead                  take, gap check; far ahead only if
 *                                                    a second one follows (W2); beyond
 *                                                    AHEAD: reset, fresh, stuck
 *           no HELLO, behind                         late; if that is all we get for
 *                                                    STUCK: reset, fresh, stuck (W2)
 *           HELLO of the greeting just over          late
 *           HELLO, just before first, all recent     late, but ask for it: it overtook
 *           HELLO, next or ahead (< AHEAD)           take, gap check, fresh -> greeting
 *           HELLO, anything else                     reset, fresh -> greeting
 * any       number of the incarnation before, not    late
 *           of this one, shortly after the change
 *
 * Late messages are never answered: a new incarnation mistaken for a late one
 * goes on saying HELLO and is recognised after QUIET; what it sent until then is
 * asked for.
 */
#include "track.h"

#include <assert.h>
#include "base/seq.h"
#include "repl/repl.h"

#define AHEAD     (1 << 20)      /* a gap, not another numbering */
#define NEAR      (1 << 16)      /* surely the same numbering */
#define REORDER   1024           /* numbers by which messages overtake; more is far */
#define QUIET     (3 * TICK_SEC) /* a living peer is not silent for so long */
#define OVERTAKE  (2 * TICK_SEC) /* a message is not late by more */
#define CHANGING  (5 * TICK_SEC) /* old messages may follow a new incarnation */
#define STUCK     (5 * TICK_SEC)
#define STUCK_LEN 5

static bool near(uint32_t a, uint32_t b)
{
	const int32_t d = seq_diff(a, b);

	return d > -NEAR && d < NEAR;
}

/* Remember a late message as part of a run in ascending order. */
static void run_add(struct track *t, tick_t now, uint32_t n)
{
	const int32_t d = seq_diff(n, t->run_next);

	if (t->run_len && d < 0 && d > -REORDER)
		return;
	if (!t->run_len || d < 0 || d >= REORDER) {
		t->run_first = n;
		t->run_len = 0;
		t->run_since = now;
	}
	t->run_next = n + 1;
	t->run_len++;
}

static void late(struct track *t, tick_t now, uint32_t n)
{
	t->before++;
	run_add(t, now, n);
}

static void missing(struct track *t, struct track_result *res, uint32_t from, uint32_t to)
{
	res->gap = true;
	res->from = from;
	res->to = to;
	if (!res->fresh)
		t->lost += (uint64_t)(to - from) + 1;
}

static void take(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	res->accept = true;
	t->known = true;
	t->last = n;
	t->heard = now;
	t->run_len = 0;
}

/* Next or ahead. */
static void take_ahead(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	assert(seq_after(n, t->last));
	if (n != t->last + 1)
		missing(t, res, t->last + 1, n - 1);
	take(t, now, n, res);
}

static void greeting_begins(struct track *t, tick_t now, uint32_t n)
{
	t->greeting = true;
	t->first = n;
	t->began = now;
}

/*
 * The peer counts anew from n. At first contact it may have received what we
 * sent so far, and nothing has to be forgotten.
 */
static void take_reset(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	res->reset = t->known;
	res->fresh = true;
	if (t->known) {
		t->has_prev = true;
		t->prev_last = t->last;
	}
	if (t->run_len && t->run_next == n && n - t->run_first < REORDER)
		missing(t, res, t->run_first, n - 1);
	greeting_begins(t, now, n);
	take(t, now, n, res);
}

/* What the reference does: every HELLO sets the numbering. */
static void hello_at_its_word(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	res->reset = true;
	res->fresh = !t->known || !t->greeting || seq_diff(n, t->last) <= 0 ||
		     seq_diff(n, t->last) > AHEAD;
	if (res->fresh)
		greeting_begins(t, now, n);
	take(t, now, n, res);
}

/*
 * A HELLO that was sent before the first one we took, and overtaken by it: late
 * like all that comes after its time, but nobody has missed it yet.
 */
static bool overtaken(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	if (!seq_before(n, t->first) || seq_diff(n, t->first) <= -REORDER ||
	    tick_since(now, t->began) >= OVERTAKE)
		return false;
	t->before++;
	missing(t, res, n, t->first - 1);
	t->first = n;
	return true;
}

static void hello_while_greeting(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	const bool quiet = tick_since(now, t->heard) >= QUIET;
	const int32_t d = seq_diff(n, t->last);

	if (d > 0 && d <= AHEAD) {
		res->fresh = quiet;
		take_ahead(t, now, n, res);
	} else if (d <= 0 && !seq_before(n, t->first) && !quiet) {
		late(t, now, n);
	} else if (!overtaken(t, now, n, res)) {
		take_reset(t, now, n, res);
	}
}

static void hello_when_settled(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	const int32_t d = seq_diff(n, t->last);

	if (!seq_before(n, t->first) && seq_before(n, t->end) &&
	    tick_since(now, t->hello_at) < OVERTAKE) {
		late(t, now, n);
	} else if (d > 0 && d <= AHEAD) {
		res->fresh = true;
		greeting_begins(t, now, n);
		take_ahead(t, now, n, res);
	} else if (!overtaken(t, now, n, res)) {
		take_reset(t, now, n, res);
	}
}

/* The peer has stopped saying HELLO: it did so on first .. end-1. */
static void settle(struct track *t, uint32_t first, uint32_t end)
{
	t->greeting = false;
	t->first = first;
	t->end = end;
}

/*
 * A single message far ahead may be anybody's, and taking it would make the
 * peer's own look late. If it is the peer's, the next one shows it, and this
 * one is asked for with the rest of the gap.
 */
static bool stray(struct track *t, uint32_t n)
{
	const bool follows = t->far_seen && n - t->far_next < REORDER;

	if (n - t->last <= REORDER)
		return false;
	t->far_seen = !follows;
	t->far_next = n + 1;
	return !follows;
}

/* The peer counts anew, and we have not heard its HELLO. */
static void anew_unheard(struct track *t, tick_t now, uint32_t n, struct track_result *res)
{
	res->stuck = true;
	take_reset(t, now, n, res);
	settle(t, n, n);
}

static void no_hello(struct track *t, tick_t now, uint32_t n, uint32_t cures,
		     struct track_result *res)
{
	if (!t->known) {
		res->fresh = true;
		t->began = now;
		settle(t, n, n);
		take(t, now, n, res);
	} else if (seq_after(n, t->last)) {
		if ((cures & REPL_CURE_W2) && stray(t, n)) {
			t->before++;
			return;
		}
		if ((cures & REPL_CURE_W2) && n - t->last > AHEAD) {
			anew_unheard(t, now, n, res);
			t->has_prev = false; /* it may be the peer who speaks there */
		} else {
			take_ahead(t, now, n, res);
		}
	} else {
		late(t, now, n);
		if (!(cures & REPL_CURE_W2) || t->run_len < STUCK_LEN ||
		    tick_since(now, t->run_since) < STUCK || tick_since(now, t->heard) < STUCK)
			return;
		anew_unheard(t, now, n, res);
	}
	if (t->greeting)
		settle(t, t->first, n);
}

static bool of_before(const struct track *t, tick_t now, uint32_t n)
{
	return t->has_prev && tick_since(now, t->began) < CHANGING && near(n, t->prev_last) &&
	       !near(n, t->last);
}

void track_input(struct track *t, tick_t now, uint32_t n, bool hello, uint32_t cures,
		 struct track_result *res)
{
	*res = (struct track_result){ 0 };
	if (!(cures & REPL_CURE_W4)) {
		if (hello)
			hello_at_its_word(t, now, n, res);
		else
			no_hello(t, now, n, cures, res);
		return;
	}
	if (of_before(t, now, n)) {
		t->before++;
		return;
	}
	if (!hello) {
		no_hello(t, now, n, cures, res);
		return;
	}
	if (!t->known)
		take_reset(t, now, n, res);
	else if (t->greeting)
		hello_while_greeting(t, now, n, res);
	else
		hello_when_settled(t, now, n, res);
	if (res->accept)
		t->hello_at = now;
}

/* Two that speak in turn are no news; one that counts from elsewhere is. */
static bool counts_anew(struct track *t, uint32_t n)
{
	const bool back = t->has_prev && near(n, t->prev_last);

	t->has_prev = true;
	t->prev_last = t->last;
	return !back;
}

bool track_watch(struct track *t, tick_t now, uint32_t n, bool *fresh)
{
	const int32_t d = seq_diff(n, t->last);
	const bool elsewhere = t->known && (d > AHEAD || d < -AHEAD);
	const bool gap = t->known && !elsewhere && d > 1;

	if (gap)
		t->lost += (uint32_t)d - 1;
	else if (t->known && !elsewhere && d <= 0)
		t->before++;
	*fresh = elsewhere && counts_anew(t, n);
	t->known = true;
	t->last = n;
	t->heard = now;
	return gap || elsewhere;
}

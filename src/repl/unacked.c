// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was sent and not acknowledged: taken out by ACK, queued again by NACK,
 * emptied by the HELLO of a peer that starts anew, and - beyond what the
 * reference does - sent again after a while (the protocol has no
 * retransmission timer), held back when the window is full but moving, and
 * paced once so much is under way that a receive buffer may overflow.
 */
#include <assert.h>
#include "base/err.h"
#include "base/seq.h"
#include "session.h"

#define RTO_MIN     (2500 * TICK_MSEC)
#define RTO_MAX     (20 * TICK_SEC)
#define RTO_SLICE   256              /* elements looked at in one go ... */
#define RTO_PAUSE   (10 * TICK_MSEC) /* ... and the time between two */
#define RTO_WELCOME TICK_SEC         /* time for a peer heard again to ask by itself */
#define HOLD_TIME   (2 * TICK_SEC)   /* look again after this */
#define NEVER_ACKS  (10 * TICK_SEC)  /* heard for so long without an ACK */
#define CTL_SPARE   1024             /* control messages, apart from the limit */
#define PACE_PAUSE  (2 * TICK_MSEC)

static struct node *node_at(const struct repl *r, uint32_t seq, uint32_t h)
{
	struct node *n = txq_node(&r->q, h);

	assert(n->state == NODE_SENT && n->seq == seq);
	return n;
}

void unacked_del(struct repl *r, uint32_t h)
{
	const struct node *n = txq_node(&r->q, h);

	window_del(&r->win, n->seq);
	if (n->is_object)
		r->win_objects--;
}

void unacked_again(struct repl *r, uint32_t h)
{
	unacked_del(r, h);
	txq_again(&r->q, h);
}

static void again_counted(struct repl *r, uint32_t h)
{
	unacked_again(r, h);
	r->st.resent++;
}

/* The peer will not get this from us any more. */
static void give_up(struct repl *r, uint32_t h)
{
	if (txq_node(&r->q, h)->is_object && cured(r, REPL_CURE_HOLD))
		r->behind = true;
	r->bulk.whole = false;
	r->st.window_full++;
	session_release(r, h);
}

static void give_up_oldest(struct repl *r)
{
	uint32_t seq = r->win.base;
	const uint32_t h = window_find(&r->win, &seq);

	assert(h != 0);
	unacked_del(r, h);
	give_up(r, h);
}

/*
 * The limit is about objects; control messages, some of which nobody will ever
 * acknowledge, have a room of their own, or objects would wait for them.
 */
static bool no_room(const struct repl *r, bool is_object)
{
	if (!cured(r, REPL_CURE_HOLD))
		return r->win.count >= r->p.resend_limit;
	return is_object ? r->win_objects >= r->p.resend_limit :
			   r->win.count - r->win_objects >= CTL_SPARE;
}

void unacked_put(struct repl *r, tick_t now, uint32_t h)
{
	const struct node *n = txq_node(&r->q, h);
	int err;

	/* No object goes for a control message, which a later one makes up for. */
	if (!n->is_object && cured(r, REPL_CURE_HOLD) && no_room(r, false)) {
		give_up(r, h);
		return;
	}
	while (no_room(r, n->is_object))
		give_up_oldest(r);
	while ((err = window_put(&r->win, n->seq, h)) == CTD_EFULL) {
		uint32_t seq = r->win.base;

		again_counted(r, window_find(&r->win, &seq));
	}
	if (err) {
		give_up(r, h);
		return;
	}
	if (n->is_object) {
		r->win_objects++;
		if (r->rto.at == TICK_NEVER && !r->rto.parked) {
			r->rto.at = tick_add(now, r->rto.interval);
			r->rto.progress = false;
		}
	}
}

uint32_t unacked_ack(struct repl *r, tick_t now, uint32_t from, uint32_t to)
{
	uint32_t h, seq = from, removed = 0;

	while ((h = window_find(&r->win, &seq)) && !seq_after(seq, to)) {
		node_at(r, seq, h);
		unacked_del(r, h);
		session_release(r, h);
		removed++;
	}
	if (removed) {
		r->last_ack = now;
		r->acked = true;
		r->hold_at = TICK_NEVER;
		r->rto.interval = RTO_MIN;
		r->rto.progress = true;
		r->deaf = 0;
		if (r->behind) {
			r->behind = false;
			bulk_want(r);
		}
	}
	return removed;
}

void unacked_nack(struct repl *r, uint32_t from, uint32_t to)
{
	uint32_t h, seq = from;

	while ((h = window_find(&r->win, &seq)) && !seq_after(seq, to)) {
		node_at(r, seq, h);
		again_counted(r, h);
		r->deaf = 0;
	}
}

/*
 * A peer that starts anew needs no control message that was meant for its
 * predecessor. Live objects come with the bulk it is owed; destroyed ones are
 * not part of that and are announced again, as it may be the old peer after all.
 */
void unacked_reset(struct repl *r)
{
	uint32_t h, seq = r->win.base;

	r->bulk.whole = false;
	r->acked = false; /* it may run in another mode now */
	r->first_heard = r->st.last_heard;
	while ((h = window_find(&r->win, &seq))) {
		const struct node *n = node_at(r, seq, h);

		if (n->final && cured(r, REPL_CURE_W5)) {
			unacked_again(r, h);
		} else {
			unacked_del(r, h);
			session_release(r, h);
		}
	}
	assert(r->win.count == 0 && r->win_objects == 0);
	r->rto.at = TICK_NEVER;
	r->rto.in_round = false;
	r->rto.interval = RTO_MIN;
	r->hold_at = TICK_NEVER;
}

/*
 * The window is full: wait for ACKs. What changes meanwhile waits in its last
 * state, so the queue is bounded by the caches. Only a peer that has been heard
 * for long and never acknowledged anything (it runs in another mode) is not
 * waited for: then the oldest is forgotten, as the reference does.
 */
static bool hold(struct repl *r, tick_t now)
{
	if (!no_room(r, true) || !cured(r, REPL_CURE_HOLD) ||
	    (!r->acked && r->st.heard && tick_since(now, r->first_heard) >= NEVER_ACKS))
		return false;
	if (r->hold_at == TICK_NEVER)
		r->st.window_full++;
	r->hold_at = tick_add(now, HOLD_TIME);
	return true;
}

static bool pace(struct repl *r, tick_t now)
{
	if (!cured(r, REPL_CURE_PACE) || r->win_objects < SESSION_FLIGHT)
		return false;
	if (!r->pace_credit)
		r->pace_credit = ratelim_take(&r->pace, now, 64);
	if (r->pace_credit) {
		r->pace_credit--;
		return false;
	}
	r->pace_at = tick_add(now, PACE_PAUSE);
	return true;
}

bool unacked_held(struct repl *r, tick_t now)
{
	return hold(r, now) || pace(r, now);
}

bool unacked_older(const struct repl *r, tick_t now, tick_t age)
{
	uint32_t seq = r->win.base;
	const uint32_t h = window_find(&r->win, &seq);

	return h && tick_since(now, txq_node(&r->q, h)->sent) >= age;
}

void unacked_heard(struct repl *r, tick_t now)
{
	if (!r->rto.parked)
		return;
	r->rto.parked = false;
	r->rto.at = tick_add(now, RTO_WELCOME);
}

static void round_ends(struct repl *r, tick_t next)
{
	struct rto *t = &r->rto;

	if (t->moved && !t->progress)
		t->interval = tick_min(2 * t->interval, RTO_MAX);
	t->moved = false;
	t->progress = false;
	t->in_round = false;
	t->at = next;
}

/* Send again what is unacknowledged for too long, a slice at a time. */
static void rto_slice(struct repl *r, tick_t now)
{
	struct rto *t = &r->rto;
	uint32_t h, seq = t->in_round ? t->cursor : r->win.base;

	t->in_round = true;
	for (uint32_t i = 0; i < RTO_SLICE; i++, seq++) {
		const struct node *n;

		h = window_find(&r->win, &seq);
		if (!h) {
			round_ends(r, TICK_NEVER);
			return;
		}
		n = node_at(r, seq, h);
		if (!n->is_object)
			continue;
		if (tick_since(now, n->sent) < t->interval) {
			round_ends(r, tick_add(n->sent, t->interval));
			return;
		}
		again_counted(r, h);
		t->moved = true;
	}
	t->cursor = seq;
	t->at = tick_add(now, RTO_PAUSE);
}

void unacked_tick(struct repl *r, tick_t now)
{
	if (r->hold_at <= now)
		r->hold_at = TICK_NEVER;
	if (r->pace_at <= now)
		r->pace_at = TICK_NEVER;
	if (r->rto.at > now)
		return;
	r->rto.at = TICK_NEVER;
	if (!cured(r, REPL_CURE_RTO) || !r->win_objects)
		r->rto.in_round = false;
	else if (r->greet != GREET_DONE || !session_speaks(r, now))
		r->rto.parked = true;
	else
		rto_slice(r, now);
}

tick_t unacked_deadline(const struct repl *r)
{
	return tick_min(r->rto.at, tick_min(r->hold_at, r->pace_at));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FT-FW: every message is numbered, acknowledged in ranges and, if it was an
 * object or a control message with a range, kept until then. The rules are
 * those of doc/protocol.md (synchronisation modes); what differs from the
 * reference is named by the weakness it cures.
 *
 * Our own greeting (unsaid -> saying -> done):
 *
 * state   event                                   next
 * ------  --------------------------------------  ---------------------------------
 * unsaid  something is sent                       saying, and HELLO on it
 * saying  something is sent                       saying, HELLO on it
 *         HELLO_BACK received                     done
 * done    the peer says ALIVE again and again     saying (W2: it does not take our
 *         while we wait for its ACK               numbers, a HELLO sets them right)
 */
#include <assert.h>
#include "base/seq.h"
#include "session.h"

#define ACK_LIGHT   TICK_SEC          /* for ACK and ALIVE, so that two idle nodes */
#define ACK_WEIGHTY (200 * TICK_MSEC) /* do not echo faster; for everything else */
#define DEAF_AFTER  (1500 * TICK_MSEC)
#define DEAF_ALIVES 5

#define RANGED (WIRE_F_ACK | WIRE_F_NACK | WIRE_F_RESYNC)

/* If it cannot be queued the next one will cover it. */
static void acknowledge(struct repl *r, uint32_t to)
{
	if (!r->ack_set || !session_control(r, WIRE_F_ACK, r->ack_from, to))
		return;
	r->st.acks_out++;
	r->ack_set = false;
	r->ack_at = TICK_NEVER;
}

/* The next message is due: an ACK if something waits for it, else ALIVE. */
static void speak(struct repl *r)
{
	r->prompt = false;
	if (r->ack_set)
		acknowledge(r, r->rx.last);
	else if (!r->q.ctl.count)
		session_alive(r);
}

/* ---- in ---- */

static bool is_valid(const struct wire_msg *m)
{
	if (m->h.type != WIRE_CONTROL)
		return session_is_data(m);
	if (m->h.flags & (WIRE_F_ACK | WIRE_F_NACK))
		return !seq_after(m->from, m->to);
	return (m->h.flags & (WIRE_F_RESYNC | WIRE_F_ALIVE)) != 0;
}

/*
 * The peer says ALIVE instead of ACK although it should long have something to
 * acknowledge: it drops what we send, because something with a number far ahead
 * got to it. Greet again, and ask again, as that makes it forget what it kept.
 */
static void count_deaf(struct repl *r, tick_t now)
{
	if (!cured(r, REPL_CURE_W2) || r->greet != GREET_DONE || !unacked_older(r, now, DEAF_AFTER))
		return;
	if (++r->deaf < DEAF_ALIVES)
		return;
	r->deaf = 0;
	r->greet = GREET_SAYING;
	r->under_hello = true; /* it takes this for a new life: a bulk is owed */
	resync_auto(r, now);
}

static enum repl_verdict digest(struct repl *r, tick_t now, const struct wire_msg *m)
{
	if (m->h.type != WIRE_CONTROL)
		return REPL_DATA;
	if (m->h.flags & WIRE_F_ACK) {
		r->st.acks_in++;
		resync_acked(r, now, m->from, m->to);
		unacked_ack(r, now, m->from, m->to);
	} else if (m->h.flags & WIRE_F_NACK) {
		r->st.nacks_in++;
		unacked_nack(r, m->from, m->to);
	} else if (m->h.flags & WIRE_F_RESYNC) {
		r->st.resyncs_in++;
		bulk_want(r);
	} else {
		count_deaf(r, now);
	}
	return REPL_HANDLED;
}

/* ACK and NACK that wait were meant for the peer's numbering of before. */
static void drop_stale_control(struct repl *r)
{
	uint32_t h = r->q.ctl.head, next;

	for (; h; h = next) {
		const struct node *n = txq_node(&r->q, h);

		next = n->next;
		if (n->flags & (WIRE_F_ACK | WIRE_F_NACK)) {
			txq_take(&r->q, h);
			session_release(r, h);
		}
	}
}

static void peer_starts_anew(struct repl *r, uint32_t seq)
{
	unacked_reset(r);
	if (!cured(r, REPL_CURE_W4)) {
		if (r->ack_set && seq_before(seq, r->ack_from)) {
			r->ack_from = seq;
			r->countdown = r->p.ack_window > 1 ? r->p.ack_window - 1 : 1;
		}
		return;
	}
	drop_stale_control(r);
	r->ack_set = false;
	r->ack_at = TICK_NEVER;
	r->countdown = r->p.ack_window;
	r->deaf = 0;
	if (r->rs.pending)
		resync_request(r);
}

static void hear_greeting(struct repl *r, uint8_t flags)
{
	if (flags & WIRE_F_HELLO)
		r->answer = true;
	if (!(flags & WIRE_F_HELLO_BACK) || r->greet != GREET_SAYING)
		return;
	r->greet = GREET_DONE;
	if (r->under_hello && cured(r, REPL_CURE_W4))
		bulk_want(r); /* the peer may have acknowledged what it lost */
	r->under_hello = false;
}

static bool weighty(const struct wire_msg *m)
{
	return m->h.type != WIRE_CONTROL ||
	       (m->h.flags & (WIRE_F_NACK | WIRE_F_RESYNC | WIRE_F_HELLO)) != 0;
}

static void start_ack_timer(struct repl *r, tick_t now, const struct wire_msg *m)
{
	if (cured(r, REPL_CURE_W8))
		r->ack_at =
			tick_min(r->ack_at, tick_add(now, weighty(m) ? ACK_WEIGHTY : ACK_LIGHT));
}

static void ask_for(struct repl *r, tick_t now, const struct track_result *res)
{
	r->st.nacks_out++;
	if (!session_control(r, WIRE_F_NACK, res->from, res->to))
		resync_auto(r, now);
}

/* Note that seq is to be acknowledged; prev was the last number before it. */
static void account(struct repl *r, uint32_t seq, uint32_t prev, bool gap)
{
	if (gap) {
		acknowledge(r, prev);
		r->ack_set = false; /* never a range with a hole */
		r->countdown = r->p.ack_window;
	}
	if (!r->ack_set) {
		r->ack_set = true;
		r->ack_from = seq;
	}
	assert(r->countdown > 0);
	r->countdown--;
}

static void accepted(struct repl *r, tick_t now, const struct wire_msg *m, uint32_t prev,
		     const struct track_result *res)
{
	account(r, m->h.seq, prev, res->gap);
	if (res->gap)
		ask_for(r, now, res);
	start_ack_timer(r, now, m);
	if (r->countdown == 0) {
		acknowledge(r, m->h.seq);
		r->countdown = r->p.ack_window;
	}
}

static enum repl_verdict ftfw_input(struct repl *r, tick_t now, const struct wire_msg *m)
{
	const uint32_t prev = r->rx.last;
	struct track_result res;
	enum repl_verdict v;

	if (!is_valid(m))
		return REPL_BAD;
	track_input(&r->rx, now, m->h.seq, (m->h.flags & WIRE_F_HELLO) != 0, r->p.cures, &res);
	if (res.accept || !cured(r, REPL_CURE_W4))
		hear_greeting(r, m->h.flags);
	if (!res.accept) {
		if (res.gap)
			ask_for(r, now, &res);
		return REPL_DROP;
	}
	session_heard(r, now);
	if (res.reset)
		peer_starts_anew(r, m->h.seq);
	if (res.stuck)
		resync_auto(r, now);
	r->fresh = r->fresh || res.fresh;
	if (res.fresh) {
		r->prompt = r->prompt || cured(r, REPL_CURE_W4);
		if (cured(r, REPL_CURE_W5))
			bulk_want(r);
	}
	v = digest(r, now, m);
	accepted(r, now, m, prev, &res);
	return v;
}

/* ---- out ---- */

static uint8_t greeting(struct repl *r)
{
	uint8_t flags = 0;

	if (r->greet != GREET_DONE) {
		r->greet = GREET_SAYING;
		flags |= WIRE_F_HELLO;
	}
	if (r->answer)
		flags |= WIRE_F_HELLO_BACK;
	r->answer = false;
	return flags;
}

static uint32_t next_to_send(struct repl *r, tick_t now)
{
	const uint32_t h = txq_first(&r->q, false);

	if (h && txq_node(&r->q, h)->is_object && unacked_held(r, now))
		return txq_first(&r->q, true);
	return h;
}

static bool ftfw_output(struct repl *r, tick_t now, struct repl_send *s)
{
	struct node *n;
	uint32_t h;

	if (r->prompt)
		speak(r);
	h = next_to_send(r, now);
	if (!h)
		return false;
	session_emit(r, now, h, s);
	s->flags |= greeting(r);
	n = txq_node(&r->q, h);
	if (n->is_object && (s->flags & WIRE_F_HELLO))
		r->under_hello = true;
	if (!cured(r, REPL_CURE_W9) && !n->is_object)
		n->flags = s->flags;
	if (n->flags & WIRE_F_RESYNC)
		resync_sent(r, now, s);
	if (n->flags & WIRE_F_NACK)
		resync_nacked(r, s->seq);
	if (n->is_object || (n->flags & RANGED))
		unacked_put(r, now, h);
	else
		session_release(r, h);
	return true;
}

/* ---- time ---- */

static void ftfw_tick(struct repl *r, tick_t now)
{
	if (r->ack_at <= now) {
		r->ack_at = TICK_NEVER;
		acknowledge(r, r->rx.last);
	}
	if (r->alive_at <= now) {
		r->alive_at = tick_add(now, SESSION_SECOND);
		speak(r);
	}
	if (r->behind && !r->win.count && session_speaks(r, now)) {
		r->behind = false;
		bulk_want(r);
	}
	unacked_tick(r, now);
}

static tick_t ftfw_deadline(const struct repl *r)
{
	return tick_min(r->ack_at, unacked_deadline(r));
}

static uint32_t ftfw_bulk_room(struct repl *r, tick_t now)
{
	const uint32_t waiting = r->q.obj.count;

	if (!cured(r, REPL_CURE_PACE))
		return 1u << 20;
	if (waiting >= SESSION_FLIGHT)
		return 0;
	if (!session_speaks(r, now) && waiting + r->win_objects >= SESSION_FLIGHT)
		return 0;
	return SESSION_FLIGHT - waiting;
}

const struct repl_ops ftfw_ops = {
	.input = ftfw_input,
	.output = ftfw_output,
	.tick = ftfw_tick,
	.deadline = ftfw_deadline,
	.bulk_room = ftfw_bulk_room,
	.bulk_pause = TICK_SEC,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our RESYNC: asking the peer for everything. The reference asks once and, if
 * nobody listens, never again. Here it is repeated until answered: by an ACK of
 * its number; without acknowledgements by the word of a bulk that began since, if
 * the peer tells of its bulks, else by anything heard. A peer that
 * speaks but acknowledges late must not be made to send all it has over and
 * over; to it the request is repeated seldom, and once it went out without HELLO
 * its loss shows as a gap that the peer asks for itself.
 *
 * Requests of our own accord follow losses that nothing else repairs (W3, W2);
 * the time between them doubles while losses go on.
 */
#include <assert.h>
#include "base/seq.h"
#include "session.h"

#define REPEAT       TICK_SEC        /* the peer was not heard since */
#define REPEAT_HEARD (3 * TICK_SEC)  /* heard, asked under HELLO */
#define REPEAT_SURE  (60 * TICK_SEC) /* heard, asked without */
#define TRIES        10
#define AUTO_DELAY   TICK_SEC /* let late messages arrive */
#define AUTO_MIN     (5 * TICK_SEC)
#define AUTO_MAX     (320 * TICK_SEC)
#define ANSWER_REST  (1500 * TICK_MSEC) /* after the ACK, before it is believed */

void resync_init(struct resync *rs, bool acked_mode)
{
	*rs = (struct resync){
		.max_silent = acked_mode ? 0 : TRIES,
		.auto_due = TICK_NEVER,
		.auto_gap = AUTO_MIN,
		.answered = TICK_NEVER,
	};
}

/* Queue the message, taking back one that is still on its way. */
static void queue(struct repl *r)
{
	struct resync *rs = &r->rs;

	if (rs->node && txq_node(&r->q, rs->node)->state == NODE_QUEUED)
		return;
	if (rs->node)
		unacked_again(r, rs->node);
	else
		rs->node = session_control(r, WIRE_F_RESYNC, 0, 0);
}

void resync_request(struct repl *r)
{
	r->rs.pending = true;
	r->rs.out = false;
	r->rs.tries = 0;
	queue(r);
}

bool resync_auto(struct repl *r, tick_t now)
{
	struct resync *rs = &r->rs;
	const tick_t soon = tick_add(now, AUTO_DELAY);

	if (rs->auto_due != TICK_NEVER)
		return false;
	rs->auto_due = soon > rs->auto_next ? soon : rs->auto_next;
	return true;
}

void resync_sent(struct repl *r, tick_t now, const struct repl_send *s)
{
	struct resync *rs = &r->rs;

	r->st.resyncs_out++;
	rs->out = true;
	rs->heard = false;
	rs->greeted = !(s->flags & WIRE_F_HELLO);
	rs->at = now;
	rs->seq = s->seq;
	rs->answering = true;
	rs->asked = now;
	rs->end_seq = s->seq;
	rs->answered = TICK_NEVER;
	rs->rested = false;
}

void resync_nacked(struct repl *r, uint32_t seq)
{
	if (r->rs.answering)
		r->rs.end_seq = seq;
}

/*
 * The reference queues its bulk before the ACK of what asked for it, and what a
 * NACK asks for before the ACK of that NACK: the ACK of the last of them comes
 * after all of the answer.
 */
void resync_acked(struct repl *r, tick_t now, uint32_t from, uint32_t to)
{
	struct resync *rs = &r->rs;

	if (rs->out && seq_between(rs->seq, from, to))
		rs->pending = false;
	if (rs->answering && !rs->pending && seq_between(rs->end_seq, from, to)) {
		rs->answering = false;
		rs->answered = now;
	}
}

bool repl_answered(struct repl *r, tick_t *asked)
{
	struct resync *rs = &r->rs;

	if (!rs->rested)
		return false;
	*asked = rs->asked;
	rs->rested = false;
	return true;
}

void resync_heard(struct repl *r, tick_t now, bool data)
{
	struct resync *rs = &r->rs;

	if (!rs->out)
		return;
	if (!rs->by_word)
		rs->pending = false;
	else if (data)
		rs->data_at = now;
}

void repl_tells_of_bulks(struct repl *r, bool tells)
{
	r->rs.by_word = tells && r->p.mode == REPL_NOTRACK;
}

void repl_bulk_told(struct repl *r, tick_t began)
{
	struct resync *rs = &r->rs;

	if (rs->by_word && rs->out && began >= rs->at)
		rs->pending = false;
}

/* When to ask again if nothing changes. */
static tick_t again_at(const struct resync *rs)
{
	if (!rs->out)
		return rs->at;
	if (!rs->heard)
		return tick_add(rs->at, REPEAT);
	if (rs->by_word) /* not while it may be answering */
		return tick_add(rs->at > rs->data_at ? rs->at : rs->data_at, REPEAT_HEARD);
	return tick_add(rs->at, rs->greeted ? REPEAT_SURE : REPEAT_HEARD);
}

static bool waiting(const struct repl *r)
{
	const struct resync *rs = &r->rs;

	if (!rs->pending)
		return false;
	return !rs->node || txq_node(&r->q, rs->node)->state != NODE_QUEUED;
}

static void repeat(struct repl *r, tick_t now)
{
	struct resync *rs = &r->rs;

	if (rs->heard || rs->max_silent)
		rs->tries++;
	if (rs->tries >= TRIES) {
		rs->pending = false;
		return;
	}
	rs->out = false;
	rs->at = tick_add(now, REPEAT); /* if it cannot be queued */
	queue(r);
}

void resync_tick(struct repl *r, tick_t now)
{
	struct resync *rs = &r->rs;

	if (rs->auto_due <= now) {
		rs->auto_due = TICK_NEVER;
		if (tick_since(now, rs->auto_next) > 4 * rs->auto_gap)
			rs->auto_gap = AUTO_MIN;
		rs->auto_next = tick_add(now, rs->auto_gap);
		rs->auto_gap = tick_min(2 * rs->auto_gap, AUTO_MAX);
		resync_request(r);
	}
	if (rs->answered != TICK_NEVER && tick_since(now, rs->answered) >= ANSWER_REST) {
		rs->answered = TICK_NEVER;
		rs->rested = true;
	}
	if (waiting(r) && again_at(rs) <= now)
		repeat(r, now);
}

tick_t resync_deadline(const struct repl *r)
{
	const tick_t t = waiting(r) ? again_at(&r->rs) : TICK_NEVER;

	if (r->rs.answered != TICK_NEVER)
		return tick_min(tick_min(t, r->rs.auto_due), tick_add(r->rs.answered, ANSWER_REST));
	return tick_min(t, r->rs.auto_due);
}

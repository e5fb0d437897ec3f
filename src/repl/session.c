// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the modes have in common: queueing control messages, giving an element
 * its number on the way out, and letting go of it.
 */
#include "session.h"

#include <assert.h>

#define CTL_MAX 1024 /* control messages that may wait */

void session_heard(struct repl *r, tick_t now)
{
	if (!r->st.heard)
		r->first_heard = now;
	r->st.heard = true;
	r->st.last_heard = now;
	r->rs.heard = true;
	unacked_heard(r, now);
}

/* An ACK that continues the one queued last becomes part of it. */
static bool merge_ack(struct repl *r, uint8_t flags, uint32_t from, uint32_t to)
{
	struct node *n;

	if (flags != WIRE_F_ACK || !r->q.ctl.tail)
		return false;
	n = txq_node(&r->q, r->q.ctl.tail);
	if (n->flags != WIRE_F_ACK || n->range.to + 1 != from)
		return false;
	n->range.to = to;
	return true;
}

uint32_t session_control(struct repl *r, uint8_t flags, uint32_t from, uint32_t to)
{
	if (merge_ack(r, flags, from, to))
		return r->q.ctl.tail;
	if (r->q.ctl.count >= CTL_MAX) {
		r->st.txq_full++;
		return 0;
	}
	return txq_add_control(&r->q, flags, from, to);
}

void session_release(struct repl *r, uint32_t h)
{
	struct node *n = txq_node(&r->q, h);

	if (n->is_object && n->final) {
		txq_finish(&r->q, h);
		return;
	}
	if (n->is_object)
		*n->slot = 0;
	if (h == r->rs.node)
		r->rs.node = 0;
	if (h == r->alive_node)
		r->alive_node = 0;
	txq_free(&r->q, h);
}

void session_describe(const struct node *n, struct repl_send *s)
{
	*s = (struct repl_send){
		.is_object = n->is_object,
		.flags = n->flags,
		.seq = n->seq,
		.final = n->final,
	};
	if (n->is_object) {
		s->obj = n->obj;
	} else {
		s->from = n->range.from;
		s->to = n->range.to;
	}
}

void session_emit(struct repl *r, tick_t now, uint32_t h, struct repl_send *s)
{
	struct node *n = txq_node(&r->q, h);

	txq_take(&r->q, h);
	n->seq = r->next_seq++;
	n->sent = now;
	session_describe(n, s);
	if ((n->flags & WIRE_F_ALIVE) && r->bulk.complete) {
		s->bulk = r->bulk.complete;
		s->bulk_age = tick_since(now, r->bulk.complete_began);
	}
	if (r->p.mode != REPL_ALARM)
		r->alive_at = tick_add(now, SESSION_SECOND);
}

void session_alive(struct repl *r)
{
	if (!r->alive_node)
		r->alive_node = session_control(r, WIRE_F_ALIVE, 0, 0);
}

bool session_is_data(const struct wire_msg *m)
{
	return m->h.type <= WIRE_EXP_DESTROY && !(m->h.flags & ~WIRE_F_GREETING);
}

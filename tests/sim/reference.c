// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reference. What its users suffer from is here on purpose (W: weakness):
 *
 *   W2   one numbering for everybody; only the first peer is served
 *   W4   every message with HELLO is taken, whatever is missing before it
 *   W5   a HELLO empties the resend queue, and no bulk follows
 *   W6   what is stale in the external cache stays
 *   W7   a bulk is written in one go
 *   W8   what is received is acknowledged when the window is full, or when nothing
 *        was sent for a second
 *   W9   a control message sent again repeats its old greeting
 *   W11  an expectation that comes before its master is never announced
 *   W14  an update is laid over what is cached
 *   W29  the first number is the time in seconds
 *   W33  lost events of expectations are not made up for
 */
#include <assert.h>
#include <stdlib.h>
#include "base/seq.h"
#include "reference_impl.h"
#include "wire/codec.h"
#include "wire/message.h"

/* ---- in ---- */

static void apply(struct reference *r, tick_t now, uint8_t type, const void *v)
{
	const bool is_expect = type >= WIRE_EXP_NEW;
	struct object *o = ref_find(r->ext, is_expect, v);

	if (o && (type != WIRE_CT_UPDATE)) {
		o->used = false;
		o = NULL;
	}
	if (type == WIRE_CT_DESTROY || type == WIRE_EXP_DESTROY)
		return;
	if (o)
		flow_merge(&o->f, v); /* W14 */
	else
		o = ref_add(r->ext, is_expect, v);
	if (o && r->p.cache_timeout)
		o->refresh_at = now + r->p.cache_timeout * TICK_SEC;
}

static void body(struct reference *r, tick_t now, const struct wire_msg *m)
{
	const struct wire_params wp = { 0 };
	struct expect x;
	struct flow f;

	if (m->h.type < WIRE_EXP_NEW) {
		if (wire_flow_decode_any(&wp, m->body, m->body_len, &f) == 0)
			apply(r, now, m->h.type, &f);
	} else if (m->h.type <= WIRE_EXP_DESTROY) {
		if (wire_expect_decode_any(&wp, m->body, m->body_len, &x) == 0)
			apply(r, now, m->h.type, &x);
	}
}

static void on_range(struct reference *r, const struct wire_msg *m)
{
	const bool ack = (m->h.flags & WIRE_F_ACK) != 0;

	for (uint32_t i = 0; i < r->resend.n;) {
		struct element e = r->resend.e[i];

		if (!seq_between(e.seq, m->from, m->to)) {
			i++;
			continue;
		}
		ref_cut(&r->resend, i);
		if (ack) {
			ref_release(r, &e);
			continue;
		}
		if (!e.control)
			r->in[e.object].place = PLACE_QUEUED;
		ref_append(&r->txq, &e); /* W9: with the flags it had */
	}
}

/* False: a header that is not allowed. */
static bool digest(struct reference *r, tick_t now, const struct wire_msg *m)
{
	const uint8_t flags = m->h.flags;

	if (m->h.type <= WIRE_EXP_DESTROY) {
		if (flags & ~WIRE_F_GREETING)
			return false;
		body(r, now, m);
		return true;
	}
	if (m->h.type != WIRE_CONTROL)
		return false;
	if (flags & (WIRE_F_ACK | WIRE_F_NACK)) {
		if (seq_after(m->from, m->to))
			return false;
		on_range(r, m);
		return true;
	}
	if (flags & WIRE_F_RESYNC)
		reference_bulk(r, now);
	return (flags & (WIRE_F_RESYNC | WIRE_F_ALIVE)) != 0;
}

static void empty_resend(struct reference *r)
{
	for (uint32_t i = 0; i < r->resend.n; i++)
		ref_release(r, &r->resend.e[i]);
	r->resend.n = 0;
}

static void greeting_in(struct reference *r, const struct wire_msg *m)
{
	if (m->h.flags & WIRE_F_HELLO) {
		r->answer = true;
		if (r->ack_set && seq_before(m->h.seq, r->ack_from)) {
			r->ack_from = m->h.seq;
			r->countdown = r->p.ack_window - 1;
		}
		empty_resend(r); /* W5 */
	}
	if ((m->h.flags & WIRE_F_HELLO_BACK) && r->greet == SAYING)
		r->greet = DONE;
}

static void acknowledge(struct reference *r, uint32_t to)
{
	ref_queue_control(r, WIRE_F_ACK, r->ack_from, to);
	r->ack_set = false;
}

static void in_order(struct reference *r, uint32_t seq)
{
	if (!r->ack_set)
		r->ack_from = seq;
	r->ack_set = true;
	if (--r->countdown == 0) {
		acknowledge(r, seq);
		r->countdown = r->p.ack_window;
	}
	r->last = seq;
	r->heard = true;
}

static void ftfw_input(struct reference *r, tick_t now, const struct wire_msg *m)
{
	const uint32_t seq = m->h.seq;
	const bool hello = (m->h.flags & WIRE_F_HELLO) != 0;

	greeting_in(r, m);
	if (!hello && r->heard && !seq_after(seq, r->last))
		return;
	if (!digest(r, now, m))
		return;
	if (hello || !r->heard || seq == r->last + 1) {
		in_order(r, seq);
		return;
	}
	if (r->ack_set)
		acknowledge(r, r->last);
	ref_queue_control(r, WIRE_F_NACK, r->last + 1, seq - 1);
	r->countdown = r->p.ack_window - 1;
	r->ack_from = seq;
	r->ack_set = true;
	r->last = seq;
}

static void message(struct reference *r, tick_t now, const struct wire_msg *m)
{
	switch (r->p.mode) {
	case REPL_FTFW:
		ftfw_input(r, now, m);
		break;
	case REPL_ALARM:
		if (!m->h.flags)
			body(r, now, m);
		break;
	case REPL_NOTRACK:
		if (m->h.type <= WIRE_EXP_DESTROY && !(m->h.flags & ~WIRE_F_GREETING))
			body(r, now, m);
		else if (m->h.type == WIRE_CONTROL && (m->h.flags & WIRE_F_RESYNC))
			reference_bulk(r, now);
		break;
	}
}

void reference_input(struct reference *r, tick_t now, const uint8_t *data, size_t len)
{
	struct wire_msg m;
	size_t used;

	while (len && wire_message_next(data, len, &m, &used) == 0) {
		message(r, now, &m);
		data += used;
		len -= used;
	}
}

/* ---- out ---- */

static uint8_t greeting_out(struct reference *r)
{
	uint8_t flags = 0;

	if (r->p.mode != REPL_FTFW)
		return 0;
	if (r->greet != DONE) {
		r->greet = SAYING;
		flags |= WIRE_F_HELLO;
	}
	if (r->answer)
		flags |= WIRE_F_HELLO_BACK;
	r->answer = false;
	return flags;
}

static size_t encode(struct reference *r, const struct element *e, uint8_t *buf, size_t cap)
{
	const struct wire_params wp = { 0 };
	const struct object *o = &r->in[e->object];
	uint8_t type;

	if (e->control)
		return wire_control_put(buf, cap, e->flags, e->seq, e->from, e->to);
	type = o->dead ? 2 : o->type;
	if (o->is_expect)
		return wire_expect_encode(&wp, (uint8_t)(WIRE_EXP_NEW + type), e->flags, e->seq,
					  &o->x, buf, cap);
	return wire_flow_encode(&wp, type, e->flags, e->seq, &o->f, buf, cap);
}

/* Sent: keep it if it may be asked for again. */
static void keep(struct reference *r, const struct element *e)
{
	if (r->p.mode != REPL_FTFW || (e->control && (e->flags & WIRE_F_ALIVE))) {
		ref_release(r, e);
		return;
	}
	if (r->resend.n == r->p.resend_limit) {
		ref_release(r, &r->resend.e[0]);
		ref_cut(&r->resend, 0);
	}
	if (!e->control)
		r->in[e->object].place = PLACE_SENT;
	ref_append(&r->resend, e);
}

size_t reference_datagram(struct reference *r, tick_t now, uint32_t seconds, uint8_t *buf,
			  size_t cap)
{
	size_t len = 0, n;

	if (!r->txq.n)
		return 0;
	while (r->txq.n) {
		struct element e = r->txq.e[0];

		if (!r->counting)
			r->seq = seconds; /* W29 */
		r->counting = true;
		e.seq = r->seq;
		n = encode(r, &e, buf + len, cap - len);
		if (!n || len + n >= cap)
			return len;
		e.flags |= e.control || r->p.mode == REPL_FTFW ? greeting_out(r) : 0;
		encode(r, &e, buf + len, cap - len);
		r->seq++;
		len += n;
		ref_cut(&r->txq, 0);
		if (!e.control)
			e.flags = 0; /* data decides anew each time */
		keep(r, &e);
	}
	r->alive_at = r->p.mode == REPL_ALARM ? TICK_NEVER : now + TICK_SEC;
	return len;
}

/* ---- time ---- */

struct reference *reference_new(const struct reference_params *p, tick_t now)
{
	struct reference *r = calloc(1, sizeof(*r));

	assert(r);
	r->p = *p;
	rng_seed(&r->rng, p->seed);
	r->countdown = p->ack_window;
	r->alive_at = p->mode == REPL_ALARM ? TICK_NEVER : now + TICK_SEC;
	if (p->startup_resync)
		reference_request_resync(r);
	return r;
}

void reference_free(struct reference *r)
{
	free(r);
}

tick_t reference_deadline(const struct reference *r)
{
	tick_t t = r->txq.n ? 0 : r->alive_at;

	for (uint32_t i = 0; r->p.mode == REPL_ALARM && i < OBJECTS; i++) {
		if (r->in[i].used)
			t = tick_min(t, r->in[i].refresh_at);
		if (r->ext[i].used)
			t = tick_min(t, r->ext[i].refresh_at);
	}
	return t;
}

void reference_tick(struct reference *r, tick_t now)
{
	if (r->alive_at <= now) { /* W8: only when nothing was sent */
		r->alive_at = now + TICK_SEC;
		if (r->p.mode == REPL_FTFW && r->ack_set)
			acknowledge(r, r->last);
		else
			ref_queue_control(r, WIRE_F_ALIVE, 0, 0);
	}
	for (uint32_t i = 0; r->p.mode == REPL_ALARM && i < OBJECTS; i++) {
		struct object *o = &r->in[i];

		if (o->used && o->refresh_at <= now) {
			ref_schedule(r, now, o);
			ref_queue_object(r, o);
		}
		if (r->ext[i].used && r->ext[i].refresh_at <= now)
			r->ext[i].used = false;
	}
}

/* ---- operator and reports ---- */

void reference_bulk(struct reference *r, tick_t now)
{
	(void)now;
	if (r->p.mode == REPL_ALARM)
		return;
	for (int expects = 0; expects < 2; expects++)
		for (uint32_t i = 0; i < OBJECTS; i++)
			if (r->in[i].used && r->in[i].is_expect == expects)
				ref_queue_object(r, &r->in[i]);
}

void reference_request_resync(struct reference *r)
{
	if (r->p.mode != REPL_ALARM)
		ref_queue_control(r, WIRE_F_RESYNC, 0, 0);
}

bool reference_next(const struct reference *r, enum engine_cache which, uint32_t *pos,
		    struct engine_entry *out)
{
	const bool expects = which == ECACHE_EXP_INTERNAL || which == ECACHE_EXP_EXTERNAL;
	const struct object *set =
		which == ECACHE_INTERNAL || which == ECACHE_EXP_INTERNAL ? r->in : r->ext;

	for (; *pos < OBJECTS; ++*pos) {
		const struct object *o = &set[*pos];

		if (!o->used || o->dead || o->is_expect != expects)
			continue;
		if (expects)
			out->expect = o->x;
		else
			out->flow = o->f;
		++*pos;
		return true;
	}
	return false;
}

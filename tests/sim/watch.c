// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes over the wire, decoded with the codec:
 *
 *  well-formed  every datagram of ours decodes
 *  range        ACK and NACK have from <= to, and a sensible length
 *  ack-truth    an ACK covers only numbers that reached the acknowledging node
 *  nack-truth   a NACK names only numbers between others that reached it
 *  ack-due      what arrives is acknowledged within a bounded time
 *  storm        messages per virtual second are bounded
 *  resurrect    after a node's destroy was acknowledged, the peer does not hold the
 *               flow until the node speaks of it again
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/seq.h"
#include "wire/codec.h"
#include "wire/message.h"
#include "world.h"

#define STORM_LIMIT 6000u /* messages per second and direction */
#define ACK_MAX     (1u << 16)
#define NACK_MAX    (1u << 20) /* a NACK may take the start of a new life for a gap */
#define ACK_DUE     (1500 * TICK_MSEC)
#define ACK_DUE_ODD (10 * TICK_SEC) /* something of a past life confused them */
#define SILENT      (3 * TICK_SEC)

/* ---- sets of numbers ---- */

static uint64_t *slot_of(const struct numbers *s, uint32_t n)
{
	uint32_t i = n * 2654435761u & (s->size - 1);

	while (s->slot[i] && (uint32_t)s->slot[i] != n)
		i = (i + 1) & (s->size - 1);
	return &s->slot[i];
}

static bool holds(const struct numbers *s, uint32_t n)
{
	return s->size && *slot_of(s, n);
}

static void enter(struct numbers *s, uint32_t n)
{
	struct numbers old = *s;
	uint64_t *slot;

	if (2 * s->n >= s->size) {
		s->size = old.size ? 2 * old.size : 256;
		s->slot = calloc(s->size, sizeof(*s->slot));
		for (uint32_t i = 0; i < old.size; i++)
			if (old.slot[i])
				*slot_of(s, (uint32_t)old.slot[i]) = old.slot[i];
		free(old.slot);
	}
	slot = slot_of(s, n);
	s->n += !*slot;
	*slot = (uint64_t)1 << 32 | n;
}

static void empty(struct numbers *s)
{
	free(s->slot);
	*s = (struct numbers){ 0 };
}

/* ---- lives ---- */

static void forget_said(struct watch *o)
{
	memset(o->said, 0, sizeof(o->said));
	o->nended = 0;
}

/* What is known of this past life; NULL if a later one has its place. */
static struct past *past_of(struct watch *o, uint32_t life)
{
	struct past *p = &o->past[life % PAST_LIVES];

	if (p->life < life)
		*p = (struct past){ .life = life };
	return p->life == life ? p : NULL;
}

static bool any_past(const struct watch *o)
{
	for (uint32_t i = 0; i < PAST_LIVES; i++)
		if (o->past[i].span.any)
			return true;
	return false;
}

void watch_start(struct world *w, uint8_t node)
{
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		struct watch *in = &w->watch[node][i], *out = &w->watch[i][node];

		empty(&in->seen);
		in->span = in->forged = (struct span){ 0 };
		memset(in->past, 0, sizeof(in->past));
		in->owed_since = TICK_NEVER;
		in->odd = false;
		out->life = w->n[node].life;
		out->greeted = false;
		if (out->span.any && !node_is_reference(w, node)) {
			past_of(out, w->n[node].life - 1)->span = out->span;
			out->span = (struct span){ 0 };
		}
		forget_said(in);
		forget_said(out);
	}
}

void watch_fini(struct world *w)
{
	for (uint8_t i = 0; i < NODES; i++)
		for (uint8_t k = 0; k < NODES; k++)
			empty(&w->watch[i][k].seen);
}

void watch_stalled(struct world *w, uint8_t node)
{
	for (uint8_t i = 0; i < w->s.nodes; i++)
		if (w->watch[node][i].owed_since != TICK_NEVER)
			w->watch[node][i].owed_since = w->n[node].stalled;
}

/* ---- numbers ---- */

static void widen(struct span *s, uint32_t n)
{
	if (!s->any)
		*s = (struct span){ .any = true, .min = n, .max = n };
	if (seq_before(n, s->min))
		s->min = n;
	if (seq_after(n, s->max))
		s->max = n;
}

/* A message of a past life arrives: those of several may wait, in any order. */
static void widen_past(struct watch *o, uint32_t life, uint32_t n)
{
	struct past *p = past_of(o, life);

	if (p)
		widen(&p->span, n);
}

static bool within(const struct span *s, uint32_t from, uint32_t to)
{
	return s->any && !seq_before(from, s->min) && seq_before(to, s->max);
}

/*
 * Numbers from "before" on. If the present life goes on where it ended, those in
 * between may be asked for too: nobody can know that they were never sent.
 */
static bool within_joined(const struct watch *o, struct span before, uint32_t from, uint32_t to)
{
	if (before.any && o->span.any && o->span.min - before.max < NACK_MAX) {
		widen(&before, o->span.min);
		widen(&before, o->span.max);
	}
	return within(&before, from, to);
}

/*
 * Numbers between two that arrived, of one life of the sender, this or a past one.
 * A forged one may have been taken for the first of the present life. It says
 * nothing about the lives before: what is under way of those still shows its gaps.
 */
static bool in_gap(const struct watch *o, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < PAST_LIVES; i++)
		if (within_joined(o, o->past[i].span, from, to))
			return true;
	return within(&o->span, from, to) || within_joined(o, o->forged, from, to);
}

static void check_range(struct world *w, uint8_t from, uint8_t to, const struct wire_msg *m)
{
	const struct watch *o = &w->watch[from][to];
	const bool ack = (m->h.flags & WIRE_F_ACK) != 0;

	if (seq_diff(m->to, m->from) < 0 || m->to - m->from >= (ack ? ACK_MAX : NACK_MAX)) {
		world_fail(w, "range", "node %u: %s of %u..%u", from, ack ? "ACK" : "NACK", m->from,
			   m->to);
		return;
	}
	if (!ack && !in_gap(o, m->from, m->to))
		world_fail(w, "nack-truth", "node %u asks node %u for %u..%u, no gap in %u..%u",
			   from, to, m->from, m->to, o->span.min, o->span.max);
	for (uint32_t n = m->from; ack && !w->broken; n++) {
		if (!holds(&o->seen, n))
			world_fail(w, "ack-truth",
				   "node %u acknowledges %u of %u..%u to node %u, never received",
				   from, n, m->from, m->to, to);
		if (n == m->to)
			return;
	}
}

/*
 * Which of two numberings is the peer's shows only in what arrives further: a
 * link that is cut meanwhile makes nothing due.
 */
static bool ack_overdue(const struct world *w, const struct watch *o)
{
	if (o->odd)
		return tick_since(o->heard, o->owed_since) > ACK_DUE_ODD;
	return tick_since(w->now, o->owed_since) > ACK_DUE;
}

void watch_acks_due(struct world *w, uint8_t node)
{
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		const struct watch *o = &w->watch[node][i];

		if (ack_overdue(w, o))
			world_fail(w, "ack-due",
				   "node %u has acknowledged nothing of node %u for too long", node,
				   i);
	}
}

static void count_storm(struct world *w, uint8_t from, uint8_t to)
{
	struct watch *o = &w->watch[to][from];

	if (w->now - o->second >= TICK_SEC) {
		o->second = w->now;
		o->sent = 0;
	}
	if (++o->sent > o->most_sent)
		o->most_sent = o->sent;
	if (o->sent > STORM_LIMIT)
		world_fail(w, "storm", "node %u sent node %u %u messages within a second", from, to,
			   o->sent);
}

/* ---- flows ---- */

static bool flow_of(const struct wire_msg *m, struct flow *f)
{
	const struct wire_params wp = { 0 };

	return m->h.type <= WIRE_CT_DESTROY && wire_flow_decode(&wp, m->body, m->body_len, f) == 0;
}

static void note_said(struct watch *o, const struct wire_msg *m, const struct flow *f)
{
	const uint32_t key = kernel_key(f);

	o->nended -= o->said[key] == SAID_ENDED;
	o->said[key] = m->h.type == WIRE_CT_DESTROY ? SAID_ENDED : SAID_LIVES;
	o->said_seq[key] = m->h.seq;
	o->nended += o->said[key] == SAID_ENDED;
}

/* Node "to" is told that node "by" has from..to. */
static void note_acked(struct watch *o, const struct wire_msg *m)
{
	for (uint32_t key = 0; key < KEYS && o->nended; key++) {
		if (o->said[key] != SAID_ENDED || !seq_between(o->said_seq[key], m->from, m->to))
			continue;
		o->said[key] = SAID_ENDED_ACKED;
		o->nended--;
	}
}

/* --verbose: every message, when it is sent (">") and when it arrives. */
static void tell(struct world *w, uint8_t from, uint8_t to, const char *how,
		 const struct wire_msg *m)
{
	static const char *const types[] = { "new",     "update",     "destroy",
					     "exp-new", "exp-update", "exp-destroy" };
	struct flow f;

	if (!w->verbose)
		return;
	if (m->h.type == WIRE_CONTROL)
		world_trace(w, "%u %s %u: %u%s%s%s%s%s%s %u..%u", from, how, to, m->h.seq,
			    m->h.flags & WIRE_F_HELLO ? " HELLO" : "",
			    m->h.flags & WIRE_F_HELLO_BACK ? " HELLO_BACK" : "",
			    m->h.flags & WIRE_F_ACK ? " ACK" : "",
			    m->h.flags & WIRE_F_NACK ? " NACK" : "",
			    m->h.flags & WIRE_F_RESYNC ? " RESYNC" : "",
			    m->h.flags & WIRE_F_ALIVE ? " ALIVE" : "", m->from, m->to);
	else if (m->h.type <= WIRE_EXP_DESTROY)
		world_trace(w, "%u %s %u: %u%s%s %s %u", from, how, to, m->h.seq,
			    m->h.flags & WIRE_F_HELLO ? " HELLO" : "",
			    m->h.flags & WIRE_F_HELLO_BACK ? " HELLO_BACK" : "", types[m->h.type],
			    flow_of(m, &f) ? kernel_key(&f) : 0);
}

void watch_sent(struct world *w, uint8_t from, uint8_t to, const uint8_t *data, size_t len)
{
	const bool ours = w->n[from].e != NULL;
	struct wire_msg m;
	struct flow f;
	size_t used;

	for (; len && !w->broken; data += used, len -= used) {
		if (wire_message_next(data, len, &m, &used) < 0) {
			world_fail(w, "well-formed", "node %u sent an undecodable message", from);
			return;
		}
		tell(w, from, to, ">", &m);
		if (flow_of(&m, &f)) {
			note_said(&w->watch[to][from], &m, &f);
			if (ours && m.h.type != WIRE_CT_DESTROY) /* an end may have waited */
				oracle_announced(w, from, &f);
		}
		if (!ours)
			continue;
		count_storm(w, from, to);
		if (m.h.type != WIRE_CONTROL)
			continue;
		if (m.h.flags & WIRE_F_ACK)
			w->watch[from][to].owed_since = TICK_NEVER;
		if (m.h.flags & (WIRE_F_ACK | WIRE_F_NACK))
			check_range(w, from, to, &m);
	}
}

/*
 * The answer to a greeting of a past life ends that of the present one, as nothing
 * on the wire tells them apart. If all of it was lost, the receiver meets the new
 * numbering without a HELLO and cannot believe it at once.
 */
static void note_greeting(struct watch *o, uint8_t flags)
{
	o->greeted = o->greeted || (flags & WIRE_F_HELLO);
	o->odd = o->odd || (!o->greeted && any_past(o));
}

/* While it is unclear of whom an ACK is due, its time begins anew after a silence. */
static void note_heard(struct world *w, struct watch *o)
{
	if (o->odd && o->owed_since != TICK_NEVER && tick_since(w->now, o->heard) > SILENT)
		o->owed_since = w->now;
	o->heard = w->now;
}

void watch_delivered(struct world *w, uint8_t to, const struct dgram *d)
{
	struct watch *o = &w->watch[to][d->from];
	const bool now = d->life == o->life;
	const uint8_t *data = d->data;
	size_t used, len = d->len;
	struct wire_msg m;
	struct flow f;

	o->odd = o->odd || !now;
	if (o->heard_life != d->life)
		o->heard_since = w->now;
	o->heard_life = d->life;
	note_heard(w, o);
	for (; len && wire_message_next(data, len, &m, &used) == 0; data += used, len -= used) {
		tell(w, d->from, to, "->", &m);
		if (w->n[to].commit.running && flow_of(&m, &f))
			oracle_told(w, to, d->from, &f);
		if (now)
			note_greeting(o, m.h.flags);
		if (w->s.mode == REPL_FTFW && w->n[to].e && now && o->owed_since == TICK_NEVER &&
		    (!o->span.any || seq_after(m.h.seq, o->span.max)))
			o->owed_since = w->now;
		if (w->s.mode == REPL_FTFW)
			enter(&o->seen, m.h.seq);
		if (now || (node_is_reference(w, d->from) && d->life != NET_FORGED))
			widen(&o->span, m.h.seq);
		else if (d->life == NET_FORGED)
			o->forged = (struct span){ .any = true, .min = m.h.seq, .max = m.h.seq };
		else
			widen_past(o, d->life, m.h.seq);
		if (now && m.h.type == WIRE_CONTROL && (m.h.flags & WIRE_F_ACK) &&
		    !node_is_reference(w, to)) /* it may mean a number of its past life */
			note_acked(&w->watch[d->from][to], &m);
	}
}

void watch_applied(struct world *w, uint8_t to, const struct dgram *d)
{
	const struct watch *o = &w->watch[to][d->from];
	const uint8_t *data = d->data;
	size_t used, len = d->len;
	struct wire_msg m;
	struct flow f;

	/* Who never met the sender's past life cannot know that this is of it. */
	if (!w->n[to].e || (d->life != o->life && (node_is_reference(w, d->from) ||
						   w->oracle.n[to].life_began + TICK_SEC >
							   w->oracle.n[d->from].life_began)))
		return;
	for (; len && wire_message_next(data, len, &m, &used) == 0; data += used, len -= used)
		if (flow_of(&m, &f) && o->said[kernel_key(&f)] == SAID_ENDED_ACKED &&
		    oracle_holds(w, to, d->from, &f))
			world_fail(w, "resurrect",
				   "node %u holds flow %u of node %u again, whose end it "
				   "acknowledged",
				   to, kernel_key(&f), d->from);
}

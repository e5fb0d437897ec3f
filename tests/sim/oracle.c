// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The invariants. Watches the datagrams from outside, decodes them with the
 * codec, and looks into the engines only through their reports.
 *
 *  ack-truth   an ACK covers only numbers that reached the acknowledging node
 *  nack-truth  a NACK names only numbers between others that reached it
 *  ack-due     what arrives is acknowledged within a bounded time
 *  storm       messages per virtual second are bounded
 *  bounded     unacknowledged elements, cache entries and memory have a ceiling
 *  own-quiet   what a node injected itself is not announced by it
 *  converge    after healing, each external cache equals the owner's internal one
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/seq.h"
#include "flow/print.h"
#include "wire/codec.h"
#include "wire/message.h"
#include "world.h"

#define STORM_LIMIT 20000u
#define RANGE_MAX   (1u << 20)   /* a NACK may take the start of a new life for a gap */
#define CONTROL_SPARE 1024u    /* control messages do not count against the limit */
#define ACK_DUE     (1500 * TICK_MSEC)

/* ---- numbers that reached a node ---- */

static uint32_t slot_of(const struct oracle *o, uint32_t n)
{
	uint32_t i = n * 2654435761u % SIM_SEEN;

	while (o->used[i] && o->seen[i] != n)
		i = (i + 1) % SIM_SEEN;
	return i;
}

static bool seen(const struct oracle *o, uint32_t n)
{
	return o->used[slot_of(o, n)];
}

static void note(struct oracle *o, uint32_t n)
{
	const uint32_t i = slot_of(o, n);
	struct span *s = &o->span[0];

	if (!o->used[i] && o->nseen < SIM_SEEN - 1) {
		o->used[i] = true;
		o->seen[i] = n;
		o->nseen++;
	}
	if (!s->any)
		*s = (struct span){ .any = true, .min = n, .max = n };
	if (seq_before(n, s->min))
		s->min = n;
	if (seq_after(n, s->max))
		s->max = n;
}

/* Numbers between two that arrived, of this life of the sender or the one before. */
static bool in_gap(const struct oracle *o, uint32_t from, uint32_t to)
{
	for (int i = 0; i < 2; i++) {
		const struct span *s = &o->span[i];

		if (s->any && !seq_before(from, s->min) && seq_before(to, s->max))
			return true;
	}
	return false;
}

void oracle_restart(struct world *w, uint8_t node)
{
	struct oracle *peer = &w->n[1 - node].from_peer;

	memset(&w->n[node].from_peer, 0, sizeof(w->n[node].from_peer));
	w->n[node].from_peer.owed_since = TICK_NEVER;
	peer->span[1] = peer->span[0];
	peer->span[0] = (struct span){ 0 };
}

static void check_range(struct world *w, uint8_t from, const struct wire_msg *m)
{
	const struct oracle *o = &w->n[from].from_peer;
	const bool ack = (m->h.flags & WIRE_F_ACK) != 0;

	if (seq_diff(m->to, m->from) < 0 || m->to - m->from >= (ack ? SIM_SEEN : RANGE_MAX)) {
		world_fail(w, "range", "node %u: %s of %u..%u", from, ack ? "ACK" : "NACK", m->from,
			   m->to);
		return;
	}
	if (!ack && !in_gap(o, m->from, m->to))
		world_fail(w, "nack-truth", "node %u asks for %u..%u, no gap in %u..%u", from, m->from,
			   m->to, o->span[0].min, o->span[0].max);
	for (uint32_t n = m->from; ack; n++) {
		if (!seen(o, n))
			world_fail(w, "ack-truth", "node %u acknowledges %u of %u..%u, never received",
				   from, n, m->from, m->to);
		if (n == m->to || w->broken)
			return;
	}
}

/*
 * A flow that this node never spoke of and then injected stays its secret until
 * a bulk, or lost events, or a packet make it news.
 */
static void check_own_quiet(struct world *w, uint8_t from, const struct wire_msg *m)
{
	const struct wire_params wp = { 0 };
	struct engine_stats st;
	struct node *n = &w->n[from];
	bool *told;
	struct flow f;

	if (wire_flow_decode(&wp, m->body, m->body_len, &f) < 0)
		return;
	told = &n->told[f.orig.src.b[2]][kernel_number(&f)];
	engine_get_stats(n->e, &st);
	if (st.peer[0].bulks != n->bulks_at_commit || st.peer[0].bulk_running ||
	    st.overruns != n->overruns_at_commit)
		n->quiet_owed = false;
	for (int i = 0; i < SIM_FLOWS && n->quiet_owed && !*told; i++)
		if (n->k.flows[i].used && n->k.flows[i].injected &&
		    tuple_equal(&n->k.flows[i].f.orig, &f.orig) && n->k.flows[i].f.zone == f.zone)
			world_fail(w, "own-quiet", "node %u announces flow %u that it injected", from,
				   kernel_number(&f));
	*told = true;
}

static void count_storm(struct world *w, uint8_t from)
{
	struct oracle *o = &w->n[from].from_peer;

	if (w->now - o->second >= TICK_SEC) {
		o->second = w->now;
		o->sent_msgs = 0;
	}
	if (++o->sent_msgs > STORM_LIMIT)
		world_fail(w, "storm", "node %u sent %" PRIu64 " messages within a second", from,
			   o->sent_msgs);
}

void oracle_sent(struct world *w, uint8_t from, const uint8_t *data, size_t len)
{
	struct wire_msg m;
	size_t used;

	while (len && !w->broken) {
		if (wire_message_next(data, len, &m, &used) < 0) {
			world_fail(w, "well-formed", "node %u sent an undecodable message", from);
			return;
		}
		count_storm(w, from);
		if (m.h.type == WIRE_CONTROL && (m.h.flags & WIRE_F_ACK))
			w->n[from].from_peer.owed_since = TICK_NEVER;
		if (m.h.type == WIRE_CONTROL && (m.h.flags & (WIRE_F_ACK | WIRE_F_NACK)))
			check_range(w, from, &m);
		else if (m.h.type <= WIRE_CT_DESTROY)
			check_own_quiet(w, from, &m);
		data += used;
		len -= used;
	}
}

/* Before the engine sees it: an ACK may go out in the same turn. */
void oracle_delivered(struct world *w, uint8_t to, const uint8_t *data, size_t len)
{
	struct oracle *o = &w->n[to].from_peer;
	struct wire_msg m;
	size_t used;

	while (len) {
		if (wire_message_next(data, len, &m, &used) < 0)
			return;
		if (o->owed_since == TICK_NEVER && seq_after(m.h.seq, o->span[0].max))
			o->owed_since = w->now;
		note(o, m.h.seq);
		data += used;
		len -= used;
	}
}

void oracle_step(struct world *w)
{
	struct engine_stats st;

	for (uint8_t i = 0; i < SIM_NODES; i++) {
		if (!w->n[i].up)
			continue;
		engine_get_stats(w->n[i].e, &st);
		if (w->mode == REPL_FTFW && tick_since(w->now, w->n[i].from_peer.owed_since) > ACK_DUE)
			world_fail(w, "ack-due", "node %u has acknowledged nothing for too long", i);
		if (st.peer[0].window_objects > st.peer[0].window_max ||
		    st.peer[0].window - st.peer[0].window_objects > CONTROL_SPARE)
			world_fail(w, "bounded", "node %u: %u elements, %u objects unacknowledged, limit %u",
				   i, st.peer[0].window, st.peer[0].window_objects,
				   st.peer[0].window_max);
		for (int c = 0; c < 4; c++)
			if (st.cache[c].objects > 4 * SIM_FLOWS || st.cache[c].bytes > 4u << 20)
				world_fail(w, "bounded", "node %u: cache %d holds %u entries, %zu bytes",
					   i, c, st.cache[c].objects, st.cache[c].bytes);
	}
}

/* ---- convergence ---- */

struct listing {
	uint32_t n;
	struct flow f[SIM_FLOWS * 4];
};

static void list(struct engine *e, enum engine_cache which, struct listing *l)
{
	struct engine_walk walk = { .which = which };
	struct engine_entry en;
	uint32_t budget = UINT32_MAX;

	l->n = 0;
	while (engine_walk_next(e, &walk, &budget, &en) == 1 && l->n < SIM_FLOWS * 4)
		l->f[l->n++] = en.flow;
}

static const struct flow *lookup(const struct listing *l, const struct flow *f)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (tuple_equal(&l->f[i].orig, &f->orig) && l->f[i].zone == f->zone)
			return &l->f[i];
	return NULL;
}

/* Does the copy say what the owner's flow says? Timeouts are remaining ones. */
static bool same_meaning(const struct flow *own, const struct flow *copy)
{
	struct tuple ra, rb;

	flow_reply(own, &ra);
	flow_reply(copy, &rb);
	return tuple_equal(&ra, &rb) && own->status == copy->status && own->state == copy->state &&
	       own->mark == copy->mark &&
	       (own->has & FLOW_HAS_MARK) == (copy->has & FLOW_HAS_MARK);
}

static void explain(struct world *w, const struct flow *own, const struct flow *copy)
{
	struct strbuf b;
	char line[PRINT_LINE_MAX];

	strbuf_init(&b, line, sizeof(line));
	print_flow(&b, own, false);
	world_trace(w, "own  %x %s", own->status, line);
	strbuf_init(&b, line, sizeof(line));
	print_flow(&b, copy, false);
	world_trace(w, "copy %x %s", copy->status, line);
}

static bool differs(struct world *w, bool complain, uint8_t owner, const char *what, uint32_t number)
{
	if (complain)
		world_fail(w, "converge", "flow %u of node %u is %s on its peer", number, owner, what);
	return false;
}

static bool pair_converged(struct world *w, uint8_t owner, bool complain)
{
	static struct listing own, copy;
	const struct node *n = &w->n[owner];

	list(n->e, ECACHE_INTERNAL, &own);
	list(w->n[1 - owner].e, ECACHE_EXTERNAL, &copy);
	for (uint32_t i = 0; i < own.n; i++) {
		const struct flow *c = lookup(&copy, &own.f[i]);

		if (!c)
			return differs(w, complain, owner, "missing", kernel_number(&own.f[i]));
		if (!same_meaning(&own.f[i], c)) {
			if (complain)
				explain(w, &own.f[i], c);
			return differs(w, complain, owner, "different", kernel_number(&own.f[i]));
		}
	}
	for (uint32_t i = 0; i < copy.n; i++)
		if (!lookup(&own, &copy.f[i]) && !n->excused[kernel_number(&copy.f[i])])
			return differs(w, complain, owner, "stale", kernel_number(&copy.f[i]));
	return true;
}

/* The internal cache against the kernel itself. */
static bool kernel_matches(struct world *w, uint8_t node, bool complain)
{
	static struct listing own;
	const struct node *n = &w->n[node];
	uint32_t live = 0;

	list(n->e, ECACHE_INTERNAL, &own);
	for (int i = 0; i < SIM_FLOWS; i++) {
		if (!n->k.flows[i].used)
			continue;
		live++;
		if (!lookup(&own, &n->k.flows[i].f)) {
			if (complain)
				world_fail(w, "kernel", "node %u: flow %u is in the kernel only", node,
					   kernel_number(&n->k.flows[i].f));
			return false;
		}
	}
	if (live != own.n) {
		if (complain)
			world_fail(w, "kernel", "node %u: %u flows cached, %u in the kernel", node, own.n,
				   live);
		return false;
	}
	return true;
}

bool oracle_converged(struct world *w, bool complain)
{
	for (uint8_t i = 0; i < SIM_NODES; i++)
		if (!kernel_matches(w, i, complain) || !pair_converged(w, i, complain))
			return false;
	return true;
}

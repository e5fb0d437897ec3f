// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tests of the modes have in common: nodes with a table each. */
#include "node.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node a, b;
tick_t now = SECS(1000);

struct engine_params node_params(uint64_t seed, enum repl_mode mode)
{
	return (struct engine_params){
		.seed = seed,
		.npeers = 1,
		.repl = { .mode = mode,
			  .ack_window = 300,
			  .resend_limit = 1000,
			  .cures = REPL_CURES_ALL,
			  .ident = true },
		.cache_limit = 1000,
		.expect_sync = true,
		.purge_timeout = 60,
		.overrun_resync = 30,
		.log = &kept_log,
	};
}

void node_restart(struct node *n, const struct engine_params *p)
{
	engine_free(n->e);
	n->e = engine_new(p, now);
	cr_assert(n->e);
	cr_assert_geq(engine_load(n->e, 0), 0);
	settle();
}

void nodes_start(const struct engine_params *p)
{
	struct engine_params q = *p;

	a = b = (struct node){ .events = true };
	a.table = calloc(1, sizeof(*a.table));
	b.table = calloc(1, sizeof(*b.table));
	q.seed = 1;
	a.e = engine_new(&q, now);
	q.seed = 2;
	b.e = engine_new(&q, now);
	cr_assert(a.e && b.e && a.table && b.table);
	node_restart(&b, &q);
	q.seed = 1;
	node_restart(&a, &q);
}

void nodes_stop(void)
{
	engine_free(a.e);
	engine_free(b.e);
	free(a.table);
	free(b.table);
}

static void tell(struct node *n, enum event_kind k, enum event_origin o, const struct flow *f)
{
	if (n->events)
		engine_flow_event(n->e, now, k, o, f);
}

/* Told after the results: the socket of events is read later. */
static struct {
	enum event_kind kind;
	struct flow flow;
} own[KOP_BATCH];
static size_t nown;

static void note(enum event_kind k, const struct flow *f)
{
	own[nown].kind = k;
	own[nown++].flow = *f;
}

static void carry_out(struct node *n, struct kernel_op *op)
{
	struct flow *f;
	struct flow was;

	flow_init(&was);
	f = table_find(n->table, &op->flow.orig, op->flow.zone);
	if (f)
		was = *f;
	table_apply(n->table, op);
	if (op->err || op->kind >= KOP_EXP_CREATE || op->kind == KOP_GET)
		return;
	f = in_table(n, &op->flow);
	if (op->kind == KOP_DELETE)
		note(EVENT_DESTROY, &was);
	else
		note(op->kind == KOP_CREATE ? EVENT_NEW : EVENT_UPDATE, f);
}

static bool operations(struct node *n)
{
	struct kernel_op ops[KOP_BATCH];
	const size_t got = engine_kernel_ops(n->e, now, ops, KOP_BATCH);

	for (size_t i = 0; i < got; i++)
		carry_out(n, &ops[i]);
	if (got)
		engine_kernel_results(n->e, now, ops, got);
	for (size_t i = 0; i < nown; i++)
		tell(n, own[i].kind, ORIGIN_OWN, &own[i].flow);
	nown = 0;
	return got > 0;
}

static bool effects(struct node *n)
{
	struct effect eff;
	bool any = false;

	while (engine_effect(n->e, now, &eff)) {
		any = true;
		if (eff.kind == EFFECT_JOB_DONE)
			continue;
		for (uint32_t i = 0; i < n->table->nflows && eff.kind == EFFECT_DUMP_FLOWS; i++) {
			while (!engine_dump_wanted(n->e) && (deliver(&a, &b) || deliver(&b, &a)))
				;
			if (n->table->flows[i].present)
				engine_dump_flow(n->e, now, &n->table->flows[i].flow);
		}
		for (uint32_t i = 0; i < n->table->nexpects && eff.kind == EFFECT_DUMP_EXPECTS; i++)
			engine_dump_expect(n->e, now, &n->table->expects[i]);
		engine_dump_end(n->e, now, n->dump_err);
		n->dump_err = 0;
	}
	return any;
}

bool deliver(struct node *from, struct node *to)
{
	struct engine_stats st;
	uint8_t buf[1472];
	size_t len;

	engine_get_stats(from->e, &st);
	len = st.npeers ? engine_datagram(from->e, now, 0, buf, sizeof(buf)) : 0;
	if (len)
		engine_input(to->e, now, 0, buf, len);
	return len > 0;
}

void settle(void)
{
	bool more = true;

	while (more) {
		for (int i = 0; i < 3; i++) {
			if (engine_deadline(a.e) <= now)
				engine_tick(a.e, now);
			if (engine_deadline(b.e) <= now)
				engine_tick(b.e, now);
		}
		more = effects(&a) | effects(&b) | operations(&a) | operations(&b);
		more |= deliver(&a, &b) | deliver(&b, &a);
	}
}

static void age(struct node *n)
{
	for (uint32_t i = 0; i < n->table->nflows; i++) {
		struct flow gone = n->table->flows[i].flow;

		if (!n->table->flows[i].present || --n->table->flows[i].flow.timeout)
			continue;
		table_remove(n->table, gone.id);
		tell(n, EVENT_DESTROY, ORIGIN_KERNEL, &gone);
	}
}

void run_for(tick_t d)
{
	const tick_t end = now + d;

	while (now < end) {
		now += 50 * TICK_MSEC;
		if (now % TICK_SEC == 0) {
			age(&a);
			age(&b);
		}
		settle();
	}
}

/* ---- traffic ---- */

struct flow *in_table(struct node *n, const struct flow *f)
{
	return table_find(n->table, &f->orig, f->zone);
}

void traffic_new(struct node *n, const struct flow *f)
{
	tell(n, EVENT_NEW, ORIGIN_KERNEL, table_put(n->table, f));
}

void traffic_update(struct node *n, const struct flow *f)
{
	struct flow *k = in_table(n, f);

	k->state = f->state;
	k->status |= f->status;
	k->timeout = f->timeout;
	tell(n, EVENT_UPDATE, ORIGIN_KERNEL, k);
}

void traffic_refresh(struct node *n, const struct flow *f, uint32_t timeout)
{
	in_table(n, f)->timeout = timeout;
}

void traffic_end(struct node *n, const struct flow *f)
{
	struct flow gone = *in_table(n, f);

	table_remove(n->table, gone.id);
	tell(n, EVENT_DESTROY, ORIGIN_KERNEL, &gone);
}

uint32_t listed(struct node *n, enum engine_cache which, struct engine_entry *first)
{
	struct engine_walk w = { .which = which };
	struct engine_entry en;
	uint32_t budget = 100000, count = 0;

	while (engine_walk_next(n->e, &w, &budget, &en) == 1)
		if (count++ == 0 && first)
			*first = en;
	return count;
}

struct flow tcp_flow(uint16_t sport)
{
	struct flow f = tcp_sample(sport, 0);

	f.has &= ~FLOW_HAS_ID;
	return f;
}

struct flow udp_flow(uint16_t sport, uint32_t timeout)
{
	struct flow f = tcp_flow(sport);

	f.has &= ~FLOW_HAS_STATE;
	f.state = 0;
	f.orig.proto = IPP_UDP;
	f.timeout = timeout;
	tuple_invert(&f.orig, &f.reply);
	return f;
}

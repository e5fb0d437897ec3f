// SPDX-License-Identifier: GPL-2.0-or-later
/* Commits of many flows: bounded slices, changing caches, random histories. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "failover/commit.h"
#include "gen.h"
#include "table_model.h"

#define NOW  (1000 * TICK_SEC)
#define MANY 10000

static struct table table;
static uint32_t unpacked;

static void counting_unpack(enum pack_class k, const uint8_t *fixed, const uint8_t *ext,
			    size_t ext_len, void *obj)
{
	unpacked++;
	pack_flow.unpack(k, fixed, ext, ext_len, obj);
}

static struct pack_ops counting_ops(void)
{
	struct pack_ops ops = pack_flow;

	ops.unpack = counting_unpack;
	return ops;
}

static struct cache *make(const struct pack_ops *ops)
{
	struct cache_params p = { .ops = ops, .limit = 50000, .secret = 1 };
	struct cache *c = cache_new(&p);

	cr_assert_not_null(c);
	return c;
}

static cache_ref add(struct cache *c, const struct flow *f)
{
	cache_ref ref;

	cr_assert_eq(cache_add(c, NOW, f, &ref), 0);
	return ref;
}

/* One batch; returns its size. */
static size_t batch(struct commit *c, tick_t now, size_t cap)
{
	static struct kernel_op ops[KOP_BATCH];
	static struct commit_failure f;
	size_t n = commit_next(c, now, ops, cap), i;

	table_apply_batch(&table, ops, n, cap);
	for (i = 0; i < n; i++) {
		if (commit_result(c, now, &ops[i], &f))
			cr_assert_eq(f.is_expect, false);
	}
	return n;
}

Test(bulk, a_slice_looks_at_a_bounded_number_of_places)
{
	struct pack_ops ops = counting_ops();
	struct commit_params p = { .flows = make(&ops) };
	uint32_t i, calls = 0, empty = 0;
	struct commit_stats st;
	struct commit *c;
	struct flow f;

	for (i = 0; i < 40000; i++) {
		gen_flow_tcp4(i, &f);
		f.has |= FLOW_HAS_TIMEOUT;
		f.timeout = 1;
		add((struct cache *)(uintptr_t)p.flows, &f);
	}
	c = commit_new(&p, NOW + 5 * TICK_SEC);
	while (!commit_finished(c)) {
		unpacked = 0;
		empty += batch(c, NOW + 5 * TICK_SEC, 64) == 0;
		calls++;
		cr_assert_leq(unpacked, COMMIT_SLICE);
	}
	commit_get_stats(c, &st);
	cr_assert_eq(st.flows_expired, 40000);
	cr_assert_eq(empty, calls);
	cr_assert_geq(calls, 40000 / COMMIT_SLICE);
	cr_assert_leq(calls, 40000 / COMMIT_SLICE + 2);
	commit_free(c);
	cache_free((struct cache *)(uintptr_t)p.flows);
}

Test(bulk, one_walk_is_enough_when_nobody_has_a_master)
{
	struct pack_ops ops = counting_ops();
	struct cache *flows = make(&ops);
	struct commit_params p = { .flows = flows };
	struct commit *c;
	struct flow f;
	uint32_t i;

	for (i = 0; i < 5000; i++) {
		gen_flow_tcp4(i, &f);
		add(flows, &f);
	}
	unpacked = 0;
	c = commit_new(&p, NOW);
	while (!commit_finished(c))
		batch(c, NOW, 64);
	cr_assert_eq(unpacked, 5000);
	cr_assert_eq(table.ops[KOP_CREATE], 5000);
	commit_free(c);
	cache_free(flows);
}

Test(bulk, a_second_walk_serves_children_and_no_third_follows)
{
	struct pack_ops ops = counting_ops();
	struct cache *flows = make(&ops);
	struct commit_params p = { .flows = flows };
	struct commit *c;
	struct flow f, m;
	uint32_t i;

	for (i = 0; i < 200; i++) {
		gen_flow_tcp4(i, &f);
		if (i % 2) {
			gen_flow_tcp4(i - 1, &m);
			f.master = m.orig;
			f.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
		}
		add(flows, &f);
	}
	unpacked = 0;
	c = commit_new(&p, NOW);
	while (!commit_finished(c))
		batch(c, NOW, 64);
	/* Two walks over all, and each child's master looked at once. */
	cr_assert_eq(unpacked, 200 + 200 + 100);
	cr_assert_eq(table.ops[KOP_CREATE], 200);
	commit_free(c);
	cache_free(flows);
}

Test(bulk, the_cache_may_change_meanwhile)
{
	struct cache *flows = make(&pack_flow);
	struct commit_params p = { .flows = flows };
	static cache_ref ref[3000];
	struct commit_stats st;
	struct commit *c;
	uint32_t i, k, next = 3000;
	struct rng r;
	struct flow f;

	rng_seed(&r, 5);
	for (i = 0; i < 3000; i++) {
		gen_flow_key(i, &f);
		gen_flow_body(&r, &f);
		f.has &= ~FLOW_HAS_SNAT;
		ref[i] = add(flows, &f);
	}
	c = commit_new(&p, NOW);
	while (!commit_finished(c)) {
		batch(c, NOW, 1 + rng_below(&r, 64));
		for (k = 0; k < 10; k++) {
			/* Ended and replaced by another, maybe in the same place. */
			i = rng_below(&r, 3000);
			cache_del(flows, ref[i]);
			gen_flow_key(next++, &f);
			gen_flow_body(&r, &f);
			ref[i] = add(flows, &f);
		}
	}
	commit_get_stats(c, &st);
	cr_assert_gt(st.flows_new, 1500);
	cr_assert_eq(st.flows_failed, 0);
	cr_assert_eq(st.flows_new, table_count(&table));
	commit_free(c);
	cache_free(flows);
}

/* ---- ten thousand flows meet a table that is not empty ---- */

struct fate {
	struct flow flow;
	uint32_t live_id; /* an answered flow of the kernel in its place */
};

static struct fate fates[MANY];

/* Translations that no two flows share. */
static void own_translation(uint32_t n, struct flow *f)
{
	struct addr *to = f->has & FLOW_HAS_REPLY ? &f->reply.dst : &f->snat;
	unsigned int at = f->orig.family == FAM_IP6 ? 12 : 0;

	if (!(f->status & CTS_SRC_NAT))
		return;
	to->b[at + 1] = (uint8_t)(n >> 16);
	to->b[at + 2] = (uint8_t)(n >> 8);
	to->b[at + 3] = (uint8_t)n;
}

/* What traffic may have left in the kernel before the commit. */
static void put_rival(struct rng *r, struct fate *x)
{
	struct flow k = x->flow;
	bool live = rng_below(r, 2) == 0;

	k.has &= ~(FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS | FLOW_HAS_HELPER);
	k.status = CTS_CONFIRMED | (live ? CTS_SEEN_REPLY : 0);
	switch (rng_below(r, 3)) {
	case 0: /* the same flow */
		break;
	case 1: /* other translation */
		flow_reply(&x->flow, &k.reply);
		k.has |= FLOW_HAS_REPLY;
		k.reply.dst.b[1] ^= 0x80;
		break;
	default: /* from the other end */
		k.has &= ~FLOW_HAS_REPLY;
		k.has &= ~(FLOW_HAS_SNAT | FLOW_HAS_SPAT);
		flow_reply(&x->flow, &k.orig);
	}
	k = *table_put(&table, &k);
	x->live_id = live ? k.id : 0;
}

static uint32_t fill(struct cache *flows, struct rng *r)
{
	uint32_t i;

	for (i = 0; i < MANY; i++) {
		struct fate *x = &fates[i];

		x->live_id = 0;
		gen_flow_key(i, &x->flow);
		gen_flow_body(r, &x->flow);
		own_translation(i, &x->flow);
		/* Some masters that exist, some that do not. */
		if ((x->flow.has & FLOW_HAS_MASTER) && rng_below(r, 2))
			x->flow.master = fates[rng_below(r, i + 1)].flow.orig;
		add(flows, &x->flow);
		if (rng_below(r, 4) == 0)
			put_rival(r, x);
	}
	return table_count(&table);
}

static struct flow *by_id(uint32_t id)
{
	struct table_flow *e = &table.flows[id - 1];

	return e->present ? &e->flow : NULL;
}

/* Where is each flow now? Returns how many have their place. */
static uint32_t check_fates(void)
{
	uint32_t i, ours = 0;

	for (i = 0; i < MANY; i++) {
		struct fate *x = &fates[i];
		struct flow *k = table_find(&table, &x->flow.orig, x->flow.zone);
		struct tuple a, b;

		if (x->live_id)
			cr_assert_not_null(by_id(x->live_id), "flow %u: live rival destroyed", i);
		if (!k) {
			/* A live one may hold its reply tuple only. */
			cr_assert_neq(x->live_id, 0, "flow %u: nobody has its place", i);
			continue;
		}
		flow_reply(&x->flow, &a);
		flow_reply(k, &b);
		if (tuple_equal(&x->flow.orig, &k->orig) && tuple_equal(&a, &b))
			ours++;
		else
			cr_assert_eq(k->id, x->live_id, "flow %u: displaced by a mere attempt", i);
	}
	return ours;
}

static void commit(const struct commit_params *p, struct rng *r, struct commit_stats *st)
{
	struct commit *c = commit_new(p, NOW);

	cr_assert_not_null(c);
	while (!commit_finished(c))
		batch(c, NOW, 1 + rng_below(r, 64));
	commit_get_stats(c, st);
	commit_free(c);
}

static void random_history(uint64_t seed)
{
	struct cache *flows = make(&pack_flow);
	struct commit_params p = { .flows = flows, .owner_heard = NOW };
	struct commit_stats st, again;
	uint32_t before, ours;
	struct rng r;

	memset(&table, 0, sizeof(table));
	rng_seed(&r, seed);
	before = fill(flows, &r);
	cr_assert_gt(before, MANY / 8);
	commit(&p, &r, &st);
	ours = check_fates();
	cr_assert_eq(st.flows_failed, 0, "seed %llu", (unsigned long long)seed);
	cr_assert_eq(st.flows_expired, 0);
	cr_assert_eq(st.flows_new + st.flows_updated + st.flows_skipped + st.flows_clash, MANY);
	cr_assert_eq(st.flows_new + st.flows_updated, ours);
	cr_assert(st.flows_updated && st.flows_skipped && st.flows_no_helper && st.flows_no_master);
	/* Once more: everything is there already and nothing is destroyed. */
	table.ops[KOP_DELETE] = 0;
	commit(&p, &r, &again);
	cr_assert_eq(again.flows_new, 0);
	cr_assert_eq(again.flows_updated, ours);
	cr_assert_eq(again.flows_skipped, st.flows_skipped);
	cr_assert_eq(again.flows_clash, st.flows_clash);
	cr_assert_eq(table.ops[KOP_DELETE], 0);
	cr_assert_eq(check_fates(), ours);
	cache_free(flows);
}

Test(bulk, random_flows_meet_random_tables)
{
	uint64_t seed;

	for (seed = 1; seed <= 4; seed++)
		random_history(seed);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cache against a naive table, by seed: random histories, walks while the
 * table changes, and memory that runs out at every single allocation.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "cache/cache.h"
#include "gen.h"
#include "oom.h"

#define KEYS  3000
#define TENTH (TICK_SEC / 10)

struct naive {
	bool present;
	cache_ref ref;
	struct flow flow;
	tick_t created, updated;
	uint8_t flags;
	uint32_t slots[2];
	unsigned int seen; /* by a walk */
	bool steady;       /* present during all of a walk */
};

static struct naive table[KEYS];
static uint32_t present;
static tick_t epoch;
static bool started;

static struct cache *make(uint32_t limit, uint64_t secret)
{
	struct cache_params p = {
		.ops = &pack_flow,
		.limit = limit,
		.slots = 2,
		.secret = secret,
	};

	return cache_new(&p);
}

static tick_t rounded(tick_t now)
{
	if (!started) {
		epoch = now;
		started = true;
	}
	return epoch + (now - epoch) / TENTH * TENTH;
}

static void check_one(const struct cache *c, uint32_t n)
{
	struct naive *t = &table[n];
	struct flow f;

	if (!t->present) {
		gen_flow_key(n, &f);
		cr_assert_eq(cache_find(c, &f), 0, "key %u", n);
		return;
	}
	cr_assert_eq(cache_find(c, &t->flow), t->ref, "key %u", n);
	cache_get(c, t->ref, &f);
	cr_assert(flow_equal(&f, &t->flow), "key %u", n);
	cr_assert_eq(cache_created(c, t->ref), t->created, "key %u", n);
	cr_assert_eq(cache_updated(c, t->ref), t->updated, "key %u", n);
	cr_assert_eq(*cache_flags(c, t->ref), t->flags, "key %u", n);
	cr_assert_arr_eq(cache_slots(c, t->ref), t->slots, sizeof(t->slots), "key %u", n);
}

static void check_all(const struct cache *c)
{
	uint32_t i;

	cr_assert_eq(cache_count(c), present);
	for (i = 0; i < KEYS; i++)
		check_one(c, i);
}

static int add(struct cache *c, struct rng *r, tick_t now, uint32_t n)
{
	struct naive *t = &table[n];
	int rc;

	gen_flow_key(n, &t->flow);
	gen_flow_body(r, &t->flow);
	rc = cache_add(c, now, &t->flow, &t->ref);
	if (rc)
		return rc;
	t->present = true;
	t->created = t->updated = rounded(now);
	t->flags = 0;
	memset(t->slots, 0, sizeof(t->slots));
	present++;
	return 0;
}

static int set(struct cache *c, struct rng *r, tick_t now, uint32_t n)
{
	struct naive *t = &table[n];
	struct flow f = t->flow;
	int rc;

	gen_flow_body(r, &f);
	rc = cache_set(c, now, t->ref, &f);
	if (rc)
		return rc;
	t->flow = f;
	t->updated = rounded(now);
	return 0;
}

static void del(struct cache *c, uint32_t n)
{
	struct naive *t = &table[n];

	memset(cache_slots(c, t->ref), 0, sizeof(t->slots));
	cache_del(c, t->ref);
	t->present = t->steady = false;
	present--;
}

static void mark(struct cache *c, struct rng *r, uint32_t n)
{
	struct naive *t = &table[n];

	t->flags = *cache_flags(c, t->ref) = (uint8_t)rng_u32(r);
	t->slots[0] = cache_slots(c, t->ref)[0] = rng_u32(r);
	t->slots[1] = cache_slots(c, t->ref)[1] = rng_u32(r);
}

/* One random operation; "grow" of ten leave the table fuller. */
static void step(struct cache *c, struct rng *r, tick_t now, uint32_t grow)
{
	uint32_t n = rng_below(r, KEYS);

	if (!table[n].present) {
		if (rng_below(r, 10) < grow)
			cr_assert_eq(add(c, r, now, n), 0);
		return;
	}
	switch (rng_below(r, 5)) {
	case 0:
	case 1:
		cr_assert_eq(set(c, r, now, n), 0);
		break;
	case 2:
		mark(c, r, n);
		break;
	default:
		if (rng_below(r, 10) >= grow)
			del(c, n);
	}
}

static void check_stats(const struct cache *c, uint64_t added, uint64_t deleted)
{
	struct cache_stats st;

	cache_get_stats(c, &st);
	cr_assert_eq(st.entries, present);
	cr_assert_eq(st.added, added);
	cr_assert_eq(st.deleted, deleted);
	cr_assert_eq(st.added - st.deleted, st.entries);
	cr_assert_eq(st.add_full, 0);
	cr_assert_eq(st.add_nomem, 0);
}

ParameterizedTestParameters(model, random_history)
{
	static uint64_t seeds[] = { 1, 2, 3, 4, 5, 6 };

	return cr_make_param_array(uint64_t, seeds, sizeof(seeds) / sizeof(seeds[0]));
}

ParameterizedTest(uint64_t *seed, model, random_history)
{
	struct cache *c = make(KEYS, *seed);
	struct cache_stats st;
	struct rng r;
	tick_t now;
	uint32_t i;

	cr_log_info("seed %llu", (unsigned long long)*seed);
	rng_seed(&r, *seed);
	now = rng_u64(&r) >> 8;
	for (i = 0; i < 100000; i++) {
		now += rng_below(&r, 300) * TICK_MSEC;
		/* The tide: filling and emptying in turn. */
		step(c, &r, now, i / 20000 % 2 ? 2 : 8);
		check_one(c, rng_below(&r, KEYS));
		if (i % 10000 == 9999)
			check_all(c);
	}
	cache_get_stats(c, &st);
	check_stats(c, st.added, st.added - present);
	cr_assert_gt(st.added, KEYS, "seed %llu", (unsigned long long)*seed);
	for (i = 0; i < KEYS; i++) {
		if (table[i].present)
			del(c, i);
	}
	check_all(c);
	cache_free(c);
}

static void count_visit(const struct cache *c, cache_ref ref)
{
	uint32_t i;
	struct flow f;

	cache_get(c, ref, &f);
	for (i = 0; i < KEYS; i++) {
		if (table[i].present && table[i].ref == ref) {
			cr_assert(flow_equal(&f, &table[i].flow));
			table[i].seen++;
			return;
		}
	}
	cr_assert_fail("the walk showed an entry that does not exist");
}

static uint32_t start_walk(void)
{
	uint32_t i, steady = 0;

	for (i = 0; i < KEYS; i++) {
		table[i].seen = 0;
		table[i].steady = table[i].present;
		steady += table[i].present;
	}
	return steady;
}

/* A walk in small steps while the table changes between them. */
static void walk(struct cache *c, struct rng *r, uint32_t grow)
{
	struct cache_walk w = { 0 };
	uint32_t budget, i, calls = 0;
	cache_ref ref;

	while (!cache_walk_done(&w)) {
		budget = rng_below(r, 8);
		cr_assert_lt(++calls, 100000, "the walk does not end");
		while ((ref = cache_walk_next(c, &w, &budget)) != 0) {
			count_visit(c, ref);
			/* Sometimes remove what was just shown. */
			for (i = 0; i < KEYS && rng_below(r, 4) == 0; i++) {
				if (table[i].present && table[i].ref == ref) {
					del(c, i);
					break;
				}
			}
		}
		cr_assert(budget == 0 || cache_walk_done(&w));
		for (i = rng_below(r, 5); i > 0; i--)
			step(c, r, 0, grow);
	}
}

Test(model, walks_show_what_stays_exactly_once)
{
	struct cache *c;
	struct rng r;
	uint32_t i, round, steady;

	rng_seed(&r, 42);
	c = make(KEYS, 42);
	for (i = 0; i < KEYS / 3; i++)
		cr_assert_eq(add(c, &r, 0, i), 0);
	for (round = 0; round < 12; round++) {
		cr_assert_gt(start_walk(), 0);
		walk(c, &r, round % 2 ? 2 : 9);
		steady = 0;
		for (i = 0; i < KEYS; i++) {
			if (!table[i].steady)
				continue;
			steady++;
			cr_assert_eq(table[i].seen, 1, "round %u, key %u", round, i);
		}
		cr_assert_gt(steady, 0);
	}
	check_all(c);
	cache_free(c);
}

Test(model, a_walk_of_a_quiet_table_counts_its_places)
{
	struct cache *c;
	struct cache_walk w = { 0 };
	uint32_t budget, i, n = 0;
	struct rng r;

	rng_seed(&r, 9);
	c = make(KEYS, 9);
	for (i = 0; i < KEYS; i++)
		cr_assert_eq(add(c, &r, 0, i), 0);
	for (i = 0; i < KEYS; i += 3)
		del(c, i);
	start_walk();
	budget = 0;
	cr_assert_eq(cache_walk_next(c, &w, &budget), 0);
	cr_assert(!cache_walk_done(&w));
	budget = KEYS;
	for (;;) {
		cache_ref ref = cache_walk_next(c, &w, &budget);

		if (!ref)
			break;
		count_visit(c, ref);
		n++;
	}
	cr_assert(cache_walk_done(&w));
	cr_assert_eq(n, present);
	cr_assert_eq(budget, 0, "freed places count");
	cache_free(c);
}

/* Fill and rewrite; returns how many operations were refused. */
static uint32_t scenario(struct cache *c, struct rng *r)
{
	uint32_t i, refused = 0;
	int rc;

	for (i = 0; i < KEYS; i++) {
		rc = add(c, r, 0, i);
		cr_assert(rc == 0 || rc == -ENOMEM);
		refused += rc != 0;
	}
	for (i = 0; i < KEYS; i++) {
		if (!table[i].present)
			continue;
		rc = set(c, r, 0, i);
		cr_assert(rc == 0 || rc == -ENOMEM);
		refused += rc != 0;
	}
	return refused;
}

Test(model, out_of_memory_anywhere_leaves_a_consistent_table)
{
	uint32_t i, refusals = 0;
	long n, asked;
	struct cache *c;
	struct rng r;

	for (n = 0; n < 1000; n++) {
		memset(table, 0, sizeof(table));
		present = 0;
		rng_seed(&r, 17);
		oom_after(n);
		c = make(KEYS, 17);
		cr_assert_eq(!c, n == 0);
		if (!c)
			continue;
		i = scenario(c, &r);
		asked = oom_count();
		oom_off();
		cr_assert_leq(i, 1, "one failure costs at most one operation");
		refusals += i;
		check_all(c);
		/* It has recovered: what is missing goes in now. */
		for (i = 0; i < KEYS; i++) {
			if (!table[i].present)
				cr_assert_eq(add(c, &r, 0, i), 0);
		}
		check_all(c);
		for (i = 0; i < KEYS; i++)
			del(c, i);
		cr_assert_eq(cache_count(c), 0);
		cache_free(c);
		if (asked <= n)
			break;
	}
	cr_assert_gt(n, 20, "the scenario allocates");
	cr_assert_lt(n, 1000);
	cr_assert_gt(refusals, 10);
}

Test(model, a_refused_entry_gives_its_place_back)
{
	struct flow f, g;
	struct cache *c;
	cache_ref ref;
	long n;

	gen_flow_tcp4(1, &f);
	f.has |= FLOW_HAS_LABELS;
	f.labels[3] = 9;
	for (n = 0; n < 20; n++) {
		c = make(1, 1);
		oom_after(n);
		if (cache_add(c, 0, &f, &ref) == 0) {
			oom_off();
			cache_free(c);
			break;
		}
		oom_off();
		cr_assert_eq(cache_count(c), 0);
		/* The one place there is must be free again. */
		cr_assert_eq(cache_add(c, 0, &f, &ref), 0, "allocation %ld", n);
		cache_get(c, ref, &g);
		cr_assert(flow_equal(&f, &g));
		cache_free(c);
	}
	cr_assert_geq(n, 6, "directories and chunks of buckets, entries, extensions");
	cr_assert_lt(n, 20);
}

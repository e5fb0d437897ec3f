// SPDX-License-Identifier: GPL-2.0-or-later
/* The cache against its header, call by call. */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cache/cache.h"
#include "gen.h"

static struct cache *make(const struct pack_ops *ops, uint32_t limit, uint8_t slots)
{
	struct cache_params p = { .ops = ops, .limit = limit, .slots = slots, .secret = 99 };
	struct cache *c = cache_new(&p);

	cr_assert_not_null(c);
	return c;
}

static cache_ref add(struct cache *c, tick_t now, const void *obj)
{
	cache_ref ref = 0;

	cr_assert_eq(cache_add(c, now, obj, &ref), 0);
	cr_assert_neq(ref, 0);
	return ref;
}

static size_t bytes(const struct cache *c)
{
	struct cache_stats st;

	cache_get_stats(c, &st);
	return st.bytes;
}

Test(cache, empty)
{
	struct cache *c = make(&pack_flow, 10, 1);
	struct cache_walk w = { 0 };
	uint32_t budget = 10;
	struct flow f;

	gen_flow_key(1, &f);
	cr_assert_eq(cache_find(c, &f), 0);
	cr_assert_eq(cache_count(c), 0);
	cr_assert_eq(cache_walk_next(c, &w, &budget), 0);
	cr_assert(cache_walk_done(&w));
	cr_assert_eq(budget, 10, "nothing to look at");
	cr_assert_lt(bytes(c), 4096, "an unused cache costs next to nothing");
	cache_free(c);
	cache_free(NULL);
}

Test(cache, an_entry_comes_back_as_it_was)
{
	struct cache *c = make(&pack_flow, 10, 0);
	struct flow f, g;
	cache_ref ref;
	struct rng r;

	rng_seed(&r, 5);
	gen_flow_key(3, &f);
	gen_flow_body(&r, &f);
	ref = add(c, 0, &f);
	cr_assert_eq(cache_find(c, &f), ref);
	memset(&g, 0xee, sizeof(g));
	cache_get(c, ref, &g);
	cr_assert(flow_equal(&f, &g));
	cache_del(c, ref);
	cr_assert_eq(cache_find(c, &f), 0);
	cr_assert_eq(cache_count(c), 0);
	cache_free(c);
}

Test(cache, a_rewritten_entry_keeps_ref_flags_slots_and_birth)
{
	struct cache *c = make(&pack_flow, 10, 2);
	struct flow f, g;
	uint32_t *slots;
	cache_ref ref;
	struct rng r;
	int i;

	rng_seed(&r, 6);
	gen_flow_key(8, &f);
	ref = add(c, 5 * TICK_SEC, &f);
	cr_assert_eq(*cache_flags(c, ref), 0);
	slots = cache_slots(c, ref);
	cr_assert(slots[0] == 0 && slots[1] == 0);
	*cache_flags(c, ref) = 0xa5;
	slots[0] = 11;
	slots[1] = UINT32_MAX;
	/* Contents of all lengths, so that extensions grow, shrink, vanish. */
	for (i = 1; i <= 200; i++) {
		gen_flow_body(&r, &f);
		cr_assert_eq(cache_set(c, (tick_t)(5 + i) * TICK_SEC, ref, &f), 0);
		cr_assert_eq(cache_find(c, &f), ref);
		cache_get(c, ref, &g);
		cr_assert(flow_equal(&f, &g), "content %d", i);
		cr_assert_eq(cache_slots(c, ref), slots);
		cr_assert(slots[0] == 11 && slots[1] == UINT32_MAX);
		cr_assert_eq(*cache_flags(c, ref), 0xa5);
		cr_assert_eq(cache_created(c, ref), 5 * TICK_SEC);
		cr_assert_eq(cache_updated(c, ref), (tick_t)(5 + i) * TICK_SEC);
	}
	slots[0] = slots[1] = 0;
	cache_del(c, ref);
	cache_free(c);
}

Test(cache, a_used_place_starts_clean)
{
	struct cache *c = make(&pack_flow, 10, 2);
	struct flow f;
	cache_ref ref;

	gen_flow_tcp4(1, &f);
	ref = add(c, 0, &f);
	*cache_flags(c, ref) = 1;
	cache_del(c, ref);
	gen_flow_tcp4(2, &f);
	ref = add(c, 0, &f);
	cr_assert_eq(*cache_flags(c, ref), 0);
	cr_assert_eq(cache_slots(c, ref)[0], 0);
	cr_assert_eq(cache_slots(c, ref)[1], 0);
	cache_free(c);
}

Test(cache, times_are_rounded_down_to_a_tenth)
{
	tick_t epoch = 12345 * TICK_SEC + 678901234, now;
	struct cache *c = make(&pack_flow, 100, 0);
	cache_ref ref, first;
	struct flow f;

	gen_flow_tcp4(0, &f);
	first = add(c, epoch, &f);
	cr_assert_eq(cache_created(c, first), epoch);
	gen_flow_tcp4(1, &f);
	now = epoch + 3 * TICK_SEC + 199 * TICK_MSEC;
	ref = add(c, now, &f);
	cr_assert_eq(cache_created(c, ref), epoch + 3 * TICK_SEC + 100 * TICK_MSEC);
	cr_assert_leq(cache_created(c, ref), now);
	cr_assert_eq(cache_set(c, now + TICK_MSEC, ref, &f), 0);
	cr_assert_eq(cache_updated(c, ref), epoch + 3 * TICK_SEC + 200 * TICK_MSEC);
	cr_assert_eq(cache_created(c, ref), epoch + 3 * TICK_SEC + 100 * TICK_MSEC);
	/* Thirteen years of uptime fit, and beyond that time stands still. */
	now = epoch + 13 * 365 * 86400 * TICK_SEC;
	cr_assert_eq(cache_set(c, now, ref, &f), 0);
	cr_assert_eq(cache_updated(c, ref), now);
	cr_assert_eq(cache_set(c, epoch + 20 * 365 * 86400 * TICK_SEC, ref, &f), 0);
	cr_assert_gt(cache_updated(c, ref), now);
	cache_free(c);
}

/* W26: a zone is part of the key, whatever the hash says. */
static uint32_t same_hash(const void *obj, uint64_t secret)
{
	(void)obj;
	(void)secret;
	return 0x12345678;
}

static uint32_t same_hash_packed(enum pack_class k, const uint8_t *fixed, uint64_t secret)
{
	(void)k;
	(void)fixed;
	(void)secret;
	return 0x12345678;
}

static struct pack_ops one_bucket(void)
{
	struct pack_ops ops = pack_flow;

	ops.hash = same_hash;
	ops.hash_packed = same_hash_packed;
	return ops;
}

Test(cache, w26_zones_keep_flows_apart_in_one_bucket)
{
	struct pack_ops ops = one_bucket();
	struct cache *c = make(&ops, 1000, 0);
	cache_ref ref[200];
	struct flow f, g;
	uint16_t z;

	for (z = 0; z < 200; z++) {
		gen_flow_tcp4(7, &f);
		f.zone = z;
		f.has |= z ? FLOW_HAS_ZONE : 0;
		f.has |= FLOW_HAS_MARK;
		f.mark = 1000u + z;
		cr_assert_eq(cache_find(c, &f), 0);
		ref[z] = add(c, 0, &f);
	}
	cr_assert_eq(cache_count(c), 200);
	for (z = 0; z < 200; z += 2)
		cache_del(c, ref[z]);
	for (z = 0; z < 200; z++) {
		gen_flow_tcp4(7, &f);
		f.zone = z;
		f.has |= z ? FLOW_HAS_ZONE : 0;
		cr_assert_eq(cache_find(c, &f), z % 2 ? ref[z] : 0);
		if (z % 2) {
			cache_get(c, ref[z], &g);
			cr_assert_eq(g.mark, 1000u + z);
			cr_assert_eq(g.zone, z);
		}
	}
	cache_free(c);
}

Test(cache, the_limit_holds_and_rewriting_goes_on_at_it)
{
	struct cache *c = make(&pack_flow, 100, 0);
	struct cache_stats st;
	cache_ref ref[100];
	struct flow f, g;
	struct rng r;
	uint32_t i;
	int round;

	rng_seed(&r, 3);
	for (i = 0; i < 100; i++) {
		gen_flow_key(i, &f);
		ref[i] = add(c, 0, &f);
	}
	for (i = 100; i < 110; i++) {
		cache_ref none = 4711;

		gen_flow_key(i, &f);
		cr_assert_eq(cache_add(c, 0, &f, &none), CTD_EFULL);
		cr_assert_eq(none, 4711);
		cr_assert_eq(cache_find(c, &f), 0);
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 100; i++) {
			gen_flow_key(i, &f);
			/* All of one length: one pool of extensions at its limit. */
			f.has |= FLOW_HAS_LABELS | (round % 2 ? FLOW_HAS_HELPER : 0);
			f.labels[0] = i + 1;
			if (round % 2)
				strcpy(f.helper, "ftp");
			cr_assert_eq(cache_set(c, 0, ref[i], &f), 0);
			cache_get(c, ref[i], &g);
			cr_assert(flow_equal(&f, &g));
		}
	}
	cache_get_stats(c, &st);
	cr_assert_eq(st.entries, 100);
	cr_assert_eq(st.added, 100);
	cr_assert_eq(st.add_full, 10);
	cr_assert_eq(st.updated, 2000);
	cache_del(c, ref[50]);
	gen_flow_key(100, &f);
	add(c, 0, &f);
	cache_free(c);
}

Test(cache, a_limit_of_nothing_takes_nothing)
{
	struct cache *c = make(&pack_flow, 0, 0);
	struct flow f;
	cache_ref ref;

	gen_flow_key(1, &f);
	cr_assert_eq(cache_add(c, 0, &f, &ref), CTD_EFULL);
	cache_free(c);
}

/* Memory: what a million flows cost decides who can use this. */
Test(cache, an_ipv4_tcp_flow_costs_less_than_70_bytes)
{
	struct cache *c = make(&pack_flow, 300000, 1);
	struct flow f;
	uint32_t i;
	size_t rest;
	double per;

	for (i = 0; i < 200000; i++) {
		gen_flow_tcp4(i, &f);
		f.has |= FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_STATE;
		f.status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_ASSURED;
		f.timeout = 432000;
		f.state = TCPS_ESTABLISHED;
		add(c, 0, &f);
	}
	per = (double)bytes(c) / 200000;
	fprintf(stderr, "%.1f bytes per IPv4 TCP flow\n", per);
	cr_assert_lt(per, 70.0);
	/* Links, times and so on take 24; what is left are buckets, one per flow. */
	rest = bytes(c) - 200000 * (24 + pack_flow.fixed_size(PACK_FLOW4));
	cr_assert_gt(rest, 200000 * 4);
	cr_assert_lt(rest, 200000 * 5);
	cache_free(c);
}

/* No insertion waits for the table to be rehashed. */
static uint32_t rehashed;

static uint32_t counting_hash(enum pack_class k, const uint8_t *fixed, uint64_t secret)
{
	rehashed++;
	return pack_flow.hash_packed(k, fixed, secret);
}

Test(cache, growth_never_stalls_an_insertion)
{
	struct pack_ops ops = pack_flow;
	struct cache *c;
	uint32_t i, worst = 0;
	uint64_t total = 0;
	size_t before;
	struct flow f;

	ops.hash_packed = counting_hash;
	c = make(&ops, 400000, 1);
	before = bytes(c);
	for (i = 0; i < 300000; i++) {
		gen_flow_tcp4(i, &f);
		rehashed = 0;
		add(c, 0, &f);
		total += rehashed;
		if (rehashed > worst)
			worst = rehashed;
		if (i > 10000)
			cr_assert_lt(bytes(c) - before, 80000, "one chunk at a time");
		before = bytes(c);
	}
	cr_assert_lt(worst, 32, "an insertion moved %u entries", worst);
	cr_assert_lt(total, 3 * 300000);
	cache_free(c);
}

Test(cache, slot_pointers_outlive_growth)
{
	struct cache *c = make(&pack_flow, 100000, 8);
	uint32_t *p[100];
	cache_ref ref[100];
	struct flow f;
	uint32_t i, k;

	for (i = 0; i < 100; i++) {
		gen_flow_key(i, &f);
		ref[i] = add(c, 0, &f);
		p[i] = cache_slots(c, ref[i]);
		for (k = 0; k < 8; k++)
			p[i][k] = i * 8 + k + 1;
	}
	for (i = 100; i < 30000; i++) {
		gen_flow_key(i, &f);
		add(c, 0, &f);
	}
	for (i = 0; i < 100; i++) {
		cr_assert_eq(cache_slots(c, ref[i]), p[i]);
		for (k = 0; k < 8; k++)
			cr_assert_eq(p[i][k], i * 8 + k + 1);
	}
	cache_free(c);
}

Test(cache, clearing_forgets_everything_and_gives_memory_back)
{
	struct cache *c = make(&pack_flow, 5000, 1);
	struct cache_walk w = { 0 };
	struct cache_stats st;
	uint32_t i, round, budget = 1;
	size_t unused = bytes(c);
	struct flow f;
	struct rng r;

	rng_seed(&r, 4);
	cache_clear(c);
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < 5000; i++) {
			gen_flow_key(i, &f);
			gen_flow_body(&r, &f);
			*cache_slots(c, add(c, 0, &f)) = 1;
		}
		cache_clear(c);
		cr_assert_eq(cache_find(c, &f), 0);
		cr_assert_eq(cache_walk_next(c, &w, &budget), 0);
		cr_assert_eq(bytes(c), unused);
		cache_get_stats(c, &st);
		cr_assert_eq(st.entries, 0);
		cr_assert_eq(st.added, 5000 * round);
		cr_assert_eq(st.deleted, 5000 * round);
	}
	cache_free(c);
}

Test(cache, expectations_rest_here_too)
{
	struct cache *c = make(&pack_expect, 1000, 1);
	struct expect e, g;
	struct rng r;
	uint32_t i;

	rng_seed(&r, 1);
	for (i = 0; i < 500; i++) {
		gen_expect_key(i, &e);
		gen_expect_body(&r, &e);
		add(c, 0, &e);
	}
	rng_seed(&r, 1);
	for (i = 0; i < 500; i++) {
		cache_ref ref;

		gen_expect_key(i, &e);
		gen_expect_body(&r, &e);
		ref = cache_find(c, &e);
		cr_assert_neq(ref, 0);
		cache_get(c, ref, &g);
		cr_assert(expect_equal(&e, &g));
		/* Class is part of the identity. */
		e.class_ += 1;
		cr_assert_eq(cache_find(c, &e), 0);
	}
	cache_free(c);
}

Test(cache, deleting_with_replication_words_in_use_is_a_bug, .signal = SIGABRT)
{
	struct cache *c = make(&pack_flow, 10, 2);
	struct flow f;
	cache_ref ref;

	gen_flow_key(1, &f);
	ref = add(c, 0, &f);
	cache_slots(c, ref)[1] = 1;
	cache_del(c, ref);
}

Test(cache, adding_a_key_twice_is_a_bug, .signal = SIGABRT)
{
	struct cache *c = make(&pack_flow, 10, 0);
	struct flow f;
	cache_ref ref;

	gen_flow_key(1, &f);
	add(c, 0, &f);
	cache_add(c, 0, &f, &ref);
}

Test(cache, using_a_dead_reference_is_a_bug, .signal = SIGABRT)
{
	struct cache *c = make(&pack_flow, 10, 0);
	struct flow f;
	cache_ref ref;

	gen_flow_key(1, &f);
	ref = add(c, 0, &f);
	cache_del(c, ref);
	cache_get(c, ref, &f);
}

/* ---- another number of words, another limit ---- */

static void reslot(struct cache *c, const uint8_t *from, uint8_t n)
{
	struct cache_reslot *r;

	cr_assert_eq(cache_reslot_prepare(c, from, n, &r), 0);
	cache_reslot_apply(c, r);
}

Test(cache, words_move_entries_stay)
{
	enum { COUNT = 3000 };
	static cache_ref refs[COUNT];
	struct cache *c = make(&pack_flow, COUNT, 2);
	struct cache_walk w = { 0 };
	uint32_t budget = 100, seen = 0;
	struct flow f, g;
	struct rng r;

	rng_seed(&r, 5);
	for (uint32_t i = 0; i < COUNT; i++) {
		gen_flow_key(i, &f);
		gen_flow_body(&r, &f);
		refs[i] = add(c, i, &f);
		cache_slots(c, refs[i])[0] = i + 1;
		cache_slots(c, refs[i])[1] = i + 100000;
		*cache_flags(c, refs[i]) = (uint8_t)i;
	}
	for (uint32_t i = 0; i < COUNT; i += 3) {
		memset(cache_slots(c, refs[i]), 0, 8);
		cache_del(c, refs[i]);
	}
	while (budget && cache_walk_next(c, &w, &budget))
		seen++;
	reslot(c, (uint8_t[]){ 1, CACHE_NO_SLOT, 0 }, 3);
	budget = UINT32_MAX;
	while (cache_walk_next(c, &w, &budget))
		seen++;
	cr_expect_eq(seen, COUNT - COUNT / 3, "a walk goes on: %u", seen);
	rng_seed(&r, 5);
	for (uint32_t i = 0; i < COUNT; i++) {
		const uint32_t *s;

		gen_flow_key(i, &f);
		gen_flow_body(&r, &f);
		if (i % 3 == 0) {
			cr_assert_eq(cache_find(c, &f), 0);
			continue;
		}
		cr_assert_eq(cache_find(c, &f), refs[i]);
		cache_get(c, refs[i], &g);
		cr_assert(flow_equal(&f, &g));
		s = cache_slots(c, refs[i]);
		cr_assert(s[0] == i + 100000 && s[1] == 0 && s[2] == i + 1, "entry %u", i);
		cr_assert_eq(*cache_flags(c, refs[i]), (uint8_t)i);
	}
	reslot(c, NULL, 0);
	gen_flow_key(0, &f);
	cr_assert_neq(add(c, 1, &f), 0, "places that were free still are");
	cache_free(c);
}

Test(cache, a_prepared_change_can_be_dropped)
{
	struct cache *c = make(&pack_flow, 10, 1);
	struct cache_reslot *r;
	struct flow f;
	cache_ref ref;

	gen_flow_key(1, &f);
	ref = add(c, 1, &f);
	*cache_slots(c, ref) = 7;
	cr_assert_eq(cache_reslot_prepare(c, (uint8_t[]){ CACHE_NO_SLOT, 0 }, 2, &r), 0);
	cache_reslot_drop(r);
	cache_reslot_drop(NULL);
	cr_assert_eq(*cache_slots(c, ref), 7);
	cache_free(c);
}

Test(cache, another_limit)
{
	struct cache *c = make(&pack_flow, 3, 0);
	cache_ref refs[6], no;
	struct flow f;

	for (uint32_t i = 0; i < 3; i++) {
		gen_flow_key(i, &f);
		refs[i] = add(c, 1, &f);
	}
	cache_set_limit(c, 5);
	for (uint32_t i = 3; i < 5; i++) {
		gen_flow_key(i, &f);
		refs[i] = add(c, 1, &f);
	}
	gen_flow_key(5, &f);
	cr_assert_eq(cache_add(c, 1, &f, &no), CTD_EFULL);
	cache_set_limit(c, 2);
	cr_assert_eq(cache_count(c), 5, "what is over it stays");
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(cache_add(c, 1, &f, &no), CTD_EFULL);
		cache_del(c, refs[i]);
	}
	cr_assert_eq(cache_add(c, 1, &f, &no), CTD_EFULL);
	cache_del(c, refs[3]);
	refs[5] = add(c, 1, &f);
	cache_free(c);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Direct injection: a peer's words, an index, and the modelled kernel table. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "failover/direct.h"
#include "fixture.h"
#include "gen.h"

#define SECS(n) ((n)*TICK_SEC)
#define GEN     3

static struct direct *direct;
static struct zone_set zones;
static tick_t now;
static struct direct_outcome last;
static uint32_t failures, lives;

static void setup(void)
{
	struct cache_params p = {
		.ops = &pack_flow, .limit = 1000, .slots = DIRECT_SLOTS, .secret = 1
	};
	struct direct_params dp = { 0 };

	fx.flows = dp.flows = cache_new(&p);
	p.ops = &pack_expect;
	fx.expects = dp.expects = cache_new(&p);
	direct = direct_new(&dp);
	now = NOW;
	cr_assert(direct);
}

static void teardown(void)
{
	direct_free(direct);
	cache_free(fx.flows);
	cache_free(fx.expects);
}

TestSuite(direct, .init = setup, .fini = teardown);

/* Carry out what there is to do now, in batches of at most cap. */
static uint32_t work(size_t cap)
{
	struct kernel_op ops[KOP_BATCH];
	struct direct_outcome out;
	uint32_t done = 0;
	size_t n;

	direct_tick(direct, now, GEN, false);
	while ((n = direct_next(direct, now, &zones, ops, cap))) {
		for (size_t i = 0; i < n; i++)
			table_apply(&fx.table, &ops[i]);
		for (size_t i = 0; i < n; i++) {
			direct_result(direct, now, &ops[i], &out);
			failures += out.failed;
			lives += out.lives;
			if (out.failed || out.lives)
				last = out;
		}
		done += (uint32_t)n;
	}
	return done;
}

/* The peer announces a flow: as new, or over what is known. */
static cache_ref say(const struct flow *f)
{
	cache_ref ref = cache_find(fx.flows, f);

	if (ref)
		cr_assert_eq(cache_set(fx.flows, now, ref, f), 0);
	else
		cr_assert_eq(cache_add(fx.flows, now, f, &ref), 0);
	*cache_flags(fx.flows, ref) = GEN;
	direct_put(direct, false, ref, false);
	return ref;
}

static void end(const struct flow *f)
{
	direct_end(direct, false, cache_find(fx.flows, f));
}

/* Time passes: the kernel's lifetimes run, and the slices of the refresh. */
static void pass(tick_t d, bool present)
{
	const tick_t until = now + d;

	for (uint32_t step = 0; now < until; step++) {
		now += 100 * TICK_MSEC;
		for (uint32_t i = 0; i < fx.table.nflows && step % 10 == 9; i++) {
			struct flow *f = &fx.table.flows[i].flow;

			if (fx.table.flows[i].present && --f->timeout == 0)
				table_remove(&fx.table, f->id);
		}
		if (direct_deadline(direct) <= now)
			direct_tick(direct, now, GEN, present);
		work(KOP_BATCH);
	}
}

static struct direct_stats stats(void)
{
	struct direct_stats st;

	direct_get_stats(direct, &st);
	return st;
}

static void udp(uint32_t n, struct flow *f)
{
	tcp(n, f);
	f->orig.proto = IPP_UDP;
	f->has &= ~FLOW_HAS_STATE;
	f->timeout = 4;
}

Test(direct, new_update_and_end)
{
	struct flow f;

	tcp_nat(1, &f);
	say(&f);
	cr_assert_eq(work(64), 1);
	cr_assert(translated_alike(in_kernel(&f), &f));
	cr_assert_eq(in_kernel(&f)->timeout, 5000);

	f.state = TCPS_TIME_WAIT;
	f.timeout = 120;
	say(&f);
	cr_assert_eq(work(64), 1, "a copy is updated without looking first");
	cr_assert_eq(in_kernel(&f)->state, TCPS_TIME_WAIT);
	cr_assert_eq(in_kernel(&f)->timeout, 120);

	end(&f);
	work(64);
	cr_assert_null(in_kernel(&f));
	cr_assert_eq(cache_count(fx.flows), 0);
	cr_assert_eq(stats().created[0], 1);
	cr_assert_eq(stats().updated[0], 1);
	cr_assert_eq(stats().removed[0], 1);
	cr_assert_eq(failures, 0);
}

Test(direct, changes_before_their_turn_are_written_once)
{
	struct flow f;

	for (int i = 0; i < 10; i++) {
		tcp(1, &f);
		f.timeout = 100u + (uint32_t)i;
		say(&f);
	}
	cr_assert_eq(work(64), 1);
	cr_assert_eq(in_kernel(&f)->timeout, 109);
	tcp(2, &f);
	say(&f);
	end(&f);
	cr_assert_eq(work(64), 0, "it came and went");
	cr_assert_eq(cache_count(fx.flows), 1);
}

Test(direct, a_lost_copy_is_created_by_an_update)
{
	struct flow f;

	tcp(1, &f);
	say(&f);
	work(64);
	table_remove(&fx.table, in_kernel(&f)->id);
	say(&f);
	work(64);
	cr_assert(in_kernel(&f));
}

Test(direct, an_end_that_comes_during_an_attempt)
{
	struct kernel_op op;
	struct direct_outcome out;
	struct flow f;

	tcp(1, &f);
	say(&f);
	cr_assert_eq(direct_next(direct, now, &zones, &op, 1), 1);
	end(&f);
	table_apply(&fx.table, &op);
	direct_result(direct, now, &op, &out);
	work(64);
	cr_assert_null(in_kernel(&f));
	cr_assert_eq(cache_count(fx.flows), 0);
}

Test(direct, a_new_life_that_comes_during_the_removal)
{
	struct kernel_op op;
	struct direct_outcome out;
	struct flow f;

	tcp(1, &f);
	say(&f);
	work(64);
	end(&f);
	cr_assert_eq(direct_next(direct, now, &zones, &op, 1), 1);
	say(&f);
	table_apply(&fx.table, &op);
	direct_result(direct, now, &op, &out);
	work(64);
	cr_assert(in_kernel(&f));
	cr_assert_eq(cache_count(fx.flows), 1);
}

Test(direct, forgotten_entries_leave_the_kernel_alone)
{
	struct kernel_op op;
	struct direct_outcome out;
	struct flow f, g;

	tcp(1, &f);
	say(&f);
	work(64);
	tcp(2, &g);
	say(&g);
	direct_forget(direct, false, cache_find(fx.flows, &f));
	direct_forget(direct, false, cache_find(fx.flows, &g));
	work(64);
	cr_assert(in_kernel(&f));
	cr_assert_null(in_kernel(&g));
	cr_assert_eq(cache_count(fx.flows), 0);

	say(&g);
	cr_assert_eq(direct_next(direct, now, &zones, &op, 1), 1);
	direct_forget(direct, false, cache_find(fx.flows, &g));
	table_apply(&fx.table, &op);
	direct_result(direct, now, &op, &out);
	say(&f);
	cr_assert_eq(direct_next(direct, now, &zones, &op, 1), 1);
	cache_clear(fx.flows);
	direct_cleared(direct, false);
	table_apply(&fx.table, &op);
	direct_result(direct, now, &op, &out);
	work(64);
	cr_assert_eq(cache_count(fx.flows), 0);
}

/* ---- what lives here is not touched ---- */

Test(direct, a_flow_kept_alive_by_packets_survives_its_owner)
{
	struct flow f;

	udp(1, &f);
	f.timeout = 100;
	say(&f);
	work(64);
	pass(SECS(40), false);
	in_kernel(&f)->timeout = 99; /* a packet passed here */
	end(&f);
	work(64);
	cr_assert(in_kernel(&f));
	cr_assert_eq(lives, 1);
	cr_assert_eq(stats().kept, 1);
	cr_assert(tuple_equal(&last.failure.holder.orig, &f.orig));
	cr_assert_eq(cache_count(fx.flows), 0, "it is ours now");
}

Test(direct, a_younger_flow_of_the_same_addresses_survives)
{
	struct flow f, young;

	tcp(1, &f);
	say(&f);
	work(64);
	table_remove(&fx.table, in_kernel(&f)->id);
	young = f;
	young.state = TCPS_SYN_SENT;
	young.status = CTS_CONFIRMED;
	young.timeout = 120;
	table_put(&fx.table, &young);
	end(&f);
	work(64);
	cr_assert(in_kernel(&f));
	cr_assert_eq(lives, 1);
}

Test(direct, a_living_flow_of_another_translation_keeps_its_place)
{
	struct flow f, other;

	tcp_nat(1, &f);
	other = f;
	other.snat_port = 999;
	table_put(&fx.table, &other);
	say(&f);
	work(64);
	cr_assert_eq(failures, 1);
	cr_assert(last.failure.clash);
	cr_assert(translated_alike(in_kernel(&f), &other));
	end(&f);
	work(64);
	cr_assert(in_kernel(&f));
}

Test(direct, what_was_there_before_is_no_copy)
{
	struct flow f;
	cache_ref ref;

	tcp(1, &f);
	table_put(&fx.table, &f);
	ref = say(&f);
	work(64);
	cr_assert(!direct_is_copy(direct, ref));
	tcp(2, &f);
	ref = say(&f);
	work(64);
	cr_assert(direct_is_copy(direct, ref));
	direct_disown(direct, ref);
	cr_assert(!direct_is_copy(direct, ref));
	tcp(3, &f);
	table_put(&fx.table, &f);
	cr_assert_eq(cache_add(fx.flows, now, &f, &ref), 0);
	direct_put(direct, false, ref, true);
	work(64);
	cr_assert(direct_is_copy(direct, ref), "of an earlier life");
}

/* ---- copies do not age while the owner holds them ---- */

Test(direct, copies_are_refreshed_while_the_owner_speaks)
{
	struct flow f;

	udp(1, &f);
	say(&f);
	work(64);
	pass(SECS(60), true);
	cr_assert(in_kernel(&f), "a steady flow has no events, yet its copy must stay");
	cr_assert_geq(stats().refreshed, 10);
	cr_assert_leq(stats().refreshed, 60);
	pass(SECS(10), false);
	cr_assert_null(in_kernel(&f), "the owner is silent: it ages");
}

Test(direct, what_the_owner_did_not_confirm_again_is_not_refreshed)
{
	struct flow f;

	udp(1, &f);
	*cache_flags(fx.flows, say(&f)) = GEN - 1;
	work(64);
	pass(SECS(10), true);
	cr_assert_null(in_kernel(&f));
}

Test(direct, what_is_used_here_is_not_refreshed)
{
	struct flow f;

	udp(1, &f);
	say(&f);
	work(64);
	direct_disown(direct, cache_find(fx.flows, &f));
	pass(SECS(10), true);
	cr_assert_null(in_kernel(&f));
}

Test(direct, long_lifetimes_are_written_seldom)
{
	struct flow f;

	tcp(1, &f);
	f.timeout = 432000;
	say(&f);
	work(64);
	pass(SECS(300), true);
	cr_assert_eq(stats().refreshed, 0);
	cr_assert_eq(in_kernel(&f)->timeout, 432000 - 300);
}

/* ---- order ---- */

Test(direct, a_child_waits_for_its_master)
{
	struct flow child, m;

	tcp(2, &child);
	master(&child, 1);
	say(&child);
	work(64);
	cr_assert_null(in_kernel(&child));
	cr_assert_gt(direct_deadline(direct), now);
	cr_assert_lt(direct_deadline(direct), now + SECS(1));
	tcp(1, &m);
	say(&m);
	now += SECS(1);
	work(64);
	cr_assert(in_kernel(&child));
	cr_assert(in_kernel(&child)->has & FLOW_HAS_MASTER);
	cr_assert_eq(failures, 0);
}

Test(direct, a_child_without_master_comes_alone_at_last)
{
	struct flow child;

	tcp(2, &child);
	master(&child, 1);
	say(&child);
	for (int i = 0; i < 5; i++) {
		work(64);
		now += SECS(1);
	}
	cr_assert(in_kernel(&child));
	cr_assert(!(in_kernel(&child)->has & FLOW_HAS_MASTER));
}

Test(direct, expectations_follow_their_master_and_go)
{
	struct expect x;
	struct flow m;
	cache_ref ref;

	expectation(1, &x);
	cr_assert_eq(cache_add(fx.expects, now, &x, &ref), 0);
	direct_put(direct, true, ref, false);
	tcp(1, &m);
	helper(&m, "ftp");
	say(&m);
	work(64);
	cr_assert_eq(fx.table.nexpects, 1);
	direct_put(direct, true, ref, false);
	work(64);
	cr_assert_eq(fx.table.nexpects, 1, "the same once more");
	direct_end(direct, true, ref);
	work(64);
	cr_assert_eq(fx.table.nexpects, 0);
	cr_assert_eq(cache_count(fx.expects), 0);
	cr_assert_eq(failures, 0);
}

/* A phone registered again, over this node, before its registration with the owner ran out. */
Test(direct, an_expectation_that_lives_here_survives_its_owner)
{
	struct expect x;
	struct flow m;
	cache_ref ref;

	tcp(1, &m);
	helper(&m, "ftp");
	say(&m);
	for (int again = 0; again < 2; again++) {
		expectation(1, &x);
		cr_assert_eq(cache_add(fx.expects, now, &x, &ref), 0);
		direct_put(direct, true, ref, false);
		work(64);
		cr_assert_eq(fx.table.nexpects, 1);
		now += SECS(100);
		if (again)
			fx.table.expects[0].master.sport++;
		else
			fx.table.expects[0].timeout = 300;
		direct_end(direct, true, ref);
		work(64);
		cr_assert_eq(fx.table.nexpects, 1, "%d", again);
		cr_assert_eq(cache_count(fx.expects), 0);
		fx.table.expects[0] = x;
	}
	cr_assert_eq(lives, 0, "for flows alone");
	cr_assert_eq(failures, 0);
}

Test(direct, many_in_small_batches)
{
	struct flow f;

	for (uint32_t i = 1; i <= 500; i++) {
		tcp(i, &f);
		say(&f);
	}
	cr_assert_eq(direct_deadline(direct), 0);
	work(7);
	cr_assert_eq(table_count(&fx.table), 500);
	for (uint32_t i = 1; i <= 500; i++) {
		tcp(i, &f);
		end(&f);
	}
	work(7);
	cr_assert_eq(table_count(&fx.table), 0);
	cr_assert_eq(cache_count(fx.flows), 0);
}

Test(direct, window_tracking_can_change)
{
	struct kernel_op op;
	struct flow f;

	for (unsigned int i = 0; i < 4; i++) {
		tcp((uint16_t)(i + 1), &f);
		f.has |= FLOW_HAS_WSCALE;
		direct_set_window_tracking(direct, i % 2);
		say(&f);
		direct_tick(direct, now, GEN, false);
		cr_assert_eq(direct_next(direct, now, &zones, &op, 1), 1);
		cr_expect_eq(op.window_scale, i % 2, "flow %u", i);
		op.err = 0;
		direct_result(direct, now, &op, &last);
		work(KOP_BATCH);
	}
}

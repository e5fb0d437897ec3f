// SPDX-License-Identifier: GPL-2.0-or-later
/* Expectations from a kernel to the peer's cache and into its kernel. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "pair.h"

Test(expects, w11_expectation_before_its_master_is_held_back)
{
	struct pair p = pair_default();
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);

	run_for(&p, SECS(5));
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 0);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 1);
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 0);
	pair_free(&p);
}

Test(expects, expectations_of_other_helpers_are_not_sent)
{
	struct engine_params pa = params(1), pb = params(2);
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);
	struct pair p;

	pa.n_expect_helpers = 1;
	strcpy(pa.expect_helpers[0], "SI");
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	strcpy(x.helper, "sip-5060");
	x.tuple.dport++;
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* The same ports again, while the end of the flow before is still being told. */
Test(expects, w11_a_master_that_comes_back_releases_them)
{
	struct pair p = pair_default();
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);

	run_for(&p, SECS(5));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(1));
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	m.id = 8;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 1);
	pair_free(&p);
}

Test(expects, w11_more_than_can_be_held_push_out_the_oldest)
{
	struct pair p = pair_default();
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);
	struct engine_stats st;

	for (uint16_t i = 0; i < 300; i++) {
		x.tuple.dport = (uint16_t)(2000 + i);
		engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	}
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 256);
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.cache[ECACHE_EXP_INTERNAL].add_full, 44);
	pair_free(&p);
}

Test(expects, one_that_was_held_can_end)
{
	struct pair p = pair_default();
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);

	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 0);
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 0);
	pair_free(&p);
}

Test(expects, a_late_end_of_an_older_one_is_ignored)
{
	struct pair p = pair_default();
	struct expect x = ftp_expect();
	struct flow m = tcp_sample(1, 7);

	x.has |= EXPECT_HAS_ID;
	x.id = 2;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	x.id = 1;
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 1);
	x.id = 2;
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 0);
	pair_free(&p);
}

/* ---- zones ---- */

static struct flow zoned(uint16_t zone, uint32_t id)
{
	struct flow f = tcp_sample(1, id);

	f.has |= FLOW_HAS_ZONE | FLOW_HAS_HELPER;
	f.zone = zone;
	strcpy(f.helper, "ftp");
	return f;
}

Test(expects, the_same_in_two_zones_are_two)
{
	struct pair p = pair_default();
	struct flow m5 = zoned(5, 1), m70 = zoned(70, 2);
	struct engine_entry first;
	struct expect x = ftp_expect();

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m5);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m70);
	x.has |= EXPECT_HAS_ID;
	for (x.id = 1; x.id <= 2; x.id++)
		engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 2);
	x.id = 1;
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, &first), 1);
	cr_assert_eq(first.expect.id, 2);
	cr_assert_eq(first.expect.zone, 70);
	pair_free(&p);
}

Test(expects, one_that_was_held_gets_the_zone_of_its_master)
{
	struct pair p = pair_default();
	struct flow m = zoned(0xffff, 1);
	struct engine_entry first;
	struct expect x = ftp_expect();

	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, &first), 1);
	cr_assert_eq(first.expect.zone, 0xffff);
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 1);
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 0);
	pair_free(&p);
}

/* The wire cannot say it, so the peer finds the zone through the master. */
static uint16_t committed_zone(struct pair *p, uint32_t what)
{
	struct kernel_op ops[KOP_BATCH];
	uint16_t zone = 0;
	size_t n;

	cr_assert_eq(engine_admin(p->b, p->now, ADMIN_COMMIT, what, 1), 1);
	while ((n = engine_kernel_ops(p->b, p->now, ops, KOP_BATCH))) {
		for (size_t i = 0; i < n; i++) {
			ops[i].err = 0;
			if (ops[i].kind == KOP_EXP_CREATE)
				zone = ops[i].expect.zone;
		}
		engine_kernel_results(p->b, p->now, ops, n);
	}
	return zone;
}

Test(expects, the_zone_is_given_to_the_kernel)
{
	struct pair p = pair_default();
	struct flow m = zoned(5, 1);
	struct expect x = ftp_expect();

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	m = zoned(3, 2); /* a namesake without helper */
	m.has &= ~FLOW_HAS_HELPER;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(5));
	cr_assert_eq(committed_zone(&p, ADMIN_FLOWS | ADMIN_EXPECTS), 5);
	cr_assert_eq(committed_zone(&p, ADMIN_EXPECTS), 5);
	pair_free(&p);
}

Test(expects, a_flush_of_the_kernel_names_the_zone)
{
	struct pair p = pair_default();
	struct kernel_op ops[KOP_BATCH];
	struct flow m = zoned(5, 1);
	struct expect x = ftp_expect();
	struct effect eff;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_admin(p.a, p.now, ADMIN_FLUSH_KERNEL, ADMIN_EXPECTS, 0);
	cr_assert(engine_effect(p.a, p.now, &eff));
	cr_assert_eq(eff.kind, EFFECT_DUMP_EXPECTS);
	engine_dump_expect(p.a, p.now, &x);
	engine_dump_end(p.a, p.now, 0);
	cr_assert_eq(engine_kernel_ops(p.a, p.now, ops, KOP_BATCH), 1);
	cr_assert_eq(ops[0].kind, KOP_EXP_DELETE);
	cr_assert_eq(ops[0].expect.zone, 5);
	pair_free(&p);
}

/* Between our own nodes the zone is said, so they are two on the peer as well. */
Test(expects, the_same_in_two_zones_are_two_on_a_peer_of_our_kind)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow m[2] = { zoned(0, 1), zoned(5, 2) };
	struct expect x = ftp_expect();
	struct engine_entry first;
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	x.has |= EXPECT_HAS_ID;
	for (x.id = 1; x.id <= 2; x.id++) {
		engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m[x.id - 1]);
		engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	}
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 2);
	x.id = 1;
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.expect.zone, 5);
	cr_assert_eq(committed_zone(&p, ADMIN_FLOWS | ADMIN_EXPECTS), 5);
	pair_free(&p);
}

Test(expects, what_was_told_without_zone_is_told_again)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow m = zoned(5, 2);
	struct expect x = ftp_expect();
	struct engine_entry first;
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	pump(&p);
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.expect.zone, 0, "nobody knows the other's kind yet");
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.expect.zone, 5);
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 0);
	pair_free(&p);
}

/* ---- lost events (W33) ---- */

/* Play the kernel for the dumps asked for: flow m, and these expectations. */
static void answer_dumps(struct pair *p, const struct flow *m, const struct expect *x, size_t n)
{
	struct effect eff;

	while (engine_effect(p->a, p->now, &eff)) {
		if (eff.kind == EFFECT_DUMP_FLOWS)
			engine_dump_flow(p->a, p->now, m);
		for (size_t i = 0; i < n && eff.kind == EFFECT_DUMP_EXPECTS; i++)
			engine_dump_expect(p->a, p->now, &x[i]);
		engine_dump_end(p->a, p->now, 0);
		engine_tick(p->a, p->now);
	}
}

Test(expects, w33_an_overrun_brings_them_up_to_date)
{
	struct pair p = pair_default();
	struct flow m = tcp_sample(1, 7);
	struct expect x[3] = { ftp_expect(), ftp_expect(), ftp_expect() };
	struct engine_entry first;
	tick_t told;

	for (int i = 0; i < 3; i++)
		x[i].tuple.dport = (uint16_t)(2000 + i);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x[0]);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x[1]);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 2);

	/* Lost: the end of the first, the beginning of the third. */
	engine_overrun(p.a, p.now);
	run_for(&p, SECS(31));
	answer_dumps(&p, &m, x + 1, 2);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, NULL), 2);
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x[1]);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.expect.tuple.dport, 2002);

	/* And what has not changed is not told again. */
	told = first.updated;
	engine_overrun(p.a, p.now);
	run_for(&p, SECS(31));
	answer_dumps(&p, &m, x + 2, 1);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.updated, told);
	pair_free(&p);
}

Test(expects, w33_a_dump_does_not_bring_back_what_ended_meanwhile)
{
	struct pair p = pair_default();
	struct flow m = tcp_sample(1, 7);
	struct expect x = ftp_expect();
	struct effect eff;

	x.has |= EXPECT_HAS_ID;
	x.id = 5;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_EXPECTS, 0);
	cr_assert(engine_effect(p.a, p.now, &eff));
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	engine_dump_expect(p.a, p.now, &x);
	engine_dump_end(p.a, p.now, 0);
	engine_tick(p.a, p.now);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 0);
	pair_free(&p);
}

/* One that is held back and whose end was lost goes too. */
Test(expects, w33_a_dump_takes_away_what_was_held)
{
	struct pair p = pair_default();
	struct flow other = tcp_sample(9, 9);
	struct expect x = ftp_expect();

	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	engine_overrun(p.a, p.now);
	run_for(&p, SECS(31));
	answer_dumps(&p, &other, NULL, 0);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 0);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 1);
	pair_free(&p);
}

/* ---- registrations of SIP clients ---- */

static struct expect registration(void)
{
	struct expect x = ftp_expect();

	x.has |= EXPECT_HAS_ID;
	x.id = 1;
	x.flags = EXPF_PERMANENT | EXPF_INACTIVE;
	strcpy(x.helper, "sip");
	return x;
}

Test(expects, one_that_gets_active_is_noticed)
{
	struct pair p = pair_default();
	struct flow m = tcp_sample(1, 7);
	struct expect x = registration();
	struct engine_entry first;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	for (int i = 0; i < 20; i++) { /* the answer takes two seconds */
		run_for(&p, SECS(1) / 10);
		answer_dumps(&p, &m, &x, 1);
	}
	x.flags = EXPF_PERMANENT;
	x.timeout = 600;
	for (int i = 0; i < 30; i++) {
		run_for(&p, SECS(1) / 10);
		answer_dumps(&p, &m, &x, 1);
	}
	cr_assert_eq(listed(p.b, ECACHE_EXP_EXTERNAL, &first), 1);
	cr_assert_eq(first.expect.flags, EXPF_PERMANENT);
	cr_assert_geq(first.expect.timeout, 590);
	pair_free(&p);
}

Test(expects, one_that_never_gets_active_is_left_alone_in_the_end)
{
	struct pair p = pair_default();
	struct expect x = registration();
	struct effect eff;
	int dumps = 0;

	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	for (int i = 0; i < 3000; i++) {
		run_for(&p, SECS(1) / 10);
		while (engine_effect(p.a, p.now, &eff)) {
			cr_assert_eq(eff.kind, EFFECT_DUMP_EXPECTS);
			engine_dump_expect(p.a, p.now, &x);
			engine_dump_end(p.a, p.now, 0);
			dumps++;
		}
	}
	cr_assert_eq(dumps, 7, "0.5, 1, 2 ... 32 s, not %d times", dumps);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 1);
	pair_free(&p);
}

Test(expects, one_that_got_active_unnoticed_can_end)
{
	struct pair p = pair_default();
	struct flow m = tcp_sample(1, 7);
	struct expect x = registration();

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	x.flags = EXPF_PERMANENT;
	engine_expect_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	cr_assert_eq(listed(p.a, ECACHE_EXP_INTERNAL, NULL), 0);
	pair_free(&p);
}

/* ---- into the kernel ---- */

Test(expects, a_missing_helper_costs_no_flow)
{
	struct pair p = pair_default();
	struct kernel_op ops[KOP_BATCH];
	struct flow m = zoned(0, 1);
	struct engine_stats st;
	size_t n;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	run_for(&p, SECS(1));
	cr_assert_eq(engine_admin(p.b, p.now, ADMIN_COMMIT, ADMIN_FLOWS, 1), 1);
	while ((n = engine_kernel_ops(p.b, p.now, ops, KOP_BATCH))) {
		for (size_t i = 0; i < n; i++)
			ops[i].err = ops[i].flow.has & FLOW_HAS_HELPER ? -EOPNOTSUPP : 0;
		engine_kernel_results(p.b, p.now, ops, n);
	}
	engine_get_stats(p.b, &st);
	cr_assert_eq(st.last_commit.flows_new, 1);
	cr_assert_eq(st.last_commit.flows_no_helper, 1);
	cr_assert(strstr(said, "1 entries were committed without their helper"), "%s", said);
	pair_free(&p);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The injection plan: lifetimes, what an operation contains, order, failures. */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fixture.h"
#include "gen.h"
#include "oom.h"

TestSuite(commit, .init = fixture_setup, .fini = fixture_teardown);

/* ---- lifetimes ---- */

Test(commit, lifetimes)
{
	static const struct {
		uint32_t fixed, timeout, age, heard; /* heard: seconds after "updated" */
		bool has;
		uint32_t want;
	} cases[] = {
		{ 123, 500, 10, 10, true, 123 },
		{ 123, 5, 1000, 0, true, 123 }, /* the operator's choice, always */
		{ 123, 0, 0, 0, false, 123 },
		{ 0, 500, 0, 0, true, 500 },
		{ 0, 432000, 2, 2, true, 431998 },
		{ 0, 500, 499, 0, true, 1 },
		{ 0, 500, 500, 0, true, 0 }, /* over, and nobody to say otherwise */
		{ 0, 500, 500, 500, true, 0 },
		{ 0, 500, 600, 500, true, 0 },
		{ 0, 500, 600, 501, true, 60 }, /* the owner was there and kept it */
		{ 0, 30, 100000, 99999, true, 60 },
		{ 0, 0, 0, 0, true, 0 },
		{ 0, 0, 77, 0, false, 60 }, /* CommitTimeout at the peer */
		{ 0, UINT32_MAX, 5, 5, true, UINT32_MAX - 5 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct commit_params p = { .timeout = cases[i].fixed };

		p.owner_heard = NOW + cases[i].heard * TICK_SEC;
		cr_assert_eq(commit_lifetime(&p, NOW + cases[i].age * TICK_SEC + TICK_SEC / 2,
					     cases[i].has, cases[i].timeout, NOW),
			     cases[i].want, "case %zu", i);
	}
}

Test(commit, lifetimes_with_time_running_backwards)
{
	struct commit_params p = { .owner_heard = 0 };

	cr_assert_eq(commit_lifetime(&p, NOW, true, 50, NOW + 10 * TICK_SEC), 50);
}

Test(commit, w25_expired_flows_are_not_revived)
{
	struct flow f;

	tcp(1, &f);
	keep(&f);
	tcp(2, &f);
	f.timeout = 10;
	keep(&f);
	run(NOW + 100 * TICK_SEC, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	cr_assert_eq(fx.st.flows_expired, 1);
	cr_assert_null(in_kernel(&f));
	tcp(1, &f);
	cr_assert_eq(in_kernel(&f)->timeout, 4900);
}

Test(commit, w24_a_flow_without_timeout_gets_one)
{
	struct flow f;

	tcp(1, &f);
	f.has &= ~FLOW_HAS_TIMEOUT;
	f.timeout = 0;
	keep(&f);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	cr_assert_eq(in_kernel(&f)->timeout, 60);
}

/* ---- what an operation contains ---- */

Test(commit, nothing_to_do)
{
	struct commit *c;
	struct kernel_op op;

	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 0);
	fx.params.flows = fx.params.expects = NULL;
	c = commit_new(&fx.params, NOW);
	cr_assert(commit_finished(c));
	cr_assert_eq(commit_next(c, NOW, &op, 1), 0);
	commit_free(c);
}

Test(commit, the_first_operation_is_the_flow_as_cached)
{
	struct commit *c;
	struct kernel_op op;
	struct flow f;

	tcp_nat(9, &f);
	helper(&f, "ftp");
	f.has |= FLOW_HAS_MARK | FLOW_HAS_LABELS | FLOW_HAS_SEQADJ | FLOW_HAS_WSCALE;
	f.mark = 77;
	f.labels[1] = 5;
	f.seqadj[0].pos = 4;
	f.wscale[0] = 7;
	keep(&f);
	c = commit_new(&fx.params, NOW);
	cr_assert_eq(commit_next(c, NOW, &op, 1), 1);
	cr_assert_eq(op.kind, KOP_CREATE);
	cr_assert_eq(op.err, 0);
	cr_assert(op.liberal);
	cr_assert(!op.window_scale);
	cr_assert(flow_equal(&op.flow, &f));
	commit_free(c);
}

Test(commit, tcp_is_liberal_and_scales_only_when_windows_are_tracked)
{
	struct kernel_op ops[4];
	struct commit *c;
	struct flow f;
	size_t n, i;

	fx.params.window_tracking = true;
	tcp(1, &f);
	keep(&f);
	tcp(2, &f);
	f.has |= FLOW_HAS_WSCALE;
	f.wscale[0] = 7;
	keep(&f);
	gen_flow_key(2 * 4, &f);
	cr_assert_eq(f.orig.proto, IPP_UDP);
	keep(&f);
	c = commit_new(&fx.params, NOW);
	n = commit_next(c, NOW, ops, 4);
	cr_assert_eq(n, 3);
	for (i = 0; i < n; i++) {
		bool is_tcp = ops[i].flow.orig.proto == IPP_TCP;

		cr_assert_eq(ops[i].liberal, is_tcp);
		cr_assert_eq(ops[i].window_scale, is_tcp && (ops[i].flow.has & FLOW_HAS_WSCALE));
	}
	commit_free(c);
}

Test(commit, tcp_states_that_survive)
{
	static const struct {
		bool has;
		uint8_t state;
		uint32_t status;
		uint8_t want;
	} cases[] = {
		{ true, TCPS_NONE, 0, TCPS_SYN_RECV },
		{ true, TCPS_NONE, CTS_ASSURED, TCPS_ESTABLISHED },
		{ true, TCPS_SYN_SENT, 0, TCPS_SYN_RECV },
		{ true, TCPS_SYN_SENT, CTS_SEEN_REPLY, TCPS_SYN_RECV },
		{ true, TCPS_SYN_SENT2, CTS_SEEN_REPLY, TCPS_SYN_RECV },
		{ true, TCPS_SYN_RECV, CTS_SEEN_REPLY, TCPS_SYN_RECV },
		{ true, TCPS_ESTABLISHED, CTS_ASSURED, TCPS_ESTABLISHED },
		{ true, TCPS_TIME_WAIT, CTS_ASSURED, TCPS_TIME_WAIT },
		{ true, TCPS_CLOSE, CTS_ASSURED, TCPS_CLOSE },
		{ false, 0, CTS_ASSURED, TCPS_ESTABLISHED },
		{ false, 0, 0, TCPS_SYN_RECV },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow f;

		tcp((uint32_t)i, &f);
		f.status = CTS_CONFIRMED | cases[i].status;
		f.state = cases[i].state;
		if (!cases[i].has)
			f.has &= ~FLOW_HAS_STATE;
		keep(&f);
	}
	run(NOW, 64);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow f;

		tcp((uint32_t)i, &f);
		cr_assert_eq(in_kernel(&f)->state, cases[i].want, "case %zu", i);
		cr_assert(in_kernel(&f)->has & FLOW_HAS_STATE);
	}
}

Test(commit, gre_gets_a_fixed_timeout)
{
	struct flow f;

	tcp(1, &f);
	f.orig.proto = IPP_GRE;
	f.has &= ~FLOW_HAS_STATE;
	f.timeout = 170;
	keep(&f);
	run(NOW, 64);
	cr_assert(in_kernel(&f)->status & CTS_FIXED_TIMEOUT);
	cr_assert_eq(in_kernel(&f)->timeout, 3600, "no packet will prolong it");
	/* Once more: the kernel refuses to change such a timeout. */
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(fx.st.flows_failed, 0);
}

Test(commit, only_gre_in_use_lives_an_hour)
{
	struct flow f, g;

	tcp(1, &f);
	f.orig.proto = IPP_GRE;
	f.has &= ~FLOW_HAS_STATE;
	f.timeout = 20;
	f.status = CTS_CONFIRMED;
	keep(&f);
	tcp(2, &g);
	g.orig.proto = IPP_GRE;
	g.timeout = 5000;
	keep(&g);
	run(NOW, 64);
	cr_assert_eq(in_kernel(&f)->timeout, 20);
	cr_assert_eq(in_kernel(&g)->timeout, 5000);
	fx.params.timeout = 90;
	memset(&fx.table, 0, sizeof(fx.table));
	run(NOW, 64);
	cr_assert_eq(in_kernel(&g)->timeout, 90, "the operator's choice");
}

/* ---- order ---- */

/* Children and their masters in one cache, in whatever order the walk meets them. */
static void family(uint32_t first, uint32_t last, const char *with_helper)
{
	struct expect e;
	struct flow f;
	uint32_t n;

	for (n = last; n >= first; n--) {
		/* 3k: master, 3k + 1: its child, 3k + 2: the child's child */
		tcp(n, &f);
		if (n % 3)
			master(&f, n - 1);
		else
			helper(&f, with_helper);
		keep(&f);
		if (n % 3 == 0) {
			expectation(n, &e);
			keep_expect(&e);
		}
	}
}

Test(commit, masters_before_children_before_expectations)
{
	size_t cap;

	family(30, 329, "ftp");
	for (cap = 64; cap > 0; cap = cap * 2 / 3) {
		memset(&fx.table, 0, sizeof(fx.table));
		run(NOW, cap);
		cr_assert_eq(fx.st.flows_new, 300);
		cr_assert_eq(fx.st.flows_no_master, 0, "a child came before its master");
		cr_assert_eq(fx.st.expects_new, 100);
		cr_assert_eq(fx.table.ops[KOP_CREATE], 300, "no second tries");
		cr_assert_eq(fx.table.ops[KOP_EXP_CREATE], 100);
	}
}

Test(commit, children_wait_for_second_tries_of_their_masters)
{
	/* "h323" is unknown here, so each master needs two attempts. */
	family(3, 20, "h323");
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 18);
	cr_assert_eq(fx.st.flows_no_helper, 6);
	cr_assert_eq(fx.st.flows_no_master, 0);
	/* Without helper a master can own no expectation. */
	cr_assert_eq(fx.st.expects_failed, 6);
	cr_assert(fx.failures[0].is_expect);
	cr_assert_eq(fx.failures[0].err, -EOPNOTSUPP);
}

Test(commit, parts_can_be_left_out)
{
	family(3, 8, "ftp");
	fx.params.expects = NULL;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 6);
	cr_assert_eq(fx.st.expects_new, 0);
	fx.params.flows = NULL;
	fx.params.expects = fx.expects;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 0);
	cr_assert_eq(fx.st.expects_new, 2);
}

/* ---- failures ---- */

Test(commit, failures_are_told_with_their_flow)
{
	struct flow f;
	uint32_t i;

	for (i = 0; i < 10; i++) {
		tcp(i, &f);
		keep(&f);
	}
	fx.table.fail_creates = ENOMEM;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_failed, 10);
	for (i = 0; i < 10; i++) {
		cr_assert_eq(fx.failures[i].err, -ENOMEM);
		cr_assert(!fx.failures[i].is_expect);
		cr_assert_neq(cache_find(fx.flows, &fx.failures[i].flow), 0);
	}
}

Test(commit, an_expectation_that_exists_is_renewed)
{
	struct expect e;
	struct flow f;

	tcp(1, &f);
	helper(&f, "ftp");
	keep(&f);
	expectation(1, &e);
	keep_expect(&e);
	run(NOW, 64);
	cr_assert_eq(fx.st.expects_new, 1);
	fx.table.expects[0].timeout = 1;
	run(NOW + 10 * TICK_SEC, 64);
	cr_assert_eq(fx.st.expects_new, 1);
	cr_assert_eq(fx.table.nexpects, 1);
	cr_assert_eq(fx.table.expects[0].timeout, 290);
	cr_assert_eq(fx.table.ops[KOP_EXP_DELETE], 1);
	/* And over when its time is over. */
	fx.params.owner_heard = 0;
	run(NOW + 301 * TICK_SEC, 64);
	cr_assert_eq(fx.st.expects_expired, 1);
	cr_assert_eq(fx.st.expects_new, 0);
}

/* Two masters announce the same: the kernel finds either by it. */
Test(commit, an_expectation_of_another_master_goes_by_age)
{
	static const struct {
		uint32_t theirs, fixed;
		bool replaced;
	} cases[] = {
		{ 250, 0, true },
		{ 350, 0, false },
		{ 250, 100, true },
		{ 350, 900, false },
	};
	struct expect e, other;
	struct flow f;

	tcp(1, &f);
	helper(&f, "ftp");
	keep(&f);
	expectation(1, &e);
	keep_expect(&e);
	other = e;
	other.master.sport++;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&fx.table, 0, sizeof(fx.table));
		other.timeout = cases[i].theirs;
		fx.table.expects[fx.table.nexpects++] = other;
		fx.params.timeout = cases[i].fixed;
		run(NOW, 64);
		cr_assert_eq(fx.table.nexpects, 1);
		cr_assert_eq(tuple_equal(&fx.table.expects[0].master, &e.master), cases[i].replaced,
			     "case %zu", i);
		cr_assert_eq(fx.st.expects_new, cases[i].replaced);
		cr_assert_eq(fx.st.expects_failed_by[COMMIT_BUSY], !cases[i].replaced);
	}
}

Test(commit, w12_an_expectation_keeps_all_it_has)
{
	struct expect e;
	struct flow f;
	size_t cap;

	tcp(1, &f);
	helper(&f, "ftp");
	keep(&f);
	expectation(1, &e);
	e.has |= EXPECT_HAS_CLASS | EXPECT_HAS_FLAGS | EXPECT_HAS_FN | EXPECT_HAS_NAT |
		 EXPECT_HAS_NAT_DIR | EXPECT_HAS_NAT_PORTS | EXPECT_HAS_NAT_ADDR;
	e.class_ = 3;
	e.flags = EXPF_PERMANENT;
	e.nat.family = FAM_IP4;
	e.nat.sport = 2021;
	e.nat_dir = 1;
	strcpy(e.fn, "nat-follow-master");
	keep_expect(&e);
	for (cap = 1; cap <= 64; cap += 63) {
		memset(&fx.table, 0, sizeof(fx.table));
		run(NOW + 100 * TICK_SEC, cap);
		cr_assert_eq(fx.st.expects_new, 1);
		cr_assert_eq(fx.table.nexpects, 1);
		e.timeout = 200; /* and not the helper's own */
		cr_assert(expect_equal(&fx.table.expects[0], &e));
	}
}

/* It may be used between its creation and the change of its lifetime. */
static void use_at_once(struct table *t, const struct kernel_op *op)
{
	if (op->kind == KOP_EXP_UPDATE)
		t->nexpects = 0;
}

Test(commit, an_expectation_used_at_once_is_no_failure)
{
	struct expect e;
	struct flow f;

	tcp(1, &f);
	helper(&f, "ftp");
	keep(&f);
	expectation(1, &e);
	keep_expect(&e);
	fx.table.before = use_at_once;
	run(NOW, 64);
	cr_assert_eq(fx.st.expects_new, 1);
	cr_assert_eq(fx.st.expects_failed, 0);
}

Test(commit, an_expectation_without_its_master_fails)
{
	struct expect e;

	expectation(1, &e);
	keep_expect(&e);
	run(NOW, 64);
	cr_assert_eq(fx.st.expects_failed, 1);
	cr_assert(fx.failures[0].is_expect);
	cr_assert_eq(fx.failures[0].err, -ENOENT);
	cr_assert(expect_same(&fx.failures[0].expect, &e));
}

Test(commit, out_of_memory)
{
	oom_after(0);
	cr_assert_null(commit_new(&fx.params, NOW));
	oom_off();
	commit_free(NULL);
}

Test(commit, asking_on_without_results_is_a_bug, .signal = SIGABRT)
{
	struct kernel_op ops[4];
	struct commit *c;
	struct flow f;

	tcp(1, &f);
	keep(&f);
	c = commit_new(&fx.params, NOW);
	commit_next(c, NOW, ops, 4);
	commit_next(c, NOW, ops, 4);
}

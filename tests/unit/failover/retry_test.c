// SPDX-License-Identifier: GPL-2.0-or-later
/* The injection plan meets a table that says no: second tries and races. */
#include <criterion/criterion.h>
#include <errno.h>

#include <string.h>

#include "fixture.h"

TestSuite(retry, .init = fixture_setup, .fini = fixture_teardown);

Test(retry, w24_unknown_helper_and_missing_master_cost_only_themselves)
{
	struct flow f;

	tcp(1, &f);
	helper(&f, "h323");
	keep(&f);
	tcp(2, &f);
	master(&f, 999);
	keep(&f);
	tcp(3, &f);
	helper(&f, "h323");
	master(&f, 999);
	keep(&f);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 3);
	cr_assert_eq(fx.st.flows_failed, 0);
	cr_assert_eq(fx.st.flows_no_helper, 2);
	cr_assert_eq(fx.st.flows_no_master, 2);
	cr_assert(!(in_kernel(&f)->has & (FLOW_HAS_HELPER | FLOW_HAS_MASTER)));
	cr_assert(!(in_kernel(&f)->status & CTS_HELPER));
}

Test(retry, a_master_that_cannot_be_named_is_left_out)
{
	struct flow f;

	tcp(1, &f);
	keep(&f);
	tcp(2, &f);
	master(&f, 1);
	f.has &= ~FLOW_HAS_MASTER_PORTS;
	f.master.sport = f.master.dport = 0;
	keep(&f);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 2);
	cr_assert_eq(fx.st.flows_no_master, 1);
	cr_assert_eq(fx.table.ops[KOP_CREATE], 2);
}

Test(retry, the_same_flow_is_refreshed_in_place)
{
	struct flow f, k;
	uint32_t id;

	tcp_nat(1, &f);
	f.has |= FLOW_HAS_MARK;
	f.mark = 5;
	helper(&f, "ftp");
	master(&f, 2);
	keep(&f);
	/* Picked up in the middle: no helper, no master, half known. */
	tcp_nat(1, &k);
	k.status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_SRC_NAT | CTS_SRC_NAT_DONE;
	k.timeout = 300;
	id = table_put(&fx.table, &k)->id;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(fx.st.flows_failed, 0);
	cr_assert_eq(fx.table.ops[KOP_DELETE], 0);
	cr_assert_eq(in_kernel(&f)->id, id);
	cr_assert_eq(in_kernel(&f)->mark, 5);
	cr_assert_eq(in_kernel(&f)->timeout, 5000);
	cr_assert(in_kernel(&f)->status & CTS_ASSURED);
}

Test(retry, an_update_takes_back_nothing_the_kernel_knows)
{
	struct flow f, k;

	tcp(1, &f);
	f.status = CTS_CONFIRMED;
	f.state = TCPS_SYN_SENT;
	f.timeout = 100;
	keep(&f);
	tcp(1, &k);
	master(&k, 2);
	k.timeout = 90;
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1, "err %d", fx.failures[0].err);
	cr_assert_eq(in_kernel(&f)->status & (CTS_EXPECTED | CTS_SEEN_REPLY | CTS_ASSURED),
		     CTS_EXPECTED | CTS_SEEN_REPLY | CTS_ASSURED);
}

Test(retry, an_update_does_not_revive_a_closed_connection)
{
	static const struct {
		uint8_t ours, kernel;
		uint32_t our_time, kernel_time;
		uint32_t fixed;
		uint8_t want;
		uint32_t want_time;
	} cases[] = {
		{ TCPS_ESTABLISHED, TCPS_TIME_WAIT, 5000, 100, 0, TCPS_TIME_WAIT, 100 },
		{ TCPS_ESTABLISHED, TCPS_CLOSE, 5000, 9, 0, TCPS_CLOSE, 9 },
		{ TCPS_ESTABLISHED, TCPS_CLOSE, 5000, 9, 222, TCPS_CLOSE, 9 },
		{ TCPS_TIME_WAIT, TCPS_ESTABLISHED, 50, 5000, 0, TCPS_TIME_WAIT, 50 },
		{ TCPS_ESTABLISHED, TCPS_ESTABLISHED, 5000, 300, 0, TCPS_ESTABLISHED, 5000 },
		{ TCPS_ESTABLISHED, TCPS_ESTABLISHED, 5000, 9000, 0, TCPS_ESTABLISHED, 9000 },
		{ TCPS_ESTABLISHED, TCPS_ESTABLISHED, 5000, 9000, 222, TCPS_ESTABLISHED, 222 },
		{ TCPS_ESTABLISHED, TCPS_SYN_RECV, 5000, 60, 0, TCPS_ESTABLISHED, 5000 },
		{ TCPS_ESTABLISHED, TCPS_SYN_SENT2, 5000, 60, 0, TCPS_ESTABLISHED, 5000 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow f, k;
		cache_ref ref;

		memset(&fx.table, 0, sizeof(fx.table));
		tcp(1, &f);
		f.state = cases[i].ours;
		f.timeout = cases[i].our_time;
		ref = keep(&f);
		tcp(1, &k);
		k.state = cases[i].kernel;
		k.timeout = cases[i].kernel_time;
		table_put(&fx.table, &k);
		fx.params.timeout = cases[i].fixed;
		run(NOW, 64);
		cr_assert_eq(fx.st.flows_updated, 1);
		cr_assert_eq(in_kernel(&f)->state, cases[i].want, "case %zu", i);
		cr_assert_eq(in_kernel(&f)->timeout, cases[i].want_time, "case %zu", i);
		cache_del(fx.flows, ref);
	}
}

Test(retry, an_update_keeps_sequence_offsets_that_grew)
{
	struct flow f, k;

	tcp(1, &f);
	f.has |= FLOW_HAS_SEQADJ;
	f.seqadj[0] = (struct seqadj){ UINT32_MAX - 5, 1, 2 };
	f.seqadj[1] = (struct seqadj){ 500, 3, 4 };
	keep(&f);
	k = f;
	k.seqadj[0] = (struct seqadj){ 10, 2, 8 }; /* after ours, beyond the wrap */
	k.seqadj[1] = (struct seqadj){ 400, 1, 3 };
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(in_kernel(&f)->seqadj[0].pos, 10);
	cr_assert_eq(in_kernel(&f)->seqadj[0].after, 8);
	cr_assert_eq(in_kernel(&f)->seqadj[1].pos, 500);
	cr_assert_eq(in_kernel(&f)->seqadj[1].after, 4);
}

Test(retry, an_update_clears_the_mark_and_the_labels_of_the_past)
{
	struct flow f, k;

	tcp(1, &f);
	keep(&f);
	k = f;
	k.has |= FLOW_HAS_MARK | FLOW_HAS_LABELS;
	k.mark = 5;
	k.labels[0] = 6;
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(in_kernel(&f)->mark, 0);
	cr_assert_eq(in_kernel(&f)->labels[0], 0);
}

/* Sequence numbers begin anywhere, also where they look older than none. */
Test(retry, a_direction_shifted_for_the_first_time_is_the_later_one)
{
	struct flow f, k;

	tcp(1, &f);
	f.has |= FLOW_HAS_SEQADJ;
	f.seqadj[0] = (struct seqadj){ 0x90000000, 0, 4 };
	keep(&f);
	k = f;
	k.seqadj[0] = (struct seqadj){ 0 };
	k.seqadj[1] = (struct seqadj){ 0xa0000000, 0, -3 };
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(in_kernel(&f)->seqadj[0].after, 4, "told, and new to the kernel");
	cr_assert_eq(in_kernel(&f)->seqadj[1].after, -3, "happened here since");
}

Test(retry, no_room_for_labels_is_no_failure)
{
	struct flow f;

	tcp(1, &f);
	f.has |= FLOW_HAS_LABELS;
	f.labels[0] = 1;
	keep(&f);
	table_put(&fx.table, &f);
	fx.table.no_labels = true;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(fx.st.flows_failed, 0);
}

/* The client's packets came first and got another translation. */
Test(retry, an_unanswered_flow_in_our_place_is_replaced)
{
	struct flow f, k;

	tcp_nat(1, &f);
	keep(&f);
	tcp_nat(1, &k);
	k.snat_port = 4711;
	k.status &= ~(CTS_SEEN_REPLY | CTS_ASSURED);
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	cr_assert_eq(fx.table.ops[KOP_DELETE], 1);
	cr_assert(translated_alike(in_kernel(&f), &f));
	cr_assert_eq(table_count(&fx.table), 1);
}

Test(retry, no_packet_comes_between_removal_and_creation)
{
	struct flow f, k;
	uint32_t i;

	for (i = 0; i < 30; i++) {
		tcp_nat(i, &f);
		keep(&f);
		k = f;
		k.snat_port = (uint16_t)(40000 + i);
		k.status = CTS_CONFIRMED;
		table_put(&fx.table, &k);
	}
	/* Checked for each batch by the table. */
	run(NOW, 7);
	cr_assert_eq(fx.st.flows_new, 30);
	cr_assert_eq(fx.table.ops[KOP_DELETE], 30);
}

/* The server's packets came first, to the translated address. */
Test(retry, an_unanswered_flow_from_the_other_end_is_replaced)
{
	struct flow f, k;

	tcp_nat(1, &f);
	keep(&f);
	tcp(1, &k);
	flow_reply(&f, &k.orig);
	k.status = CTS_CONFIRMED;
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	cr_assert(translated_alike(in_kernel(&f), &f));
	cr_assert_eq(table_count(&fx.table), 1);
}

Test(retry, both_places_held_by_unanswered_flows)
{
	struct flow f, k;
	size_t cap;

	tcp_nat(1, &f);
	keep(&f);
	for (cap = 1; cap <= 3; cap++) {
		memset(&fx.table, 0, sizeof(fx.table));
		tcp_nat(1, &k);
		k.snat_port = 4711;
		k.status = CTS_CONFIRMED;
		table_put(&fx.table, &k);
		tcp(1, &k);
		flow_reply(&f, &k.orig);
		k.status = CTS_CONFIRMED;
		table_put(&fx.table, &k);
		run(NOW, cap);
		cr_assert_eq(fx.st.flows_new, 1);
		cr_assert(translated_alike(in_kernel(&f), &f));
		cr_assert_eq(table_count(&fx.table), 1);
	}
}

Test(retry, a_live_flow_in_our_place_is_left_alone)
{
	struct flow f, k, *now;
	uint32_t id;

	tcp_nat(1, &f);
	keep(&f);
	tcp_nat(1, &k);
	k.snat_port = 4711;
	k.timeout = 99;
	id = table_put(&fx.table, &k)->id;
	/* And one that came from the other end. */
	tcp_nat(2, &f);
	keep(&f);
	tcp(2, &k);
	flow_reply(&f, &k.orig);
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_skipped, 1);
	cr_assert_eq(fx.st.flows_clash, 1);
	cr_assert_eq(fx.st.flows_new + fx.st.flows_updated + fx.st.flows_failed, 0);
	cr_assert_eq(fx.table.ops[KOP_DELETE] + fx.table.ops[KOP_UPDATE], 0);
	tcp_nat(1, &f);
	now = in_kernel(&f);
	cr_assert_eq(now->id, id);
	cr_assert_eq(now->timeout, 99);
	cr_assert(!translated_alike(now, &f));
}

/* Another connection has the address and port that ours is translated to. */
Test(retry, a_clash_is_reported_with_both_flows)
{
	const struct commit_failure *told = &fx.failures[0];
	struct tuple ours, theirs;
	struct flow f, k;

	tcp_nat(1, &f);
	keep(&f);
	k = f;
	k.orig.src.b[3]++;
	table_put(&fx.table, &k);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_clash, 1);
	cr_assert_eq(fx.nfailures, 1);
	cr_assert(told->clash);
	cr_assert(tuple_equal(&told->flow.orig, &f.orig));
	cr_assert(tuple_equal(&told->holder.orig, &k.orig));
	flow_reply(&told->flow, &ours);
	flow_reply(&told->holder, &theirs);
	cr_assert(tuple_equal(&ours, &theirs));
	cr_assert_null(in_kernel(&f));
	cr_assert(in_kernel(&k));
}

/* ---- what is missing here, or was never told (W24) ---- */

Test(retry, w24_a_flow_comes_without_what_is_missing_here)
{
	struct flow f;

	tcp(1, &f);
	helper(&f, "none");
	keep(&f);
	tcp(2, &f);
	master(&f, 77);
	keep(&f);
	tcp(3, &f);
	f.has &= ~FLOW_HAS_TIMEOUT;
	keep(&f);
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 3);
	cr_assert_eq(fx.st.flows_failed, 0);
	cr_assert_eq(fx.st.flows_no_helper, 1);
	cr_assert_eq(fx.st.flows_no_master, 1);
	cr_assert_eq(fx.st.flows_no_timeout, 1);
	cr_assert_eq(in_kernel(&f)->timeout, 60);
}

/* Another reason for each creation. */
static void fail_in_turn(struct table *t, const struct kernel_op *op)
{
	static const int errors[] = { ENOMEM, EINVAL, EPERM, ENOMEM };

	if (op->kind == KOP_CREATE)
		t->fail_creates = errors[t->ops[KOP_CREATE] % 4];
}

Test(retry, failures_are_counted_by_reason)
{
	struct commit_stats sum = { .flows_failed = 1 };
	struct flow f;

	for (uint32_t i = 0; i < 4; i++) {
		tcp(i, &f);
		keep(&f);
	}
	fx.table.before = fail_in_turn;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_failed, 4);
	cr_assert_eq(fx.st.flows_failed_by[COMMIT_FULL], 2);
	cr_assert_eq(fx.st.flows_failed_by[COMMIT_INVALID], 1);
	cr_assert_eq(fx.st.flows_failed_by[COMMIT_PERM], 1);
	commit_stats_add(&sum, &fx.st);
	commit_stats_add(&sum, &fx.st);
	cr_assert_eq(sum.flows_failed, 9);
	cr_assert_eq(sum.flows_failed_by[COMMIT_FULL], 4);
	cr_assert_str_eq(commit_reason_text(COMMIT_FULL), "table full");
}

/* ---- races: the table changes between one batch and the next ---- */

static void vanish_before_get(struct table *t, const struct kernel_op *op)
{
	if (op->kind == KOP_GET && t->ops[KOP_GET] == 0)
		table_remove(t, 1);
}

static void vanish_before_update(struct table *t, const struct kernel_op *op)
{
	if (op->kind == KOP_UPDATE)
		table_remove(t, 1);
}

Test(retry, what_held_our_place_may_end_meanwhile)
{
	struct flow f;

	tcp(1, &f);
	keep(&f);
	table_put(&fx.table, &f);
	fx.table.before = vanish_before_get;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	memset(&fx.table, 0, sizeof(fx.table));
	table_put(&fx.table, &f);
	fx.table.before = vanish_before_update;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_new, 1);
	cr_assert_eq(fx.table.ops[KOP_UPDATE], 1);
}

static void unhelp_before_update(struct table *t, const struct kernel_op *op)
{
	if (op->kind == KOP_UPDATE)
		t->flows[0].flow.has &= ~FLOW_HAS_HELPER;
}

Test(retry, a_helper_may_be_taken_away_meanwhile)
{
	struct flow f;

	tcp(1, &f);
	helper(&f, "ftp");
	keep(&f);
	table_put(&fx.table, &f);
	in_kernel(&f)->timeout = 100;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(fx.st.flows_no_helper, 0);
	fx.table.before = unhelp_before_update;
	in_kernel(&f)->timeout = 100;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_updated, 1);
	cr_assert_eq(fx.st.flows_failed, 0);
	cr_assert_eq(fx.st.flows_no_helper, 1);
	cr_assert_eq(in_kernel(&f)->timeout, 5000);
}

/* Somebody takes the place again and again. */
static void squat(struct table *t, const struct kernel_op *op)
{
	struct flow k;

	if (op->kind != KOP_CREATE || table_find(t, &op->flow.orig, op->flow.zone))
		return;
	tcp_nat(1, &k);
	k.snat_port = (uint16_t)(5000 + t->ops[KOP_CREATE]);
	k.status = CTS_CONFIRMED;
	table_put(t, &k);
}

Test(retry, a_race_that_cannot_be_won_ends)
{
	struct flow f;
	uint32_t i, sum = 0;

	tcp_nat(1, &f);
	keep(&f);
	fx.table.before = squat;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_skipped, 1);
	for (i = 0; i <= KOP_EXP_GET; i++)
		sum += fx.table.ops[i];
	cr_assert_leq(sum, 12, "%u operations for one flow", sum);
}

/* The kernel's flow is answered between our look and our removal: other id. */
static void answered(struct table *t, const struct kernel_op *op)
{
	struct flow k;

	if (op->kind != KOP_DELETE)
		return;
	table_remove(t, 1);
	tcp_nat(1, &k);
	k.snat_port = 4711;
	table_put(t, &k);
}

Test(retry, a_removal_hits_only_the_flow_that_was_looked_at)
{
	struct flow f, k;

	tcp_nat(1, &f);
	keep(&f);
	tcp_nat(1, &k);
	k.snat_port = 4711;
	k.status = CTS_CONFIRMED;
	table_put(&fx.table, &k);
	fx.table.before = answered;
	run(NOW, 64);
	cr_assert_eq(fx.st.flows_skipped, 1);
	cr_assert(!translated_alike(in_kernel(&f), &f));
}

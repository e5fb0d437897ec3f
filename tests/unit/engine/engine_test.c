// SPDX-License-Identifier: GPL-2.0-or-later
/* Two engines joined by a lossless pipe, a hand-made kernel, a virtual clock. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "flow/filter.h"
#include "pair.h"
#include "wire/ident.h"
#include "wire/message.h"

/* The kernel tells the same of the flows with these ports. */
static void kernel_says(struct engine *e, tick_t now, enum event_kind k, uint16_t first,
			uint16_t last)
{
	for (uint16_t i = first; i <= last; i++) {
		struct flow f = tcp_sample(i, i);

		engine_flow_event(e, now, k, ORIGIN_KERNEL, &f);
	}
}

/* ---- replication ---- */

Test(engine, event_reaches_the_peer)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);
	struct engine_entry en;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	pump(&p);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert(tuple_equal(&en.flow.orig, &f.orig));
	cr_assert_eq(en.flow.state, TCPS_ESTABLISHED);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, update_is_merged_and_destroy_removes)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7), u;
	struct engine_entry en;

	f.has |= FLOW_HAS_MARK;
	f.mark = 5;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	u = tcp_sample(1, 7);
	u.state = TCPS_CLOSE_WAIT;
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &u);
	pump(&p);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.mark, 5, "an update without mark must not clear it");
	cr_assert_eq(en.flow.state, TCPS_CLOSE_WAIT);

	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0, "dead entries are not listed");
	run_for(&p, SECS(3));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 0);
	pair_free(&p);
}

Test(engine, dead_entry_is_freed_once_acknowledged)
{
	struct pair p = pair_default();
	struct engine_stats st;
	struct flow f = tcp_sample(1, 7);

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].active, 0);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].objects, 1);
	run_for(&p, SECS(3));
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].objects, 0);
	pair_free(&p);
}

Test(engine, tuple_reused_before_the_end_was_acknowledged)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);
	struct engine_entry en;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(2));
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	f.id = 8;
	f.state = TCPS_SYN_SENT;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(3));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.state, TCPS_SYN_SENT);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, w32_late_destroy_of_an_older_flow_is_ignored)
{
	struct pair p = pair_default();
	struct flow old = tcp_sample(1, 7), newer = tcp_sample(1, 8);

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &newer);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &old);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, own_changes_are_kept_but_not_sent)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_OWN, &f);
	run_for(&p, SECS(1));
	/* The greeting's bulk is over before the flow came; nothing else may carry it. */
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_OWN, &f);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	pair_free(&p);
}

/* After the greeting is over: an own commit stays here. */
Test(engine, own_commit_is_quiet_after_greeting)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);

	run_for(&p, SECS(5));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_OWN, &f);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 0);
	engine_admin(p.a, p.now, ADMIN_BULK, 0, 0);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1, "a bulk sends what is cached");
	pair_free(&p);
}

Test(engine, w25_announced_timeout_is_the_remaining_one)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);
	struct engine_entry en;

	run_for(&p, SECS(5));
	f.timeout = 100;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(40));
	engine_admin(p.a, p.now, ADMIN_BULK, 0, 0);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert(en.flow.timeout >= 59 && en.flow.timeout <= 61, "%u", en.flow.timeout);
	pair_free(&p);
}

/* ---- filter ---- */

Test(engine, filtered_flows_stay_out_but_known_ones_end)
{
	struct filter *flt = filter_new();
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 7);
	struct engine_stats st;
	struct pair p;

	filter_set_state_policy(flt, FILTER_ACCEPT);
	filter_add_state(flt, TCPS_ESTABLISHED);
	pa.filter = flt;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	f.state = TCPS_TIME_WAIT;
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &f);
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.events_filtered, 1);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0, "deletions are not filtered by state");
	pair_free(&p);
	filter_free(flt);
}

/* ---- jobs ---- */

static bool wait_done(struct engine *e, tick_t now, uint64_t tag)
{
	struct effect eff;

	while (engine_effect(e, now, &eff))
		if (eff.kind == EFFECT_JOB_DONE && eff.tag == tag)
			return true;
	return false;
}

Test(engine, commit_injects_masters_first_and_reports)
{
	struct pair p = pair_default();
	struct kernel_op ops[KOP_BATCH];
	struct flow m = tcp_sample(1, 7), c = tcp_sample(2, 8);
	size_t n;

	c.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	c.master = m.orig;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &c);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &m);
	pump(&p);
	cr_assert_eq(engine_admin(p.b, p.now, ADMIN_COMMIT, ADMIN_FLOWS | ADMIN_EXPECTS, 99), 1);
	cr_assert_eq(engine_admin(p.b, p.now, ADMIN_COMMIT, ADMIN_FLOWS, 1), CTD_EBUSY);
	cr_assert_eq(engine_admin(p.b, p.now, ADMIN_FLUSH_CACHES, ADMIN_EXTERNAL, 1), CTD_EBUSY);
	cr_assert_eq(engine_deadline(p.b), 0, "a job under way wants the next turn at once");
	n = engine_kernel_ops(p.b, p.now, ops, KOP_BATCH);
	cr_assert_geq(n, 1);
	cr_assert_eq(ops[0].kind, KOP_CREATE);
	cr_assert_eq(ops[0].flow.orig.sport, 1);
	cr_assert(ops[0].liberal);
	while (n) {
		for (size_t i = 0; i < n; i++)
			ops[i].err = 0;
		engine_kernel_results(p.b, p.now, ops, n);
		n = engine_kernel_ops(p.b, p.now, ops, KOP_BATCH);
	}
	cr_assert(wait_done(p.b, p.now, 99));
	cr_assert(strstr(said, "commit summary: flows: 2 created, 0 updated"), "%s", said);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2, "a commit leaves the cache alone");
	pair_free(&p);
}

Test(engine, load_fills_the_cache_and_a_resync_drops_what_vanished)
{
	struct pair p = pair_default();
	struct flow f1 = tcp_sample(1, 1), f2 = tcp_sample(2, 2);
	struct effect eff;

	cr_assert_eq(engine_load(p.a, 5), 1);
	cr_assert(engine_effect(p.a, p.now, &eff));
	cr_assert_eq(eff.kind, EFFECT_DUMP_FLOWS);
	engine_dump_flow(p.a, p.now, &f1);
	engine_dump_flow(p.a, p.now, &f2);
	engine_dump_end(p.a, p.now, 0);
	cr_assert(engine_effect(p.a, p.now, &eff));
	cr_assert_eq(eff.kind, EFFECT_DUMP_EXPECTS);
	engine_dump_end(p.a, p.now, 0);
	cr_assert(wait_done(p.a, p.now, 5));
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 2);
	run_for(&p, SECS(3));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2, "the greeting brings a bulk");

	cr_assert_eq(engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 6), 1);
	cr_assert(engine_effect(p.a, p.now, &eff));
	engine_dump_flow(p.a, p.now, &f2);
	engine_dump_end(p.a, p.now, 0);
	cr_assert(wait_done(p.a, p.now, 6));
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	run_for(&p, SECS(3));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, kernel_flush_deletes_what_the_filter_passes_in_slices)
{
	struct pair p = pair_default();
	struct kernel_op ops[KOP_BATCH];
	struct effect eff;
	uint32_t deleted = 0;
	uint16_t sport = 1;
	size_t n;

	cr_assert_eq(engine_admin(p.a, p.now, ADMIN_FLUSH_KERNEL, ADMIN_FLOWS, 3), 1);
	cr_assert(engine_effect(p.a, p.now, &eff));
	while (sport <= 5000) {
		while (engine_dump_wanted(p.a) && sport <= 5000) {
			struct flow f = tcp_sample(sport, sport);

			engine_dump_flow(p.a, p.now, &f);
			sport++;
		}
		n = engine_kernel_ops(p.a, p.now, ops, KOP_BATCH);
		deleted += n;
		engine_kernel_results(p.a, p.now, ops, n);
	}
	engine_dump_end(p.a, p.now, 0);
	while ((n = engine_kernel_ops(p.a, p.now, ops, KOP_BATCH))) {
		deleted += n;
		engine_kernel_results(p.a, p.now, ops, n);
	}
	cr_assert_eq(deleted, 5000);
	cr_assert(wait_done(p.a, p.now, 3));
	pair_free(&p);
}

Test(engine, purge_fires_once_and_a_commit_cancels_it)
{
	struct pair p = pair_default();
	struct effect eff;

	engine_admin(p.a, p.now, ADMIN_PURGE, 0, 0);
	engine_admin(p.a, p.now, ADMIN_COMMIT, ADMIN_FLOWS, 0);
	run_for(&p, SECS(70));
	cr_assert_not(engine_effect(p.a, p.now, &eff), "cancelled");
	engine_admin(p.a, p.now, ADMIN_PURGE, 0, 0);
	run_for(&p, SECS(59));
	engine_admin(p.a, p.now, ADMIN_PURGE, 0, 0);
	cr_assert_not(engine_effect(p.a, p.now, &eff));
	run_for(&p, SECS(2));
	cr_assert(engine_effect(p.a, p.now, &eff), "the second -t must not extend it");
	cr_assert_eq(eff.kind, EFFECT_DUMP_FLOWS);
	pair_free(&p);
}

Test(engine, overrun_leads_to_one_resync_that_is_not_postponed)
{
	struct pair p = pair_default();
	struct effect eff;

	engine_overrun(p.a, p.now);
	run_for(&p, SECS(29));
	engine_overrun(p.a, p.now);
	cr_assert_not(engine_effect(p.a, p.now, &eff));
	run_for(&p, SECS(2));
	cr_assert(engine_effect(p.a, p.now, &eff));
	cr_assert_eq(eff.kind, EFFECT_DUMP_FLOWS);
	pair_free(&p);
}

/* The dump of -R would take in silently what the lost events should have told. */
Test(engine, overrun_during_a_resync_makes_it_tell)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 1);
	struct effect eff;

	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 0);
	engine_overrun(p.a, p.now);
	cr_assert(engine_effect(p.a, p.now, &eff));
	engine_dump_flow(p.a, p.now, &f);
	engine_dump_end(p.a, p.now, 0);
	pump(&p);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, full_cache_counts_and_says_so_once)
{
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct pair p;

	pa.cache_limit = 10;
	p = pair_new(&pa, &pb);
	said[0] = '\0';
	kernel_says(p.a, p.now, EVENT_NEW, 1, 30);
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].active, 10);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].add_full, 20);
	cr_assert_eq(said_lines(""), 1);
	pair_free(&p);
}

Test(engine, flush_forgets_what_is_in_flight)
{
	struct pair p = pair_default();

	for (uint16_t i = 1; i <= 100; i++) {
		struct flow f = tcp_sample(i, i);

		engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
		if (i % 3 == 0)
			engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
		if (i == 50)
			pump(&p);
	}
	cr_assert_eq(engine_admin(p.a, p.now, ADMIN_FLUSH_CACHES,
				  ADMIN_FLOWS | ADMIN_EXPECTS | ADMIN_INTERNAL | ADMIN_EXTERNAL, 0),
		     0);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	run_for(&p, SECS(5));
	pair_free(&p);
}

Test(engine, full_external_cache_says_so_once)
{
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct pair p;

	pb.cache_limit = 10;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	said[0] = '\0';
	kernel_says(p.a, p.now, EVENT_NEW, 1, 30);
	pump(&p);
	engine_get_stats(p.b, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].add_full, 20);
	cr_assert_eq(said_lines(""), 1);
	cr_assert(strstr(said, "external cache: "), "%s", said);
	pair_free(&p);
}

/* a asks for its kernel's tables: they hold the flows first .. last. */
static void answer_dumps(struct pair *p, uint16_t first, uint16_t last)
{
	struct effect eff;

	while (engine_effect(p->a, p->now, &eff)) {
		for (uint16_t i = first; i <= last && eff.kind == EFFECT_DUMP_FLOWS; i++) {
			struct flow f = tcp_sample(i, i);

			engine_dump_flow(p->a, p->now, &f);
		}
		engine_dump_end(p->a, p->now, 0);
		engine_tick(p->a, p->now);
	}
}

/* b holds 32 of the 40 flows of a, of which 10 end then. */
static struct pair full_external(bool ident)
{
	struct engine_params pa = params(1), pb = params(2);
	struct pair p;

	pa.repl.ident = pb.repl.ident = ident;
	pb.cache_limit = 32;
	p = pair_new(&pa, &pb);
	kernel_says(p.a, p.now, EVENT_NEW, 1, 40);
	run_for(&p, SECS(20));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 32);
	kernel_says(p.a, p.now, EVENT_DESTROY, 1, 10);
	run_for(&p, SECS(20));
	return p;
}

/* What the peer told in vain is there after others have ended, without its next event. */
Test(engine, what_a_full_external_cache_refused_is_asked_for_again)
{
	struct pair p = full_external(true);

	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 30);
	cr_assert_eq(said_lines("has room again"), 1, "%s", said);
	run_for(&p, SECS(60));
	cr_assert_eq(said_lines("has room again"), 1, "once is enough");
	pair_free(&p);
}

/* One of another kind may not send all it is asked for, and the sweep would take what it held. */
Test(engine, a_peer_that_does_not_say_who_it_is_is_not_asked_again)
{
	struct pair p = full_external(false);

	run_for(&p, SECS(60));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 22);
	cr_assert_eq(said_lines("has room again"), 0, "%s", said);
	pair_free(&p);
}

/* The same for what the kernel told in vain. */
Test(engine, what_a_full_internal_cache_refused_is_read_again)
{
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct pair p;

	pa.cache_limit = 32;
	p = pair_new(&pa, &pb);
	kernel_says(p.a, p.now, EVENT_NEW, 1, 40);
	run_for(&p, SECS(60));
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.kernel_resyncs, 0, "there is no room yet");
	kernel_says(p.a, p.now, EVENT_DESTROY, 1, 10);
	run_for(&p, SECS(35));
	answer_dumps(&p, 11, 40);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 30);
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.kernel_resyncs, 1);
	pair_free(&p);
}

/* The node works on, and nobody hears what it says. */
static void a_alone_for(struct pair *p, tick_t d)
{
	const tick_t end = p->now + d;
	uint8_t buf[1472];

	while (p->now < end) {
		p->now += 50 * TICK_MSEC;
		engine_tick(p->a, p->now);
		while (engine_datagram(p->a, p->now, 0, buf, sizeof(buf)))
			;
	}
}

/* Datagrams that are a while on their way. */
#define LANE 64

struct lane {
	struct {
		tick_t at;
		size_t len;
		uint8_t data[1472];
	} d[LANE];
	uint32_t head, n;
};

static void carry(struct engine *from, struct engine *to, struct lane *l, tick_t now, tick_t delay)
{
	for (; l->n < LANE; l->n++) {
		const uint32_t i = (l->head + l->n) % LANE;

		l->d[i].len = engine_datagram(from, now, 0, l->d[i].data, sizeof(l->d[i].data));
		l->d[i].at = now + delay;
		if (!l->d[i].len)
			break;
	}
	for (; l->n && l->d[l->head].at <= now; l->n--, l->head = (l->head + 1) % LANE)
		engine_input(to, now, 0, l->d[l->head].data, l->d[l->head].len);
}

static void run_slow(struct pair *p, struct lane l[2], tick_t d)
{
	for (const tick_t end = p->now + d; p->now < end; p->now += 10 * TICK_MSEC) {
		engine_tick(p->a, p->now);
		engine_tick(p->b, p->now);
		carry(p->a, p->b, &l[0], p->now, 40 * TICK_MSEC);
		carry(p->b, p->a, &l[1], p->now, 40 * TICK_MSEC);
	}
}

/*
 * The primary still tells of the bulk it sent to the life before, and puts off another one
 * for some seconds after a few. That is no answer to what this life asks for, but a bulk
 * that begins before anything was heard of the primary is.
 */
Test(engine, a_resync_right_after_the_start_ends_when_the_flows_are_here)
{
	struct engine_params pa = params(1), pb = params(2);
	static struct lane lanes[2];
	struct flow f = tcp_sample(1, 1);
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_slow(&p, lanes, SECS(5));
	for (uint64_t i = 1; i <= 6; i++) {
		const tick_t end = p.now + SECS(15);

		engine_free(p.b);
		pb.seed = 2 + i;
		p.b = engine_new(&pb, p.now);
		run_slow(&p, lanes, 30 * TICK_MSEC * (i % 3));
		cr_assert_eq(engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 7), 1);
		while (!wait_done(p.b, p.now, 7)) {
			cr_assert_lt(p.now, end, "start %lu: not over in 15 s", (unsigned long)i);
			run_slow(&p, lanes, 10 * TICK_MSEC);
		}
		cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1, "start %lu: over, and empty",
			     (unsigned long)i);
	}
	pair_free(&p);
}

/* An operator's resync that comes first takes it in; it is told all the same. */
Test(engine, what_was_refused_is_told_also_when_a_resync_reads_it)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f;
	struct pair p;

	pa.cache_limit = 32;
	p = pair_new(&pa, &pb);
	kernel_says(p.a, p.now, EVENT_NEW, 1, 33);
	run_for(&p, SECS(5));
	f = tcp_sample(1, 1);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(1)); /* room for one, which is too little to read again for */
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 0);
	answer_dumps(&p, 2, 33);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 32);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 32);
	pair_free(&p);
}

/* A peer gone for a moment only must not keep what ended then and was given up for lack of room. */
Test(engine, an_end_that_was_given_up_is_made_up_for)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 1);
	struct pair p;

	pa.cache_limit = 1;
	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(5));
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(1));
	a_alone_for(&p, SECS(4)); /* b is away */
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	f = tcp_sample(2, 2);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 1);
	run_for(&p, SECS(30));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* Nothing but the room itself wakes an engine without peers and timers. */
Test(engine, room_is_noticed_without_peers)
{
	struct engine_params pa = params(1);
	struct engine_stats st;
	struct engine *e;

	pa.npeers = 0;
	pa.cache_limit = 4;
	e = engine_new(&pa, SECS(1));
	cr_assert_not_null(e);
	kernel_says(e, SECS(1), EVENT_NEW, 1, 5);
	cr_assert_eq(engine_deadline(e), TICK_NEVER);
	kernel_says(e, SECS(2), EVENT_DESTROY, 1, 2);
	cr_assert_eq(engine_deadline(e), 0);
	engine_tick(e, SECS(2));
	cr_assert_eq(engine_deadline(e), SECS(32));
	engine_get_stats(e, &st);
	cr_assert_str_eq(st.resync_after, "the internal cache was full");
	engine_free(e);
}

/* Nobody listens, though messages come in: nothing acknowledges, but the word of a bulk. */
Test(engine, a_lost_request_is_repeated_in_notrack)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 1);
	struct engine_stats st;
	uint8_t buf[1472];
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_NOTRACK;
	pa.repl.ident = pb.repl.ident = true;
	pa.repl.cures &= ~REPL_CURE_W3; /* a sees a gap, and a request of its own would help b */
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(3));
	engine_admin(p.b, p.now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_EXTERNAL, 0);
	engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 0);
	engine_tick(p.b, p.now);
	while (engine_datagram(p.b, p.now, 0, buf, sizeof(buf)))
		;
	run_for(&p, SECS(10));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	run_for(&p, SECS(60));
	engine_get_stats(p.b, &st);
	cr_assert_leq(st.peer[0].resyncs_out, 4, "answered: enough");
	pair_free(&p);
}

/* In NOTRACK, where one of the other kind never asks for what died with a link. */
Test(engine, a_failed_link_is_made_up_for)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 1);
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_NOTRACK;
	pb.repl.cures = 0;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	a_alone_for(&p, SECS(1));
	run_for(&p, SECS(30));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 0);
	engine_link_failed(p.a, 0);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* Flows come and go, so many that all together would not fit. */
static void churn(struct pair *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct flow f = tcp_sample((uint16_t)(1000 + i), 1000 + i);

		engine_flow_event(p->a, p->now, EVENT_NEW, ORIGIN_KERNEL, &f);
		engine_flow_event(p->a, p->now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
		if (i % 100 == 0)
			a_alone_for(p, SECS(1));
	}
}

static void assert_nothing_refused(struct engine *e)
{
	struct engine_stats st;

	engine_get_stats(e, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].add_full, 0, "%u flows refused",
		     (unsigned int)st.cache[ECACHE_INTERNAL].add_full);
}

/* A peer that was never there, in maintenance, or of an old configuration. */
Test(engine, a_peer_that_is_away_does_not_fill_the_cache)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow live = tcp_sample(1, 1);
	struct pair p;

	pa.cache_limit = 200;
	p = pair_new(&pa, &pb);
	churn(&p, 3000);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &live);
	assert_nothing_refused(p.a);
	run_for(&p, SECS(10));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

Test(engine, a_peer_that_was_away_for_long_is_brought_up_to_date)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow ended = tcp_sample(1, 1), live = tcp_sample(2, 2), young = tcp_sample(3, 3);
	struct pair p;

	pa.cache_limit = 200;
	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(5));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &ended);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &live);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	a_alone_for(&p, SECS(5));
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &ended);
	churn(&p, 3000);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &young);
	assert_nothing_refused(p.a);
	run_for(&p, SECS(15));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2, "not the one that ended");
	pair_free(&p);
}

/* ---- ALARM ---- */

Test(engine, alarm_announces_every_entry_within_refresh_time)
{
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_ALARM;
	pa.refresh_time = 10;
	pb.cache_timeout = 15;
	p = pair_new(&pa, &pb);
	kernel_says(p.a, p.now, EVENT_NEW, 1, 200);
	run_for(&p, SECS(1));
	engine_get_stats(p.b, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].active, 200);
	run_for(&p, SECS(60));
	engine_get_stats(p.b, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].active, 200, "refreshed, so nothing expires");
	engine_get_stats(p.a, &st);
	cr_assert(st.msgs_out >= 200 * 6 && st.msgs_out <= 200 * 17, "%u messages in a minute",
		  (unsigned int)st.msgs_out);
	pair_free(&p);
}

Test(engine, alarm_forgets_what_is_not_confirmed)
{
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct engine_entry en;
	struct flow f = tcp_sample(1, 1);
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_ALARM;
	pb.cache_timeout = 15; /* and a does not refresh */
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(10));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert(en.expires > p.now && en.expires <= p.now + SECS(6));
	run_for(&p, SECS(7));
	engine_get_stats(p.b, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].active, 0);
	pair_free(&p);
}

/* ---- what is held of a peer that starts anew (W6) ---- */

/* a announces two flows, dies, and comes back with one of them and a third. */
static uint32_t left_after_restart(bool ident, bool ident_then)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f1 = tcp_sample(1, 1), f2 = tcp_sample(2, 2), f3 = tcp_sample(3, 3);
	struct pair p;
	uint32_t n;

	pa.repl.ident = pb.repl.ident = ident;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f1);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	engine_free(p.a);
	pa.repl.ident = ident_then;
	pa.seed = 77;
	p.now += SECS(2);
	p.a = engine_new(&pa, p.now);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f3);
	run_for(&p, SECS(ident && !ident_then ? 40 : 8));
	n = listed(p.b, ECACHE_EXTERNAL, NULL);
	pair_free(&p);
	return n;
}

Test(engine, w6_what_a_complete_bulk_does_not_confirm_goes)
{
	cr_assert_eq(left_after_restart(true, true), 2);
	cr_assert_eq(left_after_restart(false, false), 2, "it is asked, and its ACK tells the end");
}

/* A node is updated to this program, or goes back to what it ran before. */
Test(engine, w6_a_peer_may_become_one_of_another_kind)
{
	cr_assert_eq(left_after_restart(false, true), 2);
	cr_assert_eq(left_after_restart(true, false), 2);
}

/* One second of what a node with this number (0: of another kind) says when it is idle. */
static void says(struct pair *p, uint64_t life)
{
	const struct wire_ident id = { .node = 100 + life, .life = life, .mode = REPL_FTFW };
	static uint32_t seq = 1000;
	uint8_t buf[64];
	size_t len;

	p->now += SECS(1);
	len = life ? wire_ident_put(buf, sizeof(buf), WIRE_F_ALIVE, seq, &id) :
		     wire_control_put(buf, sizeof(buf), WIRE_F_ALIVE, seq, 0, 0);
	seq++;
	cr_assert(engine_input(p->a, p->now, 0, buf, len));
}

Test(engine, several_nodes_that_speak_as_one_peer_are_noticed)
{
	struct pair p = pair_default();

	said[0] = '\0';
	says(&p, 1);
	says(&p, 2); /* it has begun anew */
	says(&p, 0); /* with another program */
	says(&p, 3);
	cr_assert_eq(said_lines(""), 0, "%s", said);
	says(&p, 4);
	says(&p, 3);
	says(&p, 4);
	cr_assert_eq(said_lines(""), 1);
	cr_assert(strstr(said, "more than one node"), "%s", said);
	pair_free(&p);
}

Test(engine, nodes_of_two_kinds_that_speak_as_one_peer_are_noticed)
{
	struct pair p = pair_default();

	said[0] = '\0';
	for (int i = 0; i < 3; i++) {
		says(&p, 1);
		says(&p, 0);
	}
	cr_assert_eq(said_lines(""), 1);
	for (int i = 0; i < 400; i++)
		says(&p, 1);
	cr_assert_eq(said_lines(""), 1);
	for (int i = 0; i < 3; i++) {
		says(&p, 0);
		says(&p, 1);
	}
	cr_assert_eq(said_lines(""), 2, "one was alone for long");
	pair_free(&p);
}

/* Without HELLO the numbers tell that the peer has begun anew. */
Test(engine, w6_the_first_complete_bulk_counts_without_hello)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f1 = tcp_sample(1, 1), f2 = tcp_sample(2, 2);
	struct engine_stats st = { 0 };
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_NOTRACK;
	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f1);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(1));
	engine_free(p.a);
	pa.seed = 77;
	p.a = engine_new(&pa, p.now);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	engine_admin(p.a, p.now, ADMIN_BULK, 0, 0);
	for (int i = 0; i < 100 && !st.resyncs_complete; i++) {
		run_for(&p, 10 * TICK_MSEC);
		engine_get_stats(p.b, &st);
	}
	cr_assert_eq(st.resyncs_complete, 1);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* As asked by an operator: the kernel is read, what is found deleted, and says so. */
static void empty_kernel(struct pair *p, uint16_t flows)
{
	struct kernel_op ops[KOP_BATCH];
	struct effect eff;
	size_t n;

	cr_assert(engine_effect(p->a, p->now, &eff));
	for (uint16_t i = 1; i <= flows; i++) {
		struct flow f = tcp_sample(i, i);

		engine_dump_flow(p->a, p->now, &f);
	}
	engine_dump_end(p->a, p->now, 0);
	while ((n = engine_kernel_ops(p->a, p->now, ops, KOP_BATCH))) {
		for (size_t i = 0; i < n; i++)
			engine_flow_event(p->a, p->now, EVENT_DESTROY, ORIGIN_OWN, &ops[i].flow);
		engine_kernel_results(p->a, p->now, ops, n);
	}
}

static void announce_flows(struct pair *p, uint16_t flows)
{
	kernel_says(p->a, p->now, EVENT_NEW, 1, flows);
	run_for(p, SECS(5));
	cr_assert_eq(listed(p->b, ECACHE_EXTERNAL, NULL), flows);
}

Test(engine, w6_a_flushed_table_leaves_nothing_on_the_peer)
{
	struct pair p = pair_default();

	announce_flows(&p, 200);
	engine_admin(p.a, p.now, ADMIN_FLUSH_KERNEL, ADMIN_FLOWS, 0);
	empty_kernel(&p, 200);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 0);
	pair_free(&p);
}

/* -t is for a node that has handed its flows over: whoever took them keeps them. */
Test(engine, a_purge_is_not_told)
{
	struct pair p = pair_default();

	announce_flows(&p, 200);
	engine_admin(p.a, p.now, ADMIN_PURGE, 0, 0);
	run_for(&p, SECS(61));
	empty_kernel(&p, 200);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 200);
	pair_free(&p);
}

/* Emptying the cache in the middle of a bulk must not look like its end. */
Test(engine, w6_a_bulk_of_an_emptied_cache_removes_nothing)
{
	struct engine_params pa = params(1), pb = params(2);
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	kernel_says(p.a, p.now, EVENT_NEW, 1, 500);
	run_for(&p, SECS(20));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 500);
	engine_admin(p.a, p.now, ADMIN_FLUSH_CACHES, ADMIN_INTERNAL, 0);
	engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 0);
	run_for(&p, SECS(20));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 500);

	/* Filled again from the kernel, with one flow less: now it counts. */
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS | ADMIN_EXPECTS, 0);
	answer_dumps(&p, 2, 500);
	engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 0);
	run_for(&p, SECS(20));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 499);
	pair_free(&p);
}

/* The cache of expectations is emptied too, and nothing will ever fill it. */
Test(engine, w6_a_bulk_counts_after_a_flush_without_expectations)
{
	struct engine_params pa = params(1), pb = params(2);
	const uint32_t both = ADMIN_FLOWS | ADMIN_EXPECTS;
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	pa.expect_sync = pb.expect_sync = false;
	p = pair_new(&pa, &pb);
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, both, 0);
	answer_dumps(&p, 1, 3);
	engine_admin(p.a, p.now, ADMIN_BULK, 0, 0);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 3);
	engine_admin(p.a, p.now, ADMIN_FLUSH_CACHES, both | ADMIN_INTERNAL | ADMIN_EXTERNAL, 0);
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, both, 0);
	answer_dumps(&p, 2, 3);
	run_for(&p, SECS(20));
	engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 0);
	run_for(&p, SECS(10));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	pair_free(&p);
}

/* ---- W14: what is repeated replaces ---- */

/*
 * A flow with a mark ends and comes again without, both unheard; only an update of
 * it arrives and is laid over the old copy. What is left after "repeat"?
 */
static bool mark_is_left(enum repl_mode mode, uint32_t refresh, bool bulk)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 1), again = tcp_sample(1, 2);
	uint8_t buf[WIRE_MSG_MAX];
	struct engine_entry en;
	struct pair p;

	pa.repl.mode = pb.repl.mode = mode;
	pa.refresh_time = refresh;
	p = pair_new(&pa, &pb);
	f.has |= FLOW_HAS_MARK;
	f.mark = 5;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	pump(&p);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &again);
	while (engine_datagram(p.a, p.now, 0, buf, sizeof(buf)))
		;
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &again);
	pump(&p);
	listed(p.b, ECACHE_EXTERNAL, &en);
	cr_assert(en.flow.has & FLOW_HAS_MARK, "the situation this is about");
	if (bulk)
		engine_admin(p.a, p.now, ADMIN_BULK, 0, 0);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	pair_free(&p);
	return (en.flow.has & FLOW_HAS_MARK) != 0;
}

Test(engine, W14_a_bulk_and_a_refresh_replace_what_the_peer_has)
{
	cr_assert_not(mark_is_left(REPL_NOTRACK, 0, true));
	cr_assert_not(mark_is_left(REPL_ALARM, 2, false));
}

/* An entry that a dump had read before its flow ended is not brought back. */
Test(engine, dump_does_not_bring_back_what_ended_meanwhile)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 7);
	struct effect eff;

	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 0);
	cr_assert(engine_effect(p.a, p.now, &eff));
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	engine_dump_flow(p.a, p.now, &f);
	engine_dump_end(p.a, p.now, 0);
	engine_tick(p.a, p.now);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	pair_free(&p);
}

/* A flush that is still deleting is not started over by another dump. */
Test(engine, flush_is_not_started_twice)
{
	struct pair p = pair_default();
	struct kernel_op ops[KOP_BATCH];
	struct flow f = tcp_sample(1, 7);
	struct effect eff;
	size_t n;

	engine_admin(p.a, p.now, ADMIN_FLUSH_KERNEL, ADMIN_FLOWS, 0);
	cr_assert(engine_effect(p.a, p.now, &eff));
	engine_dump_flow(p.a, p.now, &f);
	engine_dump_end(p.a, p.now, 0);
	engine_admin(p.a, p.now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 0);
	cr_assert_not(engine_effect(p.a, p.now, &eff), "the deletions come first");
	n = engine_kernel_ops(p.a, p.now, ops, KOP_BATCH);
	cr_assert_eq(n, 1);
	engine_kernel_results(p.a, p.now, ops, n);
	cr_assert(engine_effect(p.a, p.now, &eff), "now the resync");
	pair_free(&p);
}

/* A peer without identity: the ACK of our RESYNC ends its answer. */
Test(engine, w6_with_a_peer_that_tells_nothing_the_acknowledgement_tells)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f1 = tcp_sample(1, 1), f2 = tcp_sample(2, 2);
	struct pair p;

	pa.repl.cures = 0; /* bulks as the reference sends them */
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f1);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(5));
	engine_admin(p.a, p.now, ADMIN_FLUSH_CACHES, ADMIN_INTERNAL, 0);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(2));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	engine_admin(p.b, p.now, ADMIN_REQUEST_RESYNC, 0, 0);
	run_for(&p, SECS(6));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* ---- what no event tells ---- */

/* Carry out what the engine asks of its kernel, which has this one flow. How often it was asked. */
static uint32_t answer_gets(struct pair *p, const struct flow *kernel)
{
	struct kernel_op ops[KOP_BATCH];
	uint32_t gets = 0;
	size_t n;

	while ((n = engine_kernel_ops(p->a, p->now, ops, KOP_BATCH))) {
		for (size_t i = 0; i < n; i++) {
			cr_assert_eq(ops[i].kind, KOP_GET);
			ops[i].err = kernel && tuple_equal(&kernel->orig, &ops[i].flow.orig) ?
					     0 :
					     -ENOENT;
			if (!ops[i].err)
				ops[i].flow = *kernel;
			gets++;
		}
		engine_kernel_results(p->a, p->now, ops, n);
	}
	pump(p);
	return gets;
}

/* An FTP control connection through source NAT whose first address was rewritten. */
static struct flow shifted(int32_t offset)
{
	struct flow f = tcp_sample(7, 7);

	f.status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_SEQ_ADJUST;
	f.has |= FLOW_HAS_SEQADJ;
	f.seqadj[0] = (struct seqadj){ .pos = 1000, .before = 0, .after = offset };
	return f;
}

Test(engine, w15_shifted_numbers_are_asked_for)
{
	struct pair p = pair_default();
	struct flow k = shifted(3), f = k;
	struct expect x = ftp_expect();
	struct engine_entry en;

	f.has &= ~FLOW_HAS_SEQADJ; /* as every event */
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &f);
	cr_assert_eq(engine_deadline(p.a), 0);
	cr_assert_eq(answer_gets(&p, &k), 1, "one question for both");
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert(en.flow.has & FLOW_HAS_SEQADJ);
	cr_assert_eq(en.flow.seqadj[0].after, 3);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &f);
	cr_assert_eq(answer_gets(&p, &k), 0, "known, and nothing has changed it");
	/* Each expectation means that another command was rewritten. */
	k = shifted(-5);
	x.master = k.orig;
	engine_expect_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &x);
	cr_assert_eq(answer_gets(&p, &k), 1);
	listed(p.b, ECACHE_EXTERNAL, &en);
	cr_assert_eq(en.flow.seqadj[0].after, -5);
	pair_free(&p);
}

/* Without expectations the child tells that its master's numbers were shifted. */
Test(engine, w15_a_child_makes_its_master_asked_for)
{
	struct pair p = pair_default();
	struct flow k = shifted(3), f = k, child = tcp_sample(8, 8);
	struct engine_entry en;

	f.has &= ~FLOW_HAS_SEQADJ;
	f.status &= ~CTS_SEQ_ADJUST;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	cr_assert_eq(answer_gets(&p, &k), 0);
	child.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	child.master = f.orig;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &child);
	cr_assert_eq(answer_gets(&p, &k), 1);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &child);
	pump(&p);
	listed(p.b, ECACHE_EXTERNAL, &en);
	cr_assert(en.flow.has & FLOW_HAS_SEQADJ);
	pair_free(&p);
}

/* The kernel keeps silent about labels that are all 0. */
Test(engine, w14_cleared_labels_are_cleared_at_the_peer)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 1), k;
	struct engine_entry en;

	f.orig.proto = f.reply.proto = IPP_UDP;
	f.has &= ~FLOW_HAS_STATE;
	k = f;
	f.has |= FLOW_HAS_LABELS;
	f.labels[1] = 4;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(3)); /* told, acknowledged: what follows are updates */
	listed(p.b, ECACHE_EXTERNAL, &en);
	cr_assert(en.flow.has & FLOW_HAS_LABELS);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &k);
	cr_assert_eq(answer_gets(&p, &k), 1);
	listed(p.b, ECACHE_EXTERNAL, &en);
	cr_assert_not(en.flow.has & FLOW_HAS_LABELS);
	pair_free(&p);
}

static uint32_t without_labels(struct engine *e)
{
	struct engine_walk w = { .which = ECACHE_EXTERNAL };
	struct engine_entry en;
	uint32_t budget = 100000, n = 0;

	while (engine_walk_next(e, &w, &budget, &en) == 1)
		n += (en.flow.has & FLOW_HAS_LABELS) == 0;
	return n;
}

/* More questions than are kept: what is not asked is found when the table is read again. */
Test(engine, w14_too_many_questions_read_the_table_again)
{
	const uint16_t flows = 2000;
	struct engine_params pa = params(1), pb = params(2);
	struct engine_stats st;
	struct pair p;

	pa.cache_limit = pb.cache_limit = flows;
	p = pair_new(&pa, &pb);
	for (uint16_t i = 1; i <= flows; i++) {
		struct flow f = tcp_sample(i, i);

		f.has |= FLOW_HAS_LABELS;
		f.labels[1] = 4;
		engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	}
	run_for(&p, SECS(5));
	cr_assert_eq(without_labels(p.b), 0);
	for (uint16_t i = 1; i <= flows; i++) {
		struct flow f = tcp_sample(i, i);

		engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_PROGRAM, &f);
	}
	answer_gets(&p, NULL);
	engine_get_stats(p.a, &st);
	cr_assert_gt(st.fetch_lost, 0);
	cr_assert_str_eq(st.resync_after, "too many questions at a time");
	run_for(&p, SECS(31));
	answer_dumps(&p, 1, flows);
	run_for(&p, SECS(5));
	cr_assert_eq(without_labels(p.b), flows);
	pair_free(&p);
}

/* A change of state by a packet comes without labels too, and far too often to ask each time. */
Test(engine, w14_a_change_of_state_is_asked_about_if_a_program_made_it)
{
	struct pair p = pair_default();
	struct flow f = tcp_sample(1, 1), k = f;

	f.has |= FLOW_HAS_LABELS;
	f.labels[1] = 4;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_KERNEL, &k);
	cr_assert_eq(answer_gets(&p, &f), 0);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_PROGRAM, &k);
	cr_assert_eq(answer_gets(&p, &k), 1);
	engine_flow_event(p.a, p.now, EVENT_UPDATE, ORIGIN_OWN, &k);
	cr_assert_eq(answer_gets(&p, &k), 0);
	pair_free(&p);
}

/* What has ended, or begun anew, in the meantime is not brought back. */
Test(engine, an_answer_that_comes_too_late_is_dropped)
{
	struct pair p = pair_default();
	struct flow k = shifted(3), f = k;

	f.has &= ~FLOW_HAS_SEQADJ;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	cr_assert_eq(answer_gets(&p, &k), 1);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, NULL), 0);
	k.id++;
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	cr_assert_eq(answer_gets(&p, &k), 1);
	cr_assert_eq(answer_gets(&p, NULL), 0);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 1);
	pair_free(&p);
}

/* ---- what only our own nodes understand ---- */

static struct flow gre_flow(uint16_t key)
{
	struct flow f = tcp_sample(key, key);

	f.has &= ~FLOW_HAS_STATE;
	f.orig.proto = IPP_GRE;
	f.orig.dport = 9;
	tuple_invert(&f.orig, &f.reply);
	return f;
}

static uint64_t bad_payloads(struct engine *e)
{
	struct engine_stats st;

	engine_get_stats(e, &st);
	return st.bad_payload + st.no_key;
}

Test(engine, w13_keys_go_to_a_peer_that_knows_them)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f1 = gre_flow(1), f2 = gre_flow(2);
	struct engine_entry en;
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f1);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 2);
	cr_assert(en.flow.has & FLOW_HAS_PORTS);
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &f1);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.orig.sport, 2);
	pair_free(&p);
}

/* A peer without identity could not even read the message. */
Test(engine, w13_keys_stay_here_if_the_peer_is_of_another_kind)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f1 = gre_flow(1), f2 = gre_flow(2);
	struct engine_entry en;
	struct pair p;

	pa.repl.ident = true;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f1);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f2);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1, "they merge there");
	cr_assert_eq(en.flow.orig.sport, 0);
	cr_assert_eq(listed(p.a, ECACHE_INTERNAL, &en), 2, "but not here");
	cr_assert_eq(bad_payloads(p.b), 0);
	pair_free(&p);
}

/* Told before the peer was known: told again, and what was told before goes. */
Test(engine, w13_what_was_told_too_early_is_told_again)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = gre_flow(1), t = tcp_sample(5, 5);
	struct engine_entry en;
	struct pair p;

	pa.repl.mode = pb.repl.mode = REPL_NOTRACK; /* the first message is data */
	pa.repl.ident = pb.repl.ident = true;
	p = pair_new(&pa, &pb);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	pump(&p);
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_not(en.flow.has & FLOW_HAS_PORTS);
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &t);
	run_for(&p, SECS(5));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, NULL), 2);
	cr_assert_gt(engine_deadline(p.a), p.now, "nothing is left to do");
	engine_flow_event(p.a, p.now, EVENT_DESTROY, ORIGIN_KERNEL, &t);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	cr_assert(en.flow.has & FLOW_HAS_PORTS);
	pair_free(&p);
}

/* The translated port 4660 as it arrives, from a node set to big-endian peers or not. */
static uint16_t port_arrives(bool ident, bool be_a, bool be_b)
{
	struct engine_params pa = params(1), pb = params(2);
	struct flow f = tcp_sample(1, 1);
	struct engine_entry en;
	struct flow_nat nat;
	struct pair p;

	pa.repl.ident = pb.repl.ident = ident;
	pa.wire.swapped_be = be_a;
	pb.wire.swapped_be = be_b;
	f.status |= CTS_SRC_NAT_DONE;
	f.reply.dport = 4660;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(3));
	engine_flow_event(p.a, p.now, EVENT_NEW, ORIGIN_KERNEL, &f);
	run_for(&p, SECS(1));
	cr_assert_eq(listed(p.b, ECACHE_EXTERNAL, &en), 1);
	flow_nat(&en.flow, &nat);
	pair_free(&p);
	return nat.sport;
}

Test(engine, w28_big_endian_peers_are_those_without_identity)
{
	cr_assert_eq(port_arrives(false, true, true), 4660);
	cr_assert_eq(port_arrives(false, true, false), 0x3412);
	cr_assert_eq(port_arrives(true, true, false), 4660);
	cr_assert_eq(port_arrives(true, false, true), 4660);
}

Test(engine, a_peer_in_another_mode_is_reported_once)
{
	struct engine_params pa = params(1), pb = params(2);
	struct pair p;

	pa.repl.ident = pb.repl.ident = true;
	pa.repl.mode = REPL_NOTRACK;
	p = pair_new(&pa, &pb);
	run_for(&p, SECS(20));
	cr_assert_eq(said_lines("configure both alike"), 2, "once on either node: %s", said);
	pair_free(&p);
}

/* ---- hostile input ---- */

Test(engine, malformed_messages_are_counted_and_change_nothing)
{
	struct pair p = pair_default();
	struct engine_stats st;
	const uint8_t cut[] = { 0x10, 0, 0, 8 };
	const uint8_t size[] = { 0x10, 0, 0, 0, 0, 0, 0, 1 };
	const uint8_t version[] = { 0x20, 0, 0, 8, 0, 0, 0, 1 };
	const uint8_t nokey[] = { 0x10, 0, 0, 16, 0, 0, 0, 9, 0, 8, 0, 5, 0, 0, 1, 0x88 };

	engine_input(p.a, p.now, 0, cut, sizeof(cut));
	engine_input(p.a, p.now, 0, size, sizeof(size));
	engine_input(p.a, p.now, 0, version, sizeof(version));
	engine_input(p.a, p.now, 0, nokey, sizeof(nokey));
	engine_get_stats(p.a, &st);
	cr_assert_eq(st.truncated, 1);
	cr_assert_eq(st.bad_size, 1);
	cr_assert_eq(st.bad_version, 1);
	cr_assert_eq(st.no_key, 1);
	cr_assert_eq(listed(p.a, ECACHE_EXTERNAL, NULL), 0);
	pair_free(&p);
}

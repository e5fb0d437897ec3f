// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Coming in step again. Without events, or with some lost: the tables are read, and
 * what differs is told. What a peer is asked for has an end that can be waited for.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "node.h"

static void start(uint32_t poll_secs)
{
	struct engine_params p = node_params(1, REPL_FTFW);

	p.poll_secs = poll_secs;
	nodes_start(&p);
	a.events = b.events = poll_secs == 0;
	run_for(SECS(2));
}

static void setup_poll(void)
{
	start(5);
}

static void setup_events(void)
{
	start(0);
}

TestSuite(poll, .init = setup_poll, .fini = nodes_stop);
TestSuite(overrun, .init = setup_events, .fini = nodes_stop);

static uint64_t updates(struct node *n)
{
	struct engine_stats st;

	engine_get_stats(n->e, &st);
	return st.cache[ECACHE_EXTERNAL].update_ok + st.cache[ECACHE_EXTERNAL].add_ok;
}

static struct expect expectation(uint16_t master)
{
	struct expect x = { 0 };

	x.has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT;
	x.master = tcp_flow(master).orig;
	x.tuple = tcp_flow((uint16_t)(master + 1000)).orig;
	x.mask = x.tuple;
	x.timeout = 300;
	return x;
}

Test(poll, what_is_new_changed_or_gone_is_told)
{
	struct flow f = tcp_flow(1), g = tcp_flow(2);
	struct engine_entry en;

	traffic_new(&a, &f);
	traffic_new(&a, &g);
	run_for(SECS(6));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 2);
	f.state = TCPS_TIME_WAIT;
	f.timeout = 120;
	traffic_update(&a, &f);
	traffic_end(&a, &g);
	run_for(SECS(6));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.state, TCPS_TIME_WAIT);
}

Test(poll, what_stays_the_same_is_not_told_again)
{
	struct flow f;
	uint64_t before;

	for (uint16_t i = 1; i <= 50; i++) {
		f = tcp_flow(i);
		traffic_new(&a, &f);
	}
	run_for(SECS(6));
	before = updates(&b);
	cr_assert_eq(before, 50);
	run_for(SECS(30));
	cr_assert_eq(updates(&b), before, "nothing but lifetimes has changed");
}

Test(poll, w33_expectations_are_read_too)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	a.table->expects[a.table->nexpects++] = expectation(1);
	run_for(SECS(6));
	cr_assert_eq(listed(&b, ECACHE_EXP_EXTERNAL, NULL), 1);
	a.table->nexpects = 0;
	run_for(SECS(6));
	cr_assert_eq(listed(&b, ECACHE_EXP_EXTERNAL, NULL), 0);
}

Test(overrun, w33_expectations_are_refreshed)
{
	struct flow f = tcp_flow(1);

	a.events = false;
	traffic_new(&a, &f);
	a.table->expects[a.table->nexpects++] = expectation(1);
	engine_overrun(a.e, now);
	run_for(SECS(31));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
	cr_assert_eq(listed(&b, ECACHE_EXP_EXTERNAL, NULL), 1);
}

Test(overrun, the_reading_after_a_failed_one_finds_what_has_ended)
{
	struct flow f = tcp_flow(1), lasts = tcp_flow(2);

	traffic_new(&a, &f);
	traffic_new(&a, &lasts);
	run_for(SECS(1));
	a.events = false;
	traffic_end(&a, &f);
	a.dump_err = -EINTR;
	engine_overrun(a.e, now);
	run_for(SECS(31));
	cr_assert_eq(a.dump_err, 0);
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 2, "what a part shows ends nothing");
	run_for(SECS(31));
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 1);
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
}

Test(overrun, further_losses_do_not_put_the_reading_off)
{
	struct flow f = tcp_flow(1);

	a.events = false;
	traffic_new(&a, &f);
	for (int i = 0; i < 35; i++) {
		engine_overrun(a.e, now);
		run_for(SECS(1));
	}
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1, "30 s after the first");
}

Test(overrun, a_request_at_the_start_waits_for_the_peer)
{
	struct engine_params p = node_params(9, REPL_FTFW);
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	p.repl.startup_resync = true;
	for (enum repl_mode m = REPL_NOTRACK; m <= REPL_FTFW; m++) {
		uint8_t buf[1472];

		p.repl.mode = m;
		engine_free(b.e);
		b.e = engine_new(&p, now);
		for (int i = 0; i < 8 * 20; i++) { /* nobody listens */
			now += 50 * TICK_MSEC;
			engine_tick(b.e, now);
			while (engine_datagram(b.e, now, 0, buf, sizeof(buf)))
				;
		}
		p.seed = 10;
		p.repl.startup_resync = false;
		p.repl.cures =
			REPL_CURES_ALL & ~REPL_CURE_W5; /* a sends nothing of its own accord */
		node_restart(&a, &p);
		p.repl.startup_resync = true;
		p.repl.cures = REPL_CURES_ALL;
		run_for(SECS(5));
		cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1, "mode %d", (int)m);
	}
}

/* ---- waiting for the end of a resync ---- */

static bool answered(struct node *n, uint64_t tag)
{
	struct effect eff;
	bool found = false;

	while (engine_effect(n->e, now, &eff))
		found |= eff.kind == EFFECT_JOB_DONE && eff.tag == tag;
	return found;
}

/* As run_for(), until node b's job is done. */
static bool done_within(tick_t d, uint64_t tag)
{
	const tick_t end = now + d;
	bool more;

	for (; now < end; now += 50 * TICK_MSEC) {
		engine_tick(a.e, now);
		engine_tick(b.e, now);
		if (answered(&b, tag))
			return true;
		for (more = true; more;)
			more = deliver(&a, &b) | deliver(&b, &a);
	}
	return false;
}

Test(overrun, a_resync_can_be_waited_for)
{
	struct flow f;

	for (uint16_t i = 1; i <= 500; i++) {
		f = tcp_flow(i);
		traffic_new(&a, &f);
	}
	settle();
	engine_admin(b.e, now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_EXTERNAL, 0);
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 0);
	cr_assert_eq(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 77), 1);
	cr_assert(done_within(SECS(10), 77));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 500, "done means all is here");
	cr_assert_eq(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 0), 0, "nobody waits");
}

Test(overrun, a_resync_that_nobody_answers_does_not_end)
{
	struct engine_params p = node_params(9, REPL_ALARM);
	uint8_t buf[1472];

	cr_assert_eq(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 77), 1);
	for (int i = 0; i < 200; i++) {
		now += 50 * TICK_MSEC;
		engine_tick(b.e, now);
		while (engine_datagram(b.e, now, 0, buf, sizeof(buf)))
			;
		cr_assert(!answered(&b, 77));
	}
	engine_admin_cancel(b.e, 77);
	cr_assert(!done_within(SECS(10), 77), "cancelled");
	for (uint64_t tag = 1; tag <= 8; tag++)
		cr_assert_eq(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, tag), 1);
	cr_assert_lt(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 9), 0, "too many wait");
	node_restart(&b, &p);
	cr_assert_lt(engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 1), 0, "no requests in ALARM");
}

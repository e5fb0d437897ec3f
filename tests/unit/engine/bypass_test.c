// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DisableInternalCache: events become messages at once, nothing is kept, and
 * whoever asks for everything gets the kernel's table.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "node.h"

static struct engine_params bypass_params(uint64_t seed, bool no_external)
{
	struct engine_params p = node_params(seed, REPL_NOTRACK);

	p.no_internal = true;
	p.no_external = no_external;
	return p;
}

static void setup(void)
{
	const struct engine_params p = bypass_params(1, false);

	nodes_start(&p);
	run_for(SECS(2));
}

static void setup_both_off(void)
{
	const struct engine_params p = bypass_params(1, true);

	nodes_start(&p);
	run_for(SECS(2));
}

TestSuite(bypass, .init = setup, .fini = nodes_stop);
TestSuite(both_off, .init = setup_both_off, .fini = nodes_stop);

static uint32_t kept(struct node *n)
{
	struct engine_stats st;

	engine_get_stats(n->e, &st);
	return st.cache[ECACHE_INTERNAL].objects;
}

Test(bypass, w31_an_event_is_sent_at_once)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	cr_assert(deliver(&a, &b), "without a tick, without waiting for more");
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
	cr_assert_eq(kept(&a), 0);
	traffic_end(&a, &f);
	cr_assert(deliver(&a, &b));
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 0);
	cr_assert_eq(kept(&a), 0);
}

Test(bypass, an_update_is_laid_over_what_the_peer_has)
{
	struct flow f = tcp_flow(1), u;
	struct engine_entry en;

	f.has |= FLOW_HAS_MARK;
	f.mark = 5;
	traffic_new(&a, &f);
	settle();
	u = tcp_flow(1);
	u.state = TCPS_CLOSE_WAIT;
	engine_flow_event(a.e, now, EVENT_UPDATE, ORIGIN_KERNEL, &u);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.mark, 5);
	cr_assert_eq(en.flow.state, TCPS_CLOSE_WAIT);
}

Test(bypass, what_changes_before_it_is_sent_is_sent_once)
{
	struct flow f = tcp_flow(1);
	struct engine_entry en;
	struct engine_stats st;

	f.state = TCPS_SYN_RECV;
	traffic_new(&a, &f);
	f.state = TCPS_ESTABLISHED;
	traffic_update(&a, &f);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, &en), 1);
	cr_assert_eq(en.flow.state, TCPS_ESTABLISHED);
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].update_ok, 0);
	traffic_end(&a, &f);
	traffic_new(&a, &f);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1, "the address was used again");
	engine_get_stats(a.e, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].add_ok, 2);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].update_ok, 1);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].del_ok, 1);
}

Test(bypass, a_bulk_is_the_kernels_table)
{
	struct flow f;
	struct engine_stats st;

	a.events = false;
	for (uint16_t i = 1; i <= 700; i++) {
		f = tcp_flow(i);
		traffic_new(&a, &f);
	}
	a.events = true;
	cr_assert_eq(engine_admin(a.e, now, ADMIN_BULK, 0, 0), 0);
	run_for(SECS(3));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 700);
	cr_assert_eq(kept(&a), 0);
	engine_get_stats(a.e, &st);
	cr_assert_eq(st.bulk_objects, 700);
}

Test(bypass, a_peer_that_asks_gets_all_and_drops_what_is_gone)
{
	struct flow f = tcp_flow(1), g = tcp_flow(2);

	traffic_new(&a, &f);
	traffic_new(&a, &g);
	settle();
	a.events = false;
	traffic_end(&a, &g);
	a.events = true;
	engine_admin(b.e, now, ADMIN_REQUEST_RESYNC, 0, 0);
	run_for(SECS(10));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
}

Test(bypass, lost_events_are_made_up_for)
{
	struct flow f = tcp_flow(1);

	a.events = false;
	traffic_new(&a, &f);
	a.events = true;
	engine_overrun(a.e, now);
	run_for(SECS(40));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
}

Test(bypass, a_flush_of_caches_leaves_the_kernel_alone)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	settle();
	engine_admin(a.e, now, ADMIN_FLUSH_CACHES,
		     ADMIN_FLOWS | ADMIN_EXPECTS | ADMIN_INTERNAL | ADMIN_EXTERNAL, 0);
	run_for(SECS(2));
	cr_assert(in_table(&a, &f));
	cr_assert(strstr(said, "nothing to flush"));
}

Test(bypass, reading_the_kernel_again_is_unsupported)
{
	said[0] = '\0';
	cr_assert_eq(engine_admin(a.e, now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 1), 0);
	cr_assert(strstr(said, "unsupported"), "%s", said);
}

Test(bypass, what_a_commit_does_is_not_told)
{
	struct flow f = tcp_flow(1);
	struct engine_stats st;
	uint64_t before;

	traffic_new(&a, &f);
	settle();
	engine_get_stats(b.e, &st);
	before = st.cache[ECACHE_INTERNAL].add_ok;
	engine_admin(b.e, now, ADMIN_COMMIT, ADMIN_FLOWS, 1);
	settle();
	cr_assert(in_table(&b, &f));
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].add_ok, before);
	/* but it is this node's now: its end is */
	traffic_end(&b, &f);
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].del_ok, 1);
}

Test(bypass, w10_an_end_without_window_scale)
{
	struct engine_params p = bypass_params(9, false);
	struct flow f = tcp_flow(1);

	p.window_tracking = p.wire.window_scale = true;
	node_restart(&a, &p);
	node_restart(&b, &p);
	f.has |= FLOW_HAS_WSCALE;
	f.wscale[0] = 7;
	traffic_new(&a, &f);
	run_for(SECS(1));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 1);
	f.has &= ~(FLOW_HAS_WSCALE | FLOW_HAS_STATE);
	f.wscale[0] = 0;
	engine_flow_event(a.e, now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 0);
}

Test(bypass, expectations_pass_through)
{
	struct expect x = { 0 };

	x.has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT;
	x.master = tcp_flow(1).orig;
	x.tuple = tcp_flow(2).orig;
	x.mask = x.tuple;
	x.timeout = 300;
	engine_expect_event(a.e, now, EVENT_NEW, ORIGIN_KERNEL, &x);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXP_EXTERNAL, NULL), 1);
	engine_expect_event(a.e, now, EVENT_DESTROY, ORIGIN_KERNEL, &x);
	settle();
	cr_assert_eq(listed(&b, ECACHE_EXP_EXTERNAL, NULL), 0);
}

/* ---- neither cache (defect: the passive node deletes living flows on the active one) ---- */

Test(both_off, a_steady_flow_stays_on_both)
{
	struct flow f = udp_flow(1, 4);
	uint32_t id;

	traffic_new(&a, &f);
	settle();
	id = in_table(&a, &f)->id;
	for (int i = 0; i < 60; i++) {
		traffic_refresh(&a, &f, 4);
		run_for(SECS(1));
		cr_assert(in_table(&a, &f), "gone after %d s", i);
		cr_assert_eq(in_table(&a, &f)->id, id, "made anew after %d s", i);
		cr_assert(in_table(&b, &f), "the copy is gone after %d s", i);
	}
}

Test(both_off, the_end_of_a_copy_is_not_told)
{
	struct flow f = udp_flow(1, 30);
	struct engine_stats st;

	traffic_new(&a, &f);
	settle();
	traffic_end(&b, &f);
	settle();
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].del_ok, 0);
	cr_assert(in_table(&a, &f));
}

Test(both_off, a_bulk_has_the_own_flows_only)
{
	struct flow f = udp_flow(1, 60), g = udp_flow(2, 60);
	struct engine_stats st;

	traffic_new(&a, &f);
	traffic_new(&b, &g);
	settle();
	engine_admin(b.e, now, ADMIN_BULK, 0, 0);
	run_for(SECS(2));
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.bulk_objects, 1);
}

Test(both_off, a_restarted_daemon_is_told_what_it_has_lost)
{
	struct engine_params p = bypass_params(9, true);
	struct flow f = udp_flow(1, 8);

	traffic_new(&a, &f);
	run_for(SECS(2));
	p.repl.startup_resync = true;
	node_restart(&b, &p);
	for (int i = 0; i < 60; i++) {
		traffic_refresh(&a, &f, 8);
		run_for(SECS(1));
		cr_assert(in_table(&a, &f), "after %d s", i);
	}
	cr_assert(in_table(&b, &f));
}

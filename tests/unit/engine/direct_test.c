// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DisableExternalCache at the level of nodes: what one owns is in the other's
 * kernel, is not taken for the other's own, and outlives its takeover.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "node.h"

static struct engine_params direct_params(uint64_t seed)
{
	struct engine_params p = node_params(seed, REPL_FTFW);

	p.no_external = true;
	return p;
}

static void setup(void)
{
	const struct engine_params p = direct_params(1);

	nodes_start(&p);
	run_for(SECS(2));
}

TestSuite(direct, .init = setup, .fini = nodes_stop);

static uint32_t messages(struct node *n)
{
	struct engine_stats st;

	engine_get_stats(n->e, &st);
	return (uint32_t)st.msgs_out;
}

Test(direct, a_flow_lives_and_ends_in_both_kernels)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	settle();
	cr_assert(in_table(&b, &f));
	cr_assert_eq(listed(&b, ECACHE_EXTERNAL, NULL), 0, "nothing to be seen");
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 0, "not its own");
	f.state = TCPS_TIME_WAIT;
	f.timeout = 120;
	traffic_update(&a, &f);
	settle();
	cr_assert_eq(in_table(&b, &f)->state, TCPS_TIME_WAIT);
	traffic_end(&a, &f);
	settle();
	cr_assert_null(in_table(&b, &f));
}

Test(direct, nothing_comes_back)
{
	struct flow f = tcp_flow(1);
	uint32_t before;

	run_for(SECS(5));
	traffic_new(&a, &f);
	run_for(SECS(1));
	before = messages(&b);
	traffic_end(&a, &f);
	settle();
	/* acknowledgements aside */
	cr_assert_leq(messages(&b) - before, 1);
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 0);
}

Test(direct, counted_for_the_report)
{
	struct flow f = tcp_flow(1);
	struct engine_stats st;

	traffic_new(&a, &f);
	settle();
	traffic_update(&a, &f);
	settle();
	traffic_end(&a, &f);
	settle();
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].add_ok, 1);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].update_ok, 1);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].del_ok, 1);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].del_missing, 0);
}

Test(direct, a_commit_says_that_it_begins_and_no_more)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	settle();
	said[0] = '\0';
	cr_assert_eq(engine_admin(b.e, now, ADMIN_COMMIT, ADMIN_FLOWS | ADMIN_EXPECTS, 5), 0);
	settle();
	cr_assert_str_eq(said, "committing all external caches\n");
	cr_assert_eq(engine_admin(b.e, now, ADMIN_FLUSH_CACHES,
				  ADMIN_FLOWS | ADMIN_EXPECTS | ADMIN_EXTERNAL, 0),
		     0);
}

Test(direct, a_steady_flow_without_events_stays)
{
	struct flow f = udp_flow(1, 4);

	traffic_new(&a, &f);
	for (int i = 0; i < 60; i++) {
		traffic_refresh(&a, &f, 4);
		run_for(SECS(1));
		cr_assert(in_table(&a, &f), "lost by its owner after %d s", i);
		cr_assert(in_table(&b, &f), "the copy has aged after %d s", i);
	}
	run_for(SECS(10));
	cr_assert_null(in_table(&a, &f));
	cr_assert_null(in_table(&b, &f), "it ended with the owner's");
}

/* What no packet of GRE prolongs is removed and made again, which is not its end. */
Test(direct, a_copy_with_a_fixed_lifetime_stays)
{
	struct flow f = udp_flow(1, 4);

	f.orig.proto = f.reply.proto = IPP_GRE;
	f.status = CTS_CONFIRMED;
	traffic_new(&a, &f);
	for (int i = 0; i < 60; i++) {
		traffic_refresh(&a, &f, 4);
		run_for(SECS(1));
		cr_assert(in_table(&b, &f), "the copy has aged after %d s", i);
	}
}

/* The owner's kernel gives the same addresses another translation. */
Test(direct, a_new_life_with_another_translation_is_written_anew)
{
	struct flow f = tcp_flow(1);
	struct tuple want;

	f.status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE;
	f.reply.dst.b[3] = 99;
	traffic_new(&a, &f);
	settle();
	for (uint16_t port = 5000; port < 5003; port++) {
		traffic_end(&a, &f);
		if (port == 5001)
			settle();
		f.reply.dport = port;
		traffic_new(&a, &f);
		settle();
		flow_reply(in_table(&b, &f), &want);
		cr_assert(tuple_equal(&want, &f.reply), "port %u", (unsigned int)port);
		run_for(SECS(1));
	}
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 0, "still a copy");
}

Test(direct, a_new_life_inherits_nothing)
{
	struct flow f = tcp_flow(1), was = f;
	const struct flow *copy;

	was.has |= FLOW_HAS_MARK | FLOW_HAS_LABELS;
	was.mark = was.labels[1] = 7;
	traffic_new(&a, &was);
	settle();
	traffic_end(&a, &was);
	traffic_new(&a, &f);
	settle();
	copy = in_table(&b, &f);
	cr_assert_eq(copy->mark, 0);
	cr_assert_eq(copy->labels[1], 0);
	was = f;
	was.has |= FLOW_HAS_SEQADJ;
	was.seqadj[0].after = 7;
	traffic_end(&a, &f);
	traffic_new(&a, &was);
	settle();
	cr_assert_eq(in_table(&b, &f)->seqadj[0].after, 7);
	traffic_end(&a, &was);
	traffic_new(&a, &f);
	settle();
	cr_assert(!(in_table(&b, &f)->has & FLOW_HAS_SEQADJ));
}

Test(direct, the_old_owners_end_does_not_end_a_flow_that_moved_here)
{
	struct flow f = udp_flow(1, 30);

	traffic_new(&a, &f);
	run_for(SECS(10));
	for (int i = 0; i < 60; i++) { /* packets take the way over b now */
		traffic_refresh(&b, &f, 30);
		run_for(SECS(1));
		cr_assert(in_table(&b, &f), "after %d s", i);
	}
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 1, "b has become the owner ...");
	cr_assert(in_table(&a, &f), "... and a has the copy");
}

Test(direct, what_moved_here_and_has_events_is_announced_from_here)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	settle();
	f.state = TCPS_FIN_WAIT;
	f.timeout = 120;
	traffic_update(&b, &f);
	settle();
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 1);
	cr_assert_eq(in_table(&a, &f)->state, TCPS_FIN_WAIT);
}

Test(direct, a_new_life_of_the_owner_does_not_end_what_it_had)
{
	struct engine_params p = direct_params(9);
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	run_for(SECS(2));
	table_remove(a.table, in_table(&a, &f)->id); /* power loss: an empty table */
	node_restart(&a, &p);
	run_for(SECS(20));
	cr_assert(in_table(&b, &f), "an idle connection that b has taken over");
}

Test(direct, a_restarted_daemon_knows_the_copies_of_its_former_life)
{
	struct engine_params p = direct_params(9);
	struct flow f = udp_flow(1, 8);

	traffic_new(&a, &f);
	run_for(SECS(2));
	p.seed = 10;
	node_restart(&b, &p);
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 1);
	for (int i = 0; i < 30; i++) {
		traffic_refresh(&a, &f, 8);
		run_for(SECS(1));
	}
	cr_assert(in_table(&a, &f) && in_table(&b, &f));
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 0, "a is the owner");
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 1);
}

Test(direct, copies_are_not_announced_by_who_reads_the_table)
{
	struct flow f = tcp_flow(1);

	traffic_new(&a, &f);
	settle();
	engine_overrun(b.e, now);
	run_for(SECS(40));
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 0);
	/* a takeover with the usual commands makes them its own */
	engine_admin(b.e, now, ADMIN_FLUSH_CACHES,
		     ADMIN_FLOWS | ADMIN_EXPECTS | ADMIN_INTERNAL | ADMIN_EXTERNAL, 0);
	engine_admin(b.e, now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 0);
	settle();
	cr_assert_eq(listed(&b, ECACHE_INTERNAL, NULL), 1);
}

Test(direct, a_purge_leaves_the_copies)
{
	struct flow mine = tcp_flow(1), theirs = tcp_flow(2);

	traffic_new(&b, &mine);
	traffic_new(&a, &theirs);
	settle();
	engine_admin(b.e, now, ADMIN_PURGE, 0, 0);
	run_for(SECS(61));
	cr_assert_null(in_table(&b, &mine), "of its time as primary");
	cr_assert(in_table(&b, &theirs), "of the present primary");
	engine_admin(b.e, now, ADMIN_FLUSH_KERNEL, ADMIN_FLOWS, 1);
	settle();
	cr_assert_null(in_table(&b, &theirs), "a flush by hand means all");
}

/* CacheTimeout ends what is known of a flow, not the flow. */
Test(direct_alarm, what_is_not_confirmed_is_forgotten_and_stays_in_the_kernel, .fini = nodes_stop)
{
	struct engine_params p = node_params(1, REPL_ALARM);
	struct flow f = tcp_flow(1);
	struct engine_stats st;

	p.no_external = true;
	p.cache_timeout = 5;
	nodes_start(&p);
	traffic_new(&a, &f);
	run_for(SECS(8));
	engine_get_stats(b.e, &st);
	cr_assert_eq(st.cache[ECACHE_EXTERNAL].add_ok, 1);
	cr_assert(in_table(&b, &f), "silence is no proof that it ended");
	traffic_update(&a, &f); /* the owner speaks again */
	settle();
	traffic_end(&a, &f);
	settle();
	cr_assert_null(in_table(&b, &f));
}

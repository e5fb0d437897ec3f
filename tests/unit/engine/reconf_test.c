// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A node that goes on with other parameters: one node in the middle, whose peers
 * come, go and change places while changes are under way, and whose filter,
 * limits and timers change.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "engine/engine.h"
#include "oom.h"
#include "sample.h"

#define FAR     3 /* nodes 1 to 3, each with the middle as its only peer */
#define SECS(n) ((n)*TICK_SEC)

static const char *const names[] = { "", "one", "two", "three" };

static struct engine *middle, *far_node[FAR + 1];
static uint8_t node_of[ENGINE_PEERS]; /* the node that is peer i of the middle */
static uint8_t n_peers;
static tick_t now = SECS(1000);

static struct engine_params params(uint64_t seed)
{
	return (struct engine_params){
		.seed = seed,
		.npeers = 1,
		.repl = { .mode = REPL_FTFW,
			  .ack_window = 20,
			  .resend_limit = 1000,
			  .cures = REPL_CURES_ALL,
			  .ident = true },
		.cache_limit = 1000,
		.overrun_resync = 30,
		.log = &kept_log,
	};
}

static struct engine_params middle_params(void)
{
	struct engine_params p = params(99);

	p.npeers = n_peers;
	for (uint8_t i = 0; i < n_peers; i++)
		p.peer_names[i] = names[node_of[i]];
	return p;
}

static bool to_peer(uint8_t peer)
{
	uint8_t buf[1472];
	size_t len, n = 0;

	for (; (len = engine_datagram(middle, now, peer, buf, sizeof(buf))); n++)
		engine_input(far_node[node_of[peer]], now, 0, buf, len);
	return n > 0;
}

static bool from_peer(uint8_t peer)
{
	uint8_t buf[1472];
	size_t len, n = 0;

	for (; (len = engine_datagram(far_node[node_of[peer]], now, 0, buf, sizeof(buf))); n++)
		engine_input(middle, now, peer, buf, len);
	return n > 0;
}

static void pump(void)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (uint8_t i = 0; i < n_peers; i++) {
			moved |= to_peer(i);
			moved |= from_peer(i);
		}
	}
}

static void run_for(tick_t d)
{
	for (const tick_t end = now + d; now < end; now += 50 * TICK_MSEC) {
		engine_tick(middle, now);
		for (uint32_t i = 1; i <= FAR; i++)
			engine_tick(far_node[i], now);
		pump();
	}
}

static struct flow tcp_flow(uint16_t sport)
{
	struct flow f = tcp_sample(sport, sport);

	f.orig.src.b[3] = (uint8_t)(sport >= 1000); /* 10.0.0.1 from port 1000 on */
	tuple_invert(&f.orig, &f.reply);
	return f;
}

static void event(struct engine *e, enum event_kind k, uint16_t sport)
{
	struct flow f = tcp_flow(sport);

	engine_flow_event(e, now, k, ORIGIN_KERNEL, &f);
}

/* The ports listed, added up. */
static uint32_t listed(struct engine *e, struct engine_walk w)
{
	struct engine_entry en;
	uint32_t budget = 100000, sum = 0;

	while (engine_walk_next(e, &w, &budget, &en) == 1)
		sum += en.flow.orig.sport;
	return sum;
}

static uint32_t own(void)
{
	return listed(middle, (struct engine_walk){ .which = ECACHE_INTERNAL });
}

static uint32_t heard_of(uint8_t peer)
{
	return listed(middle, (struct engine_walk){
				      .which = ECACHE_EXTERNAL, .peer = peer, .one_peer = true });
}

static uint32_t seen_by(uint32_t far_end)
{
	return listed(far_node[far_end], (struct engine_walk){ .which = ECACHE_EXTERNAL });
}

static struct repl_stats session(uint8_t peer)
{
	struct engine_stats st;

	engine_get_stats(middle, &st);
	return st.peer[peer];
}

static int reconfigure(const struct engine_params *p, const uint8_t *from)
{
	return engine_reconfigure(middle, now, p, from);
}

/* The middle has nodes 1 and 2; owns port 1, they own ports 10 and 20. */
static void setup(void)
{
	struct engine_params p;

	for (uint32_t i = 1; i <= FAR; i++) {
		p = params(i);
		far_node[i] = engine_new(&p, now);
		cr_assert(far_node[i]);
	}
	n_peers = 2;
	node_of[0] = 1;
	node_of[1] = 2;
	p = middle_params();
	middle = engine_new(&p, now);
	cr_assert(middle);
	run_for(SECS(5));
	event(middle, EVENT_NEW, 1);
	event(far_node[1], EVENT_NEW, 10);
	event(far_node[2], EVENT_NEW, 20);
	event(far_node[3], EVENT_NEW, 30);
	run_for(SECS(5));
	cr_assert_eq(seen_by(2), 1);
	said[0] = '\0';
}

static void teardown(void)
{
	engine_free(middle);
	for (uint32_t i = 1; i <= FAR; i++)
		engine_free(far_node[i]);
}

TestSuite(reconf, .init = setup, .fini = teardown);

/* ---- peers ---- */

static void become(uint8_t n, const uint8_t *nodes, const uint8_t *from)
{
	struct engine_params p;

	n_peers = n;
	for (uint8_t i = 0; i < n; i++)
		node_of[i] = nodes[i];
	p = middle_params();
	cr_assert_eq(reconfigure(&p, from), 0);
}

Test(reconf, a_peer_goes_and_the_other_moves_up)
{
	const struct repl_stats before = session(1);

	event(middle, EVENT_NEW, 2); /* queued, for both */
	event(middle, EVENT_NEW, 3);
	event(middle, EVENT_DESTROY, 1); /* dead, waits for both */
	become(1, (uint8_t[]){ 2 }, (uint8_t[]){ 1 });
	cr_expect_eq(heard_of(0), 20, "what was heard of it stays");
	cr_expect_eq(own(), 5);
	event(middle, EVENT_UPDATE, 2); /* what is queued is found again */
	event(middle, EVENT_DESTROY, 3);
	run_for(SECS(5));
	cr_expect_eq(seen_by(2), 2);
	cr_expect_eq(session(0).bulks, before.bulks, "nothing is sent twice");
	cr_expect_eq(session(0).resyncs_out, before.resyncs_out);
	cr_expect_gt(session(0).next_seq, before.next_seq);
	cr_expect_eq(session(0).window, 0);
}

Test(reconf, what_is_unacknowledged_moves_along)
{
	uint8_t buf[1472];
	struct engine_stats st;

	event(middle, EVENT_NEW, 2);
	event(middle, EVENT_DESTROY, 1);
	while (engine_datagram(middle, now, 0, buf, sizeof(buf)) ||
	       engine_datagram(middle, now, 1, buf, sizeof(buf)))
		; /* lost on the way */
	cr_expect_geq(session(1).window_objects, 2);
	become(2, (uint8_t[]){ 2, 1 }, (uint8_t[]){ 1, 0 });
	cr_expect_eq(heard_of(0), 20);
	cr_expect_eq(heard_of(1), 10);
	run_for(SECS(10));
	cr_expect_eq(seen_by(1), 2);
	cr_expect_eq(seen_by(2), 2);
	engine_get_stats(middle, &st);
	cr_expect_eq(st.cache[ECACHE_INTERNAL].objects, 1, "the dead one is gone");
}

Test(reconf, nobody_waits_for_a_peer_that_is_gone)
{
	struct engine_stats st;
	uint8_t buf[1472];

	event(middle, EVENT_DESTROY, 1);
	for (int i = 0; i < 20; i++) { /* all but the first peer get it */
		while (engine_datagram(middle, now, 0, buf, sizeof(buf)))
			;
		to_peer(1);
		from_peer(1);
		now += 100 * TICK_MSEC;
		engine_tick(middle, now);
		engine_tick(far_node[2], now);
	}
	engine_get_stats(middle, &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].objects, 1);
	become(1, (uint8_t[]){ 2 }, (uint8_t[]){ 1 });
	engine_get_stats(middle, &st);
	cr_expect_eq(st.cache[ECACHE_INTERNAL].objects, 0);
}

Test(reconf, a_peer_comes)
{
	become(3, (uint8_t[]){ 1, 3, 2 }, (uint8_t[]){ 0, ENGINE_NEW_PEER, 1 });
	event(middle, EVENT_NEW, 2);
	run_for(SECS(20));
	cr_expect_eq(seen_by(1), 3);
	cr_expect_eq(seen_by(2), 3);
	cr_expect_eq(seen_by(3), 3, "it is told what was there before");
	cr_expect_eq(heard_of(0), 10);
	cr_expect_eq(heard_of(1), 30);
	cr_expect_eq(heard_of(2), 20);
	cr_expect(strstr(said, "bulk update to peer three"), "%s", said);
	event(middle, EVENT_DESTROY, 2);
	run_for(SECS(5));
	cr_expect_eq(seen_by(3), 1);
}

/* Without greeting nobody asks for what was there before. */
Test(reconf, a_peer_comes_in_another_mode)
{
	struct engine_params p = params(5);

	p.repl.mode = REPL_NOTRACK;
	for (uint32_t i = 1; i <= FAR; i++) {
		engine_free(far_node[i]);
		far_node[i] = engine_new(&p, now);
		p.seed++;
	}
	engine_free(middle);
	p = middle_params();
	p.repl.mode = REPL_NOTRACK;
	middle = engine_new(&p, now);
	event(middle, EVENT_NEW, 1);
	run_for(SECS(5));
	n_peers = 3;
	node_of[2] = 3;
	p = middle_params();
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1, ENGINE_NEW_PEER }), 0);
	run_for(SECS(5));
	cr_expect_eq(seen_by(3), 1);
}

Test(reconf, all_peers_go_and_one_comes_back)
{
	become(0, NULL, NULL);
	event(middle, EVENT_NEW, 2);
	event(middle, EVENT_DESTROY, 1);
	run_for(SECS(1));
	cr_expect_eq(own(), 2);
	become(1, (uint8_t[]){ 3 }, (uint8_t[]){ ENGINE_NEW_PEER });
	run_for(SECS(20));
	cr_expect_eq(seen_by(3), 2);
}

Test(reconf, a_name_changes)
{
	struct engine_params p = middle_params();

	p.peer_names[0] = "renamed";
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	engine_admin(middle, now, ADMIN_BULK, ADMIN_PEER(0), 0);
	run_for(SECS(1));
	cr_expect(strstr(said, "to peer renamed"), "%s", said);
}

Test(reconf, peers_do_not_change_during_a_commit)
{
	struct engine_params p;
	struct kernel_op op;

	cr_assert_eq(engine_admin(middle, now, ADMIN_COMMIT, ADMIN_FLOWS, 7), 1);
	n_peers = 1;
	p = middle_params();
	p.purge_timeout = 77;
	cr_expect_eq(reconfigure(&p, (uint8_t[]){ 0 }), CTD_EBUSY);
	n_peers = 2;
	cr_expect_eq(heard_of(0) + heard_of(1), 30);
	p = middle_params();
	cr_expect_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0, "the rest may");
	while (engine_kernel_ops(middle, now, &op, 1))
		engine_kernel_results(middle, now, &op, 1);
}

Test(reconf, out_of_memory_changes_nothing)
{
	uint8_t nodes[] = { 1, 3, 2 }, from[] = { 0, ENGINE_NEW_PEER, 1 };
	struct engine_params p;
	long n = 0;
	int err;

	n_peers = 3;
	memcpy(node_of, nodes, 3);
	p = middle_params();
	do {
		oom_after(n++);
		err = reconfigure(&p, from);
		oom_off();
		cr_assert(err == 0 || err == -ENOMEM);
		if (err)
			cr_assert_eq(heard_of(0) + heard_of(1), 30, "after %ld allocations", n);
	} while (err && n < 1000);
	cr_expect_gt(n, 5);
	cr_assert_eq(err, 0);
	run_for(SECS(20));
	cr_expect_eq(seen_by(3), 1);
}

/* ---- everything else ---- */

/* Answer the dump the engine asks for with the flows of these ports, 0 ends. */
static void dump(const uint16_t *ports)
{
	struct effect eff;

	cr_assert(engine_effect(middle, now, &eff));
	cr_assert_eq(eff.kind, EFFECT_DUMP_FLOWS);
	for (; *ports; ports++) {
		struct flow f = tcp_flow(*ports);

		engine_dump_flow(middle, now, &f);
	}
	engine_dump_end(middle, now, 0);
}

static struct filter *ignore_host(uint8_t last)
{
	struct filter_net net = { .family = FAM_IP4, .prefix = 32, .addr.b = { 10, 0, 0, last } };
	struct filter *f = filter_new();

	filter_set_addr_policy(f, FILTER_IGNORE);
	cr_assert_eq(filter_add_net(f, &net), 0);
	return f;
}

Test(reconf, another_filter)
{
	struct filter *zero = ignore_host(0), *one = ignore_host(1);
	struct engine_params p = middle_params();

	event(middle, EVENT_NEW, 1000);
	run_for(SECS(1));
	cr_assert_eq(seen_by(1), 1001);
	p.filter = one;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	dump((uint16_t[]){ 1, 1000, 0 });
	run_for(SECS(2));
	cr_expect_eq(own(), 1, "what is ignored now goes");
	cr_expect_eq(seen_by(1), 1);
	cr_expect_eq(seen_by(2), 1);
	p.filter = zero;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	dump((uint16_t[]){ 1, 1000, 0 });
	run_for(SECS(2));
	cr_expect_eq(own(), 1000, "what passes now comes");
	cr_expect_eq(seen_by(1), 1000);
	p.filter = NULL;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	dump((uint16_t[]){ 1, 1000, 0 });
	run_for(SECS(2));
	cr_expect_eq(seen_by(2), 1001);
	filter_free(one);
	filter_free(zero);
}

/* Its state has changed since it was taken in: that is no reason to give it up. */
Test(reconf, the_state_set_gives_nothing_up)
{
	struct filter *f = filter_new();
	struct engine_params p = middle_params();

	filter_set_state_policy(f, FILTER_ACCEPT);
	filter_add_state(f, TCPS_TIME_WAIT);
	p.filter = f;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	dump((uint16_t[]){ 1, 2, 0 });
	run_for(SECS(2));
	cr_expect_eq(own(), 1);
	filter_free(f);
}

Test(reconf, the_same_filter_asks_for_nothing)
{
	struct engine_params p = middle_params();
	struct effect eff;

	p.purge_timeout = 5;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	cr_expect_not(engine_effect(middle, now, &eff));
	engine_admin(middle, now, ADMIN_PURGE, 0, 0);
	cr_expect(strstr(said, "in 5 secs"), "%s", said);
}

Test(reconf, limits)
{
	struct engine_params p = middle_params();
	struct engine_stats st;

	p.cache_limit = 2;
	p.repl.resend_limit = 5;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	for (uint16_t i = 2; i < 12; i++)
		event(middle, EVENT_NEW, i);
	engine_get_stats(middle, &st);
	cr_expect_eq(st.cache[ECACHE_INTERNAL].active, 2);
	cr_expect_eq(st.cache[ECACHE_INTERNAL].add_full, 9);
	cr_expect_eq(session(0).window_max, 5);
	p.cache_limit = 5000;
	p.repl.resend_limit = 100000;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	for (uint16_t i = 3; i < 4003; i++)
		event(middle, EVENT_NEW, i);
	engine_get_stats(middle, &st);
	cr_expect_eq(st.cache[ECACHE_INTERNAL].active, 4002);
	cr_expect_eq(session(0).window_max, 100000);
}

Test(reconf, an_overfull_cache_keeps_what_it_has)
{
	struct engine_params p = middle_params();

	for (uint16_t i = 2; i < 12; i++)
		event(middle, EVENT_NEW, i);
	p.cache_limit = 3;
	cr_assert_eq(reconfigure(&p, (uint8_t[]){ 0, 1 }), 0);
	cr_expect_eq(own(), 66);
	event(middle, EVENT_DESTROY, 11);
	event(middle, EVENT_UPDATE, 10);
	run_for(SECS(2));
	event(middle, EVENT_NEW, 12);
	cr_expect_eq(own(), 55);
}

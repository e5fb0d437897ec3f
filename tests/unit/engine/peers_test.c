// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three engines, each with the other two as peers: what one owns is known to
 * both others under its own name, and commands can mean one peer alone.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "engine/engine.h"
#include "sample.h"

#define NODES   3
#define SECS(n) ((n)*TICK_SEC)

static struct engine *node[NODES];
static uint32_t away = NODES; /* no node hears this one, and it hears none */
static tick_t now = SECS(1000);

/* Node i calls the nodes i + 1 and i + 2 its peers 0 and 1. */
static uint32_t far_end(uint32_t i, uint8_t peer)
{
	return (i + 1 + peer) % NODES;
}

static uint8_t back(uint8_t peer)
{
	return (uint8_t)(1 - peer);
}

static bool pump_one(uint32_t i, uint8_t peer)
{
	uint8_t buf[1472];
	bool moved = false;
	size_t len;

	while ((len = engine_datagram(node[i], now, peer, buf, sizeof(buf)))) {
		if (i != away && far_end(i, peer) != away)
			engine_input(node[far_end(i, peer)], now, back(peer), buf, len);
		moved = true;
	}
	return moved;
}

static void run_for(tick_t d)
{
	const tick_t end = now + d;
	bool moved;

	for (; now < end; now += 50 * TICK_MSEC) {
		for (uint32_t i = 0; i < NODES; i++)
			engine_tick(node[i], now);
		do {
			moved = false;
			for (uint32_t i = 0; i < NODES; i++)
				for (uint8_t peer = 0; peer < 2; peer++)
					moved |= pump_one(i, peer);
		} while (moved);
	}
}

static void owns(uint32_t i, uint16_t sport)
{
	struct flow f = tcp_sample(sport, sport);

	engine_flow_event(node[i], now, EVENT_NEW, ORIGIN_KERNEL, &f);
}

/* The ports listed, added up; of one peer or of all. */
static uint32_t listed(uint32_t i, struct engine_walk w)
{
	struct engine_entry en;
	uint32_t budget = 100000, sum = 0;

	while (engine_walk_next(node[i], &w, &budget, &en) == 1)
		sum += en.flow.orig.sport;
	return sum;
}

static uint32_t external(uint32_t i, uint8_t peer)
{
	return listed(i, (struct engine_walk){
				 .which = ECACHE_EXTERNAL, .peer = peer, .one_peer = true });
}

static uint32_t external_all(uint32_t i)
{
	return listed(i, (struct engine_walk){ .which = ECACHE_EXTERNAL });
}

/* Node 0 owns port 1, node 1 port 10, node 2 port 100; all is in step. */
static void setup(void)
{
	struct engine_params p = {
		.npeers = 2,
		.peer_names = { "next", "last" },
		.repl = { .mode = REPL_FTFW,
			  .ack_window = 300,
			  .resend_limit = 1000,
			  .cures = REPL_CURES_ALL },
		.cache_limit = 1000,
		.log = &kept_log,
	};

	for (uint32_t i = 0; i < NODES; i++) {
		p.seed = i + 1;
		node[i] = engine_new(&p, now);
		cr_assert(node[i]);
	}
	run_for(SECS(5));
	owns(0, 1);
	owns(1, 10);
	owns(2, 100);
	run_for(SECS(5));
	said[0] = '\0';
}

static void teardown(void)
{
	for (uint32_t i = 0; i < NODES; i++)
		engine_free(node[i]);
}

TestSuite(peers, .init = setup, .fini = teardown);

Test(peers, each_in_its_own_cache)
{
	cr_assert_eq(external(0, 0), 10);
	cr_assert_eq(external(0, 1), 100);
	cr_assert_eq(external_all(0), 110);
	cr_assert_eq(external(2, 0), 1);
	cr_assert_eq(external(2, 1), 10);
	cr_assert_eq(listed(0, (struct engine_walk){ .which = ECACHE_INTERNAL }), 1);
	cr_assert_eq(listed(0, (struct engine_walk){ .which = ECACHE_INTERNAL, .one_peer = true }),
		     1);
}

/* Both speak to node 0 in turn, their numbers far apart; each is heard in full. */
Test(peers, w2_two_senders_in_turn_lose_nothing)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < 50; i++) {
		owns(1, (uint16_t)(1000 + i));
		pump_one(1, 1);
		owns(2, (uint16_t)(2000 + i));
		pump_one(2, 0);
		sum += i;
	}
	cr_assert_eq(external(0, 0), 10 + 50 * 1000 + sum);
	cr_assert_eq(external(0, 1), 100 + 50 * 2000 + sum);
}

/* What has ended waits for it, but not at the price of what is to come. */
Test(peers, one_that_is_away_costs_the_others_nothing)
{
	struct engine_stats st;

	away = 2;
	for (uint16_t i = 0; i < 3000; i++) {
		struct flow f = tcp_sample((uint16_t)(1000 + i), (uint16_t)(1000 + i));

		engine_flow_event(node[0], now, EVENT_NEW, ORIGIN_KERNEL, &f);
		engine_flow_event(node[0], now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
		if (i % 50 == 0)
			run_for(SECS(1));
	}
	owns(0, 5);
	run_for(SECS(1));
	engine_get_stats(node[0], &st);
	cr_assert_eq(st.cache[ECACHE_INTERNAL].add_full, 0);
	cr_assert_eq(external(1, 1), 1 + 5);
	away = NODES;
	run_for(SECS(10));
	cr_assert_eq(external(2, 0), 1 + 5);
}

Test(peers, flush_of_one)
{
	cr_assert_eq(engine_admin(node[0], now, ADMIN_FLUSH_CACHES,
				  ADMIN_FLOWS | ADMIN_EXTERNAL | ADMIN_PEER(1), 0),
		     0);
	cr_assert_eq(external(0, 0), 10);
	cr_assert_eq(external(0, 1), 0);
	engine_admin(node[0], now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_EXTERNAL, 0);
	cr_assert_eq(external_all(0), 0);
}

Test(peers, bulk_to_one)
{
	for (uint32_t i = 1; i < NODES; i++)
		engine_admin(node[i], now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_EXTERNAL, 0);
	engine_admin(node[0], now, ADMIN_BULK, ADMIN_PEER(1), 0);
	run_for(SECS(2));
	cr_assert_eq(external_all(1), 0);
	cr_assert_eq(external_all(2), 1);
	cr_assert(strstr(said, "sending bulk update to peer last\n"), "%s", said);
	cr_assert_not(strstr(said, "to peer next"));
	engine_admin(node[0], now, ADMIN_BULK, 0, 0);
	run_for(SECS(2));
	cr_assert_eq(external_all(1), 1);
}

Test(peers, resync_from_one)
{
	engine_admin(node[0], now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_EXTERNAL, 0);
	engine_admin(node[0], now, ADMIN_REQUEST_RESYNC, ADMIN_PEER(0), 0);
	run_for(SECS(2));
	cr_assert_eq(external(0, 0), 10);
	cr_assert_eq(external(0, 1), 0);
	cr_assert(strstr(said, "resync requested by other node, peer last\n"), "%s", said);
}

/* The ports put into the kernel, added up. */
static uint32_t commit(uint32_t i, uint32_t what)
{
	struct kernel_op ops[KOP_BATCH];
	struct effect eff;
	uint32_t sum = 0;
	size_t n;

	cr_assert_eq(engine_admin(node[i], now, ADMIN_COMMIT, what, 7), 1);
	while ((n = engine_kernel_ops(node[i], now, ops, KOP_BATCH))) {
		for (size_t k = 0; k < n; k++) {
			ops[k].err = 0;
			sum += ops[k].flow.orig.sport;
		}
		engine_kernel_results(node[i], now, ops, n);
	}
	cr_assert(engine_effect(node[i], now, &eff));
	cr_assert_eq(eff.kind, EFFECT_JOB_DONE);
	cr_assert_eq(eff.tag, 7);
	return sum;
}

Test(peers, commit_of_one)
{
	cr_assert_eq(commit(0, ADMIN_FLOWS | ADMIN_PEER(0)), 10);
	cr_assert_eq(commit(0, ADMIN_FLOWS | ADMIN_PEER(1)), 100);
	cr_assert_eq(commit(0, ADMIN_FLOWS | ADMIN_EXPECTS), 110);
	cr_assert_eq(commit(0, ADMIN_FLOWS | ADMIN_PEER(0) | ADMIN_PEER(1)), 110);
	cr_assert_eq(commit(0, ADMIN_FLOWS | ADMIN_PEER(5)), 0, "nobody is meant");
}

Test(peers, statistics_of_one)
{
	struct engine_stats all, one;
	const uint8_t rubbish[] = { 1, 2, 3 };

	engine_input(node[0], now, 1, rubbish, sizeof(rubbish));
	engine_get_stats(node[0], &all);
	cr_assert_eq(all.npeers, 2);
	cr_assert_eq(all.cache[ECACHE_EXTERNAL].active, 2);
	cr_assert_eq(all.truncated + all.bad_size, 1);
	engine_get_peer_stats(node[0], 0, &one);
	cr_assert_eq(one.npeers, 1);
	cr_assert_eq(one.cache[ECACHE_EXTERNAL].active, 1);
	cr_assert_eq(one.cache[ECACHE_EXTERNAL].add_ok, 1);
	cr_assert_eq(one.cache[ECACHE_INTERNAL].active, 1);
	cr_assert_eq(one.truncated + one.bad_size, 0);
	cr_assert_eq(memcmp(&one.peer[0], &all.peer[0], sizeof(one.peer[0])), 0);
	cr_assert_lt(one.msgs_in, all.msgs_in);
	engine_get_peer_stats(node[0], 1, &one);
	cr_assert_eq(one.truncated + one.bad_size, 1);
	cr_assert_eq(memcmp(&one.peer[0], &all.peer[1], sizeof(one.peer[0])), 0);
}

/* ---- a peer of another kind ---- */

static struct engine *start(bool reference, uint64_t seed)
{
	const struct engine_params p = {
		.seed = seed,
		.npeers = 1,
		.repl = { .mode = REPL_FTFW,
			  .ack_window = 300,
			  .resend_limit = 1000,
			  .cures = reference ? 0 : REPL_CURES_ALL,
			  .ident = !reference },
		.cache_limit = 1000,
		.log = &kept_log,
	};
	struct engine *e = engine_new(&p, now);

	cr_assert(e);
	return e;
}

/* What the kernel has when a daemon starts is loaded, and told to nobody. */
static void load(struct engine *e, uint16_t one, uint16_t other)
{
	struct flow f = tcp_sample(one, one);
	struct effect eff;

	cr_assert_eq(engine_load(e, 0), 1);
	cr_assert(engine_effect(e, now, &eff));
	engine_dump_flow(e, now, &f);
	f = tcp_sample(other, other);
	engine_dump_flow(e, now, &f);
	engine_dump_end(e, now, 0);
}

static void run_two(tick_t d)
{
	const tick_t end = now + d;
	uint8_t buf[1472];
	size_t len;

	for (; now < end; now += 50 * TICK_MSEC) {
		for (uint32_t i = 0; i < 2; i++)
			engine_tick(node[i], now);
		for (uint32_t i = 0; i < 2; i++)
			while ((len = engine_datagram(node[i], now, 0, buf, sizeof(buf))))
				engine_input(node[1 - i], now, 0, buf, len);
	}
}

/* After its restart the reference sends what changes only; so it is asked for the rest. */
Test(other_kind, what_it_has_after_a_restart)
{
	struct engine_stats st;

	node[0] = start(false, 1);
	node[1] = start(true, 2);
	run_two(SECS(3));
	owns(1, 10);
	run_two(SECS(3));
	cr_assert_eq(external_all(0), 10);
	engine_get_stats(node[0], &st);
	cr_assert_eq(st.peer[0].resyncs_out, 0, "nothing is asked for at first");
	engine_free(node[1]);
	node[1] = start(true, 3);
	load(node[1], 20, 40);
	run_two(SECS(10));
	cr_assert_eq(external_all(0), 60);
	engine_get_stats(node[0], &st);
	cr_assert_leq(st.peer[0].resyncs_out, 2, "%u", (unsigned int)st.peer[0].resyncs_out);
	engine_free(node[0]);
	engine_free(node[1]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Two sessions of ours talking to each other, over good pipes and bad. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "rig.h"

static struct pair *new_pair(const struct repl_params *a, const struct repl_params *b,
			     uint64_t seed)
{
	struct pair *w = malloc(sizeof(*w));

	cr_assert_not_null(w);
	pair_init(w, a, b, seed);
	return w;
}

static void end_pair(struct pair *w)
{
	rig_check(&w->n[0]);
	rig_check(&w->n[1]);
	pair_fini(w);
	free(w);
}

Test(pair, idle_nodes_exchange_one_message_a_second_each)
{
	const struct repl_params a = rig_ftfw(1000, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(77, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);
	uint64_t before;

	pair_run(w, SEC(10));
	cr_assert(rig_stats(&w->n[0]).greeted);
	cr_assert(rig_stats(&w->n[1]).greeted);
	before = w->sent[0] + w->sent[1];
	pair_run(w, SEC(110));
	cr_assert_leq(w->sent[0] + w->sent[1] - before, 201);
	cr_assert_geq(w->sent[0] + w->sent[1] - before, 198);
	cr_assert_leq(rig_stats(&w->n[0]).window, 1);
	end_pair(w);
}

Test(pair, a_change_arrives_at_once_and_is_acknowledged_soon)
{
	const struct repl_params a = rig_ftfw(1000, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(77, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);

	pair_run(w, SEC(5));
	rig_change(&w->n[0], 5);
	pair_run(w, w->now + MS(2));
	cr_assert_eq(w->n[1].view[5], 1);
	cr_assert_neq(w->n[0].own[5].slot, 0);
	pair_run(w, w->now + MS(250));
	cr_assert_eq(w->n[0].own[5].slot, 0);
	end_pair(w);
}

Test(pair, a_destroyed_object_is_done_when_the_peer_has_it)
{
	const struct repl_params a = rig_ftfw(1000, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(77, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);

	rig_change(&w->n[0], 5);
	pair_run(w, SEC(5));
	rig_destroy(&w->n[0], 5);
	pair_run(w, w->now + MS(2));
	cr_assert_eq(w->n[1].view[5], 0);
	cr_assert_eq(w->n[0].done, 0);
	pair_run(w, w->now + MS(250));
	cr_assert_eq(w->n[0].done, 1);
	end_pair(w);
}

/* Random changes and deaths on both sides. */
static void churn(struct pair *w, uint32_t steps, tick_t gap)
{
	for (uint32_t i = 0; i < steps; i++) {
		struct rig *g = &w->n[rng_below(&w->rng, 2)];
		const uint32_t obj = rng_below(&w->rng, 200);

		if (rng_below(&w->rng, 4))
			rig_change(g, obj);
		else
			rig_destroy(g, obj);
		pair_run(w, w->now + rng_u64(&w->rng) % gap);
	}
}

static uint64_t lossy_history(uint64_t seed, bool *equal)
{
	struct repl_params a = rig_ftfw(0xfffffff0u - (uint32_t)seed, REPL_CURES_ALL);
	struct repl_params b = rig_ftfw((uint32_t)seed * 2654435761u, REPL_CURES_ALL);
	struct pair *w;
	uint64_t trace;

	a.ack_window = b.ack_window = 5 + (uint32_t)(seed % 50);
	w = new_pair(&a, &b, seed);
	w->loss = 30;
	w->dup = 10;
	w->jitter = MS(20);
	churn(w, 300, MS(20));
	w->loss = 0;
	w->dup = 0;
	pair_run(w, w->now + SEC(30));
	*equal = pair_equal(w) && !rig_stats(&w->n[0]).txq && !rig_stats(&w->n[1]).txq;
	trace = w->trace;
	end_pair(w);
	return trace;
}

Test(pair, converges_after_loss_duplication_and_reordering, .timeout = 300)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		bool equal;

		lossy_history(seed, &equal);
		cr_assert(equal, "seed %lu", (unsigned long)seed);
	}
}

Test(pair, same_seed_same_history)
{
	bool equal;

	cr_assert_eq(lossy_history(11, &equal), lossy_history(11, &equal));
	cr_assert_neq(lossy_history(11, &equal), lossy_history(12, &equal));
}

/* The same with restarts: what is not owned any more stays, the rest converges. */
static void restarting_history(uint64_t seed)
{
	struct repl_params a = rig_ftfw((uint32_t)seed * 747796405u, REPL_CURES_ALL);
	struct repl_params b = rig_ftfw((uint32_t)seed * 2654435761u, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, seed);

	a.startup_resync = b.startup_resync = true;
	w->loss = 20;
	w->dup = 5;
	w->jitter = MS(50);
	for (int i = 0; i < 4; i++) {
		churn(w, 60, MS(50));
		a.first_seq = rng_u32(&w->rng);
		b.first_seq = rng_u32(&w->rng);
		pair_restart(w, (int)rng_below(&w->rng, 2), rng_below(&w->rng, 2) ? &a : &b);
	}
	churn(w, 60, MS(50));
	w->loss = 0;
	pair_run(w, w->now + SEC(30));
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < RIG_OBJECTS; i++) {
			const struct rig_object *o = &w->n[k].own[i];

			if (o->version && !o->dead)
				cr_assert_eq(w->n[!k].view[i], o->version,
					     "seed %lu node %d object %d: %u, not %u",
					     (unsigned long)seed, k, i, w->n[!k].view[i],
					     o->version);
		}
	end_pair(w);
}

Test(pair, converges_after_restarts, .timeout = 300)
{
	for (uint64_t seed = 1; seed <= 200; seed++)
		restarting_history(seed);
}

/* ---- start ---- */

struct loss {
	uint32_t objects; /* first transmissions seen */
	bool sent[RIG_OBJECTS];
};

/* Lose 28 of the first transmissions to node 1, as one datagram of a bulk would be. */
static bool lose_one_datagram(struct pair *w, uint8_t dest, const struct packet *p)
{
	struct loss *l = w->arg;

	if (dest != 1 || p->h.type == WIRE_CONTROL || l->sent[p->obj])
		return false;
	l->sent[p->obj] = true;
	l->objects++;
	return l->objects > 28 && l->objects <= 56;
}

static uint32_t missing_after_start(uint32_t cures_a, uint32_t cures_b)
{
	const struct repl_params a = rig_ftfw(10, cures_a);
	struct repl_params b = rig_ftfw(2000, cures_b);
	struct pair *w;
	struct loss l = { 0 };
	uint32_t n = 0;

	b.startup_resync = true;
	w = new_pair(&a, &b, 1);
	for (uint32_t i = 0; i < 120; i++)
		rig_load(&w->n[0], i);
	w->arg = &l;
	w->filter = lose_one_datagram;
	pair_run(w, SEC(9));
	for (uint32_t i = 0; i < 120; i++)
		n += !w->n[1].view[i];
	end_pair(w);
	return n;
}

Test(pair, w4_start_up_bulk_survives_a_lost_datagram)
{
	const uint32_t old = 0;

	cr_assert_eq(missing_after_start(old, old), 28, "as the reference");
	cr_assert_eq(missing_after_start(REPL_CURE_W4, old), 0, "the sender alone cures it");
	cr_assert_eq(missing_after_start(old, REPL_CURE_W4), 0, "the receiver alone, too");
	cr_assert_eq(missing_after_start(REPL_CURES_ALL, REPL_CURES_ALL), 0);
}

Test(pair, fresh_nodes_tell_each_other_everything_once)
{
	const struct repl_params a = rig_ftfw(10, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(2000, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);

	for (uint32_t i = 0; i < 1000; i++) {
		rig_load(&w->n[0], i);
		rig_load(&w->n[1], i + 2000);
	}
	pair_run(w, SEC(4));
	cr_assert(pair_equal(w));
	cr_assert_eq(w->n[0].bulks, 1);
	cr_assert_eq(w->n[1].bulks, 1);
	cr_assert_eq(w->n[1].data, 1000);
	end_pair(w);
}

Test(pair, w5_a_restarted_node_gets_all_back_without_asking)
{
	const struct repl_params a = rig_ftfw(10, REPL_CURES_ALL);
	struct repl_params b = rig_ftfw(2000, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);

	for (uint32_t i = 0; i < 3000; i++)
		rig_load(&w->n[0], i);
	pair_run(w, SEC(20));
	b.first_seq = 2010; /* as a clock in seconds would */
	pair_restart(w, 1, &b);
	pair_run(w, SEC(25));
	cr_assert(pair_equal(w));
	end_pair(w);
}

/* ---- trouble ---- */

Test(pair, a_long_partition_is_made_up_for)
{
	struct repl_params a = rig_ftfw(10, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(2000, REPL_CURES_ALL);
	struct pair *w;
	uint64_t before;

	a.resend_limit = 500;
	w = new_pair(&a, &b, 1);
	pair_run(w, SEC(5));
	w->cut[0] = w->cut[1] = true;
	for (uint32_t i = 0; i < 3000; i++) {
		rig_change(&w->n[0], i);
		if (i % 5 == 0)
			pair_run(w, w->now + MS(10));
	}
	cr_assert_gt(rig_stats(&w->n[0]).window_full, 0);
	pair_run(w, w->now + MS(10));
	before = w->sent[0];
	pair_run(w, w->now + SEC(30));
	cr_assert_leq(w->sent[0] - before, 31, "a silent peer is not flooded");
	w->cut[0] = w->cut[1] = false;
	pair_run(w, w->now + SEC(5));
	cr_assert(pair_equal(w));
	end_pair(w);
}

Test(pair, one_way_loss_is_made_up_for)
{
	const struct repl_params a = rig_ftfw(10, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(2000, REPL_CURES_ALL);

	for (int way = 0; way < 2; way++) {
		struct pair *w = new_pair(&a, &b, 1);

		pair_run(w, SEC(5));
		w->cut[way] = true;
		for (uint32_t i = 0; i < 500; i++) {
			rig_change(&w->n[0], i);
			pair_run(w, w->now + MS(50));
		}
		w->cut[way] = false;
		pair_run(w, w->now + SEC(25));
		cr_assert(pair_equal(w), "way %d", way);
		end_pair(w);
	}
}

Test(pair, numbers_wrap_around)
{
	const struct repl_params a = rig_ftfw(0xffffff80, REPL_CURES_ALL);
	const struct repl_params b = rig_ftfw(0xfffffffe, REPL_CURES_ALL);
	struct pair *w = new_pair(&a, &b, 1);

	for (uint32_t i = 0; i < 400; i++) {
		rig_change(&w->n[0], i % 50);
		rig_change(&w->n[1], i % 50);
		pair_run(w, w->now + MS(10));
	}
	pair_run(w, w->now + SEC(2));
	cr_assert(pair_equal(w));
	cr_assert_eq(rig_stats(&w->n[0]).lost + rig_stats(&w->n[1]).lost, 0);
	cr_assert_lt(rig_stats(&w->n[0]).next_seq, 1000);
	end_pair(w);
}

Test(pair, w3_notrack_converges_after_losses)
{
	struct repl_params a = rig_ftfw(1, REPL_CURES_ALL), b = rig_ftfw(99, REPL_CURES_ALL);
	struct pair *w;

	a.mode = b.mode = REPL_NOTRACK;
	w = new_pair(&a, &b, 5);
	w->loss = 30;
	for (uint32_t i = 0; i < 300; i++) {
		rig_change(&w->n[rng_below(&w->rng, 2)], rng_below(&w->rng, 200));
		pair_run(w, w->now + MS(10));
	}
	w->loss = 0;
	pair_run(w, w->now + SEC(30));
	cr_assert(pair_equal(w));
	end_pair(w);
}

Test(pair, mixed_modes_deliver_data)
{
	const struct repl_params a = rig_ftfw(1, REPL_CURES_ALL);
	struct repl_params b = rig_ftfw(99, REPL_CURES_ALL);
	struct pair *w;

	b.mode = REPL_NOTRACK;
	w = new_pair(&a, &b, 5);
	for (uint32_t i = 0; i < 100; i++) {
		rig_change(&w->n[0], i);
		rig_change(&w->n[1], i);
		pair_run(w, w->now + MS(10));
	}
	pair_run(w, w->now + SEC(5));
	cr_assert(pair_equal(w));
	end_pair(w);
}

/* ---- independence ---- */

static void step(struct pair *w, int i)
{
	rig_change(&w->n[i & 1], (uint32_t)i % 100);
	pair_run(w, w->now + MS(7));
}

Test(pair, w2_sessions_do_not_disturb_each_other)
{
	const struct repl_params a = rig_ftfw(1, REPL_CURES_ALL), b = rig_ftfw(9, REPL_CURES_ALL);
	struct pair *alone = new_pair(&a, &b, 1), *one = new_pair(&a, &b, 1),
		    *other = new_pair(&b, &a, 2);

	alone->loss = one->loss = 10;
	other->loss = 50;
	for (int i = 0; i < 500; i++)
		step(alone, i);
	for (int i = 0; i < 500; i++) {
		step(one, i);
		step(other, 3 * i);
	}
	cr_assert_eq(alone->trace, one->trace);
	cr_assert_neq(alone->trace, other->trace);
	end_pair(alone);
	end_pair(one);
	end_pair(other);
}

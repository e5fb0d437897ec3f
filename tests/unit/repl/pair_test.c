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

// SPDX-License-Identifier: GPL-2.0-or-later
/* Two sessions while one allocation after the other fails. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "oom.h"
#include "rig.h"

Test(oom, no_session_without_memory)
{
	const struct repl_params p = rig_ftfw(1, REPL_CURES_ALL);
	struct rng rng;

	rng_seed(&rng, 1);
	oom_after(0);
	cr_assert_null(repl_new(&p, &rng, 0));
	oom_off();
	repl_free(NULL);
}

/* A short history in which the n-th allocation of the sessions fails. */
static long history(struct pair *w, enum repl_mode mode, long n)
{
	struct repl_params a = rig_ftfw(1000, REPL_CURES_ALL);
	struct repl_params b = rig_ftfw(2000, REPL_CURES_ALL);
	long asked;

	a.mode = b.mode = mode;
	a.startup_resync = true;
	pair_init(w, &a, &b, 3);
	oom_after(n);
	for (uint32_t i = 0; i < 1500; i++) {
		rig_change(&w->n[0], i % 1200);
		if (i % 7 == 0 && w->n[0].own[i % 1200].slot)
			rig_change(&w->n[1], i % 300);
		if (i % 100 == 0)
			pair_run(w, w->now + MS(5));
	}
	pair_run(w, w->now + SEC(2));
	asked = oom_count();
	oom_off();
	rig_check(&w->n[0]);
	rig_check(&w->n[1]);
	pair_run(w, w->now + SEC(30));
	cr_assert(pair_equal(w), "allocation %ld, mode %d", n, mode);
	pair_fini(w);
	return asked;
}

Test(oom, whatever_fails_is_made_up_for, .timeout = 120)
{
	struct pair *w = malloc(sizeof(*w));
	long n, all = history(w, REPL_FTFW, -1);

	cr_assert_gt(all, 5);
	for (n = 0; n < all && n < 400; n++)
		history(w, REPL_FTFW, n);
	all = history(w, REPL_NOTRACK, -1);
	for (n = 0; n < all && n < 400; n++)
		history(w, REPL_NOTRACK, n);
	free(w);
}

/* Changes until one cannot be queued for lack of memory; how many bulks follow? */
static uint64_t bulks_owed(enum repl_mode mode)
{
	struct repl_params a = rig_ftfw(1000, REPL_CURES_ALL);
	struct pair *w = malloc(sizeof(*w));
	uint64_t before;
	uint32_t i;

	a.mode = mode;
	pair_init(w, &a, &a, 3);
	pair_run(w, SEC(20));
	before = rig_stats(&w->n[0]).bulks;
	oom_after(0);
	for (i = 0; i < 2000 && !oom_count(); i++)
		rig_change(&w->n[0], i);
	cr_assert_eq(oom_count(), 1);
	cr_assert_eq(w->n[0].own[i - 1].slot, 0);
	oom_off();
	pair_run(w, SEC(100));
	cr_assert(pair_equal(w));
	before = rig_stats(&w->n[0]).bulks - before;
	pair_fini(w);
	free(w);
	return before;
}

Test(oom, a_change_that_cannot_be_queued_is_owed_once)
{
	cr_assert_eq(bulks_owed(REPL_FTFW), 1);
	cr_assert_eq(bulks_owed(REPL_NOTRACK), 1);
}

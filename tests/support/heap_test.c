// SPDX-License-Identifier: GPL-2.0-or-later
/* The deadline heap against a plain search for the minimum. */
#include "heap.h"

#include <errno.h>
#include <criterion/criterion.h>
#include "base/rand.h"
#include "oom.h"

#define N 300

static tick_t least(const struct heap_node *v)
{
	tick_t at = TICK_NEVER;
	int i;

	for (i = 0; i < N; i++)
		if (v[i].pos && v[i].at < at)
			at = v[i].at;
	return at;
}

/* No node is earlier than the one above it. */
static bool ordered(const struct heap *h)
{
	uint32_t i;

	for (i = 2; i <= h->n; i++)
		if (h->v[i - 1]->at < h->v[i / 2 - 1]->at || h->v[i - 1]->pos != i)
			return false;
	return true;
}

Test(heap, empty)
{
	struct heap h;

	heap_init(&h);
	cr_assert_null(heap_top(&h));
	heap_fini(&h);
}

Test(heap, sorts)
{
	struct heap_node v[5] = { 0 };
	const tick_t at[5] = { 50, 10, 40, 10, 30 };
	const tick_t want[5] = { 10, 10, 30, 40, 50 };
	struct heap h;
	int i;

	heap_init(&h);
	for (i = 0; i < 5; i++)
		cr_assert_eq(heap_set(&h, &v[i], at[i]), 0);
	for (i = 0; i < 5; i++) {
		cr_assert_eq(heap_top(&h)->at, want[i]);
		heap_del(&h, heap_top(&h));
	}
	cr_assert_null(heap_top(&h));
	heap_fini(&h);
}

Test(heap, a_node_is_in_once)
{
	struct heap_node a = { 0 }, b = { 0 };
	struct heap h;

	heap_init(&h);
	heap_set(&h, &a, 5);
	heap_set(&h, &b, 6);
	heap_set(&h, &a, 7);
	cr_assert_eq(h.n, 2);
	cr_assert_eq(heap_top(&h), &b);
	heap_del(&h, &b);
	heap_del(&h, &b);
	cr_assert_eq(heap_top(&h), &a);
	heap_fini(&h);
	cr_assert_eq(a.pos, 0);
}

Test(heap, random_walk)
{
	static struct heap_node v[N];
	struct heap h;
	struct rng r;
	int step;

	rng_seed(&r, 11);
	heap_init(&h);
	for (step = 0; step < 20000; step++) {
		struct heap_node *n = &v[rng_below(&r, N)];

		if (rng_below(&r, 3))
			cr_assert_eq(heap_set(&h, n, rng_below(&r, 1000)), 0);
		else
			heap_del(&h, n);
		cr_assert_eq(heap_top(&h) ? heap_top(&h)->at : TICK_NEVER, least(v), "step %d",
			     step);
		cr_assert(ordered(&h), "step %d", step);
	}
	heap_fini(&h);
}

Test(heap, out_of_memory_leaves_the_node_out)
{
	static struct heap_node v[17];
	struct heap h;
	int i;

	heap_init(&h);
	oom_after(0);
	cr_assert_eq(heap_set(&h, &v[0], 1), -ENOMEM);
	cr_assert_eq(v[0].pos, 0);
	oom_off();
	for (i = 0; i < 16; i++)
		cr_assert_eq(heap_set(&h, &v[i], 100), 0);
	oom_after(0);
	cr_assert_eq(heap_set(&h, &v[16], 1), -ENOMEM);
	cr_assert_eq(v[16].pos, 0);
	/* Moving one that is in needs no memory. */
	cr_assert_eq(heap_set(&h, &v[3], 2), 0);
	oom_off();
	cr_assert_eq(heap_top(&h), &v[3]);
	cr_assert_eq(heap_set(&h, &v[16], 1), 0);
	cr_assert_eq(heap_top(&h), &v[16]);
	heap_fini(&h);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The growing bucket array: growth concerns one chain only. */
#include <criterion/criterion.h>

#include "base/hash.h"
#include "buckets.h"
#include "oom.h"

#define HASHES 512

Test(buckets, growth_moves_hashes_from_the_parent_to_the_new_one_only)
{
	uint32_t hash[HASHES], at[HASHES];
	struct buckets b;
	uint32_t i, n;

	buckets_init(&b);
	for (i = 0; i < HASHES; i++) {
		hash[i] = hash_bytes(&i, sizeof(i), 1);
		at[i] = 0;
	}
	cr_assert(buckets_grow(&b));
	for (n = 2; n <= 5000; n++) {
		cr_assert(buckets_grow(&b));
		cr_assert_eq(b.n, n);
		cr_assert_lt(buckets_parent(&b), n - 1);
		for (i = 0; i < HASHES; i++) {
			uint32_t now = buckets_index(&b, hash[i]);

			cr_assert_lt(now, n);
			if (now != at[i]) {
				cr_assert_eq(now, n - 1);
				cr_assert_eq(at[i], buckets_parent(&b));
			}
			at[i] = now;
		}
	}
	buckets_fini(&b);
}

Test(buckets, every_bucket_is_used_about_evenly)
{
	static uint32_t load[3000];
	uint32_t i, worst = 0;
	struct buckets b;

	buckets_init(&b);
	for (i = 0; i < 3000; i++)
		cr_assert(buckets_grow(&b));
	for (i = 0; i < 30000; i++) {
		uint32_t *n = &load[buckets_index(&b, hash_bytes(&i, sizeof(i), 7))];

		if (++*n > worst)
			worst = *n;
	}
	for (i = 0; i < 3000; i++)
		cr_assert_gt(load[i], 0, "bucket %u is never used", i);
	/* 2048 < 3000 < 4096: those not yet split carry twice the load. */
	cr_assert_lt(worst, 50);
	buckets_fini(&b);
}

Test(buckets, heads_do_not_move)
{
	struct buckets b;
	uint32_t *first;
	uint32_t i;

	buckets_init(&b);
	cr_assert(buckets_grow(&b));
	first = buckets_at(&b, 0);
	*first = 77;
	for (i = 1; i < 20 * BUCKETS_SEG; i++)
		cr_assert(buckets_grow(&b));
	cr_assert_eq(buckets_at(&b, 0), first);
	cr_assert_eq(*first, 77);
	cr_assert_eq(*buckets_at(&b, 20 * BUCKETS_SEG - 1), 0);
	cr_assert_geq(buckets_bytes(&b), 20 * BUCKETS_SEG * sizeof(uint32_t));
	buckets_fini(&b);
	cr_assert_eq(buckets_bytes(&b), 0);
}

Test(buckets, without_memory_nothing_changes)
{
	struct buckets b;
	uint32_t n = 0;
	long i;

	buckets_init(&b);
	for (i = 0; i < 4; i++) {
		/* Fail at each allocation there is: first directory, then segment. */
		oom_after(0);
		while (buckets_grow(&b))
			n++;
		cr_assert_eq(b.n, n);
		oom_off();
		cr_assert(buckets_grow(&b));
		cr_assert_eq(b.n, ++n);
	}
	cr_assert_gt(n, 3 * BUCKETS_SEG);
	buckets_fini(&b);
}

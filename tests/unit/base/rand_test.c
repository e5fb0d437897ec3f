// SPDX-License-Identifier: GPL-2.0-or-later
/* The generator: known first numbers, repeatable, even. */
#include "base/rand.h"

#include <criterion/criterion.h>

/*
 * First state words for seed 0 as published for splitmix64, and the numbers
 * xoshiro256** makes of the state 1, 2, 3, 4.
 */
Test(rand, known_numbers)
{
	struct rng r;

	rng_seed(&r, 0);
	cr_assert_eq(r.s[0], UINT64_C(0xe220a8397b1dcdaf));
	cr_assert_eq(r.s[1], UINT64_C(0x6e789e6aa1b965f4));
	cr_assert_eq(r.s[2], UINT64_C(0x06c45d188009454f));
	r = (struct rng){ { 1, 2, 3, 4 } };
	cr_assert_eq(rng_u64(&r), UINT64_C(11520));
	cr_assert_eq(rng_u64(&r), UINT64_C(0));
	cr_assert_eq(rng_u64(&r), UINT64_C(1509978240));
	cr_assert_eq(rng_u64(&r), UINT64_C(1215971899390074240));
}

Test(rand, the_seed_decides)
{
	struct rng a, b, c;
	int i, same = 0;

	rng_seed(&a, 99);
	rng_seed(&b, 99);
	rng_seed(&c, 100);
	for (i = 0; i < 1000; i++) {
		uint32_t x = rng_u32(&a);

		cr_assert_eq(x, rng_u32(&b));
		same += x == rng_u32(&c);
	}
	cr_assert_lt(same, 3);
}

Test(rand, below_is_even_and_in_range)
{
	uint32_t count[7] = { 0 };
	struct rng r;
	int i;

	rng_seed(&r, 5);
	for (i = 0; i < 70000; i++) {
		uint32_t x = rng_below(&r, 7);

		cr_assert_lt(x, 7);
		count[x]++;
	}
	for (i = 0; i < 7; i++)
		cr_assert(count[i] > 9500 && count[i] < 10500, "%d: %u", i, count[i]);
	for (i = 0; i < 100; i++)
		cr_assert_eq(rng_below(&r, 1), 0);
}

/* With n = 3 * 2^30 a plain multiply would favour one third by two to one. */
Test(rand, below_has_no_bias_for_large_n)
{
	const uint32_t n = 3u << 30;
	uint32_t even[3] = { 0 };
	struct rng r;
	int i;

	rng_seed(&r, 6);
	for (i = 0; i < 30000; i++)
		even[rng_below(&r, n) % 3]++;
	for (i = 0; i < 3; i++)
		cr_assert(even[i] > 9500 && even[i] < 10500, "%d: %u", i, even[i]);
}

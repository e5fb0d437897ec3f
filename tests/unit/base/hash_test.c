// SPDX-License-Identifier: GPL-2.0-or-later
/* The keyed hash: every byte counts, the key counts, and it spreads well. */
#include "base/hash.h"

#include <string.h>
#include <criterion/criterion.h>

Test(hash, same_input_same_value)
{
	uint8_t a[40], shifted[41];
	size_t len;

	memset(a, 0x5a, sizeof(a));
	memcpy(shifted + 1, a, sizeof(a));
	for (len = 0; len <= sizeof(a); len++)
		cr_assert_eq(hash_bytes(a, len, 7), hash_bytes(shifted + 1, len, 7));
}

/* Flipping any one bit of a key of any length changes the value. */
Test(hash, every_bit_counts)
{
	uint8_t key[64];
	size_t len, bit;

	for (len = 1; len <= sizeof(key); len++) {
		for (bit = 0; bit < len * 8; bit++) {
			uint32_t before;

			memset(key, 0xa7, sizeof(key));
			before = hash_bytes(key, len, 42);
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			cr_assert_neq(hash_bytes(key, len, 42), before, "length %zu bit %zu", len,
				      bit);
		}
	}
}

Test(hash, length_and_key_count)
{
	static const uint8_t zero[64];
	size_t a, b;

	for (a = 0; a < sizeof(zero); a++) {
		cr_assert_neq(hash_bytes(zero, a, 1), hash_bytes(zero, a, 2));
		for (b = 0; b < a; b++)
			cr_assert_neq(hash_bytes(zero, a, 1), hash_bytes(zero, b, 1));
	}
}

/*
 * A million tuples as one client makes them, into 2^16 buckets by the low and
 * by the high bits: chi-square stays near its mean for both.
 */
static void spread(unsigned int shift)
{
	static uint32_t bucket[1 << 16];
	const uint32_t n = 1 << 20;
	double chi = 0, want = (double)n / (1 << 16);
	uint32_t i;

	memset(bucket, 0, sizeof(bucket));
	for (i = 0; i < n; i++) {
		uint8_t key[16] = { 10, 0, (uint8_t)(i >> 18), (uint8_t)(i >> 16), 192, 0, 2, 1 };

		key[8] = (uint8_t)(i >> 8);
		key[9] = (uint8_t)i;
		key[11] = 80;
		key[12] = 6;
		bucket[hash_bytes(key, sizeof(key), 0x1234) >> shift & 0xffff]++;
	}
	for (i = 0; i < 1 << 16; i++)
		chi += (bucket[i] - want) * (bucket[i] - want) / want;
	/* 65535 degrees of freedom: mean 65535, deviation 362; allow six. */
	cr_assert(chi > 63363 && chi < 67707, "chi-square %.0f with shift %u", chi, shift);
}

Test(hash, spreads_over_buckets)
{
	spread(0);
	spread(16);
}

/* Half of the bits change, on average, for one flipped input bit. */
Test(hash, avalanche)
{
	uint8_t key[36];
	uint64_t changed = 0, trials = 0;
	size_t bit, round;

	for (round = 0; round < 64; round++) {
		memset(key, (int)round, sizeof(key));
		for (bit = 0; bit < sizeof(key) * 8; bit++, trials++) {
			uint32_t h = hash_bytes(key, sizeof(key), round);

			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			h ^= hash_bytes(key, sizeof(key), round);
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			changed += (uint64_t)__builtin_popcount(h);
		}
	}
	cr_assert(changed > trials * 158 / 10 && changed < trials * 162 / 10);
}

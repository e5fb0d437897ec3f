// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one source of numbers that look random: xoshiro256** (Blackman and
 * Vigna), its state filled by splitmix64. Everything that is drawn in a run
 * follows from the seed, which the daemon takes from the kernel and the
 * simulator from its command line.
 */
#include "base/rand.h"

#include <assert.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, unsigned int k)
{
	return x << k | x >> (64 - k);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t out = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	assert(s[0] | s[1] | s[2] | s[3]);
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

uint32_t rng_u32(struct rng *r)
{
	return (uint32_t)(rng_u64(r) >> 32);
}

/* Multiply-and-shift; the few draws that would favour low values are redrawn. */
uint32_t rng_below(struct rng *r, uint32_t n)
{
	uint32_t skip;
	uint64_t m;

	assert(n > 0);
	skip = (0u - n) % n;
	do {
		m = (uint64_t)rng_u32(r) * n;
	} while ((uint32_t)m < skip);
	return (uint32_t)(m >> 32);
}

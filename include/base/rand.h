/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_RAND_H
#define CTD_BASE_RAND_H

/*
 * Seeded generator: the same seed gives the same numbers, so a simulated
 * history can be replayed. Not for secrets beyond the table hash key.
 */
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint32_t rng_u32(struct rng *r);

/* Uniform in 0 .. n-1; n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);

#endif

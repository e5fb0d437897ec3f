/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_RATELIM_H
#define CTD_BASE_RATELIM_H

/* Token bucket: at most "burst" at once and "per_sec" in the long run. */
#include <stdbool.h>
#include <stdint.h>
#include "base/tick.h"

struct ratelim {
	uint32_t burst;
	uint32_t per_sec;
	uint64_t level; /* tokens * 1e9 */
	tick_t last;
	uint64_t suppressed; /* refused since the one allowed before */
	bool reported;       /* the last answer was yes */
};

void ratelim_init(struct ratelim *r, uint32_t burst, uint32_t per_sec);

/*
 * May one more happen now? When the answer is yes, "suppressed" says how many
 * were refused since the yes before it.
 */
bool ratelim_ok(struct ratelim *r, tick_t now);

/* Take up to "want" tokens; returns how many were there. */
uint32_t ratelim_take(struct ratelim *r, tick_t now, uint32_t want);

#endif

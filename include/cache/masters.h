/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CACHE_MASTERS_H
#define CTD_CACHE_MASTERS_H

/*
 * The masters of expectations. Neither the kernel nor a peer says in which zone
 * an expectation is; its master knows. So the zones that flows were seen in are
 * noted, and a master is looked for in each.
 */
#include <stdint.h>
#include "cache/cache.h"
#include "flow/expect.h"

#define ZONES_END 0x10000u

/* Zones seen; zone 0, of those that have none, always counts as seen. */
struct zone_set {
	uint64_t bits[ZONES_END / 64];
};

static inline void zones_add(struct zone_set *z, uint16_t zone)
{
	z->bits[zone / 64] |= (uint64_t)1 << zone % 64;
}

/* The first zone seen from this one on; ZONES_END: there is none. */
uint32_t zones_next(const struct zone_set *z, uint32_t from);

/*
 * The flow that x has as master, in the first zone from *zone on (start with 0).
 * *zone is then where to go on. 0: there is none.
 */
cache_ref masters_next(const struct cache *flows, const struct zone_set *z, const struct expect *x,
		       uint32_t *zone);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the master of an expectation in a cache of flows, in whatever zone it is.
 * There are few expectations and mostly few zones, so each zone is tried.
 */
#include "cache/masters.h"

uint32_t zones_next(const struct zone_set *z, uint32_t from)
{
	uint32_t i = from / 64;
	uint64_t word;

	if (!from || from >= ZONES_END)
		return from;
	word = z->bits[i] >> from % 64 << from % 64;
	while (!word) {
		if (++i == ZONES_END / 64)
			return ZONES_END;
		word = z->bits[i];
	}
	return i * 64 + (uint32_t)__builtin_ctzll(word);
}

cache_ref masters_next(const struct cache *flows, const struct zone_set *z, const struct expect *x,
		       uint32_t *zone)
{
	struct flow key;
	cache_ref ref = 0;

	flow_init(&key);
	key.orig = x->master;
	while (!ref) {
		*zone = zones_next(z, *zone);
		if (*zone == ZONES_END)
			break;
		key.zone = (uint16_t)(*zone)++;
		key.has = FLOW_HAS_PORTS | (key.zone ? FLOW_HAS_ZONE : 0);
		ref = cache_find(flows, &key);
	}
	return ref;
}

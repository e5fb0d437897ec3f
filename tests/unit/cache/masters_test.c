// SPDX-License-Identifier: GPL-2.0-or-later
/* Zones seen, and masters found in them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "cache/masters.h"
#include "gen.h"

Test(masters, zones)
{
	static const uint16_t some[] = { 1, 63, 64, 4095, 0xffff };
	struct zone_set *z = calloc(1, sizeof(*z));
	uint32_t at = 0;

	cr_assert_eq(zones_next(z, 0), 0, "zone 0 is always there");
	cr_assert_eq(zones_next(z, 1), ZONES_END);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		zones_add(z, some[i]);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		at = zones_next(z, at + 1);
		cr_assert_eq(at, some[i]);
	}
	cr_assert_eq(zones_next(z, at + 1), ZONES_END);
	free(z);
}

static void add_flow(struct cache *c, struct zone_set *z, uint16_t zone)
{
	struct flow f;
	cache_ref ref;

	gen_flow_tcp4(7, &f);
	f.has |= zone ? FLOW_HAS_ZONE : 0;
	f.zone = zone;
	zones_add(z, zone);
	cr_assert_eq(cache_add(c, 0, &f, &ref), 0);
}

Test(masters, in_every_zone)
{
	const struct cache_params p = { .ops = &pack_flow, .limit = 100, .secret = 1 };
	struct zone_set *z = calloc(1, sizeof(*z));
	struct cache *c = cache_new(&p);
	struct expect x;
	struct flow f;
	uint32_t at = 0;
	cache_ref ref;

	gen_expect_key(1, &x);
	gen_flow_tcp4(7, &f);
	x.master = f.orig;
	cr_assert_eq(masters_next(c, z, &x, &at), 0);
	add_flow(c, z, 0xffff);
	add_flow(c, z, 9);
	zones_add(z, 5);
	at = 0;
	for (int i = 0; i < 2; i++) {
		ref = masters_next(c, z, &x, &at);
		cr_assert_neq(ref, 0);
		cache_get(c, ref, &f);
		cr_assert_eq(f.zone, i ? 0xffff : 9);
	}
	cr_assert_eq(masters_next(c, z, &x, &at), 0);
	x.master.sport++;
	at = 0;
	cr_assert_eq(masters_next(c, z, &x, &at), 0);
	cache_free(c);
	free(z);
}

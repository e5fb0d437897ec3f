// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Token bucket in integers: bounds log lines, kernel requests and bulk
 * sending. Levels are kept in billionths of a token, so a nanosecond at one
 * token per second is exactly one unit and nothing is ever rounded away.
 */
#include "base/ratelim.h"

#include <assert.h>

#define TOKEN UINT64_C(1000000000)

void ratelim_init(struct ratelim *r, uint32_t burst, uint32_t per_sec)
{
	*r = (struct ratelim){
		.burst = burst,
		.per_sec = per_sec,
		.level = burst * TOKEN,
	};
}

/* Level at "now", never above the burst and without overflow on the way. */
static uint64_t level_at(const struct ratelim *r, tick_t now)
{
	uint64_t room = r->burst * TOKEN - r->level;
	tick_t passed = tick_since(now, r->last);

	assert(r->level <= r->burst * TOKEN);
	if (r->per_sec == 0)
		return r->level;
	if (passed > room / r->per_sec)
		return r->burst * TOKEN;
	return r->level + passed * r->per_sec;
}

static void refill(struct ratelim *r, tick_t now)
{
	r->level = level_at(r, now);
	if (now > r->last)
		r->last = now;
}

uint32_t ratelim_take(struct ratelim *r, tick_t now, uint32_t want)
{
	uint64_t have;

	refill(r, now);
	have = r->level / TOKEN;
	if (want > have)
		want = (uint32_t)have;
	r->level -= want * TOKEN;
	return want;
}

bool ratelim_ok(struct ratelim *r, tick_t now)
{
	bool ok = ratelim_take(r, now, 1) == 1;

	if (r->reported)
		r->suppressed = 0;
	r->reported = ok;
	if (!ok)
		r->suppressed++;
	return ok;
}

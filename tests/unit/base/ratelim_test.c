// SPDX-License-Identifier: GPL-2.0-or-later
/* The token bucket, in virtual time. */
#include "base/ratelim.h"

#include <criterion/criterion.h>

Test(ratelim, burst_then_rate)
{
	struct ratelim r;
	tick_t now = 12345 * TICK_SEC;
	int i;

	ratelim_init(&r, 3, 2);
	for (i = 0; i < 3; i++)
		cr_assert(ratelim_ok(&r, now));
	cr_assert_not(ratelim_ok(&r, now));
	cr_assert_not(ratelim_ok(&r, now + TICK_SEC / 2 - 1));
	cr_assert(ratelim_ok(&r, now + TICK_SEC / 2));
	cr_assert_not(ratelim_ok(&r, now + TICK_SEC / 2));
}

Test(ratelim, long_run_average_is_exact)
{
	struct ratelim r;
	uint32_t n = 0;
	tick_t now;

	ratelim_init(&r, 1, 7);
	/* Odd steps, so that every token straddles several of them. */
	for (now = 0; now < 1000 * TICK_SEC; now += 13 * TICK_MSEC + 1)
		n += ratelim_ok(&r, now);
	cr_assert(n >= 6400 && n <= 7001, "%u", n);

	ratelim_init(&r, 1000, 7);
	cr_assert_eq(ratelim_take(&r, 0, 1000), 1000);
	for (now = 0, n = 0; now <= 100 * TICK_SEC; now += TICK_SEC / 1000)
		n += ratelim_take(&r, now, 1000);
	cr_assert_eq(n, 700);
}

Test(ratelim, refusals_are_told_once)
{
	struct ratelim r;

	ratelim_init(&r, 1, 1);
	cr_assert(ratelim_ok(&r, 0));
	cr_assert_eq(r.suppressed, 0);
	cr_assert_not(ratelim_ok(&r, 1));
	cr_assert_not(ratelim_ok(&r, 2));
	cr_assert(ratelim_ok(&r, TICK_SEC));
	cr_assert_eq(r.suppressed, 2);
	cr_assert(ratelim_ok(&r, 2 * TICK_SEC));
	cr_assert_eq(r.suppressed, 0);
	cr_assert_not(ratelim_ok(&r, 2 * TICK_SEC));
	cr_assert_eq(r.suppressed, 1);
}

Test(ratelim, take_gives_what_is_there)
{
	struct ratelim r;

	ratelim_init(&r, 10, 10);
	cr_assert_eq(ratelim_take(&r, 0, 4), 4);
	cr_assert_eq(ratelim_take(&r, 0, 100), 6);
	cr_assert_eq(ratelim_take(&r, 0, 1), 0);
	cr_assert_eq(ratelim_take(&r, TICK_SEC / 4, 100), 2);
	/* Never more than the burst, however long the pause. */
	cr_assert_eq(ratelim_take(&r, TICK_NEVER, 100), 10);
}

Test(ratelim, zero_rate_and_zero_burst)
{
	struct ratelim r;

	ratelim_init(&r, 1, 0);
	cr_assert(ratelim_ok(&r, 0));
	cr_assert_not(ratelim_ok(&r, TICK_NEVER - 1));
	ratelim_init(&r, 0, 5);
	cr_assert_not(ratelim_ok(&r, TICK_SEC));
}

Test(ratelim, largest_values_do_not_overflow)
{
	struct ratelim r;

	ratelim_init(&r, UINT32_MAX, UINT32_MAX);
	cr_assert_eq(ratelim_take(&r, 0, UINT32_MAX), UINT32_MAX);
	cr_assert_eq(ratelim_take(&r, TICK_SEC, UINT32_MAX), UINT32_MAX);
	cr_assert_eq(ratelim_take(&r, TICK_NEVER, UINT32_MAX), UINT32_MAX);
}

Test(ratelim, time_going_back_gives_nothing)
{
	struct ratelim r;

	ratelim_init(&r, 1, 1);
	cr_assert(ratelim_ok(&r, 10 * TICK_SEC));
	cr_assert_not(ratelim_ok(&r, 5 * TICK_SEC));
	cr_assert_not(ratelim_ok(&r, 10 * TICK_SEC + TICK_SEC / 2));
	cr_assert(ratelim_ok(&r, 11 * TICK_SEC));
}

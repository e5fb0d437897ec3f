// SPDX-License-Identifier: GPL-2.0-or-later
/* Time arithmetic at its borders. */
#include "base/tick.h"

#include <criterion/criterion.h>

Test(tick, arithmetic)
{
	cr_assert_eq(tick_min(3, 4), 3);
	cr_assert_eq(tick_min(TICK_NEVER, 4), 4);
	cr_assert_eq(tick_since(10, 4), 6);
	cr_assert_eq(tick_since(4, 10), 0);
	cr_assert_eq(tick_add(5, TICK_MSEC), 1000005);
	cr_assert_eq(tick_add(5, TICK_NEVER), TICK_NEVER);
	cr_assert_eq(tick_add(TICK_NEVER, 0), TICK_NEVER);
	cr_assert_eq(tick_add(TICK_NEVER - 3, 2), TICK_NEVER - 1);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The clocks of the system. Everything else is handed the time.
 */
#include "loop/clock.h"

#include <time.h>

tick_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (tick_t)ts.tv_sec * TICK_SEC + (tick_t)ts.tv_nsec;
}

time_t clock_wall(void)
{
	return time(NULL);
}

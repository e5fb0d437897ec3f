/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_TICK_H
#define CTD_BASE_TICK_H

/*
 * Monotonic time as every module sees it: nanoseconds since an arbitrary
 * start, handed in by the caller. Only loop/clock.c reads a clock.
 */
#include <stdint.h>

typedef uint64_t tick_t;

#define TICK_NEVER UINT64_MAX /* "no deadline" */
#define TICK_USEC  ((tick_t)1000)
#define TICK_MSEC  ((tick_t)1000000)
#define TICK_SEC   ((tick_t)1000000000)

/* The earlier of two deadlines. */
static inline tick_t tick_min(tick_t a, tick_t b)
{
	return a < b ? a : b;
}

/* Time from "past" to "now", 0 if "past" lies ahead. */
static inline tick_t tick_since(tick_t now, tick_t past)
{
	return now > past ? now - past : 0;
}

/* now + d, saturating at TICK_NEVER. */
static inline tick_t tick_add(tick_t now, tick_t d)
{
	return d > TICK_NEVER - now ? TICK_NEVER : now + d;
}

#endif

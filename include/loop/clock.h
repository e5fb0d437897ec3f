/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_LOOP_CLOCK_H
#define CTD_LOOP_CLOCK_H

/* The only place where a clock is read. */
#include <time.h>
#include "base/tick.h"

/* Monotonic time; never goes back and does not follow clock corrections. */
tick_t clock_now(void);

/* Wall time, for display and file stamps only. */
time_t clock_wall(void);

#endif

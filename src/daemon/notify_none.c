// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of notify.c where there is no libsystemd. */
#include "notify.h"

bool notify_wanted(void)
{
	return false;
}

void notify_ready(pid_t main_pid)
{
	(void)main_pid;
}

void notify_status(const char *line)
{
	(void)line;
}

void notify_stopping(void)
{
}

void notify_watchdog(void)
{
}

tick_t notify_watchdog_period(void)
{
	return 0;
}

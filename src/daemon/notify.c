// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages to systemd. */
#include "notify.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

bool notify_wanted(void)
{
	const char *to = getenv("NOTIFY_SOCKET");

	return to && *to;
}

void notify_ready(pid_t main_pid)
{
	if (main_pid)
		sd_notifyf(0, "MAINPID=%ld\nREADY=1", (long)main_pid);
	else
		sd_notify(0, "READY=1");
}

void notify_status(const char *line)
{
	sd_notifyf(0, "STATUS=%s", line);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

tick_t notify_watchdog_period(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec * TICK_USEC : 0;
}

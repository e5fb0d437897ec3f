/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_NOTIFY_H
#define CTD_DAEMON_NOTIFY_H

/*
 * What a service manager is told (sd_notify(3)). Nothing is said where there is
 * none, and nothing fails.
 */
#include <stdbool.h>
#include <sys/types.h>
#include "base/tick.h"

/* Does anybody listen? */
bool notify_wanted(void);

/* The daemon serves. main_pid: of the daemon, if it is not the one who says so, else 0. */
void notify_ready(pid_t main_pid);

/* One line for "systemctl status". */
void notify_status(const char *line);

void notify_stopping(void);

/* Still alive. */
void notify_watchdog(void);

/* How often it wants to hear that of this process; 0: not at all. */
tick_t notify_watchdog_period(void);

#endif

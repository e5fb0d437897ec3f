/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_PROCESS_H
#define CTD_DAEMON_PROCESS_H

/* What a daemon does with its own process: lock file, background, scheduling. */
#include <stdbool.h>
#include <sys/types.h>
#include "base/log.h"
#include "config/config.h"

/*
 * Take the lock file: created if missing (mode 0600), locked while the process
 * lives, so that a file left behind by a crash does not hinder. Returns a
 * descriptor; -EWOULDBLOCK if a living process holds it, or another negated
 * errno. *left: the file was there, left by a crash or of a 1.4.x, which does not
 * lock it.
 */
int process_lock(const char *path, bool *left);

/* Give the lock back, and remove the file unless path is NULL. fd < 0: nothing. */
void process_unlock(const char *path, int fd);

/*
 * Go to the background. Returns twice: in the child, where *child is 0, with
 * *ready set to a descriptor for process_ready(); and in the parent once the child
 * serves or has failed, with the parent's exit status in *status. Negated errno if
 * there was no fork.
 */
int process_background(pid_t *child, int *status, int *ready);

/*
 * Child: tell the waiting parent that the daemon serves, and let go of the
 * terminal. ready < 0: nothing.
 */
void process_ready(int ready);

/* Set the scheduler as configured; a refusal is a warning, not an error. */
void process_schedule(const struct config_general *g, const struct log *log);

/* One line on the terminal in the form of the log: date, pid, level, text. */
void process_say(enum log_level level, const char *text);

#endif

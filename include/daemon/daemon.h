/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_DAEMON_H
#define CTD_DAEMON_DAEMON_H

/* The daemon as one call: builds everything, runs until told to end, tears it down. */
#include <stdbool.h>
#include <stddef.h>
#include "config/config.h"

/*
 * Run with this configuration (borrowed, checked with config_check_start()), which
 * is from the file at path.
 * background: the caller's process returns as soon as the daemon serves, or has
 * failed; the daemon itself goes on in a child. Returns the exit status.
 */
int daemon_main(const struct config *cfg, const char *path, bool background);

/* Can this filter of a listing be read? 0, or -EINVAL with a line in err. */
int daemon_check_filter(const char *expr, char *err, size_t cap);

#endif

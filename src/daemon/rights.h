/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_RIGHTS_H
#define CTD_DAEMON_RIGHTS_H

/* Who the daemon is once it serves, and what it may still do. */
#include <stdbool.h>
#include <sys/types.h>
#include "base/log.h"
#include "config/config.h"

struct account {
	uid_t uid;
	gid_t gid;
};

/* By name or number. 0, or -ENOENT. */
int rights_find_user(const char *name, struct account *a);
int rights_find_group(const char *name, gid_t *gid);

/*
 * Become the user (NULL: stay who we are) and give up all capabilities but those
 * the daemon needs; neither it nor what it might start can get any back. 0, or
 * a negated errno if the user cannot be taken; capabilities that cannot be
 * dropped are a warning.
 */
int rights_drop(const struct account *user, bool low_ports, const struct log *log);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_IFMON_H
#define CTD_TRANSPORT_IFMON_H

/* Tells when something about a network interface has changed: look at it again then. */
#include <stdbool.h>
#include "base/log.h"

struct ifmon;

/* Codes are negated errno values. */
int ifmon_open(struct ifmon **out);
void ifmon_close(struct ifmon *m);

/* To be watched for reading. */
int ifmon_fd(const struct ifmon *m);

/* Be told about this interface, whether it exists now or not. -ENOSPC: too many. */
int ifmon_add(struct ifmon *m, const char *name);

/*
 * Read what there is. True if an interface that was added came, went, was
 * renamed, or has another state or MTU, or if messages were lost.
 */
bool ifmon_read(struct ifmon *m);

#endif

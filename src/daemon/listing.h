/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_LISTING_H
#define CTD_DAEMON_LISTING_H

/*
 * Answers of any length: the entries of a cache, the elements of a resend queue.
 * They are made piece by piece while they are read, from a place that is kept.
 */
#include <sys/types.h>
#include "control/cmds.h"

struct daemon;
struct listing;

/*
 * Prepare what a request asks for; peer is its index, or PEER_ALL. 0, -ENOMEM,
 * -EINVAL for a filter that cannot be read, or why the kernel's table cannot be.
 */
int listing_new(const struct daemon *d, const struct control_request *rq, int peer,
		struct listing **out);
void listing_free(struct listing *l);

/* The next bytes, as control_handler.fill(): CTD_EBUSY if this slice had none. */
ssize_t listing_fill(struct daemon *d, struct listing *l, char *buf, size_t cap);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_CAPS_H
#define CTD_KERNEL_CAPS_H

/* What the kernel can do for us in this network namespace. */
#include <stdbool.h>
#include <stdint.h>

struct kernel_caps {
	bool flows;    /* the conntrack table answers */
	bool expects;  /* the expectation table answers */
	int flows_err; /* why not (negated errno); -EPERM: no CAP_NET_ADMIN */
	int expects_err;
	/*
	 * nf_conntrack_events: 0 no events at all, 1 always, 2 only for flows made
	 * while somebody on this machine listens. -1: cannot be read.
	 */
	int events;
	uint32_t count; /* flows in this namespace */
	uint32_t max;   /* most flows a namespace may hold; 0 if unknown */
};

/* Find out. 0, or negated errno if not even a socket could be had. */
int kernel_caps_read(struct kernel_caps *caps);

#endif

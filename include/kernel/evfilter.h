/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_EVFILTER_H
#define CTD_KERNEL_EVFILTER_H

/*
 * The filter of flow/filter.h as a program for the event socket: what does not pass
 * is never queued. It gives exactly the verdicts of filter_pass() without the TCP
 * states, which must not be looked at for deletions, or there is none.
 */
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include "flow/filter.h"

struct kernel_evfilter {
	enum filter_policy proto_policy, addr_policy;
	const bool *protos;            /* 256 */
	const struct filter_net *nets; /* host bits zero */
	size_t n_nets;
};

/*
 * Into a program of at most cap instructions. How many, or -E2BIG: it would be
 * too long.
 */
int evfilter_compile(const struct kernel_evfilter *f, struct sock_filter *out, size_t cap);

#endif

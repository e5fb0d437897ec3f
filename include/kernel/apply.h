/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_APPLY_H
#define CTD_KERNEL_APPLY_H

/*
 * Carrying out requests on the kernel's tables, a batch per system call. The
 * kernel executes them in order before the call returns, so a master and its
 * children can travel in one batch. Needs CAP_NET_ADMIN at each call.
 */
#include <stddef.h>
#include <stdint.h>
#include "flow/kernel_op.h"

struct kernel_applier_stats {
	uint64_t batches;
	uint64_t ops;
	uint64_t failed;      /* ops with an error, -ENOENT and -EEXIST included */
	uint64_t refused;     /* of these: not sent, no usable key */
	uint64_t labels_lost; /* updates done except for the labels: no room in that entry */
	uint64_t foreign;     /* answers not sent by the kernel, ignored */
};

struct kernel_applier;

/* NULL: *err says why (negated errno). */
struct kernel_applier *kernel_applier_new(int *err);
void kernel_applier_free(struct kernel_applier *a);

/*
 * The port id by which the events of our own requests can be told from those
 * of traffic (struct kernel_event, portid).
 */
uint32_t kernel_applier_portid(const struct kernel_applier *a);

/*
 * Execute n <= KOP_BATCH operations and set err of each: 0 or negated errno as
 * the kernel gave it. A KOP_GET that succeeds has the kernel's entry in "flow".
 * Some meanings: -EEXIST either tuple is taken; -ENOENT no such flow, or the
 * master is missing; -EINVAL not a usable key, or refused by the kernel;
 * -EOPNOTSUPP unknown helper; -EPERM on KOP_UPDATE the entry's timeout is
 * fixed (deletion and creation help); -EBUSY status bits that cannot change so.
 *
 * 0, or a negated errno when the socket failed or answers were lost
 * (-ENOBUFS); ops without a known outcome then carry that error too.
 */
int kernel_apply(struct kernel_applier *a, struct kernel_op *ops, size_t n);

void kernel_applier_get_stats(const struct kernel_applier *a, struct kernel_applier_stats *st);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_DUMP_H
#define CTD_KERNEL_DUMP_H

/*
 * Reading a whole table, entry by entry, on a socket of its own so that
 * events and requests go on meanwhile. No snapshot: entries that come or go
 * during the dump may or may not show; one that stays is shown at least once.
 */
#include <stdint.h>
#include "kernel/event.h"

enum kernel_table { KTABLE_FLOWS, KTABLE_EXPECTS };

struct kernel_dump_stats {
	uint64_t entries; /* handed out */
	uint64_t bad;     /* malformed entries, skipped */
	uint64_t foreign; /* messages not sent by the kernel, skipped */
};

struct kernel_dump;

/* Ask for the table. NULL: *err says why (negated errno). */
struct kernel_dump *kernel_dump_new(enum kernel_table table, int *err);
void kernel_dump_free(struct kernel_dump *d);

int kernel_dump_fd(const struct kernel_dump *d);

/*
 * Next entry. 1: *out filled (kind KEV_UPDATE); 0: that was all, and stays so.
 * -EAGAIN: nothing there yet, watch the descriptor. Other negated errno: the
 * dump failed. Reads at most one chunk of 32 KiB (about 130 entries) from the
 * kernel per call, so the caller decides how much work is done at a time.
 */
int kernel_dump_next(struct kernel_dump *d, struct kernel_event *out);

void kernel_dump_get_stats(const struct kernel_dump *d, struct kernel_dump_stats *st);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_EVENTS_H
#define CTD_KERNEL_EVENTS_H

/*
 * Conntrack and expectation events of this network namespace. Needs
 * CAP_NET_ADMIN. The caller watches the descriptor and pulls.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "kernel/event.h"
#include "kernel/evfilter.h"

struct kernel_events_params {
	/*
	 * Receive buffer in bytes as the kernel reports it (twice the value that
	 * is set). Used only if not larger than max_growth; 0 or refused: the
	 * system's default. One queued event takes about 1280 bytes of it.
	 */
	uint32_t buffer;
	/* The buffer is doubled at each overrun up to this. 0: never. */
	uint32_t max_growth;
	bool expects; /* expectation events too */
	/*
	 * The kernel keeps and repeats deletions that did not fit, and reports
	 * no overrun (nf_conntrack then delays, it does not lose).
	 */
	bool reliable;
};

struct kernel_events_stats {
	uint64_t received; /* handed out */
	uint64_t unknown;  /* neither flow nor expectation message */
	uint64_t bad;      /* malformed, cut short, or without a key */
	uint64_t foreign;  /* not sent by the kernel */
	uint64_t overruns; /* times the kernel said that it dropped events */
	uint64_t dropped;  /* messages the socket dropped, as far as the kernel counts them */
	uint32_t buffer;   /* bytes, as the kernel reports it */
};

struct kernel_events;

/*
 * Subscribe. log (may be NULL, borrowed) gets a notice of the size of the buffer,
 * now and whenever it changes, and when the wanted one is not used. NULL: *err says why (negated errno).
 */
struct kernel_events *kernel_events_new(const struct kernel_events_params *p, const struct log *log,
					int *err);
void kernel_events_free(struct kernel_events *ev);

/* Other sizes and the other kind of delivery from now on. Negated errno if the last is refused. */
int kernel_events_change(struct kernel_events *ev, const struct kernel_events_params *p,
			 const struct log *log);

/*
 * From now on queue only what passes; NULL: everything. What is queued already
 * stays. Where there is no exact program for it, or the kernel does not take it,
 * everything is queued: negated errno.
 */
int kernel_events_filter(struct kernel_events *ev, const struct kernel_evfilter *f);

/* Watch for readability; also carries the error condition of an overrun. */
int kernel_events_fd(const struct kernel_events *ev);

/*
 * 1: *out filled. 0: nothing more now. -ENOBUFS: events were lost; what was
 * queued before the loss has been handed out, the buffer was grown if allowed
 * and the queue is empty, so from now on events arrive again and whoever reads
 * the table now misses nothing. Other negated errno: the socket failed.
 */
int kernel_events_next(struct kernel_events *ev, struct kernel_event *out);

/*
 * An overrun was seen and the queue is not yet empty: until it is, the kernel
 * drops every further event, so keep calling kernel_events_next().
 */
bool kernel_events_draining(const struct kernel_events *ev);

void kernel_events_get_stats(const struct kernel_events *ev, struct kernel_events_stats *st);

#endif

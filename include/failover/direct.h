/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FAILOVER_DIRECT_H
#define CTD_FAILOVER_DIRECT_H

/*
 * Received states straight into the kernel (DisableExternalCache). The peer's
 * cache stays, but only as the index of what was written: each entry that
 * changes is queued, at most once, and written in its last state; see commit.h
 * for how. What the index is good for:
 *
 *   - Copies of flows without events (a steady stream of UDP) would time out
 *     here while their owner holds them: they are written again at half of their
 *     lifetime as long as the owner speaks and has confirmed them (generation).
 *   - A flow that ended there is removed here only if it is the one we wrote and
 *     no packets of this node kept it alive since: after a takeover the old
 *     owner's entry times out, and ours must not follow it.
 *   - An entry that is a mere copy can be told from one that is used here too.
 *   - A child or an expectation whose master is not here yet is tried again.
 */
#include "cache/cache.h"
#include "failover/commit.h"
#include "flow/kernel_op.h"

#define DIRECT_SLOTS 2 /* words that the caches must have for us */

struct direct_params {
	struct cache *flows, *expects; /* borrowed; of DIRECT_SLOTS slots */
	bool window_tracking;          /* TCPWindowTracking on */
};

struct direct_stats {
	uint64_t created[2], create_failed[2]; /* flows, expectations */
	uint64_t updated[2], update_failed[2];
	uint64_t removed[2], remove_failed[2];
	uint64_t refreshed; /* of those updated: for their lifetime alone */
	uint64_t kept;      /* not removed, they live here */
};

/* What became of one operation, for the caller to act upon. */
struct direct_outcome {
	bool failed; /* "failure" is worth a log line */
	bool lives;  /* the owner ended it, it lives here as "failure.holder" */
	struct commit_failure failure;
};

struct direct;

struct direct *direct_new(const struct direct_params *p); /* NULL: out of memory */
void direct_free(struct direct *d);

/* TCPWindowTracking from now on. */
void direct_set_window_tracking(struct direct *d, bool on);

/* An entry was added or changed. copy: the kernel has it from us, of an earlier life. */
void direct_put(struct direct *d, bool expect, cache_ref ref, bool copy);

/* As direct_put(); what the kernel has is of an earlier life, which an update cannot change. */
void direct_put_other(struct direct *d, cache_ref flow);

/* It ended: out of the kernel, then out of the cache. False: that was known. */
bool direct_end(struct direct *d, bool expect, cache_ref ref);
bool direct_ended(const struct direct *d, bool expect, cache_ref ref);

/* Out of the cache; what is in the kernel stays and ages. */
void direct_forget(struct direct *d, bool expect, cache_ref ref);
/* The caller has cleared the cache. */
void direct_cleared(struct direct *d, bool expect);

/* Is the kernel's flow a mere copy that we made for its owner? */
bool direct_is_copy(const struct direct *d, cache_ref flow);
/* It is not any more: packets of this node use it, or it is gone. */
void direct_disown(struct direct *d, cache_ref flow);

/* As commit_next(), commit_result(). zones: of the flows, for the masters of expectations. */
size_t direct_next(struct direct *d, tick_t now, const struct zone_set *zones,
		   struct kernel_op *ops, size_t cap);
void direct_result(struct direct *d, tick_t now, const struct kernel_op *op,
		   struct direct_outcome *out);

/* When direct_tick() is due; 0: direct_next() has something to do. */
tick_t direct_deadline(const struct direct *d);

/*
 * One slice of looking for copies about to time out. gen: what the flag byte of
 * confirmed entries says; present: the owner was heard lately.
 */
void direct_tick(struct direct *d, tick_t now, uint8_t gen, bool present);

void direct_get_stats(const struct direct *d, struct direct_stats *st);

#endif

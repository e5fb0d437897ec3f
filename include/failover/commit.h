/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FAILOVER_COMMIT_H
#define CTD_FAILOVER_COMMIT_H

/*
 * Injection plan: walks one peer's external caches in slices and yields kernel
 * operations in an order the kernel accepts: flows without a master, flows with
 * a master, expectations. Looks at each result and decides on a second try.
 *
 *   CREATE ok                          -> committed
 *   CREATE EEXIST                      -> GET by our original tuple, then by our reply tuple;
 *       same flow (both tuples equal)  -> UPDATE (never destroys it, see below)
 *       another that holds our place and has seen no reply yet
 *                                      -> DELETE, CREATE: our translation is the one both ends know
 *       another that has               -> left alone: counted as "skipped" if it is of the same
 *                                         original tuple, else as "clash", both reported
 *       gone                           -> CREATE once more
 *   CREATE EOPNOTSUPP with helper      -> CREATE without helper
 *   CREATE ENOENT with master          -> CREATE without master
 *   UPDATE ENOENT, ETIME (just ended)  -> CREATE once more
 *   expectation EEXIST                 -> EXP_GET
 *       of the same master, or one that ends before ours
 *                                      -> EXP_DELETE, EXP_CREATE
 *       of another, and younger        -> failed
 *   expectation created                -> EXP_UPDATE, which gives it its lifetime
 *   anything else                      -> failed, by reason
 *
 * What is injected is the flow as cached, with these exceptions:
 *   - timeout: commit_lifetime();
 *   - TCP: be liberal in both directions, and a state that survives both a
 *     handshake not yet finished and one that was finished unheard of;
 *   - GRE: the fixed-timeout bit, without which the first packet ends it, and, if it is in
 *     use, at least an hour, because no packet prolongs it then;
 *   - an UPDATE has no master and no helper the kernel's flow does not have, keeps its
 *     EXPECTED, SEEN_REPLY and ASSURED bits, and keeps its state, timeout and sequence
 *     adjustment where these are ahead of ours. Mark and labels become ours, also if
 *     that means none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/tick.h"
#include "cache/cache.h"
#include "cache/masters.h"
#include "flow/kernel_op.h"

struct commit_params {
	const struct cache *flows;    /* NULL: leave flows out */
	const struct cache *expects;  /* NULL: leave expectations out */
	const struct cache *masters;  /* where the masters of expectations are; NULL: nowhere */
	const struct zone_set *zones; /* the zones of "masters" */
	uint32_t timeout;             /* CommitTimeout, seconds; 0 = remaining lifetime */
	bool window_tracking;         /* TCPWindowTracking on */
	tick_t owner_heard;           /* when the owner was last heard */
};

/* Why the kernel refused an entry. */
enum commit_reason {
	COMMIT_FULL,      /* table or memory: ENOMEM, ENOSPC, EMFILE */
	COMMIT_NO_MASTER, /* the flow it belongs to is not there: ENOENT */
	COMMIT_UNKNOWN,   /* helper, protocol or NAT this kernel has not: EOPNOTSUPP */
	COMMIT_INVALID,   /* the kernel does not take such values: EINVAL, ERANGE */
	COMMIT_BUSY,      /* contradicts what is there: EEXIST, EBUSY */
	COMMIT_PERM,      /* not allowed: EPERM */
	COMMIT_OTHER,
	COMMIT_REASONS
};

/* Every entry ends in exactly one of new, updated, skipped, clash, expired, failed. */
struct commit_stats {
	uint64_t flows_new;     /* created */
	uint64_t flows_updated; /* existed, refreshed */
	uint64_t flows_skipped; /* older: the connection has a new, living flow here */
	uint64_t flows_clash;   /* a living flow of another connection has its place */
	uint64_t flows_expired; /* lifetime over, not injected */
	uint64_t flows_failed;
	uint64_t flows_failed_by[COMMIT_REASONS];
	uint64_t flows_no_helper;  /* of those injected: without their helper */
	uint64_t flows_no_master;  /* without their master */
	uint64_t flows_no_timeout; /* with a guessed lifetime, none was told */
	uint64_t expects_new, expects_failed;
	uint64_t expects_failed_by[COMMIT_REASONS];
	uint64_t expects_expired; /* lifetime over, not injected */
};

/* A failure worth a log line. */
struct commit_failure {
	int err;
	bool is_expect;
	bool clash;         /* a living flow has the place, err is -EEXIST */
	struct flow holder; /* that flow */
	union {
		struct flow flow;
		struct expect expect;
	};
};

/* Most places of a cache that one commit_next() looks at. */
#define COMMIT_SLICE 4096

struct commit;

/* The caches are borrowed until commit_free(). NULL: out of memory. */
struct commit *commit_new(const struct commit_params *p, tick_t now);
void commit_free(struct commit *c);

/*
 * Fill 1 .. cap (<= KOP_BATCH) operations, to be carried out in this order. All
 * results of the previous batch must have been handed to commit_result()
 * (asserted). 0 with commit_finished() false: the slice's budget of places is
 * used up, call again.
 */
size_t commit_next(struct commit *c, tick_t now, struct kernel_op *ops, size_t cap);

/* One executed operation, in any order. True: *f describes a failure to be logged. */
bool commit_result(struct commit *c, tick_t now, const struct kernel_op *op,
		   struct commit_failure *f);

bool commit_finished(const struct commit *c);
void commit_get_stats(const struct commit *c, struct commit_stats *st);

/* Add up the counters of several commits. */
void commit_stats_add(struct commit_stats *sum, const struct commit_stats *more);

/* A word or two for it ("table full"). */
const char *commit_reason_text(enum commit_reason reason);

/*
 * Lifetime to inject, in seconds: fixed if not 0; else what is left of the
 * received timeout. When nothing is left, but the owner was heard after it ran
 * out and did not say the flow ended, the flow lives without events: 60. 0 means
 * expired, do not inject. A flow without timeout gets 60.
 */
uint32_t commit_lifetime(const struct commit_params *p, tick_t now, bool has_timeout,
			 uint32_t timeout, tick_t updated);

#endif

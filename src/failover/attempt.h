/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FAILOVER_ATTEMPT_H
#define CTD_FAILOVER_ATTEMPT_H

/*
 * Entries on their way into the kernel, or out of it: a fixed set of attempts,
 * each with an entry, the operation it stands at, and what was learned so far.
 * Who feeds them is another matter: a walk over a cache (commit.c), or what a
 * peer has just said (direct.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "failover/commit.h"
#include "flow/kernel_op.h"

enum attempt_stage {
	STAGE_CREATE,
	STAGE_FIND_ORIG,
	STAGE_FIND_REPLY,
	STAGE_UPDATE,
	STAGE_REPLACE,
	STAGE_LIFETIME,
	STAGE_LOOK,
	STAGE_REMOVE,
};

/* How an attempt ended. */
enum attempt_end {
	ATTEMPT_OPEN, /* not yet: another operation follows */
	ATTEMPT_CREATED,
	ATTEMPT_UPDATED,
	ATTEMPT_YIELDED, /* "holder", a living flow, has the place */
	ATTEMPT_FAILED,  /* "err" says why */
	ATTEMPT_REMOVED, /* or it was gone already */
	ATTEMPT_LIVES,   /* not removed: packets keep it alive here, see "holder" */
};

struct attempt {
	bool used;
	bool is_expect;
	bool looked_orig;  /* it is known who held our original tuple */
	bool looked_reply; /* and our reply tuple */
	bool no_helper, no_master, no_timeout;
	bool patient; /* with its master missing it fails: there will be another try */
	bool renew;   /* a fixed lifetime that is to be changed: replace the entry */
	enum attempt_stage stage;
	int err;
	uint32_t tag;       /* the asker's own */
	uint32_t expected;  /* seconds left of what we wrote, or are about to write */
	struct flow holder; /* the kernel's flow, once one was found */
	union {
		struct flow flow;
		struct expect expect;
	};
};

struct attempts {
	bool window_tracking; /* TCPWindowTracking on */
	bool fixed_lifetime;  /* CommitTimeout: the operator's choice */
	uint32_t unjudged;    /* operations handed out, result not yet in */
	uint32_t nused;
	struct attempt items[KOP_BATCH];
};

/* A blank one, at STAGE_CREATE; nused < KOP_BATCH (asserted). */
struct attempt *attempt_take(struct attempts *as);
void attempt_drop(struct attempts *as, struct attempt *it);

/* The operation it stands at, into room >= 1 places; how many were written. */
size_t attempt_emit(const struct attempts *as, struct attempt *it, struct kernel_op *ops,
		    size_t room);

/* The next operation of each that is open; those that do not fit wait for the next batch. */
size_t attempts_retry(struct attempts *as, struct kernel_op *ops, size_t cap);

/*
 * An executed operation. *it is what it belongs to; unless the attempt is open
 * still, the caller notes what became of it and drops it.
 */
enum attempt_end attempts_judge(struct attempts *as, const struct kernel_op *op,
				struct attempt **it);

/*
 * A peer cannot say in which zone an expectation is, and the kernel must be told:
 * that of its master. If the same tuples are in several zones, the one with a helper.
 * masters NULL: nothing is known.
 */
void attempt_locate(struct expect *x, const struct cache *masters, const struct zone_set *zones);

/* One that failed or yielded, for the log. */
void attempt_failure(const struct attempt *it, struct commit_failure *f);

#endif

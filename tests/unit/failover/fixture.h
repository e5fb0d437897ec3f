/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_FAILOVER_FIXTURE_H
#define CTD_TESTS_FAILOVER_FIXTURE_H

/* Two caches, a modelled table, and a commit from the ones into the other. */
#include "failover/commit.h"
#include "table_model.h"

#define NOW (1000 * TICK_SEC)

struct fixture {
	struct table table;
	struct cache *flows, *expects;
	struct commit_params params; /* of the next run, owner just heard */
	struct commit_stats st;      /* of the last run */
	struct commit_failure failures[64];
	uint32_t nfailures;
};

/* Criterion runs each test in a process of its own. */
extern struct fixture fx;

void fixture_setup(void);
void fixture_teardown(void);

/* A TCP flow as a peer would have announced it: established, 5000 s left. */
void tcp(uint32_t n, struct flow *f);

/* The same with source translation, in the form of the wire. */
void tcp_nat(uint32_t n, struct flow *f);

/* Give it a helper; make flow n its master. */
void helper(struct flow *f, const char *name);
void master(struct flow *f, uint32_t n);

/* An expectation of master flow n, 300 s left. */
void expectation(uint32_t n, struct expect *e);

/* Put into the caches. */
cache_ref keep(const struct flow *f);
void keep_expect(const struct expect *e);

/* A whole commit in batches of at most cap. */
void run(tick_t now, size_t cap);

/* What the table has under the original tuple of a flow. */
struct flow *in_kernel(const struct flow *f);

/* Same reply tuple? */
bool translated_alike(const struct flow *a, const struct flow *b);

#endif

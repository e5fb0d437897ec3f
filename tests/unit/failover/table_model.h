/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_TABLE_MODEL_H
#define CTD_TESTS_TABLE_MODEL_H

/*
 * What the kernel's connection table does with the operations of a commit:
 * both directions of a flow are unique, masters and helpers must exist, an
 * update may not take back certain status bits (nf_conntrack_netlink.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/kernel_op.h"

#define TABLE_FLOWS   20000
#define TABLE_EXPECTS 200
#define TABLE_HEADS   8192

/* Lifetime of every new expectation, whatever was asked for. */
#define TABLE_HELPER_TIMEOUT 777

struct table_flow {
	bool present;
	struct flow flow; /* with reply tuple, status, timeout, id */
	uint32_t next[2]; /* chains of the two directions, index + 1 */
};

struct table {
	struct table_flow flows[TABLE_FLOWS];
	uint32_t nflows; /* places used, ended ones included */
	uint32_t heads[TABLE_HEADS];
	struct expect expects[TABLE_EXPECTS];
	uint32_t nexpects;
	uint32_t ids;
	uint32_t ops[KOP_EXP_GET + 1];
	/* Called before an operation is carried out, may change the table. */
	void (*before)(struct table *t, const struct kernel_op *op);
	int fail_creates; /* errno for every creation, 0 = none */
	bool no_labels;
};

/* Carry out one operation, fill its result. Only the helper "ftp" exists. */
void table_apply(struct table *t, struct kernel_op *op);

/*
 * A batch in order. A removal must have the creation it makes room for right
 * behind it, in the same batch if that can hold two.
 */
void table_apply_batch(struct table *t, struct kernel_op *ops, size_t n, size_t cap);

/* Put a flow in as traffic would; the reply tuple as flow_reply() says. */
struct flow *table_put(struct table *t, const struct flow *f);

/* A flow by either of its tuples, NULL if there is none. */
struct flow *table_find(struct table *t, const struct tuple *tuple, uint16_t zone);

/* Remove the flow with this id, if there is one. */
bool table_remove(struct table *t, uint32_t id);

/* Flows in the table. */
uint32_t table_count(const struct table *t);

#endif

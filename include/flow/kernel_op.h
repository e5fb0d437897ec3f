/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_KERNEL_OP_H
#define CTD_FLOW_KERNEL_OP_H

/*
 * One request to the kernel's tables as a plain value: made by the core, carried
 * out by kernel/apply.c or by the simulator's model of a kernel.
 */
#include <stdbool.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

enum kernel_op_kind {
	KOP_CREATE,     /* exclusive; -EEXIST if either tuple is taken */
	KOP_UPDATE,     /* existing flow found by original tuple and zone */
	KOP_DELETE,     /* by original tuple and zone, and id if known */
	KOP_GET,        /* result in "flow" */
	KOP_EXP_CREATE, /* exclusive; the kernel takes its helper's lifetime, not ours */
	KOP_EXP_DELETE,
	KOP_EXP_UPDATE, /* lifetime of an existing one, found by its tuple */
	KOP_EXP_GET,    /* what matches its tuple, in "expect" */
};

/* Most operations in one batch (kernel: the gain ends at 32 to 64). */
#define KOP_BATCH 64

struct kernel_op {
	enum kernel_op_kind kind;
	int err;           /* result: 0 or negated errno */
	bool liberal;      /* TCP: set the "be liberal" flag in both directions */
	bool window_scale; /* TCP: inject the window scales if known */
	uint64_t cookie;   /* the asker's own, returned untouched */
	union {
		struct flow flow;
		struct expect expect;
	};
};

#endif

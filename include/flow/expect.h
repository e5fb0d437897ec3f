/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_EXPECT_H
#define CTD_FLOW_EXPECT_H

/* An expectation (a connection announced by a helper) as a plain value. */
#include <stdbool.h>
#include <stdint.h>
#include "flow/flow.h"
#include "flow/tuple.h"

#define EXPECT_HAS_MASTER       (1u << 0) /* family, addresses, protocol */
#define EXPECT_HAS_TUPLE        (1u << 1)
#define EXPECT_HAS_MASK         (1u << 2)
#define EXPECT_HAS_TIMEOUT      (1u << 3)
#define EXPECT_HAS_FLAGS        (1u << 4)
#define EXPECT_HAS_CLASS        (1u << 5)
#define EXPECT_HAS_NAT          (1u << 6)
#define EXPECT_HAS_NAT_DIR      (1u << 7)
#define EXPECT_HAS_HELPER       (1u << 8)
#define EXPECT_HAS_FN           (1u << 9)
#define EXPECT_HAS_ZONE         (1u << 10) /* of the master, local knowledge */
#define EXPECT_HAS_ID           (1u << 11)
#define EXPECT_HAS_MASTER_PORTS (1u << 12)
#define EXPECT_HAS_PORTS        (1u << 13)
#define EXPECT_HAS_MASK_PORTS   (1u << 14)
#define EXPECT_HAS_NAT_PORTS    (1u << 15)
#define EXPECT_HAS_NAT_ADDR     (1u << 16)
#define EXPECT_HAS_NAT_PROTO    (1u << 17)

/* Kernel expectation flags (uapi nf_conntrack_common.h). */
#define EXPF_PERMANENT 1u
#define EXPF_INACTIVE  2u
#define EXPF_USERSPACE 4u

#define EXPECT_FN_MAX 28 /* with the NUL */

struct expect {
	uint32_t has;
	uint32_t timeout; /* seconds left when learned */
	uint32_t flags;   /* EXPF_* */
	uint32_t class_;  /* helper's class number */
	uint32_t nat_dir; /* 0 original, 1 reply */
	uint32_t id;
	uint16_t zone;       /* 0 unless known */
	struct tuple master; /* original tuple of the master */
	struct tuple tuple;  /* what is expected */
	struct tuple mask;   /* which of its bits count */
	struct tuple nat;    /* saved address and port in the source half */
	char helper[FLOW_HELPER_MAX];
	char fn[EXPECT_FN_MAX];
};

void expect_init(struct expect *e);

/* Master, expected and mask tuples present, with ports where the protocol has them? */
bool expect_has_key(const struct expect *e);

/* 0 is the zone of whoever has none. */
void expect_set_zone(struct expect *e, uint16_t zone);

/* Same master, expected tuple and mask, flags, class and zone: the same expectation. */
bool expect_same(const struct expect *a, const struct expect *b);

/* Equal in every part, "has" included. */
bool expect_equal(const struct expect *a, const struct expect *b);

#endif

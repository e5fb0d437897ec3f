// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The expectation as a value. Its identity is wide (three tuples, flags and
 * class, doc/protocol.md, expectations) because one master can announce several
 * connections that differ in any of these.
 */
#include <string.h>
#include "flow/expect.h"

void expect_init(struct expect *e)
{
	memset(e, 0, sizeof(*e));
}

void expect_set_zone(struct expect *e, uint16_t zone)
{
	e->zone = zone;
	e->has = zone ? e->has | EXPECT_HAS_ZONE : e->has & ~EXPECT_HAS_ZONE;
}

/* Protocols whose ports travel with an expectation (doc/protocol.md). */
static bool needs_ports(uint8_t proto)
{
	return proto_has_ports(proto) && proto != IPP_UDPLITE;
}

bool expect_has_key(const struct expect *e)
{
	const uint32_t tuples = EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK;
	uint32_t need = tuples;

	if (needs_ports(e->master.proto))
		need |= EXPECT_HAS_MASTER_PORTS;
	if (needs_ports(e->tuple.proto))
		need |= EXPECT_HAS_PORTS | EXPECT_HAS_MASK_PORTS;
	return (e->has & need) == need && addr_len(e->master.family) && addr_len(e->tuple.family) &&
	       e->mask.family == e->tuple.family && e->master.proto && e->tuple.proto;
}

bool expect_same(const struct expect *a, const struct expect *b)
{
	return tuple_equal(&a->tuple, &b->tuple) && tuple_equal(&a->master, &b->master) &&
	       tuple_equal(&a->mask, &b->mask) && a->flags == b->flags && a->class_ == b->class_ &&
	       a->zone == b->zone;
}

bool expect_equal(const struct expect *a, const struct expect *b)
{
	uint32_t has = a->has;

	if (a->has != b->has || !expect_same(a, b))
		return false;
	return (!(has & EXPECT_HAS_TIMEOUT) || a->timeout == b->timeout) &&
	       (!(has & EXPECT_HAS_NAT) || tuple_equal(&a->nat, &b->nat)) &&
	       (!(has & EXPECT_HAS_NAT_DIR) || a->nat_dir == b->nat_dir) &&
	       (!(has & EXPECT_HAS_ID) || a->id == b->id) &&
	       (!(has & EXPECT_HAS_HELPER) || !strncmp(a->helper, b->helper, sizeof(a->helper))) &&
	       (!(has & EXPECT_HAS_FN) || !strncmp(a->fn, b->fn, sizeof(a->fn)));
}

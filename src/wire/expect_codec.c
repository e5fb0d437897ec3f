// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Expectations on the wire: the attribute table of message types 3 to 5
 * (doc/protocol.md, expectation messages). Numbers are a space of their own.
 * Whether ports are sent depends on the protocol of the master in all four
 * tuples, and number 17 goes before number 16.
 */
#include <assert.h>
#include <string.h>
#include "attr.h"
#include "base/err.h"

#define AT(member) ((uint16_t)offsetof(struct expect, member))

/*
 * As in flow_codec.c. The NAT part has its address and port in the source
 * half. With the extras the zone is always said, so that it is known who does not.
 */
#define EXPECT_ATTRS(X)                                                                            \
	X(0, 8, 8, AT(master), EXPECT_HAS_MASTER | FACT_MASTER4, 0, attr_get_pair4,                \
	  attr_put_pair4)                                                                          \
	X(1, 32, 32, AT(master), EXPECT_HAS_MASTER | FACT_MASTER6, 0, attr_get_pair6,              \
	  attr_put_pair6)                                                                          \
	X(2, 1, 1, AT(master), EXPECT_HAS_MASTER, 0, attr_get_proto, attr_put_proto)               \
	X(3, 4, 4, AT(master), EXPECT_HAS_MASTER_PORTS | FACT_PORTS, 0, attr_get_ports,            \
	  attr_put_ports)                                                                          \
	X(4, 8, 8, AT(tuple), EXPECT_HAS_TUPLE | FACT_IP4, 0, attr_get_pair4, attr_put_pair4)      \
	X(5, 32, 32, AT(tuple), EXPECT_HAS_TUPLE | FACT_IP6, 0, attr_get_pair6, attr_put_pair6)    \
	X(6, 1, 1, AT(tuple), EXPECT_HAS_TUPLE, 0, attr_get_proto, attr_put_proto)                 \
	X(7, 4, 4, AT(tuple), EXPECT_HAS_PORTS | FACT_PORTS, 0, attr_get_ports, attr_put_ports)    \
	X(8, 8, 8, AT(mask), EXPECT_HAS_MASK | FACT_MASK4, 0, attr_get_pair4, attr_put_pair4)      \
	X(9, 32, 32, AT(mask), EXPECT_HAS_MASK | FACT_MASK6, 0, attr_get_pair6, attr_put_pair6)    \
	X(10, 1, 1, AT(mask), EXPECT_HAS_MASK, 0, attr_get_proto, attr_put_proto)                  \
	X(11, 4, 4, AT(mask), EXPECT_HAS_MASK_PORTS | FACT_PORTS, 0, attr_get_ports,               \
	  attr_put_ports)                                                                          \
	X(12, 4, 4, AT(timeout), EXPECT_HAS_TIMEOUT, 0, attr_get32, attr_put32)                    \
	X(13, 4, 4, AT(flags), EXPECT_HAS_FLAGS, 0, attr_get32, attr_put32)                        \
	X(14, 4, 4, AT(class_), EXPECT_HAS_CLASS, 0, attr_get32, attr_put32)                       \
	X(15, 8, 8, AT(nat), EXPECT_HAS_NAT_ADDR | FACT_NAT4, 0, attr_get_pair4, attr_put_pair4)   \
	X(17, 1, 1, AT(nat), EXPECT_HAS_NAT_PROTO, 0, attr_get_proto, attr_put_proto)              \
	X(16, 4, 4, AT(nat), EXPECT_HAS_NAT_PORTS | FACT_PORTS, 0, attr_get_ports, attr_put_ports) \
	X(18, 4, 4, AT(nat_dir), EXPECT_HAS_NAT_DIR, 0, attr_get32, attr_put32)                    \
	X(19, 0, WIRE_HELPER_SIZE, AT(helper), EXPECT_HAS_HELPER, 0, attr_get_text, attr_put_text) \
	X(20, 0, EXPECT_FN_MAX, AT(fn), EXPECT_HAS_FN, 0, attr_get_text, attr_put_text)            \
	X(48, 32, 32, AT(nat), EXPECT_HAS_NAT_ADDR | FACT_NAT6 | FACT_EXTRAS, 0, attr_get_pair6,   \
	  attr_put_pair6)                                                                          \
	X(49, 2, 2, AT(zone), FACT_EXTRAS, 0, attr_get16, attr_put16)

#define ROW(id, min, max, at, need, voids, get, put) { id, min, max, at, need, voids, get, put },
#define PLACE(id, ...)                               ROW_##id,
#define INDEX(id, ...)                               [id] = ROW_##id + 1,

enum { EXPECT_ATTRS(PLACE) NROWS };

static const struct attr rows[] = { EXPECT_ATTRS(ROW) };
static const uint8_t row_of[] = { EXPECT_ATTRS(INDEX) };
static const struct attr_table expect_table = { rows, row_of, NROWS, sizeof(row_of) };

/* ---- receiving ---- */

static const struct attr_part expect_parts[] = {
	{ EXPECT_HAS_MASTER, SEEN(0) | SEEN(2), 0 },
	{ EXPECT_HAS_MASTER, SEEN(1) | SEEN(2), 0 },
	{ EXPECT_HAS_MASTER_PORTS, SEEN(0) | SEEN(2) | SEEN(3), FACT_PORTS },
	{ EXPECT_HAS_MASTER_PORTS, SEEN(1) | SEEN(2) | SEEN(3), FACT_PORTS },
	{ EXPECT_HAS_TUPLE, SEEN(4) | SEEN(6), 0 },
	{ EXPECT_HAS_TUPLE, SEEN(5) | SEEN(6), 0 },
	{ EXPECT_HAS_PORTS, SEEN(4) | SEEN(6) | SEEN(7), 0 },
	{ EXPECT_HAS_PORTS, SEEN(5) | SEEN(6) | SEEN(7), 0 },
	{ EXPECT_HAS_MASK, SEEN(8) | SEEN(10), 0 },
	{ EXPECT_HAS_MASK, SEEN(9) | SEEN(10), 0 },
	{ EXPECT_HAS_MASK_PORTS, SEEN(8) | SEEN(10) | SEEN(11), 0 },
	{ EXPECT_HAS_MASK_PORTS, SEEN(9) | SEEN(10) | SEEN(11), 0 },
	{ EXPECT_HAS_TIMEOUT, SEEN(12), 0 },
	{ EXPECT_HAS_FLAGS, SEEN(13), 0 },
	{ EXPECT_HAS_CLASS, SEEN(14), 0 },
	{ EXPECT_HAS_NAT | EXPECT_HAS_NAT_ADDR, SEEN(15), 0 },
	{ EXPECT_HAS_NAT | EXPECT_HAS_NAT_PORTS, SEEN(16), 0 },
	{ EXPECT_HAS_NAT | EXPECT_HAS_NAT_PROTO, SEEN(17), 0 },
	{ EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR, SEEN(18), 0 },
	{ EXPECT_HAS_HELPER, SEEN(19), 0 },
	{ EXPECT_HAS_FN, SEEN(20), 0 },
	{ EXPECT_HAS_NAT | EXPECT_HAS_NAT_ADDR, SEEN(48), 0 },
	{ EXPECT_HAS_ZONE, SEEN(49), 0 },
};

static uint64_t expect_facts(const struct expect *e)
{
	return attr_family_facts(e->master.family, FACT_MASTER4, FACT_MASTER6) |
	       attr_family_facts(e->tuple.family, FACT_IP4, FACT_IP6) |
	       attr_family_facts(e->mask.family, FACT_MASK4, FACT_MASK6) |
	       attr_family_facts(e->nat.family, FACT_NAT4, FACT_NAT6) |
	       (attr_proto_facts(e->master.proto) & FACT_PORTS);
}

static void clear_tuple(struct tuple *t, bool known, bool ports)
{
	if (!known) {
		memset(t, 0, sizeof(*t));
	} else if (!ports) {
		t->sport = 0;
		t->dport = 0;
	}
}

/* Attributes that came without their company leave no trace. */
static void clear_unknown(struct expect *e)
{
	uint32_t has = e->has;

	clear_tuple(&e->master, has & EXPECT_HAS_MASTER, has & EXPECT_HAS_MASTER_PORTS);
	clear_tuple(&e->tuple, has & EXPECT_HAS_TUPLE, has & EXPECT_HAS_PORTS);
	clear_tuple(&e->mask, has & EXPECT_HAS_MASK, has & EXPECT_HAS_MASK_PORTS);
}

static int decode(const struct wire_params *p, const uint8_t *body, size_t len, struct expect *e)
{
	struct attr_in in = { .obj = e, .swapped_be = p->swapped_be };
	int rc;

	expect_init(e);
	rc = attr_walk(&expect_table, &in, body, len);
	if (rc)
		return rc;
	e->has = attr_parts(expect_parts, sizeof(expect_parts) / sizeof(expect_parts[0]), in.seen,
			    expect_facts(e));
	clear_unknown(e);
	return 0;
}

int wire_expect_decode_any(const struct wire_params *p, const uint8_t *body, size_t len,
			   struct expect *e)
{
	struct expect scratch;
	int rc;

	assert(p && e);

	rc = decode(p, body, len, &scratch);
	if (!rc)
		*e = scratch;
	return rc;
}

int wire_expect_decode(const struct wire_params *p, const uint8_t *body, size_t len,
		       struct expect *e)
{
	struct expect scratch;
	int rc;

	assert(p && e);

	rc = decode(p, body, len, &scratch);
	if (rc)
		return rc;
	if (!expect_has_key(&scratch))
		return CTD_ENOKEY;
	*e = scratch;
	return 0;
}

/* ---- sending ---- */

size_t wire_expect_encode(const struct wire_params *p, uint8_t type, uint8_t flags, uint32_t seq,
			  const struct expect *e, uint8_t *out, size_t cap)
{
	struct wire_header h = {
		.version = WIRE_VERSION,
		.type = type,
		.flags = flags,
		.seq = seq,
	};
	struct attr_out a = { .obj = e, .swapped_be = p->swapped_be };
	uint32_t has = e->has;

	assert(type >= WIRE_EXP_NEW && type <= WIRE_EXP_DESTROY);
	assert((flags & ~WIRE_F_GREETING) == 0);

	if (p->no_timeout)
		has &= ~EXPECT_HAS_TIMEOUT;
	/* A peer refuses the whole expectation over a long name (W27). */
	if (strnlen(e->helper, WIRE_HELPER_SIZE) == WIRE_HELPER_SIZE)
		has &= ~EXPECT_HAS_HELPER;
	a.facts = has | expect_facts(e) | (p->extras ? FACT_EXTRAS : 0);
	return attr_message(&expect_table, &a, &h, out, cap);
}

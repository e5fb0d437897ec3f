// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A datagram as it comes from a peer. Framing moves on by at least a byte, what
 * decodes comes back from its own encoding unchanged, and can be packed and
 * printed.
 */
#include <string.h>
#include "base/err.h"
#include "flow/pack.h"
#include "flow/print.h"
#include "fuzz.h"
#include "wire/codec.h"
#include "wire/message.h"

/* The byte order of three attributes is the peer's choice. */
static const struct wire_params params[] = {
	{ .window_scale = true },
	{ .window_scale = true, .swapped_be = true },
	{ .window_scale = true, .extras = true },
};

/* The parts that are sent of what was received. */
static uint32_t said(const struct flow *f)
{
	uint32_t has = f->has;

	if (f->zone == 0)
		has &= ~FLOW_HAS_ZONE;
	if (!(f->labels[0] | f->labels[1] | f->labels[2] | f->labels[3]))
		has &= ~FLOW_HAS_LABELS;
	if (!(has & FLOW_HAS_STATE))
		has &= ~(FLOW_HAS_WSCALE | FLOW_HAS_VTAG | FLOW_HAS_DCCP_ROLE);
	/* Always with ports, 0 if there were none. */
	if (f->orig.proto == IPP_DCCP)
		has |= FLOW_HAS_PORTS;
	return has;
}

static void print_one(void (*print)(struct strbuf *, const struct flow *), const struct flow *f)
{
	char line[PRINT_LINE_MAX];
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	print(&b, f);
	CHECK(!b.cut && b.len > 0);
}

static void print_line(struct strbuf *b, const struct flow *f)
{
	print_flow(b, f, true);
}

static void pack_one(const struct flow *f)
{
	const enum pack_class c = pack_flow.class_of(f);
	uint8_t fixed[PACK_FIXED_MAX], ext[PACK_EXT_MAX];
	const size_t n = pack_flow.pack(f, fixed, ext);
	struct flow back;

	CHECK(n <= sizeof(ext));
	CHECK(pack_flow.match(c, fixed, f));
	CHECK(pack_flow.hash_packed(c, fixed, 7) == pack_flow.hash(f, 7));
	pack_flow.unpack(c, fixed, n ? ext : NULL, n, &back);
	CHECK(flow_equal(f, &back));
}

static void check_flow(const struct wire_params *p, const struct wire_msg *m)
{
	uint8_t out[WIRE_MSG_MAX];
	struct flow f, again, strict;
	size_t n;
	int rc;

	if (wire_flow_decode_any(p, m->body, m->body_len, &f)) {
		CHECK(wire_flow_decode(p, m->body, m->body_len, &strict) == CTD_EBADPAYLOAD);
		return;
	}
	n = wire_flow_encode(p, m->h.type, 0, m->h.seq, &f, out, sizeof(out));
	CHECK(n >= WIRE_HDR_LEN);
	CHECK(wire_flow_decode_any(p, out + WIRE_HDR_LEN, n - WIRE_HDR_LEN, &again) == 0);
	rc = wire_flow_decode(p, m->body, m->body_len, &strict);
	CHECK(rc == 0 || rc == CTD_ENOKEY);
	f.has = said(&f);
	if (rc)
		return;
	CHECK((!p->extras && wire_flow_has_extras(p, &f)) || flow_equal(&f, &again));
	CHECK(flow_has_key(&strict));
	pack_one(&strict);
	print_one(print_line, &strict);
	print_one(print_flow_xml, &strict);
}

static void pack_expected(const struct expect *e)
{
	uint8_t fixed[PACK_FIXED_MAX], ext[PACK_EXT_MAX];
	const size_t n = pack_expect.pack(e, fixed, ext);
	struct expect back;

	CHECK(n <= sizeof(ext));
	CHECK(pack_expect.match(PACK_EXPECT, fixed, e));
	CHECK(pack_expect.hash_packed(PACK_EXPECT, fixed, 7) == pack_expect.hash(e, 7));
	pack_expect.unpack(PACK_EXPECT, fixed, n ? ext : NULL, n, &back);
	CHECK(expect_same(e, &back));
}

static void print_expected(const struct expect *e)
{
	char line[PRINT_LINE_MAX];
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	print_expect(&b, e);
	CHECK(!b.cut && b.len > 0);
	strbuf_init(&b, line, sizeof(line));
	print_expect_xml(&b, e);
	CHECK(!b.cut && b.len > 0);
}

static void check_expect(const struct wire_params *p, const struct wire_msg *m)
{
	uint8_t one[WIRE_MSG_MAX], two[WIRE_MSG_MAX];
	struct expect e, strict;
	size_t n;
	int rc;

	if (wire_expect_decode_any(p, m->body, m->body_len, &e)) {
		CHECK(wire_expect_decode(p, m->body, m->body_len, &strict) == CTD_EBADPAYLOAD);
		return;
	}
	n = wire_expect_encode(p, m->h.type, 0, m->h.seq, &e, one, sizeof(one));
	CHECK(n >= WIRE_HDR_LEN);
	CHECK(wire_expect_decode_any(p, one + WIRE_HDR_LEN, n - WIRE_HDR_LEN, &e) == 0);
	CHECK(wire_expect_encode(p, m->h.type, 0, m->h.seq, &e, two, sizeof(two)) == n);
	CHECK(memcmp(one, two, n) == 0);

	rc = wire_expect_decode(p, m->body, m->body_len, &strict);
	CHECK(rc == 0 || rc == CTD_ENOKEY);
	if (rc)
		return;
	CHECK(expect_has_key(&strict));
	pack_expected(&strict);
	print_expected(&strict);
}

static void check_control(const struct wire_msg *m)
{
	uint8_t out[WIRE_RANGE_LEN];
	struct wire_msg back;
	size_t used, n = wire_control_put(out, sizeof(out), m->h.flags, m->h.seq, m->from, m->to);

	CHECK(n > 0 && wire_message_next(out, n, &back, &used) == 0 && used == n);
	CHECK(back.h.flags == m->h.flags && back.h.seq == m->h.seq);
	CHECK(back.from == m->from && back.to == m->to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0, used;

	for (; at < size; at += used) {
		struct wire_msg m;
		int rc = wire_message_next(data + at, size - at, &m, &used);

		CHECK(used > 0 && used <= size - at);
		if (rc)
			continue;
		CHECK(m.body == data + at + WIRE_HDR_LEN && m.body_len + WIRE_HDR_LEN == used);
		if (m.h.type == WIRE_CONTROL)
			check_control(&m);
		for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
			if (m.h.type <= WIRE_CT_DESTROY)
				check_flow(&params[i], &m);
			else if (m.h.type <= WIRE_EXP_DESTROY)
				check_expect(&params[i], &m);
		}
	}
	return 0;
}

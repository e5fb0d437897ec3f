// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading ctnetlink messages: what each attribute becomes, what is refused,
 * agreement with libnetfilter_conntrack on random messages, and survival of
 * damaged ones.
 */
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "kernel/conv.h"
#include "attr.h"
#include "oracle.h"

#define FLOW_SUBSYS   NFNL_SUBSYS_CTNETLINK
#define EXPECT_SUBSYS NFNL_SUBSYS_CTNETLINK_EXP

/* A message under construction. */
struct msg {
	uint8_t bytes[2048];
	struct buf b;
};

static void msg_start(struct msg *m, int subsys, uint8_t family)
{
	struct nlmsghdr h = { .nlmsg_type = (uint16_t)(subsys << 8) };
	struct nfgenmsg g = { .nfgen_family = family };

	buf_write(&m->b, m->bytes, sizeof(m->bytes));
	buf_put(&m->b, &h, sizeof(h));
	buf_put(&m->b, &g, sizeof(g));
}

static int msg_parse(struct msg *m, struct flow *f)
{
	uint32_t len = (uint32_t)m->b.pos;

	cr_assert(buf_ok(&m->b));
	memcpy(m->bytes, &len, sizeof(len));
	return conv_flow(m->bytes, len, f);
}

static int msg_parse_expect(struct msg *m, struct expect *e)
{
	uint32_t len = (uint32_t)m->b.pos;

	memcpy(m->bytes, &len, sizeof(len));
	return conv_expect(m->bytes, len, e);
}

static void put_ip4(struct buf *b)
{
	size_t ip = attr_begin(b, CTA_TUPLE_IP);

	attr_put(b, CTA_IP_V4_SRC, "\x0a\0\0\1", 4);
	attr_put(b, CTA_IP_V4_DST, "\xc0\0\2\1", 4);
	attr_end(b, ip);
}

/* 10.0.0.1:1025 -> 192.0.2.1:443, or that without ports. */
static void put_tuple4(struct buf *b, unsigned int type, uint8_t proto, bool ports)
{
	size_t nest = attr_begin(b, type), l4;

	put_ip4(b);
	l4 = attr_begin(b, CTA_TUPLE_PROTO);
	attr_put8(b, CTA_PROTO_NUM, proto);
	if (ports) {
		attr_put16(b, CTA_PROTO_SRC_PORT, 1025);
		attr_put16(b, CTA_PROTO_DST_PORT, 443);
	}
	attr_end(b, l4);
	attr_end(b, nest);
}

static void put_tcp4(struct msg *m)
{
	msg_start(m, FLOW_SUBSYS, FAM_IP4);
	put_tuple4(&m->b, CTA_TUPLE_ORIG, IPP_TCP, true);
}

Test(conv, reads_every_part_of_a_tcp_event)
{
	struct msg m;
	struct flow f;
	size_t n, t;

	put_tcp4(&m);
	put_tuple4(&m.b, CTA_TUPLE_REPLY, IPP_TCP, true);
	attr_put32(&m.b, CTA_STATUS, 0x18e);
	attr_put32(&m.b, CTA_TIMEOUT, 432000);
	attr_put32(&m.b, CTA_MARK, 0x01020304);
	attr_put32(&m.b, CTA_ID, 0xfffefdfc);
	attr_put16(&m.b, CTA_ZONE, 0x1234);
	n = attr_begin(&m.b, CTA_PROTOINFO);
	t = attr_begin(&m.b, CTA_PROTOINFO_TCP);
	attr_put8(&m.b, CTA_PROTOINFO_TCP_STATE, TCPS_ESTABLISHED);
	attr_put8(&m.b, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	attr_put8(&m.b, CTA_PROTOINFO_TCP_WSCALE_REPLY, 9);
	attr_put(&m.b, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, "\x23\xff", 2);
	attr_put(&m.b, CTA_PROTOINFO_TCP_FLAGS_REPLY, "\x2b\xff", 2);
	attr_end(&m.b, t);
	attr_end(&m.b, n);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS | FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT |
				    FLOW_HAS_MARK | FLOW_HAS_ID | FLOW_HAS_ZONE | FLOW_HAS_STATE |
				    FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS);
	cr_assert_eq(f.orig.family, FAM_IP4);
	cr_assert_eq(f.orig.proto, IPP_TCP);
	cr_assert(memcmp(f.orig.src.b, "\x0a\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
	cr_assert(memcmp(f.orig.dst.b, "\xc0\0\2\1", 4) == 0);
	cr_assert_eq(f.orig.sport, 1025);
	cr_assert_eq(f.orig.dport, 443);
	cr_assert(tuple_equal(&f.orig, &f.reply));
	cr_assert_eq(f.status, 0x18eu);
	cr_assert_eq(f.timeout, 432000u);
	cr_assert_eq(f.mark, 0x01020304u);
	cr_assert_eq(f.id, 0xfffefdfcu);
	cr_assert_eq(f.zone, 0x1234);
	cr_assert_eq(f.state, TCPS_ESTABLISHED);
	cr_assert(f.wscale[0] == 7 && f.wscale[1] == 9);
	cr_assert(f.tcp_flags[0] == 0x23 && f.tcp_flags[1] == 0x2b);
}

/* The state of a destroy event comes alone. */
Test(conv, tcp_state_alone_is_enough)
{
	struct msg m;
	struct flow f;
	size_t n, t;

	put_tcp4(&m);
	n = attr_begin(&m.b, CTA_PROTOINFO);
	t = attr_begin(&m.b, CTA_PROTOINFO_TCP);
	attr_put8(&m.b, CTA_PROTOINFO_TCP_STATE, TCPS_CLOSE);
	attr_end(&m.b, t);
	attr_end(&m.b, n);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS | FLOW_HAS_STATE);
	cr_assert_eq(f.state, TCPS_CLOSE);
}

/* Attributes in another order than the kernel's take the general way: same result. */
Test(conv, order_of_attributes_does_not_matter)
{
	struct msg usual, turned;
	struct flow a, b;
	size_t nest, l4;

	put_tcp4(&usual);
	msg_start(&turned, FLOW_SUBSYS, FAM_IP4);
	nest = attr_begin(&turned.b, CTA_TUPLE_ORIG);
	l4 = attr_begin(&turned.b, CTA_TUPLE_PROTO);
	attr_put16(&turned.b, CTA_PROTO_DST_PORT, 443);
	attr_put16(&turned.b, CTA_PROTO_SRC_PORT, 1025);
	attr_put8(&turned.b, CTA_PROTO_NUM, IPP_TCP);
	attr_end(&turned.b, l4);
	put_ip4(&turned.b);
	attr_end(&turned.b, nest);
	cr_assert_eq(msg_parse(&usual, &a), 0);
	cr_assert_eq(msg_parse(&turned, &b), 0);
	cr_assert(flow_equal(&a, &b));
	cr_assert(tuple_equal(&a.orig, &b.orig));
	cr_assert_eq(a.has, b.has);
}

static void put_icmp(struct buf *b, uint8_t proto, unsigned int id, unsigned int type,
		     unsigned int code)
{
	size_t nest = attr_begin(b, CTA_TUPLE_ORIG), l4;

	put_ip4(b);
	l4 = attr_begin(b, CTA_TUPLE_PROTO);
	attr_put8(b, CTA_PROTO_NUM, proto);
	attr_put16(b, id, 0x1234);
	attr_put8(b, type, 8);
	attr_put8(b, code, 3);
	attr_end(b, l4);
	attr_end(b, nest);
}

Test(conv, icmp_id_is_both_ports)
{
	struct msg m;
	struct flow f;

	msg_start(&m, FLOW_SUBSYS, FAM_IP4);
	put_icmp(&m.b, IPP_ICMP, CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_ICMP);
	cr_assert(f.orig.sport == 0x1234 && f.orig.dport == 0x1234);
	cr_assert(f.orig.icmp_type == 8 && f.orig.icmp_code == 3);
	msg_start(&m, FLOW_SUBSYS, FAM_IP4);
	put_icmp(&m.b, IPP_ICMP6, CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE,
		 CTA_PROTO_ICMPV6_CODE);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_ICMP);
	cr_assert(f.orig.sport == 0x1234 && f.orig.icmp_type == 8 && f.orig.icmp_code == 3);
}

Test(conv, protocols_with_and_without_ports)
{
	static const struct {
		uint8_t proto;
		bool ports;
		uint32_t has;
	} rows[] = {
		{ IPP_UDP, true, FLOW_HAS_PORTS },
		{ IPP_UDPLITE, true, FLOW_HAS_PORTS },
		{ IPP_GRE, true, FLOW_HAS_PORTS },
		{ IPP_SCTP, true, FLOW_HAS_PORTS },
		{ IPP_DCCP, true, FLOW_HAS_PORTS },
		{ IPP_DCCP, false, FLOW_HAS_PORTS }, /* kernel without DCCP tracker */
		{ 50, false, 0 },
		{ IPP_UDP, false, 0 },
		{ IPP_ICMP, true, 0 }, /* not its attributes */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct msg m;
		struct flow f;

		msg_start(&m, FLOW_SUBSYS, FAM_IP4);
		put_tuple4(&m.b, CTA_TUPLE_ORIG, rows[i].proto, rows[i].ports);
		cr_assert_eq(msg_parse(&m, &f), 0);
		cr_assert_eq(f.has, rows[i].has, "row %zu", i);
		cr_assert_eq(f.orig.sport, rows[i].ports && rows[i].has ? 1025 : 0);
	}
}

/* Every flow made through netlink has such a block; it says nothing. */
Test(conv, an_empty_synproxy_block_is_none)
{
	struct msg m;
	struct flow f;
	size_t nest;

	for (uint32_t off = 0; off < 2; off++) {
		put_tcp4(&m);
		nest = attr_begin(&m.b, CTA_SYNPROXY);
		attr_put32(&m.b, CTA_SYNPROXY_ISN, 0);
		attr_put32(&m.b, CTA_SYNPROXY_ITS, 0);
		attr_put32(&m.b, CTA_SYNPROXY_TSOFF, off);
		attr_end(&m.b, nest);
		cr_assert_eq(msg_parse(&m, &f), 0);
		cr_assert_eq(f.has, FLOW_HAS_PORTS | (off ? FLOW_HAS_SYNPROXY : 0));
	}
}

static void put_seqadj(struct buf *b, unsigned int type, uint32_t v)
{
	size_t nest = attr_begin(b, type);

	attr_put32(b, CTA_SEQADJ_CORRECTION_POS, v);
	attr_put32(b, CTA_SEQADJ_OFFSET_BEFORE, v + 1);
	attr_put32(b, CTA_SEQADJ_OFFSET_AFTER, 0u - v);
	attr_end(b, nest);
}

Test(conv, sequence_adjustment_needs_both_directions)
{
	struct msg m;
	struct flow f;

	put_tcp4(&m);
	put_seqadj(&m.b, CTA_SEQ_ADJ_ORIG, 5);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS);
	put_tcp4(&m);
	put_seqadj(&m.b, CTA_SEQ_ADJ_REPLY, 9);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS);
	put_tcp4(&m);
	put_seqadj(&m.b, CTA_SEQ_ADJ_ORIG, 5);
	put_seqadj(&m.b, CTA_SEQ_ADJ_REPLY, 9);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS | FLOW_HAS_SEQADJ);
	cr_assert(f.seqadj[0].pos == 5 && f.seqadj[0].before == 6 && f.seqadj[0].after == -5);
	cr_assert(f.seqadj[1].pos == 9 && f.seqadj[1].before == 10 && f.seqadj[1].after == -9);
}

Test(conv, unknown_attributes_are_skipped)
{
	struct msg m;
	struct flow f;

	put_tcp4(&m);
	attr_put(&m.b, CTA_SECMARK, "abcdefg", 7);
	attr_put(&m.b, CTA_SECCTX, "x", 1);
	attr_put(&m.b, 27, "12345678", 8);
	attr_put(&m.b, 500, NULL, 0);
	attr_put32(&m.b, CTA_MARK, 5);
	cr_assert_eq(msg_parse(&m, &f), 0);
	cr_assert_eq(f.has, FLOW_HAS_PORTS | FLOW_HAS_MARK);
	cr_assert_eq(f.mark, 5u);
}

Test(conv, duration_and_uses)
{
	struct msg m;
	struct flow f;
	uint64_t nsec;
	size_t nest;

	for (int stop = 0; stop < 3; stop++) {
		put_tcp4(&m);
		attr_put32(&m.b, CTA_USE, 3);
		nest = attr_begin(&m.b, CTA_TIMESTAMP);
		nsec = htobe64(5000000000u + 999999999u);
		attr_put(&m.b, CTA_TIMESTAMP_START, &nsec, sizeof(nsec));
		nsec = htobe64(stop == 1 ? 8000000000u : 1u);
		if (stop)
			attr_put(&m.b, CTA_TIMESTAMP_STOP, &nsec, sizeof(nsec));
		attr_end(&m.b, nest);
		cr_assert_eq(msg_parse(&m, &f), 0);
		cr_assert_eq(f.has,
			     FLOW_HAS_PORTS | FLOW_HAS_USE | (stop == 1 ? FLOW_HAS_DURATION : 0),
			     "%d", stop);
		cr_assert_eq(f.use, 3u);
		cr_assert_eq(f.duration, stop == 1 ? 3u : 0u);
	}
}

Test(conv, headers_are_checked)
{
	struct msg m;
	struct flow f;
	struct expect e;
	uint32_t len;

	put_tcp4(&m);
	cr_assert_eq(msg_parse(&m, &f), 0);
	len = (uint32_t)m.b.pos;
	cr_assert_eq(conv_flow(m.bytes, len - 1, &f), CTD_ETRUNCATED);
	cr_assert_eq(conv_flow(m.bytes, 19, &f), CTD_ETRUNCATED);
	cr_assert_eq(conv_flow(m.bytes, 0, &f), CTD_ETRUNCATED);
	cr_assert_eq(conv_expect(m.bytes, len, &e), CTD_EBADTYPE);
	len = 19;
	memcpy(m.bytes, &len, sizeof(len));
	cr_assert_eq(conv_flow(m.bytes, sizeof(m.bytes), &f), CTD_ETRUNCATED);
	len = 20;
	memcpy(m.bytes, &len, sizeof(len));
	cr_assert_eq(conv_flow(m.bytes, sizeof(m.bytes), &f), CTD_ENOKEY);
	msg_start(&m, EXPECT_SUBSYS, FAM_IP4);
	cr_assert_eq(msg_parse(&m, &f), CTD_EBADTYPE);
	cr_assert_eq(msg_parse_expect(&m, &e), CTD_ENOKEY);
}

/* A good flow with one attribute of n bytes of content behind it. */
static int with_attr(unsigned int type, size_t n)
{
	static const uint8_t zeros[64];
	struct msg m;
	struct flow f;

	put_tcp4(&m);
	attr_put(&m.b, type, zeros, n);
	return msg_parse(&m, &f);
}

Test(conv, sizes_are_checked)
{
	static const struct {
		unsigned int type;
		size_t right;
	} rows[] = {
		{ CTA_STATUS, 4 }, { CTA_TIMEOUT, 4 }, { CTA_MARK, 4 },
		{ CTA_ID, 4 },     { CTA_ZONE, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t n = 0; n < 9; n++)
			cr_assert_eq(with_attr(rows[i].type, n),
				     n == rows[i].right ? 0 : CTD_EBADPAYLOAD,
				     "attribute %u, %zu bytes", rows[i].type, n);
	}
	for (size_t n = 0; n <= 20; n++)
		cr_assert_eq(with_attr(CTA_LABELS, n), n <= 16 && n % 4 == 0 ? 0 : CTD_EBADPAYLOAD,
			     "%zu", n);
}

Test(conv, lengths_that_lead_out_are_refused)
{
	struct msg m;
	struct flow f;
	size_t at;

	for (uint16_t len = 0; len < 12; len++) {
		put_tcp4(&m);
		at = m.b.pos;
		attr_put32(&m.b, CTA_MARK, 0);
		memcpy(m.bytes + at, &len, sizeof(len));
		cr_assert_eq(msg_parse(&m, &f), len == 8 ? 0 : CTD_EBADPAYLOAD, "%u", len);
	}
	put_tcp4(&m);
	buf_zero(&m.b, 3); /* less than a header */
	cr_assert_eq(msg_parse(&m, &f), CTD_EBADPAYLOAD);
}

static int with_tuple(uint8_t family, bool src4, bool dst4, bool dst6, bool proto)
{
	struct msg m;
	struct flow f;
	size_t nest, in;

	msg_start(&m, FLOW_SUBSYS, family);
	nest = attr_begin(&m.b, CTA_TUPLE_ORIG);
	in = attr_begin(&m.b, CTA_TUPLE_IP);
	if (src4)
		attr_put32(&m.b, CTA_IP_V4_SRC, 1);
	if (dst4)
		attr_put32(&m.b, CTA_IP_V4_DST, 2);
	if (dst6)
		attr_put(&m.b, CTA_IP_V6_DST, "0123456789abcdef", 16);
	attr_end(&m.b, in);
	in = attr_begin(&m.b, CTA_TUPLE_PROTO);
	if (proto)
		attr_put8(&m.b, CTA_PROTO_NUM, 50);
	attr_end(&m.b, in);
	attr_end(&m.b, nest);
	return msg_parse(&m, &f);
}

Test(conv, contradicting_tuples_are_refused)
{
	struct msg m;
	struct flow f;

	cr_assert_eq(with_tuple(FAM_IP4, true, true, false, true), 0);
	cr_assert_eq(with_tuple(FAM_IP6, true, true, false, true), CTD_EBADPAYLOAD);
	cr_assert_eq(with_tuple(FAM_NONE, true, true, false, true), CTD_EBADPAYLOAD);
	cr_assert_eq(with_tuple(FAM_IP4, true, false, false, true), CTD_EBADPAYLOAD);
	cr_assert_eq(with_tuple(FAM_IP4, true, false, true, true), CTD_EBADPAYLOAD);
	cr_assert_eq(with_tuple(FAM_IP4, true, true, true, true), CTD_EBADPAYLOAD);
	cr_assert_eq(with_tuple(FAM_IP4, true, true, false, false), CTD_EBADPAYLOAD);
	put_tcp4(&m);
	put_tuple4(&m.b, CTA_TUPLE_REPLY, IPP_UDP, true);
	cr_assert_eq(msg_parse(&m, &f), CTD_EBADPAYLOAD);
}

static int with_helper(const char *name, size_t n, struct flow *f)
{
	struct msg m;
	size_t nest;

	put_tcp4(&m);
	nest = attr_begin(&m.b, CTA_HELP);
	attr_put(&m.b, CTA_HELP_NAME, name, n);
	attr_end(&m.b, nest);
	return msg_parse(&m, f);
}

Test(conv, helper_names_end_in_time)
{
	struct flow f;

	cr_assert_eq(with_helper("ftp", 4, &f), 0);
	cr_assert(f.has & FLOW_HAS_HELPER);
	cr_assert_str_eq(f.helper, "ftp");
	cr_assert_eq(with_helper("0123456789abcde", 16, &f), 0);
	cr_assert_str_eq(f.helper, "0123456789abcde");
	cr_assert_eq(with_helper("0123456789abcdef", 17, &f), CTD_EBADPAYLOAD);
	cr_assert_eq(with_helper("ftp", 3, &f), CTD_EBADPAYLOAD);
	cr_assert_eq(with_helper("", 0, &f), CTD_EBADPAYLOAD);
	cr_assert_eq(with_helper("", 1, &f), 0);
	cr_assert_not(f.has & FLOW_HAS_HELPER);
}

Test(conv, agrees_with_the_library_on_random_flows)
{
	char buf[4096] __attribute__((aligned(8)));
	struct rng r;

	rng_seed(&r, 1);
	for (int i = 0; i < 20000; i++)
		oracle_flow(oracle_random_flow(&r, buf));
}

Test(conv, agrees_with_the_library_on_random_expectations)
{
	char buf[4096] __attribute__((aligned(8)));
	struct rng r;

	rng_seed(&r, 2);
	for (int i = 0; i < 10000; i++)
		oracle_expect(oracle_random_expect(&r, buf));
}

/* Any of our own requests read back, too. */
Test(conv, agrees_with_the_library_on_our_requests)
{
	static const enum kernel_op_kind kinds[] = { KOP_CREATE, KOP_UPDATE, KOP_EXP_CREATE };
	uint8_t buf[CONV_MSG_MAX] __attribute__((aligned(8)));
	struct rng r;

	rng_seed(&r, 3);
	for (int i = 0; i < 20000; i++) {
		struct kernel_op op = { .kind = kinds[rng_below(&r, 3)] };

		op.liberal = rng_below(&r, 2);
		op.window_scale = rng_below(&r, 2);
		if (op.kind == KOP_EXP_CREATE)
			random_expect(&r, &op.expect);
		else
			random_flow(&r, &op.flow);
		cr_assert_gt(conv_build(&op, 1, buf, sizeof(buf)), 0);
		if (op.kind == KOP_EXP_CREATE)
			oracle_expect((struct nlmsghdr *)buf);
		else
			oracle_flow((struct nlmsghdr *)buf);
	}
}

/* Change a few bytes, mostly small numbers so that lengths stay near the truth. */
static void mutate(struct rng *r, uint8_t *p, size_t len)
{
	for (uint32_t n = 1 + rng_below(r, 3); n > 0; n--) {
		size_t at = 16 + rng_below(r, (uint32_t)len - 16);

		switch (rng_below(r, 4)) {
		case 0:
			p[at] = (uint8_t)rng_u32(r);
			break;
		case 1:
			p[at] ^= (uint8_t)(1u << rng_below(r, 8));
			break;
		case 2:
			p[at & ~3u] = (uint8_t)rng_below(r, 64);
			break;
		default:
			p[at] = (uint8_t)(p[at] + 1 - 2 * rng_below(r, 2));
			break;
		}
	}
}

static bool known_result(int err)
{
	return err == 0 || err == CTD_ETRUNCATED || err == CTD_EBADTYPE || err == CTD_EBADPAYLOAD ||
	       err == CTD_ENOKEY;
}

/* In a block of exactly its size: the sanitizer sees one byte too far. */
static bool try_damaged(struct rng *r, const struct nlmsghdr *h, bool expect)
{
	uint32_t len = h->nlmsg_len - (rng_below(r, 4) ? 0 : rng_below(r, 8));
	uint8_t *p = malloc(len);
	struct expect e;
	struct flow f;
	int err;

	memcpy(p, h, len);
	memcpy(p, &len, sizeof(len));
	mutate(r, p, len);
	err = expect ? conv_expect(p, len, &e) : conv_flow(p, len, &f);
	free(p);
	cr_assert(known_result(err), "%d", err);
	if (err == 0 && !expect) {
		cr_assert_lt(strnlen(f.helper, sizeof(f.helper)), sizeof(f.helper));
		cr_assert_eq(f.has >> 28, 0u);
	}
	return err == 0;
}

Test(conv, survives_damaged_messages)
{
	char buf[4096] __attribute__((aligned(8)));
	int good = 0, bad = 0;
	struct rng r;

	rng_seed(&r, 4);
	for (int i = 0; i < 10000; i++) {
		bool expect = i % 5 == 0;
		const struct nlmsghdr *h =
			expect ? oracle_random_expect(&r, buf) : oracle_random_flow(&r, buf);

		for (int k = 0; k < 50; k++)
			*(try_damaged(&r, h, expect) ? &good : &bad) += 1;
	}
	/* Both kinds of answer were tried. */
	cr_assert_gt(good, 50000);
	cr_assert_gt(bad, 50000);
}

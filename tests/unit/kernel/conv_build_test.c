// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests: what each says, and what it must not say. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include "base/err.h"
#include "kernel/conv.h"
#include "oracle.h"

#define NFGEN sizeof(struct nfgenmsg)

/* A built request. */
struct req {
	uint8_t bytes[CONV_MSG_MAX] __attribute__((aligned(8)));
	ssize_t len;
};

static void build(struct req *r, const struct kernel_op *op)
{
	r->len = conv_build(op, 77, r->bytes, sizeof(r->bytes));
	cr_assert_gt(r->len, 0);
}

static const struct nlmsghdr *header(const struct req *r)
{
	return (const struct nlmsghdr *)r->bytes;
}

/* The attribute at a path of types, 0 ends it; NULL if there is none. */
static const struct nlattr *find(const struct req *r, const uint16_t *path)
{
	const struct nlattr *a, *hit = NULL;

	mnl_attr_for_each(a, header(r), NFGEN)
	{
		if (mnl_attr_get_type(a) == path[0])
			hit = a;
	}
	for (path++; hit && *path; path++) {
		const struct nlattr *next = NULL;

		mnl_attr_for_each_nested(a, hit)
		{
			if (mnl_attr_get_type(a) == *path)
				next = a;
		}
		hit = next;
	}
	return hit;
}

#define FIND(r, ...)  find(r, (const uint16_t[]){ __VA_ARGS__, 0 })
#define GET8(r, ...)  mnl_attr_get_u8(FIND(r, __VA_ARGS__))
#define GET16(r, ...) ntohs(mnl_attr_get_u16(FIND(r, __VA_ARGS__)))
#define GET32(r, ...) ntohl(mnl_attr_get_u32(FIND(r, __VA_ARGS__)))

static struct kernel_op flow_op(enum kernel_op_kind kind, uint8_t proto)
{
	struct kernel_op op = { .kind = kind };
	struct flow *f = &op.flow;

	f->orig.family = FAM_IP4;
	f->orig.proto = proto;
	f->orig.src = (struct addr){ { 10, 0, 0, 1 } };
	f->orig.dst = (struct addr){ { 192, 0, 2, 1 } };
	if (proto == IPP_ICMP) {
		f->orig.sport = f->orig.dport = 777;
		f->orig.icmp_type = 8;
		f->has = FLOW_HAS_ICMP;
	} else if (proto_has_ports(proto)) {
		f->orig.sport = 1025;
		f->orig.dport = 443;
		f->has = FLOW_HAS_PORTS;
	}
	f->has |= FLOW_HAS_TIMEOUT | FLOW_HAS_STATUS;
	f->timeout = 100;
	f->status = CTS_SEEN_REPLY | CTS_CONFIRMED;
	return op;
}

static void translate(struct kernel_op *op, uint8_t src, uint16_t sport, uint8_t dst,
		      uint16_t dport)
{
	struct flow *f = &op->flow;

	f->snat = (struct addr){ { 198, 51, 100, src } };
	f->dnat = (struct addr){ { 10, 9, 9, dst } };
	f->snat_port = sport;
	f->dnat_port = dport;
	f->has |= (src ? FLOW_HAS_SNAT : 0) | (sport ? FLOW_HAS_SPAT : 0) |
		  (dst ? FLOW_HAS_DNAT : 0) | (dport ? FLOW_HAS_DPAT : 0);
}

static void assert_nat(const struct req *r, uint16_t which, uint32_t addr, int port)
{
	cr_assert_not_null(FIND(r, which));
	cr_assert_eq(GET32(r, which, CTA_NAT_V4_MINIP), addr);
	cr_assert_eq(GET32(r, which, CTA_NAT_V4_MAXIP), addr);
	if (port < 0) {
		cr_assert_null(FIND(r, which, CTA_NAT_PROTO));
		return;
	}
	cr_assert_eq(GET16(r, which, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MIN), port);
	cr_assert_eq(GET16(r, which, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MAX), port);
}

static void assert_untranslated_reply(const struct req *r)
{
	uint16_t t = CTA_TUPLE_REPLY;

	cr_assert_eq(GET32(r, t, CTA_TUPLE_IP, CTA_IP_V4_SRC), 0xc0000201u);
	cr_assert_eq(GET32(r, t, CTA_TUPLE_IP, CTA_IP_V4_DST), 0x0a000001u);
	cr_assert_eq(GET16(r, t, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), 443);
	cr_assert_eq(GET16(r, t, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT), 1025);
}

Test(conv_build, headers)
{
	static const struct {
		enum kernel_op_kind kind;
		uint16_t type, flags;
	} rows[] = {
		{ KOP_CREATE, 0x100, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL },
		{ KOP_UPDATE, 0x100, NLM_F_REQUEST },
		{ KOP_GET, 0x101, NLM_F_REQUEST },
		{ KOP_DELETE, 0x102, NLM_F_REQUEST },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel_op op = flow_op(rows[i].kind, IPP_TCP);
		const struct nfgenmsg *g;
		struct req r;

		build(&r, &op);
		g = mnl_nlmsg_get_payload(header(&r));
		cr_assert_eq(header(&r)->nlmsg_len, (uint32_t)r.len);
		cr_assert_eq(header(&r)->nlmsg_type, rows[i].type);
		cr_assert_eq(header(&r)->nlmsg_flags, rows[i].flags);
		cr_assert_eq(header(&r)->nlmsg_seq, 77u);
		cr_assert_eq(g->nfgen_family, FAM_IP4);
		cr_assert_eq(g->version, NFNETLINK_V0);
	}
}

Test(conv_build, no_translation_no_nat_attributes)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	struct req r;

	build(&r, &op);
	assert_untranslated_reply(&r);
	cr_assert_null(FIND(&r, CTA_NAT_SRC));
	cr_assert_null(FIND(&r, CTA_NAT_DST));
}

Test(conv_build, source_and_destination_nat)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	struct req r;

	translate(&op, 1, 5000, 2, 8443);
	build(&r, &op);
	assert_untranslated_reply(&r);
	assert_nat(&r, CTA_NAT_SRC, 0xc6336401, 5000);
	assert_nat(&r, CTA_NAT_DST, 0x0a090902, 8443);
}

/* Without a port the kernel would choose one if ours were taken. */
Test(conv_build, the_port_is_given_even_if_not_translated)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_UDP);
	struct req r;

	translate(&op, 1, 0, 0, 0);
	build(&r, &op);
	assert_nat(&r, CTA_NAT_SRC, 0xc6336401, 1025);
	cr_assert_null(FIND(&r, CTA_NAT_DST));
}

Test(conv_build, port_translation_alone)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_SCTP);
	struct req r;

	translate(&op, 0, 5000, 0, 8443);
	build(&r, &op);
	assert_nat(&r, CTA_NAT_SRC, 0x0a000001, 5000);
	assert_nat(&r, CTA_NAT_DST, 0xc0000201, 8443);
}

Test(conv_build, protocols_without_ports_get_none)
{
	struct kernel_op op = flow_op(KOP_CREATE, 50);
	struct req r;

	translate(&op, 1, 0, 2, 0);
	build(&r, &op);
	assert_nat(&r, CTA_NAT_SRC, 0xc6336401, -1);
	assert_nat(&r, CTA_NAT_DST, 0x0a090902, -1);
}

/* The id as the kernel reports it: in the reply tuple. */
Test(conv_build, icmp_id_goes_with_one_translation)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_ICMP);
	struct flow *f = &op.flow;
	struct req r;

	tuple_invert(&f->orig, &f->reply);
	f->has |= FLOW_HAS_REPLY;
	f->status |= CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	f->reply.sport = f->reply.dport = 888;
	f->reply.dst.b[3] = 9;
	build(&r, &op);
	assert_nat(&r, CTA_NAT_SRC, 0x0a000009, 888);
	cr_assert_null(FIND(&r, CTA_NAT_DST));
	cr_assert_eq(GET8(&r, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_ICMP_TYPE), 0);
	cr_assert_eq(GET16(&r, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_ICMP_ID), 777);
	f->reply.src.b[3] = 8;
	build(&r, &op);
	assert_nat(&r, CTA_NAT_SRC, 0x0a000009, 888);
	assert_nat(&r, CTA_NAT_DST, 0xc0000208, -1);
	f->reply.dst = f->orig.src;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_NAT_SRC));
	assert_nat(&r, CTA_NAT_DST, 0xc0000208, 888);
}

Test(conv_build, ipv6_nat_uses_its_own_attributes)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	const struct nlattr *a;
	struct req r;

	op.flow.orig.family = FAM_IP6;
	translate(&op, 1, 5000, 0, 0);
	build(&r, &op);
	a = FIND(&r, CTA_NAT_SRC, CTA_NAT_V6_MINIP);
	cr_assert_not_null(a);
	cr_assert_eq(mnl_attr_get_payload_len(a), 16);
	cr_assert(memcmp(mnl_attr_get_payload(a), op.flow.snat.b, 16) == 0);
	cr_assert_not_null(FIND(&r, CTA_NAT_SRC, CTA_NAT_V6_MAXIP));
	cr_assert_null(FIND(&r, CTA_NAT_SRC, CTA_NAT_V4_MINIP));
}

Test(conv_build, status)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	struct req r;

	op.flow.status = 0xffff & ~CTS_CONFIRMED;
	build(&r, &op);
	cr_assert_eq(GET32(&r, CTA_STATUS),
		     CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED | CTS_FIXED_TIMEOUT | CTS_HELPER);
	op.kind = KOP_UPDATE;
	build(&r, &op);
	cr_assert_eq(GET32(&r, CTA_STATUS), CTS_EXPECTED | CTS_SEEN_REPLY | CTS_ASSURED |
						    CTS_CONFIRMED | CTS_FIXED_TIMEOUT | CTS_HELPER);
	op.flow.has &= ~FLOW_HAS_STATUS;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_STATUS));
}

Test(conv_build, a_gre_flow_is_made_with_a_fixed_timeout)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_GRE);
	struct req r;

	op.flow.orig.sport = 11;
	op.flow.orig.dport = 12;
	build(&r, &op);
	cr_assert(GET32(&r, CTA_STATUS) & CTS_FIXED_TIMEOUT);
	cr_assert_eq(GET16(&r, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), 11);
	cr_assert_eq(GET16(&r, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), 12);
	op.flow.has &= ~FLOW_HAS_STATUS;
	build(&r, &op);
	cr_assert_eq(GET32(&r, CTA_STATUS), CTS_CONFIRMED | CTS_FIXED_TIMEOUT);
	op.kind = KOP_UPDATE;
	op.flow.has |= FLOW_HAS_STATUS;
	build(&r, &op);
	cr_assert_not(GET32(&r, CTA_STATUS) & CTS_FIXED_TIMEOUT);
}

/* Flags of one direction and their mask, 0 if not said. */
static unsigned int tcp_flags(const struct req *r, uint16_t type)
{
	const struct nlattr *a = FIND(r, CTA_PROTOINFO, CTA_PROTOINFO_TCP, type);
	const uint8_t *p = a ? mnl_attr_get_payload(a) : NULL;

	cr_assert(!a || mnl_attr_get_payload_len(a) == 2);
	cr_assert(!a || p[0] == p[1], "the mask must cover the flags");
	return a ? p[0] : 0;
}

static void assert_tcp(const struct kernel_op *op, int scales, unsigned int orig,
		       unsigned int reply)
{
	uint16_t i = CTA_PROTOINFO, t = CTA_PROTOINFO_TCP;
	struct req r;

	build(&r, op);
	cr_assert_eq(GET8(&r, i, t, CTA_PROTOINFO_TCP_STATE), TCPS_ESTABLISHED);
	if (scales) {
		cr_assert_eq(GET8(&r, i, t, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL), 7);
		cr_assert_eq(GET8(&r, i, t, CTA_PROTOINFO_TCP_WSCALE_REPLY), 9);
	} else {
		cr_assert_null(FIND(&r, i, t, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL));
		cr_assert_null(FIND(&r, i, t, CTA_PROTOINFO_TCP_WSCALE_REPLY));
	}
	cr_assert_eq(tcp_flags(&r, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL), orig);
	cr_assert_eq(tcp_flags(&r, CTA_PROTOINFO_TCP_FLAGS_REPLY), reply);
}

Test(conv_build, w16_tcp_scales_and_flags)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	struct flow *f = &op.flow;

	f->has |= FLOW_HAS_STATE | FLOW_HAS_WSCALE;
	f->state = TCPS_ESTABLISHED;
	f->wscale[0] = 7;
	f->wscale[1] = 9;
	assert_tcp(&op, 0, 0, 0);
	op.liberal = true;
	assert_tcp(&op, 0, 0x08, 0x08);
	op.window_scale = true;
	assert_tcp(&op, 1, 0x09, 0x09);
	op.liberal = false;
	assert_tcp(&op, 1, 0x01, 0x01);
	/* Of the known flags those that mean something to another node. */
	f->has |= FLOW_HAS_TCPFLAGS;
	f->tcp_flags[0] = 0xff;
	f->tcp_flags[1] = 0x2b;
	assert_tcp(&op, 1, 0x07, 0x03);
	f->tcp_flags[1] = 0x2a; /* one end does not scale, so none does */
	assert_tcp(&op, 0, 0x06, 0x02);
	f->has &= ~FLOW_HAS_WSCALE;
	assert_tcp(&op, 0, 0x06, 0x02);
}

Test(conv_build, w17_sctp_needs_all_three)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_SCTP);
	uint16_t i = CTA_PROTOINFO, s = CTA_PROTOINFO_SCTP;
	struct req r;

	op.liberal = op.window_scale = true; /* not for this protocol */
	op.flow.vtag[0] = 0x11223344;
	op.flow.vtag[1] = 0x55667788;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_PROTOINFO));
	op.flow.has |= FLOW_HAS_STATE;
	op.flow.state = 4;
	build(&r, &op);
	cr_assert_eq(GET8(&r, i, s, CTA_PROTOINFO_SCTP_STATE), 4);
	cr_assert_eq(GET32(&r, i, s, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL), 0u);
	cr_assert_eq(GET32(&r, i, s, CTA_PROTOINFO_SCTP_VTAG_REPLY), 0u);
	op.flow.has |= FLOW_HAS_VTAG;
	build(&r, &op);
	cr_assert_eq(GET32(&r, i, s, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL), 0x11223344u);
	cr_assert_eq(GET32(&r, i, s, CTA_PROTOINFO_SCTP_VTAG_REPLY), 0x55667788u);
	cr_assert_null(FIND(&r, CTA_PROTOINFO, CTA_PROTOINFO_TCP));
}

Test(conv_build, dccp_needs_state_and_role)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_DCCP);
	struct req r;

	op.flow.has |= FLOW_HAS_STATE;
	op.flow.state = 4;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_PROTOINFO));
	op.flow.has |= FLOW_HAS_DCCP_ROLE;
	op.flow.dccp_role = 1;
	build(&r, &op);
	cr_assert_eq(GET8(&r, CTA_PROTOINFO, CTA_PROTOINFO_DCCP, CTA_PROTOINFO_DCCP_STATE), 4);
	cr_assert_eq(GET8(&r, CTA_PROTOINFO, CTA_PROTOINFO_DCCP, CTA_PROTOINFO_DCCP_ROLE), 1);
}

static struct kernel_op full_op(enum kernel_op_kind kind)
{
	struct kernel_op op = flow_op(kind, IPP_TCP);
	struct flow *f = &op.flow;

	translate(&op, 1, 5000, 2, 8443);
	f->has |= FLOW_HAS_MARK | FLOW_HAS_STATE | FLOW_HAS_WSCALE | FLOW_HAS_SEQADJ |
		  FLOW_HAS_HELPER | FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY | FLOW_HAS_MASTER |
		  FLOW_HAS_MASTER_PORTS | FLOW_HAS_ZONE | FLOW_HAS_ID;
	f->master = f->orig;
	f->zone = 5;
	f->id = 99;
	f->synproxy_its = 3;
	f->seqadj[1].after = -2;
	f->labels[3] = 0x80000000;
	memcpy(f->helper, "0123456789abcde", 16);
	op.liberal = op.window_scale = true;
	return op;
}

Test(conv_build, all_of_a_creation)
{
	struct kernel_op op = full_op(KOP_CREATE);
	struct req r;

	build(&r, &op);
	cr_assert_eq(GET32(&r, CTA_TIMEOUT), 100u);
	cr_assert_eq(GET32(&r, CTA_MARK), 0u);
	cr_assert_eq(GET16(&r, CTA_ZONE), 5);
	cr_assert_str_eq(mnl_attr_get_str(FIND(&r, CTA_HELP, CTA_HELP_NAME)), "0123456789abcde");
	cr_assert_eq(mnl_attr_get_payload_len(FIND(&r, CTA_LABELS)), 16);
	cr_assert_eq(GET32(&r, CTA_SEQ_ADJ_REPLY, CTA_SEQADJ_OFFSET_AFTER), 0xfffffffeu);
	cr_assert_not_null(FIND(&r, CTA_SEQ_ADJ_ORIG, CTA_SEQADJ_CORRECTION_POS));
	cr_assert_eq(GET32(&r, CTA_SYNPROXY, CTA_SYNPROXY_ITS), 3u);
	cr_assert_eq(GET16(&r, CTA_TUPLE_MASTER, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), 1025);
	cr_assert_null(FIND(&r, CTA_ID));
}

/* The kernel answers EOPNOTSUPP to NAT and master. The helper is asked to find its place again. */
Test(conv_build, an_update_leaves_out_what_cannot_change)
{
	struct kernel_op op = full_op(KOP_UPDATE);
	struct req r;

	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_NAT_SRC));
	cr_assert_null(FIND(&r, CTA_NAT_DST));
	cr_assert_null(FIND(&r, CTA_TUPLE_MASTER));
	cr_assert_null(FIND(&r, CTA_TUPLE_REPLY));
	cr_assert_not_null(FIND(&r, CTA_TUPLE_ORIG));
	cr_assert_not_null(FIND(&r, CTA_STATUS));
	cr_assert_not_null(FIND(&r, CTA_TIMEOUT));
	cr_assert_not_null(FIND(&r, CTA_MARK));
	cr_assert_not_null(FIND(&r, CTA_PROTOINFO));
	cr_assert_not_null(FIND(&r, CTA_LABELS));
	cr_assert_not_null(FIND(&r, CTA_SEQ_ADJ_ORIG));
	cr_assert_not_null(FIND(&r, CTA_HELP, CTA_HELP_NAME));
	cr_assert_eq(GET16(&r, CTA_ZONE), 5);
}

Test(conv_build, deletion_and_query_name_the_flow_only)
{
	struct kernel_op op = full_op(KOP_DELETE);
	struct req r;

	build(&r, &op);
	cr_assert_not_null(FIND(&r, CTA_TUPLE_ORIG));
	cr_assert_eq(GET16(&r, CTA_ZONE), 5);
	cr_assert_eq(GET32(&r, CTA_ID), 99u);
	cr_assert_null(FIND(&r, CTA_MARK));
	cr_assert_null(FIND(&r, CTA_STATUS));
	op.kind = KOP_GET;
	build(&r, &op);
	cr_assert_not_null(FIND(&r, CTA_TUPLE_ORIG));
	cr_assert_null(FIND(&r, CTA_ID));
	cr_assert_null(FIND(&r, CTA_MARK));
}

Test(conv_build, zones_of_one_direction)
{
	struct kernel_op op = flow_op(KOP_CREATE, IPP_TCP);
	struct req r;

	op.flow.has |= FLOW_HAS_ZONE_ORIG;
	op.flow.zone_orig = 7;
	build(&r, &op);
	cr_assert_eq(GET16(&r, CTA_TUPLE_ORIG, CTA_TUPLE_ZONE), 7);
	cr_assert_null(FIND(&r, CTA_TUPLE_REPLY, CTA_TUPLE_ZONE));
	cr_assert_null(FIND(&r, CTA_ZONE));
	op.flow.has = (op.flow.has & ~FLOW_HAS_ZONE_ORIG) | FLOW_HAS_ZONE_REPLY;
	op.flow.zone_reply = 8;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_TUPLE_ORIG, CTA_TUPLE_ZONE));
	cr_assert_eq(GET16(&r, CTA_TUPLE_REPLY, CTA_TUPLE_ZONE), 8);
	cr_assert_null(FIND(&r, CTA_ZONE));
}

Test(conv_build, a_master_that_cannot_be_found_is_left_out)
{
	struct kernel_op op = full_op(KOP_CREATE);
	struct req r;

	op.flow.has &= ~FLOW_HAS_MASTER_PORTS;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_TUPLE_MASTER));
	op.flow.master.proto = 50;
	build(&r, &op);
	cr_assert_not_null(FIND(&r, CTA_TUPLE_MASTER));
}

static struct kernel_op expect_op(enum kernel_op_kind kind)
{
	struct kernel_op op = { .kind = kind };
	struct expect *e = &op.expect;

	e->master = e->tuple = e->mask = flow_op(KOP_CREATE, IPP_TCP).flow.orig;
	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT |
		 EXPECT_HAS_FLAGS | EXPECT_HAS_CLASS | EXPECT_HAS_HELPER | EXPECT_HAS_FN |
		 EXPECT_HAS_ZONE | EXPECT_HAS_ID | EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR |
		 EXPECT_HAS_NAT_ADDR | EXPECT_HAS_NAT_PROTO | EXPECT_HAS_NAT_PORTS;
	/* A mask of a peer may say anything here. */
	e->mask.proto = 0xff;
	e->timeout = 300;
	e->flags = 0xf1;
	e->class_ = 2;
	e->zone = 6;
	e->id = 17;
	e->nat_dir = 1;
	e->nat.sport = 2021;
	memcpy(e->helper, "ftp", 4);
	memcpy(e->fn, "nat-follow-master", 18);
	return op;
}

Test(conv_build, all_of_an_expectation)
{
	struct kernel_op op = expect_op(KOP_EXP_CREATE);
	uint16_t n = CTA_EXPECT_NAT, t = CTA_EXPECT_NAT_TUPLE;
	struct req r;

	build(&r, &op);
	cr_assert_eq(header(&r)->nlmsg_type, 0x200);
	cr_assert_eq(header(&r)->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
	cr_assert_eq(GET16(&r, CTA_EXPECT_TUPLE, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT), 443);
	cr_assert_eq(GET16(&r, CTA_EXPECT_MASTER, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT), 443);
	cr_assert_eq(GET8(&r, CTA_EXPECT_MASK, CTA_TUPLE_PROTO, CTA_PROTO_NUM), IPP_TCP);
	cr_assert_not_null(FIND(&r, CTA_EXPECT_MASK, CTA_TUPLE_IP, CTA_IP_V4_DST));
	cr_assert_eq(GET32(&r, CTA_EXPECT_TIMEOUT), 300u);
	cr_assert_eq(GET32(&r, CTA_EXPECT_FLAGS), 1u);
	cr_assert_eq(GET32(&r, CTA_EXPECT_CLASS), 2u);
	cr_assert_eq(GET16(&r, CTA_EXPECT_ZONE), 6);
	cr_assert_str_eq(mnl_attr_get_str(FIND(&r, CTA_EXPECT_HELP_NAME)), "ftp");
	cr_assert_str_eq(mnl_attr_get_str(FIND(&r, CTA_EXPECT_FN)), "nat-follow-master");
	cr_assert_eq(GET32(&r, n, CTA_EXPECT_NAT_DIR), 1u);
	cr_assert_eq(GET16(&r, n, t, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), 2021);
	cr_assert_eq(GET8(&r, n, t, CTA_TUPLE_PROTO, CTA_PROTO_NUM), IPP_TCP);
	cr_assert_not_null(FIND(&r, n, t, CTA_TUPLE_IP, CTA_IP_V4_SRC));
	cr_assert_null(FIND(&r, CTA_EXPECT_ID));
}

/* The kernel wants all three tuples, and neither flag, for a change. */
Test(conv_build, w12_lifetime_of_an_expectation)
{
	struct kernel_op op = expect_op(KOP_EXP_UPDATE);
	struct req r;

	build(&r, &op);
	cr_assert_eq(header(&r)->nlmsg_type, 0x200);
	cr_assert_eq(header(&r)->nlmsg_flags, NLM_F_REQUEST);
	cr_assert_not_null(FIND(&r, CTA_EXPECT_TUPLE));
	cr_assert_not_null(FIND(&r, CTA_EXPECT_MASK));
	cr_assert_not_null(FIND(&r, CTA_EXPECT_MASTER));
	cr_assert_eq(GET16(&r, CTA_EXPECT_ZONE), 6);
	cr_assert_eq(GET32(&r, CTA_EXPECT_TIMEOUT), 300u);
}

/* A translating function without a saved port sends the client to port 0. */
Test(conv_build, no_function_without_its_nat_part)
{
	struct kernel_op op = expect_op(KOP_EXP_CREATE);
	struct req r;

	op.expect.has &= ~EXPECT_HAS_NAT_DIR;
	build(&r, &op);
	cr_assert_null(FIND(&r, CTA_EXPECT_NAT));
	cr_assert_null(FIND(&r, CTA_EXPECT_FN));
}

Test(conv_build, expectation_deletion)
{
	struct kernel_op op = expect_op(KOP_EXP_DELETE);
	struct req r;

	build(&r, &op);
	cr_assert_eq(header(&r)->nlmsg_type, 0x202);
	cr_assert_not_null(FIND(&r, CTA_EXPECT_TUPLE));
	cr_assert_eq(GET16(&r, CTA_EXPECT_ZONE), 6);
	cr_assert_eq(GET32(&r, CTA_EXPECT_ID), 17u);
	cr_assert_null(FIND(&r, CTA_EXPECT_HELP_NAME)); /* would delete all of it */
	cr_assert_null(FIND(&r, CTA_EXPECT_MASTER));
}

/* The kernel takes a deletion without tuple for a flush. */
Test(conv_build, nothing_without_a_key)
{
	static const enum kernel_op_kind kinds[] = { KOP_CREATE, KOP_UPDATE, KOP_DELETE, KOP_GET };
	struct kernel_op op;
	struct req r;

	for (size_t i = 0; i < 4; i++) {
		op = flow_op(kinds[i], IPP_TCP);
		op.flow.has &= ~FLOW_HAS_PORTS;
		cr_assert_eq(conv_build(&op, 1, r.bytes, sizeof(r.bytes)), -EINVAL);
		op = flow_op(kinds[i], IPP_TCP);
		op.flow.orig.family = FAM_NONE;
		cr_assert_eq(conv_build(&op, 1, r.bytes, sizeof(r.bytes)), -EINVAL);
	}
	op = expect_op(KOP_EXP_DELETE);
	op.expect.has &= ~EXPECT_HAS_TUPLE;
	cr_assert_eq(conv_build(&op, 1, r.bytes, sizeof(r.bytes)), -EINVAL);
	op = expect_op(KOP_EXP_GET);
	op.expect.tuple.family = FAM_NONE;
	cr_assert_eq(conv_build(&op, 1, r.bytes, sizeof(r.bytes)), -EINVAL);
	op = expect_op(KOP_EXP_CREATE);
	op.expect.has &= ~EXPECT_HAS_MASTER;
	cr_assert_eq(conv_build(&op, 1, r.bytes, sizeof(r.bytes)), -EINVAL);
}

Test(conv_build, every_deletion_has_a_tuple)
{
	struct rng rng;
	struct req r;

	rng_seed(&rng, 5);
	for (int i = 0; i < 2000; i++) {
		struct kernel_op op = { .kind = KOP_DELETE };

		random_flow(&rng, &op.flow);
		build(&r, &op);
		cr_assert_not_null(FIND(&r, CTA_TUPLE_ORIG, CTA_TUPLE_IP));
		cr_assert_not_null(FIND(&r, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM));
	}
}

Test(conv_build, fits_and_says_when_it_does_not)
{
	struct kernel_op op = full_op(KOP_CREATE);
	uint8_t small[CONV_MSG_MAX];
	struct req r;

	op.flow.orig.family = FAM_IP6;
	op.flow.master.family = FAM_IP6;
	build(&r, &op);
	cr_assert_lt(r.len, CONV_MSG_MAX);
	cr_assert_eq(r.len % 4, 0);
	for (size_t cap = 0; cap < (size_t)r.len; cap++)
		cr_assert_eq(conv_build(&op, 1, small, cap), CTD_EFULL);
	cr_assert_eq(conv_build(&op, 77, small, (size_t)r.len), r.len);
	cr_assert(memcmp(small, r.bytes, (size_t)r.len) == 0);
}

/* What is asked for can be read back from the request. */
Test(conv_build, reads_back)
{
	const uint32_t parts = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK |
			       FLOW_HAS_SEQADJ | FLOW_HAS_HELPER | FLOW_HAS_LABELS | FLOW_HAS_ZONE |
			       FLOW_HAS_ZONE_ORIG | FLOW_HAS_ZONE_REPLY | FLOW_HAS_PORTS |
			       FLOW_HAS_ICMP | FLOW_HAS_SYNPROXY;
	struct rng rng;
	struct req r;

	rng_seed(&rng, 6);
	for (int i = 0; i < 5000; i++) {
		struct kernel_op op = { .kind = KOP_CREATE };
		struct tuple reply;
		struct flow f;
		uint32_t want;

		random_flow(&rng, &op.flow);
		build(&r, &op);
		cr_assert_eq(conv_flow(r.bytes, (size_t)r.len, &f), 0);
		want = op.flow.has & parts;
		if (op.flow.orig.proto == IPP_GRE)
			want |= FLOW_HAS_STATUS;
		if (!proto_has_ports(op.flow.orig.proto) && op.flow.orig.proto != IPP_GRE)
			want &= ~FLOW_HAS_PORTS;
		cr_assert_eq(f.has & parts, want);
		cr_assert(tuple_equal(&f.orig, &op.flow.orig));
		tuple_invert(&op.flow.orig, &reply);
		cr_assert(tuple_equal(&f.reply, &reply));
	}
}

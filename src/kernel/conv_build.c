// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests to the kernel's tables. What ctnetlink accepts, ignores or refuses
 * decides what is said here; the rules come from ctnetlink_new_conntrack(),
 * ctnetlink_change_conntrack() and ctnetlink_create_expect() in
 * net/netfilter/nf_conntrack_netlink.c and were tried on a running kernel.
 */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "base/err.h"
#include "kernel/conv.h"
#include "attr.h"

/* Bits of a status that a request may set; the kernel sees to the others itself. */
#define STATUS_GIVEN (CTS_SEEN_REPLY | CTS_ASSURED | CTS_FIXED_TIMEOUT | CTS_HELPER)

static void put_addr(struct buf *b, unsigned int v4, unsigned int v6, uint8_t family,
		     const struct addr *a)
{
	if (family == FAM_IP4)
		attr_put(b, v4, a->b, 4);
	else
		attr_put(b, v6, a->b, 16);
}

/* Protocols whose tuple has the two port attributes; GRE keeps its keys there. */
static bool has_port_attrs(uint8_t proto)
{
	return proto_has_ports(proto) || proto == IPP_GRE;
}

static void put_l4(struct buf *b, const struct tuple *t)
{
	size_t nest = attr_begin(b, CTA_TUPLE_PROTO);
	bool v4 = t->proto == IPP_ICMP;

	attr_put8(b, CTA_PROTO_NUM, t->proto);
	if (has_port_attrs(t->proto)) {
		attr_put16(b, CTA_PROTO_SRC_PORT, t->sport);
		attr_put16(b, CTA_PROTO_DST_PORT, t->dport);
	} else if (proto_is_icmp(t->proto)) {
		attr_put16(b, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, t->sport);
		attr_put8(b, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, t->icmp_type);
		attr_put8(b, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, t->icmp_code);
	}
	attr_end(b, nest);
}

/* zone 0: none; the kernel never reports it and does not need it. */
static void put_tuple(struct buf *b, unsigned int type, const struct tuple *t, uint16_t zone)
{
	size_t nest = attr_begin(b, type);
	size_t ip = attr_begin(b, CTA_TUPLE_IP);

	put_addr(b, CTA_IP_V4_SRC, CTA_IP_V6_SRC, t->family, &t->src);
	put_addr(b, CTA_IP_V4_DST, CTA_IP_V6_DST, t->family, &t->dst);
	attr_end(b, ip);
	put_l4(b, t);
	if (zone)
		attr_put16(b, CTA_TUPLE_ZONE, zone);
	attr_end(b, nest);
}

/*
 * The original tuple with its zone. A flow whose zone holds in the reply
 * direction only is found without one. The kernel refuses a general zone
 * beside one of a direction.
 */
static void put_key(struct buf *b, const struct flow *f)
{
	bool one_way = (f->has & (FLOW_HAS_ZONE_ORIG | FLOW_HAS_ZONE_REPLY)) != 0;

	put_tuple(b, CTA_TUPLE_ORIG, &f->orig, f->has & FLOW_HAS_ZONE_ORIG ? f->zone_orig : 0);
	if (!one_way && (f->has & FLOW_HAS_ZONE) && f->zone)
		attr_put16(b, CTA_ZONE, f->zone);
}

/* One end of a translation, to exactly this address and port (or ICMP id). */
static void put_nat(struct buf *b, unsigned int type, const struct tuple *t, const struct addr *a,
		    bool with_port, uint16_t port)
{
	size_t nest = attr_begin(b, type);

	put_addr(b, CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP, t->family, a);
	put_addr(b, CTA_NAT_V4_MAXIP, CTA_NAT_V6_MAXIP, t->family, a);
	if (with_port) {
		size_t proto = attr_begin(b, CTA_NAT_PROTO);

		attr_put16(b, CTA_PROTONAT_PORT_MIN, port);
		attr_put16(b, CTA_PROTONAT_PORT_MAX, port);
		attr_end(b, proto);
	}
	attr_end(b, nest);
}

/*
 * The kernel derives the translated reply tuple and the status bits from these.
 * The port is given even if it is not translated: with an address alone the
 * kernel would pick another port when that one is taken, and we want an error
 * then. The id of an ICMP flow is one number that either translation can set;
 * it goes with the source unless only the destination is translated.
 */
static void put_nats(struct buf *b, const struct flow *f)
{
	const struct tuple *t = &f->orig;
	bool ports = has_port_attrs(t->proto), icmp = proto_is_icmp(t->proto);
	uint16_t sport, dport;
	struct flow_nat nat;
	bool src, dst;

	flow_nat(f, &nat);
	sport = nat.spat ? nat.sport : t->sport;
	dport = icmp ? sport : nat.dpat ? nat.dport : t->dport;
	dst = nat.dnat || (nat.dpat && !icmp);
	src = nat.snat || (nat.spat && !(icmp && dst));
	if (src)
		put_nat(b, CTA_NAT_SRC, t, nat.snat ? &nat.saddr : &t->src, ports || icmp, sport);
	if (dst)
		put_nat(b, CTA_NAT_DST, t, nat.dnat ? &nat.daddr : &t->dst, ports || (icmp && !src),
			dport);
}

/*
 * A status must say "confirmed" and must not say "dying". "Expected" is set by
 * the kernel when a flow is created with its master, and must be repeated when
 * such a flow is changed.
 *
 * A GRE flow made by a request has timeouts of zero, and its first packet
 * would end it; with a fixed timeout it lives as long as it was given.
 */
static void put_status(struct buf *b, const struct flow *f, bool create)
{
	bool fixed = create && f->orig.proto == IPP_GRE;
	uint32_t s = f->has & FLOW_HAS_STATUS ? f->status : 0;

	if (!(f->has & FLOW_HAS_STATUS) && !fixed)
		return;
	s &= create ? STATUS_GIVEN : STATUS_GIVEN | CTS_EXPECTED;
	s |= CTS_CONFIRMED | (fixed ? CTS_FIXED_TIMEOUT : 0);
	attr_put32(b, CTA_STATUS, s);
}

/* Flags and which of them are meant; what the kernel reports has an empty mask. */
static void put_tcp_flags(struct buf *b, unsigned int type, uint8_t flags)
{
	uint8_t v[2] = { flags, flags };

	if (flags)
		attr_put(b, type, v, sizeof(v));
}

/*
 * Did both ends agree to scale? The kernel reports scales of 0 if not. A peer that
 * tells no flags tells scales, and those of 1.4.x do so of every connection.
 */
static bool scales(const struct flow *f)
{
	return (f->has & FLOW_HAS_WSCALE) &&
	       (!(f->has & FLOW_HAS_TCPFLAGS) ||
		(f->tcp_flags[0] & f->tcp_flags[1] & TCPF_WINDOW_SCALE));
}

/*
 * Scales are taken only if both are given and both directions are flagged as
 * using them. Sequence numbers cannot be handed over, hence "be liberal".
 */
static void put_tcp(struct buf *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;
	bool scale = op->window_scale && scales(f);
	uint8_t flags = (scale ? TCPF_WINDOW_SCALE : 0) | (op->liberal ? TCPF_BE_LIBERAL : 0);
	uint8_t known = f->has & FLOW_HAS_TCPFLAGS ? TCPF_SACK_PERM | TCPF_CLOSE_INIT : 0;
	size_t nest, tcp;

	if (!(f->has & FLOW_HAS_STATE) && !scale && !flags)
		return;
	nest = attr_begin(b, CTA_PROTOINFO);
	tcp = attr_begin(b, CTA_PROTOINFO_TCP);
	if (f->has & FLOW_HAS_STATE)
		attr_put8(b, CTA_PROTOINFO_TCP_STATE, f->state);
	if (scale) {
		attr_put8(b, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, f->wscale[0]);
		attr_put8(b, CTA_PROTOINFO_TCP_WSCALE_REPLY, f->wscale[1]);
	}
	put_tcp_flags(b, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, flags | (f->tcp_flags[0] & known));
	put_tcp_flags(b, CTA_PROTOINFO_TCP_FLAGS_REPLY, flags | (f->tcp_flags[1] & known));
	attr_end(b, tcp);
	attr_end(b, nest);
}

/* All three or an error; a tag of 0 is one not yet seen. */
static void put_sctp(struct buf *b, const struct flow *f)
{
	bool tags = (f->has & FLOW_HAS_VTAG) != 0;
	size_t nest, sctp;

	if (!(f->has & FLOW_HAS_STATE))
		return;
	nest = attr_begin(b, CTA_PROTOINFO);
	sctp = attr_begin(b, CTA_PROTOINFO_SCTP);
	attr_put8(b, CTA_PROTOINFO_SCTP_STATE, f->state);
	attr_put32(b, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, tags ? f->vtag[0] : 0);
	attr_put32(b, CTA_PROTOINFO_SCTP_VTAG_REPLY, tags ? f->vtag[1] : 0);
	attr_end(b, sctp);
	attr_end(b, nest);
}

/* Both or an error; a kernel without DCCP tracker does not look. */
static void put_dccp(struct buf *b, const struct flow *f)
{
	uint32_t both = FLOW_HAS_STATE | FLOW_HAS_DCCP_ROLE;
	size_t nest, dccp;

	if ((f->has & both) != both)
		return;
	nest = attr_begin(b, CTA_PROTOINFO);
	dccp = attr_begin(b, CTA_PROTOINFO_DCCP);
	attr_put8(b, CTA_PROTOINFO_DCCP_STATE, f->state);
	attr_put8(b, CTA_PROTOINFO_DCCP_ROLE, f->dccp_role);
	attr_end(b, dccp);
	attr_end(b, nest);
}

static void put_protoinfo(struct buf *b, const struct kernel_op *op)
{
	switch (op->flow.orig.proto) {
	case IPP_TCP:
		put_tcp(b, op);
		break;
	case IPP_SCTP:
		put_sctp(b, &op->flow);
		break;
	case IPP_DCCP:
		put_dccp(b, &op->flow);
		break;
	}
}

static void put_seqadj(struct buf *b, unsigned int type, const struct seqadj *s)
{
	size_t nest = attr_begin(b, type);

	attr_put32(b, CTA_SEQADJ_CORRECTION_POS, s->pos);
	attr_put32(b, CTA_SEQADJ_OFFSET_BEFORE, (uint32_t)s->before);
	attr_put32(b, CTA_SEQADJ_OFFSET_AFTER, (uint32_t)s->after);
	attr_end(b, nest);
}

static void put_synproxy(struct buf *b, const struct flow *f)
{
	size_t nest;

	if (!(f->has & FLOW_HAS_SYNPROXY) ||
	    !(f->synproxy_isn | f->synproxy_its | f->synproxy_tsoff))
		return;
	nest = attr_begin(b, CTA_SYNPROXY);
	attr_put32(b, CTA_SYNPROXY_ISN, f->synproxy_isn);
	attr_put32(b, CTA_SYNPROXY_ITS, f->synproxy_its);
	attr_put32(b, CTA_SYNPROXY_TSOFF, f->synproxy_tsoff);
	attr_end(b, nest);
}

/*
 * In a change it must be the one the flow has. Then it says that the helper missed
 * something: that of FTP takes the next packets as the beginning of lines.
 */
static void put_helper(struct buf *b, const struct flow *f)
{
	size_t nest;

	if (!(f->has & FLOW_HAS_HELPER) || !f->helper[0])
		return;
	nest = attr_begin(b, CTA_HELP);
	attr_put_str(b, CTA_HELP_NAME, f->helper, sizeof(f->helper));
	attr_end(b, nest);
}

/* What may be said both when a flow is made and when it is changed. */
static void put_common(struct buf *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;

	put_helper(b, f);
	put_status(b, f, op->kind == KOP_CREATE);
	if (f->has & FLOW_HAS_TIMEOUT)
		attr_put32(b, CTA_TIMEOUT, f->timeout);
	if (f->has & FLOW_HAS_MARK)
		attr_put32(b, CTA_MARK, f->mark);
	put_protoinfo(b, op);
	if (f->has & FLOW_HAS_SEQADJ) {
		put_seqadj(b, CTA_SEQ_ADJ_ORIG, &f->seqadj[0]);
		put_seqadj(b, CTA_SEQ_ADJ_REPLY, &f->seqadj[1]);
	}
	put_synproxy(b, f);
	if (f->has & FLOW_HAS_LABELS)
		attr_put(b, CTA_LABELS, f->labels, sizeof(f->labels));
}

/* A master without the ports its protocol needs cannot be found. */
static bool usable_master(const struct flow *f)
{
	return (f->has & FLOW_HAS_MASTER) &&
	       ((f->has & FLOW_HAS_MASTER_PORTS) || !proto_has_ports(f->master.proto));
}

/* What only creation takes; the reply tuple is the untranslated one. */
static void put_create(struct buf *b, const struct flow *f)
{
	struct tuple reply;
	bool zone = (f->has & FLOW_HAS_ZONE_REPLY) && !(f->has & FLOW_HAS_ZONE_ORIG);

	tuple_invert(&f->orig, &reply);
	put_tuple(b, CTA_TUPLE_REPLY, &reply, zone ? f->zone_reply : 0);
	put_nats(b, f);
	if (usable_master(f))
		put_tuple(b, CTA_TUPLE_MASTER, &f->master, 0);
}

static void put_flow_op(struct buf *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;

	put_key(b, f);
	switch (op->kind) {
	case KOP_CREATE:
		put_create(b, f);
		put_common(b, op);
		break;
	case KOP_UPDATE:
		put_common(b, op);
		break;
	case KOP_DELETE:
		if (f->has & FLOW_HAS_ID)
			attr_put32(b, CTA_ID, f->id);
		break;
	default:
		break;
	}
}

/* The saved address and port of a translated expectation, in the source half. */
static void put_expect_nat(struct buf *b, const struct expect *e)
{
	size_t nest = attr_begin(b, CTA_EXPECT_NAT);
	struct tuple t = e->nat;

	t.family = e->tuple.family;
	t.proto = e->tuple.proto;
	attr_put32(b, CTA_EXPECT_NAT_DIR, e->nat_dir);
	put_tuple(b, CTA_EXPECT_NAT_TUPLE, &t, 0);
	attr_end(b, nest);
}

/*
 * The function that translates the expected connection works on the saved
 * address and port: without them it would send an FTP client to port 0, so
 * it is named only together with them. A change must name all three tuples, and
 * looks at nothing else but the lifetime.
 */
static void put_expect_create(struct buf *b, const struct expect *e)
{
	bool nat = (e->has & EXPECT_HAS_NAT) && (e->has & EXPECT_HAS_NAT_DIR);
	struct tuple mask = e->mask;

	mask.family = e->tuple.family;
	mask.proto = e->tuple.proto;
	put_tuple(b, CTA_EXPECT_MASK, &mask, 0);
	put_tuple(b, CTA_EXPECT_MASTER, &e->master, 0);
	if (e->has & EXPECT_HAS_TIMEOUT)
		attr_put32(b, CTA_EXPECT_TIMEOUT, e->timeout);
	if (e->has & EXPECT_HAS_FLAGS)
		attr_put32(b, CTA_EXPECT_FLAGS,
			   e->flags & (EXPF_PERMANENT | EXPF_INACTIVE | EXPF_USERSPACE));
	if (e->has & EXPECT_HAS_CLASS)
		attr_put32(b, CTA_EXPECT_CLASS, e->class_);
	if ((e->has & EXPECT_HAS_HELPER) && e->helper[0])
		attr_put_str(b, CTA_EXPECT_HELP_NAME, e->helper, sizeof(e->helper));
	if (nat)
		put_expect_nat(b, e);
	if (nat && (e->has & EXPECT_HAS_FN) && e->fn[0])
		attr_put_str(b, CTA_EXPECT_FN, e->fn, sizeof(e->fn));
}

static void put_expect_op(struct buf *b, const struct kernel_op *op)
{
	const struct expect *e = &op->expect;

	put_tuple(b, CTA_EXPECT_TUPLE, &e->tuple, 0);
	if ((e->has & EXPECT_HAS_ZONE) && e->zone)
		attr_put16(b, CTA_EXPECT_ZONE, e->zone);
	if (op->kind == KOP_EXP_CREATE || op->kind == KOP_EXP_UPDATE)
		put_expect_create(b, e);
	else if (op->kind == KOP_EXP_DELETE && (e->has & EXPECT_HAS_ID))
		attr_put32(b, CTA_EXPECT_ID, e->id);
}

static bool usable(const struct kernel_op *op)
{
	switch (op->kind) {
	case KOP_EXP_CREATE:
	case KOP_EXP_UPDATE:
		return expect_has_key(&op->expect);
	case KOP_EXP_DELETE:
	case KOP_EXP_GET:
		return (op->expect.has & EXPECT_HAS_TUPLE) &&
		       addr_len(op->expect.tuple.family) != 0;
	default:
		return flow_has_key(&op->flow);
	}
}

static void header_of(const struct kernel_op *op, struct nlmsghdr *h)
{
	static const struct {
		uint8_t subsys, type;
		uint16_t flags;
	} how[] = {
		[KOP_CREATE] = { NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW,
				 NLM_F_CREATE | NLM_F_EXCL },
		[KOP_UPDATE] = { NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, 0 },
		[KOP_DELETE] = { NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, 0 },
		[KOP_GET] = { NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0 },
		[KOP_EXP_CREATE] = { NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW,
				     NLM_F_CREATE | NLM_F_EXCL },
		[KOP_EXP_DELETE] = { NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_DELETE, 0 },
		[KOP_EXP_UPDATE] = { NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW, 0 },
		[KOP_EXP_GET] = { NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, 0 },
	};

	h->nlmsg_type = (uint16_t)(how[op->kind].subsys << 8 | how[op->kind].type);
	h->nlmsg_flags = NLM_F_REQUEST | how[op->kind].flags;
}

ssize_t conv_build(const struct kernel_op *op, uint32_t seq, void *out, size_t cap)
{
	bool expect = op->kind >= KOP_EXP_CREATE;
	struct nlmsghdr h = { .nlmsg_seq = seq };
	struct nfgenmsg g = { .version = NFNETLINK_V0 };
	struct buf b;

	if (!usable(op))
		return -EINVAL;
	g.nfgen_family = expect ? op->expect.tuple.family : op->flow.orig.family;
	buf_write(&b, out, cap);
	buf_zero(&b, sizeof(h));
	buf_put(&b, &g, sizeof(g));
	if (expect)
		put_expect_op(&b, op);
	else
		put_flow_op(&b, op);
	if (!buf_ok(&b))
		return CTD_EFULL;
	header_of(op, &h);
	h.nlmsg_len = (uint32_t)b.pos;
	memcpy(out, &h, sizeof(h));
	return (ssize_t)b.pos;
}

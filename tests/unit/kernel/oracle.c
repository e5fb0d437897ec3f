// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libnetfilter_conntrack as the second opinion on what a message says, and as
 * the writer of random messages.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include "kernel/conv.h"
#include "nfct_same.h"
#include "oracle.h"

#define IS_SET(ct, attr) (nfct_attr_is_set(ct, attr) > 0)

void oracle_flow(const struct nlmsghdr *msg)
{
	struct nf_conntrack *ct = nfct_new();
	const char *what;
	struct flow f;

	cr_assert_eq(nfct_nlmsg_parse(msg, ct), 0);
	cr_assert_eq(conv_flow(msg, msg->nlmsg_len, &f), 0);
	what = nfct_differs(ct, &f);
	cr_assert_null(what, "%s", what);
	nfct_destroy(ct);
}

void oracle_expect(const struct nlmsghdr *msg)
{
	struct nf_expect *exp = nfexp_new();
	const char *what;
	struct expect e;

	cr_assert_eq(nfexp_nlmsg_parse(msg, exp), 0);
	cr_assert_eq(conv_expect(msg, msg->nlmsg_len, &e), 0);
	what = nfexp_differs(exp, &e);
	cr_assert_null(what, "%s", what);
	nfexp_destroy(exp);
}

static const uint8_t protos[] = {
	IPP_TCP,  IPP_TCP,  IPP_TCP, IPP_UDP,     IPP_UDP, IPP_ICMP,
	IPP_SCTP, IPP_DCCP, IPP_GRE, IPP_UDPLITE, 50,      89,
};

static uint8_t random_proto(struct rng *r, bool v6)
{
	uint8_t p = protos[rng_below(r, sizeof(protos))];

	return p == IPP_ICMP && v6 ? IPP_ICMP6 : p;
}

/* Types that have an answer. */
static uint8_t random_icmp(struct rng *r, uint8_t proto)
{
	static const uint8_t v4[] = { 0, 8, 13, 14, 15, 16, 17, 18 };
	static const uint8_t v6[] = { 128, 129, 139, 140 };

	return proto == IPP_ICMP ? v4[rng_below(r, sizeof(v4))] : v6[rng_below(r, sizeof(v6))];
}

static void random_addr(struct rng *r, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)rng_u32(r);
}

static void set_tuple(struct rng *r, struct nf_conntrack *ct, int which, bool v6, uint8_t proto)
{
	static const enum nf_conntrack_attr l3[3] = {
		ATTR_ORIG_L3PROTO,
		ATTR_REPL_L3PROTO,
		ATTR_MASTER_L3PROTO,
	};
	const enum nf_conntrack_attr *a = v6 ? nfct_addr6[which] : nfct_addr4[which];
	uint8_t b[16];

	nfct_set_attr_u8(ct, l3[which], v6 ? FAM_IP6 : FAM_IP4);
	nfct_set_attr_u8(ct, nfct_l4[which], proto);
	for (int i = 0; i < 2; i++) {
		random_addr(r, b, sizeof(b));
		nfct_set_attr(ct, a[i], b);
		if (proto_has_ports(proto) || proto == IPP_GRE)
			nfct_set_attr_u16(ct, nfct_port[which][i], (uint16_t)rng_u32(r));
	}
	if (which == 0 && proto_is_icmp(proto)) {
		nfct_set_attr_u8(ct, ATTR_ICMP_TYPE, random_icmp(r, proto));
		nfct_set_attr_u8(ct, ATTR_ICMP_CODE, (uint8_t)rng_u32(r));
		nfct_set_attr_u16(ct, ATTR_ICMP_ID, (uint16_t)rng_u32(r));
	}
}

static void set_proto(struct rng *r, struct nf_conntrack *ct, uint8_t proto)
{
	if (proto == IPP_TCP) {
		nfct_set_attr_u8(ct, ATTR_TCP_STATE, (uint8_t)rng_below(r, 10));
		for (int i = 0; i < 2; i++) {
			if (rng_below(r, 4) == 0)
				return; /* one scale, or flags of one side only */
			nfct_set_attr_u8(ct, ATTR_TCP_WSCALE_ORIG + i, (uint8_t)rng_below(r, 15));
			nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_ORIG + i, (uint8_t)rng_u32(r));
			nfct_set_attr_u8(ct, ATTR_TCP_MASK_ORIG + i, (uint8_t)rng_u32(r));
		}
	} else if (proto == IPP_SCTP) {
		nfct_set_attr_u8(ct, ATTR_SCTP_STATE, (uint8_t)rng_below(r, 9));
		nfct_set_attr_u32(ct, ATTR_SCTP_VTAG_ORIG, rng_u32(r));
		nfct_set_attr_u32(ct, ATTR_SCTP_VTAG_REPL, rng_u32(r));
	} else if (proto == IPP_DCCP) {
		nfct_set_attr_u8(ct, ATTR_DCCP_STATE, (uint8_t)rng_below(r, 8));
		nfct_set_attr_u8(ct, ATTR_DCCP_ROLE, (uint8_t)rng_below(r, 2));
	}
}

static void set_rare(struct rng *r, struct nf_conntrack *ct)
{
	if (rng_below(r, 3) == 0)
		nfct_set_attr(ct, ATTR_HELPER_NAME, "netbios-ns");
	if (rng_below(r, 3) == 0) {
		struct nfct_bitmask *m = nfct_bitmask_new(127);

		nfct_bitmask_set_bit(m, rng_below(r, 128));
		nfct_bitmask_set_bit(m, rng_below(r, 128));
		nfct_set_attr(ct, ATTR_CONNLABELS, m); /* takes it over */
	}
	if (rng_below(r, 3) == 0) {
		for (int i = 0; i < 6; i++)
			nfct_set_attr_u32(ct, ATTR_ORIG_NAT_SEQ_CORRECTION_POS + i, rng_u32(r));
	}
	if (rng_below(r, 3) == 0) {
		uint32_t zero = rng_below(r, 2);

		for (int i = 0; i < 3; i++)
			nfct_set_attr_u32(ct, ATTR_SYNPROXY_ISN + i, zero * rng_u32(r));
	}
	switch (rng_below(r, 5)) {
	case 0:
		nfct_set_attr_u16(ct, ATTR_ZONE, (uint16_t)rng_u32(r));
		break;
	case 1:
		nfct_set_attr_u16(ct, ATTR_ORIG_ZONE, (uint16_t)rng_u32(r));
		break;
	case 2:
		if (IS_SET(ct, ATTR_REPL_L4PROTO))
			nfct_set_attr_u16(ct, ATTR_REPL_ZONE, (uint16_t)rng_u32(r));
		break;
	}
}

struct nlmsghdr *oracle_random_flow(struct rng *r, void *buf)
{
	struct nf_conntrack *ct = nfct_new();
	bool v6 = rng_below(r, 2);
	uint8_t proto = random_proto(r, v6);
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8;
	g->nfgen_family = v6 ? FAM_IP6 : FAM_IP4;
	set_tuple(r, ct, 0, v6, proto);
	if (rng_below(r, 8))
		set_tuple(r, ct, 1, v6, proto);
	if (rng_below(r, 4) == 0)
		set_tuple(r, ct, 2, v6, IPP_TCP);
	if (rng_below(r, 4))
		nfct_set_attr_u32(ct, ATTR_STATUS, rng_u32(r));
	if (rng_below(r, 4))
		nfct_set_attr_u32(ct, ATTR_TIMEOUT, rng_u32(r));
	if (rng_below(r, 2))
		nfct_set_attr_u32(ct, ATTR_MARK, rng_u32(r));
	if (rng_below(r, 4))
		set_proto(r, ct, proto);
	set_rare(r, ct);
	cr_assert_eq(nfct_nlmsg_build(h, ct), 0);
	nfct_destroy(ct);
	return h;
}

static void set_part(struct rng *r, struct nf_expect *exp, enum nf_expect_attr attr, bool v6,
		     uint8_t proto)
{
	struct nf_conntrack *ct = nfct_new();

	set_tuple(r, ct, 0, v6, proto);
	nfexp_set_attr(exp, attr, ct);
	nfct_destroy(ct);
}

struct nlmsghdr *oracle_random_expect(struct rng *r, void *buf)
{
	struct nf_expect *exp = nfexp_new();
	bool v6 = rng_below(r, 2);
	uint8_t proto = rng_below(r, 2) ? IPP_TCP : IPP_UDP;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK_EXP << 8;
	g->nfgen_family = v6 ? FAM_IP6 : FAM_IP4;
	set_part(r, exp, ATTR_EXP_MASTER, v6, proto);
	set_part(r, exp, ATTR_EXP_EXPECTED, v6, proto);
	set_part(r, exp, ATTR_EXP_MASK, v6, proto);
	if (rng_below(r, 2)) {
		set_part(r, exp, ATTR_EXP_NAT_TUPLE, v6, proto);
		nfexp_set_attr_u32(exp, ATTR_EXP_NAT_DIR, rng_below(r, 2));
	}
	nfexp_set_attr_u32(exp, ATTR_EXP_TIMEOUT, rng_u32(r));
	if (rng_below(r, 2))
		nfexp_set_attr_u32(exp, ATTR_EXP_FLAGS, rng_u32(r));
	if (rng_below(r, 2))
		nfexp_set_attr_u32(exp, ATTR_EXP_CLASS, rng_u32(r));
	if (rng_below(r, 2))
		nfexp_set_attr_u16(exp, ATTR_EXP_ZONE, (uint16_t)rng_u32(r));
	if (rng_below(r, 2))
		nfexp_set_attr(exp, ATTR_EXP_HELPER_NAME, "ftp");
	if (rng_below(r, 2))
		nfexp_set_attr(exp, ATTR_EXP_FN, "nat-follow-master");
	cr_assert_eq(nfexp_nlmsg_build(h, exp), 0);
	nfexp_destroy(exp);
	return h;
}

static void random_tuple(struct rng *r, struct tuple *t, bool v6, uint8_t proto)
{
	memset(t, 0, sizeof(*t));
	t->family = v6 ? FAM_IP6 : FAM_IP4;
	t->proto = proto;
	random_addr(r, t->src.b, addr_len(t->family));
	random_addr(r, t->dst.b, addr_len(t->family));
	if (proto_has_ports(proto) || proto == IPP_GRE) {
		t->sport = (uint16_t)rng_u32(r);
		t->dport = (uint16_t)rng_u32(r);
	} else if (proto_is_icmp(proto)) {
		t->sport = t->dport = (uint16_t)rng_u32(r);
		t->icmp_type = random_icmp(r, proto);
	}
}

void random_flow(struct rng *r, struct flow *f)
{
	const uint32_t sometimes = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK |
				   FLOW_HAS_STATE | FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS |
				   FLOW_HAS_VTAG | FLOW_HAS_DCCP_ROLE | FLOW_HAS_MASTER |
				   FLOW_HAS_MASTER_PORTS | FLOW_HAS_SEQADJ | FLOW_HAS_HELPER |
				   FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY | FLOW_HAS_ID |
				   FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT;
	static const uint32_t zones[] = { 0, FLOW_HAS_ZONE, FLOW_HAS_ZONE_ORIG,
					  FLOW_HAS_ZONE_REPLY };
	bool v6 = rng_below(r, 2);
	uint8_t proto = random_proto(r, v6);

	random_addr(r, (uint8_t *)f, sizeof(*f));
	random_tuple(r, &f->orig, v6, proto);
	random_tuple(r, &f->master, v6, IPP_TCP);
	f->has = (rng_u32(r) & sometimes) | zones[rng_below(r, 4)];
	f->has |= proto_is_icmp(proto) ? FLOW_HAS_ICMP : FLOW_HAS_PORTS;
	if (rng_below(r, 2)) {
		f->has &= ~(FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT);
		f->has |= FLOW_HAS_REPLY;
		random_tuple(r, &f->reply, v6, proto);
	}
	f->zone |= 1;
	f->zone_orig |= 1;
	f->zone_reply |= 1;
	f->synproxy_isn |= 1;
	f->labels[0] |= 1;
	memcpy(f->helper, "0123456789abcde", sizeof(f->helper));
}

void random_expect(struct rng *r, struct expect *e)
{
	const uint32_t sometimes = EXPECT_HAS_TIMEOUT | EXPECT_HAS_FLAGS | EXPECT_HAS_CLASS |
				   EXPECT_HAS_HELPER | EXPECT_HAS_FN | EXPECT_HAS_ZONE |
				   EXPECT_HAS_ID;
	bool v6 = rng_below(r, 2);
	uint8_t proto = rng_below(r, 2) ? IPP_TCP : IPP_UDP;

	random_addr(r, (uint8_t *)e, sizeof(*e));
	random_tuple(r, &e->master, v6, proto);
	random_tuple(r, &e->tuple, v6, proto);
	random_tuple(r, &e->mask, v6, proto);
	random_tuple(r, &e->nat, v6, proto);
	e->has = (rng_u32(r) & sometimes) | EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK |
		 EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_PORTS | EXPECT_HAS_MASK_PORTS;
	if (rng_below(r, 2))
		e->has |= EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR | EXPECT_HAS_NAT_ADDR |
			  EXPECT_HAS_NAT_PROTO | EXPECT_HAS_NAT_PORTS;
	e->nat_dir &= 1;
	e->zone |= 1;
	memcpy(e->helper, "ftp", sizeof("ftp"));
	memcpy(e->fn, "nat-follow-master", sizeof("nat-follow-master"));
}

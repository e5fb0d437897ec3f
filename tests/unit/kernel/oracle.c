// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libnetfilter_conntrack as the second opinion on what a message says. It
 * holds addresses and ports in network order, and the reply direction of an
 * ICMP flow not at all.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include "kernel/conv.h"
#include "oracle.h"

#define IS_SET(ct, attr) (nfct_attr_is_set(ct, attr) > 0)

static const enum nf_conntrack_attr addr4[3][2] = {
	{ ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST },
	{ ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST },
	{ ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV4_DST },
};
static const enum nf_conntrack_attr addr6[3][2] = {
	{ ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST },
	{ ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST },
	{ ATTR_MASTER_IPV6_SRC, ATTR_MASTER_IPV6_DST },
};
static const enum nf_conntrack_attr port[3][2] = {
	{ ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST },
	{ ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST },
	{ ATTR_MASTER_PORT_SRC, ATTR_MASTER_PORT_DST },
};
static const enum nf_conntrack_attr l4[3] = {
	ATTR_ORIG_L4PROTO, ATTR_REPL_L4PROTO, ATTR_MASTER_L4PROTO,
};

/* which: 0 original, 1 reply, 2 master. */
static void same_tuple(const struct nf_conntrack *ct, int which, const struct tuple *t)
{
	const enum nf_conntrack_attr *a = t->family == FAM_IP4 ? addr4[which] : addr6[which];

	cr_assert(memcmp(nfct_get_attr(ct, a[0]), t->src.b, addr_len(t->family)) == 0);
	cr_assert(memcmp(nfct_get_attr(ct, a[1]), t->dst.b, addr_len(t->family)) == 0);
	cr_assert_eq(nfct_get_attr_u8(ct, l4[which]), t->proto);
	if (proto_is_icmp(t->proto))
		return;
	if (IS_SET(ct, port[which][0]))
		cr_assert_eq(ntohs(nfct_get_attr_u16(ct, port[which][0])), t->sport);
	else
		cr_assert_eq(t->sport, 0);
	if (IS_SET(ct, port[which][1]))
		cr_assert_eq(ntohs(nfct_get_attr_u16(ct, port[which][1])), t->dport);
	else
		cr_assert_eq(t->dport, 0);
}

static void same_orig(const struct nf_conntrack *ct, const struct flow *f)
{
	bool ports = IS_SET(ct, ATTR_ORIG_PORT_SRC) && IS_SET(ct, ATTR_ORIG_PORT_DST);
	bool icmp = proto_is_icmp(f->orig.proto);

	same_tuple(ct, 0, &f->orig);
	if (f->orig.proto == IPP_DCCP)
		ports = true;
	cr_assert_eq((f->has & FLOW_HAS_PORTS) != 0, ports && !icmp);
	cr_assert_eq((f->has & FLOW_HAS_ICMP) != 0, icmp && IS_SET(ct, ATTR_ICMP_ID));
	if (f->has & FLOW_HAS_ICMP) {
		cr_assert_eq(f->orig.icmp_type, nfct_get_attr_u8(ct, ATTR_ICMP_TYPE));
		cr_assert_eq(f->orig.icmp_code, nfct_get_attr_u8(ct, ATTR_ICMP_CODE));
		cr_assert_eq(f->orig.sport, ntohs(nfct_get_attr_u16(ct, ATTR_ICMP_ID)));
		cr_assert_eq(f->orig.dport, f->orig.sport);
	}
}

/* Window scales and flags are of use only if both directions are known. */
static void same_pair(const struct nf_conntrack *ct, const struct flow *f, uint32_t part,
		      enum nf_conntrack_attr orig, enum nf_conntrack_attr reply,
		      const uint8_t *values)
{
	bool both = IS_SET(ct, orig) && IS_SET(ct, reply);

	cr_assert_eq((f->has & part) != 0, both, "attribute %d", orig);
	if (both) {
		cr_assert_eq(nfct_get_attr_u8(ct, orig), values[0]);
		cr_assert_eq(nfct_get_attr_u8(ct, reply), values[1]);
	}
}

/* A part is known to us exactly if the library has the attribute. */
#define SAME_PART(ct, f, part, attr, bits, field)                                   \
	do {                                                                        \
		cr_assert_eq(((f)->has & (part)) != 0, IS_SET(ct, attr), #attr);    \
		if ((f)->has & (part))                                              \
			cr_assert_eq(nfct_get_attr_u##bits(ct, attr), field, #attr);\
	} while (0)

static void same_proto(const struct nf_conntrack *ct, const struct flow *f)
{
	if (f->orig.proto == IPP_TCP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_TCP_STATE, 8, f->state);
		same_pair(ct, f, FLOW_HAS_WSCALE, ATTR_TCP_WSCALE_ORIG, ATTR_TCP_WSCALE_REPL,
			  f->wscale);
		same_pair(ct, f, FLOW_HAS_TCPFLAGS, ATTR_TCP_FLAGS_ORIG, ATTR_TCP_FLAGS_REPL,
			  f->tcp_flags);
	} else if (f->orig.proto == IPP_SCTP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_SCTP_STATE, 8, f->state);
		SAME_PART(ct, f, FLOW_HAS_VTAG, ATTR_SCTP_VTAG_ORIG, 32, f->vtag[0]);
		SAME_PART(ct, f, FLOW_HAS_VTAG, ATTR_SCTP_VTAG_REPL, 32, f->vtag[1]);
	} else if (f->orig.proto == IPP_DCCP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_DCCP_STATE, 8, f->state);
		SAME_PART(ct, f, FLOW_HAS_DCCP_ROLE, ATTR_DCCP_ROLE, 8, f->dccp_role);
	} else {
		cr_assert_not(f->has & FLOW_HAS_STATE);
	}
}

static void same_seqadj(const struct nf_conntrack *ct, const struct flow *f)
{
	static const enum nf_conntrack_attr a[2] = {
		ATTR_ORIG_NAT_SEQ_CORRECTION_POS, ATTR_REPL_NAT_SEQ_CORRECTION_POS,
	};

	for (int d = 0; d < 2; d++) {
		SAME_PART(ct, f, FLOW_HAS_SEQADJ, a[d], 32, f->seqadj[d].pos);
		SAME_PART(ct, f, FLOW_HAS_SEQADJ, a[d] + 1, 32, (uint32_t)f->seqadj[d].before);
		SAME_PART(ct, f, FLOW_HAS_SEQADJ, a[d] + 2, 32, (uint32_t)f->seqadj[d].after);
	}
}

/* An all-zero block means nothing to us. */
static void same_synproxy(const struct nf_conntrack *ct, const struct flow *f)
{
	uint32_t isn = nfct_get_attr_u32(ct, ATTR_SYNPROXY_ISN);
	uint32_t its = nfct_get_attr_u32(ct, ATTR_SYNPROXY_ITS);
	uint32_t off = nfct_get_attr_u32(ct, ATTR_SYNPROXY_TSOFF);

	cr_assert_eq((f->has & FLOW_HAS_SYNPROXY) != 0, (isn | its | off) != 0);
	cr_assert_eq(f->synproxy_isn, isn);
	cr_assert_eq(f->synproxy_its, its);
	cr_assert_eq(f->synproxy_tsoff, off);
}

static void same_names(const struct nf_conntrack *ct, const struct flow *f)
{
	const struct nfct_bitmask *m;

	cr_assert_eq((f->has & FLOW_HAS_HELPER) != 0, IS_SET(ct, ATTR_HELPER_NAME));
	if (f->has & FLOW_HAS_HELPER)
		cr_assert_str_eq(nfct_get_attr(ct, ATTR_HELPER_NAME), f->helper);
	cr_assert_eq((f->has & FLOW_HAS_LABELS) != 0, IS_SET(ct, ATTR_CONNLABELS));
	m = nfct_get_attr(ct, ATTR_CONNLABELS);
	for (unsigned int bit = 0; m && bit < 128; bit++) {
		bool set = bit <= nfct_bitmask_maxbit(m) && nfct_bitmask_test_bit(m, bit);

		cr_assert_eq((f->labels[bit / 32] >> bit % 32 & 1) != 0, set);
	}
}

static void same_counters(const struct nf_conntrack *ct, const struct flow *f)
{
	SAME_PART(ct, f, FLOW_HAS_COUNTERS, ATTR_ORIG_COUNTER_PACKETS, 64, f->packets[0]);
	SAME_PART(ct, f, FLOW_HAS_COUNTERS, ATTR_REPL_COUNTER_PACKETS, 64, f->packets[1]);
	SAME_PART(ct, f, FLOW_HAS_COUNTERS, ATTR_ORIG_COUNTER_BYTES, 64, f->bytes[0]);
	SAME_PART(ct, f, FLOW_HAS_COUNTERS, ATTR_REPL_COUNTER_BYTES, 64, f->bytes[1]);
}

static void same_flow(const struct nf_conntrack *ct, const struct flow *f)
{
	cr_assert_eq(nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO), f->orig.family);
	same_orig(ct, f);
	cr_assert_eq((f->has & FLOW_HAS_REPLY) != 0, IS_SET(ct, ATTR_REPL_L4PROTO));
	if (f->has & FLOW_HAS_REPLY)
		same_tuple(ct, 1, &f->reply);
	cr_assert_eq((f->has & FLOW_HAS_MASTER) != 0, IS_SET(ct, ATTR_MASTER_L4PROTO));
	if (f->has & FLOW_HAS_MASTER)
		same_tuple(ct, 2, &f->master);
	SAME_PART(ct, f, FLOW_HAS_STATUS, ATTR_STATUS, 32, f->status);
	SAME_PART(ct, f, FLOW_HAS_TIMEOUT, ATTR_TIMEOUT, 32, f->timeout);
	SAME_PART(ct, f, FLOW_HAS_MARK, ATTR_MARK, 32, f->mark);
	SAME_PART(ct, f, FLOW_HAS_ID, ATTR_ID, 32, f->id);
	SAME_PART(ct, f, FLOW_HAS_ZONE, ATTR_ZONE, 16, f->zone);
	SAME_PART(ct, f, FLOW_HAS_ZONE_ORIG, ATTR_ORIG_ZONE, 16, f->zone_orig);
	SAME_PART(ct, f, FLOW_HAS_ZONE_REPLY, ATTR_REPL_ZONE, 16, f->zone_reply);
	same_proto(ct, f);
	same_seqadj(ct, f);
	same_synproxy(ct, f);
	same_names(ct, f);
	same_counters(ct, f);
}

void oracle_flow(const struct nlmsghdr *msg)
{
	struct nf_conntrack *ct = nfct_new();
	struct flow f;

	cr_assert_eq(nfct_nlmsg_parse(msg, ct), 0);
	cr_assert_eq(conv_flow(msg, msg->nlmsg_len, &f), 0);
	same_flow(ct, &f);
	nfct_destroy(ct);
}

/* A tuple of an expectation is a conntrack object with an original direction. */
static void same_part(const struct nf_expect *exp, enum nf_expect_attr attr,
		      const struct expect *e, uint32_t part, const struct tuple *t)
{
	cr_assert_eq((e->has & part) != 0, nfexp_attr_is_set(exp, attr) > 0, "%d", attr);
	if (e->has & part)
		same_tuple(nfexp_get_attr(exp, attr), 0, t);
}

#define SAME_EXPECT(exp, e, part, attr, field)                                      \
	do {                                                                        \
		cr_assert_eq(((e)->has & (part)) != 0, nfexp_attr_is_set(exp, attr) > 0, \
			     #attr);                                                \
		if ((e)->has & (part))                                              \
			cr_assert_eq(nfexp_get_attr_u32(exp, attr), field, #attr);  \
	} while (0)

void oracle_expect(const struct nlmsghdr *msg)
{
	struct nf_expect *exp = nfexp_new();
	struct expect e;

	cr_assert_eq(nfexp_nlmsg_parse(msg, exp), 0);
	cr_assert_eq(conv_expect(msg, msg->nlmsg_len, &e), 0);
	same_part(exp, ATTR_EXP_MASTER, &e, EXPECT_HAS_MASTER, &e.master);
	same_part(exp, ATTR_EXP_EXPECTED, &e, EXPECT_HAS_TUPLE, &e.tuple);
	same_part(exp, ATTR_EXP_MASK, &e, EXPECT_HAS_MASK, &e.mask);
	same_part(exp, ATTR_EXP_NAT_TUPLE, &e, EXPECT_HAS_NAT, &e.nat);
	SAME_EXPECT(exp, &e, EXPECT_HAS_TIMEOUT, ATTR_EXP_TIMEOUT, e.timeout);
	SAME_EXPECT(exp, &e, EXPECT_HAS_FLAGS, ATTR_EXP_FLAGS, e.flags);
	SAME_EXPECT(exp, &e, EXPECT_HAS_CLASS, ATTR_EXP_CLASS, e.class_);
	cr_assert_eq((e.has & EXPECT_HAS_ZONE) != 0, nfexp_attr_is_set(exp, ATTR_EXP_ZONE) > 0);
	if (e.has & EXPECT_HAS_ZONE)
		cr_assert_eq(nfexp_get_attr_u16(exp, ATTR_EXP_ZONE), e.zone);
	if (e.has & EXPECT_HAS_HELPER)
		cr_assert_str_eq(nfexp_get_attr(exp, ATTR_EXP_HELPER_NAME), e.helper);
	if (e.has & EXPECT_HAS_FN)
		cr_assert_str_eq(nfexp_get_attr(exp, ATTR_EXP_FN), e.fn);
	if (e.has & EXPECT_HAS_NAT_DIR)
		cr_assert_eq(nfexp_get_attr_u8(exp, ATTR_EXP_NAT_DIR), e.nat_dir);
	nfexp_destroy(exp);
}

static const uint8_t protos[] = {
	IPP_TCP, IPP_TCP, IPP_TCP, IPP_UDP, IPP_UDP, IPP_ICMP, IPP_SCTP, IPP_DCCP,
	IPP_GRE, IPP_UDPLITE, 50, 89,
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
		ATTR_ORIG_L3PROTO, ATTR_REPL_L3PROTO, ATTR_MASTER_L3PROTO,
	};
	const enum nf_conntrack_attr *a = v6 ? addr6[which] : addr4[which];
	uint8_t b[16];

	nfct_set_attr_u8(ct, l3[which], v6 ? FAM_IP6 : FAM_IP4);
	nfct_set_attr_u8(ct, l4[which], proto);
	for (int i = 0; i < 2; i++) {
		random_addr(r, b, sizeof(b));
		nfct_set_attr(ct, a[i], b);
		if (proto_has_ports(proto) || proto == IPP_GRE)
			nfct_set_attr_u16(ct, port[which][i], (uint16_t)rng_u32(r));
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
				return;         /* one scale, or flags of one side only */
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
		nfct_set_attr(ct, ATTR_CONNLABELS, m);  /* takes it over */
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
		FLOW_HAS_STATE | FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS | FLOW_HAS_VTAG |
		FLOW_HAS_DCCP_ROLE | FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS | FLOW_HAS_SEQADJ |
		FLOW_HAS_HELPER | FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY | FLOW_HAS_ID |
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
		EXPECT_HAS_HELPER | EXPECT_HAS_FN | EXPECT_HAS_ZONE | EXPECT_HAS_ID;
	bool v6 = rng_below(r, 2);
	uint8_t proto = rng_below(r, 2) ? IPP_TCP : IPP_UDP;

	random_addr(r, (uint8_t *)e, sizeof(*e));
	random_tuple(r, &e->master, v6, proto);
	random_tuple(r, &e->tuple, v6, proto);
	random_tuple(r, &e->mask, v6, proto);
	random_tuple(r, &e->nat, v6, proto);
	e->has = (rng_u32(r) & sometimes) | EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE |
		 EXPECT_HAS_MASK | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASK_PORTS;
	if (rng_below(r, 2))
		e->has |= EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR | EXPECT_HAS_NAT_ADDR |
			  EXPECT_HAS_NAT_PROTO | EXPECT_HAS_NAT_PORTS;
	e->nat_dir &= 1;
	e->zone |= 1;
	memcpy(e->helper, "ftp", sizeof("ftp"));
	memcpy(e->fn, "nat-follow-master", sizeof("nat-follow-master"));
}

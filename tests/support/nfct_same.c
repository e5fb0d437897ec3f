// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The comparison with libnetfilter_conntrack, attribute by attribute, for unit
 * tests and fuzzing. The library holds addresses and ports in network order,
 * and the reply direction of an ICMP flow not at all.
 */
#include "nfct_same.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <string.h>

#define IS_SET(ct, attr) (nfct_attr_is_set(ct, attr) > 0)

/* Leave with the condition as text if it does not hold. */
#define SAME(cond)                    \
	do {                          \
		if (!(cond))          \
			return #cond; \
	} while (0)

/* Leave with what another comparison found. */
#define ALSO(what)                          \
	do {                                \
		const char *what_ = (what); \
		if (what_)                  \
			return what_;       \
	} while (0)

/* A part is known to us exactly if the library has the attribute. */
#define SAME_PART(ct, f, part, attr, bits, field)                         \
	do {                                                              \
		SAME((((f)->has & (part)) != 0) == IS_SET(ct, attr));     \
		if ((f)->has & (part))                                    \
			SAME(nfct_get_attr_u##bits(ct, attr) == (field)); \
	} while (0)

const enum nf_conntrack_attr nfct_addr4[3][2] = {
	{ ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST },
	{ ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST },
	{ ATTR_MASTER_IPV4_SRC, ATTR_MASTER_IPV4_DST },
};
const enum nf_conntrack_attr nfct_addr6[3][2] = {
	{ ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST },
	{ ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST },
	{ ATTR_MASTER_IPV6_SRC, ATTR_MASTER_IPV6_DST },
};
const enum nf_conntrack_attr nfct_port[3][2] = {
	{ ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST },
	{ ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST },
	{ ATTR_MASTER_PORT_SRC, ATTR_MASTER_PORT_DST },
};
const enum nf_conntrack_attr nfct_l4[3] = {
	ATTR_ORIG_L4PROTO,
	ATTR_REPL_L4PROTO,
	ATTR_MASTER_L4PROTO,
};

/* A port that the library does not know is 0 to us. */
static bool same_port(const struct nf_conntrack *ct, enum nf_conntrack_attr attr, uint16_t p)
{
	return p == (IS_SET(ct, attr) ? ntohs(nfct_get_attr_u16(ct, attr)) : 0);
}

/* which: 0 original, 1 reply, 2 master. */
static const char *tuple_differs(const struct nf_conntrack *ct, int which, const struct tuple *t)
{
	const enum nf_conntrack_attr *a =
		t->family == FAM_IP4 ? nfct_addr4[which] : nfct_addr6[which];

	SAME(IS_SET(ct, a[0]) && IS_SET(ct, a[1]));
	SAME(memcmp(nfct_get_attr(ct, a[0]), t->src.b, addr_len(t->family)) == 0);
	SAME(memcmp(nfct_get_attr(ct, a[1]), t->dst.b, addr_len(t->family)) == 0);
	SAME(nfct_get_attr_u8(ct, nfct_l4[which]) == t->proto);
	if (proto_is_icmp(t->proto))
		return NULL;
	SAME(same_port(ct, nfct_port[which][0], t->sport));
	SAME(same_port(ct, nfct_port[which][1], t->dport));
	return NULL;
}

static const char *orig_differs(const struct nf_conntrack *ct, const struct flow *f)
{
	bool ports = IS_SET(ct, ATTR_ORIG_PORT_SRC) && IS_SET(ct, ATTR_ORIG_PORT_DST);
	bool icmp = proto_is_icmp(f->orig.proto);

	ALSO(tuple_differs(ct, 0, &f->orig));
	if (f->orig.proto == IPP_DCCP)
		ports = true;
	SAME(((f->has & FLOW_HAS_PORTS) != 0) == (ports && !icmp));
	icmp = icmp && IS_SET(ct, ATTR_ICMP_ID) && IS_SET(ct, ATTR_ICMP_TYPE) &&
	       IS_SET(ct, ATTR_ICMP_CODE);
	SAME(((f->has & FLOW_HAS_ICMP) != 0) == icmp);
	if (f->has & FLOW_HAS_ICMP) {
		SAME(f->orig.icmp_type == nfct_get_attr_u8(ct, ATTR_ICMP_TYPE));
		SAME(f->orig.icmp_code == nfct_get_attr_u8(ct, ATTR_ICMP_CODE));
		SAME(f->orig.sport == ntohs(nfct_get_attr_u16(ct, ATTR_ICMP_ID)));
		SAME(f->orig.dport == f->orig.sport);
	}
	return NULL;
}

/* Window scales and flags are of use only if both directions are known. */
static const char *pair_differs(const struct nf_conntrack *ct, const struct flow *f, uint32_t part,
				enum nf_conntrack_attr orig, enum nf_conntrack_attr reply,
				const uint8_t *values)
{
	bool both = IS_SET(ct, orig) && IS_SET(ct, reply);

	SAME(((f->has & part) != 0) == both);
	if (both) {
		SAME(nfct_get_attr_u8(ct, orig) == values[0]);
		SAME(nfct_get_attr_u8(ct, reply) == values[1]);
	}
	return NULL;
}

static const char *proto_differs(const struct nf_conntrack *ct, const struct flow *f)
{
	bool both;

	if (f->orig.proto == IPP_TCP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_TCP_STATE, 8, f->state);
		ALSO(pair_differs(ct, f, FLOW_HAS_WSCALE, ATTR_TCP_WSCALE_ORIG,
				  ATTR_TCP_WSCALE_REPL, f->wscale));
		ALSO(pair_differs(ct, f, FLOW_HAS_TCPFLAGS, ATTR_TCP_FLAGS_ORIG,
				  ATTR_TCP_FLAGS_REPL, f->tcp_flags));
	} else if (f->orig.proto == IPP_SCTP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_SCTP_STATE, 8, f->state);
		both = IS_SET(ct, ATTR_SCTP_VTAG_ORIG) && IS_SET(ct, ATTR_SCTP_VTAG_REPL);
		SAME(((f->has & FLOW_HAS_VTAG) != 0) == both);
		SAME(!both || nfct_get_attr_u32(ct, ATTR_SCTP_VTAG_ORIG) == f->vtag[0]);
		SAME(!both || nfct_get_attr_u32(ct, ATTR_SCTP_VTAG_REPL) == f->vtag[1]);
	} else if (f->orig.proto == IPP_DCCP) {
		SAME_PART(ct, f, FLOW_HAS_STATE, ATTR_DCCP_STATE, 8, f->state);
		SAME_PART(ct, f, FLOW_HAS_DCCP_ROLE, ATTR_DCCP_ROLE, 8, f->dccp_role);
	} else {
		SAME(!(f->has & FLOW_HAS_STATE));
	}
	return NULL;
}

/* What one of the two directions does not say is 0; without both it is of no use. */
static const char *seqadj_differs(const struct nf_conntrack *ct, const struct flow *f)
{
	static const enum nf_conntrack_attr a[2] = {
		ATTR_ORIG_NAT_SEQ_CORRECTION_POS,
		ATTR_REPL_NAT_SEQ_CORRECTION_POS,
	};

	if (!(f->has & FLOW_HAS_SEQADJ)) {
		SAME(!IS_SET(ct, a[0]) || !IS_SET(ct, a[1]));
		return NULL;
	}
	for (int d = 0; d < 2; d++) {
		SAME(nfct_get_attr_u32(ct, a[d]) == f->seqadj[d].pos);
		SAME(nfct_get_attr_u32(ct, a[d] + 1) == (uint32_t)f->seqadj[d].before);
		SAME(nfct_get_attr_u32(ct, a[d] + 2) == (uint32_t)f->seqadj[d].after);
	}
	return NULL;
}

/* An all-zero block means nothing to us. */
static const char *synproxy_differs(const struct nf_conntrack *ct, const struct flow *f)
{
	uint32_t isn = nfct_get_attr_u32(ct, ATTR_SYNPROXY_ISN);
	uint32_t its = nfct_get_attr_u32(ct, ATTR_SYNPROXY_ITS);
	uint32_t off = nfct_get_attr_u32(ct, ATTR_SYNPROXY_TSOFF);

	SAME(((f->has & FLOW_HAS_SYNPROXY) != 0) == ((isn | its | off) != 0));
	SAME(f->synproxy_isn == isn);
	SAME(f->synproxy_its == its);
	SAME(f->synproxy_tsoff == off);
	return NULL;
}

static const char *names_differ(const struct nf_conntrack *ct, const struct flow *f)
{
	const char *helper = nfct_get_attr(ct, ATTR_HELPER_NAME);
	const struct nfct_bitmask *m;

	/* An empty name is none to us. */
	SAME(((f->has & FLOW_HAS_HELPER) != 0) == (helper && *helper));
	if (f->has & FLOW_HAS_HELPER)
		SAME(strcmp(helper, f->helper) == 0);
	SAME(((f->has & FLOW_HAS_LABELS) != 0) == IS_SET(ct, ATTR_CONNLABELS));
	m = nfct_get_attr(ct, ATTR_CONNLABELS);
	for (unsigned int bit = 0; m && bit < 128; bit++) {
		bool set = bit <= nfct_bitmask_maxbit(m) && nfct_bitmask_test_bit(m, bit);

		SAME((f->labels[bit / 32] >> bit % 32 & 1) == set);
	}
	return NULL;
}

/* Known as soon as one is; the others are 0 then. */
static const char *counters_differ(const struct nf_conntrack *ct, const struct flow *f)
{
	static const enum nf_conntrack_attr a[2][2] = {
		{ ATTR_ORIG_COUNTER_PACKETS, ATTR_ORIG_COUNTER_BYTES },
		{ ATTR_REPL_COUNTER_PACKETS, ATTR_REPL_COUNTER_BYTES },
	};

	for (int d = 0; d < 2; d++) {
		SAME((f->has & FLOW_HAS_COUNTERS) || !IS_SET(ct, a[d][0]));
		SAME((f->has & FLOW_HAS_COUNTERS) || !IS_SET(ct, a[d][1]));
		SAME(nfct_get_attr_u64(ct, a[d][0]) == f->packets[d]);
		SAME(nfct_get_attr_u64(ct, a[d][1]) == f->bytes[d]);
	}
	return NULL;
}

const char *nfct_differs(const struct nf_conntrack *ct, const struct flow *f)
{
	SAME(nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO) == f->orig.family);
	ALSO(orig_differs(ct, f));
	SAME(((f->has & FLOW_HAS_REPLY) != 0) == IS_SET(ct, ATTR_REPL_L4PROTO));
	if (f->has & FLOW_HAS_REPLY)
		ALSO(tuple_differs(ct, 1, &f->reply));
	SAME(((f->has & FLOW_HAS_MASTER) != 0) == IS_SET(ct, ATTR_MASTER_L4PROTO));
	if (f->has & FLOW_HAS_MASTER)
		ALSO(tuple_differs(ct, 2, &f->master));
	SAME_PART(ct, f, FLOW_HAS_STATUS, ATTR_STATUS, 32, f->status);
	SAME_PART(ct, f, FLOW_HAS_TIMEOUT, ATTR_TIMEOUT, 32, f->timeout);
	SAME_PART(ct, f, FLOW_HAS_MARK, ATTR_MARK, 32, f->mark);
	SAME_PART(ct, f, FLOW_HAS_ID, ATTR_ID, 32, f->id);
	SAME_PART(ct, f, FLOW_HAS_ZONE, ATTR_ZONE, 16, f->zone);
	SAME_PART(ct, f, FLOW_HAS_ZONE_ORIG, ATTR_ORIG_ZONE, 16, f->zone_orig);
	SAME_PART(ct, f, FLOW_HAS_ZONE_REPLY, ATTR_REPL_ZONE, 16, f->zone_reply);
	ALSO(proto_differs(ct, f));
	ALSO(seqadj_differs(ct, f));
	ALSO(synproxy_differs(ct, f));
	ALSO(names_differ(ct, f));
	ALSO(counters_differ(ct, f));
	return NULL;
}

/* A tuple of an expectation is a conntrack object with an original direction. */
static const char *part_differs(const struct nf_expect *exp, enum nf_expect_attr attr,
				const struct expect *e, uint32_t part, const struct tuple *t)
{
	SAME(((e->has & part) != 0) == (nfexp_attr_is_set(exp, attr) > 0));
	if (e->has & part)
		return tuple_differs(nfexp_get_attr(exp, attr), 0, t);
	return NULL;
}

#define SAME_EXPECT(exp, e, part, attr, bits, field)                                    \
	do {                                                                            \
		SAME((((e)->has & (part)) != 0) == (nfexp_attr_is_set(exp, attr) > 0)); \
		if ((e)->has & (part))                                                  \
			SAME(nfexp_get_attr_u##bits(exp, attr) == (field));             \
	} while (0)

const char *nfexp_differs(const struct nf_expect *exp, const struct expect *e)
{
	ALSO(part_differs(exp, ATTR_EXP_MASTER, e, EXPECT_HAS_MASTER, &e->master));
	ALSO(part_differs(exp, ATTR_EXP_EXPECTED, e, EXPECT_HAS_TUPLE, &e->tuple));
	ALSO(part_differs(exp, ATTR_EXP_MASK, e, EXPECT_HAS_MASK, &e->mask));
	ALSO(part_differs(exp, ATTR_EXP_NAT_TUPLE, e, EXPECT_HAS_NAT_ADDR, &e->nat));
	SAME_EXPECT(exp, e, EXPECT_HAS_TIMEOUT, ATTR_EXP_TIMEOUT, 32, e->timeout);
	SAME_EXPECT(exp, e, EXPECT_HAS_FLAGS, ATTR_EXP_FLAGS, 32, e->flags);
	SAME_EXPECT(exp, e, EXPECT_HAS_CLASS, ATTR_EXP_CLASS, 32, e->class_);
	SAME_EXPECT(exp, e, EXPECT_HAS_ZONE, ATTR_EXP_ZONE, 16, e->zone);
	if (e->has & EXPECT_HAS_HELPER)
		SAME(strcmp(nfexp_get_attr(exp, ATTR_EXP_HELPER_NAME), e->helper) == 0);
	if (e->has & EXPECT_HAS_FN)
		SAME(strcmp(nfexp_get_attr(exp, ATTR_EXP_FN), e->fn) == 0);
	if (e->has & EXPECT_HAS_NAT_DIR)
		SAME(nfexp_get_attr_u8(exp, ATTR_EXP_NAT_DIR) == (uint8_t)e->nat_dir);
	return NULL;
}

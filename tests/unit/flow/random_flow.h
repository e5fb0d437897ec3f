/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_FLOW_RANDOM_FLOW_H
#define CTD_TESTS_FLOW_RANDOM_FLOW_H

/*
 * Valid flows and expectations of all kinds from a seed: what is not announced
 * in "has" is zero, tuples have what their protocol has.
 */
#include <string.h>
#include "base/rand.h"
#include "flow/expect.h"
#include "flow/flow.h"

static inline bool rnd_chance(struct rng *r, uint32_t percent)
{
	return rng_below(r, 100) < percent;
}

static inline void rnd_addr(struct rng *r, uint8_t family, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	for (unsigned int i = 0; i < addr_len(family); i++)
		a->b[i] = (uint8_t)rng_u32(r);
}

/* Ports or ICMP fields as the protocol has them. */
static inline void rnd_l4(struct rng *r, struct tuple *t)
{
	t->sport = t->dport = t->icmp_type = t->icmp_code = 0;
	if (proto_is_icmp(t->proto)) {
		static const uint8_t types[] = { 0, 8, 13, 14, 15, 16, 17, 18, 128, 129, 139, 140 };

		t->sport = t->dport = (uint16_t)rng_u32(r);
		t->icmp_type = rnd_chance(r, 80) ? types[rng_below(r, sizeof(types))] :
						   (uint8_t)rng_u32(r);
		t->icmp_code = rnd_chance(r, 80) ? 0 : (uint8_t)rng_u32(r);
	} else if (proto_has_ports(t->proto) || t->proto == IPP_GRE) {
		t->sport = (uint16_t)rng_u32(r);
		t->dport = (uint16_t)rng_u32(r);
	}
}

static inline uint8_t rnd_proto(struct rng *r)
{
	static const uint8_t protos[] = { IPP_TCP,     IPP_TCP,   IPP_TCP,  IPP_UDP,  IPP_UDP,
					  IPP_ICMP,    IPP_ICMP6, IPP_SCTP, IPP_DCCP, IPP_GRE,
					  IPP_UDPLITE, 50,        89,       255 };

	return protos[rng_below(r, sizeof(protos))];
}

static inline void rnd_tuple(struct rng *r, uint8_t family, struct tuple *t)
{
	memset(t, 0, sizeof(*t));
	t->family = family;
	t->proto = rnd_proto(r);
	rnd_addr(r, family, &t->src);
	rnd_addr(r, family, &t->dst);
	rnd_l4(r, t);
}

static inline void rnd_name(struct rng *r, char *name, size_t cap)
{
	size_t len = rng_below(r, (uint32_t)cap);

	memset(name, 0, cap);
	for (size_t i = 0; i < len; i++)
		name[i] = (char)('a' + rng_below(r, 26));
}

/* A reply tuple as a kernel reports it: mostly without, often with translation, rarely odd. */
static inline void rnd_reply(struct rng *r, struct flow *f)
{
	struct tuple *t = &f->reply;

	f->has |= FLOW_HAS_REPLY;
	tuple_invert(&f->orig, t);
	if (rnd_chance(r, 50))
		return;
	if (rnd_chance(r, 5)) {
		rnd_tuple(r, rnd_chance(r, 50) ? FAM_IP4 : FAM_IP6, t);
		return;
	}
	if (rnd_chance(r, 50))
		rnd_addr(r, f->orig.family, &t->dst);
	if (rnd_chance(r, 50))
		rnd_addr(r, f->orig.family, &t->src);
	if (rnd_chance(r, 50))
		t->dport = (uint16_t)rng_u32(r);
	if (rnd_chance(r, 50))
		t->sport = (uint16_t)rng_u32(r);
}

/* The same as the wire has it. */
static inline void rnd_xlat(struct rng *r, struct flow *f)
{
	if (rnd_chance(r, 30)) {
		f->has |= FLOW_HAS_SNAT;
		rnd_addr(r, f->orig.family, &f->snat);
	}
	if (rnd_chance(r, 30)) {
		f->has |= FLOW_HAS_DNAT;
		rnd_addr(r, f->orig.family, &f->dnat);
	}
	if (rnd_chance(r, 30)) {
		f->has |= FLOW_HAS_SPAT;
		f->snat_port = rnd_chance(r, 30) ? 0 : (uint16_t)rng_u32(r);
	}
	if (rnd_chance(r, 30)) {
		f->has |= FLOW_HAS_DPAT;
		f->dnat_port = rnd_chance(r, 30) ? 0 : (uint16_t)rng_u32(r);
	}
}

static inline void rnd_protoinfo(struct rng *r, struct flow *f)
{
	if (rnd_chance(r, 70)) {
		f->has |= FLOW_HAS_STATE;
		f->state = (uint8_t)(rnd_chance(r, 90) ? rng_below(r, 10) : rng_u32(r));
	}
	if (rnd_chance(r, 50)) {
		f->has |= FLOW_HAS_WSCALE;
		f->wscale[0] = (uint8_t)(rnd_chance(r, 90) ? rng_below(r, 15) : rng_u32(r));
		f->wscale[1] = (uint8_t)(rnd_chance(r, 90) ? rng_below(r, 15) : rng_u32(r));
	}
	if (rnd_chance(r, 50)) {
		f->has |= FLOW_HAS_TCPFLAGS;
		f->tcp_flags[0] = (uint8_t)rng_u32(r);
		f->tcp_flags[1] = (uint8_t)rng_u32(r);
	}
	if (rnd_chance(r, 20)) {
		f->has |= FLOW_HAS_VTAG;
		f->vtag[0] = rng_u32(r);
		f->vtag[1] = rng_u32(r);
	}
	if (rnd_chance(r, 10)) {
		f->has |= FLOW_HAS_DCCP_ROLE;
		f->dccp_role = (uint8_t)rng_below(r, 2);
	}
}

static inline void rnd_master(struct rng *r, struct flow *f)
{
	uint8_t family = rnd_chance(r, 90) ? f->orig.family : FAM_IP4 + FAM_IP6 - f->orig.family;

	f->has |= FLOW_HAS_MASTER;
	rnd_tuple(r, family, &f->master);
	if (rnd_chance(r, 60)) {
		f->master.family = f->orig.family;
		f->master.src = rnd_chance(r, 50) ? f->orig.src : f->orig.dst;
		f->master.dst = rnd_chance(r, 50) ? f->orig.src : f->orig.dst;
	}
	if (proto_has_ports(f->master.proto))
		f->has |= FLOW_HAS_MASTER_PORTS;
}

static inline void rnd_seqadj(struct rng *r, struct flow *f)
{
	f->has |= FLOW_HAS_SEQADJ;
	for (int d = 0; d < 2; d++) {
		if (rnd_chance(r, 40))
			continue;
		f->seqadj[d].pos = rng_u32(r);
		f->seqadj[d].before = (int32_t)rng_below(r, 40) - 20;
		f->seqadj[d].after = (int32_t)rng_u32(r);
	}
}

static inline void rnd_labels(struct rng *r, struct flow *f)
{
	f->has |= FLOW_HAS_LABELS;
	f->labels[rng_below(r, FLOW_LABEL_WORDS)] = 1u << rng_below(r, 32);
	if (rnd_chance(r, 30))
		for (int i = 0; i < FLOW_LABEL_WORDS; i++)
			f->labels[i] = rng_u32(r);
}

static inline void rnd_rare(struct rng *r, struct flow *f)
{
	if (rnd_chance(r, 20))
		rnd_master(r, f);
	if (rnd_chance(r, 20))
		rnd_seqadj(r, f);
	if (rnd_chance(r, 20))
		rnd_labels(r, f);
	if (rnd_chance(r, 20)) {
		f->has |= FLOW_HAS_HELPER;
		rnd_name(r, f->helper, sizeof(f->helper));
	}
	if (rnd_chance(r, 40)) {
		f->has |= FLOW_HAS_SYNPROXY;
		if (rnd_chance(r, 30)) {
			f->synproxy_its = rng_u32(r);
			f->synproxy_isn = rng_u32(r);
			f->synproxy_tsoff = rng_u32(r);
		}
	}
	if (rnd_chance(r, 10)) {
		f->has |= FLOW_HAS_ZONE_ORIG;
		f->zone_orig = (uint16_t)rng_u32(r);
	}
	if (rnd_chance(r, 10)) {
		f->has |= FLOW_HAS_ZONE_REPLY;
		f->zone_reply = (uint16_t)rng_u32(r);
	}
}

static inline void rnd_flow(struct rng *r, struct flow *f)
{
	flow_init(f);
	rnd_tuple(r, rnd_chance(r, 60) ? FAM_IP4 : FAM_IP6, &f->orig);
	if (proto_is_icmp(f->orig.proto))
		f->has |= FLOW_HAS_ICMP;
	else if (proto_has_ports(f->orig.proto) || (f->orig.proto == IPP_GRE && rnd_chance(r, 50)))
		f->has |= FLOW_HAS_PORTS;
	if (rnd_chance(r, 50))
		rnd_reply(r, f);
	else
		rnd_xlat(r, f);
	if (rnd_chance(r, 90)) {
		f->has |= FLOW_HAS_STATUS;
		f->status = rnd_chance(r, 90) ? rng_u32(r) & 0xffff : rng_u32(r);
	}
	if (rnd_chance(r, 80)) {
		f->has |= FLOW_HAS_TIMEOUT;
		f->timeout = rng_u32(r);
	}
	if (rnd_chance(r, 50)) {
		f->has |= FLOW_HAS_MARK;
		f->mark = rnd_chance(r, 50) ? 0 : rng_u32(r);
	}
	if (rnd_chance(r, 50)) {
		f->has |= FLOW_HAS_ID;
		f->id = rng_u32(r);
	}
	if (rnd_chance(r, 30)) {
		f->has |= FLOW_HAS_ZONE;
		f->zone = (uint16_t)rng_u32(r);
	}
	rnd_protoinfo(r, f);
	if (rnd_chance(r, 50))
		rnd_rare(r, f);
}

static inline void rnd_expect(struct rng *r, struct expect *e)
{
	uint8_t family = rnd_chance(r, 60) ? FAM_IP4 : FAM_IP6;

	expect_init(e);
	e->has = rng_u32(r) & ((1u << 18) - 1);
	e->has |= EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK;
	rnd_tuple(r, family, &e->master);
	rnd_tuple(r, family, &e->tuple);
	rnd_tuple(r, family, &e->mask);
	if (e->has & EXPECT_HAS_FLAGS)
		e->flags = rng_below(r, 8);
	if (e->has & EXPECT_HAS_CLASS)
		e->class_ = rng_below(r, 4);
	if (e->has & EXPECT_HAS_TIMEOUT)
		e->timeout = rng_u32(r);
	if (e->has & EXPECT_HAS_NAT)
		rnd_tuple(r, family, &e->nat);
	if (e->has & EXPECT_HAS_NAT_DIR)
		e->nat_dir = rng_below(r, 2);
	if (e->has & EXPECT_HAS_ID)
		e->id = rng_u32(r);
	if (e->has & EXPECT_HAS_ZONE)
		e->zone = (uint16_t)rng_u32(r);
	if (e->has & EXPECT_HAS_HELPER)
		rnd_name(r, e->helper, sizeof(e->helper));
	if (e->has & EXPECT_HAS_FN)
		rnd_name(r, e->fn, sizeof(e->fn));
}

#endif

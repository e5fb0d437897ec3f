// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flow generator for tests that want many different flows rather than
 * particular ones.
 */
#include "gen.h"

#include <string.h>

static void put_addr(struct addr *a, uint8_t family, uint8_t net, uint32_t host)
{
	unsigned int at = 0;

	if (family == FAM_IP6) {
		a->b[0] = 0x20;
		a->b[1] = 0x01;
		a->b[2] = 0x0d;
		a->b[3] = 0xb8;
		at = 12;
	}
	a->b[at] = net;
	a->b[at + 1] = (uint8_t)(host >> 16);
	a->b[at + 2] = (uint8_t)(host >> 8);
	a->b[at + 3] = (uint8_t)host;
}

/* The source address alone tells the numbers apart. */
static void put_tuple(struct tuple *t, uint32_t n, uint8_t family, uint8_t proto)
{
	memset(t, 0, sizeof(*t));
	t->family = family;
	t->proto = proto;
	put_addr(&t->src, family, 10, n);
	put_addr(&t->dst, family, 198, n % 251 + 0x336400);
	if (proto_has_ports(proto)) {
		t->sport = (uint16_t)(1024 + n * 7 % 60000);
		t->dport = n % 2 ? 443 : 21;
	} else if (proto_is_icmp(proto)) {
		t->icmp_type = proto == IPP_ICMP ? 8 : 128;
		t->sport = t->dport = (uint16_t)n;
	}
}

static uint32_t key_bits(const struct tuple *t)
{
	if (proto_has_ports(t->proto))
		return FLOW_HAS_PORTS;
	return proto_is_icmp(t->proto) ? FLOW_HAS_ICMP : 0;
}

void gen_flow_key(uint32_t n, struct flow *f)
{
	static const uint8_t protos[] = { IPP_TCP,  IPP_TCP,  IPP_UDP, IPP_TCP,
					  IPP_ICMP, IPP_SCTP, IPP_TCP, 50 };
	uint8_t family = n % 4 == 3 ? FAM_IP6 : FAM_IP4;
	uint8_t proto = protos[n / 4 % 8];

	if (family == FAM_IP6 && proto == IPP_ICMP)
		proto = IPP_ICMP6;
	flow_init(f);
	put_tuple(&f->orig, n, family, proto);
	f->has = key_bits(&f->orig);
	if (n % 5 == 0) {
		f->zone = (uint16_t)(1 + n % 3);
		f->has |= FLOW_HAS_ZONE;
	}
}

void gen_flow_tcp4(uint32_t n, struct flow *f)
{
	flow_init(f);
	put_tuple(&f->orig, n, FAM_IP4, IPP_TCP);
	f->has = key_bits(&f->orig);
}

static bool chance(struct rng *r, uint32_t one_in)
{
	return rng_below(r, one_in) == 0;
}

/* Source NAT, as the kernel or as the wire says it. */
static void put_nat(struct rng *r, struct flow *f)
{
	bool ports = f->orig.proto == IPP_TCP || f->orig.proto == IPP_UDP;
	uint16_t port = (uint16_t)(20000 + rng_below(r, 40000));
	struct addr a;

	memset(&a, 0, sizeof(a));
	put_addr(&a, f->orig.family, 203, rng_below(r, 256));
	f->status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	if (f->has & FLOW_HAS_REPLY) {
		f->reply.dst = a;
		if (ports)
			f->reply.dport = port;
		return;
	}
	f->has |= FLOW_HAS_SNAT;
	f->snat = a;
	if (ports) {
		f->has |= FLOW_HAS_SPAT;
		f->snat_port = port;
	}
}

static void put_protocol(struct rng *r, struct flow *f)
{
	if (f->orig.proto == IPP_TCP) {
		f->has |= FLOW_HAS_STATE;
		f->state = (uint8_t)rng_below(r, 10);
		if (chance(r, 2)) {
			f->has |= FLOW_HAS_WSCALE;
			f->wscale[0] = (uint8_t)rng_below(r, 15);
			f->wscale[1] = (uint8_t)rng_below(r, 15);
		}
	} else if (f->orig.proto == IPP_SCTP) {
		f->has |= FLOW_HAS_STATE | FLOW_HAS_VTAG;
		f->state = (uint8_t)rng_below(r, 8);
		f->vtag[0] = rng_u32(r);
		f->vtag[1] = rng_u32(r);
	}
}

static void put_master(struct rng *r, struct flow *f)
{
	uint32_t n = rng_below(r, 1u << 24);

	put_tuple(&f->master, n, f->orig.family, IPP_TCP);
	f->has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	f->status |= CTS_EXPECTED;
}

static void put_rare(struct rng *r, struct flow *f)
{
	unsigned int i;

	if (chance(r, 4)) {
		f->has |= FLOW_HAS_MARK;
		f->mark = rng_u32(r);
	}
	if (chance(r, 12)) {
		f->has |= FLOW_HAS_HELPER;
		strcpy(f->helper, chance(r, 2) ? "ftp" : "sip");
	}
	if (chance(r, 12)) {
		f->has |= FLOW_HAS_LABELS;
		for (i = 0; i < FLOW_LABEL_WORDS; i++)
			f->labels[i] = rng_u32(r);
	}
	if (chance(r, 12))
		put_master(r, f);
	if (chance(r, 12)) {
		f->has |= FLOW_HAS_SEQADJ;
		for (i = 0; i < 2; i++) {
			f->seqadj[i].pos = rng_u32(r);
			f->seqadj[i].before = (int32_t)rng_below(r, 100);
			f->seqadj[i].after = -(int32_t)rng_below(r, 100);
		}
	}
}

void gen_flow_body(struct rng *r, struct flow *f)
{
	struct flow key = *f;

	flow_init(f);
	f->orig = key.orig;
	f->zone = key.zone;
	f->has = key.has & (FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE);
	f->has |= FLOW_HAS_STATUS;
	f->status = CTS_CONFIRMED;
	if (!chance(r, 4))
		f->status |= CTS_SEEN_REPLY;
	if ((f->status & CTS_SEEN_REPLY) && chance(r, 2))
		f->status |= CTS_ASSURED;
	if (!chance(r, 8)) {
		f->has |= FLOW_HAS_TIMEOUT;
		f->timeout = 1 + rng_below(r, 432000);
	}
	if (chance(r, 2)) {
		f->has |= FLOW_HAS_REPLY;
		tuple_invert(&f->orig, &f->reply);
	}
	if (chance(r, 3))
		put_nat(r, f);
	put_protocol(r, f);
	put_rare(r, f);
}

void gen_expect_key(uint32_t n, struct expect *e)
{
	uint8_t family = n % 4 == 3 ? FAM_IP6 : FAM_IP4;
	unsigned int len = addr_len(family);

	expect_init(e);
	put_tuple(&e->master, n, family, IPP_TCP);
	put_tuple(&e->tuple, n, family, IPP_TCP);
	e->tuple.sport = 0;
	e->mask = e->tuple;
	memset(e->mask.src.b, 0xff, len);
	memset(e->mask.dst.b, 0xff, len);
	e->mask.dport = 0xffff;
	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_FLAGS | EXPECT_HAS_CLASS;
	e->class_ = n % 3;
}

void gen_expect_body(struct rng *r, struct expect *e)
{
	e->has |= EXPECT_HAS_TIMEOUT;
	e->timeout = 1 + rng_below(r, 300);
	if (chance(r, 2)) {
		e->has |= EXPECT_HAS_HELPER;
		memset(e->helper, 0, sizeof(e->helper));
		strcpy(e->helper, chance(r, 2) ? "ftp" : "sip");
	}
	if (chance(r, 2)) {
		e->has |= EXPECT_HAS_FN;
		memset(e->fn, 0, sizeof(e->fn));
		strcpy(e->fn, "nat-follow-master");
	}
	if (chance(r, 2)) {
		e->has |= EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR | EXPECT_HAS_NAT_ADDR |
			  EXPECT_HAS_NAT_PORTS | EXPECT_HAS_NAT_PROTO;
		e->nat = e->tuple;
		memset(&e->nat.dst, 0, sizeof(e->nat.dst));
		e->nat.sport = (uint16_t)rng_u32(r);
		e->nat.dport = 0;
		e->nat_dir = rng_below(r, 2);
	}
}

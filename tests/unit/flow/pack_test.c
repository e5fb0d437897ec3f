// SPDX-License-Identifier: GPL-2.0-or-later
/* Flows and expectations at rest: nothing gets lost, and what it costs. */
#include <criterion/criterion.h>
#include "flow/pack.h"
#include "random_flow.h"

#define ROUNDS 20000
#define SECRET UINT64_C(0x1234567890abcdef)

struct packed {
	enum pack_class c;
	uint8_t fixed[PACK_FIXED_MAX];
	uint8_t ext[PACK_EXT_MAX];
	size_t ext_len;
};

/* Pack into storage full of garbage of the caller's choice. */
static void pack(const struct pack_ops *ops, const void *obj, struct packed *p, int garbage)
{
	memset(p, garbage, sizeof(*p));
	p->c = ops->class_of(obj);
	p->ext_len = ops->pack(obj, p->fixed, p->ext);
	cr_assert_leq(p->ext_len, PACK_EXT_MAX);
}

static void unpack(const struct pack_ops *ops, const struct packed *p, void *obj)
{
	memset(obj, 0xa5, ops->obj_size);
	ops->unpack(p->c, p->fixed, p->ext_len ? p->ext : NULL, p->ext_len, obj);
}

/* A connection as the kernel reports it when established. */
static void tcp4(struct flow *f)
{
	flow_init(f);
	f->orig = (struct tuple){ .src = { { 10, 1, 0, 2 } },
				  .dst = { { 10, 2, 0, 2 } },
				  .sport = 40003,
				  .dport = 80,
				  .family = FAM_IP4,
				  .proto = IPP_TCP };
	tuple_invert(&f->orig, &f->reply);
	f->has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_STATE |
		 FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS | FLOW_HAS_ID | FLOW_HAS_PORTS;
	f->status = 0x18e;
	f->timeout = 432000;
	f->id = 0xdeadbeef;
	f->state = TCPS_ESTABLISHED;
	f->wscale[0] = 7;
	f->wscale[1] = 9;
	f->tcp_flags[0] = 0x23;
	f->tcp_flags[1] = 0x63;
}

static size_t ext_of(const struct flow *f)
{
	struct packed p;
	struct flow g;

	pack(&pack_flow, f, &p, 0x5a);
	unpack(&pack_flow, &p, &g);
	cr_assert(flow_equal(f, &g));
	cr_assert_eq(f->id, g.id);
	return p.ext_len;
}

Test(pack, random_flows_come_back)
{
	struct packed p, q;
	struct flow f, g;
	struct rng r;

	rng_seed(&r, 1);
	for (int i = 0; i < ROUNDS; i++) {
		rnd_flow(&r, &f);
		pack(&pack_flow, &f, &p, 0);
		pack(&pack_flow, &f, &q, 0xff);
		cr_assert_eq(p.ext_len, q.ext_len);
		cr_assert_eq(memcmp(p.fixed, q.fixed, pack_flow.fixed_size(p.c)), 0,
			     "flow %d: fixed part not fully written", i);
		cr_assert_eq(memcmp(p.ext, q.ext, p.ext_len), 0, "flow %d: extension", i);
		unpack(&pack_flow, &p, &g);
		/* Valid flows have zeros where nothing is known, so all bytes must agree. */
		cr_assert_eq(memcmp(&f, &g, sizeof(f)), 0, "flow %d: has %x became %x", i, f.has,
			     g.has);
		cr_assert(flow_equal(&f, &g));
	}
}

Test(pack, hash_and_match_follow_the_key_alone)
{
	struct packed p;
	struct flow f, g;
	struct rng r;

	rng_seed(&r, 2);
	for (int i = 0; i < ROUNDS / 4; i++) {
		rnd_flow(&r, &f);
		rnd_flow(&r, &g);
		pack(&pack_flow, &f, &p, 0);
		cr_assert_eq(pack_flow.hash(&f, SECRET),
			     pack_flow.hash_packed(p.c, p.fixed, SECRET), "flow %d", i);
		cr_assert(pack_flow.match(p.c, p.fixed, &f));
		cr_assert_not(pack_flow.match(p.c, p.fixed, &g));
		g.orig = f.orig;
		g.zone = f.zone;
		cr_assert(pack_flow.match(p.c, p.fixed, &g));
		cr_assert_eq(pack_flow.hash(&f, SECRET), pack_flow.hash(&g, SECRET));
		cr_assert_neq(pack_flow.hash(&f, SECRET), pack_flow.hash(&f, SECRET + 1));
	}
}

/* Change one part of the key: another flow. */
static void differs(const struct flow *f, const struct flow *g, const char *part)
{
	struct packed p;

	pack(&pack_flow, f, &p, 0);
	cr_assert_not(pack_flow.match(p.c, p.fixed, g), "%s is not part of the key", part);
	cr_assert_neq(pack_flow.hash(f, SECRET), pack_flow.hash(g, SECRET), "%s", part);
}

Test(pack, each_part_of_the_key_counts)
{
	struct flow f, g;

	tcp4(&f);
	g = f, g.orig.src.b[3]++, differs(&f, &g, "source");
	g = f, g.orig.dst.b[0]++, differs(&f, &g, "destination");
	g = f, g.orig.sport++, differs(&f, &g, "source port");
	g = f, g.orig.dport++, differs(&f, &g, "destination port");
	g = f, g.orig.proto = IPP_UDP, differs(&f, &g, "protocol");
	g = f, g.zone = 1, differs(&f, &g, "zone");
	g = f, g.orig.family = FAM_IP6, differs(&f, &g, "family");
	f.orig.proto = IPP_ICMP;
	f.orig.dport = f.orig.sport;
	f.orig.icmp_type = 8;
	g = f, g.orig.icmp_type = 13, differs(&f, &g, "ICMP type");
	g = f, g.orig.icmp_code = 1, differs(&f, &g, "ICMP code");
	g = f, g.orig.sport = g.orig.dport = 1, differs(&f, &g, "ICMP id");
}

Test(pack, classes)
{
	struct flow f;

	tcp4(&f);
	cr_assert_eq(pack_flow.class_of(&f), PACK_FLOW4);
	f.orig.family = FAM_IP6;
	cr_assert_eq(pack_flow.class_of(&f), PACK_FLOW6);
	cr_assert_eq(pack_flow.fixed_size(PACK_FLOW4), 32);
	cr_assert_eq(pack_flow.fixed_size(PACK_FLOW6), 56);
	cr_assert_eq(pack_flow.obj_size, sizeof(struct flow));
}

Test(pack, plain_flow_has_no_extension)
{
	struct flow f;

	tcp4(&f);
	cr_assert_eq(ext_of(&f), 0);
	/* After a dump: mark 0, and the zeros of a flow made from user space. */
	f.has |= FLOW_HAS_MARK | FLOW_HAS_SYNPROXY | FLOW_HAS_ZONE;
	f.zone = 7;
	cr_assert_eq(ext_of(&f), 0);
	f.orig.proto = IPP_ICMP;
	f.orig.sport = f.orig.dport = 777;
	f.orig.icmp_type = 8;
	tuple_invert(&f.orig, &f.reply);
	f.has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_ICMP;
	f.state = f.wscale[0] = f.wscale[1] = f.tcp_flags[0] = f.tcp_flags[1] = 0;
	f.id = 0;
	cr_assert_eq(ext_of(&f), 0);
}

Test(pack, translation_costs_what_differs)
{
	struct flow f;

	tcp4(&f);
	f.reply.dst.b[2] = 99;
	cr_assert_eq(ext_of(&f), 4);
	f.reply.dport = 1024;
	cr_assert_eq(ext_of(&f), 6);
	f.reply.src.b[2] = 98;
	f.reply.sport = 8080;
	cr_assert_eq(ext_of(&f), 12);

	tcp4(&f);
	f.has &= ~FLOW_HAS_REPLY;
	memset(&f.reply, 0, sizeof(f.reply));
	cr_assert_eq(ext_of(&f), 0);
	f.has |= FLOW_HAS_SNAT | FLOW_HAS_SPAT;
	f.snat.b[0] = 10;
	f.snat_port = 5;
	cr_assert_eq(ext_of(&f), 6);
}

/* Neither the inverse nor a translation of it: kept whole. */
Test(pack, odd_reply_tuples)
{
	struct flow f;

	tcp4(&f);
	f.reply.proto = IPP_UDP;
	cr_assert_gt(ext_of(&f), 0);
	tcp4(&f);
	f.reply.icmp_type = 3;
	cr_assert_gt(ext_of(&f), 0);
	tcp4(&f);
	f.reply.icmp_code = 4;
	cr_assert_gt(ext_of(&f), 0);
	tcp4(&f);
	f.reply.family = FAM_IP6;
	cr_assert_gt(ext_of(&f), 0);
	memset(&f.reply, 0, sizeof(f.reply));
	cr_assert_gt(ext_of(&f), 0);
}

Test(pack, rare_parts_are_short)
{
	struct flow f;

	tcp4(&f);
	f.has |= FLOW_HAS_MARK;
	f.mark = 23;
	cr_assert_eq(ext_of(&f), 4);
	tcp4(&f);
	f.has |= FLOW_HAS_HELPER;
	strcpy(f.helper, "ftp");
	cr_assert_eq(ext_of(&f), 4);
	tcp4(&f);
	f.has |= FLOW_HAS_LABELS;
	f.labels[1] = 1;
	cr_assert_eq(ext_of(&f), 5);
	tcp4(&f);
	f.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	f.master = f.orig;
	f.master.dport = 21;
	cr_assert_eq(ext_of(&f), 8);
	tcp4(&f);
	f.has |= FLOW_HAS_SEQADJ;
	f.seqadj[0] = (struct seqadj){ 4242, 0, -3 };
	cr_assert_eq(ext_of(&f), 11);
}

Test(pack, values_too_big_for_the_fixed_part)
{
	struct flow f;

	tcp4(&f);
	f.status |= 0x12340000;
	f.state = 255;
	f.wscale[1] = 16;
	cr_assert_eq(ext_of(&f), 2 + 2 + 1 + 2);
	f.state = 15;
	f.wscale[1] = 15;
	f.status &= 0xffff;
	cr_assert_eq(ext_of(&f), 0);
}

/* Every part at once and nothing shared: still fits. */
Test(pack, the_largest_flow_fits)
{
	struct flow f;

	flow_init(&f);
	f.orig.family = f.reply.family = f.master.family = FAM_IP6;
	f.orig.proto = IPP_TCP;
	f.reply.proto = f.master.proto = IPP_ICMP6;
	memset(f.orig.src.b, 1, 16);
	memset(f.orig.dst.b, 2, 16);
	memset(f.reply.src.b, 3, 16);
	memset(f.reply.dst.b, 4, 16);
	memset(f.master.src.b, 5, 16);
	memset(f.master.dst.b, 6, 16);
	f.reply.sport = f.reply.dport = f.master.sport = f.master.dport = 0xffff;
	f.reply.icmp_type = f.master.icmp_type = 128;
	f.has = (1u << 25) - 1;
	f.has &= ~(FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT);
	f.status = f.mark = UINT32_MAX;
	f.state = f.wscale[0] = 255;
	memset(f.labels, 0xff, sizeof(f.labels));
	memset(f.helper, 'x', sizeof(f.helper) - 1);
	memset(f.seqadj, 0xee, sizeof(f.seqadj));
	f.synproxy_its = 1;
	cr_assert_gt(ext_of(&f), 150);
}

Test(pack, counters_are_not_kept)
{
	struct packed p;
	struct flow f, g;

	tcp4(&f);
	f.has |= FLOW_HAS_COUNTERS;
	f.packets[0] = 4;
	pack(&pack_flow, &f, &p, 0);
	unpack(&pack_flow, &p, &g);
	cr_assert_eq(g.has & FLOW_HAS_COUNTERS, 0);
	cr_assert_eq(g.packets[0], 0);
}

Test(pack, random_expectations_come_back)
{
	struct packed p, q;
	struct expect e, g;
	struct rng r;

	rng_seed(&r, 3);
	cr_assert_eq(pack_expect.obj_size, sizeof(e));
	for (int i = 0; i < ROUNDS / 4; i++) {
		rnd_expect(&r, &e);
		pack(&pack_expect, &e, &p, 0);
		pack(&pack_expect, &e, &q, 0xff);
		cr_assert_eq(p.c, PACK_EXPECT);
		cr_assert_eq(memcmp(p.fixed, q.fixed, pack_expect.fixed_size(p.c)), 0);
		unpack(&pack_expect, &p, &g);
		cr_assert(expect_equal(&e, &g), "expectation %d", i);
		cr_assert_eq(memcmp(&e, &g, offsetof(struct expect, master)), 0);
		cr_assert_eq(pack_expect.hash(&e, SECRET),
			     pack_expect.hash_packed(p.c, p.fixed, SECRET));
		cr_assert(pack_expect.match(p.c, p.fixed, &e));
		g.timeout++;
		g.has ^= EXPECT_HAS_HELPER;
		cr_assert(pack_expect.match(p.c, p.fixed, &g));
		g.class_++;
		cr_assert_not(pack_expect.match(p.c, p.fixed, &g));
		g = e;
		g.mask.dport++;
		cr_assert_not(pack_expect.match(p.c, p.fixed, &g));
	}
}

Test(pack, fixed_parts_are_in_bounds)
{
	for (enum pack_class c = PACK_FLOW4; c < PACK_CLASSES; c++) {
		const struct pack_ops *ops = c == PACK_EXPECT ? &pack_expect : &pack_flow;

		cr_assert_leq(ops->fixed_size(c), PACK_FIXED_MAX);
		cr_assert_eq(ops->fixed_size(c) % 4, 0);
	}
}

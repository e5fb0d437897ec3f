// SPDX-License-Identifier: GPL-2.0-or-later
/* The flow as a value: key, merging, and the two views of the reply direction. */
#include <criterion/criterion.h>
#include "flow/flow.h"
#include "random_flow.h"

#define DONE (CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE)

static const struct addr client = { { 10, 1, 0, 2 } }, vip = { { 10, 1, 0, 1 } },
			 server = { { 10, 2, 0, 2 } }, gateway = { { 10, 2, 0, 100 } };

/* client:40003 -> vip:8080, without a reply part. */
static void start(struct flow *f, uint8_t proto)
{
	flow_init(f);
	f->orig = (struct tuple){ .src = client,
				  .dst = vip,
				  .sport = 40003,
				  .dport = 8080,
				  .family = FAM_IP4,
				  .proto = proto };
	f->has = FLOW_HAS_PORTS;
}

static void start_icmp(struct flow *f, uint8_t proto, uint8_t type)
{
	start(f, proto);
	f->orig.sport = f->orig.dport = 777;
	f->orig.icmp_type = type;
	f->has = FLOW_HAS_ICMP;
}

/* Both directions translated, as the kernel reports it. */
static void translate(struct flow *f)
{
	tuple_invert(&f->orig, &f->reply);
	f->reply.src = server;
	f->reply.dst = gateway;
	f->reply.sport = 80;
	f->reply.dport = 1024;
	f->has |= FLOW_HAS_REPLY | FLOW_HAS_STATUS;
	f->status = CTS_CONFIRMED | DONE;
}

Test(flow, init_is_all_zero)
{
	static const struct flow zero;
	struct flow f;

	memset(&f, 0x5a, sizeof(f));
	flow_init(&f);
	cr_assert_eq(memcmp(&f, &zero, sizeof(f)), 0);
}

Test(flow, what_a_key_needs)
{
	static const uint8_t with_ports[] = { IPP_TCP, IPP_UDP, IPP_SCTP, IPP_DCCP };
	static const uint8_t without[] = { IPP_GRE, IPP_UDPLITE, 50, 89 };
	struct flow f;

	for (size_t i = 0; i < sizeof(with_ports); i++) {
		start(&f, with_ports[i]);
		cr_assert(flow_has_key(&f));
		f.has = FLOW_HAS_ICMP;
		cr_assert_not(flow_has_key(&f), "protocol %u without ports", with_ports[i]);
	}
	for (size_t i = 0; i < sizeof(without); i++) {
		start(&f, without[i]);
		f.has = 0;
		cr_assert(flow_has_key(&f));
	}
	start_icmp(&f, IPP_ICMP, 8);
	cr_assert(flow_has_key(&f));
	f.has = FLOW_HAS_PORTS;
	cr_assert_not(flow_has_key(&f));
	start_icmp(&f, IPP_ICMP6, 128);
	cr_assert(flow_has_key(&f));
	start(&f, IPP_TCP);
	f.orig.family = FAM_NONE;
	cr_assert_not(flow_has_key(&f));
	start(&f, 0);
	cr_assert_not(flow_has_key(&f));
}

/* --- merging ------------------------------------------------------------- */

Test(flow, merging_nothing_changes_nothing)
{
	struct flow f, g, none;
	struct rng r;

	rng_seed(&r, 11);
	for (int i = 0; i < 2000; i++) {
		rnd_flow(&r, &f);
		g = f;
		flow_init(&none);
		none.orig = f.orig;
		flow_merge(&g, &none);
		cr_assert_eq(memcmp(&f, &g, sizeof(f)), 0);
	}
}

/* Merged into an empty one, everything arrives. */
Test(flow, merging_into_the_bare_key_gives_the_whole)
{
	struct flow f, g;
	struct rng r;

	rng_seed(&r, 12);
	for (int i = 0; i < 2000; i++) {
		rnd_flow(&r, &f);
		flow_init(&g);
		g.orig = f.orig;
		g.zone = f.zone;
		g.has = f.has & (FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE);
		flow_merge(&g, &f);
		cr_assert(flow_equal(&f, &g), "flow %d: %x became %x", i, f.has, g.has);
		cr_assert_eq(f.id, g.id);
	}
}

/* Each part comes from the newer one if that knows it, else from the older. */
Test(flow, newer_knowledge_wins_and_absent_is_unchanged)
{
	const uint32_t reply =
		FLOW_HAS_REPLY | FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT;
	const uint32_t master = FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	const uint32_t key = FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE;
	struct flow a, b, m;
	struct rng r;

	rng_seed(&r, 13);
	for (int i = 0; i < 5000; i++) {
		uint32_t plain = ~(reply | master | key), want;

		rnd_flow(&r, &a);
		rnd_flow(&r, &b);
		m = a;
		flow_merge(&m, &b);
		want = ((a.has | b.has) & plain) | (a.has & key) |
		       ((b.has & reply ? b.has : a.has) & reply) |
		       ((b.has & master ? b.has : a.has) & master);
		cr_assert_eq(m.has, want, "flow %d", i);
		cr_assert(tuple_equal(&m.orig, &a.orig));
		cr_assert_eq(m.zone, a.zone);
		cr_assert_eq(m.timeout, b.has & FLOW_HAS_TIMEOUT ? b.timeout : a.timeout);
		cr_assert_eq(m.status, b.has & FLOW_HAS_STATUS ? b.status : a.status);
		cr_assert_eq(m.mark, b.has & FLOW_HAS_MARK ? b.mark : a.mark);
		cr_assert_eq(m.state, b.has & FLOW_HAS_STATE ? b.state : a.state);
		cr_assert_eq(m.id, b.has & FLOW_HAS_ID ? b.id : a.id);
		cr_assert_str_eq(m.helper, b.has & FLOW_HAS_HELPER ? b.helper : a.helper);
		cr_assert(tuple_equal(&m.reply, b.has & reply ? &b.reply : &a.reply));
	}
}

Test(flow, a_mark_can_become_zero)
{
	struct flow f, g;

	start(&f, IPP_TCP);
	f.has |= FLOW_HAS_MARK;
	f.mark = 5;
	g = f;
	g.mark = 0;
	flow_merge(&f, &g);
	cr_assert_eq(f.mark, 0);
	cr_assert(f.has & FLOW_HAS_MARK);
}

Test(flow, a_reply_tuple_replaces_translations_and_vice_versa)
{
	struct flow wire, kernel, m;

	start(&wire, IPP_TCP);
	wire.has |= FLOW_HAS_SNAT | FLOW_HAS_SPAT;
	wire.snat = gateway;
	wire.snat_port = 99;
	start(&kernel, IPP_TCP);
	translate(&kernel);
	m = wire;
	flow_merge(&m, &kernel);
	cr_assert(flow_equal(&m, &kernel));
	cr_assert_eq(m.snat_port, 0);
	m = kernel;
	flow_merge(&m, &wire);
	cr_assert_eq(m.has & (FLOW_HAS_REPLY | FLOW_HAS_SNAT | FLOW_HAS_SPAT | FLOW_HAS_DNAT),
		     FLOW_HAS_SNAT | FLOW_HAS_SPAT);
	cr_assert_eq(m.reply.family, FAM_NONE);
}

Test(flow, counters_are_merged)
{
	struct flow f, g;

	start(&f, IPP_TCP);
	g = f;
	g.has |= FLOW_HAS_COUNTERS;
	g.packets[0] = 4;
	g.bytes[1] = 167;
	flow_merge(&f, &g);
	cr_assert(f.has & FLOW_HAS_COUNTERS);
	cr_assert_eq(f.packets[0], 4);
	cr_assert_eq(f.bytes[1], 167);
}

/* --- translations ---------------------------------------------------------- */

Test(flow, translations_from_a_reply_tuple)
{
	struct flow_nat nat;
	struct flow f;

	start(&f, IPP_TCP);
	translate(&f);
	flow_nat(&f, &nat);
	cr_assert(nat.snat && nat.dnat && nat.spat && nat.dpat);
	cr_assert(addr_equal(&nat.saddr, &gateway));
	cr_assert(addr_equal(&nat.daddr, &server));
	cr_assert_eq(nat.sport, 1024);
	cr_assert_eq(nat.dport, 80);
}

Test(flow, no_translation_if_the_reply_is_the_inverse)
{
	static const struct flow_nat none;
	struct flow_nat nat;
	struct flow f;

	start(&f, IPP_TCP);
	translate(&f);
	tuple_invert(&f.orig, &f.reply);
	memset(&nat, 0x5a, sizeof(nat));
	flow_nat(&f, &nat);
	cr_assert_eq(memcmp(&nat, &none, sizeof(nat)), 0);
}

Test(flow, a_translation_counts_only_when_done)
{
	struct flow_nat nat;
	struct flow f;

	start(&f, IPP_UDP);
	translate(&f);
	f.status = CTS_CONFIRMED | CTS_SRC_NAT_DONE;
	flow_nat(&f, &nat);
	cr_assert(nat.snat && nat.spat && !nat.dnat && !nat.dpat);
	f.status = CTS_CONFIRMED | CTS_DST_NAT_DONE;
	flow_nat(&f, &nat);
	cr_assert(!nat.snat && !nat.spat && nat.dnat && nat.dpat);
	f.status = CTS_CONFIRMED;
	flow_nat(&f, &nat);
	cr_assert(!nat.snat && !nat.spat && !nat.dnat && !nat.dpat);
	/* Nothing is known of the status: believe the tuples. */
	f.has &= ~FLOW_HAS_STATUS;
	flow_nat(&f, &nat);
	cr_assert(nat.snat && nat.spat && nat.dnat && nat.dpat);
}

Test(flow, an_icmp_id_is_translated_once)
{
	struct flow_nat nat;
	struct flow f;

	start_icmp(&f, IPP_ICMP, 8);
	translate(&f);
	f.reply.sport = f.reply.dport = 39776;
	flow_nat(&f, &nat);
	cr_assert(nat.snat && nat.spat && nat.dnat && !nat.dpat);
	cr_assert_eq(nat.sport, 39776);
	f.reply.sport = f.reply.dport = 777;
	flow_nat(&f, &nat);
	cr_assert(nat.snat && !nat.spat && !nat.dpat);
}

Test(flow, translations_as_received)
{
	struct flow_nat nat;
	struct flow f;

	start(&f, IPP_SCTP);
	f.has |= FLOW_HAS_SNAT | FLOW_HAS_DPAT | FLOW_HAS_SPAT | FLOW_HAS_STATUS;
	f.snat = gateway;
	f.dnat_port = 80;
	flow_nat(&f, &nat);
	cr_assert(nat.snat && nat.dpat && !nat.dnat);
	cr_assert(addr_equal(&nat.saddr, &gateway));
	cr_assert_eq(nat.dport, 80);
	cr_assert_not(nat.spat, "port 0 is no translation");
	start_icmp(&f, IPP_ICMP6, 128);
	f.has |= FLOW_HAS_SPAT | FLOW_HAS_DPAT;
	f.snat_port = f.dnat_port = 5;
	flow_nat(&f, &nat);
	cr_assert(nat.spat && !nat.dpat, "the id of ICMP is one number");
	f.snat_port = 0;
	flow_nat(&f, &nat);
	cr_assert_not(nat.spat || nat.dpat);
}

Test(flow, reply_as_reported)
{
	struct tuple reply;
	struct flow f;

	start(&f, IPP_TCP);
	translate(&f);
	f.has |= FLOW_HAS_SNAT;
	flow_reply(&f, &reply);
	cr_assert(tuple_equal(&reply, &f.reply));
}

/* 10.2.0.2:80 -> 10.2.0.100:40003, the worked example of the protocol text. */
Test(flow, reply_from_translations)
{
	struct tuple reply;
	struct flow f;

	start(&f, IPP_TCP);
	f.has |= FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_DPAT;
	f.snat = gateway;
	f.dnat = server;
	f.dnat_port = 80;
	flow_reply(&f, &reply);
	cr_assert(addr_equal(&reply.src, &server));
	cr_assert(addr_equal(&reply.dst, &gateway));
	cr_assert_eq(reply.sport, 80);
	cr_assert_eq(reply.dport, 40003);
	cr_assert_eq(reply.proto, IPP_TCP);
}

Test(flow, reply_of_an_untranslated_ping)
{
	struct tuple reply;
	struct flow f;

	start_icmp(&f, IPP_ICMP6, 128);
	f.has |= FLOW_HAS_SPAT | FLOW_HAS_DPAT;
	flow_reply(&f, &reply);
	cr_assert_eq(reply.icmp_type, 129);
	cr_assert_eq(reply.sport, 777);
	cr_assert_eq(reply.dport, 777);
}

/* Both views agree: translations taken from a reply tuple rebuild that tuple. */
Test(flow, translations_rebuild_the_reply)
{
	struct flow f, g;
	struct rng r;

	rng_seed(&r, 14);
	for (int i = 0; i < 5000; i++) {
		struct flow_nat nat;
		struct tuple reply;

		flow_init(&f);
		rnd_tuple(&r, FAM_IP4, &f.orig);
		if (proto_is_icmp(f.orig.proto) || !proto_has_ports(f.orig.proto))
			continue;
		tuple_invert(&f.orig, &f.reply);
		f.has = FLOW_HAS_REPLY;
		if (rnd_chance(&r, 50))
			rnd_addr(&r, FAM_IP4, &f.reply.dst);
		if (rnd_chance(&r, 50))
			f.reply.sport = (uint16_t)(1 + rng_below(&r, 65535));
		if (rnd_chance(&r, 50))
			f.reply.dport = (uint16_t)(1 + rng_below(&r, 65535));
		flow_nat(&f, &nat);
		g = f;
		memset(&g.reply, 0, sizeof(g.reply));
		g.has = (nat.snat ? FLOW_HAS_SNAT : 0) | (nat.spat ? FLOW_HAS_SPAT : 0) |
			(nat.dnat ? FLOW_HAS_DNAT : 0) | (nat.dpat ? FLOW_HAS_DPAT : 0);
		g.snat = nat.saddr;
		g.dnat = nat.daddr;
		g.snat_port = nat.sport;
		g.dnat_port = nat.dport;
		flow_reply(&g, &reply);
		cr_assert(tuple_equal(&reply, &f.reply), "flow %d", i);
	}
}

/* --- equality ---------------------------------------------------------------- */

Test(flow, equality_sees_every_known_part)
{
	struct flow f, g;
	uint8_t *bytes = (uint8_t *)&g;
	struct rng r;
	size_t seen = 0;

	rng_seed(&r, 15);
	rnd_flow(&r, &f);
	f.has = (1u << 28) - 1;
	memset(f.helper, 'h', sizeof(f.helper) - 1);
	f.helper[sizeof(f.helper) - 1] = '\0';
	for (size_t i = sizeof(f.has); i < sizeof(f); i++) {
		g = f;
		bytes[i] ^= 1;
		seen += !flow_equal(&f, &g);
	}
	/* All bytes but these; there is no padding. */
	cr_assert_eq(seen, sizeof(f) - sizeof(f.has) - sizeof(f.id) - sizeof(f.packets) -
				   sizeof(f.bytes) - sizeof(f.duration) - sizeof(f.use));
	for (unsigned int bit = 0; bit < 25; bit++) {
		g = f;
		g.has &= ~(1u << bit);
		cr_assert_eq(flow_equal(&f, &g), bit == 21, "bit %u of has", bit);
	}
	g = f;
	g.id++;
	g.packets[0]++;
	g.has &= ~FLOW_HAS_COUNTERS;
	cr_assert(flow_equal(&f, &g));
}

Test(flow, equality_ignores_what_is_not_announced)
{
	struct flow f, g;

	start(&f, IPP_TCP);
	g = f;
	g.mark = g.timeout = g.status = 1;
	g.state = 3;
	g.labels[2] = 4;
	g.reply = f.orig;
	g.helper[0] = 'x';
	cr_assert(flow_equal(&f, &g));
	g.orig.dport++;
	cr_assert_not(flow_equal(&f, &g));
	g = f;
	g.zone = 1;
	cr_assert_not(flow_equal(&f, &g));
}

Test(flow, children)
{
	struct flow f;

	start(&f, IPP_TCP);
	cr_assert_not(flow_is_child(&f));
	f.has |= FLOW_HAS_MASTER;
	cr_assert(flow_is_child(&f));
}

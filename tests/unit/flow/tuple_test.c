// SPDX-License-Identifier: GPL-2.0-or-later
/* Tuples and the text of addresses; the C library is the judge of the latter. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include "flow/tuple.h"
#include "random_flow.h"

Test(tuple, lengths_and_names)
{
	cr_assert_eq(addr_len(FAM_IP4), 4);
	cr_assert_eq(addr_len(FAM_IP6), 16);
	cr_assert_eq(addr_len(FAM_NONE), 0);
	cr_assert_eq(FAM_IP4, AF_INET);
	cr_assert_eq(FAM_IP6, AF_INET6);
	cr_assert_str_eq(proto_name(6), "tcp");
	cr_assert_str_eq(proto_name(17), "udp");
	cr_assert_str_eq(proto_name(1), "icmp");
	cr_assert_str_eq(proto_name(58), "icmpv6");
	cr_assert_str_eq(proto_name(132), "sctp");
	cr_assert_str_eq(proto_name(33), "dccp");
	cr_assert_str_eq(proto_name(47), "gre");
	cr_assert_str_eq(proto_name(136), "udplite");
	cr_assert_str_eq(proto_name(89), "unknown");
}

Test(tuple, kinds_of_protocols)
{
	int ports = 0, icmp = 0;

	for (unsigned int p = 0; p < 256; p++) {
		ports += proto_has_ports((uint8_t)p);
		icmp += proto_is_icmp((uint8_t)p);
	}
	cr_assert_eq(ports, 5);
	cr_assert_eq(icmp, 2);
	cr_assert(proto_has_ports(IPP_UDPLITE) && proto_has_ports(IPP_DCCP));
	cr_assert_not(proto_has_ports(IPP_GRE));
	cr_assert(proto_is_icmp(IPP_ICMP) && proto_is_icmp(IPP_ICMP6));
}

Test(tuple, equality_sees_every_byte)
{
	struct tuple a, b;
	struct rng r;

	rng_seed(&r, 4);
	rnd_tuple(&r, FAM_IP6, &a);
	for (size_t i = 0; i < sizeof(a); i++) {
		b = a;
		cr_assert(tuple_equal(&a, &b));
		((uint8_t *)&b)[i] ^= 0x10;
		cr_assert_not(tuple_equal(&a, &b), "byte %zu", i);
	}
	for (size_t i = 0; i < 16; i++) {
		b = a;
		b.src.b[i] ^= 1;
		cr_assert_not(addr_equal(&a.src, &b.src));
	}
}

Test(tuple, inverse_swaps_both_ends)
{
	struct tuple t = { .src = { { 10, 0, 0, 1 } },
			   .dst = { { 10, 0, 0, 2 } },
			   .sport = 1,
			   .dport = 2,
			   .family = FAM_IP4,
			   .proto = IPP_UDP };
	struct tuple inv, want = t, back;

	want.src = t.dst;
	want.dst = t.src;
	want.sport = 2;
	want.dport = 1;
	tuple_invert(&t, &inv);
	cr_assert(tuple_equal(&inv, &want));
	tuple_invert(&inv, &back);
	cr_assert(tuple_equal(&back, &t));
}

static void answers(uint8_t proto, uint8_t type, uint8_t want)
{
	struct tuple t = { .family = FAM_IP4,
			   .proto = proto,
			   .sport = 9,
			   .dport = 9,
			   .icmp_type = type,
			   .icmp_code = 3 };
	struct tuple inv;

	tuple_invert(&t, &inv);
	cr_assert_eq(inv.icmp_type, want, "protocol %u type %u: %u", proto, type, inv.icmp_type);
	cr_assert_eq(inv.icmp_code, 3);
	cr_assert_eq(inv.sport, 9);
	cr_assert_eq(inv.dport, 9);
}

Test(tuple, icmp_types_and_their_answers)
{
	static const uint8_t v4[][2] = { { 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 } };
	static const uint8_t v6[][2] = { { 128, 129 }, { 139, 140 } };

	for (unsigned int i = 0; i < 4; i++) {
		answers(IPP_ICMP, v4[i][0], v4[i][1]);
		answers(IPP_ICMP, v4[i][1], v4[i][0]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		answers(IPP_ICMP6, v6[i][0], v6[i][1]);
		answers(IPP_ICMP6, v6[i][1], v6[i][0]);
	}
	answers(IPP_ICMP, 3, 3);
	answers(IPP_ICMP, 128, 128);
	answers(IPP_ICMP6, 8, 8);
	answers(IPP_ICMP6, 1, 1);
}

/* IPv6 addresses with many zero groups, where the rules bite. */
static void sparse_addr(struct rng *r, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	for (int i = 0; i < 8; i++) {
		if (rnd_chance(r, 55))
			continue;
		a->b[2 * i] = (uint8_t)(rnd_chance(r, 50) ? 0 : rng_u32(r));
		a->b[2 * i + 1] = (uint8_t)rng_u32(r);
	}
	if (rnd_chance(r, 10)) {
		memset(a->b, 0, 12);
		if (rnd_chance(r, 70))
			a->b[10] = a->b[11] = 0xff;
	}
}

static void round_trip(const struct addr *a, uint8_t family)
{
	char text[64], want[64];
	struct addr back;
	uint8_t fam = 0;

	memset(text, '#', sizeof(text));
	addr_text(a, family, text);
	cr_assert_not_null(inet_ntop(family, a->b, want, sizeof(want)));
	cr_assert_str_eq(text, want);
	cr_assert_eq(text[46], '#', "wrote beyond 46 bytes");
	cr_assert_eq(addr_parse(text, &back, &fam), 0, "%s", text);
	cr_assert_eq(fam, family);
	cr_assert(addr_equal(a, &back), "%s", text);
}

Test(tuple, text_agrees_with_the_c_library)
{
	struct addr a;
	struct rng r;

	rng_seed(&r, 5);
	for (int i = 0; i < 20000; i++) {
		rnd_addr(&r, FAM_IP4, &a);
		round_trip(&a, FAM_IP4);
		rnd_addr(&r, FAM_IP6, &a);
		round_trip(&a, FAM_IP6);
		sparse_addr(&r, &a);
		round_trip(&a, FAM_IP6);
	}
	memset(&a, 0xff, sizeof(a));
	round_trip(&a, FAM_IP6);
	memset(&a, 0, sizeof(a));
	round_trip(&a, FAM_IP6);
	round_trip(&a, FAM_IP4);
}

Test(tuple, no_family_has_no_text)
{
	struct addr a = { { 1 } };
	char text[46] = "x";

	addr_text(&a, FAM_NONE, text);
	cr_assert_str_eq(text, "");
}

/* Does our parser take exactly what the library takes, with the same result? */
static void same_verdict(const char *s)
{
	struct addr ours = { { 0x55 } }, theirs = { { 0 } };
	uint8_t fam = 99;
	int want4 = inet_pton(AF_INET, s, theirs.b);
	int want6 = want4 == 1 ? 0 : inet_pton(AF_INET6, s, theirs.b);
	int err = addr_parse(s, &ours, &fam);

	if (want4 != 1 && want6 != 1) {
		cr_assert_eq(err, -EINVAL, "\"%s\" accepted", s);
		cr_assert_eq(ours.b[0], 0x55, "touched on error");
		cr_assert_eq(fam, 99);
		return;
	}
	cr_assert_eq(err, 0, "\"%s\" refused", s);
	cr_assert_eq(fam, want4 == 1 ? FAM_IP4 : FAM_IP6);
	cr_assert(addr_equal(&ours, &theirs), "\"%s\"", s);
}

Test(tuple, parser_agrees_with_the_c_library)
{
	static const char *const cases[] = {
		"",
		".",
		"1",
		"1.2.3",
		"1.2.3.4",
		"1.2.3.4.",
		"1.2.3.4.5",
		"256.1.1.1",
		"01.2.3.4",
		"1.2.3.04",
		"0.0.0.0",
		"00.0.0.0",
		"1..2.3",
		" 1.2.3.4",
		"1.2.3.4 ",
		"a.b.c.d",
		":",
		"::",
		":::",
		"::1",
		"1::",
		"1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:",
		":1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8",
		"1::2::3",
		"1:::2",
		"12345::",
		"::ffff:1.2.3.4",
		"::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3",
		"::1.2.3.4:5",
		"::1.2.3.256",
		"::01.2.3.4",
		"1.2.3.4::",
		"FE80::ABCD",
		"fe80::g",
		"fe80::1%eth0",
		"::00001",
		"1:2",
		"::1:",
		"1:2:3:4:5:6:7::8",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		same_verdict(cases[i]);
}

Test(tuple, parser_agrees_on_random_text)
{
	static const char alphabet[] = "0123af:::::..1";
	char s[48];
	struct rng r;

	rng_seed(&r, 6);
	for (int i = 0; i < 200000; i++) {
		unsigned int len = rng_below(&r, 24);

		for (unsigned int k = 0; k < len; k++)
			s[k] = alphabet[rng_below(&r, sizeof(alphabet) - 1)];
		s[len] = '\0';
		same_verdict(s);
	}
}

/* Valid text with one character changed: close to the edge of the grammar. */
Test(tuple, parser_agrees_on_damaged_text)
{
	static const char alphabet[] = "09af:.%";
	char s[64];
	struct addr a;
	struct rng r;

	rng_seed(&r, 7);
	for (int i = 0; i < 50000; i++) {
		uint8_t family = rnd_chance(&r, 30) ? FAM_IP4 : FAM_IP6;

		if (family == FAM_IP4)
			rnd_addr(&r, family, &a);
		else
			sparse_addr(&r, &a);
		addr_text(&a, family, s);
		s[rng_below(&r, (uint32_t)strlen(s))] =
			alphabet[rng_below(&r, sizeof(alphabet) - 1)];
		same_verdict(s);
	}
}

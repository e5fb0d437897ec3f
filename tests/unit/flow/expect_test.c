// SPDX-License-Identifier: GPL-2.0-or-later
/* The expectation as a value: what makes two of them the same. */
#include <criterion/criterion.h>
#include "flow/expect.h"
#include "random_flow.h"

/* An FTP data connection announced by its control connection. */
static void ftp(struct expect *e)
{
	expect_init(e);
	e->master = (struct tuple){ .src = { { 10, 0, 0, 1 } },
				    .dst = { { 10, 0, 0, 2 } },
				    .sport = 44020,
				    .dport = 21,
				    .family = FAM_IP4,
				    .proto = IPP_TCP };
	e->tuple = (struct tuple){ .src = { { 10, 0, 0, 2 } },
				   .dst = { { 10, 0, 0, 1 } },
				   .dport = 59599,
				   .family = FAM_IP4,
				   .proto = IPP_TCP };
	e->mask = (struct tuple){ .src = { { 255, 255, 255, 255 } },
				  .dst = { { 255, 255, 255, 255 } },
				  .dport = 0xffff,
				  .family = FAM_IP4,
				  .proto = IPP_TCP };
	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_FLAGS;
}

Test(expect, init_is_all_zero)
{
	static const struct expect zero;
	struct expect e;

	memset(&e, 0x5a, sizeof(e));
	expect_init(&e);
	cr_assert_eq(memcmp(&e, &zero, sizeof(e)), 0);
}

Test(expect, what_a_key_needs)
{
	static const uint32_t needed[] = { EXPECT_HAS_MASTER,       EXPECT_HAS_TUPLE,
					   EXPECT_HAS_MASK,         EXPECT_HAS_PORTS,
					   EXPECT_HAS_MASTER_PORTS, EXPECT_HAS_MASK_PORTS };
	struct expect e;

	ftp(&e);
	cr_assert(expect_has_key(&e));
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		ftp(&e);
		e.has &= ~needed[i];
		cr_assert_not(expect_has_key(&e), "without %x", needed[i]);
	}
	ftp(&e);
	e.mask.family = FAM_IP6;
	cr_assert_not(expect_has_key(&e), "mask of another family");
	ftp(&e);
	e.master.family = FAM_NONE;
	cr_assert_not(expect_has_key(&e));
	ftp(&e);
	e.tuple.proto = 0;
	cr_assert_not(expect_has_key(&e));
}

/* PPTP: a TCP master announces GRE, whose keys need not be known. */
Test(expect, gre_needs_no_ports)
{
	struct expect e;

	ftp(&e);
	e.tuple.proto = IPP_GRE;
	e.has &= ~(EXPECT_HAS_PORTS | EXPECT_HAS_MASK_PORTS);
	cr_assert(expect_has_key(&e));
}

Test(expect, identity)
{
	struct expect a, b;

	ftp(&a);
	b = a;
	b.timeout = 7;
	b.id = 8;
	b.nat.sport = 1;
	b.has |= EXPECT_HAS_TIMEOUT | EXPECT_HAS_ID | EXPECT_HAS_NAT;
	strcpy(b.helper, "ftp");
	cr_assert(expect_same(&a, &b));
	cr_assert_not(expect_equal(&a, &b));
	b = a, b.master.sport++;
	cr_assert_not(expect_same(&a, &b));
	b = a, b.tuple.dport++;
	cr_assert_not(expect_same(&a, &b));
	b = a, b.mask.sport++;
	cr_assert_not(expect_same(&a, &b));
	b = a, b.flags = EXPF_INACTIVE;
	cr_assert_not(expect_same(&a, &b));
	b = a, b.class_ = 1;
	cr_assert_not(expect_same(&a, &b));
	b = a, expect_set_zone(&b, 9);
	cr_assert_not(expect_same(&a, &b));
	expect_set_zone(&b, 0);
	cr_assert(expect_equal(&a, &b));
}

Test(expect, equality_sees_every_known_part)
{
	struct expect a, b;
	uint8_t *bytes = (uint8_t *)&b;
	struct rng r;
	size_t seen = 0;

	rng_seed(&r, 21);
	rnd_expect(&r, &a);
	a.has = (1u << 18) - 1;
	memset(a.helper, 'h', sizeof(a.helper) - 1);
	memset(a.fn, 'f', sizeof(a.fn) - 1);
	for (size_t i = 0; i < sizeof(a); i++) {
		b = a;
		bytes[i] ^= 1;
		seen += !expect_equal(&a, &b);
	}
	/* All but the padding behind the zone. */
	cr_assert_geq(seen, sizeof(a) - 4);
	b = a;
	cr_assert(expect_equal(&a, &b));
}

Test(expect, equality_ignores_what_is_not_announced)
{
	struct expect a, b;

	ftp(&a);
	b = a;
	b.timeout = 1;
	b.helper[0] = 'x';
	b.nat.dport = 3;
	cr_assert(expect_equal(&a, &b));
	b.has |= EXPECT_HAS_TIMEOUT;
	cr_assert_not(expect_equal(&a, &b));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The filter: each set alone, together, empty, and with thousands of networks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include "base/err.h"
#include "flow/filter.h"
#include "oom.h"
#include "random_flow.h"

static struct filter *f;

static void set_up(void)
{
	f = filter_new();
	cr_assert_not_null(f);
}

static void tear_down(void)
{
	filter_free(f);
}

TestSuite(filter, .init = set_up, .fini = tear_down);

static int add(const char *addr, uint8_t prefix)
{
	struct filter_net n = { .prefix = prefix };

	cr_assert_eq(addr_parse(addr, &n.addr, &n.family), 0, "%s", addr);
	return filter_add_net(f, &n);
}

/* A TCP connection from client to service, answered by server. */
static struct flow flow(const char *client, const char *service, const char *server)
{
	struct flow fl;
	uint8_t family;

	flow_init(&fl);
	cr_assert_eq(addr_parse(client, &fl.orig.src, &family), 0);
	cr_assert_eq(addr_parse(service, &fl.orig.dst, &family), 0);
	fl.orig.family = family;
	fl.orig.proto = IPP_TCP;
	fl.orig.sport = 1000;
	fl.orig.dport = 80;
	tuple_invert(&fl.orig, &fl.reply);
	cr_assert_eq(addr_parse(server, &fl.reply.src, &family), 0);
	fl.has = FLOW_HAS_REPLY | FLOW_HAS_PORTS;
	return fl;
}

static bool passes(const char *client, const char *server)
{
	struct flow fl = flow(client, server, server);

	return filter_pass(f, &fl, true);
}

Test(filter, nothing_configured_passes_everything)
{
	struct flow fl = flow("10.0.0.1", "10.0.0.2", "10.0.0.2");

	cr_assert(filter_pass(f, &fl, true));
	cr_assert(filter_pass(NULL, &fl, true));
	/* Items without a policy do nothing. */
	cr_assert_eq(add("10.0.0.0", 8), 0);
	filter_add_proto(f, IPP_UDP);
	filter_add_state(f, TCPS_CLOSE);
	cr_assert(filter_pass(f, &fl, true));
}

Test(filter, empty_sets)
{
	filter_set_addr_policy(f, FILTER_IGNORE);
	filter_set_proto_policy(f, FILTER_IGNORE);
	filter_set_state_policy(f, FILTER_IGNORE);
	cr_assert(passes("10.0.0.1", "10.0.0.2"));
	filter_set_addr_policy(f, FILTER_ACCEPT);
	cr_assert_not(passes("10.0.0.1", "10.0.0.2"));
	filter_set_addr_policy(f, FILTER_ABSENT);
	cr_assert(passes("10.0.0.1", "10.0.0.2"));
	filter_set_proto_policy(f, FILTER_ACCEPT);
	cr_assert_not(passes("10.0.0.1", "10.0.0.2"));
}

Test(filter, protocols)
{
	struct flow fl = flow("10.0.0.1", "10.0.0.2", "10.0.0.2");

	filter_add_proto(f, IPP_TCP);
	filter_add_proto(f, 255);
	filter_set_proto_policy(f, FILTER_ACCEPT);
	for (unsigned int p = 0; p < 256; p++) {
		fl.orig.proto = (uint8_t)p;
		cr_assert_eq(filter_pass(f, &fl, true), p == IPP_TCP || p == 255, "%u", p);
	}
	filter_set_proto_policy(f, FILTER_IGNORE);
	for (unsigned int p = 0; p < 256; p++) {
		fl.orig.proto = (uint8_t)p;
		cr_assert_eq(filter_pass(f, &fl, true), p != IPP_TCP && p != 255, "%u", p);
	}
}

Test(filter, states)
{
	struct flow fl = flow("10.0.0.1", "10.0.0.2", "10.0.0.2");

	filter_add_state(f, TCPS_ESTABLISHED);
	filter_set_state_policy(f, FILTER_ACCEPT);
	cr_assert(filter_pass(f, &fl, true), "the state is not known");
	fl.has |= FLOW_HAS_STATE;
	fl.state = TCPS_ESTABLISHED;
	cr_assert(filter_pass(f, &fl, true));
	fl.state = TCPS_SYN_SENT;
	cr_assert_not(filter_pass(f, &fl, true));
	cr_assert(filter_pass(f, &fl, false), "a deletion is not filtered by state");
	fl.orig.proto = IPP_SCTP;
	cr_assert(filter_pass(f, &fl, true), "states are those of TCP");
	fl.orig.proto = IPP_TCP;
	filter_set_state_policy(f, FILTER_IGNORE);
	cr_assert(filter_pass(f, &fl, true));
	fl.state = TCPS_ESTABLISHED;
	cr_assert_not(filter_pass(f, &fl, true));
}

Test(filter, one_matching_address_is_enough)
{
	cr_assert_eq(add("192.168.0.0", 16), 0);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	cr_assert(passes("192.168.7.7", "10.0.0.1"));
	cr_assert(passes("10.0.0.1", "192.168.7.7"));
	cr_assert_not(passes("10.0.0.1", "10.0.0.2"));
	filter_set_addr_policy(f, FILTER_IGNORE);
	cr_assert_not(passes("192.168.7.7", "10.0.0.1"));
	cr_assert_not(passes("10.0.0.1", "192.168.7.7"));
	cr_assert(passes("10.0.0.1", "10.0.0.2"));
}

/* The address a client used to reach a translated service does not count. */
Test(filter, real_ends_count)
{
	struct flow fl = flow("10.0.0.1", "172.16.0.1", "192.168.1.1");

	cr_assert_eq(add("172.16.0.1", 32), 0);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	cr_assert_not(filter_pass(f, &fl, true));
	cr_assert_eq(add("192.168.1.1", 32), 0);
	cr_assert(filter_pass(f, &fl, true));
	/* The same as received from a peer. */
	fl.has &= ~FLOW_HAS_REPLY;
	fl.has |= FLOW_HAS_DNAT;
	fl.dnat = fl.reply.src;
	cr_assert(filter_pass(f, &fl, true));
	fl.dnat.b[0]++;
	cr_assert_not(filter_pass(f, &fl, true));
	fl.has &= ~FLOW_HAS_DNAT;
	cr_assert(filter_pass(f, &fl, true), "untranslated: the destination answers");
	/* Source translation: the real client counts, not the address it got. */
	fl = flow("10.9.9.9", "10.0.0.2", "10.0.0.2");
	memcpy(fl.reply.dst.b, (uint8_t[]){ 192, 168, 1, 1 }, 4);
	cr_assert_not(filter_pass(f, &fl, true));
}

Test(filter, all_sets_must_agree)
{
	struct flow fl = flow("10.0.0.1", "10.0.0.2", "10.0.0.2");

	cr_assert_eq(add("10.0.0.1", 32), 0);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	filter_add_proto(f, IPP_TCP);
	filter_set_proto_policy(f, FILTER_ACCEPT);
	filter_add_state(f, TCPS_CLOSE);
	filter_set_state_policy(f, FILTER_IGNORE);
	fl.has |= FLOW_HAS_STATE;
	fl.state = TCPS_ESTABLISHED;
	cr_assert(filter_pass(f, &fl, true));
	fl.state = TCPS_CLOSE;
	cr_assert_not(filter_pass(f, &fl, true));
	fl.state = TCPS_ESTABLISHED;
	fl.orig.proto = IPP_UDP;
	cr_assert_not(filter_pass(f, &fl, true));
	fl.orig.proto = IPP_TCP;
	fl.orig.src.b[3]++;
	cr_assert_not(filter_pass(f, &fl, true));
}

Test(filter, families_are_apart)
{
	cr_assert_eq(add("0.0.0.0", 0), 0);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	cr_assert(passes("1.2.3.4", "5.6.7.8"));
	cr_assert_not(passes("fd00::1", "fd00::2"));
	cr_assert_eq(add("fd00::", 127), 0);
	cr_assert(passes("fd00::1", "fd01::2"));
	cr_assert_not(passes("fd00::2", "fd01::2"));
	cr_assert_eq(add("::", 0), 0);
	cr_assert(passes("fd00::2", "fd01::2"));
}

Test(filter, refused_networks)
{
	struct filter_net n = { .family = 1 };

	cr_assert_eq(add("10.0.0.0", 33), CTD_ERANGE);
	cr_assert_eq(add("fd00::", 129), CTD_ERANGE);
	cr_assert_eq(filter_add_net(f, &n), CTD_ERANGE);
	cr_assert_eq(add("10.1.2.3", 8), 0);
	cr_assert_eq(add("10.9.9.9", 8), -EEXIST, "host bits do not count");
	cr_assert_eq(add("10.0.0.0", 9), 0);
	cr_assert_eq(add("fd00::1", 128), 0);
	cr_assert_eq(add("fd00::1", 128), -EEXIST);
	cr_assert_eq(add("fd00::1", 127), 0);
}

/* The same address under every length: as many networks, in neighbouring places. */
Test(filter, lengths_are_apart)
{
	for (unsigned int prefix = 0; prefix <= 128; prefix++) {
		cr_assert_eq(add("::", (uint8_t)prefix), 0, "%u", prefix);
		if (prefix <= 32)
			cr_assert_eq(add("0.0.0.0", (uint8_t)prefix), 0, "%u", prefix);
	}
	for (unsigned int prefix = 0; prefix <= 128; prefix++)
		cr_assert_eq(add("::", (uint8_t)prefix), -EEXIST, "%u", prefix);
}

static bool in_net(const struct filter_net *n, const struct addr *a)
{
	for (unsigned int bit = 0; bit < n->prefix; bit++)
		if ((n->addr.b[bit / 8] ^ a->b[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/* Random networks of all lengths against the definition of "in". */
Test(filter, agrees_with_the_definition)
{
	enum { NETS = 60, TRIES = 20000 };
	struct filter_net nets[NETS];
	struct rng r;
	int members = 0;

	rng_seed(&r, 41);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	for (int i = 0; i < NETS; i++) {
		struct filter_net *n = &nets[i];
		int err;

		n->family = i % 2 ? FAM_IP4 : FAM_IP6;
		rnd_addr(&r, n->family, &n->addr);
		n->addr.b[0] &= 0x0f;
		n->prefix = (uint8_t)(3 + rng_below(&r, 8 * addr_len(n->family) - 2));
		err = filter_add_net(f, n);
		cr_assert(err == 0 || (err == -EEXIST && n->prefix < 16), "%d", err);
	}
	for (int i = 0; i < TRIES; i++) {
		const struct filter_net *near = &nets[rng_below(&r, NETS)];
		struct flow fl;
		bool want = false;

		flow_init(&fl);
		fl.orig.family = near->family;
		rnd_addr(&r, near->family, &fl.orig.dst);
		fl.orig.src = near->addr;
		for (unsigned int k = 0; k < 2; k++) {
			uint32_t bit = rng_below(&r, 8 * addr_len(near->family));

			fl.orig.src.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (int k = 0; k < NETS; k++)
			want |= nets[k].family == fl.orig.family &&
				(in_net(&nets[k], &fl.orig.src) || in_net(&nets[k], &fl.orig.dst));
		cr_assert_eq(filter_pass(f, &fl, true), want, "try %d", i);
		members += want;
	}
	cr_assert(members > TRIES / 10 && members < TRIES * 9 / 10, "%d: a weak test", members);
}

Test(filter, thousands_of_addresses)
{
	enum { MANY = 20000 };
	struct filter_net n = { .family = FAM_IP4, .prefix = 32 };
	struct flow fl = flow("10.0.0.0", "172.16.0.1", "172.16.0.1");

	filter_set_addr_policy(f, FILTER_IGNORE);
	for (unsigned int i = 0; i < MANY; i++) {
		memcpy(n.addr.b,
		       (uint8_t[]){ 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i }, 4);
		cr_assert_eq(filter_add_net(f, &n), 0);
	}
	for (unsigned int i = 0; i < 2 * MANY; i++) {
		memcpy(fl.orig.src.b,
		       (uint8_t[]){ 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i }, 4);
		cr_assert_eq(filter_pass(f, &fl, true), i >= MANY, "%u", i);
	}
}

Test(filter, out_of_memory)
{
	unsigned int added = 0;

	oom_after(0);
	cr_assert_null(filter_new());
	filter_free(NULL);
	filter_set_addr_policy(f, FILTER_ACCEPT);
	oom_after(0);
	cr_assert_eq(add("10.0.0.1", 32), -ENOMEM);
	oom_off();
	cr_assert_not(passes("10.0.0.1", "10.0.0.2"));
	for (unsigned int i = 0; i < 200; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%u", i);
		oom_after(0);
		if (add(text, 32) == 0) {
			added++;
			continue;
		}
		oom_off();
		cr_assert_eq(add(text, 32), 0, "not usable after a failure");
	}
	oom_off();
	cr_assert(added > 100 && added < 200);
	cr_assert(passes("10.0.0.199", "10.1.0.1"));
	cr_assert(passes("10.0.0.0", "10.1.0.1"));
}

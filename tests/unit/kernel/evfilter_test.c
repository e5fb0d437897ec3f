// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program for the event socket against filter_pass(), on a real kernel: random
 * filters, random flows with and without translation, two sockets, one of which
 * has the program. What it lets through is exactly what passes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/rand.h"
#include "fixture.h"

#define NETS 400

struct both {
	struct kernel_evfilter k;
	struct filter *f;
	bool protos[256];
	struct filter_net nets[NETS];
};

static struct both *both_new(enum filter_policy proto, enum filter_policy addr)
{
	struct both *b = calloc(1, sizeof(*b));

	b->f = filter_new();
	b->k = (struct kernel_evfilter){
		.proto_policy = proto, .addr_policy = addr, .protos = b->protos, .nets = b->nets
	};
	filter_set_proto_policy(b->f, proto);
	filter_set_addr_policy(b->f, addr);
	return b;
}

static void both_free(struct both *b)
{
	filter_free(b->f);
	free(b);
}

static void add_proto(struct both *b, uint8_t proto)
{
	b->protos[proto] = true;
	filter_add_proto(b->f, proto);
}

static void mask(struct filter_net *n)
{
	const unsigned int bytes = addr_len(n->family);

	for (unsigned int i = 0; i < bytes * 8u; i++)
		if (i >= n->prefix)
			n->addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static void add_net(struct both *b, struct filter_net n)
{
	mask(&n);
	if (b->k.n_nets < NETS && filter_add_net(b->f, &n) == 0)
		b->nets[b->k.n_nets++] = n;
}

/* ---- random ones ---- */

static uint32_t upto(struct rng *r, uint32_t n)
{
	return rng_u32(r) % n;
}

/* Few different bits, so that networks and flows meet. */
static struct addr some_addr(struct rng *r, uint8_t family)
{
	struct addr a = { { 0 } };

	if (family == FAM_IP4) {
		memcpy(a.b,
		       (uint8_t[]){ 10, (uint8_t)upto(r, 2), (uint8_t)upto(r, 2),
				    (uint8_t)(1 + upto(r, 6)) },
		       4);
		return a;
	}
	memcpy(a.b, (uint8_t[]){ 0xfd, 0, (uint8_t)upto(r, 2) }, 3);
	a.b[6] = (uint8_t)upto(r, 2);
	a.b[11] = (uint8_t)upto(r, 2);
	a.b[15] = (uint8_t)(1 + upto(r, 4));
	return a;
}

static struct both *some_filter(struct rng *r)
{
	struct both *b = both_new((enum filter_policy)upto(r, 3), (enum filter_policy)upto(r, 3));
	static const uint8_t protos[] = { IPP_TCP, IPP_UDP, IPP_ICMP, IPP_SCTP, IPP_GRE, 0, 255 };

	for (uint32_t n = upto(r, 4); n; n--)
		add_proto(b, protos[upto(r, sizeof(protos))]);
	for (uint32_t n = upto(r, 8); n; n--) {
		const uint8_t family = upto(r, 2) ? FAM_IP4 : FAM_IP6;
		const uint32_t most = family == FAM_IP4 ? 32 : 128;

		add_net(b, (struct filter_net){
				   .family = family,
				   .addr = some_addr(r, family),
				   .prefix = (uint8_t)(upto(r, 4) ? most - upto(r, most / 2) :
								    upto(r, most + 1)),
			   });
	}
	return b;
}

/* A flow, half of the time with another host behind its destination or source. */
static struct kernel_op some_flow(struct rng *r, unsigned int i)
{
	const uint8_t family = upto(r, 2) ? FAM_IP4 : FAM_IP6;
	struct kernel_op op = fixture_op(KOP_CREATE, family, upto(r, 2) ? IPP_TCP : IPP_UDP, i);

	op.flow.orig.src = some_addr(r, family);
	op.flow.orig.dst = some_addr(r, family);
	tuple_invert(&op.flow.orig, &op.flow.reply);
	op.flow.has |= FLOW_HAS_REPLY;
	if (upto(r, 2))
		op.flow.reply.src = some_addr(r, family);
	if (upto(r, 2))
		op.flow.reply.dst = some_addr(r, family);
	return op;
}

static struct kernel_events *open_events(void)
{
	const struct kernel_events_params p = { .buffer = 8 << 20, .max_growth = 8 << 20 };
	int err = -1;
	struct kernel_events *ev = kernel_events_new(&p, NULL, &err);

	cr_assert(ev);
	return ev;
}

/* Each event of "all" that passes is the next one of "some", and no other. */
static size_t compare(struct kernel_events *all, struct kernel_events *some, const struct filter *f,
		      uint64_t seed)
{
	struct kernel_event a, b;
	size_t passed = 0;

	while (kernel_events_next(all, &a) == 1) {
		if (!filter_pass(f, &a.flow, false))
			continue;
		cr_assert_eq(kernel_events_next(some, &b), 1, "seed %llu: one is missing",
			     (unsigned long long)seed);
		cr_assert(a.kind == b.kind && tuple_equal(&a.flow.orig, &b.flow.orig) &&
				  tuple_equal(&a.flow.reply, &b.flow.reply),
			  "seed %llu", (unsigned long long)seed);
		passed++;
	}
	cr_assert_eq(kernel_events_next(some, &b), 0, "seed %llu: one too many",
		     (unsigned long long)seed);
	return passed;
}

#define FLOWS 40

static size_t round_of(struct kernel_applier *a, struct kernel_events *all,
		       struct kernel_events *some, uint64_t seed, size_t *events)
{
	struct kernel_op ops[FLOWS];
	struct rng r;
	struct both *b;
	size_t passed;

	rng_seed(&r, seed);
	b = some_filter(&r);
	cr_assert_eq(kernel_events_filter(some, &b->k), 0, "seed %llu", (unsigned long long)seed);
	for (unsigned int i = 0; i < FLOWS; i++)
		ops[i] = some_flow(&r, i);
	cr_assert_eq(kernel_apply(a, ops, FLOWS), 0);
	for (unsigned int i = 0; i < FLOWS; i++) {
		*events += ops[i].err == 0;
		ops[i].kind = KOP_DELETE;
	}
	cr_assert_eq(kernel_apply(a, ops, FLOWS), 0);
	passed = compare(all, some, b->f, seed);
	both_free(b);
	return passed;
}

Test(evfilter, same_verdict_as_in_user_space, .timeout = 120)
{
	struct kernel_events *all, *some;
	struct kernel_applier *a;
	size_t passed = 0, events = 0;

	NEEDS_ROOT();
	a = fixture_applier();
	all = open_events();
	some = open_events();
	for (uint64_t seed = 1; seed <= 300; seed++)
		passed += round_of(a, all, some, seed, &events);
	cr_expect_gt(events, 6000, "%zu flows could be made", events);
	cr_expect(passed > events / 5 && passed < events * 9 / 5, "%zu of %zu", passed, 2 * events);
	kernel_events_free(all);
	kernel_events_free(some);
	kernel_applier_free(a);
}

static bool is_seen(struct kernel_applier *a, struct kernel_events *ev, struct kernel_op op)
{
	struct kernel_event e;
	bool seen;

	op.kind = KOP_CREATE;
	cr_assert_eq(fixture_apply(a, &op), 0);
	seen = kernel_events_next(ev, &e) == 1;
	op.kind = KOP_DELETE;
	cr_assert_eq(fixture_apply(a, &op), 0);
	while (kernel_events_next(ev, &e) == 1)
		;
	return seen;
}

static struct kernel_op from_host(uint32_t n)
{
	struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 1);

	op.flow.orig.src = (struct addr){ { 10, 9, (uint8_t)(n >> 8), (uint8_t)n } };
	tuple_invert(&op.flow.orig, &op.flow.reply);
	return op;
}

/* The reference leaks from the 86th address on. */
Test(evfilter, hundreds_of_addresses)
{
	struct both *b = both_new(FILTER_ABSENT, FILTER_IGNORE);
	struct kernel_events *ev;
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events();
	for (uint32_t n = 1; n <= 300; n++)
		add_net(b, (struct filter_net){ .family = FAM_IP4,
						.prefix = 32,
						.addr = from_host(n).flow.orig.src });
	cr_assert_eq(kernel_events_filter(ev, &b->k), 0);
	for (uint32_t n = 1; n <= 300; n++)
		cr_assert_not(is_seen(a, ev, from_host(n)), "address %u leaks", n);
	cr_expect(is_seen(a, ev, from_host(301)));
	cr_assert_eq(kernel_events_filter(ev, NULL), 0);
	cr_expect(is_seen(a, ev, from_host(1)), "no filter any more");
	both_free(b);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

Test(evfilter, too_many_addresses)
{
	struct both *b = both_new(FILTER_ABSENT, FILTER_IGNORE);
	struct sock_filter code[64];
	struct kernel_events *ev;
	struct kernel_applier *a;
	int n;

	for (uint32_t i = 0; i < 50; i++)
		add_net(b, (struct filter_net){ .family = FAM_IP6,
						.prefix = 128,
						.addr.b = { 0xfd, [15] = (uint8_t)i } });
	cr_expect_eq(evfilter_compile(&b->k, code, 64), -E2BIG);
	cr_expect_eq(evfilter_compile(&b->k, NULL, 0), -E2BIG);
	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events();
	for (uint32_t i = 0; i < NETS; i++)
		add_net(b,
			(struct filter_net){
				.family = FAM_IP6,
				.prefix = 128,
				.addr.b = { 0xfe, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i } });
	n = kernel_events_filter(ev, &b->k);
	cr_expect_lt(n, 0);
	cr_expect(is_seen(a, ev, from_host(1)), "without a program everything is seen");
	both_free(b);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

/* Expectations are not flows: the program has nothing to say about them. */
Test(evfilter, expectations_pass)
{
	const struct kernel_events_params p = { .expects = true };
	struct both *b = both_new(FILTER_ACCEPT, FILTER_ACCEPT);
	struct kernel_op master = fixture_master(), x = fixture_expect(KOP_EXP_CREATE);
	struct kernel_events *ev;
	struct kernel_applier *a;
	struct kernel_event e;
	int err;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = kernel_events_new(&p, NULL, &err);
	cr_assert(ev);
	cr_assert_eq(kernel_events_filter(ev, &b->k), 0);
	if (fixture_apply(a, &master) || fixture_apply(a, &x))
		cr_skip_test("needs the kernel's FTP helper");
	cr_assert_eq(kernel_events_next(ev, &e), 1);
	cr_expect(e.is_expect, "the flow is dropped, the expectation is not");
	both_free(b);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

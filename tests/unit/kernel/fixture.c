// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations on a real kernel table. */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "fixture.h"

static bool loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

bool fixture_track(void)
{
	static const char rules[] =
		"nft 'table inet t { chain c { type filter hook output priority 0; "
		"ct state invalid drop; ct label 127 drop; }; }' 2>/dev/null";

	return loopback_up() && system(rules) == 0;
}

struct kernel_applier *fixture_applier(void)
{
	int err = -1;
	struct kernel_applier *a = kernel_applier_new(&err);

	cr_assert_not_null(a);
	cr_assert_eq(err, 0);
	return a;
}

static void set_addrs(struct tuple *t, unsigned int i)
{
	static const uint8_t net6[] = { 0x20, 0x01, 0x0d, 0xb8 };

	if (t->family == FAM_IP4) {
		t->src = (struct addr){ { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
		t->dst = (struct addr){ { 192, 0, 2, 1 } };
		return;
	}
	memcpy(t->src.b, net6, sizeof(net6));
	memcpy(t->dst.b, net6, sizeof(net6));
	t->src.b[14] = (uint8_t)(i >> 8);
	t->src.b[15] = (uint8_t)i;
	t->dst.b[4] = 1;
}

struct kernel_op fixture_op(enum kernel_op_kind kind, uint8_t family, uint8_t proto, unsigned int i)
{
	struct kernel_op op = { .kind = kind, .cookie = i };
	struct flow *f = &op.flow;

	f->orig.family = family;
	f->orig.proto = proto;
	set_addrs(&f->orig, i);
	f->has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK;
	f->status = CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED;
	f->timeout = 600;
	f->mark = 0x1000 + i;
	if (proto_has_ports(proto) || proto == IPP_GRE) {
		f->has |= FLOW_HAS_PORTS;
		f->orig.sport = (uint16_t)(1025 + i);
		f->orig.dport = 443;
	} else if (proto_is_icmp(proto)) {
		f->has |= FLOW_HAS_ICMP;
		f->orig.sport = f->orig.dport = (uint16_t)(77 + i);
		f->orig.icmp_type = proto == IPP_ICMP ? 8 : 128;
	}
	if (proto == IPP_TCP) {
		f->has |= FLOW_HAS_STATE | FLOW_HAS_WSCALE;
		f->state = TCPS_ESTABLISHED;
		f->wscale[0] = 7;
		f->wscale[1] = 9;
	} else if (proto == IPP_SCTP) {
		f->has |= FLOW_HAS_STATE | FLOW_HAS_VTAG;
		f->state = 4;
		f->vtag[0] = 0x11223344;
		f->vtag[1] = 0x55667788;
	}
	return op;
}

int fixture_apply(struct kernel_applier *a, struct kernel_op *op)
{
	cr_assert_eq(kernel_apply(a, op, 1), 0);
	return op->err;
}

struct flow fixture_get(struct kernel_applier *a, const struct kernel_op *op)
{
	struct kernel_op get = *op;

	get.kind = KOP_GET;
	cr_assert_eq(fixture_apply(a, &get), 0, "flow %d not there: %d", (int)op->cookie, get.err);
	return get.flow;
}

void fixture_many(struct kernel_applier *a, enum kernel_op_kind kind, unsigned int first,
		  unsigned int n)
{
	struct kernel_op ops[KOP_BATCH];

	while (n > 0) {
		unsigned int k = n < KOP_BATCH ? n : KOP_BATCH;

		for (unsigned int i = 0; i < k; i++)
			ops[i] = fixture_op(kind, FAM_IP4, IPP_TCP, first + i);
		cr_assert_eq(kernel_apply(a, ops, k), 0);
		for (unsigned int i = 0; i < k; i++)
			cr_assert_eq(ops[i].err, 0);
		first += k;
		n -= k;
	}
}

struct kernel_op fixture_master(void)
{
	struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 5);

	op.flow.orig.dport = 21;
	op.flow.has |= FLOW_HAS_HELPER;
	memcpy(op.flow.helper, "ftp", 4);
	return op;
}

struct kernel_op fixture_expect(enum kernel_op_kind kind)
{
	struct flow master = fixture_master().flow;
	struct kernel_op op = { .kind = kind };
	struct expect *e = &op.expect;

	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT | EXPECT_HAS_FLAGS |
		 EXPECT_HAS_CLASS | EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR | EXPECT_HAS_NAT_PORTS |
		 EXPECT_HAS_HELPER | EXPECT_HAS_FN;
	e->master = master.orig;
	e->tuple = master.orig;
	e->tuple.sport = 0;
	e->tuple.dport = 20021;
	e->mask = e->tuple;
	memset(e->mask.src.b, 0xff, 4);
	memset(e->mask.dst.b, 0xff, 4);
	e->mask.sport = 0;
	e->mask.dport = 0xffff;
	e->timeout = 200;
	e->flags = EXPF_PERMANENT;
	e->nat_dir = 1;
	e->nat.sport = 2021;
	memcpy(e->helper, "ftp", 4);
	memcpy(e->fn, "nat-follow-master", 18);
	return op;
}

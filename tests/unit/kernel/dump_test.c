// SPDX-License-Identifier: GPL-2.0-or-later
/* Dumps of a real kernel's tables: complete, and read as the library reads them. */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include "fixture.h"
#include "kernel/dump.h"
#include "oracle.h"

static struct kernel_dump *open_dump(enum kernel_table t)
{
	int err = -1;
	struct kernel_dump *d = kernel_dump_new(t, &err);

	cr_assert_not_null(d);
	cr_assert_eq(err, 0);
	return d;
}

Test(dump, of_nothing)
{
	static const enum kernel_table tables[] = { KTABLE_FLOWS, KTABLE_EXPECTS };

	NEEDS_ROOT();
	for (int i = 0; i < 2; i++) {
		struct kernel_dump *d = open_dump(tables[i]);
		struct kernel_event e;

		cr_assert_eq(kernel_dump_next(d, &e), 0);
		cr_assert_eq(kernel_dump_next(d, &e), 0);
		kernel_dump_free(d);
	}
}

Test(dump, shows_each_flow_once)
{
	enum { N = 1000 };
	struct kernel_dump_stats st;
	struct kernel_applier *a;
	struct kernel_dump *d;
	struct kernel_event e;
	bool seen[N] = { false };
	int r, n = 0;

	NEEDS_ROOT();
	a = fixture_applier();
	fixture_many(a, KOP_CREATE, 0, N);
	d = open_dump(KTABLE_FLOWS);
	while ((r = kernel_dump_next(d, &e)) == 1) {
		unsigned int i = e.flow.mark - 0x1000;

		cr_assert_lt(i, N);
		cr_assert_not(seen[i]);
		seen[i] = true;
		n++;
		cr_assert_eq(e.kind, KEV_UPDATE);
		cr_assert_not(e.is_expect);
		cr_assert_eq(e.flow.orig.sport, 1025 + i);
		cr_assert(flow_has_key(&e.flow));
	}
	cr_assert_eq(r, 0);
	cr_assert_eq(n, N);
	kernel_dump_get_stats(d, &st);
	cr_assert_eq(st.entries, N);
	cr_assert_eq(st.bad + st.foreign, 0u);
	kernel_dump_free(d);
	kernel_applier_free(a);
}

Test(dump, two_at_a_time_and_one_given_up)
{
	struct kernel_dump *one, *two, *third;
	struct kernel_applier *a;
	struct kernel_event e;
	int n = 0, r1 = 1, r2 = 1;

	NEEDS_ROOT();
	a = fixture_applier();
	fixture_many(a, KOP_CREATE, 0, 300);
	one = open_dump(KTABLE_FLOWS);
	two = open_dump(KTABLE_FLOWS);
	third = open_dump(KTABLE_FLOWS);
	cr_assert_eq(kernel_dump_next(third, &e), 1);
	kernel_dump_free(third);
	while (r1 == 1 || r2 == 1) {
		n += (r1 = kernel_dump_next(one, &e)) == 1;
		n += (r2 = kernel_dump_next(two, &e)) == 1;
	}
	cr_assert_eq(n, 600);
	kernel_dump_free(one);
	kernel_dump_free(two);
	kernel_applier_free(a);
}

Test(dump, without_the_privilege)
{
	struct kernel_dump *d;
	struct kernel_event e;
	int err = 0;

	NEEDS_ROOT();
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	d = kernel_dump_new(KTABLE_FLOWS, &err);
	cr_assert_not_null(d);
	cr_assert_eq(kernel_dump_next(d, &e), -EPERM);
	cr_assert_eq(kernel_dump_next(d, &e), 0);
	kernel_dump_free(d);
}

Test(dump, w12_of_expectations)
{
	struct expect want = fixture_expect(KOP_EXP_CREATE).expect;
	struct kernel_applier *a;
	struct kernel_dump *d;
	struct kernel_event e;
	struct kernel_op ops[3];

	NEEDS_ROOT();
	a = fixture_applier();
	ops[0] = fixture_master();
	ops[1] = fixture_expect(KOP_EXP_CREATE);
	ops[2] = fixture_expect(KOP_EXP_UPDATE);
	cr_assert_eq(kernel_apply(a, ops, 3), 0);
	cr_assert_eq(ops[2].err, 0);
	d = open_dump(KTABLE_EXPECTS);
	cr_assert_eq(kernel_dump_next(d, &e), 1);
	cr_assert(e.is_expect);
	cr_assert(expect_has_key(&e.expect));
	cr_assert(tuple_equal(&e.expect.master, &want.master));
	cr_assert(tuple_equal(&e.expect.tuple, &want.tuple));
	cr_assert(tuple_equal(&e.expect.mask, &want.mask));
	cr_assert(e.expect.has & EXPECT_HAS_NAT);
	cr_assert_eq(e.expect.nat.sport, want.nat.sport);
	cr_assert_eq(e.expect.nat_dir, want.nat_dir);
	cr_assert_eq(e.expect.class_, want.class_);
	cr_assert_eq(e.expect.flags, want.flags);
	cr_assert_str_eq(e.expect.fn, want.fn);
	cr_assert_str_eq(e.expect.helper, want.helper);
	/* Not the 300 s of the helper, which creation gives it. */
	cr_assert_leq(e.expect.timeout, want.timeout);
	cr_assert_gt(e.expect.timeout, want.timeout / 2);
	cr_assert_eq(kernel_dump_next(d, &e), 0);
	kernel_dump_free(d);
	kernel_applier_free(a);
}

/* Every message of a raw dump through both parsers; returns their number. */
static int compare_dump(uint16_t type, void (*compare)(const struct nlmsghdr *))
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	static char buf[65536];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	int n = 0;

	mnl_nlmsg_put_extra_header(h, sizeof(struct nfgenmsg));
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	cr_assert(nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0);
	cr_assert_gt(mnl_socket_sendto(nl, h, h->nlmsg_len), 0);
	for (;;) {
		int len = (int)mnl_socket_recvfrom(nl, buf, sizeof(buf));

		cr_assert_gt(len, 0);
		for (h = (struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			if (h->nlmsg_type == NLMSG_DONE) {
				mnl_socket_close(nl);
				return n;
			}
			compare(h);
			n++;
		}
	}
}

static int make_all_kinds(struct kernel_applier *a)
{
	static const uint8_t protos[] = { IPP_TCP,  IPP_UDP,   IPP_UDPLITE, IPP_SCTP, IPP_DCCP,
					  IPP_ICMP, IPP_ICMP6, IPP_GRE,     50 };
	int made = 0;

	for (unsigned int i = 0; i < sizeof(protos) * 2 * 4; i++) {
		uint8_t family = i & 1 ? FAM_IP6 : FAM_IP4;
		uint8_t proto = protos[(i >> 1) % sizeof(protos)];
		struct kernel_op op = fixture_op(KOP_CREATE, family, proto, i);
		static const uint32_t zone[] = { 0, FLOW_HAS_ZONE, FLOW_HAS_ZONE_ORIG,
						 FLOW_HAS_ZONE_REPLY };

		op.window_scale = op.liberal = i & 4;
		op.flow.has |= zone[i / 18] | (i & 8 ? FLOW_HAS_SEQADJ | FLOW_HAS_LABELS : 0);
		op.flow.zone = op.flow.zone_orig = op.flow.zone_reply = 33;
		op.flow.seqadj[0] = (struct seqadj){ i, -1, (int32_t)i };
		op.flow.labels[i % 4] = 1u << (i % 32);
		made += fixture_apply(a, &op) == 0;
	}
	return made;
}

Test(dump, the_library_reads_the_same)
{
	struct kernel_op ops[3];
	struct kernel_applier *a;
	int made;

	NEEDS_ROOT();
	NEEDS_TRACKING();
	a = fixture_applier();
	made = make_all_kinds(a);
	cr_assert_gt(made, 60);
	ops[0] = fixture_master();
	ops[1] = fixture_expect(KOP_EXP_CREATE);
	ops[2] = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 900);
	ops[2].flow.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	ops[2].flow.master = ops[0].flow.orig;
	cr_assert_eq(kernel_apply(a, ops, 3), 0);
	cr_assert(ops[0].err == 0 && ops[1].err == 0 && ops[2].err == 0);
	cr_assert_eq(compare_dump(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, oracle_flow),
		     made + 2);
	cr_assert_eq(compare_dump(NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_GET,
				  oracle_expect),
		     1);
	kernel_applier_free(a);
}

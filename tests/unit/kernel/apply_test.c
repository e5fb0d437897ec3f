// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests on a real kernel: what is asked for is what the table holds then. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include "fixture.h"

enum nat_kind { NAT_NONE, NAT_SRC, NAT_DST, NAT_BOTH, NAT_PORTS, NAT_KINDS };

static void translate(struct flow *f, enum nat_kind kind, unsigned int i)
{
	if (kind == NAT_SRC || kind == NAT_BOTH) {
		f->snat = f->orig.dst;
		f->snat.b[2] = 200;
		f->has |= FLOW_HAS_SNAT;
	}
	if (kind == NAT_DST || kind == NAT_BOTH) {
		f->dnat = f->orig.dst;
		f->dnat.b[2] = 201;
		f->has |= FLOW_HAS_DNAT;
	}
	if (!proto_has_ports(f->orig.proto) || kind == NAT_NONE)
		return;
	if (kind != NAT_DST) {
		f->snat_port = (uint16_t)(30000 + i);
		f->has |= FLOW_HAS_SPAT;
	}
	if (kind != NAT_SRC) {
		f->dnat_port = 8443;
		f->has |= FLOW_HAS_DPAT;
	}
}

/* The kernel's entry against what was asked for. */
static void assert_entry(const struct kernel_op *op, const struct flow *got)
{
	const struct flow *f = &op->flow;
	int i = (int)op->cookie;
	struct tuple reply;
	struct flow_nat nat;

	flow_reply(f, &reply);
	flow_nat(f, &nat);
	cr_assert(tuple_equal(&got->orig, &f->orig), "%d", i);
	cr_assert(got->has & FLOW_HAS_REPLY);
	cr_assert(tuple_equal(&got->reply, &reply), "reply of %d", i);
	cr_assert_eq((got->status & CTS_SRC_NAT) != 0, nat.snat || nat.spat, "%d", i);
	cr_assert_eq((got->status & CTS_DST_NAT) != 0, nat.dnat || nat.dpat, "%d", i);
	cr_assert_eq(got->status & (CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED),
		     CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED);
	cr_assert(got->timeout <= f->timeout && got->timeout + 30 > f->timeout);
	cr_assert_eq(got->mark, f->mark);
	cr_assert_eq(got->has & FLOW_HAS_STATE, f->has & FLOW_HAS_STATE);
	cr_assert_eq(got->state, f->state);
	cr_assert_eq(got->vtag[0], f->vtag[0]);
	cr_assert_eq(got->vtag[1], f->vtag[1]);
}

Test(apply, every_protocol_with_every_translation)
{
	static const uint8_t protos[] = { IPP_TCP,  IPP_UDP,   IPP_UDPLITE, IPP_SCTP,
					  IPP_ICMP, IPP_ICMP6, IPP_GRE,     50 };
	struct kernel_applier *a;
	unsigned int i = 0;

	NEEDS_ROOT();
	a = fixture_applier();
	for (unsigned int p = 0; p < sizeof(protos) * 2 * NAT_KINDS; p++) {
		uint8_t family = p & 1 ? FAM_IP6 : FAM_IP4;
		uint8_t proto = protos[(p >> 1) % sizeof(protos)];
		struct kernel_op op = fixture_op(KOP_CREATE, family, proto, i++);
		struct flow got;

		if (proto == (family == FAM_IP4 ? IPP_ICMP6 : IPP_ICMP))
			continue;
		translate(&op.flow, (enum nat_kind)(p / (2 * sizeof(protos))), i);
		op.window_scale = true;
		cr_assert_eq(fixture_apply(a, &op), 0, "proto %d family %d: %d", proto, family,
			     op.err);
		got = fixture_get(a, &op);
		assert_entry(&op, &got);
	}
	kernel_applier_free(a);
}

Test(apply, a_translated_icmp_id)
{
	struct kernel_applier *a;
	struct kernel_op op;
	struct flow got;

	NEEDS_ROOT();
	a = fixture_applier();
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_ICMP, 1);
	tuple_invert(&op.flow.orig, &op.flow.reply);
	op.flow.has |= FLOW_HAS_REPLY;
	op.flow.status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	op.flow.reply.dst.b[0] = 172;
	op.flow.reply.sport = op.flow.reply.dport = 39776;
	cr_assert_eq(fixture_apply(a, &op), 0);
	got = fixture_get(a, &op);
	cr_assert(tuple_equal(&got.reply, &op.flow.reply));
	cr_assert_eq(got.status & (CTS_SRC_NAT | CTS_DST_NAT), CTS_SRC_NAT);
	kernel_applier_free(a);
}

Test(apply, tcp_flags_and_scales_reach_the_kernel)
{
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	for (unsigned int i = 0; i < 4; i++) {
		struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, i);
		uint8_t flags = (i & 1 ? 0x01 : 0) | (i & 2 ? 0x08 : 0);
		struct flow got;

		op.window_scale = i & 1;
		op.liberal = i & 2;
		cr_assert_eq(fixture_apply(a, &op), 0);
		got = fixture_get(a, &op);
		cr_assert_eq(got.wscale[0], i & 1 ? 7 : 0);
		cr_assert_eq(got.wscale[1], i & 1 ? 9 : 0);
		cr_assert_eq(got.tcp_flags[0], flags);
		cr_assert_eq(got.tcp_flags[1], flags);
		/* And later, by an update. */
		op.kind = KOP_UPDATE;
		op.window_scale = op.liberal = true;
		op.flow.state = TCPS_FIN_WAIT;
		cr_assert_eq(fixture_apply(a, &op), 0);
		got = fixture_get(a, &op);
		cr_assert(got.wscale[0] == 7 && got.wscale[1] == 9);
		cr_assert(got.tcp_flags[0] == 0x09 && got.tcp_flags[1] == 0x09);
		cr_assert_eq(got.state, TCPS_FIN_WAIT);
	}
	kernel_applier_free(a);
}

Test(apply, rare_parts_reach_the_kernel)
{
	struct kernel_applier *a;
	struct kernel_op op;
	struct flow got;

	NEEDS_ROOT();
	NEEDS_TRACKING(); /* its rule gives flows room for labels */
	a = fixture_applier();
	op = fixture_master();
	op.flow.has |= FLOW_HAS_SEQADJ | FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY | FLOW_HAS_ZONE;
	op.flow.seqadj[0] = (struct seqadj){ 1000, -3, -7 };
	op.flow.seqadj[1] = (struct seqadj){ 2000, 4, 9 };
	op.flow.labels[0] = 0x10;
	op.flow.labels[3] = 0x40000000;
	op.flow.synproxy_isn = 1;
	op.flow.synproxy_its = 2;
	op.flow.synproxy_tsoff = 3;
	op.flow.zone = 9;
	cr_assert_eq(fixture_apply(a, &op), 0);
	got = fixture_get(a, &op);
	cr_assert_eq(got.has & op.flow.has, op.flow.has);
	cr_assert_str_eq(got.helper, "ftp");
	cr_assert(memcmp(got.seqadj, op.flow.seqadj, sizeof(got.seqadj)) == 0);
	cr_assert(memcmp(got.labels, op.flow.labels, sizeof(got.labels)) == 0);
	cr_assert(got.synproxy_isn == 1 && got.synproxy_its == 2 && got.synproxy_tsoff == 3);
	cr_assert_eq(got.zone, 9);
	cr_assert_eq(got.status & (CTS_HELPER | CTS_SEQ_ADJUST), CTS_HELPER | CTS_SEQ_ADJUST);
	kernel_applier_free(a);
}

Test(apply, zones_of_one_direction_are_found_again)
{
	static const uint32_t has[2] = { FLOW_HAS_ZONE_ORIG, FLOW_HAS_ZONE_REPLY };
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	for (unsigned int i = 0; i < 2; i++) {
		struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_UDP, i);
		struct flow got;

		op.flow.has |= has[i];
		op.flow.zone_orig = op.flow.zone_reply = 12;
		cr_assert_eq(fixture_apply(a, &op), 0);
		got = fixture_get(a, &op);
		cr_assert_eq(got.has & (FLOW_HAS_ZONE | FLOW_HAS_ZONE_ORIG | FLOW_HAS_ZONE_REPLY),
			     has[i]);
		cr_assert_eq(i == 0 ? got.zone_orig : got.zone_reply, 12);
		op.kind = KOP_DELETE;
		cr_assert_eq(fixture_apply(a, &op), 0);
	}
	kernel_applier_free(a);
}

/* Eight kinds of outcome, eight times, in one send. */
static struct kernel_op mixed_op(unsigned int i)
{
	struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, i);

	switch (i % 8) {
	case 1: /* taken by the one before */
		op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, i - 1);
		break;
	case 2:
		op.kind = KOP_UPDATE;
		break;
	case 3:
		op.kind = KOP_DELETE;
		break;
	case 4: /* the first one again */
		op = fixture_op(KOP_GET, FAM_IP4, IPP_TCP, i - 4);
		break;
	case 5:
		op.flow.has &= ~FLOW_HAS_TIMEOUT;
		break;
	case 6:
		op.kind = KOP_GET;
		break;
	case 7:
		op.flow.has &= ~FLOW_HAS_PORTS;
		break;
	}
	return op;
}

Test(apply, errors_find_their_op)
{
	static const int want[8] = { 0, -EEXIST, -ENOENT, -ENOENT, 0, -EINVAL, -ENOENT, -EINVAL };
	struct kernel_op ops[KOP_BATCH];
	struct kernel_applier_stats st;
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	for (unsigned int i = 0; i < KOP_BATCH; i++)
		ops[i] = mixed_op(i);
	cr_assert_eq(kernel_apply(a, ops, KOP_BATCH), 0);
	for (unsigned int i = 0; i < KOP_BATCH; i++) {
		cr_assert_eq(ops[i].err, want[i % 8], "op %u: %d", i, ops[i].err);
		if (i % 8 == 4) {
			cr_assert_eq(ops[i].flow.mark, 0x1000 + i - 4);
			cr_assert(ops[i].flow.has & FLOW_HAS_REPLY);
			cr_assert_eq(ops[i].cookie, i - 4);
		}
	}
	kernel_applier_get_stats(a, &st);
	cr_assert_eq(st.batches, 1u);
	cr_assert_eq(st.ops, 64u);
	cr_assert_eq(st.failed, 48u);
	cr_assert_eq(st.refused, 8u);
	cr_assert_eq(st.foreign, 0u);
	kernel_applier_free(a);
}

/* A full batch of failures, and of entries: answers are all kept. */
Test(apply, a_batch_of_one_kind)
{
	struct kernel_op ops[KOP_BATCH];
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	fixture_many(a, KOP_CREATE, 0, KOP_BATCH);
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < KOP_BATCH; i++)
			ops[i] = fixture_op(round ? KOP_CREATE : KOP_GET, FAM_IP4, IPP_TCP, i);
		cr_assert_eq(kernel_apply(a, ops, KOP_BATCH), 0);
		for (unsigned int i = 0; i < KOP_BATCH; i++) {
			cr_assert_eq(ops[i].err, round ? -EEXIST : 0);
			cr_assert_eq(ops[i].flow.mark, 0x1000 + i);
		}
	}
	cr_assert_eq(kernel_apply(a, ops, KOP_BATCH + 1), -EINVAL);
	cr_assert_eq(kernel_apply(a, ops, 0), 0);
	kernel_applier_free(a);
}

Test(apply, an_exact_translation_that_is_taken_is_refused)
{
	struct kernel_op first, second;
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	first = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 1);
	translate(&first.flow, NAT_SRC, 1);
	second = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 2);
	translate(&second.flow, NAT_SRC, 1);
	cr_assert_eq(fixture_apply(a, &first), 0);
	cr_assert_eq(fixture_apply(a, &second), -EEXIST);
	/* Also where only the address is translated and the port stays. */
	second.flow.has &= ~FLOW_HAS_SPAT;
	second.flow.orig.sport = first.flow.snat_port;
	cr_assert_eq(fixture_apply(a, &second), -EEXIST);
	kernel_applier_free(a);
}

static struct kernel_op child_op(const struct kernel_op *master)
{
	struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 50);

	op.flow.has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	op.flow.master = master->flow.orig;
	op.flow.status |= CTS_EXPECTED;
	return op;
}

Test(apply, a_master_and_its_child_in_one_batch)
{
	struct kernel_op ops[2];
	struct kernel_applier *a;
	struct flow got;

	NEEDS_ROOT();
	a = fixture_applier();
	ops[1] = fixture_master();
	ops[0] = child_op(&ops[1]);
	cr_assert_eq(kernel_apply(a, ops, 2), 0);
	cr_assert_eq(ops[0].err, -ENOENT); /* the child came first */
	cr_assert_eq(ops[1].err, 0);
	ops[1].kind = KOP_DELETE;
	cr_assert_eq(fixture_apply(a, &ops[1]), 0);
	ops[0] = fixture_master();
	ops[1] = child_op(&ops[0]);
	cr_assert_eq(kernel_apply(a, ops, 2), 0);
	cr_assert_eq(ops[0].err, 0);
	cr_assert_eq(ops[1].err, 0);
	got = fixture_get(a, &ops[1]);
	cr_assert(got.status & CTS_EXPECTED);
	cr_assert(got.has & FLOW_HAS_MASTER);
	cr_assert(tuple_equal(&got.master, &ops[0].flow.orig));
	/* A child can be changed as it is reported. */
	ops[1].kind = KOP_UPDATE;
	ops[1].flow.mark = 4711;
	cr_assert_eq(fixture_apply(a, &ops[1]), 0);
	got = fixture_get(a, &ops[1]);
	cr_assert_eq(got.mark, 4711u);
	kernel_applier_free(a);
}

/* The kernel says ENOSPC, but has done everything else. */
Test(apply, an_update_survives_labels_without_room)
{
	struct kernel_applier_stats st;
	struct kernel_applier *a;
	struct kernel_op op;
	struct flow got;

	NEEDS_ROOT();
	a = fixture_applier();
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 1);
	cr_assert_eq(fixture_apply(a, &op), 0);
	op.kind = KOP_UPDATE;
	op.flow.has |= FLOW_HAS_LABELS;
	op.flow.labels[0] = 1;
	op.flow.mark = 4711;
	cr_assert_eq(fixture_apply(a, &op), 0);
	got = fixture_get(a, &op);
	cr_assert_eq(got.mark, 4711u);
	kernel_applier_get_stats(a, &st);
	cr_assert_eq(st.labels_lost, 1u);
	cr_assert_eq(st.failed, 0u);
	kernel_applier_free(a);
}

Test(apply, deletion_by_id_spares_another_incarnation)
{
	struct kernel_applier *a;
	struct kernel_op op;
	struct flow got;

	NEEDS_ROOT();
	a = fixture_applier();
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 1);
	cr_assert_eq(fixture_apply(a, &op), 0);
	got = fixture_get(a, &op);
	cr_assert(got.has & FLOW_HAS_ID);
	op.kind = KOP_DELETE;
	op.flow.has |= FLOW_HAS_ID;
	op.flow.id = got.id + 1;
	cr_assert_eq(fixture_apply(a, &op), -ENOENT);
	op.flow.id = got.id;
	cr_assert_eq(fixture_apply(a, &op), 0);
	cr_assert_eq(fixture_apply(a, &op), -ENOENT);
	kernel_applier_free(a);
}

/* One GRE packet from 127.0.0.1 to 127.0.0.2. */
static void send_gre(void)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	uint8_t packet[4] = { 0, 0, 0x08, 0 };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPP_GRE);

	from.sin_addr.s_addr = htonl(0x7f000001);
	to.sin_addr.s_addr = htonl(0x7f000002);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	cr_assert_eq(sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)), 4);
	close(fd);
}

Test(apply, a_gre_flow_survives_its_first_packet)
{
	struct kernel_applier *a;
	struct kernel_op op;
	struct flow got;

	NEEDS_ROOT();
	NEEDS_TRACKING();
	a = fixture_applier();
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_GRE, 1);
	op.flow.orig.src = (struct addr){ { 127, 0, 0, 1 } };
	op.flow.orig.dst = (struct addr){ { 127, 0, 0, 2 } };
	op.flow.orig.sport = op.flow.orig.dport = 0;
	cr_assert_eq(fixture_apply(a, &op), 0);
	send_gre();
	got = fixture_get(a, &op);
	cr_assert_eq(got.packets[0], 1u); /* it was this flow's packet */
	cr_assert_eq(got.mark, op.flow.mark);
	cr_assert_gt(got.timeout, 500u);
	kernel_applier_free(a);
}

Test(apply, expectations)
{
	struct kernel_op ops[3];
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	ops[0] = fixture_expect(KOP_EXP_CREATE);
	cr_assert_eq(fixture_apply(a, &ops[0]), -ENOENT); /* no master yet */
	ops[0] = fixture_master();
	ops[1] = fixture_expect(KOP_EXP_CREATE);
	ops[2] = ops[1];
	cr_assert_eq(kernel_apply(a, ops, 3), 0);
	cr_assert_eq(ops[0].err, 0);
	cr_assert_eq(ops[1].err, 0);
	cr_assert_eq(ops[2].err, -EEXIST);
	ops[2] = (struct kernel_op){ .kind = KOP_EXP_GET, .expect = ops[1].expect };
	ops[2].expect.has = EXPECT_HAS_TUPLE | (ops[1].expect.has & EXPECT_HAS_ZONE);
	cr_assert_eq(fixture_apply(a, &ops[2]), 0);
	cr_assert(tuple_equal(&ops[2].expect.master, &ops[1].expect.master));
	cr_assert(ops[2].expect.has & EXPECT_HAS_TIMEOUT);
	ops[1].kind = KOP_EXP_DELETE;
	cr_assert_eq(fixture_apply(a, &ops[1]), 0);
	cr_assert_eq(fixture_apply(a, &ops[1]), -ENOENT);
	ops[1].kind = KOP_EXP_GET;
	cr_assert_eq(fixture_apply(a, &ops[1]), -ENOENT);
	kernel_applier_free(a);
}

/*
 * Every helper the kernel may have, with its transport and the highest class of
 * its expectations (net/netfilter/nf_conntrack_*.c). Those this kernel lacks are
 * told and left out.
 */
static const struct {
	const char *name;
	uint8_t proto;
	uint16_t port;
	uint32_t class_;
} helpers[] = {
	{ "ftp", IPP_TCP, 21, 0 },     { "tftp", IPP_UDP, 69, 0 },
	{ "sip", IPP_UDP, 5060, 3 },   { "irc", IPP_TCP, 6667, 0 },
	{ "Q.931", IPP_TCP, 1720, 0 }, { "RAS", IPP_UDP, 1719, 0 },
	{ "pptp", IPP_TCP, 1723, 0 },  { "amanda", IPP_UDP, 10080, 0 },
	{ "sane", IPP_TCP, 6566, 0 },  { "netbios-ns", IPP_UDP, 137, 0 },
	{ "snmp", IPP_UDP, 161, 0 },
};

static struct kernel_op master_of(size_t i)
{
	struct kernel_op op = fixture_op(KOP_CREATE, FAM_IP4, helpers[i].proto, (int)i + 1);

	op.flow.orig.dport = helpers[i].port;
	op.flow.has |= FLOW_HAS_HELPER;
	memset(op.flow.helper, 0, sizeof(op.flow.helper));
	strcpy(op.flow.helper, helpers[i].name);
	return op;
}

Test(apply, helpers_come_back_with_their_flows)
{
	struct kernel_applier *a;
	int known = 0;

	NEEDS_ROOT();
	a = fixture_applier();
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		struct kernel_op op = master_of(i), exp = fixture_expect(KOP_EXP_CREATE);
		struct flow f;

		if (fixture_apply(a, &op) == -EOPNOTSUPP) {
			cr_log_warn("this kernel has no helper \"%s\"", helpers[i].name);
			continue;
		}
		cr_assert_eq(op.err, 0, "%s: %d", helpers[i].name, op.err);
		known++;
		f = fixture_get(a, &op);
		cr_assert_str_eq(f.helper, helpers[i].name);
		cr_assert(f.status & CTS_HELPER);
		exp.expect.master = op.flow.orig;
		exp.expect.tuple = op.flow.orig;
		exp.expect.tuple.sport = 0;
		exp.expect.tuple.dport = (uint16_t)(30000 + i);
		exp.expect.class_ = helpers[i].class_;
		cr_assert_eq(fixture_apply(a, &exp), 0, "%s, class %u: %d", helpers[i].name,
			     helpers[i].class_, exp.err);
	}
	cr_assert_gt(known, 0);
	kernel_applier_free(a);
}

Test(apply, an_expectation_in_a_zone)
{
	struct kernel_op master, exp;
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	master = fixture_master();
	master.flow.has |= FLOW_HAS_ZONE;
	master.flow.zone = 5;
	cr_assert_eq(fixture_apply(a, &master), 0);
	exp = fixture_expect(KOP_EXP_CREATE);
	cr_assert_eq(fixture_apply(a, &exp), -ENOENT);
	exp.expect.has |= EXPECT_HAS_ZONE;
	exp.expect.zone = 5;
	cr_assert_eq(fixture_apply(a, &exp), 0);
	exp.kind = KOP_EXP_DELETE;
	cr_assert_eq(fixture_apply(a, &exp), 0);
	kernel_applier_free(a);
}

/* The kernel answers once for the whole batch; nothing of it has been done. */
Test(apply, without_the_privilege_all_ops_fail)
{
	struct kernel_op ops[3];
	struct kernel_applier *a;

	NEEDS_ROOT();
	a = fixture_applier();
	for (unsigned int i = 0; i < 3; i++)
		ops[i] = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, i);
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_eq(kernel_apply(a, ops, 3), -EPERM);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(ops[i].err, -EPERM);
	kernel_applier_free(a);
}

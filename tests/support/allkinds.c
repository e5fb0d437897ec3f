// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fills the kernel's table of this network namespace with random valid flows of
 * all kinds, and writes the table out with every attribute that a failover has to
 * keep, so that the tables of two nodes can be compared.
 *
 *   allkinds create COUNT SEED     prints: done, refused
 *   allkinds unlabel COUNT SEED    the same flows: clears all labels
 *   allkinds list                  a line per flow: key TAB attributes TAB timeout
 *
 * Not made, because the commit corrects them: TCP states that do not survive an
 * injection (src/failover/inject.c). Not listed: id, counters.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/rand.h"
#include "kernel/apply.h"
#include "kernel/dump.h"

/* Of this many flows the first is a possible master, plain TCP without zone. */
#define FAMILY_SIZE 8

static bool chance(struct rng *r, uint32_t one_in)
{
	return rng_below(r, one_in) == 0;
}

static uint16_t nonzero16(struct rng *r)
{
	return (uint16_t)(1 + rng_below(r, 65535));
}

/* Addresses of one purpose are told apart by n. */
static struct addr address(uint8_t family, uint8_t net, uint32_t n)
{
	struct addr a = { .b = { net, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };

	if (family == FAM_IP6) {
		memmove(a.b + 12, a.b, 4);
		memcpy(a.b, (uint8_t[4]){ 0x20, 0x01, 0x0d, 0xb8 }, 4);
	}
	return a;
}

static void make_icmp(struct rng *r, struct tuple *t)
{
	static const uint8_t types4[] = { 8, 13, 15, 17 }, types6[] = { 128, 139 };

	t->proto = t->family == FAM_IP4 ? IPP_ICMP : IPP_ICMP6;
	t->icmp_type = t->family == FAM_IP4 ? types4[rng_below(r, 4)] : types6[rng_below(r, 2)];
	t->dport = t->sport;
}

static void make_key(struct rng *r, uint32_t n, struct flow *f)
{
	static const uint8_t protos[] = {
		IPP_TCP,  IPP_TCP, IPP_TCP, IPP_TCP,  IPP_UDP, IPP_UDP, IPP_UDPLITE, IPP_SCTP,
		IPP_SCTP, IPP_GRE, IPP_GRE, IPP_ICMP, 50,      51,      89,
	};
	struct tuple *t = &f->orig;
	bool master = n % FAMILY_SIZE == 0;

	t->family = n / FAMILY_SIZE % 3 ? FAM_IP4 : FAM_IP6;
	t->proto = master ? IPP_TCP : protos[rng_below(r, sizeof(protos))];
	t->src = address(t->family, 10, n);
	t->dst = address(t->family, 198, n % 250);
	if (proto_has_ports(t->proto) || t->proto == IPP_GRE || t->proto == IPP_ICMP) {
		t->sport = nonzero16(r);
		t->dport = nonzero16(r);
	}
	if (t->proto == IPP_ICMP)
		make_icmp(r, t);
	f->has = proto_is_icmp(t->proto) ? FLOW_HAS_ICMP : t->sport ? FLOW_HAS_PORTS : 0;
}

/* The kernel translates what it calls the id of ICMP, but no keys of GRE. */
static void make_nat(struct rng *r, uint32_t n, struct flow *f)
{
	uint8_t family = f->orig.family, proto = f->orig.proto;
	bool ports = proto_has_ports(proto);

	f->has |= FLOW_HAS_REPLY;
	tuple_invert(&f->orig, &f->reply);
	f->status |= CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	if (chance(r, 3)) {
		f->reply.dst = address(family, 203, n);
		if (ports && chance(r, 2))
			f->reply.dport = nonzero16(r);
		if (proto_is_icmp(proto) && chance(r, 2))
			f->reply.sport = f->reply.dport = nonzero16(r);
	}
	if (chance(r, 4)) {
		f->reply.src = address(family, 172, n);
		if (ports && chance(r, 2))
			f->reply.sport = nonzero16(r);
	}
}

static void make_tcp(struct rng *r, struct flow *f)
{
	f->has |= FLOW_HAS_STATE | FLOW_HAS_TCPFLAGS;
	f->state = (uint8_t)(TCPS_SYN_RECV + rng_below(r, TCPS_CLOSE - TCPS_SYN_RECV + 1));
	f->tcp_flags[0] = f->tcp_flags[1] = chance(r, 2) ? TCPF_SACK_PERM : 0;
	f->tcp_flags[rng_below(r, 2)] |= chance(r, 4) ? TCPF_CLOSE_INIT : 0;
	if (chance(r, 2)) {
		f->has |= FLOW_HAS_WSCALE;
		f->wscale[0] = (uint8_t)rng_below(r, 15);
		f->wscale[1] = (uint8_t)rng_below(r, 15);
		f->tcp_flags[0] |= TCPF_WINDOW_SCALE;
		f->tcp_flags[1] |= TCPF_WINDOW_SCALE;
	}
	if (chance(r, 8)) {
		f->has |= FLOW_HAS_SEQADJ;
		for (unsigned int i = 0; i < 2; i++) {
			f->seqadj[i].pos = rng_u32(r);
			f->seqadj[i].before = (int32_t)rng_below(r, 100) - 50;
			f->seqadj[i].after = (int32_t)rng_below(r, 100) - 50;
		}
	}
	if (chance(r, 12)) {
		f->has |= FLOW_HAS_SYNPROXY;
		f->synproxy_isn = rng_u32(r);
		f->synproxy_its = rng_u32(r);
		f->synproxy_tsoff = rng_u32(r);
	}
}

static void make_sctp(struct rng *r, struct flow *f)
{
	f->has |= FLOW_HAS_STATE | FLOW_HAS_VTAG;
	f->state = (uint8_t)(1 + rng_below(r, 8));
	f->vtag[0] = rng_u32(r);
	f->vtag[1] = rng_u32(r);
}

static void make_zone(struct rng *r, struct flow *f)
{
	uint16_t zone = (uint16_t)(1 + rng_below(r, 9));

	switch (rng_below(r, 12)) {
	case 0:
	case 1:
		f->has |= FLOW_HAS_ZONE;
		f->zone = zone;
		break;
	case 2:
		f->has |= FLOW_HAS_ZONE_ORIG;
		f->zone = f->zone_orig = zone;
		break;
	case 3:
		f->has |= FLOW_HAS_ZONE_REPLY;
		f->zone_reply = zone;
		break;
	}
}

static void make_helper(struct rng *r, struct flow *f)
{
	const char *name = f->orig.proto == IPP_TCP ? "ftp" :
			   f->orig.proto == IPP_UDP ? "tftp" :
						      NULL;

	if (!name || !chance(r, 8))
		return;
	f->has |= FLOW_HAS_HELPER;
	f->status |= CTS_HELPER;
	strcpy(f->helper, name);
}

static void make_flow(uint64_t seed, uint32_t n, struct flow *f)
{
	const uint32_t zones = FLOW_HAS_ZONE | FLOW_HAS_ZONE_ORIG | FLOW_HAS_ZONE_REPLY;
	struct rng r;

	flow_init(f);
	rng_seed(&r, seed << 32 | n);
	make_key(&r, n, f);
	make_nat(&r, n, f);
	f->has |= FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;
	f->status |= CTS_CONFIRMED | (chance(&r, 4) ? 0 : CTS_SEEN_REPLY);
	if ((f->status & CTS_SEEN_REPLY) && chance(&r, 2))
		f->status |= CTS_ASSURED;
	f->timeout = 10000 + rng_below(&r, 400000);
	if (f->orig.proto == IPP_TCP)
		make_tcp(&r, f);
	if (f->orig.proto == IPP_SCTP)
		make_sctp(&r, f);
	if (n % FAMILY_SIZE)
		make_zone(&r, f);
	make_helper(&r, f);
	if (chance(&r, 2)) {
		f->has |= FLOW_HAS_MARK;
		f->mark = rng_u32(&r);
	}
	if (chance(&r, 4)) {
		f->has |= FLOW_HAS_LABELS;
		f->labels[rng_below(&r, FLOW_LABEL_WORDS)] = 1 + rng_below(&r, UINT32_MAX);
	}
	if (n % FAMILY_SIZE && !(f->has & zones) && chance(&r, 4)) {
		struct flow m = { 0 };

		rng_seed(&r, seed << 32 | (n - n % FAMILY_SIZE));
		make_key(&r, n - n % FAMILY_SIZE, &m);
		f->master = m.orig;
		f->has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	}
}

static void clear_labels(struct kernel_op *op)
{
	op->kind = op->flow.has & FLOW_HAS_LABELS ? KOP_UPDATE : KOP_GET;
	op->flow.has &= FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE | FLOW_HAS_ZONE_ORIG |
			FLOW_HAS_LABELS;
	memset(op->flow.labels, 0, sizeof(op->flow.labels));
}

static int run(uint32_t count, uint64_t seed, bool unlabel)
{
	static struct kernel_op ops[KOP_BATCH];
	uint32_t done = 0, refused = 0;
	struct kernel_applier *a;
	int err = 0;

	a = kernel_applier_new(&err);
	while (a && done < count) {
		size_t n = 0;

		for (; n < KOP_BATCH && done + n < count; n++) {
			ops[n] = (struct kernel_op){ .kind = KOP_CREATE,
						     .liberal = true,
						     .window_scale = true };
			make_flow(seed, done + (uint32_t)n, &ops[n].flow);
			if (unlabel)
				clear_labels(&ops[n]);
		}
		kernel_apply(a, ops, n);
		for (size_t i = 0; i < n; i++) {
			refused += ops[i].err != 0;
			if (ops[i].err)
				fprintf(stderr, "%u: %s\n", done + (uint32_t)i,
					err_text(ops[i].err));
		}
		done += (uint32_t)n;
	}
	kernel_applier_free(a);
	printf("%u %u\n", done - refused, refused);
	return err;
}

static void put_tuple(const struct tuple *t)
{
	char src[46], dst[46];

	addr_text(&t->src, t->family, src);
	addr_text(&t->dst, t->family, dst);
	printf(" %u %s:%u %s:%u %u/%u", t->proto, src, t->sport, dst, t->dport, t->icmp_type,
	       t->icmp_code);
}

static void put_rest(const struct flow *f)
{
	if (f->has & FLOW_HAS_LABELS)
		printf(" labels=%x,%x,%x,%x", f->labels[0], f->labels[1], f->labels[2],
		       f->labels[3]);
	if (f->has & FLOW_HAS_HELPER)
		printf(" helper=%.*s", FLOW_HELPER_MAX, f->helper);
	if (f->has & FLOW_HAS_MASTER) {
		printf(" master=");
		put_tuple(&f->master);
	}
	for (unsigned int i = 0; i < 2 && (f->has & FLOW_HAS_SEQADJ); i++)
		printf(" seqadj=%u,%d,%d", f->seqadj[i].pos, f->seqadj[i].before,
		       f->seqadj[i].after);
	if (f->has & FLOW_HAS_SYNPROXY)
		printf(" synproxy=%x,%x,%x", f->synproxy_isn, f->synproxy_its, f->synproxy_tsoff);
}

static void put_flow(const struct flow *f)
{
	printf("zone=%u/%u/%u", f->zone, f->zone_orig, f->zone_reply);
	put_tuple(&f->orig);
	printf("\treply=");
	put_tuple(&f->reply);
	printf(" status=%x mark=%x", f->status, f->mark);
	if (f->has & FLOW_HAS_STATE)
		printf(" state=%u", f->state);
	if (f->has & FLOW_HAS_WSCALE)
		printf(" wscale=%u,%u", f->wscale[0], f->wscale[1]);
	if (f->has & FLOW_HAS_TCPFLAGS)
		printf(" flags=%x,%x", f->tcp_flags[0], f->tcp_flags[1]);
	if (f->has & FLOW_HAS_VTAG)
		printf(" vtag=%x,%x", f->vtag[0], f->vtag[1]);
	put_rest(f);
	printf("\t%u\n", f->timeout);
}

static int list(void)
{
	struct kernel_event ev;
	struct kernel_dump *d;
	int err = 0, rc;

	d = kernel_dump_new(KTABLE_FLOWS, &err);
	if (!d)
		return err;
	while ((rc = kernel_dump_next(d, &ev)) != 0) {
		if (rc == 1) {
			put_flow(&ev.flow);
		} else if (rc == -EAGAIN) {
			poll(&(struct pollfd){ .fd = kernel_dump_fd(d), .events = POLLIN }, 1, -1);
		} else {
			break;
		}
	}
	kernel_dump_free(d);
	return rc;
}

int main(int argc, char **argv)
{
	int err = -EINVAL;

	if (argc == 4)
		err = run((uint32_t)strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
			  strcmp(argv[1], "unlabel") == 0);
	else if (argc == 2 && strcmp(argv[1], "list") == 0)
		err = list();
	if (err < 0)
		fprintf(stderr, "allkinds: %s\n", err_text(err));
	return err < 0 ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What reading an event, building a request and injecting a flow cost. Takes
 * its event from the kernel, in a network namespace of its own; needs root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kernel/apply.h"
#include "kernel/conv.h"
#include "kernel/dump.h"
#include "kernel/events.h"
#include "netns.h"

#define LOOPS  2000
#define ROUNDS 1000
#define FLOWS  24000

/* CPU time, the kernel's share included: the machine may have other work. */
static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void make_op(struct kernel_op *op, enum kernel_op_kind kind, uint32_t i, bool snat)
{
	struct flow *f = &op->flow;
	uint32_t has = FLOW_HAS_PORTS | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK |
		       FLOW_HAS_STATE | FLOW_HAS_WSCALE;

	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->liberal = true;
	op->window_scale = true;
	f->has = has;
	f->orig.family = FAM_IP4;
	f->orig.proto = IPP_TCP;
	f->orig.src = (struct addr){ { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
	f->orig.dst = (struct addr){ { 192, 0, 2, 1 } };
	f->orig.sport = (uint16_t)(1024 + i);
	f->orig.dport = 443;
	f->status = CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED;
	f->timeout = 3600;
	f->mark = 7;
	f->state = TCPS_ESTABLISHED;
	f->wscale[0] = f->wscale[1] = 7;
	if (snat) {
		f->has |= FLOW_HAS_SNAT | FLOW_HAS_SPAT;
		f->snat = (struct addr){ { 198, 51, 100, 1 } };
		f->snat_port = (uint16_t)(1024 + i);
	}
}

static void apply_all(struct kernel_applier *a, enum kernel_op_kind kind, bool snat)
{
	static const char *const names[] = { "create", "update", "delete", "get" };
	struct kernel_op ops[KOP_BATCH];
	double t = now_ns(), build = 0;
	unsigned int failed = 0;

	for (uint32_t i = 0; i < FLOWS; i += KOP_BATCH) {
		double b = now_ns();

		for (uint32_t k = 0; k < KOP_BATCH; k++)
			make_op(&ops[k], kind, i + k, snat);
		build += now_ns() - b;
		if (kernel_apply(a, ops, KOP_BATCH) != 0)
			abort();
		for (uint32_t k = 0; k < KOP_BATCH; k++)
			failed += ops[k].err != 0;
	}
	t = now_ns() - t - build;
	printf("  %s%s: %.0f k/s (%u failed)\n", names[kind], snat ? " with nat" : "",
	       FLOWS * 1e6 / t, failed);
}

static void injection(struct kernel_applier *a, const char *events)
{
	if (netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_events", events))
		abort();
	printf("batches of %d, nf_conntrack_events %s\n", KOP_BATCH, events);
	for (int i = 0; i < 3; i++) {
		apply_all(a, KOP_CREATE, false);
		apply_all(a, KOP_UPDATE, false);
		apply_all(a, KOP_GET, false);
		apply_all(a, KOP_DELETE, false);
		apply_all(a, KOP_CREATE, true);
		apply_all(a, KOP_DELETE, true);
	}
}

/* The bytes of one event, as the kernel sends them. */
static size_t get_event(struct kernel_applier *a, uint8_t *msg, size_t cap)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	struct kernel_op op;
	ssize_t n;

	if (!nl || mnl_socket_bind(nl, NF_NETLINK_CONNTRACK_NEW, MNL_SOCKET_AUTOPID) < 0)
		abort();
	make_op(&op, KOP_CREATE, 70000, false);
	if (kernel_apply(a, &op, 1) != 0 || op.err)
		abort();
	n = mnl_socket_recvfrom(nl, msg, cap);
	mnl_socket_close(nl);
	op.kind = KOP_DELETE;
	kernel_apply(a, &op, 1);
	return n > 0 ? (size_t)n : 0;
}

/* What one call of "what" costs: the best of many short runs. */
static double best(uint32_t (*what)(const void *arg, size_t len), const void *arg, size_t len)
{
	static volatile uint32_t sink;
	double least = 1e12;

	for (int round = 0; round < ROUNDS; round++) {
		uint32_t sum = 0;
		double t = now_ns();

		for (int i = 0; i < LOOPS; i++)
			sum += what(arg, len);
		t = (now_ns() - t) / LOOPS;
		sink = sum;
		least = t < least ? t : least;
	}
	return least + 0 * sink;
}

static uint32_t parse_ours(const void *msg, size_t len)
{
	struct flow f;

	return conv_flow(msg, len, &f) ? 0 : f.mark + f.orig.sport;
}

static struct nf_conntrack *theirs;

static uint32_t parse_theirs(const void *msg, size_t len)
{
	(void)len;
	return (uint32_t)nfct_nlmsg_parse(msg, theirs);
}

static uint32_t build_ours(const void *op, size_t len)
{
	uint8_t out[CONV_MSG_MAX];

	return (uint32_t)conv_build(op, (uint32_t)len, out, sizeof(out));
}

static void parsing(const uint8_t *msg, size_t len)
{
	struct kernel_op op;

	theirs = nfct_new();
	make_op(&op, KOP_CREATE, 1, true);
	printf("conv_flow, %zu byte event: %.1f ns\n", len, best(parse_ours, msg, len));
	printf("nfct_nlmsg_parse: %.1f ns\n", best(parse_theirs, msg, len));
	printf("conv_build, create with nat, %u bytes: %.1f ns\n", build_ours(&op, 1),
	       best(build_ours, &op, 1));
	nfct_destroy(theirs);
}

/* Reading events from a full queue; ns per event. */
static double read_events(struct kernel_applier *a)
{
	struct kernel_events_params p = { .buffer = 64u << 20, .max_growth = 64u << 20 };
	struct kernel_events *ev;
	struct kernel_event e;
	unsigned int n = 0;
	double t;
	int err;

	ev = kernel_events_new(&p, NULL, &err);
	if (!ev)
		abort();
	apply_all(a, KOP_CREATE, false);
	t = now_ns();
	while (kernel_events_next(ev, &e) == 1)
		n++;
	t = now_ns() - t;
	kernel_events_free(ev);
	return t / n;
}

/* Dumping the table; ns for all of it. */
static double read_table(void)
{
	struct kernel_event e;
	struct kernel_dump *d;
	double t = now_ns();
	int err;

	d = kernel_dump_new(KTABLE_FLOWS, &err);
	while (kernel_dump_next(d, &e) == 1)
		;
	kernel_dump_free(d);
	return now_ns() - t;
}

static void reading(struct kernel_applier *a)
{
	double event = 1e12, full = 1e12, empty = 1e12, t;

	for (int round = 0; round < 5; round++) {
		t = read_table();
		empty = t < empty ? t : empty;
		t = read_events(a);
		event = t < event ? t : event;
		t = read_table();
		full = t < full ? t : full;
		apply_all(a, KOP_DELETE, false);
	}
	printf("events: %.0f ns each\n", event);
	printf("dump: %.1f ms empty, %.0f ns more per flow\n", empty / 1e6, (full - empty) / FLOWS);
}

int main(int argc, char **argv)
{
	uint8_t msg[8192];
	struct kernel_applier *a;
	int err;

	if (!netns_enter()) {
		puts("needs root");
		return 77;
	}
	netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_acct", "0");
	netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_timestamp", "0");
	a = kernel_applier_new(&err);
	if (!a)
		abort();
	parsing(msg, get_event(a, msg, sizeof(msg)));
	if (argc > 1 && !strcmp(argv[1], "parse"))
		return 0;
	reading(a);
	injection(a, "0");
	injection(a, "1");
	kernel_applier_free(a);
	return 0;
}

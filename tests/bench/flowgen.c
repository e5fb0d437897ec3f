// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creates, deletes or churns flows in the kernel of the present network
 * namespace, in batches, at a given rate. Its number decides what a flow is: an
 * established IPv4 TCP connection; with "nat" behind source NAT; with "mix" one
 * of several kinds. Prints one line: operations, seconds, failures.
 *
 *   flowgen create|delete COUNT [RATE [FIRST [plain|nat|mix]]]
 *   flowgen churn COUNT RATE FIRST KIND SECONDS SEED
 *
 * RATE is operations per second, 0 = as fast as possible. Churn begins with
 * COUNT flows that exist; each operation picks one of these numbers and creates
 * the flow if it is not there, else deletes it or gives it another state and mark.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/err.h"
#include "base/rand.h"
#include "kernel/apply.h"
#include "loop/clock.h"

enum kind { PLAIN, NAT, MIX };

struct gen {
	struct kernel_applier *a;
	enum kind kind;
	uint32_t count, rate, first;
	uint32_t done, failed;
	tick_t start;
	uint8_t *gone; /* of each number: is it deleted? (churn) */
	struct rng rng;
};

static struct addr ip4(uint8_t net, uint32_t n)
{
	return (struct addr){ .b = { net, (uint8_t)(n >> 20), (uint8_t)(n >> 12), 1 } };
}

static void make_udp(struct flow *f)
{
	f->orig.proto = IPP_UDP;
	f->orig.dport = 53;
	f->has &= ~FLOW_HAS_STATE;
}

static void make_ip6(struct flow *f)
{
	const struct addr src = f->orig.src, dst = f->orig.dst;

	f->orig.family = FAM_IP6;
	f->orig.src = (struct addr){ .b = { 0x20, 0x01, 0x0d, 0xb8 } };
	f->orig.dst = f->orig.src;
	memcpy(f->orig.src.b + 12, src.b, 4);
	memcpy(f->orig.dst.b + 12, dst.b, 4);
}

static void make_flow(struct flow *f, uint32_t n, enum kind kind)
{
	const uint32_t which = kind == MIX ? n % 8 : 0;

	flow_init(f);
	f->has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_PORTS | FLOW_HAS_STATE |
		 FLOW_HAS_REPLY;
	f->orig.family = FAM_IP4;
	f->orig.proto = IPP_TCP;
	f->orig.src = ip4(10, n);
	f->orig.dst = (struct addr){ .b = { 198, 51, 100, 1 } };
	f->orig.sport = (uint16_t)(1024 + n % 4096);
	f->orig.dport = 443;
	f->status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_ASSURED;
	f->timeout = 86400;
	f->state = TCPS_ESTABLISHED;
	if (which == 1)
		make_udp(f);
	if (which == 2)
		make_ip6(f);
	if (which == 3) {
		f->has |= FLOW_HAS_ZONE;
		f->zone = 7;
	}
	tuple_invert(&f->orig, &f->reply);
	if (kind == NAT || which == 4) {
		f->reply.dst = ip4(203, n);
		f->status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	}
}

/* Only what changes, and the key. */
static void make_change(struct flow *f, struct rng *rng)
{
	static const uint8_t states[] = { TCPS_ESTABLISHED, TCPS_FIN_WAIT, TCPS_CLOSE_WAIT,
					  TCPS_LAST_ACK, TCPS_TIME_WAIT };

	f->has &= FLOW_HAS_PORTS | FLOW_HAS_STATE | FLOW_HAS_ZONE | FLOW_HAS_TIMEOUT;
	f->has |= FLOW_HAS_MARK;
	f->mark = 1 + rng_below(rng, 1000);
	f->state = states[rng_below(rng, sizeof(states))];
}

static void sleep_until(tick_t start, uint32_t done, uint32_t rate)
{
	const tick_t due = start + (tick_t)done * TICK_SEC / rate;
	const tick_t now = clock_now();

	if (due > now)
		nanosleep(&(struct timespec){ .tv_sec = (time_t)((due - now) / TICK_SEC),
					      .tv_nsec = (long)((due - now) % TICK_SEC) },
			  NULL);
}

static void make_op(struct gen *g, struct kernel_op *op)
{
	const uint32_t n = rng_below(&g->rng, g->count);

	op->liberal = true;
	make_flow(&op->flow, g->first + n, g->kind);
	if (g->gone[n]) {
		op->kind = KOP_CREATE;
		g->gone[n] = 0;
	} else if (rng_below(&g->rng, 3) == 0) {
		op->kind = KOP_DELETE;
		g->gone[n] = 1;
	} else {
		op->kind = KOP_UPDATE;
		make_change(&op->flow, &g->rng);
	}
}

static void apply(struct gen *g, struct kernel_op *ops, size_t n)
{
	kernel_apply(g->a, ops, n);
	for (size_t i = 0; i < n; i++)
		g->failed += ops[i].err != 0;
	g->done += (uint32_t)n;
	if (g->rate)
		sleep_until(g->start, g->done, g->rate);
}

/* Small batches: at a low rate a big one would be a burst. */
static int churn(struct gen *g, uint32_t seconds, uint64_t seed)
{
	static struct kernel_op ops[KOP_BATCH];

	g->gone = calloc(g->count ? g->count : 1, 1);
	if (!g->gone)
		return -ENOMEM;
	rng_seed(&g->rng, seed);
	while (clock_now() - g->start < seconds * TICK_SEC) {
		size_t n = 0;

		for (; n < 16; n++)
			make_op(g, &ops[n]);
		apply(g, ops, n);
	}
	free(g->gone);
	return 0;
}

static void all(struct gen *g, enum kernel_op_kind what)
{
	static struct kernel_op ops[KOP_BATCH];

	while (g->done < g->count) {
		size_t n = 0;

		for (; n < KOP_BATCH && g->done + n < g->count; n++) {
			ops[n] = (struct kernel_op){ .kind = what, .liberal = true };
			make_flow(&ops[n].flow, g->first + g->done + (uint32_t)n, g->kind);
		}
		apply(g, ops, n);
	}
}

static uint32_t number(int argc, char **argv, int i)
{
	return i < argc ? (uint32_t)strtoul(argv[i], NULL, 10) : 0;
}

static enum kind kind_arg(const char *word)
{
	return strcmp(word, "nat") == 0 ? NAT : strcmp(word, "mix") == 0 ? MIX : PLAIN;
}

int main(int argc, char **argv)
{
	struct gen g = { .count = number(argc, argv, 2),
			 .rate = number(argc, argv, 3),
			 .first = number(argc, argv, 4),
			 .kind = argc > 5 ? kind_arg(argv[5]) : PLAIN };
	int err = 0;

	if (argc < 3 || (strcmp(argv[1], "churn") == 0 && (argc < 8 || g.count == 0))) {
		fprintf(stderr, "usage: flowgen create|delete COUNT [RATE [FIRST [KIND]]]\n"
				"       flowgen churn COUNT RATE FIRST KIND SECONDS SEED\n");
		return 2;
	}
	g.a = kernel_applier_new(&err);
	if (!g.a) {
		fprintf(stderr, "flowgen: %s\n", err_text(err));
		return 1;
	}
	g.start = clock_now();
	if (strcmp(argv[1], "churn") == 0)
		err = churn(&g, number(argc, argv, 6), number(argc, argv, 7));
	else
		all(&g, strcmp(argv[1], "delete") == 0 ? KOP_DELETE : KOP_CREATE);
	printf("%u %.6f %u\n", g.done, (double)(clock_now() - g.start) / 1e9, g.failed);
	kernel_applier_free(g.a);
	return g.failed || err < 0 ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creates (or deletes) flows in the kernel of the present network namespace, in
 * batches, at a given rate. A flow is an established IPv4 TCP connection; its
 * number decides its tuple. Prints one line: count, seconds, failures.
 *
 *   flowgen create|delete COUNT [RATE per second, 0 = as fast as possible] [FIRST] [nat]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/err.h"
#include "kernel/apply.h"
#include "loop/clock.h"

static void make_flow(struct flow *f, uint32_t n, bool nat)
{
	flow_init(f);
	f->has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_PORTS | FLOW_HAS_STATE |
		 FLOW_HAS_REPLY;
	f->orig.family = FAM_IP4;
	f->orig.proto = IPP_TCP;
	f->orig.src = (struct addr){ .b = { 10, (uint8_t)(n >> 20), (uint8_t)(n >> 12), 1 } };
	f->orig.dst = (struct addr){ .b = { 198, 51, 100, 1 } };
	f->orig.sport = (uint16_t)(1024 + n % 4096);
	f->orig.dport = 443;
	f->status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_ASSURED;
	f->timeout = 86400;
	f->state = TCPS_ESTABLISHED;
	tuple_invert(&f->orig, &f->reply);
	if (nat) {
		f->reply.dst = (struct addr){ .b = { 203, (uint8_t)(n >> 20), (uint8_t)(n >> 12), 1 } };
		f->status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	}
}

static void sleep_until(tick_t start, uint32_t done, uint32_t rate)
{
	const tick_t due = start + (tick_t)done * TICK_SEC / rate;
	const tick_t now = clock_now();

	if (due > now)
		nanosleep(&(struct timespec){ .tv_sec = (time_t)((due - now) / TICK_SEC),
					      .tv_nsec = (long)((due - now) % TICK_SEC) }, NULL);
}

int main(int argc, char **argv)
{
	static struct kernel_op ops[KOP_BATCH];
	struct kernel_applier *a;
	uint32_t count, rate, first, failed = 0;
	bool nat, del;
	tick_t start;
	int err;

	if (argc < 3) {
		fprintf(stderr, "usage: flowgen create|delete COUNT [RATE] [FIRST] [nat]\n");
		return 2;
	}
	del = strcmp(argv[1], "delete") == 0;
	count = (uint32_t)strtoul(argv[2], NULL, 10);
	rate = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	first = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
	nat = argc > 5 && strcmp(argv[5], "nat") == 0;
	a = kernel_applier_new(&err);
	if (!a) {
		fprintf(stderr, "flowgen: %s\n", err_text(err));
		return 1;
	}
	start = clock_now();
	for (uint32_t done = 0; done < count;) {
		size_t n = 0;

		for (; n < KOP_BATCH && done + n < count; n++) {
			ops[n] = (struct kernel_op){ .kind = del ? KOP_DELETE : KOP_CREATE,
						     .liberal = true };
			make_flow(&ops[n].flow, first + done + (uint32_t)n, nat);
		}
		kernel_apply(a, ops, n);
		for (size_t i = 0; i < n; i++)
			failed += ops[i].err != 0;
		done += (uint32_t)n;
		if (rate)
			sleep_until(start, done, rate);
	}
	printf("%u %.6f %u\n", count, (double)(clock_now() - start) / 1e9, failed);
	kernel_applier_free(a);
	return failed ? 1 : 0;
}

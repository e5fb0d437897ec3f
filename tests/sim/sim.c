// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histories by seed. A step draws one thing to happen (traffic, faults, crash,
 * restart, operator) and lets a little virtual time pass; at the end everything
 * heals and the oracle demands convergence within SETTLE.
 *
 *   sim [--seed N] [--steps M] [--histories K] [--mode ftfw|notrack] [--break CURE]
 *       [--lossless] [--verbose] [--tap]
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"

#define SETTLE (30 * TICK_SEC)

static void traffic(struct world *w)
{
	const uint8_t node = (uint8_t)rng_below(&w->rng, SIM_NODES);
	const uint32_t burst = rng_below(&w->rng, 20) == 0 ? SIM_EVENTS + 20 : 1 + rng_below(&w->rng, 6);

	for (uint32_t i = 0; i < burst; i++) {
		const uint32_t number = rng_below(&w->rng, SIM_FLOWS / 2);

		if (rng_below(&w->rng, 4) == 0)
			kernel_end(w, node, number);
		else
			kernel_packet(w, node, number);
	}
}

static void change_faults(struct world *w)
{
	static const uint32_t losses[] = { 0, 0, 5, 10, 30, 50 };

	w->f.loss = losses[rng_below(&w->rng, 6)];
	w->f.dup = rng_below(&w->rng, 3) ? 0 : 20;
	w->f.reorder = rng_below(&w->rng, 3) ? 0 : 30;
	for (uint8_t i = 0; i < SIM_NODES; i++)
		w->f.cut[i] = rng_below(&w->rng, 8) == 0;
	world_trace(w, "network: loss %u%%, duplication %u%%, reordering %u%%, cut %d %d", w->f.loss,
		    w->f.dup, w->f.reorder, w->f.cut[0], w->f.cut[1]);
}

static void crash_or_start(struct world *w)
{
	const uint8_t i = (uint8_t)rng_below(&w->rng, SIM_NODES);

	if (w->n[i].up)
		node_crash(w, i);
	else
		node_start(w, i);
}

static void operate(struct world *w)
{
	const uint8_t i = (uint8_t)rng_below(&w->rng, SIM_NODES);
	const uint32_t both = ADMIN_FLOWS | ADMIN_EXPECTS;

	switch (rng_below(&w->rng, 6)) {
	case 0:                                /* promotion, the classic sequence */
		node_admin(w, i, ADMIN_COMMIT, both);
		world_advance(w, w->now + 20 * TICK_MSEC);
		node_admin(w, i, ADMIN_FLUSH_CACHES, both | ADMIN_INTERNAL | ADMIN_EXTERNAL);
		node_admin(w, i, ADMIN_RESYNC_KERNEL, both);
		world_advance(w, w->now + 20 * TICK_MSEC);
		node_admin(w, i, ADMIN_BULK, 0);
		break;
	case 1:                                /* demotion */
		node_admin(w, i, ADMIN_PURGE, 0);
		node_admin(w, i, ADMIN_REQUEST_RESYNC, 0);
		break;
	case 2:
		node_admin(w, i, ADMIN_BULK, 0);
		break;
	case 3:
		node_admin(w, i, ADMIN_REQUEST_RESYNC, 0);
		break;
	case 4:
		node_admin(w, i, ADMIN_RESYNC_KERNEL, both);
		break;
	default:
		node_admin(w, i, ADMIN_COMMIT, both);
		break;
	}
}

static void step(struct world *w, bool lossless)
{
	const uint32_t r = rng_below(&w->rng, 1000);

	if (r < 900)
		traffic(w);
	else if (r < 960 && !lossless)
		change_faults(w);
	else if (r < 975 && !lossless)
		crash_or_start(w);
	else if (r >= 985)
		operate(w);
	world_advance(w, w->now + rng_below(&w->rng, 50) * TICK_MSEC);
	if (rng_below(&w->rng, 40) == 0)
		world_advance(w, w->now + rng_below(&w->rng, 4000) * TICK_MSEC);
}

/* Heal, stop the traffic, give the nodes what an operator would give them. */
static void settle(struct world *w)
{
	const tick_t end = w->now + SETTLE;

	world_trace(w, "healed");
	w->quiet = true;
	memset(&w->f, 0, sizeof(w->f));
	for (uint8_t i = 0; i < SIM_NODES; i++)
		if (!w->n[i].up)
			node_start(w, i);
	world_advance(w, w->now + 8 * TICK_SEC);   /* purges and overrun resyncs fire */
	for (uint8_t i = 0; i < SIM_NODES; i++) {
		node_admin(w, i, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS);
		world_advance(w, w->now + TICK_SEC);
		if (w->n[i].committed)         /* injected flows are announced on demand only */
			node_admin(w, i, ADMIN_BULK, 0);
		if (w->n[i].flushed)           /* what the peer owns must be asked for again */
			node_admin(w, i, ADMIN_REQUEST_RESYNC, 0);
	}
	while (!w->broken && w->now < end) {
		world_advance(w, w->now + TICK_SEC);
		if (oracle_converged(w, false))
			return;
	}
	oracle_converged(w, true);
}

static void report(const struct world *w, const struct sim_params *p)
{
	const uint32_t n = w->ntrace < SIM_TRACE ? w->ntrace : SIM_TRACE;

	printf("# seed %" PRIu64 ", %u steps: invariant \"%s\" broken at step %" PRIu64 ": %s\n# last steps:\n",
	       p->seed, p->steps, w->broken, w->steps, w->why);
	for (uint32_t i = w->ntrace - n; i < w->ntrace; i++)
		printf("#   %s\n", w->trace[i % SIM_TRACE]);
}

int sim_run(const struct sim_params *p)
{
	struct world *w = calloc(1, sizeof(*w));
	int rc;

	w->net = calloc(SIM_NET, sizeof(*w->net));
	rng_seed(&w->rng, p->seed);
	w->mode = p->mode;
	w->cures = p->cures;
	w->lossless = p->lossless;
	w->resend_limit = rng_below(&w->rng, 3) ? 512 : 16;
	w->verbose = p->verbose;
	w->now = 1000 * TICK_SEC;
	for (uint8_t i = 0; i < SIM_NODES; i++) {
		w->n[i].seed = p->seed * 1000 + i * 500;
		node_start(w, i);
	}
	for (w->steps = 0; w->steps < p->steps && !w->broken; w->steps++)
		step(w, p->lossless);
	if (!w->broken)
		settle(w);
	rc = w->broken != NULL;
	if (rc)
		report(w, p);
	for (uint8_t i = 0; i < SIM_NODES; i++)
		engine_free(w->n[i].e);
	free(w->net);
	free(w);
	return rc;
}

static uint32_t parse_cure(const char *name)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} cures[] = {
		{ "w4", REPL_CURE_W4 }, { "w5", REPL_CURE_W5 }, { "w8", REPL_CURE_W8 },
		{ "w9", REPL_CURE_W9 }, { "rto", REPL_CURE_RTO }, { "pace", REPL_CURE_PACE },
		{ "hold", REPL_CURE_HOLD },
	};

	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (strcmp(name, cures[i].name) == 0)
			return cures[i].bit;
	fprintf(stderr, "sim: unknown mechanism \"%s\"\n", name);
	exit(2);
}

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "steps", required_argument, NULL, 'n' },
	{ "histories", required_argument, NULL, 'k' },
	{ "mode", required_argument, NULL, 'm' },
	{ "break", required_argument, NULL, 'b' },
	{ "lossless", no_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct sim_params p = { .seed = 1, .steps = 400, .mode = REPL_FTFW, .cures = REPL_CURES_ALL };
	uint64_t histories = 1, failed = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			p.seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			p.steps = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'k')
			histories = strtoull(optarg, NULL, 10);
		else if (c == 'm')
			p.mode = strcmp(optarg, "notrack") == 0 ? REPL_NOTRACK : REPL_FTFW;
		else if (c == 'b')
			p.cures &= ~parse_cure(optarg);
		else if (c == 'l')
			p.lossless = true;
		else if (c == 'v')
			p.verbose = true;
		else
			return 2;
	}
	for (uint64_t i = 0; i < histories; i++, p.seed++)
		failed += (uint64_t)sim_run(&p);
	printf("%s %" PRIu64 " histories, %" PRIu64 " broken\n", failed ? "FAILED:" : "ok:", histories,
	       failed);
	return failed ? 1 : 0;
}

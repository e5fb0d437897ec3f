// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Histories by seed. The seed draws a set-up and then step after step; at the end
 * everything heals and the oracle demands convergence within SETTLE.
 *
 *   sim [--seed N] [--steps M] [--histories K] [--mode ftfw|notrack|alarm] [--nodes N]
 *       [--reference 0|1] [--bypass 0|1] [--direct] [--limit N] [--break MECHANISM]
 *       [--lossless] [--verbose]
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"

#define SETTLE (90 * TICK_SEC)
#define FULL   (400 * TICK_SEC) /* what a full cache refused is asked for at last after 320 s */
#define IDLE   (4 * TICK_SEC)   /* afterwards, to see that nothing goes on */

/* ---- the end of a history ---- */

static void heal(struct world *w)
{
	world_trace(w, "healed");
	w->quiet = true;
	for (uint8_t a = 0; a < NODES; a++)
		for (uint8_t b = 0; b < NODES; b++)
			w->link[a][b] = (struct link){ .delay = 100 * TICK_USEC };
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		struct node *n = &w->n[i];

		n->slow = 0;
		n->errors = n->dump_errors = n->crash_in = 0;
		if (!n->up)
			node_start(w, i);
		else if (w->s.limit)
			node_reload(w, i);
	}
}

/*
 * What an operator would do: what was injected or flushed is announced on demand
 * only, what was dropped must be asked for again, and NOTRACK repairs nothing
 * that is lost just before a silence.
 */
static void operators(struct world *w)
{
	const uint32_t all = ADMIN_FLOWS | ADMIN_EXPECTS;
	bool ask = w->s.mode == REPL_NOTRACK || w->s.reference;

	for (uint8_t i = 0; i < w->s.nodes; i++)
		ask = ask || w->n[i].flushed || w->n[i].direct;
	for (uint8_t i = 0; i < w->s.nodes; i++)
		node_admin(w, i, ADMIN_RESYNC_KERNEL, all);
	world_advance(w, w->now + TICK_SEC);
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		struct node *n = &w->n[i];

		if (n->committed || n->flushed || (w->s.reference && w->s.mode == REPL_NOTRACK))
			node_admin(w, i, ADMIN_BULK, 0);
		if (ask)
			node_admin(w, i, ADMIN_REQUEST_RESYNC, 0);
	}
}

static void wait_converged(struct world *w)
{
	const tick_t end = w->now + (w->s.limit ? FULL : SETTLE);

	while (!w->broken && w->now < end && !converge_reached(w, false))
		world_advance(w, w->now + TICK_SEC);
	if (!w->broken)
		converge_reached(w, true);
}

/* Nothing happens any more but that flows expire: it stays as it is. */
static void settle(struct world *w)
{
	heal(w);
	world_advance(w, w->now + 9 * TICK_SEC); /* purges and overrun resyncs fire */
	if (w->s.limit && !w->broken)
		converge_taken_in(w);
	operators(w);
	wait_converged(w);
	world_trace(w, "converged");
	world_advance(w, w->now + IDLE);
	wait_converged(w);
}

/* ---- one history ---- */

static const char *const mode_names[] = { "notrack", "ftfw", "alarm" };

static void report(const struct world *w, const struct sim_params *p)
{
	const uint32_t n = w->ntrace < TRACE_LINES ? w->ntrace : TRACE_LINES;

	printf("# seed %" PRIu64 ", %u steps: invariant \"%s\" broken at step %" PRIu64 ": %s\n"
	       "# %u nodes%s, %s; last steps:\n",
	       p->seed, p->steps, w->broken, w->steps, w->why, w->s.nodes,
	       w->s.reference ? ", the last is the reference" : "", mode_names[w->s.mode]);
	for (uint32_t i = w->ntrace - n; i < w->ntrace; i++)
		printf("#   %s\n", w->trace[i % TRACE_LINES]);
}

static void end(struct world *w)
{
	for (uint8_t i = 0; i < w->s.nodes; i++)
		if (w->n[i].up)
			node_crash(w, i);
	net_fini(&w->net);
	watch_fini(w);
	free(w);
}

static uint32_t busiest(const struct world *w)
{
	uint32_t max = 0;

	for (uint8_t a = 0; a < NODES; a++)
		for (uint8_t b = 0; b < NODES; b++)
			if (w->watch[a][b].most_sent > max)
				max = w->watch[a][b].most_sent;
	return max;
}

/* Run one history. 0, or 1 with the reason and the last steps on stdout. */
static int history(const struct sim_params *p)
{
	struct world *w = calloc(1, sizeof(*w));
	int rc;

	rng_seed(&w->rng, p->seed);
	net_init(&w->net);
	w->verbose = p->verbose;
	w->now = 1000 * TICK_SEC;
	draw_setup(w, p);
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		w->n[i].boot = w->now - rng_below(&w->rng, 100) * TICK_SEC;
		w->n[i].k.expiry = TICK_NEVER;
		node_start(w, i);
	}
	for (w->steps = 0; w->steps < p->steps && !w->broken; w->steps++)
		draw_step(w);
	if (!w->broken)
		settle(w);
	rc = w->broken != NULL;
	if (rc)
		report(w, p);
	else if (p->verbose)
		printf("# busiest second: %u messages\n", busiest(w));
	end(w);
	return rc;
}

/* ---- command line ---- */

static int number_of(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	fprintf(stderr, "sim: unknown \"%s\"\n", name);
	exit(2);
}

/* In the order of the bits REPL_CURE_*. */
static const char *const cure_names[] = {
	"w4", "w5", "w8", "w9", "rto", "pace", "hold", "w2", "w3",
};

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "steps", required_argument, NULL, 'n' },
	{ "histories", required_argument, NULL, 'k' },
	{ "mode", required_argument, NULL, 'm' },
	{ "nodes", required_argument, NULL, 'o' },
	{ "reference", required_argument, NULL, 'r' },
	{ "direct", no_argument, NULL, 'd' },
	{ "limit", required_argument, NULL, 'i' },
	{ "bypass", required_argument, NULL, 'y' },
	{ "break", required_argument, NULL, 'b' },
	{ "lossless", no_argument, NULL, 'l' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static bool parse(int c, struct sim_params *p, uint64_t *histories)
{
	switch (c) {
	case 's':
		p->seed = strtoull(optarg, NULL, 10);
		return true;
	case 'n':
		p->steps = (uint32_t)strtoul(optarg, NULL, 10);
		return true;
	case 'k':
		*histories = strtoull(optarg, NULL, 10);
		return true;
	case 'm':
		p->mode = number_of(optarg, mode_names, 3);
		return true;
	case 'o':
		p->nodes = atoi(optarg);
		return p->nodes >= 2 && p->nodes <= NODES;
	case 'r':
		p->reference = atoi(optarg);
		return true;
	case 'd':
		p->direct = true;
		return true;
	case 'i':
		p->limit = atoi(optarg);
		return p->limit >= 0 && p->limit <= KEYS;
	case 'y':
		p->bypass = atoi(optarg);
		return true;
	case 'b':
		p->cures &= ~(1u << number_of(optarg, cure_names, 9));
		return true;
	case 'l':
		p->lossless = true;
		return true;
	case 'v':
		p->verbose = true;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sim_params p = { .seed = 1,
				.steps = 250,
				.mode = -1,
				.reference = -1,
				.bypass = -1,
				.limit = -1,
				.cures = REPL_CURES_ALL };
	uint64_t histories = 1, failed = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!parse(c, &p, &histories))
			return 2;
	for (uint64_t i = 0; i < histories; i++, p.seed++)
		failed += (uint64_t)history(&p);
	printf("%s %" PRIu64 " histories, %" PRIu64 " broken\n",
	       failed ? "FAILED:" : "ok:", histories, failed);
	return failed ? 1 : 0;
}

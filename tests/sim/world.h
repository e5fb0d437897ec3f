/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_WORLD_H
#define CTD_SIM_WORLD_H

/*
 * A cluster in one process: nodes on a virtual clock, a network between them,
 * an oracle that watches. One seed, one history. Time moves from one happening
 * to the next.
 *
 *	sim.c         command line, histories
 *	draw.c        what the seed decides: the set-up, and what happens when
 *	world.c       the clock
 *	net.c         datagrams under way
 *	node.c        an engine and the I/O around it
 *	kernel.c      the tables of a node's kernel
 *	reference.c   a node that behaves like conntrackd 1.4.7
 *	watch.c       invariants of what goes over the wire
 *	oracle.c      invariants of what the nodes hold
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/rand.h"
#include "base/tick.h"
#include "engine/engine.h"
#include "kernel.h"
#include "net.h"
#include "node.h"
#include "oracle.h"
#include "reference.h"

#define TRACE_LINES 64

/* What the seed decides once. */
struct setup {
	enum repl_mode mode;
	uint8_t nodes;  /* 2..NODES */
	bool reference; /* the last node is of the other kind, with node 0 as its peer */
	bool lossless;  /* the network has no faults */
	uint32_t cures; /* REPL_CURE_* */
	uint32_t mtu;
	uint32_t resend_limit, ack_window;
	bool startup_resync, expects;
	uint32_t purge_timeout, overrun_resync, commit_timeout, refresh_time, cache_timeout;
	uint32_t flows; /* numbers in use per node */
	uint32_t limit; /* of the caches, until all is healed; 0: all fits */
};

struct world {
	struct setup s;
	struct rng rng;
	tick_t now;
	struct node n[NODES];
	struct link link[NODES][NODES]; /* from, to */
	struct net net;
	struct watch watch[NODES][NODES]; /* receiver, sender */
	struct oracle oracle;
	uint64_t steps, lost;
	bool quiet; /* faults healed, traffic stopped */
	bool verbose;
	const char *broken; /* invariant that failed */
	char why[256];
	char trace[TRACE_LINES][240];
	uint32_t ntrace;
};

void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_fail(struct world *w, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Let engines, kernels and network work until "until". */
void world_advance(struct world *w, tick_t until);

/* draw.c */
struct sim_params {
	uint64_t seed;
	uint32_t steps;
	int mode;      /* enum repl_mode, -1: drawn */
	int nodes;     /* 0: drawn */
	int reference; /* -1: drawn */
	int bypass;    /* nodes without internal cache; -1: drawn */
	bool direct;   /* nodes without external cache */
	int limit;     /* of the caches, -1: drawn */
	uint32_t cures;
	bool lossless;
	bool verbose;
};

void draw_setup(struct world *w, const struct sim_params *p);
void draw_step(struct world *w);

#endif

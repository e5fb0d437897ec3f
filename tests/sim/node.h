/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_NODE_H
#define CTD_SIM_NODE_H

/*
 * A machine: its kernel, its clocks, and its daemon, which is an engine with a
 * model of the I/O around it, or a model of the reference.
 */
#include <stdbool.h>
#include <stdint.h>
#include "engine/engine.h"
#include "kernel.h"
#include "net.h"

#define NODES      OWNERS
#define NO_PEER    0xff
#define DUMP_CHUNK 8u

struct world;

/* The kernel's table is read in chunks; a chunk may be old when it is handed on. */
struct dump_io {
	bool running;
	bool expects;
	bool fails; /* ends with an error halfway */
	uint32_t pos;
	tick_t at; /* when the chunk is handed on */
	uint32_t n;
	struct flow flows[DUMP_CHUNK];
	struct expect exps[DUMP_CHUNK];
};

/* Operations that the kernel has not finished. */
struct ops_io {
	struct kernel_op ops[KOP_BATCH];
	size_t n, done;
	tick_t at;
};

/* The last commit, for the oracle. */
struct commit_watch {
	bool running;
	uint32_t what;
	tick_t start; /* engine's clock */
	tick_t begun; /* world's */
};

struct node {
	struct world *w;
	uint8_t index;
	bool up;
	uint32_t life; /* starts so far */
	struct engine *e;
	struct reference *ref; /* instead of an engine */
	struct kernel k;
	struct log log;

	uint8_t npeers;
	uint8_t node_of[NODES]; /* by peer index */
	uint8_t peer_of[NODES]; /* by node, NO_PEER: no session */

	tick_t boot;          /* the engine's clock counts from here */
	int64_t wall;         /* the wall clock is off by so many seconds */
	tick_t stalled;       /* does not run before */
	tick_t next_turn;     /* its loop is not through with the last one before */
	uint32_t inbox;       /* datagrams in its socket buffer */
	bool touched;         /* there was input since its last turn */
	tick_t slow;          /* the kernel takes up to this per step of a dump or batch */
	uint32_t errors;      /* percent of kernel operations that fail */
	uint32_t dump_errors; /* percent of dumps that fail */
	uint32_t crash_in;    /* crash as soon as a job in this mask runs */

	struct dump_io dump;
	struct ops_io ops;
	struct commit_watch commit;
	tick_t op_failed[KEYS]; /* last injected error */
	tick_t news_owed;       /* events were lost, or what makes up for them failed, last */

	bool direct; /* DisableExternalCache */
	bool bypass; /* DisableInternalCache */

	bool reuses; /* the reference: numbers of its past life come again */

	/* what an operator of this node has to make up for */
	bool committed;
	bool flushed;
};

/* Lost events are made up for within this time, if the dump that does it succeeds. */
#define MAKE_UP (5 * TICK_SEC)

#define JOB_DUMP   1u
#define JOB_COMMIT 2u
#define JOB_BULK   4u
#define TAG_COMMIT 77u

bool node_is_reference(const struct world *w, uint8_t i);
void node_start(struct world *w, uint8_t i);
void node_crash(struct world *w, uint8_t i);
/* The limit of the caches is another one now. */
void node_reload(struct world *w, uint8_t i);
void node_stall(struct world *w, uint8_t i, tick_t t);
void node_admin(struct world *w, uint8_t i, enum admin_cmd cmd, uint32_t what);
void node_input(struct world *w, uint8_t i, const struct dgram *d);
/* When this node has something to do. */
tick_t node_wants(const struct world *w, uint8_t i);
/* One turn of its loop. */
void node_turn(struct world *w, uint8_t i);
/* The engine's time. */
tick_t node_now(const struct world *w, uint8_t i);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_WORLD_H
#define CTD_SIM_WORLD_H

/*
 * A cluster in one process: engines on a virtual clock, a network that loses,
 * duplicates, delays and cuts, kernels modelled as tables that emit events. One
 * seed, one history. Time moves from one scheduled happening to the next.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/rand.h"
#include "base/tick.h"
#include "engine/engine.h"

#define SIM_NODES    2
#define SIM_FLOWS    64          /* flows a kernel can hold */
#define SIM_EVENTS   48          /* event socket: more waiting than this is an overrun */
#define SIM_NET      4096        /* datagrams under way */
#define SIM_DGRAM    1472
#define SIM_TRACE    64
#define SIM_SEEN     (1u << 16)  /* numbers remembered per direction */

/* One entry of a modelled kernel table. */
struct kflow {
	bool used;
	bool injected;               /* made by our commit, no packet since */
	struct flow f;
	tick_t expires;
};

struct kevent {
	enum event_kind kind;
	enum event_origin origin;
	struct flow f;
};

struct kernel {
	struct kflow flows[SIM_FLOWS];
	struct kevent q[SIM_EVENTS];
	uint32_t head, len;
	bool overrun;                /* socket congested: drop until it is empty */
	uint32_t next_id;
};

/* Lowest and highest number that arrived in one life of the sender. */
struct span {
	bool any;
	uint32_t min, max;
};

/* What the oracle knows of one direction of a session. */
struct oracle {
	uint32_t nseen;
	uint32_t seen[SIM_SEEN];     /* hash set of the numbers delivered */
	bool used[SIM_SEEN];
	struct span span[2];         /* the sender's present life, the one before */
	tick_t owed_since;           /* first arrival since the last ACK; TICK_NEVER: none */
	uint64_t sent_msgs;          /* in the present virtual second */
	tick_t second;
};

struct node {
	bool up;
	struct engine *e;
	struct kernel k;
	struct oracle from_peer;     /* numbers that reached this node's engine */
	bool dumping;
	bool dump_expects;
	uint32_t dump_pos;
	uint64_t seed;
	bool committed;              /* committed in this life */
	bool flushed;                /* external cache emptied in this life */
	bool quiet_owed;             /* committed; nothing since that announces it */
	tick_t last_overrun;
	bool told[SIM_NODES][SIM_FLOWS * 4]; /* flows announced in this life, by owner */
	uint64_t bulks_at_commit, overruns_at_commit;
	bool excused[SIM_FLOWS * 4]; /* by flow number: may be stale on the peer */
};

struct dgram {
	tick_t at;
	uint8_t to;
	uint16_t len;
	bool used;
	uint8_t data[SIM_DGRAM];
};

struct faults {
	uint32_t loss, dup, reorder; /* percent */
	bool cut[SIM_NODES];         /* towards this node */
};

struct world {
	struct rng rng;
	tick_t now;
	enum repl_mode mode;
	uint32_t cures;
	uint32_t resend_limit;
	bool lossless;
	struct faults f;
	struct node n[SIM_NODES];
	struct dgram *net;           /* SIM_NET slots */
	uint64_t steps;
	bool verbose;
	const char *broken;          /* invariant that failed */
	char why[256];
	char trace[SIM_TRACE][240];
	uint32_t ntrace;
	bool quiet;                  /* faults healed, traffic stopped */
};

struct sim_params {
	uint64_t seed;
	uint32_t steps;
	enum repl_mode mode;
	uint32_t cures;              /* REPL_CURE_* */
	bool lossless;               /* no network faults */
	bool verbose;
};

/* Run one history. 0, or 1 with the reason and the last steps on stdout. */
int sim_run(const struct sim_params *p);

/* ---- world.c ---- */
void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_fail(struct world *w, const char *invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Let engines, kernels and network work until "until". */
void world_advance(struct world *w, tick_t until);
void node_start(struct world *w, uint8_t i);
void node_crash(struct world *w, uint8_t i);
void node_admin(struct world *w, uint8_t i, enum admin_cmd cmd, uint32_t what);

/* ---- kernel_model.c ---- */
/* The flow with this number: number decides tuple, NAT, zone. */
void kernel_make(struct flow *f, uint8_t owner, uint32_t number);
uint32_t kernel_number(const struct flow *f);
void kernel_packet(struct world *w, uint8_t node, uint32_t number);   /* new or update */
void kernel_end(struct world *w, uint8_t node, uint32_t number);      /* destroy */
void kernel_op(struct world *w, uint8_t node, struct kernel_op *op);
void kernel_expire(struct world *w, uint8_t node);
tick_t kernel_next_expiry(const struct kernel *k);

/* ---- oracle.c ---- */
void oracle_restart(struct world *w, uint8_t node);
void oracle_sent(struct world *w, uint8_t from, const uint8_t *data, size_t len);
void oracle_delivered(struct world *w, uint8_t to, const uint8_t *data, size_t len);
void oracle_step(struct world *w);
/* Everything healed and quiet: do the external caches equal the owners' internal ones? */
bool oracle_converged(struct world *w, bool complain);

#endif

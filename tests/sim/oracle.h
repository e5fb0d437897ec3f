/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_ORACLE_H
#define CTD_SIM_ORACLE_H

/*
 * The invariants. What goes over the wire is watched from outside (watch.c); what
 * the nodes hold is read through their reports (oracle.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/tick.h"
#include "kernel.h"
#include "net.h"
#include "node.h"

#define PAST_LIVES 8u

struct world;

/* A set of sequence numbers, open addressing; 0 is an empty slot. */
struct numbers {
	uint64_t *slot;
	uint32_t n, size;
};

/* Lowest and highest number that arrived in one life of the sender. */
struct span {
	bool any;
	uint32_t min, max;
};

/* The same of a life that is over. */
struct past {
	uint32_t life; /* 0: none */
	struct span span;
};

/* What a sender last said of a flow. */
enum said { SAID_NOTHING, SAID_LIVES, SAID_ENDED, SAID_ENDED_ACKED };

/* One direction of a session. */
struct watch {
	struct numbers seen;          /* what reached the receiver in its present life */
	uint32_t life;                /* of the sender ... */
	struct span span;             /* ... in this life of it ... */
	struct past past[PAST_LIVES]; /* ... in those before, by life modulo PAST_LIVES */
	struct span forged;           /* the last number of somebody else */
	tick_t owed_since;            /* first arrival since the last ACK; TICK_NEVER: none */
	uint32_t heard_life;          /* whose message arrived last ... */
	tick_t heard_since;           /* ... and nobody else's since then ... */
	tick_t heard;                 /* ... when that was */
	bool greeted;                 /* a HELLO of the sender's present life arrived */
	bool odd;                     /* a past life of the sender may confuse the receiver */
	tick_t second;                /* of the sender's messages ... */
	uint32_t sent, most_sent;     /* ... in it; in the busiest */
	enum said said[KEYS];
	uint32_t said_seq[KEYS];
	uint32_t nended; /* in state SAID_ENDED */
};

struct oracle_node {
	bool told[KEYS];     /* announced in this life */
	tick_t retold[KEYS]; /* told otherwise than held, during a commit */
	bool quiet_owed;     /* committed; nothing since that announces it */
	uint64_t bulks_at_commit, overruns_at_commit;
	uint64_t resyncs[NODES]; /* complete ones, by node ... */
	tick_t looked;           /* ... at this time */
	tick_t life_began;
	tick_t second;  /* of the turns of its loop ... */
	uint32_t turns; /* ... in it */
};

struct oracle {
	struct oracle_node n[NODES];
};

/* ---- watch.c ---- */
void watch_start(struct world *w, uint8_t node);
void watch_fini(struct world *w);
/* The node does not run for a while: its ACKs are due later. */
void watch_stalled(struct world *w, uint8_t node);
void watch_sent(struct world *w, uint8_t from, uint8_t to, const uint8_t *data, size_t len);
/* Before and after the node saw it: an ACK may go out in the same turn. */
void watch_delivered(struct world *w, uint8_t to, const struct dgram *d);
void watch_applied(struct world *w, uint8_t to, const struct dgram *d);
/* Is an ACK overdue? */
void watch_acks_due(struct world *w, uint8_t node);

/* ---- oracle.c ---- */
void oracle_start(struct world *w, uint8_t node);
/* After each turn of a node. */
void oracle_turn(struct world *w, uint8_t node);
void oracle_commit_asked(struct world *w, uint8_t node);
void oracle_committed(struct world *w, uint8_t node);
/* A node is about to see what an owner tells of a flow. */
void oracle_told(struct world *w, uint8_t node, uint8_t owner, const struct flow *f);
/* A flow that this node injected itself is not announced by it. */
void oracle_announced(struct world *w, uint8_t node, const struct flow *f);
/* Does a node hold this flow of another one? */
bool oracle_holds(const struct world *w, uint8_t node, uint8_t owner, const struct flow *f);

/* ---- converge.c ---- */
/* Everything healed and quiet: is what is held of each node what that node has? */
bool converge_reached(struct world *w, bool complain);
/* What the full internal caches had refused is in them, by itself. */
void converge_taken_in(struct world *w);

#endif

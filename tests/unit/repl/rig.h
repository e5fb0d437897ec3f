/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_REPL_RIG_H
#define CTD_TESTS_REPL_RIG_H

/*
 * A session with an owner: objects are numbers with a version, a bulk walks
 * over all of them, and what arrives is kept as the peer's view. Two of them
 * with a lossy pipe in between make a pair under a virtual clock.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/rand.h"
#include "repl/repl.h"

#define RIG_OBJECTS 4096
#define MS(n)       ((n)*TICK_MSEC)
#define SEC(n)      ((n)*TICK_SEC)

struct packet {
	struct wire_header h;
	uint32_t from, to;
	uint32_t obj, version;
	bool final;
};

struct rig_object {
	uint32_t slot;
	uint32_t version; /* 0: does not exist */
	bool dead;        /* waits for its destroy to be taken */
};

struct rig {
	struct repl *r;
	struct rig_object own[RIG_OBJECTS];
	uint32_t view[RIG_OBJECTS]; /* the peer's objects as received */
	uint32_t walk, limit;       /* bulk: where it is, objects there are */
	bool walking;
	bool walk_dead;             /* a bulk names dead objects too, as the reference's */
	bool walk_down;             /* from the highest number down */
	uint32_t data, done, bulks; /* received, finished, walks begun */
};

/* Parameters of an FT-FW session that starts at "first" with these cures. */
struct repl_params rig_ftfw(uint32_t first, uint32_t cures);

void rig_init(struct rig *g, const struct repl_params *p, tick_t now);
void rig_fini(struct rig *g);

/* An object that is there without having been announced. */
void rig_load(struct rig *g, uint32_t obj);

/* Change or create, destroy. */
void rig_change(struct rig *g, uint32_t obj);
void rig_destroy(struct rig *g, uint32_t obj);

/* What the owner does when asked for output: walk a bit, take the next message. */
bool rig_output(struct rig *g, tick_t now, struct packet *p);

/* Output up to n messages into p; returns how many there were. */
uint32_t rig_drain(struct rig *g, tick_t now, struct packet *p, uint32_t n);

enum repl_verdict rig_input(struct rig *g, tick_t now, const struct packet *p);

/* A message from a scripted peer. */
enum repl_verdict rig_data(struct rig *g, tick_t now, uint32_t seq, uint8_t flags, uint32_t obj);
enum repl_verdict rig_control(struct rig *g, tick_t now, uint32_t seq, uint8_t flags, uint32_t from,
			      uint32_t to);

struct repl_stats rig_stats(const struct rig *g);

/* Internal consistency of the session; fails the test. */
void rig_check(const struct rig *g);

/* ---- pair ---- */

#define PIPE_MAX  1024 /* datagrams on the way */
#define DGRAM_MAX 28   /* messages in one */

struct datagram {
	uint8_t dest;
	uint32_t count;
	tick_t at;
	struct packet p[DGRAM_MAX];
};

struct pair {
	struct rig n[2];
	struct rng rng;
	tick_t now;
	struct datagram *store;          /* PIPE_MAX of them, so that nothing is allocated later */
	struct datagram *pipe[PIPE_MAX]; /* those on the way, then the free ones */
	uint32_t in_pipe;
	uint32_t loss, dup; /* per cent of the datagrams */
	tick_t delay, jitter;
	uint32_t dgram_max; /* messages per datagram */
	bool cut[2];        /* nothing reaches this node */
	/* For tests that look at each message on its way to "dest"; true: lose it. */
	bool (*filter)(struct pair *w, uint8_t dest, const struct packet *p);
	void *arg;
	uint64_t sent[2], dgrams[2];
	uint64_t trace; /* hash of all that was delivered */
};

void pair_init(struct pair *w, const struct repl_params *a, const struct repl_params *b,
	       uint64_t seed);
void pair_fini(struct pair *w);

/* Let a node start anew: nothing known, same own objects. */
void pair_restart(struct pair *w, int node, const struct repl_params *p);

/* Run both nodes and the pipe until this time. */
void pair_run(struct pair *w, tick_t until);

/* Does each node see exactly the other's objects? */
bool pair_equal(const struct pair *w);

#endif

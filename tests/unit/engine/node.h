/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_ENGINE_NODE_H
#define CTD_TESTS_ENGINE_NODE_H

/* Two nodes, each an engine and a modelled kernel table, and a pipe without loss. */
#include "engine/engine.h"
#include "sample.h"
#include "table_model.h"

#define SECS(n) ((n)*TICK_SEC)

struct node {
	struct engine *e;
	struct table *table;
	bool events;  /* the table's changes are told (default) */
	int dump_err; /* how its next dump ends, the ones after it succeed */
};

/* Criterion runs each test in a process of its own. */
extern struct node a, b;
extern tick_t now;

struct engine_params node_params(uint64_t seed, enum repl_mode mode);

/* Both from the same parameters but the seed, with empty tables. */
void nodes_start(const struct engine_params *p);
void nodes_stop(void);
/* The daemon begins anew over the same table: it reads it first. */
void node_restart(struct node *n, const struct engine_params *p);

/* Work off all there is to do now on both: operations, dumps, datagrams. */
void settle(void);
/* The same for one node's datagrams to the other. True: there was one. */
bool deliver(struct node *from, struct node *to);
/* Time passes in steps of 50 ms, lifetimes in the tables too. */
void run_for(tick_t d);

/* Packets make, change and end a flow of a node's table. */
void traffic_new(struct node *n, const struct flow *f);
void traffic_update(struct node *n, const struct flow *f);
void traffic_refresh(struct node *n, const struct flow *f, uint32_t timeout);
void traffic_end(struct node *n, const struct flow *f);

/* In the table of a node, NULL if it is not. */
struct flow *in_table(struct node *n, const struct flow *f);

uint32_t listed(struct node *n, enum engine_cache which, struct engine_entry *first);

/* Established TCP with 432000 s, assured UDP with so many; by source port. */
struct flow tcp_flow(uint16_t sport);
struct flow udp_flow(uint16_t sport, uint32_t timeout);

#endif

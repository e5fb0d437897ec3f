/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SRC_REPL_TXQ_H
#define CTD_SRC_REPL_TXQ_H

/*
 * Elements of a session and the queues they wait in. An element is an object
 * of the owner or a control message; it is queued, sent (then the window has
 * it, by number) or done (an object whose last state needs no more care). Names
 * are pool handles, 0 means none. Queueing twice is impossible: the owner's
 * word holds the handle, so a second change finds the element.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/pool.h"
#include "base/tick.h"
#include "repl/repl.h"

enum node_state { NODE_QUEUED, NODE_SENT, NODE_DONE };

struct node {
	uint32_t prev, next; /* in its queue */
	uint32_t seq;        /* sent: number; queued: place in the order of queueing */
	uint8_t state;       /* enum node_state */
	uint8_t flags;       /* control: WIRE_F_* */
	bool final;          /* repl_final() was called */
	bool is_object;
	bool bulk; /* part of a bulk, see txq.bulk_out */
	union {
		struct repl_obj obj;
		struct {
			uint32_t from, to;
		} range;
	};
	uint32_t *slot; /* the owner's word; objects only */
	tick_t sent;    /* when, if sent */
};

struct node_list {
	uint32_t head, tail, count;
};

struct txq {
	struct pool nodes;
	struct node_list ctl;  /* control messages to transmit */
	struct node_list obj;  /* objects to transmit */
	struct node_list done; /* for repl_done() */
	uint32_t order;        /* next place in the order of queueing */
	uint32_t bulk_out;     /* elements marked "bulk" that the peer does not have yet */
};

void txq_init(struct txq *q);
void txq_fini(struct txq *q);

static inline struct node *txq_node(const struct txq *q, uint32_t h)
{
	return pool_at(&q->nodes, h);
}

/* Queue a new element at the end. 0: out of memory. An object's slot is set. */
uint32_t txq_add_object(struct txq *q, struct repl_obj o, uint32_t *slot);
uint32_t txq_add_control(struct txq *q, uint8_t flags, uint32_t from, uint32_t to);

/* Mark an object as part of a bulk. */
void txq_mark_bulk(struct txq *q, uint32_t h);

/* Take a queued or done element out of its queue; from now on it counts as sent. */
void txq_take(struct txq *q, uint32_t h);

/* Queue a sent element again, at the end. */
void txq_again(struct txq *q, uint32_t h);

/* A sent object needs no more care: offer it to the owner. */
void txq_finish(struct txq *q, uint32_t h);

/* Free a sent element; the slot is left alone. */
void txq_free(struct txq *q, uint32_t h);

/*
 * The element to transmit next: the one queued first. Objects are passed over
 * if "held". 0: none.
 */
uint32_t txq_first(const struct txq *q, bool held);

#endif

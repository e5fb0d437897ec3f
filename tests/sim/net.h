/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_NET_H
#define CTD_SIM_NET_H

/*
 * The network between the nodes: one link for each direction of each pair, with
 * faults of its own, and a socket buffer of bounded size at its end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "heap.h"
#include "base/tick.h"

#define NET_DGRAM  1472 /* Ethernet */
#define NET_FORGED 0    /* the life of a sender that is another one */
#define NET_INBOX  100  /* datagrams that wait for a node that does not read */

struct world;

struct link {
	bool cut;
	uint32_t loss, dup, reorder; /* percent */
	tick_t delay, jitter;
	uint32_t rate;     /* bytes per second, 0 = unlimited ... */
	tick_t queue;      /* ... with a queue as long as this */
	tick_t busy_until; /* when what is queued is through */
	tick_t last;       /* healed: when the last one arrives */
};

struct dgram {
	struct heap_node node; /* first: when it arrives */
	uint8_t from, to;
	uint32_t life;     /* of the sender */
	bool waits;        /* in the socket buffer of its receiver ... */
	uint32_t for_life; /* ... in this life of it */
	uint16_t len;
	uint8_t data[NET_DGRAM];
};

struct net {
	struct heap under_way;
	uint32_t order;       /* keeps those of one instant in order */
	struct dgram *unused; /* singly linked through data */
};

void net_init(struct net *n);
void net_fini(struct net *n);
void net_send(struct world *w, uint8_t from, uint8_t to, const uint8_t *data, size_t len);
/* Somebody else sends an ALIVE with this number in the name of "from" (W2). */
void net_forge(struct world *w, uint8_t from, uint8_t to, uint32_t seq);
/* When the next datagram arrives; TICK_NEVER: none is under way. */
tick_t net_next(const struct net *n);
/* Hand on what arrives now. */
void net_deliver(struct world *w);

#endif

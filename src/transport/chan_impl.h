/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_CHAN_IMPL_H
#define CTD_TRANSPORT_CHAN_IMPL_H

/* The inside of a channel, for the files that implement the kinds. */
#include <sys/socket.h>
#include "base/ratelim.h"
#include "transport/chan.h"

struct chan_ops {
	const char *name;
	/* Sockets from c->p; logs its reasons. What it opened is closed by the caller on error. */
	int (*open)(struct chan *c);
	/* Send from the queue's head as far as possible. */
	void (*send)(struct chan *c);
	size_t (*recv)(struct chan *c, struct chan_msg *v, size_t max);
};

extern const struct chan_ops chan_udp_ops, chan_mcast_ops;

/* Ring of datagrams waiting for the socket. */
struct chan_queue {
	uint8_t *room;               /* owned: slots of slot_size bytes */
	uint32_t *lens;              /* owned: one per slot */
	uint32_t slots, head, used;
	size_t slot_size;
};

struct chan_rx;                      /* receive buffers, see dgram.c */

struct chan {
	const struct chan_ops *ops;
	struct chan_params p;
	const struct log *log;       /* borrowed */
	int in, out;                 /* sockets, -1 = none */
	int ifindex;                 /* of p.interface; multicast: where it is joined */
	size_t payload;              /* bytes per datagram now */
	struct sockaddr_storage to;  /* where datagrams go */
	socklen_t to_len;
	struct chan_queue q;
	struct chan_rx *rx;          /* owned */
	struct chan_stats stats;
	struct ratelim say_refused, say_error;
};

/* The oldest n slots are done with. */
void chan_pop(struct chan *c, size_t n);

/* Log "link eth1: <what>: <reason of err>" and return err. */
int chan_fail(const struct chan *c, int err, const char *what);

#endif

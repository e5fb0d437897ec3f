/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_CHAN_IMPL_H
#define CTD_TRANSPORT_CHAN_IMPL_H

/* The inside of a channel, for the files that implement the kinds. */
#include <sys/socket.h>
#include "base/ratelim.h"
#include "batchq.h"
#include "transport/chan.h"

struct chan_ops {
	const char *name;
	uint16_t overhead4, overhead6; /* bytes of headers, by family */
	unsigned int out_want;         /* always watched on the send socket */
	/*
	 * Sockets from c->p, c->up when sending can begin; logs its reasons. What
	 * it opened is closed by the caller on error, and before it is called again.
	 */
	int (*open)(struct chan *c);
	void (*fini)(struct chan *c); /* free what open() allocated */
	/* Send from the queue's head as far as possible; c->up holds. */
	void (*send)(struct chan *c);
	size_t (*recv)(struct chan *c, struct chan_msg *v, size_t max);
	/* Connections only, else NULL. */
	void (*ready)(struct chan *c, enum chan_slot slot, unsigned int ready);
	tick_t (*deadline)(const struct chan *c);
	void (*tick)(struct chan *c, tick_t now);
	void (*nudge)(struct chan *c);
	void (*restart)(struct chan *c); /* cut the send connection */
	void (*reset_input)(struct chan *c);
};

extern const struct chan_ops chan_udp_ops, chan_mcast_ops, chan_tcp_ops;

struct chan_rx; /* receive buffers, see dgram.c */
struct tcp;     /* connections, see tcp.c */

struct chan {
	const struct chan_ops *ops;
	struct chan_params p;
	const struct log *log; /* borrowed */
	int fd[CHAN_SLOTS];    /* -1 = none */
	unsigned int want[CHAN_SLOTS];
	chan_watch_fn watch;
	void *watch_ctx;
	bool up;                    /* what is queued can be sent */
	int dev_index;              /* of p.interface */
	int ifindex;                /* the same; multicast: where the group is joined */
	int arrival;                /* what comes in elsewhere is refused; 0: nothing is */
	bool too_small;             /* the MTU, since the link was opened */
	bool lost_way;              /* see chan_lost_way() */
	bool may_drop;              /* it was told of that */
	size_t payload;             /* bytes per datagram now */
	struct sockaddr_storage to; /* where datagrams go */
	socklen_t to_len;
	struct batchq q;
	struct chan *ring;  /* the next that shares the listener; alone: itself */
	struct chan_rx *rx; /* owned */
	struct tcp *tcp;    /* owned */
	struct chan_stats stats;
	struct ratelim say_refused, say_error;
};

/* What the descriptor of a slot is watched for from now on. */
void chan_want(struct chan *c, enum chan_slot slot, unsigned int want);

/* Stop watching it and close it. */
void chan_shut(struct chan *c, enum chan_slot slot);

/* Count something of a stranger; a line in the log now and then. */
void chan_refuse(struct chan *c, const struct chan_addr *from, const char *what, const char *why);

/* Log "link eth1: <what>: <reason of err>" and return err. */
int chan_fail(const struct chan *c, int err, const char *what);

#endif

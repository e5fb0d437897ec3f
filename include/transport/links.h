/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_LINKS_H
#define CTD_TRANSPORT_LINKS_H

/*
 * The set of links to one peer. All are open for receiving; one, the current
 * link, is used for sending. Which one follows from what is heard and from the
 * state of the interfaces, see src/transport/pick.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include "base/log.h"
#include "loop/loop.h"
#include "transport/chan.h"

#define LINKS_MAX 4

struct links;

/*
 * Open n links, 1 .. LINKS_MAX, all of one kind. The current one is the last
 * flagged default, else the first. On error nothing stays open; codes as
 * chan_open().
 */
int links_open(const struct chan_params *p, size_t n, const struct log *log, struct links **out);
void links_close(struct links *l);

/* What may be expected of the peer, by the protocol it speaks. */
struct links_peer {
	/*
	 * It says something at least so often on the link it uses; with several links
	 * a longer silence is a reason to try another. 0: it may be silent.
	 */
	tick_t silence;
	bool drops_copies; /* what it has had already means nothing to it */
};

/* Nothing is expected at first. */
void links_set_peer(struct links *l, const struct links_peer *peer);

size_t links_count(const struct links *l);
struct chan *links_chan(struct links *l, size_t i);
size_t links_current(const struct links *l);

/* Datagram arrived; data is valid during the call only. */
typedef void (*links_input_fn)(void *ctx, size_t link, const struct chan_msg *m);

/*
 * Put all of it into the loop: at most "budget" datagrams are handed on per
 * wake-up of one link, waiting ones are flushed when their socket takes more,
 * connections are made, interfaces are watched. Before links_close() call
 * links_stop().
 */
void links_start(struct links *l, struct loop *loop, size_t budget, links_input_fn fn, void *ctx);
void links_stop(struct links *l);

/* Sending on the current link, as chan_space() and chan_queue(). */
uint8_t *links_space(struct links *l, size_t *cap);
void links_queue(struct links *l, size_t len);

/* Send what is queued on all links; what the socket does not take waits for it. */
void links_flush(struct links *l);

/*
 * True once after a link failed that was in use or was just left, and the peer is heard
 * again: what was sent on it before that was noticed may not have arrived.
 */
bool links_broke(struct links *l);

/* Something valid came in on link i. True if that changes which link is used. */
bool links_heard(struct links *l, size_t i);

#endif

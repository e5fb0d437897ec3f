/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_LINKS_H
#define CTD_TRANSPORT_LINKS_H

/*
 * The set of links of one node. All are open for receiving; one, the current
 * link, is used for sending. Whoever hears something valid on another link
 * moves there (links_heard()), which makes both ends agree; when the current
 * link's interface fails the next usable one takes its place (links_check()).
 * There is no way back by itself.
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

size_t links_count(const struct links *l);
struct chan *links_chan(struct links *l, size_t i);
size_t links_current(const struct links *l);

/* Datagram arrived; data is valid during the call only. */
typedef void (*links_input_fn)(void *ctx, size_t link, const struct chan_msg *m);

/*
 * Watch the sockets: at most "budget" datagrams are handed on per wake-up of
 * one link, and waiting ones are flushed when their socket takes more. Call
 * before links_close(): links_stop().
 */
void links_start(struct links *l, struct loop *loop, size_t budget, links_input_fn fn, void *ctx);
void links_stop(struct links *l);

/* Sending on the current link, as chan_space() and chan_queue(). */
uint8_t *links_space(struct links *l, size_t *cap);
void links_queue(struct links *l, size_t len);

/* Send what is queued on any link; what the socket does not take waits for it. */
void links_flush(struct links *l);

/* Something valid came in on link i: it is the current one from now on. True if that is a change. */
bool links_heard(struct links *l, size_t i);

/*
 * Look at the interface of the current link; when it is not running, go to the
 * next one that is. 0: current link runs; 1: changed; -ENETDOWN: no link runs,
 * the current one stays.
 */
int links_check(struct links *l);

#endif

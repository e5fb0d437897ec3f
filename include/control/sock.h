/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONTROL_SOCK_H
#define CTD_CONTROL_SOCK_H

/*
 * The daemon's end of the control socket: a UNIX stream listener and its
 * clients. No client is ever waited for: one that is silent, sends half a
 * request or stops reading costs a slot and a buffer, nothing else; if no slot
 * is left the one that has kept us waiting longest gives way.
 *
 * A reply is pulled: once a request is complete, start() is asked whether it is
 * accepted, then fill() is called for the next piece whenever the client has
 * taken the one before. A listing of any length thus needs one buffer, and the
 * handler keeps its place in it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"
#include "base/tick.h"
#include "control/cmds.h"
#include "control/creds.h"
#include "loop/loop.h"

#define CONTROL_CLIENTS  64              /* default ceiling */
#define CONTROL_BUFFER   65536           /* bytes of reply kept for a client */
#define CONTROL_FILL_MIN 65000           /* room fill() finds at least */
#define CONTROL_TIMEOUT  (10 * TICK_SEC) /* default time for sending a request */

struct control_sock;
struct control_client;

struct control_handler {
	/*
	 * A request has arrived. 0: a reply, perhaps empty, follows through fill().
	 * Negative: the code for this error is the whole answer.
	 */
	int (*start)(void *ctx, struct control_client *cl, const struct control_request *rq);

	/*
	 * The next part of the reply, at most cap bytes (cap >= CONTROL_FILL_MIN): how
	 * many, or 0 at the end. CTD_EBUSY: nothing yet, ask again after control_wake(). Any other
	 * error breaks the connection off. Called a bounded number of times per
	 * turn of the loop, so it may do a slice of work.
	 */
	ssize_t (*fill)(void *ctx, struct control_client *cl, char *buf, size_t cap);

	/* Called exactly once for every start() that returned 0, at the end. */
	void (*gone)(void *ctx, struct control_client *cl);
};

struct control_sock_params {
	struct loop *loop;                     /* borrowed */
	const char *path;                      /* copied */
	const struct control_handler *handler; /* borrowed */
	void *ctx;                             /* for the handler */
	const struct log *log;                 /* borrowed, may be NULL */
	uint32_t max_clients;                  /* 0: CONTROL_CLIENTS */
	tick_t timeout;                        /* 0: CONTROL_TIMEOUT */
	struct control_access access;
	bool later; /* clients wait until control_sock_serve() */
};

/*
 * Listen at p->path. What an ended process left there is removed. 0; -EADDRINUSE if a living one listens there; -EEXIST if there is
 * something else than a socket; -ENAMETOOLONG; other errno values.
 */
int control_sock_open(const struct control_sock_params *p, struct control_sock **out);

/* Begin to serve, if it was to be later. */
void control_sock_serve(struct control_sock *c);

/* No more clients, the path is removed; those who are connected stay. */
void control_sock_unlisten(struct control_sock *c);

/* Unlisten and break off all clients (gone() is called). NULL is allowed. */
void control_sock_close(struct control_sock *c);

struct control_sock_stats {
	uint32_t clients; /* now */
	uint64_t accepted;
	uint64_t refused;     /* over the ceiling, or no memory */
	uint64_t timeouts;    /* no complete request in time */
	uint64_t read_failed; /* left before the request was complete */
	uint64_t unknown;     /* requests without a meaning */
	uint64_t denied;      /* not allowed, or turned down by the handler */
	uint64_t broken;      /* left before the reply was complete */
};

void control_sock_get_stats(const struct control_sock *c, struct control_sock_stats *st);

/* ---- for handlers ---- */

const struct control_creds *control_client_creds(const struct control_client *cl);

/* A pointer of the handler's, NULL at first. */
void *control_client_user(const struct control_client *cl);
void control_client_set_user(struct control_client *cl, void *user);

/* fill() has something again. Allowed at any time between start() and gone(). */
void control_wake(struct control_client *cl);

#endif

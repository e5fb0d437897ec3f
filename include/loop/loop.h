/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_LOOP_LOOP_H
#define CTD_LOOP_LOOP_H

/*
 * The event loop. Watchers are fields of their owner and are never copied or
 * moved while active; their callbacks get the owner's ctx. One turn is:
 *
 *	callbacks of due timers
 *	the turn hook
 *	wait (not at all if a timer is due)
 *	callbacks of descriptors and signals
 *
 * so that in a running loop everything that came in is handed on, then the
 * timers run, then the hook drains what follows from both, then it sleeps.
 * Callbacks may start, change and stop any watcher, their own included.
 *
 * Nothing here fails but loop_new(): the loop's own tables grow with the
 * number of watched descriptors, and when there is no memory for that libev
 * ends the process.
 */
#include <stdbool.h>
#include "base/tick.h"

struct loop;

struct loop *loop_new(void);    /* NULL: out of memory or descriptors */
void loop_free(struct loop *l); /* every watcher must be stopped */

/* Turns until loop_stop(). */
void loop_run(struct loop *l);

/* One turn. wait = false: only look, do not sleep. */
void loop_once(struct loop *l, bool wait);

/* End loop_run() after the current turn. */
void loop_stop(struct loop *l);

/* Time of the last wake-up; refreshed before the timers run. */
tick_t loop_now(const struct loop *l);

/*
 * Hook called in each turn before the wait: everything that came in has been
 * handed on, now effects are drained and timers armed. NULL takes it away.
 */
void loop_on_turn(struct loop *l, void (*fn)(void *ctx), void *ctx);

/* ---- descriptors ---- */

#define LOOP_READ  1u
#define LOOP_WRITE 2u

struct loop_io {
	/* Room for libev's watcher; nobody else looks into it. */
	union {
		void *align;
		unsigned char room[64];
	} ev;
	int fd;
	unsigned int want; /* read only for owners */
	void (*cb)(void *ctx, unsigned int ready);
	void *ctx;
};

/* Prepare; nothing is watched yet. fd is borrowed. */
void loop_io_init(struct loop_io *w, int fd, void (*cb)(void *ctx, unsigned int ready), void *ctx);

/*
 * What is watched from now on: LOOP_READ, LOOP_WRITE, both, or 0 to stop. Must
 * be 0 before the descriptor is closed. An error on the descriptor is reported
 * as readable and writable, the system call then tells.
 */
void loop_io_want(struct loop *l, struct loop_io *w, unsigned int want);

/* ---- timers ---- */

struct loop_timer {
	struct loop_timer *next, *prev; /* the loop's; NULL = not armed */
	tick_t at;
	void (*cb)(void *ctx);
	void *ctx;
};

void loop_timer_init(struct loop_timer *t, void (*cb)(void *ctx), void *ctx);

/*
 * Call back once at or soon after "at" (the system waits in whole
 * milliseconds); replaces an earlier deadline. TICK_NEVER disarms.
 */
void loop_timer_set(struct loop *l, struct loop_timer *t, tick_t at);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);

/* ---- signals ---- */

struct loop_signal {
	union {
		void *align;
		unsigned char room[64];
	} ev;
	void (*cb)(void *ctx, int signum);
	void *ctx;
	bool active;
};

/* Deliver a signal as an event from now on. Each signal in one loop only. */
void loop_signal_start(struct loop *l, struct loop_signal *s, int signum,
		       void (*cb)(void *ctx, int signum), void *ctx);
void loop_signal_stop(struct loop *l, struct loop_signal *s);

#endif

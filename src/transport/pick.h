/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_PICK_H
#define CTD_TRANSPORT_PICK_H

/* Which of several links is used for sending. Knows no sockets and no clock. */
#include <stdbool.h>
#include <stddef.h>
#include "base/rand.h"
#include "base/tick.h"

#define PICK_MAX  4
#define PICK_NONE SIZE_MAX

struct pick_link {
	bool usable; /* its interface runs */
	bool ready;  /* what is sent can leave at once (TCP: connected) */
};

struct pick {
	size_t n, current, last; /* last: the current one before */
	struct pick_link link[PICK_MAX];
	tick_t silence; /* 0: silence means nothing */
	struct rng rng;
	tick_t quiet_from;         /* nothing heard on the current link since */
	tick_t patience;           /* before silence is a reason to move */
	size_t tried;              /* links left for silence since anything was heard */
	tick_t hold;               /* not led away by the peer before */
	size_t led_from;           /* the link left because the peer used another */
	tick_t led_at;             /* when */
	bool failed, broke;        /* a link did that was in use; and the peer is heard */
	size_t home;               /* the link left although nobody led us away */
	tick_t home_at, home_wait; /* the next attempt to return, and the pause after it */
	size_t from;               /* attempt under way: the link used until now */
	tick_t from_end;
};

/* Why the current link is another one now. */
enum pick_move {
	PICK_STAYS,
	PICK_FAILED, /* the old one does not run */
	PICK_SILENT, /* nothing was heard on the old one */
	PICK_HEARD,  /* the peer uses the new one */
	PICK_BACK,   /* the old one stood in for the new one */
	PICK_VAIN,   /* the attempt to return to the old one failed */
};

/* All links are usable and ready at first. */
void pick_init(struct pick *p, size_t n, size_t first, uint64_t seed, tick_t now);

/* How long a living peer may be silent; 0: forever. */
void pick_set_silence(struct pick *p, tick_t silence, tick_t now);

enum pick_move pick_usable(struct pick *p, size_t i, bool usable, tick_t now);
void pick_ready(struct pick *p, size_t i, bool ready);

/* Something valid came in on link i. */
enum pick_move pick_heard(struct pick *p, size_t i, tick_t now);

/* Call at pick_deadline(), TICK_NEVER = no need; earlier is no mistake. */
tick_t pick_deadline(const struct pick *p);
enum pick_move pick_tick(struct pick *p, tick_t now);

/*
 * True once after the link in use, or just left, has failed and the peer is heard again:
 * what was under way may be lost.
 */
bool pick_broke(struct pick *p);

/* PICK_NONE, or a second link on which everything is to be sent as well. */
size_t pick_double(const struct pick *p);

#endif

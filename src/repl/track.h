/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SRC_REPL_TRACK_H
#define CTD_SRC_REPL_TRACK_H

/* Receive order: what the number and the HELLO flag of a message mean. */
#include <stdbool.h>
#include <stdint.h>
#include "base/tick.h"

struct track {
	bool known;    /* something was accepted */
	uint32_t last; /* highest number accepted; the peer's numbering */
	tick_t heard;  /* when the last message was accepted */

	/* The peer's incarnation. */
	bool greeting;   /* all its messages so far said HELLO */
	uint32_t first;  /* its greeting covers first .. end-1 */
	uint32_t end;    /* meaningful when greeting is over */
	tick_t hello_at; /* last HELLO accepted */
	tick_t began;    /* first HELLO accepted */
	bool has_prev;
	uint32_t prev_last; /* where the incarnation before it stood */

	/* A run of late messages, consecutive or nearly so. */
	uint32_t run_first, run_next, run_len;
	tick_t run_since;

	/* A message that leaves a suspiciously large gap waits for a second one. */
	bool far_seen;
	uint32_t far_next;

	uint64_t lost, before;
};

struct track_result {
	bool accept; /* else late: drop it */
	bool gap;    /* from .. to are missing: ask for them */
	uint32_t from, to;
	bool reset; /* the peer counts anew and forgot our numbers */
	bool fresh; /* may be a new incarnation: it needs our state */
	bool stuck; /* counts anew without having said HELLO */
};

/* Judge and take in message n of an acknowledged session. cures: REPL_CURE_*. */
void track_input(struct track *t, tick_t now, uint32_t n, bool hello, uint32_t cures,
		 struct track_result *res);

/*
 * The same for sessions without acknowledgement: statistics only, everything is
 * accepted. True: something may be missing. *fresh: may be a new incarnation.
 */
bool track_watch(struct track *t, tick_t now, uint32_t n, bool *fresh);

#endif

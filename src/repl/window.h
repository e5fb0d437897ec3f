/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SRC_REPL_WINDOW_H
#define CTD_SRC_REPL_WINDOW_H

/*
 * What was sent and is not acknowledged: handles found by sequence number.
 * Putting, taking and "the next one at or after this number" cost a constant,
 * whatever holes there are, so a peer cannot make a range expensive.
 */
#include <stdbool.h>
#include <stdint.h>

#define WINDOW_LEVELS 4

struct window {
	uint32_t *ring;               /* handle by number, modulo the size */
	uint64_t *map[WINDOW_LEVELS]; /* occupied places; level n+1 sums up level n */
	uint32_t bits;                /* log2 of the size; 0: nothing allocated */
	uint32_t max_bits;
	uint32_t levels;
	uint32_t base; /* lowest number that may be here, if count */
	uint32_t end;  /* one past the highest, if count */
	uint32_t count;
};

/* span: how far apart the lowest and the highest number may be at least. */
void window_init(struct window *w, uint32_t span);
/* A wider span from now on; a narrower one is no change. */
void window_widen(struct window *w, uint32_t span);
void window_fini(struct window *w);

/*
 * Enter h under a number ahead of all others. 0; CTD_EFULL: too far from the
 * lowest, take that one out first; -ENOMEM.
 */
int window_put(struct window *w, uint32_t seq, uint32_t h);

/* Handle under this number, or 0. */
uint32_t window_get(const struct window *w, uint32_t seq);

/* Take out what is under this number (asserted to exist). */
void window_del(struct window *w, uint32_t seq);

/*
 * Move *seq to the next occupied number at or after it and return the handle;
 * 0 when there is none. A number before the lowest finds the lowest.
 */
uint32_t window_find(const struct window *w, uint32_t *seq);

#endif

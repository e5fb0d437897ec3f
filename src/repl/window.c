// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The window as a ring indexed by sequence number. Numbers are spent on
 * messages that are not kept (ALIVE) and leave holes when acknowledged out of
 * order, so a bitmap in levels of 64 finds the next occupied place in at most
 * four words up and down. The ring starts small and doubles when the numbers
 * spread; it never shrinks.
 */
#include "window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/seq.h"

#define MIN_BITS 10
#define MAX_BITS (6 * WINDOW_LEVELS)
#define NONE     UINT32_MAX

void window_init(struct window *w, uint32_t span)
{
	memset(w, 0, sizeof(*w));
	w->max_bits = MIN_BITS;
	window_widen(w, span);
}

void window_widen(struct window *w, uint32_t span)
{
	while (w->max_bits < MAX_BITS && (uint32_t)1 << w->max_bits < span)
		w->max_bits++;
}

void window_fini(struct window *w)
{
	free(w->ring);
	free(w->map[0]);
	memset(w, 0, sizeof(*w));
}

static uint32_t place(const struct window *w, uint32_t seq)
{
	return seq & (((uint32_t)1 << w->bits) - 1);
}

/* Words of a level of the map of 2^bits places. */
static uint32_t words(uint32_t bits, uint32_t level)
{
	const uint32_t shift = 6 * (level + 1);

	return bits > shift ? (uint32_t)1 << (bits - shift) : 1;
}

static void map_set(struct window *w, uint32_t i)
{
	for (uint32_t l = 0; l < w->levels; l++, i >>= 6)
		w->map[l][i >> 6] |= UINT64_C(1) << (i & 63);
}

static void map_clear(struct window *w, uint32_t i)
{
	for (uint32_t l = 0; l < w->levels; l++, i >>= 6) {
		w->map[l][i >> 6] &= ~(UINT64_C(1) << (i & 63));
		if (w->map[l][i >> 6])
			return;
	}
}

/* First occupied place at or after i, without going round. */
static uint32_t map_next(const struct window *w, uint32_t i)
{
	for (uint32_t l = 0; l < w->levels; l++) {
		uint64_t word;

		if (i >> 6 >= words(w->bits, l))
			return NONE;
		word = w->map[l][i >> 6] & (~UINT64_C(0) << (i & 63));
		if (word) {
			i = (i & ~63u) | (uint32_t)__builtin_ctzll(word);
			while (l-- > 0)
				i = i << 6 | (uint32_t)__builtin_ctzll(w->map[l][i]);
			return i;
		}
		i = (i >> 6) + 1;
	}
	return NONE;
}

static void enter(struct window *w, uint32_t seq, uint32_t h)
{
	const uint32_t i = place(w, seq);

	assert(w->ring[i] == 0);
	w->ring[i] = h;
	map_set(w, i);
}

/* Empty ring of 2^bits places in *w, whose memory is not released. */
static int set_up(struct window *w, uint32_t bits)
{
	uint32_t levels = 0, total = 0, l;
	uint32_t *ring;
	uint64_t *map;

	do
		total += words(bits, levels);
	while (words(bits, levels++) > 1);
	ring = calloc((size_t)1 << bits, sizeof(*ring));
	map = calloc(total, sizeof(*map));
	if (!ring || !map) {
		free(ring);
		free(map);
		return -ENOMEM;
	}
	w->ring = ring;
	w->bits = bits;
	w->levels = levels;
	for (l = 0; l < levels; l++) {
		w->map[l] = map;
		map += words(bits, l);
	}
	return 0;
}

/* A ring of 2^bits places with the same content. */
static int resize(struct window *w, uint32_t bits)
{
	struct window old = *w;
	uint32_t seq = w->base, h;
	int err = set_up(w, bits);

	if (err)
		return err;
	for (; old.count && (h = window_find(&old, &seq)); seq++)
		enter(w, seq, h);
	free(old.ring);
	free(old.map[0]);
	return 0;
}

int window_put(struct window *w, uint32_t seq, uint32_t h)
{
	uint32_t bits = w->bits ? w->bits : MIN_BITS;
	int err;

	assert(h != 0);
	if (w->count) {
		assert(!seq_before(seq, w->end));
		window_find(w, &w->base);
	} else {
		w->base = seq;
	}
	while (bits <= w->max_bits && (seq - w->base) >> bits)
		bits++;
	if (bits > w->max_bits)
		return CTD_EFULL;
	if (bits != w->bits) {
		err = resize(w, bits);
		if (err)
			return err;
	}
	enter(w, seq, h);
	w->end = seq + 1;
	w->count++;
	return 0;
}

uint32_t window_get(const struct window *w, uint32_t seq)
{
	if (!w->count || seq_before(seq, w->base) || !seq_before(seq, w->end))
		return 0;
	return w->ring[place(w, seq)];
}

void window_del(struct window *w, uint32_t seq)
{
	const uint32_t i = place(w, seq);

	assert(w->count > 0 && w->ring[i] != 0);
	w->ring[i] = 0;
	map_clear(w, i);
	w->count--;
}

uint32_t window_find(const struct window *w, uint32_t *seq)
{
	uint32_t from, i;

	if (!w->count)
		return 0;
	if (seq_before(*seq, w->base))
		*seq = w->base;
	if (!seq_before(*seq, w->end))
		return 0;
	from = place(w, *seq);
	i = map_next(w, from);
	if (i == NONE)
		i = map_next(w, 0);
	if (i == NONE)
		return 0;
	*seq += place(w, i - from);
	return seq_before(*seq, w->end) ? w->ring[i] : 0;
}

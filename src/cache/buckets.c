// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The growing array of chain heads under a cache. At any time the first n
 * buckets exist, with 2^k < n <= 2^(k+1): a hash is cut to k + 1 bits, and to
 * k bits where that bucket does not exist yet. Adding bucket n therefore
 * concerns one chain only, that of n without its highest bit.
 */
#include "buckets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void buckets_init(struct buckets *b)
{
	memset(b, 0, sizeof(*b));
}

void buckets_fini(struct buckets *b)
{
	uint32_t i;

	for (i = 0; i < b->nsegs; i++)
		free(b->segs[i]);
	free(b->segs);
	buckets_init(b);
}

/* Room for one more segment pointer; the directory doubles. */
static bool grow_room(struct buckets *b)
{
	uint32_t room = b->room ? b->room * 2 : 4;
	uint32_t **segs;

	if (b->nsegs < b->room)
		return true;
	segs = realloc(b->segs, room * sizeof(*segs));
	if (!segs)
		return false;
	b->segs = segs;
	b->room = room;
	return true;
}

static bool add_segment(struct buckets *b)
{
	uint32_t *seg;

	if (!grow_room(b))
		return false;
	seg = calloc(BUCKETS_SEG, sizeof(*seg));
	if (!seg)
		return false;
	b->segs[b->nsegs++] = seg;
	return true;
}

bool buckets_grow(struct buckets *b)
{
	assert(b->n < UINT32_MAX / 2);
	if (b->n >> BUCKETS_SEG_BITS >= b->nsegs && !add_segment(b))
		return false;
	if (b->n > b->mask)
		b->mask = b->mask << 1 | 1;
	b->n++;
	assert(*buckets_at(b, b->n - 1) == 0);
	return true;
}

size_t buckets_bytes(const struct buckets *b)
{
	return b->nsegs * BUCKETS_SEG * sizeof(**b->segs) + b->room * sizeof(*b->segs);
}

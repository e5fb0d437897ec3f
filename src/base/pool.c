// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bounded pools: where flows, table nodes and queue elements live. Objects are
 * cut from chunks that never move; a freed object carries the handle of the
 * next free one in its first four bytes, so a free pool slot costs nothing.
 */
#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *p, size_t size, uint32_t limit)
{
	assert(size <= UINT_MAX / 2 / POOL_CHUNK);
	if (size < 4)
		size = 4;
	memset(p, 0, sizeof(*p));
	p->size = (uint32_t)((size + 3) & ~(size_t)3);
	p->limit = limit < UINT32_MAX ? limit : UINT32_MAX - 1;
	p->fresh = 1;
}

void pool_fini(struct pool *p)
{
	uint32_t i;

	for (i = 0; i < p->nchunks; i++)
		free(p->chunks[i]);
	free(p->chunks);
	pool_init(p, p->size, p->limit);
}

/* Room for one more chunk pointer; the array doubles. */
static bool grow_slots(struct pool *p)
{
	uint32_t slots = p->slots ? p->slots * 2 : 4;
	uint8_t **chunks;

	if (p->nchunks < p->slots)
		return true;
	chunks = realloc(p->chunks, slots * sizeof(*chunks));
	if (!chunks)
		return false;
	p->chunks = chunks;
	p->slots = slots;
	return true;
}

/* malloc() aligns to 16, which is what the objects of a chunk start from. */
static bool grow(struct pool *p)
{
	uint8_t *chunk;

	if (!grow_slots(p))
		return false;
	chunk = malloc((size_t)POOL_CHUNK * p->size);
	if (!chunk)
		return false;
	assert(((uintptr_t)chunk & 7) == 0);
	p->chunks[p->nchunks++] = chunk;
	return true;
}

uint32_t pool_alloc(struct pool *p)
{
	uint32_t h = p->freelist;

	if (p->used >= p->limit)
		return 0;
	if (h) {
		memcpy(&p->freelist, pool_at(p, h), sizeof(p->freelist));
		p->used++;
		return h;
	}
	if ((p->fresh - 1) >> POOL_CHUNK_BITS >= p->nchunks && !grow(p))
		return 0;
	p->used++;
	return p->fresh++;
}

void pool_free(struct pool *p, uint32_t h)
{
	assert(h > 0 && h < p->fresh);
	assert(p->used > 0);
	assert(h != p->freelist);
	memcpy(pool_at(p, h), &p->freelist, sizeof(p->freelist));
	p->freelist = h;
	p->used--;
}

int pool_copy(struct pool *to, const struct pool *from,
	      void (*copy)(void *ctx, void *to, const void *from), void *ctx)
{
	assert(to->fresh == 1 && from->used <= to->limit);
	while (to->nchunks < from->nchunks) {
		if (grow(to))
			continue;
		pool_fini(to);
		return -ENOMEM;
	}
	to->used = from->used;
	to->fresh = from->fresh;
	to->freelist = from->freelist;
	for (uint32_t h = 1; h < from->fresh; h++)
		copy(ctx, pool_at(to, h), pool_at(from, h));
	return 0;
}

size_t pool_bytes(const struct pool *p)
{
	return (size_t)p->nchunks * POOL_CHUNK * p->size + p->slots * sizeof(*p->chunks);
}

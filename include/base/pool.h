/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_POOL_H
#define CTD_BASE_POOL_H

/*
 * Bounded pool of objects of one size, named by 32-bit handles. Objects live
 * in chunks that never move, so a pointer stays good as long as the object
 * does. Handle 0 means "none". Freed objects are reused last in, first out.
 */
#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK_BITS 10
#define POOL_CHUNK      (1u << POOL_CHUNK_BITS)

struct pool {
	uint8_t **chunks;  /* owned */
	uint32_t nchunks;  /* chunks allocated */
	uint32_t slots;    /* room in "chunks" */
	uint32_t size;     /* bytes per object, multiple of 4 */
	uint32_t limit;    /* most objects at a time */
	uint32_t used;     /* objects handed out now */
	uint32_t fresh;    /* next handle never handed out */
	uint32_t freelist; /* handle of the first free object */
};

/* Initialise; allocates nothing. size is rounded up to 4, at least 4. */
void pool_init(struct pool *p, size_t size, uint32_t limit);

/* Release every chunk; all handles and pointers die. */
void pool_fini(struct pool *p);

/*
 * Hand out one object with undefined content. Returns its handle, 0 when the
 * limit is reached or memory is out.
 */
uint32_t pool_alloc(struct pool *p);

/* Give an object back. h must be live. */
void pool_free(struct pool *p, uint32_t h);

/*
 * Fill an empty pool, whose objects may have another size, with a copy of every
 * object under the same handle; "copy" carries one over, free ones too, of which
 * it must keep the first four bytes. 0, or -ENOMEM with the pool empty.
 */
int pool_copy(struct pool *to, const struct pool *from,
	      void (*copy)(void *ctx, void *to, const void *from), void *ctx);

/* Bytes of memory held. */
size_t pool_bytes(const struct pool *p);

/* The object of a live handle. Aligned to 4 bytes, to 8 if size is. */
static inline void *pool_at(const struct pool *p, uint32_t h)
{
	return p->chunks[(h - 1) >> POOL_CHUNK_BITS] +
	       (size_t)((h - 1) & (POOL_CHUNK - 1)) * p->size;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CACHE_BUCKETS_H
#define CTD_CACHE_BUCKETS_H

/*
 * The heads of hash chains, an array that grows by one bucket at a time
 * (linear hashing): no insertion ever waits for a rehash of the whole table,
 * and the array is never held twice. The heads live in segments that do not
 * move; what a head means is the caller's matter, 0 is an empty chain.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKETS_SEG_BITS 10
#define BUCKETS_SEG      (1u << BUCKETS_SEG_BITS)

struct buckets {
	uint32_t **segs; /* owned */
	uint32_t nsegs;  /* segments allocated */
	uint32_t room;   /* room in "segs" */
	uint32_t n;      /* buckets in use */
	uint32_t mask;   /* smallest 2^k - 1 >= n - 1 */
};

/* Empty; allocates nothing. */
void buckets_init(struct buckets *b);
void buckets_fini(struct buckets *b);

/*
 * Add one bucket, empty. False: out of memory, nothing changed. Unless it is
 * the first, the caller must now share out the chain of buckets_parent()
 * between that one and the new one.
 */
bool buckets_grow(struct buckets *b);

/* The bucket whose chain the last one of two or more takes over in part. */
static inline uint32_t buckets_parent(const struct buckets *b)
{
	return (b->n - 1) & (b->mask >> 1);
}

/* Number of the bucket of a hash; n > 0. */
static inline uint32_t buckets_index(const struct buckets *b, uint32_t hash)
{
	uint32_t i = hash & b->mask;

	return i < b->n ? i : hash & (b->mask >> 1);
}

/* The head of bucket i < n. */
static inline uint32_t *buckets_at(const struct buckets *b, uint32_t i)
{
	return &b->segs[i >> BUCKETS_SEG_BITS][i & (BUCKETS_SEG - 1)];
}

/* Bytes of memory held. */
size_t buckets_bytes(const struct buckets *b);

#endif

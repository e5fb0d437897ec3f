/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CACHE_EXT_H
#define CTD_CACHE_EXT_H

/*
 * Storage for the extensions of packed objects: one pool per size, each size a
 * third or a half larger than the one before. The length, which the owner
 * keeps anyway, says which pool a handle belongs to.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/pool.h"

#define EXT_SIZES 11

struct ext {
	struct pool pools[EXT_SIZES];
};

/* limit: most extensions of one size at a time. Allocates nothing. */
void ext_init(struct ext *x, uint32_t limit);
void ext_fini(struct ext *x);

/* Storage for len bytes, 1 .. PACK_EXT_MAX; 0: out of memory. */
uint32_t ext_alloc(struct ext *x, size_t len);
void ext_free(struct ext *x, uint32_t h, size_t len);
uint8_t *ext_at(const struct ext *x, uint32_t h, size_t len);

/* May storage for "a" bytes be used for "b" bytes instead? */
bool ext_same_size(size_t a, size_t b);

/* Bytes of memory held. */
size_t ext_bytes(const struct ext *x);

#endif

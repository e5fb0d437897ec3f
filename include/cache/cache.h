/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CACHE_CACHE_H
#define CTD_CACHE_CACHE_H

/*
 * A bounded table of packed flows or expectations, found by key. Knows nothing
 * of what the object means: packing, hashing and comparing come as a
 * struct pack_ops. Each entry has a stable reference, two times, a flag byte for
 * its owner, and "slots" 32-bit words reserved for the replication of that
 * entry to as many peers.
 *
 * Entries are named by cache_ref; 0 means none. A ref stays good until
 * cache_del(), also when the entry is rewritten.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/tick.h"
#include "flow/pack.h"

typedef uint32_t cache_ref;

struct cache;

struct cache_params {
	const struct pack_ops *ops;
	uint32_t limit;  /* most entries */
	uint8_t slots;   /* words per entry for replication, 0..8 */
	uint64_t secret; /* hash key */
};

struct cache_stats {
	uint32_t entries; /* now, flagged ones included */
	uint64_t added;
	uint64_t add_full; /* refused: limit */
	uint64_t add_nomem;
	uint64_t updated;
	uint64_t deleted;
	size_t bytes; /* memory held, all indexes */
};

struct cache *cache_new(const struct cache_params *p); /* NULL: out of memory */
void cache_free(struct cache *c);

/* Entry with the key of obj, or 0. */
cache_ref cache_find(const struct cache *c, const void *obj);

/*
 * Add an object whose key is not present (asserted). Both times are set to
 * now, flags and slots to 0. 0, CTD_EFULL, -ENOMEM.
 */
int cache_add(struct cache *c, tick_t now, const void *obj, cache_ref *ref);

/*
 * Rewrite the non-key content; "updated" is set to now. 0, or -ENOMEM with the
 * entry unchanged.
 */
int cache_set(struct cache *c, tick_t now, cache_ref ref, const void *obj);

/* Fill obj (ops->obj_size bytes) from the entry. */
void cache_get(const struct cache *c, cache_ref ref, void *obj);

/* Remove. The owner has cleared the slots (asserted all 0). */
void cache_del(struct cache *c, cache_ref ref);

/* Remove every entry, whatever its slots say; walks must be started anew. */
void cache_clear(struct cache *c);

/* Owner's flag byte of an entry, to read and write. */
uint8_t *cache_flags(const struct cache *c, cache_ref ref);

/* The replication words of an entry; the pointer is good as long as the ref. */
uint32_t *cache_slots(const struct cache *c, cache_ref ref);

/*
 * Another number of replication words per entry, or another order: word i is
 * word from[i] of before, CACHE_NO_SLOT is 0. References and walks stay good, the
 * words have new addresses. In two steps, so that several caches change together
 * or not at all: prepare (0 or -ENOMEM) copies, and nothing may happen to the
 * cache until the copy is put in its place, or dropped.
 */
#define CACHE_NO_SLOT 0xffu

struct cache_reslot;
int cache_reslot_prepare(const struct cache *c, const uint8_t *from, uint8_t slots,
			 struct cache_reslot **out);
void cache_reslot_apply(struct cache *c, struct cache_reslot *r);
void cache_reslot_drop(struct cache_reslot *r); /* NULL is allowed */

/* Another limit. What is over it stays; nothing is added until there is room. */
void cache_set_limit(struct cache *c, uint32_t limit);

/* When it was added, last set. Resolution 0.1 s, rounded down. */
tick_t cache_created(const struct cache *c, cache_ref ref);
tick_t cache_updated(const struct cache *c, cache_ref ref);

void cache_get_stats(const struct cache *c, struct cache_stats *st);
uint32_t cache_count(const struct cache *c);

/*
 * Resumable walk. Start with {0}. Each entry present from the start of the walk
 * to its end is visited exactly once, in no particular order; entries added or
 * deleted meanwhile may or may not be seen. Deleting the visited entry, or any
 * other, between steps is allowed. Rehashing does not disturb a walk: it goes
 * over the pools, not over the buckets.
 */
struct cache_walk {
	uint8_t class_;
	uint32_t next;
};

/*
 * Next entry, or 0 at the end. Looks at no more than *budget places and counts
 * them down; returns 0 with *budget == 0 when the budget ran out before the end
 * (walk->class_ < PACK_CLASSES tells the two apart).
 */
cache_ref cache_walk_next(const struct cache *c, struct cache_walk *w, uint32_t *budget);

/* Places a whole walk looks at: more than entries after many were deleted. */
uint32_t cache_places(const struct cache *c);

static inline bool cache_walk_done(const struct cache_walk *w)
{
	return w->class_ >= PACK_CLASSES;
}

#endif

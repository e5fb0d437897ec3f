// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table all states rest in: this node's own flows, and each peer's. Built
 * for a small price per entry: objects are packed by class into pools, chained
 * and named by 32-bit references instead of pointers, with times in tenths of
 * a second since the first use. An IPv4 flow with one replication word costs
 * 52 bytes and 4 for its bucket.
 */
#include "cache/cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"
#include "buckets.h"
#include "ext.h"

/* A reference is the class above the handle in that class's pool. */
#define REF_CLASS_SHIFT 30
#define REF_HANDLE_MASK ((1u << REF_CLASS_SHIFT) - 1)
_Static_assert(PACK_CLASSES <= 4, "the class must fit above the handle");

#define SLOTS_MAX  8
#define DECISECOND (TICK_SEC / 10)

/*
 * "next" comes first: it is what a pool overwrites in a freed object, so that
 * "tag" goes on saying that the place is free, which a walk relies on.
 */
struct entry {
	uint32_t next;    /* cache_ref, chain of the bucket */
	uint32_t created; /* tenths of a second since "epoch" */
	uint32_t updated;
	uint32_t ext;     /* handle, 0 = no extension */
	uint16_t tag;     /* upper bits of the hash, bit 0 set; 0 = free */
	uint8_t flags;    /* the owner's */
	uint8_t ext_last; /* length of the extension - 1 */
	uint32_t words[]; /* replication words, then the fixed part */
};
_Static_assert(PACK_EXT_MAX <= 256, "ext_last is one byte");

struct cache {
	const struct pack_ops *ops;
	struct pool pools[PACK_CLASSES];
	struct ext ext;
	struct buckets buckets;
	uint64_t secret;
	tick_t epoch; /* the first "now" */
	uint32_t limit;
	uint32_t count;
	uint8_t slots;
	bool started; /* epoch is set */
	uint64_t added, add_full, add_nomem, updated, deleted;
};

/* An object in packed form, before it has a place. */
struct packed {
	size_t ext_len;
	uint8_t fixed[PACK_FIXED_MAX];
	uint8_t ext[PACK_EXT_MAX];
};

static enum pack_class ref_class(cache_ref ref)
{
	return (enum pack_class)(ref >> REF_CLASS_SHIFT);
}

static struct entry *entry_at(const struct cache *c, cache_ref ref)
{
	struct entry *e = pool_at(&c->pools[ref_class(ref)], ref & REF_HANDLE_MASK);

	assert(e->tag);
	return e;
}

static uint8_t *fixed_of(const struct cache *c, struct entry *e)
{
	return (uint8_t *)(e->words + c->slots);
}

static size_t ext_len(const struct entry *e)
{
	return e->ext ? e->ext_last + 1u : 0;
}

static uint16_t tag_of(uint32_t hash)
{
	return (uint16_t)(hash >> 16 | 1);
}

static uint32_t hash_of(const struct cache *c, cache_ref ref, struct entry *e)
{
	return c->ops->hash_packed(ref_class(ref), fixed_of(c, e), c->secret);
}

/* Rounded down: a flow never looks younger than it is. */
static uint32_t stamp(struct cache *c, tick_t now)
{
	tick_t t;

	if (!c->started) {
		c->epoch = now;
		c->started = true;
	}
	t = tick_since(now, c->epoch) / DECISECOND;
	return t < UINT32_MAX ? (uint32_t)t : UINT32_MAX;
}

static tick_t stamp_tick(const struct cache *c, uint32_t t)
{
	return c->epoch + t * DECISECOND;
}

struct cache *cache_new(const struct cache_params *p)
{
	struct cache *c;

	assert(p->ops && p->slots <= SLOTS_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->ops = p->ops;
	c->limit = p->limit < REF_HANDLE_MASK ? p->limit : REF_HANDLE_MASK - 1;
	c->slots = p->slots;
	c->secret = p->secret;
	/* A rewrite holds old and new for a moment, but of different sizes. */
	ext_init(&c->ext, c->limit);
	buckets_init(&c->buckets);
	return c;
}

/* Let go of everything that holds entries. */
static void release(struct cache *c)
{
	unsigned int i;

	for (i = 0; i < PACK_CLASSES; i++) {
		if (c->pools[i].size)
			pool_fini(&c->pools[i]);
	}
	ext_fini(&c->ext);
	buckets_fini(&c->buckets);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	release(c);
	free(c);
}

void cache_clear(struct cache *c)
{
	release(c);
	memset(c->pools, 0, sizeof(c->pools));
	ext_init(&c->ext, c->limit);
	buckets_init(&c->buckets);
	c->deleted += c->count;
	c->count = 0;
}

static size_t entry_size(uint8_t slots, size_t fixed)
{
	return sizeof(struct entry) + slots * sizeof(uint32_t) + fixed;
}

/* A pool's limit may not be less than what it holds. */
static uint32_t room_for(const struct pool *p, uint32_t limit)
{
	return p->used > limit ? p->used : limit;
}

/* The pool of a class, ready since its first use. */
static struct pool *class_pool(struct cache *c, enum pack_class k)
{
	struct pool *p = &c->pools[k];
	size_t fixed;

	if (!p->size) {
		fixed = c->ops->fixed_size(k);
		assert(fixed <= PACK_FIXED_MAX && fixed % 4 == 0);
		pool_init(p, entry_size(c->slots, fixed), c->limit);
	}
	return p;
}

static cache_ref find(const struct cache *c, const void *obj, uint32_t hash)
{
	enum pack_class k = c->ops->class_of(obj);
	struct entry *e;
	cache_ref ref;

	if (!c->buckets.n)
		return 0;
	ref = *buckets_at(&c->buckets, buckets_index(&c->buckets, hash));
	for (; ref; ref = e->next) {
		e = entry_at(c, ref);
		if (e->tag == tag_of(hash) && ref_class(ref) == k &&
		    c->ops->match(k, fixed_of(c, e), obj))
			return ref;
	}
	return 0;
}

cache_ref cache_find(const struct cache *c, const void *obj)
{
	return find(c, obj, c->ops->hash(obj, c->secret));
}

static void link_entry(struct cache *c, cache_ref ref, struct entry *e, uint32_t hash)
{
	uint32_t *head = buckets_at(&c->buckets, buckets_index(&c->buckets, hash));

	e->next = *head;
	*head = ref;
}

static void unlink_entry(struct cache *c, cache_ref ref, struct entry *e)
{
	uint32_t i = buckets_index(&c->buckets, hash_of(c, ref, e));
	uint32_t *at = buckets_at(&c->buckets, i);

	while (*at != ref) {
		assert(*at);
		at = &entry_at(c, *at)->next;
	}
	*at = e->next;
}

/* Give the youngest bucket its part of its parent's chain. */
static void split(struct cache *c)
{
	uint32_t *from = buckets_at(&c->buckets, buckets_parent(&c->buckets));
	cache_ref ref = *from;
	struct entry *e;

	*from = 0;
	while (ref) {
		cache_ref next;

		e = entry_at(c, ref);
		next = e->next;
		link_entry(c, ref, e, hash_of(c, ref, e));
		ref = next;
	}
}

/*
 * Keep the chains at one entry on average. Two steps per insertion, so that a
 * table that could not grow for want of memory catches up; going without only
 * makes chains longer, so it is an error for the very first bucket alone.
 */
static bool grow(struct cache *c)
{
	unsigned int i;

	for (i = 0; i < 2 && c->buckets.n <= c->count; i++) {
		if (!buckets_grow(&c->buckets))
			break;
		if (c->buckets.n > 1)
			split(c);
	}
	return c->buckets.n > 0;
}

static void pack(const struct cache *c, const void *obj, struct packed *p)
{
	p->ext_len = c->ops->pack(obj, p->fixed, p->ext);
	assert(p->ext_len <= PACK_EXT_MAX);
}

/*
 * Put an extension into an entry in place of the old one; the entry is
 * unchanged when memory is out.
 */
static bool store_ext(struct cache *c, struct entry *e, const struct packed *p)
{
	size_t old = ext_len(e);
	uint32_t h = 0;

	if (old && p->ext_len && ext_same_size(old, p->ext_len)) {
		h = e->ext;
	} else {
		if (p->ext_len) {
			h = ext_alloc(&c->ext, p->ext_len);
			if (!h)
				return false;
		}
		if (old)
			ext_free(&c->ext, e->ext, old);
	}
	if (h) {
		memcpy(ext_at(&c->ext, h, p->ext_len), p->ext, p->ext_len);
		e->ext_last = (uint8_t)(p->ext_len - 1);
	}
	e->ext = h;
	return true;
}

/* A place of class k with an object in it, not linked yet; 0: out of memory. */
static uint32_t new_entry(struct cache *c, enum pack_class k, const void *obj)
{
	struct pool *pool = class_pool(c, k);
	struct packed p;
	struct entry *e;
	uint32_t h = pool_alloc(pool);

	if (!h)
		return 0;
	e = pool_at(pool, h);
	memset(e, 0, sizeof(*e) + c->slots * sizeof(uint32_t));
	pack(c, obj, &p);
	if (!store_ext(c, e, &p)) {
		pool_free(pool, h);
		return 0;
	}
	memcpy(fixed_of(c, e), p.fixed, c->ops->fixed_size(k));
	return h;
}

int cache_add(struct cache *c, tick_t now, const void *obj, cache_ref *ref)
{
	uint32_t hash = c->ops->hash(obj, c->secret);
	enum pack_class k = c->ops->class_of(obj);
	struct entry *e;
	uint32_t h;

	assert(!find(c, obj, hash));
	if (c->count >= c->limit) {
		c->add_full++;
		return CTD_EFULL;
	}
	h = grow(c) ? new_entry(c, k, obj) : 0;
	if (!h) {
		c->add_nomem++;
		return -ENOMEM;
	}
	*ref = (uint32_t)k << REF_CLASS_SHIFT | h;
	e = pool_at(&c->pools[k], h);
	e->tag = tag_of(hash);
	e->created = e->updated = stamp(c, now);
	link_entry(c, *ref, e, hash);
	c->count++;
	c->added++;
	return 0;
}

int cache_set(struct cache *c, tick_t now, cache_ref ref, const void *obj)
{
	enum pack_class k = ref_class(ref);
	struct entry *e = entry_at(c, ref);
	struct packed p;

	assert(c->ops->class_of(obj) == k && c->ops->match(k, fixed_of(c, e), obj));
	pack(c, obj, &p);
	if (!store_ext(c, e, &p))
		return -ENOMEM;
	memcpy(fixed_of(c, e), p.fixed, c->ops->fixed_size(k));
	e->updated = stamp(c, now);
	c->updated++;
	return 0;
}

void cache_get(const struct cache *c, cache_ref ref, void *obj)
{
	struct entry *e = entry_at(c, ref);
	size_t len = ext_len(e);

	c->ops->unpack(ref_class(ref), fixed_of(c, e), len ? ext_at(&c->ext, e->ext, len) : NULL,
		       len, obj);
}

void cache_del(struct cache *c, cache_ref ref)
{
	struct entry *e = entry_at(c, ref);
	unsigned int i;

	for (i = 0; i < c->slots; i++)
		assert(!e->words[i]);
	unlink_entry(c, ref, e);
	if (e->ext)
		ext_free(&c->ext, e->ext, ext_len(e));
	e->tag = 0;
	pool_free(&c->pools[ref_class(ref)], ref & REF_HANDLE_MASK);
	assert(c->count > 0);
	c->count--;
	c->deleted++;
}

uint8_t *cache_flags(const struct cache *c, cache_ref ref)
{
	return &entry_at(c, ref)->flags;
}

uint32_t *cache_slots(const struct cache *c, cache_ref ref)
{
	return entry_at(c, ref)->words;
}

/* ---- another shape ---- */

struct cache_reslot {
	struct pool pools[PACK_CLASSES];
	uint8_t slots, old_slots;
	uint8_t from[SLOTS_MAX];
	size_t fixed; /* of the class being copied */
};

static void copy_entry(void *ctx, void *to, const void *from)
{
	const struct cache_reslot *r = ctx;
	const struct entry *old = from;
	struct entry *new = to;

	memcpy(new, old, sizeof(*new));
	for (unsigned int i = 0; i < r->slots; i++)
		new->words[i] = r->from[i] == CACHE_NO_SLOT ? 0 : old->words[r->from[i]];
	memcpy(new->words + r->slots, old->words + r->old_slots, r->fixed);
}

int cache_reslot_prepare(const struct cache *c, const uint8_t *from, uint8_t slots,
			 struct cache_reslot **out)
{
	struct cache_reslot *r = calloc(1, sizeof(*r));
	int err = r ? 0 : -ENOMEM;

	assert(slots <= SLOTS_MAX);
	if (r) {
		r->slots = slots;
		r->old_slots = c->slots;
		for (unsigned int i = 0; i < slots; i++)
			r->from[i] = from[i];
	}
	for (unsigned int k = 0; k < PACK_CLASSES && !err; k++) {
		if (!c->pools[k].size)
			continue;
		r->fixed = c->ops->fixed_size((enum pack_class)k);
		pool_init(&r->pools[k], entry_size(slots, r->fixed), c->pools[k].limit);
		err = pool_copy(&r->pools[k], &c->pools[k], copy_entry, r);
	}
	if (err) {
		cache_reslot_drop(r);
		r = NULL;
	}
	*out = r;
	return err;
}

void cache_reslot_drop(struct cache_reslot *r)
{
	for (unsigned int k = 0; r && k < PACK_CLASSES; k++)
		if (r->pools[k].size)
			pool_fini(&r->pools[k]);
	free(r);
}

/* The old storage goes the way of the copy. */
void cache_reslot_apply(struct cache *c, struct cache_reslot *r)
{
	for (unsigned int k = 0; k < PACK_CLASSES; k++) {
		const struct pool old = c->pools[k];

		c->pools[k] = r->pools[k];
		r->pools[k] = old;
	}
	c->slots = r->slots;
	cache_reslot_drop(r);
}

void cache_set_limit(struct cache *c, uint32_t limit)
{
	c->limit = limit < REF_HANDLE_MASK ? limit : REF_HANDLE_MASK - 1;
	for (unsigned int k = 0; k < PACK_CLASSES; k++)
		if (c->pools[k].size)
			c->pools[k].limit = room_for(&c->pools[k], c->limit);
	for (unsigned int i = 0; i < EXT_SIZES; i++)
		c->ext.pools[i].limit = room_for(&c->ext.pools[i], c->limit);
}

tick_t cache_created(const struct cache *c, cache_ref ref)
{
	return stamp_tick(c, entry_at(c, ref)->created);
}

tick_t cache_updated(const struct cache *c, cache_ref ref)
{
	return stamp_tick(c, entry_at(c, ref)->updated);
}

void cache_get_stats(const struct cache *c, struct cache_stats *st)
{
	unsigned int i;

	st->entries = c->count;
	st->added = c->added;
	st->add_full = c->add_full;
	st->add_nomem = c->add_nomem;
	st->updated = c->updated;
	st->deleted = c->deleted;
	st->bytes = sizeof(*c) + buckets_bytes(&c->buckets) + ext_bytes(&c->ext);
	for (i = 0; i < PACK_CLASSES; i++)
		st->bytes += pool_bytes(&c->pools[i]);
}

uint32_t cache_count(const struct cache *c)
{
	return c->count;
}

cache_ref cache_walk_next(const struct cache *c, struct cache_walk *w, uint32_t *budget)
{
	const struct entry *e;
	const struct pool *p;
	uint32_t h;

	while (w->class_ < PACK_CLASSES) {
		p = &c->pools[w->class_];
		h = w->next + 1;
		if (h >= p->fresh) {
			w->class_++;
			w->next = 0;
			continue;
		}
		if (!*budget)
			return 0;
		--*budget;
		w->next = h;
		e = pool_at(p, h);
		if (e->tag)
			return (uint32_t)w->class_ << REF_CLASS_SHIFT | h;
	}
	return 0;
}

uint32_t cache_places(const struct cache *c)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < PACK_CLASSES; i++)
		n += c->pools[i].fresh;
	return n;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Collects the counters and walks the caches for reports. */
#include <string.h>
#include "base/err.h"
#include "priv.h"

static void add_counts(struct cache_counts *c, const struct cache *table)
{
	struct cache_stats cs;

	cache_get_stats(table, &cs);
	c->objects += cs.entries;
	c->bytes += cs.bytes;
}

static void fill_counts(struct cache_counts *c, const struct side_counts *n)
{
	c->active = c->objects - n->dead;
	c->add_ok = n->add_ok;
	c->add_nomem = n->add_nomem;
	c->add_full = n->add_full;
	c->update_ok = n->update_ok;
	c->update_missing = n->update_missing;
	c->del_ok = n->del_ok;
	c->del_missing = n->del_missing;
}

void engine_get_stats(const struct engine *e, struct engine_stats *st)
{
	*st = e->st;
	memset(st->cache, 0, sizeof(st->cache));
	add_counts(&st->cache[ECACHE_INTERNAL], e->flows);
	add_counts(&st->cache[ECACHE_EXP_INTERNAL], e->expects);
	st->npeers = e->npeers;
	for (uint8_t i = 0; i < e->npeers; i++) {
		add_counts(&st->cache[ECACHE_EXTERNAL], e->peers[i].flows);
		add_counts(&st->cache[ECACHE_EXP_EXTERNAL], e->peers[i].expects);
		repl_get_stats(e->peers[i].repl, &st->peer[i]);
	}
	for (int i = 0; i < 4; i++)
		fill_counts(&st->cache[i], &e->count[i]);
	st->commit_running = e->commit != NULL;
	st->last_commit = e->last_commit;
	st->last_commit_took = e->last_commit_took;
}

static const struct cache *walk_table(const struct engine *e, const struct engine_walk *w)
{
	switch (w->which) {
	case ECACHE_INTERNAL:
		return w->peer ? NULL : e->flows;
	case ECACHE_EXP_INTERNAL:
		return w->peer ? NULL : e->expects;
	case ECACHE_EXTERNAL:
		return w->peer < e->npeers ? e->peers[w->peer].flows : NULL;
	case ECACHE_EXP_EXTERNAL:
		return w->peer < e->npeers ? e->peers[w->peer].expects : NULL;
	}
	return NULL;
}

int engine_walk_next(const struct engine *e, struct engine_walk *w, uint32_t *budget,
		     struct engine_entry *out)
{
	const bool external = w->which == ECACHE_EXTERNAL || w->which == ECACHE_EXP_EXTERNAL;
	const struct cache *c;

	while ((c = walk_table(e, w))) {
		cache_ref ref = cache_walk_next(c, &w->w, budget);

		if (ref) {
			if (!external && (*cache_flags(c, ref) & ENTRY_DEAD))
				continue;
			cache_get(c, ref, &out->flow);
			out->created = cache_created(c, ref);
			out->updated = cache_updated(c, ref);
			out->expires = TICK_NEVER;
			if (e->p.cache_timeout && external)
				out->expires = tick_add(out->updated, e->p.cache_timeout * TICK_SEC);
			return 1;
		}
		if (!cache_walk_done(&w->w))
			return CTD_EBUSY;
		w->peer++;
		w->w = (struct cache_walk){ 0 };
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Collects the counters and walks the caches for reports. */
#include <assert.h>
#include "base/err.h"
#include "priv.h"

static void add_cache(struct cache_counts *c, const struct cache *table,
		      const struct side_counts *n)
{
	struct cache_stats cs;

	cache_get_stats(table, &cs);
	c->active += cs.entries - n->dead;
	c->objects += cs.entries;
	c->bytes += cs.bytes;
	c->add_ok += n->add_ok;
	c->add_nomem += n->add_nomem;
	c->add_full += n->add_full;
	c->update_ok += n->update_ok;
	c->update_missing += n->update_missing;
	c->del_ok += n->del_ok;
	c->del_missing += n->del_missing;
}

static void add_traffic(struct engine_stats *st, const struct traffic *n)
{
	st->bad_version += n->bad_version;
	st->bad_header += n->bad_header;
	st->bad_payload += n->bad_payload;
	st->bad_type += n->bad_type;
	st->truncated += n->truncated;
	st->bad_size += n->bad_size;
	st->no_key += n->no_key;
	st->bulk_objects += n->bulk_objects;
	st->resyncs_complete += n->resyncs_complete;
	st->swept += n->swept;
	st->msgs_in += n->msgs_in;
	st->msgs_out += n->msgs_out;
	st->dgrams_out += n->dgrams_out;
}

/* What was written into the kernel, where the report has what was stored. */
static void add_direct(struct engine_stats *st, const struct peer *p)
{
	static const enum engine_cache where[2] = { ECACHE_EXTERNAL, ECACHE_EXP_EXTERNAL };
	struct direct_stats ds;

	direct_get_stats(p->direct, &ds);
	for (int k = 0; k < 2; k++) {
		struct cache_counts *c = &st->cache[where[k]];

		c->add_ok += ds.created[k];
		c->add_full += ds.create_failed[k] + p->count[k].add_full;
		c->add_nomem += p->count[k].add_nomem;
		c->update_ok += ds.updated[k];
		c->update_missing += ds.update_failed[k];
		c->del_ok += ds.removed[k];
		c->del_missing += ds.remove_failed[k];
	}
	st->direct.refreshed += ds.refreshed;
	st->direct.kept += ds.kept;
}

/* Of this node, and of the peers "from" up to but not "to". */
static void gather(const struct engine *e, uint8_t from, uint8_t to, struct engine_stats *st)
{
	*st = e->st;
	add_cache(&st->cache[ECACHE_INTERNAL], e->flows, &e->count[OBJ_FLOW]);
	add_cache(&st->cache[ECACHE_EXP_INTERNAL], e->expects, &e->count[OBJ_EXPECT]);
	for (uint8_t i = from; i < to; i++) {
		const struct peer *p = &e->peers[i];

		if (p->direct) {
			add_direct(st, p);
		} else {
			add_cache(&st->cache[ECACHE_EXTERNAL], p->flows, &p->count[OBJ_FLOW]);
			add_cache(&st->cache[ECACHE_EXP_EXTERNAL], p->expects,
				  &p->count[OBJ_EXPECT]);
		}
		add_traffic(st, &p->net);
		repl_get_stats(p->repl, &st->peer[st->npeers++]);
	}
	st->commit_running = e->commit != NULL;
	st->last_commit = e->last_commit;
	st->last_commit_took = e->last_commit_took;
	st->last_commit_at = e->last_commit_at;
	st->resync_after = e->overrun_at == TICK_NEVER ? NULL : e->overrun_why;
}

void engine_get_stats(const struct engine *e, struct engine_stats *st)
{
	gather(e, 0, e->npeers, st);
}

void engine_get_peer_stats(const struct engine *e, uint8_t peer, struct engine_stats *st)
{
	assert(peer < e->npeers);
	gather(e, peer, (uint8_t)(peer + 1), st);
}

static const struct cache *walk_table(const struct engine *e, const struct engine_walk *w)
{
	switch (w->which) {
	case ECACHE_INTERNAL:
		return w->peer ? NULL : e->flows;
	case ECACHE_EXP_INTERNAL:
		return w->peer ? NULL : e->expects;
	case ECACHE_EXTERNAL:
	case ECACHE_EXP_EXTERNAL:
		if (e->p.no_external || w->peer >= e->npeers)
			return NULL;
		return w->which == ECACHE_EXTERNAL ? e->peers[w->peer].flows :
						     e->peers[w->peer].expects;
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
				out->expires =
					tick_add(out->updated, e->p.cache_timeout * TICK_SEC);
			return 1;
		}
		if (!cache_walk_done(&w->w))
			return CTD_EBUSY;
		w->peer = w->one_peer ? ENGINE_PEERS : (uint8_t)(w->peer + 1);
		w->w = (struct cache_walk){ 0 };
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the seed decides: the set-up of a history, and what happens in each of
 * its steps (traffic, faults, crashes, operators), with a little time between.
 */
#include <string.h>
#include "world.h"

static uint32_t one_of(struct world *w, const uint32_t *v, uint32_t n)
{
	return v[rng_below(&w->rng, n)];
}

#define ONE_OF(w, ...)                               \
	one_of(w, (const uint32_t[]){ __VA_ARGS__ }, \
	       sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static bool chance(struct world *w, uint32_t percent)
{
	return rng_below(&w->rng, 100) < percent;
}

static uint8_t some_node(struct world *w)
{
	return (uint8_t)rng_below(&w->rng, w->s.nodes);
}

/* ---- the set-up ---- */

static void join(struct world *w, uint8_t a, uint8_t b)
{
	struct node *n = &w->n[a];

	n->peer_of[b] = n->npeers;
	n->node_of[n->npeers++] = b;
}

/* Everybody knows everybody, but the reference (one peer, W2) only node 0. */
static void draw_peers(struct world *w)
{
	const uint8_t last = (uint8_t)(w->s.nodes - 1);

	for (uint8_t a = 0; a < NODES; a++)
		memset(w->n[a].peer_of, NO_PEER, sizeof(w->n[a].peer_of));
	for (uint8_t a = 0; a < w->s.nodes; a++)
		for (uint8_t b = 0; b < w->s.nodes; b++)
			if (a != b && !(w->s.reference && (a == last || b == last) && a && b))
				join(w, a, b);
}

static void draw_timers(struct world *w, struct setup *s)
{
	s->purge_timeout = 5;
	s->overrun_resync = ONE_OF(w, 1, 2, 4);
	s->commit_timeout = ONE_OF(w, 0, 0, 0, 30);
	if (s->mode == REPL_ALARM) {
		s->refresh_time = ONE_OF(w, 2, 4);
		s->cache_timeout = 4 * s->refresh_time;
	}
}

/*
 * Which nodes do without internal cache. Numbers of their own: what the seed decides
 * otherwise stays as it is. Without external cache only if asked for.
 */
static void draw_caches(struct world *w, const struct sim_params *p)
{
	struct rng rng;

	rng_seed(&rng, ~p->seed);
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		const bool bypass = rng_below(&rng, 100) < 15;

		if (node_is_reference(w, i))
			continue;
		w->n[i].direct = w->s.mode != REPL_ALARM && p->direct;
		w->n[i].bypass = w->s.mode == REPL_NOTRACK && (p->bypass < 0 ? bypass : p->bypass);
	}
}

/* Caches that are too small for all there is, with numbers of their own as well. */
static void draw_limit(struct world *w, const struct sim_params *p)
{
	static const uint8_t limits[] = { 2, 8, 20 };
	struct rng rng;

	rng_seed(&rng, p->seed ^ 0x5ca1ab1e);
	if (p->limit >= 0)
		w->s.limit = (uint32_t)p->limit;
	else if (rng_below(&rng, 100) < 10)
		w->s.limit = limits[rng_below(&rng, 3)];
}

void draw_setup(struct world *w, const struct sim_params *p)
{
	struct setup *s = &w->s;
	const uint32_t mode = ONE_OF(w, REPL_FTFW, REPL_FTFW, REPL_FTFW, REPL_NOTRACK, REPL_ALARM);
	const uint32_t nodes = ONE_OF(w, 2, 2, 2, 3, 3, 4, 5);
	const bool reference = chance(w, 25);

	s->mode = p->mode < 0 ? (enum repl_mode)mode : (enum repl_mode)p->mode;
	s->nodes = (uint8_t)(p->nodes ? p->nodes : (int)nodes);
	s->reference = p->reference < 0 ? reference : p->reference;
	s->lossless = p->lossless;
	s->cures = p->cures;
	s->mtu = ONE_OF(w, 540, 576, 1280, 1500, 1500);
	s->resend_limit = ONE_OF(w, 16, 512, 512);
	s->ack_window = ONE_OF(w, 2, 20, 20, 300);
	s->startup_resync = chance(w, 30);
	s->expects = chance(w, 50);
	s->flows = ONE_OF(w, 4, 16, 30);
	draw_timers(w, s);
	draw_peers(w);
	draw_caches(w, p);
	draw_limit(w, p);
}

/* ---- traffic ---- */

/* Mostly the node's own flows; now and then those of others, which it may have injected. */
static void traffic(struct world *w)
{
	const uint8_t node = some_node(w);
	const uint32_t burst = chance(w, 4) ? KERNEL_EVENTS + 20 : 1 + rng_below(&w->rng, 6);
	const uint8_t owner = chance(w, 85) ? node : some_node(w);

	for (uint32_t i = 0; i < burst; i++) {
		const uint32_t number = rng_below(&w->rng, w->s.flows);
		const uint32_t related = number + (chance(w, 20) ? NUMBERS / 2 : 0);
		const uint32_t r = rng_below(&w->rng, 100);

		if (kernel_announces(number) && r < 30)
			kernel_expect(w, node, owner, number, r < 10);
		else if (kernel_announces(number) && r < 50)
			kernel_related(w, node, owner, number);
		else if (r < 75)
			kernel_packet(w, node, owner, related);
		else if (owner == node || chance(w, 30))
			kernel_end(w, node, owner, related);
		else if (chance(w, 20))
			kernel_stray(w, node, owner, number);
	}
}

/* ---- faults ---- */

static void draw_link(struct world *w, uint8_t from, uint8_t to)
{
	struct link *l = &w->link[from][to];

	l->loss = ONE_OF(w, 0, 0, 5, 10, 30, 50);
	l->dup = ONE_OF(w, 0, 0, 0, 20);
	l->reorder = ONE_OF(w, 0, 0, 0, 30);
	l->delay = ONE_OF(w, 100, 100, 1000, 20000) * TICK_USEC;
	l->jitter = ONE_OF(w, 0, 400, 400, 50000) * TICK_USEC;
	l->rate = ONE_OF(w, 0, 0, 0, 0, 20000, 100000);
	l->queue = ONE_OF(w, 20, 100, 1000) * TICK_MSEC;
	l->cut = chance(w, 8);
	world_trace(w, "link %u to %u: loss %u%% dup %u%% reorder %u%% jitter %u us rate %u%s",
		    from, to, l->loss, l->dup, l->reorder, (uint32_t)(l->jitter / TICK_USEC),
		    l->rate, l->cut ? " cut" : "");
}

static void change_links(struct world *w)
{
	const uint8_t one = some_node(w);
	const uint8_t from = some_node(w), to = some_node(w);

	switch (rng_below(&w->rng, 4)) {
	case 0: /* one direction */
		draw_link(w, from, to);
		break;
	case 1: /* a node is cut off, or not any more */
		for (uint8_t i = 0; i < w->s.nodes; i++)
			w->link[one][i].cut = w->link[i][one].cut = !w->link[one][one].cut;
		world_trace(w, "node %u is cut off: %d", one, w->link[one][one].cut);
		break;
	default:
		for (uint8_t a = 0; a < w->s.nodes; a++)
			for (uint8_t b = 0; b < w->s.nodes; b++)
				draw_link(w, a, b);
	}
}

/* The I/O of a node is slow or fails, or its clock is set. */
static void trouble_node(struct world *w)
{
	const uint8_t i = some_node(w);
	struct node *n = &w->n[i];

	switch (rng_below(&w->rng, 6)) {
	case 0:
		node_stall(w, i, ONE_OF(w, 20, 300, 1500, 4000) * TICK_MSEC);
		break;
	case 1:
		n->slow = ONE_OF(w, 0, 0, 1, 20, 100) * TICK_MSEC;
		world_trace(w, "node %u: kernel takes up to %u ms", i,
			    (uint32_t)(n->slow / TICK_MSEC));
		break;
	case 2:
		n->errors = ONE_OF(w, 0, 0, 5, 30);
		n->dump_errors = ONE_OF(w, 0, 0, 30);
		world_trace(w, "node %u: kernel errors %u%%", i, n->errors);
		break;
	case 3:
		n->k.no_helper = chance(w, 30);
		break;
	case 4:
		net_forge(w, n->node_of[rng_below(&w->rng, n->npeers)], i, rng_u32(&w->rng));
		break;
	default:
		n->wall += (int64_t)ONE_OF(w, 1, 3600, 86400 * 365) * (chance(w, 50) ? 1 : -1);
		world_trace(w, "node %u: wall clock off by %lld s", i, (long long)n->wall);
	}
}

static void start_again(struct world *w, uint8_t i)
{
	if (chance(w, 20)) { /* the whole machine */
		kernel_reset(w, i);
		w->n[i].boot = w->now - 5 * TICK_SEC;
	}
	node_start(w, i);
}

static void crash_or_start(struct world *w)
{
	const uint8_t i = some_node(w);

	if (!w->n[i].up) {
		start_again(w, i);
		return;
	}
	if (w->n[i].e && chance(w, 40)) { /* in the middle of a long job */
		w->n[i].crash_in = ONE_OF(w, JOB_DUMP, JOB_COMMIT, JOB_BULK);
		world_trace(w, "node %u will crash in job %u", i, w->n[i].crash_in);
		return;
	}
	node_crash(w, i);
	if (chance(w, 30)) /* within the same second */
		node_start(w, i);
}

/* ---- operators ---- */

static void promote(struct world *w, uint8_t i, uint32_t both)
{
	node_admin(w, i, ADMIN_COMMIT, both);
	world_advance(w, w->now + ONE_OF(w, 20, 20, 200) * TICK_MSEC);
	node_admin(w, i, ADMIN_FLUSH_CACHES, both | ADMIN_INTERNAL | ADMIN_EXTERNAL);
	node_admin(w, i, ADMIN_RESYNC_KERNEL, both);
	world_advance(w, w->now + 20 * TICK_MSEC);
	node_admin(w, i, ADMIN_BULK, 0);
}

static void operate(struct world *w)
{
	const uint8_t i = some_node(w);
	const uint32_t both = ADMIN_FLOWS | ADMIN_EXPECTS;
	const uint32_t one = chance(w, 30) ? ADMIN_PEER(rng_below(&w->rng, w->n[i].npeers)) : 0;

	switch (rng_below(&w->rng, 8)) {
	case 0:
		promote(w, i, both);
		break;
	case 1: /* demotion */
		node_admin(w, i, ADMIN_PURGE, 0);
		node_admin(w, i, ADMIN_REQUEST_RESYNC, 0);
		break;
	case 2:
		node_admin(w, i, ADMIN_BULK, one);
		break;
	case 3:
		node_admin(w, i, ADMIN_REQUEST_RESYNC, one);
		break;
	case 4:
		node_admin(w, i, ADMIN_RESYNC_KERNEL, both);
		break;
	case 5:
		node_admin(w, i, ADMIN_FLUSH_KERNEL, both);
		break;
	case 6:
		node_admin(w, i, ADMIN_FLUSH_CACHES, both | ADMIN_EXTERNAL | one);
		break;
	default:
		node_admin(w, i, ADMIN_COMMIT, both | one);
		break;
	}
}

void draw_step(struct world *w)
{
	const uint32_t r = rng_below(&w->rng, 1000);

	if (r < 880)
		traffic(w);
	else if (r < 920 && !w->s.lossless)
		change_links(w);
	else if (r < 945 && !w->s.lossless)
		trouble_node(w);
	else if (r < 970 && !w->s.lossless)
		crash_or_start(w);
	else if (r >= 970)
		operate(w);
	world_advance(w, w->now + rng_below(&w->rng, 50) * TICK_MSEC);
	if (chance(w, 3))
		world_advance(w, w->now + rng_below(&w->rng, 4000) * TICK_MSEC);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The owner of a session, and a pair of them joined by a pipe, for tests. */
#include "rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "../../support/repl_sound.h"

struct repl_params rig_ftfw(uint32_t first, uint32_t cures)
{
	return (struct repl_params){
		.mode = REPL_FTFW,
		.ack_window = 300,
		.resend_limit = 131072,
		.has_first_seq = true,
		.first_seq = first,
		.cures = cures,
	};
}

void rig_init(struct rig *g, const struct repl_params *p, tick_t now)
{
	struct rng rng;

	memset(g, 0, sizeof(*g));
	rng_seed(&rng, 7);
	g->limit = RIG_OBJECTS;
	g->r = repl_new(p, &rng, now);
	cr_assert_not_null(g->r);
}

void rig_fini(struct rig *g)
{
	repl_free(g->r);
	g->r = NULL;
}

static struct repl_obj name(uint32_t obj)
{
	return (struct repl_obj){ .kind = 1, .ref = obj };
}

void rig_load(struct rig *g, uint32_t obj)
{
	g->own[obj].version = 1;
}

void rig_change(struct rig *g, uint32_t obj)
{
	struct rig_object *o = &g->own[obj];

	if (o->dead && o->slot)
		repl_revive(g->r, &o->slot);
	o->dead = false;
	o->version++;
	repl_changed(g->r, name(obj), &o->slot);
}

void rig_destroy(struct rig *g, uint32_t obj)
{
	struct rig_object *o = &g->own[obj];

	if (!o->version || o->dead)
		return;
	o->dead = true;
	if (repl_changed(g->r, name(obj), &o->slot) == 0)
		repl_final(g->r, &o->slot);
}

static void collect_done(struct rig *g)
{
	struct repl_obj o;

	while (repl_done(g->r, &o)) {
		cr_assert_eq(o.kind, 1);
		cr_assert_eq(g->own[o.ref].slot, 0);
		cr_assert(g->own[o.ref].dead, "a live object was reported done");
		g->done++;
	}
}

static void walk(struct rig *g, tick_t now)
{
	bool restart;
	uint32_t room = repl_bulk_room(g->r, now, &restart), n = 0;

	if (restart) {
		g->walk = 0;
		g->walking = true;
		g->bulks++;
	}
	if (!room || !g->walking)
		return;
	for (; g->walk < g->limit && n < room; g->walk++) {
		const uint32_t obj = g->walk_down ? g->limit - 1 - g->walk : g->walk;
		struct rig_object *o = &g->own[obj];

		if (!o->version || (o->dead && !(g->walk_dead && o->slot)))
			continue;
		if (repl_changed(g->r, name(obj), &o->slot) == 0)
			n++;
	}
	g->walking = g->walk < g->limit;
	repl_bulk_step(g->r, now, n, !g->walking);
}

bool rig_output(struct rig *g, tick_t now, struct packet *p)
{
	struct repl_send s;

	walk(g, now);
	if (!repl_output(g->r, now, &s)) {
		collect_done(g);
		return false;
	}
	memset(p, 0, sizeof(*p));
	p->h = (struct wire_header){
		.version = WIRE_VERSION,
		.type = s.is_object ? WIRE_CT_NEW : WIRE_CONTROL,
		.flags = s.flags,
		.seq = s.seq,
	};
	p->from = s.from;
	p->to = s.to;
	p->final = s.final;
	if (s.is_object) {
		p->obj = s.obj.ref;
		p->version = g->own[s.obj.ref].version;
		if (s.final)
			p->h.type = WIRE_CT_DESTROY;
		cr_assert_eq(s.final, g->own[s.obj.ref].dead);
	}
	collect_done(g);
	return true;
}

uint32_t rig_drain(struct rig *g, tick_t now, struct packet *p, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && rig_output(g, now, &p[i]))
		i++;
	return i;
}

enum repl_verdict rig_input(struct rig *g, tick_t now, const struct packet *p)
{
	const struct wire_msg m = { .h = p->h, .from = p->from, .to = p->to };
	const enum repl_verdict v = repl_input(g->r, now, &m);

	if (v == REPL_DATA && p->obj < RIG_OBJECTS) {
		g->view[p->obj] = p->h.type == WIRE_CT_DESTROY ? 0 : p->version;
		g->data++;
	}
	return v;
}

enum repl_verdict rig_data(struct rig *g, tick_t now, uint32_t seq, uint8_t flags, uint32_t obj)
{
	const struct packet p = {
		.h = { .version = WIRE_VERSION, .type = WIRE_CT_NEW, .flags = flags, .seq = seq },
		.obj = obj,
		.version = 1,
	};

	return rig_input(g, now, &p);
}

enum repl_verdict rig_control(struct rig *g, tick_t now, uint32_t seq, uint8_t flags, uint32_t from,
			      uint32_t to)
{
	const struct packet p = {
		.h = { .version = WIRE_VERSION, .type = WIRE_CONTROL, .flags = flags, .seq = seq },
		.from = from,
		.to = to,
	};

	return rig_input(g, now, &p);
}

struct repl_stats rig_stats(const struct rig *g)
{
	struct repl_stats st;

	repl_get_stats(g->r, &st);
	return st;
}

void rig_check(const struct rig *g)
{
	const char *what = repl_unsound(g->r);

	cr_assert_null(what, "%s", what);
}

/* ---- pair ---- */

void pair_init(struct pair *w, const struct repl_params *a, const struct repl_params *b,
	       uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	rng_seed(&w->rng, seed);
	w->now = SEC(1);
	w->delay = MS(1);
	w->dgram_max = DGRAM_MAX;
	w->store = malloc(PIPE_MAX * sizeof(*w->store));
	cr_assert_not_null(w->store);
	for (uint32_t i = 0; i < PIPE_MAX; i++)
		w->pipe[i] = &w->store[i];
	rig_init(&w->n[0], a, w->now);
	rig_init(&w->n[1], b, w->now);
}

void pair_fini(struct pair *w)
{
	free(w->store);
	rig_fini(&w->n[0]);
	rig_fini(&w->n[1]);
}

void pair_restart(struct pair *w, int node, const struct repl_params *p)
{
	struct rig *g = &w->n[node];
	struct rig_object own[RIG_OBJECTS];

	repl_free(g->r);
	memcpy(own, g->own, sizeof(own));
	rig_init(g, p, w->now);
	for (int i = 0; i < RIG_OBJECTS; i++)
		if (own[i].version && !own[i].dead)
			g->own[i].version = own[i].version;
}

static void put(struct pair *w, const struct datagram *d)
{
	struct datagram *copy;

	if (w->cut[d->dest] || (w->loss && rng_below(&w->rng, 100) < w->loss))
		return;
	cr_assert_lt(w->in_pipe, PIPE_MAX);
	copy = w->pipe[w->in_pipe++];
	copy->dest = d->dest;
	copy->count = d->count;
	memcpy(copy->p, d->p, d->count * sizeof(d->p[0]));
	copy->at = w->now + w->delay;
	if (w->jitter)
		copy->at += rng_u64(&w->rng) % w->jitter;
}

static void send_all(struct pair *w, uint8_t from)
{
	struct datagram d = { .dest = !from };
	struct packet p;
	bool more;

	do {
		more = rig_output(&w->n[from], w->now, &p);
		if (more) {
			w->sent[from]++;
			if (!w->filter || !w->filter(w, d.dest, &p))
				d.p[d.count++] = p;
		}
		if (!d.count || (more && d.count < w->dgram_max))
			continue;
		w->dgrams[from]++;
		put(w, &d);
		if (w->dup && rng_below(&w->rng, 100) < w->dup)
			put(w, &d);
		d.count = 0;
	} while (more);
}

/* Earliest datagram in the pipe; of equals the one sent first. */
static uint32_t earliest(const struct pair *w)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < w->in_pipe; i++)
		if (w->pipe[i]->at < w->pipe[best]->at)
			best = i;
	return best;
}

static void deliver(struct pair *w, uint32_t i)
{
	struct datagram *d = w->pipe[i];

	memmove(&w->pipe[i], &w->pipe[i + 1], (w->in_pipe - i - 1) * sizeof(d));
	w->pipe[--w->in_pipe] = d;
	for (uint32_t k = 0; k < d->count; k++) {
		const struct wire_header *h = &d->p[k].h;

		w->trace = (w->trace ^ h->seq ^ (uint64_t)h->flags << 32 ^ d->at) *
			   0x9e3779b97f4a7c15u;
		rig_input(&w->n[d->dest], w->now, &d->p[k]);
	}
}

void pair_run(struct pair *w, tick_t until)
{
	uint32_t spin = 0;

	for (;;) {
		tick_t next = until, before = w->now;

		send_all(w, 0);
		send_all(w, 1);
		for (int i = 0; i < 2; i++)
			next = tick_min(next, repl_deadline(w->n[i].r));
		if (w->in_pipe)
			next = tick_min(next, w->pipe[earliest(w)]->at);
		if (next >= until)
			break;
		if (next > w->now)
			w->now = next;
		while (w->in_pipe && w->pipe[earliest(w)]->at <= w->now)
			deliver(w, earliest(w));
		for (int i = 0; i < 2; i++)
			if (repl_deadline(w->n[i].r) <= w->now)
				repl_tick(w->n[i].r, w->now);
		spin = w->now == before ? spin + 1 : 0;
		cr_assert_lt(spin, 1000, "a deadline does not move on");
	}
	w->now = until;
}

static bool sees(const struct rig *g, const struct rig *other)
{
	for (uint32_t i = 0; i < RIG_OBJECTS; i++) {
		const struct rig_object *o = &other->own[i];

		if (g->view[i] != (o->dead ? 0 : o->version))
			return false;
	}
	return true;
}

bool pair_equal(const struct pair *w)
{
	return sees(&w->n[0], &w->n[1]) && sees(&w->n[1], &w->n[0]);
}

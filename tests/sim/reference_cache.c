// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the reference has and has to send: its caches, its queues, and what kernel
 * events do to them. The dialogue is in reference.c, which lists the weaknesses.
 */
#include <string.h>
#include "reference_impl.h"

/* ---- caches ---- */

static bool same(const struct object *o, bool is_expect, const void *v)
{
	const struct flow *f = v;

	if (!o->used || o->is_expect != is_expect)
		return false;
	if (is_expect)
		return expect_same(&o->x, v);
	return o->f.zone == f->zone && tuple_equal(&o->f.orig, &f->orig);
}

struct object *ref_find(struct object *set, bool is_expect, const void *v)
{
	for (uint32_t i = 0; i < OBJECTS; i++)
		if (same(&set[i], is_expect, v))
			return &set[i];
	return NULL;
}

struct object *ref_add(struct object *set, bool is_expect, const void *v)
{
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct object *o = &set[i];

		if (o->used)
			continue;
		*o = (struct object){ .used = true,
				      .is_expect = is_expect,
				      .refresh_at = TICK_NEVER };
		if (is_expect)
			o->x = *(const struct expect *)v;
		else
			o->f = *(const struct flow *)v;
		return o;
	}
	return NULL;
}

/* ---- lists ---- */

void ref_cut(struct list *l, uint32_t i)
{
	memmove(&l->e[i], &l->e[i + 1], (--l->n - i) * sizeof(l->e[0]));
}

void ref_append(struct list *l, const struct element *e)
{
	if (l->n < ELEMENTS)
		l->e[l->n++] = *e;
}

static void take_out(struct list *l, uint32_t object)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (!l->e[i].control && l->e[i].object == object) {
			ref_cut(l, i);
			return;
		}
}

void ref_release(struct reference *r, const struct element *e)
{
	struct object *o = &r->in[e->object];

	if (e->control)
		return;
	o->place = PLACE_NONE;
	o->used = !o->dead;
}

void ref_queue_object(struct reference *r, struct object *o)
{
	const struct element e = { .object = (uint32_t)(o - r->in) };

	if (o->place == PLACE_QUEUED)
		return;
	if (o->place == PLACE_SENT)
		take_out(&r->resend, e.object);
	o->place = PLACE_QUEUED;
	ref_append(&r->txq, &e);
}

void ref_queue_control(struct reference *r, uint8_t flags, uint32_t from, uint32_t to)
{
	const struct element e = { .control = true, .flags = flags, .from = from, .to = to };

	ref_append(&r->txq, &e);
}

/* ---- kernel events ---- */

void ref_schedule(struct reference *r, tick_t now, struct object *o)
{
	if (r->p.mode == REPL_ALARM)
		o->refresh_at = now + (1 + rng_below(&r->rng, r->p.refresh_time)) * TICK_SEC +
				(1 + rng_below(&r->rng, 5)) * 200 * TICK_MSEC;
}

/* Forget an object and whatever was to be sent of it. */
static void forget(struct reference *r, struct object *o)
{
	take_out(o->place == PLACE_QUEUED ? &r->txq : &r->resend, (uint32_t)(o - r->in));
	o->used = false;
}

static void put(struct reference *r, tick_t now, enum event_kind k, bool is_expect, const void *v)
{
	struct object *o = ref_find(r->in, is_expect, v);

	if (o && (k == EVENT_NEW || o->dead)) {
		forget(r, o);
		o = NULL;
	}
	if (o) {
		if (is_expect)
			o->x = *(const struct expect *)v;
		else
			flow_merge(&o->f, v);
		o->type = 1;
	} else {
		o = ref_add(r->in, is_expect, v);
	}
	if (!o)
		return;
	ref_schedule(r, now, o);
	ref_queue_object(r, o);
}

static void end(struct reference *r, bool is_expect, const void *v)
{
	struct object *o = ref_find(r->in, is_expect, v);

	if (!o || o->dead)
		return;
	o->dead = true;
	o->refresh_at = TICK_NEVER;
	ref_queue_object(r, o);
}

void reference_flow_event(struct reference *r, tick_t now, enum event_kind k, const struct flow *f)
{
	if (k == EVENT_DESTROY)
		end(r, false, f);
	else
		put(r, now, k, false, f);
}

void reference_expect_event(struct reference *r, tick_t now, enum event_kind k,
			    const struct expect *x)
{
	const struct object *master;
	struct flow m;

	if (!r->p.expects)
		return;
	flow_init(&m);
	m.orig = x->master;
	master = ref_find(r->in, false, &m);
	if (k == EVENT_DESTROY)
		end(r, true, x);
	else if (master && !master->dead) /* W11 */
		put(r, now, k, true, x);
}

void reference_load_flow(struct reference *r, tick_t now, const struct flow *f)
{
	struct object *o = ref_add(r->in, false, f);

	if (o)
		ref_schedule(r, now, o);
}

void reference_load_expect(struct reference *r, tick_t now, const struct expect *x)
{
	struct object *o = r->p.expects ? ref_add(r->in, true, x) : NULL;

	if (o)
		ref_schedule(r, now, o);
}

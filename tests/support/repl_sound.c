// SPDX-License-Identifier: GPL-2.0-or-later
/* Internal consistency of a session, for unit tests and fuzzing. */
#include "repl_sound.h"

#include "../../src/repl/session.h"
#include "base/seq.h"

/* Leave with the condition as text if it does not hold. */
#define HOLDS(cond)                   \
	do {                          \
		if (!(cond))          \
			return #cond; \
	} while (0)

static const char *list_unsound(const struct repl *r, const struct node_list *l,
				enum node_state state)
{
	uint32_t h, prev = 0, n = 0;

	for (h = l->head; h; h = txq_node(&r->q, h)->next) {
		const struct node *e = txq_node(&r->q, h);

		HOLDS(e->state == state);
		HOLDS(e->prev == prev);
		HOLDS(!e->is_object || *e->slot == h);
		HOLDS(state != NODE_DONE || e->final);
		prev = h;
		n++;
	}
	HOLDS(l->tail == prev);
	HOLDS(l->count == n);
	return NULL;
}

static const char *window_unsound(const struct repl *r)
{
	uint32_t seq = r->win.base, h, n = 0, objects = 0;

	for (; (h = window_find(&r->win, &seq)); seq++) {
		const struct node *e = txq_node(&r->q, h);

		HOLDS(e->state == NODE_SENT);
		HOLDS(e->seq == seq);
		HOLDS(seq_before(seq, r->next_seq));
		HOLDS(!e->is_object || *e->slot == h);
		HOLDS(e->is_object || wire_flags_ranged(e->flags));
		objects += e->is_object;
		n++;
	}
	HOLDS(n == r->win.count);
	HOLDS(objects == r->win_objects);
	return NULL;
}

const char *repl_unsound(const struct repl *r)
{
	const char *what = list_unsound(r, &r->q.ctl, NODE_QUEUED);

	if (!what)
		what = list_unsound(r, &r->q.obj, NODE_QUEUED);
	if (!what)
		what = list_unsound(r, &r->q.done, NODE_DONE);
	if (!what)
		what = window_unsound(r);
	if (what)
		return what;
	HOLDS(r->q.nodes.used == r->q.ctl.count + r->q.obj.count + r->q.done.count + r->win.count);
	HOLDS(r->countdown > 0);
	HOLDS(!r->ack_set || !seq_after(r->ack_from, r->rx.last));
	return NULL;
}

uint32_t repl_objects(const struct repl *r)
{
	return r->q.obj.count + r->q.done.count + r->win_objects;
}

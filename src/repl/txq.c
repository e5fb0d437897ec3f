// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transmit queue coalesces: an object that changes while it waits is sent
 * once, in its state at that time. Control messages wait in a list of their
 * own, so that they pass when objects are held back; as long as nothing is
 * held, both leave in the order in which they were queued.
 */
#include "txq.h"

#include <assert.h>
#include <string.h>
#include "base/seq.h"

void txq_init(struct txq *q)
{
	memset(q, 0, sizeof(*q));
	pool_init(&q->nodes, sizeof(struct node), UINT32_MAX);
}

void txq_fini(struct txq *q)
{
	pool_fini(&q->nodes);
}

static struct node_list *list_of(struct txq *q, const struct node *n)
{
	if (n->state == NODE_DONE)
		return &q->done;
	return n->is_object ? &q->obj : &q->ctl;
}

static void append(struct txq *q, uint32_t h, enum node_state state)
{
	struct node *n = txq_node(q, h);
	struct node_list *l;

	n->state = (uint8_t)state;
	n->seq = q->order++;
	n->next = 0;
	l = list_of(q, n);
	n->prev = l->tail;
	if (l->tail)
		txq_node(q, l->tail)->next = h;
	else
		l->head = h;
	l->tail = h;
	l->count++;
}

static uint32_t new_node(struct txq *q, const struct node *content)
{
	uint32_t h = pool_alloc(&q->nodes);

	if (!h)
		return 0;
	*txq_node(q, h) = *content;
	append(q, h, NODE_QUEUED);
	return h;
}

uint32_t txq_add_object(struct txq *q, struct repl_obj o, uint32_t *slot)
{
	const struct node n = { .is_object = true, .obj = o, .slot = slot };

	assert(*slot == 0);
	*slot = new_node(q, &n);
	return *slot;
}

uint32_t txq_add_control(struct txq *q, uint8_t flags, uint32_t from, uint32_t to)
{
	const struct node n = { .flags = flags, .range = { from, to } };

	return new_node(q, &n);
}

void txq_take(struct txq *q, uint32_t h)
{
	struct node *n = txq_node(q, h);
	struct node_list *l = list_of(q, n);

	assert(n->state != NODE_SENT && l->count > 0);
	if (n->prev)
		txq_node(q, n->prev)->next = n->next;
	else
		l->head = n->next;
	if (n->next)
		txq_node(q, n->next)->prev = n->prev;
	else
		l->tail = n->prev;
	l->count--;
	n->state = NODE_SENT;
}

void txq_again(struct txq *q, uint32_t h)
{
	assert(txq_node(q, h)->state == NODE_SENT);
	append(q, h, NODE_QUEUED);
}

void txq_mark_bulk(struct txq *q, uint32_t h)
{
	struct node *n = txq_node(q, h);

	assert(n->is_object);
	if (!n->bulk)
		q->bulk_out++;
	n->bulk = true;
}

static void leave_bulk(struct txq *q, struct node *n)
{
	if (n->bulk)
		q->bulk_out--;
	n->bulk = false;
}

void txq_finish(struct txq *q, uint32_t h)
{
	assert(txq_node(q, h)->state == NODE_SENT && txq_node(q, h)->is_object);
	leave_bulk(q, txq_node(q, h));
	append(q, h, NODE_DONE);
}

void txq_free(struct txq *q, uint32_t h)
{
	assert(txq_node(q, h)->state == NODE_SENT);
	leave_bulk(q, txq_node(q, h));
	pool_free(&q->nodes, h);
}

uint32_t txq_first(const struct txq *q, bool held)
{
	const uint32_t c = q->ctl.head, o = held ? 0 : q->obj.head;

	if (!c || !o)
		return c ? c : o;
	return seq_before(txq_node(q, c)->seq, txq_node(q, o)->seq) ? c : o;
}

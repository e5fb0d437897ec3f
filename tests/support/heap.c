// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Deadlines of many objects, earliest first. Nodes live in their owners and
 * know their position, so one can be moved or taken out without a search.
 */
#include "heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void heap_init(struct heap *h)
{
	memset(h, 0, sizeof(*h));
}

void heap_fini(struct heap *h)
{
	uint32_t i;

	for (i = 0; i < h->n; i++)
		h->v[i]->pos = 0;
	free(h->v);
	heap_init(h);
}

static void place(struct heap *h, struct heap_node *n, uint32_t pos)
{
	h->v[pos - 1] = n;
	n->pos = pos;
}

static void sift_up(struct heap *h, struct heap_node *n)
{
	uint32_t pos = n->pos;

	while (pos > 1 && h->v[pos / 2 - 1]->at > n->at) {
		place(h, h->v[pos / 2 - 1], pos);
		pos /= 2;
	}
	place(h, n, pos);
}

static void sift_down(struct heap *h, struct heap_node *n)
{
	uint32_t pos = n->pos, child;

	while (pos <= h->n / 2) {
		child = pos * 2;
		if (child < h->n && h->v[child]->at < h->v[child - 1]->at)
			child++;
		if (h->v[child - 1]->at >= n->at)
			break;
		place(h, h->v[child - 1], pos);
		pos = child;
	}
	place(h, n, pos);
}

static int grow(struct heap *h)
{
	uint32_t cap = h->cap ? h->cap * 2 : 16;
	struct heap_node **v;

	if (cap <= h->cap)
		return -ENOMEM;
	v = realloc(h->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	h->v = v;
	h->cap = cap;
	return 0;
}

int heap_set(struct heap *h, struct heap_node *n, tick_t at)
{
	int err;

	assert(n->pos <= h->n);
	if (!n->pos) {
		if (h->n == h->cap) {
			err = grow(h);
			if (err)
				return err;
		}
		place(h, n, ++h->n);
	}
	assert(h->v[n->pos - 1] == n);
	n->at = at;
	sift_up(h, n);
	sift_down(h, n);
	return 0;
}

void heap_del(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;
	uint32_t pos = n->pos;

	if (!pos)
		return;
	assert(pos <= h->n && h->v[pos - 1] == n);
	last = h->v[--h->n];
	n->pos = 0;
	if (last == n)
		return;
	place(h, last, pos);
	sift_up(h, last);
	sift_down(h, last);
}

struct heap_node *heap_top(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_HEAP_H
#define CTD_TESTS_HEAP_H

/* Binary heap of intrusive nodes, earliest deadline on top. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/tick.h"

struct heap_node {
	tick_t at;
	uint32_t pos; /* 1-based place in the heap, 0 = not in it */
};

struct heap {
	struct heap_node **v; /* owned array of borrowed nodes */
	uint32_t n, cap;
};

void heap_init(struct heap *h);
void heap_fini(struct heap *h);

/* Insert or move a node to deadline "at". -ENOMEM leaves it as it was. */
int heap_set(struct heap *h, struct heap_node *n, tick_t at);

/* Take a node out; nothing happens if it is not in. */
void heap_del(struct heap *h, struct heap_node *n);

/* The earliest node, NULL when empty. Stays in the heap. */
struct heap_node *heap_top(const struct heap *h);

#endif

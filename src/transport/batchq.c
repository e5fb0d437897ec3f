// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a link could not send yet, in order and bounded. The buffers are handed
 * out to be filled in place, so nothing is copied on the way to the socket.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "batchq.h"

int batchq_init(struct batchq *q, uint32_t slots, size_t slot_size)
{
	assert(slots > 0 && slot_size > 0);

	*q = (struct batchq){ .slots = slots, .slot_size = slot_size };
	q->room = malloc((size_t)slots * slot_size);
	q->lens = calloc(slots, sizeof(*q->lens));
	if (q->room && q->lens)
		return 0;
	batchq_fini(q);
	return -ENOMEM;
}

void batchq_fini(struct batchq *q)
{
	free(q->lens);
	free(q->room);
	*q = (struct batchq){ 0 };
}

int batchq_grow(struct batchq *q, size_t slot_size)
{
	struct batchq n;

	if (slot_size <= q->slot_size)
		return 0;
	if (batchq_init(&n, q->slots, slot_size))
		return -ENOMEM;
	for (size_t i = 0; i < q->used; i++) {
		size_t len;
		const uint8_t *data = batchq_at(q, i, &len);

		memcpy(batchq_space(&n), data, len);
		batchq_push(&n, len);
	}
	batchq_fini(q);
	*q = n;
	return 0;
}

static size_t slot(const struct batchq *q, size_t i)
{
	return (q->head + i) % q->slots;
}

uint8_t *batchq_space(const struct batchq *q)
{
	return q->used == q->slots ? NULL : q->room + slot(q, q->used) * q->slot_size;
}

void batchq_push(struct batchq *q, size_t len)
{
	assert(q->used < q->slots && len > 0 && len <= q->slot_size);

	q->lens[slot(q, q->used)] = (uint32_t)len;
	q->used++;
}

const uint8_t *batchq_at(const struct batchq *q, size_t i, size_t *len)
{
	assert(i < q->used);

	*len = q->lens[slot(q, i)];
	return q->room + slot(q, i) * q->slot_size;
}

void batchq_pop(struct batchq *q, size_t n)
{
	assert(n <= q->used);

	q->head = (uint32_t)slot(q, n);
	q->used -= (uint32_t)n;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_BATCHQ_H
#define CTD_TRANSPORT_BATCHQ_H

/* The queue in front of a socket: a ring of buffers, each one datagram or batch. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batchq {
	uint8_t *room;  /* owned: slots of slot_size bytes */
	uint32_t *lens; /* owned: one per slot */
	uint32_t slots, head, used;
	size_t slot_size;
};

/* -ENOMEM leaves nothing to free. */
int batchq_init(struct batchq *q, uint32_t slots, size_t slot_size);
void batchq_fini(struct batchq *q);

/* Make slots larger, keeping what waits; a smaller size changes nothing. -ENOMEM: as before. */
int batchq_grow(struct batchq *q, size_t slot_size);

/* The free slot behind the last, NULL if there is none; then its length. */
uint8_t *batchq_space(const struct batchq *q);
void batchq_push(struct batchq *q, size_t len);

/* The i-th waiting one, 0 = oldest. */
const uint8_t *batchq_at(const struct batchq *q, size_t i, size_t *len);

/* The oldest n are done with. */
void batchq_pop(struct batchq *q, size_t n);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fixed part of every message: version and type share the first byte, all
 * integers are big-endian. What a header may say is judged elsewhere: framing
 * in message.c, flags and types by the replication session.
 */
#include <assert.h>
#include "wire/header.h"

void wire_header_put(struct buf *b, const struct wire_header *h)
{
	assert(h->version <= 0xf && h->type <= 0xf);

	buf_put8(b, (uint8_t)(h->version << 4 | h->type));
	buf_put8(b, h->flags);
	buf_put16(b, h->len);
	buf_put32(b, h->seq);
}

void wire_header_get(struct buf *b, struct wire_header *h)
{
	uint8_t first = buf_get8(b);

	h->version = first >> 4;
	h->type = first & 0xf;
	h->flags = buf_get8(b);
	h->len = buf_get16(b);
	h->seq = buf_get32(b);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The identity that our own nodes put behind the header of ALIVE. */
#include "base/buf.h"
#include "base/err.h"
#include "wire/header.h"
#include "wire/ident.h"

#define MAGIC   0x43544449u /* "CTDI" */
#define VERSION 1

static void put64(struct buf *b, uint64_t v)
{
	buf_put32(b, (uint32_t)(v >> 32));
	buf_put32(b, (uint32_t)v);
}

static uint64_t get64(struct buf *b)
{
	const uint64_t high = buf_get32(b);

	return high << 32 | buf_get32(b);
}

size_t wire_ident_put(uint8_t *out, size_t cap, uint8_t flags, uint32_t seq,
		      const struct wire_ident *id)
{
	const struct wire_header h = {
		.version = WIRE_VERSION,
		.type = WIRE_CONTROL,
		.flags = flags,
		.len = WIRE_HDR_LEN + WIRE_IDENT_LEN,
		.seq = seq,
	};
	struct buf b;

	buf_write(&b, out, cap);
	wire_header_put(&b, &h);
	buf_put32(&b, MAGIC);
	buf_put8(&b, VERSION);
	buf_put8(&b, id->mode);
	buf_zero(&b, 2);
	put64(&b, id->node);
	put64(&b, id->life);
	buf_put32(&b, id->bulk);
	buf_put32(&b, id->bulk_age);
	buf_put32(&b, id->caps);
	return buf_ok(&b) ? b.pos : 0;
}

int wire_ident_get(const uint8_t *body, size_t len, struct wire_ident *id)
{
	struct wire_ident v;
	struct buf b;

	buf_read(&b, body, len);
	if (len < WIRE_IDENT_LEN || buf_get32(&b) != MAGIC || buf_get8(&b) < VERSION)
		return CTD_EBADPAYLOAD;
	v.mode = buf_get8(&b);
	buf_take(&b, 2);
	v.node = get64(&b);
	v.life = get64(&b);
	v.bulk = buf_get32(&b);
	v.bulk_age = buf_get32(&b);
	v.caps = buf_get32(&b);
	*id = v;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Framing: where one message ends and the next begins, and control messages,
 * whose body is at most a range. The checks stand in the order in which
 * existing peers make them (doc/protocol.md, receiving), so that both count
 * the same input under the same name. A body length need not be a multiple of
 * four: the next message starts exactly where the length says.
 */
#include <assert.h>
#include "base/err.h"
#include "wire/message.h"

/* Must the message hold a range? Only the control type gives the flags this meaning. */
static bool has_range(const struct wire_header *h)
{
	return h->type == WIRE_CONTROL && wire_flags_ranged(h->flags);
}

static int check_frame(const struct wire_header *h, size_t len)
{
	size_t least = has_range(h) ? WIRE_RANGE_LEN : WIRE_HDR_LEN;

	if (h->len == 0 || h->len > len)
		return CTD_EBADSIZE;
	if (len < least)
		return CTD_ETRUNCATED;
	if (h->len < least)
		return CTD_EBADSIZE;
	return 0;
}

int wire_message_next(const uint8_t *data, size_t len, struct wire_msg *m, size_t *used)
{
	struct wire_header h;
	struct buf b;
	int rc;

	assert(m && used && (data || len == 0));

	*used = len;
	if (len < WIRE_HDR_LEN)
		return CTD_ETRUNCATED;
	buf_read(&b, data, len);
	wire_header_get(&b, &h);
	rc = check_frame(&h, len);
	if (rc)
		return rc;
	*used = h.len;
	if (h.version != WIRE_VERSION)
		return CTD_EBADVERSION;

	m->h = h;
	m->body = data + WIRE_HDR_LEN;
	m->body_len = (size_t)h.len - WIRE_HDR_LEN;
	m->from = has_range(&h) ? buf_get32(&b) : 0;
	m->to = has_range(&h) ? buf_get32(&b) : 0;
	assert(buf_ok(&b));
	return 0;
}

size_t wire_control_put(uint8_t *out, size_t cap, uint8_t flags, uint32_t seq, uint32_t from,
			uint32_t to)
{
	bool ranged = wire_flags_ranged(flags);
	struct wire_header h = {
		.version = WIRE_VERSION,
		.type = WIRE_CONTROL,
		.flags = flags,
		.len = ranged ? WIRE_RANGE_LEN : WIRE_HDR_LEN,
		.seq = seq,
	};
	struct buf b;

	assert(out || cap == 0);

	buf_write(&b, out, cap);
	wire_header_put(&b, &h);
	if (ranged) {
		buf_put32(&b, from);
		buf_put32(&b, to);
	}
	return buf_ok(&b) ? h.len : 0;
}

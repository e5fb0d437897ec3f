// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCP connection carries messages back to back with no framing but their own
 * length, split anywhere. This is the buffer between recv() and the messages.
 * A length that no sane peer writes means that we no longer know where a
 * message starts; nothing after it can be trusted, so the error sticks and the
 * connection has to go (weaknesses W20 and W21 of the reference).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "wire/stream.h"

struct stream {
	size_t start; /* first byte not yet handed out */
	size_t end;   /* after the last byte received */
	uint8_t data[WIRE_STREAM_CAP];
};

struct stream *stream_new(void)
{
	struct stream *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	s->start = 0;
	s->end = 0;
	return s;
}

void stream_free(struct stream *s)
{
	free(s);
}

uint8_t *stream_space(struct stream *s, size_t *cap)
{
	assert(s->start <= s->end && s->end <= sizeof(s->data));

	if (s->start > 0) {
		memmove(s->data, s->data + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	*cap = sizeof(s->data) - s->end;
	return s->data + s->end;
}

void stream_filled(struct stream *s, size_t n)
{
	assert(n <= sizeof(s->data) - s->end);

	s->end += n;
}

/* Can a message with this header exist at all? */
static bool plausible(const struct wire_header *h)
{
	bool control = h->type == WIRE_CONTROL;
	bool ranged = control && wire_flags_ranged(h->flags);

	if (h->len < (ranged ? WIRE_RANGE_LEN : WIRE_HDR_LEN))
		return false;
	return h->len <= WIRE_MSG_MAX || (control && (h->flags & WIRE_F_ALIVE));
}

int stream_next(struct stream *s, struct wire_msg *m)
{
	size_t left = s->end - s->start, used;
	struct wire_header h;
	struct buf b;
	int rc;

	if (left < WIRE_HDR_LEN)
		return 0;
	buf_read(&b, s->data + s->start, left);
	wire_header_get(&b, &h);
	if (!plausible(&h))
		return CTD_EBADSIZE; /* stays in front, so the error stays too */
	if (left < h.len)
		return 0;

	rc = wire_message_next(s->data + s->start, left, m, &used);
	assert(rc == 0 || rc == CTD_EBADVERSION);
	s->start += used;
	return rc ? rc : 1;
}

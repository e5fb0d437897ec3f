// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes of a TCP connection: the first eight say in which pieces the rest
 * arrives. Pieces must not matter, and the messages are those of the same
 * bytes in one datagram for as long as the framing is sane.
 */
#include <string.h>
#include "base/err.h"
#include "fuzz.h"
#include "wire/stream.h"

#define PIECES 8

struct result {
	int rc;
	struct wire_msg m;
};

/* What the stream says next at "at" of the whole. */
static struct result next_of(struct stream *s, const uint8_t *whole, size_t at)
{
	struct result r = { 0 };

	r.rc = stream_next(s, &r.m);
	CHECK(r.rc == 1 || r.rc == 0 || r.rc == CTD_EBADVERSION || r.rc == CTD_EBADSIZE);
	if (r.rc == 1)
		CHECK(memcmp(r.m.body, whole + at + WIRE_HDR_LEN, r.m.body_len) == 0);
	if (r.rc == CTD_EBADSIZE)
		CHECK(stream_next(s, &r.m) == CTD_EBADSIZE);
	return r;
}

static void feed(struct stream *s, const uint8_t *data, size_t n)
{
	size_t cap;
	uint8_t *room = stream_space(s, &cap);

	CHECK(cap >= n);
	memcpy(room, data, n);
	stream_filled(s, n);
}

/* The same message, as a datagram shows it; bytes used. */
static size_t same_in_datagram(const uint8_t *data, size_t len, const struct result *r)
{
	struct wire_msg m;
	size_t used;
	int rc = wire_message_next(data, len, &m, &used);

	CHECK(r->rc == 1 ? rc == 0 : rc == r->rc);
	if (r->rc == 1) {
		CHECK(m.h.type == r->m.h.type && m.h.flags == r->m.h.flags);
		CHECK(m.h.seq == r->m.h.seq && m.h.len == r->m.h.len);
		CHECK(m.from == r->m.from && m.to == r->m.to && m.body_len == r->m.body_len);
	}
	return used;
}

/* Feed in pieces; note at which byte and how it ended. */
static size_t run(const uint8_t *pieces, const uint8_t *data, size_t len, int *end)
{
	struct stream *s = stream_new();
	struct result r = { 0 };
	size_t fed = 0, at = 0;

	CHECK(s);
	for (unsigned int i = 0; fed < len && r.rc != CTD_EBADSIZE; i++) {
		size_t n = pieces ? (size_t)pieces[i % PIECES] + 1 : len;

		n = n < len - fed ? n : len - fed;
		feed(s, data + fed, n);
		fed += n;
		while ((r = next_of(s, data, at)).rc == 1 || r.rc == CTD_EBADVERSION)
			at += same_in_datagram(data + at, fed - at, &r);
	}
	*end = r.rc;
	stream_free(s);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int whole_end, pieces_end;

	if (size <= PIECES || size - PIECES > WIRE_STREAM_CAP)
		return 0;
	CHECK(run(NULL, data + PIECES, size - PIECES, &whole_end) ==
	      run(data, data + PIECES, size - PIECES, &pieces_end));
	CHECK(whole_end == pieces_end);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_ATTR_PRIVATE_H
#define CTD_KERNEL_ATTR_PRIVATE_H

/*
 * Netlink attributes, read and written in place, inlined: a cursor whose error
 * sticks, as base/buf.h. Attribute headers are in host byte order, what
 * ctnetlink puts into them is big-endian.
 */
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/buf.h"

#define ATTR_HDRLEN 4u

#define ATTR_INLINE static inline __attribute__((always_inline))

/*
 * Set in what a parser returns besides what it found: a length was impossible.
 * The masks of flow/flow.h and flow/expect.h leave this bit free.
 */
#define ATTR_BAD (1u << 31)

/* The content of an attribute, or of a message behind its headers. */
struct attr_run {
	const uint8_t *data;
	size_t len;
};

/*
 * Walk over a run of attributes; "cur" is the content of the current one.
 * Never hand its address to a function that is not inlined: all of it stays
 * in registers, which is most of what makes the walk fast.
 */
struct attr_iter {
	const uint8_t *pos, *end;
	struct attr_run cur;
	unsigned int type;
	bool bad;
};

/* Is there a header of this length (its own included) and type? 4 bytes are at p. */
ATTR_INLINE bool attr_header_is(const uint8_t *p, size_t len, unsigned int type)
{
	const uint16_t want[2] = { (uint16_t)len, (uint16_t)type };

	return memcmp(p, want, sizeof(want)) == 0;
}

ATTR_INLINE struct attr_iter attr_start(struct attr_run run)
{
	return (struct attr_iter){ .pos = run.data, .end = run.data + run.len };
}

ATTR_INLINE bool attr_next(struct attr_iter *it)
{
	size_t left = (size_t)(it->end - it->pos);
	uint16_t len, type;
	size_t step;

	if (left < ATTR_HDRLEN) {
		it->bad |= left != 0;
		return false;
	}
	memcpy(&len, it->pos, 2);
	memcpy(&type, it->pos + 2, 2);
	if (len < ATTR_HDRLEN || len > left) {
		it->bad = true;
		return false;
	}
	it->cur.data = it->pos + ATTR_HDRLEN;
	it->cur.len = len - ATTR_HDRLEN;
	it->type = type & NLA_TYPE_MASK;
	step = NLA_ALIGN((size_t)len);
	it->pos += step < left ? step : left;
	return true;
}

ATTR_INLINE bool attr_is(struct attr_iter *it, size_t len)
{
	if (it->cur.len == len)
		return true;
	it->bad = true;
	return false;
}

ATTR_INLINE uint8_t attr_u8(struct attr_iter *it)
{
	return attr_is(it, 1) ? it->cur.data[0] : 0;
}

ATTR_INLINE uint16_t attr_be16(struct attr_iter *it)
{
	const uint8_t *p = it->cur.data;

	return attr_is(it, 2) ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

ATTR_INLINE uint32_t attr_be32(struct attr_iter *it)
{
	const uint8_t *p = it->cur.data;

	if (!attr_is(it, 4))
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

ATTR_INLINE uint64_t attr_be64(struct attr_iter *it)
{
	uint64_t v = 0;

	if (!attr_is(it, 8))
		return 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | it->cur.data[i];
	return v;
}

/* What a walk has found, once it is over. */
ATTR_INLINE uint32_t attr_found(const struct attr_iter *it, uint32_t has)
{
	return it->bad ? has | ATTR_BAD : has;
}

/*
 * A string that ends within the attribute and, with its NUL, fits into cap:
 * "has", 0 if it is empty, or ATTR_BAD.
 */
static inline uint32_t attr_str(struct attr_run run, char *out, size_t cap, uint32_t has)
{
	size_t n = strnlen((const char *)run.data, run.len);

	if (n == run.len || n >= cap)
		return ATTR_BAD;
	memcpy(out, run.data, n);
	return n ? has : 0;
}

/* Header and padding for n bytes of content; where they go, or NULL. */
ATTR_INLINE uint8_t *attr_room(struct buf *b, unsigned int type, size_t n)
{
	const uint16_t head[2] = { (uint16_t)(ATTR_HDRLEN + n), (uint16_t)type };
	uint8_t *p = buf_take(b, ATTR_HDRLEN + NLA_ALIGN(n));

	if (!p)
		return NULL;
	memcpy(p, head, ATTR_HDRLEN);
	memset(p + ATTR_HDRLEN + n, 0, NLA_ALIGN(n) - n);
	return p + ATTR_HDRLEN;
}

ATTR_INLINE void attr_put(struct buf *b, unsigned int type, const void *data, size_t n)
{
	uint8_t *p = attr_room(b, type, n);

	if (p && n)
		memcpy(p, data, n);
}

ATTR_INLINE void attr_put8(struct buf *b, unsigned int type, uint8_t v)
{
	attr_put(b, type, &v, 1);
}

ATTR_INLINE void attr_put16(struct buf *b, unsigned int type, uint16_t v)
{
	const uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	attr_put(b, type, be, sizeof(be));
}

ATTR_INLINE void attr_put32(struct buf *b, unsigned int type, uint32_t v)
{
	const uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				(uint8_t)v };

	attr_put(b, type, be, sizeof(be));
}

/* With its NUL; cut if it fills all of cap. */
static inline void attr_put_str(struct buf *b, unsigned int type, const char *s, size_t cap)
{
	size_t n = strnlen(s, cap - 1);
	uint8_t *p = attr_room(b, type, n + 1);

	if (p) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
}

/* Returns what attr_end() wants. */
static inline size_t attr_begin(struct buf *b, unsigned int type)
{
	size_t at = b->pos;

	(void)attr_room(b, type | NLA_F_NESTED, 0);
	return at;
}

static inline void attr_end(struct buf *b, size_t at)
{
	uint16_t len = (uint16_t)(b->pos - at);

	if (buf_ok(b))
		memcpy(b->data + at, &len, 2);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_BUF_H
#define CTD_BASE_BUF_H

/*
 * A cursor over borrowed bytes that knows its end. Errors stick: after the
 * first read or write that does not fit, every further one is a no-op that
 * yields 0, so a decoder reads ten fields and asks buf_ok() once.
 * All integers are big-endian unless the name says "le".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *data; /* borrowed */
	size_t cap;    /* end of what may be read or written */
	size_t pos;    /* next byte */
	bool bad;      /* sticky */
};

/* Start reading. The bytes must outlive the cursor; they are not written. */
static inline void buf_read(struct buf *b, const void *data, size_t len)
{
	b->data = (uint8_t *)(uintptr_t)data;
	b->cap = len;
	b->pos = 0;
	b->bad = false;
}

/* Start writing into caller's storage. */
static inline void buf_write(struct buf *b, void *data, size_t cap)
{
	b->data = data;
	b->cap = cap;
	b->pos = 0;
	b->bad = false;
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->bad;
}

static inline size_t buf_left(const struct buf *b)
{
	return b->bad ? 0 : b->cap - b->pos;
}

/* Take n bytes: pointer to them and the cursor moves on, or NULL. */
static inline uint8_t *buf_take(struct buf *b, size_t n)
{
	uint8_t *p;

	if (b->bad || n > b->cap - b->pos) {
		b->bad = true;
		return NULL;
	}
	p = b->data + b->pos;
	b->pos += n;
	return p;
}

static inline uint8_t buf_get8(struct buf *b)
{
	const uint8_t *p = buf_take(b, 1);

	return p ? p[0] : 0;
}

static inline uint16_t buf_get16(struct buf *b)
{
	const uint8_t *p = buf_take(b, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint16_t buf_get16le(struct buf *b)
{
	const uint8_t *p = buf_take(b, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t buf_get32(struct buf *b)
{
	const uint8_t *p = buf_take(b, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Copy n bytes out; on error dst is zeroed. */
static inline void buf_get(struct buf *b, void *dst, size_t n)
{
	const uint8_t *p = buf_take(b, n);

	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

static inline void buf_put8(struct buf *b, uint8_t v)
{
	uint8_t *p = buf_take(b, 1);

	if (p)
		p[0] = v;
}

static inline void buf_put16(struct buf *b, uint16_t v)
{
	uint8_t *p = buf_take(b, 2);

	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

static inline void buf_put16le(struct buf *b, uint16_t v)
{
	uint8_t *p = buf_take(b, 2);

	if (p) {
		p[0] = (uint8_t)v;
		p[1] = (uint8_t)(v >> 8);
	}
}

static inline void buf_put32(struct buf *b, uint32_t v)
{
	uint8_t *p = buf_take(b, 4);

	if (p) {
		p[0] = (uint8_t)(v >> 24);
		p[1] = (uint8_t)(v >> 16);
		p[2] = (uint8_t)(v >> 8);
		p[3] = (uint8_t)v;
	}
}

static inline void buf_put(struct buf *b, const void *src, size_t n)
{
	uint8_t *p = buf_take(b, n);

	if (p && n)
		memcpy(p, src, n);
}

/* n zero bytes. */
static inline void buf_zero(struct buf *b, size_t n)
{
	uint8_t *p = buf_take(b, n);

	if (p && n)
		memset(p, 0, n);
}

#endif

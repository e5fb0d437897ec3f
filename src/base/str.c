// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bounded text: reports and listings are put together here without ever
 * running over their storage, and numbers from outside are read strictly.
 */
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strbuf_init(struct strbuf *b, char *storage, size_t cap)
{
	assert(cap > 0);
	*b = (struct strbuf){ .s = storage, .cap = cap };
	storage[0] = '\0';
}

void strbuf_add(struct strbuf *b, const char *text)
{
	size_t n = strlen(text);
	size_t room = b->cap - b->len - 1;

	assert(b->len < b->cap);
	if (n > room) {
		n = room;
		b->cut = true;
	}
	memcpy(b->s + b->len, text, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	va_list ap;
	int n;

	assert(b->len < b->cap);
	va_start(ap, fmt);
	n = vsnprintf(b->s + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->s[b->len] = '\0';
		b->cut = true;
	} else if ((size_t)n >= room) {
		b->len = b->cap - 1;
		b->cut = true;
	} else {
		b->len += (size_t)n;
	}
}

void strbuf_add_u64(struct strbuf *b, uint64_t v)
{
	char text[21];
	size_t i = sizeof(text) - 1;

	text[i] = '\0';
	do {
		text[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	strbuf_add(b, text + i);
}

int str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	bool over = false;
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)*s - '0';

		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (v > (UINT64_MAX - digit) / 10)
			over = true;
		v = v * 10 + digit;
	}
	if (over || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

bool str_copy(char *dst, size_t cap, const char *src)
{
	size_t n = strnlen(src, cap);

	assert(cap > 0);
	if (n == cap) {
		memcpy(dst, src, cap - 1);
		dst[cap - 1] = '\0';
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

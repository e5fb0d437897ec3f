/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_STR_H
#define CTD_BASE_STR_H

/* Bounded text output and strict number input. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *s;    /* borrowed storage, always NUL-terminated */
	size_t cap; /* bytes of storage, > 0 */
	size_t len; /* characters so far, < cap */
	bool cut;   /* something did not fit */
};

void strbuf_init(struct strbuf *b, char *storage, size_t cap);
void strbuf_add(struct strbuf *b, const char *text);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal number. Listings of millions consist of them: not through a format. */
void strbuf_add_u64(struct strbuf *b, uint64_t v);

/* Decimal number in min..max, the whole of s. 0, -EINVAL or -ERANGE. */
int str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* Copy with truncation; always terminated. Returns false if cut. */
bool str_copy(char *dst, size_t cap, const char *src);

#endif

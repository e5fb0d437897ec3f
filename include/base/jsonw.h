/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_JSONW_H
#define CTD_BASE_JSONW_H

/*
 * JSON written piece by piece into a strbuf. The writer remembers one thing
 * only, whether a comma is due; brackets are the caller's to match. "key" is NULL
 * inside an array. What does not fit is cut, as with any strbuf.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

struct jsonw {
	struct strbuf *b;
	bool comma; /* something stands before, in the same brackets */
};

/* Begin writing a value into b. */
struct jsonw jsonw_to(struct strbuf *b);

void jsonw_object(struct jsonw *j, const char *key);
void jsonw_object_end(struct jsonw *j);
void jsonw_array(struct jsonw *j, const char *key);
void jsonw_array_end(struct jsonw *j);

void jsonw_u64(struct jsonw *j, const char *key, uint64_t v);
void jsonw_bool(struct jsonw *j, const char *key, bool v);
/* Seconds with millisecond digits. */
void jsonw_seconds(struct jsonw *j, const char *key, uint64_t nanoseconds);
/* Any bytes; those that are not printable ASCII are escaped. NULL: null. */
void jsonw_str(struct jsonw *j, const char *key, const char *s);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON writer of all reports and listings. */
#include "base/jsonw.h"

#include <inttypes.h>
#include <stddef.h>

struct jsonw jsonw_to(struct strbuf *b)
{
	return (struct jsonw){ .b = b };
}

/* What needs no escape goes out as one piece. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s >= 0x7f || *s == '"' || *s == '\\')
			return false;
	return true;
}

static void escaped(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			strbuf_addf(b, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			strbuf_addf(b, "\\u%04x", c);
		else
			strbuf_addf(b, "%c", c);
	}
}

static void quoted(struct strbuf *b, const char *s)
{
	strbuf_add(b, "\"");
	if (is_plain(s))
		strbuf_add(b, s);
	else
		escaped(b, s);
	strbuf_add(b, "\"");
}

/* What stands before a value: a comma, the key. */
static void lead(struct jsonw *j, const char *key)
{
	if (j->comma)
		strbuf_add(j->b, ",");
	j->comma = true;
	if (key) {
		quoted(j->b, key);
		strbuf_add(j->b, ":");
	}
}

static void open_bracket(struct jsonw *j, const char *key, const char *bracket)
{
	lead(j, key);
	strbuf_add(j->b, bracket);
	j->comma = false;
}

static void close_bracket(struct jsonw *j, const char *bracket)
{
	strbuf_add(j->b, bracket);
	j->comma = true;
}

void jsonw_object(struct jsonw *j, const char *key)
{
	open_bracket(j, key, "{");
}

void jsonw_object_end(struct jsonw *j)
{
	close_bracket(j, "}");
}

void jsonw_array(struct jsonw *j, const char *key)
{
	open_bracket(j, key, "[");
}

void jsonw_array_end(struct jsonw *j)
{
	close_bracket(j, "]");
}

void jsonw_u64(struct jsonw *j, const char *key, uint64_t v)
{
	lead(j, key);
	strbuf_add_u64(j->b, v);
}

void jsonw_bool(struct jsonw *j, const char *key, bool v)
{
	lead(j, key);
	strbuf_add(j->b, v ? "true" : "false");
}

void jsonw_seconds(struct jsonw *j, const char *key, uint64_t nanoseconds)
{
	lead(j, key);
	strbuf_addf(j->b, "%" PRIu64 ".%03u", nanoseconds / 1000000000u,
		    (unsigned int)(nanoseconds / 1000000u % 1000u));
}

void jsonw_str(struct jsonw *j, const char *key, const char *s)
{
	lead(j, key);
	if (s)
		quoted(j->b, s);
	else
		strbuf_add(j->b, "null");
}

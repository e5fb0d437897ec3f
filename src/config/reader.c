// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between scanner and grammar: says what a word is at the place where it
 * stands, and puts what is wrong into words. In the language a keyword is only a
 * keyword where a statement can start; everywhere else it is an ordinary word, so
 * a device may be called "on".
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "msgs.h"
#include "word.h"
#include "parser.h"

enum schema_block reader_block(const struct reader *r)
{
	return r->stack[r->depth];
}

int reader_push(struct reader *r, enum schema_block block)
{
	if (r->depth + 1 >= READER_DEPTH)
		return reader_fail(r, &r->token, "blocks are nested too deep");
	r->stack[++r->depth] = block;
	return 0;
}

static int say(struct reader *r, enum log_level level, const struct word *w, const char *fmt,
	       va_list ap) __attribute__((format(printf, 4, 0)));

static int say(struct reader *r, enum log_level level, const struct word *w, const char *fmt,
	       va_list ap)
{
	char shown[WORD_SHOWN], text[CONFIG_MSG_TEXT];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (w->len)
		return msgs_addf(r->m, level, r->name, w->line, w->column, "'%s': %s",
				 word_show(w, shown), text);
	return msgs_addf(r->m, level, r->name, w->line, w->column, "end of file: %s", text);
}

int reader_fail(struct reader *r, const struct word *w, const char *fmt, ...)
{
	va_list ap;

	if (r->err) /* the first one counts */
		return r->err;
	va_start(ap, fmt);
	r->err = say(r, LOG_LVL_ERROR, w, fmt, ap);
	va_end(ap);
	if (!r->err)
		r->err = CTD_ESYNTAX;
	return r->err;
}

void reader_warn(struct reader *r, const struct word *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, LOG_LVL_WARNING, w, fmt, ap);
	va_end(ap);
}

int reader_bad(struct reader *r, const struct schema_key *key, const struct word *w,
	       const char *fmt, ...)
{
	char text[CONFIG_MSG_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (key->problem == BAD_IS_FATAL)
		return reader_fail(r, w, "%s", text);
	reader_warn(r, w, "%s, ignored", text);
	return 0;
}

/* The first place a keyword belongs to, for the message about a wrong one. */
static const char *home_of(const struct schema_key *key)
{
	unsigned int block;

	for (block = 0; block < IN_COUNT; block++)
		if (key->where & 1u << block)
			return schema_block_name((enum schema_block)block);
	return "";
}

static void unknown_key(struct reader *r)
{
	const struct word *w = &r->token;
	const char *place = schema_block_name(reader_block(r));
	const struct schema_key *key = schema_find_any(w->s, w->len);
	const char *near = schema_suggest(reader_block(r), w->s, w->len);

	if (key && key->type == KEY_REMOVED)
		reader_fail(r, w, "removed from the language: %s", key->help);
	else if (key)
		reader_fail(r, w, "not possible in %s, it belongs into %s", place, home_of(key));
	else if (near)
		reader_fail(r, w, "unknown keyword in %s, did you mean %s?", place, near);
	else
		reader_fail(r, w, "unknown keyword in %s", place);
}

int reader_classify(struct reader *r, const char *s, size_t len, const struct schema_key **key)
{
	if (r->want != WANT_KEY)
		return WORD;
	r->key_word = r->token;
	*key = schema_find(reader_block(r), s, len);
	if (!*key) {
		unknown_key(r);
		return CONF_YYerror;
	}
	switch ((*key)->type) {
	case KEY_BLOCK:
		return BLOCK;
	case KEY_LIST:
		return LIST;
	case KEY_BOOL_LIST:
		return CHOICE;
	default:
		return KEY;
	}
}

void reader_bad_byte(struct reader *r, unsigned char byte)
{
	if (byte == ';')
		reader_fail(r, &r->token, "statements have no end mark");
	else if (byte == '"')
		reader_fail(r, &r->token, "there is no quoting");
	else if (byte == '\\')
		reader_fail(r, &r->token, "there is no escape character");
	else
		reader_fail(r, &r->token, "not a text character");
}

void reader_unexpected(struct reader *r)
{
	const char *name = r->key ? r->key->name : "";
	const char *place = schema_block_name(reader_block(r));

	switch (r->want) {
	case WANT_VALUE:
		reader_fail(r, &r->token, "expected a value for %s", name);
		break;
	case WANT_HEAD:
		reader_fail(r, &r->token, "expected '{' after %s", name);
		break;
	case WANT_ITEM:
		reader_fail(r, &r->token, "expected '}' at the end of %s", name);
		break;
	default:
		if (r->depth)
			reader_fail(r, &r->token, "expected a keyword or '}' in %s", place);
		else
			reader_fail(r, &r->token, "expected General, Sync, Stats or Helper");
		break;
	}
}

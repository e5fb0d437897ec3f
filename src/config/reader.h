/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONFIG_READER_H
#define CTD_CONFIG_READER_H

/*
 * The state of one reading: between scanner, grammar and the functions that
 * turn statements into values. Scanner and grammar know no keyword; what a word
 * is follows from the block it stands in and from what the statement still
 * lacks ("want").
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include "config/config.h"
#include "schema.h"

/* A piece of the text; not NUL-terminated. */
struct word {
	const char *s;
	size_t len;
	unsigned int line, column;
};

enum reader_want {
	WANT_KEY,   /* a keyword of the block, or "}" */
	WANT_VALUE, /* one word */
	WANT_HEAD,  /* a word before "{", or "{" */
	WANT_ITEM,  /* a word of a list, or "}" */
};

#define READER_DEPTH 8 /* the schema nests four deep */
#define READER_HEAD  3 /* most words between keyword and "{" */

/* Addresses of the link being read, per family (index 0: IPv4). */
struct reader_link {
	bool given[2][ADDR_COUNT];
	struct addr addr[2][ADDR_COUNT];
	uint8_t last; /* family of the last address, FAM_* */
	bool mixed;
	struct word mixed_at;
};

struct reader {
	struct config *c;
	struct config_msgs *m;
	const char *name;   /* of the file */
	unsigned int flags; /* CONFIG_HOST */
	void *scanner;
	jmp_buf nomem;     /* the scanner's way out of lexer_open() */
	size_t arena_used; /* storage of the scanner's own objects */
	_Alignas(16) char arena[1024];
	int err; /* set once something fatal was said */
	enum reader_want want;
	struct word token;            /* last token, for messages; len 0 at the end */
	struct word key_word;         /* last keyword */
	const struct schema_key *key; /* its row, while its statement is being read */
	enum schema_block stack[READER_DEPTH];
	unsigned int depth;
	struct word head[READER_HEAD];
	unsigned int n_head;
	uint32_t modes;        /* IN() bits of the Mode blocks seen */
	struct word mode_word; /* of the last one */
	bool states_open;      /* TCP state list: names without "for TCP" yet */
	bool after_for;
	bool policy_given; /* a number in this Policy block */
	struct reader_link link;
	uint32_t *net_index; /* 1 + index into the list of networks, 0: empty; owned */
	size_t net_mask;     /* slots of the index less 1 */
};

/* ---- reader.c: called by scanner and grammar ---- */

/* Class of a word for the grammar: KEY, BLOCK, ... or an error already told. */
int reader_classify(struct reader *r, const char *s, size_t len, const struct schema_key **key);
/* A byte no token can start with. Always an error. */
void reader_bad_byte(struct reader *r, unsigned char byte);
/* The token at hand does not fit. */
void reader_unexpected(struct reader *r);
enum schema_block reader_block(const struct reader *r);
int reader_push(struct reader *r, enum schema_block block);

/* Say something about a word. The first returns the error it noted. */
int reader_fail(struct reader *r, const struct word *w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void reader_warn(struct reader *r, const struct word *w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One or the other, as the row says; 0 if it was a warning. */
int reader_bad(struct reader *r, const struct schema_key *key, const struct word *w,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static inline bool reader_has_failed(const struct reader *r)
{
	return r->err != 0;
}

/* ---- lexer.l ---- */

/* Start and end scanning; text is len bytes followed by two NULs, and written to. */
int lexer_open(struct reader *r, char *text, size_t len);
void lexer_close(struct reader *r);

/* ---- the rest: 0, or a negative code after reader_fail() ---- */

int value_set(struct reader *r, const struct schema_key *key, const struct word *w);
/* Accept or Ignore, the word before the brace of a filter set. */
int section_policy(struct reader *r, const struct schema_key *key);
int section_head_word(struct reader *r, const struct schema_key *key, const struct word *w);
int section_open(struct reader *r, const struct schema_key *key);
int section_close(struct reader *r);
int list_open(struct reader *r, const struct schema_key *key);
int list_item(struct reader *r, const struct schema_key *key, const struct word *w);
int list_close(struct reader *r, const struct schema_key *key);
int net_add(struct reader *r, const struct schema_key *key, const struct word *w);
void net_index_free(struct reader *r);
int peer_open(struct reader *r);
/* The link being read. */
struct config_link *peer_link(struct reader *r);
int link_open(struct reader *r, enum config_link_kind kind);
void link_close(struct reader *r);
int helper_open(struct reader *r);
int helper_policy_open(struct reader *r);
int helper_policy_close(struct reader *r);

/* ---- check.c ---- */

/* Rules across keys, after the last statement. */
void check_rules(struct reader *r);

/* Does this host have the device? Asked with CONFIG_HOST only. */
void check_interface(struct reader *r, const struct word *w, const char *name);

#endif

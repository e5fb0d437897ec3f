/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONFIG_SCHEMA_H
#define CTD_CONFIG_SCHEMA_H

/*
 * The language as data. One row per keyword and place where it means the same;
 * reader, defaults, effective print, messages and the man page test all work
 * from these rows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a statement can stand. */
enum schema_block {
	IN_TOP,
	IN_SYNC,
	IN_PEER, /* Sync { Peer ... } */
	IN_FTFW, /* Mode blocks */
	IN_ALARM,
	IN_NOTRACK,
	IN_MULTICAST,
	IN_UDP,
	IN_TCP,
	IN_OPTIONS,
	IN_GENERAL,
	IN_UNIX,
	IN_SCHEDULER,
	IN_FILTER,
	IN_ADDRESS, /* Filter { Address ... } */
	IN_STATS,
	IN_HELPER,
	IN_TYPE, /* Helper { Type ... } */
	IN_POLICY,
	IN_COUNT,
};

#define IN(block) (1u << IN_##block)
#define IN_MODES  (IN(FTFW) | IN(ALARM) | IN(NOTRACK))
#define IN_LINK   (IN(MULTICAST) | IN(UDP) | IN(TCP))

enum schema_type {
	KEY_NUMBER,      /* uint32_t */
	KEY_BOOL,        /* bool */
	KEY_BOOL_NUMBER, /* uint32_t: off = 0, on = default */
	KEY_PATH,        /* char[max + 1] */
	KEY_BOOL_PATH,   /* the same; off = "", on = the row's text */
	KEY_FACILITY,    /* int32_t: boolean or syslog facility */
	KEY_CHOICE,      /* uint32_t: 1 + index in "choices" */
	KEY_INTERFACE,   /* char[CONFIG_IFNAME] */
	KEY_ACCOUNT,     /* char[CONFIG_ACCOUNT]: name of a user or a group */
	KEY_FILE_MODE,   /* uint32_t, written in octal; 0: not set */
	KEY_LINK_ADDR,   /* link address "addr" of "family" */
	KEY_NET,         /* network of "family", added to the filter */
	KEY_IGNORED,     /* one word is read and dropped, with a warning: help says why */
	KEY_REMOVED,     /* no longer there: help names the replacement */
	KEY_BLOCK,       /* words, { statements } */
	KEY_LIST,        /* words, { words } */
	KEY_BOOL_LIST,   /* boolean or { words } */
};

/* What an unusable value does. */
enum schema_problem { BAD_IS_FATAL, BAD_IS_WARNING };

/* Which value a row's offset counts from. */
enum schema_scope { SCOPE_CONFIG, SCOPE_LINK, SCOPE_HELPER };

/* The addresses of a link. */
enum schema_addr { ADDR_LOCAL, ADDR_DEST, ADDR_IFACE, ADDR_COUNT };

#define KEY_ZERO_DEFAULT 1u /* 0 stands for the default */
#define KEY_ZERO_UNSET   2u /* 0 stands for "not set"; not printed */
#define KEY_AT_START     4u /* a running daemon cannot change it */

struct schema_key {
	const char *name;
	const char *alias[2]; /* other spellings, read but never printed */
	uint32_t where;       /* IN() bits */
	enum schema_type type;
	enum schema_problem problem;
	enum schema_scope scope;
	enum schema_block opens; /* KEY_BLOCK */
	uint32_t flags;          /* KEY_ZERO_ bits */
	uint32_t min, max;       /* number; length of a path; words before "{" */
	uint32_t def;
	const char *text;           /* default, or "on" value, of a path */
	const char *const *choices; /* KEY_CHOICE, ends with NULL */
	enum schema_addr addr;
	uint8_t family; /* FAM_*, KEY_LINK_ADDR, KEY_NET */
	size_t off;     /* of the value in its scope */
	const char *unit;
	const char *help;
};

/* Row i, or NULL beyond the end. */
const struct schema_key *schema_row(size_t i);

/* Does one of the row's spellings equal the word? */
bool schema_spells(const struct schema_key *key, const char *s, size_t len);

/* The row for a word in a block, or NULL. */
const struct schema_key *schema_find(enum schema_block block, const char *s, size_t len);

/* The row for a word anywhere, removed keywords included, or NULL. */
const struct schema_key *schema_find_any(const char *s, size_t len);

/*
 * The spelling closest to a mistyped word in a block: same letters in another
 * case, or at most two slips. NULL: nothing comes close.
 */
const char *schema_suggest(enum schema_block block, const char *s, size_t len);

/* Name of a block as messages call it, "Mode FTFW". Static storage. */
const char *schema_block_name(enum schema_block block);

/* Fill every field of a scope that has a row with its default; others stay. */
void schema_defaults(enum schema_scope scope, void *value);
void schema_default(const struct schema_key *key, void *value);

#endif

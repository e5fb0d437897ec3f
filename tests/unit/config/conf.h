/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_CONF_H
#define CTD_TESTS_CONF_H

/* What the configuration tests have in common. */
#include <stdbool.h>
#include <stddef.h>
#include "config/config.h"
#include "schema.h"

/* One reading: value, messages, result. */
struct conf {
	struct config c;
	struct config_msgs m;
	int rc;
};

/* Read a text without looking at the host. */
void conf_read(struct conf *f, const char *text);
void conf_read_bytes(struct conf *f, const char *text, size_t len);
/* The statement alone on line 2, in its block. */
void conf_read_in(struct conf *f, enum schema_block block, const char *statement);
void conf_done(struct conf *f);

/* The last message if it is an ERROR, else NULL. */
const struct config_msg *conf_error(const struct conf *f);

/* Messages of a level. */
size_t conf_count(const struct conf *f, enum log_level level);

/* The effective configuration as text. The caller frees. */
char *conf_print(const struct config *c);

/*
 * The same with one statement per line and its blocks before it:
 * "General UNIX Path /x". Lists have an item per line. The caller frees.
 */
char *conf_flat(const struct config *c);

/* Is this one of the lines of text? */
bool conf_has_line(const char *text, const char *line);

/* A file, NUL-terminated; NULL if it cannot be read. The caller frees. */
char *conf_slurp(const char *path, size_t *len);

/* Printed, read and printed again: the same text and no message? */
bool conf_is_fixpoint(const struct config *c);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each keyword by itself, from tests/golden/config/keywords.txt:
 *
 *	key KEYWORD in BLOCK
 *	+ STATEMENT              is accepted, without a word but the W lines after it
 *	= EFFECTIVE              and this statement, or none ("= -"), is in effect
 *	W WARNING                the whole text behind the name of the file
 *	! STATEMENT              is refused with
 *	E ERROR                  exactly this message
 *
 * Every row of the table has such a section, with at least one accepted and one
 * refused form; removed keywords have refused ones only. One keyword in more
 * than one block is read in the first; schema_test tries all of them.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "conf.h"

#define ROWS 256

struct section {
	const struct schema_key *key;
	enum schema_block block;
	char statement[1024];
	bool open, good; /* a statement waits for what is expected of it */
	struct conf f;
	size_t next;      /* message expected next */
	size_t effective; /* "=" lines seen for it */
};

static unsigned int accepted[ROWS], refused[ROWS];

static size_t row_of(const struct schema_key *key)
{
	size_t i = 0;

	while (schema_row(i) != key)
		i++;
	return i;
}

static enum schema_block block_of(const char *name)
{
	unsigned int b = 0;

	while (b < IN_COUNT && strcmp(schema_block_name((enum schema_block)b), name))
		b++;
	cr_assert_lt(b, IN_COUNT, "no block %s", name);
	return (enum schema_block)b;
}

static const struct schema_key *find_removed(const char *name)
{
	const struct schema_key *key = schema_find_any(name, strlen(name));

	return key && key->type == KEY_REMOVED ? key : NULL;
}

static void begin(struct section *s, const char *line)
{
	char name[64], block[64];

	cr_assert_eq(sscanf(line, "key %63s in %63[^\n]", name, block), 2, "%s", line);
	s->block = block_of(block);
	s->key = schema_find(s->block, name, strlen(name));
	if (!s->key)
		s->key = find_removed(name);
	cr_assert(s->key, "%s is not in the table", line);
}

/* The statement before is through: nothing more was said than expected. */
static void finish(struct section *s)
{
	if (!s->open)
		return;
	cr_expect_eq(s->next, s->f.m.n, "%s: also said: %s", s->statement,
		     s->next < s->f.m.n ? s->f.m.v[s->next].text : "");
	cr_expect(!s->good || s->effective, "%s: what is in effect?", s->statement);
	cr_expect(s->good || s->next, "%s: which message?", s->statement);
	conf_done(&s->f);
	s->open = false;
}

static void try(struct section *s, bool good, const char *statement)
{
	finish(s);
	cr_assert(s->key, "%s: no key", statement);
	snprintf(s->statement, sizeof(s->statement), "%s", statement);
	conf_read_in(&s->f, s->block, statement);
	cr_expect_eq(s->f.rc, good ? 0 : CTD_ESYNTAX, "%s: %s", statement,
		     s->f.m.n ? s->f.m.v[0].text : "no message");
	(good ? accepted : refused)[row_of(s->key)]++;
	s->open = true;
	s->good = good;
	s->next = s->effective = 0;
}

static void expect_message(struct section *s, enum log_level level, const char *text)
{
	const struct config_msg *m = &s->f.m.v[s->next];

	cr_assert_lt(s->next, s->f.m.n, "%s: not said: %s", s->statement, text);
	s->next++;
	cr_expect(m->level == level && strcmp(m->text + strlen("test.conf:"), text) == 0,
		  "%s:\nwanted: %s\ngot:    %s", s->statement, text, m->text);
}

static void expect_effective(struct section *s, const char *line)
{
	char *flat = s->f.rc ? strdup("") : conf_flat(&s->f.c);

	s->effective++;
	if (strcmp(line, "-"))
		cr_expect(conf_has_line(flat, line), "%s: not in effect: %s\n%s", s->statement,
			  line, flat);
	free(flat);
}

static void take(struct section *s, const char *line)
{
	const char *rest = line[0] && line[1] ? line + 2 : "";

	switch (line[0]) {
	case 'k':
		finish(s);
		begin(s, line);
		break;
	case '+':
	case '!':
		try(s, line[0] == '+', rest);
		break;
	case '=':
		expect_effective(s, rest);
		break;
	case 'W':
		expect_message(s, LOG_LVL_WARNING, rest);
		break;
	case 'E':
		expect_message(s, LOG_LVL_ERROR, rest);
		break;
	default:
		cr_expect(!line[0] || line[0] == '#', "odd line: %s", line);
		break;
	}
}

Test(keywords, each_has_its_forms)
{
	struct section *s = calloc(1, sizeof(*s));
	FILE *in = fopen(TEST_DATA "/config/keywords.txt", "r");
	const struct schema_key *key;
	char *line = NULL;
	size_t cap = 0;

	cr_assert(in && s);
	while (getline(&line, &cap, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		take(s, line);
	}
	finish(s);
	free(line);
	free(s);
	fclose(in);
	for (size_t i = 0; (key = schema_row(i)); i++) {
		cr_expect(refused[i], "%s, %s: no refused form", key->name, key->help);
		cr_expect(accepted[i] || key->type == KEY_REMOVED, "%s, %s: no accepted form",
			  key->name, key->help);
	}
}

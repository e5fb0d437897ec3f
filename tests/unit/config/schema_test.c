// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of keywords against the reader (each row, in every block, at the
 * ends of its range) and against the manual page.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "conf.h"
#include "schema.h"

/* What follows the keyword in an ordinary statement. */
static const char *sample(const struct schema_key *key)
{
	switch (key->type) {
	case KEY_NUMBER:
	case KEY_BOOL_NUMBER:
		return "7";
	case KEY_BOOL:
	case KEY_BOOL_LIST:
		return "yes";
	case KEY_PATH:
	case KEY_BOOL_PATH:
		return "/run/x";
	case KEY_FACILITY:
		return "local3";
	case KEY_CHOICE:
		return key->choices[0];
	case KEY_INTERFACE:
		return "eth7";
	case KEY_ACCOUNT:
		return "daemon";
	case KEY_FILE_MODE:
		return "0640";
	case KEY_LINK_ADDR:
	case KEY_NET:
		return key->family == FAM_IP4 ? "10.0.0.7" : "fe80::7";
	case KEY_IGNORED:
		return "7";
	case KEY_LIST:
		return "Accept { }";
	case KEY_BLOCK:
		if (key->opens == IN_FTFW)
			return "FTFW { }";
		if (key->opens == IN_PEER)
			return "c { }";
		if (key->opens == IN_ADDRESS)
			return "Ignore { }";
		if (key->opens == IN_TYPE)
			return "ftp inet tcp { }";
		if (key->opens == IN_POLICY)
			return "ftp { ExpectMax 1 }";
		return "{ }";
	default:
		return "";
	}
}

/* The row of this name in a block, if any; the names are not unique. */
static bool stands_in(const char *name, enum schema_block block)
{
	const struct schema_key *key = schema_find(block, name, strlen(name));

	return key != NULL;
}

Test(schema, rows_are_complete)
{
	const struct schema_key *key, *other;
	size_t i, j;

	for (i = 0; (key = schema_row(i)); i++) {
		cr_expect(key->help && key->help[0], "%s has no help", key->name);
		cr_expect((key->type == KEY_REMOVED) == !key->where, "%s", key->name);
		for (j = 0; (other = schema_row(j)); j++)
			cr_expect(i == j || strcmp(key->name, other->name) ||
					  !(key->where & other->where),
				  "%s stands twice", key->name);
		if (key->type == KEY_NUMBER && !(key->flags & KEY_ZERO_UNSET) &&
		    key->scope != SCOPE_HELPER)
			cr_expect(key->def >= key->min && key->def <= key->max, "%s", key->name);
	}
}

Test(schema, each_keyword_in_each_block)
{
	const struct schema_key *key;
	char statement[200];
	unsigned int block;
	struct conf f;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++) {
		for (block = 0; block < IN_COUNT; block++) {
			bool here = key->where & 1u << block;

			if (!here && stands_in(key->name, (enum schema_block)block))
				continue; /* another row of that name */
			snprintf(statement, sizeof(statement), "%s %s", key->name, sample(key));
			conf_read_in(&f, (enum schema_block)block, statement);
			if (here) {
				cr_expect_eq(f.rc, 0, "%s in %s: %s", key->name,
					     schema_block_name((enum schema_block)block),
					     f.m.n ? f.m.v[0].text : "");
				cr_expect_eq(f.m.n, key->type == KEY_IGNORED, "%s: %s", key->name,
					     f.m.n ? f.m.v[0].text : "");
				cr_expect(f.rc || conf_is_fixpoint(&f.c), "%s", key->name);
			} else {
				cr_expect_eq(f.rc, CTD_ESYNTAX, "%s in %s", key->name,
					     schema_block_name((enum schema_block)block));
				cr_assert(conf_error(&f), "%s", key->name);
				cr_expect_eq(conf_error(&f)->line, 2, "%s", conf_error(&f)->text);
				cr_expect_eq(conf_error(&f)->column, 1);
				cr_expect(strstr(conf_error(&f)->text, key->name));
			}
			conf_done(&f);
		}
	}
}

static enum schema_block first_block(const struct schema_key *key)
{
	unsigned int block = 0;

	while (!(key->where & 1u << block))
		block++;
	return (enum schema_block)block;
}

/* A statement alone in its block: result 0 or fatal, on its line. */
static void expect_value(const struct schema_key *key, const char *value, bool good)
{
	char statement[200];
	struct conf f;

	snprintf(statement, sizeof(statement), "%s %s", key->name, value);
	conf_read_in(&f, first_block(key), statement);
	if (good) {
		cr_expect_eq(f.rc, 0, "%s: %s", statement, f.m.n ? f.m.v[0].text : "");
		cr_expect_eq(f.m.n, 0, "%s", statement);
	} else {
		cr_expect_eq(f.rc, CTD_ESYNTAX, "%s", statement);
		cr_assert(conf_error(&f), "%s", statement);
		cr_expect_eq(conf_error(&f)->line, 2, "%s", conf_error(&f)->text);
		cr_expect_eq(conf_error(&f)->column, strlen(key->name) + 2);
		cr_expect(strstr(conf_error(&f)->text, key->name), "%s", conf_error(&f)->text);
	}
	conf_done(&f);
}

Test(schema, numbers_keep_to_their_range)
{
	static const char *const never[] = { "-1",  "+1", "1.5",        "0x10",
					     "ten", "5s", "4294967296", "99999999999999999999" };
	const struct schema_key *key;
	char text[32];
	size_t i, j;

	for (i = 0; (key = schema_row(i)); i++) {
		if (key->type != KEY_NUMBER && key->type != KEY_BOOL_NUMBER)
			continue;
		snprintf(text, sizeof(text), "%u", key->min);
		expect_value(key, text, true);
		snprintf(text, sizeof(text), "%u", key->max);
		expect_value(key, text, true);
		snprintf(text, sizeof(text), "%llu", key->max + 1ull);
		expect_value(key, text, false);
		if (key->min)
			expect_value(key, "0", false);
		for (j = 0; j < sizeof(never) / sizeof(never[0]); j++)
			expect_value(key, never[j], false);
		expect_value(key, "{", false);
	}
}

Test(schema, booleans_are_booleans)
{
	const struct schema_key *key;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++) {
		if (key->type != KEY_BOOL)
			continue;
		expect_value(key, "on", true);
		expect_value(key, "NO", true);
		expect_value(key, "1", false);
		expect_value(key, "true", false);
		expect_value(key, "o|", false);
	}
}

Test(schema, paths_keep_to_their_length)
{
	char text[400] = "/", *end = text + 1;
	const struct schema_key *key;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++) {
		if (key->type != KEY_PATH && key->type != KEY_BOOL_PATH)
			continue;
		memset(end, 'x', sizeof(text) - 1);
		text[key->max] = '\0';
		if (key->max < 190)
			expect_value(key, text, true);
		text[key->max] = 'x';
		text[key->max + 1] = '\0';
		if (key->max < 190)
			expect_value(key, text, false);
		expect_value(key, "relative", false);
	}
}

Test(schema, nothing_read_means_defaults)
{
	const struct schema_key *key;
	const char *at;
	struct conf f;
	size_t i;

	conf_read(&f, "");
	for (i = 0; (key = schema_row(i)); i++) {
		if (key->scope != SCOPE_CONFIG || key == schema_find(IN_SCHEDULER, "Type", 4) ||
		    key == schema_find(IN_SCHEDULER, "Priority", 8))
			continue;
		at = (const char *)&f.c + key->off;
		if (key->type == KEY_NUMBER || key->type == KEY_BOOL_NUMBER)
			cr_expect_eq(*(const uint32_t *)at, key->def, "%s", key->name);
		if (key->type == KEY_BOOL)
			cr_expect_eq(*(const bool *)at, key->def != 0, "%s", key->name);
		if (key->type == KEY_PATH)
			cr_expect_str_eq(at, key->text);
	}
	cr_expect_eq(f.c.general.sched_policy, CONFIG_SCHED_RR);
	cr_expect_eq(f.c.general.sched_priority, 99);
	conf_done(&f);
}

Test(schema, suggestions)
{
	cr_expect_str_eq(schema_suggest(IN_GENERAL, "HASHLIMIT", 9), "HashLimit");
	cr_expect_str_eq(schema_suggest(IN_GENERAL, "LogFiel", 7), "LogFile");
	cr_expect_null(schema_suggest(IN_GENERAL, "RefreshTime", 11));
	cr_expect_null(schema_suggest(IN_UDP, "x", 1));
	cr_expect_null(schema_suggest(IN_UDP, "IPv4_Destination_Address_and_much_more_of_it", 44));
}

/* ---- the manual page ---- */

static char *man_page(void)
{
	size_t len;
	char *text = conf_slurp(TEST_DATA "/../../doc/conntrackd.conf.5", &len);

	cr_assert(text);
	return text;
}

/*
 * The nth paragraph ".TP / .B NAME" or ".BI "NAME ..."" of a name: its text up to
 * the next paragraph in out. False if there are fewer.
 */
static bool man_entry(const char *page, const char *name, size_t nth, char *out, size_t cap)
{
	size_t len = strlen(name);
	const char *p, *end;

	for (p = strstr(page, "\n.TP\n"); p; p = strstr(p + 1, "\n.TP\n")) {
		const char *word = strpbrk(p + 5, " \n");

		if (!word || *word != ' ')
			continue;
		word += word[1] == '"' ? 2 : 1;
		if (strncmp(word, name, len) || !strchr(" \n\"", word[len]) || nth--)
			continue;
		end = strstr(p + 1, "\n.TP\n");
		snprintf(out, cap, "%.*s", end ? (int)(end - p) : (int)strlen(p), p);
		return true;
	}
	return false;
}

static size_t rows_of(const char *name)
{
	const struct schema_key *key;
	size_t i, n = 0;

	for (i = 0; (key = schema_row(i)); i++)
		n += key->where && strcmp(key->name, name) == 0;
	return n;
}

Test(man, has_a_paragraph_for_each_row)
{
	char *page = man_page(), entry[4096];
	const struct schema_key *key;
	size_t i, n;

	for (i = 0; (key = schema_row(i)); i++) {
		n = rows_of(key->name);
		if (key->where)
			cr_expect(man_entry(page, key->name, n - 1, entry, sizeof(entry)),
				  "%s: %zu paragraphs wanted", key->name, n);
		cr_expect(!man_entry(page, key->name, n, entry, sizeof(entry)),
			  "%s: more than %zu paragraphs", key->name, n);
		cr_expect(strstr(page, key->name), "%s is not mentioned", key->name);
		cr_expect(!key->alias[0] || strstr(page, key->alias[0]), "%s", key->alias[0]);
		cr_expect(!key->alias[1] || strstr(page, key->alias[1]), "%s", key->alias[1]);
	}
	free(page);
}

Test(man, has_no_paragraph_without_a_row)
{
	char *page = man_page(), name[64];
	const char *p;
	size_t n = 0;

	for (p = strstr(page, "\n.TP\n"); p; p = strstr(p + 1, "\n.TP\n")) {
		cr_assert(sscanf(p + 5, ".%*[BI] %*[\"]%63[A-Za-z0-9_]", name) == 1 ||
				  sscanf(p + 5, ".%*[BI] %63[A-Za-z0-9_]", name) == 1,
			  "%.60s", p);
		cr_expect(rows_of(name), "%s is not in the table", name);
		n++;
	}
	cr_expect_geq(n, 60, "%zu", n);
	free(page);
}

static void default_text(const struct schema_key *key, char *out, size_t cap)
{
	*out = '\0';
	if ((key->type == KEY_NUMBER || key->type == KEY_BOOL_NUMBER) && key->def)
		snprintf(out, cap, "Default: %u.", key->def);
	if (key->type == KEY_BOOL)
		snprintf(out, cap, "Default: %s.", key->def ? "on" : "off");
	if (key->type == KEY_CHOICE && key->def)
		snprintf(out, cap, "Default: %s.", key->choices[key->def - 1]);
	if (key->type == KEY_PATH)
		snprintf(out, cap, "Default: %s.", key->text);
	if (key->type == KEY_BOOL_PATH || key->type == KEY_FACILITY || key->type == KEY_BOOL_LIST)
		snprintf(out, cap, "Default: off.");
}

Test(man, states_the_defaults)
{
	char *page = man_page(), entry[4096], want[128];
	const struct schema_key *key;
	size_t i, nth;

	for (i = 0; (key = schema_row(i)); i++) {
		default_text(key, want, sizeof(want));
		if (!want[0])
			continue;
		/* Names that stand twice have the same default in both places. */
		for (nth = 0; nth < rows_of(key->name); nth++) {
			cr_assert(man_entry(page, key->name, nth, entry, sizeof(entry)), "%s",
				  key->name);
			cr_expect(strstr(entry, want), "%s: '%s' wanted in:%s", key->name, want,
				  entry);
		}
	}
	free(page);
}

/* The section RELOAD names what cannot change. */
Test(man, tells_what_a_reload_cannot_change)
{
	char *page = man_page(), *section = strstr(page, ".SH RELOAD\n"), want[80];
	const struct schema_key *key;
	size_t i, n = 0;

	cr_assert(section);
	*strstr(section, ".SH OLD") = '\0';
	for (i = 0; (key = schema_row(i)); i++) {
		snprintf(want, sizeof(want), "\n.BR %s ", key->name);
		if (!(key->flags & KEY_AT_START))
			continue;
		cr_expect(strstr(section, want), "%s", key->name);
		n++;
	}
	cr_expect_geq(n, 5);
	free(page);
}

Test(man, example_reads)
{
	char *page = man_page(), *start, *end;
	struct conf f;

	start = strstr(page, ".SH EXAMPLE");
	cr_assert(start);
	start = strstr(start, ".nf\n");
	end = strstr(start, "\n.fi");
	cr_assert(start && end);
	conf_read_bytes(&f, start + 4, (size_t)(end - start - 3));
	cr_expect_eq(f.rc, 0, "%s", f.m.n ? f.m.v[0].text : "");
	cr_expect_eq(config_check_start(&f.c, &f.m), 0);
	cr_expect_eq(f.m.n, 0);
	conf_done(&f);
	free(page);
}

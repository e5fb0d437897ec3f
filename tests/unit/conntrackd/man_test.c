// SPDX-License-Identifier: GPL-2.0-or-later
/* conntrackd(8) against the tables of options and commands. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "flow/match.h"

static char page[65536];

static void read_page(void)
{
	FILE *f = fopen(TEST_DATA "/../../doc/conntrackd.8", "r");

	cr_assert_not_null(f);
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	fclose(f);
}

TestSuite(man, .init = read_page);

/*
 * Is there a paragraph with this head? Dashes are written \- in manual pages. Heads
 * are in bold, alone or with what follows in italics.
 */
static bool has_head(const char *letter, const char *name)
{
	static const char *const fonts[] = { "B", "BI", "BR" };
	char head[128];

	snprintf(head, sizeof(head), "\n.TP\n.BR \\-%s \", \" \\-\\-%s", letter, name);
	if (*letter)
		return strstr(page, head) != NULL;
	for (size_t i = 0; i < 3; i++) {
		snprintf(head, sizeof(head), "\n.TP\n.%s %s", fonts[i], name);
		if (strstr(page, head))
			return true;
	}
	return false;
}

/* "flush-cache" as a manual page spells it. */
static void dashes(char *out, size_t cap, const char *name)
{
	size_t n = 0;

	for (; *name && n + 3 < cap; name++) {
		if (*name == '-')
			out[n++] = '\\';
		out[n++] = *name;
	}
	out[n] = '\0';
}

Test(man, has_each_command)
{
	const struct control_command *c;
	char letter[2] = "", name[64], want[64];
	char *args, *word, *save;

	for (size_t i = 0; (c = control_command_at(i)); i++) {
		letter[0] = c->letter;
		dashes(name, sizeof(name), c->word);
		cr_expect(has_head(letter, name), "%s", c->word);
		args = strdup(c->args ? c->args : "");
		for (word = strtok_r(args, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
			snprintf(want, sizeof(want), "%s", word);
			cr_expect(strstr(page, want), "%s of %s", word, c->word);
		}
		free(args);
	}
}

Test(man, has_each_option)
{
	const struct cli_option *o;
	char letter[2] = "", name[64], with_check[96];

	for (size_t i = 0; (o = cli_option_at(i)); i++) {
		snprintf(with_check, sizeof(with_check), "\n.TP\n.B check \\-\\-%s\n", o->name);
		letter[0] = o->letter;
		if (o->letter)
			snprintf(name, sizeof(name), "%s", o->name);
		else
			snprintf(name, sizeof(name), "\\-\\-%s", o->name);
		cr_expect(has_head(letter, name) || strstr(page, with_check), "%s", o->name);
	}
}

/* Each report has a paragraph; so has each key of the filter language. */
Test(man, has_reports_and_filter_keys)
{
	static const char *const keys[] = { "proto", "src",  "dst",  "addr", "sport",
					    "dport", "port", "zone", "mark", "state" };
	static const char *const reports[] = { "expect", "network", "cache", "runtime",
					       "link",   "rsqueue", "queue", "process" };
	struct flow_match m;
	char err[512], want[64];

	flow_match_parse(&m, "no-such-key", err, sizeof(err));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		cr_expect(strstr(err, keys[i]), "%s is no key", keys[i]);
		snprintf(want, sizeof(want), "\n.TP\n.B %s\n", keys[i]);
		cr_expect(strstr(page, want), "%s", keys[i]);
	}
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		snprintf(want, sizeof(want), "\n.TP\n.B %s\n", reports[i]);
		cr_expect(strstr(page, want), "%s", reports[i]);
	}
}

/* The other way round: no option in the page that there is not. */
Test(man, has_no_other_option)
{
	const struct cli_option *o;
	char name[64];
	bool known;
	size_t len;

	for (const char *p = page; (p = strstr(p, "\\-\\-")); p += 4 + len) {
		dashes(name, sizeof(name), "");
		for (len = 0; p[4 + len] && strchr("abcdefghijklmnopqrstuvwxyz\\-", p[4 + len]);)
			len++;
		for (size_t i = 0, n = 0; i < len && n < sizeof(name) - 1; i++)
			if (p[4 + i] != '\\') {
				name[n++] = p[4 + i];
				name[n] = '\0';
			}
		known = control_command_by_word(name) != NULL;
		for (size_t i = 0; !known && (o = cli_option_at(i)); i++)
			known = strcmp(o->name, name) == 0;
		cr_expect(known, "--%s", name);
	}
}

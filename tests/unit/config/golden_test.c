// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cases of tests/golden/config/: each *.txt is a list of
 *
 *	case TITLE
 *	| text of the file (\t \r \0 \xNN \\ stand for the bytes)
 *	= effective statement, with its blocks before it
 *	- effective statement that must not be there
 *	W LINE:COLUMN words of the warning
 *	E LINE:COLUMN words of the ERROR
 *
 * A case without E must be readable and print to a fixpoint; its warnings must
 * be exactly those listed.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "conf.h"

#define CASE_LINES 24

struct test_case {
	char title[200];
	char input[16384];
	size_t len;
	char *expect[CASE_LINES];
	size_t n_expect;
};

static void add_input(struct test_case *t, const char *s)
{
	for (; *s; s++) {
		char c = *s;

		if (c == '\\') {
			s++;
			c = *s == 't' ? '\t' : *s == 'r' ? '\r' : *s == '0' ? '\0' : *s;
			if (*s == 'x') {
				char hex[3] = { s[1], s[2], '\0' };

				c = (char)strtol(hex, NULL, 16);
				s += 2;
			}
		}
		t->input[t->len++] = c;
	}
	t->input[t->len++] = '\n';
}

/* The W or E line "LINE:COLUMN words" against a message. */
static bool msg_matches(const char *want, const struct config_msg *msg)
{
	unsigned int line, column;
	int at = 0;

	cr_assert_eq(sscanf(want, "%u:%u %n", &line, &column, &at), 2, "bad expectation: %s", want);
	return msg->line == line && msg->column == column && strstr(msg->text, want + at);
}

static void check_msgs(const struct test_case *t, const struct conf *f)
{
	size_t i, next = 0;

	for (i = 0; i < t->n_expect; i++) {
		const char *want = t->expect[i];
		enum log_level level = *want == 'E' ? LOG_LVL_ERROR : LOG_LVL_WARNING;

		if (*want != 'E' && *want != 'W')
			continue;
		cr_assert_lt(next, f->m.n, "%s: no message for: %s", t->title, want);
		cr_expect(f->m.v[next].level == level && msg_matches(want + 2, &f->m.v[next]),
			  "%s: wanted: %s, got: %s", t->title, want, f->m.v[next].text);
		next++;
	}
	cr_expect_eq(next, f->m.n, "%s: %zu messages too many, e.g. %s", t->title, f->m.n - next,
		     next < f->m.n ? f->m.v[next].text : "");
}

static void check_value(const struct test_case *t, const struct conf *f)
{
	char *flat = conf_flat(&f->c);
	size_t i;

	for (i = 0; i < t->n_expect; i++) {
		const char *want = t->expect[i];

		if (*want == '=')
			cr_expect(conf_has_line(flat, want + 2), "%s: not in effect: %s\n%s",
				  t->title, want + 2, flat);
		if (*want == '-')
			cr_expect(!conf_has_line(flat, want + 2), "%s: in effect: %s", t->title,
				  want + 2);
	}
	cr_expect(conf_is_fixpoint(&f->c), "%s: prints to something else", t->title);
	free(flat);
}

static void run_case(struct test_case *t)
{
	bool fails = t->n_expect && *t->expect[t->n_expect - 1] == 'E';
	struct conf f;
	size_t i;

	cr_assert(t->n_expect || t->len, "%s: empty case", t->title);
	conf_read_bytes(&f, t->input, t->len);
	check_msgs(t, &f);
	if (fails)
		cr_expect_eq(f.rc, CTD_ESYNTAX, "%s: result %d", t->title, f.rc);
	else
		cr_expect_eq(f.rc, 0, "%s: result %d", t->title, f.rc);
	if (!f.rc)
		check_value(t, &f);
	conf_done(&f);
	for (i = 0; i < t->n_expect; i++)
		free(t->expect[i]);
	memset(t, 0, sizeof(*t));
}

static size_t run_file(const char *name)
{
	char path[512], *line = NULL;
	struct test_case *t = calloc(1, sizeof(*t));
	size_t cap = 0, n = 0;
	FILE *in;

	snprintf(path, sizeof(path), TEST_DATA "/config/%s", name);
	in = fopen(path, "r");
	cr_assert(in, "%s", path);
	while (getline(&line, &cap, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "case ", 5) == 0) {
			if (t->title[0])
				run_case(t);
			snprintf(t->title, sizeof(t->title), "%s: %.150s", name, line + 5);
			n++;
		} else if (line[0] == '|') {
			add_input(t, line[1] ? line + 2 : "");
		} else if (strchr("=-WE", line[0]) && line[0]) {
			cr_assert_lt(t->n_expect, CASE_LINES, "%s", t->title);
			t->expect[t->n_expect++] = strdup(line);
		} else {
			cr_assert(!line[0] || line[0] == '#', "%s: odd line: %s", name, line);
		}
	}
	if (t->title[0])
		run_case(t);
	free(line);
	free(t);
	fclose(in);
	return n;
}

#define GOLDEN(which, least)                             \
	Test(golden, which)                              \
	{                                                \
		size_t n = run_file(#which ".txt");      \
                                                         \
		cr_expect_geq(n, least, "%zu cases", n); \
	}

GOLDEN(lexical, 30)
GOLDEN(shape, 15)
GOLDEN(sync, 20)
GOLDEN(links, 25)
GOLDEN(peers, 15)
GOLDEN(general, 30)
GOLDEN(filter, 25)
GOLDEN(stats_helper, 20)

/* NAME.conf must mean exactly NAME.effective. */
static void check_pair(const char *stem)
{
	char path[512], *in, *want, *got;
	struct conf f;
	size_t len;

	snprintf(path, sizeof(path), TEST_DATA "/config/%s.conf", stem);
	in = conf_slurp(path, &len);
	cr_assert(in, "%s", path);
	conf_read_bytes(&f, in, len);
	cr_assert_eq(f.rc, 0, "%s: %s", stem, f.m.n ? f.m.v[f.m.n - 1].text : "");
	cr_expect_eq(f.m.n, 0, "%s", stem);
	snprintf(path, sizeof(path), TEST_DATA "/config/%s.effective", stem);
	want = conf_slurp(path, &len);
	got = conf_print(&f.c);
	cr_expect(want && strcmp(want, got) == 0, "%s, effective is:\n%s", stem, got);
	cr_expect(conf_is_fixpoint(&f.c));
	cr_expect_eq(config_check_start(&f.c, &f.m), 0);
	conf_done(&f);
	free(in);
	free(want);
	free(got);
}

Test(golden, examples)
{
	check_pair("primary");
	check_pair("best-effort");
	check_pair("stream");
	check_pair("lab");
	check_pair("cluster");
	check_pair("accounting");
}

/* Every file in configs/ reads without a word, and a daemon could start with it. */
Test(golden, shipped_configs)
{
	DIR *d = opendir(TEST_DATA "/../../configs");
	struct dirent *e;
	size_t n = 0;

	cr_assert(d);
	while ((e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		char path[512], *text;
		struct conf f;
		size_t len;

		if (!dot || strcmp(dot, ".conf"))
			continue;
		snprintf(path, sizeof(path), TEST_DATA "/../../configs/%.200s", e->d_name);
		text = conf_slurp(path, &len);
		cr_assert(text);
		conf_read_bytes(&f, text, len);
		cr_expect_eq(f.rc, 0, "%s: %s", e->d_name, f.m.n ? f.m.v[0].text : "");
		cr_expect_eq(f.m.n, 0, "%s: %s", e->d_name, f.m.n ? f.m.v[0].text : "");
		cr_expect(conf_is_fixpoint(&f.c), "%s", e->d_name);
		cr_expect_eq(config_check_start(&f.c, &f.m), 0, "%s", e->d_name);
		cr_expect_eq(f.m.n, 0, "%s: %s", e->d_name, f.m.n ? f.m.v[0].text : "");
		conf_done(&f);
		free(text);
		n++;
	}
	closedir(d);
	cr_expect_geq(n, 6);
}

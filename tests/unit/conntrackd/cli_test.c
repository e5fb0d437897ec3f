// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: what it means, and what it refuses in which words. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

#define WORDS 10

/* Splits at single spaces; the words live until the next call. */
static int parse(struct cli *out, char *err, size_t cap, const char *line)
{
	static char text[256];
	char *argv[WORDS + 1] = { "conntrackd" }, *save = NULL, *w;
	int argc = 1;

	strncpy(text, line, sizeof(text) - 1);
	for (w = strtok_r(text, " ", &save); w && argc < WORDS; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return cli_parse(argc, argv, out, err, cap);
}

static struct cli good(const char *line)
{
	char err[256] = "";
	struct cli c;

	cr_assert_eq(parse(&c, err, sizeof(err), line), 0, "%s: %s", line, err);
	return c;
}

static void bad(const char *line, const char *words)
{
	char err[256] = "";
	struct cli c;

	cr_assert_eq(parse(&c, err, sizeof(err), line), -1, "%s", line);
	cr_expect(strstr(err, words), "%s: %s", line, err);
}

Test(cli, daemon_or_client)
{
	cr_expect_eq(good("").role, CLI_DAEMON);
	cr_expect(!good("").background);
	cr_expect(good("-d").background);
	cr_expect_eq(good("-s").role, CLI_CLIENT);
	cr_expect_str_eq(good("-C /a -s").config, "/a");
	cr_expect_str_eq(good("-s -C /a").config, "/a");
	cr_expect_eq(good("-s -h").role, CLI_HELP);
	cr_expect_eq(good("--version -Z").role, CLI_VERSION);
	bad("-d -s", "combined with `-d'");
	bad("-s -i", "more than one command");
	bad("-C", "a path is needed");
	bad("-Z", "unknown option `-Z'");
	bad("-s --peers", "unknown option `--peers'");
	bad("x", "not an option");
}

Test(cli, check)
{
	cr_expect_eq(good("check").role, CLI_CHECK);
	cr_expect(!good("check").print);
	cr_expect_str_eq(good("check -C /a --print").config, "/a");
	cr_expect(good("-C /a --print check").print);
	bad("check check", "more than one command");
	bad("-s check", "-s takes");
	bad("check -s", "more than one command");
	bad("check -d", "combined with `-d'");
	bad("check -x", "a command is needed");
	bad("check --peer a", "a command is needed");
	bad("-s --print", "only check can be combined");
	bad("--print", "only check can be combined");
}

/* Each command of the table, by letter and by name; those without letter by word. */
Test(cli, long_names)
{
	const struct control_command *c;
	char line[64];

	for (size_t i = 0; (c = control_command_at(i)); i++) {
		snprintf(line, sizeof(line), "--%s", c->word);
		cr_expect_eq(good(line).request.cmd, c->cmd, "%s", line);
		if (c->letter)
			bad(c->word, "not an option");
		else
			cr_expect_eq(good(c->word).request.cmd, c->cmd, "%s", c->word);
		snprintf(line, sizeof(line), "-%c", c->letter);
		if (c->letter)
			cr_expect_eq(good(line).request.cmd, c->cmd, "%s", line);
	}
	cr_expect_str_eq(good("--config /a --stats").config, "/a");
	cr_expect(good("--daemon").background);
	cr_expect_eq(good("--dump-internal exp --xml").request.what, CONTROL_EXPECT);
	cr_expect_eq(good("--stats rs").request.report, REPORT_RSQUEUE);
}

/* What older programs took for something else, and what could be meant otherwise. */
Test(cli, refused)
{
	static const char *const lines[] = {
		"start", "stop",  "kill", "commit",    "-ix",      "-fexternal", "-",
		"--",    "-s -C", "---s", "-i --xmlx", "--statss", "-status",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		bad(lines[i], "`");
	bad("status status", "takes no argument");
	bad("--peer a --peer b -e", "--peer is given twice");
}

Test(cli, json)
{
	cr_expect_eq(good("--json -s").request.format, FORMAT_JSON);
	cr_expect_eq(good("-i ct --json").request.format, FORMAT_JSON);
	cr_expect_eq(good("-c --json").request.format, FORMAT_JSON);
	cr_expect_eq(good("status --json").request.format, FORMAT_JSON);
	cr_expect_eq(good("health").request.format, FORMAT_TEXT);
	bad("--json", "a command is needed");
	bad("-k --json", "-k has no JSON form");
	bad("--bulk --json", "--bulk has no JSON form");
}

Test(cli, wait)
{
	cr_expect_eq(good("-n").request.wait, 0);
	cr_expect_eq(good("-n --wait").request.wait, 30);
	cr_expect_eq(good("--wait 7 -n --peer b").request.wait, 7);
	bad("-n --wait 0", "number of seconds");
	bad("-n --wait x", "number of seconds");
	bad("-B --wait", "only -n");
	bad("--wait", "a command is needed");
}

Test(cli, watch)
{
	cr_expect_eq(good("status").watch, 0);
	cr_expect_eq(good("status --watch").watch, 2);
	cr_expect_eq(good("--watch 10 status").watch, 10);
	bad("status --watch 0", "number of seconds");
	bad("status --watch x", "number of seconds");
	bad("-s --watch", "only status");
	bad("--watch", "a command is needed");
}

Test(cli, xml)
{
	cr_expect(good("-i -x").request.format == FORMAT_XML);
	cr_expect(good("-x -e exp").request.format == FORMAT_XML);
	bad("-x", "a command is needed");
	bad("-x -i --json", "another form");
	bad("-s -x", "only -i and -e");
}

/* An expression is one word of the shell's, so these do not go through parse(). */
static int with_filter(const char *option, char *expr, struct cli *c, char err[256])
{
	char *argv[] = { "conntrackd", (char *)(uintptr_t)option, "--filter", expr, NULL };

	return cli_parse(expr ? 4 : 3, argv, c, err, 256);
}

Test(cli, filter)
{
	char err[256], big[CONTROL_FILTER_MAX + 1];
	struct cli c;

	cr_assert_eq(with_filter("-i", "proto tcp port 80", &c, err), 0);
	cr_expect_str_eq(c.request.filter, "proto tcp port 80");
	cr_assert_eq(with_filter("-e", "proto=tcp", &c, err), 0);
	cr_expect_str_eq(c.request.filter, "proto=tcp");
	cr_expect_eq(with_filter("-s", "proto tcp", &c, err), -1);
	cr_expect(strstr(err, "only -i and -e"), "%s", err);
	cr_expect_eq(with_filter("-i", "", &c, err), -1);
	cr_expect(strstr(err, "is needed"), "%s", err);
	cr_expect_eq(with_filter("-i", NULL, &c, err), -1);
	memset(big, 'a', CONTROL_FILTER_MAX);
	big[CONTROL_FILTER_MAX] = '\0';
	cr_expect_eq(with_filter("-i", big, &c, err), -1);
	cr_expect(strstr(err, "too long"), "%s", err);
	bad("--filter x", "a command is needed");
}

Test(cli, one_peer)
{
	struct cli c = good("-e exp --peer left -x");

	cr_expect_str_eq(c.request.peer, "left");
	cr_expect_str_eq(c.peer, "left");
	cr_expect_eq(c.request.what, CONTROL_EXPECT);
	cr_expect_eq(c.request.format, FORMAT_XML);
	cr_expect_str_eq(good("--peer left -c").request.peer, "left");
	cr_expect_str_eq(good("-C /a --peer left -f ext").request.peer, "left");
	cr_expect_str_eq(good("-s --peer left").request.peer, "left");
	cr_expect_str_eq(good("-s link --peer left").request.peer, "left");
	cr_expect_str_eq(good("-B --peer left").request.peer, "left");
	cr_expect_str_eq(good("-n --peer left").request.peer, "left");
	cr_expect_str_eq(good("-e").request.peer, "");
}

Test(cli, not_for_one_peer)
{
	bad("--peer left", "a command is needed");
	bad("-d --peer left", "a command is needed");
	bad("-e --peer", "a name is needed after `--peer'");
	bad("--peer -e", "a name is needed after `--peer'");
	bad("-e --peer a --peer b", "--peer is given twice");
	bad("-e --peer abcdefghijklmnop", "not the name of a peer: `abcdefghijklmnop'");
	bad("-i --peer a", "-i does not take --peer");
	bad("-k --peer a", "-k does not take --peer");
	bad("-f --peer a", "-f takes --peer with `external' only");
	bad("-f internal --peer a", "-f takes --peer with `external' only");
}

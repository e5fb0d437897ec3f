// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: what it means, and what it refuses in which words. */
#include <criterion/criterion.h>
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
	bad("check -x", "only -i and -e");
	bad("check --peer a", "a command is needed");
	bad("-s --print", "only check can be combined");
	bad("--print", "only check can be combined");
}

Test(cli, xml)
{
	cr_expect(good("-i -x").request.xml);
	cr_expect(good("-x -e exp").request.xml);
	bad("-x", "only -i and -e");
	bad("-s -x", "only -i and -e");
}

Test(cli, one_peer)
{
	struct cli c = good("-e exp --peer left -x");

	cr_expect_str_eq(c.request.peer, "left");
	cr_expect_str_eq(c.peer, "left");
	cr_expect_eq(c.request.what, CONTROL_EXPECT);
	cr_expect(c.request.xml);
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
	bad("-e --peer a --peer b", "more than one peer");
	bad("-e --peer abcdefghijklmnop", "not the name of a peer: `abcdefghijklmnop'");
	bad("-i --peer a", "-i does not take --peer");
	bad("-k --peer a", "-k does not take --peer");
	bad("-f --peer a", "-f takes --peer with `external' only");
	bad("-f internal --peer a", "-f takes --peer with `external' only");
}

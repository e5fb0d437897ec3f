// SPDX-License-Identifier: GPL-2.0-or-later
/* The command table: abbreviations, request lines, classic numbers. */
#include "control/cmds.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>
#include "base/err.h"

#define ALL_TABLES (CONTROL_CT | CONTROL_EXPECT)

static struct control_request ask(char letter, const char *word)
{
	const struct control_command *cmd = control_command_by_letter(letter);
	struct control_request rq;

	cr_assert_not_null(cmd, "-%c", letter);
	control_request_init(&rq, cmd->cmd);
	if (word)
		cr_assert_eq(control_request_arg(&rq, word), 0, "-%c %s", letter, word);
	return rq;
}

Test(cmds, every_letter_has_its_command)
{
	const char letters[] = "cfFRieBntks"; /* and three words */
	unsigned int seen = 0;
	size_t i;

	for (i = 0; letters[i]; i++)
		seen |= 1u << control_command_by_letter(letters[i])->cmd;
	seen |= 1u << CONTROL_STATUS | 1u << CONTROL_HEALTH | 1u << CONTROL_RELOAD;
	cr_assert_eq(seen, (1u << CONTROL_CMDS) - 1);
	cr_assert_null(control_command_by_letter('x'));
	cr_assert_null(control_command_by_letter('\0'));
	for (i = 0; i < CONTROL_CMDS; i++) {
		cr_assert_eq(control_command_at(i)->cmd, i);
		cr_assert_eq(control_command_of(i), control_command_at(i));
		cr_assert(*control_command_at(i)->help);
		cr_assert_eq(control_command_by_word(control_command_at(i)->word)->cmd, i);
	}
	cr_assert_null(control_command_at(CONTROL_CMDS));
}

Test(cmds, without_argument)
{
	cr_assert_eq(ask('c', NULL).what, ALL_TABLES);
	cr_assert_eq(ask('F', NULL).what, ALL_TABLES);
	cr_assert_eq(ask('R', NULL).what, ALL_TABLES);
	cr_assert_eq(ask('f', NULL).what, ALL_TABLES | CONTROL_INTERNAL | CONTROL_EXTERNAL);
	cr_assert_eq(ask('i', NULL).what, CONTROL_CT);
	cr_assert_eq(ask('e', NULL).what, CONTROL_CT);
	cr_assert_eq(ask('s', NULL).report, REPORT_CT);
	cr_assert_eq(ask('k', NULL).what, 0);
}

Test(cmds, tables_may_be_abbreviated)
{
	const char letters[] = "cFRie";
	size_t i;

	for (i = 0; letters[i]; i++) {
		cr_assert_eq(ask(letters[i], "ct").what, CONTROL_CT);
		cr_assert_eq(ask(letters[i], "c").what, CONTROL_CT);
		cr_assert_eq(ask(letters[i], "").what, CONTROL_CT);
		cr_assert_eq(ask(letters[i], "e").what, CONTROL_EXPECT);
		cr_assert_eq(ask(letters[i], "exp").what, CONTROL_EXPECT);
		cr_assert_eq(ask(letters[i], "expect").what, CONTROL_EXPECT);
	}
	cr_assert_eq(ask('f', "int").what, ALL_TABLES | CONTROL_INTERNAL);
	cr_assert_eq(ask('f', "e").what, ALL_TABLES | CONTROL_EXTERNAL);
}

Test(cmds, reports_may_be_abbreviated)
{
	static const struct {
		const char *word;
		enum control_report report;
		bool old;
	} want[] = {
		{ "network", REPORT_NETWORK, false }, { "", REPORT_NETWORK, false },
		{ "c", REPORT_CACHE, false },         { "r", REPORT_RUNTIME, false },
		{ "m", REPORT_LINK, true },           { "multicast", REPORT_LINK, true },
		{ "l", REPORT_LINK, false },          { "rs", REPORT_RSQUEUE, false },
		{ "p", REPORT_PROCESS, false },       { "q", REPORT_QUEUE, false },
		{ "ct", REPORT_CT, false },           { "exp", REPORT_EXPECT, false },
		{ "e", REPORT_EXPECT, false },        { "runtime", REPORT_RUNTIME, false },
	};
	struct control_request rq;
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		rq = ask('s', want[i].word);
		cr_assert_eq(rq.report, want[i].report, "-s %s", want[i].word);
		cr_assert_eq(rq.old_word, want[i].old);
	}
}

Test(cmds, bad_arguments)
{
	static const struct {
		char letter;
		const char *word;
	} bad[] = { { 'c', "foo" }, { 'c', "ctx" }, { 'f', "ct" },      { 's', "cachex" },
		    { 'k', "ct" },  { 'B', "" },    { 'i', "external" } };
	struct control_request rq, before;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rq = before = ask(bad[i].letter, NULL);
		cr_assert_eq(control_request_arg(&rq, bad[i].word), -EINVAL, "-%c %s",
			     bad[i].letter, bad[i].word);
		cr_assert_eq(rq.what, before.what);
	}
}

static void check_line(const char *line, const char *canonical)
{
	struct control_request rq, again;
	char out[96];

	cr_assert_eq(control_request_parse(&rq, line), 0, "%s", line);
	cr_assert_eq(control_request_format(&rq, out, sizeof(out)), (int)strlen(canonical));
	cr_assert_str_eq(out, canonical);
	cr_assert_eq(control_request_parse(&again, out), 0);
	cr_assert_eq(again.cmd, rq.cmd);
	cr_assert_eq(again.what, rq.what);
	cr_assert_eq(again.format, rq.format);
	cr_assert_eq(again.report, rq.report);
}

Test(cmds, lines_and_requests)
{
	check_line("commit", "commit");
	check_line("commit exp", "commit expect");
	check_line("commit ct", "commit ct");
	check_line("flush-cache", "flush-cache");
	check_line("flush-cache i", "flush-cache internal");
	check_line("flush-kernel expect", "flush-kernel expect");
	check_line("resync-kernel", "resync-kernel");
	check_line("dump-internal", "dump-internal");
	check_line("dump-internal xml", "dump-internal xml");
	check_line("dump-internal ct xml", "dump-internal xml");
	check_line("dump-external expect xml", "dump-external expect xml");
	check_line("bulk", "bulk");
	check_line("request-resync", "request-resync");
	check_line("purge", "purge");
	check_line("kill", "kill");
	check_line("stats", "stats");
	check_line("stats ct", "stats");
	check_line("stats multicast", "stats link");
	check_line("stats rs", "stats rsqueue");
	check_line("stats expect", "stats expect");
}

Test(cmds, lines_with_form_and_filter)
{
	struct control_request rq;

	check_line("stats json", "stats json");
	check_line("stats rs json", "stats rsqueue json");
	check_line("status json", "status json");
	check_line("health", "health");
	check_line("reload", "reload");
	check_line("commit ct json peer=b", "commit ct peer=b json");
	check_line("dump-internal json filter=proto tcp  not port 22",
		   "dump-internal json filter=proto tcp  not port 22");
	check_line("dump-external exp peer=b filter=x", "dump-external expect peer=b filter=x");
	cr_assert_eq(control_request_parse(&rq, "dump-internal xml filter=mark 7"), 0);
	cr_assert_str_eq(rq.filter, "mark 7");
	cr_assert_eq(rq.format, FORMAT_XML);
	/* No number says so either. */
	cr_assert_eq(control_request_number(&rq), -EINVAL);
	cr_assert_eq(control_request_parse(&rq, "stats json"), 0);
	cr_assert_eq(control_request_number(&rq), -EINVAL);
	cr_assert_eq(control_request_parse(&rq, "status"), 0);
	cr_assert_eq(control_request_number(&rq), -EINVAL);
}

Test(cmds, lines_for_one_peer)
{
	struct control_request rq;

	check_line("commit peer=b", "commit peer=b");
	check_line("commit ct peer=b", "commit ct peer=b");
	check_line("flush-cache e peer=b", "flush-cache external peer=b");
	check_line("dump-external peer=b xml", "dump-external peer=b xml");
	check_line("dump-external ct xml peer=b", "dump-external peer=b xml");
	check_line("dump-external exp peer=b xml", "dump-external expect peer=b xml");
	check_line("stats peer=abcdefghijklmno", "stats peer=abcdefghijklmno");
	check_line("stats link peer=peer=", "stats link peer=peer=");
	check_line("bulk peer=b", "bulk peer=b");
	check_line("request-resync peer=b", "request-resync peer=b");
	check_line("request-resync wait", "request-resync wait");
	check_line("request-resync wait peer=b", "request-resync peer=b wait");
	cr_assert_lt(control_request_parse(&rq, "request-resync wait wait"), 0);
	cr_assert_lt(control_request_parse(&rq, "bulk wait"), 0);
	cr_assert_eq(control_request_parse(&rq, "request-resync wait"), 0);
	cr_assert_lt(control_request_number(&rq), 0, "no classic number waits");
	cr_assert_eq(control_request_parse(&rq, "commit ct peer=left-2"), 0);
	cr_assert_str_eq(rq.peer, "left-2");
	cr_assert_eq(rq.what, CONTROL_CT);
	/* No number says so: asked by number, all peers would be meant. */
	cr_assert_eq(control_request_number(&rq), -EINVAL);
}

Test(cmds, which_requests_concern_a_peer)
{
	const char yes[] = "ceBns", no[] = "iFRtk";
	struct control_request rq;
	size_t i;

	for (i = 0; yes[i]; i++) {
		rq = ask(yes[i], NULL);
		cr_assert_eq(control_request_peer(&rq, "b"), 0, "-%c", yes[i]);
		cr_assert_str_eq(rq.peer, "b");
	}
	for (i = 0; no[i]; i++) {
		rq = ask(no[i], NULL);
		cr_assert_eq(control_request_peer(&rq, "b"), -EINVAL, "-%c", no[i]);
		cr_assert_str_eq(rq.peer, "");
	}
	rq = ask('f', NULL);
	cr_assert_eq(control_request_peer(&rq, "b"), -EINVAL);
	rq = ask('f', "internal");
	cr_assert_eq(control_request_peer(&rq, "b"), -EINVAL);
	rq = ask('f', "external");
	cr_assert_eq(control_request_peer(&rq, "b"), 0);
}

Test(cmds, names_no_peer_can_have)
{
	struct control_request rq = ask('e', NULL);

	cr_assert_eq(control_request_peer(&rq, ""), -ENOENT);
	cr_assert_eq(control_request_peer(&rq, "abcdefghijklmnop"), -ENOENT);
	cr_assert_eq(control_request_peer(&rq, "a b"), -ENOENT);
	cr_assert_eq(control_request_peer(&rq, "a\nb"), -ENOENT);
	cr_assert_str_eq(rq.peer, "");
}

Test(cmds, bad_lines)
{
	static const char *const bad[] = {
		"",
		" ",
		"commit ",
		" commit",
		"commit  ct",
		"comm",
		"commit foo",
		"commit ct xml",
		"commit xml",
		"stats xml",
		"kill now",
		"dump-internal xml xml",
		"commit peer=",
		"commit peer=abcdefghijklmnop",
		"commit peer=a peer=b",
		"commit peer=b ct",
		"commit ct expect peer=b",
		"flush-cache peer=b",
		"flush-cache internal peer=b",
		"dump-internal peer=b",
		"kill peer=b",
		"stats filter=x",
		"dump-internal filter=",
		"dump-internal filter=x\r",
		"filter=x",
		"kill json",
		"status xml",
		"dump-internal xml json",
		"status peer=b",
		"commit pee",
		"commit peer=b ",
		"dump-internal ct expect",
		"dump-internal ct expect xml",
		"Commit",
		"commit ct ct",
		"stats aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct control_request rq = { .cmd = CONTROL_KILL, .what = 77 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(control_request_parse(&rq, bad[i]), CTD_ESYNTAX, "\"%s\"", bad[i]);
	cr_assert_eq(rq.cmd, CONTROL_KILL);
	cr_assert_eq(rq.what, 77);
}

Test(cmds, requests_without_a_line)
{
	struct control_request rq = { .cmd = CONTROL_FLUSH_CACHE, .what = CONTROL_CT };
	char out[8];

	cr_assert_eq(control_request_format(&rq, out, sizeof(out)), -EINVAL);
	control_request_init(&rq, CONTROL_KILL);
	rq.format = FORMAT_XML;
	cr_assert_eq(control_request_format(&rq, out, sizeof(out)), -EINVAL);
	control_request_init(&rq, CONTROL_FLUSH_CACHE);
	cr_assert_eq(control_request_format(&rq, out, sizeof(out)), -ENOSPC);
}

/* Numbers of doc/control.md, against request lines. */
Test(cmds, classic_numbers)
{
	static const struct {
		uint32_t number;
		const char *line;
	} want[] = {
		{ 0, "flush-kernel ct" },
		{ 1, "resync-kernel ct" },
		{ 16, "dump-internal" },
		{ 17, "dump-external" },
		{ 18, "commit ct" },
		{ 20, "kill" },
		{ 21, "stats" },
		{ 22, "bulk" },
		{ 23, "request-resync" },
		{ 24, "dump-internal xml" },
		{ 25, "dump-external xml" },
		{ 26, "purge" },
		{ 28, "stats network" },
		{ 29, "stats cache" },
		{ 30, "stats runtime" },
		{ 31, "stats link" },
		{ 32, "stats rsqueue" },
		{ 33, "flush-cache internal" },
		{ 34, "flush-cache external" },
		{ 35, "stats process" },
		{ 36, "stats queue" },
		{ 37, "stats expect" },
		{ 38, "flush-kernel expect" },
		{ 39, "resync-kernel expect" },
		{ 40, "dump-internal expect" },
		{ 41, "dump-external expect" },
		{ 42, "commit expect" },
		{ 43, "flush-kernel" },
		{ 44, "resync-kernel" },
		{ 45, "flush-cache" },
		{ 46, "commit" },
		{ 47, "dump-internal expect xml" },
		{ 48, "dump-external expect xml" },
	};
	struct control_request rq;
	char out[64];
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cr_assert_eq(control_request_classic(&rq, want[i].number), 0);
		cr_assert_gt(control_request_format(&rq, out, sizeof(out)), 0);
		cr_assert_str_eq(out, want[i].line);
		cr_assert_eq(control_request_parse(&rq, want[i].line), 0);
		cr_assert_eq(control_request_number(&rq), (int)want[i].number);
	}
	cr_assert_eq(control_request_classic(&rq, 19), 0);
	cr_assert_eq(rq.cmd, CONTROL_FLUSH_CACHE);
	cr_assert_eq(rq.what, CONTROL_CT | CONTROL_INTERNAL | CONTROL_EXTERNAL);
}

Test(cmds, numbers_without_a_meaning)
{
	const uint32_t bad[] = { 2, 15, 27, 49, 1000, UINT32_MAX };
	struct control_request rq = { .cmd = CONTROL_COMMIT, .what = CONTROL_EXTERNAL };
	size_t i;

	cr_assert_eq(control_request_number(&rq), -EINVAL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(control_request_classic(&rq, bad[i]), -EINVAL);
}

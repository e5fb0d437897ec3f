// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operator's commands: one table of commands, one per kind of argument,
 * and one of the numbers classic clients send. Everything else about commands
 * (usage text, request lines, rights) is read from these.
 */
#include "control/cmds.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "engine/engine.h"

_Static_assert(CONTROL_CT == ADMIN_FLOWS, "same bits");
_Static_assert(CONTROL_EXPECT == ADMIN_EXPECTS, "same bits");
_Static_assert(CONTROL_INTERNAL == ADMIN_INTERNAL, "same bits");
_Static_assert(CONTROL_EXTERNAL == ADMIN_EXTERNAL, "same bits");

#define TABLES (CONTROL_CT | CONTROL_EXPECT)
#define CACHES (CONTROL_INTERNAL | CONTROL_EXTERNAL)

#define XML      CONTROL_HAS_XML
#define JSON     CONTROL_HAS_JSON
#define FILTER   CONTROL_HAS_FILTER
#define PER_PEER CONTROL_PER_PEER
#define CHANGES  CONTROL_CHANGES

static const struct control_command commands[CONTROL_CMDS] = {
	[CONTROL_COMMIT] = { CONTROL_COMMIT, 'c', "commit", "ct|expect",
			     "commit the external cache to the kernel", JSON | PER_PEER | CHANGES },
	[CONTROL_FLUSH_CACHE] = { CONTROL_FLUSH_CACHE, 'f', "flush-cache", "internal|external",
				  "flush the internal and external cache", PER_PEER | CHANGES },
	[CONTROL_FLUSH_KERNEL] = { CONTROL_FLUSH_KERNEL, 'F', "flush-kernel", "ct|expect",
				   "flush the kernel tables", CHANGES },
	[CONTROL_RESYNC_KERNEL] = { CONTROL_RESYNC_KERNEL, 'R', "resync-kernel", "ct|expect",
				    "read the kernel tables into the internal cache", CHANGES },
	[CONTROL_DUMP_INTERNAL] = { CONTROL_DUMP_INTERNAL, 'i', "dump-internal", "ct|expect",
				    "show the internal cache", XML | JSON | FILTER },
	[CONTROL_DUMP_EXTERNAL] = { CONTROL_DUMP_EXTERNAL, 'e', "dump-external", "ct|expect",
				    "show the external cache", XML | JSON | FILTER | PER_PEER },
	[CONTROL_BULK] = { CONTROL_BULK, 'B', "bulk", NULL,
			   "send the whole internal cache to the peers", PER_PEER | CHANGES },
	[CONTROL_REQUEST_RESYNC] = { CONTROL_REQUEST_RESYNC, 'n', "request-resync", NULL,
				     "ask the peers to send their internal cache",
				     PER_PEER | CHANGES | CONTROL_TAKES_WAIT },
	[CONTROL_PURGE] = { CONTROL_PURGE, 't', "purge", NULL,
			    "flush the kernel table after PurgeTimeout", CHANGES },
	[CONTROL_KILL] = { CONTROL_KILL, 'k', "kill", NULL, "end the daemon", CHANGES },
	[CONTROL_REPORT] = { CONTROL_REPORT, 's', "stats",
			     "network|cache|runtime|link|rsqueue|process|queue|ct|expect",
			     "show statistics", JSON | PER_PEER },
	[CONTROL_STATUS] = { CONTROL_STATUS, 0, "status", NULL,
			     "show the role, peers, queues and last errors", JSON },
	[CONTROL_HEALTH] = { CONTROL_HEALTH, 0, "health", NULL,
			     "say in one line and by exit status 0, 1 or 2 whether all is well",
			     JSON },
	[CONTROL_RELOAD] = { CONTROL_RELOAD, 0, "reload", NULL,
			     "read the configuration again, losing nothing", CHANGES },
};

/* An argument word, what it selects, and whether it is an outdated one. */
struct arg {
	const char *word;
	uint32_t what;
	enum control_report report;
	bool old;
};

static const struct arg no_args[] = { { NULL, 0, 0, false } };

static const struct arg table_args[] = {
	{ "ct", CONTROL_CT, 0, false },
	{ "expect", CONTROL_EXPECT, 0, false },
	{ NULL, 0, 0, false },
};

static const struct arg cache_args[] = {
	{ "internal", TABLES | CONTROL_INTERNAL, 0, false },
	{ "external", TABLES | CONTROL_EXTERNAL, 0, false },
	{ NULL, 0, 0, false },
};

/* The order decides what an abbreviation means. */
static const struct arg report_args[] = {
	{ "network", 0, REPORT_NETWORK, false },
	{ "cache", 0, REPORT_CACHE, false },
	{ "runtime", 0, REPORT_RUNTIME, false },
	{ "multicast", 0, REPORT_LINK, true },
	{ "link", 0, REPORT_LINK, false },
	{ "rsqueue", 0, REPORT_RSQUEUE, false },
	{ "process", 0, REPORT_PROCESS, false },
	{ "queue", 0, REPORT_QUEUE, false },
	{ "ct", CONTROL_CT, REPORT_CT, false },
	{ "expect", CONTROL_EXPECT, REPORT_EXPECT, false },
	{ NULL, 0, 0, false },
};

static const struct arg *args_of(enum control_cmd cmd)
{
	switch (cmd) {
	case CONTROL_FLUSH_CACHE:
		return cache_args;
	case CONTROL_REPORT:
		return report_args;
	default:
		return commands[cmd].args ? table_args : no_args;
	}
}

const struct control_command *control_command_at(size_t i)
{
	return i < CONTROL_CMDS ? &commands[i] : NULL;
}

const struct control_command *control_command_of(enum control_cmd cmd)
{
	assert((unsigned int)cmd < CONTROL_CMDS);
	return &commands[cmd];
}

const struct control_command *control_command_by_letter(char letter)
{
	size_t i;

	for (i = 0; i < CONTROL_CMDS; i++)
		if (letter && commands[i].letter == letter)
			return &commands[i];
	return NULL;
}

const struct control_command *control_command_by_word(const char *word)
{
	size_t i;

	for (i = 0; i < CONTROL_CMDS; i++)
		if (strcmp(commands[i].word, word) == 0)
			return &commands[i];
	return NULL;
}

/* Commands that act take everything, those that show take the flows. */
void control_request_init(struct control_request *rq, enum control_cmd cmd)
{
	assert((unsigned int)cmd < CONTROL_CMDS);
	*rq = (struct control_request){ .cmd = cmd, .report = REPORT_CT };
	switch (cmd) {
	case CONTROL_COMMIT:
	case CONTROL_FLUSH_KERNEL:
	case CONTROL_RESYNC_KERNEL:
		rq->what = TABLES;
		break;
	case CONTROL_FLUSH_CACHE:
		rq->what = TABLES | CACHES;
		break;
	case CONTROL_DUMP_INTERNAL:
	case CONTROL_DUMP_EXTERNAL:
	case CONTROL_REPORT:
		rq->what = CONTROL_CT;
		break;
	default:
		break;
	}
}

int control_request_arg(struct control_request *rq, const char *word)
{
	const struct arg *a;

	for (a = args_of(rq->cmd); a->word; a++) {
		if (strncmp(a->word, word, strlen(word)) != 0)
			continue;
		rq->what = a->what;
		rq->report = a->report;
		rq->old_word = a->old;
		return 0;
	}
	return -EINVAL;
}

int control_request_peer(struct control_request *rq, const char *name)
{
	const size_t len = strlen(name);

	if (!(commands[rq->cmd].flags & PER_PEER) ||
	    (rq->cmd == CONTROL_FLUSH_CACHE && (rq->what & CONTROL_INTERNAL)))
		return -EINVAL;
	if (len == 0 || len >= sizeof(rq->peer) || strpbrk(name, " \r\n"))
		return -ENOENT;
	memcpy(rq->peer, name, len + 1);
	return 0;
}

int control_request_wait(struct control_request *rq, uint32_t seconds)
{
	if (!(commands[rq->cmd].flags & CONTROL_TAKES_WAIT) || !seconds)
		return -EINVAL;
	rq->wait = seconds;
	return 0;
}

int control_request_format_as(struct control_request *rq, enum control_format format)
{
	const unsigned int needs = format == FORMAT_XML ? XML : format == FORMAT_JSON ? JSON : 0;

	if ((commands[rq->cmd].flags & needs) != needs)
		return -EINVAL;
	rq->format = format;
	return 0;
}

int control_request_filter(struct control_request *rq, const char *expr)
{
	if (!(commands[rq->cmd].flags & FILTER) || !*expr || strpbrk(expr, "\r\n"))
		return -EINVAL;
	return str_copy(rq->filter, sizeof(rq->filter), expr) ? 0 : -E2BIG;
}

/* ---- request lines ---- */

#define LINE_WORDS  4
#define WORD_MAX    32
#define PEER_WORD   "peer="
#define WAIT_WORD   "wait"
#define FILTER_WORD "filter="
#define LEN(word)   (sizeof(word) - 1)

/*
 * Cut a line at its spaces; what follows FILTER_WORD is one word. Number of
 * words before it, or CTD_ESYNTAX.
 */
static int split(const char *line, char words[LINE_WORDS][WORD_MAX], const char **filter)
{
	size_t len;
	int n;

	*filter = NULL;
	for (n = 0; *line; n++) {
		if (n && strncmp(line, FILTER_WORD, LEN(FILTER_WORD)) == 0) {
			*filter = line + LEN(FILTER_WORD);
			return n;
		}
		len = strcspn(line, " ");
		if (n == LINE_WORDS || len == 0 || len >= WORD_MAX)
			return CTD_ESYNTAX;
		memcpy(words[n], line, len);
		words[n][len] = '\0';
		line += len;
		if (*line == ' ' && *++line == '\0')
			return CTD_ESYNTAX;
	}
	return n > 0 ? n : CTD_ESYNTAX;
}

static const char *const format_words[] = { [FORMAT_XML] = "xml", [FORMAT_JSON] = "json" };

static enum control_format format_of(const char *word)
{
	enum control_format f = FORMAT_JSON;

	while (f > FORMAT_TEXT && strcmp(format_words[f], word) != 0)
		f--;
	return f;
}

/* One of the words behind the command; an argument can only be the first of them. */
static int take_word(struct control_request *rq, const char *word, bool first)
{
	const enum control_format format = format_of(word);

	if (format && !rq->format)
		return control_request_format_as(rq, format);
	if (!rq->peer[0] && strncmp(word, PEER_WORD, LEN(PEER_WORD)) == 0)
		return control_request_peer(rq, word + LEN(PEER_WORD));
	if (!rq->wait && strcmp(word, WAIT_WORD) == 0)
		return control_request_wait(rq, 1);
	return first ? control_request_arg(rq, word) : -EINVAL;
}

int control_request_parse(struct control_request *rq, const char *line)
{
	const struct control_command *cmd;
	char words[LINE_WORDS][WORD_MAX];
	struct control_request got;
	const char *filter;
	int n = split(line, words, &filter);

	if (n < 0)
		return n;
	cmd = control_command_by_word(words[0]);
	if (!cmd)
		return CTD_ESYNTAX;
	control_request_init(&got, cmd->cmd);
	for (int i = 1; i < n; i++)
		if (take_word(&got, words[i], i == 1) < 0)
			return CTD_ESYNTAX;
	if (filter && control_request_filter(&got, filter) < 0)
		return CTD_ESYNTAX;
	*rq = got;
	return 0;
}

/* The word that makes this request, "" if it is the one without a word. */
static const char *arg_word(const struct control_request *rq)
{
	struct control_request plain;
	const struct arg *a;

	control_request_init(&plain, rq->cmd);
	if (rq->what == plain.what && rq->report == plain.report)
		return "";
	for (a = args_of(rq->cmd); a->word; a++)
		if (!a->old && a->what == rq->what && a->report == rq->report)
			return a->word;
	return NULL;
}

/* Has the request nothing its command does not take? */
static bool is_possible(const struct control_request *rq)
{
	struct control_request copy = *rq;

	return control_request_format_as(&copy, rq->format) == 0 &&
	       (!rq->peer[0] || commands[rq->cmd].flags & PER_PEER) &&
	       (!rq->wait || commands[rq->cmd].flags & CONTROL_TAKES_WAIT) &&
	       (!rq->filter[0] || control_request_filter(&copy, rq->filter) == 0);
}

int control_request_format(const struct control_request *rq, char *buf, size_t cap)
{
	const char *word = arg_word(rq);
	struct strbuf b;

	if (!word || !is_possible(rq))
		return -EINVAL;
	strbuf_init(&b, buf, cap);
	strbuf_add(&b, commands[rq->cmd].word);
	if (*word)
		strbuf_addf(&b, " %s", word);
	if (rq->peer[0])
		strbuf_addf(&b, " " PEER_WORD "%s", rq->peer);
	if (rq->wait)
		strbuf_add(&b, " " WAIT_WORD);
	if (rq->format)
		strbuf_addf(&b, " %s", format_words[rq->format]);
	if (rq->filter[0])
		strbuf_addf(&b, " " FILTER_WORD "%s", rq->filter);
	return b.cut ? -ENOSPC : (int)b.len;
}

/* ---- classic numbers ---- */

/* In this order a request finds the number a classic client would send. */
static const struct classic {
	uint8_t number;
	uint8_t cmd, what, report;
	bool xml;
} classic[] = {
	{ 0, .cmd = CONTROL_FLUSH_KERNEL, .what = CONTROL_CT },
	{ 1, .cmd = CONTROL_RESYNC_KERNEL, .what = CONTROL_CT },
	{ 16, .cmd = CONTROL_DUMP_INTERNAL, .what = CONTROL_CT },
	{ 17, .cmd = CONTROL_DUMP_EXTERNAL, .what = CONTROL_CT },
	{ 18, .cmd = CONTROL_COMMIT, .what = CONTROL_CT },
	{ 19, .cmd = CONTROL_FLUSH_CACHE, .what = CONTROL_CT | CACHES },
	{ 20, .cmd = CONTROL_KILL },
	{ 21, .cmd = CONTROL_REPORT, .what = CONTROL_CT, .report = REPORT_CT },
	{ 22, .cmd = CONTROL_BULK },
	{ 23, .cmd = CONTROL_REQUEST_RESYNC },
	{ 24, .cmd = CONTROL_DUMP_INTERNAL, .what = CONTROL_CT, .xml = true },
	{ 25, .cmd = CONTROL_DUMP_EXTERNAL, .what = CONTROL_CT, .xml = true },
	{ 26, .cmd = CONTROL_PURGE },
	{ 28, .cmd = CONTROL_REPORT, .report = REPORT_NETWORK },
	{ 29, .cmd = CONTROL_REPORT, .report = REPORT_CACHE },
	{ 30, .cmd = CONTROL_REPORT, .report = REPORT_RUNTIME },
	{ 31, .cmd = CONTROL_REPORT, .report = REPORT_LINK },
	{ 32, .cmd = CONTROL_REPORT, .report = REPORT_RSQUEUE },
	{ 33, .cmd = CONTROL_FLUSH_CACHE, .what = TABLES | CONTROL_INTERNAL },
	{ 34, .cmd = CONTROL_FLUSH_CACHE, .what = TABLES | CONTROL_EXTERNAL },
	{ 35, .cmd = CONTROL_REPORT, .report = REPORT_PROCESS },
	{ 36, .cmd = CONTROL_REPORT, .report = REPORT_QUEUE },
	{ 37, .cmd = CONTROL_REPORT, .what = CONTROL_EXPECT, .report = REPORT_EXPECT },
	{ 38, .cmd = CONTROL_FLUSH_KERNEL, .what = CONTROL_EXPECT },
	{ 39, .cmd = CONTROL_RESYNC_KERNEL, .what = CONTROL_EXPECT },
	{ 40, .cmd = CONTROL_DUMP_INTERNAL, .what = CONTROL_EXPECT },
	{ 41, .cmd = CONTROL_DUMP_EXTERNAL, .what = CONTROL_EXPECT },
	{ 42, .cmd = CONTROL_COMMIT, .what = CONTROL_EXPECT },
	{ 43, .cmd = CONTROL_FLUSH_KERNEL, .what = TABLES },
	{ 44, .cmd = CONTROL_RESYNC_KERNEL, .what = TABLES },
	{ 45, .cmd = CONTROL_FLUSH_CACHE, .what = TABLES | CACHES },
	{ 46, .cmd = CONTROL_COMMIT, .what = TABLES },
	{ 47, .cmd = CONTROL_DUMP_INTERNAL, .what = CONTROL_EXPECT, .xml = true },
	{ 48, .cmd = CONTROL_DUMP_EXTERNAL, .what = CONTROL_EXPECT, .xml = true },
};

#define CLASSICS (sizeof(classic) / sizeof(classic[0]))

int control_request_classic(struct control_request *rq, uint32_t number)
{
	const struct classic *c;

	for (c = classic; c < classic + CLASSICS; c++) {
		if (c->number != number)
			continue;
		*rq = (struct control_request){
			.cmd = c->cmd,
			.what = c->what,
			.report = c->report,
			.format = c->xml ? FORMAT_XML : FORMAT_TEXT,
		};
		return 0;
	}
	return -EINVAL;
}

int control_request_number(const struct control_request *rq)
{
	const struct classic *c;

	if (rq->peer[0] || rq->wait || rq->filter[0] || rq->format == FORMAT_JSON)
		return -EINVAL;
	for (c = classic; c < classic + CLASSICS; c++)
		if (c->cmd == rq->cmd && c->what == rq->what && c->report == rq->report &&
		    c->xml == (rq->format == FORMAT_XML))
			return c->number;
	return -EINVAL;
}

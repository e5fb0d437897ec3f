// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * argv -> one value, strictly: an option is a dash and one letter, or two dashes
 * and a name; a few commands of our own are plain words. What is none of these,
 * nor the argument of one, is an error. Options are read from left to right; an
 * argument never begins with a dash.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "cli.h"
#include "config/config.h"

#define WATCH_DEFAULT 2u
#define WATCH_MAX     86400u
#define WAIT_DEFAULT  30u

static const struct cli_option options[] = {
	{ 'C', "config", "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", false },
	{ 'd', "daemon", NULL, "run in the background", false },
	{ 'v', "version", NULL, "print the version", false },
	{ 'h', "help", NULL, "print this text", false },
	{ 'x', "xml", NULL, "with -i or -e: print XML", true },
	{ 0, "json", NULL, "with -i, -e, -s, -c, status, health: print JSON", true },
	{ 0, "filter", "EXPR",
	  "with -i or -e: matching entries only, such as\n"
	  "\"proto tcp addr 10.0.0.0/8 not port 22\"",
	  true },
	{ 0, "peer", "NAME", "with -c, -e, -f external, -s, -B or -n: this peer only", true },
	{ 0, "watch", "[SECONDS]", "with status: refresh until interrupted", true },
	{ 0, "wait", "[SECONDS]", "with -n: until all peers have sent theirs, at most so long",
	  true },
	{ 0, "print", NULL, "with check: show the configuration in effect", true },
};

const struct cli_option *cli_option_at(size_t i)
{
	return i < sizeof(options) / sizeof(options[0]) ? &options[i] : NULL;
}

struct reader {
	int argc, i;
	char **argv;
	struct cli *out;
	bool has_command;
	enum control_format format;
	const char *filter;
	unsigned int wait;
	char *err;
	size_t cap;
};

/* The word after the present option, or NULL if the next one is an option. */
static const char *next_word(struct reader *r)
{
	if (r->i + 1 >= r->argc || r->argv[r->i + 1][0] == '-')
		return NULL;
	return r->argv[++r->i];
}

static int fail(struct reader *r, const char *what, const char *word)
{
	snprintf(r->err, r->cap, "%s `%s'", what, word);
	return -1;
}

/* A value that an option needs, and that can be given once. */
static int read_value(struct reader *r, const char **value, const char *what)
{
	const char *option = r->argv[r->i];

	if (*value) {
		snprintf(r->err, r->cap, "%s is given twice", option);
		return -1;
	}
	*value = next_word(r);
	if (*value)
		return 0;
	snprintf(r->err, r->cap, "%s is needed after `%s'", what, option);
	return -1;
}

static int read_command(struct reader *r, const struct control_command *c)
{
	struct cli *o = r->out;
	const char *name = r->argv[r->i];
	const char *word;

	if (r->has_command)
		return fail(r, "more than one command: second is", name);
	r->has_command = true;
	o->role = CLI_CLIENT;
	o->command = name;
	control_request_init(&o->request, c->cmd);
	word = next_word(r);
	if (word && control_request_arg(&o->request, word) < 0) {
		snprintf(r->err, r->cap,
			 c->args ? "%s takes %s, not `%s'" : "%s takes no argument%.0s: `%s'", name,
			 c->args ? c->args : "", word);
		return -1;
	}
	return 0;
}

/* The last one counts. */
static int read_config(struct reader *r)
{
	r->out->config = NULL;
	return read_value(r, &r->out->config, "a path");
}

static int read_format(struct reader *r, enum control_format format)
{
	if (r->format && r->format != format)
		return fail(r, "another form was asked for before", r->argv[r->i]);
	r->format = format;
	return 0;
}

static int read_seconds(struct reader *r, unsigned int *value, unsigned int by_default)
{
	const char *option = r->argv[r->i];
	const char *word = next_word(r);
	uint64_t seconds = by_default;

	if (word && str_to_u64(word, 1, WATCH_MAX, &seconds) < 0) {
		snprintf(r->err, r->cap, "%s takes a number of seconds, not `%s'", option, word);
		return -1;
	}
	*value = (unsigned int)seconds;
	return 0;
}

/* What takes no argument and stops nothing. */
static int read_other(struct reader *r, const char *name)
{
	if (strcmp(name, "config") == 0)
		return read_config(r);
	if (strcmp(name, "peer") == 0)
		return read_value(r, &r->out->peer, "a name");
	if (strcmp(name, "filter") == 0)
		return read_value(r, &r->filter, "an expression");
	if (strcmp(name, "watch") == 0)
		return read_seconds(r, &r->out->watch, WATCH_DEFAULT);
	if (strcmp(name, "wait") == 0)
		return read_seconds(r, &r->wait, WAIT_DEFAULT);
	if (strcmp(name, "xml") == 0)
		return read_format(r, FORMAT_XML);
	if (strcmp(name, "json") == 0)
		return read_format(r, FORMAT_JSON);
	if (strcmp(name, "print") == 0)
		r->out->print = true;
	else if (strcmp(name, "daemon") == 0)
		r->out->background = true;
	else
		return fail(r, "unknown option", r->argv[r->i]);
	return 0;
}

/* What the program does by itself, without a daemon. */
static int read_check(struct reader *r)
{
	if (r->has_command)
		return fail(r, "more than one command: second is", r->argv[r->i]);
	r->has_command = true;
	r->out->role = CLI_CHECK;
	return 0;
}

/* Long name of an option letter that is no command, NULL if there is none. */
static const char *name_of(char letter)
{
	const struct cli_option *o;

	for (size_t i = 0; (o = cli_option_at(i)); i++)
		if (o->letter == letter)
			return o->name;
	return NULL;
}

/* The command this word means: "-s", "--stats", "status". NULL: none. */
static const struct control_command *command_of(const char *a)
{
	const struct control_command *c;

	if (a[0] == '-' && a[1] && !a[2])
		return control_command_by_letter(a[1]);
	if (a[0] == '-' && a[1] == '-')
		return control_command_by_word(a + 2);
	c = control_command_by_word(a);
	return c && !c->letter ? c : NULL;
}

/* 1: stop reading (help, version). */
static int read_option(struct reader *r)
{
	const char *a = r->argv[r->i];
	const struct control_command *c = command_of(a);
	const char *name;

	if (c)
		return read_command(r, c);
	if (strcmp(a, "check") == 0)
		return read_check(r);
	if (a[0] != '-')
		return fail(r, "not an option:", a);
	name = a[1] == '-' ? a + 2 : a[1] && !a[2] ? name_of(a[1]) : NULL;
	if (!name)
		return fail(r, "unknown option", a);
	if (strcmp(name, "help") == 0) {
		r->out->role = CLI_HELP;
		return 1;
	}
	if (strcmp(name, "version") == 0) {
		r->out->role = CLI_VERSION;
		return 1;
	}
	return read_other(r, name);
}

static int finish_peer(struct reader *r)
{
	struct cli *o = r->out;

	switch (control_request_peer(&o->request, o->peer)) {
	case 0:
		return 0;
	case -ENOENT:
		return fail(r, "not the name of a peer:", o->peer);
	default:
		snprintf(r->err, r->cap,
			 o->request.cmd == CONTROL_FLUSH_CACHE ?
				 "%s takes --peer with `external' only" :
				 "%s does not take --peer",
			 o->command);
		return -1;
	}
}

static int finish_filter(struct reader *r)
{
	switch (control_request_filter(&r->out->request, r->filter)) {
	case 0:
		return 0;
	case -E2BIG:
		return fail(r, "too long:", "--filter");
	default:
		return *r->filter ? fail(r, "only -i and -e can be combined with", "--filter") :
				    fail(r, "an expression is needed after", "--filter");
	}
}

static int finish_format(struct reader *r)
{
	if (control_request_format_as(&r->out->request, r->format) == 0)
		return 0;
	if (r->format == FORMAT_XML)
		return fail(r, "only -i and -e can be combined with", "-x");
	snprintf(r->err, r->cap, "%s has no JSON form", r->out->command);
	return -1;
}

/* What was given that makes sense with a command only; NULL: nothing. */
static const char *needs_command(const struct reader *r)
{
	return r->out->peer            ? "--peer" :
	       r->filter               ? "--filter" :
	       r->out->watch           ? "--watch" :
	       r->wait                 ? "--wait" :
	       r->format == FORMAT_XML ? "-x" :
	       r->format               ? "--json" :
					 NULL;
}

static int finish(struct reader *r)
{
	struct cli *o = r->out;

	if (r->has_command && o->background)
		return fail(r, "a command cannot be combined with", "-d");
	if (o->print && o->role != CLI_CHECK)
		return fail(r, "only check can be combined with", "--print");
	if (o->role != CLI_CLIENT)
		return needs_command(r) ? fail(r, "a command is needed with", needs_command(r)) : 0;
	if (o->watch && o->request.cmd != CONTROL_STATUS)
		return fail(r, "only status can be combined with", "--watch");
	if (o->peer && finish_peer(r) < 0)
		return -1;
	if (r->wait && control_request_wait(&o->request, r->wait) < 0)
		return fail(r, "only -n can be combined with", "--wait");
	if (r->filter && finish_filter(r) < 0)
		return -1;
	return r->format ? finish_format(r) : 0;
}

int cli_parse(int argc, char **argv, struct cli *out, char *err, size_t cap)
{
	struct reader r = { .argc = argc, .argv = argv, .out = out, .err = err, .cap = cap };

	*out = (struct cli){ .role = CLI_DAEMON, .config = CONFIG_DEFAULT_FILE };
	for (r.i = 1; r.i < argc; r.i++) {
		int rc = read_option(&r);

		if (rc)
			return rc < 0 ? -1 : 0;
	}
	return finish(&r);
}

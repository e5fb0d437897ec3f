// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * argv -> one value, strictly: an option is a dash and one letter (or a long
 * name), what is neither an option nor its argument is an error. Options are
 * read from left to right; an argument never begins with a dash.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "config/config.h"

struct reader {
	int argc, i;
	char **argv;
	struct cli *out;
	bool has_command, xml;
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

static int read_command(struct reader *r, const struct control_command *c)
{
	struct cli *o = r->out;
	const char *word;

	if (r->has_command)
		return fail(r, "more than one command: second is", r->argv[r->i]);
	r->has_command = true;
	o->role = CLI_CLIENT;
	control_request_init(&o->request, c->cmd);
	word = next_word(r);
	if (word && control_request_arg(&o->request, word) < 0) {
		snprintf(r->err, r->cap, c->args ? "-%c takes %s, not `%s'" :
			 "-%c takes no argument%.0s: `%s'", c->letter, c->args ? c->args : "", word);
		return -1;
	}
	return 0;
}

static int read_config(struct reader *r)
{
	r->out->config = next_word(r);
	return r->out->config ? 0 : fail(r, "a path is needed after", "-C");
}

static int read_peer(struct reader *r)
{
	if (r->out->peer)
		return fail(r, "more than one peer: second", "--peer");
	r->out->peer = next_word(r);
	return r->out->peer ? 0 : fail(r, "a name is needed after", "--peer");
}

/* What is done by the program itself, without a daemon. */
static int read_word(struct reader *r)
{
	const char *a = r->argv[r->i];

	if (strcmp(a, "check") != 0)
		return fail(r, "not an option:", a);
	if (r->has_command)
		return fail(r, "more than one command: second is", a);
	r->has_command = true;
	r->out->role = CLI_CHECK;
	return 0;
}

/* 1: stop reading (help, version). */
static int read_option(struct reader *r)
{
	const char *a = r->argv[r->i];
	const struct control_command *c;

	if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
		r->out->role = CLI_HELP;
		return 1;
	}
	if (strcmp(a, "--version") == 0 || strcmp(a, "-v") == 0) {
		r->out->role = CLI_VERSION;
		return 1;
	}
	if (strcmp(a, "--peer") == 0)
		return read_peer(r);
	if (strcmp(a, "--print") == 0) {
		r->out->print = true;
		return 0;
	}
	if (a[0] != '-')
		return read_word(r);
	if (a[1] == '\0' || a[2] != '\0')
		return fail(r, "unknown option", a);
	switch (a[1]) {
	case 'C':
		return read_config(r);
	case 'd':
		r->out->background = true;
		return 0;
	case 'x':
		r->xml = true;
		return 0;
	default:
		c = control_command_by_letter(a[1]);
		return c ? read_command(r, c) : fail(r, "unknown option", a);
	}
}

static int finish_peer(struct reader *r)
{
	struct cli *o = r->out;

	if (o->role != CLI_CLIENT)
		return fail(r, "a command is needed with", "--peer");
	switch (control_request_peer(&o->request, o->peer)) {
	case 0:
		return 0;
	case -ENOENT:
		return fail(r, "not the name of a peer:", o->peer);
	default:
		snprintf(r->err, r->cap, o->request.cmd == CONTROL_FLUSH_CACHE ?
			 "-%c takes --peer with `external' only" : "-%c does not take --peer",
			 control_command_of(o->request.cmd)->letter);
		return -1;
	}
}

static int finish(struct reader *r)
{
	struct cli *o = r->out;

	if (r->has_command && o->background)
		return fail(r, "a command cannot be combined with", "-d");
	if (o->peer && finish_peer(r) < 0)
		return -1;
	if (o->print && o->role != CLI_CHECK)
		return fail(r, "only check can be combined with", "--print");
	if (!r->xml)
		return 0;
	if (o->role != CLI_CLIENT || !control_command_of(o->request.cmd)->xml)
		return fail(r, "only -i and -e can be combined with", "-x");
	o->request.xml = true;
	return 0;
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

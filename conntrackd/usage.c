// SPDX-License-Identifier: GPL-2.0-or-later
/* The usage text, made from the tables of options and commands. */
#include <stdio.h>
#include <string.h>
#include "cli.h"

#define COLUMN 25 /* where explanations stand */

/* A name in the first column, its explanation in the second, line by line. */
static void entry(FILE *out, const char *name, const char *help)
{
	const char *end;

	fprintf(out, "  %-*s", COLUMN - 2, name);
	for (; (end = strchr(help, '\n')); help = end + 1)
		fprintf(out, "%.*s\n%*s", (int)(end - help), help, COLUMN, "");
	fprintf(out, "%s\n", help);
}

static void print_options(FILE *out, bool of_commands)
{
	const struct cli_option *o;
	char name[64];

	for (size_t i = 0; (o = cli_option_at(i)); i++) {
		if (o->of_commands != of_commands)
			continue;
		snprintf(name, sizeof(name), "%s%.1s%s--%s%s%s", o->letter ? "-" : "",
			 o->letter ? &o->letter : "", o->letter ? ", " : "", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		entry(out, name, o->help);
	}
}

static void print_commands(FILE *out)
{
	const struct control_command *c;
	char name[64];

	for (size_t i = 0; (c = control_command_at(i)); i++) {
		if (c->letter)
			snprintf(name, sizeof(name), "-%c, --%s", c->letter, c->word);
		else
			snprintf(name, sizeof(name), "%s", c->word);
		entry(out, name, c->help);
		if (c->args)
			fprintf(out, "%*s[%s]\n", COLUMN, "", c->args);
	}
}

void usage_print(FILE *out)
{
	fprintf(out, "usage: conntrackd [-C FILE] [-d]\n"
		     "       conntrackd [-C FILE] COMMAND [ARGUMENT] [OPTION ...]\n"
		     "       conntrackd [-C FILE] check [--print]\n\n"
		     "Daemon:\n");
	print_options(out, false);
	entry(out, "check", "hold the configuration against this host");
	fprintf(out, "\nCommands to a running daemon:\n");
	print_commands(out);
	fprintf(out, "\nOptions of commands:\n");
	print_options(out, true);
}

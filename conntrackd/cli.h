/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CLI_H
#define CTD_CLI_H

/* The command line as one value. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "control/cmds.h"

enum cli_role { CLI_DAEMON, CLI_CLIENT, CLI_HELP, CLI_VERSION, CLI_CHECK };

struct cli {
	enum cli_role role;
	bool background;
	const char *config;             /* borrowed from argv, or the default path */
	bool print;                     /* CLI_CHECK: only show what is in effect */
	struct control_request request; /* CLI_CLIENT */
	const char *command;            /* as it was spelled, borrowed from argv */
	unsigned int watch;             /* --watch: seconds between two answers; 0: one answer */
	const char *peer;               /* --peer, borrowed from argv; NULL: not given */
};

/*
 * Read argv. 0, or -1 with one line of explanation in err. "-h" and "-v" count
 * where they stand: what is wrong behind them does not matter.
 */
int cli_parse(int argc, char **argv, struct cli *out, char *err, size_t cap);

/* An option that is no command of the daemon's (control_command_at() has those). */
struct cli_option {
	char letter;      /* 0: has none */
	const char *name; /* after two dashes */
	const char *arg;  /* what follows, NULL: nothing */
	const char *help; /* for the usage text; lines end with \n */
	bool of_commands; /* goes with a command; else with the daemon, or alone */
};

/* Row i, NULL at the end. */
const struct cli_option *cli_option_at(size_t i);

/* The usage text. */
void usage_print(FILE *out);

/* The program: returns the exit status. */
int cli_main(int argc, char **argv);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program's two roles: a daemon, or a client that carries one request over
 * the control socket. Every problem leaves with exit status 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "base/str.h"
#include "cli.h"
#include "config/config.h"
#include "config.h"
#include "control/call.h"
#include "control/proto.h"
#include "daemon/check.h"
#include "daemon/daemon.h"
#include "daemon/process.h"

static void print_usage(FILE *out)
{
	const struct control_command *c;

	fprintf(out, "usage: conntrackd [-C FILE] [-d]\n"
		"       conntrackd [-C FILE] COMMAND [ARGUMENT] [-x] [--peer NAME]\n"
		"       conntrackd check [-C FILE] [--print]\n\n"
		"Daemon:\n"
		"  -d                      run in the background\n"
		"  -C FILE                 configuration file (%s)\n"
		"  -v, --version           print the version\n"
		"  -h, --help              print this text\n"
		"  check                   hold the configuration against this host\n"
		"  check --print           show the configuration in effect\n\n"
		"Commands to a running daemon:\n", CONFIG_DEFAULT_FILE);
	for (size_t i = 0; (c = control_command_at(i)); i++)
		fprintf(out, "  -%c %-20s %s\n", c->letter, c->args ? c->args : "", c->help);
	fprintf(out, "  -x %-20s with -i or -e: print XML\n", "");
	fprintf(out, "  --peer %-16s with -c, -e, -f external, -s, -B or -n: this peer only\n", "NAME");
}

static void print_version(void)
{
	printf("conntrackd %s, licence GPL-2.0-or-later\n"
	       "Copyright the conntrackd authors. No warranty, to the extent permitted by law.\n",
	       PACKAGE_VERSION);
}

static void say_messages(const struct config_msgs *m)
{
	for (size_t i = 0; i < m->n; i++)
		process_say(m->v[i].level, m->v[i].text);
}

static bool has_peer(const struct config_sync *s, const char *name)
{
	for (uint8_t i = 0; i < s->n_peers; i++)
		if (strcmp(s->peers[i].name, name) == 0)
			return true;
	return false;
}

/* A request for one peer that was not carried out; most likely the name is mistyped. */
static void say_no_peer(const char *name, const struct config_sync *s, int code)
{
	char line[256];
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	if (code != CONTROL_CODE_NO_PEER) {
		strbuf_addf(&b, "nothing done for peer `%s': %s", name,
			    code ? control_code_text(code) : "the daemon is too old");
	} else if (has_peer(s, name)) {
		strbuf_addf(&b, "the daemon was started without peer `%s'", name);
	} else if (!s->n_peers || !s->peers[0].name[0]) {
		strbuf_addf(&b, "no peer `%s', the configuration names none", name);
	} else {
		strbuf_addf(&b, "no peer `%s', there are", name);
		for (uint8_t i = 0; i < s->n_peers; i++)
			strbuf_addf(&b, "%s %s", i ? "," : "", s->peers[i].name);
	}
	process_say(LOG_LVL_ERROR, line);
}

static int run_client(const struct cli *cli, const struct config *c)
{
	char err[256];
	int code = 0;

	if (cli->request.old_word)
		process_say(LOG_LVL_WARNING, "`multicast' is the old name of `link', please use that");
	if (control_call(c->general.socket_path, &cli->request, STDOUT_FILENO, err, sizeof(err),
			 &code) < 0) {
		process_say(LOG_LVL_ERROR, err);
		return EXIT_FAILURE;
	}
	if (cli->request.peer[0] && code != CONTROL_CODE_OK) {
		say_no_peer(cli->peer, &c->sync, code);
		return EXIT_FAILURE;
	}
	/* A request that was delivered counts as success, whatever became of it. */
	if (err[0])
		process_say(LOG_LVL_WARNING, err);
	return EXIT_SUCCESS;
}

static int run_daemon(const struct cli *cli, struct config *c, struct config_msgs *m)
{
	const size_t said = m->n;
	const int err = config_check_start(c, m);

	for (size_t i = said; i < m->n; i++)
		process_say(m->v[i].level, m->v[i].text);
	return err < 0 ? EXIT_FAILURE : daemon_main(c, cli->background);
}

static int run(const struct cli *cli)
{
	struct config_msgs msgs = { 0 };
	struct config c;
	int rc = EXIT_FAILURE;

	if (config_load(cli->config, &c, &msgs) == 0) {
		say_messages(&msgs);
		rc = cli->role == CLI_CLIENT ? run_client(cli, &c) : run_daemon(cli, &c, &msgs);
		config_free(&c);
	} else {
		say_messages(&msgs);
	}
	config_msgs_free(&msgs);
	return rc;
}

int cli_main(int argc, char **argv)
{
	struct cli cli;
	char err[256];

	if (cli_parse(argc, argv, &cli, err, sizeof(err)) < 0) {
		process_say(LOG_LVL_ERROR, err);
		print_usage(stdout);
		return EXIT_FAILURE;
	}
	switch (cli.role) {
	case CLI_HELP:
		print_usage(stdout);
		return EXIT_SUCCESS;
	case CLI_VERSION:
		print_version();
		return EXIT_SUCCESS;
	case CLI_CHECK:
		return cli.print ? check_print(cli.config, stdout, stderr) :
				   check_file(cli.config, stdout);
	default:
		return run(&cli);
	}
}

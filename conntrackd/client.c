// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program's two roles: a daemon, or a client that carries one request over
 * the control socket. Every problem leaves with exit status 1, but for "health",
 * whose status is its verdict.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

#define HEALTH_BAD 2 /* exit status of the worst verdict */

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

/* One request whose reply goes to fd. The exit status. */
static int call(const struct cli *cli, const struct config *c, int fd)
{
	char err[256];
	int code = 0;

	if (control_call(c->general.socket_path, &cli->request, fd, err, sizeof(err), &code) < 0) {
		process_say(LOG_LVL_ERROR, err);
		return EXIT_FAILURE;
	}
	if (cli->request.wait && code != CONTROL_CODE_OK) {
		process_say(LOG_LVL_ERROR, code ? err : "the daemon is too old to be waited for");
		return EXIT_FAILURE;
	}
	if (cli->request.peer[0] && code != CONTROL_CODE_OK) {
		say_no_peer(cli->peer, &c->sync, code);
		return EXIT_FAILURE;
	}
	if (!err[0])
		return EXIT_SUCCESS;
	/* What the daemon could not do at this time, or in this mode, has always been success. */
	if (code == CONTROL_CODE_BUSY || code == CONTROL_CODE_UNSUPPORTED) {
		process_say(LOG_LVL_WARNING, err);
		return EXIT_SUCCESS;
	}
	process_say(LOG_LVL_ERROR, err);
	return EXIT_FAILURE;
}

/* Ask again and again, on a cleared screen, until interrupted or the daemon ends. */
static int watch(const struct cli *cli, const struct config *c)
{
	static const char clear[] = "\033[H\033[2J";
	int rc;

	for (;;) {
		if (isatty(STDOUT_FILENO) && write(STDOUT_FILENO, clear, sizeof(clear) - 1) < 0)
			return EXIT_FAILURE;
		rc = call(cli, c, STDOUT_FILENO);
		if (rc != EXIT_SUCCESS)
			return rc;
		sleep(cli->watch);
	}
}

/* The verdict stands in front, or is the first member of the JSON. */
static int health_status(const char *reply)
{
	static const struct {
		const char *text, *json;
		int status;
	} verdicts[] = {
		{ "OK", "{\"code\":0", 0 },
		{ "WARNING", "{\"code\":1", 1 },
	};

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strncmp(reply, verdicts[i].text, strlen(verdicts[i].text)) == 0 ||
		    strncmp(reply, verdicts[i].json, strlen(verdicts[i].json)) == 0)
			return verdicts[i].status;
	return HEALTH_BAD;
}

/* No answer is as bad as it gets; monitoring reads one line. */
static int say_unhealthy(const struct cli *cli, const char *why)
{
	if (cli->request.format == FORMAT_JSON)
		printf("{\"code\":2,\"status\":\"CRITICAL\",\"problems\":"
		       "[{\"level\":\"CRITICAL\",\"text\":\"%s\"}]}\n",
		       why);
	else
		printf("CRITICAL - %s\n", why);
	return HEALTH_BAD;
}

/* What came, as text; fd is closed. False: nothing. */
static bool read_reply(int fd, char *reply, size_t cap)
{
	const ssize_t n = pread(fd, reply, cap - 1, 0);

	reply[n < 0 ? 0 : n] = '\0';
	close(fd);
	return n > 0;
}

static int health(const struct cli *cli, const struct config *c)
{
	char reply[4096];
	const int fd = memfd_create("health", MFD_CLOEXEC);

	if (fd < 0 || call(cli, c, fd) != EXIT_SUCCESS)
		return say_unhealthy(cli, "no answer from the daemon");
	read_reply(fd, reply, sizeof(reply));
	fputs(reply, stdout);
	return health_status(reply);
}

/* The daemon's words, and success only if it took the configuration over. */
static int reload(const struct cli *cli, const struct config *c)
{
	static char reply[65536]; /* more than the daemon has to say */
	const int fd = memfd_create("reload", MFD_CLOEXEC);
	bool done;

	if (fd < 0 || call(cli, c, fd) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	done = read_reply(fd, reply, sizeof(reply)) && !strstr(reply, "reload refused");
	fputs(reply, done ? stdout : stderr);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_client(const struct cli *cli, const struct config *c)
{
	char err[256];

	if (cli->request.old_word)
		process_say(LOG_LVL_WARNING,
			    "`multicast' is the old name of `link', please use that");
	if (cli->request.filter[0] &&
	    daemon_check_filter(cli->request.filter, err, sizeof(err)) < 0) {
		process_say(LOG_LVL_ERROR, err);
		return EXIT_FAILURE;
	}
	if (cli->request.cmd == CONTROL_HEALTH)
		return health(cli, c);
	if (cli->request.cmd == CONTROL_RELOAD)
		return reload(cli, c);
	return cli->watch ? watch(cli, c) : call(cli, c, STDOUT_FILENO);
}

static int run_daemon(const struct cli *cli, struct config *c, struct config_msgs *m)
{
	const size_t said = m->n;
	const int err = config_check_start(c, m);

	for (size_t i = said; i < m->n; i++)
		if (!cli->background || m->v[i].level <= LOG_LVL_WARNING)
			process_say(m->v[i].level, m->v[i].text);
	return err < 0 ? EXIT_FAILURE : daemon_main(c, cli->config, cli->background);
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
		if (cli->role == CLI_CLIENT && cli->request.cmd == CONTROL_HEALTH)
			rc = say_unhealthy(cli, "the configuration cannot be read");
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
		usage_print(stdout);
		return EXIT_FAILURE;
	}
	switch (cli.role) {
	case CLI_HELP:
		usage_print(stdout);
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

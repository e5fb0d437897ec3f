// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The client's call, against a daemon played by a child process: ours, one of
 * the classic kind, and ones that misbehave.
 */
#define _GNU_SOURCE
#include "control/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "base/err.h"
#include "control/proto.h"

static char dir[64], path[96];
static pid_t daemon_pid;

/* A daemon that treats each connection with serve(), calls of them. */
static void daemon_start(void (*serve)(int fd, int nr), int calls)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int lfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int i, fd;

	strcpy(dir, "/tmp/ctd-call-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.ctl", dir);
	strcpy(addr.sun_path, path);
	cr_assert_eq(bind(lfd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(lfd, 5), 0);
	daemon_pid = fork();
	if (daemon_pid == 0) {
		for (i = 0; i < calls; i++) {
			fd = accept(lfd, NULL, NULL);
			serve(fd, i);
			if (i == calls - 1)
				close(lfd);
			close(fd);
		}
		_exit(0);
	}
	close(lfd);
}

static void daemon_end(void)
{
	int status;

	cr_assert_eq(waitpid(daemon_pid, &status, 0), daemon_pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	unlink(path);
	rmdir(dir);
}

struct result {
	int err, code;
	char words[128];
	char out[256];
	size_t total;
};

/* Make one call, its output into a file. */
static struct result call(const char *line)
{
	struct result r = { .code = -1 };
	struct control_request rq;
	FILE *f = tmpfile();

	cr_assert_eq(control_request_parse(&rq, line), 0);
	r.err = control_call(path, &rq, fileno(f), r.words, sizeof(r.words), &r.code);
	r.total = (size_t)lseek(fileno(f), 0, SEEK_END);
	rewind(f);
	r.out[fread(r.out, 1, sizeof(r.out) - 1, f)] = '\0';
	fclose(f);
	return r;
}

static void put(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		_exit(9);
}

static void expect_line(int fd, const char *line)
{
	char got[64] = "";

	if (recv(fd, got, sizeof(got) - 1, 0) < 0 || strcmp(got, line) != 0)
		_exit(8);
}

static void serve_ours(int fd, int nr)
{
	(void)nr;
	expect_line(fd, "stats network\n");
	/* The code line in pieces, and with the start of the reply behind it. */
	put(fd, "02");
	usleep(1000);
	put(fd, "00 ok\nnetwork ");
	put(fd, "statistics:\n");
}

Test(call, the_code_line_is_taken_off)
{
	struct result r;

	daemon_start(serve_ours, 1);
	r = call("stats network");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.code, CONTROL_CODE_OK);
	cr_assert_str_eq(r.words, "");
	cr_assert_str_eq(r.out, "network statistics:\n");
}

static void serve_busy(int fd, int nr)
{
	(void)nr;
	expect_line(fd, "commit\n");
	put(fd, "0409 busy\n");
}

Test(call, a_refusal_has_a_code_and_words)
{
	struct result r;

	daemon_start(serve_busy, 1);
	r = call("commit");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.code, CONTROL_CODE_BUSY);
	cr_assert_str_eq(r.words, "busy");
	cr_assert_str_eq(r.out, "");
}

static void serve_much(int fd, int nr)
{
	static char line[1000];
	int i;

	(void)nr;
	expect_line(fd, "dump-internal\n");
	memset(line, 'x', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	put(fd, "0200 ok\n");
	for (i = 0; i < 3000; i++)
		put(fd, line);
}

Test(call, long_replies)
{
	struct result r;

	daemon_start(serve_much, 1);
	r = call("dump-internal");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.total, 3000 * 999);
}

/* Reads an integer; closes at once if it does not know it. */
static void serve_classic(int fd, int nr)
{
	uint32_t n = 0;

	(void)nr;
	if (recv(fd, &n, sizeof(n), MSG_WAITALL) != (ssize_t)sizeof(n))
		_exit(7);
	if (n == 30)
		put(fd, "daemon uptime: 1 min\n");
}

Test(call, a_classic_daemon_is_asked_by_number)
{
	struct result r;

	daemon_start(serve_classic, 2);
	r = call("stats runtime");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.code, CONTROL_CODE_OK);
	cr_assert_str_eq(r.out, "daemon uptime: 1 min\n");
}

static void serve_silence(int fd, int nr)
{
	char waste[64];

	(void)nr;
	if (recv(fd, waste, sizeof(waste), 0) < 0)
		_exit(6);
}

Test(call, commands_without_output_succeed_there_too)
{
	struct result r;

	daemon_start(serve_silence, 2);
	r = call("flush-cache");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.code, CONTROL_CODE_OK);
	cr_assert_str_eq(r.out, "");
}

/* It goes away between the line and the number: that is no success. */
Test(call, a_daemon_that_dies_is_an_error)
{
	struct result r;

	daemon_start(serve_silence, 1);
	r = call("flush-cache");
	daemon_end();
	cr_assert_eq(r.err, -ECONNREFUSED);
}

static void serve_nonsense(int fd, int nr)
{
	(void)nr;
	expect_line(fd, "stats\n");
	put(fd, "HTTP/1.1 400\n");
}

Test(call, an_answer_that_is_none)
{
	struct result r;

	daemon_start(serve_nonsense, 1);
	r = call("stats");
	daemon_end();
	cr_assert_eq(r.err, CTD_ESYNTAX);
	cr_assert_str_eq(r.out, "");
	cr_assert_neq(r.words[0], '\0');
}

static void serve_refusal(int fd, int nr)
{
	(void)nr;
	put(fd, "0503 too many clients\n");
}

/* The daemon closes without reading: our request makes that a reset. */
Test(call, refused_before_the_request_was_read)
{
	struct result r;

	daemon_start(serve_refusal, 1);
	r = call("stats");
	daemon_end();
	cr_assert_eq(r.err, 0);
	cr_assert_eq(r.code, CONTROL_CODE_TOO_MANY);
	cr_assert_str_eq(r.words, "too many clients");
}

Test(call, nobody_there)
{
	struct result r;

	strcpy(path, "/nonexistent-directory/x.ctl");
	r = call("stats");
	cr_assert_eq(r.err, -ENOENT);
	cr_assert_str_eq(r.words, "can't connect: is conntrackd running? appropriate permissions? "
				  "(/nonexistent-directory/x.ctl: No such file or directory)");
	memset(path, 'x', sizeof(path) - 1);
	cr_assert_eq(call("stats").err, -ENOENT);
}

Test(call, output_that_cannot_be_written)
{
	struct control_request rq;
	char words[64];
	int code, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full < 0)
		cr_skip_test("no /dev/full here");
	daemon_start(serve_ours, 1);
	cr_assert_eq(control_request_parse(&rq, "stats network"), 0);
	cr_assert_eq(control_call(path, &rq, full, words, sizeof(words), &code), -ENOSPC);
	close(full);
	waitpid(daemon_pid, &code, 0);
	unlink(path);
	rmdir(dir);
}

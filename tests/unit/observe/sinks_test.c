// SPDX-License-Identifier: GPL-2.0-or-later
/* Log destinations: a real file, real pipes as console, a played syslog daemon. */
#define _GNU_SOURCE
#include "observe/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "oom.h"

static char dir[64], file[96], sock[96];
static struct sinks *s;
static struct sinks_params p;

/* Sat Nov 21 22:32:01 2026 in the zone of the test. */
static time_t wall(void)
{
	return 1795300321;
}

static void setup(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	strcpy(dir, "/tmp/ctd-sinks-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/log", dir);
	snprintf(sock, sizeof(sock), "%s/syslog", dir);
	p = (struct sinks_params){
		.syslog = SINKS_NO_SYSLOG,
		.syslog_path = sock,
		.max = LOG_LVL_INFO,
		.wall = wall,
	};
}

static void teardown(void)
{
	sinks_close(s);
	unlink(file);
	unlink(sock);
	cr_assert_eq(rmdir(dir), 0);
}

TestSuite(sinks, .init = setup, .fini = teardown, .timeout = 30);

static void open_sinks(void)
{
	cr_assert_eq(sinks_open(&p, &s), 0);
}

static struct sinks_stats stats(void)
{
	struct sinks_stats st;

	sinks_get_stats(s, &st);
	return st;
}

static const char *content(const char *path)
{
	static char buf[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	cr_assert_geq(n, 0, "%s", path);
	close(fd);
	buf[n] = '\0';
	return buf;
}

/* "%d" in the text becomes our pid. */
static const char *with_pid(const char *fmt)
{
	static char buf[1024];
	const char *mark = strstr(fmt, "%d");

	snprintf(buf, sizeof(buf), "%.*s%d%s", (int)(mark - fmt), fmt, (int)getpid(), mark + 2);
	return buf;
}

Test(sinks, lines_of_the_file)
{
	p.file = file;
	open_sinks();
	log_error(sinks_log(s), "text");
	cr_assert_str_eq(content(file),
			 with_pid("[Sat Nov 21 22:32:01 2026] (pid=%d) [ERROR] text\n"));
	log_debug(sinks_log(s), "not wanted");
	cr_assert_eq(truncate(file, 0), 0);
	log_notice(sinks_log(s), "initialization completed");
	cr_assert_str_eq(content(file), with_pid("[Sat Nov 21 22:32:01 2026] (pid=%d) [notice] "
						 "initialization completed\n"));
}

Test(sinks, the_date_has_the_form_of_ctime)
{
	time_t now = wall();
	char want[64];

	p.file = file;
	open_sinks();
	log_info(sinks_log(s), "x");
	snprintf(want, sizeof(want), "[%.24s] ", ctime(&now));
	cr_assert_eq(strncmp(content(file), want, strlen(want)), 0);
}

Test(sinks, the_file_is_private_and_appended_to)
{
	mode_t mask = umask(0);
	struct stat st;

	p.file = file;
	open_sinks();
	umask(mask);
	log_info(sinks_log(s), "one");
	sinks_close(s);
	open_sinks();
	log_info(sinks_log(s), "two");
	cr_assert_eq(stat(file, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert(strstr(content(file), "[info] one\n"));
	cr_assert(strstr(content(file), "[info] two\n"));
}

Test(sinks, flows)
{
	p.file = file;
	open_sinks();
	sinks_flow(s, "udp      17 src=10.10.0.10 dst=10.20.0.10");
	cr_assert_str_eq(content(file),
			 "Sat Nov 21 22:32:01 2026\tudp      17 src=10.10.0.10 dst=10.20.0.10\n");
}

static int open_descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(sinks, reopen_after_rotation)
{
	char rotated[128];
	int open_before;

	p.file = file;
	open_sinks();
	open_before = open_descriptors();
	log_info(sinks_log(s), "one");
	snprintf(rotated, sizeof(rotated), "%s.1", file);
	cr_assert_eq(rename(file, rotated), 0);
	log_info(sinks_log(s), "two");
	cr_assert_eq(sinks_reopen(s), 0);
	log_info(sinks_log(s), "three");
	cr_assert(strstr(content(rotated), "two\n"));
	cr_assert_null(strstr(content(rotated), "three\n"));
	cr_assert(strstr(content(file), "three\n"));
	/* Rotating for years does not use up descriptors. */
	cr_assert_eq(open_descriptors(), open_before);
	unlink(rotated);
}

Test(sinks, reopen_that_fails_keeps_the_old_file)
{
	char moved[128];

	p.file = file;
	open_sinks();
	snprintf(moved, sizeof(moved), "%s.1", file);
	cr_assert_eq(rename(file, moved), 0);
	cr_assert_eq(mkdir(file, 0700), 0);
	cr_assert_eq(sinks_reopen(s), -EISDIR);
	log_info(sinks_log(s), "still here");
	cr_assert(strstr(content(moved), "still here\n"));
	rmdir(file);
	unlink(moved);
}

Test(sinks, no_file_no_reopen)
{
	open_sinks();
	cr_assert_eq(sinks_reopen(s), 0);
	log_error(sinks_log(s), "nowhere");
	sinks_flow(s, "nowhere");
}

Test(sinks, other_file_and_level)
{
	char other[128];
	struct sinks_params q = p;
	int open_before;

	p.file = file;
	open_sinks();
	open_before = open_descriptors();
	log_info(sinks_log(s), "one");
	snprintf(other, sizeof(other), "%s.other", file);
	q.file = other;
	q.max = LOG_LVL_WARNING;
	cr_assert_eq(sinks_change(s, &q), 0);
	log_info(sinks_log(s), "two");
	log_warning(sinks_log(s), "three");
	cr_expect_null(strstr(content(file), "three\n"));
	cr_expect_null(strstr(content(other), "two\n"));
	cr_expect(strstr(content(other), "three\n"));
	cr_expect_eq(open_descriptors(), open_before);
	q.file = NULL;
	cr_assert_eq(sinks_change(s, &q), 0);
	log_error(sinks_log(s), "nowhere");
	cr_expect_null(strstr(content(other), "nowhere\n"));
	cr_expect_eq(open_descriptors(), open_before - 1);
	unlink(other);
}

Test(sinks, another_file_that_cannot_be)
{
	struct sinks_params q = p;

	p.file = file;
	open_sinks();
	q.file = "/no/such/folder/log";
	q.max = LOG_LVL_ERROR;
	cr_assert_eq(sinks_change(s, &q), -ENOENT);
	log_info(sinks_log(s), "as before");
	cr_expect(strstr(content(file), "as before\n"));
}

/* As for a daemon that has become another user, and whose log was rotated. */
Test(sinks, the_same_file_need_not_be_opened_again)
{
	struct sinks_params q = p;

	p.file = file;
	open_sinks();
	log_info(sinks_log(s), "one");
	unlink(file);
	cr_assert_eq(mkdir(file, 0700), 0);
	q.file = file;
	q.max = LOG_LVL_WARNING;
	cr_expect_eq(sinks_reopen(s), -EISDIR);
	cr_expect_eq(sinks_change(s, &q), 0);
	cr_expect_eq(sinks_log(s)->max, LOG_LVL_WARNING);
	log_warning(sinks_log(s), "two");
	cr_expect_eq(stats().file_lost, 0);
	rmdir(file);
}

Test(sinks, open_errors)
{
	long n;

	p.file = "/nonexistent-directory/log";
	cr_assert_eq(sinks_open(&p, &s), -ENOENT);
	p.file = dir;
	cr_assert_eq(sinks_open(&p, &s), -EISDIR);
	p.file = file;
	for (n = 0; n < 2; n++) {
		oom_after(n);
		if (sinks_open(&p, &s) == 0)
			break;
		cr_assert_eq(access(file, F_OK), -1);
	}
	oom_off();
	/* strdup() allocates inside the C library, out of our reach. */
	cr_assert_eq(n, 1);
}

Test(sinks, lost_lines_are_counted)
{
	if (access("/dev/full", W_OK) < 0)
		cr_skip_test("no /dev/full here");
	p.file = "/dev/full";
	open_sinks();
	log_error(sinks_log(s), "a");
	sinks_flow(s, "b");
	cr_assert_eq(stats().file_lost, 2);
}

/* ---- console ---- */

Test(sinks, console)
{
	int out[2], err[2];
	int keep_out = dup(1), keep_err = dup(2);
	char got_out[512] = "", got_err[512] = "";

	cr_assert_eq(pipe2(out, O_NONBLOCK), 0);
	cr_assert_eq(pipe2(err, O_NONBLOCK), 0);
	p.console = true;
	open_sinks();
	dup2(out[1], 1);
	dup2(err[1], 2);
	log_info(sinks_log(s), "i");
	log_notice(sinks_log(s), "n");
	log_warning(sinks_log(s), "w");
	log_error(sinks_log(s), "e");
	sinks_flow(s, "flow");
	sinks_set_console(s, false);
	log_error(sinks_log(s), "in the background");
	dup2(keep_out, 1);
	dup2(keep_err, 2);
	cr_assert_gt(read(out[0], got_out, sizeof(got_out) - 1), 0);
	cr_assert_gt(read(err[0], got_err, sizeof(got_err) - 1), 0);
	cr_assert(strstr(got_out, ") [info] i\n["));
	cr_assert(strstr(got_out, ") [notice] n\n"));
	cr_assert(strstr(got_err, ") [warning] w\n["));
	cr_assert(strstr(got_err, ") [ERROR] e\n"));
	cr_assert_null(strstr(got_out, "flow"));
	cr_assert_null(strstr(got_err, "background"));
	cr_assert_eq(got_out[strlen(got_out) - 1], '\n');
}

/* ---- syslog ---- */

static int syslog_daemon(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, sock);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static const char *message(int fd)
{
	static char buf[2048];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

Test(sinks, syslog_messages)
{
	int fd = syslog_daemon();

	p.syslog = LOG_LOCAL3;
	open_sinks();
	log_error(sinks_log(s), "text");
	cr_assert_str_eq(message(fd), with_pid("<155>Nov 21 22:32:01 conntrack-tools[%d]: text"));
	log_warning(sinks_log(s), "text");
	cr_assert_eq(strncmp(message(fd), "<156>", 5), 0);
	log_notice(sinks_log(s), "text");
	cr_assert_eq(strncmp(message(fd), "<157>", 5), 0);
	log_info(sinks_log(s), "text");
	cr_assert_eq(strncmp(message(fd), "<158>", 5), 0);
	sinks_flow(s, "tcp      6 src=1.2.3.4");
	cr_assert_str_eq(message(fd), with_pid("<158>Nov 21 22:32:01 conntrack-tools[%d]: "
					       "tcp      6 src=1.2.3.4"));
	cr_assert_eq(stats().syslog_lost, 0);
	close(fd);
}

Test(sinks, syslog_may_come_later_and_restart)
{
	int fd;

	p.syslog = LOG_DAEMON;
	open_sinks();
	log_info(sinks_log(s), "nobody there");
	cr_assert_eq(stats().syslog_lost, 1);
	fd = syslog_daemon();
	log_info(sinks_log(s), "one");
	cr_assert(strstr(message(fd), ": one"));
	close(fd);
	unlink(sock);
	fd = syslog_daemon();
	log_info(sinks_log(s), "two");
	cr_assert(strstr(message(fd), ": two"));
	cr_assert_eq(stats().syslog_lost, 1);
	close(fd);
}

Test(sinks, a_stuck_syslog_daemon_does_not_stop_us)
{
	int fd = syslog_daemon(), i;

	p.syslog = LOG_DAEMON;
	open_sinks();
	for (i = 0; i < 10000; i++)
		log_info(sinks_log(s), "line %d", i);
	cr_assert_gt(stats().syslog_lost, 0);
	cr_assert(strstr(message(fd), ": line 0"));
	close(fd);
}

/* ---- what was said last ---- */

Test(sinks, remembers_warnings_and_errors)
{
	struct sinks_line got[SINKS_RECENT];

	p.file = file;
	open_sinks();
	cr_assert_eq(sinks_recent(s, got), 0);
	log_notice(sinks_log(s), "not worth it");
	log_error(sinks_log(s), "first");
	log_warning(sinks_log(s), "second");
	log_warning(sinks_log(s), "second");
	cr_assert_eq(sinks_recent(s, got), 2);
	cr_assert_str_eq(got[0].text, "second");
	cr_assert_eq(got[0].times, 2);
	cr_assert_eq(got[0].level, LOG_LVL_WARNING);
	cr_assert_eq(got[0].when, wall());
	cr_assert_str_eq(got[1].text, "first");
	cr_assert_eq(got[1].level, LOG_LVL_ERROR);
}

Test(sinks, forgets_the_oldest)
{
	struct sinks_line got[SINKS_RECENT];
	char longest[1024];

	p.file = file;
	open_sinks();
	for (int i = 0; i < SINKS_RECENT + 3; i++)
		log_error(sinks_log(s), "number %d", i);
	cr_assert_eq(sinks_recent(s, got), SINKS_RECENT);
	cr_assert_str_eq(got[0].text, "number 10");
	cr_assert_str_eq(got[SINKS_RECENT - 1].text, "number 3");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	log_error(sinks_log(s), "%s", longest);
	log_error(sinks_log(s), "%s", longest);
	sinks_recent(s, got);
	cr_assert_eq(strlen(got[0].text), SINKS_RECENT_TEXT - 1);
	cr_assert_eq(got[0].times, 2);
}

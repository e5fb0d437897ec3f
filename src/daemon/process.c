// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's own process: lock file, background, scheduling. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "daemon/process.h"
#include "loop/clock.h"
#include "observe/sinks.h"

/* Is the file behind fd still the one of that name? A clean end removes it. */
static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int process_lock(const char *path, bool *left)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

	for (int tries = 0; tries < 10; tries++) {
		int fd = open(path, flags | O_CREAT | O_EXCL, 0600);
		int err;

		*left = fd < 0 && errno == EEXIST;
		if (*left)
			fd = open(path, flags);
		if (fd < 0 && errno == ENOENT && *left)
			continue; /* removed in between */
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && same_file(fd, path))
			return fd;
		err = errno;
		if (err == EWOULDBLOCK && same_file(fd, path)) {
			close(fd);
			return -EWOULDBLOCK;
		}
		close(fd); /* removed under our hands: once more */
	}
	return -EWOULDBLOCK;
}

void process_unlock(const char *path, int fd)
{
	if (fd < 0)
		return;
	if (path)
		unlink(path);
	close(fd);
}

/* The parent's part: 0 once the child says so, 1 if it ends before that. */
static int wait_for_child(int fd, pid_t pid)
{
	char c = 1;
	ssize_t n;
	int status;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n == 1)
		return c;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return EXIT_FAILURE;
}

int process_background(pid_t *child, int *status, int *ready)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*child = fork();
	if (*child < 0) {
		int err = errno;

		close(fds[0]);
		close(fds[1]);
		return -err;
	}
	if (*child > 0) {
		close(fds[1]);
		*status = wait_for_child(fds[0], *child);
		return 0;
	}
	close(fds[0]);
	setsid();
	*ready = fds[1];
	return 0;
}

void process_ready(int ready)
{
	const char ok = 0;
	ssize_t n;
	int null;

	if (ready < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	do /* EPIPE: the parent is gone, nobody waits */
		n = write(ready, &ok, 1);
	while (n < 0 && errno == EINTR);
	close(ready);
}

void process_schedule(const struct config_general *g, const struct log *log)
{
	const int policy = g->sched_policy == CONFIG_SCHED_FIFO ? SCHED_FIFO : SCHED_RR;
	const struct sched_param sp = { .sched_priority = (int)g->sched_priority };

	if (sched_setscheduler(0, policy, &sp) < 0)
		log_warning(log, "scheduler configuration failed: %s: running with the default one",
			    strerror(errno));
}

void process_say(enum log_level level, const char *text)
{
	const struct sinks_params p = {
		.console = true,
		.syslog = SINKS_NO_SYSLOG,
		.max = LOG_LVL_DEBUG,
		.wall = clock_wall,
	};
	struct sinks *s;

	if (sinks_open(&p, &s) < 0)
		return;
	sinks_log(s)->emit(sinks_log(s)->ctx, level, text);
	sinks_close(s);
}

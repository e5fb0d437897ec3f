// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ends of the log. A line goes out with one system call, so that lines of
 * several writers do not mix in a file opened for appending. Syslog is spoken
 * directly, over a datagram socket that never blocks: syslog(3) would wait for
 * a daemon that is stuck, and us with it.
 */
#define _GNU_SOURCE
#include "observe/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include "base/str.h"

struct sinks {
	struct log log;
	bool console, quiet;
	char *file; /* owned, NULL: none */
	int file_fd;
	int syslog;    /* facility */
	int syslog_fd; /* -1: not open */
	struct sockaddr_un syslog_addr;
	time_t (*wall)(void);
	struct sinks_stats stats;
	struct sinks_line recent[SINKS_RECENT];
	size_t n_recent, newest;
};

/* "Sat Nov 21 22:32:01 2026", the C locale's form whatever the locale. */
#define DATE_MAX 32

static void date(const struct sinks *s, char buf[DATE_MAX])
{
	time_t now = s->wall();
	struct tm tm;
	char raw[64];

	if (!localtime_r(&now, &tm) || !asctime_r(&tm, raw)) {
		str_copy(buf, DATE_MAX, "?");
		return;
	}
	raw[strcspn(raw, "\n")] = '\0';
	str_copy(buf, DATE_MAX, raw);
}

/* Prefix, text and line end in one go. */
static bool write_line(int fd, const char *prefix, const char *text)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)prefix, .iov_len = strlen(prefix) },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) },
		{ .iov_base = "\n", .iov_len = 1 },
	};
	size_t want = iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;
	ssize_t n;

	do {
		n = writev(fd, iov, 3);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)want;
}

/* ---- syslog ---- */

static int priority_of(enum log_level level)
{
	switch (level) {
	case LOG_LVL_ERROR:
		return LOG_ERR;
	case LOG_LVL_WARNING:
		return LOG_WARNING;
	case LOG_LVL_NOTICE:
		return LOG_NOTICE;
	case LOG_LVL_INFO:
		return LOG_INFO;
	case LOG_LVL_DEBUG:
		break;
	}
	return LOG_DEBUG;
}

static void syslog_close(struct sinks *s)
{
	if (s->syslog_fd >= 0)
		close(s->syslog_fd);
	s->syslog_fd = -1;
}

static bool syslog_open(struct sinks *s)
{
	int fd;

	if (s->syslog_fd >= 0)
		return true;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&s->syslog_addr, sizeof(s->syslog_addr)) < 0) {
		close(fd);
		return false;
	}
	s->syslog_fd = fd;
	return true;
}

static bool syslog_send(struct sinks *s, const char *head, const char *text)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)head, .iov_len = strlen(head) },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	return syslog_open(s) && sendmsg(s->syslog_fd, &msg, MSG_NOSIGNAL) >= 0;
}

/* The form syslog(3) uses: <priority>Mmm dd hh:mm:ss tag[pid]: text. */
static void to_syslog(struct sinks *s, enum log_level level, const char *text)
{
	char day[DATE_MAX], head[96];

	if (s->syslog == SINKS_NO_SYSLOG)
		return;
	date(s, day);
	/* Month, day and time stand at 4 to 18 of a full date. */
	snprintf(head, sizeof(head), "<%d>%.15s %s[%d]: ", s->syslog | priority_of(level),
		 strlen(day) > 4 ? day + 4 : day, SINKS_TAG, (int)getpid());
	if (syslog_send(s, head, text))
		return;
	/* The syslog daemon was restarted: its socket is another one now. */
	if (s->syslog_fd >= 0 && errno != EAGAIN && errno != EMSGSIZE) {
		syslog_close(s);
		if (syslog_send(s, head, text))
			return;
	}
	s->stats.syslog_lost++;
}

/* ---- lines ---- */

/* What is said over and over takes one place. */
static void remember(struct sinks *s, enum log_level level, const char *text)
{
	struct sinks_line *l = &s->recent[s->newest];

	if (level > LOG_LVL_WARNING)
		return;
	if (!s->n_recent || l->level != level || strncmp(l->text, text, sizeof(l->text) - 1) != 0) {
		s->newest = s->n_recent ? (s->newest + 1) % SINKS_RECENT : 0;
		s->n_recent += s->n_recent < SINKS_RECENT;
		l = &s->recent[s->newest];
		l->times = 0;
		l->level = level;
		str_copy(l->text, sizeof(l->text), text);
	}
	l->when = s->wall();
	l->times++;
}

size_t sinks_recent(const struct sinks *s, struct sinks_line out[SINKS_RECENT])
{
	for (size_t i = 0; i < s->n_recent; i++)
		out[i] = s->recent[(s->newest + SINKS_RECENT - i) % SINKS_RECENT];
	return s->n_recent;
}

static void emit(void *ctx, enum log_level level, const char *line)
{
	struct sinks *s = ctx;
	char day[DATE_MAX], prefix[DATE_MAX + 48];
	int fd = level <= LOG_LVL_WARNING ? STDERR_FILENO : STDOUT_FILENO;

	remember(s, level, line);
	date(s, day);
	snprintf(prefix, sizeof(prefix), "[%s] (pid=%d) [%s] ", day, (int)getpid(),
		 log_level_name(level));
	if (s->console && (!s->quiet || level <= LOG_LVL_WARNING))
		write_line(fd, prefix, line);
	if (s->file_fd >= 0 && !write_line(s->file_fd, prefix, line))
		s->stats.file_lost++;
	to_syslog(s, level, line);
}

void sinks_flow(struct sinks *s, const char *text)
{
	char prefix[DATE_MAX + 1];

	date(s, prefix);
	strcat(prefix, "\t");
	if (s->file_fd >= 0 && !write_line(s->file_fd, prefix, text))
		s->stats.file_lost++;
	to_syslog(s, LOG_LVL_INFO, text);
}

/* ---- life ---- */

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	return fd < 0 ? -errno : fd;
}

static int sinks_init(struct sinks *s, const struct sinks_params *p)
{
	const char *path = p->syslog_path ? p->syslog_path : SINKS_SYSLOG_PATH;

	s->syslog_addr.sun_family = AF_UNIX;
	if (!str_copy(s->syslog_addr.sun_path, sizeof(s->syslog_addr.sun_path), path))
		return -ENAMETOOLONG;
	if (!p->file || !*p->file)
		return 0;
	s->file = strdup(p->file);
	if (!s->file)
		return -ENOMEM;
	s->file_fd = open_file(s->file);
	return s->file_fd < 0 ? s->file_fd : 0;
}

int sinks_open(const struct sinks_params *p, struct sinks **out)
{
	struct sinks *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->log = (struct log){ .emit = emit, .ctx = s, .max = p->max };
	s->console = p->console;
	s->quiet = p->quiet;
	s->file_fd = -1;
	s->syslog = p->syslog;
	s->syslog_fd = -1;
	s->wall = p->wall;
	err = sinks_init(s, p);
	if (err) {
		sinks_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void sinks_close(struct sinks *s)
{
	if (!s)
		return;
	syslog_close(s);
	if (s->file_fd >= 0)
		close(s->file_fd);
	free(s->file);
	free(s);
}

const struct log *sinks_log(const struct sinks *s)
{
	return &s->log;
}

void sinks_set_console(struct sinks *s, bool on)
{
	s->console = on;
}

void sinks_give(const struct sinks *s, uid_t uid, gid_t gid)
{
	/* What cannot be given may be writable all the same; reopening will tell. */
	if (s->file_fd >= 0 && fchown(s->file_fd, uid, gid) < 0)
		return;
}

int sinks_reopen(struct sinks *s)
{
	int fd;

	if (!s->file)
		return 0;
	fd = open_file(s->file);
	if (fd < 0)
		return fd;
	close(s->file_fd);
	s->file_fd = fd;
	return 0;
}

static int change_file(struct sinks *s, const char *path)
{
	char *file = path ? strdup(path) : NULL;
	int fd = -1;

	if (path && !file)
		return -ENOMEM;
	if (path)
		fd = open_file(file);
	if (path && fd < 0) {
		free(file);
		return fd;
	}
	if (s->file_fd >= 0)
		close(s->file_fd);
	free(s->file);
	s->file = file;
	s->file_fd = fd;
	return 0;
}

int sinks_change(struct sinks *s, const struct sinks_params *p)
{
	const char *path = p->file && *p->file ? p->file : NULL;
	const bool same = path && s->file ? strcmp(path, s->file) == 0 : path == s->file;
	int err = same ? 0 : change_file(s, path);

	if (err)
		return err;
	s->syslog = p->syslog;
	s->log.max = p->max;
	return 0;
}

void sinks_get_stats(const struct sinks *s, struct sinks_stats *st)
{
	*st = s->stats;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request as a client makes it: blocking, because a client has nothing else
 * to do. The code line is taken off, everything behind it goes to the output
 * as it is.
 */
#include "control/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/err.h"
#include "base/str.h"
#include "control/proto.h"

#define CALL_HEALTH 10 /* seconds */

struct call {
	int fd, out_fd;
	bool classic;  /* no code line to be expected */
	bool answered; /* the code line has been seen */
	int code;
	char text[CONTROL_CODE_MAX];
};

static int write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *buf = data;
	ssize_t n;

	while (len > 0) {
		n = send(fd, buf, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A daemon that says nothing, or takes no more clients, is not waited for longer. */
static int set_limit(int fd, uint32_t seconds)
{
	const struct timeval limit = { .tv_sec = seconds };

	if (!seconds)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	return 0;
}

static int connect_to(const char *path, uint32_t seconds)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (!str_copy(addr.sun_path, sizeof(addr.sun_path), path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = set_limit(fd, seconds);
	if (!err && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int send_request(const struct call *c, const struct control_request *rq)
{
	char line[CONTROL_REQUEST_MAX];
	uint32_t number;
	int n;

	if (c->classic) {
		n = control_request_number(rq);
		if (n < 0)
			return n;
		number = (uint32_t)n;
		return send_all(c->fd, &number, sizeof(number));
	}
	n = control_request_format(rq, line, sizeof(line) - 1);
	if (n < 0)
		return n;
	line[n++] = '\n';
	return send_all(c->fd, line, (size_t)n);
}

/* Take the code line off the front. How many bytes it was; 0: not complete. */
static int take_code(struct call *c, const char *buf, size_t len)
{
	int n = control_code_parse(buf, len, &c->code);

	if (n <= 0)
		return n;
	c->answered = true;
	memcpy(c->text, buf + 5, (size_t)n - 6);
	c->text[n - 6] = '\0';
	return n;
}

/* Copy the reply until the end. 0, or what went wrong. */
static int copy_reply(struct call *c)
{
	static char buf[65536];
	size_t have = 0;
	ssize_t n;
	int skip, err;

	for (;;) {
		n = recv(c->fd, buf + have, sizeof(buf) - have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		/* Reset: it has closed without having read all we sent. */
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		have += (size_t)n;
		skip = 0;
		if (!c->classic && !c->answered) {
			skip = take_code(c, buf, have);
			if (skip < 0)
				return skip;
			if (skip == 0)
				continue;
		}
		err = write_all(c->out_fd, buf + skip, have - (size_t)skip);
		if (err)
			return err;
		have = 0;
	}
}

/* Monitoring wants an answer; other commands take the time they take. */
static uint32_t limit_of(const struct control_request *rq)
{
	return rq->cmd == CONTROL_HEALTH ? CALL_HEALTH : rq->wait;
}

static int ask(struct call *c, const char *path, const struct control_request *rq)
{
	int err;

	c->fd = connect_to(path, limit_of(rq));
	if (c->fd < 0)
		return c->fd;
	err = send_request(c, rq);
	/* It may have closed at once, but said why. */
	if (!err || err == -EPIPE || err == -ECONNRESET)
		err = copy_reply(c);
	close(c->fd);
	return err;
}

int control_call(const char *path, const struct control_request *rq, int out_fd, char *errbuf,
		 size_t errcap, int *code)
{
	struct call c = { .out_fd = out_fd };
	int err = ask(&c, path, rq);

	/* Closed without a word: it took our line for a number it does not know. */
	if (!err && !c.answered && control_request_number(rq) >= 0) {
		c = (struct call){ .out_fd = out_fd, .classic = true, .code = CONTROL_CODE_OK };
		err = ask(&c, path, rq);
	}
	*code = c.code;
	if (!err && !c.classic && !c.answered)
		str_copy(c.text, sizeof(c.text),
			 "the daemon does not know this request, it is too old");
	if (c.fd < 0)
		snprintf(errbuf, errcap,
			 "can't connect: is conntrackd running? appropriate "
			 "permissions? (%s: %s)",
			 path, err_text(err));
	else
		str_copy(errbuf, errcap,
			 err                       ? err_text(err) :
			 c.code == CONTROL_CODE_OK ? "" :
						     c.text);
	return err;
}

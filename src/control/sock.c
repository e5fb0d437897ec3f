// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The listener and its clients. A client goes through three states:
 *
 *	READING   bytes are collected until the request is complete
 *	REPLYING  start() said yes: buffer and fill() alternate
 *	ENDING    fill() said it is over, the buffer is written out
 *
 * and is dropped from any of them when it goes away. Who may connect is decided
 * by the mode of the socket file, who may command by control/creds.h.
 */
#define _GNU_SOURCE
#include "control/sock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/err.h"
#include "base/ratelim.h"
#include "base/str.h"
#include "control/proto.h"

#define BACKLOG      100
#define ACCEPTS      16                /* new clients per turn */
#define STALLED      TICK_SEC          /* who does not move for so long may have to give way */
#define ACCEPT_PAUSE (100 * TICK_MSEC) /* when we are out of descriptors */

enum client_state { CLIENT_READING, CLIENT_REPLYING, CLIENT_ENDING };

struct control_client {
	struct control_sock *c;
	struct control_client *next, *prev;
	struct loop_io io;
	struct loop_timer timer; /* while READING */
	enum client_state state;
	bool hungry;      /* fill() had nothing, waits for control_wake() */
	bool woken;       /* control_wake() since fill() was called */
	bool half_closed; /* sends no more, may still read */
	tick_t moved;     /* it came, asked, or took a part of its reply */
	struct control_creds creds;
	void *user;
	char *out; /* owned, CONTROL_BUFFER bytes, from start() on */
	size_t out_pos, out_len;
	size_t in_len;
	char in[CONTROL_REQUEST_MAX];
};

struct control_sock {
	struct control_sock_params p;
	struct loop_io listener;
	struct loop_timer resume; /* listens again after ACCEPT_PAUSE */
	struct sockaddr_un addr;
	dev_t dev; /* the file we made */
	ino_t ino;
	struct control_client *clients;
	struct control_sock_stats stats;
	struct ratelim warn;
};

/* ---- clients ---- */

static void client_drop(struct control_client *cl)
{
	struct control_sock *c = cl->c;

	loop_io_want(c->p.loop, &cl->io, 0);
	loop_timer_stop(&cl->timer);
	close(cl->io.fd);
	if (cl->state != CLIENT_READING)
		c->p.handler->gone(c->p.ctx, cl);
	if (cl->next)
		cl->next->prev = cl->prev;
	if (cl->prev)
		cl->prev->next = cl->next;
	else
		c->clients = cl->next;
	assert(c->stats.clients > 0);
	c->stats.clients--;
	free(cl->out);
	free(cl);
}

/*
 * A code line as the whole answer. It is short and the socket's buffer empty;
 * if it does not go out at once the client has lost interest.
 */
static void send_code(int fd, enum control_code code)
{
	char line[CONTROL_CODE_MAX];
	size_t len = control_code_format(line, sizeof(line), code);

	if (send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static bool is_text(const struct control_client *cl)
{
	return cl->in_len > 0 && control_dialect_of(cl->in, cl->in_len) == CONTROL_TEXT;
}

/* Turn the request down. Classic clients know no codes, they see the end. */
static void client_refuse(struct control_client *cl, enum control_code code)
{
	if (is_text(cl))
		send_code(cl->io.fd, code);
	client_drop(cl);
}

/* Is it for the client to take more of its reply? */
static bool wants_write(const struct control_client *cl)
{
	return cl->state != CLIENT_READING && (cl->out_pos < cl->out_len || !cl->hungry);
}

static void client_watch(struct control_client *cl)
{
	unsigned int want = cl->half_closed ? 0 : LOOP_READ;

	if (wants_write(cl))
		want |= LOOP_WRITE;
	loop_io_want(cl->c->p.loop, &cl->io, want);
}

/* Time for more? Only with nearly the whole buffer free, see CONTROL_FILL_MIN. */
static bool wants_fill(const struct control_client *cl)
{
	return cl->state == CLIENT_REPLYING && !cl->hungry && cl->out_pos == 0 &&
	       cl->out_len <= CONTROL_BUFFER - CONTROL_FILL_MIN;
}

/* Get more to write. False: the client is gone. */
static bool client_fill(struct control_client *cl)
{
	struct control_sock *c = cl->c;
	ssize_t n;

	cl->woken = false;
	n = c->p.handler->fill(c->p.ctx, cl, cl->out + cl->out_len, CONTROL_BUFFER - cl->out_len);
	assert(n <= (ssize_t)(CONTROL_BUFFER - cl->out_len));
	if (n > 0) {
		cl->out_len += (size_t)n;
	} else if (n == 0) {
		cl->state = CLIENT_ENDING;
	} else if (n == CTD_EBUSY) {
		cl->hungry = !cl->woken;
	} else {
		log_warning(c->p.log, "control: reply broken off: %s", err_text((int)n));
		client_drop(cl);
		return false;
	}
	return true;
}

/* One piece of reply: at most one fill() and one write. */
static void client_reply(struct control_client *cl)
{
	ssize_t n;

	if (wants_fill(cl) && !client_fill(cl))
		return;
	if (cl->out_pos < cl->out_len) {
		n = send(cl->io.fd, cl->out + cl->out_pos, cl->out_len - cl->out_pos, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			cl->c->stats.broken++;
			client_drop(cl);
			return;
		}
		if (n > 0) {
			cl->out_pos += (size_t)n;
			cl->moved = loop_now(cl->c->p.loop);
		}
	}
	if (cl->out_pos == cl->out_len) {
		cl->out_pos = 0;
		cl->out_len = 0;
		if (cl->state == CLIENT_ENDING) {
			client_drop(cl);
			return;
		}
	}
	client_watch(cl);
}

static bool may_ask(const struct control_client *cl, const struct control_request *rq)
{
	const bool changes = control_command_of(rq->cmd)->flags & CONTROL_CHANGES;

	return control_allowed(&cl->creds, &cl->c->p.access, geteuid(), changes);
}

static void client_start(struct control_client *cl, const struct control_request *rq)
{
	struct control_sock *c = cl->c;
	int err;

	loop_timer_stop(&cl->timer);
	cl->out = malloc(CONTROL_BUFFER);
	if (!cl->out) {
		c->stats.refused++;
		client_refuse(cl, CONTROL_CODE_FAILED);
		return;
	}
	err = may_ask(cl, rq) ? c->p.handler->start(c->p.ctx, cl, rq) : -EPERM;
	if (err) {
		c->stats.denied++;
		client_refuse(cl, control_code_of(err));
		return;
	}
	cl->state = CLIENT_REPLYING;
	cl->moved = loop_now(c->p.loop);
	if (is_text(cl))
		cl->out_len = control_code_format(cl->out, CONTROL_BUFFER, CONTROL_CODE_OK);
	client_reply(cl);
}

/* Look at what has come in. False: the request is not complete yet. */
static bool client_request(struct control_client *cl)
{
	struct control_request rq;
	int ret = control_request_read(&rq, cl->in, cl->in_len);

	if (ret > 0) {
		client_start(cl, &rq);
	} else if (ret < 0) {
		cl->c->stats.unknown++;
		client_refuse(cl, CONTROL_CODE_BAD_REQUEST);
	}
	return ret != 0;
}

/* Read a piece of the request. True: it is complete, or the client is gone. */
static bool client_read(struct control_client *cl)
{
	ssize_t n;

	assert(cl->state == CLIENT_READING && cl->in_len < sizeof(cl->in));
	n = recv(cl->io.fd, cl->in + cl->in_len, sizeof(cl->in) - cl->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		cl->c->stats.read_failed++;
		client_drop(cl);
		return true;
	}
	cl->in_len += (size_t)n;
	return client_request(cl);
}

/*
 * What comes after the request is thrown away. At the end of it the client has
 * either gone, or sends no more and waits for its reply. False: it is gone.
 */
static bool client_listen(struct control_client *cl)
{
	struct pollfd pfd = { .fd = cl->io.fd };
	char waste[256];
	ssize_t n = recv(cl->io.fd, waste, sizeof(waste), 0);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return true;
	if (poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR)) {
		cl->c->stats.broken++;
		client_drop(cl);
		return false;
	}
	cl->half_closed = true;
	return true;
}

static void on_client(void *ctx, unsigned int ready)
{
	struct control_client *cl = ctx;

	if (cl->state == CLIENT_READING) {
		client_read(cl);
		return;
	}
	if (ready & LOOP_READ && !cl->half_closed && !client_listen(cl))
		return;
	if (ready & LOOP_WRITE)
		client_reply(cl);
	else
		client_watch(cl);
}

static void on_client_timeout(void *ctx)
{
	struct control_client *cl = ctx;

	/* Perhaps it is us who are late, and the request is there. */
	if (client_read(cl))
		return;
	cl->c->stats.timeouts++;
	client_refuse(cl, CONTROL_CODE_TIMEOUT);
}

static int client_new(struct control_sock *c, int fd)
{
	struct control_client *cl = calloc(1, sizeof(*cl));

	if (!cl)
		return -ENOMEM;
	cl->c = c;
	cl->moved = loop_now(c->p.loop);
	control_creds_read(fd, &c->p.access, &cl->creds);
	cl->next = c->clients;
	if (cl->next)
		cl->next->prev = cl;
	c->clients = cl;
	c->stats.clients++;
	c->stats.accepted++;
	loop_io_init(&cl->io, fd, on_client, cl);
	loop_timer_init(&cl->timer, on_client_timeout, cl);
	loop_timer_set(c->p.loop, &cl->timer, tick_add(loop_now(c->p.loop), c->p.timeout));
	client_watch(cl);
	return 0;
}

/* ---- listener ---- */

static void on_resume(void *ctx)
{
	struct control_sock *c = ctx;

	loop_io_want(c->p.loop, &c->listener, LOOP_READ);
}

/*
 * All places are taken: who has kept us waiting longest gives way. Else clients
 * that do not read would keep out all others.
 */
static bool make_room(struct control_sock *c)
{
	struct control_client *worst = NULL;

	for (struct control_client *cl = c->clients; cl; cl = cl->next)
		if ((cl->state == CLIENT_READING || wants_write(cl)) &&
		    (!worst || cl->moved < worst->moved))
			worst = cl;
	if (!worst || tick_since(loop_now(c->p.loop), worst->moved) < STALLED)
		return false;
	if (ratelim_ok(&c->warn, loop_now(c->p.loop)))
		log_warning(c->p.log,
			    "control: breaking off a client that does not read, %u are connected",
			    c->stats.clients);
	c->stats.broken++;
	client_drop(worst);
	return true;
}

static void refuse(struct control_sock *c, int fd)
{
	c->stats.refused++;
	if (ratelim_ok(&c->warn, loop_now(c->p.loop)))
		log_warning(c->p.log, "control: refusing clients, %u are connected",
			    c->stats.clients);
	send_code(fd, CONTROL_CODE_TOO_MANY);
	close(fd);
}

static void on_listener(void *ctx, unsigned int ready)
{
	struct control_sock *c = ctx;
	int fd, i;

	(void)ready;
	for (i = 0; i < ACCEPTS; i++) {
		fd = accept4(c->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		if ((c->stats.clients >= c->p.max_clients && !make_room(c)) ||
		    client_new(c, fd) < 0)
			refuse(c, fd);
	}
	if (i == ACCEPTS || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors or memory; asking again at once would spin. */
	c->stats.refused++;
	loop_io_want(c->p.loop, &c->listener, 0);
	loop_timer_set(c->p.loop, &c->resume, tick_add(loop_now(c->p.loop), ACCEPT_PAUSE));
}

/* Is somebody listening behind the file? */
static bool alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes;

	if (fd < 0)
		return false;
	yes = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN;
	close(fd);
	return yes;
}

static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (alive(addr))
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Everything is set before listen(): until then nobody can connect. */
static int set_access(const struct control_sock *c)
{
	const struct control_access *a = &c->p.access;

	if (a->has_group && chown(c->addr.sun_path, (uid_t)-1, a->group) < 0)
		return -errno;
	return chmod(c->addr.sun_path, a->mode) < 0 ? -errno : 0;
}

/* Bind with mode 0600, note which file it is, then open it to whom it is for. */
static int bind_path(struct control_sock *c, int fd)
{
	mode_t mask = umask(0177);
	int ret = bind(fd, (const struct sockaddr *)&c->addr, sizeof(c->addr));
	int err = ret < 0 ? -errno : 0;
	struct stat st;

	umask(mask);
	if (err)
		return err;
	if (lstat(c->addr.sun_path, &st) < 0)
		return -errno;
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	err = set_access(c);
	if (err)
		unlink(c->addr.sun_path);
	return err;
}

/* Only the file we made: by now another daemon may have put its own there. */
static void remove_path(const struct control_sock *c)
{
	struct stat st;

	if (lstat(c->addr.sun_path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino)
		unlink(c->addr.sun_path);
}

static int listen_at(struct control_sock *c, const char *path)
{
	int fd, err;

	c->addr.sun_family = AF_UNIX;
	if (!str_copy(c->addr.sun_path, sizeof(c->addr.sun_path), path))
		return -ENAMETOOLONG;
	err = remove_stale(&c->addr);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = bind_path(c, fd);
	if (!err && listen(fd, BACKLOG) < 0) {
		err = -errno;
		remove_path(c);
	}
	if (err) {
		close(fd);
		return err;
	}
	loop_io_init(&c->listener, fd, on_listener, c);
	if (!c->p.later)
		control_sock_serve(c);
	return 0;
}

int control_sock_open(const struct control_sock_params *p, struct control_sock **out)
{
	struct control_sock *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->p = *p;
	c->p.path = c->addr.sun_path;
	if (!c->p.max_clients)
		c->p.max_clients = CONTROL_CLIENTS;
	if (!c->p.timeout)
		c->p.timeout = CONTROL_TIMEOUT;
	if (!c->p.access.mode)
		c->p.access.mode = 0600;
	ratelim_init(&c->warn, 1, 1);
	loop_timer_init(&c->resume, on_resume, c);
	err = listen_at(c, p->path);
	if (err) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_sock_serve(struct control_sock *c)
{
	loop_io_want(c->p.loop, &c->listener, LOOP_READ);
}

void control_sock_unlisten(struct control_sock *c)
{
	if (c->listener.fd < 0)
		return;
	loop_timer_stop(&c->resume);
	loop_io_want(c->p.loop, &c->listener, 0);
	remove_path(c);
	close(c->listener.fd);
	c->listener.fd = -1;
}

void control_sock_close(struct control_sock *c)
{
	if (!c)
		return;
	control_sock_unlisten(c);
	while (c->clients)
		client_drop(c->clients);
	free(c);
}

void control_sock_get_stats(const struct control_sock *c, struct control_sock_stats *st)
{
	*st = c->stats;
}

/* ---- for handlers ---- */

const struct control_creds *control_client_creds(const struct control_client *cl)
{
	return &cl->creds;
}

void *control_client_user(const struct control_client *cl)
{
	return cl->user;
}

void control_client_set_user(struct control_client *cl, void *user)
{
	cl->user = user;
}

void control_wake(struct control_client *cl)
{
	cl->woken = true;
	if (cl->state != CLIENT_REPLYING || !cl->hungry)
		return;
	cl->hungry = false;
	client_watch(cl);
}

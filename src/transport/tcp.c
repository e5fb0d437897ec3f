// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP: two connections, each used in one direction. We listen and read what the
 * peer writes on its connection; we connect to the peer and write there.
 *
 * Our connection ("client"):
 *
 *   state       event        next        what is done
 *   IDLE        TIME         CONNECTING  non-blocking connect from our address
 *   IDLE        PEER         IDLE        the next attempt comes soon
 *   CONNECTING  UP           UP          send what waits
 *   CONNECTING  PEER         CONNECTING  do not wait for a lost SYN to be repeated
 *   CONNECTING  TIME, DOWN   IDLE        try again after the pause, which doubles
 *   UP          TIME         UP          it lasts: the next pause will be short again
 *   UP          DOWN         IDLE        the batch that was partly sent starts anew
 *
 * PEER is the peer connecting to us, or the interface coming up: whatever our
 * attempts met so far, the next may be better. Everything else is no event in
 * that state.
 *
 * A write may take part of a batch; the rest of it follows before anything else
 * and on the same connection only (weakness W20 of the reference). What the
 * peer left incomplete ends with its connection: the epoch tells the reader
 * (W21). Connections of others than the peer are refused, and a second one of
 * the peer is read when the first has nothing more (W22). Links to several peers
 * can share a listener: the source of a connection tells whose it is.
 */
#define _GNU_SOURCE /* accept4() */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/err.h"
#include "loop/clock.h"
#include "sock.h"

#define RX_SIZE      65536
#define BACKLOG      8
#define ACCEPT_BATCH 8        /* per wake-up */
#define ACCEPT_PAUSE TICK_SEC /* when the system has no descriptor for us */
#define PAUSE_MIN    (200 * TICK_MSEC)
#define PAUSE_MAX    (5 * TICK_SEC)
#define CONNECT_TIME (2 * TICK_SEC) /* of one attempt: a SYN and its repetition */
#define LASTS        (2 * TICK_SEC) /* a connection that lives so long was a success */
#define DEAD_MS      10000          /* what was written is not acknowledged */
#define KEEP_IDLE    3              /* s; with the next two: dead after 9 s of silence */
#define KEEP_STEP    2
#define KEEP_TRIES   3

enum client_state { CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_UP };
enum client_event { EV_TIME, EV_PEER, EV_UP, EV_DOWN };

struct tcp {
	enum client_state state;
	tick_t at;        /* EV_TIME */
	tick_t tried;     /* start of the last attempt */
	tick_t pause;     /* before the next one */
	bool told;        /* that the peer cannot be reached */
	size_t sent;      /* bytes of the first batch already written */
	tick_t listen_at; /* look at the listener again */
	uint32_t epoch;   /* of the connection we read */
	uint8_t buf[RX_SIZE];
};

/* ---- options ---- */

/* A peer that went away without a word is noticed; failing to set this is no reason to stop. */
static void watch_peer(const struct chan *c, int fd)
{
	sock_option(c, fd, SOL_SOCKET, SO_KEEPALIVE, 1, "cannot set keepalive");
	sock_option(c, fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE, "cannot set keepalive");
	sock_option(c, fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_STEP, "cannot set keepalive");
	sock_option(c, fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES, "cannot set keepalive");
}

static int new_socket(const struct chan *c)
{
	int fd = socket(c->p.local.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* ---- our connection ---- */

static void say_down(struct chan *c, int err, bool was_up)
{
	const char *why = err ? err_text(err) : "closed by the peer";
	char text[CHAN_ADDR_TEXT];

	chan_addr_text(&c->p.peer, text);
	if (was_up && ratelim_ok(&c->say_error, clock_now()))
		log_notice(c->log, "link %s: connection to %s lost: %s", c->p.interface, text, why);
	else if (!was_up && !c->tcp->told)
		log_notice(c->log, "link %s: cannot connect to %s: %s, trying on", c->p.interface,
			   text, why);
	c->tcp->told = true;
}

static void client_down(struct chan *c, int err)
{
	struct tcp *t = c->tcp;
	bool was_up = t->state == CLIENT_UP;

	say_down(c, err, was_up);
	if (was_up && err)
		c->stats.errors_out++;
	chan_shut(c, CHAN_OUT);
	c->up = false;
	t->sent = 0;
	t->state = CLIENT_IDLE;
	t->at = tick_add(clock_now(), t->pause);
	t->pause = tick_min(2 * t->pause, PAUSE_MAX);
}

static int start_connect(struct chan *c)
{
	struct sockaddr_storage own;
	socklen_t len = sock_addr(&own, &c->p.local, 0, c->ifindex);
	int fd = new_socket(c);

	if (fd < 0)
		return fd;
	c->fd[CHAN_OUT] = fd;
	sock_sndbuf(c, fd);
	watch_peer(c, fd);
	sock_option(c, fd, IPPROTO_TCP, TCP_NODELAY, 1, "cannot send at once");
	sock_option(c, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_MS, "cannot limit waiting");
	if (bind(fd, (const struct sockaddr *)&own, len) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&c->to, c->to_len) < 0 && errno != EINPROGRESS)
		return -errno;
	chan_want(c, CHAN_OUT, LOOP_WRITE);
	return 0;
}

static void client_try(struct chan *c)
{
	struct tcp *t = c->tcp;
	int rc;

	t->state = CLIENT_CONNECTING;
	t->tried = clock_now();
	t->at = tick_add(t->tried, CONNECT_TIME);
	rc = start_connect(c);
	if (rc)
		client_down(c, rc);
}

static void client_up(struct chan *c)
{
	char text[CHAN_ADDR_TEXT];

	chan_addr_text(&c->p.peer, text);
	log_info(c->log, "link %s: connected to %s", c->p.interface, text);
	c->stats.connects++;
	c->tcp->told = false;
	c->tcp->state = CLIENT_UP;
	c->tcp->at = tick_add(clock_now(), LASTS);
	c->up = true;
	chan_want(c, CHAN_OUT, LOOP_READ);
}

static void client_event(struct chan *c, enum client_event ev, int err)
{
	struct tcp *t = c->tcp;

	switch (t->state) {
	case CLIENT_IDLE:
	case CLIENT_CONNECTING:
		if (ev == EV_PEER) {
			t->pause = PAUSE_MIN;
			t->at = tick_min(t->at, tick_add(t->tried, PAUSE_MIN));
		} else if (ev == EV_TIME && t->state == CLIENT_IDLE) {
			client_try(c);
		} else if (ev == EV_TIME) {
			client_down(c, -ETIMEDOUT);
		} else if (ev == EV_UP) {
			client_up(c);
		} else {
			client_down(c, err);
		}
		break;
	case CLIENT_UP:
		if (ev == EV_DOWN) {
			client_down(c, err);
		} else if (ev == EV_TIME) {
			t->pause = PAUSE_MIN;
			t->at = TICK_NEVER;
		}
		break;
	}
}

static void connect_result(struct chan *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(c->fd[CHAN_OUT], SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	client_event(c, err ? EV_DOWN : EV_UP, -err);
}

/* The peer has nothing to say here but its end; anything else is thrown away. */
static void check_end(struct chan *c)
{
	char waste[256];
	ssize_t n = recv(c->fd[CHAN_OUT], waste, sizeof(waste), 0);

	if (n == 0)
		client_event(c, EV_DOWN, 0);
	else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		client_event(c, EV_DOWN, -errno);
}

static void tcp_nudge(struct chan *c)
{
	client_event(c, EV_PEER, 0);
}

static void tcp_restart(struct chan *c)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (c->tcp->state != CLIENT_UP || c->fd[CHAN_OUT] < 0)
		return; /* not connected, or closed by a failed chan_reopen() */
	if (setsockopt(c->fd[CHAN_OUT], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		chan_fail(c, -errno, "cannot cut the connection");
	client_event(c, EV_DOWN, -ECONNABORTED);
}

/* ---- sending ---- */

/* What waits, less what of the first batch is written already. */
static size_t fill_iov(struct chan *c, struct iovec *iov)
{
	size_t n = c->q.used < CHAN_BATCH ? c->q.used : CHAN_BATCH;

	for (size_t i = 0; i < n; i++)
		iov[i].iov_base = (void *)batchq_at(&c->q, i, &iov[i].iov_len);
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + c->tcp->sent;
	iov[0].iov_len -= c->tcp->sent;
	return n;
}

static void written(struct chan *c, size_t n)
{
	size_t len;

	c->stats.bytes_out += n;
	n += c->tcp->sent;
	while (c->q.used > 0 && (batchq_at(&c->q, 0, &len), n >= len)) {
		n -= len;
		c->stats.packets_out++;
		batchq_pop(&c->q, 1);
	}
	c->tcp->sent = n;
}

static void tcp_send(struct chan *c)
{
	struct iovec iov[CHAN_BATCH];

	while (c->up && c->q.used > 0) {
		struct msghdr h = { .msg_iov = iov, .msg_iovlen = fill_iov(c, iov) };
		ssize_t n = sendmsg(c->fd[CHAN_OUT], &h, MSG_NOSIGNAL);

		if (n >= 0)
			written(c, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			client_event(c, EV_DOWN, -errno);
	}
}

/* ---- the peer's connection ---- */

static void use_connection(struct chan *c, int fd)
{
	c->fd[CHAN_IN] = fd;
	c->tcp->epoch++;
	chan_want(c, CHAN_IN, LOOP_READ);
}

static void input_ended(struct chan *c, int err)
{
	char text[CHAN_ADDR_TEXT];

	chan_addr_text(&c->p.peer, text);
	if (err)
		c->stats.errors_in++;
	if (ratelim_ok(&c->say_error, clock_now()))
		log_notice(c->log, "link %s: connection from %s ended: %s", c->p.interface, text,
			   err ? err_text(err) : "closed by the peer");
	chan_shut(c, CHAN_IN);
}

static void take_connection(struct chan *c, int fd, const struct chan_addr *from)
{
	char text[CHAN_ADDR_TEXT];

	if (!c->p.any_source && !chan_addr_equal(from, &c->p.peer)) {
		chan_refuse(c, from, "connection", "not the configured peer");
		close(fd);
		return;
	}
	if (c->arrival && sock_arrival_tcp(c, fd) != c->arrival) {
		chan_refuse(c, from, "connection", "came in on another interface");
		close(fd);
		return;
	}
	chan_addr_text(from, text);
	log_info(c->log, "link %s: connection from %s", c->p.interface, text);
	c->stats.accepted++;
	watch_peer(c, fd);
	if (c->fd[CHAN_IN] < 0) {
		use_connection(c, fd);
	} else {
		chan_shut(c, CHAN_NEXT);
		c->fd[CHAN_NEXT] = fd;
		chan_want(c, CHAN_NEXT, LOOP_READ);
	}
	client_event(c, EV_PEER, 0);
}

/* Of the links that share this listener the one to that peer, else the listener's. */
static struct chan *link_to(struct chan *c, const struct chan_addr *from)
{
	struct chan *k = c;

	do {
		if (k->dev_index > 0 && chan_addr_equal(from, &k->p.peer))
			return k;
		k = k->ring;
	} while (k != c);
	return c;
}

/* False: there are no more, or we cannot take them now. */
static bool accept_one(struct chan *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct chan_addr from;
	int fd = accept4(c->fd[CHAN_LISTEN], (struct sockaddr *)&ss, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		sock_addr_get(&ss, &from);
		take_connection(link_to(c, &from), fd, &from);
		return true;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return false;
	c->stats.errors_in++;
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return true;          /* that connection has gone, the next may be good */
	chan_want(c, CHAN_LISTEN, 0); /* or it would wake us at once, again and again */
	c->tcp->listen_at = tick_add(clock_now(), ACCEPT_PAUSE);
	return false;
}

static void adopt_next(struct chan *c)
{
	int fd = c->fd[CHAN_NEXT];

	chan_want(c, CHAN_NEXT, 0);
	c->fd[CHAN_NEXT] = -1;
	use_connection(c, fd);
}

/* The newer connection takes over if somebody speaks there. */
static bool promote(struct chan *c)
{
	char byte;
	ssize_t n;

	if (c->fd[CHAN_NEXT] < 0)
		return false;
	n = recv(c->fd[CHAN_NEXT], &byte, 1, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n <= 0) {
		chan_shut(c, CHAN_NEXT);
		return false;
	}
	chan_shut(c, CHAN_IN);
	adopt_next(c);
	return true;
}

/* The connection we read is over; the newer one is better than none. */
static void input_over(struct chan *c, int err)
{
	input_ended(c, err);
	if (c->fd[CHAN_NEXT] >= 0)
		adopt_next(c);
}

static size_t tcp_recv(struct chan *c, struct chan_msg *v, size_t max)
{
	struct tcp *t = c->tcp;

	(void)max; /* there is one buffer */
	while (c->fd[CHAN_IN] >= 0) {
		ssize_t n = recv(c->fd[CHAN_IN], t->buf, sizeof(t->buf), 0);

		if (n > 0) {
			*v = (struct chan_msg){ .data = t->buf,
						.len = (size_t)n,
						.from = c->p.peer,
						.epoch = t->epoch };
			c->stats.packets_in++;
			c->stats.bytes_in += (uint64_t)n;
			return 1;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
			input_over(c, n ? -errno : 0);
		else if (!promote(c))
			return 0;
	}
	return 0;
}

static void tcp_reset_input(struct chan *c)
{
	if (c->fd[CHAN_IN] >= 0)
		input_over(c, -EPROTO);
}

/* ---- the channel ---- */

static bool others_listen(const struct chan *c)
{
	const struct chan *k = c->ring;

	while (k != c && k->fd[CHAN_LISTEN] < 0)
		k = k->ring;
	return k != c;
}

static int listen_socket(struct chan *c)
{
	int fd, rc;

	if (others_listen(c))
		return 0;
	fd = new_socket(c);
	if (fd < 0)
		return chan_fail(c, fd, "cannot open a socket");
	c->fd[CHAN_LISTEN] = fd;
	sock_rcvbuf(c, fd);
	rc = sock_option(c, fd, SOL_SOCKET, SO_REUSEADDR, 1, "cannot reuse the address");
	if (!rc)
		rc = sock_v6_only(c, fd);
	if (!rc)
		rc = sock_bind(c, fd, &c->p.local, c->p.port);
	if (!rc && listen(fd, BACKLOG) < 0)
		rc = chan_fail(c, -errno, "cannot listen");
	if (!rc)
		chan_want(c, CHAN_LISTEN, LOOP_READ);
	return rc;
}

static int tcp_open(struct chan *c)
{
	int rc;

	if (c->p.peer.family != c->p.local.family)
		return chan_fail(c, -EINVAL, "own and destination address must be of one family");
	if (!c->tcp)
		c->tcp = calloc(1, sizeof(*c->tcp));
	if (!c->tcp)
		return -ENOMEM;
	rc = listen_socket(c);
	if (rc)
		return rc;
	sock_expect_arrival(c);
	c->to_len = sock_addr(&c->to, &c->p.peer, c->p.port, c->ifindex);
	c->tcp->state = CLIENT_IDLE;
	c->tcp->pause = PAUSE_MIN;
	c->tcp->sent = 0;
	c->tcp->listen_at = TICK_NEVER;
	client_event(c, EV_TIME, 0);
	return 0;
}

static void tcp_fini(struct chan *c)
{
	free(c->tcp);
}

static void tcp_ready(struct chan *c, enum chan_slot slot, unsigned int ready)
{
	if (slot == CHAN_LISTEN) {
		for (int i = 0; i < ACCEPT_BATCH && accept_one(c); i++)
			;
	} else if (slot == CHAN_OUT && c->tcp->state == CLIENT_CONNECTING) {
		connect_result(c);
	} else if (slot == CHAN_OUT && c->tcp->state == CLIENT_UP && (ready & LOOP_READ)) {
		check_end(c);
	}
}

static tick_t tcp_deadline(const struct chan *c)
{
	if (c->dev_index <= 0)
		return TICK_NEVER; /* closed by a failed chan_reopen() */
	return tick_min(c->tcp->at, c->tcp->listen_at);
}

static void tcp_tick(struct chan *c, tick_t now)
{
	if (tcp_deadline(c) > now)
		return;
	if (c->tcp->at <= now)
		client_event(c, EV_TIME, 0);
	if (c->tcp->listen_at <= now) {
		c->tcp->listen_at = TICK_NEVER;
		chan_want(c, CHAN_LISTEN, LOOP_READ);
	}
}

const struct chan_ops chan_tcp_ops = {
	.name = "TCP",
	.overhead4 = 40,       /* IP and TCP headers */
	.overhead6 = 60,       /* W19 */
	.out_want = LOOP_READ, /* the end of the connection */
	.open = tcp_open,
	.fini = tcp_fini,
	.send = tcp_send,
	.recv = tcp_recv,
	.ready = tcp_ready,
	.deadline = tcp_deadline,
	.tick = tcp_tick,
	.nudge = tcp_nudge,
	.restart = tcp_restart,
	.reset_input = tcp_reset_input,
};

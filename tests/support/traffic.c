// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * traffic: the load of the network namespace tests, one program for both ends.
 *
 *   traffic server PORT                     echo service on PORT, bulk source on PORT + 1
 *   traffic client ADDRESS PORT ECHO BULK CHURN
 *
 * The client keeps ECHO connections doing one small request and answer every
 * 50 ms, BULK downloads reading as fast as they can, and opens CHURN short
 * connections per second. It obeys lines on stdin: "report" answers with one
 * line of JSON, "mark" does too and starts a new period of observation, "calm"
 * opens no more short connections, "quit" or end of file ends it. All times are seconds.
 *
 * A connection is judged by what arrives, not by what the socket says: one
 * that the firewall swallows stays open and silent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS    50000000LL /* between two requests of one connection */
#define SECOND_NS   1000000000LL
#define REQUEST_LEN 32
#define CHUNK_LEN   65536
#define EVENTS_MAX  64

enum kind {
	KIND_LISTEN_ECHO,
	KIND_LISTEN_BULK,
	KIND_STDIN,
	KIND_ECHO,
	KIND_BULK,
	KIND_CHURN,
	KIND_FREE, /* a slot for a short connection */
};

struct conn {
	enum kind kind;
	int fd;           /* -1: closed */
	bool up;          /* handshake done */
	bool waiting;     /* a request is on its way */
	int error;        /* errno, EPIPE for an orderly end by the peer */
	uint16_t port;    /* own port */
	uint32_t request; /* number of the request in work */
	size_t got;       /* bytes of its answer so far */
	char answer[REQUEST_LEN];
	uint64_t bytes;   /* received since the mark */
	uint64_t answers; /* whole answers since the mark */
	int64_t last;     /* when something arrived last */
	int64_t worst;    /* longest silence since the mark */
	int64_t due;      /* when the next request goes out */
};

struct client {
	int ep;
	struct sockaddr_storage echo_addr, bulk_addr;
	socklen_t addr_len;
	struct conn *conns;
	int n, n_echo;
	int churn; /* connections per second */
	int64_t churn_due, start;
	uint64_t churn_ok, churn_failed;
	bool done;
};

static char chunk[CHUNK_LEN];

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int ep, struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void set_nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* --- server --- */

static struct conn *server_conn(int ep, int fd, enum kind kind, uint32_t events)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		die("calloc");
	c->fd = fd;
	c->kind = kind;
	watch(ep, c, events);
	return c;
}

static void server_listen(int ep, uint16_t port, enum kind kind)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1024) < 0)
		die("listen");
	server_conn(ep, fd, kind, EPOLLIN);
}

static void server_accept(int ep, const struct conn *c)
{
	int fd;

	while ((fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		set_nodelay(fd);
		if (c->kind == KIND_LISTEN_ECHO)
			server_conn(ep, fd, KIND_ECHO, EPOLLIN);
		else
			server_conn(ep, fd, KIND_BULK, EPOLLOUT);
	}
}

/* Returns false when the connection is over. */
static bool server_echo(const struct conn *c)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EAGAIN;
	return n > 0 && send(c->fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool server_bulk(const struct conn *c)
{
	for (int i = 0; i < 4; i++) {
		ssize_t n = send(c->fd, chunk, sizeof(chunk), MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
	}
	return true;
}

static _Noreturn void run_server(uint16_t port)
{
	struct epoll_event events[EVENTS_MAX];
	int ep = epoll_create1(0);

	server_listen(ep, port, KIND_LISTEN_ECHO);
	server_listen(ep, (uint16_t)(port + 1), KIND_LISTEN_BULK);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(ep, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			bool more = true;

			if (c->kind == KIND_ECHO)
				more = server_echo(c);
			else if (c->kind == KIND_BULK)
				more = server_bulk(c);
			else
				server_accept(ep, c);
			if (!more) {
				close(c->fd);
				free(c);
			}
		}
	}
}

/* --- client --- */

static void conn_close(struct conn *c, int error)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->error = error;
}

static void conn_open(struct client *cl, struct conn *c, enum kind kind, int64_t now)
{
	const struct sockaddr_storage *to = kind == KIND_BULK ? &cl->bulk_addr : &cl->echo_addr;

	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->last = c->due = now;
	c->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		die("socket");
	set_nodelay(c->fd);
	if (connect(c->fd, (const struct sockaddr *)to, cl->addr_len) < 0 && errno != EINPROGRESS) {
		conn_close(c, errno);
		return;
	}
	watch(cl->ep, c, EPOLLOUT);
}

/* The handshake is over, well or not. */
static void conn_ready(struct client *cl, struct conn *c, int64_t now)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	struct sockaddr_storage own = { 0 };
	socklen_t len = sizeof(own), elen = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &elen);
	if (error) {
		conn_close(c, error);
		return;
	}
	if (epoll_ctl(cl->ep, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		die("epoll_ctl");
	getsockname(c->fd, (struct sockaddr *)&own, &len);
	/* the port stands at the same place for both families */
	c->port = ntohs(((struct sockaddr_in *)&own)->sin_port);
	c->up = true;
	c->last = c->due = now;
}

static void conn_request(struct conn *c)
{
	char buf[REQUEST_LEN + 1];

	snprintf(buf, sizeof(buf), "request %-*" PRIu32, REQUEST_LEN - 8, ++c->request);
	c->waiting = true;
	c->got = 0;
	if (send(c->fd, buf, REQUEST_LEN, MSG_NOSIGNAL) != REQUEST_LEN)
		conn_close(c, errno ? errno : EIO);
}

static void conn_progress(struct conn *c, size_t n, int64_t now)
{
	if (now - c->last > c->worst)
		c->worst = now - c->last;
	c->last = now;
	c->bytes += n;
}

static void answer_done(struct client *cl, struct conn *c, int64_t now)
{
	char want[REQUEST_LEN + 1];

	snprintf(want, sizeof(want), "request %-*" PRIu32, REQUEST_LEN - 8, c->request);
	c->waiting = false;
	c->due = now + PAUSE_NS;
	if (memcmp(want, c->answer, REQUEST_LEN)) {
		conn_close(c, EBADMSG);
		return;
	}
	c->answers++;
	if (c->kind == KIND_CHURN) {
		cl->churn_ok++;
		conn_close(c, 0);
	}
}

static void echo_read(struct client *cl, struct conn *c, int64_t now)
{
	while (c->fd >= 0) {
		size_t room = c->waiting ? REQUEST_LEN - c->got : 1;
		ssize_t n = recv(c->fd, c->answer + (c->waiting ? c->got : 0), room, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || !c->waiting) {
			conn_close(c, n < 0 ? errno : n == 0 ? EPIPE : EBADMSG);
			return;
		}
		c->got += (size_t)n;
		if (c->got < REQUEST_LEN)
			continue;
		conn_progress(c, REQUEST_LEN, now);
		answer_done(cl, c, now);
	}
}

/* Reads a bounded amount, so that the other connections get their turn. */
static void bulk_read(struct conn *c, int64_t now)
{
	for (int i = 0; i < 8; i++) {
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_close(c, n < 0 ? errno : EPIPE);
			return;
		}
		conn_progress(c, (size_t)n, now);
	}
}

static void conn_event(struct client *cl, struct conn *c, int64_t now)
{
	if (c->fd < 0)
		return;
	if (!c->up)
		conn_ready(cl, c, now);
	else if (c->kind == KIND_BULK)
		bulk_read(c, now);
	else
		echo_read(cl, c, now);
}

/* --- report --- */

static double sec(int64_t ns)
{
	return (double)ns / 1e9;
}

static void report_conn(const struct conn *c, int64_t now, bool first)
{
	int64_t silent = now - c->last, worst = silent > c->worst ? silent : c->worst;

	printf("%s{\"port\":%u,\"up\":%s,\"alive\":%s,\"bytes\":%" PRIu64 ",\"answers\":%" PRIu64
	       ",\"stall\":%.3f,\"silent\":%.3f,\"error\":\"%s\"}",
	       first ? "" : ",", c->port, c->up ? "true" : "false",
	       c->up && c->fd >= 0 && silent < SECOND_NS ? "true" : "false", c->bytes, c->answers,
	       sec(worst), sec(silent), c->error ? strerror(c->error) : "");
}

static void report(struct client *cl, int64_t now)
{
	printf("{\"t\":%.3f,\"echo\":[", sec(now - cl->start));
	for (int i = 0; i < cl->n; i++) {
		if (i == cl->n_echo)
			printf("],\"bulk\":[");
		report_conn(&cl->conns[i], now, i == 0 || i == cl->n_echo);
	}
	if (cl->n == cl->n_echo)
		printf("],\"bulk\":[");
	printf("],\"churn\":{\"ok\":%" PRIu64 ",\"failed\":%" PRIu64 "}}\n", cl->churn_ok,
	       cl->churn_failed);
	fflush(stdout);
}

static void mark(struct client *cl, int64_t now)
{
	for (int i = 0; i < cl->n; i++) {
		struct conn *c = &cl->conns[i];

		c->bytes = c->answers = 0;
		c->worst = now - c->last;
	}
	cl->churn_ok = cl->churn_failed = 0;
}

static void client_command(struct client *cl, int64_t now)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0) {
		cl->done = true;
		return;
	}
	line[n] = '\0';
	report(cl, now);
	if (!strncmp(line, "mark", 4))
		mark(cl, now);
	else if (!strncmp(line, "calm", 4))
		cl->churn_due = INT64_MAX;
	cl->done = !strncmp(line, "quit", 4);
}

/* --- client loop --- */

static void churn_reap(struct client *cl, struct conn *c, int64_t now)
{
	if (c->fd >= 0 && now - c->last < 5 * SECOND_NS)
		return;
	if (c->fd >= 0 || c->error)
		cl->churn_failed++;
	conn_close(c, 0);
	c->kind = KIND_FREE;
}

/* Short connections live in the slots behind the lasting ones. */
static void churn_step(struct client *cl, struct conn *slots, int n, int64_t now)
{
	for (int i = 0; i < n; i++) {
		struct conn *c = &slots[i];

		if (c->kind == KIND_CHURN)
			churn_reap(cl, c, now);
		if (c->kind == KIND_FREE && now >= cl->churn_due) {
			conn_open(cl, c, KIND_CHURN, now);
			cl->churn_due += SECOND_NS / cl->churn;
		}
		if (c->kind == KIND_CHURN && c->fd >= 0 && c->up && !c->request)
			conn_request(c);
	}
}

/* Sends what is due; returns when to look again. */
static int64_t client_step(struct client *cl, int64_t now)
{
	int64_t next = now + SECOND_NS;

	for (int i = 0; i < cl->n_echo; i++) {
		struct conn *c = &cl->conns[i];

		if (c->fd < 0 || !c->up || c->waiting)
			continue;
		if (c->due <= now)
			conn_request(c);
		else if (c->due < next)
			next = c->due;
	}
	if (!cl->churn)
		return next;
	churn_step(cl, cl->conns + cl->n, cl->churn * 6, now);
	return cl->churn_due < next ? cl->churn_due : next;
}

static void client_address(struct client *cl, const char *text, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&cl->echo_addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&cl->echo_addr;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		cl->addr_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		cl->addr_len = sizeof(*v6);
	} else {
		fprintf(stderr, "traffic: bad address %s\n", text);
		exit(1);
	}
	v4->sin_port = htons(port); /* same place for both families */
	cl->bulk_addr = cl->echo_addr;
	((struct sockaddr_in *)&cl->bulk_addr)->sin_port = htons((uint16_t)(port + 1));
}

static void client_open(struct client *cl, int n_bulk)
{
	cl->n = cl->n_echo + n_bulk;
	cl->conns = calloc((size_t)(cl->n + cl->churn * 6), sizeof(*cl->conns));
	if (!cl->conns)
		die("calloc");
	cl->start = cl->churn_due = now_ns();
	for (int i = 0; i < cl->n; i++)
		conn_open(cl, &cl->conns[i], i < cl->n_echo ? KIND_ECHO : KIND_BULK, cl->start);
	for (int i = cl->n; i < cl->n + cl->churn * 6; i++)
		cl->conns[i].kind = KIND_FREE;
}

static int run_client(struct client *cl, int n_bulk)
{
	struct conn in = { .kind = KIND_STDIN, .fd = STDIN_FILENO };
	struct epoll_event events[EVENTS_MAX];

	cl->ep = epoll_create1(0);
	watch(cl->ep, &in, EPOLLIN);
	client_open(cl, n_bulk);
	while (!cl->done) {
		int64_t now = now_ns(), next = client_step(cl, now);
		int wait_ms = next <= now ? 0 : (int)((next - now) / 1000000) + 1;
		int n = epoll_wait(cl->ep, events, EVENTS_MAX, wait_ms);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			now = now_ns();
			if (c == &in)
				client_command(cl, now);
			else
				conn_event(cl, c, now);
		}
	}
	free(cl->conns);
	return 0;
}

int main(int argc, char **argv)
{
	struct client cl = { 0 };

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "server"))
		run_server((uint16_t)atoi(argv[2]));
	if (argc != 7 || strcmp(argv[1], "client")) {
		fprintf(stderr, "usage: traffic server PORT\n"
				"       traffic client ADDRESS PORT ECHO BULK CHURN\n");
		return 1;
	}
	client_address(&cl, argv[2], (uint16_t)atoi(argv[3]));
	cl.n_echo = atoi(argv[4]);
	cl.churn = atoi(argv[6]);
	return run_client(&cl, atoi(argv[5]));
}

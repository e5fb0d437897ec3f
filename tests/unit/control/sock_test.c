// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket with real clients in the same process: the test plays
 * clients and handler, and turns the loop until what it waits for is there.
 */
#define _GNU_SOURCE
#include "control/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "base/err.h"
#include "loop/clock.h"
#include "oom.h"

#define PATIENCE (20 * TICK_SEC)

/* ---- handler ---- */

/* A reply of "left" bytes, each line "line N\n"-like by position. */
struct reply {
	struct control_client *cl;
	size_t at, left;
};

static struct {
	int start_error;
	int fill_error;
	bool later; /* fill() has nothing until this is false */
	bool wake_in_fill;
	size_t size;  /* of each reply */
	size_t piece; /* most bytes per fill, 0 = all there is room for */
	int started, gone, fills, fills_in_turn;
	size_t least_room;
	struct control_request rq;
	struct control_creds creds;
	struct reply *last;
} h;

static char byte_at(size_t pos)
{
	return (char)('a' + pos % 23 + (pos >> 16) % 3);
}

static int start(void *ctx, struct control_client *cl, const struct control_request *rq)
{
	struct reply *r;

	cr_assert_eq(ctx, &h);
	cr_assert_null(control_client_user(cl));
	h.rq = *rq;
	h.creds = *control_client_creds(cl);
	if (h.start_error)
		return h.start_error;
	r = calloc(1, sizeof(*r));
	r->cl = cl;
	r->left = h.size;
	control_client_set_user(cl, r);
	h.last = r;
	h.started++;
	return 0;
}

static ssize_t fill(void *ctx, struct control_client *cl, char *buf, size_t cap)
{
	struct reply *r = control_client_user(cl);
	size_t i, n = r->left < cap ? r->left : cap;

	(void)ctx;
	h.fills++;
	h.fills_in_turn++;
	h.least_room = cap < h.least_room ? cap : h.least_room;
	if (h.fill_error)
		return h.fill_error;
	if (h.wake_in_fill) {
		h.wake_in_fill = false;
		control_wake(cl);
		return CTD_EBUSY;
	}
	if (h.later)
		return CTD_EBUSY;
	if (h.piece && n > h.piece)
		n = h.piece;
	for (i = 0; i < n; i++)
		buf[i] = byte_at(r->at + i);
	r->at += n;
	r->left -= n;
	return (ssize_t)n;
}

static void gone(void *ctx, struct control_client *cl)
{
	(void)ctx;
	free(control_client_user(cl));
	h.gone++;
}

static const struct control_handler handler = { start, fill, gone };

/* ---- the daemon's side ---- */

static struct {
	struct loop *l;
	struct control_sock *c;
	char dir[64], path[96];
} d;

static void dir_new(void)
{
	memset(&h, 0, sizeof(h));
	h.least_room = SIZE_MAX;
	strcpy(d.dir, "/tmp/ctd-control-XXXXXX");
	cr_assert_not_null(mkdtemp(d.dir));
	snprintf(d.path, sizeof(d.path), "%s/x.ctl", d.dir);
	d.l = loop_new();
	cr_assert_not_null(d.l);
}

static struct control_sock_params params(void)
{
	return (struct control_sock_params){
		.loop = d.l,
		.path = d.path,
		.handler = &handler,
		.ctx = &h,
	};
}

static void open_with(uint32_t clients, tick_t timeout)
{
	struct control_sock_params p = params();

	p.max_clients = clients;
	p.timeout = timeout;
	cr_assert_eq(control_sock_open(&p, &d.c), 0);
}

static void setup(void)
{
	dir_new();
	open_with(0, 0);
}

static void teardown(void)
{
	control_sock_close(d.c);
	loop_free(d.l);
	unlink(d.path);
	cr_assert_eq(rmdir(d.dir), 0);
	cr_assert_eq(h.started, h.gone);
}

static struct control_sock_stats stats(void)
{
	struct control_sock_stats st;

	control_sock_get_stats(d.c, &st);
	return st;
}

static void turn(void)
{
	h.fills_in_turn = 0;
	loop_once(d.l, false);
}

/* Turn the loop until cond holds; fails the test if it never does. */
#define AWAIT(cond)                                                                 \
	do {                                                                        \
		tick_t end_ = clock_now() + PATIENCE;                               \
		while (!(cond)) {                                                   \
			turn();                                                     \
			cr_assert(clock_now() < end_, "waited in vain for " #cond); \
		}                                                                   \
	} while (0)

/* ---- the clients' side ---- */

static int client(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, d.path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void say_number(int fd, uint32_t n)
{
	cr_assert_eq(send(fd, &n, sizeof(n), MSG_NOSIGNAL), (ssize_t)sizeof(n));
}

/* Everything until the daemon closes; NUL-terminated, its length. */
static size_t hear(int fd, char *buf, size_t cap)
{
	tick_t end = clock_now() + PATIENCE;
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = recv(fd, buf + len, cap - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0)
			len += (size_t)n;
		else
			turn();
		cr_assert_lt(clock_now(), end);
	}
	buf[len] = '\0';
	close(fd);
	return len;
}

static const char *answer(int fd)
{
	static char buf[4096];

	hear(fd, buf, sizeof(buf));
	return buf;
}

/* Read a patterned reply of h.size bytes behind its code line. */
static void hear_pattern(int fd, size_t prefix)
{
	size_t got = 0, i;
	char buf[65536];
	ssize_t n;

	while (got < prefix + h.size) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0) {
			cr_assert_eq(errno, EAGAIN);
			turn();
			continue;
		}
		cr_assert_gt(n, 0, "closed after %zu", got);
		for (i = 0; i < (size_t)n; i++, got++)
			if (got >= prefix && buf[i] != byte_at(got - prefix))
				cr_assert(0, "wrong byte at %zu", got);
	}
	AWAIT(recv(fd, buf, 1, 0) == 0);
	close(fd);
}

TestSuite(sock, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(sock_path, .init = dir_new, .timeout = 60);

/* ---- requests and replies ---- */

Test(sock, a_line_is_answered_with_code_and_reply)
{
	int fd = client();

	h.size = 5;
	say(fd, "stats cache\n");
	cr_assert_str_eq(answer(fd), "0200 ok\nabcde");
	cr_assert_eq(h.rq.cmd, CONTROL_REPORT);
	cr_assert_eq(h.rq.report, REPORT_CACHE);
	cr_assert_eq(h.gone, 1);
	cr_assert_eq(stats().accepted, 1);
	cr_assert_eq(stats().clients, 0);
}

Test(sock, an_integer_is_answered_with_the_bare_reply)
{
	int fd = client();

	h.size = 5;
	say_number(fd, 36);
	cr_assert_str_eq(answer(fd), "abcde");
	cr_assert_eq(h.rq.report, REPORT_QUEUE);
	fd = client();
	h.size = 0;
	say_number(fd, 46);
	cr_assert_str_eq(answer(fd), "");
	cr_assert_eq(h.rq.cmd, CONTROL_COMMIT);
}

Test(sock, requests_without_a_meaning)
{
	int fd = client();

	say_number(fd, 27);
	cr_assert_str_eq(answer(fd), "");
	fd = client();
	say(fd, "dance\n");
	cr_assert_str_eq(answer(fd), "0400 bad request\n");
	cr_assert_eq(h.started, 0);
	cr_assert_eq(stats().unknown, 2);
}

Test(sock, a_line_that_never_ends)
{
	char long_line[2000];
	int fd = client();

	memset(long_line, 'x', sizeof(long_line));
	cr_assert_eq(send(fd, long_line, sizeof(long_line), 0), (ssize_t)sizeof(long_line));
	cr_assert_str_eq(answer(fd), "0400 bad request\n");
}

Test(sock, the_handler_may_refuse)
{
	int fd = client();

	h.start_error = CTD_EBUSY;
	say(fd, "commit\n");
	cr_assert_str_eq(answer(fd), "0409 busy\n");
	h.start_error = -EPERM;
	fd = client();
	say(fd, "kill\n");
	cr_assert_str_eq(answer(fd), "0403 not allowed\n");
	fd = client();
	say_number(fd, 20);
	cr_assert_str_eq(answer(fd), "");
	cr_assert_eq(h.gone, 0);
	cr_assert_eq(stats().denied, 3);
}

Test(sock, the_handler_may_break_off)
{
	int fd = client();

	h.fill_error = -EIO;
	say(fd, "dump-internal\n");
	cr_assert_str_eq(answer(fd), "");
	cr_assert_eq(h.gone, 1);
}

Test(sock, the_kernel_says_who_asks)
{
	int fd = client();

	say(fd, "stats\n");
	answer(fd);
	cr_assert_eq(h.creds.pid, getpid());
	cr_assert_eq(h.creds.uid, getuid());
	cr_assert_eq(h.creds.gid, getgid());
}

/* ---- clients that are slow, silent or gone ---- */

Test(sock, half_a_request_delays_nobody)
{
	int silent = client(), half = client(), half_int = client(), fd;
	const char *c;

	say(half, "stats ru");
	cr_assert_eq(send(half_int, "\x15\0", 2, 0), 2);
	fd = client();
	h.size = 3;
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\nabc");
	for (c = "ntime\n"; *c; c++) {
		cr_assert_eq(send(half, c, 1, 0), 1);
		turn();
	}
	cr_assert_str_eq(answer(half), "0200 ok\nabc");
	cr_assert_eq(h.rq.report, REPORT_RUNTIME);
	cr_assert_eq(send(half_int, "\0\0", 2, 0), 2);
	cr_assert_str_eq(answer(half_int), "abc");
	close(silent);
	AWAIT(stats().clients == 0);
	cr_assert_eq(stats().read_failed, 1);
}

Test(sock_path, a_request_has_its_time, .fini = teardown)
{
	int silent, half;

	open_with(0, 20 * TICK_MSEC);
	silent = client();
	half = client();
	say(half, "sta");
	cr_assert_str_eq(answer(half), "0408 no request within the time limit\n");
	cr_assert_str_eq(answer(silent), "");
	cr_assert_eq(stats().timeouts, 2);
	/* The limit is for the request, not for the reply. */
	h.later = true;
	h.size = 1;
	half = client();
	say(half, "commit\n");
	AWAIT(h.fills == 1);
	{
		tick_t end = clock_now() + 40 * TICK_MSEC;

		AWAIT(clock_now() > end);
	}
	h.later = false;
	control_wake(h.last->cl);
	cr_assert_str_eq(answer(half), "0200 ok\na");
}

/* The loop was held up while the request lay in the socket. */
Test(sock_path, a_late_daemon_blames_nobody, .fini = teardown)
{
	struct timespec pause = { .tv_nsec = 5 * (long)TICK_MSEC };
	int fd;

	open_with(0, TICK_MSEC);
	fd = client();
	turn();
	cr_assert_eq(stats().clients, 1);
	say(fd, "stats\n");
	nanosleep(&pause, NULL);
	cr_assert_str_eq(answer(fd), "0200 ok\n");
	cr_assert_eq(stats().timeouts, 0);
}

Test(sock, who_does_not_read_delays_nobody_and_costs_one_buffer)
{
	int slow = client(), fd, i;
	int fills;

	h.size = 64 << 20;
	say(slow, "dump-internal\n");
	AWAIT(h.fills > 0);
	for (i = 0; i < 50; i++)
		turn();
	fills = h.fills;
	/* The kernel's socket buffer and ours are full, nothing moves. */
	cr_assert_lt(h.last->at, (size_t)2 << 20);
	for (i = 0; i < 50; i++)
		turn();
	cr_assert_eq(h.fills, fills);
	h.size = 3;
	fd = client();
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\nabc");
	h.size = 64 << 20;
	hear_pattern(slow, 8);
	cr_assert_eq(stats().broken, 0);
	cr_assert_geq(h.least_room, CONTROL_FILL_MIN);
}

Test(sock, small_pieces_arrive_whole)
{
	int fd = client();

	h.size = 100000;
	h.piece = 7;
	say(fd, "dump-internal\n");
	hear_pattern(fd, 8);
}

Test(sock, each_turn_does_a_bounded_amount_for_a_client)
{
	static char buf[1 << 20];
	int fast = client(), i;

	h.size = SIZE_MAX;
	say(fast, "dump-internal\n");
	AWAIT(h.fills > 0);
	for (i = 0; i < 200; i++) {
		turn();
		cr_assert_leq(h.fills_in_turn, 1);
		while (recv(fast, buf, sizeof(buf), 0) > 0)
			;
	}
	cr_assert_gt(h.fills, 150);
	close(fast);
	AWAIT(h.gone == 1);
	cr_assert_eq(stats().broken, 1);
}

Test(sock, a_reply_may_come_later)
{
	int fd = client(), i, fills;
	char c;

	h.later = true;
	h.size = 2;
	say(fd, "commit\n");
	AWAIT(h.fills > 0);
	fills = h.fills;
	for (i = 0; i < 20; i++)
		turn();
	/* The code is there at once, and fill() is not called in vain. */
	cr_assert_eq(recv(fd, &c, 1, MSG_PEEK), 1);
	cr_assert_eq(h.fills, fills);
	control_wake(h.last->cl);
	turn();
	cr_assert_eq(h.fills, fills + 1);
	cr_assert_eq(h.gone, 0);
	h.later = false;
	control_wake(h.last->cl);
	cr_assert_str_eq(answer(fd), "0200 ok\nab");
}

static void count_turn(void *ctx)
{
	++*(int *)ctx;
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

/* Neither a reply that is not ready nor one that is not read keeps the loop awake. */
Test(sock, waiting_costs_no_time)
{
	int later = client(), quiet = client(), silent = client(), slow = client();
	int turns = 0;
	struct loop_timer timer;

	h.later = true;
	say(later, "commit\n");
	say(quiet, "commit\n");
	cr_assert_eq(shutdown(quiet, SHUT_WR), 0);
	AWAIT(h.started == 2);
	h.later = false;
	h.size = 64 << 20;
	say(slow, "dump-internal\n");
	AWAIT(h.started == 3);
	AWAIT(h.fills_in_turn == 0);
	loop_timer_init(&timer, stop_loop, d.l);
	loop_timer_set(d.l, &timer, clock_now() + 30 * TICK_MSEC);
	loop_on_turn(d.l, count_turn, &turns);
	loop_run(d.l);
	cr_assert_leq(turns, 10);
	/* Who sends no more is not listened to; it is found to be gone when written to. */
	close(quiet);
	close(later);
	close(silent);
	close(slow);
	AWAIT(stats().clients == 1);
}

Test(sock, a_wake_inside_fill_is_not_lost)
{
	int fd = client();

	h.wake_in_fill = true;
	h.size = 1;
	say(fd, "commit\n");
	cr_assert_str_eq(answer(fd), "0200 ok\na");
}

Test(sock, who_leaves_while_waiting_is_noticed)
{
	int fd = client();

	h.later = true;
	say(fd, "commit\n");
	AWAIT(h.started == 1);
	close(fd);
	AWAIT(h.gone == 1);
	cr_assert_eq(stats().broken, 1);
	cr_assert_eq(stats().clients, 0);
}

Test(sock, who_only_stops_sending_gets_the_reply)
{
	int fd = client(), i;

	h.later = true;
	h.size = 2;
	say(fd, "commit\n");
	cr_assert_eq(shutdown(fd, SHUT_WR), 0);
	AWAIT(h.started == 1);
	for (i = 0; i < 20; i++)
		turn();
	cr_assert_eq(h.gone, 0);
	h.later = false;
	control_wake(h.last->cl);
	cr_assert_str_eq(answer(fd), "0200 ok\nab");
}

Test(sock, what_follows_the_request_is_ignored)
{
	int fd = client();

	h.later = true;
	h.size = 2;
	say(fd, "stats\nkill\n");
	AWAIT(h.started == 1);
	say(fd, "kill\n");
	turn();
	h.later = false;
	control_wake(h.last->cl);
	cr_assert_str_eq(answer(fd), "0200 ok\nab");
	cr_assert_eq(h.started, 1);
}

/* ---- ceilings ---- */

Test(sock, the_65th_is_refused)
{
	int fd[CONTROL_CLIENTS], extra, i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = client();
		turn();
	}
	AWAIT(stats().clients == CONTROL_CLIENTS);
	extra = client();
	cr_assert_str_eq(answer(extra), "0503 too many clients\n");
	cr_assert_eq(stats().refused, 1);
	/* Those who are in are served, and then there is room again. */
	say(fd[40], "bulk\n");
	cr_assert_str_eq(answer(fd[40]), "0200 ok\n");
	extra = client();
	say(extra, "bulk\n");
	cr_assert_str_eq(answer(extra), "0200 ok\n");
	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (i != 40)
			close(fd[i]);
	AWAIT(stats().clients == 0);
}

/* One waits for us, one has just come, one does not read: only the last gives way. */
Test(sock_path, who_does_not_move_gives_way_to_a_newcomer, .fini = teardown)
{
	int waiting, slow, last, fd;
	tick_t end;

	open_with(3, 0);
	slow = client();
	h.size = 64 << 20;
	say(slow, "dump-internal\n");
	AWAIT(h.fills > 0);
	waiting = client();
	h.size = 3;
	h.later = true;
	say(waiting, "stats\n");
	AWAIT(h.started == 2);
	end = clock_now() + 1100 * TICK_MSEC;
	while (clock_now() < end)
		turn();
	last = client();
	AWAIT(stats().clients == 3);
	fd = client();
	h.later = false;
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\nabc");
	cr_expect_eq(stats().broken, 1);
	cr_expect_eq(h.gone, 2); /* the slow one and the newcomer */
	/* Nobody has been idle for long now. */
	fd = client();
	AWAIT(stats().clients == 3);
	cr_expect_str_eq(answer(client()), "0503 too many clients\n");
	close(waiting);
	close(last);
	close(slow);
	close(fd);
	AWAIT(stats().clients == 0);
}

Test(sock, all_clients_at_once)
{
	int fd[CONTROL_CLIENTS], i;

	h.size = 300000;
	for (i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = client();
		say(fd[i], "dump-external xml\n");
	}
	AWAIT(h.started == CONTROL_CLIENTS);
	for (i = CONTROL_CLIENTS - 1; i >= 0; i--)
		hear_pattern(fd[i], 8);
	cr_assert_eq(h.gone, CONTROL_CLIENTS);
}

Test(sock, out_of_descriptors_pauses_and_recovers)
{
	struct rlimit old, none;
	int fd = client(), i;
	int next;

	h.size = 1;
	say(fd, "stats\n");
	next = dup(fd);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = (rlim_t)next;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (i = 0; i < 20; i++)
		turn();
	cr_assert_eq(stats().accepted, 0);
	/* Asked once, not in every turn. */
	cr_assert_leq(stats().refused, 2);
	cr_assert_geq(stats().refused, 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	cr_assert_str_eq(answer(fd), "0200 ok\na");
}

Test(sock, out_of_memory_costs_the_client_only)
{
	int fd = client();

	oom_after(0);
	AWAIT(oom_count() > 0);
	oom_off();
	cr_assert_str_eq(answer(fd), "0503 too many clients\n");
	fd = client();
	AWAIT(stats().clients == 1);
	say(fd, "stats\n");
	oom_after(0);
	AWAIT(oom_count() > 0);
	oom_off();
	cr_assert_str_eq(answer(fd), "0500 failed\n");
	cr_assert_eq(stats().refused, 2);
	fd = client();
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\n");
}

/* ---- the file ---- */

Test(sock, only_the_owner_may_connect)
{
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	cr_assert_eq(stat(d.path, &st), 0);
	cr_assert(S_ISSOCK(st.st_mode));
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_neq(mask, 0177, "the process keeps its umask");
}

/* While a daemon starts its clients are not turned away, they wait. */
Test(sock_path, clients_may_have_to_wait, .fini = teardown)
{
	struct control_sock_params p;
	int fd;

	p = params();
	p.later = true;
	cr_assert_eq(control_sock_open(&p, &d.c), 0);
	fd = client();
	say(fd, "stats\n");
	for (int i = 0; i < 5; i++)
		loop_once(d.l, false);
	cr_assert_eq(h.started, 0);
	control_sock_serve(d.c);
	for (int i = 0; i < 5; i++)
		loop_once(d.l, false);
	cr_assert_eq(h.started, 1);
	close(fd);
}

Test(sock, a_living_daemon_keeps_its_socket)
{
	struct control_sock_params p = params();
	struct control_sock *other;
	int fd;

	cr_assert_eq(control_sock_open(&p, &other), -EADDRINUSE);
	fd = client();
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\n");
}

Test(sock, end_with_clients_connected)
{
	int waiting = client(), silent = client();
	char c;

	h.later = true;
	say(waiting, "kill\n");
	AWAIT(h.started == 1 && stats().clients == 2);
	/* The path goes first, the waiting client learns of the end last. */
	control_sock_unlisten(d.c);
	cr_assert_eq(access(d.path, F_OK), -1);
	turn();
	cr_assert_eq(recv(waiting, &c, 1, MSG_PEEK), 1);
	control_sock_close(d.c);
	d.c = NULL;
	cr_assert_str_eq(answer(waiting), "0200 ok\n");
	cr_assert_str_eq(answer(silent), "");
	cr_assert_eq(h.gone, 1);
}

/* Leave a socket file behind as a killed daemon does. */
static void leave_socket(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, d.path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	close(fd);
}

Test(sock_path, a_stale_socket_is_replaced, .fini = teardown)
{
	int fd;

	leave_socket();
	open_with(0, 0);
	fd = client();
	say(fd, "stats\n");
	cr_assert_str_eq(answer(fd), "0200 ok\n");
}

Test(sock_path, other_files_are_left_alone)
{
	struct control_sock_params p = params();
	struct control_sock *c;
	int fd = open(d.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	cr_assert_eq(control_sock_open(&p, &c), -EEXIST);
	cr_assert_eq(access(d.path, F_OK), 0);
	unlink(d.path);
	rmdir(d.dir);
	loop_free(d.l);
}

Test(sock_path, a_successor_keeps_its_file)
{
	open_with(0, 0);
	cr_assert_eq(unlink(d.path), 0);
	leave_socket();
	control_sock_close(d.c);
	cr_assert_eq(access(d.path, F_OK), 0);
	unlink(d.path);
	rmdir(d.dir);
	loop_free(d.l);
}

Test(sock_path, paths_that_cannot_be)
{
	struct control_sock_params p = params();
	struct control_sock *c;
	char longest[200];

	memset(longest, 'p', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	p.path = longest;
	cr_assert_eq(control_sock_open(&p, &c), -ENAMETOOLONG);
	p.path = "/nonexistent-directory/x.ctl";
	cr_assert_eq(control_sock_open(&p, &c), -ENOENT);
	p.path = d.path;
	oom_after(0);
	cr_assert_eq(control_sock_open(&p, &c), -ENOMEM);
	oom_off();
	rmdir(d.dir);
	loop_free(d.l);
}

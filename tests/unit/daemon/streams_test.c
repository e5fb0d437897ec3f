// SPDX-License-Identifier: GPL-2.0-or-later
/* What a TCP peer writes becomes whole messages for the engine, or its connection ends. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net.h"
#include "streams.h"

#define US   "127.0.0.1"
#define PEER "127.0.0.2"

TestSuite(streams, .timeout = 60);

struct node {
	struct engine *engine;
	struct links *links;
	struct loop *loop;
	struct streams streams;
	uint16_t port;
	size_t pieces, good;
};

static void on_piece(void *ctx, size_t link, const struct chan_msg *m)
{
	struct node *n = ctx;

	n->pieces++;
	n->good += streams_input(&n->streams, n->engine, loop_now(n->loop), 0, n->links, link, m);
}

static void open_node(struct node *n)
{
	const struct engine_params ep = {
		.npeers = 1,
		.repl = { .mode = REPL_NOTRACK },
		.cache_limit = 10,
	};
	struct chan_params p;

	memset(n, 0, sizeof(*n));
	n->port = free_port(PEER);
	p = tcp_params(US, PEER, n->port);
	n->engine = engine_new(&ep, 0);
	n->loop = loop_new();
	cr_assert_eq(links_open(&p, 1, NULL, &n->links), 0);
	links_start(n->links, n->loop, 100, on_piece, n);
}

static void close_node(struct node *n)
{
	links_stop(n->links);
	links_close(n->links);
	streams_fini(&n->streams);
	engine_free(n->engine);
	loop_free(n->loop);
}

static struct engine_stats stats(const struct node *n)
{
	struct engine_stats st;

	engine_get_stats(n->engine, &st);
	return st;
}

#define AWAIT(n, condition)  \
	while (!(condition)) \
	loop_once((n)->loop, true)

static void write_all(int fd, const void *data, size_t len)
{
	cr_assert_eq(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* ALIVE messages numbered from 1. */
static size_t alive(uint8_t *buf, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wire_control_put(buf + 8 * i, 8, WIRE_F_ALIVE, i + 1, 0, 0);
	return 8 * n;
}

static void expect_closed(int fd)
{
	char c;

	cr_assert(readable(fd));
	cr_assert_leq(recv(fd, &c, 1, 0), 0, "not closed");
}

Test(streams, split_anywhere)
{
	static const size_t sizes[] = { 1, 3, 4, 7, 9, 16, 5 };
	uint8_t buf[8 * 40];
	size_t len = alive(buf, 40), done = 0, i = 0;
	struct node n;
	int fd;

	open_node(&n);
	fd = tcp_connected(PEER, US, n.port);
	for (size_t step; done < len; done += step) {
		step = sizes[i++ % 7];
		step = step < len - done ? step : len - done;
		write_all(fd, buf + done, step);
		AWAIT(&n, n.pieces == i);
		cr_assert_eq(stats(&n).msgs_in, (done + step) / 8);
	}
	cr_assert_eq(stats(&n).peer[0].lost, 0);
	cr_assert_leq(n.good, 40);
	close(fd);
	close_node(&n);
}

/* More in one piece than one message buffer has room for at a time. */
Test(streams, much_at_once)
{
	static uint8_t buf[8 * 40000];
	size_t len = alive(buf, 40000), done = 0;
	struct node n;
	ssize_t rc;
	int fd;

	open_node(&n);
	fd = tcp_connected(PEER, US, n.port);
	while (done < len) {
		rc = send(fd, buf + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		done += rc > 0 ? (size_t)rc : 0;
		loop_once(n.loop, false);
	}
	AWAIT(&n, stats(&n).msgs_in == 40000);
	cr_assert_eq(stats(&n).peer[0].lost, 0);
	close(fd);
	close_node(&n);
}

Test(streams, w21_half_a_message_ends_with_its_connection)
{
	uint8_t buf[16];
	struct node n;
	int fd;

	open_node(&n);
	alive(buf, 2);
	fd = tcp_connected(PEER, US, n.port);
	write_all(fd, buf, 13);
	AWAIT(&n, stats(&n).msgs_in == 1);
	close(fd);
	fd = tcp_connected(PEER, US, n.port);
	write_all(fd, buf, 16);
	AWAIT(&n, stats(&n).msgs_in == 3);
	cr_assert_eq(stats(&n).bad_size, 0);
	close(fd);
	close_node(&n);
}

/* A length that cannot be: closed, and the next connection is read from its start. */
static void impossible(const uint8_t *data, size_t len)
{
	uint8_t buf[8];
	struct node n;
	int fd;

	open_node(&n);
	alive(buf, 1);
	fd = tcp_connected(PEER, US, n.port);
	write_all(fd, buf, 8);
	write_all(fd, data, len);
	write_all(fd, buf, 8);
	AWAIT(&n, stats(&n).bad_size == 1);
	expect_closed(fd);
	cr_assert_eq(stats(&n).msgs_in, 1, "nothing after it can be trusted");
	close(fd);
	fd = tcp_connected(PEER, US, n.port);
	write_all(fd, buf, 8);
	AWAIT(&n, stats(&n).msgs_in == 2);
	close(fd);
	close_node(&n);
}

Test(streams, w21_impossible_lengths_close_the_connection)
{
	static const uint8_t forged[] = { 0x10, 0, 0xea, 0x60, 0, 0, 0, 2, 1, 2, 3, 4 }; /* 60000 */
	static const uint8_t none[] = { 0x10, 0, 0, 0, 0, 0, 0, 2 };
	static const uint8_t text[] = "GET / HTTP/1.0\r\n\r\n";

	impossible(forged, sizeof(forged));
	impossible(none, sizeof(none));
	impossible(text, sizeof(text) - 1);
}

Test(streams, another_version_is_skipped)
{
	uint8_t buf[16];
	struct node n;
	int fd;

	open_node(&n);
	alive(buf, 2);
	buf[0] = 0x25; /* version 2 */
	fd = tcp_connected(PEER, US, n.port);
	write_all(fd, buf, 16);
	AWAIT(&n, stats(&n).msgs_in == 1);
	cr_assert_eq(stats(&n).bad_version, 1);
	cr_assert_eq(n.good, 1);
	close(fd);
	close_node(&n);
}

/* Good input is told from bad: it decides which link is used. */
Test(streams, says_what_was_good)
{
	uint8_t buf[WIRE_RANGE_LEN];
	struct node n;
	int fd;

	open_node(&n);
	fd = tcp_connected(PEER, US, n.port);
	wire_control_put(buf, sizeof(buf), WIRE_F_ACK, 1, 1, 1); /* not in this mode */
	write_all(fd, buf, sizeof(buf));
	AWAIT(&n, stats(&n).bad_header == 1);
	cr_assert_eq(n.good, 0);
	alive(buf, 1);
	write_all(fd, buf, 8);
	AWAIT(&n, n.good == 1);
	close(fd);
	close_node(&n);
}

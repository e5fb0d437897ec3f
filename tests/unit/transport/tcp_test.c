// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP links: splits, partial writes, lost connections, strangers. Our side is
 * driven by a loop; the other side is a plain socket that misbehaves as the
 * test needs it, or a second link.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "loop/clock.h"
#include "net.h"
#include "transport/links.h"

#define US   "127.0.0.1"
#define PEER "127.0.0.2"

TestSuite(tcp, .timeout = 60);

struct side {
	struct links *links;
	struct loop *loop;
	struct captured log;
	uint16_t port;
	size_t got;     /* bytes */
	char text[512]; /* what came, with a "|" where the epoch changed */
	uint32_t epoch;
};

static void on_input(void *ctx, size_t link, const struct chan_msg *m)
{
	struct side *s = ctx;
	size_t used = strlen(s->text);

	(void)link;
	s->got += m->len;
	snprintf(s->text + used, sizeof(s->text) - used, "%s%.*s", m->epoch != s->epoch ? "|" : "",
		 (int)m->len, (const char *)m->data);
	s->epoch = m->epoch;
}

static void open_params(struct side *s, const struct chan_params *p, size_t n)
{
	memset(s, 0, sizeof(*s));
	capture(&s->log);
	s->port = p->port;
	cr_assert_eq(links_open(p, n, &s->log.log, &s->links), 0, "%s", s->log.text);
	s->loop = loop_new();
	links_start(s->links, s->loop, 100, on_input, s);
}

static void open_side(struct side *s, const char *local, const char *peer, uint16_t port)
{
	struct chan_params p = tcp_params(local, peer, port);

	open_params(s, &p, 1);
}

static void close_side(struct side *s)
{
	links_stop(s->links);
	links_close(s->links);
	loop_free(s->loop);
}

static struct chan_stats stats(struct side *s)
{
	struct chan_stats st;

	chan_get_stats(links_chan(s->links, 0), &st);
	return st;
}

/* Turns of our loop until the condition holds; the suite's time limit ends a wait in vain. */
/* A turn ends with waiting, so one that only runs a timer must not wait. */
#define AWAIT(s, condition)                  \
	while (!(condition)) {               \
		loop_once((s)->loop, false); \
		poll(NULL, 0, 1);            \
	}

static void put(struct side *s, const void *data, size_t len)
{
	size_t cap;
	uint8_t *room = links_space(s->links, &cap);

	cr_assert_not_null(room);
	cr_assert_leq(len, cap);
	memcpy(room, data, len);
	links_queue(s->links, len);
}

/* ---- the ordinary case ---- */

Test(tcp, both_ways)
{
	uint16_t port = free_port(US);
	struct side a, b;

	open_side(&a, US, PEER, port);
	open_side(&b, PEER, US, port);
	/* a was refused; b's connection tells it that b is there. */
	AWAIT(&b, stats(&b).client);
	AWAIT(&a, stats(&a).client && stats(&a).server);
	AWAIT(&b, stats(&b).server);
	put(&a, "to b", 4);
	links_flush(a.links);
	AWAIT(&b, b.got == 4);
	put(&b, "to a", 4);
	links_flush(b.links);
	AWAIT(&a, a.got == 4);
	cr_assert_str_eq(b.text, "|to b");
	cr_assert_str_eq(a.text, "|to a");
	cr_assert_eq(stats(&a).bytes_out, 4);
	cr_assert_eq(stats(&a).packets_out, 1);
	cr_assert_eq(stats(&a).bytes_in, 4);
	cr_assert(strstr(a.log.text, "link lo: connected to 127.0.0.2"), "%s", a.log.text);
	cr_assert(strstr(a.log.text, "link lo: connection from 127.0.0.2"), "%s", a.log.text);
	close_side(&a);
	AWAIT(&b, !stats(&b).server && !stats(&b).client);
	close_side(&b);
}

Test(tcp, ipv6)
{
	uint16_t port = free_port("::1");
	struct side a;
	char text[8] = "";
	int lis, fd;

	lis = tcp_listener("::1", port, 0);
	close(lis); /* one address, so we talk to ourselves */
	open_side(&a, "::1", "::1", port);
	AWAIT(&a, stats(&a).client && stats(&a).server);
	put(&a, "loop", 4);
	links_flush(a.links);
	AWAIT(&a, a.got == 4);
	fd = tcp_connected("::1", "::1", port);
	cr_assert_eq(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
	close(fd);
	close_side(&a);
}

Test(tcp, needs_addresses_that_fit)
{
	struct chan_params p = tcp_params(US, "::1", free_port(US));
	struct captured log;
	struct chan *c = NULL;

	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &c), -EINVAL);
	cr_assert(strstr(log.text, "one family"), "%s", log.text);
	p = tcp_params("192.0.2.1", PEER, 3780);
	cr_assert_eq(chan_open(&p, &log.log, &c), -EADDRNOTAVAIL);
	cr_assert_null(c);
}

/* The peer has no route to it, or is not there: that is no error, it may come. */
Test(tcp, a_peer_out_of_reach_is_no_error)
{
	struct chan_params p = tcp_params(US, "203.0.113.1", free_port(US));
	struct chan *c;

	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	cr_assert_neq(chan_deadline(c), TICK_NEVER);
	chan_close(c);
}

/* ---- sending ---- */

#define BATCH 1000

/* Batch i is BATCH bytes: its number, then a pattern made from it. */
static void make_batch(uint8_t *b, uint32_t i)
{
	memcpy(b, &i, sizeof(i));
	for (size_t k = sizeof(i); k < BATCH; k++)
		b[k] = (uint8_t)(i * 31 + k);
}

/* A stream must consist of whole batches; returns how many, and the number of the first. */
static uint32_t check_batches(const uint8_t *data, size_t len, uint32_t *first)
{
	uint8_t want[BATCH];
	uint32_t n = 0;

	memcpy(first, data, sizeof(*first));
	for (; (n + 1) * BATCH <= len; n++) {
		make_batch(want, *first + n);
		cr_assert_arr_eq(data + n * BATCH, want, BATCH, "batch %u", *first + n);
	}
	return n;
}

/*
 * Batches until no more are taken, written many at a time as that is what gets
 * cut. Returns the number after the last.
 */
static uint32_t fill_up(struct side *s, uint32_t from)
{
	uint8_t *room;
	size_t cap;
	uint32_t before;

	do {
		before = from;
		while ((room = links_space(s->links, &cap))) {
			make_batch(room, from++);
			links_queue(s->links, BATCH);
		}
		links_flush(s->links);
	} while (from > before);
	return from;
}

/* A link with small socket buffers to a listener that reads nothing by itself. */
static int slow_reader(struct side *s)
{
	struct chan_params p = tcp_params(US, PEER, free_port(PEER));
	int lis = tcp_listener(PEER, p.port, 4096);

	p.sndbuf = 8192;
	p.queue_len = 16;
	open_params(s, &p, 1);
	AWAIT(s, stats(s).client);
	return lis;
}

static int taken(int lis)
{
	int fd;

	cr_assert(readable(lis));
	fd = accept(lis, NULL, NULL);
	cr_assert_geq(fd, 0);
	return fd;
}

/* Read while our side sends, until "want" bytes are there or the stream ends. */
static size_t read_all(struct side *s, int fd, uint8_t *buf, size_t want)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < want && n != 0) {
		loop_once(s->loop, false);
		n = recv(fd, buf + len, want - len, MSG_DONTWAIT);
		if (n > 0)
			len += (size_t)n;
		cr_assert(n >= 0 || errno == EAGAIN, "%s", strerror(errno));
	}
	return len;
}

Test(tcp, w20_partial_writes_go_on_where_they_stopped)
{
	static uint8_t buf[4000 * BATCH];
	uint32_t first, n;
	struct side a;
	size_t want;
	int lis = slow_reader(&a), fd = taken(lis);

	n = fill_up(&a, 0);
	cr_assert_gt(n, 16, "the socket took some");
	cr_assert_eq(stats(&a).waiting, 16);
	cr_assert_eq(stats(&a).dropped, 0, "a slow reader makes us wait, not lose");
	cr_assert_neq(stats(&a).bytes_out % BATCH, 0, "not in the middle of a batch");
	for (; n < 3000; n = fill_up(&a, n)) {
		want = 3 * BATCH + n % 777; /* at odd places */
		read_all(&a, fd, buf + a.got, want);
		a.got += want;
	}
	want = n * BATCH - a.got;
	cr_assert_eq(read_all(&a, fd, buf + a.got, want), want);
	cr_assert_eq(check_batches(buf, n * BATCH, &first), n);
	cr_assert_eq(first, 0);
	cr_assert_eq(stats(&a).packets_out, n);
	close(fd);
	close(lis);
	close_side(&a);
}

/* What was not written whole is written again, from its start, in order. */
Test(tcp, w21_a_new_connection_starts_with_a_whole_batch)
{
	static uint8_t buf[1000 * BATCH];
	uint32_t first, n, whole;
	struct side a;
	size_t len;
	int lis = slow_reader(&a), fd = taken(lis);

	n = fill_up(&a, 0);
	whole = (uint32_t)(stats(&a).bytes_out / BATCH);
	cr_assert_neq(stats(&a).bytes_out % BATCH, 0);
	close(fd);
	AWAIT(&a, !stats(&a).client);
	AWAIT(&a, stats(&a).client);
	fd = taken(lis);
	len = read_all(&a, fd, buf, (n - whole) * BATCH);
	cr_assert_eq(check_batches(buf, len, &first), n - whole);
	cr_assert_eq(first, whole, "the one that was cut, not the one after it");
	cr_assert_eq(stats(&a).waiting, 0);
	cr_assert(strstr(a.log.text, "connection to 127.0.0.2 lost"), "%s", a.log.text);
	close(fd);
	close(lis);
	close_side(&a);
}

Test(tcp, what_came_before_the_peer_is_delivered)
{
	struct side a;
	char text[16] = "";
	int lis, fd;

	open_side(&a, US, PEER, free_port(PEER));
	put(&a, "early ", 6);
	put(&a, "bird", 4);
	links_flush(a.links);
	cr_assert_eq(stats(&a).waiting, 2);
	lis = tcp_listener(PEER, a.port, 0);
	AWAIT(&a, stats(&a).client && stats(&a).waiting == 0);
	fd = taken(lis);
	cr_assert_eq(recv(fd, text, 10, MSG_WAITALL), 10);
	cr_assert_str_eq(text, "early bird");
	close(fd);
	close(lis);
	close_side(&a);
}

Test(tcp, without_peer_the_oldest_make_room)
{
	struct chan_params p = tcp_params(US, PEER, free_port(PEER));
	uint8_t b[BATCH], buf[8 * BATCH];
	uint32_t first;
	struct side a;
	int lis, fd;

	p.queue_len = 8;
	open_params(&a, &p, 1);
	for (uint32_t i = 0; i < 20; i++) {
		make_batch(b, i);
		put(&a, b, BATCH);
	}
	cr_assert_eq(stats(&a).waiting, 8);
	cr_assert_eq(stats(&a).slots, 8);
	cr_assert_eq(stats(&a).full, 12);
	cr_assert_eq(stats(&a).dropped, 12);
	cr_assert_eq(stats(&a).errors_out, 12);
	lis = tcp_listener(PEER, a.port, 0);
	AWAIT(&a, stats(&a).client);
	fd = taken(lis);
	cr_assert_eq(recv(fd, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	cr_assert_eq(check_batches(buf, sizeof(buf), &first), 8);
	cr_assert_eq(first, 12);
	close(fd);
	close(lis);
	close_side(&a);
}

/* ---- connecting ---- */

/* A port is open again after a while: found by the timer alone. */
Test(tcp, a_lost_connection_is_made_again)
{
	struct side a;
	int lis, fd;
	tick_t lost;

	open_side(&a, US, PEER, free_port(PEER));
	lis = tcp_listener(PEER, a.port, 0);
	AWAIT(&a, stats(&a).client);
	fd = taken(lis);
	for (unsigned int i = 2; i < 4; i++) {
		close(fd);
		lost = clock_now();
		AWAIT(&a, stats(&a).connects == i);
		cr_assert_lt(clock_now() - lost, 10 * TICK_SEC);
		cr_assert_gt(clock_now() - lost, 150 * TICK_MSEC, "not without a pause");
		fd = taken(lis);
	}
	close(fd);
	close(lis);
	close_side(&a);
}

Test(tcp, the_pause_grows_and_ends_when_the_peer_calls)
{
	tick_t called, start = clock_now();
	struct side a;
	struct chan *c;
	int lis, fd;

	open_side(&a, US, PEER, free_port(PEER));
	c = links_chan(a.links, 0);
	/* Refused at once each time: 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5 seconds. */
	AWAIT(&a, chan_send_fd(c) < 0 && chan_deadline(c) > clock_now() + 1400 * TICK_MSEC);
	cr_assert_gt(clock_now() - start, 1300 * TICK_MSEC);
	lis = tcp_listener(PEER, a.port, 0);
	called = clock_now();
	fd = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).client);
	cr_assert_lt(clock_now() - called, 1200 * TICK_MSEC, "it would wait 1.6 s otherwise");
	close(fd);
	close(lis);
	close_side(&a);
}

/* ---- receiving ---- */

static void say_tcp(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void expect_closed(int fd)
{
	char c;

	cr_assert(readable(fd));
	cr_assert_leq(recv(fd, &c, 1, 0), 0, "not closed");
}

Test(tcp, w21_each_connection_has_its_epoch)
{
	struct side a;
	int fd;

	open_side(&a, US, PEER, free_port(PEER));
	fd = tcp_connected(PEER, US, a.port);
	say_tcp(fd, "half a mess");
	AWAIT(&a, a.got == 11);
	close(fd);
	fd = tcp_connected(PEER, US, a.port);
	say_tcp(fd, "whole");
	AWAIT(&a, a.got == 16);
	cr_assert_str_eq(a.text, "|half a mess|whole");
	cr_assert_eq(stats(&a).accepted, 2);
	close(fd);
	close_side(&a);
}

Test(tcp, w21_input_without_sense_is_closed)
{
	struct side a;
	int fd;

	open_side(&a, US, PEER, free_port(PEER));
	fd = tcp_connected(PEER, US, a.port);
	say_tcp(fd, "nonsense");
	AWAIT(&a, a.got == 8);
	chan_reset_input(links_chan(a.links, 0));
	expect_closed(fd);
	cr_assert_eq(stats(&a).errors_in, 2, "the reset, and the end");
	cr_assert_not(stats(&a).server);
	chan_reset_input(links_chan(a.links, 0)); /* nothing there: nothing happens */
	close(fd);
	fd = tcp_connected(PEER, US, a.port);
	say_tcp(fd, "sense");
	AWAIT(&a, a.got == 13);
	close(fd);
	close_side(&a);
}

Test(tcp, w1_w22_strangers_are_refused)
{
	struct side a;
	int peer, fd;

	open_side(&a, US, PEER, free_port(PEER));
	peer = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).server);
	fd = tcp_connected("127.0.0.3", US, a.port);
	say_tcp(fd, "let me in");
	AWAIT(&a, stats(&a).foreign == 1);
	expect_closed(fd);
	cr_assert(strstr(a.log.text, "connection from 127.0.0.3 refused: not the configured peer"),
		  "%s", a.log.text);
	say_tcp(peer, "still here");
	AWAIT(&a, a.got == 10);
	cr_assert_str_eq(a.text, "|still here");
	cr_assert_eq(stats(&a).accepted, 1);
	close(fd);
	close(peer);
	close_side(&a);
}

/* The right address, but it comes in on w0. */
static void another_interface(const char *us, const char *peer)
{
	struct chan_params p = tcp_params(us, peer, 3780);
	struct side a;
	int fd;

	crossed_wires();
	strcpy(p.interface, "v0");
	open_params(&a, &p, 1);
	far_side(true);
	fd = tcp_connected(peer, us, p.port);
	far_side(false);
	AWAIT(&a, stats(&a).foreign == 1);
	expect_closed(fd);
	cr_assert(strstr(a.log.text, "refused: came in on another interface"), "%s", a.log.text);
	close(fd);
	close_side(&a);
}

Test(tcp, w1_other_interfaces_are_refused)
{
	another_interface("192.0.2.1", "192.0.2.2");
}

Test(tcp, w1_ipv6_other_interfaces_are_refused)
{
	another_interface("2001:db8::1", "2001:db8::2");
}

/* Two peers, one own address and port: who connects tells whose link it is. */
Test(tcp, w22_two_peers_on_one_port)
{
	struct chan_params p = tcp_params(US, PEER, free_port(PEER));
	struct side a, b;
	int one, two, stranger;

	open_params(&a, &p, 1);
	p.peer = addr_of("127.0.0.3");
	p.listener = links_chan(a.links, 0);
	open_params(&b, &p, 1);
	two = tcp_connected("127.0.0.3", US, a.port);
	one = tcp_connected(PEER, US, a.port);
	stranger = tcp_connected("127.0.0.4", US, a.port);
	AWAIT(&a, stats(&a).foreign == 1);
	cr_assert_eq(stats(&a).accepted, 1);
	cr_assert_eq(stats(&b).accepted, 1);
	say_tcp(one, "one");
	say_tcp(two, "two");
	AWAIT(&a, a.got == 3);
	AWAIT(&b, b.got == 3);
	cr_assert_str_eq(a.text, "|one");
	cr_assert_str_eq(b.text, "|two");
	expect_closed(stranger);
	/* The one that listens starts anew; the other one keeps its connection. */
	cr_assert_eq(chan_reopen(links_chan(a.links, 0)), 0);
	say_tcp(two, "!");
	AWAIT(&b, b.got == 4);
	close(one);
	one = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).accepted == 2);
	close(one);
	/* Without it the other one listens. */
	close_side(&a);
	close(two);
	two = tcp_connected("127.0.0.3", US, p.port);
	AWAIT(&b, stats(&b).accepted == 2);
	close(two);
	close(stranger);
	close_side(&b);
}

/* One of two links on one port has lost its interface: the other one still hears its peer. */
Test(tcp, a_lost_interface_costs_others_on_the_port_nothing)
{
	struct chan_params p = tcp_params(US, PEER, 3780);
	struct side a, b;
	int fd;

	own_network();
	veth_pair();
	strcpy(p.interface, "v0");
	open_params(&a, &p, 1);
	strcpy(p.interface, "lo");
	p.peer = addr_of("127.0.0.3");
	p.listener = links_chan(a.links, 0);
	open_params(&b, &p, 1);
	ip("link del v0");
	cr_assert_eq(chan_reopen(links_chan(a.links, 0)), -ENODEV);
	fd = tcp_connected("127.0.0.3", US, 3780);
	AWAIT(&b, stats(&b).accepted == 1);
	close(fd);
	close_side(&a);
	close_side(&b);
}

/* A newer connection of the peer is read when the older one has nothing more. */
Test(tcp, w22_the_peers_second_connection)
{
	struct side a;
	int one, two, three;

	open_side(&a, US, PEER, free_port(PEER));
	one = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).accepted == 1);
	two = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).accepted == 2);
	say_tcp(one, "first ");
	AWAIT(&a, a.got == 6);
	close(two); /* somebody only looked: no reason to change */
	for (int i = 0; i < 5; i++)
		loop_once(a.loop, false);
	say_tcp(one, "goes on ");
	AWAIT(&a, a.got == 14);
	two = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).accepted == 3);
	say_tcp(one, "and on");
	say_tcp(two, "second");
	AWAIT(&a, a.got == 26);
	cr_assert_str_eq(a.text, "|first goes on and on|second");
	expect_closed(one);
	three = tcp_connected(PEER, US, a.port);
	AWAIT(&a, stats(&a).accepted == 4);
	close(two);
	AWAIT(&a, stats(&a).server && strstr(a.log.text, "ended: closed by the peer"));
	say_tcp(three, "third");
	AWAIT(&a, a.got == 31);
	close(one);
	close(three);
	close_side(&a);
}

/* No descriptor for a connection: it waits, and we do not spin. */
Test(tcp, out_of_descriptors)
{
	struct rlimit limit, tight;
	unsigned int turns = 0;
	struct side a;
	int fd, low;

	open_side(&a, US, PEER, free_port(PEER));
	fd = tcp_connected(PEER, US, a.port);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = dup(fd);
	close(low);
	tight = limit;
	tight.rlim_cur = (rlim_t)low;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	AWAIT(&a, stats(&a).errors_in == 1);
	for (tick_t end = clock_now() + 300 * TICK_MSEC; clock_now() < end; turns++)
		loop_once(a.loop, true);
	cr_assert_lt(turns, 20);
	cr_assert_eq(stats(&a).errors_in, 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	AWAIT(&a, stats(&a).server);
	close(fd);
	close_side(&a);
}

/* ---- several links ---- */

Test(tcp, what_waits_moves_to_another_link)
{
	struct chan_params p[2] = {
		tcp_params(US, PEER, free_port(PEER)),
		tcp_params(US, PEER, free_port(PEER)),
	};
	static uint8_t buf[1000 * BATCH];
	int lis, other, fd, next;
	uint32_t n, first, whole;
	struct side a;
	size_t len;

	lis = tcp_listener(PEER, p[0].port, 4096);
	other = tcp_listener(PEER, p[1].port, 0);
	p[0].sndbuf = 8192;
	open_params(&a, p, 2);
	AWAIT(&a, stats(&a).client);
	fd = taken(lis);
	n = fill_up(&a, 0);
	whole = (uint32_t)(stats(&a).bytes_out / BATCH);
	next = taken(other);
	chan_hand_over(links_chan(a.links, 0), links_chan(a.links, 1));
	cr_assert_eq(stats(&a).waiting, 0);
	cr_assert_eq(stats(&a).dropped, 0);
	cr_assert_not(stats(&a).client, "cut, or its rest would arrive late");
	len = read_all(&a, next, buf, (n - whole) * BATCH);
	cr_assert_eq(check_batches(buf, len, &first), n - whole);
	cr_assert_eq(first, whole);
	close(fd);
	close(next);
	close(lis);
	close(other);
	close_side(&a);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Unicast links with real sockets on loopback. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "net.h"
#include "send.h"

struct pair {
	struct chan *a, *b;
	uint16_t port;
	struct captured log;
};

/* 127.0.0.1 and 127.0.0.2, one port, as two hosts would have it. */
static void open_pair(struct pair *t, uint32_t queue_len)
{
	struct chan_params a, b;

	t->port = free_port("127.0.0.1");
	capture(&t->log);
	a = udp_params("127.0.0.1", "127.0.0.2", t->port);
	b = udp_params("127.0.0.2", "127.0.0.1", t->port);
	a.queue_len = queue_len;
	cr_assert_eq(chan_open(&a, &t->log.log, &t->a), 0);
	cr_assert_eq(chan_open(&b, &t->log.log, &t->b), 0);
}

static void close_pair(struct pair *t)
{
	chan_close(t->a);
	chan_close(t->b);
}

Test(udp, both_ways)
{
	struct chan_addr one = addr_of("127.0.0.1");
	struct chan_msg v[CHAN_BATCH];
	struct chan_stats st;
	struct pair t;

	open_pair(&t, 0);
	send_text(t.a, "hello");
	cr_assert(readable(chan_recv_fd(t.b)));
	cr_assert_eq(chan_recv(t.b, v, CHAN_BATCH), 1);
	cr_assert_eq(v[0].len, 5);
	cr_assert_arr_eq(v[0].data, "hello", 5);
	cr_assert(chan_addr_equal(&v[0].from, &one), "our own address is the source");
	cr_assert_eq(chan_recv(t.b, v, CHAN_BATCH), 0);

	send_text(t.b, "you too");
	cr_assert(readable(chan_recv_fd(t.a)));
	cr_assert_eq(chan_recv(t.a, v, CHAN_BATCH), 1);
	cr_assert_arr_eq(v[0].data, "you too", 7);

	chan_get_stats(t.a, &st);
	cr_assert_eq(st.packets_out, 1);
	cr_assert_eq(st.bytes_out, 5);
	cr_assert_eq(st.packets_in, 1);
	cr_assert_eq(st.bytes_in, 7);
	cr_assert_eq(st.errors_out + st.errors_in + st.foreign + st.full, 0);
	cr_assert_str_eq(t.log.text, "");
	close_pair(&t);
}

/* Queue n datagrams of one number each; returns how many found room. */
static uint32_t queue_numbers(struct chan *c, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *room = chan_space(c);

		if (!room)
			return i;
		i += first;
		memcpy(room, &i, sizeof(i));
		i -= first;
		chan_queue(c, sizeof(i));
	}
	return n;
}

/* Receive all there is; the numbers must go on from *next. */
static uint32_t take_numbers(struct chan *c, uint32_t *next, size_t max)
{
	struct chan_msg v[CHAN_BATCH];
	uint32_t total = 0, number;
	size_t n;

	while ((n = chan_recv(c, v, max)) > 0) {
		cr_assert_leq(n, max);
		for (size_t i = 0; i < n; i++) {
			memcpy(&number, v[i].data, sizeof(number));
			cr_assert_eq(number, (*next)++);
		}
		total += (uint32_t)n;
	}
	return total;
}

Test(udp, in_batches_and_in_order)
{
	uint32_t next = 0;
	struct pair t;

	open_pair(&t, 100);
	for (uint32_t round = 0; round < 7; round++) {
		cr_assert_eq(queue_numbers(t.a, round * 90, 90), 90);
		cr_assert_eq(chan_waiting(t.a), 90);
		cr_assert_eq(chan_flush(t.a), 0);
		cr_assert_eq(take_numbers(t.b, &next, round % 2 ? CHAN_BATCH : 7), 90);
	}
	cr_assert_eq(send_calls(), 14, "64 datagrams per call");
	close_pair(&t);
}

Test(udp, partial_sends_lose_nothing)
{
	uint32_t next = 0;
	struct pair t;

	open_pair(&t, 100);
	send_at_most(7);
	cr_assert_eq(queue_numbers(t.a, 0, 60), 60);
	cr_assert_eq(chan_flush(t.a), 0);
	cr_assert_eq(take_numbers(t.b, &next, CHAN_BATCH), 60);
	close_pair(&t);
}

Test(udp, a_full_socket_keeps_the_queue)
{
	struct chan_stats st;
	uint32_t next = 0;
	struct pair t;

	open_pair(&t, 10);
	cr_assert_eq(queue_numbers(t.a, 0, 6), 6);
	send_fail(1, EAGAIN);
	cr_assert_eq(chan_flush(t.a), 6);
	cr_assert_eq(chan_waiting(t.a), 6);
	cr_assert_eq(queue_numbers(t.a, 6, 9), 4, "bounded");
	chan_get_stats(t.a, &st);
	cr_assert_eq(st.full, 1);
	cr_assert_eq(st.errors_out, 0);
	cr_assert_eq(chan_flush(t.a), 0);
	cr_assert_eq(take_numbers(t.b, &next, CHAN_BATCH), 10);
	close_pair(&t);
}

Test(udp, an_interrupted_call_is_repeated)
{
	uint32_t next = 0;
	struct pair t;

	open_pair(&t, 10);
	cr_assert_eq(queue_numbers(t.a, 0, 3), 3);
	send_fail(2, EINTR);
	cr_assert_eq(chan_flush(t.a), 0);
	cr_assert_eq(take_numbers(t.b, &next, CHAN_BATCH), 3);
	close_pair(&t);
}

Test(udp, errors_cost_one_datagram_each)
{
	static const int errs[] = { ENOBUFS, ECONNREFUSED, ENETUNREACH, EPERM, ENETDOWN, EMSGSIZE };
	struct chan_msg v[CHAN_BATCH];
	struct chan_stats st;
	struct pair t;

	open_pair(&t, 10);
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		queue_numbers(t.a, 0, 3);
		send_fail(1, errs[i]);
		cr_assert_eq(chan_flush(t.a), 0);
		cr_assert_eq(chan_recv(t.b, v, CHAN_BATCH), 2, "%s", strerror(errs[i]));
		chan_get_stats(t.a, &st);
		cr_assert_eq(st.errors_out, i + 1);
	}
	cr_assert(strstr(t.log.text, "link lo: datagram dropped"), "%s", t.log.text);
	close_pair(&t);
}

Test(udp, error_lines_are_rationed)
{
	unsigned int lines = 0;
	struct pair t;

	open_pair(&t, 100);
	queue_numbers(t.a, 0, 100);
	send_fail(100, ENOBUFS);
	cr_assert_eq(chan_flush(t.a), 0);
	for (const char *s = t.log.text; (s = strstr(s, "dropped")); s++)
		lines++;
	cr_assert(lines >= 1 && lines <= 6, "%u lines", lines);
	close_pair(&t);
}

Test(udp, no_route_is_counted)
{
	struct chan_params p = udp_params("127.0.0.1", "203.0.113.1", 3780);
	struct chan_stats st;
	struct captured log;
	struct chan *c;

	own_network();
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &c), 0);
	send_text(c, "anybody?");
	chan_get_stats(c, &st);
	cr_assert_eq(st.errors_out, 1);
	cr_assert_eq(st.packets_out, 0);
	cr_assert_eq(chan_waiting(c), 0);
	chan_close(c);
}

Test(udp, w1_strangers_are_refused)
{
	int fd = stranger("127.0.0.3");
	struct chan_msg v[CHAN_BATCH];
	struct chan_stats st;
	struct pair t;

	open_pair(&t, 0);
	say(fd, "127.0.0.2", t.port, "forged", 6);
	send_text(t.a, "real");
	say(fd, "127.0.0.2", t.port, "forged", 6);
	cr_assert(readable(chan_recv_fd(t.b)));
	cr_assert_eq(chan_recv(t.b, v, CHAN_BATCH), 1);
	cr_assert_arr_eq(v[0].data, "real", 4);
	cr_assert(silent(chan_recv_fd(t.b)));
	chan_get_stats(t.b, &st);
	cr_assert_eq(st.foreign, 2);
	cr_assert_eq(st.packets_in, 1);
	cr_assert(strstr(t.log.text, "warning: link lo: datagram from 127.0.0.3 refused: "
				     "not the configured peer"),
		  "%s", t.log.text);
	close(fd);
	close_pair(&t);
}

/* The right address, but it comes in on w0. */
static void another_interface(const char *us, const char *peer, bool any)
{
	struct chan_params p = udp_params(us, peer, 3780);
	struct chan_msg v[CHAN_BATCH];
	struct captured log;
	struct chan_stats st;
	struct chan *c;
	int fd;

	crossed_wires();
	strcpy(p.interface, "v0");
	p.any_interface = any;
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &c), 0, "%s", log.text);
	far_side(true);
	fd = stranger(peer);
	far_side(false);
	for (int i = 0; i < 20; i++)
		say(fd, us, p.port, "forged", 6);
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), any ? 20 : 0);
	chan_get_stats(c, &st);
	cr_assert_eq(st.foreign, any ? 0 : 20);
	cr_assert_eq(strstr(log.text, "refused: came in on another interface (1 so far)") != NULL,
		     !any, "%s", log.text);
	cr_assert_null(strstr(log.text, "(10 so far)"), "%s", log.text);
	close(fd);
	chan_close(c);
}

Test(udp, w1_other_interfaces_are_refused)
{
	another_interface("192.0.2.1", "192.0.2.2", false);
}

Test(udp, w1_ipv6_other_interfaces_are_refused)
{
	another_interface("2001:db8::1", "2001:db8::2", false);
}

Test(udp, other_interfaces_if_so_configured)
{
	another_interface("192.0.2.1", "192.0.2.2", true);
}

/* An address of another interface: there is no telling where the peer comes in. */
Test(udp, the_address_of_another_interface)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan_msg v[CHAN_BATCH];
	struct captured log;
	struct chan *c;
	int fd;

	own_network();
	veth_pair();
	strcpy(p.interface, "v0");
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &c), 0, "%s", log.text);
	cr_assert(strstr(log.text,
			 "warning: link v0: 127.0.0.1 is an address of another interface"),
		  "%s", log.text);
	fd = stranger("127.0.0.2");
	say(fd, "127.0.0.1", p.port, "real", 4);
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 1);
	close(fd);
	chan_close(c);
}

Test(udp, any_source_if_so_configured)
{
	uint16_t port = free_port("127.0.0.1");
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", port);
	struct chan_addr three = addr_of("127.0.0.3");
	int fd = stranger("127.0.0.3");
	struct chan_msg v[CHAN_BATCH];
	struct chan *c;

	p.any_source = true;
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	say(fd, "127.0.0.1", port, "hi", 2);
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 1);
	cr_assert(chan_addr_equal(&v[0].from, &three));
	close(fd);
	chan_close(c);
}

/* Two peers of one node, all on the same port: each socket has its own peer's datagrams. */
static void share(const char *own, const char *one, const char *other)
{
	struct chan_params p = udp_params(own, one, free_port(own));
	const char *const names[] = { one, other };
	struct chan_msg v[CHAN_BATCH];
	struct chan *c[2], *far[2];
	struct chan_stats st;
	struct captured log;
	int fd;

	capture(&log);
	for (int i = 0; i < 2; i++) {
		struct chan_params q = udp_params(names[i], own, p.port);

		p.peer = addr_of(names[i]);
		p.shared_port = true;
		cr_assert_eq(chan_open(&p, &log.log, &c[i]), 0, "%s", log.text);
		cr_assert_eq(chan_open(&q, &log.log, &far[i]), 0, "%s", log.text);
	}
	for (int i = 0; i < 20; i++)
		send_text(far[i % 2], names[i % 2]);
	for (int i = 0; i < 2; i++) {
		cr_assert(readable(chan_recv_fd(c[i])));
		cr_assert_eq(chan_recv(c[i], v, CHAN_BATCH), 10);
		for (int k = 0; k < 10; k++)
			cr_assert_arr_eq(v[k].data, names[i], v[k].len);
		chan_get_stats(c[i], &st);
		cr_assert_eq(st.foreign, 0);
	}
	cr_assert_eq(chan_reopen(c[0]), 0);
	send_text(far[0], "again");
	cr_assert(readable(chan_recv_fd(c[0])));
	cr_assert_eq(chan_recv(c[0], v, CHAN_BATCH), 1);
	fd = stranger(own);
	say(fd, own, p.port, "?", 1);
	cr_assert(silent(chan_recv_fd(c[0])) && silent(chan_recv_fd(c[1])));
	close(fd);
	for (int i = 0; i < 2; i++) {
		chan_close(c[i]);
		chan_close(far[i]);
	}
}

Test(udp, two_peers_on_one_port)
{
	share("127.0.0.1", "127.0.0.2", "127.0.0.3");
}

Test(udp, ipv6_two_peers_on_one_port)
{
	own_network();
	ip("address add fd00::1/128 dev lo nodad");
	ip("address add fd00::2/128 dev lo nodad");
	ip("address add fd00::3/128 dev lo nodad");
	share("fd00::1", "fd00::2", "fd00::3");
}

Test(udp, one_port_is_not_shared_by_accident)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan *one, *other;
	struct captured log;

	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &one), 0);
	p.peer = addr_of("127.0.0.3");
	p.shared_port = true;
	cr_assert_eq(chan_open(&p, &log.log, &other), -EADDRINUSE);
	chan_close(one);
}

Test(udp, the_longest_datagram_and_an_empty_one)
{
	static uint8_t big[65507];
	struct chan_msg v[CHAN_BATCH];
	struct chan_params p;
	struct chan_stats st;
	struct chan *c;
	int fd = stranger("127.0.0.1");

	p = udp_params("127.0.0.2", "127.0.0.1", free_port("127.0.0.2"));
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	memset(big, 0x5a, sizeof(big));
	say(fd, "127.0.0.2", p.port, big, sizeof(big));
	say(fd, "127.0.0.2", p.port, big, 0);
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 2);
	cr_assert_eq(v[0].len, sizeof(big));
	cr_assert_arr_eq(v[0].data, big, sizeof(big));
	cr_assert_eq(v[1].len, 0);
	chan_get_stats(c, &st);
	cr_assert_eq(st.errors_in, 0);
	close(fd);
	chan_close(c);
}

Test(udp, ipv6)
{
	struct chan_params p = udp_params("::1", "::1", free_port("::1"));
	struct chan_addr one = addr_of("::1");
	struct chan_msg v[CHAN_BATCH];
	struct chan *c;

	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	send_text(c, "six"); /* peer of itself */
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 1);
	cr_assert_eq(v[0].len, 3);
	cr_assert(chan_addr_equal(&v[0].from, &one));
	chan_close(c);
}

Test(udp, w1_ipv6_strangers_are_refused)
{
	struct chan_params p = udp_params("::1", "fd01::1", 3780);
	struct chan_msg v[CHAN_BATCH];
	struct chan_stats st;
	struct chan *c;
	int fd;

	own_network();
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	fd = stranger("::1");
	say(fd, "::1", p.port, "x", 1);
	cr_assert(readable(chan_recv_fd(c)));
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 0);
	chan_get_stats(c, &st);
	cr_assert_eq(st.foreign, 1);
	close(fd);
	chan_close(c);
}

/* Addresses that mean something only together with an interface. */
Test(udp, ipv6_link_local)
{
	struct chan_params a = udp_params("fe80::a", "fe80::b", 3780);
	struct chan_params b = udp_params("fe80::b", "fe80::a", 3780);
	struct chan_msg v[CHAN_BATCH];
	struct chan *ca, *cb;

	own_network();
	veth_pair();
	ip("addr add fe80::a/64 dev v0 nodad");
	ip("addr add fe80::b/64 dev v1 nodad");
	strcpy(a.interface, "v0");
	strcpy(b.interface, "v1");
	cr_assert_eq(chan_open(&a, NULL, &ca), 0);
	cr_assert_eq(chan_open(&b, NULL, &cb), 0);
	send_text(ca, "scoped");
	cr_assert(readable(chan_recv_fd(cb)));
	cr_assert_eq(chan_recv(cb, v, CHAN_BATCH), 1);
	cr_assert_arr_eq(v[0].data, "scoped", 6);
	chan_close(ca);
	chan_close(cb);
}

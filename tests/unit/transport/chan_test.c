// SPDX-License-Identifier: GPL-2.0-or-later
/* What all links have in common: parameters, interface, size, names, memory. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "net.h"
#include "oom.h"

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Opening must fail, say why, and leave nothing behind. */
static void expect_refusal(const struct chan_params *p, int code, const char *words)
{
	unsigned int before = open_fds();
	struct captured log;
	struct chan *c = NULL;

	capture(&log);
	cr_expect_eq(chan_open(p, &log.log, &c), code, "\"%s\"", words);
	cr_expect_null(c);
	cr_expect(strstr(log.text, words), "\"%s\" not in \"%s\"", words, log.text);
	cr_expect_eq(open_fds(), before, "\"%s\": descriptors left open", words);
}

Test(chan, parameters_that_cannot_work)
{
	uint16_t port = free_port("127.0.0.1");
	const struct chan_params good = udp_params("127.0.0.1", "127.0.0.2", port);
	struct chan_params p = good;

	p.interface[0] = 0;
	expect_refusal(&p, -EINVAL, "Interface is needed");
	p = good;
	strcpy(p.interface, "nosuch0");
	expect_refusal(&p, -ENODEV, "link nosuch0: cannot find the interface");
	p = good;
	p.local.family = 0;
	expect_refusal(&p, -EAFNOSUPPORT, "an address is needed");
	p = good;
	p.port = 0;
	expect_refusal(&p, -EINVAL, "a port is needed");
	p = good;
	p.peer = addr_of("::1");
	expect_refusal(&p, -EINVAL, "one family");
	p = good;
	p.local = addr_of("192.0.2.1");
	expect_refusal(&p, -EADDRNOTAVAIL, "cannot use address 192.0.2.1 port");
	p = good;
	p.kind = CHAN_MCAST;
	expect_refusal(&p, -EINVAL, "not a multicast group");
	p = group_params("239.9.9.9", port, "lo");
	p.mcast_if = addr_of("192.0.2.1");
	expect_refusal(&p, -EADDRNOTAVAIL, "IPv4_interface is not a local address");
	p = group_params("2001:db8::1", port, "lo");
	expect_refusal(&p, -EINVAL, "not a multicast group");
}

Test(chan, a_port_in_use_is_refused)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan *c;

	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	expect_refusal(&p, -EADDRINUSE, "cannot use address 127.0.0.1 port");
	chan_close(c);
}

Test(chan, a_peer_nobody_answers_for_is_no_error)
{
	struct chan_params p = udp_params("127.0.0.1", "203.0.113.1", free_port("127.0.0.1"));
	struct chan *c;

	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	chan_close(c);
	chan_close(NULL);
}

static size_t payload_at(unsigned int mtu, enum chan_kind kind, const char *addr)
{
	struct chan_params p = udp_params(addr, addr, 3780);
	struct chan *c;
	char cmd[64];
	size_t size;

	p.kind = kind;
	snprintf(cmd, sizeof(cmd), "link set lo mtu %u", mtu);
	ip(cmd);
	cr_assert_eq(chan_open(&p, NULL, &c), 0, "MTU %u", mtu);
	size = chan_payload(c);
	chan_close(c);
	return size;
}

Test(chan, w19_payload_follows_the_mtu)
{
	own_network();
	cr_expect_eq(payload_at(65536, CHAN_UDP, "127.0.0.1"), 65480);
	cr_expect_eq(payload_at(9000, CHAN_UDP, "127.0.0.1"), 8972);
	cr_expect_eq(payload_at(1500, CHAN_UDP, "127.0.0.1"), 1472);
	cr_expect_eq(payload_at(1500, CHAN_TCP, "127.0.0.1"), 1460);
	cr_expect_eq(payload_at(1500, CHAN_UDP, "::1"), 1452);
	cr_expect_eq(payload_at(1500, CHAN_TCP, "::1"), 1440);
	cr_expect_eq(payload_at(540, CHAN_UDP, "127.0.0.1"), 512);
	cr_expect_eq(payload_at(400, CHAN_UDP, "127.0.0.1"), 512, "a message must fit");
}

Test(chan, w18_a_tiny_mtu_is_refused)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", 3780);

	own_network();
	ip("link set lo mtu 399");
	expect_refusal(&p, -ERANGE, "link lo: MTU 399 is below 400");
}

Test(chan, a_changed_mtu_is_taken_over)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", 3780);
	struct chan *c;

	own_network();
	ip("link set lo mtu 1500");
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	ip("link set lo mtu 1000");
	cr_assert_eq(chan_check(c), CHAN_RUNNING);
	cr_assert_eq(chan_payload(c), 972);
	ip("link set lo mtu 9000");
	chan_check(c);
	cr_assert_eq(chan_payload(c), 8972);
	chan_close(c);
}

/* Too late to refuse it: it is said, once, and whole messages still fit. */
Test(chan, w18_an_mtu_that_falls_too_low)
{
	static const char *const mtus[] = { "399", "68", "20", "300" };
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", 3780);
	struct captured log;
	struct chan *c;
	char line[64];

	own_network();
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &c), 0);
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		snprintf(line, sizeof(line), "link set lo mtu %s", mtus[i]);
		ip(line);
		chan_check(c);
		cr_assert(chan_too_small(c));
		cr_assert_eq(chan_payload(c), CHAN_PAYLOAD_MIN, "MTU %s", mtus[i]);
	}
	cr_assert_str_eq(log.text, "ERROR: link lo: MTU 399 is below 400, too small for a message: "
				   "used only while there is no other link\n");
	ip("link set lo mtu 1500");
	chan_check(c);
	cr_assert_not(chan_too_small(c));
	cr_assert_eq(chan_payload(c), 1472);
	cr_assert(strstr(log.text, "notice: link lo: MTU 1500 is large enough again"));
	chan_close(c);
}

Test(chan, state_of_the_interface)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", 3780);
	struct chan *c;

	own_network();
	ip("link add v0 type veth peer name v1");
	strcpy(p.interface, "v0");
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	cr_expect_str_eq(chan_status_name(chan_check(c)), "DOWN");
	ip("link set v0 up");
	wait_status("v0", CHAN_NO_CARRIER);
	cr_expect_str_eq(chan_status_name(chan_check(c)), "NO-CARRIER");
	ip("link set v1 up");
	wait_status("v0", CHAN_RUNNING);
	cr_expect_str_eq(chan_status_name(chan_check(c)), "RUNNING");
	ip("link del v0");
	cr_expect_str_eq(chan_status_name(chan_check(c)), "DOWN");
	chan_close(c);
}

Test(chan, names)
{
	char text[CHAN_ADDR_TEXT];
	struct chan_addr a = addr_of("fd01::2"), none = { 0 };

	chan_addr_text(&a, text);
	cr_assert_str_eq(text, "fd01::2");
	chan_addr_text(&none, text);
	cr_assert_str_eq(text, "none");
	cr_assert_not(chan_addr_equal(&a, &none));
}

Test(chan, link_local_addresses_are_apart_on_each_interface)
{
	const struct chan_params a = tcp_params("fe80::a", "fe80::b", 3780);
	const struct chan_params c = tcp_params("fd00::a", "fd00::b", 3780);
	struct chan_params b = a, d = c;

	cr_assert(chan_same_port(&a, &b));
	strcpy(b.interface, "v1");
	cr_assert_not(chan_same_port(&a, &b));
	strcpy(d.interface, "v1");
	cr_assert(chan_same_port(&c, &d));
	d.port++;
	cr_assert_not(chan_same_port(&c, &d));
	d = udp_params("fd00::a", "fd00::b", 3780);
	cr_assert_not(chan_same_port(&c, &d));
}

/* The interface is gone, and another of its name comes up. */
Test(chan, reopen_after_the_interface_is_back)
{
	struct chan_params p = udp_params("fe80::a", "fe80::b", 3780), q = p;
	struct chan_msg v[CHAN_BATCH];
	struct captured log;
	struct chan *a, *b;

	own_network();
	veth_pair();
	ip("addr add fe80::a/64 dev v0 nodad");
	ip("addr add fe80::b/64 dev v1 nodad");
	strcpy(p.interface, "v0");
	strcpy(q.interface, "v1");
	q.local = p.peer;
	q.peer = p.local;
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &a), 0);
	cr_assert_not(chan_stale(a));
	ip("link del v0");
	cr_assert(chan_stale(a));
	cr_assert_eq(chan_reopen(a), -ENODEV);
	cr_assert(strstr(log.text, "cannot find the interface"), "%s", log.text);
	log.text[0] = 0;
	send_text(a, "kept");
	cr_assert_eq(chan_reopen(a), -ENODEV);
	cr_assert_str_empty(log.text, "said once");
	veth_pair();
	cr_assert_eq(chan_reopen(a), -EADDRNOTAVAIL);
	ip("addr add fe80::a/64 dev v0 nodad");
	ip("addr add fe80::b/64 dev v1 nodad");
	cr_assert_eq(chan_open(&q, NULL, &b), 0);
	cr_assert_eq(chan_reopen(a), 0);
	cr_assert_not(chan_stale(a));
	cr_assert_eq(chan_flush(a), 0);
	cr_assert(readable(chan_recv_fd(b)));
	cr_assert_eq(chan_recv(b, v, CHAN_BATCH), 1);
	cr_assert_eq(v[0].len, 4);
	chan_close(a);
	chan_close(b);
}

static int option(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, name, &v, &len), 0);
	return v;
}

Test(chan, checksum_off_is_for_ipv4_only)
{
	struct chan_params four = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan_params six = udp_params("::1", "::1", free_port("::1"));
	struct chan *c;

	cr_assert_eq(chan_open(&four, NULL, &c), 0);
	cr_expect_eq(option(chan_send_fd(c), SO_NO_CHECK), 0);
	chan_close(c);
	four.no_checksum = true;
	six.no_checksum = true;
	cr_assert_eq(chan_open(&four, NULL, &c), 0);
	cr_expect_eq(option(chan_send_fd(c), SO_NO_CHECK), 1);
	chan_close(c);
	cr_assert_eq(chan_open(&six, NULL, &c), 0);
	cr_expect_eq(option(chan_send_fd(c), SO_NO_CHECK), 0);
	chan_close(c);
}

Test(chan, socket_buffers)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan *c;

	p.sndbuf = 20000;
	p.rcvbuf = 30000;
	cr_assert_eq(chan_open(&p, NULL, &c), 0);
	cr_expect_eq(option(chan_send_fd(c), SO_SNDBUF), 40000, "the system doubles it");
	cr_expect_eq(option(chan_recv_fd(c), SO_RCVBUF), 60000);
	chan_close(c);
}

Test(chan, every_allocation_may_fail)
{
	struct chan_params p = udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1"));
	struct chan *c = NULL;
	long n = 0;
	int rc;

	for (;; n++) {
		oom_after(n);
		rc = chan_open(&p, NULL, &c);
		oom_off();
		if (rc == 0)
			break;
		cr_assert_eq(rc, -ENOMEM);
		cr_assert_null(c);
	}
	cr_assert_geq(n, 4);
	chan_close(c);
}

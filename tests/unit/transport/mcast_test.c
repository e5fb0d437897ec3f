// SPDX-License-Identifier: GPL-2.0-or-later
/* Multicast links, on the loopback device of a namespace of the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net.h"

#define PORT 3780

static struct chan *open_group(const char *group, const char *interface)
{
	struct chan_params p = group_params(group, PORT, interface);
	struct chan *c = NULL;

	cr_assert_eq(chan_open(&p, NULL, &c), 0, "%s on %s", group, interface);
	return c;
}

static void expect_text(struct chan *c, const char *text)
{
	struct chan_msg v[CHAN_BATCH];

	cr_assert(readable(chan_recv_fd(c)), "\"%s\" did not arrive", text);
	cr_assert_eq(chan_recv(c, v, CHAN_BATCH), 1);
	cr_assert_eq(v[0].len, strlen(text));
	cr_assert_arr_eq(v[0].data, text, strlen(text));
}

Test(mcast, ipv4_reaches_the_group)
{
	struct chan *a, *b, *other;

	own_network();
	a = open_group("239.1.2.3", "lo");
	b = open_group("239.1.2.3", "lo");
	other = open_group("239.1.2.4", "lo");
	send_text(a, "to all");
	expect_text(b, "to all");
	cr_assert(silent(chan_recv_fd(other)), "bound to its own group");
	chan_close(a);
	chan_close(b);
	chan_close(other);
}

Test(mcast, ipv6_reaches_the_group)
{
	struct chan *a, *b;

	own_network();
	veth_pair();
	ip("addr add fe80::a/64 dev v0 nodad"); /* lo has no route for IPv6 groups */
	a = open_group("ff02::1:3780", "v0");
	b = open_group("ff02::1:3780", "v1");
	send_text(a, "to all");
	expect_text(b, "to all");
	cr_assert(silent(chan_recv_fd(a)), "not looped back");
	chan_close(a);
	chan_close(b);
}

/* No route to the group: the interface is enough. */
Test(mcast, ipv4_interface_address)
{
	struct chan_params p = group_params("239.1.2.3", PORT, "lo");
	struct chan *a, *b;

	own_network();
	p.mcast_if = addr_of("127.0.0.1");
	cr_assert_eq(chan_open(&p, NULL, &a), 0);
	b = open_group("239.1.2.3", "lo");
	send_text(a, "by address");
	expect_text(b, "by address");
	chan_close(a);
	chan_close(b);
}

Test(mcast, interface_of_another_name)
{
	struct chan_params p = group_params("239.1.2.3", PORT, "v0");
	struct captured log;
	struct chan *a, *b;

	own_network();
	ip("link add v0 type veth peer name v1");
	p.mcast_if = addr_of("127.0.0.1");
	capture(&log);
	cr_assert_eq(chan_open(&p, &log.log, &a), 0);
	cr_assert(strstr(log.text, "warning: link v0: IPv4_interface"), "%s", log.text);
	b = open_group("239.1.2.3", "lo");
	send_text(b, "on lo");
	expect_text(a, "on lo");
	chan_close(a);
	chan_close(b);
}

Test(mcast, w1_unicast_is_not_heard) /* W1 */
{
	struct chan *c;
	int fd;

	own_network();
	c = open_group("239.1.2.3", "lo");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	say(fd, "127.0.0.1", PORT, "x", 1);
	cr_assert(silent(chan_recv_fd(c)));
	close(fd);
	chan_close(c);
}

/* Somebody else on this host has joined the group on lo, so its datagrams reach the socket. */
static void other_interface(bool any, size_t want)
{
	struct chan_params p = group_params("239.1.2.3", PORT, "v0");
	struct chan_msg v[CHAN_BATCH];
	struct chan *far, *near;
	struct chan_stats st;

	own_network();
	ip("link add v0 type veth peer name v1");
	ip("link set v0 up");
	p.any_interface = any;
	cr_assert_eq(chan_open(&p, NULL, &far), 0);
	near = open_group("239.1.2.3", "lo");
	send_text(near, "from lo");
	expect_text(near, "from lo");
	cr_assert(readable(chan_recv_fd(far)));
	cr_assert_eq(chan_recv(far, v, CHAN_BATCH), want);
	chan_get_stats(far, &st);
	cr_assert_eq(st.foreign, 1 - want);
	chan_close(far);
	chan_close(near);
}

Test(mcast, w1_other_interfaces_are_refused)
{
	other_interface(false, 0);
}

Test(mcast, other_interfaces_if_so_configured)
{
	other_interface(true, 1);
}

static int option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	cr_assert_eq(getsockopt(fd, level, name, &v, &len), 0);
	return v;
}

Test(mcast, stays_in_the_local_network)
{
	struct chan *four, *six;

	own_network();
	four = open_group("239.1.2.3", "lo");
	six = open_group("ff02::1:3780", "lo");
	cr_expect_eq(option(chan_send_fd(four), IPPROTO_IP, IP_MULTICAST_TTL), 1);
	cr_expect_eq(option(chan_send_fd(four), IPPROTO_IP, IP_MULTICAST_LOOP), 0);
	cr_expect_eq(option(chan_send_fd(six), IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 1);
	cr_expect_eq(option(chan_send_fd(six), IPPROTO_IPV6, IPV6_MULTICAST_LOOP), 0);
	cr_expect_eq(option(chan_send_fd(six), IPPROTO_IPV6, IPV6_MULTICAST_IF),
		     (int)if_nametoindex("lo"));
	chan_close(four);
	chan_close(six);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tests with real sockets share. */
#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct chan_addr addr_of(const char *text)
{
	struct chan_addr a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	cr_assert_eq(inet_pton(a.family, text, a.b), 1, "%s", text);
	return a;
}

static socklen_t fill(struct sockaddr_storage *ss, const char *addr, uint16_t port)
{
	struct chan_addr a = addr_of(addr);
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *four = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = a.family;
	if (a.family == AF_INET) {
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, a.b, 4);
		return sizeof(*four);
	}
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, a.b, 16);
	return sizeof(*six);
}

/* A socket bound to this address and port, or -1 if it is taken. */
static int bound_as(const char *addr, uint16_t port, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = fill(&ss, addr, port);
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0), one = 1;

	cr_assert_geq(fd, 0);
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&ss, len) == 0)
		return fd;
	cr_assert_eq(errno, EADDRINUSE, "%s: %s", addr, strerror(errno));
	close(fd);
	return -1;
}

static int bound(const char *addr, uint16_t port)
{
	return bound_as(addr, port, SOCK_DGRAM);
}

int stranger(const char *addr)
{
	int fd = bound(addr, 0);

	cr_assert_geq(fd, 0);
	return fd;
}

/*
 * Tests run side by side, each a process: every one tries ports of its own,
 * below those the system gives to others.
 */
uint16_t free_port(const char *addr)
{
	static unsigned int tried;
	uint16_t port;
	int fd;

	do {
		port = (uint16_t)(10000 + ((unsigned int)getpid() * 16 + tried++) % 20000);
		fd = bound(addr, port);
	} while (fd < 0);
	close(fd);
	return port;
}

void say(int fd, const char *to, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t n = fill(&ss, to, port);

	cr_assert_eq(sendto(fd, data, len, 0, (struct sockaddr *)&ss, n), (ssize_t)len, "%s: %s",
		     to, strerror(errno));
}

int tcp_listener(const char *addr, uint16_t port, int rcvbuf)
{
	int fd = bound_as(addr, port, SOCK_STREAM);

	cr_assert_geq(fd, 0);
	if (rcvbuf)
		cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	return fd;
}

int tcp_connected(const char *addr, const char *to, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = fill(&ss, to, port);
	int fd = bound_as(addr, 0, SOCK_STREAM);

	cr_assert_eq(connect(fd, (struct sockaddr *)&ss, len), 0, "%s: %s", to, strerror(errno));
	return fd;
}

struct chan_params tcp_params(const char *local, const char *peer, uint16_t port)
{
	struct chan_params p = udp_params(local, peer, port);

	p.kind = CHAN_TCP;
	return p;
}

struct chan_params udp_params(const char *local, const char *peer, uint16_t port)
{
	struct chan_params p = {
		.kind = CHAN_UDP,
		.interface = "lo",
		.local = addr_of(local),
		.peer = addr_of(peer),
		.port = port,
	};

	return p;
}

struct chan_params group_params(const char *group, uint16_t port, const char *interface)
{
	struct chan_params p = { .kind = CHAN_MCAST, .local = addr_of(group), .port = port };

	snprintf(p.interface, sizeof(p.interface), "%s", interface);
	return p;
}

static bool poll_in(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

bool readable(int fd)
{
	return poll_in(fd, 10000);
}

/* Datagrams on loopback arrive before sendto() returns, so nothing is in flight. */
bool silent(int fd)
{
	return !poll_in(fd, 0);
}

void send_text(struct chan *c, const char *text)
{
	uint8_t *room = chan_space(c);

	cr_assert_not_null(room);
	memcpy(room, text, strlen(text));
	chan_queue(c, strlen(text));
	chan_flush(c);
}

void own_network(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("needs root, or a run under unshare -r: %s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

void ip(const char *args)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "ip %s", args);
	if (system(cmd) != 0)
		cr_skip_test("cannot run: %s", cmd);
}

static enum chan_status status_of(int fd, const char *interface)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	return !(r.ifr_flags & IFF_UP)   ? CHAN_DOWN :
	       r.ifr_flags & IFF_RUNNING ? CHAN_RUNNING :
					   CHAN_NO_CARRIER;
}

void wait_status(const char *interface, enum chan_status want)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), turns = 0;

	for (; status_of(fd, interface) != want; turns++) {
		cr_assert_lt(turns, 1000, "%s does not get %s", interface, chan_status_name(want));
		poll(NULL, 0, 10);
	}
	close(fd);
}

static int here = -1, there = -1;

static int open_ns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

void far_side(bool go)
{
	cr_assert_eq(setns(go ? there : here, CLONE_NEWNET), 0);
}

/* Else the system would see from the source address that they come in the wrong way. */
static void no_path_filter(void)
{
	static const char *const names[] = { "all", "default" };
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", names[i]);
		f = fopen(path, "w");
		if (f)
			fputs("0", f);
		if (!f || fclose(f) != 0)
			cr_skip_test("cannot set %s", path);
	}
}

static void wire(const char *name, char end)
{
	char cmd[160];

	snprintf(cmd, sizeof(cmd),
		 "link add %s0 address 02:00:00:00:0%c:01 type veth peer name %s1 "
		 "address 02:00:00:00:0%c:02 netns /proc/%d/fd/%d",
		 name, end, name, end, (int)getpid(), there);
	ip(cmd);
	snprintf(cmd, sizeof(cmd), "link set %s0 up", name);
	ip(cmd);
	far_side(true);
	snprintf(cmd, sizeof(cmd), "link set %s1 up", name);
	ip(cmd);
	far_side(false);
}

void crossed_wires(void)
{
	own_network();
	there = open_ns();
	own_network();
	here = open_ns();
	no_path_filter();
	wire("v", '1');
	wire("w", '2');
	ip("addr add 192.0.2.1/24 dev v0");
	ip("addr add 2001:db8::1/64 dev v0 nodad");
	ip("neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev v0");
	ip("neigh add 2001:db8::2 lladdr 02:00:00:00:01:02 dev v0");
	far_side(true);
	ip("addr add 192.0.2.2/24 dev w1");
	ip("addr add 2001:db8::2/64 dev w1 nodad");
	ip("neigh add 192.0.2.1 lladdr 02:00:00:00:02:01 dev w1");
	ip("neigh add 2001:db8::1 lladdr 02:00:00:00:02:01 dev w1");
	far_side(false);
	wait_status("v0", CHAN_RUNNING);
	wait_status("w0", CHAN_RUNNING);
}

void veth_pair(void)
{
	ip("link add v0 type veth peer name v1");
	ip("link set v0 up");
	ip("link set v1 up");
	wait_status("v0", CHAN_RUNNING);
	wait_status("v1", CHAN_RUNNING);
}

static void keep(void *ctx, enum log_level level, const char *line)
{
	struct captured *c = ctx;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%s: %s\n", log_level_name(level), line);
}

void capture(struct captured *c)
{
	c->text[0] = 0;
	c->log = (struct log){ .emit = keep, .ctx = c, .max = LOG_LVL_DEBUG };
}

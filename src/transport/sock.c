// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses, options and buffers of sockets, the same for datagrams and TCP.
 */
#define _GNU_SOURCE /* struct in6_pktinfo */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"
#include "iface.h"
#include "sock.h"

socklen_t sock_addr(struct sockaddr_storage *ss, const struct chan_addr *a, uint16_t port,
		    int scope)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, a->b, sizeof(sin->sin_addr));
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_scope_id = (uint32_t)scope;
	memcpy(&sin6->sin6_addr, a->b, sizeof(sin6->sin6_addr));
	return sizeof(*sin6);
}

void sock_addr_get(const struct sockaddr_storage *ss, struct chan_addr *a)
{
	memset(a, 0, sizeof(*a));
	a->family = (uint8_t)ss->ss_family;
	if (ss->ss_family == AF_INET)
		memcpy(a->b, &((const struct sockaddr_in *)ss)->sin_addr, 4);
	else if (ss->ss_family == AF_INET6)
		memcpy(a->b, &((const struct sockaddr_in6 *)ss)->sin6_addr, 16);
}

int sock_option(const struct chan *c, int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) == 0)
		return 0;
	return chan_fail(c, -errno, what);
}

int sock_bind(const struct chan *c, int fd, const struct chan_addr *a, uint16_t port)
{
	char text[CHAN_ADDR_TEXT];
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, a, port, c->ifindex);
	int rc;

	if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
		return 0;
	rc = -errno;
	chan_addr_text(a, text);
	log_error(c->log, "link %s: cannot use address %s port %u: %s", c->p.interface, text, port,
		  err_text(rc));
	return rc;
}

/* The forced variant passes the system's limit; without the right to it take what we get. */
static void set_buffer(const struct chan *c, int fd, int force, int plain, uint32_t bytes)
{
	int want = bytes > INT32_MAX ? INT32_MAX : (int)bytes;

	if (bytes == 0 || setsockopt(fd, SOL_SOCKET, force, &want, sizeof(want)) == 0)
		return;
	log_warning(c->log, "link %s: socket buffer of %u bytes limited by the system: %s",
		    c->p.interface, bytes, err_text(-errno));
	if (setsockopt(fd, SOL_SOCKET, plain, &want, sizeof(want)) < 0)
		chan_fail(c, -errno, "cannot set the socket buffer");
}

void sock_sndbuf(const struct chan *c, int fd)
{
	set_buffer(c, fd, SO_SNDBUFFORCE, SO_SNDBUF, c->p.sndbuf);
}

void sock_rcvbuf(const struct chan *c, int fd)
{
	set_buffer(c, fd, SO_RCVBUFFORCE, SO_RCVBUF, c->p.rcvbuf);
}

int sock_v6_only(const struct chan *c, int fd)
{
	if (c->p.local.family != AF_INET6)
		return 0;
	return sock_option(c, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "cannot keep to IPv6");
}

/* ---- where things come in ---- */

void sock_expect_arrival(struct chan *c)
{
	char text[CHAN_ADDR_TEXT];

	c->arrival = 0;
	if (c->p.any_interface)
		return;
	if (iface_owns(c->p.interface, &c->p.local)) {
		c->arrival = c->dev_index;
		return;
	}
	if (iface_index_of(&c->p.local) < 0)
		return; /* of none, and yet ours: the network 127.0.0.0/8 */
	chan_addr_text(&c->p.local, text);
	log_warning(c->log,
		    "link %s: %s is an address of another interface, so it is not checked "
		    "where the peer's messages come in",
		    c->p.interface, text);
}

int sock_tell_arrival(const struct chan *c, int fd)
{
	static const char what[] = "cannot learn arrival interfaces";

	if (c->p.local.family == AF_INET)
		return sock_option(c, fd, IPPROTO_IP, IP_PKTINFO, 1, what);
	return sock_option(c, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, what);
}

int sock_arrival(struct msghdr *h)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
		if (m->cmsg_level == IPPROTO_IP && m->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(m), sizeof(info));
			return info.ipi_ifindex;
		}
		if (m->cmsg_level == IPPROTO_IPV6 && m->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(m), sizeof(info));
			return (int)info.ipi6_ifindex;
		}
	}
	return 0;
}

/* Kept from the first segment: do_ip_getsockopt() and do_ipv6_getsockopt() of the kernel. */
int sock_arrival_tcp(const struct chan *c, int fd)
{
	const bool v4 = c->p.local.family == AF_INET;
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct msghdr h = { .msg_control = control };
	socklen_t len = sizeof(control);

	if (sock_tell_arrival(c, fd) < 0 ||
	    getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS,
		       control, &len) < 0)
		return 0;
	h.msg_controllen = len;
	return sock_arrival(&h);
}

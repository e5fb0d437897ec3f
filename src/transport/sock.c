// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses, options and buffers of sockets, the same for datagrams and TCP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"
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

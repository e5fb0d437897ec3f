// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multicast in the local network: hop limit 1, our own datagrams not looped
 * back. The receive socket is bound to the group, so it gets no unicast
 * datagrams, and is joined on one interface: the one owning IPv4_interface if
 * that is given, else Interface. Who sends is not checked here, every node of
 * the group is a possible peer; that it came in on our interface is.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "dgram.h"
#include "iface.h"
#include "sock.h"

static bool is_group(const struct chan_addr *a)
{
	return a->family == AF_INET ? (a->b[0] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

static bool is_set(const struct chan_addr *a)
{
	static const uint8_t zero[4];

	return a->family == AF_INET && memcmp(a->b, zero, sizeof(zero)) != 0;
}

/* IPv4_interface wins over Interface, as it always has. */
static int pick_interface(struct chan *c)
{
	int index;

	if (c->p.local.family != AF_INET || !is_set(&c->p.mcast_if))
		return 0;
	index = iface_index_of(&c->p.mcast_if);
	if (index < 0)
		return chan_fail(c, index, "IPv4_interface is not a local address");
	if (index != c->ifindex)
		log_warning(c->log,
			    "link %s: IPv4_interface is an address of another interface, "
			    "the group is joined there",
			    c->p.interface);
	c->ifindex = index;
	return 0;
}

static int join4(const struct chan *c)
{
	struct ip_mreqn m = { .imr_ifindex = c->ifindex };

	memcpy(&m.imr_multiaddr, c->p.local.b, sizeof(m.imr_multiaddr));
	if (setsockopt(c->fd[CHAN_IN], IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
		return chan_fail(c, -errno, "cannot join the group");
	if (setsockopt(c->fd[CHAN_OUT], IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) < 0)
		return chan_fail(c, -errno, "cannot send multicast on this interface");
	return 0;
}

static int join6(const struct chan *c)
{
	struct ipv6_mreq m = { .ipv6mr_interface = (unsigned int)c->ifindex };

	memcpy(&m.ipv6mr_multiaddr, c->p.local.b, sizeof(m.ipv6mr_multiaddr));
	if (setsockopt(c->fd[CHAN_IN], IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)) < 0)
		return chan_fail(c, -errno, "cannot join the group");
	return sock_option(c, c->fd[CHAN_OUT], IPPROTO_IPV6, IPV6_MULTICAST_IF, c->ifindex,
			   "cannot send multicast on this interface");
}

struct option {
	bool sender;
	int level, name, value;
	const char *what;
};

static const struct option options4[] = {
	{ true, IPPROTO_IP, IP_MULTICAST_LOOP, 0, "cannot switch multicast loop off" },
	{ true, IPPROTO_IP, IP_MULTICAST_TTL, 1, "cannot set the multicast TTL" },
	{ false, SOL_SOCKET, SO_REUSEADDR, 1, "cannot share the group's port" },
};

static const struct option options6[] = {
	{ true, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, "cannot switch multicast loop off" },
	{ true, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, "cannot set the multicast hop limit" },
	{ false, SOL_SOCKET, SO_REUSEADDR, 1, "cannot share the group's port" },
};

static int set_options(const struct chan *c)
{
	const struct option *o = c->p.local.family == AF_INET ? options4 : options6;
	size_t n = sizeof(options4) / sizeof(options4[0]);
	int rc = 0;

	static_assert(sizeof(options4) == sizeof(options6), "as many for either family");
	for (; n > 0 && !rc; n--, o++)
		rc = sock_option(c, c->fd[o->sender ? CHAN_OUT : CHAN_IN], o->level, o->name,
				 o->value, o->what);
	return rc;
}

static int mcast_open(struct chan *c)
{
	int rc;

	if (!is_group(&c->p.local))
		return chan_fail(c, -EINVAL, "the address is not a multicast group");
	rc = pick_interface(c);
	if (!rc)
		rc = dgram_sockets(c);
	if (!rc)
		rc = set_options(c);
	if (!rc)
		rc = sock_bind(c, c->fd[CHAN_IN], &c->p.local, c->p.port);
	if (!rc)
		rc = c->p.local.family == AF_INET ? join4(c) : join6(c);
	c->arrival = c->p.any_interface ? 0 : c->ifindex;
	c->to_len = sock_addr(&c->to, &c->p.local, c->p.port, c->ifindex);
	return rc;
}

const struct chan_ops chan_mcast_ops = {
	.name = "multicast",
	.overhead4 = 28, /* IP and UDP headers */
	.overhead6 = 48, /* W19: the reference takes 28 here too */
	.open = mcast_open,
	.fini = dgram_fini,
	.send = dgram_send,
	.recv = dgram_recv,
};

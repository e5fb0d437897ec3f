// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP between two addresses. The receive socket is bound to our address and
 * the configured port; the send socket to our address and a port of its own,
 * so that the peer sees the source it has configured as our address. Several
 * channels, each for a peer of its own, can receive on one address and port.
 */
#include <errno.h>
#include "dgram.h"
#include "sock.h"

static int may_share(const struct chan *c)
{
	if (!c->p.shared_port)
		return 0;
	return sock_option(c, c->fd[CHAN_IN], SOL_SOCKET, SO_REUSEADDR, 1, "cannot share the port");
}

/*
 * Of the sockets bound to one address and port the system takes the one that is
 * connected to where a datagram comes from (compute_score() in net/ipv4/udp.c).
 * Port 0 fits any: the peer sends from a port of its own.
 */
static int take_from_peer(const struct chan *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(&ss, &c->p.peer, 0, c->ifindex);

	if (!c->p.shared_port)
		return 0;
	if (connect(c->fd[CHAN_IN], (const struct sockaddr *)&ss, len) < 0)
		return chan_fail(c, -errno, "cannot receive from the peer alone");
	return 0;
}

static int udp_open(struct chan *c)
{
	int rc;

	if (c->p.peer.family != c->p.local.family)
		return chan_fail(c, -EINVAL, "own and destination address must be of one family");
	rc = dgram_sockets(c);
	if (!rc)
		rc = may_share(c);
	if (!rc)
		rc = sock_bind(c, c->fd[CHAN_IN], &c->p.local, c->p.port);
	if (!rc)
		rc = take_from_peer(c);
	if (!rc)
		rc = sock_bind(c, c->fd[CHAN_OUT], &c->p.local, 0);
	sock_expect_arrival(c);
	c->to_len = sock_addr(&c->to, &c->p.peer, c->p.port, c->ifindex);
	return rc;
}

const struct chan_ops chan_udp_ops = {
	.name = "UDP",
	.overhead4 = 28, /* IP and UDP headers */
	.overhead6 = 48, /* W19: the reference takes 28 here too */
	.open = udp_open,
	.fini = dgram_fini,
	.send = dgram_send,
	.recv = dgram_recv,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP between two addresses. The receive socket is bound to our address and
 * the configured port; the send socket to our address and a port of its own,
 * so that the peer sees the source it has configured as our address.
 */
#include <errno.h>
#include "dgram.h"
#include "sock.h"

static int udp_open(struct chan *c)
{
	int rc;

	if (c->p.peer.family != c->p.local.family)
		return chan_fail(c, -EINVAL, "own and destination address must be of one family");
	rc = dgram_sockets(c);
	if (!rc)
		rc = sock_bind(c, c->fd[CHAN_IN], &c->p.local, c->p.port);
	if (!rc)
		rc = sock_bind(c, c->fd[CHAN_OUT], &c->p.local, 0);
	c->to_len = sock_addr(&c->to, &c->p.peer, c->p.port, c->ifindex);
	return rc;
}

const struct chan_ops chan_udp_ops = {
	.name = "UDP",
	.overhead4 = 28,         /* IP and UDP headers */
	.overhead6 = 48,         /* W19: the reference takes 28 here too */
	.open = udp_open,
	.fini = dgram_fini,
	.send = dgram_send,
	.recv = dgram_recv,
};

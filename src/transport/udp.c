// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP between two addresses. The receive socket is bound to our address and
 * the configured port; the send socket to our address and a port of its own,
 * so that the peer sees the source it has configured as our address.
 */
#include <errno.h>
#include "dgram.h"

static int udp_open(struct chan *c)
{
	int rc;

	if (c->p.peer.family != c->p.local.family)
		return chan_fail(c, -EINVAL, "own and destination address must be of one family");
	rc = dgram_sockets(c);
	if (!rc)
		rc = dgram_bind(c, c->in, &c->p.local, c->p.port);
	if (!rc)
		rc = dgram_bind(c, c->out, &c->p.local, 0);
	c->to_len = dgram_sockaddr(&c->to, &c->p.peer, c->p.port, c->ifindex);
	return rc;
}

const struct chan_ops chan_udp_ops = {
	.name = "UDP",
	.open = udp_open,
	.send = dgram_send,
	.recv = dgram_recv,
};

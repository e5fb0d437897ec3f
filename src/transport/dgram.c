// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams, many per system call. What the socket refuses for now stays in
 * the queue; what it refuses for good is counted and dropped, as the network
 * would have done. Received datagrams pass the source check here, so that
 * nothing of a stranger reaches the engine (weakness W1 of the reference).
 */
#define _GNU_SOURCE /* sendmmsg(), recvmmsg(), struct in6_pktinfo */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "base/err.h"
#include "dgram.h"
#include "loop/clock.h"
#include "sock.h"

#define RX_SIZE    65536 /* no datagram is longer */
#define RX_CONTROL 64    /* room for the packet information of either family */

struct rx_meta {
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[RX_CONTROL];
	struct iovec iov;
};

/* Bytes of datagrams lie apart, so pages are touched only when used. */
struct chan_rx {
	struct mmsghdr msgs[CHAN_BATCH];
	struct rx_meta meta[CHAN_BATCH];
	uint8_t data[CHAN_BATCH][RX_SIZE];
};

static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) <= RX_CONTROL, "control room");
static_assert(CMSG_SPACE(sizeof(struct in_pktinfo)) <= RX_CONTROL, "control room");

static struct chan_rx *rx_new(void)
{
	struct chan_rx *rx = malloc(sizeof(*rx));

	if (!rx)
		return NULL;
	memset(rx->msgs, 0, sizeof(rx->msgs));
	for (size_t i = 0; i < CHAN_BATCH; i++) {
		struct rx_meta *m = &rx->meta[i];

		m->iov.iov_base = rx->data[i];
		m->iov.iov_len = RX_SIZE;
		rx->msgs[i].msg_hdr.msg_name = &m->from;
		rx->msgs[i].msg_hdr.msg_iov = &m->iov;
		rx->msgs[i].msg_hdr.msg_iovlen = 1;
		rx->msgs[i].msg_hdr.msg_control = m->control;
	}
	return rx;
}

void dgram_fini(struct chan *c)
{
	free(c->rx);
}

/* ---- sockets ---- */

static int no_checksum(const struct chan *c)
{
	if (!c->p.no_checksum || c->p.local.family != AF_INET)
		return 0; /* IPv6 does not allow to go without (RFC 8200, 8.1) */
	return sock_option(c, c->fd[CHAN_OUT], SOL_SOCKET, SO_NO_CHECK, 1,
			   "cannot leave out checksums");
}

int dgram_sockets(struct chan *c)
{
	int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, rc;

	if (!c->rx)
		c->rx = rx_new();
	if (!c->rx)
		return -ENOMEM;
	c->fd[CHAN_IN] = socket(c->p.local.family, type, 0);
	c->fd[CHAN_OUT] = c->fd[CHAN_IN] < 0 ? -1 : socket(c->p.local.family, type, 0);
	if (c->fd[CHAN_OUT] < 0)
		return chan_fail(c, -errno, "cannot open a socket");
	sock_rcvbuf(c, c->fd[CHAN_IN]);
	sock_sndbuf(c, c->fd[CHAN_OUT]);
	rc = no_checksum(c);
	if (!rc)
		rc = sock_v6_only(c, c->fd[CHAN_IN]);
	if (!rc)
		rc = sock_tell_arrival(c, c->fd[CHAN_IN]);
	c->up = !rc;
	return rc;
}

/* ---- sending ---- */

static size_t fill_batch(struct chan *c, struct mmsghdr *v, struct iovec *iov)
{
	size_t n = c->q.used < CHAN_BATCH ? c->q.used : CHAN_BATCH;

	memset(v, 0, n * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		iov[i].iov_base = (void *)batchq_at(&c->q, i, &iov[i].iov_len);
		v[i].msg_hdr.msg_iov = &iov[i];
		v[i].msg_hdr.msg_iovlen = 1;
		v[i].msg_hdr.msg_name = &c->to;
		v[i].msg_hdr.msg_namelen = c->to_len;
	}
	return n;
}

static void drop_first(struct chan *c, int err)
{
	c->stats.errors_out++;
	if (ratelim_ok(&c->say_error, clock_now()))
		log_warning(c->log, "link %s: datagram dropped: %s (%llu so far)", c->p.interface,
			    err_text(-err), (unsigned long long)c->stats.errors_out);
	batchq_pop(&c->q, 1);
}

/* Errors of the way there, which may have gone with the interface. */
static bool is_of_the_way(int err)
{
	return err == ENETDOWN || err == ENETUNREACH || err == EHOSTUNREACH || err == ENODEV ||
	       err == ENXIO || err == EADDRNOTAVAIL;
}

void dgram_send(struct chan *c)
{
	struct mmsghdr v[CHAN_BATCH];
	struct iovec iov[CHAN_BATCH];

	while (c->q.used > 0 && !c->lost_way) {
		size_t n = fill_batch(c, v, iov);
		int sent = sendmmsg(c->fd[CHAN_OUT], v, (unsigned int)n, 0);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (sent <= 0) {
			c->lost_way = c->p.one_of_several && !c->may_drop && is_of_the_way(errno);
			if (c->lost_way)
				return;
			drop_first(c, errno);
			continue;
		}
		c->stats.packets_out += (uint64_t)sent;
		for (int i = 0; i < sent; i++)
			c->stats.bytes_out += iov[i].iov_len;
		batchq_pop(&c->q, (size_t)sent);
	}
}

/* ---- receiving ---- */

static bool welcome(struct chan *c, struct msghdr *h, const struct chan_addr *from)
{
	bool multicast = c->p.kind == CHAN_MCAST;

	if (!multicast && !c->p.any_source && !chan_addr_equal(from, &c->p.peer)) {
		chan_refuse(c, from, "datagram", "not the configured peer");
		return false;
	}
	if (c->arrival && sock_arrival(h) != c->arrival) {
		chan_refuse(c, from, "datagram", "came in on another interface");
		return false;
	}
	return true;
}

/* True: *m is to be handed on. */
static bool take(struct chan *c, struct mmsghdr *got, struct chan_msg *m)
{
	struct msghdr *h = &got->msg_hdr;

	if (h->msg_flags & MSG_TRUNC) {
		c->stats.errors_in++;
		return false;
	}
	sock_addr_get(h->msg_name, &m->from);
	if (!welcome(c, h, &m->from))
		return false;
	m->data = h->msg_iov->iov_base;
	m->len = got->msg_len;
	m->epoch = 0;
	c->stats.packets_in++;
	c->stats.bytes_in += m->len;
	return true;
}

size_t dgram_recv(struct chan *c, struct chan_msg *v, size_t max)
{
	struct chan_rx *rx = c->rx;
	size_t n = 0;
	int got;

	for (size_t i = 0; i < max; i++) { /* the system overwrites these */
		rx->msgs[i].msg_hdr.msg_namelen = sizeof(rx->meta[i].from);
		rx->msgs[i].msg_hdr.msg_controllen = sizeof(rx->meta[i].control);
	}
	do {
		got = recvmmsg(c->fd[CHAN_IN], rx->msgs, (unsigned int)max, 0, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			c->stats.errors_in++;
		return 0;
	}
	for (int i = 0; i < got; i++)
		n += take(c, &rx->msgs[i], &v[n]);
	return n;
}

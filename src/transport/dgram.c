// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams, many per system call. What the socket refuses for now stays in
 * the queue; what it refuses for good is counted and dropped, as the network
 * would have done. Received datagrams pass the source check here, so that
 * nothing of a stranger reaches the engine (weakness W1 of the reference).
 */
#define _GNU_SOURCE     /* sendmmsg(), recvmmsg(), struct in6_pktinfo */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "base/err.h"
#include "dgram.h"
#include "loop/clock.h"

#define RX_SIZE    65536         /* no datagram is longer */
#define RX_CONTROL 64            /* room for the packet information of either family */

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

struct chan_rx *dgram_rx_new(void)
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

void dgram_rx_free(struct chan_rx *rx)
{
	free(rx);
}

/* ---- sockets ---- */

socklen_t dgram_sockaddr(struct sockaddr_storage *ss, const struct chan_addr *a, uint16_t port,
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

static void sockaddr_addr(const struct sockaddr_storage *ss, struct chan_addr *a)
{
	memset(a, 0, sizeof(*a));
	a->family = (uint8_t)ss->ss_family;
	if (ss->ss_family == AF_INET)
		memcpy(a->b, &((const struct sockaddr_in *)ss)->sin_addr, 4);
	else if (ss->ss_family == AF_INET6)
		memcpy(a->b, &((const struct sockaddr_in6 *)ss)->sin6_addr, 16);
}

int dgram_option(const struct chan *c, int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) == 0)
		return 0;
	return chan_fail(c, -errno, what);
}

int dgram_bind(const struct chan *c, int fd, const struct chan_addr *a, uint16_t port)
{
	char text[CHAN_ADDR_TEXT];
	struct sockaddr_storage ss;
	socklen_t len = dgram_sockaddr(&ss, a, port, c->ifindex);
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

static int no_checksum(const struct chan *c)
{
	if (!c->p.no_checksum || c->p.local.family != AF_INET)
		return 0;        /* IPv6 does not allow to go without (RFC 8200, 8.1) */
	return dgram_option(c, c->out, SOL_SOCKET, SO_NO_CHECK, 1, "cannot leave out checksums");
}

/* An IPv4 socket beside an IPv6 one must not get in its way. */
static int v6_only(const struct chan *c)
{
	if (c->p.local.family != AF_INET6)
		return 0;
	return dgram_option(c, c->in, IPPROTO_IPV6, IPV6_V6ONLY, 1, "cannot keep to IPv6");
}

int dgram_sockets(struct chan *c)
{
	int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, rc;

	c->rx = dgram_rx_new();
	if (!c->rx)
		return -ENOMEM;
	c->in = socket(c->p.local.family, type, 0);
	c->out = c->in < 0 ? -1 : socket(c->p.local.family, type, 0);
	if (c->out < 0)
		return chan_fail(c, -errno, "cannot open a socket");
	set_buffer(c, c->in, SO_RCVBUFFORCE, SO_RCVBUF, c->p.rcvbuf);
	set_buffer(c, c->out, SO_SNDBUFFORCE, SO_SNDBUF, c->p.sndbuf);
	rc = no_checksum(c);
	return rc ? rc : v6_only(c);
}

/* ---- sending ---- */

static size_t fill_batch(struct chan *c, struct mmsghdr *v, struct iovec *iov)
{
	const struct chan_queue *q = &c->q;
	size_t n = q->used < CHAN_BATCH ? q->used : CHAN_BATCH;

	memset(v, 0, n * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		size_t slot = (q->head + i) % q->slots;

		iov[i].iov_base = q->room + slot * q->slot_size;
		iov[i].iov_len = q->lens[slot];
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
	chan_pop(c, 1);
}

void dgram_send(struct chan *c)
{
	struct mmsghdr v[CHAN_BATCH];
	struct iovec iov[CHAN_BATCH];

	while (c->q.used > 0) {
		size_t n = fill_batch(c, v, iov);
		int sent = sendmmsg(c->out, v, (unsigned int)n, 0);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (sent <= 0) {
			drop_first(c, errno);
			continue;
		}
		c->stats.packets_out += (uint64_t)sent;
		for (int i = 0; i < sent; i++)
			c->stats.bytes_out += iov[i].iov_len;
		chan_pop(c, (size_t)sent);
	}
}

/* ---- receiving ---- */

/* Index of the interface a datagram came in on, 0 if it is not told. */
static int arrival(struct msghdr *h)
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

static void refuse(struct chan *c, const struct chan_addr *from, const char *why)
{
	char text[CHAN_ADDR_TEXT];

	c->stats.foreign++;
	if (!ratelim_ok(&c->say_refused, clock_now()))
		return;
	chan_addr_text(from, text);
	log_warning(c->log, "link %s: datagram from %s refused: %s (%llu so far)", c->p.interface,
		    text, why, (unsigned long long)c->stats.foreign);
}

static bool welcome(struct chan *c, struct msghdr *h, const struct chan_addr *from)
{
	bool multicast = c->p.kind == CHAN_MCAST;

	if (!multicast && !c->p.any_source && !chan_addr_equal(from, &c->p.peer)) {
		refuse(c, from, "not the configured peer");
		return false;
	}
	if (multicast && !c->p.any_interface && arrival(h) != c->ifindex) {
		refuse(c, from, "came in on another interface");
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
	sockaddr_addr(h->msg_name, &m->from);
	if (!welcome(c, h, &m->from))
		return false;
	m->data = h->msg_iov->iov_base;
	m->len = got->msg_len;
	c->stats.packets_in++;
	c->stats.bytes_in += m->len;
	return true;
}

size_t dgram_recv(struct chan *c, struct chan_msg *v, size_t max)
{
	struct chan_rx *rx = c->rx;
	size_t n = 0;
	int got;

	for (size_t i = 0; i < max; i++) {       /* the system overwrites these */
		rx->msgs[i].msg_hdr.msg_namelen = sizeof(rx->meta[i].from);
		rx->msgs[i].msg_hdr.msg_controllen = sizeof(rx->meta[i].control);
	}
	do {
		got = recvmmsg(c->in, rx->msgs, (unsigned int)max, 0, NULL);
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

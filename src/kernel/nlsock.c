// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sockets under events, dumps and requests. Two things are guarded here
 * for all of them: only what the kernel itself sent is believed (the sender's
 * port id is 0), and no message reaches a reader unless it lies within what
 * was received.
 */
#define _GNU_SOURCE /* recvmmsg() */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "nlsock.h"

int nlsock_open(struct nlsock *s, unsigned int groups)
{
	int err;

	s->forced = false;
	s->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!s->nl)
		return -errno;
	if (mnl_socket_bind(s->nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		nlsock_close(s);
		return err;
	}
	s->fd = mnl_socket_get_fd(s->nl);
	s->portid = mnl_socket_get_portid(s->nl);
	return 0;
}

void nlsock_close(struct nlsock *s)
{
	if (s->nl)
		mnl_socket_close(s->nl);
	s->nl = NULL;
	s->fd = -1;
}

uint32_t nlsock_rcvbuf(const struct nlsock *s)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	if (getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) < 0 || bytes < 0)
		return 0;
	return (uint32_t)bytes;
}

/*
 * The kernel doubles what it is given (sock_setsockopt()). A buffer once forced
 * is not asked for without force: the limit would make it smaller.
 */
uint32_t nlsock_set_rcvbuf(struct nlsock *s, uint32_t bytes)
{
	int half = (int)(bytes / 2);

	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) == 0)
		s->forced = true;
	else if (!s->forced)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half));
	return nlsock_rcvbuf(s);
}

void nlsock_set_sndbuf(const struct nlsock *s, uint32_t bytes)
{
	int half = (int)(bytes / 2);

	if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof(half)) < 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

/* Stays all 0 where it is not known. */
static void memory_of(const struct nlsock *s, uint32_t info[SK_MEMINFO_VARS])
{
	socklen_t len = SK_MEMINFO_VARS * sizeof(*info);

	memset(info, 0, len);
	(void)getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len);
}

uint32_t nlsock_drops(const struct nlsock *s)
{
	uint32_t info[SK_MEMINFO_VARS];

	memory_of(s, info);
	return info[SK_MEMINFO_DROPS];
}

bool nlsock_half_full(const struct nlsock *s)
{
	uint32_t info[SK_MEMINFO_VARS];

	memory_of(s, info);
	return info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}

int nlsock_send(const struct nlsock *s, const void *data, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do {
		n = sendto(s->fd, data, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

struct nlrx {
	struct mmsghdr *msgs;
	struct iovec *iov;
	struct sockaddr_nl *from;
	uint8_t *data;
	unsigned int slots;
	unsigned int filled, slot; /* datagrams received, the one being read */
	const uint8_t *pos;        /* in it */
	size_t left;
	struct nlrx_stats stats;
};

struct nlrx *nlrx_new(unsigned int slots, size_t slot_size)
{
	struct nlrx *rx = calloc(1, sizeof(*rx));

	if (!rx)
		return NULL;
	/*
	 * One more cache line per slot: at a power of two all slots would share
	 * the few lines of one set.
	 */
	slot_size += 64;
	rx->slots = slots;
	rx->msgs = calloc(slots, sizeof(*rx->msgs));
	rx->iov = calloc(slots, sizeof(*rx->iov));
	rx->from = calloc(slots, sizeof(*rx->from));
	rx->data = calloc(slots, slot_size);
	if (!rx->msgs || !rx->iov || !rx->from || !rx->data) {
		nlrx_free(rx);
		return NULL;
	}
	for (unsigned int i = 0; i < slots; i++) {
		rx->iov[i].iov_base = rx->data + i * slot_size;
		rx->iov[i].iov_len = slot_size;
		rx->msgs[i].msg_hdr.msg_iov = &rx->iov[i];
		rx->msgs[i].msg_hdr.msg_iovlen = 1;
		rx->msgs[i].msg_hdr.msg_name = &rx->from[i];
	}
	return rx;
}

void nlrx_free(struct nlrx *rx)
{
	if (!rx)
		return;
	free(rx->data);
	free(rx->from);
	free(rx->iov);
	free(rx->msgs);
	free(rx);
}

int nlrx_fill(struct nlrx *rx, const struct nlsock *s)
{
	int n;

	/* The kernel writes the length of the address back. */
	for (unsigned int i = 0; i < rx->slots; i++)
		rx->msgs[i].msg_hdr.msg_namelen = sizeof(rx->from[i]);
	rx->filled = rx->slot = 0;
	rx->left = 0;
	do {
		n = recvmmsg(s->fd, rx->msgs, rx->slots, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	rx->filled = (unsigned int)n;
	return n;
}

/* Start reading the next datagram worth it. */
static bool next_datagram(struct nlrx *rx)
{
	while (rx->slot < rx->filled) {
		const struct mmsghdr *m = &rx->msgs[rx->slot];
		const struct sockaddr_nl *from = &rx->from[rx->slot];

		rx->pos = rx->iov[rx->slot].iov_base;
		rx->left = m->msg_len;
		rx->slot++;
		if (m->msg_hdr.msg_namelen != sizeof(*from) || from->nl_pid != 0)
			rx->stats.foreign++;
		else if (m->msg_hdr.msg_flags & MSG_TRUNC)
			rx->stats.bad++;
		else if (rx->left > 0)
			return true;
	}
	rx->left = 0;
	return false;
}

bool nlrx_next(struct nlrx *rx, const uint8_t **msg, size_t *len)
{
	struct nlmsghdr h;
	size_t step;

	while (rx->left > 0 || next_datagram(rx)) {
		if (rx->left >= sizeof(h)) {
			memcpy(&h, rx->pos, sizeof(h));
			if (h.nlmsg_len >= sizeof(h) && h.nlmsg_len <= rx->left) {
				*msg = rx->pos;
				*len = h.nlmsg_len;
				step = NLMSG_ALIGN(h.nlmsg_len);
				step = step < rx->left ? step : rx->left;
				rx->pos += step;
				rx->left -= step;
				return true;
			}
		}
		rx->stats.bad++;
		rx->left = 0;
	}
	return false;
}

void nlrx_get_stats(const struct nlrx *rx, struct nlrx_stats *st)
{
	*st = rx->stats;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Link messages of the kernel (rtnetlink). They only tell when to look: the
 * state itself is asked for (iface.c), so that lost or late messages can never
 * leave us with a wrong picture. An interface is known by its name; its index
 * is kept to notice when that name goes to another.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/str.h"
#include "iface.h"
#include "ifmon.h"

#define WATCHED_MAX 8
#define RX_SIZE     32768
#define READS       32 /* per wake-up */

struct ifmon {
	int fd;
	size_t n;
	struct {
		char name[IFNAMSIZ];
		int index; /* negative: there is none */
	} watched[WATCHED_MAX];
	_Alignas(struct nlmsghdr) uint8_t buf[RX_SIZE];
};

int ifmon_open(struct ifmon **out)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct ifmon *m = calloc(1, sizeof(*m));
	int rc = 0;

	if (!m)
		return -ENOMEM;
	m->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (m->fd < 0 || bind(m->fd, (const struct sockaddr *)&own, sizeof(own)) < 0)
		rc = -errno;
	if (rc) {
		ifmon_close(m);
		return rc;
	}
	*out = m;
	return 0;
}

void ifmon_close(struct ifmon *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

int ifmon_fd(const struct ifmon *m)
{
	return m->fd;
}

int ifmon_add(struct ifmon *m, const char *name)
{
	if (m->n == WATCHED_MAX)
		return -ENOSPC;
	if (!str_copy(m->watched[m->n].name, IFNAMSIZ, name))
		return -ENODEV;
	m->watched[m->n++].index = iface_index(name);
	return 0;
}

static const char *name_in(const struct nlmsghdr *h)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(a) == IFLA_IFNAME &&
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(a);
	}
	return "";
}

static bool concerns(struct ifmon *m, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info;
	bool ours = false;

	if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
		return false;
	if (mnl_nlmsg_get_payload_len(h) < sizeof(*info))
		return false;
	info = mnl_nlmsg_get_payload(h);
	for (size_t i = 0; i < m->n; i++) {
		if (info->ifi_index != m->watched[i].index &&
		    strcmp(name_in(h), m->watched[i].name) != 0)
			continue;
		m->watched[i].index = iface_index(m->watched[i].name);
		ours = true;
	}
	return ours;
}

static bool look(struct ifmon *m, size_t len)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)m->buf;
	int left = (int)len;
	bool ours = false;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		ours |= concerns(m, h);
	return ours;
}

bool ifmon_read(struct ifmon *m)
{
	bool ours = false;

	for (int i = 0; i < READS; i++) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { m->buf, sizeof(m->buf) };
		struct msghdr h = { .msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &iov,
				    .msg_iovlen = 1 };
		ssize_t n = recvmsg(m->fd, &h, 0);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			ours |= errno == ENOBUFS; /* we do not know what, so look */
		else if (h.msg_flags & MSG_TRUNC)
			ours = true;
		else if (from.nl_pid == 0) /* from the kernel, not a program */
			ours |= look(m, (size_t)n);
	}
	return ours;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions about interfaces: MTU and state, asked with the classic ioctls,
 * which need no privilege and no netlink socket. They are asked when a link is
 * opened or checked, never per datagram.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/str.h"
#include "iface.h"
#include "sock.h"

static int ask(const char *name, unsigned long what, struct ifreq *r)
{
	int fd, rc;

	memset(r, 0, sizeof(*r));
	if (!str_copy(r->ifr_name, sizeof(r->ifr_name), name))
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = ioctl(fd, what, r) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int iface_index(const char *name)
{
	struct ifreq r;
	int rc = ask(name, SIOCGIFINDEX, &r);

	return rc ? rc : r.ifr_ifindex;
}

static bool is_addr(const struct ifaddrs *i, const struct chan_addr *a)
{
	struct chan_addr own;
	struct sockaddr_storage ss;

	if (!i->ifa_addr || i->ifa_addr->sa_family != a->family)
		return false;
	memcpy(&ss, i->ifa_addr,
	       a->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	sock_addr_get(&ss, &own);
	return chan_addr_equal(&own, a);
}

int iface_index_of(const struct chan_addr *a)
{
	int index = -EADDRNOTAVAIL;
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; i && index < 0; i = i->ifa_next) {
		if (is_addr(i, a))
			index = iface_index(i->ifa_name);
	}
	freeifaddrs(all);
	return index;
}

bool iface_owns(const char *name, const struct chan_addr *a)
{
	struct ifaddrs *all;
	bool owns = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !owns; i = i->ifa_next)
		owns = strcmp(i->ifa_name, name) == 0 && is_addr(i, a);
	freeifaddrs(all);
	return owns;
}

int iface_mtu(const char *name)
{
	struct ifreq r;
	int rc = ask(name, SIOCGIFMTU, &r);

	return rc ? rc : r.ifr_mtu;
}

enum chan_status iface_status(const char *name)
{
	struct ifreq r;

	if (ask(name, SIOCGIFFLAGS, &r) || !(r.ifr_flags & IFF_UP))
		return CHAN_DOWN;
	return r.ifr_flags & IFF_RUNNING ? CHAN_RUNNING : CHAN_NO_CARRIER;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_KERNEL_NETNS_H
#define CTD_TESTS_KERNEL_NETNS_H

/*
 * A fresh network namespace for the calling process, gone when it ends, in
 * which every flow reports its events and counts its packets.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static inline int netns_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	close(fd);
	return n == (ssize_t)strlen(value) ? 0 : -EIO;
}

/* False: not possible for this user. */
static inline bool netns_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	return netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_events", "1") == 0 &&
	       netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_acct", "1") == 0 &&
	       netns_sysctl("/proc/sys/net/netfilter/nf_conntrack_timestamp", "1") == 0;
}

#endif

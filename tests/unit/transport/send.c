// SPDX-License-Identifier: GPL-2.0-or-later
/* A socket that is full, or broken, when the test says so. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include "send.h"

int __real_sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags);

static unsigned int failures, limit = 1024, calls;
static int failure;

void send_fail(unsigned int n, int err)
{
	failures = n;
	failure = err;
}

void send_at_most(unsigned int n)
{
	limit = n;
}

unsigned int send_calls(void)
{
	return calls;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	calls++;
	if (failures > 0) {
		failures--;
		errno = failure;
		return -1;
	}
	return __real_sendmmsg(fd, v, n < limit ? n : limit, flags);
}

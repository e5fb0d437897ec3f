// SPDX-License-Identifier: GPL-2.0-or-later
/* The watch over interfaces, in a namespace of the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include "ifmon.h"
#include "net.h"

TestSuite(ifmon, .timeout = 60);

/* Something about a watched interface arrives, after whatever else does. */
static void expect_news(struct ifmon *m)
{
	do {
		cr_assert(readable(ifmon_fd(m)), "nothing is told");
	} while (!ifmon_read(m));
}

static void expect_silence(struct ifmon *m)
{
	cr_assert_not(ifmon_read(m));
	cr_assert(silent(ifmon_fd(m)));
}

static struct ifmon *watch_v0(void)
{
	struct ifmon *m = NULL;

	own_network();
	cr_assert_eq(ifmon_open(&m), 0);
	cr_assert_eq(ifmon_add(m, "v0"), 0);
	return m;
}

Test(ifmon, all_that_can_happen)
{
	struct ifmon *m = watch_v0();

	expect_silence(m);
	ip("link add v0 type veth peer name v1");
	expect_news(m);
	ip("link set v0 up");
	expect_news(m);
	ip("link set v1 up");
	wait_status("v0", CHAN_RUNNING);
	expect_news(m);
	ip("link set v1 down");
	wait_status("v0", CHAN_NO_CARRIER);
	expect_news(m);
	ip("link set v0 mtu 1400");
	expect_news(m);
	ip("link set v0 down");
	expect_news(m);
	ip("link set v0 name v9");
	expect_news(m);
	ip("link set v9 name v0");
	expect_news(m);
	ip("link del v0");
	expect_news(m);
	ifmon_close(m);
}

Test(ifmon, others_do_not_matter)
{
	struct ifmon *m = watch_v0();

	ip("link add x0 type veth peer name x1");
	ip("link set x0 up");
	ip("link del x0");
	cr_assert(readable(ifmon_fd(m)));
	cr_assert_not(ifmon_read(m));
	ifmon_close(m);
}

/* More than the socket holds: the rest is lost, so we must look. */
Test(ifmon, lost_messages_are_news)
{
	struct ifmon *m = watch_v0();
	int small = 1;

	cr_assert_eq(setsockopt(ifmon_fd(m), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 10; i++) {
		ip("link add x0 type veth peer name x1");
		ip("link del x0");
	}
	cr_assert(ifmon_read(m));
	ifmon_close(m);
}

Test(ifmon, has_limits)
{
	struct ifmon *m = NULL;
	char name[16];

	cr_assert_eq(ifmon_open(&m), 0);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "if%d", i);
		cr_assert_eq(ifmon_add(m, name), 0);
	}
	cr_assert_eq(ifmon_add(m, "one-more"), -ENOSPC);
	ifmon_close(m);
	ifmon_close(NULL);
}

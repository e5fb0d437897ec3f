// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel is found to offer. */
#include "fixture.h"
#include "kernel/caps.h"

#define EVENTS_SYSCTL "/proc/sys/net/netfilter/nf_conntrack_events"

Test(caps, of_a_fresh_namespace)
{
	struct kernel_applier *a;
	struct kernel_caps c;

	NEEDS_ROOT();
	cr_assert_eq(kernel_caps_read(&c), 0);
	cr_assert(c.flows && c.expects);
	cr_assert_eq(c.events, 1);
	cr_assert_eq(c.count, 0u);
	cr_assert_gt(c.max, 0u);
	a = fixture_applier();
	fixture_many(a, KOP_CREATE, 0, 10);
	cr_assert_eq(kernel_caps_read(&c), 0);
	cr_assert_eq(c.count, 10u);
	kernel_applier_free(a);
	cr_assert_eq(netns_sysctl(EVENTS_SYSCTL, "0"), 0);
	cr_assert_eq(kernel_caps_read(&c), 0);
	cr_assert_eq(c.events, 0);
}

/* Whoever runs this is nobody after it. */
Test(caps, without_the_privilege)
{
	struct kernel_caps c;

	if (geteuid() == 0)
		cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_eq(kernel_caps_read(&c), 0);
	cr_assert_not(c.flows);
	cr_assert_not(c.expects);
	cr_assert_eq(c.flows_err, -EPERM);
	cr_assert_eq(c.expects_err, -EPERM);
}

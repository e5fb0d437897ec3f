// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets and receive buffers under the rest, and what happens without memory. */
#include <linux/netfilter/nfnetlink_compat.h>
#include <string.h>
#include "fixture.h"
#include "kernel/dump.h"
#include "nlsock.h"
#include "oom.h"

Test(nlsock, port_ids_differ_and_nothing_waits)
{
	struct nlrx *rx = nlrx_new(4, 1024);
	struct nlsock a, b;
	const uint8_t *msg;
	size_t len;

	cr_assert_eq(nlsock_open(&a, 0), 0);
	cr_assert_eq(nlsock_open(&b, 0), 0);
	cr_assert_neq(a.portid, b.portid);
	cr_assert_eq(nlrx_fill(rx, &a), -EAGAIN);
	cr_assert_not(nlrx_next(rx, &msg, &len));
	cr_assert_eq(nlsock_drops(&a), 0u);
	nlsock_close(&a);
	nlsock_close(&b);
	nlrx_free(rx);
}

Test(nlsock, a_forced_buffer_does_not_shrink_without_the_privilege)
{
	struct nlsock s;

	NEEDS_ROOT();
	cr_assert_eq(nlsock_open(&s, 0), 0);
	cr_assert_eq(nlsock_set_rcvbuf(&s, 64u << 20), 64u << 20);
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_eq(nlsock_set_rcvbuf(&s, 128u << 20), 64u << 20);
	nlsock_close(&s);
}

/* Never half a message: what did not fit is counted and left out. */
Test(nlsock, a_message_cut_short_is_not_handed_out)
{
	struct kernel_applier *a;
	struct nlrx_stats st;
	struct nlrx *rx, *large;
	const uint8_t *msg;
	struct nlsock s;
	size_t len;

	NEEDS_ROOT();
	a = fixture_applier();
	rx = nlrx_new(2, 64);
	large = nlrx_new(2, 2048);
	cr_assert_eq(nlsock_open(&s, NF_NETLINK_CONNTRACK_NEW), 0);
	fixture_many(a, KOP_CREATE, 0, 3);
	cr_assert_eq(nlrx_fill(rx, &s), 2);
	cr_assert_not(nlrx_next(rx, &msg, &len));
	nlrx_get_stats(rx, &st);
	cr_assert_eq(st.bad, 2u);
	cr_assert_eq(st.foreign, 0u);
	cr_assert_eq(nlrx_fill(large, &s), 1);
	cr_assert(nlrx_next(large, &msg, &len));
	cr_assert_gt(len, 128u);
	cr_assert_not(nlrx_next(large, &msg, &len));
	nlsock_close(&s);
	nlrx_free(rx);
	nlrx_free(large);
	kernel_applier_free(a);
}

static void *make_events(int *err)
{
	return kernel_events_new(&(struct kernel_events_params){ .expects = true }, NULL, err);
}

static void *make_dump(int *err)
{
	return kernel_dump_new(KTABLE_EXPECTS, err);
}

static void *make_applier(int *err)
{
	return kernel_applier_new(err);
}

/* Each allocation of "make" fails in turn. */
static void without_memory(void *(*make)(int *err), void (*release)(void *))
{
	int err = 0;
	void *p = NULL;
	long n = 0;

	while (!p) {
		oom_after(n++);
		p = make(&err);
		cr_assert_eq(err, p ? 0 : -ENOMEM, "allocation %ld: %d", n, err);
		cr_assert_lt(n, 100);
	}
	oom_off();
	cr_assert_gt(n, 3);
	release(p);
}

static void free_events(void *p)
{
	kernel_events_free(p);
}

static void free_dump(void *p)
{
	kernel_dump_free(p);
}

static void free_applier(void *p)
{
	kernel_applier_free(p);
}

Test(nlsock, out_of_memory)
{
	NEEDS_ROOT();
	without_memory(make_events, free_events);
	without_memory(make_dump, free_dump);
	without_memory(make_applier, free_applier);
}

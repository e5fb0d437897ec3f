// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of a real kernel: all of them, whose they are, and what follows an overrun. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "fixture.h"
#include "kernel/conv.h"
#include "nlsock.h"

static struct kernel_events *open_events(const struct kernel_events_params *p)
{
	int err = -1;
	struct kernel_events *ev = kernel_events_new(p, NULL, &err);

	cr_assert_not_null(ev);
	cr_assert_eq(err, 0);
	return ev;
}

static uint32_t buffer_of(const struct kernel_events *ev)
{
	struct kernel_events_stats st;

	kernel_events_get_stats(ev, &st);
	return st.buffer;
}

/* Bytes of its receive buffer that a socket has in use. */
static uint32_t taken(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len), 0);
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* The one event that is there. */
static struct kernel_event only_event(struct kernel_events *ev)
{
	struct kernel_event e, more;

	cr_assert_eq(kernel_events_next(ev, &e), 1);
	cr_assert_eq(kernel_events_next(ev, &more), 0);
	return e;
}

Test(events, our_own_requests_are_recognised)
{
	static const enum kernel_op_kind ops[] = { KOP_CREATE, KOP_UPDATE, KOP_DELETE };
	static const enum kernel_event_kind kinds[] = { KEV_NEW, KEV_UPDATE, KEV_DESTROY };
	struct kernel_events_params p = { 0 };
	struct kernel_applier *ours, *other;
	struct kernel_events *ev;

	NEEDS_ROOT();
	ours = fixture_applier();
	other = fixture_applier();
	ev = open_events(&p);
	cr_assert_neq(kernel_applier_portid(ours), kernel_applier_portid(other));
	for (unsigned int i = 0; i < 6; i++) {
		struct kernel_applier *a = i < 3 ? ours : other;
		struct kernel_op op = fixture_op(ops[i % 3], FAM_IP4, IPP_TCP, 1);
		struct kernel_event e;

		cr_assert_eq(fixture_apply(a, &op), 0);
		e = only_event(ev);
		cr_assert_eq(e.kind, kinds[i % 3]);
		cr_assert_not(e.is_expect);
		cr_assert_eq(e.portid, kernel_applier_portid(a));
		cr_assert(tuple_equal(&e.flow.orig, &op.flow.orig));
	}
	kernel_events_free(ev);
	kernel_applier_free(ours);
	kernel_applier_free(other);
}

/* One UDP packet to ourselves. */
static void send_udp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(0x7f000001);
	cr_assert_geq(fd, 0);
	cr_assert_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	close(fd);
}

Test(events, those_of_traffic_have_no_port_id)
{
	struct kernel_events_params p = { 0 };
	struct kernel_events *ev;
	struct kernel_event e;

	NEEDS_ROOT();
	NEEDS_TRACKING();
	ev = open_events(&p);
	send_udp();
	cr_assert_eq(kernel_events_next(ev, &e), 1);
	cr_assert_eq(e.kind, KEV_NEW);
	cr_assert_eq(e.portid, 0u);
	cr_assert_eq(e.flow.orig.proto, IPP_UDP);
	cr_assert_eq(e.flow.orig.dport, 9);
	cr_assert(e.flow.has & FLOW_HAS_PORTS);
	kernel_events_free(ev);
}

Test(events, expectations_if_wanted)
{
	NEEDS_ROOT();
	for (int wanted = 0; wanted < 2; wanted++) {
		struct kernel_events_params p = { .expects = wanted };
		struct kernel_applier *a = fixture_applier();
		struct kernel_op op = fixture_master();
		struct kernel_events *ev;
		struct kernel_event e;

		cr_assert_eq(fixture_apply(a, &op), 0);
		ev = open_events(&p);
		op = fixture_expect(KOP_EXP_CREATE);
		cr_assert_eq(fixture_apply(a, &op), 0);
		if (wanted) {
			e = only_event(ev);
			cr_assert_eq(e.kind, KEV_NEW);
			cr_assert(e.is_expect);
			cr_assert_eq(e.portid, kernel_applier_portid(a));
			cr_assert_eq(e.expect.tuple.dport, 20021);
			cr_assert_str_eq(e.expect.fn, "nat-follow-master");
		}
		/* The end of the master ends it. */
		op = fixture_master();
		op.kind = KOP_DELETE;
		cr_assert_eq(fixture_apply(a, &op), 0);
		cr_assert_eq(kernel_events_next(ev, &e), 1);
		cr_assert_eq(e.kind, KEV_DESTROY);
		cr_assert_eq(kernel_events_next(ev, &e), wanted);
		cr_assert_eq(kernel_events_next(ev, &e), 0);
		kernel_events_free(ev);
		kernel_applier_free(a);
	}
}

Test(events, more_than_one_read_keeps_number_and_order)
{
	struct kernel_events_params p = { .buffer = 1u << 20, .max_growth = 1u << 20 };
	struct kernel_events_stats st;
	struct kernel_applier *a;
	struct kernel_events *ev;
	struct kernel_event e;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events(&p);
	/* Both a multiple of what one read takes, and not. */
	for (unsigned int n = 128; n < 260; n += 71) {
		fixture_many(a, KOP_CREATE, 0, n);
		for (unsigned int i = 0; i < n; i++) {
			cr_assert_eq(kernel_events_next(ev, &e), 1);
			cr_assert_eq(e.flow.mark, 0x1000 + i);
		}
		cr_assert_eq(kernel_events_next(ev, &e), 0);
		fixture_many(a, KOP_DELETE, 0, n);
		while (kernel_events_next(ev, &e) == 1)
			cr_assert_eq(e.kind, KEV_DESTROY);
	}
	kernel_events_get_stats(ev, &st);
	cr_assert_eq(st.received, 2u * (128 + 199));
	cr_assert_eq(st.bad + st.unknown + st.foreign + st.overruns + st.dropped, 0u);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

/* Read until an overrun is reported; returns the events before it. */
static unsigned int drain(struct kernel_events *ev)
{
	struct kernel_event e;
	unsigned int n = 0;
	int r;

	cr_assert_not(kernel_events_draining(ev));
	while ((r = kernel_events_next(ev, &e)) == 1) {
		cr_assert(kernel_events_draining(ev));
		cr_assert_eq(e.flow.mark, 0x1000 + n);
		n++;
	}
	cr_assert_eq(r, -ENOBUFS);
	cr_assert_not(kernel_events_draining(ev));
	return n;
}

Test(events, an_overrun_is_told_once_and_after_what_was_queued)
{
	struct kernel_events_params p = { .buffer = 16384, .max_growth = 1u << 20 };
	struct kernel_events_stats st;
	struct kernel_applier *a;
	struct kernel_events *ev;
	struct kernel_op op;
	unsigned int n;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events(&p);
	cr_assert_eq(buffer_of(ev), 16384u);
	fixture_many(a, KOP_CREATE, 0, 200);
	n = drain(ev);
	cr_assert(n > 0 && n < 100, "%u", n);
	cr_assert_eq(buffer_of(ev), 32768u);
	/* From here on events arrive again. */
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 500);
	cr_assert_eq(fixture_apply(a, &op), 0);
	cr_assert_eq(only_event(ev).flow.mark, 0x1000u + 500);
	kernel_events_get_stats(ev, &st);
	cr_assert_eq(st.overruns, 1u);
	cr_assert_eq(st.received, n + 1);
	cr_assert_eq(st.dropped + n, 200u);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

static void last_line(void *ctx, enum log_level level, const char *line)
{
	cr_assert_eq(level, LOG_LVL_NOTICE);
	strcpy(ctx, line);
}

/* Monitoring knows the words. */
#define SIZE_LINE "netlink event socket buffer size has been "

Test(events, the_buffer_grows_up_to_its_maximum)
{
	struct kernel_events_params p = { .buffer = 16384, .max_growth = 50000 };
	char line[1024] = "";
	struct log log = { .emit = last_line, .ctx = line, .max = LOG_LVL_DEBUG };
	struct kernel_applier *a;
	struct kernel_events *ev;
	int err;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = kernel_events_new(&p, &log, &err);
	cr_assert_not_null(ev);
	cr_assert_str_eq(line, SIZE_LINE "set to 16384 bytes");
	for (unsigned int i = 0; i < 4; i++) {
		fixture_many(a, KOP_CREATE, 0, 200);
		drain(ev);
		cr_assert_eq(buffer_of(ev), i == 0 ? 32768 : 50000);
		cr_assert_str_eq(line, i == 0 ? SIZE_LINE "doubled to 32768 bytes" :
				       i == 1 ? SIZE_LINE "set to 50000 bytes" :
						"");
		line[0] = '\0';
		fixture_many(a, KOP_DELETE, 0, 200);
		drain(ev);
	}
	kernel_events_free(ev);
	kernel_applier_free(a);
}

/* More than half of the buffer is taken, but nothing is lost yet. */
Test(events, the_buffer_grows_before_it_is_full)
{
	struct kernel_events_params p = { .buffer = 262144, .max_growth = 400000 };
	struct kernel_events_stats st;
	struct kernel_applier *a;
	struct kernel_events *ev;
	struct kernel_event e;
	unsigned int n = 0;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events(&p);
	while (n < 1000 && taken(kernel_events_fd(ev)) < 240000)
		fixture_many(a, KOP_CREATE, n++, 1);
	while (kernel_events_next(ev, &e) == 1)
		;
	kernel_events_get_stats(ev, &st);
	cr_assert_eq(st.overruns, 0);
	cr_assert_eq(st.received, n);
	cr_assert_eq(st.buffer, 400000);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

static void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)line;
	cr_assert_eq(level, LOG_LVL_NOTICE);
	++*(int *)ctx;
}

Test(events, a_buffer_beyond_its_maximum_is_not_used)
{
	struct kernel_events_params p = { .buffer = 1u << 20, .max_growth = 0 };
	int lines = 0, err;
	struct log log = { .emit = count_line, .ctx = &lines, .max = LOG_LVL_DEBUG };
	struct kernel_events *plain, *ev;

	NEEDS_ROOT();
	plain = open_events(&(struct kernel_events_params){ 0 });
	ev = kernel_events_new(&p, &log, &err);
	cr_assert_eq(lines, 2); /* that, and the size in use */
	cr_assert_eq(buffer_of(ev), buffer_of(plain));
	kernel_events_free(ev);
	p.max_growth = p.buffer;
	ev = kernel_events_new(&p, &log, &err);
	cr_assert_eq(lines, 3);
	cr_assert_eq(buffer_of(ev), 1u << 20);
	kernel_events_free(ev);
	kernel_events_free(plain);
}

/* Deletions that find no room are repeated until they do. */
Test(events, reliable_delivery_loses_no_deletion, .timeout = 30)
{
	struct kernel_events_params p = { .buffer = 8192, .max_growth = 8192, .reliable = true };
	struct kernel_events_stats st;
	struct kernel_applier *a;
	struct kernel_events *ev;
	struct kernel_event e;
	unsigned int n = 0;
	bool seen[100] = { false };

	NEEDS_ROOT();
	a = fixture_applier();
	fixture_many(a, KOP_CREATE, 0, 100);
	ev = open_events(&p);
	fixture_many(a, KOP_DELETE, 0, 100);
	while (n < 100) {
		struct pollfd fd = { .fd = kernel_events_fd(ev), .events = POLLIN };
		int r = kernel_events_next(ev, &e);

		cr_assert(r == 0 || r == 1, "%d", r);
		if (r == 0) {
			cr_assert_eq(poll(&fd, 1, 20000), 1, "%u arrived", n);
			continue;
		}
		cr_assert_eq(e.kind, KEV_DESTROY);
		cr_assert_lt(e.flow.mark - 0x1000, 100u);
		cr_assert_not(seen[e.flow.mark - 0x1000]);
		seen[e.flow.mark - 0x1000] = true;
		n++;
	}
	kernel_events_get_stats(ev, &st);
	cr_assert_eq(st.overruns, 0u);
	cr_assert_gt(st.dropped, 0u);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

/* A well-formed event, but from another process. */
Test(events, only_the_kernel_is_believed)
{
	struct kernel_events_params p = { 0 };
	struct sockaddr_nl to = { 0 };
	socklen_t len = sizeof(to);
	struct kernel_events_stats st;
	struct kernel_applier *a;
	struct kernel_events *ev;
	struct kernel_op op;
	struct kernel_event e;
	struct nlsock s;
	uint8_t msg[CONV_MSG_MAX];
	ssize_t n;

	NEEDS_ROOT();
	a = fixture_applier();
	ev = open_events(&p);
	cr_assert_eq(getsockname(kernel_events_fd(ev), (struct sockaddr *)&to, &len), 0);
	op = fixture_op(KOP_CREATE, FAM_IP4, IPP_TCP, 1);
	n = conv_build(&op, 0, msg, sizeof(msg));
	cr_assert_gt(n, 0);
	cr_assert_eq(nlsock_open(&s, 0), 0);
	cr_assert_eq(sendto(s.fd, msg, (size_t)n, 0, (struct sockaddr *)&to, len), n);
	cr_assert_eq(kernel_events_next(ev, &e), 0);
	cr_assert_eq(fixture_apply(a, &op), 0);
	cr_assert_eq(only_event(ev).portid, kernel_applier_portid(a));
	kernel_events_get_stats(ev, &st);
	cr_assert_eq(st.foreign, 1u);
	cr_assert_eq(st.received, 1u);
	nlsock_close(&s);
	kernel_events_free(ev);
	kernel_applier_free(a);
}

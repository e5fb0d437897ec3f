// SPDX-License-Identifier: GPL-2.0-or-later
/* The set of links: which one is in use, and the sockets in the loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "loop/clock.h"
#include "net.h"
#include "send.h"
#include "transport/links.h"

struct node {
	struct links *links;
	struct loop *loop;
	size_t got;
	char trace[256]; /* "0:text " per datagram */
	struct captured log;
};

static void on_input(void *ctx, size_t link, const struct chan_msg *m)
{
	struct node *n = ctx;
	size_t used = strlen(n->trace);

	n->got++;
	snprintf(n->trace + used, sizeof(n->trace) - used, "%zu:%.*s ", link, (int)m->len,
		 (const char *)m->data);
}

/* n links between 127.0.0.1 and 127.0.0.2, each with a port of its own. */
static void open_nodes(struct node *a, struct node *b, size_t n, size_t budget)
{
	struct chan_params pa[LINKS_MAX], pb[LINKS_MAX];

	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	for (size_t i = 0; i < n; i++) {
		uint16_t port = free_port("127.0.0.1");

		pa[i] = udp_params("127.0.0.1", "127.0.0.2", port);
		pb[i] = udp_params("127.0.0.2", "127.0.0.1", port);
	}
	pb[n - 1].is_default = true;
	cr_assert_eq(links_open(pa, n, NULL, &a->links), 0);
	cr_assert_eq(links_open(pb, n, NULL, &b->links), 0);
	a->loop = loop_new();
	b->loop = loop_new();
	links_start(a->links, a->loop, budget, on_input, a);
	links_start(b->links, b->loop, budget, on_input, b);
}

static void close_nodes(struct node *a, struct node *b)
{
	links_stop(a->links);
	links_stop(b->links);
	links_close(a->links);
	links_close(b->links);
	loop_free(a->loop);
	loop_free(b->loop);
}

static void put(struct node *n, const char *text)
{
	size_t cap;
	uint8_t *room = links_space(n->links, &cap);

	cr_assert_not_null(room);
	cr_assert_geq(cap, CHAN_PAYLOAD_MIN);
	memcpy(room, text, strlen(text));
	links_queue(n->links, strlen(text));
}

Test(links, one_link_both_ways)
{
	struct node a, b;

	open_nodes(&a, &b, 1, 100);
	put(&a, "one");
	put(&a, "two");
	links_flush(a.links);
	loop_once(b.loop, true);
	cr_assert_str_eq(b.trace, "0:one 0:two ");
	put(&b, "three");
	links_flush(b.links);
	loop_once(a.loop, true);
	cr_assert_str_eq(a.trace, "0:three ");
	close_nodes(&a, &b);
}

Test(links, default_and_following)
{
	struct node a, b;

	open_nodes(&a, &b, 3, 100);
	cr_assert_eq(links_count(a.links), 3);
	cr_assert_eq(links_current(a.links), 0, "the first without a default");
	cr_assert_eq(links_current(b.links), 2, "the default");
	put(&b, "here");
	links_flush(b.links);
	loop_once(a.loop, true);
	cr_assert_str_eq(a.trace, "2:here ", "all links are read");
	cr_assert_not(links_heard(a.links, 0));
	cr_assert(links_heard(a.links, 2));
	cr_assert_eq(links_current(a.links), 2);
	put(&a, "me too");
	links_flush(a.links);
	loop_once(b.loop, true);
	cr_assert_str_eq(b.trace, "2:me too ");
	close_nodes(&a, &b);
}

Test(links, reads_are_limited_per_wake_up)
{
	struct node a, b;
	size_t turns = 0;

	open_nodes(&a, &b, 1, 70);
	for (int i = 0; i < 120; i++) {
		put(&a, "x");
		links_flush(a.links);
	}
	loop_once(b.loop, true);
	cr_assert_eq(b.got, 70);
	for (; b.got < 120 && turns < 10; turns++)
		loop_once(b.loop, true);
	cr_assert_eq(b.got, 120);
	cr_assert_eq(turns, 1);
	close_nodes(&a, &b);
}

Test(links, what_waits_goes_when_the_socket_is_ready)
{
	struct node a, b;

	open_nodes(&a, &b, 1, 100);
	put(&a, "later");
	send_fail(1, EAGAIN);
	links_flush(a.links);
	cr_assert_eq(chan_waiting(links_chan(a.links, 0)), 1);
	cr_assert(silent(chan_recv_fd(links_chan(b.links, 0))));
	loop_once(a.loop, true);
	cr_assert_eq(chan_waiting(links_chan(a.links, 0)), 0);
	loop_once(b.loop, true);
	cr_assert_str_eq(b.trace, "0:later ");
	/* The watcher is off again, or the loop would spin. */
	loop_once(a.loop, false);
	cr_assert_eq(send_calls(), 2);
	close_nodes(&a, &b);
}

Test(links, one_that_cannot_open_closes_all)
{
	struct chan_params p[2] = {
		udp_params("127.0.0.1", "127.0.0.2", free_port("127.0.0.1")),
		udp_params("192.0.2.1", "127.0.0.2", 3780),
	};
	struct links *l = NULL;

	cr_assert_eq(links_open(p, 2, NULL, &l), -EADDRNOTAVAIL);
	cr_assert_null(l);
	cr_assert_eq(links_open(p, 1, NULL, &l), 0, "the port of the first is free again");
	links_close(l);
	links_close(NULL);
}

/* ---- interfaces, in a namespace of their own ---- */

/* A turn ends with waiting, so one that only runs a timer must not wait. */
#define AWAIT(n, condition)                  \
	while (!(condition)) {               \
		loop_once((n)->loop, false); \
		poll(NULL, 0, 1);            \
	}

/* Links over v0/v1 and w0/w1, both ends here: IPv6 with a scope keeps them apart. */
static void two_wires(struct node *a, struct node *b)
{
	struct chan_params pa[2], pb[2];

	ip("link add w0 type veth peer name w1");
	veth_pair();
	ip("link set w0 up");
	ip("link set w1 up");
	wait_status("w0", CHAN_RUNNING);
	ip("addr add fe80::a/64 dev v0 nodad");
	ip("addr add fe80::b/64 dev v1 nodad");
	ip("addr add fe80::a/64 dev w0 nodad");
	ip("addr add fe80::b/64 dev w1 nodad");
	for (size_t i = 0; i < 2; i++) {
		pa[i] = udp_params("fe80::a", "fe80::b", (uint16_t)(3780 + i));
		pb[i] = udp_params("fe80::b", "fe80::a", (uint16_t)(3780 + i));
		snprintf(pa[i].interface, sizeof(pa[i].interface), "%s", i ? "w0" : "v0");
		snprintf(pb[i].interface, sizeof(pb[i].interface), "%s", i ? "w1" : "v1");
	}
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	capture(&a->log);
	cr_assert_eq(links_open(pa, 2, &a->log.log, &a->links), 0, "%s", a->log.text);
	cr_assert_eq(links_open(pb, 2, NULL, &b->links), 0);
	a->loop = loop_new();
	b->loop = loop_new();
	links_start(a->links, a->loop, 100, on_input, a);
	links_start(b->links, b->loop, 100, on_input, b);
}

Test(links, a_failed_interface_hands_over, .timeout = 60)
{
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	cr_assert_eq(links_current(a.links), 0);
	ip("link set v0 down");
	AWAIT(&a, links_current(a.links) == 1);
	cr_assert(strstr(a.log.text, "notice: device `w0' becomes dedicated link"), "%s",
		  a.log.text);
	put(&a, "over w");
	links_flush(a.links);
	AWAIT(&b, b.got == 1);
	cr_assert_str_eq(b.trace, "1:over w ");
	ip("link set w0 down");
	AWAIT(&a, strstr(a.log.text, "ERROR: no dedicated links available!"));
	cr_assert_eq(links_current(a.links), 1);
	ip("link set v0 up");
	AWAIT(&a, links_current(a.links) == 0);
	close_nodes(&a, &b);
}

/* The socket is the first to know, before the loop is told of the interface. */
Test(links, what_a_failed_interface_did_not_take_goes_on_another, .timeout = 60)
{
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	put(&a, "one");
	put(&a, "two");
	ip("link set v0 down");
	links_flush(a.links);
	cr_assert_eq(links_current(a.links), 1);
	AWAIT(&b, b.got == 2);
	cr_assert_str_eq(b.trace, "1:one 1:two ");
	close_nodes(&a, &b);
}

/* The way is gone but not for the interface: as everywhere, it is dropped and counted. */
Test(links, what_cannot_leave_a_running_interface_is_dropped, .timeout = 60)
{
	struct chan_stats st;
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	put(&a, "lost");
	send_fail(2, ENETUNREACH);
	links_flush(a.links);
	cr_assert_eq(links_current(a.links), 0);
	chan_get_stats(links_chan(a.links, 0), &st);
	cr_assert_eq(st.errors_out, 1);
	put(&a, "kept");
	send_fail(1, ENETUNREACH);
	links_flush(a.links);
	AWAIT(&b, b.got == 1);
	cr_assert_str_eq(b.trace, "0:kept ");
	close_nodes(&a, &b);
}

/* No peer confirms it here, so the return is unconditional: after some seconds of running. */
Test(links, a_link_that_is_back_is_used_again, .timeout = 60)
{
	struct node a, b;
	tick_t start;

	own_network();
	two_wires(&a, &b);
	ip("link set v1 down"); /* the other end: no carrier here */
	AWAIT(&a, links_current(a.links) == 1);
	ip("link set v1 up");
	start = clock_now();
	AWAIT(&a, links_current(a.links) == 0);
	cr_assert_gt(clock_now() - start, 4 * TICK_SEC, "at once: it may flap");
	close_nodes(&a, &b);
}

/* Whether the peer follows is not known yet, so it is told on both. */
Test(links, on_the_way_back_all_goes_twice, .timeout = 60)
{
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	links_set_peer(a.links, &(struct links_peer){ .silence = 3 * TICK_SEC });
	ip("link set v1 down");
	AWAIT(&a, links_current(a.links) == 1);
	ip("link set v1 up");
	ip("addr add fe80::b/64 dev v1 nodad"); /* it lost that */
	AWAIT(&a, (links_heard(a.links, 1), links_current(a.links) == 0));
	put(&a, "state");
	links_flush(a.links);
	AWAIT(&b, b.got == 2);
	cr_assert(strstr(b.trace, "0:state "), "%s", b.trace);
	cr_assert(strstr(b.trace, "1:state "), "%s", b.trace);
	AWAIT(&a, links_current(a.links) == 1); /* in vain */
	put(&a, "more");
	links_flush(a.links);
	AWAIT(&b, b.got == 3);
	cr_assert(strstr(b.trace, "1:more "), "%s", b.trace);
	close_nodes(&a, &b);
}

/* Its state is as good as ever, but no message fits. */
Test(links, w18_an_mtu_that_falls_too_low_is_a_failure, .timeout = 60)
{
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	ip("link set v0 mtu 399");
	AWAIT(&a, links_current(a.links) == 1);
	cr_assert(strstr(a.log.text, "device `w0' becomes dedicated link"), "%s", a.log.text);
	close_nodes(&a, &b);
}

Test(links, an_interface_made_anew_is_opened_again, .timeout = 60)
{
	struct node a, b;

	own_network();
	two_wires(&a, &b);
	ip("link del v0");
	AWAIT(&a, links_current(a.links) == 1);
	AWAIT(&b, links_current(b.links) == 1);
	veth_pair();
	ip("addr add fe80::a/64 dev v0 nodad");
	ip("addr add fe80::b/64 dev v1 nodad");
	AWAIT(&a, strstr(a.log.text, "link v0: opened again"));
	AWAIT(&b, chan_recv_fd(links_chan(b.links, 0)) >= 0);
	AWAIT(&a, links_current(a.links) == 0);
	put(&a, "new");
	links_flush(a.links);
	AWAIT(&b, b.got == 1);
	cr_assert_str_eq(b.trace, "0:new ");
	close_nodes(&a, &b);
}

Test(links, a_changed_mtu_is_noticed, .timeout = 60)
{
	struct node a, b;
	size_t cap;

	own_network();
	two_wires(&a, &b);
	links_space(a.links, &cap);
	cr_assert_eq(cap, 1452);
	ip("link set v0 mtu 9000");
	AWAIT(&a, links_space(a.links, &cap) && cap == 8952);
	close_nodes(&a, &b);
}

/* Both ends run, but nothing arrives: the other link is tried after the silence. */
Test(links, silence_is_a_reason_to_move, .timeout = 60)
{
	struct node a, b;
	tick_t start = clock_now();

	open_nodes(&a, &b, 2, 100);
	links_set_peer(a.links, &(struct links_peer){ .silence = TICK_SEC });
	AWAIT(&a, links_current(a.links) == 1);
	cr_assert_gt(clock_now() - start, 900 * TICK_MSEC);
	close_nodes(&a, &b);
}

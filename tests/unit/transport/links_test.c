// SPDX-License-Identifier: GPL-2.0-or-later
/* The set of links: which one is in use, and the sockets in the loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "net.h"
#include "send.h"
#include "transport/links.h"

struct node {
	struct links *links;
	struct loop *loop;
	size_t got;
	char trace[256];             /* "0:text " per datagram */
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

Test(links, a_failed_interface_hands_over)
{
	struct chan_params p[3];
	struct captured log;
	struct links *l;

	own_network();
	ip("link add v0 type veth peer name v1");
	ip("link set v0 up");
	wait_status("v0", CHAN_NO_CARRIER);
	for (uint16_t i = 0; i < 3; i++)
		p[i] = udp_params("127.0.0.1", "127.0.0.2", (uint16_t)(3780 + i));
	strcpy(p[0].interface, "v0");
	strcpy(p[1].interface, "v1");
	capture(&log);
	cr_assert_eq(links_open(p, 3, &log.log, &l), 0);
	cr_assert_eq(links_check(l), 1, "v0 has no carrier, v1 is down");
	cr_assert_eq(links_current(l), 2);
	cr_assert(strstr(log.text, "notice: link lo takes over"), "%s", log.text);
	ip("link set v1 up");
	wait_status("v0", CHAN_RUNNING);
	cr_assert_eq(links_check(l), 0, "no way back by itself");
	cr_assert_eq(links_current(l), 2);
	ip("link set lo down");
	cr_assert_eq(links_check(l), 1);
	cr_assert_eq(links_current(l), 0);
	ip("link set v1 down");
	wait_status("v0", CHAN_NO_CARRIER);
	cr_assert_eq(links_check(l), -ENETDOWN);
	cr_assert_eq(links_current(l), 0);
	links_close(l);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The common part of all links: which kind does the work, the size of a
 * datagram, the queue in front of the socket, names and counters.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/str.h"
#include "chan_impl.h"
#include "iface.h"
#include "loop/clock.h"

#define PAYLOAD_MAX 65480 /* largest of either family, rounded down to a multiple of 8 */

static const struct chan_ops *const kinds[] = {
	[CHAN_MCAST] = &chan_mcast_ops,
	[CHAN_UDP] = &chan_udp_ops,
	[CHAN_TCP] = &chan_tcp_ops,
};

static const char *const status_names[] = { "DOWN", "NO-CARRIER", "RUNNING" };

const char *chan_status_name(enum chan_status s)
{
	return status_names[s];
}

void chan_addr_text(const struct chan_addr *a, char *out)
{
	if (!a->family || !inet_ntop(a->family, a->b, out, CHAN_ADDR_TEXT))
		str_copy(out, CHAN_ADDR_TEXT, "none");
}

bool chan_addr_equal(const struct chan_addr *a, const struct chan_addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Such an address is another one on each interface. */
static bool is_link_local(const struct chan_addr *a)
{
	return a->family == AF_INET6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool chan_same_port(const struct chan_params *a, const struct chan_params *b)
{
	return a->kind == b->kind && a->kind != CHAN_MCAST && a->port == b->port &&
	       chan_addr_equal(&a->local, &b->local) &&
	       (!is_link_local(&a->local) || strcmp(a->interface, b->interface) == 0);
}

void chan_refuse(struct chan *c, const struct chan_addr *from, const char *what, const char *why)
{
	char text[CHAN_ADDR_TEXT];

	c->stats.foreign++;
	if (!ratelim_ok(&c->say_refused, clock_now()))
		return;
	chan_addr_text(from, text);
	log_warning(c->log, "link %s: %s from %s refused: %s (%llu so far)", c->p.interface, what,
		    text, why, (unsigned long long)c->stats.foreign);
}

int chan_fail(const struct chan *c, int err, const char *what)
{
	log_error(c->log, "link %s: %s: %s", c->p.interface[0] ? c->p.interface : "(no interface)",
		  what, err_text(err));
	return err;
}

/* ---- opening ---- */

/* Messages need CHAN_PAYLOAD_MIN; a small link carries the few long ones in fragments. */
static size_t payload_for(const struct chan *c, int mtu)
{
	int size = mtu - (c->p.local.family == AF_INET ? c->ops->overhead4 : c->ops->overhead6);

	if (size < CHAN_PAYLOAD_MIN)
		return CHAN_PAYLOAD_MIN;
	return size < PAYLOAD_MAX ? (size_t)size : PAYLOAD_MAX;
}

static int check_params(const struct chan *c)
{
	if (c->p.kind > CHAN_TCP || !kinds[c->p.kind])
		return chan_fail(c, -EPROTONOSUPPORT, "this kind of link is not supported");
	if (!memchr(c->p.interface, 0, sizeof(c->p.interface)) || !c->p.interface[0])
		return chan_fail(c, -EINVAL, "Interface is needed");
	if (c->p.local.family != AF_INET && c->p.local.family != AF_INET6)
		return chan_fail(c, -EAFNOSUPPORT, "an address is needed");
	if (c->p.port == 0)
		return chan_fail(c, -EINVAL, "a port is needed");
	return 0;
}

static int learn_interface(struct chan *c)
{
	int mtu;

	c->dev_index = iface_index(c->p.interface);
	if (c->dev_index < 0)
		return chan_fail(c, c->dev_index, "cannot find the interface");
	c->ifindex = c->dev_index;
	mtu = iface_mtu(c->p.interface);
	if (mtu < 0)
		return chan_fail(c, mtu, "cannot read the MTU");
	if (mtu < CHAN_MTU_MIN) {
		log_error(c->log, "link %s: MTU %d is below %d, too small for a message",
			  c->p.interface, mtu, CHAN_MTU_MIN);
		return -ERANGE;
	}
	c->payload = payload_for(c, mtu);
	c->too_small = false;
	return 0;
}

/* As above, but too late to refuse: what is sent gets through in fragments, or not. */
static void follow_mtu(struct chan *c, int mtu)
{
	const bool small = mtu < CHAN_MTU_MIN;

	if (small && !c->too_small)
		log_error(c->log,
			  "link %s: MTU %d is below %d, too small for a message: "
			  "used only while there is no other link",
			  c->p.interface, mtu, CHAN_MTU_MIN);
	else if (!small && c->too_small)
		log_notice(c->log, "link %s: MTU %d is large enough again", c->p.interface, mtu);
	c->too_small = small;
	if (batchq_grow(&c->q, payload_for(c, mtu)) == 0)
		c->payload = payload_for(c, mtu);
}

static uint32_t queue_slots(const struct chan_params *p)
{
	if (!p->queue_len)
		return CHAN_QUEUE_LEN;
	return p->queue_len < CHAN_QUEUE_MAX ? p->queue_len : CHAN_QUEUE_MAX;
}

static int open_sockets(struct chan *c)
{
	int rc = c->ops->open(c);

	if (!rc)
		chan_want(c, CHAN_IN, c->fd[CHAN_IN] < 0 ? 0 : LOOP_READ);
	return rc;
}

static void shut_all(struct chan *c)
{
	for (size_t i = 0; i < CHAN_SLOTS; i++)
		chan_shut(c, i);
	c->up = false;
}

static void join_ring(struct chan *c, struct chan *other)
{
	c->ring = other ? other->ring : c;
	if (other)
		other->ring = c;
}

static void give_listener(struct chan *c, struct chan *to)
{
	const int fd = c->fd[CHAN_LISTEN];

	if (fd < 0)
		return;
	chan_want(c, CHAN_LISTEN, 0);
	c->fd[CHAN_LISTEN] = -1;
	to->fd[CHAN_LISTEN] = fd;
	chan_want(to, CHAN_LISTEN, LOOP_READ);
}

/* The listener stays with one of the others. */
static void leave_ring(struct chan *c)
{
	struct chan *before = c;

	while (before->ring != c)
		before = before->ring;
	before->ring = c->ring;
	c->ring = c;
	if (before != c)
		give_listener(c, before);
}

/* The same while c is without interface. Who has lost the same one could not listen either. */
static void lend_listener(struct chan *c)
{
	for (struct chan *k = c->ring; k != c; k = k->ring)
		if (!chan_stale(k)) {
			give_listener(c, k);
			return;
		}
}

int chan_open(const struct chan_params *p, const struct log *log, struct chan **out)
{
	struct chan *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->p = *p;
	c->log = log;
	join_ring(c, p->listener);
	for (size_t i = 0; i < CHAN_SLOTS; i++)
		c->fd[i] = -1;
	ratelim_init(&c->say_refused, 5, 1);
	ratelim_init(&c->say_error, 5, 1);
	rc = check_params(c);
	if (!rc) {
		c->ops = kinds[p->kind];
		rc = learn_interface(c);
	}
	if (!rc)
		rc = batchq_init(&c->q, queue_slots(p), c->payload);
	if (!rc)
		rc = open_sockets(c);
	if (rc) {
		chan_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

int chan_reopen(struct chan *c)
{
	const struct log *log = c->log;
	int rc;

	if (c->dev_index <= 0)
		c->log = NULL; /* said already */
	rc = learn_interface(c);
	if (rc)
		lend_listener(c);
	shut_all(c);
	if (!rc)
		rc = batchq_grow(&c->q, c->payload);
	if (!rc)
		rc = open_sockets(c);
	if (rc) {
		shut_all(c);
		c->dev_index = -1;
	}
	c->log = log;
	return rc;
}

bool chan_stale(const struct chan *c)
{
	return c->dev_index <= 0 || iface_index(c->p.interface) != c->dev_index;
}

void chan_close(struct chan *c)
{
	if (!c)
		return;
	leave_ring(c);
	shut_all(c);
	if (c->ops)
		c->ops->fini(c);
	batchq_fini(&c->q);
	free(c);
}

/* ---- descriptors and time ---- */

void chan_want(struct chan *c, enum chan_slot slot, unsigned int want)
{
	if (c->want[slot] == want)
		return;
	c->want[slot] = want;
	if (c->watch)
		c->watch(c->watch_ctx, slot, c->fd[slot], want);
}

void chan_shut(struct chan *c, enum chan_slot slot)
{
	chan_want(c, slot, 0);
	if (c->fd[slot] >= 0)
		close(c->fd[slot]);
	c->fd[slot] = -1;
}

void chan_watch(struct chan *c, chan_watch_fn fn, void *ctx)
{
	for (size_t i = 0; i < CHAN_SLOTS; i++) {
		if (c->watch && c->want[i])
			c->watch(c->watch_ctx, i, c->fd[i], 0);
	}
	c->watch = fn;
	c->watch_ctx = ctx;
	for (size_t i = 0; i < CHAN_SLOTS; i++) {
		if (fn && c->want[i])
			fn(ctx, i, c->fd[i], c->want[i]);
	}
}

void chan_ready(struct chan *c, enum chan_slot slot, unsigned int ready)
{
	if (c->ops->ready)
		c->ops->ready(c, slot, ready);
	chan_flush(c);
}

tick_t chan_deadline(const struct chan *c)
{
	return c->ops->deadline ? c->ops->deadline(c) : TICK_NEVER;
}

void chan_tick(struct chan *c, tick_t now)
{
	if (c->ops->tick)
		c->ops->tick(c, now);
	chan_flush(c);
}

void chan_nudge(struct chan *c)
{
	if (c->ops->nudge)
		c->ops->nudge(c);
}

/* ---- sending ---- */

static void drop_oldest(struct chan *c)
{
	batchq_pop(&c->q, 1);
	c->stats.dropped++;
	c->stats.errors_out++;
}

uint8_t *chan_space(struct chan *c)
{
	uint8_t *room = batchq_space(&c->q);

	if (room)
		return room;
	c->stats.full++;
	if (c->up)
		return NULL;
	drop_oldest(c); /* not connected, so none is partly written */
	return batchq_space(&c->q);
}

void chan_queue(struct chan *c, size_t len)
{
	batchq_push(&c->q, len);
}

size_t chan_flush(struct chan *c)
{
	if (c->up && c->q.used > 0)
		c->ops->send(c);
	if (c->up)
		chan_want(c, CHAN_OUT, c->ops->out_want | (c->q.used ? LOOP_WRITE : 0));
	return c->q.used;
}

size_t chan_waiting(const struct chan *c)
{
	return c->q.used;
}

void chan_hand_over(struct chan *from, struct chan *to)
{
	size_t len;

	if (from->ops->restart)
		from->ops->restart(from);
	for (; from->q.used > 0; batchq_pop(&from->q, 1)) {
		const uint8_t *data = batchq_at(&from->q, 0, &len);
		uint8_t *room = len <= to->q.slot_size ? chan_space(to) : NULL;

		if (!room) {
			from->stats.errors_out++;
			from->stats.dropped++;
			continue;
		}
		memcpy(room, data, len);
		batchq_push(&to->q, len);
	}
	chan_flush(from);
	chan_flush(to);
}

bool chan_lost_way(struct chan *c)
{
	const bool lost = c->lost_way;

	c->may_drop = lost;
	c->lost_way = false;
	return lost;
}

/* ---- receiving, reports ---- */

size_t chan_recv(struct chan *c, struct chan_msg *v, size_t max)
{
	assert(max > 0 && max <= CHAN_BATCH);

	return c->ops->recv(c, v, max);
}

void chan_reset_input(struct chan *c)
{
	c->stats.errors_in++;
	if (c->ops->reset_input)
		c->ops->reset_input(c);
}

enum chan_status chan_check(struct chan *c)
{
	int mtu = iface_mtu(c->p.interface);

	if (mtu >= 0)
		follow_mtu(c, mtu);
	return iface_status(c->p.interface);
}

bool chan_too_small(const struct chan *c)
{
	return c->too_small;
}

const struct chan_params *chan_get_params(const struct chan *c)
{
	return &c->p;
}

int chan_recv_fd(const struct chan *c)
{
	return c->fd[CHAN_IN];
}

int chan_send_fd(const struct chan *c)
{
	return c->fd[CHAN_OUT];
}

size_t chan_payload(const struct chan *c)
{
	return c->payload;
}

void chan_get_stats(const struct chan *c, struct chan_stats *st)
{
	*st = c->stats;
	st->server = c->fd[CHAN_IN] >= 0;
	st->client = c->up;
	st->waiting = c->q.used;
	st->slots = c->q.slots;
}

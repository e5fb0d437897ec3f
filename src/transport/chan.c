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
#include "dgram.h"
#include "iface.h"

#define OVERHEAD4   28           /* IPv4 and UDP headers */
#define OVERHEAD6   48           /* IPv6 and UDP headers (W19: the reference takes 28) */
#define PAYLOAD_MAX 65480        /* largest of either family, rounded down to a multiple of 8 */

static const struct chan_ops *const kinds[] = {
	[CHAN_MCAST] = &chan_mcast_ops,
	[CHAN_UDP] = &chan_udp_ops,
	[CHAN_TCP] = NULL,
};

static const char *const kind_names[] = {"multicast", "UDP", "TCP"};
static const char *const status_names[] = {"DOWN", "NO-CARRIER", "RUNNING"};

const char *chan_kind_name(enum chan_kind kind)
{
	return kind_names[kind];
}

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
	size_t size = (size_t)mtu - (c->p.local.family == AF_INET ? OVERHEAD4 : OVERHEAD6);

	if (size < CHAN_PAYLOAD_MIN)
		return CHAN_PAYLOAD_MIN;
	return size < PAYLOAD_MAX ? size : PAYLOAD_MAX;
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

	c->ifindex = iface_index(c->p.interface);
	if (c->ifindex < 0)
		return chan_fail(c, c->ifindex, "cannot find the interface");
	mtu = iface_mtu(c->p.interface);
	if (mtu < 0)
		return chan_fail(c, mtu, "cannot read the MTU");
	if (mtu < CHAN_MTU_MIN) {
		log_error(c->log, "link %s: MTU %d is below %d, too small for a message",
			  c->p.interface, mtu, CHAN_MTU_MIN);
		return -ERANGE;
	}
	c->payload = payload_for(c, mtu);
	return 0;
}

static int queue_init(struct chan_queue *q, uint32_t slots, size_t slot_size)
{
	q->slots = slots ? slots : CHAN_QUEUE_LEN;
	q->slot_size = slot_size;
	q->room = malloc((size_t)q->slots * slot_size);
	q->lens = calloc(q->slots, sizeof(*q->lens));
	return q->room && q->lens ? 0 : -ENOMEM;
}

int chan_open(const struct chan_params *p, const struct log *log, struct chan **out)
{
	struct chan *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->p = *p;
	c->log = log;
	c->in = -1;
	c->out = -1;
	ratelim_init(&c->say_refused, 5, 1);
	ratelim_init(&c->say_error, 5, 1);
	rc = check_params(c);
	if (!rc)
		rc = learn_interface(c);
	if (!rc)
		rc = queue_init(&c->q, p->queue_len, c->payload);
	if (!rc) {
		c->ops = kinds[p->kind];
		rc = c->ops->open(c);
	}
	if (rc) {
		chan_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

void chan_close(struct chan *c)
{
	if (!c)
		return;
	if (c->out >= 0)
		close(c->out);
	if (c->in >= 0)
		close(c->in);
	dgram_rx_free(c->rx);
	free(c->q.lens);
	free(c->q.room);
	free(c);
}

/* ---- sending ---- */

uint8_t *chan_space(struct chan *c)
{
	struct chan_queue *q = &c->q;

	if (q->used == q->slots) {
		c->stats.full++;
		return NULL;
	}
	return q->room + (size_t)((q->head + q->used) % q->slots) * q->slot_size;
}

void chan_queue(struct chan *c, size_t len)
{
	struct chan_queue *q = &c->q;

	assert(q->used < q->slots && len > 0 && len <= q->slot_size);

	q->lens[(q->head + q->used) % q->slots] = (uint32_t)len;
	q->used++;
}

void chan_pop(struct chan *c, size_t n)
{
	struct chan_queue *q = &c->q;

	assert(n <= q->used);

	q->head = (q->head + (uint32_t)n) % q->slots;
	q->used -= (uint32_t)n;
}

size_t chan_flush(struct chan *c)
{
	if (c->q.used > 0)
		c->ops->send(c);
	return c->q.used;
}

size_t chan_waiting(const struct chan *c)
{
	return c->q.used;
}

/* ---- receiving, reports ---- */

size_t chan_recv(struct chan *c, struct chan_msg *v, size_t max)
{
	assert(max > 0 && max <= CHAN_BATCH);

	return c->ops->recv(c, v, max);
}

enum chan_status chan_check(struct chan *c)
{
	int mtu = iface_mtu(c->p.interface);
	size_t size;

	if (mtu >= CHAN_MTU_MIN) {
		size = payload_for(c, mtu);
		c->payload = size < c->q.slot_size ? size : c->q.slot_size;
	}
	return iface_status(c->p.interface);
}

const struct chan_params *chan_get_params(const struct chan *c)
{
	return &c->p;
}

int chan_recv_fd(const struct chan *c)
{
	return c->in;
}

int chan_send_fd(const struct chan *c)
{
	return c->out;
}

size_t chan_payload(const struct chan *c)
{
	return c->payload;
}

void chan_get_stats(const struct chan *c, struct chan_stats *st)
{
	*st = c->stats;
}

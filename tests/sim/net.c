// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams under way. A link delays (jitter reorders), loses, doubles, holds
 * single ones back, is cut, or is so slow that a queue builds up and overflows.
 * A node that does not run leaves them in its socket buffer, which overflows too.
 */
#include <stdlib.h>
#include <string.h>
#include "wire/message.h"
#include "world.h"

void net_init(struct net *n)
{
	heap_init(&n->under_way);
}

static struct dgram *take_unused(struct net *n)
{
	struct dgram *d = n->unused;

	if (!d)
		return calloc(1, sizeof(*d));
	memcpy(&n->unused, d->data, sizeof(n->unused));
	return d;
}

static void give_back(struct net *n, struct dgram *d)
{
	memcpy(d->data, &n->unused, sizeof(n->unused));
	n->unused = d;
}

void net_fini(struct net *n)
{
	struct heap_node *top;
	struct dgram *d;

	while ((top = heap_top(&n->under_way))) {
		heap_del(&n->under_way, top);
		free(top);
	}
	while ((d = n->unused)) {
		memcpy(&n->unused, d->data, sizeof(n->unused));
		free(d);
	}
	heap_fini(&n->under_way);
}

static void put(struct world *w, uint8_t from, uint8_t to, uint32_t life, tick_t at,
		const uint8_t *data, size_t len)
{
	struct net *n = &w->net;
	struct dgram *d = take_unused(n);

	d->node.pos = 0;
	d->from = from;
	d->to = to;
	d->life = life;
	d->waits = false;
	d->len = (uint16_t)len;
	memcpy(d->data, data, len);
	heap_set(&n->under_way, &d->node, at + n->order++ % 1000);
}

/* When it is through the wire; TICK_NEVER: the queue is full. */
static tick_t transmitted(struct world *w, struct link *l, size_t len)
{
	const tick_t start = l->busy_until > w->now ? l->busy_until : w->now;

	if (!l->rate)
		return w->now;
	if (start - w->now > l->queue)
		return TICK_NEVER;
	l->busy_until = start + len * TICK_SEC / l->rate;
	return l->busy_until;
}

static tick_t arrival(struct world *w, const struct link *l, tick_t sent)
{
	tick_t t = sent + l->delay;

	if (l->jitter)
		t += rng_below(&w->rng, (uint32_t)(l->jitter / TICK_USEC)) * TICK_USEC;
	if (rng_below(&w->rng, 100) < l->reorder)
		t += rng_below(&w->rng, 20000) * TICK_USEC;
	return t;
}

/*
 * Healed links keep the order, also where put() starts to count anew: what the
 * reference has dropped from a short resend queue it cannot send again, nor does it
 * say so, and after a bulk with such a hole live entries are missing until it speaks
 * of them. Nothing after that bulk would bring them back.
 */
static tick_t in_order(const struct world *w, struct link *l, tick_t t)
{
	if (w->quiet && t < l->last + TICK_USEC)
		t = l->last + TICK_USEC;
	l->last = t;
	return t;
}

void net_send(struct world *w, uint8_t from, uint8_t to, const uint8_t *data, size_t len)
{
	struct link *l = &w->link[from][to];
	tick_t t;

	if (len > w->s.mtu - 28u) {
		world_fail(w, "mtu", "node %u sends %zu bytes, %u fit", from, len, w->s.mtu - 28u);
		return;
	}
	t = transmitted(w, l, len);
	if (t == TICK_NEVER || l->cut || rng_below(&w->rng, 100) < l->loss) {
		w->lost++;
		return;
	}
	put(w, from, to, w->n[from].life, in_order(w, l, arrival(w, l, t)), data, len);
	if (rng_below(&w->rng, 100) < l->dup)
		put(w, from, to, w->n[from].life, arrival(w, l, t), data, len);
}

void net_forge(struct world *w, uint8_t from, uint8_t to, uint32_t seq)
{
	uint8_t buf[WIRE_HDR_LEN];
	const size_t len = wire_control_put(buf, sizeof(buf), WIRE_F_ALIVE, seq, 0, 0);

	world_trace(w, "a stray ALIVE %u from node %u to node %u", seq, from, to);
	put(w, from, to, NET_FORGED, w->now, buf, len);
}

tick_t net_next(const struct net *n)
{
	const struct heap_node *top = heap_top(&n->under_way);

	return top ? top->at : TICK_NEVER;
}

/* The receiver does not read now: keep it until it does, if there is room. */
static bool keep(struct world *w, struct dgram *d)
{
	struct node *n = &w->n[d->to];

	if (d->waits ? d->for_life != n->life : n->inbox == NET_INBOX)
		return false; /* its socket is gone, or full */
	n->inbox += !d->waits;
	d->waits = true;
	d->for_life = n->life;
	heap_set(&w->net.under_way, &d->node, n->stalled + w->net.order++ % 1000);
	return true;
}

void net_deliver(struct world *w)
{
	struct dgram *d = (struct dgram *)heap_top(&w->net.under_way);
	struct node *n = &w->n[d->to];

	heap_del(&w->net.under_way, &d->node);
	if (n->up && n->stalled > w->now) {
		if (!keep(w, d))
			give_back(&w->net, d);
		return;
	}
	if (d->waits && d->for_life == n->life)
		n->inbox--;
	if (n->up && (!d->waits || d->for_life == n->life))
		node_input(w, d->to, d);
	give_back(&w->net, d);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which of the links is in use (doc/protocol.md, redundant links), and the
 * sockets of all of them in the loop. Nothing is sent twice, and sequence
 * numbers do not know of links: changing the link is changing one index.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "transport/links.h"

struct link {
	struct links *all;
	struct chan *chan;
	struct loop_io io[CHAN_SLOTS];
};

struct links {
	size_t n, current;
	const struct log *log;
	struct loop *loop;           /* NULL = not started */
	size_t budget;
	links_input_fn fn;
	void *ctx;
	struct loop_timer timer;
	struct link link[LINKS_MAX];
};

int links_open(const struct chan_params *p, size_t n, const struct log *log, struct links **out)
{
	struct links *l;
	int rc;

	assert(n >= 1 && n <= LINKS_MAX);

	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->log = log;
	for (; l->n < n; l->n++) {
		assert(p[l->n].kind == p[0].kind);
		rc = chan_open(&p[l->n], log, &l->link[l->n].chan);
		if (rc) {
			links_close(l);
			return rc;
		}
		l->link[l->n].all = l;
		if (p[l->n].is_default)
			l->current = l->n;
	}
	*out = l;
	return 0;
}

void links_close(struct links *l)
{
	if (!l)
		return;
	assert(!l->loop);
	while (l->n > 0)
		chan_close(l->link[--l->n].chan);
	free(l);
}

size_t links_count(const struct links *l)
{
	return l->n;
}

struct chan *links_chan(struct links *l, size_t i)
{
	assert(i < l->n);

	return l->link[i].chan;
}

size_t links_current(const struct links *l)
{
	return l->current;
}

/* ---- in the loop ---- */

static void on_readable(struct link *k)
{
	struct links *l = k->all;
	struct chan_msg v[CHAN_BATCH];
	size_t left = l->budget, want, n;

	do {
		want = left < CHAN_BATCH ? left : CHAN_BATCH;
		n = chan_recv(k->chan, v, want);
		for (size_t i = 0; i < n; i++)
			l->fn(l->ctx, (size_t)(k - l->link), &v[i]);
		left -= n;
	} while (n == want && left > 0);
}

/* One timer for all channels. */
static void arm(struct links *l)
{
	tick_t at = TICK_NEVER;

	for (size_t i = 0; i < l->n; i++)
		at = tick_min(at, chan_deadline(l->link[i].chan));
	if (l->loop)
		loop_timer_set(l->loop, &l->timer, at);
}

static void on_timer(void *ctx)
{
	struct links *l = ctx;

	for (size_t i = 0; i < l->n; i++)
		chan_tick(l->link[i].chan, loop_now(l->loop));
	arm(l);
}

/* Neither a read nor the end of a read alone: connections come, go and take what waits. */
static void on_ready(struct link *k, enum chan_slot slot, unsigned int ready)
{
	if (slot == CHAN_IN || slot == CHAN_NEXT)
		on_readable(k);
	else
		chan_ready(k->chan, slot, ready);
	arm(k->all);
}

static void on_in(void *ctx, unsigned int ready)
{
	on_ready(ctx, CHAN_IN, ready);
}

static void on_next(void *ctx, unsigned int ready)
{
	on_ready(ctx, CHAN_NEXT, ready);
}

static void on_out(void *ctx, unsigned int ready)
{
	on_ready(ctx, CHAN_OUT, ready);
}

static void on_listen(void *ctx, unsigned int ready)
{
	on_ready(ctx, CHAN_LISTEN, ready);
}

static void on_watch(void *ctx, enum chan_slot slot, int fd, unsigned int want)
{
	static void (*const fns[])(void *, unsigned int) = {
		[CHAN_IN] = on_in, [CHAN_NEXT] = on_next, [CHAN_OUT] = on_out,
		[CHAN_LISTEN] = on_listen,
	};
	struct link *k = ctx;
	struct loop_io *io = &k->io[slot];

	if (!io->want)
		loop_io_init(io, fd, fns[slot], k);
	loop_io_want(k->all->loop, io, want);
}

void links_start(struct links *l, struct loop *loop, size_t budget, links_input_fn fn, void *ctx)
{
	assert(!l->loop && budget > 0);

	l->loop = loop;
	l->budget = budget;
	l->fn = fn;
	l->ctx = ctx;
	loop_timer_init(&l->timer, on_timer, l);
	for (size_t i = 0; i < l->n; i++)
		chan_watch(l->link[i].chan, on_watch, &l->link[i]);
	arm(l);
}

void links_stop(struct links *l)
{
	if (!l->loop)
		return;
	loop_timer_stop(&l->timer);
	for (size_t i = 0; i < l->n; i++)
		chan_watch(l->link[i].chan, NULL, NULL);
	l->loop = NULL;
}

/* ---- sending ---- */

uint8_t *links_space(struct links *l, size_t *cap)
{
	struct chan *c = l->link[l->current].chan;

	*cap = chan_payload(c);
	return chan_space(c);
}

void links_queue(struct links *l, size_t len)
{
	chan_queue(l->link[l->current].chan, len);
}

void links_flush(struct links *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (chan_waiting(l->link[i].chan))
			chan_flush(l->link[i].chan);
	}
	arm(l);
}

/* ---- which one ---- */

bool links_heard(struct links *l, size_t i)
{
	assert(i < l->n);

	if (i == l->current)
		return false;
	l->current = i;
	return true;
}

int links_check(struct links *l)
{
	size_t i;

	if (chan_check(l->link[l->current].chan) == CHAN_RUNNING)
		return 0;
	for (size_t step = 1; step < l->n; step++) {
		i = (l->current + step) % l->n;
		if (chan_check(l->link[i].chan) == CHAN_RUNNING) {
			l->current = i;
			log_notice(l->log, "link %s takes over",
				   chan_get_params(l->link[i].chan)->interface);
			return 1;
		}
	}
	return -ENETDOWN;
}

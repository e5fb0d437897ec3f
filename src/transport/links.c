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
	struct loop_io in, out;
};

struct links {
	size_t n, current;
	const struct log *log;
	struct loop *loop;           /* NULL = not started */
	size_t budget;
	links_input_fn fn;
	void *ctx;
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

static void on_readable(void *ctx, unsigned int ready)
{
	struct link *k = ctx;
	struct links *l = k->all;
	struct chan_msg v[CHAN_BATCH];
	size_t left = l->budget, want, n;

	(void)ready;
	do {
		want = left < CHAN_BATCH ? left : CHAN_BATCH;
		n = chan_recv(k->chan, v, want);
		for (size_t i = 0; i < n; i++)
			l->fn(l->ctx, (size_t)(k - l->link), &v[i]);
		left -= n;
	} while (n == want && left > 0);
}

static void flush_link(struct link *k)
{
	size_t waiting = chan_flush(k->chan);

	if (k->all->loop)
		loop_io_want(k->all->loop, &k->out, waiting ? LOOP_WRITE : 0);
}

static void on_writable(void *ctx, unsigned int ready)
{
	(void)ready;
	flush_link(ctx);
}

void links_start(struct links *l, struct loop *loop, size_t budget, links_input_fn fn, void *ctx)
{
	assert(!l->loop && budget > 0);

	l->loop = loop;
	l->budget = budget;
	l->fn = fn;
	l->ctx = ctx;
	for (size_t i = 0; i < l->n; i++) {
		struct link *k = &l->link[i];

		loop_io_init(&k->in, chan_recv_fd(k->chan), on_readable, k);
		loop_io_init(&k->out, chan_send_fd(k->chan), on_writable, k);
		loop_io_want(loop, &k->in, LOOP_READ);
		loop_io_want(loop, &k->out, chan_waiting(k->chan) ? LOOP_WRITE : 0);
	}
}

void links_stop(struct links *l)
{
	if (!l->loop)
		return;
	for (size_t i = 0; i < l->n; i++) {
		loop_io_want(l->loop, &l->link[i].in, 0);
		loop_io_want(l->loop, &l->link[i].out, 0);
	}
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
			flush_link(&l->link[i]);
	}
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

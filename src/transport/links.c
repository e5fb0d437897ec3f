// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The links of one peer in the loop: their sockets, one timer for all of them,
 * and the watch on their interfaces. Which link is used is decided in pick.c;
 * here that decision gets its inputs and is carried out. Nothing needs to be
 * told to the peer, and numbers do not know of links. An interface that was
 * removed and made again gets new sockets.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "ifmon.h"
#include "loop/clock.h"
#include "pick.h"
#include "transport/links.h"

#define RETRY TICK_SEC /* to open a link again, or to look without being told */

struct link {
	struct links *all;
	struct chan *chan;
	struct loop_io io[CHAN_SLOTS];
};

struct links {
	size_t n;
	const struct log *log;
	struct loop *loop; /* NULL = not started */
	size_t budget;
	links_input_fn fn;
	void *ctx;
	struct loop_timer timer;
	struct pick pick;
	bool drops_copies;   /* the peer, see links_set_peer() */
	struct ifmon *ifmon; /* NULL: not to be had, we look every second */
	struct loop_io ifmon_io;
	tick_t look_at; /* look at the interfaces again */
	bool none_told; /* that no link is usable */
	struct link link[LINKS_MAX];
};

static_assert(LINKS_MAX <= PICK_MAX, "links to choose from");

int links_open(const struct chan_params *p, size_t n, const struct log *log, struct links **out)
{
	const tick_t now = clock_now();
	struct chan_params one;
	struct links *l;
	size_t first = 0;
	int rc;

	assert(n >= 1 && n <= LINKS_MAX);

	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->log = log;
	l->look_at = TICK_NEVER;
	for (; l->n < n; l->n++) {
		assert(p[l->n].kind == p[0].kind);
		one = p[l->n];
		one.one_of_several = n > 1;
		rc = chan_open(&one, log, &l->link[l->n].chan);
		if (rc) {
			links_close(l);
			return rc;
		}
		l->link[l->n].all = l;
		if (p[l->n].is_default)
			first = l->n;
	}
	pick_init(&l->pick, n, first, (uint64_t)now ^ (uint64_t)getpid() << 32, now);
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

/* One timer for all channels, the choice of the link, and what is to be tried again. */
static void arm(struct links *l)
{
	tick_t at = l->n > 1 ? pick_deadline(&l->pick) : TICK_NEVER;

	if (!l->loop)
		return;
	at = tick_min(at, l->look_at);
	for (size_t i = 0; i < l->n; i++)
		at = tick_min(at, chan_deadline(l->link[i].chan));
	loop_timer_set(l->loop, &l->timer, at);
}

void links_set_peer(struct links *l, const struct links_peer *peer)
{
	l->drops_copies = peer->drops_copies;
	pick_set_silence(&l->pick, peer->silence, clock_now());
	arm(l);
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
	return l->pick.current;
}

/* ---- which one ---- */

static const char *name_of(const struct links *l, size_t i)
{
	return chan_get_params(l->link[i].chan)->interface;
}

static void say_move(struct links *l, enum pick_move why)
{
	const char *name = name_of(l, l->pick.current);

	if (why == PICK_SILENT && l->pick.patience == l->pick.silence)
		log_warning(l->log, "link %s: nothing heard for %u s", name_of(l, l->pick.last),
			    (unsigned int)(l->pick.silence / TICK_SEC));
	if (why == PICK_FAILED || why == PICK_BACK || why == PICK_VAIN ||
	    (why == PICK_SILENT && l->pick.patience == l->pick.silence))
		log_notice(l->log, "device `%s' becomes dedicated link", name);
}

/*
 * What the old link could not send goes on the new one. Where it works, or the
 * peer may still be reading there, it may finish by itself.
 */
static void carry_out(struct links *l, enum pick_move why)
{
	struct chan *old, *new;
	struct chan_stats st;

	if (why == PICK_STAYS)
		return;
	say_move(l, why);
	old = l->link[l->pick.last].chan;
	new = l->link[l->pick.current].chan;
	chan_get_stats(old, &st);
	if (why == PICK_FAILED || why == PICK_SILENT || why == PICK_VAIN || !st.client)
		chan_hand_over(old, new);
}

/* Over TCP a link can be used well only when it is connected. */
static void learn_ready(struct links *l)
{
	struct chan_stats st;

	for (size_t i = 0; i < l->n; i++) {
		chan_get_stats(l->link[i].chan, &st);
		pick_ready(&l->pick, i, st.client);
	}
}

/* True if it is open. */
static bool revive(struct link *k)
{
	struct chan *c = k->chan;

	if (chan_stale(c) && chan_reopen(c) == 0)
		log_notice(k->all->log, "link %s: opened again", chan_get_params(c)->interface);
	return !chan_stale(c);
}

static void say_none(struct links *l)
{
	bool none = true;

	for (size_t i = 0; i < l->n; i++)
		none &= !l->pick.link[i].usable;
	if (none && !l->none_told)
		log_error(l->log, "no dedicated links available!");
	l->none_told = none;
}

/* Look at all interfaces, and act on what has changed. */
static void look(struct links *l, tick_t now)
{
	bool whole = true;

	for (size_t i = 0; i < l->n; i++) {
		struct chan *c = l->link[i].chan;
		bool open = revive(&l->link[i]);
		bool usable = open && chan_check(c) == CHAN_RUNNING && !chan_too_small(c);

		whole &= open;
		if (usable && !l->pick.link[i].usable)
			chan_nudge(c);
		carry_out(l, pick_usable(&l->pick, i, usable, now));
	}
	say_none(l);
	l->look_at = whole && l->ifmon ? TICK_NEVER : tick_add(now, RETRY);
}

/*
 * What cannot leave any more goes on another link if the interface is to blame, which
 * may not have been told yet, and is dropped if not.
 */
static void settle(struct links *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct chan *c = l->link[i].chan;

		if (!chan_lost_way(c))
			continue;
		look(l, clock_now());
		chan_flush(c);
		(void)chan_lost_way(c);
	}
}

bool links_broke(struct links *l)
{
	return pick_broke(&l->pick);
}

bool links_heard(struct links *l, size_t i)
{
	enum pick_move why;

	assert(i < l->n);

	if (l->n == 1)
		return false;
	why = pick_heard(&l->pick, i, clock_now());
	carry_out(l, why);
	return why != PICK_STAYS;
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

static void on_timer(void *ctx)
{
	struct links *l = ctx;
	const tick_t now = loop_now(l->loop);

	for (size_t i = 0; i < l->n; i++)
		chan_tick(l->link[i].chan, now);
	learn_ready(l);
	if (l->look_at <= now)
		look(l, now);
	if (l->n > 1)
		carry_out(l, pick_tick(&l->pick, now));
	settle(l);
	arm(l);
}

static void on_ifmon(void *ctx, unsigned int ready)
{
	struct links *l = ctx;

	(void)ready;
	if (ifmon_read(l->ifmon))
		look(l, loop_now(l->loop));
	arm(l);
}

/* Neither a read nor the end of a read alone: connections come, go and take what waits. */
static void on_ready(struct link *k, enum chan_slot slot, unsigned int ready)
{
	if (slot == CHAN_IN || slot == CHAN_NEXT)
		on_readable(k);
	else
		chan_ready(k->chan, slot, ready);
	learn_ready(k->all);
	settle(k->all);
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
		[CHAN_IN] = on_in,
		[CHAN_NEXT] = on_next,
		[CHAN_OUT] = on_out,
		[CHAN_LISTEN] = on_listen,
	};
	struct link *k = ctx;
	struct loop_io *io = &k->io[slot];

	if (!io->want)
		loop_io_init(io, fd, fns[slot], k);
	loop_io_want(k->all->loop, io, want);
}

static void watch_interfaces(struct links *l)
{
	int rc = ifmon_open(&l->ifmon);

	for (size_t i = 0; i < l->n && !rc; i++)
		rc = ifmon_add(l->ifmon, name_of(l, i));
	if (rc) {
		log_warning(l->log, "cannot be told of changes of interfaces: %s", err_text(rc));
		ifmon_close(l->ifmon);
		l->ifmon = NULL;
		return;
	}
	loop_io_init(&l->ifmon_io, ifmon_fd(l->ifmon), on_ifmon, l);
	loop_io_want(l->loop, &l->ifmon_io, LOOP_READ);
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
	watch_interfaces(l);
	learn_ready(l);
	look(l, clock_now());
	arm(l);
}

void links_stop(struct links *l)
{
	if (!l->loop)
		return;
	loop_timer_stop(&l->timer);
	for (size_t i = 0; i < l->n; i++)
		chan_watch(l->link[i].chan, NULL, NULL);
	if (l->ifmon) {
		loop_io_want(l->loop, &l->ifmon_io, 0);
		ifmon_close(l->ifmon);
		l->ifmon = NULL;
	}
	l->loop = NULL;
}

/* ---- sending ---- */

uint8_t *links_space(struct links *l, size_t *cap)
{
	struct chan *c = l->link[l->pick.current].chan;

	*cap = chan_payload(c);
	return chan_space(c);
}

/* The same on another link; what does not fit there is lost, and no loss. */
static void copy_to(struct links *l, size_t i, const uint8_t *data, size_t len)
{
	uint8_t *room = len <= chan_payload(l->link[i].chan) ? chan_space(l->link[i].chan) : NULL;

	if (!room)
		return;
	memcpy(room, data, len);
	chan_queue(l->link[i].chan, len);
}

void links_queue(struct links *l, size_t len)
{
	struct chan *c = l->link[l->pick.current].chan;
	const size_t twice = pick_double(&l->pick);

	if (twice != PICK_NONE && chan_get_params(c)->kind != CHAN_TCP)
		copy_to(l, twice, chan_space(c), len);
	chan_queue(c, len);
}

/*
 * While all goes on two links the peer is to end on the current one. It follows
 * what it hears last or, if the second copy means nothing to it, first.
 */
void links_flush(struct links *l)
{
	const size_t first = l->pick.current + (l->drops_copies ? 0 : 1);

	for (size_t i = 0; i < l->n; i++) {
		struct chan *c = l->link[(first + i) % l->n].chan;

		if (chan_waiting(c))
			chan_flush(c);
	}
	settle(l);
	arm(l);
}

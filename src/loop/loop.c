// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop of the daemon and the only user of libev, which watches
 * descriptors and signals for us. Timers are ours: a list sorted by deadline,
 * of which the first one is given to libev before each wait. That keeps
 * deadlines exact integers on the same clock as everywhere else, and makes
 * setting a timer an operation that cannot fail.
 */
#include "loop/loop.h"

#include <assert.h>
#include <ev.h>
#include <stdlib.h>
#include "loop/clock.h"

struct loop {
	struct ev_loop *ev;
	ev_prepare before_wait;
	ev_check after_wait;
	ev_timer alarm;           /* wakes us for the first of "timers" */
	struct loop_timer timers; /* ring, earliest first; head is no timer */
	tick_t now;
	void (*hook)(void *ctx);
	void *hook_ctx;
	bool stop;
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)0)->ev), "room for libev");
_Static_assert(sizeof(ev_signal) <= sizeof(((struct loop_signal *)0)->ev), "room for libev");

/* ---- timers ---- */

static void ring_init(struct loop_timer *head)
{
	head->next = head;
	head->prev = head;
}

static void ring_del(struct loop_timer *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

static void ring_add_before(struct loop_timer *pos, struct loop_timer *t)
{
	t->next = pos;
	t->prev = pos->prev;
	pos->prev->next = t;
	pos->prev = t;
}

void loop_timer_init(struct loop_timer *t, void (*cb)(void *ctx), void *ctx)
{
	*t = (struct loop_timer){ .at = TICK_NEVER, .cb = cb, .ctx = ctx };
}

bool loop_timer_armed(const struct loop_timer *t)
{
	return t->next != NULL;
}

void loop_timer_stop(struct loop_timer *t)
{
	if (loop_timer_armed(t))
		ring_del(t);
	t->at = TICK_NEVER;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, tick_t at)
{
	struct loop_timer *pos;

	loop_timer_stop(t);
	if (at == TICK_NEVER)
		return;
	t->at = at;
	pos = l->timers.next; /* not before: it may have been t itself */
	while (pos != &l->timers && pos->at <= at)
		pos = pos->next;
	ring_add_before(pos, t);
}

/*
 * Call what is due. The due ones are set apart first, so that one which arms
 * itself again for "now" gets its turn after descriptors were looked at.
 */
static void run_timers(struct loop *l)
{
	struct loop_timer due, *t;

	ring_init(&due);
	while (l->timers.next != &l->timers && l->timers.next->at <= l->now) {
		t = l->timers.next;
		ring_del(t);
		ring_add_before(&due, t);
	}
	while (due.next != &due) {
		t = due.next;
		loop_timer_stop(t);
		t->cb(t->ctx);
	}
}

/* ---- one turn ---- */

/*
 * Have libev wake up for the first timer. For what is due already, and for the
 * end of the loop, it must not sleep at all: the alarm has then expired.
 */
static void arm(struct loop *l)
{
	const struct loop_timer *first = l->timers.next;
	tick_t wait = 0;

	if (!l->stop && first == &l->timers)
		return;
	if (!l->stop)
		wait = tick_since(first->at, l->now);
	ev_now_update(l->ev);
	ev_timer_set(&l->alarm, (double)wait / (double)TICK_SEC, 0.);
	ev_timer_start(l->ev, &l->alarm);
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;

	(void)ev, (void)revents;
	l->now = clock_now();
	run_timers(l);
	if (l->hook)
		l->hook(l->hook_ctx);
	arm(l);
}

static void on_after_wait(struct ev_loop *ev, ev_check *w, int revents)
{
	struct loop *l = w->data;

	(void)ev, (void)revents;
	l->now = clock_now();
	ev_timer_stop(l->ev, &l->alarm);
}

static void on_alarm(struct ev_loop *ev, ev_timer *w, int revents)
{
	(void)ev, (void)w, (void)revents;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!l->ev) {
		free(l);
		return NULL;
	}
	ring_init(&l->timers);
	l->now = clock_now();
	ev_prepare_init(&l->before_wait, on_before_wait);
	ev_check_init(&l->after_wait, on_after_wait);
	/* Before the descriptors' callbacks, which ask for the time. */
	ev_set_priority(&l->after_wait, EV_MAXPRI);
	ev_timer_init(&l->alarm, on_alarm, 0., 0.);
	l->before_wait.data = l;
	l->after_wait.data = l;
	ev_prepare_start(l->ev, &l->before_wait);
	ev_check_start(l->ev, &l->after_wait);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->timers.next == &l->timers);
	ev_timer_stop(l->ev, &l->alarm);
	ev_check_stop(l->ev, &l->after_wait);
	ev_prepare_stop(l->ev, &l->before_wait);
	ev_loop_destroy(l->ev);
	free(l);
}

void loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop)
		loop_once(l, true);
}

void loop_once(struct loop *l, bool wait)
{
	ev_run(l->ev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

tick_t loop_now(const struct loop *l)
{
	return l->now;
}

void loop_on_turn(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
	l->hook = fn;
	l->hook_ctx = ctx;
}

/* ---- descriptors ---- */

static ev_io *ev_of_io(struct loop_io *w)
{
	return (ev_io *)(void *)&w->ev;
}

static void on_io(struct ev_loop *ev, ev_io *e, int revents)
{
	struct loop_io *w = e->data;
	unsigned int ready = 0;

	(void)ev;
	if (revents & EV_READ)
		ready |= LOOP_READ;
	if (revents & EV_WRITE)
		ready |= LOOP_WRITE;
	if (revents & EV_ERROR) {
		/* libev has given the descriptor up. */
		w->want = 0;
		ready = LOOP_READ | LOOP_WRITE;
	}
	w->cb(w->ctx, ready);
}

void loop_io_init(struct loop_io *w, int fd, void (*cb)(void *ctx, unsigned int ready), void *ctx)
{
	*w = (struct loop_io){ .fd = fd, .cb = cb, .ctx = ctx };
	ev_init(ev_of_io(w), on_io);
	ev_of_io(w)->data = w;
}

void loop_io_want(struct loop *l, struct loop_io *w, unsigned int want)
{
	int events = (want & LOOP_READ ? EV_READ : 0) | (want & LOOP_WRITE ? EV_WRITE : 0);

	if (w->want == want)
		return;
	ev_io_stop(l->ev, ev_of_io(w));
	w->want = want;
	if (!want)
		return;
	ev_io_set(ev_of_io(w), w->fd, events);
	ev_io_start(l->ev, ev_of_io(w));
}

/* ---- signals ---- */

static ev_signal *ev_of_signal(struct loop_signal *s)
{
	return (ev_signal *)(void *)&s->ev;
}

static void on_signal(struct ev_loop *ev, ev_signal *e, int revents)
{
	struct loop_signal *s = e->data;

	(void)ev, (void)revents;
	s->cb(s->ctx, e->signum);
}

void loop_signal_start(struct loop *l, struct loop_signal *s, int signum,
		       void (*cb)(void *ctx, int signum), void *ctx)
{
	*s = (struct loop_signal){ .cb = cb, .ctx = ctx, .active = true };
	ev_signal_init(ev_of_signal(s), on_signal, signum);
	ev_of_signal(s)->data = s;
	ev_signal_start(l->ev, ev_of_signal(s));
}

void loop_signal_stop(struct loop *l, struct loop_signal *s)
{
	if (s->active)
		ev_signal_stop(l->ev, ev_of_signal(s));
	s->active = false;
}

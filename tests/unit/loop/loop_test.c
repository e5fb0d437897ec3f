// SPDX-License-Identifier: GPL-2.0-or-later
/* The event loop and the clock, with real pipes and signals. */
#include "loop/loop.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>
#include "loop/clock.h"

/* What happened, as letters in order. */
struct trace {
	struct loop *l;
	char s[64];
	size_t n;
};

static void mark(struct trace *t, char c)
{
	cr_assert_lt(t->n, sizeof(t->s) - 1);
	t->s[t->n++] = c;
}

struct named_timer {
	struct loop_timer t;
	struct trace *trace;
	char name;
	struct loop_timer *kills; /* stopped when this one fires */
	unsigned int again;       /* re-arms for "now" so many times */
	bool last;                /* stops the loop */
};

static void on_timer(void *ctx)
{
	struct named_timer *n = ctx;

	mark(n->trace, n->name);
	cr_assert_not(loop_timer_armed(&n->t));
	if (n->kills)
		loop_timer_stop(n->kills);
	if (n->again && n->again--)
		loop_timer_set(n->trace->l, &n->t, loop_now(n->trace->l));
	if (n->last)
		loop_stop(n->trace->l);
}

static void timer(struct named_timer *n, struct trace *t, char name, tick_t at)
{
	*n = (struct named_timer){ .trace = t, .name = name };
	loop_timer_init(&n->t, on_timer, n);
	loop_timer_set(t->l, &n->t, at);
}

Test(clock, goes_forward)
{
	tick_t a = clock_now(), b = clock_now();

	cr_assert_leq(a, b);
	cr_assert_gt(a, 0);
	cr_assert_gt(clock_wall(), 1600000000);
}

Test(loop, timers_fire_in_order_of_deadline)
{
	struct trace t = { .l = loop_new() };
	tick_t now = loop_now(t.l);
	struct named_timer a, b, c, d;

	timer(&a, &t, 'a', now + 4 * TICK_MSEC);
	timer(&b, &t, 'b', now + 2 * TICK_MSEC);
	timer(&c, &t, 'c', now + 3 * TICK_MSEC);
	timer(&d, &t, 'd', now + 4 * TICK_MSEC);
	d.last = true;
	loop_run(t.l);
	cr_assert_str_eq(t.s, "bcad");
	cr_assert_geq(clock_now(), now + 4 * TICK_MSEC);
	loop_free(t.l);
}

/* The first one of all is taken out and put in elsewhere. */
Test(loop, the_earliest_timer_moves_back_and_forth)
{
	struct trace t = { .l = loop_new() };
	tick_t now = loop_now(t.l);
	struct named_timer a, b;

	timer(&a, &t, 'a', now + 2 * TICK_MSEC);
	loop_timer_set(t.l, &a.t, now + 3 * TICK_MSEC);
	timer(&b, &t, 'b', now + 4 * TICK_MSEC);
	loop_timer_set(t.l, &a.t, now + 6 * TICK_MSEC);
	loop_timer_set(t.l, &b.t, now + 5 * TICK_MSEC);
	a.last = true;
	loop_run(t.l);
	cr_assert_str_eq(t.s, "ba");
	loop_free(t.l);
}

Test(loop, timers_move_and_stop)
{
	struct trace t = { .l = loop_new() };
	tick_t now = loop_now(t.l);
	struct named_timer a, b, c;

	timer(&a, &t, 'a', now + TICK_SEC * 1000);
	timer(&b, &t, 'b', now + TICK_MSEC);
	timer(&c, &t, 'c', now + TICK_MSEC);
	loop_timer_set(t.l, &a.t, now + 2 * TICK_MSEC);
	loop_timer_set(t.l, &b.t, TICK_NEVER);
	cr_assert_not(loop_timer_armed(&b.t));
	loop_timer_stop(&c.t);
	loop_timer_stop(&c.t);
	a.last = true;
	loop_run(t.l);
	cr_assert_str_eq(t.s, "a");
	loop_free(t.l);
}

Test(loop, a_timer_may_stop_another_due_one)
{
	struct trace t = { .l = loop_new() };
	struct named_timer a, b, c;

	timer(&a, &t, 'a', 1);
	timer(&b, &t, 'b', 2);
	timer(&c, &t, 'c', 3);
	a.kills = &b.t;
	c.last = true;
	loop_run(t.l);
	cr_assert_str_eq(t.s, "ac");
	loop_free(t.l);
}

static void on_readable(void *ctx, unsigned int ready)
{
	cr_assert_eq(ready, LOOP_READ);
	mark(ctx, 'r');
}

Test(loop, a_timer_that_is_always_due_does_not_starve_descriptors)
{
	struct trace t = { .l = loop_new() };
	struct named_timer a;
	struct loop_io io;
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	cr_assert_eq(write(fd[1], "x", 1), 1);
	loop_io_init(&io, fd[0], on_readable, &t);
	loop_io_want(t.l, &io, LOOP_READ);
	timer(&a, &t, 't', 0);
	a.again = 4;
	while (t.n < 8)
		loop_once(t.l, true);
	cr_assert_str_eq(t.s, "trtrtrtr");
	loop_timer_stop(&a.t);
	loop_io_want(t.l, &io, 0);
	loop_free(t.l);
	close(fd[0]);
	close(fd[1]);
}

/* Work that is due at once must not cost a millisecond of sleep per slice. */
Test(loop, due_timers_do_not_sleep)
{
	struct trace t = { .l = loop_new() };
	struct named_timer a;
	tick_t start = clock_now(), best = TICK_NEVER;
	int round;

	for (round = 0; round < 5; round++) {
		t.n = 0;
		timer(&a, &t, 't', 0);
		a.again = 50;
		start = clock_now();
		while (t.n < 50)
			loop_once(t.l, true);
		best = tick_min(best, clock_now() - start);
		loop_timer_stop(&a.t);
	}
	cr_assert_lt(best, 25 * TICK_MSEC);
	loop_free(t.l);
}

static void on_either(void *ctx, unsigned int ready)
{
	mark(ctx, ready == LOOP_READ ? 'r' : ready == LOOP_WRITE ? 'w' : 'b');
}

Test(loop, interest_can_change)
{
	struct trace t = { .l = loop_new() };
	struct loop_io io;
	int fd[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	loop_io_init(&io, fd[0], on_either, &t);
	loop_io_want(t.l, &io, LOOP_READ);
	loop_once(t.l, false);
	cr_assert_eq(t.n, 0);
	loop_io_want(t.l, &io, LOOP_READ | LOOP_WRITE);
	loop_once(t.l, false);
	cr_assert_eq(write(fd[1], "x", 1), 1);
	loop_once(t.l, false);
	loop_io_want(t.l, &io, LOOP_READ);
	loop_once(t.l, false);
	loop_io_want(t.l, &io, 0);
	loop_once(t.l, false);
	cr_assert_str_eq(t.s, "wbr");
	loop_free(t.l);
	close(fd[0]);
	close(fd[1]);
}

static void on_turn(void *ctx)
{
	mark(ctx, 'h');
}

Test(loop, the_hook_ends_each_turn)
{
	struct trace t = { .l = loop_new() };
	struct named_timer a;
	struct loop_io io;
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	loop_io_init(&io, fd[0], on_readable, &t);
	loop_io_want(t.l, &io, LOOP_READ);
	loop_on_turn(t.l, on_turn, &t);
	timer(&a, &t, 't', 0);
	loop_once(t.l, false);
	cr_assert_str_eq(t.s, "th");
	cr_assert_eq(write(fd[1], "x", 1), 1);
	loop_once(t.l, true);
	loop_timer_set(t.l, &a.t, 0);
	loop_once(t.l, true);
	cr_assert_str_eq(t.s, "thhrthr");
	loop_on_turn(t.l, NULL, NULL);
	loop_once(t.l, false);
	cr_assert_str_eq(t.s, "thhrthrr");
	loop_io_want(t.l, &io, 0);
	loop_free(t.l);
	close(fd[0]);
	close(fd[1]);
}

static void stop_in_hook(void *ctx)
{
	struct trace *t = ctx;

	mark(t, 'h');
	loop_stop(t->l);
}

Test(loop, stop_from_the_hook_does_not_wait)
{
	struct trace t = { .l = loop_new() };

	loop_on_turn(t.l, stop_in_hook, &t);
	loop_run(t.l);
	cr_assert_str_eq(t.s, "h");
	loop_free(t.l);
}

static void on_signal(void *ctx, int signum)
{
	struct trace *t = ctx;

	mark(t, signum == SIGUSR1 ? '1' : '2');
	loop_stop(t->l);
}

Test(loop, signals_are_events)
{
	struct trace t = { .l = loop_new() };
	struct loop_signal s1, s2;

	loop_signal_start(t.l, &s1, SIGUSR1, on_signal, &t);
	loop_signal_start(t.l, &s2, SIGUSR2, on_signal, &t);
	raise(SIGUSR2);
	cr_assert_eq(t.n, 0);
	loop_run(t.l);
	raise(SIGUSR1);
	loop_run(t.l);
	cr_assert_str_eq(t.s, "21");
	loop_signal_stop(t.l, &s1);
	loop_signal_stop(t.l, &s1);
	loop_signal_stop(t.l, &s2);
	loop_free(t.l);
}

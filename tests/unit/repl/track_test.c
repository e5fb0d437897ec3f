// SPDX-License-Identifier: GPL-2.0-or-later
/* Receive order and incarnations: each row of the table in track.c. */
#include <criterion/criterion.h>
#include "repl/repl.h"
#include "../../../src/repl/track.h"

#define MS(n)  ((n)*TICK_MSEC)
#define SEC(n) ((n)*TICK_SEC)

static struct track t;
static struct track_result res;
static tick_t now;

static bool plain(uint32_t n)
{
	track_input(&t, now, n, false, REPL_CURES_ALL, &res);
	return res.accept;
}

static bool hello(uint32_t n)
{
	track_input(&t, now, n, true, REPL_CURES_ALL, &res);
	return res.accept;
}

static void begin(void)
{
	t = (struct track){ 0 };
	now = SEC(100);
}

static bool missing(uint32_t from, uint32_t to)
{
	return res.gap && res.from == from && res.to == to;
}

Test(track, first_contact)
{
	begin();
	cr_assert(plain(7));
	cr_assert(res.fresh && !res.reset && !res.gap);
	begin();
	cr_assert(hello(7));
	cr_assert(res.fresh && !res.reset && !res.gap);
	cr_assert(t.greeting);
}

Test(track, settled_order_gap_and_late)
{
	begin();
	plain(0xfffffffe);
	cr_assert(plain(0xffffffff) && !res.gap && !res.fresh);
	cr_assert(plain(2) && missing(0, 1));
	cr_assert_eq(t.lost, 2);
	cr_assert_not(plain(2));
	cr_assert_not(plain(1));
	cr_assert_not(res.gap);
	cr_assert_eq(t.before, 2);
	cr_assert_eq(t.last, 2);
}

Test(track, w30_a_gap_counts_what_it_lacks)
{
	uint32_t seq = 0xffffff00;
	uint64_t lost = 0;

	begin();
	plain(seq);
	for (uint32_t gap = 0; gap < 40; gap++) {
		seq += gap + 1;
		lost += gap;
		cr_assert(plain(seq));
		cr_assert_eq(t.lost, lost);
	}
	cr_assert_eq(t.before, 0);
}

Test(track, greeting_is_checked_for_gaps)
{
	begin();
	hello(100);
	cr_assert(hello(101) && !res.gap && !res.fresh && !res.reset);
	cr_assert(hello(105) && missing(102, 104) && !res.fresh);
	cr_assert_not(hello(103));
	cr_assert_not(hello(105));
	cr_assert(plain(106) && !res.gap);
	cr_assert_not(t.greeting);
	cr_assert_not(hello(104), "late, of the greeting that is over");
	cr_assert(!res.reset && !res.fresh);
	cr_assert_eq(t.last, 106);
}

Test(track, what_overtook_the_first_is_asked_for)
{
	begin();
	hello(100);
	now += MS(5);
	cr_assert_not(hello(98));
	cr_assert(missing(98, 99));
	cr_assert_not(hello(99));
	cr_assert_not(res.gap, "asked for already");
	cr_assert(hello(101) && !res.gap);
}

/* Taken for a new incarnation it would bring back what has ended since. */
Test(track, what_overtook_the_first_is_late_when_the_greeting_is_over)
{
	begin();
	hello(100);
	plain(105);
	now += MS(20);
	cr_assert_not(hello(98));
	cr_assert(!res.reset && !res.fresh && missing(98, 99));
	cr_assert_not(hello(97));
	cr_assert(missing(97, 97));
	cr_assert_eq(t.last, 105);
	now += SEC(3);
	cr_assert(hello(96) && res.reset && res.fresh, "now nothing is late by so much");

	begin();
	plain(50);
	cr_assert_not(hello(48));
	cr_assert(!res.reset && missing(48, 49));
}

Test(track, a_restart_below_the_greeting_is_a_new_incarnation)
{
	begin();
	hello(100000);
	cr_assert(hello(50) && res.reset && res.fresh && !res.gap);
	cr_assert_eq(t.last, 50);
	now += SEC(10);
	cr_assert(hello(40) && res.reset && res.fresh);
}

Test(track, a_restart_far_ahead_is_a_new_incarnation)
{
	begin();
	hello(100);
	cr_assert(hello(0x40000000) && res.reset && res.fresh && !res.gap);
	cr_assert(plain(0x40000001) && !res.gap);
	cr_assert_eq(t.lost, 0);
}

Test(track, an_idle_restart_lands_just_ahead)
{
	begin();
	hello(100);
	plain(101);
	now += SEC(5);
	cr_assert(hello(104) && missing(102, 103));
	cr_assert(res.fresh && !res.reset, "may be both: ask, and offer our state");
	cr_assert_eq(t.lost, 0, "nobody knows");
	cr_assert(hello(105) && !res.fresh);
}

Test(track, a_busy_restart_lands_behind)
{
	begin();
	hello(100);
	for (uint32_t n = 101; n < 5000; n++)
		plain(n);
	now += SEC(20);
	cr_assert(hello(150) && res.reset && res.fresh);
	cr_assert(hello(151) && !res.reset && !res.fresh);
	cr_assert(plain(152));
}

Test(track, a_restart_inside_the_greeting_is_known_after_a_while)
{
	begin();
	for (uint32_t n = 100; n < 400; n++)
		hello(n);
	now += SEC(1);
	cr_assert_not(hello(110), "looks late");
	now += SEC(1);
	cr_assert_not(hello(111));
	now += SEC(1);
	cr_assert(hello(112) && res.reset && res.fresh);
	cr_assert(missing(110, 111), "what it said before");
}

Test(track, a_restart_just_after_the_greeting_is_known_after_a_while)
{
	begin();
	for (uint32_t n = 100; n < 400; n++)
		hello(n);
	plain(400);
	now += SEC(1);
	cr_assert_not(hello(110));
	now += SEC(1);
	cr_assert(hello(111) && res.reset && res.fresh && missing(110, 110));
}

Test(track, a_greeting_interrupted_by_silence_may_be_another)
{
	begin();
	hello(100);
	now += SEC(2);
	cr_assert(hello(102) && missing(101, 101) && !res.fresh);
	now += SEC(3);
	cr_assert(hello(103) && res.fresh && !res.reset && !res.gap);
}

Test(track, messages_of_the_incarnation_before_are_late)
{
	begin();
	plain(70000000);
	cr_assert(hello(100) && res.reset);
	now += MS(10);
	cr_assert_not(plain(70000001), "would set the numbering far ahead");
	cr_assert_not(hello(70000002));
	cr_assert(plain(101) && !res.gap);
	now += SEC(6);
	cr_assert(plain(102));
}

Test(track, w2_a_run_of_late_messages_is_the_peer)
{
	begin();
	plain(100);
	cr_assert_not(plain(1000000000), "alone it is a stray");
	cr_assert(plain(1000000003), "two are believed");
	cr_assert(res.stuck && res.reset && res.fresh && !res.gap,
		  "but not that so many were lost");
	for (uint32_t n = 101; n < 106; n++) {
		now += SEC(1);
		cr_assert_not(plain(n), "%u", n);
	}
	now += SEC(1);
	cr_assert(plain(106));
	cr_assert(res.stuck && res.reset && res.fresh);
	cr_assert(plain(107) && !res.gap && !res.stuck);
	cr_assert_not(plain(1000000004), "the strays' kin are late now");
}

Test(track, w2_a_large_gap_of_the_peer_itself_is_believed)
{
	begin();
	plain(100);
	cr_assert(plain(1124) && missing(101, 1123));
	cr_assert_not(plain(5000));
	cr_assert_not(plain(400000), "two strays that do not belong together");
	cr_assert_not(plain(5001));
	cr_assert(plain(1125) && !res.gap, "the peer goes on meanwhile");
	cr_assert_not(plain(9000));
	cr_assert(plain(9001) && missing(1126, 9000));
}

Test(track, w2_needs_silence_of_the_accepted)
{
	begin();
	plain(101);
	plain(1000);
	for (uint32_t n = 0; n < 100; n++) {
		now += MS(500);
		cr_assert_not(plain(101 + n));
		cr_assert(plain(1001 + n));
	}
}

Test(track, without_w4_every_hello_sets_the_numbering)
{
	const uint32_t cures = REPL_CURES_ALL & ~REPL_CURE_W4;

	begin();
	track_input(&t, now, 100, true, cures, &res);
	cr_assert(res.fresh);
	track_input(&t, now, 105, true, cures, &res);
	cr_assert(res.accept && res.reset && !res.gap && !res.fresh);
	track_input(&t, now, 50, true, cures, &res);
	cr_assert(res.accept && res.reset && !res.gap && res.fresh);
	cr_assert_eq(t.last, 50);
	track_input(&t, now, 51, false, cures, &res);
	track_input(&t, now, 52, true, cures, &res);
	cr_assert(res.fresh, "says HELLO after having stopped");
}

static bool fresh;

static bool watched(uint32_t n)
{
	return track_watch(&t, now, n, &fresh);
}

Test(track, watching_counts_and_accepts)
{
	begin();
	cr_assert_not(watched(5));
	cr_assert_not(watched(6));
	cr_assert(watched(10));
	cr_assert_eq(t.lost, 3);
	cr_assert_not(watched(9));
	cr_assert_eq(t.before, 1);
	cr_assert_not(fresh);
	cr_assert(watched(900000000) && fresh, "another numbering: may have missed all");
	cr_assert_eq(t.lost, 3);
}

Test(track, watching_two_that_speak_in_turn_sees_no_new_incarnations)
{
	begin();
	watched(5);
	watched(900000000);
	for (uint32_t n = 1; n < 10; n++) {
		cr_assert(watched(5 + n) && !fresh);
		cr_assert(watched(900000000 + n) && !fresh);
	}
	cr_assert(watched(1800000000) && fresh);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* NOTRACK and ALARM sessions, and bulks without acknowledgements. */
#include <criterion/criterion.h>
#include "rig.h"

static struct rig g;
static struct packet out[RIG_OBJECTS + 64];

static void start(enum repl_mode mode, uint32_t cures, bool resync)
{
	const struct repl_params p = {
		.mode = mode,
		.ack_window = 300,
		.resend_limit = 100,
		.startup_resync = resync,
		.has_first_seq = true,
		.first_seq = 0xffffffff,
		.cures = cures,
	};

	rig_init(&g, &p, SEC(10));
	g.limit = 64;
}

static void stop(void)
{
	rig_check(&g);
	rig_fini(&g);
}

static uint32_t said(tick_t now)
{
	return rig_drain(&g, now, out, RIG_OBJECTS + 64);
}

static uint32_t resyncs(uint32_t n)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < n; i++)
		hits += (out[i].h.flags & WIRE_F_RESYNC) != 0;
	return hits;
}

/* Tick every 100 ms; returns how many RESYNC were said. */
static uint32_t wait_counting(tick_t from, tick_t to)
{
	uint32_t n = 0;

	for (; from <= to; from += MS(100)) {
		if (repl_deadline(g.r) <= from)
			repl_tick(g.r, from);
		n += resyncs(said(from));
	}
	return n;
}

Test(notrack, alive_after_each_second_of_silence)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	cr_assert_eq(repl_deadline(g.r), SEC(11));
	repl_tick(g.r, SEC(11));
	cr_assert_eq(said(SEC(11)), 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_ALIVE);
	cr_assert_eq(out[0].h.seq, 0xffffffff);
	rig_change(&g, 1);
	cr_assert_eq(said(SEC(11) + MS(500)), 1);
	cr_assert_eq(out[0].h.flags, 0);
	cr_assert_eq(out[0].h.seq, 0);
	cr_assert_eq(repl_deadline(g.r), SEC(12) + MS(500));
	stop();
}

Test(notrack, alive_does_not_pile_up_while_nothing_is_taken)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	for (int i = 11; i < 60; i++)
		repl_tick(g.r, SEC(i));
	cr_assert_eq(said(SEC(60)), 1);
	stop();
}

Test(notrack, keeps_nothing_once_sent)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	rig_change(&g, 1);
	rig_change(&g, 2);
	rig_destroy(&g, 2);
	cr_assert_eq(said(SEC(10)), 2);
	cr_assert(out[1].final);
	cr_assert_eq(g.own[1].slot, 0);
	cr_assert_eq(g.done, 1);
	cr_assert_eq(rig_stats(&g).window, 0);
	cr_assert_eq(rig_stats(&g).window_max, 0);
	stop();
}

Test(notrack, takes_what_the_reference_takes)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	cr_assert_eq(rig_data(&g, SEC(10), 1, 0, 1), REPL_DATA);
	cr_assert_eq(rig_data(&g, SEC(10), 2, WIRE_F_GREETING, 1), REPL_DATA);
	cr_assert_eq(rig_control(&g, SEC(10), 3, WIRE_F_ALIVE, 0, 0), REPL_HANDLED);
	cr_assert_eq(rig_control(&g, SEC(10), 4, WIRE_F_ALIVE | 0x81, 0, 0), REPL_HANDLED);
	cr_assert_eq(rig_control(&g, SEC(10), 5, WIRE_F_RESYNC | WIRE_F_HELLO, 0, 0), REPL_HANDLED);
	cr_assert_eq(rig_control(&g, SEC(10), 6, WIRE_F_ACK, 1, 2), REPL_BAD);
	cr_assert_eq(rig_control(&g, SEC(10), 6, WIRE_F_NACK, 1, 2), REPL_BAD);
	cr_assert_eq(rig_control(&g, SEC(10), 6, WIRE_F_HELLO, 0, 0), REPL_BAD);
	cr_assert_eq(rig_data(&g, SEC(10), 6, WIRE_F_ACK, 1), REPL_BAD);
	cr_assert_eq(rig_data(&g, SEC(10), 6, 0x80, 1), REPL_BAD);
	cr_assert_eq(rig_stats(&g).last_seq, 5, "bad ones do not count");
	cr_assert(rig_stats(&g).heard);
	cr_assert_eq(rig_stats(&g).last_heard, SEC(10));
	cr_assert_eq(rig_stats(&g).resyncs_in, 1);
	stop();
}

Test(notrack, w30_counts_true_gaps_and_drops_nothing)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	rig_data(&g, SEC(10), 0xfffffffe, 0, 1);
	rig_data(&g, SEC(10), 1, 0, 1);
	cr_assert_eq(rig_stats(&g).lost, 2);
	cr_assert_eq(rig_data(&g, SEC(10), 0, 0, 1), REPL_DATA);
	cr_assert_eq(rig_stats(&g).before, 1);
	cr_assert_eq(rig_data(&g, SEC(10), 900000000, 0, 1), REPL_DATA);
	cr_assert_leq(rig_stats(&g).lost, 3, "another numbering is not a loss");
	stop();
}

static uint32_t asked_after_gap(uint32_t cures)
{
	uint32_t n;

	start(REPL_NOTRACK, cures, false);
	rig_data(&g, SEC(10), 5, 0, 1);
	rig_data(&g, SEC(10), 9, 0, 1);
	cr_assert_eq(resyncs(said(SEC(10))), 0, "late ones may follow");
	n = wait_counting(SEC(10), SEC(11) + MS(500));
	rig_data(&g, SEC(11) + MS(500), 10, 0, 1);
	cr_assert_eq(wait_counting(SEC(11) + MS(500), SEC(60)), 0);
	stop();
	return n;
}

Test(notrack, w3_asks_again_after_a_gap)
{
	cr_assert_eq(asked_after_gap(REPL_CURES_ALL), 1);
	cr_assert_eq(asked_after_gap(REPL_CURES_ALL & ~REPL_CURE_W3), 0);
}

Test(notrack, w3_asks_seldom_while_losses_go_on)
{
	uint32_t seq = 5, n = 0;
	tick_t now = SEC(10);

	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	for (int i = 0; i < 3000; i++, now += MS(100)) {
		rig_data(&g, now, seq += 3, 0, 1);
		if (repl_deadline(g.r) <= now)
			repl_tick(g.r, now);
		n += resyncs(said(now));
	}
	cr_assert_leq(n, 7, "%u in five minutes", n);
	cr_assert_geq(n, 5);
	stop();
}

Test(notrack, startup_resync_is_repeated_ten_times_at_most)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, true);
	cr_assert_eq(resyncs(said(SEC(10))), 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_RESYNC);
	cr_assert_eq(wait_counting(SEC(10), SEC(100)), 9);
	cr_assert_not(rig_stats(&g).resync_pending);
	stop();
}

Test(notrack, startup_resync_ends_when_something_is_heard)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, true);
	wait_counting(SEC(10), SEC(12));
	rig_control(&g, SEC(12), 1, WIRE_F_ALIVE, 0, 0);
	cr_assert_eq(wait_counting(SEC(12), SEC(30)), 0);
	stop();
}

/* ---- bulk ---- */

static void fill(void)
{
	g.limit = RIG_OBJECTS;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		rig_load(&g, i);
}

static uint32_t burst(uint32_t cures)
{
	uint32_t n;
	tick_t now = SEC(10);

	start(REPL_NOTRACK, cures, false);
	fill();
	rig_control(&g, now, 1, WIRE_F_RESYNC, 0, 0);
	n = said(now);
	for (int i = 0; i < 100 && rig_stats(&g).bulk_running; i++) {
		cr_assert_leq(repl_deadline(g.r), now + MS(10));
		now += MS(10);
		repl_tick(g.r, now);
		cr_assert_leq(said(now), 250);
	}
	cr_assert_eq(rig_stats(&g).bulks, 1);
	cr_assert_leq(now, SEC(10) + MS(400));
	stop();
	return n;
}

Test(notrack, w7_pace_meters_a_bulk)
{
	cr_assert_leq(burst(REPL_CURES_ALL), 500);
	cr_assert_eq(burst(REPL_CURES_ALL & ~REPL_CURE_PACE), RIG_OBJECTS);
}

Test(notrack, a_bulk_asked_for_twice_during_the_walk_is_done_again)
{
	uint32_t seq = 1;
	tick_t now = SEC(10);

	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	fill();
	for (int i = 0; i < 4; i++) {
		rig_control(&g, now, seq++, WIRE_F_RESYNC, 0, 0);
		said(now);
		now += MS(10);
		repl_tick(g.r, now);
	}
	cr_assert_eq(g.bulks, 2, "started over once");
	for (int i = 0; i < 100; i++, now += MS(10)) {
		repl_tick(g.r, now);
		said(now);
	}
	cr_assert_eq(g.bulks, 3, "then again from the start");
	cr_assert_eq(rig_stats(&g).bulks, 2);
	now += SEC(60);
	for (int i = 0; i < 2; i++) {
		rig_control(&g, now, seq++, WIRE_F_RESYNC, 0, 0);
		said(now);
		now += MS(10);
		repl_tick(g.r, now);
	}
	cr_assert_eq(g.bulks, 5, "and each may start over once");
	stop();
}

Test(notrack, an_operator_may_start_a_bulk)
{
	start(REPL_NOTRACK, REPL_CURES_ALL, false);
	rig_load(&g, 7);
	repl_request_bulk(g.r);
	cr_assert_eq(repl_deadline(g.r), 0);
	cr_assert_eq(said(SEC(10)), 1);
	cr_assert_eq(out[0].obj, 7);
	cr_assert_not(rig_stats(&g).bulk_running);
	stop();
}

/* ---- ALARM ---- */

Test(alarm, sends_objects_and_nothing_else)
{
	start(REPL_ALARM, REPL_CURES_ALL, true);
	repl_request_resync(g.r);
	repl_request_bulk(g.r);
	rig_load(&g, 1);
	cr_assert_eq(repl_deadline(g.r), TICK_NEVER);
	repl_tick(g.r, SEC(20));
	cr_assert_eq(said(SEC(20)), 0);
	rig_change(&g, 2);
	rig_destroy(&g, 2);
	cr_assert_eq(said(SEC(20)), 1);
	cr_assert_eq(out[0].h.flags, 0);
	cr_assert_eq(g.done, 1);
	cr_assert_eq(repl_deadline(g.r), TICK_NEVER);
	stop();
}

Test(alarm, w30_counts_true_gaps)
{
	start(REPL_ALARM, REPL_CURES_ALL, false);
	rig_data(&g, SEC(10), 0xfffffffe, 0, 1);
	rig_data(&g, SEC(10), 2, 0, 1);
	cr_assert_eq(rig_stats(&g).lost, 3);
	cr_assert_eq(rig_stats(&g).before, 0);
	stop();
}

Test(alarm, ignores_whatever_has_a_flag)
{
	start(REPL_ALARM, REPL_CURES_ALL, false);
	cr_assert_eq(rig_data(&g, SEC(10), 5, 0, 1), REPL_DATA);
	cr_assert_eq(rig_data(&g, SEC(10), 4, 0, 1), REPL_DATA);
	cr_assert_eq(rig_data(&g, SEC(10), 6, WIRE_F_HELLO, 1), REPL_DROP);
	cr_assert_eq(rig_control(&g, SEC(10), 6, WIRE_F_RESYNC, 0, 0), REPL_DROP);
	cr_assert_eq(said(SEC(10)), 0);
	cr_assert_eq(rig_stats(&g).last_seq, 4);
	cr_assert_eq(rig_stats(&g).lost, 0);
	stop();
}

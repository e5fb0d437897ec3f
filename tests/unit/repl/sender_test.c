// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sending against a scripted peer: what is kept, repeated, held back, paced and
 * asked for; each cure on and off.
 */
#include <criterion/criterion.h>
#include "peer.h"

/* ---- what is sent and kept ---- */

Test(sender, a_change_before_transmission_costs_nothing)
{
	tick_t now = settle(REPL_CURES_ALL);

	rig_change(&g, 1);
	rig_change(&g, 1);
	rig_change(&g, 1);
	cr_assert_eq(said(now), 1);
	cr_assert_eq(out[0].version, 3);
	stop();
}

Test(sender, nack_sends_the_present_state_under_a_new_number)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t seq;

	rig_change(&g, 1);
	rig_change(&g, 2);
	cr_assert_eq(said(now), 2);
	seq = out[0].h.seq;
	rig_change(&g, 1);
	cr_assert_eq(said(now), 1);
	rig_control(&g, now, 503, WIRE_F_NACK, seq, seq);
	cr_assert_eq(said(now), 0, "superseded, nothing to repeat");
	rig_control(&g, now, 504, WIRE_F_NACK, seq + 1, seq + 2);
	cr_assert_eq(said(now), 2);
	cr_assert_eq(out[0].obj, 2);
	cr_assert_eq(out[1].obj, 1);
	cr_assert_eq(out[1].version, 2);
	cr_assert_eq(out[1].h.seq, seq + 4);
	cr_assert_eq(rig_stats(&g).resent, 2);
	stop();
}

Test(sender, forgotten_objects_are_nowhere_any_more)
{
	tick_t now = settle(REPL_CURES_ALL);

	rig_change(&g, 1);
	said(now);
	rig_change(&g, 2);
	repl_forget(g.r, &g.own[1].slot);
	repl_forget(g.r, &g.own[2].slot);
	repl_forget(g.r, &g.own[3].slot);
	cr_assert_eq(g.own[1].slot | g.own[2].slot, 0);
	cr_assert_eq(said(now), 0);
	cr_assert_eq(rig_stats(&g).window, 0);
	stop();
}

static void said_all(tick_t now)
{
	struct repl_send s;

	while (repl_output(g.r, now, &s))
		;
}

Test(sender, forget_all_takes_one_kind_only)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t other[3] = { 0, 0, 0 };

	rig_change(&g, 1);
	repl_changed(g.r, (struct repl_obj){ 2, 0 }, &other[0]);
	repl_output(g.r, now, &(struct repl_send){ 0 });
	repl_output(g.r, now, &(struct repl_send){ 0 });
	rig_change(&g, 2);
	repl_changed(g.r, (struct repl_obj){ 2, 1 }, &other[1]);
	repl_forget_all(g.r, 2);
	cr_assert_eq(rig_stats(&g).window, 1);
	cr_assert_eq(rig_stats(&g).txq, 1);
	cr_assert_neq(other[0], 0, "the slots are the owner's");
	repl_changed(g.r, (struct repl_obj){ 3, 0 }, &other[2]);
	repl_final(g.r, &other[2]);
	said_all(now);
	ack_all(now, 503);
	repl_forget_all(g.r, 3);
	cr_assert_not(repl_done(g.r, &(struct repl_obj){ 0 }));
	stop();
}

Test(sender, revived_object_is_not_done)
{
	tick_t now = settle(REPL_CURES_ALL);
	struct repl_obj o;

	rig_change(&g, 1);
	rig_destroy(&g, 1);
	said(now);
	ack_all(now, 503);
	rig_change(&g, 1); /* acknowledged, but not collected yet */
	cr_assert_not(repl_done(g.r, &o));
	cr_assert_eq(said(now), 1);
	cr_assert_not(out[0].final);
	stop();
}

Test(sender, destroyed_again_while_done_is_sent_again)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t slot = 0;
	struct repl_obj o;
	struct repl_send s;

	repl_changed(g.r, (struct repl_obj){ 9, 9 }, &slot);
	repl_final(g.r, &slot);
	cr_assert(repl_output(g.r, now, &s));
	ack_all(now, 503);
	repl_changed(g.r, (struct repl_obj){ 9, 9 }, &slot);
	cr_assert_not(repl_done(g.r, &o));
	cr_assert(repl_output(g.r, now, &s));
	cr_assert(s.final);
	ack_all(now, 504);
	cr_assert(repl_done(g.r, &o));
	cr_assert_eq(o.ref, 9);
	cr_assert_eq(slot, 0);
	stop();
}

/* How often a lonely object is sent within a minute. */
static uint32_t repeats(uint32_t cures, bool alive)
{
	tick_t now = settle(cures);
	uint32_t n = 0, seq = 503;

	rig_change(&g, 1);
	said(now);
	for (int i = 0; i < 600; i++) {
		now += MS(100);
		if (alive && i % 5 == 0)
			rig_data(&g, now, seq++, 0, 2);
		if (repl_deadline(g.r) <= now)
			repl_tick(g.r, now);
		n += count(said(now), 0, 0);
	}
	stop();
	return n;
}

Test(sender, rto_sends_again_what_a_living_peer_does_not_acknowledge)
{
	/* after 2.5, 5, 10, 20, 20 s */
	cr_assert_eq(repeats(REPL_CURES_ALL, true), 5);
	cr_assert_eq(repeats(REPL_CURES_ALL & ~REPL_CURE_RTO, true), 0);
	cr_assert_leq(repeats(REPL_CURES_ALL, false), 1, "a silent peer is left alone");
}

Test(sender, rto_goes_on_when_a_silent_peer_is_heard_again)
{
	tick_t now = settle(REPL_CURES_ALL);

	rig_change(&g, 1);
	said(now);
	pass(now + SEC(30));
	now += SEC(30);
	cr_assert_eq(rig_stats(&g).resent, 1, "once, before the silence shows");
	for (uint32_t i = 0; i < 3; i++) {
		rig_data(&g, now, 503 + i, 0, 2);
		said(now);
		pass(now + MS(900));
		now += SEC(1);
	}
	cr_assert_eq(rig_stats(&g).resent, 2);
	stop();
}

Test(sender, rto_counts_for_each_object_from_its_own_time)
{
	tick_t now = settle(REPL_CURES_ALL);

	rig_change(&g, 1);
	said(now);
	rig_change(&g, 2);
	said(now + SEC(2));
	rig_data(&g, now + SEC(2), 503, 0, 3);
	pass(now + MS(2550));
	cr_assert_eq(rig_stats(&g).resent, 1);
	rig_data(&g, now + MS(4200), 504, 0, 3);
	pass(now + MS(6950));
	cr_assert_eq(rig_stats(&g).resent, 1, "no progress: five seconds now");
	rig_data(&g, now + MS(6960), 505, 0, 3);
	pass(now + MS(7050));
	cr_assert_eq(rig_stats(&g).resent, 2);
	stop();
}

Test(sender, rto_goes_in_slices_and_progress_shortens_it)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t n, total;

	for (uint32_t i = 0; i < 1000; i++)
		rig_change(&g, i);
	said(now);
	rig_data(&g, now + MS(2400), 503, 0, 1);
	now += MS(2500);
	repl_tick(g.r, now);
	total = count(said(now), 0, 0);
	cr_assert_leq(total, 256);
	cr_assert_geq(total, 200);
	for (int i = 0; i < 5; i++) {
		now += MS(10);
		repl_tick(g.r, now);
		n = count(said(now), 0, 0);
		cr_assert_leq(n, 256);
		total += n;
	}
	cr_assert_eq(total, 1000);
	ack_all(now, 504);
	rig_change(&g, 1);
	said(now);
	rig_data(&g, now + MS(2400), 505, 0, 1);
	repl_tick(g.r, now + MS(2500));
	cr_assert_eq(count(said(now + MS(2500)), 0, 0), 1);
	stop();
}

/* A full window while ACKs flow: how many of 150 objects are given up? */
static uint32_t given_up(uint32_t cures)
{
	struct repl_params p = rig_ftfw(1000, cures);
	const tick_t now = SEC(10);
	uint32_t lost = 0, n;

	p.resend_limit = 100;
	rig_init(&g, &p, now);
	g.limit = 0;
	rig_change(&g, 0);
	said(now);
	rig_control(&g, now, 500, WIRE_F_ACK | HB, 1000, 1000);
	pass(now + MS(300));
	ack_all(now + MS(300), 501);
	said(now + MS(300));
	for (uint32_t i = 1; i <= 150; i++)
		rig_change(&g, i);
	n = count(said(now + MS(310)), 0, 0);
	for (uint32_t i = 1; i <= 150; i++)
		lost += !g.own[i].slot;
	cr_assert_eq(n, lost ? 150 : 100);
	cr_assert_gt(rig_stats(&g).window_full, 0);
	if (!lost) {
		ack_all(now + MS(320), 502);
		cr_assert_eq(count(said(now + MS(320)), 0, 0), 50, "room again");
	}
	stop();
	return lost;
}

Test(sender, hold_keeps_objects_waiting_while_acks_flow)
{
	cr_assert_eq(given_up(REPL_CURES_ALL), 0);
	cr_assert_geq(given_up(REPL_CURES_ALL & ~REPL_CURE_HOLD), 50);
}

/* Two idle nodes acknowledge each other's ACKs; one is always under way. */
Test(sender, own_acks_do_not_fill_the_window)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	tick_t now = SEC(10);

	p.resend_limit = 1;
	rig_init(&g, &p, now);
	rig_change(&g, 0);
	said(now);
	rig_control(&g, now, 500, WIRE_F_ACK | HB, 1000, 1000);
	pass(now + SEC(2)); /* the bulk that follows the greeting */
	now += SEC(2);
	ack_all(now, 501);
	pass(now + MS(1500));
	now += MS(1500);
	cr_assert_gt(rig_stats(&g).window, 0);
	rig_change(&g, 1);
	cr_assert_eq(count(said(now), 0, 0), 1, "nothing holds it back");
	cr_assert_eq(rig_stats(&g).window_full, 0);
	rig_check(&g);
	rig_fini(&g);
}

/* We hear the peer, it does not hear us: what it has to be told is kept. */
Test(sender, objects_do_not_make_room_for_acks)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t seq = 503;

	rig_change(&g, 1);
	said(now);
	cr_assert_neq(g.own[1].slot, 0);
	for (int i = 0; i < 1100; i++) {
		for (int k = 0; k < 300; k++)
			rig_data(&g, now, seq++, 0, 2);
		cr_assert_geq(count(said(now), WIRE_CONTROL, WIRE_F_ACK), 1);
	}
	cr_assert_neq(g.own[1].slot, 0, "forgotten");
	cr_assert_leq(rig_stats(&g).window, 2000);
	rig_check(&g);
	stop();
}

/* An acknowledging peer is waited for, however long it is silent: nothing is forgotten. */
Test(sender, hold_waits_for_a_silent_peer)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	tick_t now = SEC(10);
	uint32_t n;

	p.resend_limit = 100;
	rig_init(&g, &p, now);
	g.limit = 200;
	rig_change(&g, 0);
	said(now);
	rig_control(&g, now, 500, WIRE_F_ACK | HB, 1000, 1000);
	said(now);
	for (uint32_t i = 1; i < 151; i++)
		rig_change(&g, i);
	n = count(said(now), 0, 0);
	cr_assert(n >= 95 && n <= 100);
	pass(now + SEC(60));
	cr_assert_gt(rig_stats(&g).txq, 0);
	cr_assert_neq(g.own[1].slot, 0);
	stop();
}

/* One that speaks for long and acknowledges nothing runs in another mode. */
Test(sender, hold_does_not_wait_for_a_peer_that_never_acknowledges)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	tick_t now = SEC(10);

	p.resend_limit = 100;
	rig_init(&g, &p, now);
	g.limit = 200;
	rig_control(&g, now, 500, WIRE_F_ALIVE, 0, 0);
	said(now);
	for (uint32_t i = 1; i < 151; i++)
		rig_change(&g, i);
	said(now);
	pass(now + SEC(5));
	cr_assert_lt(rig_stats(&g).window_full, 10, "held back so far");
	rig_control(&g, now + SEC(11), 501, WIRE_F_ALIVE, 0, 0);
	pass(now + SEC(14));
	cr_assert_geq(rig_stats(&g).window_full, 50, "sent though the oldest had to go");
	stop();
}

/* It acknowledged in a life before: what counts is the present one. */
Test(sender, hold_does_not_wait_for_a_peer_that_has_changed_its_mode)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	tick_t now = SEC(10);

	p.resend_limit = 100;
	rig_init(&g, &p, now);
	g.limit = 200;
	rig_change(&g, 0);
	said(now);
	rig_control(&g, now, 500, WIRE_F_ACK | HB, 1000, 1000);
	said(now);
	now += SEC(100);
	rig_control(&g, now, 7, WIRE_F_ALIVE | WIRE_F_HELLO, 0, 0);
	said(now);
	for (uint32_t i = 1; i < 151; i++)
		rig_change(&g, i);
	said(now);
	pass(now + SEC(5));
	cr_assert_lt(rig_stats(&g).window_full, 10, "held back so far");
	rig_control(&g, now + SEC(11), 8, WIRE_F_ALIVE | WIRE_F_HELLO, 0, 0);
	pass(now + SEC(14));
	cr_assert_geq(rig_stats(&g).window_full, 50, "sent though the oldest had to go");
	stop();
}

/* ---- pace ---- */

static uint32_t first_burst(uint32_t cures)
{
	tick_t now = settle(cures);
	uint32_t n;

	g.limit = RIG_OBJECTS;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		rig_load(&g, i);
	rig_control(&g, now, 503, WIRE_F_RESYNC, 0, 0);
	n = count(said(now), 0, 0);
	if (cures & REPL_CURE_PACE) {
		cr_assert_geq(n, 1500);
		cr_assert_leq(repl_deadline(g.r), now + MS(2));
		/* ACKs open the way at once ... */
		ack_all(now, 504);
		cr_assert_geq(count(said(now), 0, 0), 1500);
		/* ... without them it goes on slowly. */
		pass(now + MS(10));
		cr_assert_leq(rig_stats(&g).window, 1500 + 256 + 600 + 128);
		cr_assert_geq(rig_stats(&g).window, 1500 + 400);
	}
	stop();
	return n;
}

Test(sender, w7_pace_limits_what_is_under_way)
{
	cr_assert_leq(first_burst(REPL_CURES_ALL), 1500 + 256);
	cr_assert_eq(first_burst(REPL_CURES_ALL & ~REPL_CURE_PACE), RIG_OBJECTS);
}

Test(sender, w7_a_bulk_to_a_silent_peer_stops_after_what_its_buffer_holds)
{
	start(REPL_CURES_ALL);
	g.limit = RIG_OBJECTS;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		rig_load(&g, i);
	repl_request_bulk(g.r);
	said(SEC(10));
	pass(SEC(30));
	cr_assert_leq(rig_stats(&g).window, 1500);
	cr_assert(rig_stats(&g).bulk_running);
	stop();
}

Test(sender, a_second_resync_restarts_the_walk_once)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t seq = 503;

	g.limit = RIG_OBJECTS;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		rig_load(&g, i);
	g.bulks = 0;
	rig_control(&g, now, seq++, WIRE_F_RESYNC, 0, 0);
	said(now);
	for (int i = 0; i < 5; i++) {
		ack_all(now, seq++);
		rig_control(&g, now, seq++, WIRE_F_RESYNC, 0, 0);
		repl_output(g.r, now, &(struct repl_send){ 0 });
	}
	cr_assert_geq(said(now), 1000);
	cr_assert_eq(g.bulks, 2);
	for (int i = 0; i < 10; i++) {
		ack_all(now, seq++);
		said(now);
	}
	cr_assert_eq(g.bulks, 2, "one walk serves all that asked before it");
	cr_assert_eq(rig_stats(&g).resyncs_in, 6);
	stop();
}

Test(sender, w1_bulks_asked_for_again_and_again_are_spaced)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t seq = 503, n;

	rig_load(&g, 1);
	g.bulks = 0;
	for (int i = 0; i < 300; i++) {
		rig_control(&g, now, seq++, WIRE_F_RESYNC, 0, 0);
		if (repl_deadline(g.r) <= now)
			repl_tick(g.r, now);
		said(now);
		now += MS(100);
	}
	n = g.bulks;
	cr_assert_leq(n, 3 + 6);
	cr_assert_geq(n, 6);
	stop();
}

/* ---- our RESYNC ---- */

Test(sender, startup_resync_is_repeated_until_acknowledged)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	uint32_t n = 0, last = 0;
	tick_t now = SEC(10);

	p.startup_resync = true;
	rig_init(&g, &p, now);
	cr_assert_eq(said(now), 1, "at once");
	cr_assert_eq(out[0].h.flags, WIRE_F_RESYNC | H);
	cr_assert_eq(out[0].h.seq, 1000);
	cr_assert_eq(out[0].from | out[0].to, 0);
	for (int i = 0; i < 30; i++) {
		now += SEC(1);
		repl_tick(g.r, now);
		n = said(now);
		cr_assert_eq(count(n, WIRE_CONTROL, WIRE_F_RESYNC), 1);
		last = find(n, WIRE_F_RESYNC)->h.seq;
	}
	cr_assert_eq(rig_stats(&g).window, 1, "only the last is kept");
	rig_control(&g, now, 7, WIRE_F_ACK | HB, last - 10, last - 1);
	cr_assert(rig_stats(&g).resync_pending);
	rig_control(&g, now, 8, WIRE_F_ACK, last, last);
	said(now);
	cr_assert_not(rig_stats(&g).resync_pending);
	repl_tick(g.r, now + SEC(70));
	cr_assert_eq(count(said(now + SEC(70)), WIRE_CONTROL, WIRE_F_RESYNC), 0);
	stop();
}

Test(sender, a_peer_that_speaks_without_acknowledging_is_not_pestered)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);
	tick_t now = SEC(10);
	uint32_t seq = 7;

	p.startup_resync = true;
	rig_init(&g, &p, now);
	said(now);
	for (int i = 0; i < 300; i++, now += MS(100)) {
		rig_data(&g, now, seq++, i ? 0 : H | HB, 1);
		if (repl_deadline(g.r) <= now)
			repl_tick(g.r, now);
		said(now);
	}
	cr_assert_leq(rig_stats(&g).resyncs_out, 2);
	stop();
}

Test(sender, a_new_incarnation_is_asked_again)
{
	tick_t now = settle(REPL_CURES_ALL);

	repl_request_resync(g.r);
	cr_assert_eq(count(said(now), WIRE_CONTROL, WIRE_F_RESYNC), 1);
	rig_control(&g, now, 70000000, WIRE_F_ALIVE | H, 0, 0);
	cr_assert_eq(count(said(now), WIRE_CONTROL, WIRE_F_RESYNC), 1);
	stop();
}

/* ---- blackout ---- */

/* Two stray messages with numbers far ahead; is the peer heard again? */
static bool heard_after_stray(uint32_t cures)
{
	tick_t now = settle(cures);
	uint32_t seq = 503;
	bool heard = false;

	rig_data(&g, now, 0x60000000, 0, 1);
	rig_data(&g, now, 0x60000001, 0, 1);
	for (int i = 0; i < 20 && !heard; i++) {
		now += SEC(1);
		heard = rig_data(&g, now, seq++, 0, 2) == REPL_DATA;
		repl_tick(g.r, now);
		said(now);
	}
	if (heard) {
		cr_assert_leq(now, SEC(14) + SEC(8));
		pass(now + SEC(3));
		cr_assert_geq(rig_stats(&g).resyncs_out, 1, "what was dropped is asked for");
	}
	stop();
	return heard;
}

Test(sender, w2_a_stray_number_does_not_silence_the_peer)
{
	cr_assert(heard_after_stray(REPL_CURES_ALL));
	cr_assert_not(heard_after_stray(REPL_CURES_ALL & ~REPL_CURE_W2));
}

static bool greets_a_deaf_peer(uint32_t cures)
{
	tick_t now = settle(cures);
	uint32_t seq = 503;
	bool hello = false;

	rig_change(&g, 1);
	said(now);
	for (int i = 0; i < 20; i++) {
		now += SEC(1);
		rig_control(&g, now, seq++, WIRE_F_ALIVE, 0, 0);
		repl_tick(g.r, now);
		hello |= count(said(now), WIRE_CONTROL, H) > 0;
	}
	stop();
	return hello;
}

Test(sender, w2_a_peer_that_does_not_take_our_numbers_is_greeted_again)
{
	cr_assert(greets_a_deaf_peer(REPL_CURES_ALL));
	cr_assert_not(greets_a_deaf_peer(REPL_CURES_ALL & ~REPL_CURE_W2));
}

/* It takes the greeting for a new life and waits for all that this one has. */
Test(sender, a_peer_greeted_again_gets_a_bulk)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t bulks = g.bulks, seq = 503;

	rig_change(&g, 1);
	said(now);
	for (int i = 0; i < 20 && !count(said(now), WIRE_CONTROL, H); i++) {
		now += SEC(1);
		rig_control(&g, now, seq++, WIRE_F_ALIVE, 0, 0);
		repl_tick(g.r, now);
	}
	cr_assert_eq(g.bulks, bulks);
	rig_control(&g, now, seq, WIRE_F_ALIVE | HB, 0, 0);
	pass(now + SEC(1));
	cr_assert_eq(g.bulks, bulks + 1);
	stop();
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One FT-FW session against a scripted peer: each cure on and off, and what
 * holds whatever the cures. Where the reference is meant, see doc/protocol.md.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "rig.h"

#define H  WIRE_F_HELLO
#define HB WIRE_F_HELLO_BACK

static struct rig g;
static struct packet out[RIG_OBJECTS + 64];

static void start(uint32_t cures)
{
	const struct repl_params p = rig_ftfw(1000, cures);

	rig_init(&g, &p, SEC(10));
	g.limit = 64;
}

static void stop(void)
{
	rig_check(&g);
	rig_fini(&g);
}

/* Everything the session says at this time. */
static uint32_t said(tick_t now)
{
	const uint32_t n = rig_drain(&g, now, out, RIG_OBJECTS + 64);

	rig_check(&g);
	return n;
}

/* Timers up to this time, output thrown away; returns how many messages. */
static uint32_t pass(tick_t until)
{
	uint32_t n = 0;

	while (repl_deadline(g.r) <= until) {
		const tick_t at = repl_deadline(g.r);

		repl_tick(g.r, at);
		n += said(at);
	}
	return n;
}

static uint32_t count(uint32_t n, uint8_t type, uint8_t flags)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < n; i++)
		hits += (out[i].h.type == WIRE_CONTROL) == (type == WIRE_CONTROL) &&
			(out[i].h.flags & flags) == flags;
	return hits;
}

static const struct packet *find(uint32_t n, uint8_t flag)
{
	for (uint32_t i = 0; i < n; i++)
		if (out[i].h.type == WIRE_CONTROL && (out[i].h.flags & flag))
			return &out[i];
	return NULL;
}

/* Greeted both ways, all quiet, all acknowledged; the peer is at 500. */
static tick_t settle(uint32_t cures)
{
	tick_t now = SEC(10);

	start(cures);
	rig_control(&g, now, 500, WIRE_F_ALIVE | H, 0, 0);
	pass(now + SEC(2));
	now += SEC(2);
	said(now);
	rig_control(&g, now, 501, WIRE_F_ACK | HB, 1, rig_stats(&g).next_seq - 1);
	said(now);
	pass(now + SEC(2));
	now += SEC(2);
	rig_control(&g, now, 502, WIRE_F_ACK, 1, rig_stats(&g).next_seq - 1);
	said(now);
	cr_assert(rig_stats(&g).greeted);
	cr_assert_eq(rig_stats(&g).window, 0);
	return now;
}

static void ack_all(tick_t now, uint32_t seq)
{
	rig_control(&g, now, seq, WIRE_F_ACK, rig_stats(&g).next_seq - 200000,
		    rig_stats(&g).next_seq - 1);
}

/* ---- greeting ---- */

Test(ftfw, says_hello_until_answered_and_answers_once)
{
	uint32_t n;

	start(REPL_CURES_ALL);
	repl_tick(g.r, SEC(11));
	n = said(SEC(11));
	cr_assert_eq(n, 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_ALIVE | H);
	cr_assert_eq(out[0].h.seq, 1000);
	rig_data(&g, SEC(11), 7, H, 1);
	rig_change(&g, 1);
	rig_change(&g, 2);
	n = said(SEC(11));
	cr_assert_eq(count(n, WIRE_CONTROL, HB) + count(n, 0, HB), 1);
	cr_assert_eq(count(n, WIRE_CONTROL, H) + count(n, 0, H), n);
	rig_data(&g, SEC(12), 8, HB, 1);
	rig_change(&g, 1);
	n = said(SEC(12));
	cr_assert_gt(n, 0);
	cr_assert_eq(count(n, WIRE_CONTROL, H) + count(n, 0, H), 0);
	stop();
}

Test(ftfw, hello_back_before_our_hello_is_ignored)
{
	start(REPL_CURES_ALL);
	rig_data(&g, SEC(10), 7, HB, 1);
	cr_assert_not(rig_stats(&g).greeted);
	stop();
}

/* RESYNC under HELLO: what is said before the peer answered our HELLO. */
static uint32_t bulk_under_hello(uint32_t cures)
{
	uint32_t n, objects;

	start(cures);
	for (uint32_t i = 0; i < 50; i++)
		rig_load(&g, i);
	rig_control(&g, SEC(10), 7, WIRE_F_RESYNC | H, 0, 0);
	n = said(SEC(10));
	objects = count(n, 0, H);
	if (cures & REPL_CURE_W4) {
		cr_assert_eq(n, 1);
		cr_assert_eq(out[0].h.flags, WIRE_F_ACK | H | HB);
		cr_assert_eq(out[0].from, 7);
		cr_assert_eq(out[0].to, 7);
		rig_control(&g, SEC(10) + MS(3), 8, WIRE_F_ACK | HB, 1000, 1000);
		n = said(SEC(10) + MS(3));
		cr_assert_eq(count(n, 0, 0), 50);
		cr_assert_eq(count(n, 0, H), 0);
	}
	stop();
	return objects;
}

Test(ftfw, w4_bulk_waits_for_the_answer_to_our_hello)
{
	cr_assert_eq(bulk_under_hello(REPL_CURES_ALL), 0);
	cr_assert_eq(bulk_under_hello(REPL_CURES_ALL & ~REPL_CURE_W4), 50);
}

Test(ftfw, w4_bulk_goes_under_hello_if_nobody_answers_and_again_later)
{
	tick_t now = SEC(10);
	uint32_t n;

	start(REPL_CURES_ALL);
	rig_load(&g, 3);
	rig_control(&g, now, 7, WIRE_F_RESYNC | H, 0, 0);
	cr_assert_eq(said(now), 1);
	cr_assert_leq(repl_deadline(g.r), now + MS(1500));
	pass(now + MS(1499));
	cr_assert_eq(g.bulks, 0);
	now += MS(1500);
	repl_tick(g.r, now);
	n = said(now);
	cr_assert_eq(count(n, 0, H), 1);
	rig_control(&g, now + MS(10), 8, WIRE_F_ACK | HB, 1000, rig_stats(&g).next_seq - 1);
	n = said(now + MS(10));
	cr_assert_eq(count(n, 0, 0), 1);
	cr_assert_eq(count(n, 0, H), 0);
	stop();
}

/* Losses among messages that say HELLO: is the gap asked for? */
static bool asks_under_hello(uint32_t cures)
{
	const struct packet *nack;
	bool asked, lied = false;
	uint32_t n;

	start(cures);
	rig_data(&g, SEC(10), 100, H, 1);
	rig_data(&g, SEC(10), 101, H, 2);
	rig_data(&g, SEC(10), 104, H, 5);
	rig_data(&g, SEC(10), 105, H, 6);
	repl_tick(g.r, SEC(11));
	n = said(SEC(11));
	nack = find(n, WIRE_F_NACK);
	asked = nack && nack->from == 102 && nack->to == 103;
	for (uint32_t i = 0; i < n; i++)
		if (out[i].h.flags & WIRE_F_ACK)
			lied |= out[i].from <= 102 && out[i].to >= 103;
	cr_assert_eq(asked, !lied);
	if (asked) {
		cr_assert_eq(rig_stats(&g).lost, 2);
		cr_assert_eq(rig_data(&g, SEC(11), 102, H, 3), REPL_DROP);
		cr_assert_eq(rig_stats(&g).before, 1);
	}
	stop();
	return asked;
}

Test(ftfw, w4_losses_under_hello_are_asked_for_and_not_acknowledged)
{
	cr_assert(asks_under_hello(REPL_CURES_ALL));
	cr_assert_not(asks_under_hello(REPL_CURES_ALL & ~REPL_CURE_W4));
}

/* A greeting; the greeting goes on; a restart: how many bulks? */
static uint32_t bulks_for_restarts(uint32_t cures)
{
	tick_t now = settle(cures);
	uint32_t n;

	rig_load(&g, 3);
	g.bulks = 0;
	rig_control(&g, now, 90000000, WIRE_F_ALIVE | H, 0, 0);
	said(now);
	rig_control(&g, now, 90000001, WIRE_F_ALIVE | H, 0, 0);
	rig_control(&g, now, 90000002, WIRE_F_ALIVE, 0, 0);
	said(now);
	n = g.bulks;
	rig_control(&g, now + SEC(9), 70000000, WIRE_F_ALIVE | H, 0, 0);
	said(now + SEC(9));
	cr_assert_eq(g.bulks, 2 * n);
	stop();
	return n;
}

Test(ftfw, w5_a_new_incarnation_gets_one_bulk)
{
	cr_assert_eq(bulks_for_restarts(REPL_CURES_ALL), 1);
	cr_assert_eq(bulks_for_restarts(REPL_CURES_ALL & ~REPL_CURE_W5), 0);
}

Test(ftfw, w5_first_contact_without_hello_counts_too)
{
	start(REPL_CURES_ALL);
	rig_load(&g, 3);
	rig_control(&g, SEC(10), 7, WIRE_F_ALIVE, 0, 0);
	said(SEC(10));
	pass(SEC(12));
	cr_assert_eq(g.bulks, 1);
	stop();
}

Test(ftfw, a_new_incarnation_empties_the_window_but_gets_the_last_words)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t n;

	rig_change(&g, 1);
	rig_change(&g, 2);
	said(now);
	rig_destroy(&g, 2);
	said(now);
	cr_assert_eq(rig_stats(&g).window, 2);
	rig_control(&g, now, 90000000, WIRE_F_ALIVE | H, 0, 0);
	n = said(now);
	cr_assert_eq(count(n, 0, 0), 2);
	ack_all(now, 90000001);
	said(now);
	cr_assert_eq(g.done, 1);
	stop();
}

Test(ftfw, control_messages_for_the_old_numbering_do_not_reach_the_new)
{
	tick_t now = settle(REPL_CURES_ALL);
	uint32_t n;

	rig_data(&g, now, 510, 0, 1);              /* a gap: ACK and NACK wait */
	rig_data(&g, now, 90000000, H, 1);
	n = said(now);
	for (uint32_t i = 0; i < n; i++)
		if (out[i].h.flags & (WIRE_F_ACK | WIRE_F_NACK))
			cr_assert_eq(out[i].from, 90000000);
	rig_control(&g, now, 90000001, WIRE_F_NACK, 1000, rig_stats(&g).next_seq);
	n = said(now);
	for (uint32_t i = 0; i < n; i++)
		if (out[i].h.flags & (WIRE_F_ACK | WIRE_F_NACK))
			cr_assert_geq(out[i].from, 90000000);
	stop();
}

/* ---- acknowledgement ---- */

/* Time until three data messages are acknowledged by a node that keeps talking. */
static tick_t ack_delay(uint32_t cures)
{
	tick_t t0 = settle(cures), now = t0;
	uint32_t n;

	for (uint32_t i = 0; i < 3; i++)
		rig_data(&g, now, 503 + i, 0, i);
	for (int i = 0; i < 160; i++, now += MS(50)) {
		if (i % 10 == 0)
			rig_change(&g, 9);
		if (repl_deadline(g.r) <= now)
			repl_tick(g.r, now);
		n = said(now);
		if (find(n, WIRE_F_ACK))
			break;
	}
	stop();
	return now - t0;
}

Test(ftfw, w8_acknowledges_in_time_while_transmitting)
{
	cr_assert_leq(ack_delay(REPL_CURES_ALL), MS(200));
	cr_assert_geq(ack_delay(REPL_CURES_ALL & ~REPL_CURE_W8), SEC(8));
}

Test(ftfw, w8_a_lone_ack_waits_a_second)
{
	tick_t now = settle(REPL_CURES_ALL);

	pass(now + SEC(1));
	said(now + SEC(1));
	now += SEC(1);
	rig_control(&g, now, 503, WIRE_F_ACK, 1, rig_stats(&g).next_seq - 1);
	cr_assert_eq(said(now), 0);
	cr_assert_geq(repl_deadline(g.r), now + MS(900));
	stop();
}

Test(ftfw, full_window_is_acknowledged_at_once)
{
	tick_t now = settle(REPL_CURES_ALL);
	const uint32_t left = 300 - 3;

	for (uint32_t i = 0; i < left - 1; i++)
		rig_data(&g, now, 503 + i, 0, 1);
	cr_assert_eq(said(now), 0);
	rig_data(&g, now, 503 + left - 1, 0, 1);
	cr_assert_eq(said(now), 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_ACK);
	cr_assert_eq(out[0].to, 503 + left - 1);
	stop();
}

Test(ftfw, window_of_one_acknowledges_every_message)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);

	p.ack_window = 1;
	rig_init(&g, &p, SEC(10));
	rig_data(&g, SEC(10), 5, 0, 1);
	said(SEC(10));
	rig_data(&g, SEC(10), 6, 0, 1);
	cr_assert_eq(said(SEC(10)), 1);
	cr_assert_eq(out[0].from, 6);
	cr_assert_eq(out[0].to, 6);
	rig_data(&g, SEC(10), 9, 0, 1);
	cr_assert_eq(said(SEC(10)), 2, "NACK 7..8 and ACK 9");
	stop();
}

Test(ftfw, waiting_acks_that_join_are_sent_as_one)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL & ~REPL_CURE_W4);

	p.ack_window = 5;
	rig_init(&g, &p, SEC(10));
	for (uint32_t i = 0; i < 15; i++)
		rig_data(&g, SEC(10), 100 + i, 0, 1);
	cr_assert_eq(said(SEC(10)), 1);
	cr_assert_eq(out[0].from, 100);
	cr_assert_eq(out[0].to, 114);
	stop();
}

static uint8_t flags_again(uint32_t cures)
{
	uint8_t flags;
	uint32_t n;

	start(cures);
	rig_data(&g, SEC(10), 100, 0, 1);
	repl_tick(g.r, SEC(11));
	n = said(SEC(11));
	cr_assert_eq(find(n, WIRE_F_ACK)->h.flags, WIRE_F_ACK | H);
	rig_data(&g, SEC(11), 101, HB, 1);
	rig_control(&g, SEC(11), 102, WIRE_F_NACK, 1000, 1000);
	n = said(SEC(11));
	flags = find(n, WIRE_F_ACK)->h.flags;
	cr_assert_eq(find(n, WIRE_F_ACK)->from, 100);
	cr_assert_gt(find(n, WIRE_F_ACK)->h.seq, 1000);
	stop();
	return flags;
}

Test(ftfw, w9_a_repeated_control_message_does_not_greet_again)
{
	cr_assert_eq(flags_again(REPL_CURES_ALL), WIRE_F_ACK);
	cr_assert_eq(flags_again(REPL_CURES_ALL & ~REPL_CURE_W9), WIRE_F_ACK | H);
}

/* ---- what is sent and kept ---- */

Test(ftfw, a_change_before_transmission_costs_nothing)
{
	tick_t now = settle(REPL_CURES_ALL);

	rig_change(&g, 1);
	rig_change(&g, 1);
	rig_change(&g, 1);
	cr_assert_eq(said(now), 1);
	cr_assert_eq(out[0].version, 3);
	stop();
}

Test(ftfw, nack_sends_the_present_state_under_a_new_number)
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

Test(ftfw, forgotten_objects_are_nowhere_any_more)
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

Test(ftfw, forget_all_takes_one_kind_only)
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
	stop();
}

Test(ftfw, revived_object_is_not_done)
{
	tick_t now = settle(REPL_CURES_ALL);
	struct repl_obj o;

	rig_change(&g, 1);
	rig_destroy(&g, 1);
	said(now);
	ack_all(now, 503);
	rig_change(&g, 1);                 /* acknowledged, but not collected yet */
	cr_assert_not(repl_done(g.r, &o));
	cr_assert_eq(said(now), 1);
	cr_assert_not(out[0].final);
	stop();
}

Test(ftfw, destroyed_again_while_done_is_sent_again)
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

Test(ftfw, rto_sends_again_what_a_living_peer_does_not_acknowledge)
{
	/* after 2.5, 5, 10, 20, 20 s */
	cr_assert_eq(repeats(REPL_CURES_ALL, true), 5);
	cr_assert_eq(repeats(REPL_CURES_ALL & ~REPL_CURE_RTO, true), 0);
	cr_assert_leq(repeats(REPL_CURES_ALL, false), 1, "a silent peer is left alone");
}

Test(ftfw, rto_goes_in_slices_and_progress_shortens_it)
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

Test(ftfw, hold_keeps_objects_waiting_while_acks_flow)
{
	cr_assert_eq(given_up(REPL_CURES_ALL), 0);
	cr_assert_geq(given_up(REPL_CURES_ALL & ~REPL_CURE_HOLD), 50);
}

Test(ftfw, hold_ends_and_the_peer_is_owed_a_bulk)
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
	g.bulks = 0;
	for (uint32_t i = 1; i < 151; i++)
		rig_change(&g, i);
	n = count(said(now), 0, 0);
	cr_assert(n >= 95 && n <= 100);
	cr_assert_leq(repl_deadline(g.r), now + SEC(2));
	pass(now + MS(1900));
	cr_assert_gt(rig_stats(&g).txq, 0);
	pass(now + MS(2100));
	cr_assert_eq(rig_stats(&g).txq, 0, "sent though the oldest had to go");
	cr_assert_eq(g.own[1].slot, 0);
	cr_assert_eq(g.bulks, 0);
	now += MS(2100);
	rig_control(&g, now, 501, WIRE_F_ACK, rig_stats(&g).next_seq - 60,
		    rig_stats(&g).next_seq - 1);
	n = count(said(now), 0, 0);
	cr_assert_eq(g.bulks, 1);
	cr_assert_gt(n, 0);
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

Test(ftfw, pace_limits_what_is_under_way)
{
	cr_assert_leq(first_burst(REPL_CURES_ALL), 1500 + 256);
	cr_assert_eq(first_burst(REPL_CURES_ALL & ~REPL_CURE_PACE), RIG_OBJECTS);
}

Test(ftfw, a_bulk_to_a_silent_peer_stops_after_what_its_buffer_holds)
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

Test(ftfw, a_second_resync_restarts_the_walk_once)
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

Test(ftfw, bulks_asked_for_again_and_again_are_spaced)
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

Test(ftfw, startup_resync_is_repeated_until_acknowledged)
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
	rig_control(&g, now, 7, WIRE_F_ACK | HB, last, last);
	said(now);
	cr_assert_not(rig_stats(&g).resync_pending);
	repl_tick(g.r, now + SEC(70));
	cr_assert_eq(count(said(now + SEC(70)), WIRE_CONTROL, WIRE_F_RESYNC), 0);
	stop();
}

Test(ftfw, a_peer_that_speaks_without_acknowledging_is_not_pestered)
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

Test(ftfw, a_new_incarnation_is_asked_again)
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

Test(ftfw, w2_a_stray_number_does_not_silence_the_peer)
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

Test(ftfw, w2_a_peer_that_does_not_take_our_numbers_is_greeted_again)
{
	cr_assert(greets_a_deaf_peer(REPL_CURES_ALL));
	cr_assert_not(greets_a_deaf_peer(REPL_CURES_ALL & ~REPL_CURE_W2));
}

/* ---- bad input ---- */

Test(ftfw, bad_headers_change_nothing)
{
	static const struct {
		uint8_t type, flags;
		uint32_t from, to;
	} bad[] = {
		{ 6, 0, 0, 0 }, { 9, 0, 0, 0 }, { 11, 0, 0, 0 }, { 15, 0, 0, 0 },
		{ WIRE_CONTROL, 0, 0, 0 }, { WIRE_CONTROL, 0x01, 0, 0 }, { WIRE_CONTROL, 0x80, 0, 0 },
		{ WIRE_CONTROL, H, 0, 0 }, { WIRE_CONTROL, HB, 0, 0 },
		{ 0, WIRE_F_ACK, 0, 0 }, { 0, 0x01, 0, 0 }, { 0, 0x80, 0, 0 },
		{ 1, WIRE_F_RESYNC, 0, 0 }, { 2, WIRE_F_ALIVE, 0, 0 },
		{ WIRE_CONTROL, WIRE_F_ACK, 10, 5 }, { WIRE_CONTROL, WIRE_F_NACK, 10, 5 },
	};
	tick_t now = settle(REPL_CURES_ALL);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct packet p = {
			.h = { 1, bad[i].type, bad[i].flags, 8, 503 },
			.from = bad[i].from,
			.to = bad[i].to,
		};

		cr_assert_eq(rig_input(&g, now, &p), REPL_BAD, "%zu", i);
		cr_assert_eq(rig_stats(&g).last_seq, 502, "%zu", i);
	}
	cr_assert_eq(rig_control(&g, now, 503, WIRE_F_ACK | WIRE_F_NACK, 5, 10), REPL_HANDLED,
		     "both: taken as ACK");
	cr_assert_eq(rig_control(&g, now, 504, WIRE_F_ALIVE | 0x81, 0, 0), REPL_HANDLED);
	stop();
}

Test(ftfw, ranges_of_any_size_cost_what_they_remove)
{
	tick_t now = settle(REPL_CURES_ALL);

	g.limit = RIG_OBJECTS;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		rig_change(&g, i);
	while (rig_stats(&g).txq) {
		said(now);
		now += MS(2);
		repl_tick(g.r, now);
	}
	rig_control(&g, now, 503, WIRE_F_NACK, rig_stats(&g).next_seq + 1, 0x7fffffff);
	rig_control(&g, now, 504, WIRE_F_ACK, rig_stats(&g).next_seq, 0x7fffffff);
	rig_control(&g, now, 505, WIRE_F_ACK, 1, 1);
	cr_assert_eq(rig_stats(&g).window, RIG_OBJECTS);
	rig_control(&g, now, 506, WIRE_F_ACK, 1, 0x7fffffff);
	cr_assert_eq(rig_stats(&g).window, 0);
	stop();
}

Test(ftfw, window_is_shown_in_number_order_over_the_wrap)
{
	struct repl_params p = rig_ftfw(0xfffffffd, REPL_CURES_ALL);
	uint32_t pos = 0;
	struct repl_send s;

	rig_init(&g, &p, SEC(10));
	for (uint32_t i = 0; i < 6; i++)
		rig_change(&g, i);
	said(SEC(10));
	for (uint32_t i = 0; i < 6; i++) {
		cr_assert(repl_window_next(g.r, &pos, &s));
		cr_assert_eq(s.seq, 0xfffffffd + i);
		cr_assert_eq(s.obj.ref, i);
	}
	cr_assert_not(repl_window_next(g.r, &pos, &s));
	rig_control(&g, SEC(10), 1, WIRE_F_ACK, 0xfffffffe, 1);
	cr_assert_eq(rig_stats(&g).window, 2);
	stop();
}

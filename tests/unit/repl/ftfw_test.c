// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Greeting, receiving and acknowledging against a scripted peer: each cure on
 * and off, and what holds whatever the cures. What the reference does is in
 * doc/protocol.md (synchronisation modes, weaknesses).
 */
#include <criterion/criterion.h>
#include "peer.h"

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

Test(ftfw, a_first_hello_is_answered_at_once)
{
	uint32_t n;

	start(REPL_CURES_ALL);
	rig_control(&g, SEC(10), 7, WIRE_F_ALIVE | H, 0, 0);
	n = said(SEC(10));
	cr_assert_eq(n, 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_ACK | H | HB);
	rig_control(&g, SEC(10), 8, WIRE_F_ALIVE | H, 0, 0);
	cr_assert_eq(said(SEC(10)), 0, "the next ones are not");
	stop();
}

Test(ftfw, an_operators_bulk_greets_first)
{
	start(REPL_CURES_ALL);
	rig_load(&g, 1);
	repl_request_bulk(g.r);
	cr_assert_eq(said(SEC(10)), 1);
	cr_assert_eq(out[0].h.flags, WIRE_F_ALIVE | H);
	rig_control(&g, SEC(10), 8, WIRE_F_ACK | HB, 1000, 1000);
	cr_assert_eq(count(said(SEC(10)), 0, 0), 1);
	stop();
}

Test(ftfw, w29_starts_at_a_random_number)
{
	struct repl_params p = rig_ftfw(0, REPL_CURES_ALL);
	uint32_t first[3];
	struct rng rng;

	p.has_first_seq = false;
	rng_seed(&rng, 42);
	for (int i = 0; i < 3; i++) {
		struct repl *r = repl_new(&p, &rng, SEC(1));
		struct repl_stats st;

		repl_get_stats(r, &st);
		first[i] = st.next_seq;
		repl_free(r);
	}
	cr_assert(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
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

	rig_data(&g, now, 510, 0, 1); /* a gap: ACK and NACK wait */
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

Test(ftfw, a_new_incarnation_starts_a_new_window)
{
	tick_t now = settle(REPL_CURES_ALL);

	for (uint32_t i = 0; i < 290; i++)
		rig_data(&g, now, 503 + i, 0, 1);
	rig_data(&g, now, 90000000, H, 1);
	said(now);
	for (uint32_t i = 1; i < 299; i++) {
		rig_data(&g, now, 90000000 + i, 0, 1);
		cr_assert_eq(said(now), 0, "%u", i);
	}
	rig_data(&g, now, 90000299, 0, 1);
	cr_assert_eq(said(now), 1);
	stop();
}

Test(ftfw, timers_move_on_though_nothing_is_taken)
{
	start(REPL_CURES_ALL);
	rig_data(&g, SEC(10), 5, 0, 1);
	for (int i = 0; i < 100; i++) {
		const tick_t at = repl_deadline(g.r);

		repl_tick(g.r, at > SEC(10) ? at : SEC(10));
		cr_assert(repl_deadline(g.r) > at || at == 0);
	}
	cr_assert_leq(rig_stats(&g).txq, 3);
	stop();
}

Test(ftfw, limits_of_zero_mean_one)
{
	struct repl_params p = rig_ftfw(1000, REPL_CURES_ALL);

	p.ack_window = 0;
	p.resend_limit = 0;
	rig_init(&g, &p, SEC(10));
	rig_change(&g, 1);
	rig_change(&g, 2);
	rig_data(&g, SEC(10), 5, 0, 1);
	rig_data(&g, SEC(10), 6, 0, 1);
	said(SEC(10));
	cr_assert_eq(rig_stats(&g).window_max, 1);
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

/* ---- bad input ---- */

Test(ftfw, bad_headers_change_nothing)
{
	static const struct {
		uint8_t type, flags;
		uint32_t from, to;
	} bad[] = {
		{ 6, 0, 0, 0 },
		{ 9, 0, 0, 0 },
		{ 11, 0, 0, 0 },
		{ 15, 0, 0, 0 },
		{ WIRE_CONTROL, 0, 0, 0 },
		{ WIRE_CONTROL, 0x01, 0, 0 },
		{ WIRE_CONTROL, 0x80, 0, 0 },
		{ WIRE_CONTROL, H, 0, 0 },
		{ WIRE_CONTROL, HB, 0, 0 },
		{ 0, WIRE_F_ACK, 0, 0 },
		{ 0, 0x01, 0, 0 },
		{ 0, 0x80, 0, 0 },
		{ 1, WIRE_F_RESYNC, 0, 0 },
		{ 2, WIRE_F_ALIVE, 0, 0 },
		{ WIRE_CONTROL, WIRE_F_ACK, 10, 5 },
		{ WIRE_CONTROL, WIRE_F_NACK, 10, 5 },
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

/* Each gap is worth an ACK and a NACK, but our link takes nothing. */
Test(ftfw, w1_answers_that_wait_are_bounded)
{
	tick_t now = settle(REPL_CURES_ALL);

	for (uint32_t i = 0; i < 2000; i++)
		rig_control(&g, now, 510 + 10 * i, WIRE_F_ALIVE, 0, 0);
	cr_assert_leq(rig_stats(&g).txq, 1100);
	cr_assert_gt(rig_stats(&g).txq_full, 1000);
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

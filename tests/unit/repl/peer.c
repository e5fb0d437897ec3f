// SPDX-License-Identifier: GPL-2.0-or-later
/* One FT-FW session against a scripted peer. */
#include "peer.h"

#include <criterion/criterion.h>

struct rig g;
struct packet out[RIG_OBJECTS + 64];

void start(uint32_t cures)
{
	const struct repl_params p = rig_ftfw(1000, cures);

	rig_init(&g, &p, SEC(10));
	g.limit = 64;
}

void stop(void)
{
	rig_check(&g);
	rig_fini(&g);
}

uint32_t said(tick_t now)
{
	const uint32_t n = rig_drain(&g, now, out, RIG_OBJECTS + 64);

	rig_check(&g);
	return n;
}

uint32_t pass(tick_t until)
{
	uint32_t n = 0;

	while (repl_deadline(g.r) <= until) {
		const tick_t at = repl_deadline(g.r);

		repl_tick(g.r, at);
		n += said(at);
	}
	return n;
}

uint32_t count(uint32_t n, uint8_t type, uint8_t flags)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < n; i++)
		hits += (out[i].h.type == WIRE_CONTROL) == (type == WIRE_CONTROL) &&
			(out[i].h.flags & flags) == flags;
	return hits;
}

const struct packet *find(uint32_t n, uint8_t flag)
{
	for (uint32_t i = 0; i < n; i++)
		if (out[i].h.type == WIRE_CONTROL && (out[i].h.flags & flag))
			return &out[i];
	return NULL;
}

tick_t settle(uint32_t cures)
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

void ack_all(tick_t now, uint32_t seq)
{
	rig_control(&g, now, seq, WIRE_F_ACK, rig_stats(&g).next_seq - 200000,
		    rig_stats(&g).next_seq - 1);
}

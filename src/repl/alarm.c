// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ALARM: every object is sent when it changes and - by the owner, in time -
 * again and again. No control message is sent, and whatever carries a flag is
 * ignored. Numbers are watched for the statistics alone.
 */
#include "session.h"

static enum repl_verdict alarm_input(struct repl *r, tick_t now, const struct wire_msg *m)
{
	bool fresh; /* CacheTimeout takes what is stale */

	if (m->h.flags)
		return REPL_DROP;
	(void)track_watch(&r->rx, now, m->h.seq, &fresh);
	session_heard(r, now);
	return REPL_DATA;
}

static bool alarm_output(struct repl *r, tick_t now, struct repl_send *s)
{
	const uint32_t h = txq_first(&r->q, false);

	if (!h)
		return false;
	session_emit(r, now, h, s);
	session_release(r, h);
	return true;
}

static void alarm_tick(struct repl *r, tick_t now)
{
	(void)now;
	r->behind = false; /* the next refresh brings it */
}

static tick_t alarm_deadline(const struct repl *r)
{
	(void)r;
	return TICK_NEVER;
}

const struct repl_ops alarm_ops = {
	.input = alarm_input,
	.output = alarm_output,
	.tick = alarm_tick,
	.deadline = alarm_deadline,
	.bulk_room = bulk_room_unacked,
	.bulk_pause = 10 * TICK_MSEC,
};

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NOTRACK: fire and forget. Numbers are watched for the statistics; a gap can
 * only be repaired by asking for everything again, which is done seldom (W3).
 */
#include "session.h"

static enum repl_verdict notrack_input(struct repl *r, tick_t now, const struct wire_msg *m)
{
	const bool data = session_is_data(m);
	const bool resync = m->h.type == WIRE_CONTROL && (m->h.flags & WIRE_F_RESYNC);
	const bool alive = m->h.type == WIRE_CONTROL && (m->h.flags & WIRE_F_ALIVE);

	bool fresh;

	if (!data && !resync && !alive)
		return REPL_BAD;
	if (track_watch(&r->rx, now, m->h.seq, &fresh)) {
		r->lost_at = now;
		if (cured(r, REPL_CURE_W3))
			resync_auto(r, now);
	}
	r->fresh = r->fresh || fresh;
	session_heard(r, now);
	resync_heard(r, now, data);
	if (data)
		return REPL_DATA;
	if (resync) {
		r->st.resyncs_in++;
		bulk_want(r);
	}
	return REPL_HANDLED;
}

static bool notrack_output(struct repl *r, tick_t now, struct repl_send *s)
{
	const uint32_t h = txq_first(&r->q, false);

	if (!h)
		return false;
	session_emit(r, now, h, s);
	if (!s->is_object && (s->flags & WIRE_F_RESYNC))
		resync_sent(r, now, s);
	session_release(r, h);
	return true;
}

static void notrack_tick(struct repl *r, tick_t now)
{
	if (r->behind) {
		r->behind = false;
		bulk_want(r);
	}
	if (r->alive_at > now)
		return;
	r->alive_at = tick_add(now, SESSION_SECOND);
	session_alive(r);
}

static tick_t notrack_deadline(const struct repl *r)
{
	(void)r;
	return TICK_NEVER;
}

const struct repl_ops notrack_ops = {
	.input = notrack_input,
	.output = notrack_output,
	.tick = notrack_tick,
	.deadline = notrack_deadline,
	.bulk_room = bulk_room_unacked,
	.bulk_pause = 10 * TICK_MSEC,
};

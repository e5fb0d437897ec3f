// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sending everything: when a walk over the owner's caches starts, and how much
 * of it may be queued at a time. The reference queues all at once and writes it
 * in one go (W7), under HELLO if it comes to that (W4); here the peer is greeted
 * first if it answers soon, and the amount under way stays below what a default
 * receive buffer takes. With acknowledgements the pace is set where elements
 * leave (unacked.c) and this only keeps the queue short; without, a token
 * bucket meters the walk.
 *
 * state  event                               next
 * -----  ----------------------------------  -------------------------------------
 * idle   wanted                              owed
 * owed   wanted                              owed
 *        greeted or waited long enough, and  running, walk from the beginning
 *        the last bulks were not just now
 * run    wanted, nothing queued yet          running
 *        wanted, first time                  running, walk from the beginning
 *        wanted, later                       running, owed when done
 *        walk done                           idle, or owed
 */
#include <assert.h>
#include "session.h"

#define GREET_WAIT  (1500 * TICK_MSEC)
#define SPACING     (5 * TICK_SEC) /* between bulks in the long run ... */
#define SPACING_ALL (3 * SPACING)  /* ... three may follow at once */
#define POLL        (10 * TICK_MSEC)
#define WALK_PAUSE  TICK_MSEC
#define PACE_BURST  500
#define PACE_RATE   20000
#define PACE_CREDIT 128
#define NO_PACE     (1u << 20)
#define TELL_TIMES  5
#define TELL_PAUSE  (400 * TICK_MSEC)

void bulk_init(struct bulk *b)
{
	*b = (struct bulk){ .wake = TICK_NEVER, .tell_at = TICK_NEVER };
	ratelim_init(&b->pace, PACE_BURST, PACE_RATE);
}

static bool must_greet(const struct repl *r)
{
	return cured(r, REPL_CURE_W4) && r->greet != GREET_DONE;
}

void bulk_want(struct repl *r)
{
	struct bulk *b = &r->bulk;

	if (must_greet(r))
		r->prompt = true;
	switch (b->state) {
	case BULK_IDLE:
		b->state = BULK_OWED;
		b->settled = false;
		b->wake = 0;
		break;
	case BULK_OWED:
		break;
	case BULK_RUN:
		if (!b->walked)
			break;
		if (b->restarted)
			b->again = true;
		b->restart = !b->restarted;
		b->restarted = true;
		b->walked = false;
		b->walk_over = false;
		break;
	}
}

static void start(struct bulk *b, tick_t now)
{
	b->state = BULK_RUN;
	b->walk_over = false;
	b->restart = true;
	b->walked = false;
	b->restarted = false;
	b->again = false;
	b->tat = tick_add(b->tat > now ? b->tat : now, SPACING);
}

/* Start an owed bulk if its time has come. */
static void advance(struct repl *r, tick_t now)
{
	struct bulk *b = &r->bulk;
	tick_t due = tick_since(b->tat, SPACING_ALL - SPACING);

	if (b->state != BULK_OWED)
		return;
	if (!b->settled) {
		b->settled = true;
		b->greet_until = tick_add(now, GREET_WAIT);
	}
	if (must_greet(r) && b->greet_until > due)
		due = b->greet_until;
	b->wake = due;
	if (due <= now)
		start(b, now);
}

void bulk_tick(struct repl *r, tick_t now)
{
	struct bulk *b = &r->bulk;

	if (b->tell_at <= now) {
		session_alive(r);
		b->tell--;
		b->tell_at = b->tell ? tick_add(now, TELL_PAUSE) : TICK_NEVER;
	}
	if (b->wake > now)
		return;
	advance(r, now);
	if (b->wake <= now)
		b->wake = tick_add(now, POLL); /* nobody walks: ask again later */
}

tick_t bulk_deadline(const struct repl *r)
{
	return tick_min(r->bulk.state == BULK_IDLE ? TICK_NEVER : r->bulk.wake, r->bulk.tell_at);
}

uint32_t bulk_room_unacked(struct repl *r, tick_t now)
{
	struct bulk *b = &r->bulk;

	if (!cured(r, REPL_CURE_PACE))
		return NO_PACE;
	if (!b->credit)
		b->credit = ratelim_take(&b->pace, now, PACE_CREDIT);
	return b->credit;
}

uint32_t repl_bulk_room(struct repl *r, tick_t now, bool *restart)
{
	struct bulk *b = &r->bulk;
	uint32_t room;

	*restart = false;
	advance(r, now);
	if (b->state != BULK_RUN)
		return 0;
	room = r->ops->bulk_room(r, now);
	b->wake = tick_add(now, room ? WALK_PAUSE : r->ops->bulk_pause);
	if (room) {
		*restart = b->restart;
		if (b->restart) {
			b->began = now;
			b->whole = true;
		}
		b->restart = false;
	}
	return room;
}

int repl_bulk_changed(struct repl *r, struct repl_obj o, uint32_t *slot)
{
	const int err = repl_changed(r, o, slot);

	if (err == 0)
		txq_mark_bulk(&r->q, *slot);
	else
		r->bulk.whole = false;
	return err;
}

void repl_bulk_partial(struct repl *r)
{
	r->bulk.whole = false;
}

/*
 * A node of our own kind wants to know when a bulk is complete, because what it
 * has and the bulk did not confirm is stale. ALIVE carries that and is not
 * retransmitted, so it is said several times.
 */
void bulk_check(struct repl *r, tick_t now)
{
	struct bulk *b = &r->bulk;

	if (!b->walk_over || r->q.bulk_out)
		return;
	b->walk_over = false;
	if (!b->whole)
		return;
	b->complete++;
	b->complete_began = b->began;
	b->tell = TELL_TIMES;
	b->tell_at = r->p.ident ? now : TICK_NEVER;
}

void repl_bulk_step(struct repl *r, tick_t now, uint32_t n, bool done)
{
	struct bulk *b = &r->bulk;

	assert(b->state == BULK_RUN && !b->restart);
	b->walked = b->walked || n > 0;
	b->credit -= n < b->credit ? n : b->credit;
	if (!done)
		return;
	b->state = BULK_IDLE;
	b->walk_over = true;
	b->wake = TICK_NEVER;
	b->sent++;
	if (b->again)
		bulk_want(r);
	advance(r, now);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The face of a session: what is common to all modes, and the way to the mode
 * at hand. A session is pull driven; nothing here calls back.
 */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FLOOR_BURST 256
#define FLOOR_RATE  60000 /* messages/s though nothing is acknowledged */

static const struct repl_ops *const modes[] = {
	[REPL_NOTRACK] = &notrack_ops,
	[REPL_FTFW] = &ftfw_ops,
	[REPL_ALARM] = &alarm_ops,
};

static void init_timers(struct repl *r, tick_t now)
{
	r->alive_at = r->p.mode == REPL_ALARM ? TICK_NEVER : tick_add(now, SESSION_SECOND);
	r->ack_at = TICK_NEVER;
	r->hold_at = TICK_NEVER;
	r->pace_at = TICK_NEVER;
	r->rto = (struct rto){ .at = TICK_NEVER, .interval = 2500 * TICK_MSEC };
}

/* Numbers are spent on more than objects, so they may spread further than the limit. */
static uint32_t window_span(uint32_t resend_limit)
{
	return resend_limit < UINT32_MAX / 2 ? 2 * resend_limit : UINT32_MAX;
}

struct repl *repl_new(const struct repl_params *p, struct rng *rng, tick_t now)
{
	struct repl *r = calloc(1, sizeof(*r));

	assert(p->mode <= REPL_ALARM);
	if (!r)
		return NULL;
	r->p = *p;
	r->ops = modes[p->mode];
	r->p.ack_window = p->ack_window ? p->ack_window : 1;
	r->p.resend_limit = p->resend_limit ? p->resend_limit : 1;
	r->countdown = r->p.ack_window;
	if (!p->has_first_seq)
		r->p.first_seq = rng_u32(rng);
	r->next_seq = r->p.first_seq;
	r->lost_at = TICK_NEVER;
	r->greet = p->mode == REPL_FTFW ? GREET_UNSAID : GREET_DONE;
	txq_init(&r->q);
	window_init(&r->win, window_span(r->p.resend_limit));
	ratelim_init(&r->pace, FLOOR_BURST, FLOOR_RATE);
	bulk_init(&r->bulk);
	resync_init(&r->rs, p->mode == REPL_FTFW);
	init_timers(r, now);
	if (p->startup_resync)
		repl_request_resync(r);
	return r;
}

void repl_free(struct repl *r)
{
	if (!r)
		return;
	txq_fini(&r->q);
	window_fini(&r->win);
	free(r);
}

/* ---- owner ---- */

int repl_changed(struct repl *r, struct repl_obj o, uint32_t *slot)
{
	struct node *n;

	if (!*slot) {
		if (txq_add_object(&r->q, o, slot))
			return 0;
		r->behind = true;
		return -ENOMEM;
	}
	n = txq_node(&r->q, *slot);
	assert(n->slot == slot && n->obj.ref == o.ref && n->obj.kind == o.kind);
	switch ((enum node_state)n->state) {
	case NODE_QUEUED:
		break;
	case NODE_SENT:
		unacked_again(r, *slot);
		break;
	case NODE_DONE:
		txq_take(&r->q, *slot);
		txq_again(&r->q, *slot);
		break;
	}
	return 0;
}

void repl_final(struct repl *r, uint32_t *slot)
{
	struct node *n = txq_node(&r->q, *slot);

	assert(*slot != 0 && n->slot == slot);
	n->final = true;
}

void repl_revive(struct repl *r, uint32_t *slot)
{
	struct node *n = txq_node(&r->q, *slot);

	assert(*slot != 0 && n->slot == slot);
	n->final = false;
	if (n->state == NODE_DONE) {
		txq_take(&r->q, *slot);
		session_release(r, *slot);
	}
}

/* Out of whatever holds it. */
static void remove_node(struct repl *r, uint32_t h)
{
	struct node *n = txq_node(&r->q, h);

	if (n->state == NODE_SENT)
		unacked_del(r, h);
	else
		txq_take(&r->q, h);
	txq_free(&r->q, h);
}

void repl_forget(struct repl *r, uint32_t *slot)
{
	if (!*slot)
		return;
	assert(txq_node(&r->q, *slot)->slot == slot);
	remove_node(r, *slot);
	*slot = 0;
}

void repl_give_up(struct repl *r, uint32_t *slot)
{
	assert(*slot != 0);
	r->behind = true;
	r->bulk.whole = false;
	r->st.window_full++;
	repl_forget(r, slot);
}

bool repl_away(const struct repl *r, tick_t now)
{
	return !session_speaks(r, now);
}

static void forget_list(struct repl *r, const struct node_list *l, uint32_t kind)
{
	uint32_t h, next;

	for (h = l->head; h; h = next) {
		next = txq_node(&r->q, h)->next;
		if (txq_node(&r->q, h)->obj.kind == kind)
			remove_node(r, h);
	}
}

void repl_forget_all(struct repl *r, uint32_t kind)
{
	uint32_t h, seq = r->win.base;

	r->bulk.whole = false; /* what is under way is not everything any more */
	forget_list(r, &r->q.obj, kind);
	forget_list(r, &r->q.done, kind);
	for (; (h = window_find(&r->win, &seq)); seq++)
		if (txq_node(&r->q, h)->is_object && txq_node(&r->q, h)->obj.kind == kind)
			remove_node(r, h);
}

static void move_list(struct repl *r, const struct node_list *l,
		      uint32_t *(*word)(void *ctx, struct repl_obj o), void *ctx)
{
	for (uint32_t h = l->head; h; h = txq_node(&r->q, h)->next)
		txq_node(&r->q, h)->slot = word(ctx, txq_node(&r->q, h)->obj);
}

void repl_moved(struct repl *r, uint32_t *(*word)(void *ctx, struct repl_obj o), void *ctx)
{
	uint32_t h, seq = r->win.base;

	move_list(r, &r->q.obj, word, ctx);
	move_list(r, &r->q.done, word, ctx);
	for (; (h = window_find(&r->win, &seq)); seq++)
		if (txq_node(&r->q, h)->is_object)
			txq_node(&r->q, h)->slot = word(ctx, txq_node(&r->q, h)->obj);
}

void repl_set_limits(struct repl *r, uint32_t ack_window, uint32_t resend_limit)
{
	r->p.ack_window = ack_window ? ack_window : 1;
	r->p.resend_limit = resend_limit ? resend_limit : 1;
	if (r->countdown > r->p.ack_window)
		r->countdown = r->p.ack_window;
	window_widen(&r->win, window_span(r->p.resend_limit));
}

bool repl_gap_since(const struct repl *r, tick_t t)
{
	return r->p.mode != REPL_FTFW && r->lost_at != TICK_NEVER && r->lost_at >= t;
}

bool repl_fresh_peer(struct repl *r)
{
	const bool fresh = r->fresh;

	r->fresh = false;
	return fresh;
}

void repl_request_resync(struct repl *r)
{
	if (r->p.mode != REPL_ALARM)
		resync_request(r);
}

bool repl_resync_later(struct repl *r, tick_t now)
{
	return r->p.mode != REPL_ALARM && resync_auto(r, now);
}

void repl_request_bulk(struct repl *r)
{
	if (r->p.mode != REPL_ALARM)
		bulk_want(r);
}

void repl_lost(struct repl *r)
{
	if (r->p.mode == REPL_NOTRACK)
		bulk_want(r);
}

/* ---- bytes and time ---- */

enum repl_verdict repl_input(struct repl *r, tick_t now, const struct wire_msg *m)
{
	return r->ops->input(r, now, m);
}

bool repl_output(struct repl *r, tick_t now, struct repl_send *s)
{
	bulk_check(r, now);
	return r->ops->output(r, now, s);
}

bool repl_done(struct repl *r, struct repl_obj *o)
{
	const uint32_t h = r->q.done.head;
	struct node *n;

	if (!h)
		return false;
	n = txq_node(&r->q, h);
	*o = n->obj;
	*n->slot = 0;
	txq_take(&r->q, h);
	txq_free(&r->q, h);
	return true;
}

tick_t repl_deadline(const struct repl *r)
{
	const tick_t t = tick_min(bulk_deadline(r), resync_deadline(r));

	return tick_min(tick_min(t, r->alive_at), r->ops->deadline(r));
}

void repl_tick(struct repl *r, tick_t now)
{
	r->ops->tick(r, now);
	resync_tick(r, now);
	bulk_check(r, now);
	bulk_tick(r, now);
}

/* ---- reports ---- */

static tick_t oldest_sent(const struct repl *r)
{
	uint32_t seq = r->win.base;
	const uint32_t h = window_find(&r->win, &seq);

	return h ? txq_node(&r->q, h)->sent : TICK_NEVER;
}

void repl_get_stats(const struct repl *r, struct repl_stats *st)
{
	*st = r->st;
	st->txq = r->q.obj.count + r->q.ctl.count;
	st->window = r->win.count;
	st->oldest_sent = oldest_sent(r);
	st->window_objects = r->win_objects;
	st->txq_max = UINT32_MAX;
	st->window_max = r->p.mode == REPL_FTFW ? r->p.resend_limit : 0;
	st->lost = r->rx.lost;
	st->before = r->rx.before;
	st->bulks = r->bulk.sent;
	st->next_seq = r->next_seq;
	st->last_seq = r->rx.last;
	st->greeted = r->p.mode == REPL_FTFW && r->greet == GREET_DONE;
	st->bulk_running = r->bulk.state != BULK_IDLE;
	st->resync_pending = r->rs.pending;
}

/*
 * The position is one past the number shown last, counted from the first number
 * of the session, so that 0 can mean "start". The number that would give 0 is
 * passed over.
 */
bool repl_window_next(const struct repl *r, uint32_t *pos, struct repl_send *s)
{
	uint32_t seq = *pos ? r->p.first_seq + *pos : r->win.base, h;

	h = window_find(&r->win, &seq);
	if (h && seq + 1 == r->p.first_seq) {
		seq++;
		h = window_find(&r->win, &seq);
	}
	if (!h)
		return false;
	*pos = seq + 1 - r->p.first_seq;
	session_describe(txq_node(&r->q, h), s);
	return true;
}

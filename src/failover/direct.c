// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the kernel in step with what one peer says. Each cache has a queue of the
 * entries to be written, linked through their first slot; the second has what
 * is known of the kernel's side. Deletion goes through the same queue, so that
 * it cannot overtake the creation before it, and the entry stays until then.
 */
#include "failover/direct.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "attempt.h"
#include "inject.h"

/* Second slot: these bits, a count of tries, and from bit 10 on the time of the next refresh. */
#define IN_QUEUE  0x01u
#define BUSY      0x02u /* an attempt is under way ... */
#define AGAIN     0x04u /* ... and must be followed by another */
#define COPY      0x08u /* in the kernel because we put it there */
#define KNOWN     0x10u /* was tried before */
#define ENDED     0x20u
#define FORGOTTEN 0x40u /* out of the cache when its turn comes */
#define OTHER     0x80u /* what the kernel has is of an earlier life */
#define TRIES_BIT 8     /* two bits */
#define TRIES_MAX 3u
#define DUE_BIT   10
#define DUE_MASK  0x3fffffu /* seconds, modulo */

#define LAST  UINT32_MAX /* link of the last one in a queue */
#define RETRY (500 * TICK_MSEC)
#define STEP  (100 * TICK_MSEC)
#define STEPS 10u /* of one round over all entries */

struct queue {
	cache_ref head, tail;
};

struct side {
	struct cache *c;
	struct queue now, later;
};

struct direct {
	struct side side[2]; /* flows, expectations */
	tick_t retry_at;     /* the queues "later" come back; TICK_NEVER: empty */
	tick_t step_at;
	struct cache_walk walk;
	struct direct_stats st;
	struct attempts as;
};

static uint32_t *word(const struct side *s, cache_ref ref)
{
	return &cache_slots(s->c, ref)[1];
}

/* ---- queues ---- */

static void push(struct side *s, struct queue *q, cache_ref ref)
{
	assert(!(*word(s, ref) & IN_QUEUE));
	*word(s, ref) |= IN_QUEUE;
	*cache_slots(s->c, ref) = LAST;
	if (q->head)
		*cache_slots(s->c, q->tail) = ref;
	else
		q->head = ref;
	q->tail = ref;
}

static cache_ref pop(struct side *s, struct queue *q)
{
	const cache_ref ref = q->head;
	uint32_t *link;

	if (!ref)
		return 0;
	link = cache_slots(s->c, ref);
	q->head = *link == LAST ? 0 : *link;
	*link = 0;
	*word(s, ref) &= ~IN_QUEUE;
	return ref;
}

/* Everything that waited goes behind what is queued. */
static void append(struct side *s)
{
	if (!s->later.head)
		return;
	if (s->now.head)
		*cache_slots(s->c, s->now.tail) = s->later.head;
	else
		s->now.head = s->later.head;
	s->now.tail = s->later.tail;
	s->later.head = 0;
}

static void wanted(struct side *s, cache_ref ref)
{
	uint32_t *w = word(s, ref);

	if (*w & BUSY)
		*w |= AGAIN;
	else if (!(*w & IN_QUEUE))
		push(s, &s->now, ref);
}

/* ---- from the peer ---- */

struct direct *direct_new(const struct direct_params *p)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->side[0].c = p->flows;
	d->side[1].c = p->expects;
	d->as.window_tracking = p->window_tracking;
	d->retry_at = TICK_NEVER;
	d->step_at = TICK_NEVER;
	return d;
}

void direct_set_window_tracking(struct direct *d, bool on)
{
	d->as.window_tracking = on;
}

void direct_free(struct direct *d)
{
	free(d);
}

void direct_put(struct direct *d, bool expect, cache_ref ref, bool copy)
{
	struct side *s = &d->side[expect];

	*word(s, ref) &= ~(ENDED | FORGOTTEN | (TRIES_MAX << TRIES_BIT));
	if (copy)
		*word(s, ref) |= COPY;
	wanted(s, ref);
	if (d->step_at == TICK_NEVER)
		d->step_at = 0;
}

void direct_put_other(struct direct *d, cache_ref flow)
{
	*word(&d->side[0], flow) |= OTHER;
	direct_put(d, false, flow, false);
}

bool direct_end(struct direct *d, bool expect, cache_ref ref)
{
	uint32_t *w = word(&d->side[expect], ref);

	if (*w & (ENDED | FORGOTTEN))
		return false;
	*w |= ENDED;
	wanted(&d->side[expect], ref);
	return true;
}

bool direct_ended(const struct direct *d, bool expect, cache_ref ref)
{
	return (*word(&d->side[expect], ref) & (ENDED | FORGOTTEN)) != 0;
}

/* Attempts under way come to their end, but belong to no entry any more. */
static void orphan(struct direct *d, bool expect, cache_ref ref)
{
	for (unsigned int i = 0; i < KOP_BATCH; i++) {
		struct attempt *it = &d->as.items[i];

		if (it->used && it->is_expect == expect && (!ref || it->tag == ref))
			it->tag = 0;
	}
}

/* Out of the cache. */
static void drop(struct side *s, cache_ref ref)
{
	assert(!(*word(s, ref) & IN_QUEUE));
	*word(s, ref) = 0;
	cache_del(s->c, ref);
}

void direct_forget(struct direct *d, bool expect, cache_ref ref)
{
	struct side *s = &d->side[expect];

	if (*word(s, ref) & ENDED)
		return; /* it is on its way out already */
	if (*word(s, ref) & BUSY)
		orphan(d, expect, ref);
	if (*word(s, ref) & IN_QUEUE)
		*word(s, ref) |= FORGOTTEN;
	else
		drop(s, ref);
}

void direct_cleared(struct direct *d, bool expect)
{
	d->side[expect].now.head = d->side[expect].later.head = 0;
	if (!expect)
		d->walk = (struct cache_walk){ 0 };
	orphan(d, expect, 0);
}

bool direct_is_copy(const struct direct *d, cache_ref flow)
{
	return (*word(&d->side[0], flow) & COPY) != 0;
}

void direct_disown(struct direct *d, cache_ref flow)
{
	*word(&d->side[0], flow) &= ~COPY;
}

/* ---- to the kernel ---- */

static uint32_t seconds(tick_t t)
{
	return (uint32_t)(t / TICK_SEC) & DUE_MASK;
}

static uint32_t due_of(uint32_t w)
{
	return w >> DUE_BIT;
}

/* Seconds from a to b, as a signed distance. */
static int32_t distance(uint32_t a, uint32_t b)
{
	const uint32_t d = (b - a) & DUE_MASK;

	return d > DUE_MASK / 2 ? (int32_t)d - (int32_t)DUE_MASK - 1 : (int32_t)d;
}

/* The owner speaks, so the lifetime it told of last is the one to write. */
static uint32_t lifetime(bool given, uint32_t timeout)
{
	if (!given)
		return INJECT_LIFETIME_UNKNOWN;
	return timeout ? timeout : 1;
}

/* Written with "life" seconds: look at it again when half of them are over. */
static void written(const struct side *s, tick_t now, cache_ref ref, uint32_t life)
{
	uint32_t half = life / 2;

	if (half > DUE_MASK / 4)
		half = DUE_MASK / 4;
	*word(s, ref) = (*word(s, ref) & ((1u << DUE_BIT) - 1)) | ((seconds(now) + half) & DUE_MASK)
									  << DUE_BIT;
}

/* What is left of it in the kernel if nobody but us has touched it. */
static uint32_t left(uint32_t w, tick_t now, uint32_t life)
{
	const int64_t rest = (int64_t)distance(seconds(now), due_of(w)) + life - life / 2;

	return rest > 0 ? (uint32_t)rest : 0;
}

static enum attempt_stage first_stage(uint32_t w)
{
	if (w & ENDED)
		return STAGE_LOOK;
	if (w & COPY)
		return w & OTHER ? STAGE_REPLACE : STAGE_UPDATE;
	return w & KNOWN ? STAGE_FIND_ORIG : STAGE_CREATE;
}

static void ready_flow(struct direct *d, tick_t now, uint32_t w, cache_ref ref, struct attempt *it)
{
	const struct side *s = &d->side[0];
	struct flow *f = &it->flow;
	uint32_t life;

	cache_get(s->c, ref, f);
	life = inject_lifetime(f, lifetime(f->has & FLOW_HAS_TIMEOUT, f->timeout));
	it->expected = left(w, now, life);
	inject_prepare(f, life);
	if (flow_is_child(f) && !inject_master_known(f))
		inject_drop_master(f);
	it->stage = first_stage(w);
	if (it->stage == STAGE_REPLACE)
		inject_key_orig(f, &it->holder);
	it->renew = (w & COPY) != 0;
}

static void ready_expect(struct direct *d, tick_t now, const struct zone_set *zones, uint32_t w,
			 cache_ref ref, struct attempt *it)
{
	const struct side *s = &d->side[1];
	struct expect *x = &it->expect;

	cache_get(s->c, ref, x);
	inject_prepare_expect(x, lifetime(x->has & EXPECT_HAS_TIMEOUT, x->timeout));
	attempt_locate(x, d->side[0].c, zones);
	it->stage = w & ENDED ? STAGE_LOOK : STAGE_CREATE;
	it->expected = w & ENDED ? left(w, now, x->timeout) : x->timeout;
}

/* The first operation of an entry, if it needs one. */
static size_t begin(struct direct *d, tick_t now, const struct zone_set *zones, bool expect,
		    cache_ref ref, struct kernel_op *ops, size_t room)
{
	struct side *s = &d->side[expect];
	uint32_t *w = word(s, ref);
	struct attempt *it;

	if ((*w & FORGOTTEN) || ((*w & ENDED) && !(*w & (KNOWN | COPY)))) {
		drop(s, ref); /* it came and went */
		return 0;
	}
	it = attempt_take(&d->as);
	it->is_expect = expect;
	it->tag = ref;
	it->patient = (*w >> TRIES_BIT & TRIES_MAX) < TRIES_MAX;
	if (expect)
		ready_expect(d, now, zones, *w, ref, it);
	else
		ready_flow(d, now, *w, ref, it);
	*w = (*w & ~OTHER) | BUSY | KNOWN;
	return attempt_emit(&d->as, it, ops, room);
}

size_t direct_next(struct direct *d, tick_t now, const struct zone_set *zones,
		   struct kernel_op *ops, size_t cap)
{
	size_t n;

	assert(cap > 0 && cap <= KOP_BATCH && !d->as.unjudged);
	if (now >= d->retry_at) {
		d->retry_at = TICK_NEVER;
		append(&d->side[0]);
		append(&d->side[1]);
	}
	n = attempts_retry(&d->as, ops, cap);
	while (n < cap && d->as.nused < KOP_BATCH) {
		const bool expect = !d->side[0].now.head; /* flows first: masters are among them */
		const cache_ref ref = pop(&d->side[expect], &d->side[expect].now);

		if (!ref)
			break;
		n += begin(d, now, zones, expect, ref, &ops[n], cap - n);
	}
	d->as.unjudged = (uint32_t)n;
	return n;
}

/* Its master may be on its way: there will be another try. */
static bool waits_for_master(const struct attempt *it, enum attempt_end end, uint32_t before)
{
	return end == ATTEMPT_FAILED && it->err == -ENOENT && it->patient && it->tag &&
	       !(before & (ENDED | AGAIN));
}

static void try_later(struct direct *d, tick_t now, const struct attempt *it)
{
	struct side *s = &d->side[it->is_expect];

	*word(s, it->tag) += 1u << TRIES_BIT;
	push(s, &s->later, it->tag);
	d->retry_at = tick_min(d->retry_at, tick_add(now, RETRY));
}

static void count(struct direct *d, const struct attempt *it, enum attempt_end end, uint32_t before)
{
	const unsigned int k = it->is_expect;
	struct direct_stats *st = &d->st;

	switch (end) {
	case ATTEMPT_CREATED:
		st->created[k]++;
		break;
	case ATTEMPT_UPDATED:
		st->updated[k]++;
		break;
	case ATTEMPT_REMOVED:
		st->removed[k]++;
		break;
	case ATTEMPT_LIVES:
		st->kept++;
		break;
	default:
		*(before & ENDED ? &st->remove_failed[k] :
		  before & COPY  ? &st->update_failed[k] :
				   &st->create_failed[k]) += 1;
		break;
	}
}

/* Note in the entry how its attempt ended. */
static void conclude(struct direct *d, tick_t now, struct attempt *it, enum attempt_end end)
{
	struct side *s = &d->side[it->is_expect];
	uint32_t *w = word(s, it->tag);
	const bool removing =
		end == ATTEMPT_REMOVED || end == ATTEMPT_LIVES || it->stage == STAGE_LOOK;

	*w &= ~BUSY;
	if (end == ATTEMPT_CREATED)
		*w |= COPY;
	if (removing || end == ATTEMPT_YIELDED)
		*w &= ~(COPY | KNOWN);
	if (end == ATTEMPT_CREATED || end == ATTEMPT_UPDATED)
		written(s, now, it->tag, it->is_expect ? it->expect.timeout : it->flow.timeout);
	if (removing && (*w & ENDED)) {
		*w &= ~AGAIN;
		drop(s, it->tag);
	} else if (*w & AGAIN) {
		*w &= ~AGAIN;
		push(s, &s->now, it->tag);
	}
}

void direct_result(struct direct *d, tick_t now, const struct kernel_op *op,
		   struct direct_outcome *out)
{
	struct attempt *it;
	const enum attempt_end end = attempts_judge(&d->as, op, &it);
	uint32_t before = 0;

	out->failed = out->lives = false;
	if (end == ATTEMPT_OPEN)
		return;
	if (it->tag) {
		before = *word(&d->side[it->is_expect], it->tag);
		conclude(d, now, it, end);
	}
	if (waits_for_master(it, end, before)) {
		try_later(d, now, it);
	} else {
		count(d, it, end, before);
		out->failed = end == ATTEMPT_FAILED || end == ATTEMPT_YIELDED;
		out->lives = end == ATTEMPT_LIVES && !it->is_expect;
		if (out->failed || out->lives)
			attempt_failure(it, &out->failure);
	}
	attempt_drop(&d->as, it);
}

/* ---- time ---- */

tick_t direct_deadline(const struct direct *d)
{
	if (d->side[0].now.head || d->side[1].now.head || d->as.nused)
		return 0;
	return tick_min(d->retry_at, d->step_at);
}

static bool is_due(uint32_t w, tick_t now)
{
	return (w & (COPY | IN_QUEUE | BUSY | ENDED)) == COPY &&
	       distance(due_of(w), seconds(now)) >= 0;
}

void direct_tick(struct direct *d, tick_t now, uint8_t gen, bool present)
{
	struct side *s = &d->side[0];
	uint32_t budget = cache_places(s->c) / STEPS + 1;
	cache_ref ref;

	if (now < d->step_at)
		return;
	d->step_at = cache_count(s->c) ? tick_add(now, STEP) : TICK_NEVER;
	while (present && (ref = cache_walk_next(s->c, &d->walk, &budget))) {
		if (!is_due(*word(s, ref), now) || *cache_flags(s->c, ref) != gen)
			continue;
		push(s, &s->now, ref);
		d->st.refreshed++;
	}
	if (cache_walk_done(&d->walk))
		d->walk = (struct cache_walk){ 0 };
}

void direct_get_stats(const struct direct *d, struct direct_stats *st)
{
	*st = d->st;
}

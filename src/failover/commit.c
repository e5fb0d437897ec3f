// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The takeover itself: what a peer left behind becomes kernel operations. A
 * walk over the caches feeds the attempts (attempt.c). A phase begins when the
 * one before has its last verdict, so that no child is tried before its
 * master's second try.
 */
#include "failover/commit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "inject.h"

enum phase {
	PHASE_ROOTS,         /* flows without master */
	PHASE_CHILDREN,      /* whose master has none */
	PHASE_GRANDCHILDREN, /* the rest */
	PHASE_EXPECTS,
	PHASE_DONE,
};

struct commit {
	struct commit_params p;
	struct commit_stats st;
	enum phase phase;
	struct cache_walk walk;
	uint32_t later; /* flows seen that belong to a later phase */
	struct attempts as;
};

static uint32_t time_left(const struct commit_params *p, tick_t now, bool has_timeout,
			  uint32_t timeout, tick_t updated)
{
	tick_t age;

	if (!has_timeout)
		return INJECT_LIFETIME_UNKNOWN;
	age = tick_since(now, updated) / TICK_SEC;
	if (timeout > age)
		return (uint32_t)(timeout - age);
	if (p->owner_heard > tick_add(updated, timeout * TICK_SEC))
		return INJECT_LIFETIME_UNKNOWN;
	return 0;
}

uint32_t commit_lifetime(const struct commit_params *p, tick_t now, bool has_timeout,
			 uint32_t timeout, tick_t updated)
{
	return p->timeout ? p->timeout : time_left(p, now, has_timeout, timeout, updated);
}

/* The cache a phase walks over, NULL if it is left out. */
static const struct cache *phase_cache(const struct commit *c, enum phase phase)
{
	return phase == PHASE_EXPECTS ? c->p.expects : c->p.flows;
}

/* On to the next phase that has something to do. */
static void next_phase(struct commit *c)
{
	assert(!c->as.nused && c->phase < PHASE_DONE);
	c->phase++;
	if (c->phase < PHASE_EXPECTS && !c->later)
		c->phase = PHASE_EXPECTS;
	if (c->phase < PHASE_DONE && !phase_cache(c, c->phase))
		c->phase++;
	assert(c->phase <= PHASE_DONE);
	c->later = 0;
	memset(&c->walk, 0, sizeof(c->walk));
}

/* now is not needed: each lifetime is reckoned when the entry's turn comes. */
struct commit *commit_new(const struct commit_params *p, tick_t now)
{
	struct commit *c = calloc(1, sizeof(*c));

	(void)now;
	if (!c)
		return NULL;
	c->p = *p;
	c->as.window_tracking = p->window_tracking;
	c->as.fixed_lifetime = p->timeout != 0;
	if (!p->flows)
		c->phase = p->expects ? PHASE_EXPECTS : PHASE_DONE;
	return c;
}

void commit_free(struct commit *c)
{
	free(c);
}

bool commit_finished(const struct commit *c)
{
	return c->phase == PHASE_DONE && !c->as.nused;
}

void commit_get_stats(const struct commit *c, struct commit_stats *st)
{
	*st = c->st;
}

_Static_assert(sizeof(struct commit_stats) % sizeof(uint64_t) == 0, "nothing but counters");

void commit_stats_add(struct commit_stats *sum, const struct commit_stats *more)
{
	const uint64_t *from = (const uint64_t *)more;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/* What an error of the kernel means. */
static enum commit_reason reason_of(int err)
{
	switch (-err) {
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
		return COMMIT_FULL;
	case ENOENT:
		return COMMIT_NO_MASTER;
	case EOPNOTSUPP:
		return COMMIT_UNKNOWN;
	case EINVAL:
	case ERANGE:
		return COMMIT_INVALID;
	case EEXIST:
	case EBUSY:
	case EALREADY:
		return COMMIT_BUSY;
	case EPERM:
		return COMMIT_PERM;
	default:
		return COMMIT_OTHER;
	}
}

const char *commit_reason_text(enum commit_reason reason)
{
	static const char *const texts[COMMIT_REASONS] = {
		[COMMIT_FULL] = "table full",
		[COMMIT_NO_MASTER] = "no master",
		[COMMIT_UNKNOWN] = "unknown to this kernel",
		[COMMIT_INVALID] = "refused values",
		[COMMIT_BUSY] = "place taken",
		[COMMIT_PERM] = "not permitted",
		[COMMIT_OTHER] = "other errors",
	};

	assert(reason < COMMIT_REASONS);
	return texts[reason];
}

/* ---- the walk ---- */

/* Is the master of a flow itself a child, as far as we know? */
static bool is_grandchild(const struct commit *c, const struct flow *f)
{
	struct flow master;
	cache_ref ref;

	flow_init(&master);
	master.orig = f->master;
	master.zone = f->zone;
	master.has = FLOW_HAS_PORTS | (f->has & FLOW_HAS_ZONE);
	ref = cache_find(c->p.flows, &master);
	if (!ref)
		return false;
	cache_get(c->p.flows, ref, &master);
	return inject_master_known(&master);
}

static enum phase phase_of(const struct commit *c, const struct flow *f)
{
	if (!inject_master_known(f))
		return PHASE_ROOTS;
	if (c->phase == PHASE_ROOTS)
		return PHASE_CHILDREN; /* or later, that is enough for now */
	return is_grandchild(c, f) ? PHASE_GRANDCHILDREN : PHASE_CHILDREN;
}

/* Is it this flow's turn, and is it still alive? Then make it ready. */
static bool ready_flow(struct commit *c, tick_t now, cache_ref ref, struct attempt *it)
{
	struct flow *f = &it->flow;
	enum phase phase;
	uint32_t life;

	cache_get(c->p.flows, ref, f);
	phase = phase_of(c, f);
	if (phase != c->phase) {
		c->later += phase > c->phase;
		return false;
	}
	life = commit_lifetime(&c->p, now, f->has & FLOW_HAS_TIMEOUT, f->timeout,
			       cache_updated(c->p.flows, ref));
	if (!life) {
		c->st.flows_expired++;
		return false;
	}
	it->no_timeout = !(f->has & FLOW_HAS_TIMEOUT) && !c->p.timeout;
	inject_prepare(f, c->p.timeout ? life : inject_lifetime(f, life));
	if (flow_is_child(f) && !inject_master_known(f)) {
		inject_drop_master(f);
		it->no_master = true;
	}
	return true;
}

static bool ready_expect(struct commit *c, tick_t now, cache_ref ref, struct attempt *it)
{
	struct expect *e = &it->expect;
	uint32_t life;

	cache_get(c->p.expects, ref, e);
	it->expected = time_left(&c->p, now, e->has & EXPECT_HAS_TIMEOUT, e->timeout,
				 cache_updated(c->p.expects, ref));
	life = c->p.timeout ? c->p.timeout : it->expected;
	if (!life) {
		c->st.expects_expired++;
		return false;
	}
	inject_prepare_expect(e, life);
	attempt_locate(e, c->p.masters, c->p.zones);
	return true;
}

/* The first operation of an entry the walk has met, if it gets one. */
static size_t plan(struct commit *c, tick_t now, cache_ref ref, struct kernel_op *ops, size_t room)
{
	struct attempt *it = attempt_take(&c->as);
	bool ready;

	it->is_expect = c->phase == PHASE_EXPECTS;
	ready = it->is_expect ? ready_expect(c, now, ref, it) : ready_flow(c, now, ref, it);
	if (!ready) {
		attempt_drop(&c->as, it);
		return 0;
	}
	return attempt_emit(&c->as, it, ops, room);
}

size_t commit_next(struct commit *c, tick_t now, struct kernel_op *ops, size_t cap)
{
	uint32_t budget = COMMIT_SLICE;
	cache_ref ref;
	size_t n;

	assert(cap > 0 && cap <= KOP_BATCH);
	assert(!c->as.unjudged);
	n = attempts_retry(&c->as, ops, cap);
	while (n < cap && c->as.nused < KOP_BATCH && c->phase < PHASE_DONE) {
		ref = cache_walk_next(phase_cache(c, c->phase), &c->walk, &budget);
		if (ref)
			n += plan(c, now, ref, &ops[n], cap - n);
		else if (!cache_walk_done(&c->walk) || c->as.nused)
			break;
		else
			next_phase(c);
	}
	c->as.unjudged = (uint32_t)n;
	return n;
}

/* ---- results ---- */

static bool failed(struct commit *c, const struct attempt *it, struct commit_failure *f)
{
	attempt_failure(it, f);
	if (it->is_expect) {
		c->st.expects_failed++;
		c->st.expects_failed_by[reason_of(it->err)]++;
	} else {
		c->st.flows_failed++;
		c->st.flows_failed_by[reason_of(it->err)]++;
	}
	return true;
}

/* A living flow stays; ours comes from the past, or both want one address and port. */
static bool yielded(struct commit *c, const struct attempt *it, struct commit_failure *f)
{
	attempt_failure(it, f);
	if (tuple_equal(&it->flow.orig, &it->holder.orig))
		c->st.flows_skipped++;
	else
		c->st.flows_clash++;
	return true;
}

/* It is in the kernel now, perhaps not with all it had. */
static bool injected(struct commit *c, const struct attempt *it, uint64_t *count)
{
	++*count;
	if (it->is_expect)
		return false;
	c->st.flows_no_helper += it->no_helper;
	c->st.flows_no_master += it->no_master;
	c->st.flows_no_timeout += it->no_timeout;
	return false;
}

static bool count_end(struct commit *c, const struct attempt *it, enum attempt_end end,
		      struct commit_failure *f)
{
	switch (end) {
	case ATTEMPT_CREATED:
		return injected(c, it, it->is_expect ? &c->st.expects_new : &c->st.flows_new);
	case ATTEMPT_UPDATED:
		return injected(c, it, &c->st.flows_updated);
	case ATTEMPT_YIELDED:
		return yielded(c, it, f);
	default:
		assert(end == ATTEMPT_FAILED);
		return failed(c, it, f);
	}
}

bool commit_result(struct commit *c, tick_t now, const struct kernel_op *op,
		   struct commit_failure *f)
{
	struct attempt *it;
	const enum attempt_end end = attempts_judge(&c->as, op, &it);
	bool report;

	(void)now;
	if (end == ATTEMPT_OPEN)
		return false;
	report = count_end(c, it, end, f);
	attempt_drop(&c->as, it);
	return report;
}

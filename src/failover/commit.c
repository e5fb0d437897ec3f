// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The takeover itself: what a peer left behind becomes kernel operations. A
 * walk over the caches feeds a fixed set of items; an item lives from its
 * first operation to its verdict, a dozen operations later at most, because each
 * second try uses up the right to it:
 *
 *   stage       operation        result            next
 *   CREATE      KOP_CREATE       0                 created
 *                                EEXIST            FIND_ORIG; later FIND_REPLY; then left alone
 *                                EOPNOTSUPP        CREATE without helper, once
 *                                ENOENT            CREATE without master, once
 *   FIND_ORIG   KOP_GET          flow              UPDATE, REPLACE, or it is left alone
 *                                ENOENT            FIND_REPLY
 *   FIND_REPLY  KOP_GET          flow              REPLACE, or it is left alone
 *                                ENOENT            CREATE
 *   UPDATE      KOP_UPDATE       0                 updated
 *                                ENOENT, ETIME     CREATE
 *   REPLACE     KOP_DELETE, KOP_CREATE in one batch, judged as CREATE
 *   LIFETIME    KOP_EXP_UPDATE   any               created (W12)
 *
 * and any other error is a failure. A phase begins when the one before has its
 * last verdict, so that no child is tried before its master's second try.
 */
#include "failover/commit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inject.h"

/* Lifetime of a flow known to live, but not for how long (seconds). */
#define LIFETIME_UNKNOWN 60

enum phase {
	PHASE_ROOTS,           /* flows without master */
	PHASE_CHILDREN,        /* whose master has none */
	PHASE_GRANDCHILDREN,   /* the rest */
	PHASE_EXPECTS,
	PHASE_DONE,
};

enum stage { STAGE_CREATE, STAGE_FIND_ORIG, STAGE_FIND_REPLY, STAGE_UPDATE, STAGE_REPLACE,
	     STAGE_LIFETIME };

struct item {
	bool used;
	bool is_expect;
	bool looked_orig;      /* it is known who held our original tuple */
	bool looked_reply;     /* and our reply tuple */
	bool no_helper, no_master, no_timeout;
	enum stage stage;
	struct flow holder;    /* the kernel's flow, once one was found */
	union {
		struct flow flow;
		struct expect expect;
	};
};

struct commit {
	struct commit_params p;
	struct commit_stats st;
	enum phase phase;
	struct cache_walk walk;
	uint32_t later;        /* flows seen that belong to a later phase */
	uint32_t unjudged;     /* operations handed out, result not yet in */
	uint32_t nused;
	struct item items[KOP_BATCH];
};

uint32_t commit_lifetime(const struct commit_params *p, tick_t now, bool has_timeout,
			 uint32_t timeout, tick_t updated)
{
	tick_t age;

	if (p->timeout)
		return p->timeout;
	if (!has_timeout)
		return LIFETIME_UNKNOWN;
	age = tick_since(now, updated) / TICK_SEC;
	if (timeout > age)
		return (uint32_t)(timeout - age);
	if (p->owner_heard > tick_add(updated, timeout * TICK_SEC))
		return LIFETIME_UNKNOWN;
	return 0;
}

/* The cache a phase walks over, NULL if it is left out. */
static const struct cache *phase_cache(const struct commit *c, enum phase phase)
{
	return phase == PHASE_EXPECTS ? c->p.expects : c->p.flows;
}

/* On to the next phase that has something to do. */
static void next_phase(struct commit *c)
{
	assert(!c->nused && c->phase < PHASE_DONE);
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
	return c->phase == PHASE_DONE && !c->nused;
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

enum commit_reason commit_reason_of(int err)
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

/* ---- items ---- */

static struct item *take_item(struct commit *c)
{
	unsigned int i = 0;

	assert(c->nused < KOP_BATCH);
	while (c->items[i].used)
		i++;
	memset(&c->items[i], 0, offsetof(struct item, holder));
	c->items[i].holder.orig.family = FAM_NONE;
	c->items[i].used = true;
	c->nused++;
	return &c->items[i];
}

static void drop_item(struct commit *c, struct item *it)
{
	assert(it->used && c->nused > 0);
	it->used = false;
	c->nused--;
}

static struct kernel_op *start_op(const struct commit *c, const struct item *it,
				  enum kernel_op_kind kind, struct kernel_op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->cookie = (uint64_t)(it - c->items);
	return op;
}

/* Our flow as it is, to be created or, merged with the kernel's, updated. */
static void put_flow(const struct commit *c, const struct item *it, enum kernel_op_kind kind,
		     struct kernel_op *op)
{
	start_op(c, it, kind, op);
	op->flow = it->flow;
	op->liberal = it->flow.orig.proto == IPP_TCP;
	op->window_scale = c->p.window_tracking && (it->flow.has & FLOW_HAS_WSCALE);
	if (kind == KOP_UPDATE)
		inject_over(&op->flow, &it->holder, c->p.timeout != 0);
}

static void put_expect(const struct commit *c, const struct item *it, enum kernel_op_kind kind,
		       struct kernel_op *op)
{
	start_op(c, it, kind, op);
	op->expect = it->expect;
}

/*
 * Remove what holds our place and take it, in one batch so that no packet
 * comes between. With room for one only the second follows in the next batch.
 */
static size_t emit_replace(struct commit *c, struct item *it, struct kernel_op *ops, size_t room)
{
	if (it->is_expect)
		put_expect(c, it, KOP_EXP_DELETE, &ops[0]);
	else
		start_op(c, it, KOP_DELETE, &ops[0])->flow = it->holder;
	it->stage = STAGE_CREATE;
	if (room < 2)
		return 1;
	if (it->is_expect)
		put_expect(c, it, KOP_EXP_CREATE, &ops[1]);
	else
		put_flow(c, it, KOP_CREATE, &ops[1]);
	return 2;
}

/* The operation an item stands at; how many were written. */
static size_t emit(struct commit *c, struct item *it, struct kernel_op *ops, size_t room)
{
	switch (it->stage) {
	case STAGE_REPLACE:
		return emit_replace(c, it, ops, room);
	case STAGE_FIND_ORIG:
		inject_key_orig(&it->flow, &start_op(c, it, KOP_GET, ops)->flow);
		return 1;
	case STAGE_FIND_REPLY:
		inject_key_reply(&it->flow, &start_op(c, it, KOP_GET, ops)->flow);
		return 1;
	case STAGE_UPDATE:
		put_flow(c, it, KOP_UPDATE, ops);
		return 1;
	case STAGE_LIFETIME:
		put_expect(c, it, KOP_EXP_UPDATE, ops);
		return 1;
	case STAGE_CREATE:
	default:
		if (it->is_expect)
			put_expect(c, it, KOP_EXP_CREATE, ops);
		else
			put_flow(c, it, KOP_CREATE, ops);
		return 1;
	}
}

/* Second tries; those that do not fit wait for the next batch. */
static size_t emit_retries(struct commit *c, struct kernel_op *ops, size_t cap)
{
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < KOP_BATCH && n < cap; i++) {
		struct item *it = &c->items[i];

		if (!it->used)
			continue;
		if (it->stage == STAGE_REPLACE && cap - n < 2 && n > 0)
			break;
		n += emit(c, it, &ops[n], cap - n);
	}
	return n;
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
		return PHASE_CHILDREN;       /* or later, that is enough for now */
	return is_grandchild(c, f) ? PHASE_GRANDCHILDREN : PHASE_CHILDREN;
}

/* Is it this flow's turn, and is it still alive? Then make it ready. */
static bool ready_flow(struct commit *c, tick_t now, cache_ref ref, struct item *it)
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
	inject_prepare(f, life);
	if (flow_is_child(f) && !inject_master_known(f)) {
		inject_drop_master(f);
		it->no_master = true;
	}
	return true;
}

/*
 * A peer cannot say in which zone an expectation is, and the kernel must be told:
 * that of its master. If the same tuples are in several zones, the one with a helper.
 */
static void find_zone(const struct commit *c, struct expect *e)
{
	struct flow m;
	cache_ref ref;

	for (uint32_t z = 0; c->p.masters &&
	     (ref = masters_next(c->p.masters, c->p.zones, e, &z));) {
		cache_get(c->p.masters, ref, &m);
		expect_set_zone(e, m.has & FLOW_HAS_ZONE_ORIG ? m.zone_orig : m.zone);
		if (m.has & FLOW_HAS_HELPER)
			break;
	}
}

static bool ready_expect(struct commit *c, tick_t now, cache_ref ref, struct item *it)
{
	struct expect *e = &it->expect;
	uint32_t life;

	cache_get(c->p.expects, ref, e);
	life = commit_lifetime(&c->p, now, e->has & EXPECT_HAS_TIMEOUT, e->timeout,
			       cache_updated(c->p.expects, ref));
	if (!life) {
		c->st.expects_expired++;
		return false;
	}
	inject_prepare_expect(e, life);
	find_zone(c, e);
	return true;
}

/* The first operation of an entry the walk has met, if it gets one. */
static size_t plan(struct commit *c, tick_t now, cache_ref ref, struct kernel_op *ops, size_t room)
{
	struct item *it = take_item(c);
	bool ready;

	it->is_expect = c->phase == PHASE_EXPECTS;
	ready = it->is_expect ? ready_expect(c, now, ref, it) : ready_flow(c, now, ref, it);
	if (!ready) {
		drop_item(c, it);
		return 0;
	}
	return emit(c, it, ops, room);
}

size_t commit_next(struct commit *c, tick_t now, struct kernel_op *ops, size_t cap)
{
	uint32_t budget = COMMIT_SLICE;
	cache_ref ref;
	size_t n;

	assert(cap > 0 && cap <= KOP_BATCH);
	assert(!c->unjudged);
	n = emit_retries(c, ops, cap);
	while (n < cap && c->nused < KOP_BATCH && c->phase < PHASE_DONE) {
		ref = cache_walk_next(phase_cache(c, c->phase), &c->walk, &budget);
		if (ref)
			n += plan(c, now, ref, &ops[n], cap - n);
		else if (!cache_walk_done(&c->walk) || c->nused)
			break;
		else
			next_phase(c);
	}
	c->unjudged = (uint32_t)n;
	return n;
}

/* ---- results ---- */

static bool fail(struct commit *c, struct item *it, int err, struct commit_failure *f)
{
	f->err = err;
	f->is_expect = it->is_expect;
	f->clash = false;
	if (it->is_expect) {
		f->expect = it->expect;
		c->st.expects_failed++;
		c->st.expects_failed_by[commit_reason_of(err)]++;
	} else {
		f->flow = it->flow;
		c->st.flows_failed++;
		c->st.flows_failed_by[commit_reason_of(err)]++;
	}
	drop_item(c, it);
	return true;
}

/* A living flow stays; ours comes from the past, or both want one address and port. */
static bool yield_to_holder(struct commit *c, struct item *it, struct commit_failure *f)
{
	if (tuple_equal(&it->flow.orig, &it->holder.orig))
		c->st.flows_skipped++;
	else
		c->st.flows_clash++;
	f->err = -EEXIST;
	f->is_expect = false;
	f->clash = true;
	f->flow = it->flow;
	f->holder = it->holder;
	drop_item(c, it);
	return true;
}

/* It is in the kernel now, perhaps not with all it had. */
static void injected(struct commit *c, struct item *it, uint64_t *count)
{
	++*count;
	c->st.flows_no_helper += it->no_helper;
	c->st.flows_no_master += it->no_master;
	c->st.flows_no_timeout += it->no_timeout;
	drop_item(c, it);
}

/*
 * Traffic that came before us may hold both of our places: a flow from the
 * client's packets, one from the server's to our translated address.
 */
static bool on_exists(struct commit *c, struct item *it, struct commit_failure *f)
{
	if (!it->looked_orig)
		it->stage = STAGE_FIND_ORIG;
	else if (!it->looked_reply)
		it->stage = STAGE_FIND_REPLY;
	else if (it->holder.orig.family)
		return yield_to_holder(c, it, f);
	else
		return fail(c, it, -EEXIST, f);
	return false;
}

static bool on_create(struct commit *c, struct item *it, int err, struct commit_failure *f)
{
	if (err == 0) {
		injected(c, it, &c->st.flows_new);
	} else if (err == -EEXIST) {
		return on_exists(c, it, f);
	} else if (err == -EOPNOTSUPP && (it->flow.has & FLOW_HAS_HELPER)) {
		inject_drop_helper(&it->flow);
		it->no_helper = true;
	} else if (err == -ENOENT && (it->flow.has & FLOW_HAS_MASTER)) {
		inject_drop_master(&it->flow);
		it->no_master = true;
	} else {
		return fail(c, it, err, f);
	}
	return false;
}

static bool on_holder(struct commit *c, struct item *it, const struct flow *kernel,
		      struct commit_failure *f)
{
	it->holder = *kernel;
	switch (inject_holder(&it->flow, kernel)) {
	case HOLDER_SAME:
		it->stage = STAGE_UPDATE;
		break;
	case HOLDER_TENTATIVE:
		it->stage = STAGE_REPLACE;
		break;
	case HOLDER_LIVE:
	default:
		return yield_to_holder(c, it, f);
	}
	return false;
}

static bool on_get(struct commit *c, struct item *it, const struct kernel_op *op,
		   struct commit_failure *f)
{
	bool orig = it->stage == STAGE_FIND_ORIG;

	it->looked_orig = true;
	it->looked_reply |= !orig;
	if (op->err == 0)
		return on_holder(c, it, &op->flow, f);
	if (op->err != -ENOENT)
		return fail(c, it, op->err, f);
	else
		it->stage = orig ? STAGE_FIND_REPLY : STAGE_CREATE;
	return false;
}

static bool on_update(struct commit *c, struct item *it, int err, struct commit_failure *f)
{
	if (err == -ENOENT || err == -ETIME) {
		it->stage = STAGE_CREATE;
		return false;
	}
	/* No storage for labels: they come last, the rest is done. */
	if (err && !(err == -ENOSPC && (it->flow.has & FLOW_HAS_LABELS)))
		return fail(c, it, err, f);
	it->no_helper |= (it->flow.has & ~it->holder.has & FLOW_HAS_HELPER) != 0;
	injected(c, it, &c->st.flows_updated);
	return false;
}

static bool on_expect(struct commit *c, struct item *it, int err, struct commit_failure *f)
{
	if (err == -EEXIST && !it->looked_orig) {
		it->looked_orig = true;
		it->stage = STAGE_REPLACE;
		return false;
	}
	if (err)
		return fail(c, it, err, f);
	it->stage = STAGE_LIFETIME;
	return false;
}

/* It may have been used, or run out, already. */
static bool on_lifetime(struct commit *c, struct item *it)
{
	c->st.expects_new++;
	drop_item(c, it);
	return false;
}

bool commit_result(struct commit *c, tick_t now, const struct kernel_op *op,
		   struct commit_failure *f)
{
	struct item *it;

	(void)now;
	assert(c->unjudged > 0 && op->cookie < KOP_BATCH);
	c->unjudged--;
	it = &c->items[op->cookie];
	/* How a removal went shows in the creation after it, which may be in already. */
	if (op->kind == KOP_DELETE || op->kind == KOP_EXP_DELETE)
		return false;
	assert(it->used);
	switch (op->kind) {
	case KOP_CREATE:
		return on_create(c, it, op->err, f);
	case KOP_UPDATE:
		return on_update(c, it, op->err, f);
	case KOP_GET:
		return on_get(c, it, op, f);
	case KOP_EXP_UPDATE:
		return on_lifetime(c, it);
	case KOP_EXP_CREATE:
	default:
		return on_expect(c, it, op->err, f);
	}
}

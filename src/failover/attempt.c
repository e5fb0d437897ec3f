// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One entry and the kernel: an attempt lives from its first operation to its
 * end, a dozen operations later at most, because each second try uses up the
 * right to it:
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
 *                                EBUSY, EOPNOTSUPP UPDATE without helper, once
 *   REPLACE     KOP_DELETE, KOP_CREATE in one batch, judged as CREATE
 *   LIFETIME    KOP_EXP_UPDATE   any               created (W12)
 *
 * An expectation that is there already is looked at by FIND_ORIG (KOP_EXP_GET):
 *
 *   FIND_ORIG                    of our master, or
 *                                older than ours    REPLACE
 *                                ENOENT             CREATE
 *                                another's, younger failure
 *
 *   LOOK        KOP_GET          a flow that ended  REMOVE
 *                                a living one       left alone
 *                                ENOENT             removed
 *   REMOVE      KOP_DELETE       any                removed
 *
 * (of expectations with KOP_EXP_GET and KOP_EXP_DELETE; one of another master is not ours)
 *
 * and any other error is a failure. An update that nobody looked before may be
 * refused; then it is looked, and tried once more.
 */
#include "attempt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "inject.h"

struct attempt *attempt_take(struct attempts *as)
{
	unsigned int i = 0;

	assert(as->nused < KOP_BATCH);
	while (as->items[i].used)
		i++;
	memset(&as->items[i], 0, offsetof(struct attempt, holder));
	flow_init(&as->items[i].holder);
	as->items[i].used = true;
	as->nused++;
	return &as->items[i];
}

void attempt_drop(struct attempts *as, struct attempt *it)
{
	assert(it->used && as->nused > 0);
	it->used = false;
	as->nused--;
}

/* ---- operations ---- */

static struct kernel_op *start_op(const struct attempts *as, const struct attempt *it,
				  enum kernel_op_kind kind, struct kernel_op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->cookie = (uint64_t)(it - as->items);
	return op;
}

/* Our flow as it is, to be created or, merged with the kernel's, updated. */
static void put_flow(const struct attempts *as, const struct attempt *it, enum kernel_op_kind kind,
		     struct kernel_op *op)
{
	start_op(as, it, kind, op);
	op->flow = it->flow;
	op->liberal = it->flow.orig.proto == IPP_TCP;
	op->window_scale = as->window_tracking && (it->flow.has & FLOW_HAS_WSCALE);
	if (kind == KOP_UPDATE)
		inject_over(&op->flow, &it->holder, as->fixed_lifetime);
}

static void put_expect(const struct attempts *as, const struct attempt *it,
		       enum kernel_op_kind kind, struct kernel_op *op)
{
	start_op(as, it, kind, op);
	op->expect = it->expect;
}

/*
 * Remove what holds our place and take it, in one batch so that no packet
 * comes between. With room for one only the second follows in the next batch.
 */
static size_t emit_replace(const struct attempts *as, struct attempt *it, struct kernel_op *ops,
			   size_t room)
{
	if (it->is_expect)
		put_expect(as, it, KOP_EXP_DELETE, &ops[0]);
	else
		start_op(as, it, KOP_DELETE, &ops[0])->flow = it->holder;
	it->stage = STAGE_CREATE;
	if (room < 2)
		return 1;
	if (it->is_expect)
		put_expect(as, it, KOP_EXP_CREATE, &ops[1]);
	else
		put_flow(as, it, KOP_CREATE, &ops[1]);
	return 2;
}

size_t attempt_emit(const struct attempts *as, struct attempt *it, struct kernel_op *ops,
		    size_t room)
{
	switch (it->stage) {
	case STAGE_REPLACE:
		return emit_replace(as, it, ops, room);
	case STAGE_FIND_ORIG:
	case STAGE_LOOK:
		if (it->is_expect) {
			put_expect(as, it, KOP_EXP_GET, ops);
			return 1;
		}
		inject_key_orig(&it->flow, &start_op(as, it, KOP_GET, ops)->flow);
		return 1;
	case STAGE_FIND_REPLY:
		inject_key_reply(&it->flow, &start_op(as, it, KOP_GET, ops)->flow);
		return 1;
	case STAGE_UPDATE:
		put_flow(as, it, KOP_UPDATE, ops);
		return 1;
	case STAGE_LIFETIME:
		put_expect(as, it, KOP_EXP_UPDATE, ops);
		return 1;
	case STAGE_REMOVE:
		if (it->is_expect)
			put_expect(as, it, KOP_EXP_DELETE, ops);
		else
			start_op(as, it, KOP_DELETE, ops)->flow = it->holder;
		return 1;
	case STAGE_CREATE:
	default:
		if (it->is_expect)
			put_expect(as, it, KOP_EXP_CREATE, ops);
		else
			put_flow(as, it, KOP_CREATE, ops);
		return 1;
	}
}

size_t attempts_retry(struct attempts *as, struct kernel_op *ops, size_t cap)
{
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < KOP_BATCH && n < cap; i++) {
		struct attempt *it = &as->items[i];

		if (!it->used)
			continue;
		if (it->stage == STAGE_REPLACE && cap - n < 2 && n > 0)
			break;
		n += attempt_emit(as, it, &ops[n], cap - n);
	}
	return n;
}

/* ---- results ---- */

static enum attempt_end fail(struct attempt *it, int err)
{
	it->err = err;
	return ATTEMPT_FAILED;
}

static enum attempt_end go_on(struct attempt *it, enum attempt_stage next)
{
	it->stage = next;
	return ATTEMPT_OPEN;
}

/*
 * Traffic that came before us may hold both of our places: a flow from the
 * client's packets, one from the server's to our translated address.
 */
static enum attempt_end on_exists(struct attempt *it)
{
	if (!it->looked_orig)
		return go_on(it, STAGE_FIND_ORIG);
	if (!it->looked_reply)
		return go_on(it, STAGE_FIND_REPLY);
	return it->holder.orig.family ? ATTEMPT_YIELDED : fail(it, -EEXIST);
}

static enum attempt_end on_create(struct attempt *it, int err)
{
	if (err == 0)
		return ATTEMPT_CREATED;
	if (err == -EEXIST)
		return on_exists(it);
	if (err == -EOPNOTSUPP && (it->flow.has & FLOW_HAS_HELPER)) {
		inject_drop_helper(&it->flow);
		it->no_helper = true;
	} else if (err == -ENOENT && (it->flow.has & FLOW_HAS_MASTER) && !it->patient) {
		inject_drop_master(&it->flow);
		it->no_master = true;
	} else {
		return fail(it, err);
	}
	return ATTEMPT_OPEN;
}

static enum attempt_end on_holder(struct attempt *it, const struct flow *kernel)
{
	it->holder = *kernel;
	switch (inject_holder(&it->flow, kernel)) {
	case HOLDER_SAME:
		return go_on(it, it->renew && (kernel->status & CTS_FIXED_TIMEOUT) ? STAGE_REPLACE :
										     STAGE_UPDATE);
	case HOLDER_TENTATIVE:
		return go_on(it, STAGE_REPLACE);
	case HOLDER_LIVE:
	default:
		return ATTEMPT_YIELDED;
	}
}

static enum attempt_end on_look(struct attempt *it, const struct kernel_op *op)
{
	if (op->err == -ENOENT)
		return ATTEMPT_REMOVED;
	if (op->err)
		return fail(it, op->err);
	it->holder = op->flow;
	if (inject_lives(&it->flow, &it->holder, it->expected))
		return ATTEMPT_LIVES;
	return go_on(it, STAGE_REMOVE);
}

static enum attempt_end on_get(struct attempt *it, const struct kernel_op *op)
{
	const bool orig = it->stage == STAGE_FIND_ORIG;

	if (it->stage == STAGE_LOOK)
		return on_look(it, op);
	it->looked_orig = true;
	it->looked_reply |= !orig;
	if (op->err == 0)
		return on_holder(it, &op->flow);
	if (op->err != -ENOENT)
		return fail(it, op->err);
	return go_on(it, orig ? STAGE_FIND_REPLY : STAGE_CREATE);
}

static enum attempt_end on_update(struct attempt *it, int err)
{
	if (err == -ENOENT || err == -ETIME)
		return go_on(it, STAGE_CREATE);
	if ((err == -EBUSY || err == -EOPNOTSUPP) &&
	    (it->flow.has & it->holder.has & FLOW_HAS_HELPER)) {
		inject_drop_helper(&it->flow); /* it was taken away, or another one set */
		it->no_helper = true;
		return ATTEMPT_OPEN;
	}
	it->no_helper |= (it->flow.has & ~it->holder.has & FLOW_HAS_HELPER) != 0;
	/* No storage for labels: they come last, the rest is done. */
	if (!err || (err == -ENOSPC && (it->flow.has & FLOW_HAS_LABELS)))
		return ATTEMPT_UPDATED;
	return it->looked_orig ? fail(it, err) : go_on(it, STAGE_FIND_ORIG);
}

static enum attempt_end on_expect(struct attempt *it, int err)
{
	if (err == -EEXIST && !it->looked_orig)
		return go_on(it, STAGE_FIND_ORIG);
	return err ? fail(it, err) : go_on(it, STAGE_LIFETIME);
}

/*
 * The kernel finds an expectation by what it expects alone, whoever's it is. Of two
 * masters that announce the same, the one to end later has spoken later.
 */
static enum attempt_end on_expect_get(struct attempt *it, const struct kernel_op *op)
{
	const bool leaving = it->stage == STAGE_LOOK;
	const bool ours = tuple_equal(&op->expect.master, &it->expect.master);
	const bool younger = op->expect.timeout > (uint64_t)it->expected + INJECT_SLACK;

	it->looked_orig = true;
	if (op->err == -ENOENT)
		return leaving ? ATTEMPT_REMOVED : go_on(it, STAGE_CREATE);
	if (op->err)
		return fail(it, op->err);
	if (leaving)
		return !ours || younger ? ATTEMPT_LIVES : go_on(it, STAGE_REMOVE);
	return ours || !younger ? go_on(it, STAGE_REPLACE) : fail(it, -EEXIST);
}

enum attempt_end attempts_judge(struct attempts *as, const struct kernel_op *op,
				struct attempt **item)
{
	struct attempt *it;

	assert(as->unjudged > 0 && op->cookie < KOP_BATCH);
	as->unjudged--;
	*item = it = &as->items[op->cookie];
	if (op->kind == KOP_DELETE || op->kind == KOP_EXP_DELETE)
		/* How the removal for a REPLACE went shows in the creation after it. */
		return it->used && it->stage == STAGE_REMOVE ? ATTEMPT_REMOVED : ATTEMPT_OPEN;
	assert(it->used);
	switch (op->kind) {
	case KOP_CREATE:
		return on_create(it, op->err);
	case KOP_UPDATE:
		return on_update(it, op->err);
	case KOP_GET:
		return on_get(it, op);
	case KOP_EXP_UPDATE:
		/* It may have been used, or run out, already. */
		return ATTEMPT_CREATED;
	case KOP_EXP_GET:
		return on_expect_get(it, op);
	case KOP_EXP_CREATE:
	default:
		return on_expect(it, op->err);
	}
}

void attempt_failure(const struct attempt *it, struct commit_failure *f)
{
	f->is_expect = it->is_expect;
	f->clash = it->err == 0;
	f->err = f->clash ? -EEXIST : it->err;
	if (it->is_expect) {
		f->expect = it->expect;
		return;
	}
	f->flow = it->flow;
	f->holder = it->holder;
}

void attempt_locate(struct expect *x, const struct cache *masters, const struct zone_set *zones)
{
	const bool told = x->has & EXPECT_HAS_ZONE;
	const uint16_t zone = x->zone;
	struct flow m;
	cache_ref ref;

	for (uint32_t z = 0; masters && (ref = masters_next(masters, zones, x, &z));) {
		cache_get(masters, ref, &m);
		if (told && m.zone != zone)
			continue;
		expect_set_zone(x, m.has & FLOW_HAS_ZONE_ORIG ? m.zone_orig : m.zone);
		if (m.has & FLOW_HAS_HELPER)
			break;
	}
}

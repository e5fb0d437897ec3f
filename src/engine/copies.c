// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows written into the kernel at once for the peer that owns them
 * (failover/direct.c), and how they are told from the flows of this node: a copy
 * is in no internal cache, its events are not news, and it is not announced.
 */
#include <errno.h>
#include "priv.h"

#define PRESENT (3 * TICK_SEC) /* a peer says something each second */

int copies_open(struct engine *e, struct peer *p)
{
	const struct direct_params dp = {
		.flows = p->flows,
		.expects = p->expects,
		.window_tracking = e->p.window_tracking,
	};

	p->direct = direct_new(&dp);
	return p->direct ? 0 : -ENOMEM;
}

bool copies_have(const struct engine *e, const struct flow *f)
{
	for (uint8_t i = 0; i < e->npeers && e->p.no_external; i++) {
		const cache_ref ref = cache_find(e->peers[i].flows, f);

		if (ref && direct_is_copy(e->peers[i].direct, ref))
			return true;
	}
	return false;
}

bool copies_have_expect(const struct engine *e, const struct expect *x)
{
	for (uint8_t i = 0; i < e->npeers && e->p.no_external; i++)
		if (cache_find(e->peers[i].expects, x))
			return true;
	return false;
}

static void disown(struct engine *e, const struct flow *f)
{
	for (uint8_t i = 0; i < e->npeers; i++) {
		const cache_ref ref = cache_find(e->peers[i].flows, f);

		if (ref)
			direct_disown(e->peers[i].direct, ref);
	}
}

/*
 * Our own operations: what they write are copies, unless it is cached as a flow
 * of this node; what they remove was known to be on its way out, or has been
 * written again before this event is read. An event that is not of our making
 * shows that packets of this node use the flow, or that it is gone.
 */
bool copies_event(struct engine *e, enum event_kind k, enum event_origin o, const struct flow *f)
{
	bool copy;

	if (!e->p.no_external)
		return false;
	if (o == ORIGIN_OWN && k != EVENT_DESTROY)
		return !cache_find(e->flows, f);
	if (o == ORIGIN_PROGRAM && k != EVENT_DESTROY)
		return copies_have(e, f); /* that is no packet */
	copy = copies_have(e, f);
	if (copy && o != ORIGIN_OWN)
		disown(e, f);
	return copy && k == EVENT_DESTROY && !cache_find(e->flows, f);
}

size_t copies_ops(struct engine *e, tick_t now, struct kernel_op *ops, size_t cap)
{
	for (uint8_t n = 0; n < e->npeers && e->p.no_external; n++) {
		const uint8_t i = (uint8_t)((e->copies_turn + n) % e->npeers);
		struct peer *p = &e->peers[i];
		const size_t got = direct_next(p->direct, now, &p->zones, ops, cap);

		for (size_t k = 0; k < got; k++)
			ops[k].cookie = ops[k].cookie * ENGINE_PEERS + i;
		if (!got)
			continue;
		e->copies_turn = (uint8_t)(i + 1);
		return got;
	}
	return 0;
}

void copies_result(struct engine *e, tick_t now, const struct kernel_op *op)
{
	struct direct_outcome out;
	struct kernel_op own = *op;

	own.cookie /= ENGINE_PEERS;
	direct_result(e->peers[op->cookie % ENGINE_PEERS].direct, now, &own, &out);
	if (out.failed)
		jobs_log_failure(e, now, "inject", &out.failure);
	if (out.lives)
		local_lives(e, now, &out.failure.holder);
}

void copies_tick(struct engine *e, tick_t now)
{
	struct repl_stats rs;

	for (uint8_t i = 0; i < e->npeers && e->p.no_external; i++) {
		struct peer *p = &e->peers[i];

		if (direct_deadline(p->direct) > now)
			continue;
		repl_get_stats(p->repl, &rs);
		direct_tick(p->direct, now, p->view.gen,
			    rs.heard && tick_since(now, rs.last_heard) < PRESENT);
	}
}

tick_t copies_deadline(const struct engine *e)
{
	tick_t t = TICK_NEVER;

	for (uint8_t i = 0; i < e->npeers && e->p.no_external; i++)
		t = tick_min(t, direct_deadline(e->peers[i].direct));
	return t;
}

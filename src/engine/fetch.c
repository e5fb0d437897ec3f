// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What no event tells is asked of the kernel, flow by flow: how far the sequence
 * numbers of a connection are shifted by a NAT helper (W15), and that the last label
 * of a flow was cleared (W14). The questions wait here for the next batch of kernel
 * operations; an answer is a complete entry, taken as one of a dump.
 */
#include <assert.h>
#include "priv.h"

static void fetch_flow(struct engine *e, tick_t now, cache_ref ref)
{
	uint8_t *flags = cache_flags(e->flows, ref);
	struct flow f;

	if (*flags & (ENTRY_DEAD | ENTRY_FETCH))
		return;
	if (e->nfetch == FETCH_MAX) {
		e->st.fetch_lost++;
		jobs_read_again(e, now, "too many questions at a time"); /* all of them then */
		return;
	}
	*flags |= ENTRY_FETCH;
	cache_get(e->flows, ref, &f);
	e->fetch[(e->fetch_head + e->nfetch++) % FETCH_MAX] = (struct fetch){
		.orig = f.orig,
		.zone = f.zone,
		.has = f.has &
		       (FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE | FLOW_HAS_ZONE_ORIG),
	};
}

void fetch_master(struct engine *e, tick_t now, const struct tuple *orig, bool zoned, uint16_t zone)
{
	struct flow m;
	cache_ref ref;

	flow_init(&m);
	m.orig = *orig;
	m.zone = zone;
	m.has = zoned ? FLOW_HAS_ZONE : 0;
	ref = cache_find(e->flows, &m);
	if (!ref)
		return;
	cache_get(e->flows, ref, &m);
	/* Only a helper that translates shifts numbers. */
	if (m.status & (CTS_SRC_NAT | CTS_DST_NAT | CTS_SEQ_ADJUST))
		fetch_flow(e, now, ref);
}

static bool has_labels(const struct flow *f)
{
	uint32_t all = 0;

	for (unsigned int i = 0; i < FLOW_LABEL_WORDS && (f->has & FLOW_HAS_LABELS); i++)
		all |= f->labels[i];
	return all != 0;
}

void fetch_after(struct engine *e, tick_t now, cache_ref ref, const struct flow *cur,
		 const struct flow *event, bool program)
{
	/*
	 * The kernel says nothing of labels that are all 0, also when this is the news. It is
	 * not if a packet has changed the state; what a program changed it does not tell.
	 */
	const bool told =
		(event->has & FLOW_HAS_LABELS) || ((event->has & FLOW_HAS_STATE) && !program);
	const bool cleared = !told && has_labels(cur);

	if (cleared || ((cur->status & CTS_SEQ_ADJUST) && !(cur->has & FLOW_HAS_SEQADJ)))
		fetch_flow(e, now, ref);
	if (event->has & FLOW_HAS_MASTER)
		fetch_master(e, now, &event->master, (event->has & FLOW_HAS_ZONE) != 0,
			     event->zone);
}

static cache_ref take(struct engine *e, struct flow *key)
{
	const struct fetch *q = &e->fetch[e->fetch_head];
	cache_ref ref;

	assert(e->nfetch > 0);
	flow_init(key);
	key->orig = q->orig;
	key->zone = key->zone_orig = q->zone;
	key->has = q->has;
	e->fetch_head = (e->fetch_head + 1) % FETCH_MAX;
	e->nfetch--;
	ref = cache_find(e->flows, key);
	if (ref)
		*cache_flags(e->flows, ref) &= (uint8_t)~ENTRY_FETCH;
	return ref;
}

size_t fetch_ops(struct engine *e, struct kernel_op *ops, size_t cap)
{
	struct flow key;
	size_t n = 0;

	while (n < cap && e->nfetch) {
		if (take(e, &key))
			ops[n++] = (struct kernel_op){ .kind = KOP_GET, .flow = key };
	}
	return n;
}

void fetch_result(struct engine *e, tick_t now, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;
	cache_ref ref;
	struct flow cur;

	if (op->err)
		return; /* it has ended, and an event will say so */
	e->st.fetched++;
	ref = cache_find(e->flows, f);
	if (!ref || (*cache_flags(e->flows, ref) & ENTRY_DEAD))
		return;
	cache_get(e->flows, ref, &cur);
	if ((cur.has & f->has & FLOW_HAS_ID) && cur.id != f->id)
		return; /* the next life of the tuple */
	local_dump_flow(e, now, f, true);
}

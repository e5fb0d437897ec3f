// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A modelled kernel table: unique tuples in both directions, timeouts, events in
 * a bounded queue that overruns as the real socket does (everything is lost
 * until it has been emptied).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "world.h"

/* Numbers 0..SIM_FLOWS*2-1; owner and number make the key. */
void kernel_make(struct flow *f, uint8_t owner, uint32_t number)
{
	flow_init(f);
	f->has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_PORTS | FLOW_HAS_REPLY;
	f->orig.family = FAM_IP4;
	memcpy(f->orig.src.b, (const uint8_t[]){ 10, 0, owner, (uint8_t)(number % 3) }, 4);
	memcpy(f->orig.dst.b, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	f->orig.proto = number % 4 ? IPP_TCP : IPP_UDP;
	f->orig.sport = (uint16_t)(1000 + number);
	f->orig.dport = 80;
	f->status = CTS_CONFIRMED | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	f->timeout = 3600;
	tuple_invert(&f->orig, &f->reply);
	if (number % 2) {
		memcpy(f->reply.dst.b, (const uint8_t[]){ 198, 51, 100, owner }, 4);
		f->status |= CTS_SRC_NAT;
	}
	if (number % 8 == 7) {
		f->has |= FLOW_HAS_ZONE;
		f->zone = 5;
	}
	if (f->orig.proto == IPP_TCP) {
		f->has |= FLOW_HAS_STATE;
		f->state = TCPS_SYN_SENT;
	}
}

uint32_t kernel_number(const struct flow *f)
{
	return (uint32_t)(f->orig.sport - 1000);
}

static struct kflow *find(struct kernel *k, const struct flow *f)
{
	for (int i = 0; i < SIM_FLOWS; i++)
		if (k->flows[i].used && k->flows[i].f.zone == f->zone &&
		    (tuple_equal(&k->flows[i].f.orig, &f->orig) ||
		     tuple_equal(&k->flows[i].f.reply, &f->orig)))
			return &k->flows[i];
	return NULL;
}

static struct kflow *place(struct kernel *k)
{
	for (int i = 0; i < SIM_FLOWS; i++)
		if (!k->flows[i].used)
			return &k->flows[i];
	return NULL;
}

static void emit(struct world *w, uint8_t node, enum event_kind kind, enum event_origin o,
		 const struct flow *f)
{
	struct kernel *k = &w->n[node].k;

	if (!w->n[node].up)
		return;                        /* nobody listens */
	if (k->overrun || k->len == SIM_EVENTS) {
		k->overrun = true;
		return;
	}
	k->q[(k->head + k->len++) % SIM_EVENTS] = (struct kevent){ kind, o, *f };
}

void kernel_packet(struct world *w, uint8_t node, uint32_t number)
{
	struct kernel *k = &w->n[node].k;
	struct flow f;
	struct kflow *kf;

	kernel_make(&f, node, number);
	kf = find(k, &f);
	if (!kf) {
		kf = place(k);
		if (!kf)
			return;
		f.id = ++k->next_id;
		f.has |= FLOW_HAS_ID;
		*kf = (struct kflow){ .used = true, .f = f };
		kf->expires = tick_add(w->now, f.timeout * TICK_SEC);
		emit(w, node, EVENT_NEW, ORIGIN_KERNEL, &kf->f);
		return;
	}
	kf->injected = false;
	kf->f.status |= CTS_SEEN_REPLY | CTS_ASSURED;
	if (kf->f.has & FLOW_HAS_STATE)
		kf->f.state = (uint8_t)(1 + rng_below(&w->rng, 7));
	if (rng_below(&w->rng, 4) == 0) {
		kf->f.has |= FLOW_HAS_MARK;
		kf->f.mark = rng_u32(&w->rng);
	}
	emit(w, node, EVENT_UPDATE, ORIGIN_KERNEL, &kf->f);
}

static void destroy(struct world *w, uint8_t node, struct kflow *kf, enum event_origin o)
{
	struct flow f = kf->f;

	kf->used = false;
	f.status |= CTS_DYING;
	emit(w, node, EVENT_DESTROY, o, &f);
}

void kernel_end(struct world *w, uint8_t node, uint32_t number)
{
	struct flow f;
	struct kflow *kf;

	kernel_make(&f, node, number);
	kf = find(&w->n[node].k, &f);
	if (kf)
		destroy(w, node, kf, ORIGIN_KERNEL);
}

static int create(struct world *w, uint8_t node, const struct kernel_op *op)
{
	struct kernel *k = &w->n[node].k;
	struct flow rev = op->flow;
	struct kflow *kf;

	flow_reply(&op->flow, &rev.orig);
	if (find(k, &op->flow) || find(k, &rev))
		return -EEXIST;
	kf = place(k);
	if (!kf)
		return -ENOMEM;
	*kf = (struct kflow){ .used = true, .injected = true, .f = op->flow };
	flow_reply(&op->flow, &kf->f.reply);
	kf->f.has &= ~(FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT);
	kf->f.has |= FLOW_HAS_REPLY | FLOW_HAS_ID;
	kf->f.status |= CTS_CONFIRMED | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	kf->f.id = ++k->next_id;
	kf->expires = tick_add(w->now, kf->f.timeout * TICK_SEC);
	emit(w, node, EVENT_NEW, ORIGIN_OWN, &kf->f);
	return 0;
}

void kernel_op(struct world *w, uint8_t node, struct kernel_op *op)
{
	struct kernel *k = &w->n[node].k;
	struct kflow *kf = op->kind >= KOP_EXP_CREATE ? NULL : find(k, &op->flow);

	op->err = 0;
	switch (op->kind) {
	case KOP_CREATE:
		op->err = op->flow.timeout ? create(w, node, op) : -EINVAL;
		break;
	case KOP_UPDATE:
		op->err = kf ? 0 : -ENOENT;
		if (kf)
			emit(w, node, EVENT_UPDATE, ORIGIN_OWN, &kf->f);
		break;
	case KOP_DELETE:
		if (!kf || ((op->flow.has & FLOW_HAS_ID) && kf->f.id != op->flow.id)) {
			op->err = -ENOENT;
			break;
		}
		w->n[node].excused[kernel_number(&kf->f)] = true;
		destroy(w, node, kf, ORIGIN_OWN);
		break;
	case KOP_GET:
		op->err = kf ? 0 : -ENOENT;
		if (kf)
			op->flow = kf->f;
		break;
	case KOP_EXP_CREATE:
	case KOP_EXP_DELETE:
	case KOP_EXP_UPDATE:
	case KOP_EXP_GET:
		op->err = -ENOENT;
		break;
	}
}

void kernel_expire(struct world *w, uint8_t node)
{
	struct kernel *k = &w->n[node].k;

	for (int i = 0; i < SIM_FLOWS; i++)
		if (k->flows[i].used && k->flows[i].expires <= w->now)
			destroy(w, node, &k->flows[i], ORIGIN_KERNEL);
}

tick_t kernel_next_expiry(const struct kernel *k)
{
	tick_t t = TICK_NEVER;

	for (int i = 0; i < SIM_FLOWS; i++)
		if (k->flows[i].used)
			t = tick_min(t, k->flows[i].expires);
	return t;
}

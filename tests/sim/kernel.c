// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A modelled kernel: unique tuples in both directions, lifetimes, masters,
 * expectations, events in a bounded queue that overruns as the real socket does
 * (the reader is told at once, and everything is lost until it has emptied the
 * queue: net/netlink/af_netlink.c).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "world.h"

#define HELPER_LIFETIME 30 /* seconds of an expectation */

/* ---- numbers ---- */

bool kernel_announces(uint32_t number)
{
	return number < NUMBERS / 2 && number % 8 == 1;
}

static void make_tuple(struct tuple *t, uint8_t owner, uint32_t number)
{
	memset(t, 0, sizeof(*t));
	t->family = FAM_IP4;
	memcpy(t->src.b, (const uint8_t[]){ 10, 0, owner, (uint8_t)(number % 3) }, 4);
	memcpy(t->dst.b, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	t->proto = number % 4 ? IPP_TCP : IPP_UDP;
	t->sport = (uint16_t)(1000 + number);
	t->dport = number < NUMBERS / 2 ? 80 : 20000;
}

static void make_child(struct flow *f, uint8_t owner, uint32_t number)
{
	make_tuple(&f->master, owner, number - NUMBERS / 2);
	f->has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	f->status |= CTS_EXPECTED;
}

void kernel_make(struct flow *f, uint8_t owner, uint32_t number)
{
	flow_init(f);
	f->has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_PORTS | FLOW_HAS_REPLY;
	make_tuple(&f->orig, owner, number);
	f->status = CTS_CONFIRMED | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	f->timeout = f->orig.proto == IPP_UDP ? 20 : 3600;
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
	if (kernel_announces(number)) {
		f->has |= FLOW_HAS_HELPER;
		f->status |= CTS_HELPER;
		strcpy(f->helper, "ftp");
	}
	if (number >= NUMBERS / 2)
		make_child(f, owner, number);
}

uint32_t kernel_key(const struct flow *f)
{
	const uint32_t key = f->orig.src.b[2] * NUMBERS + (uint32_t)(f->orig.sport - 1000);

	assert(key < KEYS);
	return key;
}

/* Every fourth is permanent: it outlives the connection that it announced. */
static void make_expect(struct expect *x, const struct flow *master, uint8_t owner, uint32_t number)
{
	expect_init(x);
	x->has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		 EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT | EXPECT_HAS_FLAGS |
		 EXPECT_HAS_CLASS | EXPECT_HAS_HELPER;
	x->master = master->orig;
	make_tuple(&x->tuple, owner, number + NUMBERS / 2);
	x->mask = x->tuple;
	memset(x->mask.src.b, 0xff, 4);
	memset(x->mask.dst.b, 0xff, 4);
	x->mask.sport = x->mask.dport = 0xffff;
	x->flags = number % 16 == 9 ? EXPF_PERMANENT : 0;
	x->timeout = HELPER_LIFETIME;
	strcpy(x->helper, "ftp");
}

/* ---- the tables ---- */

static bool same_place(const struct tuple *a, const struct tuple *b)
{
	return a->sport == b->sport && tuple_equal(a, b);
}

struct kflow *kernel_find(struct kernel *k, const struct flow *f)
{
	for (int i = 0; i < KERNEL_FLOWS; i++)
		if (k->flows[i].used && k->flows[i].f.zone == f->zone &&
		    (same_place(&k->flows[i].f.orig, &f->orig) ||
		     same_place(&k->flows[i].f.reply, &f->orig)))
			return &k->flows[i];
	return NULL;
}

struct kexpect *kernel_find_expect(struct kernel *k, const struct expect *x)
{
	for (int i = 0; i < KERNEL_EXPECTS; i++)
		if (k->expects[i].used && expect_same(&k->expects[i].x, x))
			return &k->expects[i];
	return NULL;
}

static struct kevent *event_place(struct world *w, uint8_t node)
{
	struct kernel *k = &w->n[node].k;

	if (!w->n[node].up)
		return NULL; /* nobody listens */
	if (!k->congested && k->len == KERNEL_EVENTS)
		k->congested = k->overrun_owed = true;
	if (k->congested)
		return NULL;
	return &k->q[(k->head + k->len++) % KERNEL_EVENTS];
}

static void emit(struct world *w, uint8_t node, enum event_kind kind, enum event_origin o,
		 const struct flow *f)
{
	struct kevent *ev = event_place(w, node);

	if (ev)
		*ev = (struct kevent){ .kind = kind, .origin = o, .f = *f };
}

static void emit_expect(struct world *w, uint8_t node, enum event_kind kind, enum event_origin o,
			const struct expect *x)
{
	struct kevent *ev = event_place(w, node);

	if (ev)
		*ev = (struct kevent){ .kind = kind, .origin = o, .is_expect = true, .x = *x };
}

static void live_until(struct kernel *k, tick_t *expires, tick_t t)
{
	*expires = t;
	k->expiry = tick_min(k->expiry, t);
}

static struct kflow *add(struct world *w, uint8_t node, const struct flow *f, enum event_origin o)
{
	struct kernel *k = &w->n[node].k;
	struct kflow *kf = k->flows;

	while (kf < k->flows + KERNEL_FLOWS && kf->used)
		kf++;
	if (kf == k->flows + KERNEL_FLOWS) {
		k->full_at = w->now;
		return NULL;
	}
	*kf = (struct kflow){ .used = true, .f = *f, .lifetime = f->timeout };
	kf->f.id = ++k->next_id;
	kf->f.has |= FLOW_HAS_ID;
	live_until(k, &kf->expires, tick_add(w->now, f->timeout * TICK_SEC));
	emit(w, node, EVENT_NEW, o, &kf->f);
	return kf;
}

static void end_expect(struct world *w, uint8_t node, struct kexpect *kx, enum event_origin o)
{
	kx->used = false;
	if (o == ORIGIN_KERNEL)
		w->n[node].k.expect_ended = w->now;
	emit_expect(w, node, EVENT_DESTROY, o, &kx->x);
}

/* What a flow announced ends with it. */
static void end_flow(struct world *w, uint8_t node, struct kflow *kf, enum event_origin o)
{
	struct kernel *k = &w->n[node].k;
	struct flow f = kf->f;

	kf->used = false;
	k->ended[kernel_key(&f)] = w->now;
	f.status |= CTS_DYING;
	emit(w, node, EVENT_DESTROY, o, &f);
	for (int i = 0; i < KERNEL_EXPECTS; i++)
		if (k->expects[i].used && tuple_equal(&k->expects[i].x.master, &f.orig))
			end_expect(w, node, &k->expects[i], o);
}

/* ---- traffic ---- */

static void change(struct world *w, struct kflow *kf)
{
	struct flow *f = &kf->f;

	kf->injected = false;
	f->status |= CTS_SEEN_REPLY | CTS_ASSURED;
	if (f->has & FLOW_HAS_STATE)
		f->state = (uint8_t)(1 + rng_below(&w->rng, 7));
	if (rng_below(&w->rng, 4) == 0) {
		f->has |= FLOW_HAS_MARK;
		f->mark = rng_u32(&w->rng);
	}
	if (rng_below(&w->rng, 8) == 0) {
		f->has |= FLOW_HAS_LABELS;
		f->labels[0] = rng_u32(&w->rng) | 1;
	} else if (rng_below(&w->rng, 16) == 0) {
		f->has &= ~FLOW_HAS_LABELS; /* absence is what a dump shows */
		f->labels[0] = 0;
	}
}

void kernel_packet(struct world *w, uint8_t node, uint8_t owner, uint32_t number)
{
	struct kernel *k = &w->n[node].k;
	struct kflow *kf;
	struct flow f;

	kernel_make(&f, owner, number);
	kf = kernel_find(k, &f);
	if (!kf) {
		if (owner == node && !(f.has & FLOW_HAS_MASTER))
			add(w, node, &f, ORIGIN_KERNEL);
		return;
	}
	change(w, kf);
	kf->f.timeout = kf->lifetime;
	live_until(k, &kf->expires, tick_add(w->now, kf->lifetime * TICK_SEC));
	if (rng_below(&w->rng, 8)) /* some packets only refresh, silently */
		emit(w, node, EVENT_UPDATE, ORIGIN_KERNEL, &kf->f);
}

void kernel_end(struct world *w, uint8_t node, uint8_t owner, uint32_t number)
{
	struct kflow *kf;
	struct flow f;

	kernel_make(&f, owner, number);
	kf = kernel_find(&w->n[node].k, &f);
	if (kf)
		end_flow(w, node, kf, ORIGIN_KERNEL);
}

void kernel_stray(struct world *w, uint8_t node, uint8_t owner, uint32_t number)
{
	struct flow f;

	kernel_make(&f, owner, number);
	if (kernel_find(&w->n[node].k, &f))
		return;
	f.has &= ~(FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS);
	f.status &= ~(CTS_SRC_NAT | CTS_EXPECTED);
	f.timeout = 10;
	tuple_invert(&f.orig, &f.reply);
	if (rng_below(&w->rng, 3) == 0)
		f.status |= CTS_SEEN_REPLY;
	add(w, node, &f, ORIGIN_KERNEL);
}

static void add_expect(struct world *w, uint8_t node, const struct expect *x, enum event_origin o)
{
	struct kernel *k = &w->n[node].k;

	for (int i = 0; i < KERNEL_EXPECTS; i++) {
		struct kexpect *kx = &k->expects[i];

		if (kx->used)
			continue;
		*kx = (struct kexpect){ .used = true, .x = *x };
		live_until(k, &kx->expires, tick_add(w->now, x->timeout * TICK_SEC));
		emit_expect(w, node, EVENT_NEW, o, x);
		return;
	}
	k->full_at = w->now;
}

void kernel_expect(struct world *w, uint8_t node, uint8_t owner, uint32_t number, bool early)
{
	struct kernel *k = &w->n[node].k;
	struct kflow *kf;
	struct expect x;
	struct flow f;

	kernel_make(&f, owner, number);
	kf = kernel_find(k, &f);
	make_expect(&x, &f, owner, number);
	if (kernel_find_expect(k, &x) || (!kf && (!early || owner != node)))
		return;
	add_expect(w, node, &x, ORIGIN_KERNEL);
	if (!kf && !add(w, node, &f, ORIGIN_KERNEL))
		end_expect(w, node, kernel_find_expect(k, &x), ORIGIN_KERNEL);
}

void kernel_related(struct world *w, uint8_t node, uint8_t owner, uint32_t number)
{
	struct kernel *k = &w->n[node].k;
	struct kexpect *kx;
	struct flow f, child;
	struct expect x;

	kernel_make(&f, owner, number);
	kernel_make(&child, owner, number + NUMBERS / 2);
	make_expect(&x, &f, owner, number);
	kx = kernel_find_expect(k, &x);
	if (!kx || kernel_find(k, &child))
		return;
	if (!(x.flags & EXPF_PERMANENT))
		end_expect(w, node, kx, ORIGIN_KERNEL);
	add(w, node, &child, ORIGIN_KERNEL);
}

void kernel_expire(struct world *w, uint8_t node)
{
	struct kernel *k = &w->n[node].k;

	if (w->now < k->expiry)
		return;
	for (int i = 0; i < KERNEL_FLOWS; i++)
		if (k->flows[i].used && k->flows[i].expires <= w->now)
			end_flow(w, node, &k->flows[i], ORIGIN_KERNEL);
	for (int i = 0; i < KERNEL_EXPECTS; i++)
		if (k->expects[i].used && k->expects[i].expires <= w->now)
			end_expect(w, node, &k->expects[i], ORIGIN_KERNEL);
	k->expiry = TICK_NEVER;
	for (int i = 0; i < KERNEL_FLOWS; i++)
		if (k->flows[i].used)
			k->expiry = tick_min(k->expiry, k->flows[i].expires);
	for (int i = 0; i < KERNEL_EXPECTS; i++)
		if (k->expects[i].used)
			k->expiry = tick_min(k->expiry, k->expects[i].expires);
}

void kernel_reset(struct world *w, uint8_t node)
{
	struct kernel *k = &w->n[node].k;

	for (int i = 0; i < KERNEL_FLOWS; i++)
		if (k->flows[i].used)
			k->ended[kernel_key(&k->flows[i].f)] = w->now;
	memset(k->flows, 0, sizeof(k->flows));
	memset(k->expects, 0, sizeof(k->expects));
	k->expiry = TICK_NEVER;
}

/* ---- the daemon's requests ---- */

struct flow kernel_show(const struct world *w, const struct kflow *kf)
{
	struct flow f = kf->f;

	f.timeout = (uint32_t)(tick_since(kf->expires, w->now) / TICK_SEC);
	return f;
}

struct expect kernel_show_expect(const struct world *w, const struct kexpect *kx)
{
	struct expect x = kx->x;

	x.timeout = (uint32_t)(tick_since(kx->expires, w->now) / TICK_SEC);
	return x;
}

static int create(struct world *w, uint8_t node, const struct kernel_op *op)
{
	struct kernel *k = &w->n[node].k;
	struct flow f = op->flow, other = op->flow;
	struct kflow *kf;

	if (!f.timeout)
		return -EINVAL;
	flow_reply(&f, &other.orig);
	if (kernel_find(k, &f) || kernel_find(k, &other))
		return -EEXIST;
	if ((f.has & FLOW_HAS_HELPER) && k->no_helper)
		return -EOPNOTSUPP;
	if (!(f.has & FLOW_HAS_MASTER))
		memset(&f.master, 0, sizeof(f.master));
	other.orig = f.master;
	if ((f.has & FLOW_HAS_MASTER) && !kernel_find(k, &other))
		return -ENOENT;
	flow_reply(&op->flow, &f.reply);
	f.has &= ~(FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT);
	f.has |= FLOW_HAS_REPLY;
	f.status |= CTS_CONFIRMED | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	kf = add(w, node, &f, ORIGIN_OWN);
	if (!kf)
		return -ENOMEM;
	kf->injected = true;
	return 0;
}

static void update(struct world *w, uint8_t node, const struct kernel_op *op, struct kflow *kf)
{
	if (op->flow.has & FLOW_HAS_MARK) {
		kf->f.has |= FLOW_HAS_MARK;
		kf->f.mark = op->flow.mark;
	}
	emit(w, node, EVENT_UPDATE, ORIGIN_OWN, &kf->f);
}

static int create_expect(struct world *w, uint8_t node, const struct expect *x)
{
	struct kernel *k = &w->n[node].k;
	struct expect mine = *x;
	struct flow master;

	flow_init(&master);
	master.orig = x->master;
	if (!kernel_find(k, &master))
		return -ENOENT;
	if (kernel_find_expect(k, x))
		return -EEXIST;
	mine.timeout = HELPER_LIFETIME;
	add_expect(w, node, &mine, ORIGIN_OWN);
	return kernel_find_expect(k, x) ? 0 : -ENOMEM;
}

static int update_expect(struct world *w, uint8_t node, const struct expect *x)
{
	struct kexpect *kx = kernel_find_expect(&w->n[node].k, x);

	if (!kx)
		return -ENOENT;
	live_until(&w->n[node].k, &kx->expires, tick_add(w->now, x->timeout * TICK_SEC));
	return 0;
}

static int get_expect(struct world *w, uint8_t node, struct expect *x)
{
	const struct kexpect *kx = kernel_find_expect(&w->n[node].k, x);

	if (!kx)
		return -ENOENT;
	*x = kernel_show_expect(w, kx);
	return 0;
}

static int delete_flow(struct world *w, uint8_t node, const struct kernel_op *op, struct kflow *kf)
{
	if (!kf || ((op->flow.has & FLOW_HAS_ID) && kf->f.id != op->flow.id))
		return -ENOENT;
	end_flow(w, node, kf, ORIGIN_OWN);
	return 0;
}

static int delete_expect(struct world *w, uint8_t node, const struct expect *x)
{
	struct kexpect *kx = kernel_find_expect(&w->n[node].k, x);

	if (!kx)
		return -ENOENT;
	end_expect(w, node, kx, ORIGIN_OWN);
	return 0;
}

void kernel_op(struct world *w, uint8_t node, struct kernel_op *op)
{
	struct kernel *k = &w->n[node].k;
	struct kflow *kf = op->kind >= KOP_EXP_CREATE ? NULL : kernel_find(k, &op->flow);

	op->err = kf || op->kind >= KOP_EXP_CREATE ? 0 : -ENOENT;
	switch (op->kind) {
	case KOP_CREATE:
		op->err = create(w, node, op);
		break;
	case KOP_UPDATE:
		if (kf)
			update(w, node, op, kf);
		break;
	case KOP_DELETE:
		op->err = delete_flow(w, node, op, kf);
		break;
	case KOP_GET:
		if (kf)
			op->flow = kernel_show(w, kf);
		break;
	case KOP_EXP_CREATE:
		op->err = create_expect(w, node, &op->expect);
		break;
	case KOP_EXP_DELETE:
		op->err = delete_expect(w, node, &op->expect);
		break;
	case KOP_EXP_UPDATE:
		op->err = update_expect(w, node, &op->expect);
		break;
	case KOP_EXP_GET:
		op->err = get_expect(w, node, &op->expect);
		break;
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The modelled connection table of the commit tests. */
#include "table_model.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"

static uint32_t *head_of(struct table *t, const struct tuple *tuple, uint16_t zone)
{
	uint8_t key[40];

	memset(key, 0, sizeof(key));
	memcpy(key, tuple->src.b, 16);
	memcpy(key + 16, tuple->dst.b, 16);
	key[32] = (uint8_t)tuple->sport;
	key[33] = (uint8_t)(tuple->sport >> 8);
	key[34] = (uint8_t)tuple->dport;
	key[35] = (uint8_t)(tuple->dport >> 8);
	key[36] = tuple->proto;
	key[37] = (uint8_t)zone;
	return &t->heads[hash_bytes(key, sizeof(key), 0) % TABLE_HEADS];
}

static const struct tuple *side(const struct flow *f, unsigned int dir)
{
	return dir ? &f->reply : &f->orig;
}

struct flow *table_find(struct table *t, const struct tuple *tuple, uint16_t zone)
{
	uint32_t i = *head_of(t, tuple, zone);
	struct table_flow *e;
	unsigned int dir;

	/* Low bit: direction; above it: index. */
	for (; i; i = e->next[dir]) {
		dir = (i - 1) & 1;
		e = &t->flows[(i - 1) >> 1];
		if (e->present && e->flow.zone == zone && tuple_equal(side(&e->flow, dir), tuple))
			return &e->flow;
	}
	return NULL;
}

struct flow *table_put(struct table *t, const struct flow *f)
{
	struct table_flow *e = &t->flows[t->nflows];
	unsigned int dir;

	cr_assert_lt(t->nflows, TABLE_FLOWS);
	e->flow = *f;
	flow_reply(f, &e->flow.reply);
	e->flow.has &= ~(FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT);
	e->flow.has |= FLOW_HAS_REPLY | FLOW_HAS_ID | FLOW_HAS_STATUS;
	e->flow.id = ++t->ids;
	e->present = true;
	for (dir = 0; dir < 2; dir++) {
		uint32_t *head = head_of(t, side(&e->flow, dir), f->zone);

		e->next[dir] = *head;
		*head = (t->nflows << 1 | dir) + 1;
	}
	t->nflows++;
	return &e->flow;
}

bool table_remove(struct table *t, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < t->nflows; i++) {
		if (t->flows[i].present && t->flows[i].flow.id == id) {
			t->flows[i].present = false;
			return true;
		}
	}
	return false;
}

uint32_t table_count(const struct table *t)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->nflows; i++)
		n += t->flows[i].present;
	return n;
}

static bool helper_exists(const char *name)
{
	return strcmp(name, "ftp") == 0;
}

static int create(struct table *t, const struct flow *f)
{
	struct tuple reply;
	struct flow *new;

	if (t->fail_creates)
		return -t->fail_creates;
	if (!(f->has & FLOW_HAS_TIMEOUT))
		return -EINVAL;
	if (table_find(t, &f->orig, f->zone))
		return -EEXIST;
	if ((f->has & FLOW_HAS_HELPER) && !helper_exists(f->helper))
		return -EOPNOTSUPP;
	if ((f->has & FLOW_HAS_MASTER) && !table_find(t, &f->master, f->zone))
		return -ENOENT;
	flow_reply(f, &reply);
	if (table_find(t, &reply, f->zone))
		return -EEXIST;
	new = table_put(t, f);
	new->status &= ~CTS_EXPECTED;
	if (f->has & FLOW_HAS_MASTER)
		new->status |= CTS_EXPECTED;
	return 0;
}

static int update_helper(const struct flow *k, const struct flow *f)
{
	if (!(f->has & FLOW_HAS_HELPER))
		return 0;
	if (!(k->has & FLOW_HAS_HELPER))
		return -EOPNOTSUPP;
	return strcmp(k->helper, f->helper) ? -EBUSY : 0;
}

static int update(struct table *t, const struct flow *f)
{
	struct flow *k = table_find(t, &f->orig, f->zone);
	uint32_t lost;
	int err;

	if (!k)
		return -ENOENT;
	if (f->has & FLOW_HAS_MASTER)
		return -EOPNOTSUPP;
	err = update_helper(k, f);
	if (err)
		return err;
	if (f->has & FLOW_HAS_TIMEOUT) {
		if (k->status & CTS_FIXED_TIMEOUT)
			return -EPERM;
		k->timeout = f->timeout;
	}
	if (f->has & FLOW_HAS_STATUS) {
		lost = k->status & ~f->status;
		if ((lost & (CTS_SEEN_REPLY | CTS_ASSURED)) ||
		    ((k->status ^ f->status) & CTS_EXPECTED))
			return -EBUSY;
		k->status |= f->status & (CTS_SEEN_REPLY | CTS_ASSURED);
	}
	if (f->has & FLOW_HAS_STATE)
		k->state = f->state;
	if (f->has & FLOW_HAS_MARK)
		k->mark = f->mark;
	if (f->has & FLOW_HAS_SEQADJ)
		memcpy(k->seqadj, f->seqadj, sizeof(k->seqadj));
	if ((f->has & FLOW_HAS_LABELS) && t->no_labels)
		return -ENOSPC;
	if (f->has & FLOW_HAS_LABELS)
		memcpy(k->labels, f->labels, sizeof(k->labels));
	return 0;
}

static int delete (struct table *t, const struct flow *f)
{
	struct flow *k = table_find(t, &f->orig, f->zone);

	if (!k || ((f->has & FLOW_HAS_ID) && f->id != k->id))
		return -ENOENT;
	table_remove(t, k->id);
	return 0;
}

static int get(struct table *t, struct flow *f)
{
	struct flow *k = table_find(t, &f->orig, f->zone);

	if (!k)
		return -ENOENT;
	*f = *k;
	return 0;
}

/* By what is expected alone, as a kernel does. */
static int exp_index(const struct table *t, const struct expect *e)
{
	uint32_t i;

	for (i = 0; i < t->nexpects; i++) {
		if (tuple_equal(&t->expects[i].tuple, &e->tuple) && t->expects[i].zone == e->zone)
			return (int)i;
	}
	return -1;
}

static int exp_create(struct table *t, const struct expect *e)
{
	const struct flow *master = table_find(t, &e->master, e->zone);

	if (!master)
		return -ENOENT;
	if (!(master->has & FLOW_HAS_HELPER))
		return -EOPNOTSUPP;
	if (exp_index(t, e) >= 0)
		return -EEXIST;
	cr_assert_lt(t->nexpects, TABLE_EXPECTS);
	t->expects[t->nexpects] = *e;
	t->expects[t->nexpects++].timeout = TABLE_HELPER_TIMEOUT;
	return 0;
}

static int exp_update(struct table *t, const struct expect *e)
{
	int i = exp_index(t, e);

	if (i < 0)
		return -ENOENT;
	t->expects[i].timeout = e->timeout;
	return 0;
}

static int exp_delete(struct table *t, const struct expect *e)
{
	int i = exp_index(t, e);

	if (i < 0)
		return -ENOENT;
	t->expects[i] = t->expects[--t->nexpects];
	return 0;
}

static int exp_get(struct table *t, struct expect *e)
{
	int i = exp_index(t, e);

	if (i < 0)
		return -ENOENT;
	*e = t->expects[i];
	return 0;
}

void table_apply(struct table *t, struct kernel_op *op)
{
	if (t->before)
		t->before(t, op);
	t->ops[op->kind]++;
	switch (op->kind) {
	case KOP_CREATE:
		op->err = create(t, &op->flow);
		break;
	case KOP_UPDATE:
		op->err = update(t, &op->flow);
		break;
	case KOP_DELETE:
		op->err = delete (t, &op->flow);
		break;
	case KOP_GET:
		op->err = get(t, &op->flow);
		break;
	case KOP_EXP_CREATE:
		op->err = exp_create(t, &op->expect);
		break;
	case KOP_EXP_DELETE:
		op->err = exp_delete(t, &op->expect);
		break;
	case KOP_EXP_UPDATE:
		op->err = exp_update(t, &op->expect);
		break;
	case KOP_EXP_GET:
		op->err = exp_get(t, &op->expect);
		break;
	}
}

void table_apply_batch(struct table *t, struct kernel_op *ops, size_t n, size_t cap)
{
	size_t i;

	cr_assert_leq(n, cap);
	for (i = 0; i < n; i++) {
		bool removal = ops[i].kind == KOP_DELETE || ops[i].kind == KOP_EXP_DELETE;

		if (removal && cap > 1) {
			cr_assert_lt(i + 1, n);
			cr_assert_eq(ops[i + 1].kind,
				     ops[i].kind == KOP_DELETE ? KOP_CREATE : KOP_EXP_CREATE);
			cr_assert_eq(ops[i + 1].cookie, ops[i].cookie);
		}
		table_apply(t, &ops[i]);
	}
}

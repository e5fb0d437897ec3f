// SPDX-License-Identifier: GPL-2.0-or-later
/* What the commit tests have in common. */
#include "fixture.h"

#include <criterion/criterion.h>

#include <string.h>

#include "gen.h"

struct fixture fx;

void fixture_setup(void)
{
	struct cache_params p = { .ops = &pack_flow, .limit = 40000, .secret = 1 };

	fx.flows = cache_new(&p);
	p.ops = &pack_expect;
	fx.expects = cache_new(&p);
	cr_assert(fx.flows && fx.expects);
	fx.params.flows = fx.flows;
	fx.params.expects = fx.expects;
	fx.params.owner_heard = NOW;
}

void fixture_teardown(void)
{
	cache_free(fx.flows);
	cache_free(fx.expects);
}

/* A TCP flow as a peer would have announced it. */
void tcp(uint32_t n, struct flow *f)
{
	gen_flow_tcp4(n, f);
	f->has |= FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_STATE;
	f->status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_ASSURED;
	f->timeout = 5000;
	f->state = TCPS_ESTABLISHED;
}

/* The same with source translation, in the form of the wire. */
void tcp_nat(uint32_t n, struct flow *f)
{
	tcp(n, f);
	f->has |= FLOW_HAS_SNAT | FLOW_HAS_SPAT;
	f->status |= CTS_SRC_NAT | CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
	f->snat.b[0] = 203;
	f->snat.b[3] = 1;
	f->snat_port = (uint16_t)(10000 + n);
}

void helper(struct flow *f, const char *name)
{
	f->has |= FLOW_HAS_HELPER;
	f->status |= CTS_HELPER;
	memset(f->helper, 0, sizeof(f->helper));
	strcpy(f->helper, name);
}

void master(struct flow *f, uint32_t n)
{
	struct flow m;

	tcp(n, &m);
	f->master = m.orig;
	f->has |= FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS;
	f->status |= CTS_EXPECTED;
}

cache_ref keep(const struct flow *f)
{
	cache_ref ref;

	cr_assert_eq(cache_add(fx.flows, NOW, f, &ref), 0);
	return ref;
}

void keep_expect(const struct expect *e)
{
	cache_ref ref;

	cr_assert_eq(cache_add(fx.expects, NOW, e, &ref), 0);
}

/* An expectation of master flow n. */
void expectation(uint32_t n, struct expect *e)
{
	struct flow m;

	tcp(n, &m);
	gen_expect_key(n, e);
	e->master = m.orig;
	e->has |= EXPECT_HAS_TIMEOUT;
	e->timeout = 300;
}

/* One batch; false when the commit is over. Results come in backwards. */
static bool batch(struct commit *c, tick_t now, size_t cap)
{
	static struct kernel_op ops[KOP_BATCH];
	size_t n = commit_next(c, now, ops, cap);

	table_apply_batch(&fx.table, ops, n, cap);
	while (n > 0) {
		struct commit_failure *f = &fx.failures[fx.nfailures % 64];

		fx.nfailures += commit_result(c, now, &ops[--n], f);
	}
	return !commit_finished(c);
}

void run(tick_t now, size_t cap)
{
	struct commit *c = commit_new(&fx.params, now);
	uint32_t batches = 0;

	cr_assert_not_null(c);
	fx.nfailures = 0;
	while (batch(c, now, cap))
		cr_assert_lt(++batches, 1000000, "the commit does not end");
	commit_get_stats(c, &fx.st);
	cr_assert_eq(fx.nfailures, fx.st.flows_failed + fx.st.flows_skipped + fx.st.flows_clash +
					   fx.st.expects_failed);
	commit_free(c);
}

struct flow *in_kernel(const struct flow *f)
{
	return table_find(&fx.table, &f->orig, f->zone);
}

bool translated_alike(const struct flow *a, const struct flow *b)
{
	struct tuple x, y;

	flow_reply(a, &x);
	flow_reply(b, &y);
	return tuple_equal(&x, &y);
}

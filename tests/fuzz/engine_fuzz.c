// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A byte string as the life of one node with two peers: their datagrams, kernel
 * events and answers, operators, time. Everything it holds stays under its
 * ceiling, whatever it sends can be decoded, and left alone it comes to rest.
 */
#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/engine.h"
#include "fuzz.h"
#include "gen.h"
#include "wire/codec.h"

#define PEERS     2
#define LIMIT     32 /* entries per cache */
#define RESEND    24
#define SPARE     1024 /* control messages beyond the limit of the window */
#define DGRAM     1400
#define BYTES_MAX (4u << 20)
#define SPINS     20000
#define REST      (20 * TICK_SEC)

struct node {
	struct engine *e;
	tick_t now;
	bool dumping;
	struct kernel_op ops[KOP_BATCH];
	size_t nops;
};

/* ---- what comes out ---- */

static void check_message(const struct wire_msg *m)
{
	const struct wire_params p = { 0 };
	struct expect e;
	struct flow f;

	if (m->h.type == WIRE_CONTROL)
		return;
	if (m->h.type <= WIRE_CT_DESTROY)
		CHECK(wire_flow_decode(&p, m->body, m->body_len, &f) == 0);
	else
		CHECK(wire_expect_decode(&p, m->body, m->body_len, &e) == 0);
}

static bool send_one(struct node *n, uint8_t peer)
{
	uint8_t buf[DGRAM];
	size_t at = 0, used, len = engine_datagram(n->e, n->now, peer, buf, sizeof(buf));
	struct wire_msg m;

	CHECK(len <= sizeof(buf));
	for (; at < len; at += used) {
		CHECK(wire_message_next(buf + at, len - at, &m, &used) == 0);
		check_message(&m);
	}
	return len > 0;
}

static void effects(struct node *n)
{
	struct effect eff;

	while (engine_effect(n->e, n->now, &eff))
		n->dumping = n->dumping || eff.kind != EFFECT_JOB_DONE;
}

static void check_stats(const struct node *n)
{
	struct engine_stats st;

	engine_get_stats(n->e, &st);
	for (int c = 0; c < 4; c++) {
		const uint32_t caches =
			c == ECACHE_EXTERNAL || c == ECACHE_EXP_EXTERNAL ? PEERS : 1;

		CHECK(st.cache[c].active <= st.cache[c].objects);
		CHECK(st.cache[c].objects <= caches * LIMIT);
		CHECK(st.cache[c].bytes <= BYTES_MAX);
	}
	CHECK(st.npeers == PEERS);
	for (int i = 0; i < PEERS; i++)
		CHECK(st.peer[i].window <= RESEND + SPARE);
}

static void check_listing(const struct node *n, enum engine_cache which)
{
	struct engine_walk walk = { .which = which };
	uint32_t count = 0, budget = UINT32_MAX;
	struct engine_entry en;
	struct engine_stats st;

	engine_get_stats(n->e, &st);
	while (engine_walk_next(n->e, &walk, &budget, &en) == 1)
		count++;
	CHECK(count == st.cache[which].active);
}

/* ---- what goes in ---- */

/* Numbers no mutation would ever guess: the ones that come next. */
static void renumber(struct node *n, uint8_t peer, uint8_t *data, size_t len)
{
	struct engine_stats st;
	struct wire_msg m;
	size_t at = 0, used;
	uint32_t seq;

	engine_get_stats(n->e, &st);
	seq = st.peer[peer].last_seq;
	for (; at < len; at += used) {
		struct buf b;

		if (wire_message_next(data + at, len - at, &m, &used))
			continue;
		buf_write(&b, data + at + 4, 4);
		buf_put32(&b, ++seq);
	}
}

static void datagram(struct node *n, uint8_t arg, struct buf *in)
{
	size_t len = buf_get16(in);
	const uint8_t *data;
	uint8_t *exact;

	len = len < buf_left(in) ? len : buf_left(in);
	data = buf_take(in, len);
	exact = malloc(len ? len : 1);
	CHECK(exact);
	if (len)
		memcpy(exact, data, len);
	if (arg & 2)
		renumber(n, arg % PEERS, exact, len);
	engine_input(n->e, n->now, arg % PEERS, exact, len);
	free(exact);
}

static void flow_event(struct node *n, uint8_t arg, struct buf *in, bool dump)
{
	const enum event_kind kinds[] = { EVENT_NEW, EVENT_UPDATE, EVENT_UPDATE, EVENT_DESTROY };
	uint8_t how = buf_get8(in);
	struct flow f;
	struct rng r;

	rng_seed(&r, how >> 3);
	gen_flow_key(arg & 63, &f);
	gen_flow_body(&r, &f);
	if (!dump)
		engine_flow_event(n->e, n->now, kinds[how & 3],
				  how & 4 ? ORIGIN_OWN : ORIGIN_KERNEL, &f);
	else if (n->dumping && engine_dump_wanted(n->e))
		engine_dump_flow(n->e, n->now, &f);
}

static void expect_event(struct node *n, uint8_t arg, struct buf *in)
{
	uint8_t how = buf_get8(in);
	struct expect x;
	struct rng r;

	rng_seed(&r, how >> 3);
	gen_expect_key(arg & 63, &x);
	gen_expect_body(&r, &x);
	engine_expect_event(n->e, n->now, how & 1 ? EVENT_NEW : EVENT_DESTROY,
			    how & 4 ? ORIGIN_OWN : ORIGIN_KERNEL, &x);
}

static void dump_end(struct node *n, uint8_t arg)
{
	if (!n->dumping)
		return;
	n->dumping = false;
	engine_dump_end(n->e, n->now, arg & 1 ? -ENOBUFS : 0);
}

static void answer(struct node *n, uint8_t arg)
{
	static const int errs[] = { 0, 0, -EEXIST, -ENOENT, -ENOMEM, -EBUSY, -EINVAL, -ETIMEDOUT };

	n->nops = engine_kernel_ops(n->e, n->now, n->ops, KOP_BATCH);
	CHECK(n->nops <= KOP_BATCH);
	for (size_t i = 0; i < n->nops; i++)
		n->ops[i].err = errs[(arg + i) & (arg & 128 ? 7 : 0)];
	if (n->nops)
		engine_kernel_results(n->e, n->now, n->ops, n->nops);
}

static void advance(struct node *n, tick_t until)
{
	for (int spins = 0; spins < SPINS; spins++) {
		const tick_t next = engine_deadline(n->e);

		if (next > until) {
			n->now = until;
			return;
		}
		n->now = next > n->now ? next : n->now;
		engine_tick(n->e, n->now);
		effects(n);
		dump_end(n, 0);
		answer(n, 0);
		for (uint8_t p = 0; p < PEERS; p++)
			while (send_one(n, p))
				;
	}
	CHECK(engine_deadline(n->e) > until);
}

/* ---- history ---- */

enum step {
	STEP_DATAGRAM,
	STEP_FLOW,
	STEP_EXPECT,
	STEP_DUMP_FLOW,
	STEP_DUMP_END,
	STEP_OVERRUN,
	STEP_ADMIN,
	STEP_ANSWER,
	STEP_SEND,
	STEP_TIME,
	STEPS
};

static void one_step(struct node *n, struct buf *in)
{
	const enum step what = buf_get8(in) % STEPS;
	const uint8_t arg = buf_get8(in);

	if (what == STEP_DATAGRAM)
		datagram(n, arg, in);
	else if (what == STEP_FLOW || what == STEP_DUMP_FLOW)
		flow_event(n, arg, in, what == STEP_DUMP_FLOW);
	else if (what == STEP_EXPECT)
		expect_event(n, arg, in);
	else if (what == STEP_DUMP_END)
		dump_end(n, arg);
	else if (what == STEP_OVERRUN)
		engine_overrun(n->e, n->now);
	else if (what == STEP_ADMIN)
		engine_admin(n->e, n->now, arg % (ADMIN_PURGE + 1), buf_get8(in) & 15, arg);
	else if (what == STEP_ANSWER)
		answer(n, arg);
	else if (what == STEP_SEND)
		send_one(n, arg % PEERS);
	else
		advance(n, n->now + (tick_t)arg * 20 * TICK_MSEC);
	effects(n);
	check_stats(n);
}

static void set_mode(struct engine_params *p, uint8_t how)
{
	static const enum repl_mode modes[] = { REPL_FTFW, REPL_NOTRACK, REPL_FTFW, REPL_ALARM };

	p->repl.mode = modes[how & 3];
	p->repl.ident = how & 4;
	p->repl.startup_resync = how & 8;
	p->window_tracking = how & 16;
	p->commit_timeout = how & 32 ? 9 : 0;
	p->no_internal = how & 64;
	p->no_external = how & 128;
	p->refresh_time = p->repl.mode == REPL_ALARM ? 3 : 0;
	p->cache_timeout = p->repl.mode == REPL_ALARM ? 5 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_params p = {
		.seed = 1,
		.npeers = PEERS,
		.repl = { .ack_window = 4, .resend_limit = RESEND, .cures = REPL_CURES_ALL },
		.cache_limit = LIMIT,
		.expect_sync = true,
		.purge_timeout = 3,
		.overrun_resync = 2,
	};
	struct node n = { .now = 1000 * TICK_SEC };
	struct buf in;

	buf_read(&in, data, size);
	set_mode(&p, buf_get8(&in));
	n.e = engine_new(&p, n.now);
	CHECK(n.e);
	engine_load(n.e, 1);
	while (buf_left(&in) >= 2)
		one_step(&n, &in);
	advance(&n, n.now + REST);
	check_stats(&n);
	for (int c = 0; c < 4; c++)
		check_listing(&n, (enum engine_cache)c);
	engine_free(n.e);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Two engines joined by a lossless pipe, and a virtual clock. */
#include "pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct engine_params params(uint64_t seed)
{
	return (struct engine_params){
		.seed = seed,
		.npeers = 1,
		.repl = { .mode = REPL_FTFW,
			  .ack_window = 300,
			  .resend_limit = 1000,
			  .cures = REPL_CURES_ALL },
		.cache_limit = 1000,
		.expect_sync = true,
		.purge_timeout = 60,
		.overrun_resync = 30,
		.log = &kept_log,
	};
}

/* ---- a pair ---- */

void pump(struct pair *p)
{
	uint8_t buf[1472];
	size_t len;
	bool moved = true;

	while (moved) {
		moved = false;
		while ((len = engine_datagram(p->a, p->now, 0, buf, sizeof(buf)))) {
			engine_input(p->b, p->now, 0, buf, len);
			moved = true;
		}
		while ((len = engine_datagram(p->b, p->now, 0, buf, sizeof(buf)))) {
			engine_input(p->a, p->now, 0, buf, len);
			moved = true;
		}
	}
}

void run_for(struct pair *p, tick_t d)
{
	const tick_t end = p->now + d;

	while (p->now < end) {
		p->now += 50 * TICK_MSEC;
		engine_tick(p->a, p->now);
		engine_tick(p->b, p->now);
		pump(p);
	}
}

struct pair pair_new(const struct engine_params *pa, const struct engine_params *pb)
{
	struct pair p = { .now = SECS(1000) };

	p.a = engine_new(pa, p.now);
	p.b = engine_new(pb, p.now);
	cr_assert(p.a && p.b);
	return p;
}

struct pair pair_default(void)
{
	const struct engine_params pa = params(1), pb = params(2);

	return pair_new(&pa, &pb);
}

void pair_free(struct pair *p)
{
	engine_free(p->a);
	engine_free(p->b);
}

uint32_t listed(struct engine *e, enum engine_cache which, struct engine_entry *first)
{
	struct engine_walk w = { .which = which };
	struct engine_entry en;
	uint32_t budget = 100000, n = 0;

	while (engine_walk_next(e, &w, &budget, &en) == 1)
		if (n++ == 0 && first)
			*first = en;
	return n;
}

struct expect ftp_expect(void)
{
	const struct flow m = tcp_sample(1, 7);
	struct expect x;

	expect_init(&x);
	x.has = EXPECT_HAS_MASTER | EXPECT_HAS_MASTER_PORTS | EXPECT_HAS_TUPLE | EXPECT_HAS_PORTS |
		EXPECT_HAS_MASK | EXPECT_HAS_MASK_PORTS | EXPECT_HAS_TIMEOUT | EXPECT_HAS_FLAGS |
		EXPECT_HAS_HELPER;
	x.master = m.orig;
	x.tuple = m.reply;
	x.tuple.dport = 2000;
	x.mask = x.tuple;
	memset(x.mask.src.b, 0xff, 4);
	memset(x.mask.dst.b, 0xff, 4);
	x.mask.dport = 0xffff;
	x.timeout = 300;
	strcpy(x.helper, "ftp");
	return x;
}

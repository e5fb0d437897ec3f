// SPDX-License-Identifier: GPL-2.0-or-later
/* Statistics mode: a node without peers that hands out the flows that have ended. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "flow/print.h"
#include "node.h"

static struct flow ended[1000];
static uint32_t n_ended;

static void collect(void)
{
	while (n_ended < 1000 && engine_ended(a.e, &ended[n_ended]))
		n_ended++;
}

static void setup(void)
{
	struct engine_params p = node_params(1, REPL_NOTRACK);

	p.npeers = 0;
	p.expect_sync = false;
	p.keep_ended = true;
	nodes_start(&p);
}

TestSuite(ended, .init = setup, .fini = nodes_stop);

/* Work off what there is to do on node a. */
static void work(void)
{
	struct effect eff;

	for (int i = 0; i < 100; i++) {
		engine_tick(a.e, now);
		collect();
		while (engine_effect(a.e, now, &eff)) {
			if (eff.kind != EFFECT_DUMP_FLOWS)
				continue;
			for (uint32_t k = 0; k < a.table->nflows; k++)
				if (a.table->flows[k].present)
					engine_dump_flow(a.e, now, &a.table->flows[k].flow);
			engine_dump_end(a.e, now, 0);
		}
	}
}

Test(ended, a_flow_with_what_the_end_tells)
{
	struct flow f = tcp_flow(1), end;
	char line[PRINT_LINE_MAX];
	struct strbuf text;

	traffic_new(&a, &f);
	f.state = TCPS_TIME_WAIT;
	traffic_update(&a, &f);
	collect();
	cr_assert_eq(n_ended, 0);
	end = *in_table(&a, &f);
	end.has &= ~(FLOW_HAS_STATE | FLOW_HAS_STATUS);
	end.has |= FLOW_HAS_COUNTERS | FLOW_HAS_DURATION;
	end.packets[0] = 6;
	end.bytes[0] = 323;
	end.packets[1] = 4;
	end.bytes[1] = 219;
	end.duration = 2;
	engine_flow_event(a.e, now, EVENT_DESTROY, ORIGIN_KERNEL, &end);
	collect();
	cr_assert_eq(n_ended, 1);
	strbuf_init(&text, line, sizeof(line));
	print_flow(&text, &ended[0], false);
	cr_assert_str_eq(line,
			 "tcp      6 TIME_WAIT src=10.0.0.0 dst=20.0.0.0 sport=1 dport=80 "
			 "packets=6 bytes=323 src=20.0.0.0 dst=10.0.0.0 sport=80 dport=1 packets=4 "
			 "bytes=219 [ASSURED] delta-time=2");
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 0);
}

Test(ended, unknown_flows_are_not_told)
{
	struct flow f = tcp_flow(1);

	engine_flow_event(a.e, now, EVENT_DESTROY, ORIGIN_KERNEL, &f);
	collect();
	cr_assert_eq(n_ended, 0);
	traffic_new(&a, &f);
	engine_admin(a.e, now, ADMIN_FLUSH_CACHES, ADMIN_FLOWS | ADMIN_INTERNAL, 0);
	traffic_end(&a, &f);
	collect();
	cr_assert_eq(n_ended, 0);
}

Test(ended, those_that_a_reading_of_the_table_misses_are_told_slice_by_slice)
{
	bool told[301] = { false };

	for (uint16_t i = 1; i <= 300; i++) {
		struct flow f = tcp_flow(i);

		traffic_new(&a, &f);
		a.events = false;
		if (i > 10)
			traffic_end(&a, &f);
		a.events = true;
	}
	engine_admin(a.e, now, ADMIN_RESYNC_KERNEL, ADMIN_FLOWS, 1);
	work();
	cr_assert_eq(n_ended, 290);
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 10);
	for (uint32_t i = 0; i < n_ended; i++) {
		cr_assert(!told[ended[i].orig.sport], "twice");
		told[ended[i].orig.sport] = true;
	}
}

Test(ended, what_nobody_takes_is_bounded)
{
	for (uint16_t i = 1; i <= 500; i++) {
		struct flow f = tcp_flow(i);

		traffic_new(&a, &f);
		traffic_end(&a, &f);
	}
	collect();
	cr_assert_eq(n_ended, 64);
	cr_assert_eq(listed(&a, ECACHE_INTERNAL, NULL), 0);
}

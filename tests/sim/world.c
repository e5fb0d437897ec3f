// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock: from one happening to the next, whoever's it is. */
#include <stdarg.h>
#include <stdio.h>
#include "world.h"

#define SPINS 20000

void world_trace(struct world *w, const char *fmt, ...)
{
	char *line = w->trace[w->ntrace % TRACE_LINES];
	va_list ap;
	int n;

	if (w->broken)
		return;
	w->ntrace++;
	n = snprintf(line, sizeof(w->trace[0]), "%10.4f ", (double)w->now / 1e9);

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(w->trace[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	if (w->verbose)
		puts(line);
}

void world_fail(struct world *w, const char *invariant, const char *fmt, ...)
{
	va_list ap;

	if (w->broken)
		return;
	w->broken = invariant;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
}

static tick_t next_time(const struct world *w)
{
	tick_t t = net_next(&w->net);

	for (uint8_t i = 0; i < w->s.nodes; i++)
		t = tick_min(t, tick_min(node_wants(w, i), w->n[i].k.expiry));
	return t;
}

static void happen(struct world *w)
{
	if (net_next(&w->net) <= w->now)
		net_deliver(w);
	for (uint8_t i = 0; i < w->s.nodes && !w->broken; i++) {
		kernel_expire(w, i);
		if (node_wants(w, i) > w->now)
			continue;
		node_turn(w, i);
		oracle_turn(w, i);
	}
}

void world_advance(struct world *w, tick_t until)
{
	uint32_t spins = 0;

	while (!w->broken) {
		const tick_t t = next_time(w);

		if (t > until)
			break;
		if (t > w->now) {
			w->now = t;
			spins = 0;
		} else if (++spins > SPINS) {
			world_fail(w, "progress", "work at one instant does not end");
			break;
		}
		happen(w);
	}
	if (until > w->now)
		w->now = until;
}

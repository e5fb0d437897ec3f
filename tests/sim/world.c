// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clock, network and node driving. A node is driven as the daemon drives it:
 * inputs, effects, kernel operations, datagrams, one timer.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"

#define EVENT_SLICE 32
#define DUMP_SLICE  16

void world_trace(struct world *w, const char *fmt, ...)
{
	char *line = w->trace[w->ntrace++ % SIM_TRACE];
	va_list ap;
	int n = snprintf(line, sizeof(w->trace[0]), "%10.4f ", (double)w->now / 1e9);

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

/* ---- network ---- */

static void net_put(struct world *w, uint8_t to, tick_t delay, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; i < SIM_NET; i++) {
		struct dgram *d = &w->net[i];

		if (d->used)
			continue;
		*d = (struct dgram){ .used = true, .to = to, .at = tick_add(w->now, delay),
				     .len = (uint16_t)len };
		memcpy(d->data, data, len);
		return;
	}
	/* The wire is full: a datagram is lost, as anywhere. */
}

static tick_t net_delay(struct world *w)
{
	tick_t d = 100 * TICK_USEC;

	if (w->lossless)
		return d;
	d += rng_below(&w->rng, 400) * TICK_USEC;
	if (rng_below(&w->rng, 100) < w->f.reorder)
		d += rng_below(&w->rng, 20000) * TICK_USEC;
	return d;
}

static void net_send(struct world *w, uint8_t from, const uint8_t *data, size_t len)
{
	const uint8_t to = (uint8_t)(1 - from);

	oracle_sent(w, from, data, len);
	if (w->f.cut[to] || rng_below(&w->rng, 100) < w->f.loss) {
		world_trace(w, "node %u: datagram of %zu bytes lost", from, len);
		return;
	}
	net_put(w, to, net_delay(w), data, len);
	if (rng_below(&w->rng, 100) < w->f.dup)
		net_put(w, to, net_delay(w), data, len);
}

static void net_drop_from(struct world *w, uint8_t from)
{
	for (uint32_t i = 0; i < SIM_NET; i++)
		if (w->net[i].used && w->net[i].to != from)
			w->net[i].used = false;
}

static struct dgram *net_first(struct world *w)
{
	struct dgram *best = NULL;

	for (uint32_t i = 0; i < SIM_NET; i++)
		if (w->net[i].used && (!best || w->net[i].at < best->at))
			best = &w->net[i];
	return best;
}

/* ---- nodes ---- */

static void log_line(void *ctx, enum log_level level, const char *line)
{
	world_trace(ctx, "log %s: %s", log_level_name(level), line);
}

void node_start(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];
	static struct log logs[SIM_NODES];
	struct engine_params p = {
		.seed = n->seed++,
		.npeers = 1,
		.repl = { .mode = w->mode, .ack_window = 20, .resend_limit = w->resend_limit,
			  .cures = w->cures, .ident = true },
		.cache_limit = 4 * SIM_FLOWS,
		.purge_timeout = 5,
		.overrun_resync = 2,
		.log = &logs[i],
	};

	logs[i] = (struct log){ .emit = log_line, .ctx = w, .max = LOG_LVL_NOTICE };
	world_trace(w, "node %u starts", i);
	n->k.head = n->k.len = 0;
	n->k.overrun = false;
	n->dumping = false;
	n->committed = n->quiet_owed = n->flushed = false;
	n->up = true;
	memset(n->told, 0, sizeof(n->told));
	oracle_restart(w, i);
	n->e = engine_new(&p, w->now);
	if (!n->e)
		abort();
	engine_load(n->e, 0);
}

void node_crash(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];

	world_trace(w, "node %u crashes", i);
	engine_free(n->e);
	n->e = NULL;
	n->up = false;
	net_drop_from(w, i);
}

void node_admin(struct world *w, uint8_t i, enum admin_cmd cmd, uint32_t what)
{
	struct node *n = &w->n[i];
	struct engine_stats st;

	if (!n->up)
		return;
	world_trace(w, "node %u: operator command %d what %u", i, (int)cmd, what);
	if (cmd == ADMIN_COMMIT) {
		engine_get_stats(n->e, &st);
		n->committed = true;
		/* Nothing under way, no lost events to be made up for. */
		n->quiet_owed = tick_since(w->now, n->last_overrun) > 3 * TICK_SEC &&
				!st.peer[0].txq && !st.peer[0].window;
		n->overruns_at_commit = st.overruns;
		n->bulks_at_commit = st.peer[0].bulks;
	}
	if (cmd == ADMIN_FLUSH_CACHES)
		n->flushed = true;
	if (cmd == ADMIN_FLUSH_CACHES || cmd == ADMIN_PURGE || cmd == ADMIN_FLUSH_KERNEL)
		memset(n->excused, true, sizeof(n->excused));
	engine_admin(n->e, w->now, cmd, what, 0);
}

static void node_events(struct world *w, struct node *n)
{
	for (int i = 0; i < EVENT_SLICE && n->k.len; i++) {
		const struct kevent *ev = &n->k.q[n->k.head];

		n->k.head = (n->k.head + 1) % SIM_EVENTS;
		n->k.len--;
		engine_flow_event(n->e, w->now, ev->kind, ev->origin, &ev->f);
	}
	if (!n->k.len && n->k.overrun) {
		n->k.overrun = false;
		world_trace(w, "event overrun");
		n->last_overrun = w->now;
		engine_overrun(n->e, w->now);
	}
}

static void node_effects(struct world *w, struct node *n)
{
	struct effect eff;

	while (engine_effect(n->e, w->now, &eff)) {
		if (eff.kind == EFFECT_JOB_DONE)
			continue;
		n->dumping = true;
		n->dump_expects = eff.kind == EFFECT_DUMP_EXPECTS;
		n->dump_pos = 0;
	}
}

static void node_dump(struct world *w, struct node *n)
{
	for (int i = 0; i < DUMP_SLICE && n->dumping && engine_dump_wanted(n->e); i++) {
		const struct kflow *kf = &n->k.flows[n->dump_pos];

		if (n->dump_expects || n->dump_pos == SIM_FLOWS) {
			n->dumping = false;
			engine_dump_end(n->e, w->now, 0);
			return;
		}
		if (kf->used)
			engine_dump_flow(n->e, w->now, &kf->f);
		n->dump_pos++;
	}
}

static void node_turn(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];
	struct kernel_op ops[KOP_BATCH];
	uint8_t buf[SIM_DGRAM];
	size_t len, nops;

	node_events(w, n);
	if (engine_deadline(n->e) <= w->now)
		engine_tick(n->e, w->now);
	node_effects(w, n);
	node_dump(w, n);
	nops = engine_kernel_ops(n->e, w->now, ops, KOP_BATCH);
	for (size_t k = 0; k < nops; k++)
		kernel_op(w, i, &ops[k]);
	if (nops)
		engine_kernel_results(n->e, w->now, ops, nops);
	while (!w->broken && (len = engine_datagram(n->e, w->now, 0, buf, sizeof(buf))))
		net_send(w, i, buf, len);
}

static tick_t node_wants(const struct world *w, uint8_t i)
{
	const struct node *n = &w->n[i];

	if (!n->up)
		return TICK_NEVER;
	if (n->k.len || n->dumping || n->k.overrun)
		return w->now;
	return engine_deadline(n->e);
}

/* ---- time ---- */

static tick_t next_time(struct world *w, const struct dgram *d)
{
	tick_t t = d ? d->at : TICK_NEVER;

	for (uint8_t i = 0; i < SIM_NODES; i++) {
		t = tick_min(t, node_wants(w, i));
		t = tick_min(t, kernel_next_expiry(&w->n[i].k));
	}
	return t;
}

static void deliver(struct world *w, struct dgram *d)
{
	struct node *n = &w->n[d->to];

	d->used = false;
	if (!n->up)
		return;
	oracle_delivered(w, d->to, d->data, d->len);
	engine_input(n->e, w->now, 0, d->data, d->len);
}

void world_advance(struct world *w, tick_t until)
{
	uint32_t spins = 0;

	while (!w->broken) {
		struct dgram *d = net_first(w);
		tick_t t = next_time(w, d);

		if (t > until)
			break;
		if (t > w->now) {
			w->now = t;
			spins = 0;
		} else if (++spins > 20000) {
			world_fail(w, "progress", "work at one instant does not end");
			break;
		}
		if (d && d->at <= w->now)
			deliver(w, d);
		for (uint8_t i = 0; i < SIM_NODES && !w->broken; i++) {
			kernel_expire(w, i);
			if (w->n[i].up)
				node_turn(w, i);
		}
		oracle_step(w);
	}
	if (until > w->now)
		w->now = until;
}

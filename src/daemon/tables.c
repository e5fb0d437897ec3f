// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between the engine and the kernel's tables. Events are drained in batches: a
 * lone event is handed on at once, under load the socket is left alone for a few
 * milliseconds, because waking up costs more than reading. Dumps and operations
 * go a slice per turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/err.h"
#include "priv.h"

#define DUMP_SLICE    2000u /* entries per turn */
#define APPLY_BATCHES 4u    /* batches of KOP_BATCH per turn */
#define BUSY_EVENTS   8u    /* a drain of that many means load */
#define PAUSE_MAX     (4 * TICK_MSEC)
#define EVENT_BYTES   1280u /* buffer space per queued event (kernel truesize) */

static enum event_kind kind_of(enum kernel_event_kind k)
{
	return k == KEV_NEW ? EVENT_NEW : k == KEV_UPDATE ? EVENT_UPDATE : EVENT_DESTROY;
}

static enum event_origin origin_of(const struct daemon *d, const struct kernel_event *ev)
{
	if (!ev->portid)
		return ORIGIN_KERNEL;
	return ev->portid == kernel_applier_portid(d->tables.applier) ? ORIGIN_OWN : ORIGIN_PROGRAM;
}

static void hand_on(struct daemon *d, const struct kernel_event *ev, tick_t now)
{
	const enum event_origin o = origin_of(d, ev);

	if (ev->is_expect)
		engine_expect_event(d->engine, now, kind_of(ev->kind), o, &ev->expect);
	else
		engine_flow_event(d->engine, now, kind_of(ev->kind), o, &ev->flow);
}

/*
 * How long to let events gather: what fills an eighth of the buffer at the rate
 * just seen, at most PAUSE_MAX.
 */
static tick_t pause_for(struct tables *t, uint32_t n, tick_t now)
{
	const tick_t span = tick_since(now, t->last_drain);
	struct kernel_events_stats st;
	tick_t room;

	kernel_events_get_stats(t->events, &st);
	room = span * (st.buffer / EVENT_BYTES / 8) / n;
	return room < PAUSE_MAX ? room : PAUSE_MAX;
}

static void on_events(void *ctx, unsigned int ready)
{
	struct daemon *d = ctx;
	struct tables *t = &d->tables;
	const tick_t now = loop_now(d->loop);
	const uint32_t limit = d->cfg->general.event_limit + t->own_events;
	struct kernel_event ev;
	uint32_t n = 0;
	int rc = 1;

	(void)ready;
	t->own_events = 0;
	while (n < limit || kernel_events_draining(t->events)) {
		rc = kernel_events_next(t->events, &ev);
		if (rc != 1)
			break;
		n++;
		hand_on(d, &ev, now);
		flowlog_write(d);
	}
	if (rc == -ENOBUFS) {
		engine_overrun(d->engine, now);
	} else if (rc < 0) {
		t->events_lost_io++;
		log_error(d->log, "event socket: %s", err_text(rc));
		loop_io_want(d->loop, &t->events_io, 0);
	} else if (n >= BUSY_EVENTS && rc == 0) {
		loop_io_want(d->loop, &t->events_io, 0);
		loop_timer_set(d->loop, &t->pause, tick_add(now, pause_for(t, n, now)));
	} else if (rc == 1) {
		/* What is read already is with us: the descriptor may not tell of it. */
		loop_timer_set(d->loop, &t->pause, now);
	}
	t->last_drain = now;
}

static void on_pause_end(void *ctx)
{
	struct daemon *d = ctx;

	loop_io_want(d->loop, &d->tables.events_io, LOOP_READ);
	on_events(d, LOOP_READ);
}

static void on_dump(void *ctx, unsigned int ready)
{
	(void)ctx;
	(void)ready; /* the turn hook reads */
}

static struct kernel_events_params events_params(const struct config *c)
{
	return (struct kernel_events_params){
		.buffer = c->general.nl_buffer,
		.max_growth = c->general.nl_buffer_max,
		.expects = c->sync.expect_sync,
		.reliable = c->general.events_reliable,
	};
}

/*
 * "From Kernelspace": the kernel leaves out what the filter leaves out anyway. TCP
 * states are not for it, and where it cannot do it exactly it does nothing.
 */
static void filter_events(struct daemon *d)
{
	const struct config_filter *f = &d->cfg->filter;
	const struct kernel_evfilter k = {
		.proto_policy = f->proto_policy,
		.addr_policy = f->addr_policy,
		.protos = f->protos,
		.nets = f->nets,
		.n_nets = f->n_nets,
	};
	int err = kernel_events_filter(d->tables.events, f->kernelspace ? &k : NULL);

	if (err)
		log_info(d->log, "events are filtered in user space alone: %s", err_text(err));
}

static void say_filter(const struct daemon *d)
{
	const struct config_filter *f = &d->cfg->filter;

	if (f->proto_policy != FILTER_ABSENT || f->addr_policy != FILTER_ABSENT ||
	    f->state_policy != FILTER_ABSENT)
		log_notice(d->log, "using %s-space event filtering",
			   f->kernelspace ? "kernel" : "user");
}

int tables_change(struct daemon *d)
{
	const struct kernel_events_params p = events_params(d->cfg);

	if (!d->tables.events)
		return 0;
	filter_events(d);
	return kernel_events_change(d->tables.events, &p, d->log);
}

int tables_open(struct daemon *d)
{
	const struct kernel_events_params p = events_params(d->cfg);
	struct tables *t = &d->tables;
	int err;

	loop_timer_init(&t->pause, on_pause_end, d);
	t->applier = kernel_applier_new(&err);
	if (!t->applier) {
		log_error(d->log, "can't open the request socket to the kernel: %s", err_text(err));
		return err;
	}
	if (d->cfg->general.poll_secs)
		return 0; /* the tables are read from time to time */
	say_filter(d);
	t->events = kernel_events_new(&p, d->log, &err);
	if (!t->events) {
		log_error(d->log, "can't listen to conntrack events: %s", err_text(err));
		return err;
	}
	filter_events(d);
	loop_io_init(&t->events_io, kernel_events_fd(t->events), on_events, d);
	return 0;
}

void tables_listen(struct daemon *d)
{
	if (d->tables.events)
		loop_io_want(d->loop, &d->tables.events_io, LOOP_READ);
}

static void dump_close(struct daemon *d)
{
	struct tables *t = &d->tables;
	struct kernel_dump_stats st;

	if (!t->dump)
		return;
	kernel_dump_get_stats(t->dump, &st);
	if (st.bad > t->bad_told) { /* not with every dump */
		t->bad_told = st.bad;
		log_warning(d->log, "%" PRIu64 " entries of the kernel's table could not be read",
			    st.bad);
	}
	t->dumped.bad += st.bad;
	t->dumped.foreign += st.foreign;
	loop_io_want(d->loop, &t->dump_io, 0);
	kernel_dump_free(t->dump);
	t->dump = NULL;
}

void tables_close(struct daemon *d)
{
	struct tables *t = &d->tables;

	dump_close(d);
	loop_timer_stop(&t->pause);
	if (t->events)
		loop_io_want(d->loop, &t->events_io, 0);
	kernel_events_free(t->events);
	kernel_applier_free(t->applier);
}

void tables_dump(struct daemon *d, bool expects)
{
	struct tables *t = &d->tables;
	int err;

	dump_close(d);
	t->dump = kernel_dump_new(expects ? KTABLE_EXPECTS : KTABLE_FLOWS, &err);
	if (!t->dump) {
		t->dump_failed++;
		engine_dump_end(d->engine, loop_now(d->loop), err);
		return;
	}
	loop_io_init(&t->dump_io, kernel_dump_fd(t->dump), on_dump, d);
	loop_io_want(d->loop, &t->dump_io, LOOP_READ);
}

/* True: more entries can be read at once. */
static bool dump_turn(struct daemon *d, tick_t now)
{
	struct tables *t = &d->tables;
	struct kernel_event ev;
	int rc;

	for (uint32_t n = 0; t->dump && engine_dump_wanted(d->engine); n++) {
		if (n == DUMP_SLICE)
			return true;
		rc = kernel_dump_next(t->dump, &ev);
		if (rc == -EAGAIN)
			return false;
		if (rc != 1) {
			t->dump_failed += rc < 0;
			dump_close(d);
			engine_dump_end(d->engine, now, rc);
			return true;
		}
		if (ev.is_expect)
			engine_dump_expect(d->engine, now, &ev.expect);
		else
			engine_dump_flow(d->engine, now, &ev.flow);
	}
	return false;
}

/* True: the engine may have more operations. */
static bool apply_turn(struct daemon *d, tick_t now)
{
	static struct kernel_op ops[KOP_BATCH];
	size_t n;

	for (uint32_t i = 0; i < APPLY_BATCHES; i++) {
		int err;

		n = engine_kernel_ops(d->engine, now, ops, KOP_BATCH);
		if (!n)
			return false;
		err = kernel_apply(d->tables.applier, ops, n);
		d->tables.own_events += (uint32_t)n;
		if (err < 0 && d->tables.apply_failed++ == 0)
			log_error(d->log, "request socket to the kernel: %s", err_text(err));
		engine_kernel_results(d->engine, now, ops, n);
	}
	return true;
}

bool tables_turn(struct daemon *d)
{
	const tick_t now = loop_now(d->loop);
	bool more = dump_turn(d, now);

	/* What is not wanted yet must not wake us: the engine's timer does. */
	if (d->tables.dump)
		loop_io_want(d->loop, &d->tables.dump_io,
			     engine_dump_wanted(d->engine) ? LOOP_READ : 0);
	return apply_turn(d, now) || more;
}

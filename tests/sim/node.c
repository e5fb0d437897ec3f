// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One machine. Its engine is driven as the daemon drives it: inputs, effects,
 * kernel operations, datagrams, one timer. The I/O around it may be slow: dumps
 * come in chunks that were read a while ago, operations end late and in parts,
 * the whole process may not run for a while.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/seq.h"
#include "world.h"

#define EVENT_SLICE 32
#define TURN        (20 * TICK_USEC) /* a turn of the loop takes so long */
#define WALL_START  1700000000       /* seconds, at the start of the world */

tick_t node_now(const struct world *w, uint8_t i)
{
	return tick_since(w->now, w->n[i].boot);
}

bool node_is_reference(const struct world *w, uint8_t i)
{
	return w->s.reference && i == w->s.nodes - 1;
}

static uint32_t wall_seconds(const struct world *w, const struct node *n)
{
	return (uint32_t)(WALL_START + (int64_t)(w->now / TICK_SEC) + n->wall);
}

/* ---- start and end ---- */

static void log_line(void *ctx, enum log_level level, const char *line)
{
	const struct node *n = ctx;

	world_trace(n->w, "node %u %s: %s", n->index, log_level_name(level), line);
}

static void load(struct world *w, struct node *n);

static void params_of(const struct world *w, const struct node *n, struct engine_params *p)
{
	const struct setup *s = &w->s;

	*p = (struct engine_params){
		.node_id = 100u + n->index,
		.npeers = n->npeers,
		.repl = { .mode = s->mode,
			  .ack_window = s->ack_window,
			  .resend_limit = s->resend_limit,
			  .startup_resync = s->startup_resync,
			  .cures = s->cures,
			  .ident = true },
		.cache_limit = s->limit && !w->quiet ? s->limit : KEYS,
		.no_external = n->direct,
		.no_internal = n->bypass,
		.expect_sync = s->expects,
		.commit_timeout = s->commit_timeout,
		.purge_timeout = s->purge_timeout,
		.overrun_resync = s->overrun_resync,
		.refresh_time = s->refresh_time,
		.cache_timeout = s->cache_timeout,
		.log = &n->log,
	};
}

static void start_engine(struct world *w, struct node *n)
{
	struct engine_params p;

	params_of(w, n, &p);
	p.seed = rng_u64(&w->rng);
	n->e = engine_new(&p, node_now(w, n->index));
	if (!n->e)
		abort();
	load(w, n);
}

void node_reload(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];
	struct engine_params p;
	uint8_t same[NODES];

	for (uint8_t k = 0; k < NODES; k++)
		same[k] = k;
	params_of(w, n, &p);
	if (n->e && engine_reconfigure(n->e, node_now(w, i), &p, same) != 0)
		abort();
	n->touched = true;
}

static void start_reference(struct world *w, struct node *n)
{
	const struct setup *s = &w->s;
	const struct reference_params p = {
		.mode = s->mode,
		.ack_window = s->ack_window,
		.resend_limit = s->resend_limit,
		.startup_resync = s->startup_resync,
		.expects = s->expects,
		.refresh_time = s->refresh_time,
		.cache_timeout = s->cache_timeout,
		.seed = rng_u64(&w->rng),
		.mtu = s->mtu,
	};

	n->ref = reference_new(&p, w->now);
	n->reuses = w->watch[0][n->index].span.any &&
		    seq_diff(wall_seconds(w, n), w->watch[0][n->index].span.max) <= 0;
	for (int i = 0; i < KERNEL_FLOWS; i++)
		if (n->k.flows[i].used)
			reference_load_flow(n->ref, w->now, &n->k.flows[i].f);
	for (int i = 0; i < KERNEL_EXPECTS; i++)
		if (n->k.expects[i].used)
			reference_load_expect(n->ref, w->now, &n->k.expects[i].x);
}

void node_start(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];

	n->w = w;
	n->index = i;
	n->log = (struct log){ .emit = log_line, .ctx = n, .max = LOG_LVL_NOTICE };
	n->k.head = n->k.len = 0;
	n->k.congested = n->k.overrun_owed = false;
	n->dump = (struct dump_io){ 0 };
	n->ops.n = 0;
	n->commit.running = false;
	n->committed = n->flushed = false;
	n->crash_in = 0;
	n->up = n->touched = true;
	n->inbox = 0;
	n->life++;
	world_trace(w, "node %u starts, life %u", i, n->life);
	oracle_start(w, i);
	if (node_is_reference(w, i))
		start_reference(w, n);
	else
		start_engine(w, n);
}

void node_crash(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];

	if (!w->quiet)
		world_trace(w, "node %u crashes", i);
	engine_free(n->e);
	reference_free(n->ref);
	n->e = NULL;
	n->ref = NULL;
	n->up = false;
}

void node_stall(struct world *w, uint8_t i, tick_t t)
{
	if (w->n[i].stalled < w->now + t)
		w->n[i].stalled = w->now + t;
	world_trace(w, "node %u does not run for %llu ms", i, (unsigned long long)(t / TICK_MSEC));
	watch_stalled(w, i);
}

/* ---- operator ---- */

static void admin_reference(struct world *w, struct node *n, enum admin_cmd cmd)
{
	if (cmd == ADMIN_BULK)
		reference_bulk(n->ref, w->now);
	else if (cmd == ADMIN_REQUEST_RESYNC)
		reference_request_resync(n->ref);
}

void node_admin(struct world *w, uint8_t i, enum admin_cmd cmd, uint32_t what)
{
	struct node *n = &w->n[i];
	int rc;

	if (!n->up)
		return;
	world_trace(w, "node %u: operator command %d what %x", i, (int)cmd, what);
	n->touched = true;
	if (n->ref) {
		admin_reference(w, n, cmd);
		return;
	}
	if (cmd == ADMIN_COMMIT)
		oracle_commit_asked(w, i);
	rc = engine_admin(n->e, node_now(w, i), cmd, what, cmd == ADMIN_COMMIT ? TAG_COMMIT : 0);
	if (rc < 0)
		return;
	if (cmd == ADMIN_COMMIT) {
		n->committed = true;
		n->commit = (struct commit_watch){
			.running = true, .what = what, .begun = w->now, .start = node_now(w, i)
		};
	}
	if (cmd == ADMIN_FLUSH_CACHES || cmd == ADMIN_PURGE || cmd == ADMIN_FLUSH_KERNEL)
		n->flushed = true;
}

/* ---- the kernel's side ---- */

static void hand_event(struct world *w, struct node *n, const struct kevent *ev)
{
	const tick_t now = node_now(w, n->index);

	if (n->ref && ev->is_expect)
		reference_expect_event(n->ref, w->now, ev->kind, &ev->x);
	else if (n->ref)
		reference_flow_event(n->ref, w->now, ev->kind, &ev->f);
	else if (ev->is_expect)
		engine_expect_event(n->e, now, ev->kind, ev->origin, &ev->x);
	else
		engine_flow_event(n->e, now, ev->kind, ev->origin, &ev->f);
}

static void read_events(struct world *w, struct node *n)
{
	struct kernel *k = &n->k;

	if (k->overrun_owed && n->e) {
		world_trace(w, "node %u: event overrun", n->index);
		n->news_owed = w->now;
		engine_overrun(n->e, node_now(w, n->index));
	}
	k->overrun_owed = false;
	for (int i = 0; i < EVENT_SLICE && k->len; i++) {
		hand_event(w, n, &k->q[k->head]);
		k->head = (k->head + 1) % KERNEL_EVENTS;
		k->len--;
	}
	k->congested = k->congested && k->len;
}

static tick_t some_time(struct world *w, const struct node *n)
{
	if (!n->slow)
		return w->now;
	return w->now + rng_below(&w->rng, (uint32_t)(n->slow / TICK_USEC)) * TICK_USEC;
}

static void dump_begins(struct world *w, struct node *n, bool expects)
{
	n->dump = (struct dump_io){ .running = true,
				    .expects = expects,
				    .at = some_time(w, n),
				    .fails = rng_below(&w->rng, 100) < n->dump_errors };
}

static void effects(struct world *w, struct node *n)
{
	struct effect eff;

	while (engine_effect(n->e, node_now(w, n->index), &eff)) {
		if (eff.kind != EFFECT_JOB_DONE)
			dump_begins(w, n, eff.kind == EFFECT_DUMP_EXPECTS);
		else if (eff.tag == TAG_COMMIT)
			oracle_committed(w, n->index);
	}
}

static void read_chunk(struct world *w, struct node *n)
{
	struct dump_io *d = &n->dump;
	const uint32_t end = d->expects ? KERNEL_EXPECTS : KERNEL_FLOWS;

	for (d->n = 0; d->pos < end && d->n < DUMP_CHUNK; d->pos++) {
		const struct kexpect *kx = &n->k.expects[d->pos % KERNEL_EXPECTS];

		if (!d->expects && n->k.flows[d->pos].used)
			d->flows[d->n++] = kernel_show(w, &n->k.flows[d->pos]);
		else if (d->expects && kx->used)
			d->exps[d->n++] = kernel_show_expect(w, kx);
	}
}

static void hand_chunk(struct world *w, struct node *n)
{
	struct dump_io *d = &n->dump;
	const tick_t now = node_now(w, n->index);

	for (uint32_t i = 0; i < d->n; i++) {
		if (d->expects)
			engine_dump_expect(n->e, now, &d->exps[i]);
		else
			engine_dump_flow(n->e, now, &d->flows[i]);
	}
	d->n = 0;
}

/* A dump that may be the one for lost events fails: as long again until the next. */
static void dump_failed(struct world *w, struct node *n)
{
	if (n->news_owed && tick_since(w->now, n->news_owed) <= MAKE_UP)
		n->news_owed = w->now;
}

/* Hand on the chunk that was read before, read the next. */
static void dump(struct world *w, struct node *n)
{
	struct dump_io *d = &n->dump;
	const uint32_t end = d->expects ? KERNEL_EXPECTS : KERNEL_FLOWS;

	if (!d->running || d->at > w->now || !engine_dump_wanted(n->e))
		return;
	hand_chunk(w, n);
	d->at = some_time(w, n);
	if (d->pos == end || (d->fails && d->pos > end / 2)) {
		d->running = false;
		if (d->fails)
			dump_failed(w, n);
		engine_dump_end(n->e, node_now(w, n->index), d->fails ? -EINTR : 0);
		return;
	}
	read_chunk(w, n);
}

/* Before anybody is served the daemon reads the tables. */
static void load(struct world *w, struct node *n)
{
	engine_load(n->e, 0);
	for (effects(w, n); n->dump.running; effects(w, n)) {
		n->dump.fails = false;
		n->dump.at = w->now;
		dump(w, n);
		engine_tick(n->e, node_now(w, n->index));
	}
	n->stalled = some_time(w, n);
}

/* The flow that an operation is about: some name it by its reply tuple. */
static uint32_t op_key(const struct kernel_op *op)
{
	const struct tuple *t = op->kind < KOP_EXP_CREATE ? &op->flow.orig : &op->expect.master;

	if (t->src.b[0] == 10)
		return t->src.b[2] * NUMBERS + t->sport - 1000u;
	return (t->dst.b[0] == 10 ? t->dst.b[2] : t->dst.b[3]) * NUMBERS + t->dport - 1000u;
}

static void carry_out(struct world *w, struct node *n, struct kernel_op *op)
{
	static const int errs[] = { -ENOMEM, -EBUSY, -EINVAL, -ENOBUFS };

	if (rng_below(&w->rng, 100) >= n->errors) {
		kernel_op(w, n->index, op);
		return;
	}
	op->err = errs[rng_below(&w->rng, 4)];
	n->op_failed[op_key(op)] = w->now;
}

/* Operations end in order, a few at a time; nothing new is asked for meanwhile. */
static void operations(struct world *w, struct node *n)
{
	struct ops_io *o = &n->ops;
	const tick_t now = node_now(w, n->index);
	size_t k;

	if (!o->n) {
		o->n = engine_kernel_ops(n->e, now, o->ops, KOP_BATCH);
		o->done = 0;
		o->at = some_time(w, n);
	}
	if (!o->n || o->at > w->now)
		return;
	k = n->slow ? 1 + rng_below(&w->rng, (uint32_t)(o->n - o->done)) : o->n - o->done;
	for (size_t i = 0; i < k; i++)
		carry_out(w, n, &o->ops[o->done + i]);
	engine_kernel_results(n->e, now, o->ops + o->done, k);
	o->done += k;
	o->at = some_time(w, n);
	if (o->done == o->n)
		o->n = 0;
}

/* ---- the peers' side ---- */

void node_input(struct world *w, uint8_t i, const struct dgram *d)
{
	struct node *n = &w->n[i];

	if (n->peer_of[d->from] == NO_PEER)
		return;
	n->touched = true;
	watch_delivered(w, i, d);
	if (n->ref)
		reference_input(n->ref, w->now, d->data, d->len);
	else
		engine_input(n->e, node_now(w, i), n->peer_of[d->from], d->data, d->len);
	watch_applied(w, i, d);
}

static void transmit(struct world *w, struct node *n, uint8_t peer)
{
	const size_t cap = w->s.mtu - 28u;
	uint8_t buf[NET_DGRAM];
	size_t len;

	while (!w->broken) {
		if (n->ref)
			len = reference_datagram(n->ref, w->now, wall_seconds(w, n), buf, cap);
		else
			len = engine_datagram(n->e, node_now(w, n->index), peer, buf, cap);
		if (!len)
			return;
		watch_sent(w, n->index, n->node_of[peer], buf, len);
		net_send(w, n->index, n->node_of[peer], buf, len);
	}
}

/* ---- turns ---- */

static uint32_t jobs_running(const struct node *n)
{
	struct engine_stats st;
	uint32_t jobs = (n->dump.running ? JOB_DUMP : 0) | (n->commit.running ? JOB_COMMIT : 0);

	engine_get_stats(n->e, &st);
	for (uint8_t p = 0; p < n->npeers; p++)
		if (st.peer[p].bulk_running && st.peer[p].txq)
			jobs |= JOB_BULK;
	return jobs;
}

static void engine_turn(struct world *w, struct node *n)
{
	const tick_t now = node_now(w, n->index);

	if (engine_deadline(n->e) <= now)
		engine_tick(n->e, now);
	dump(w, n);
	operations(w, n);
	effects(w, n);
	for (uint8_t p = 0; p < n->npeers; p++)
		transmit(w, n, p);
	if (n->crash_in && (n->crash_in & jobs_running(n)))
		node_crash(w, n->index);
}

void node_turn(struct world *w, uint8_t i)
{
	struct node *n = &w->n[i];

	n->touched = false;
	n->next_turn = w->now + (n->ops.n || n->dump.running ? TICK_MSEC : TURN);
	read_events(w, n);
	if (n->e) {
		engine_turn(w, n);
		return;
	}
	if (reference_deadline(n->ref) <= w->now)
		reference_tick(n->ref, w->now);
	transmit(w, n, 0);
}

/* The engine's deadline in the world's time. */
static tick_t deadline(const struct node *n)
{
	if (n->ref)
		return reference_deadline(n->ref);
	return tick_add(engine_deadline(n->e), n->boot);
}

tick_t node_wants(const struct world *w, uint8_t i)
{
	const struct node *n = &w->n[i];
	tick_t t;

	if (!n->up)
		return TICK_NEVER;
	t = deadline(n);
	if (t < n->next_turn)
		t = n->next_turn;
	if (n->touched || n->k.len || n->k.overrun_owed)
		t = 0;
	if (n->dump.running && engine_dump_wanted(n->e))
		t = tick_min(t, n->dump.at);
	if (n->ops.n)
		t = tick_min(t, n->ops.at);
	if (t < n->stalled)
		t = n->stalled;
	return t < w->now ? w->now : t;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A byte string as a history of two sessions: two bytes are a step, the first
 * six bytes the parameters. Objects change and end, messages get lost, late and
 * doubled, a node starts anew, a stranger sends headers. At any time a session
 * is consistent, and what it says about numbers is true: an ACK covers only what
 * it took in, a NACK only what lies before something that came. The same
 * history gives the same messages. Without strangers both ends agree once the
 * network heals.
 */
#include <string.h>
#include "base/buf.h"
#include "base/seq.h"
#include "fuzz.h"
#include "repl/repl.h"
#include "repl_sound.h"

#define OBJECTS 16
#define NET     64   /* messages on the way; more push out the first */
#define MEMORY  1024 /* numbers that came */
#define SPARE   1024 /* control messages beyond the limit of the window */
#define SPINS   4000
#define SETTLE  (90 * TICK_SEC)
#define LATE    TICK_SEC /* a message this old is lost (src/repl/track.c) */
#define RESTART TICK_SEC /* time a node takes to start anew */

#define ARRIVED 1u
#define TAKEN   2u

struct packet {
	uint8_t to;
	tick_t sent;
	struct wire_msg m;
	uint32_t obj, version;
};

struct memory {
	uint32_t seq[MEMORY], n;
	uint8_t how[MEMORY]; /* 0: free */
};

struct object {
	uint32_t slot;
	uint32_t version; /* 0: does not exist */
	bool dead;        /* waits for its end to be taken */
	bool unsaid;      /* its end may never reach the peer */
};

struct node {
	struct repl *r;
	struct object own[OBJECTS];
	uint32_t view[OBJECTS]; /* the peer's, as received */
	uint32_t walk, next_seq;
	bool walking, started;
	struct memory mem;
};

struct world {
	struct node n[2];
	struct repl_params p;
	struct rng rng;
	tick_t now;
	struct packet net[NET];
	uint32_t in_net;
	bool honest;
	uint64_t trace; /* hash of all that was sent */
};

/* ---- numbers that came ---- */

static uint32_t place(const struct memory *m, uint32_t seq)
{
	uint32_t i = seq * 2654435761u;

	while (m->how[i % MEMORY] && m->seq[i % MEMORY] != seq)
		i++;
	return i % MEMORY;
}

static void note(struct memory *m, uint32_t seq, uint8_t how)
{
	const uint32_t i = place(m, seq);

	if (!m->how[i] && m->n == MEMORY / 2)
		return;
	m->n += !m->how[i];
	m->seq[i] = seq;
	m->how[i] |= how;
}

static bool came(const struct memory *m, uint32_t seq, uint8_t how)
{
	return m->n == MEMORY / 2 || (m->how[place(m, seq)] & how);
}

static void check_truth(const struct node *n, const struct repl_send *s)
{
	CHECK(!seq_after(s->from, s->to));
	if (s->flags & WIRE_F_NACK) {
		CHECK(came(&n->mem, s->to + 1, ARRIVED));
		CHECK(came(&n->mem, s->from - 1, ARRIVED) || came(&n->mem, s->from, ARRIVED));
	}
	for (uint32_t q = s->from; (s->flags & WIRE_F_ACK) && q != s->to + 1; q++)
		CHECK(came(&n->mem, q, TAKEN));
}

/* ---- bulk ---- */

static struct repl_obj name(uint32_t i)
{
	return (struct repl_obj){ .kind = i & 1, .ref = i };
}

static void walk(struct world *w, struct node *n)
{
	bool restart;
	uint32_t queued = 0, room = repl_bulk_room(n->r, w->now, &restart);

	if (restart) {
		n->walk = 0;
		n->walking = true;
	}
	if (!room || !n->walking)
		return;
	for (; n->walk < OBJECTS && queued < room; n->walk++) {
		struct object *o = &n->own[n->walk];

		if (o->version && !o->dead)
			queued += repl_bulk_changed(n->r, name(n->walk), &o->slot) == 0;
	}
	n->walking = n->walk < OBJECTS;
	repl_bulk_step(n->r, w->now, queued, !n->walking);
}

/* ---- time ---- */

static void lose(struct world *w, uint32_t i)
{
	memmove(&w->net[i], &w->net[i + 1], (w->in_net - i - 1) * sizeof(w->net[0]));
	w->in_net--;
}

static void lose_late(struct world *w)
{
	for (uint32_t i = w->in_net; i-- > 0;)
		if (tick_since(w->now, w->net[i].sent) >= LATE)
			lose(w, i);
}

static void advance(struct world *w, tick_t until)
{
	for (int spins = 0; spins < SPINS; spins++) {
		tick_t next = tick_min(repl_deadline(w->n[0].r), repl_deadline(w->n[1].r));

		if (next > until) {
			w->now = until;
			lose_late(w);
			return;
		}
		w->now = next > w->now ? next : w->now;
		for (int i = 0; i < 2; i++) {
			if (repl_deadline(w->n[i].r) > w->now)
				continue;
			repl_tick(w->n[i].r, w->now);
			walk(w, &w->n[i]);
		}
	}
	/* A deadline that does not move on is of no use to a loop. */
	CHECK(w->now > until);
}

/* ---- the owner ---- */

static void start(struct world *w, int i)
{
	struct node *n = &w->n[i];
	struct repl_params p = w->p;

	p.first_seq += i ? 1000 : 0;
	p.has_first_seq = !n->started;
	repl_free(n->r);
	memset(&n->mem, 0, sizeof(n->mem));
	memset(n->view, 0, sizeof(n->view));
	n->walking = false;
	n->r = repl_new(&p, &w->rng, w->now);
	CHECK(n->r);
	rng_u64(&w->rng);
	for (uint32_t k = 0; k < OBJECTS; k++) {
		struct object *o = &n->own[k];

		*o = (struct object){ .version = o->dead ? 0 : o->version,
				      .unsaid = o->unsaid || o->dead || n->started };
	}
	n->started = true;
	n->next_seq = UINT32_MAX;
}

/* Nothing it said before is still on the way when it speaks again. */
static void restart(struct world *w, int i)
{
	advance(w, w->now + RESTART);
	start(w, i);
}

static void change(struct node *n, uint32_t i)
{
	struct object *o = &n->own[i];

	if (o->dead && o->slot)
		repl_revive(n->r, &o->slot);
	o->dead = false;
	o->unsaid = false;
	o->version++;
	repl_changed(n->r, name(i), &o->slot);
}

static void end(struct node *n, uint32_t i)
{
	struct object *o = &n->own[i];

	if (!o->version || o->dead)
		return;
	o->dead = true;
	CHECK(repl_changed(n->r, name(i), &o->slot) == 0);
	repl_final(n->r, &o->slot);
}

static void forget(struct node *n, uint32_t i)
{
	repl_forget(n->r, &n->own[i].slot);
	CHECK(n->own[i].slot == 0);
	n->own[i] = (struct object){ .unsaid = true };
}

static void forget_all(struct node *n, uint32_t kind)
{
	repl_forget_all(n->r, kind);
	for (uint32_t i = kind; i < OBJECTS; i += 2)
		n->own[i] = (struct object){ .unsaid = true };
}

static void collect_done(struct node *n)
{
	struct repl_obj o;

	while (repl_done(n->r, &o)) {
		CHECK(o.ref < OBJECTS && o.kind == (o.ref & 1));
		CHECK(n->own[o.ref].dead && n->own[o.ref].slot == 0);
		n->own[o.ref].dead = false;
		n->own[o.ref].version = 0;
	}
}

/* ---- messages ---- */

static void put(struct world *w, const struct packet *p)
{
	if (w->in_net == NET)
		memmove(&w->net[0], &w->net[1], (--w->in_net) * sizeof(w->net[0]));
	w->net[w->in_net++] = *p;
}

static void as_packet(const struct node *n, const struct repl_send *s, struct packet *p)
{
	p->m.h = (struct wire_header){
		.version = WIRE_VERSION, .type = WIRE_CONTROL, .flags = s->flags, .seq = s->seq
	};
	p->m.from = s->from;
	p->m.to = s->to;
	if (s->is_object) {
		p->m.h.type = s->final ? WIRE_CT_DESTROY : WIRE_CT_UPDATE;
		p->obj = s->obj.ref;
		p->version = n->own[s->obj.ref].version;
	}
}

/* One message of a node into *p. */
static bool output(struct world *w, uint8_t from, struct packet *p)
{
	struct node *n = &w->n[from];
	struct repl_send s;

	walk(w, n);
	*p = (struct packet){ .to = !from, .sent = w->now };
	if (!repl_output(n->r, w->now, &s)) {
		collect_done(n);
		return false;
	}
	CHECK(n->next_seq == UINT32_MAX || s.seq == n->next_seq);
	n->next_seq = s.seq + 1;
	if (s.is_object) {
		CHECK(!(s.flags & ~WIRE_F_GREETING));
		CHECK(s.obj.ref < OBJECTS && s.final == n->own[s.obj.ref].dead);
	} else {
		CHECK(s.flags & ~WIRE_F_GREETING);
		if (s.flags & (WIRE_F_ACK | WIRE_F_NACK))
			check_truth(n, &s);
	}
	as_packet(n, &s, p);
	w->trace = (w->trace ^ s.seq ^ (uint64_t)s.flags << 32 ^ s.to ^ w->now) *
		   UINT64_C(0x9e3779b97f4a7c15);
	collect_done(n);
	return true;
}

static void check_node(const struct world *w, const struct node *n)
{
	struct repl_stats st;
	uint32_t slots = 0;

	CHECK_NONE(repl_unsound(n->r));
	for (uint32_t i = 0; i < OBJECTS; i++)
		slots += n->own[i].slot != 0;
	CHECK(slots == repl_objects(n->r));
	repl_get_stats(n->r, &st);
	CHECK(st.window <= w->p.resend_limit + SPARE);
}

static void arrive(struct world *w, const struct packet *p, bool stranger)
{
	struct node *n = &w->n[p->to];
	const enum repl_verdict v = repl_input(n->r, w->now, &p->m);

	CHECK(stranger || v != REPL_BAD);
	note(&n->mem, p->m.h.seq, v <= REPL_HANDLED ? ARRIVED | TAKEN : ARRIVED);
	if (v == REPL_DATA && !stranger)
		n->view[p->obj] = p->m.h.type == WIRE_CT_DESTROY ? 0 : p->version;
	collect_done(n);
	check_node(w, n);
}

static void deliver(struct world *w, uint32_t i)
{
	const struct packet p = w->net[i];

	lose(w, i);
	arrive(w, &p, false);
}

/* A header from nobody, near what the node expects or anywhere. */
static void stranger(struct world *w, uint8_t to, uint8_t arg, struct buf *in)
{
	struct repl_stats st;
	struct packet p = { .to = to };
	int8_t d = (int8_t)buf_get8(in);

	repl_get_stats(w->n[to].r, &st);
	p.m.h = (struct wire_header){ .version = WIRE_VERSION,
				      .type = arg & 15,
				      .flags = buf_get8(in),
				      .seq = st.last_seq + (uint32_t)d };
	p.m.from = st.next_seq - buf_get8(in);
	p.m.to = st.next_seq - buf_get8(in);
	if (arg & 16)
		p.m.h.seq = buf_get32(in);
	if (arg & 32)
		p.m.to = buf_get32(in);
	w->honest = false;
	arrive(w, &p, true);
}

/* An end given up for lack of room is not made up for. */
static bool excused(const struct node *n, const struct object *o)
{
	struct repl_stats st;

	repl_get_stats(n->r, &st);
	return !o->version && (o->unsaid || st.window_full);
}

static bool agreed(const struct world *w)
{
	for (int i = 0; i < 2; i++) {
		const struct node *n = &w->n[i], *peer = &w->n[!i];

		if (repl_objects(n->r))
			return false;
		for (uint32_t k = 0; k < OBJECTS; k++)
			if (peer->view[k] != n->own[k].version && !excused(n, &n->own[k]))
				return false;
	}
	return true;
}

/* The network heals and nothing else happens. */
static void settle(struct world *w)
{
	const tick_t until = w->now + SETTLE;
	struct packet p;

	while (w->in_net)
		deliver(w, 0);
	while (w->now < until && !agreed(w)) {
		for (uint8_t i = 0; i < 2; i++)
			for (int k = 0; k < SPINS && output(w, i, &p); k++)
				arrive(w, &p, false);
		advance(w, tick_min(repl_deadline(w->n[0].r), repl_deadline(w->n[1].r)));
	}
}

/* ---- history ---- */

enum step {
	STEP_CHANGE,
	STEP_END,
	STEP_FORGET,
	STEP_FORGET_ALL,
	STEP_OUTPUT,
	STEP_DELIVER,
	STEP_DELIVER_ALL,
	STEP_LOSE,
	STEP_DOUBLE,
	STEP_TIME,
	STEP_LONG_TIME,
	STEP_STRANGER,
	STEP_RESYNC,
	STEP_BULK,
	STEP_START,
	STEPS
};

static void output_some(struct world *w, uint8_t from, uint32_t count)
{
	struct packet p;

	while (count-- > 0 && output(w, from, &p))
		put(w, &p);
}

static void net_step(struct world *w, enum step what, uint8_t arg)
{
	if (!w->in_net)
		return;
	if (what == STEP_DELIVER)
		deliver(w, arg % w->in_net);
	else if (what == STEP_LOSE)
		lose(w, arg % w->in_net);
	else if (what == STEP_DOUBLE && w->in_net < NET)
		put(w, &w->net[arg % w->in_net]);
	while (what == STEP_DELIVER_ALL && w->in_net)
		deliver(w, 0);
}

static void owner_step(struct world *w, enum step what, uint8_t arg)
{
	struct node *n = &w->n[arg >> 7];

	if (what == STEP_CHANGE)
		change(n, arg % OBJECTS);
	else if (what == STEP_END)
		end(n, arg % OBJECTS);
	else if (what == STEP_FORGET)
		forget(n, arg % OBJECTS);
	else if (what == STEP_FORGET_ALL)
		forget_all(n, arg & 1);
	else if (what == STEP_RESYNC)
		repl_request_resync(n->r);
	else if (what == STEP_BULK)
		repl_request_bulk(n->r);
	collect_done(n);
}

static void one_step(struct world *w, struct buf *in)
{
	const enum step what = buf_get8(in) % STEPS;
	const uint8_t arg = buf_get8(in);

	if (what == STEP_OUTPUT)
		output_some(w, arg >> 7, 1 + (arg & 31));
	else if (what == STEP_TIME)
		advance(w, w->now + (tick_t)arg * TICK_MSEC);
	else if (what == STEP_LONG_TIME)
		advance(w, w->now + (tick_t)arg * 50 * TICK_MSEC);
	else if (what == STEP_STRANGER)
		stranger(w, arg >> 7, arg, in);
	else if (what == STEP_START)
		restart(w, arg >> 7);
	else if (what >= STEP_DELIVER && what <= STEP_DOUBLE)
		net_step(w, what, arg);
	else
		owner_step(w, what, arg);
	check_node(w, &w->n[0]);
	check_node(w, &w->n[1]);
}

/* Bits of the fourth byte. */
#define OPTION_STARTUP 1u
#define OPTION_TWICE   2u /* play it twice: half of the speed, for few findings */
#define OPTION_IDENT   4u

static uint64_t history(const uint8_t *data, size_t size, bool judge)
{
	static const enum repl_mode modes[] = { REPL_FTFW, REPL_FTFW, REPL_NOTRACK, REPL_ALARM };
	static struct world w;
	uint64_t trace;
	struct buf in;
	uint8_t options;

	memset(&w, 0, sizeof(w));
	buf_read(&in, data, size);
	w.p = (struct repl_params){ .has_first_seq = true, .cures = REPL_CURES_ALL };
	w.p.mode = modes[buf_get8(&in) & 3];
	w.p.ack_window = 1u + buf_get8(&in) % 64;
	w.p.resend_limit = 1u + buf_get8(&in);
	options = buf_get8(&in);
	w.p.startup_resync = options & OPTION_STARTUP;
	w.p.ident = options & OPTION_IDENT;
	w.p.first_seq = 0u - buf_get16(&in);
	w.now = 1000 * TICK_SEC;
	w.honest = w.p.mode == REPL_FTFW;
	rng_seed(&w.rng, 1);
	start(&w, 0);
	start(&w, 1);
	while (buf_left(&in) >= 2)
		one_step(&w, &in);
	trace = w.trace;
	if (w.honest && judge) {
		settle(&w);
		CHECK(agreed(&w));
	}
	repl_free(w.n[0].r);
	repl_free(w.n[1].r);
	return trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t once = history(data, size, true);

	if (size > 3 && (data[3] & OPTION_TWICE))
		CHECK(history(data, size, false) == once);
	return 0;
}

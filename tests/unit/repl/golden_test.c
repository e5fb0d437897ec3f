// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recorded dialogues of the reference (tests/golden/vectors/sessions.json). With
 * every cure off a session has to say the same in the same order: types, flags,
 * ranges, numbers. Objects are told apart by their original source or
 * destination port, which the records show as text.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rig.h"

static json_t *load(const char *name)
{
	json_error_t err;
	json_t *all = json_load_file(TEST_DATA "/vectors/sessions.json", 0, &err), *s;
	size_t i;

	cr_assert_not_null(all, "%s", err.text);
	json_array_foreach(json_object_get(all, "sessions"), i, s)
	{
		if (strcmp(json_string_value(json_object_get(s, "name")), name) == 0) {
			json_incref(s);
			json_decref(all);
			return s;
		}
	}
	cr_assert_fail("no session %s", name);
	return NULL;
}

static const char *str(const json_t *step, const char *key)
{
	const char *s = json_string_value(json_object_get(step, key));

	return s ? s : "";
}

static tick_t when(const json_t *step)
{
	return SEC(1) + (tick_t)(json_number_value(json_object_get(step, "t")) * 1e9);
}

static bool by(const json_t *step, const char *who)
{
	return strcmp(str(step, "who"), who) == 0;
}

/* One recorded message. */
struct line {
	struct wire_msg m;
	uint32_t port; /* of a data message: the port that tells them apart */
	bool lost;
	tick_t at;
};

static size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = strlen(hex) / 2;

	cr_assert_leq(n, cap);
	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

/* Ports attribute (8 bytes, number 3) of a message; the side that varies. */
static uint32_t port_of(const struct wire_msg *m)
{
	for (size_t i = 0; i + 8 <= m->body_len; i += 4) {
		const uint8_t *a = m->body + i;

		if (a[0] == 0 && a[1] == 8 && a[2] == 0 && a[3] == 3)
			return a[4] == 0xc3 && a[5] == 0x50 ? (uint32_t)(a[6] << 8 | a[7]) :
							      (uint32_t)(a[4] << 8 | a[5]);
	}
	return 0;
}

/* The messages of a step; returns how many. */
static size_t messages(const json_t *step, struct line *out, size_t cap)
{
	static uint8_t raw[4096];
	const size_t len = unhex(str(step, "hex"), raw, sizeof(raw));
	size_t pos = 0, used, n = 0;

	while (pos < len) {
		cr_assert_lt(n, cap);
		cr_assert_eq(wire_message_next(raw + pos, len - pos, &out[n].m, &used), 0);
		out[n].port = port_of(&out[n].m);
		out[n].lost = json_is_true(json_object_get(step, "lost"));
		out[n].at = when(step);
		pos += used;
		n++;
	}
	return n;
}

/* ---- one session against a script ---- */

struct script {
	struct rig g;
	tick_t now;
	struct packet out[256];
	size_t head, tail;
	uint32_t nacks; /* sent so far: gaps */
};

static void collect(struct script *s)
{
	struct packet p;

	while (rig_output(&s->g, s->now, &p)) {
		cr_assert_lt(s->tail, 256);
		s->out[s->tail++] = p;
	}
}

/* Let time pass; timers fire on the way. */
static void pass(struct script *s, tick_t until)
{
	while (repl_deadline(s->g.r) <= until) {
		const tick_t at = repl_deadline(s->g.r);

		s->now = at > s->now ? at : s->now;
		repl_tick(s->g.r, s->now);
		collect(s);
	}
	s->now = until > s->now ? until : s->now;
}

static void expect(struct script *s, const struct line *l)
{
	const struct packet *p;
	const char *text = "message";

	if (s->head == s->tail)
		pass(s, l->at + MS(30));
	cr_assert_lt(s->head, s->tail, "nothing said at %.3f", (double)l->at / 1e9 - 1);
	p = &s->out[s->head++];
	cr_assert_eq(p->h.seq, l->m.h.seq, "%s %u, not %u", text, p->h.seq, l->m.h.seq);
	cr_assert_eq(p->h.flags, l->m.h.flags, "%u: flags %02x, not %02x", p->h.seq, p->h.flags,
		     l->m.h.flags);
	cr_assert_eq(p->h.type == WIRE_CONTROL, l->m.h.type == WIRE_CONTROL);
	if (l->m.h.type != WIRE_CONTROL) {
		cr_assert_eq(p->obj, l->port, "%u: object %u, not %u", p->h.seq, p->obj, l->port);
		cr_assert_eq(p->final, l->m.h.type == WIRE_CT_DESTROY);
	} else if (wire_flags_ranged(l->m.h.flags)) {
		cr_assert_eq(p->from, l->m.from, "%u", p->h.seq);
		cr_assert_eq(p->to, l->m.to, "%u", p->h.seq);
		s->nacks += (l->m.h.flags & WIRE_F_NACK) != 0;
	}
}

static void hear(struct script *s, const struct line *l)
{
	const struct packet p = {
		.h = l->m.h,
		.from = l->m.from,
		.to = l->m.to,
		.obj = l->port,
		.version = 1,
	};

	rig_input(&s->g, s->now, &p);
	collect(s);
}

static void check_counters(const struct script *s, const json_t *step)
{
	const struct repl_stats st = rig_stats(&s->g);
	uint32_t external = 0;

	/* The reference counts two too many for each gap. */
	cr_assert_eq((json_int_t)st.lost,
		     json_integer_value(json_object_get(step, "lost")) - 2 * s->nacks);
	cr_assert_eq((json_int_t)st.before, json_integer_value(json_object_get(step, "before")));
	for (int i = 0; i < RIG_OBJECTS; i++)
		external += s->g.view[i] != 0;
	cr_assert_eq(external, json_integer_value(json_object_get(step, "external")));
}

static void check_window(const struct script *s, const json_t *step)
{
	const json_t *entries = json_object_get(step, "entries");
	uint32_t pos = 0;
	json_t *e;
	size_t i;

	json_array_foreach(entries, i, e)
	{
		const char *text = json_string_value(e);
		struct repl_send el;

		cr_assert(repl_window_next(s->g.r, &pos, &el), "missing: %s", text);
		cr_assert_eq(el.is_object, strncmp(text, "object", 6) == 0, "%s", text);
		cr_assert_eq(el.seq, strtoul(strstr(text, "seq:") + 4, NULL, 10), "%s", text);
	}
	cr_assert_not(repl_window_next(s->g.r, &pos, &(struct repl_send){ 0 }));
	cr_assert_eq(rig_stats(&s->g).window, json_array_size(entries));
}

static void kernel_event(struct script *s, const char *text)
{
	const uint32_t obj = (uint32_t)strtoul(strstr(text, "sport=") + 6, NULL, 10);

	if (strstr(text, "destroy"))
		rig_destroy(&s->g, obj);
	else
		rig_change(&s->g, obj);
	collect(s);
}

static void note(struct script *s, const json_t *step)
{
	const char *text = str(step, "text");

	if (strcmp(text, "counters") == 0)
		check_counters(s, step);
	else if (strcmp(text, "resend queue") == 0)
		check_window(s, step);
	else if (strncmp(text, "kernel event", 12) == 0)
		kernel_event(s, text);
}

static void play(const char *name, uint32_t first, tick_t start)
{
	struct script *s = calloc(1, sizeof(*s));
	struct repl_params p = rig_ftfw(first, 0);
	json_t *session = load(name), *step;
	struct line lines[64];
	size_t i;

	p.ack_window = 5;
	s->now = SEC(1) + start;
	rig_init(&s->g, &p, s->now);
	s->g.limit = 64;
	s->g.walk_dead = true;
	s->g.walk_down = true;
	json_array_foreach(json_object_get(session, "steps"), i, step)
	{
		const size_t n = by(step, "note") ? 0 : messages(step, lines, 64);

		/* Its timers are a few ms late, ours are exact. */
		if (!by(step, "daemon"))
			pass(s, when(step) > MS(2) ? when(step) - MS(1) : 0);
		if (by(step, "note"))
			note(s, step);
		for (size_t k = 0; k < n; k++) {
			if (by(step, "daemon"))
				expect(s, &lines[k]);
			else
				hear(s, &lines[k]);
		}
		rig_check(&s->g);
	}
	cr_assert_eq(s->head, s->tail, "something said that the reference did not say");
	rig_fini(&s->g);
	json_decref(session);
	free(s);
}

Test(golden, receiver_script)
{
	play("ftfw-receiver-script", 1795302600, 0);
}

Test(golden, sender_script)
{
	play("ftfw-sender-script", 1795302590, MS(5));
}

/* ---- two sessions, start, RESYNC, losses ---- */

#define LINES 512

struct record {
	struct line line[LINES];
	size_t n, next;
};

struct recovery {
	struct record by[2]; /* what A and B said */
	bool exact;
	bool sent[RIG_OBJECTS]; /* the first transmission is through */
};

/* Objects of A are ports 20000..20029 and 21000..21059: numbers 0.. here. */
static uint32_t object_of(uint32_t port)
{
	return port < 21000 ? port - 20000 : port - 21000 + 30;
}

static void load_recovery(struct recovery *v)
{
	json_t *session = load("ftfw-start-resync-loss-recovery"), *step;
	size_t i;

	json_array_foreach(json_object_get(session, "steps"), i, step)
	{
		struct record *rec = &v->by[by(step, "B")];

		rec->n += messages(step, rec->line + rec->n, LINES - rec->n);
	}
	json_decref(session);
}

static bool in_bulk(const struct line *l)
{
	return l->at > SEC(1) + MS(700) && l->at < SEC(1) + MS(800);
}

/* Compare with the record of the sender, and lose what was lost there. */
static bool as_recorded(struct pair *w, uint8_t dest, const struct packet *p)
{
	struct recovery *v = w->arg;
	struct record *rec = &v->by[!dest];
	const struct line *l = &rec->line[rec->next++];

	cr_assert_leq(rec->next, rec->n, "said too much");
	cr_assert_eq(p->h.seq, l->m.h.seq);
	cr_assert_eq(p->h.flags, l->m.h.flags, "%u: flags %02x, not %02x", p->h.seq, p->h.flags,
		     l->m.h.flags);
	cr_assert_eq(p->h.type == WIRE_CONTROL, l->m.h.type == WIRE_CONTROL, "%u", p->h.seq);
	if (p->h.type != WIRE_CONTROL) {
		if (!in_bulk(l))
			cr_assert_eq(p->obj, object_of(l->port), "%u", p->h.seq);
	} else if (wire_flags_ranged(p->h.flags)) {
		cr_assert_eq(p->from, l->m.from, "%u", p->h.seq);
		cr_assert_eq(p->to, l->m.to, "%u", p->h.seq);
	}
	return l->lost;
}

/* Lose the first transmission of each object that was lost in the record. */
static bool same_losses(struct pair *w, uint8_t dest, const struct packet *p)
{
	struct recovery *v = w->arg;
	const struct record *rec = &v->by[0];

	if (dest != 1 || p->h.type == WIRE_CONTROL || w->now < SEC(4) || v->sent[p->obj])
		return false;
	v->sent[p->obj] = true;
	for (size_t i = 0; i < rec->n; i++)
		if (rec->line[i].lost && rec->line[i].m.h.type != WIRE_CONTROL &&
		    object_of(rec->line[i].port) == p->obj)
			return true;
	return false;
}

static struct pair *run_recovery(struct recovery *v, uint32_t cures)
{
	struct repl_params a = rig_ftfw(v->by[0].line[0].m.h.seq, cures);
	struct repl_params b = rig_ftfw(v->by[1].line[0].m.h.seq, cures);
	struct pair *w = malloc(sizeof(*w));
	bool seen[RIG_OBJECTS] = { false };

	a.ack_window = b.ack_window = 20;
	cr_assert_not_null(w);
	pair_init(w, &a, &b, 1);
	w->delay = 100 * TICK_USEC;
	w->arg = v;
	w->filter = v->exact ? as_recorded : same_losses;
	/* A said its first ALIVE at 0.0, so it was started a second before. */
	rig_fini(&w->n[0]);
	rig_fini(&w->n[1]);
	w->now = 0;
	rig_init(&w->n[0], &a, w->now);
	w->n[0].limit = 90;
	rig_init(&w->n[1], &b, SEC(20)); /* not there yet */
	w->cut[1] = true;
	for (size_t i = 0; i < v->by[0].n; i++) {
		const struct line *l = &v->by[0].line[i];

		if (l->m.h.type == WIRE_CONTROL || seen[object_of(l->port)])
			continue;
		if (l->at > SEC(1) + MS(600) && !rig_stats(&w->n[1]).resyncs_out) {
			pair_run(w, v->by[1].line[0].at);
			rig_fini(&w->n[1]);
			b.startup_resync = true;
			rig_init(&w->n[1], &b, w->now);
			w->cut[1] = false;
		}
		pair_run(w, l->at);
		seen[object_of(l->port)] = true;
		rig_change(&w->n[0], object_of(l->port));
	}
	pair_run(w, SEC(1) + 9600 * TICK_MSEC);
	for (int i = 0; i < 90; i++)
		cr_assert_eq(w->n[1].view[i], 1, "object %d", i);
	return w;
}

Test(golden, start_resync_loss_recovery_word_by_word)
{
	struct recovery *v = calloc(1, sizeof(*v));
	struct pair *w;

	load_recovery(v);
	v->exact = true;
	w = run_recovery(v, 0);
	cr_assert_eq(v->by[0].next, v->by[0].n);
	cr_assert_eq(v->by[1].next, v->by[1].n);
	pair_fini(w);
	free(w);
	free(v);
}

Test(golden, start_resync_loss_recovery_with_all_cures)
{
	struct recovery *v = calloc(1, sizeof(*v));
	struct pair *w;

	load_recovery(v);
	w = run_recovery(v, REPL_CURES_ALL);
	cr_assert_eq(rig_stats(&w->n[1]).lost, 10);
	cr_assert_eq(rig_stats(&w->n[1]).nacks_out, 10);
	cr_assert_eq(rig_stats(&w->n[0]).resent, 10);
	cr_assert_eq(rig_stats(&w->n[0]).bulks, 1, "one bulk, for RESYNC and HELLO together");
	cr_assert_eq(rig_stats(&w->n[1]).resyncs_out, 1);
	cr_assert_not(rig_stats(&w->n[1]).resync_pending);
	cr_assert_leq(rig_stats(&w->n[0]).window, 1);
	pair_fini(w);
	free(w);
	free(v);
}

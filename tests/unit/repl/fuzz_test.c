// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whatever a peer sends: a session stays consistent, answers with truths about
 * what it received, and its timers move on.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/seq.h"
#include "rig.h"

#define ROUNDS 1000000

/* The numbers received: a hash set. */
#define MEMORY (1u << 18)

struct memory {
	uint64_t seq[MEMORY]; /* 2^32 + number, 0: free */
};

static uint32_t any_seq(struct rng *rng, const struct repl_stats *st)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return rng_u32(rng);
	case 1:
		return st->next_seq - rng_below(rng, 2000);
	case 2:
		return st->last_seq - rng_below(rng, 100);
	case 3:
		return st->last_seq + rng_below(rng, 100);
	default:
		return st->last_seq + 1;
	}
}

static struct packet any_packet(struct rng *rng, const struct repl_stats *st)
{
	static const uint8_t types[] = { 0, 1, 2, 5, 6, 10, 10, 10, 10, 15 };
	static const uint8_t flags[] = { 0, 0, 0x20, 0x40, 0x60, 2, 4, 8, 8, 0x10, 0x28, 0x48 };

	return (struct packet){
		.h = {
			.version = WIRE_VERSION,
			.type = types[rng_below(rng, sizeof(types))],
			.flags = rng_below(rng, 20) ? flags[rng_below(rng, sizeof(flags))]
						    : (uint8_t)rng_u32(rng),
			.seq = any_seq(rng, st),
		},
		.from = rng_below(rng, 2) ? st->next_seq - rng_below(rng, 500) : any_seq(rng, st),
		.to = rng_below(rng, 2) ? st->next_seq - rng_below(rng, 500) : any_seq(rng, st),
		.obj = rng_below(rng, RIG_OBJECTS),
		.version = 1,
	};
}

static uint64_t *look(struct memory *m, uint32_t seq)
{
	uint32_t i = seq * 2654435761u;

	while (m->seq[i % MEMORY] && (uint32_t)m->seq[i % MEMORY] != seq)
		i++;
	return &m->seq[i % MEMORY];
}

/* Is a range of an ACK made of received numbers? */
static void check_truth(struct memory *m, const struct packet *p)
{
	uint32_t n = p->from;

	if (p->h.type != WIRE_CONTROL || !(p->h.flags & (WIRE_F_ACK | WIRE_F_NACK)))
		return;
	cr_assert(!seq_after(p->from, p->to));
	for (; (p->h.flags & WIRE_F_ACK) && n != p->to + 1; n++)
		cr_assert_neq(*look(m, n), 0, "acknowledges %u, which never came", n);
}

static void owner_acts(struct rig *g, struct rng *rng)
{
	const uint32_t obj = rng_below(rng, 500);

	if (rng_below(rng, 3))
		rig_change(g, obj);
	else
		rig_destroy(g, obj);
}

static void fuzz(uint64_t seed, uint32_t cures, uint32_t rounds)
{
	struct repl_params p = rig_ftfw(0xffffff00, cures);
	struct rig *g = malloc(sizeof(*g));
	struct memory *m = calloc(1, sizeof(*m));
	tick_t now = SEC(1);
	struct rng rng;

	rng_seed(&rng, seed);
	p.resend_limit = 200 + rng_below(&rng, 1000);
	p.ack_window = 1 + rng_below(&rng, 30);
	rig_init(g, &p, now);
	g->limit = 500;
	for (uint32_t i = 0; i < rounds; i++) {
		const struct repl_stats st = rig_stats(g);
		const struct packet in = any_packet(&rng, &st);
		struct packet out;

		if (rig_input(g, now, &in) <= REPL_HANDLED)
			*look(m, in.h.seq) = in.h.seq | UINT64_C(1) << 32;
		if (rng_below(&rng, 4) == 0)
			owner_acts(g, &rng);
		if (rng_below(&rng, 3) == 0)
			for (int k = 0; k < 40 && rig_output(g, now, &out); k++)
				check_truth(m, &out);
		now += rng_below(&rng, (uint32_t)MS(20));
		if (repl_deadline(g->r) <= now)
			repl_tick(g->r, now);
		cr_assert_leq(rig_stats(g).window, p.resend_limit + 1024);
		if (i % 1000 == 0)
			rig_check(g);
	}
	rig_check(g);
	rig_fini(g);
	free(g);
	free(m);
}

Test(fuzz, a_million_headers_leave_the_session_consistent, .timeout = 300)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		fuzz(seed, REPL_CURES_ALL, ROUNDS / 10);
}

/* Without W4 the session acknowledges as the reference does, truth or not. */
Test(fuzz, every_mix_of_cures_is_consistent, .timeout = 300)
{
	for (uint32_t cures = 0; cures <= REPL_CURES_ALL; cures++)
		if (cures & REPL_CURE_W4)
			fuzz(cures, cures, 500);
}

/* A message of nobody: any number, no claims about what was received. */
static struct packet stray(struct rng *rng)
{
	const bool data = rng_below(rng, 2);

	return (struct packet){
		.h = {
			.version = WIRE_VERSION,
			.type = data ? WIRE_CT_NEW : WIRE_CONTROL,
			.flags = data ? 0 : WIRE_F_ALIVE,
			.seq = rng_u32(rng),
		},
		.obj = RIG_OBJECTS,              /* goes nowhere */
	};
}

/* Two sessions that also hear noise. */
Test(fuzz, a_pair_gets_over_noise, .timeout = 300)
{
	struct pair *w = malloc(sizeof(*w));

	for (uint64_t seed = 1; seed <= 10; seed++) {
		const struct repl_params a = rig_ftfw(5, REPL_CURES_ALL);
		const struct repl_params b = rig_ftfw(0xfffffff0, REPL_CURES_ALL);

		pair_init(w, &a, &b, seed);
		w->n[0].limit = w->n[1].limit = 500;
		for (int i = 0; i < 500; i++) {
			struct rig *g = &w->n[rng_below(&w->rng, 2)];
			const struct packet p = stray(&w->rng);

			rig_input(g, w->now, &p);
			owner_acts(&w->n[rng_below(&w->rng, 2)], &w->rng);
			pair_run(w, w->now + MS(10));
		}
		pair_run(w, w->now + SEC(60));
		for (int k = 0; k < 2; k++)
			for (int i = 0; i < 500; i++)
				if (w->n[k].own[i].version && !w->n[k].own[i].dead)
					cr_assert_eq(w->n[!k].view[i], w->n[k].own[i].version,
						     "seed %lu object %d", (unsigned long)seed, i);
		rig_check(&w->n[0]);
		rig_check(&w->n[1]);
		pair_fini(w);
	}
	free(w);
}

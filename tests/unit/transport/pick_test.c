// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The choice of a link: each rule, then two nodes on a virtual clock that must
 * agree on a link that works, whatever happened before, and stay there.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "pick.h"

TestSuite(pick, .timeout = 120);

#define S  TICK_SEC
#define MS TICK_MSEC

static struct pick start(size_t n, tick_t silence)
{
	struct pick p;

	pick_init(&p, n, 0, 7, 0);
	pick_set_silence(&p, silence, 0);
	return p;
}

/* ---- the rules ---- */

Test(pick, one_link_has_no_choice)
{
	struct pick p = start(1, 3 * S);

	cr_assert_eq(pick_deadline(&p), TICK_NEVER);
	cr_assert_eq(pick_usable(&p, 0, false, S), PICK_STAYS);
	cr_assert_eq(pick_usable(&p, 0, true, S), PICK_STAYS);
	cr_assert_eq(p.current, 0);
}

Test(pick, the_next_that_runs)
{
	struct pick p = start(3, 0);

	cr_assert_eq(pick_usable(&p, 1, false, S), PICK_STAYS);
	cr_assert_eq(pick_usable(&p, 0, false, S), PICK_FAILED);
	cr_assert_eq(p.current, 2);
	cr_assert_eq(p.last, 0);
	cr_assert_eq(pick_usable(&p, 1, true, S), PICK_STAYS);
	cr_assert_eq(pick_usable(&p, 2, false, S), PICK_FAILED);
	cr_assert_eq(p.current, 1);
	cr_assert_eq(pick_usable(&p, 1, false, S), PICK_STAYS, "none left");
	cr_assert_eq(pick_usable(&p, 2, true, S), PICK_FAILED, "any is better");
	cr_assert_eq(p.current, 2);
}

Test(pick, follows_the_peer)
{
	struct pick p = start(3, 3 * S);

	cr_assert_eq(pick_heard(&p, 0, S), PICK_STAYS);
	cr_assert_eq(pick_heard(&p, 2, S), PICK_HEARD);
	cr_assert_eq(p.current, 2);
	cr_assert_eq(pick_heard(&p, 1, S + 49 * MS), PICK_STAYS, "not so fast");
	cr_assert_eq(pick_heard(&p, 1, S + 500 * MS), PICK_HEARD);
	cr_assert_eq(p.home, PICK_NONE, "led away: no reason to return");
	pick_usable(&p, 0, false, 2 * S);
	cr_assert_eq(pick_heard(&p, 0, 2 * S), PICK_STAYS, "what was under way on a dead link");
}

Test(pick, a_failure_is_told_when_the_peer_is_heard)
{
	struct pick p = start(2, 3 * S);

	pick_usable(&p, 1, false, S);
	pick_heard(&p, 0, S);
	cr_assert_not(pick_broke(&p), "it was not in use");
	pick_usable(&p, 1, true, S);
	pick_usable(&p, 0, false, 2 * S);
	cr_assert_not(pick_broke(&p), "is anybody there?");
	pick_heard(&p, 1, 3 * S);
	cr_assert(pick_broke(&p));
	cr_assert_not(pick_broke(&p), "once");
	p = start(2, 3 * S);
	pick_tick(&p, 3 * S);
	cr_assert_not(pick_broke(&p));
	pick_heard(&p, 1, 4 * S);
	cr_assert(pick_broke(&p), "what was said into the silence");
	p = start(2, 3 * S);
	pick_heard(&p, 1, S);
	cr_assert_not(pick_broke(&p), "the peer goes first");
	pick_usable(&p, 0, false, S + 1);
	pick_heard(&p, 1, 2 * S);
	cr_assert(pick_broke(&p), "it was the first to see it");
}

Test(pick, silence)
{
	struct pick p = start(2, 3 * S);

	cr_assert_eq(pick_deadline(&p), 3 * S);
	cr_assert_eq(pick_heard(&p, 0, S), PICK_STAYS);
	cr_assert_eq(pick_deadline(&p), 4 * S);
	cr_assert_eq(pick_tick(&p, 4 * S - 1), PICK_STAYS);
	cr_assert_eq(pick_tick(&p, 4 * S), PICK_SILENT);
	cr_assert_eq(p.current, 1);
	cr_assert_eq(pick_tick(&p, 7 * S), PICK_SILENT);
	cr_assert_eq(p.current, 0);
	cr_assert_eq(pick_tick(&p, 10 * S), PICK_STAYS, "the second round is slower");
	cr_assert_eq(pick_tick(&p, 13 * S), PICK_SILENT);
	p = start(2, 3 * S);
	pick_ready(&p, 1, false);
	cr_assert_eq(pick_deadline(&p), TICK_NEVER, "it is no better there");
	p = start(2, 0);
	cr_assert_eq(pick_deadline(&p), TICK_NEVER);
}

/* Fails at 1 s, runs again at 2 s. The peer is heard on the other all the time until "now". */
static struct pick failed_and_back(tick_t now)
{
	struct pick p = start(2, 3 * S);

	pick_usable(&p, 0, false, S);
	pick_usable(&p, 0, true, 2 * S);
	for (tick_t t = 2 * S; t <= now; t += 500 * MS)
		pick_heard(&p, 1, t);
	return p;
}

Test(pick, returns_and_the_peer_follows)
{
	struct pick p = failed_and_back(7 * S);

	cr_assert_eq(p.current, 1);
	cr_assert_eq(pick_deadline(&p), 7 * S);
	cr_assert_eq(pick_tick(&p, 7 * S), PICK_BACK);
	cr_assert_eq(p.current, 0);
	cr_assert_eq(pick_double(&p), 1);
	cr_assert_eq(pick_heard(&p, 1, 7 * S + 1), PICK_STAYS, "it does not know yet");
	cr_assert_eq(pick_double(&p), 1);
	cr_assert_eq(pick_heard(&p, 0, 8 * S), PICK_STAYS);
	cr_assert_eq(pick_double(&p), PICK_NONE, "arrived");
	cr_assert_eq(p.home, PICK_NONE);
	cr_assert_eq(pick_deadline(&p), 11 * S, "silence is all that can happen now");
}

Test(pick, returns_in_vain)
{
	struct pick p = failed_and_back(7 * S);

	pick_tick(&p, 7 * S);
	cr_assert_eq(pick_tick(&p, 9500 * MS), PICK_VAIN);
	cr_assert_eq(p.current, 1);
	cr_assert_eq(p.last, 0);
	cr_assert_eq(pick_double(&p), PICK_NONE);
	for (tick_t t = 9 * S; t < 19 * S; t += S)
		cr_assert_eq(pick_heard(&p, 1, t), PICK_STAYS);
	cr_assert_eq(pick_tick(&p, 19 * S), PICK_STAYS);
	cr_assert_eq(pick_tick(&p, 19500 * MS), PICK_BACK, "10 s later");
	cr_assert_eq(pick_tick(&p, 22 * S), PICK_VAIN);
	for (tick_t t = 22 * S; t < 42 * S; t += S)
		cr_assert_eq(pick_heard(&p, 1, t) || pick_tick(&p, t), PICK_STAYS);
	cr_assert_eq(pick_tick(&p, 42 * S), PICK_BACK, "20 s later");
}

/* The peer saw the failure first, and its messages were faster than ours of the interface. */
static struct pick led_and_failed(tick_t after)
{
	struct pick p = start(2, 3 * S);

	pick_heard(&p, 1, S);
	cr_assert_eq(p.current, 1);
	cr_assert_eq(pick_usable(&p, 0, false, S + after), PICK_STAYS);
	pick_usable(&p, 0, true, 5 * S);
	for (tick_t t = S + after; t <= 10 * S; t += 500 * MS)
		pick_heard(&p, 1, t);
	return p;
}

Test(pick, returns_although_the_peer_noticed_first)
{
	struct pick p = led_and_failed(100 * MS);

	cr_assert_eq(pick_tick(&p, 10 * S - 1), PICK_STAYS);
	cr_assert_eq(pick_tick(&p, 10 * S), PICK_BACK);
	cr_assert_eq(p.current, 0);
	p = led_and_failed(3 * S);
	cr_assert_eq(p.home, PICK_NONE, "the peer had another reason");
	cr_assert_eq(pick_tick(&p, 10 * S), PICK_STAYS);
}

Test(pick, what_stood_in_and_fails_as_well_is_not_returned_to)
{
	struct pick p = failed_and_back(7 * S);

	cr_assert_eq(pick_heard(&p, 0, 7 * S), PICK_HEARD, "the peer leads us back");
	pick_usable(&p, 1, false, 8 * S);
	cr_assert_eq(p.home, PICK_NONE);
}

Test(pick, home_fails_during_the_attempt)
{
	struct pick p = failed_and_back(7 * S);

	pick_tick(&p, 7 * S);
	cr_assert_eq(pick_usable(&p, 0, false, 8 * S), PICK_FAILED);
	cr_assert_eq(p.current, 1);
	cr_assert_eq(pick_double(&p), PICK_NONE);
	pick_heard(&p, 1, 60 * S);
	cr_assert_eq(pick_tick(&p, 60 * S), PICK_STAYS);
	pick_usable(&p, 0, true, 60 * S);
	pick_heard(&p, 1, 65 * S);
	cr_assert_eq(pick_tick(&p, 65 * S), PICK_BACK);
	cr_assert_eq(pick_usable(&p, 1, false, 66 * S), PICK_STAYS, "the other one fails");
	cr_assert_eq(pick_double(&p), PICK_NONE);
	cr_assert_eq(p.home, PICK_NONE);
}

Test(pick, no_return_to_silence)
{
	struct pick p = failed_and_back(7 * S);

	/* The peer has died since: nobody would follow. */
	pick_tick(&p, 10 * S);
	cr_assert_eq(pick_double(&p), PICK_NONE);
	p = failed_and_back(7 * S);
	pick_ready(&p, 0, false);
	cr_assert_eq(pick_tick(&p, 7 * S), PICK_STAYS, "not connected there");
	pick_ready(&p, 0, true);
	cr_assert_eq(pick_tick(&p, 8 * S), PICK_BACK);
}

Test(pick, returns_without_witness_where_peers_may_be_silent)
{
	struct pick p = start(2, 0);

	pick_usable(&p, 0, false, S);
	pick_usable(&p, 0, true, 2 * S);
	cr_assert_eq(pick_deadline(&p), 7 * S);
	cr_assert_eq(pick_tick(&p, 7 * S), PICK_BACK);
	cr_assert_eq(pick_double(&p), PICK_NONE);
	cr_assert_eq(pick_deadline(&p), TICK_NEVER);
}

/* ---- two nodes ---- */

#define LINKS  3
#define FLIGHT 64

struct msg {
	tick_t at;
	size_t link;
	int to;
};

struct world {
	struct rng rng;
	struct pick node[2];
	bool simple[2];         /* knows rules 1 and 2 only */
	bool carries[LINKS][2]; /* in the direction of node 0, 1 */
	tick_t now, say[2];
	struct msg flight[FLIGHT];
	size_t n;
	unsigned int moves;
};

static void emit(struct world *w, int from, size_t link, tick_t at)
{
	if (!w->carries[link][!from] || w->n == FLIGHT)
		return;
	w->flight[w->n++] = (struct msg){ .at = at, .link = link, .to = !from };
}

static void say(struct world *w, int i)
{
	const bool idle = !rng_below(&w->rng, 4);
	const tick_t arrives = w->now + (100 + rng_below(&w->rng, 2000)) * TICK_USEC;

	if (pick_double(&w->node[i]) != PICK_NONE)
		emit(w, i, pick_double(&w->node[i]), arrives);
	emit(w, i, w->node[i].current, arrives + 1);
	/* Mostly busy, sometimes idle; then it says so after a second. */
	w->say[i] = w->now + (idle ? S - rng_below(&w->rng, 50) * MS : 1 * MS);
}

static void hear(struct world *w, const struct msg *m)
{
	struct pick *p = &w->node[m->to];

	if (w->simple[m->to]) {
		w->moves += p->current != m->link;
		p->current = m->link;
		return;
	}
	w->moves += pick_heard(p, m->link, w->now) != PICK_STAYS;
}

/* The next event: a message arrives, a node speaks, or a node's time has come. */
static void step(struct world *w)
{
	tick_t at = tick_min(w->say[0], w->say[1]);
	size_t first = FLIGHT;

	for (size_t i = 0; i < w->n; i++) {
		if (w->flight[i].at <= at) {
			at = w->flight[i].at;
			first = i;
		}
	}
	for (int i = 0; i < 2; i++) {
		if (w->simple[i] || pick_deadline(&w->node[i]) > at)
			continue;
		w->now = w->now > pick_deadline(&w->node[i]) ? w->now : pick_deadline(&w->node[i]);
		w->moves += pick_tick(&w->node[i], w->now) != PICK_STAYS;
		return;
	}
	w->now = at;
	if (first < FLIGHT) {
		struct msg m = w->flight[first];

		w->flight[first] = w->flight[--w->n];
		hear(w, &m);
		return;
	}
	say(w, w->say[0] <= at ? 0 : 1);
}

static void run_for(struct world *w, tick_t d)
{
	for (tick_t end = w->now + d; w->now < end;)
		step(w);
}

/* Node i sees link k run or not; a node of the old kind just takes another. */
static void state(struct world *w, int i, size_t k, bool usable)
{
	struct pick *p = &w->node[i];

	if (!w->simple[i]) {
		pick_usable(p, k, usable, w->now);
		return;
	}
	p->link[k].usable = usable;
	for (size_t s = 1; s < LINKS && p->current == k && !usable; s++) {
		if (p->link[(k + s) % LINKS].usable)
			p->current = (k + s) % LINKS;
	}
}

static void begin(struct world *w, uint64_t seed, bool simple)
{
	memset(w, 0, sizeof(*w));
	rng_seed(&w->rng, seed);
	w->now = S;
	for (int i = 0; i < 2; i++) {
		pick_init(&w->node[i], LINKS, rng_below(&w->rng, LINKS), rng_u64(&w->rng), w->now);
		pick_set_silence(&w->node[i], 3 * S, w->now);
		w->say[i] = w->now + rng_below(&w->rng, 1000) * MS;
	}
	w->simple[1] = simple;
	for (size_t k = 0; k < LINKS; k++)
		w->carries[k][0] = w->carries[k][1] = true;
}

/* What node i sends arrives, on its link or on the one it uses as well. */
static bool served(const struct world *w, int i)
{
	const size_t twice = w->simple[i] ? PICK_NONE : pick_double(&w->node[i]);

	return w->carries[w->node[i].current][!i] || (twice != PICK_NONE && w->carries[twice][!i]);
}

/* One of them tries to return, or has just given that up while the other follows. */
static bool on_the_way(const struct world *w)
{
	return w->node[0].from != PICK_NONE || w->node[1].from != PICK_NONE ||
	       w->node[0].current != w->node[1].current;
}

/* What they send arrives, and they use one link, at once or when an attempt is over. */
static void expect_agreement(struct world *w, uint64_t seed, const char *when)
{
	cr_assert(served(w, 0) && served(w, 1), "%s: a link is cut, seed %lu", when,
		  (unsigned long)seed);
	for (int i = 0; i < 40 && on_the_way(w); i++)
		run_for(w, 100 * MS);
	cr_assert_eq(w->node[0].current, w->node[1].current, "%s: two links, seed %lu", when,
		     (unsigned long)seed);
}

/*
 * Link k fails: both see it at once, one sooner than the other, one sees it, nobody
 * sees it, or one direction only is cut.
 */
enum { FAIL_BOTH, FAIL_FIRST_0, FAIL_FIRST_1, FAIL_ONLY_0, FAIL_ONLY_1, FAIL_UNSEEN, FAIL_HALF };

static void fail(struct world *w, size_t k, uint32_t how)
{
	const int first = how == FAIL_FIRST_1 || how == FAIL_ONLY_1;

	w->carries[k][0] = how == FAIL_HALF;
	w->carries[k][1] = false;
	if (how >= FAIL_UNSEEN)
		return;
	state(w, first, k, false);
	if (how == FAIL_FIRST_0 || how == FAIL_FIRST_1)
		run_for(w, rng_below(&w->rng, 2900) * MS);
	if (how <= FAIL_FIRST_1)
		state(w, !first, k, false);
}

static void repair(struct world *w, size_t k)
{
	w->carries[k][0] = w->carries[k][1] = true;
	state(w, 0, k, true);
	state(w, 1, k, true);
}

static void history(uint64_t seed, bool simple)
{
	struct world w;
	uint32_t how;
	bool used;
	size_t k;

	begin(&w, seed, simple);
	run_for(&w, 5 * S);
	expect_agreement(&w, seed, "at start");
	for (int i = 0; i < 6; i++) {
		k = rng_below(&w.rng, 4) ? w.node[0].current : rng_below(&w.rng, LINKS);
		used = k == w.node[0].current;
		/* The others do not notice that they hear nothing. */
		how = rng_below(&w.rng, simple ? FAIL_HALF : FAIL_HALF + 1);
		fail(&w, k, how);
		/* The patience, an attempt under way, and the way of the messages. */
		run_for(&w, simple ? 30 * S : 12 * S);
		expect_agreement(&w, seed, "after a failure");
		repair(&w, k);
		run_for(&w, 20 * S);
		expect_agreement(&w, seed, "after the repair");
		run_for(&w, 400 * S);
		w.moves = 0;
		run_for(&w, 60 * S);
		cr_assert_eq(w.moves, 0, "seed %lu: no rest, %u moves", (unsigned long)seed,
			     w.moves);
		cr_assert_eq(w.node[0].home, PICK_NONE, "seed %lu", (unsigned long)seed);
		expect_agreement(&w, seed, "at last");
		cr_assert(!used || how > FAIL_FIRST_1 || w.node[0].current == k,
			  "seed %lu: link %zu is not used again", (unsigned long)seed, k);
	}
}

Test(pick, two_of_us_agree)
{
	for (uint64_t seed = 1; seed <= 300; seed++)
		history(seed, false);
}

Test(pick, one_of_us_and_one_of_the_others_agree)
{
	for (uint64_t seed = 1; seed <= 300; seed++)
		history(seed, true);
}

/* Both send at the same moment on the other's link, with no end of messages crossing. */
Test(pick, crossing_messages_do_not_swap_links_for_ever)
{
	struct world w;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		begin(&w, seed, false);
		w.node[0].current = 0;
		w.node[1].current = 1;
		w.say[0] = w.say[1] = w.now;
		for (tick_t end = w.now + 3 * S; w.now < end;) {
			if (w.say[0] > w.now && w.say[1] > w.now)
				w.say[0] = w.say[1] = tick_min(w.say[0], w.say[1]);
			step(&w);
		}
		expect_agreement(&w, seed, "after crossing");
	}
}

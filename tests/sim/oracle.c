// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the nodes hold, after each turn and at certain events:
 *
 *  bounded     queues, unacknowledged elements, cache entries and memory have a ceiling
 *  busy        a node does not turn in circles
 *  own-quiet   what a node injected itself is not announced by it
 *  stale       after a complete resync nothing of the owner's past lives is held
 *  committed   after a commit the kernel has what was held
 */
#include <inttypes.h>
#include <string.h>
#include "world.h"

#define CONTROL_MAX 1024u /* control messages do not count against the limits */
#define CACHE_BYTES (4u << 20)
#define TURNS_MAX   20000u            /* per second */
#define LOOK_EVERY  4u                /* turns between two looks at the reports */
#define RECOGNISED  (6 * TICK_SEC)    /* a restart of the reference, at the latest */
#define RESOLUTION  (200 * TICK_MSEC) /* of times in caches */

void oracle_start(struct world *w, uint8_t node)
{
	w->oracle.n[node] = (struct oracle_node){ .life_began = w->now };
	watch_start(w, node);
}

/* ---- what is held ---- */

static bool find_held(const struct world *w, uint8_t node, uint8_t owner, const struct flow *f,
		      struct engine_entry *en)
{
	struct engine_walk walk = { .which = ECACHE_EXTERNAL,
				    .one_peer = true,
				    .peer = w->n[node].peer_of[owner] };
	uint32_t budget = UINT32_MAX;

	while (engine_walk_next(w->n[node].e, &walk, &budget, en) == 1)
		if (tuple_equal(&en->flow.orig, &f->orig) && en->flow.zone == f->zone)
			return true;
	return false;
}

bool oracle_holds(const struct world *w, uint8_t node, uint8_t owner, const struct flow *f)
{
	struct engine_entry en;

	return find_held(w, node, owner, f, &en);
}

static void check_stale(struct world *w, uint8_t node, uint8_t owner)
{
	struct engine_walk walk = { .which = ECACHE_EXTERNAL,
				    .one_peer = true,
				    .peer = w->n[node].peer_of[owner] };
	struct kernel *k = &w->n[owner].k;
	struct engine_entry en;
	uint32_t budget = UINT32_MAX;

	while (engine_walk_next(w->n[node].e, &walk, &budget, &en) == 1) {
		const uint32_t key = kernel_key(&en.flow);

		if (k->ended[key] && k->ended[key] < w->oracle.n[owner].life_began &&
		    !kernel_find(k, &en.flow))
			world_fail(w, "stale",
				   "node %u has completed a resync with node %u and holds its "
				   "flow %u, which ended before",
				   node, owner, key);
	}
}

/* ---- reports ---- */

static void check_caches(struct world *w, uint8_t node, const struct engine_stats *st)
{
	const uint32_t peers = w->n[node].npeers;

	for (int c = 0; c < 4; c++) {
		const bool external = c == ECACHE_EXTERNAL || c == ECACHE_EXP_EXTERNAL;
		const uint32_t limit = w->s.limit && !w->quiet ? w->s.limit : KEYS;
		const uint32_t max = external ? peers * limit : limit;

		if (st->cache[c].objects > max || st->cache[c].bytes > CACHE_BYTES)
			world_fail(w, "bounded", "node %u: cache %d holds %u entries, %zu bytes",
				   node, c, st->cache[c].objects, st->cache[c].bytes);
	}
}

static void check_session(struct world *w, uint8_t node, const struct engine_stats *st,
			  const struct repl_stats *rs)
{
	const uint32_t objects =
		st->cache[ECACHE_INTERNAL].objects + st->cache[ECACHE_EXP_INTERNAL].objects;

	if (rs->window_objects > rs->window_max || rs->window - rs->window_objects > CONTROL_MAX)
		world_fail(w, "bounded",
			   "node %u: %u elements, %u objects unacknowledged, limit %u", node,
			   rs->window, rs->window_objects, rs->window_max);
	if (rs->txq > objects + CONTROL_MAX)
		world_fail(w, "bounded", "node %u: %u elements queued, %u objects cached", node,
			   rs->txq, objects);
}

static void check_resync(struct world *w, uint8_t node, uint8_t peer)
{
	const uint8_t owner = w->n[node].node_of[peer];
	uint64_t *known = &w->oracle.n[node].resyncs[owner];
	struct engine_stats st;

	engine_get_peer_stats(w->n[node].e, peer, &st);
	if (st.resyncs_complete == *known)
		return;
	*known = st.resyncs_complete;
	/*
	 * What was complete before the owner's present life was heard, or recognised, since
	 * the last look is of its past one: a message of that life may announce it after its end.
	 */
	if (w->watch[node][owner].heard_life != w->n[owner].life ||
	    w->watch[node][owner].heard_since >= w->oracle.n[node].looked ||
	    (node_is_reference(w, owner) &&
	     tick_since(w->oracle.n[node].looked, w->oracle.n[owner].life_began) < RECOGNISED))
		return; /* with its past life */
	check_stale(w, node, owner);
}

static void count_turn(struct world *w, uint8_t node)
{
	struct oracle_node *o = &w->oracle.n[node];

	if (w->now - o->second >= TICK_SEC) {
		o->second = w->now;
		o->turns = 0;
	}
	if (++o->turns > TURNS_MAX)
		world_fail(w, "busy", "node %u turned %u times within a second", node, o->turns);
}

void oracle_turn(struct world *w, uint8_t node)
{
	const struct node *n = &w->n[node];
	struct engine_stats st;

	count_turn(w, node);
	if (!n->e || w->oracle.n[node].turns % LOOK_EVERY)
		return;
	watch_acks_due(w, node);
	engine_get_stats(n->e, &st);
	check_caches(w, node, &st);
	for (uint8_t p = 0; p < n->npeers; p++)
		check_session(w, node, &st, &st.peer[p]);
	for (uint8_t p = 0; p < n->npeers && st.resyncs_complete; p++)
		check_resync(w, node, p);
	w->oracle.n[node].looked = w->now;
}

/* ---- commits ---- */

static uint64_t bulks(const struct engine_stats *st, bool *running)
{
	uint64_t n = 0;

	for (uint8_t p = 0; p < st->npeers; p++) {
		n += st->peer[p].bulks;
		*running |= st->peer[p].bulk_running;
	}
	return n;
}

void oracle_commit_asked(struct world *w, uint8_t node)
{
	struct oracle_node *o = &w->oracle.n[node];
	const struct node *n = &w->n[node];
	struct engine_stats st;
	bool running = false;

	engine_get_stats(n->e, &st);
	/* Nothing under way, no lost events to be made up for. */
	o->quiet_owed = !n->news_owed || tick_since(w->now, n->news_owed) > MAKE_UP;
	for (uint8_t p = 0; p < st.npeers; p++)
		if (st.peer[p].txq || st.peer[p].window)
			o->quiet_owed = false;
	o->overruns_at_commit = st.overruns;
	o->bulks_at_commit = bulks(&st, &running);
}

/*
 * A flow that this node never spoke of and then injected stays its secret until
 * a bulk, or lost events, or a packet make it news, or it took the place of one
 * whose end is told. ALARM repeats all it has.
 */
void oracle_announced(struct world *w, uint8_t node, const struct flow *f)
{
	struct oracle_node *o = &w->oracle.n[node];
	bool *told = &o->told[kernel_key(f)];
	const struct kflow *kf;
	struct engine_stats st;
	bool running = false;

	if (*told)
		return;
	*told = true;
	if (!o->quiet_owed || w->s.mode == REPL_ALARM || w->s.limit) /* what was refused is news */
		return;
	engine_get_stats(w->n[node].e, &st);
	if (bulks(&st, &running) != o->bulks_at_commit || running ||
	    st.overruns != o->overruns_at_commit) {
		o->quiet_owed = false;
		return;
	}
	kf = kernel_find(&w->n[node].k, f);
	if (w->n[node].k.ended[kernel_key(f)] >= w->n[node].commit.begun)
		return;
	if (kf && kf->injected && tuple_equal(&kf->f.orig, &f->orig))
		world_fail(w, "own-quiet", "node %u announces flow %u that it injected", node,
			   kernel_key(f));
}

/* Another translation than what is held, perhaps injected already, as a stray packet made it. */
void oracle_told(struct world *w, uint8_t node, uint8_t owner, const struct flow *f)
{
	struct engine_entry en;
	struct tuple a, b;

	if (!find_held(w, node, owner, f, &en))
		return;
	flow_reply(f, &a);
	flow_reply(&en.flow, &b);
	if (!tuple_equal(&a, &b))
		w->oracle.n[node].retold[kernel_key(f)] = w->now;
}

/* Is there a reason why this flow did not get into the kernel, or is not there any more? */
static bool commit_excused(struct world *w, struct node *n, const struct engine_entry *en)
{
	const uint32_t key = kernel_key(&en->flow);
	const tick_t begun = n->commit.begun;
	struct flow other = en->flow;
	const struct kflow *kf = kernel_find(&n->k, &en->flow);

	if (!kf) {
		flow_reply(&en->flow, &other.orig);
		kf = kernel_find(&n->k, &other);
	}
	return en->created + RESOLUTION > n->commit.start || /* came while it ran */
	       w->oracle.n[n->index].retold[key] >= begun || /* it changed while it ran */
	       n->op_failed[key] >= begun || n->k.ended[key] >= begun || n->k.full_at >= begun ||
	       en->updated + en->flow.timeout * TICK_SEC < node_now(w, n->index) + TICK_SEC ||
	       (kf && (kf->f.status & CTS_SEEN_REPLY)); /* another that is in use */
}

/* The kernel has this flow as the peer described it. */
static bool injected(struct kernel *k, const struct flow *f)
{
	const struct kflow *kf = kernel_find(k, f);
	struct tuple a, b;

	if (!kf)
		return false;
	flow_reply(f, &a);
	flow_reply(&kf->f, &b);
	return tuple_equal(&a, &b) && tuple_equal(&kf->f.orig, &f->orig);
}

/* Do the peers tell different things of this flow? Then only one of them is served. */
static bool contested(const struct node *n, const struct flow *f)
{
	struct engine_walk walk = { .which = ECACHE_EXTERNAL };
	struct engine_entry en;
	uint32_t budget = UINT32_MAX;
	struct tuple a, b;

	flow_reply(f, &a);
	while (engine_walk_next(n->e, &walk, &budget, &en) == 1) {
		flow_reply(&en.flow, &b);
		if (kernel_key(&en.flow) == kernel_key(f) && !tuple_equal(&a, &b))
			return true;
	}
	return false;
}

static void check_committed_flows(struct world *w, struct node *n, uint8_t peer)
{
	struct engine_walk walk = { .which = ECACHE_EXTERNAL, .one_peer = true, .peer = peer };
	struct engine_entry en;
	uint32_t budget = UINT32_MAX;

	while (engine_walk_next(n->e, &walk, &budget, &en) == 1)
		if (!injected(&n->k, &en.flow) && !commit_excused(w, n, &en) &&
		    !contested(n, &en.flow))
			world_fail(w, "committed",
				   "node %u has committed, but its kernel has no flow %u", n->index,
				   kernel_key(&en.flow));
}

static void check_committed_expects(struct world *w, struct node *n, uint8_t peer)
{
	struct engine_walk walk = { .which = ECACHE_EXP_EXTERNAL, .one_peer = true, .peer = peer };
	struct engine_entry en, held;
	uint32_t budget = UINT32_MAX;
	const struct kflow *master;
	struct flow m;

	while (engine_walk_next(n->e, &walk, &budget, &en) == 1) {
		flow_init(&m);
		m.orig = en.expect.master;
		master = kernel_find(&n->k, &m);
		if (master && master->injected &&
		    find_held(w, n->index, n->node_of[peer], &m, &held) &&
		    !kernel_find_expect(&n->k, &en.expect) &&
		    en.created + RESOLUTION <= n->commit.start &&
		    held.created + RESOLUTION <= n->commit.start && /* its master, too */
		    n->op_failed[kernel_key(&m)] < n->commit.begun &&
		    n->k.expect_ended < n->commit.begun &&
		    n->k.ended[kernel_key(&m)] < n->commit.begun &&
		    n->k.full_at < n->commit.begun &&
		    en.updated + en.expect.timeout * TICK_SEC > node_now(w, n->index) + TICK_SEC)
			world_fail(w, "committed",
				   "node %u has committed, but its kernel lacks the "
				   "expectation of flow %u",
				   n->index, kernel_key(&m));
	}
}

void oracle_committed(struct world *w, uint8_t node)
{
	struct node *n = &w->n[node];

	n->commit.running = false;
	for (uint8_t p = 0; p < n->npeers; p++) {
		if ((n->commit.what & ADMIN_PEERS) && !(n->commit.what & ADMIN_PEER(p)))
			continue;
		check_committed_flows(w, n, p);
		if (w->s.expects)
			check_committed_expects(w, n, p);
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After healing: what each node holds of another equals what that one has, and
 * what it has is what its kernel has. Where the reference cannot do better, an
 * exception says why.
 */
#include "flow/print.h"
#include "world.h"

#define WIRE_NAT (FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT)

enum difference { MISSING, DIFFERENT, LEFTOVER, STALE };

static const char *const names[] = { "missing", "different", "with leftovers", "stale" };

/* What may differ between a node and its copy on a peer, once all is healed. */
static const struct {
	bool holder_is_reference, owner_is_reference;
	bool mode[3]; /* by enum repl_mode */
	enum difference what;
	const char *reason;
} exceptions[] = {
	{ true,
	  false,
	  { true, true, false },
	  STALE,
	  "W6: the reference never removes what a bulk did not confirm" },
	{ false,
	  true,
	  { true, false, false },
	  STALE,
	  "W6: without acknowledgements the end of its bulk cannot be known" },
	{ false,
	  true,
	  { true, true, true },
	  LEFTOVER,
	  "W14: its updates cannot say that something is gone" },
};

struct listing {
	uint32_t n;
	struct engine_entry e[KEYS + KERNEL_EXPECTS * NODES];
};

static void list(const struct world *w, uint8_t node, enum engine_cache which, uint8_t owner,
		 struct listing *l)
{
	const struct node *n = &w->n[node];
	const bool external = which == ECACHE_EXTERNAL || which == ECACHE_EXP_EXTERNAL;
	struct engine_walk walk = { .which = which };
	uint32_t budget = UINT32_MAX, pos = 0;

	if (external) {
		walk.one_peer = true;
		walk.peer = n->peer_of[owner];
	}
	l->n = 0;
	while (n->ref ? reference_next(n->ref, which, &pos, &l->e[l->n]) :
			engine_walk_next(n->e, &walk, &budget, &l->e[l->n]) == 1)
		l->n++;
}

static void list_kernel(const struct kernel *k, bool expects, struct listing *l)
{
	l->n = 0;
	for (int i = 0; i < KERNEL_FLOWS && !expects; i++)
		if (k->flows[i].used)
			l->e[l->n++].flow = k->flows[i].f;
	for (int i = 0; i < KERNEL_EXPECTS && expects; i++)
		if (k->expects[i].used)
			l->e[l->n++].expect = k->expects[i].x;
}

/* What a node has of its own: without internal cache, what its kernel has. */
static void list_own(const struct world *w, uint8_t node, bool expects, struct listing *l)
{
	if (w->n[node].bypass)
		list_kernel(&w->n[node].k, expects, l);
	else
		list(w, node, expects ? ECACHE_EXP_INTERNAL : ECACHE_INTERNAL, 0, l);
}

static bool same_key(bool expects, const struct engine_entry *a, const struct engine_entry *b)
{
	if (expects)
		return expect_same(&a->expect, &b->expect);
	return a->flow.orig.sport == b->flow.orig.sport && a->flow.zone == b->flow.zone &&
	       tuple_equal(&a->flow.orig, &b->flow.orig);
}

static const struct engine_entry *lookup(const struct listing *l, bool expects,
					 const struct engine_entry *e)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (same_key(expects, &l->e[i], e))
			return &l->e[i];
	return NULL;
}

/* Does the copy say what the owner's flow says? Lifetimes aside. */
static bool same_meaning(const struct flow *own, const struct flow *copy)
{
	const uint32_t parts = FLOW_HAS_MARK | FLOW_HAS_LABELS | FLOW_HAS_MASTER | FLOW_HAS_HELPER;
	struct tuple ra, rb;

	flow_reply(own, &ra);
	flow_reply(copy, &rb);
	return tuple_equal(&ra, &rb) && own->status == copy->status && own->state == copy->state &&
	       own->mark == copy->mark && own->labels[0] == copy->labels[0] &&
	       (own->has & parts) == (copy->has & parts) &&
	       tuple_equal(&own->master, &copy->master);
}

/* The same but for parts that the owner's flow does not have (any more)? */
static bool leftovers(const struct flow *own, const struct flow *copy)
{
	struct flow c = *copy;
	struct tuple plain, reply;

	flow_reply(own, &reply);
	tuple_invert(&own->orig, &plain);
	if (tuple_equal(&reply, &plain)) {
		c.has = (c.has & ~WIRE_NAT) | FLOW_HAS_REPLY;
		c.reply = plain;
	}
	if (!(own->has & FLOW_HAS_MARK))
		c.mark = 0;
	if (!(own->has & FLOW_HAS_LABELS))
		c.labels[0] = 0;
	if (!(own->has & FLOW_HAS_MASTER))
		c.master = own->master;
	c.has &= own->has | FLOW_HAS_REPLY | WIRE_NAT;
	return same_meaning(own, &c);
}

static uint32_t key_of(bool expects, const struct engine_entry *e)
{
	struct flow m;

	if (!expects)
		return kernel_key(&e->flow);
	flow_init(&m);
	m.orig = e->expect.master;
	return kernel_key(&m);
}

static void explain(struct world *w, const struct flow *own, const struct flow *copy)
{
	const struct flow *f[2] = { own, copy };
	char line[PRINT_LINE_MAX];
	struct strbuf b;

	for (int i = 0; i < 2; i++) {
		strbuf_init(&b, line, sizeof(line));
		print_flow(&b, f[i], false);
		world_trace(w, "%s has %x status %x %s", i ? "copy" : "own ", f[i]->has,
			    f[i]->status, line);
	}
}

static bool excused(const struct world *w, uint8_t holder, uint8_t owner, enum difference d)
{
	/* W29: within a second of its past life its numbers mean two things. */
	if (w->n[owner].reuses && w->s.mode == REPL_FTFW)
		return true;
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (exceptions[i].what == d && exceptions[i].mode[w->s.mode] &&
		    exceptions[i].holder_is_reference == (w->n[holder].ref != NULL) &&
		    exceptions[i].owner_is_reference == (w->n[owner].ref != NULL))
			return true;
	return false;
}

struct pair {
	uint8_t holder, owner;
	bool expects;
	bool complain;
};

/* Report a difference; true if it is one that has to be put up with. */
static bool differs(struct world *w, const struct pair *p, enum difference d,
		    const struct engine_entry *e)
{
	if (excused(w, p->holder, p->owner, d))
		return true;
	if (p->complain)
		world_fail(w, "converge", "%s %u of node %u is %s on node %u",
			   p->expects ? "expectation of flow" : "flow", key_of(p->expects, e),
			   p->owner, names[d], p->holder);
	return false;
}

/* Is there a reason why this flow of the owner is not in the holder's kernel? */
static bool direct_excused(struct world *w, const struct pair *p, const struct engine_entry *e)
{
	static struct listing other;

	if (w->n[p->holder].op_failed[key_of(p->expects, e)] || w->n[p->holder].k.full_at)
		return true;
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		if (i == p->owner)
			continue;
		list_own(w, i, p->expects, &other);
		if (lookup(&other, p->expects, e))
			return true; /* told by two, or the holder's own */
	}
	return false;
}

/* DisableExternalCache: what the owner has is in the holder's kernel. */
static bool direct_converged(struct world *w, const struct pair *p)
{
	static struct listing own, kernel;

	list_own(w, p->owner, p->expects, &own);
	list_kernel(&w->n[p->holder].k, p->expects, &kernel);
	for (uint32_t i = 0; i < own.n && !p->expects; i++)
		if (!lookup(&kernel, p->expects, &own.e[i]) && !direct_excused(w, p, &own.e[i]) &&
		    !differs(w, p, MISSING, &own.e[i]))
			return false;
	return true;
}

static bool pair_converged(struct world *w, const struct pair *p)
{
	static struct listing own, copy;

	if (w->n[p->holder].direct)
		return direct_converged(w, p);
	list_own(w, p->owner, p->expects, &own);
	list(w, p->holder, p->expects ? ECACHE_EXP_EXTERNAL : ECACHE_EXTERNAL, p->owner, &copy);
	for (uint32_t i = 0; i < own.n; i++) {
		const struct engine_entry *c = lookup(&copy, p->expects, &own.e[i]);
		enum difference d = MISSING;

		if (c && (p->expects || same_meaning(&own.e[i].flow, &c->flow)))
			continue;
		if (c)
			d = leftovers(&own.e[i].flow, &c->flow) ? LEFTOVER : DIFFERENT;
		if (c && p->complain)
			explain(w, &own.e[i].flow, &c->flow);
		if (!differs(w, p, d, &own.e[i]))
			return false;
	}
	for (uint32_t i = 0; i < copy.n; i++)
		if (!lookup(&own, p->expects, &copy.e[i]) && !differs(w, p, STALE, &copy.e[i]))
			return false;
	return true;
}

/* ---- the internal cache against the kernel itself ---- */

/*
 * DisableExternalCache: is this there for a peer that has it? What no peer has any
 * more, and did not end before our eyes, stays and ages.
 */
static bool is_copy(struct world *w, uint8_t node, bool expects, const struct engine_entry *e)
{
	const struct kflow *kf = expects ? NULL : kernel_find(&w->n[node].k, &e->flow);
	static struct listing theirs;

	if (!w->n[node].direct)
		return false;
	for (uint8_t i = 0; i < w->s.nodes; i++) {
		if (w->n[node].peer_of[i] == NO_PEER)
			continue;
		list_own(w, i, expects, &theirs);
		if (lookup(&theirs, expects, e))
			return true;
	}
	return expects || (kf && kf->injected);
}

static bool kernel_matches(struct world *w, uint8_t node, bool expects, bool complain)
{
	static struct listing own, kernel;
	uint32_t copies = 0;

	list(w, node, expects ? ECACHE_EXP_INTERNAL : ECACHE_INTERNAL, 0, &own);
	list_kernel(&w->n[node].k, expects, &kernel);
	for (uint32_t i = 0; i < kernel.n; i++) {
		const struct engine_entry *c = lookup(&own, expects, &kernel.e[i]);

		if (c && (expects || same_meaning(&kernel.e[i].flow, &c->flow)))
			continue;
		if (!c && is_copy(w, node, expects, &kernel.e[i])) {
			copies++;
			continue;
		}
		if (c && complain)
			explain(w, &kernel.e[i].flow, &c->flow);
		if (complain)
			world_fail(w, "kernel", "node %u: %s %u is %s", node,
				   expects ? "expectation of flow" : "flow",
				   key_of(expects, &kernel.e[i]),
				   c ? "cached otherwise than in the kernel" :
				       "in the kernel only");
		return false;
	}
	if (kernel.n != own.n + copies && complain)
		world_fail(w, "kernel", "node %u: %u %s cached, %u in the kernel", node, own.n,
			   expects ? "expectations" : "flows", kernel.n);
	return kernel.n == own.n + copies;
}

void converge_taken_in(struct world *w)
{
	static struct listing own, kernel;

	for (uint8_t node = 0; node < w->s.nodes; node++) {
		if (!w->n[node].e || w->n[node].bypass || w->n[node].direct || w->n[node].flushed)
			continue;
		list(w, node, ECACHE_INTERNAL, 0, &own);
		list_kernel(&w->n[node].k, false, &kernel);
		for (uint32_t i = 0; i < kernel.n; i++)
			if (!lookup(&own, false, &kernel.e[i]))
				world_fail(w, "kernel", "node %u: flow %u is still refused", node,
					   key_of(false, &kernel.e[i]));
	}
}

static bool node_converged(struct world *w, uint8_t i, bool expects, bool complain)
{
	struct pair p = { .owner = i, .expects = expects, .complain = complain };

	if (w->n[i].e && !w->n[i].bypass && !kernel_matches(w, i, expects, complain))
		return false;
	for (p.holder = 0; p.holder < w->s.nodes; p.holder++)
		if (w->n[p.holder].peer_of[i] != NO_PEER && !pair_converged(w, &p))
			return false;
	return true;
}

bool converge_reached(struct world *w, bool complain)
{
	for (int expects = 0; expects <= w->s.expects; expects++)
		for (uint8_t i = 0; i < w->s.nodes; i++)
			if (!node_converged(w, i, expects, complain))
				return false;
	return true;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which flows are replicated. Three independent sets; a flow passes if it
 * passes each one that is present. The meaning is the same whichever spelling
 * the configuration used (conntrackd.conf(5), Filter).
 *
 * Networks sit in one hash table under their prefix length and masked address;
 * a lookup tries the lengths in use, so thousands of networks cost no more than
 * a handful. Nothing is allocated after the filter is built.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"
#include "flow/filter.h"

#define MAX_PREFIX  128
#define FIRST_SLOTS 64 /* power of two, like every size after it */

struct byteset {
	enum filter_policy policy;
	uint32_t word[8];
};

/* Lengths in use of one family, in the order of their first network. */
struct lengths {
	uint8_t v[MAX_PREFIX + 1];
	uint8_t n;
};

struct netset {
	enum filter_policy policy;
	struct filter_net *slot; /* open addressing, family FAM_NONE is free */
	uint32_t slots, used;    /* at most half are used */
	struct lengths ip4, ip6;
};

struct filter {
	struct byteset proto, state;
	struct netset nets;
};

struct filter *filter_new(void)
{
	return calloc(1, sizeof(struct filter));
}

void filter_free(struct filter *f)
{
	if (f)
		free(f->nets.slot);
	free(f);
}

void filter_set_proto_policy(struct filter *f, enum filter_policy p)
{
	f->proto.policy = p;
}

void filter_set_addr_policy(struct filter *f, enum filter_policy p)
{
	f->nets.policy = p;
}

void filter_set_state_policy(struct filter *f, enum filter_policy p)
{
	f->state.policy = p;
}

static void byteset_add(struct byteset *s, uint8_t v)
{
	s->word[v / 32] |= 1u << v % 32;
}

static bool byteset_has(const struct byteset *s, uint8_t v)
{
	return s->word[v / 32] >> v % 32 & 1;
}

void filter_add_proto(struct filter *f, uint8_t proto)
{
	byteset_add(&f->proto, proto);
}

void filter_add_state(struct filter *f, uint8_t tcp_state)
{
	byteset_add(&f->state, tcp_state);
}

/* --- networks ------------------------------------------------------------- */

static void mask_addr(const struct addr *a, unsigned int prefix, struct addr *out)
{
	unsigned int whole = prefix / 8;

	memset(out, 0, sizeof(*out));
	memcpy(out->b, a->b, whole);
	if (prefix % 8)
		out->b[whole] = (uint8_t)(a->b[whole] & 0xff << (8 - prefix % 8));
}

/* The slot of this network, or the free one where it belongs. The table has free slots. */
static struct filter_net *net_slot(const struct netset *s, const struct filter_net *n)
{
	uint64_t key = (uint64_t)n->family << 8 | n->prefix;
	uint32_t i = hash_bytes(n->addr.b, addr_len(n->family), key);

	for (;; i++) {
		struct filter_net *at = &s->slot[i & (s->slots - 1)];

		if (at->family == FAM_NONE || (at->family == n->family && at->prefix == n->prefix &&
					       addr_equal(&at->addr, &n->addr)))
			return at;
	}
}

static int grow(struct netset *s)
{
	struct netset bigger = *s;

	if (s->slots && s->used < s->slots / 2)
		return 0;
	if (s->slots > UINT32_MAX / 4)
		return -ENOMEM;
	bigger.slots = s->slots ? s->slots * 2 : FIRST_SLOTS;
	bigger.slot = calloc(bigger.slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->slots; i++)
		if (s->slot[i].family != FAM_NONE)
			*net_slot(&bigger, &s->slot[i]) = s->slot[i];
	free(s->slot);
	*s = bigger;
	return 0;
}

static void add_length(struct lengths *l, uint8_t prefix)
{
	if (!memchr(l->v, prefix, l->n))
		l->v[l->n++] = prefix;
}

int filter_add_net(struct filter *f, const struct filter_net *n)
{
	struct netset *s = &f->nets;
	struct filter_net net = { .family = n->family, .prefix = n->prefix };
	struct filter_net *at;
	int err;

	if (!addr_len(n->family) || n->prefix > 8 * addr_len(n->family))
		return CTD_ERANGE;
	mask_addr(&n->addr, n->prefix, &net.addr);
	err = grow(s);
	if (err)
		return err;
	at = net_slot(s, &net);
	if (at->family != FAM_NONE)
		return -EEXIST;
	*at = net;
	s->used++;
	add_length(n->family == FAM_IP4 ? &s->ip4 : &s->ip6, n->prefix);
	return 0;
}

static bool net_has(const struct netset *s, const struct addr *a, uint8_t family)
{
	const struct lengths *l = family == FAM_IP4 ? &s->ip4 : &s->ip6;
	struct filter_net net = { .family = family };

	for (unsigned int i = 0; i < l->n; i++) {
		net.prefix = l->v[i];
		mask_addr(a, net.prefix, &net.addr);
		if (net_slot(s, &net)->family != FAM_NONE)
			return true;
	}
	return false;
}

/* --- flows ----------------------------------------------------------------- */

static bool allows(enum filter_policy p, bool member)
{
	return p == FILTER_ABSENT || (p == FILTER_ACCEPT) == member;
}

/* The host that answers: behind destination NAT the real server. */
static const struct addr *reply_source(const struct flow *fl)
{
	if (fl->has & FLOW_HAS_REPLY)
		return &fl->reply.src;
	return fl->has & FLOW_HAS_DNAT ? &fl->dnat : &fl->orig.dst;
}

static bool addr_member(const struct netset *s, const struct flow *fl)
{
	uint8_t family = fl->orig.family;

	if (!addr_len(family))
		return false;
	return net_has(s, &fl->orig.src, family) || net_has(s, reply_source(fl), family);
}

bool filter_pass(const struct filter *f, const struct flow *fl, bool with_state)
{
	if (!f)
		return true;
	if (f->proto.policy != FILTER_ABSENT &&
	    !allows(f->proto.policy, byteset_has(&f->proto, fl->orig.proto)))
		return false;
	if (with_state && f->state.policy != FILTER_ABSENT && fl->orig.proto == IPP_TCP &&
	    fl->has & FLOW_HAS_STATE && !allows(f->state.policy, byteset_has(&f->state, fl->state)))
		return false;
	return f->nets.policy == FILTER_ABSENT || allows(f->nets.policy, addr_member(&f->nets, fl));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of a cached flow goes to the kernel: the small corrections between what
 * the owner last said and what keeps the connection alive on another machine.
 */
#include "inject.h"

#include <assert.h>
#include <string.h>

#include "base/seq.h"

/* Bits an update may not clear (EBUSY, kernel: __nf_ct_change_status). */
#define STATUS_KEPT (CTS_EXPECTED | CTS_SEEN_REPLY | CTS_ASSURED)

/* Of a GRE flow in use, seconds. */
#define GRE_LIFETIME 3600

/*
 * The owner may have died before it could say that a handshake went on, and
 * the kernel takes no packet of a finished handshake in SYN_SENT or SYN_SENT2:
 * the connection stalls for good. SYN_RECV serves both cases. A handshake
 * still going on passes because SYN and SYN/ACK are let through unjudged in
 * that state, and the first ACK of the client makes it ESTABLISHED. (Linux
 * 6.18: 8 MB through a flow injected in SYN_RECV after its SYN was lost, after
 * its SYN/ACK was lost, and while established; the last one stalls in SYN_SENT.)
 */
static void fix_tcp_state(struct flow *f)
{
	if (!(f->has & FLOW_HAS_STATE))
		f->state = TCPS_NONE;
	f->has |= FLOW_HAS_STATE;
	switch (f->state) {
	case TCPS_NONE:
		f->state = f->status & CTS_ASSURED ? TCPS_ESTABLISHED : TCPS_SYN_RECV;
		break;
	case TCPS_SYN_SENT:
	case TCPS_SYN_SENT2:
		f->state = TCPS_SYN_RECV;
		break;
	default:
		break;
	}
}

uint32_t inject_lifetime(const struct flow *f, uint32_t left)
{
	if (f->orig.proto != IPP_GRE || !(f->status & CTS_SEEN_REPLY) || left >= GRE_LIFETIME)
		return left;
	return GRE_LIFETIME;
}

void inject_prepare(struct flow *f, uint32_t lifetime)
{
	assert(lifetime > 0);
	f->has &= ~FLOW_HAS_ASIDE;
	f->has |= FLOW_HAS_TIMEOUT;
	f->timeout = lifetime;
	if (!(f->has & FLOW_HAS_STATUS))
		f->status = 0;
	if (f->orig.proto == IPP_TCP)
		fix_tcp_state(f);
	if (f->orig.proto == IPP_GRE) {
		/* Per-flow GRE timeouts of an injected entry are 0 (nf_conntrack_proto_gre.c). */
		f->has |= FLOW_HAS_STATUS;
		f->status |= CTS_FIXED_TIMEOUT;
	}
}

void inject_prepare_expect(struct expect *e, uint32_t lifetime)
{
	assert(lifetime > 0);
	e->has &= ~EXPECT_HAS_ID;
	e->has |= EXPECT_HAS_TIMEOUT;
	e->timeout = lifetime;
}

void inject_drop_helper(struct flow *f)
{
	f->has &= ~FLOW_HAS_HELPER;
	f->status &= ~CTS_HELPER;
}

void inject_drop_master(struct flow *f)
{
	f->has &= ~(FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS);
	f->status &= ~CTS_EXPECTED;
}

bool inject_master_known(const struct flow *f)
{
	if (!flow_is_child(f))
		return false;
	return !proto_has_ports(f->master.proto) || (f->has & FLOW_HAS_MASTER_PORTS);
}

enum holder inject_holder(const struct flow *ours, const struct flow *kernel)
{
	struct tuple a, b;

	flow_reply(ours, &a);
	flow_reply(kernel, &b);
	if (tuple_equal(&ours->orig, &kernel->orig) && tuple_equal(&a, &b))
		return HOLDER_SAME;
	return kernel->status & CTS_SEEN_REPLY ? HOLDER_LIVE : HOLDER_TENTATIVE;
}

/* Is the kernel's flow further on its way to the end than we know? */
static bool ahead(const struct flow *ours, const struct flow *kernel)
{
	if (ours->orig.proto != IPP_TCP || !(kernel->has & FLOW_HAS_STATE))
		return false;
	return kernel->state >= TCPS_FIN_WAIT && kernel->state <= TCPS_CLOSE &&
	       kernel->state > ours->state;
}

/* A connection that closed after we heard of it last must not be revived. */
static void keep_progress(struct flow *ours, const struct flow *kernel, bool fixed_lifetime)
{
	bool same = !(ours->has & kernel->has & FLOW_HAS_STATE) || ours->state == kernel->state;

	if (ahead(ours, kernel)) {
		ours->state = kernel->state;
		if (kernel->has & FLOW_HAS_TIMEOUT)
			ours->timeout = kernel->timeout;
	} else if (same && !fixed_lifetime && (kernel->has & FLOW_HAS_TIMEOUT)) {
		/* Packets seen here have refreshed it. */
		if (kernel->timeout > ours->timeout)
			ours->timeout = kernel->timeout;
	}
	if (kernel->status & CTS_FIXED_TIMEOUT)
		ours->has &= ~FLOW_HAS_TIMEOUT; /* EPERM */
}

/* Does a come after b? In a direction nothing was shifted yet there is no position. */
static bool shifted_later(const struct seqadj *a, const struct seqadj *b)
{
	const bool any_a = a->pos || a->before || a->after;
	const bool any_b = b->pos || b->before || b->after;

	return any_a && (!any_b || seq_after(a->pos, b->pos));
}

/* Offsets that grew since we heard of them would be set back. */
static void keep_seqadj(struct flow *ours, const struct flow *kernel)
{
	unsigned int i;

	if (!(ours->has & kernel->has & FLOW_HAS_SEQADJ))
		return;
	for (i = 0; i < 2; i++) {
		if (shifted_later(&kernel->seqadj[i], &ours->seqadj[i]))
			ours->seqadj[i] = kernel->seqadj[i];
	}
}

/* A mark or labels that were cleared since, or are of an earlier life. */
static void clear_left_over(struct flow *ours, const struct flow *kernel)
{
	const uint32_t left = kernel->has & ~ours->has & (FLOW_HAS_MARK | FLOW_HAS_LABELS);

	if (left & FLOW_HAS_MARK)
		ours->mark = 0;
	if (left & FLOW_HAS_LABELS)
		memset(ours->labels, 0, sizeof(ours->labels));
	ours->has |= left;
}

static bool same_helper(const struct flow *a, const struct flow *b)
{
	return (a->has & b->has & FLOW_HAS_HELPER) &&
	       strncmp(a->helper, b->helper, sizeof(a->helper)) == 0;
}

void inject_over(struct flow *ours, const struct flow *kernel, bool fixed_lifetime)
{
	keep_progress(ours, kernel, fixed_lifetime);
	keep_seqadj(ours, kernel);
	clear_left_over(ours, kernel);
	if (!same_helper(ours, kernel))
		inject_drop_helper(ours); /* EOPNOTSUPP, EBUSY */
	inject_drop_master(ours);         /* EOPNOTSUPP */
	if (kernel->has & FLOW_HAS_STATUS)
		ours->status |= kernel->status & STATUS_KEPT;
}

bool inject_lives(const struct flow *ours, const struct flow *kernel, uint32_t expected)
{
	const uint32_t bits = CTS_SEEN_REPLY | CTS_ASSURED;

	if (inject_holder(ours, kernel) != HOLDER_SAME)
		return true;
	if ((ours->has & kernel->has & FLOW_HAS_STATUS) && (ours->status & ~kernel->status & bits))
		return true; /* a younger one of the same addresses */
	if (kernel->orig.proto == IPP_TCP && (kernel->has & FLOW_HAS_STATE) &&
	    (kernel->state == TCPS_SYN_SENT || kernel->state == TCPS_SYN_SENT2))
		return true; /* we never write these */
	return (kernel->has & FLOW_HAS_TIMEOUT) &&
	       kernel->timeout > (uint64_t)expected + INJECT_SLACK;
}

#define KEY_BITS (FLOW_HAS_PORTS | FLOW_HAS_ICMP | FLOW_HAS_ZONE)

void inject_key_orig(const struct flow *f, struct flow *key)
{
	flow_init(key);
	key->orig = f->orig;
	key->zone = f->zone;
	key->zone_orig = f->zone_orig;
	key->has = f->has & (KEY_BITS | FLOW_HAS_ZONE_ORIG);
}

void inject_key_reply(const struct flow *f, struct flow *key)
{
	flow_init(key);
	flow_reply(f, &key->orig);
	key->zone = f->zone;
	key->zone_orig = f->zone_reply;
	key->has = f->has & KEY_BITS;
	if (f->has & FLOW_HAS_ZONE_REPLY)
		key->has |= FLOW_HAS_ZONE_ORIG;
}

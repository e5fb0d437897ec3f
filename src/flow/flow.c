// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flow as a value: its key, how new knowledge is laid over old, and the two
 * views of its reply direction. The kernel reports reply tuples, the wire
 * carries translations (doc/protocol.md, NAT); flow_reply() and flow_nat()
 * convert, so that callers need not ask where a flow came from.
 */
#include <assert.h>
#include <string.h>
#include "flow/flow.h"

#define HAS_XLAT (FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT)

/* What flow_merge() takes over one by one; the key and the reply part are not among them. */
#define HAS_MERGED                                                                               \
	(FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK | FLOW_HAS_STATE | FLOW_HAS_WSCALE | \
	 FLOW_HAS_TCPFLAGS | FLOW_HAS_VTAG | FLOW_HAS_DCCP_ROLE | FLOW_HAS_SEQADJ |              \
	 FLOW_HAS_HELPER | FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY | FLOW_HAS_ZONE_ORIG |            \
	 FLOW_HAS_ZONE_REPLY | FLOW_HAS_ASIDE)

void flow_init(struct flow *f)
{
	memset(f, 0, sizeof(*f));
}

bool flow_has_key(const struct flow *f)
{
	if (!addr_len(f->orig.family) || !f->orig.proto)
		return false;
	switch (f->orig.proto) {
	case IPP_TCP:
	case IPP_UDP:
	case IPP_SCTP:
	case IPP_DCCP:
		return (f->has & FLOW_HAS_PORTS) != 0;
	case IPP_ICMP:
	case IPP_ICMP6:
		return (f->has & FLOW_HAS_ICMP) != 0;
	default:
		/* GRE keys and UDPlite ports do not travel (doc/protocol.md, identity). */
		return true;
	}
}

static void merge_reply(struct flow *dst, const struct flow *src)
{
	const uint32_t all = FLOW_HAS_REPLY | HAS_XLAT;

	if (!(src->has & all))
		return;
	dst->has = (dst->has & ~all) | (src->has & all);
	dst->reply = src->reply;
	dst->snat = src->snat;
	dst->dnat = src->dnat;
	dst->snat_port = src->snat_port;
	dst->dnat_port = src->dnat_port;
}

static void merge_protoinfo(struct flow *dst, const struct flow *src)
{
	if (src->has & FLOW_HAS_STATE)
		dst->state = src->state;
	if (src->has & FLOW_HAS_WSCALE)
		memcpy(dst->wscale, src->wscale, sizeof(dst->wscale));
	if (src->has & FLOW_HAS_TCPFLAGS)
		memcpy(dst->tcp_flags, src->tcp_flags, sizeof(dst->tcp_flags));
	if (src->has & FLOW_HAS_VTAG)
		memcpy(dst->vtag, src->vtag, sizeof(dst->vtag));
	if (src->has & FLOW_HAS_DCCP_ROLE)
		dst->dccp_role = src->dccp_role;
}

/* What few flows have. */
static void merge_rare(struct flow *dst, const struct flow *src)
{
	if (src->has & FLOW_HAS_SEQADJ)
		memcpy(dst->seqadj, src->seqadj, sizeof(dst->seqadj));
	if (src->has & FLOW_HAS_HELPER)
		memcpy(dst->helper, src->helper, sizeof(dst->helper));
	if (src->has & FLOW_HAS_LABELS)
		memcpy(dst->labels, src->labels, sizeof(dst->labels));
	if (src->has & FLOW_HAS_SYNPROXY) {
		dst->synproxy_its = src->synproxy_its;
		dst->synproxy_isn = src->synproxy_isn;
		dst->synproxy_tsoff = src->synproxy_tsoff;
	}
	if (src->has & FLOW_HAS_ZONE_ORIG)
		dst->zone_orig = src->zone_orig;
	if (src->has & FLOW_HAS_ZONE_REPLY)
		dst->zone_reply = src->zone_reply;
	if (src->has & FLOW_HAS_COUNTERS) {
		memcpy(dst->packets, src->packets, sizeof(dst->packets));
		memcpy(dst->bytes, src->bytes, sizeof(dst->bytes));
	}
	if (src->has & FLOW_HAS_DURATION)
		dst->duration = src->duration;
	if (src->has & FLOW_HAS_USE)
		dst->use = src->use;
	if (src->has & FLOW_HAS_MASTER) {
		dst->master = src->master;
		dst->has &= ~FLOW_HAS_MASTER_PORTS;
		dst->has |= src->has & (FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS);
	}
}

void flow_merge(struct flow *dst, const struct flow *src)
{
	assert(dst != src);
	if (src->has & FLOW_HAS_STATUS)
		dst->status = src->status;
	if (src->has & FLOW_HAS_TIMEOUT)
		dst->timeout = src->timeout;
	if (src->has & FLOW_HAS_MARK)
		dst->mark = src->mark;
	if (src->has & FLOW_HAS_ID)
		dst->id = src->id;
	merge_reply(dst, src);
	merge_protoinfo(dst, src);
	merge_rare(dst, src);
	dst->has |= src->has & HAS_MERGED;
}

static void nat_from_reply(const struct flow *f, struct flow_nat *nat)
{
	const struct tuple *o = &f->orig, *r = &f->reply;
	bool known = (f->has & FLOW_HAS_STATUS) != 0;
	bool src_done = !known || (f->status & CTS_SRC_NAT_DONE);
	bool dst_done = !known || (f->status & CTS_DST_NAT_DONE);

	nat->snat = src_done && !addr_equal(&r->dst, &o->src);
	nat->dnat = dst_done && !addr_equal(&r->src, &o->dst);
	if (nat->snat)
		nat->saddr = r->dst;
	if (nat->dnat)
		nat->daddr = r->src;
	nat->spat = src_done && r->dport != o->sport;
	/* An ICMP id is one number, not one for each side: reported once, as the source's. */
	nat->dpat = dst_done && r->sport != o->dport && !proto_is_icmp(o->proto);
	if (nat->spat)
		nat->sport = r->dport;
	if (nat->dpat)
		nat->dport = r->sport;
}

static void nat_from_wire(const struct flow *f, struct flow_nat *nat)
{
	nat->snat = (f->has & FLOW_HAS_SNAT) != 0;
	nat->dnat = (f->has & FLOW_HAS_DNAT) != 0;
	if (nat->snat)
		nat->saddr = f->snat;
	if (nat->dnat)
		nat->daddr = f->dnat;
	nat->spat = (f->has & FLOW_HAS_SPAT) && f->snat_port;
	nat->dpat = (f->has & FLOW_HAS_DPAT) && f->dnat_port && !proto_is_icmp(f->orig.proto);
	if (nat->spat)
		nat->sport = f->snat_port;
	if (nat->dpat)
		nat->dport = f->dnat_port;
}

void flow_nat(const struct flow *f, struct flow_nat *nat)
{
	memset(nat, 0, sizeof(*nat));
	if (f->has & FLOW_HAS_REPLY)
		nat_from_reply(f, nat);
	else
		nat_from_wire(f, nat);
}

void flow_reply(const struct flow *f, struct tuple *reply)
{
	struct flow_nat nat;

	if (f->has & FLOW_HAS_REPLY) {
		*reply = f->reply;
		return;
	}
	tuple_invert(&f->orig, reply);
	flow_nat(f, &nat);
	if (nat.snat)
		reply->dst = nat.saddr;
	if (nat.dnat)
		reply->src = nat.daddr;
	if (nat.spat)
		reply->dport = nat.sport;
	if (nat.dpat)
		reply->sport = nat.dport;
	if (nat.spat && proto_is_icmp(f->orig.proto))
		reply->sport = nat.sport;
}

static bool equal_reply(const struct flow *a, const struct flow *b)
{
	uint32_t has = a->has;

	return (!(has & FLOW_HAS_REPLY) || tuple_equal(&a->reply, &b->reply)) &&
	       (!(has & FLOW_HAS_SNAT) || addr_equal(&a->snat, &b->snat)) &&
	       (!(has & FLOW_HAS_DNAT) || addr_equal(&a->dnat, &b->dnat)) &&
	       (!(has & FLOW_HAS_SPAT) || a->snat_port == b->snat_port) &&
	       (!(has & FLOW_HAS_DPAT) || a->dnat_port == b->dnat_port);
}

static bool equal_protoinfo(const struct flow *a, const struct flow *b)
{
	uint32_t has = a->has;

	return (!(has & FLOW_HAS_STATE) || a->state == b->state) &&
	       (!(has & FLOW_HAS_WSCALE) || !memcmp(a->wscale, b->wscale, sizeof(a->wscale))) &&
	       (!(has & FLOW_HAS_TCPFLAGS) ||
		!memcmp(a->tcp_flags, b->tcp_flags, sizeof(a->tcp_flags))) &&
	       (!(has & FLOW_HAS_VTAG) || !memcmp(a->vtag, b->vtag, sizeof(a->vtag))) &&
	       (!(has & FLOW_HAS_DCCP_ROLE) || a->dccp_role == b->dccp_role);
}

static bool equal_synproxy(const struct flow *a, const struct flow *b)
{
	return a->synproxy_its == b->synproxy_its && a->synproxy_isn == b->synproxy_isn &&
	       a->synproxy_tsoff == b->synproxy_tsoff;
}

static bool equal_rare(const struct flow *a, const struct flow *b)
{
	uint32_t has = a->has;

	return (!(has & FLOW_HAS_MASTER) || tuple_equal(&a->master, &b->master)) &&
	       (!(has & FLOW_HAS_SEQADJ) || !memcmp(a->seqadj, b->seqadj, sizeof(a->seqadj))) &&
	       (!(has & FLOW_HAS_HELPER) || !strncmp(a->helper, b->helper, sizeof(a->helper))) &&
	       (!(has & FLOW_HAS_LABELS) || !memcmp(a->labels, b->labels, sizeof(a->labels))) &&
	       (!(has & FLOW_HAS_SYNPROXY) || equal_synproxy(a, b)) &&
	       (!(has & FLOW_HAS_ZONE_ORIG) || a->zone_orig == b->zone_orig) &&
	       (!(has & FLOW_HAS_ZONE_REPLY) || a->zone_reply == b->zone_reply);
}

bool flow_equal(const struct flow *a, const struct flow *b)
{
	uint32_t has = a->has;

	if ((a->has ^ b->has) & ~FLOW_HAS_ASIDE)
		return false;
	return tuple_equal(&a->orig, &b->orig) && a->zone == b->zone &&
	       (!(has & FLOW_HAS_STATUS) || a->status == b->status) &&
	       (!(has & FLOW_HAS_TIMEOUT) || a->timeout == b->timeout) &&
	       (!(has & FLOW_HAS_MARK) || a->mark == b->mark) && equal_reply(a, b) &&
	       equal_protoinfo(a, b) && equal_rare(a, b);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel says about flows, as values; expectations are read in
 * conv_expect.c. Layouts follow linux/netfilter/
 * nfnetlink_conntrack.h and what ctnetlink_dump_*() in
 * net/netfilter/nf_conntrack_netlink.c emits; nothing is taken on trust, each
 * length is checked against the message. Runs once per event, so everything
 * below is small enough to be inlined into one function.
 */
#include "kernel/conv.h"
#include "conv_tuple.h"

/* The first of the two sequence adjustments was read; no bit of flow/flow.h. */
#define HALF_SEQADJ (1u << 30)

/*
 * The one layout in which the kernel writes all it knows of a TCP flow. 0:
 * some other layout (a destroy event has the state alone).
 */
ATTR_INLINE uint32_t parse_tcp_usual(struct attr_run run, struct flow *f)
{
	const uint8_t *p = run.data;

	if (run.len != 44 || !attr_header_is(p, 44, CTA_PROTOINFO_TCP | NLA_F_NESTED) ||
	    !attr_header_is(p + 4, 5, CTA_PROTOINFO_TCP_STATE) ||
	    !attr_header_is(p + 12, 5, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL) ||
	    !attr_header_is(p + 20, 5, CTA_PROTOINFO_TCP_WSCALE_REPLY) ||
	    !attr_header_is(p + 28, 6, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL) ||
	    !attr_header_is(p + 36, 6, CTA_PROTOINFO_TCP_FLAGS_REPLY))
		return 0;
	f->state = p[8];
	f->wscale[0] = p[16];
	f->wscale[1] = p[24];
	f->tcp_flags[0] = p[32];
	f->tcp_flags[1] = p[40];
	return FLOW_HAS_STATE | FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS;
}

static inline uint32_t parse_tcp(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	unsigned int scales = 0, flags = 0;
	uint32_t has = 0;

	while (attr_next(&it)) {
		unsigned int reply = it.type == CTA_PROTOINFO_TCP_WSCALE_REPLY ||
				     it.type == CTA_PROTOINFO_TCP_FLAGS_REPLY;

		switch (it.type) {
		case CTA_PROTOINFO_TCP_STATE:
			f->state = attr_u8(&it);
			has |= FLOW_HAS_STATE;
			break;
		case CTA_PROTOINFO_TCP_WSCALE_ORIGINAL:
		case CTA_PROTOINFO_TCP_WSCALE_REPLY:
			f->wscale[reply] = attr_u8(&it);
			scales |= 1u << reply;
			break;
		case CTA_PROTOINFO_TCP_FLAGS_ORIGINAL:
		case CTA_PROTOINFO_TCP_FLAGS_REPLY:
			/* Flags, then a mask that has no meaning in this direction. */
			if (attr_is(&it, 2))
				f->tcp_flags[reply] = it.cur.data[0];
			flags |= 1u << reply;
			break;
		}
	}
	if (scales == 3)
		has |= FLOW_HAS_WSCALE;
	if (flags == 3)
		has |= FLOW_HAS_TCPFLAGS;
	return attr_found(&it, has);
}

static inline uint32_t parse_sctp(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	unsigned int tags = 0;
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_PROTOINFO_SCTP_STATE:
			f->state = attr_u8(&it);
			has |= FLOW_HAS_STATE;
			break;
		case CTA_PROTOINFO_SCTP_VTAG_ORIGINAL:
			f->vtag[0] = attr_be32(&it);
			tags |= 1;
			break;
		case CTA_PROTOINFO_SCTP_VTAG_REPLY:
			f->vtag[1] = attr_be32(&it);
			tags |= 2;
			break;
		}
	}
	if (tags == 3)
		has |= FLOW_HAS_VTAG;
	return attr_found(&it, has);
}

static inline uint32_t parse_dccp(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_PROTOINFO_DCCP_STATE:
			f->state = attr_u8(&it);
			has |= FLOW_HAS_STATE;
			break;
		case CTA_PROTOINFO_DCCP_ROLE:
			f->dccp_role = attr_u8(&it);
			has |= FLOW_HAS_DCCP_ROLE;
			break;
		}
	}
	return attr_found(&it, has);
}

/*
 * Only what belongs to the protocol of the flow. The original tuple stands
 * before it in every message of the kernel; without one nothing is taken.
 */
static inline uint32_t parse_protoinfo(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = f->orig.proto == IPP_TCP ? parse_tcp_usual(run, f) : 0;

	if (has)
		return has;
	while (attr_next(&it)) {
		if (it.type == CTA_PROTOINFO_TCP && f->orig.proto == IPP_TCP)
			has |= parse_tcp(it.cur, f);
		else if (it.type == CTA_PROTOINFO_SCTP && f->orig.proto == IPP_SCTP)
			has |= parse_sctp(it.cur, f);
		else if (it.type == CTA_PROTOINFO_DCCP && f->orig.proto == IPP_DCCP)
			has |= parse_dccp(it.cur, f);
	}
	return attr_found(&it, has);
}

static uint32_t parse_help(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		if (it.type == CTA_HELP_NAME)
			has |= attr_str(it.cur, f->helper, sizeof(f->helper), FLOW_HAS_HELPER);
	}
	return attr_found(&it, has);
}

static uint32_t parse_seqadj(struct attr_run run, struct seqadj *s, uint32_t has)
{
	struct attr_iter it = attr_start(run);

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_SEQADJ_CORRECTION_POS:
			s->pos = attr_be32(&it);
			break;
		case CTA_SEQADJ_OFFSET_BEFORE:
			s->before = (int32_t)attr_be32(&it);
			break;
		case CTA_SEQADJ_OFFSET_AFTER:
			s->after = (int32_t)attr_be32(&it);
			break;
		}
	}
	return attr_found(&it, has);
}

static uint32_t parse_synproxy(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	bool any;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_SYNPROXY_ISN:
			f->synproxy_isn = attr_be32(&it);
			break;
		case CTA_SYNPROXY_ITS:
			f->synproxy_its = attr_be32(&it);
			break;
		case CTA_SYNPROXY_TSOFF:
			f->synproxy_tsoff = attr_be32(&it);
			break;
		}
	}
	any = (f->synproxy_isn | f->synproxy_its | f->synproxy_tsoff) != 0;
	return attr_found(&it, any ? FLOW_HAS_SYNPROXY : 0);
}

static uint32_t parse_counters(struct attr_run run, struct flow *f, int dir)
{
	struct attr_iter it = attr_start(run);

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_COUNTERS_PACKETS:
			f->packets[dir] = attr_be64(&it);
			break;
		case CTA_COUNTERS_BYTES:
			f->bytes[dir] = attr_be64(&it);
			break;
		}
	}
	return attr_found(&it, FLOW_HAS_COUNTERS);
}

/* Labels are a bitmap in host order, sent as it lies in memory. */
static uint32_t parse_labels(struct attr_run run, struct flow *f)
{
	if (run.len > sizeof(f->labels) || run.len % sizeof(f->labels[0]) != 0)
		return ATTR_BAD;
	memcpy(f->labels, run.data, run.len);
	return run.len ? FLOW_HAS_LABELS : 0;
}

static inline uint32_t parse_orig(struct attr_run run, uint8_t family, struct flow *f)
{
	uint32_t t = parse_tuple(run, family, &f->orig, &f->zone_orig);
	uint32_t has = t & ATTR_BAD;

	if ((t & T_PORTS) == T_PORTS)
		has |= FLOW_HAS_PORTS;
	if ((t & T_ICMP) == T_ICMP)
		has |= FLOW_HAS_ICMP;
	if (t & T_ZONE)
		has |= FLOW_HAS_ZONE_ORIG;
	return has;
}

static inline uint32_t parse_reply(struct attr_run run, uint8_t family, struct flow *f)
{
	uint32_t t = parse_tuple(run, family, &f->reply, &f->zone_reply);

	return (t & ATTR_BAD) | FLOW_HAS_REPLY | (t & T_ZONE ? FLOW_HAS_ZONE_REPLY : 0);
}

static uint32_t parse_master(struct attr_run run, uint8_t family, struct flow *f)
{
	uint16_t zone = 0;
	uint32_t t = parse_tuple(run, family, &f->master, &zone);
	uint32_t ports = (t & T_PORTS) == T_PORTS ? FLOW_HAS_MASTER_PORTS : 0;

	return (t & ATTR_BAD) | FLOW_HAS_MASTER | ports;
}

#define NSEC_PER_SEC 1000000000u

/* When it began and ended; one alone says nothing. */
static uint32_t parse_timestamp(struct attr_run run, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	uint64_t start = 0, stop = 0;

	while (attr_next(&it)) {
		if (it.type == CTA_TIMESTAMP_START)
			start = attr_be64(&it) / NSEC_PER_SEC;
		else if (it.type == CTA_TIMESTAMP_STOP)
			stop = attr_be64(&it) / NSEC_PER_SEC;
	}
	if (!start || stop < start)
		return attr_found(&it, 0);
	f->duration = (uint32_t)(stop - start);
	return attr_found(&it, FLOW_HAS_DURATION);
}

/* What few flows have. Both sequence adjustments, or none. */
static uint32_t parse_rare(unsigned int type, struct attr_run run, uint8_t family, struct flow *f,
			   uint32_t has)
{
	switch (type) {
	case CTA_HELP:
		return parse_help(run, f);
	case CTA_TUPLE_MASTER:
		return parse_master(run, family, f);
	case CTA_LABELS:
		return parse_labels(run, f);
	case CTA_SEQ_ADJ_ORIG:
		return parse_seqadj(run, &f->seqadj[0], HALF_SEQADJ);
	case CTA_SEQ_ADJ_REPLY:
		return parse_seqadj(run, &f->seqadj[1], has & HALF_SEQADJ ? FLOW_HAS_SEQADJ : 0);
	case CTA_SYNPROXY:
		return parse_synproxy(run, f);
	case CTA_COUNTERS_ORIG:
		return parse_counters(run, f, 0);
	case CTA_COUNTERS_REPLY:
		return parse_counters(run, f, 1);
	case CTA_TIMESTAMP:
		return parse_timestamp(run, f);
	}
	return 0;
}

static inline uint32_t parse_attrs(struct attr_run run, uint8_t family, struct flow *f)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_TUPLE_ORIG:
			has |= parse_orig(it.cur, family, f);
			break;
		case CTA_TUPLE_REPLY:
			has |= parse_reply(it.cur, family, f);
			break;
		case CTA_STATUS:
			f->status = attr_be32(&it);
			has |= FLOW_HAS_STATUS;
			break;
		case CTA_TIMEOUT:
			f->timeout = attr_be32(&it);
			has |= FLOW_HAS_TIMEOUT;
			break;
		case CTA_MARK:
			f->mark = attr_be32(&it);
			has |= FLOW_HAS_MARK;
			break;
		case CTA_ID:
			f->id = attr_be32(&it);
			has |= FLOW_HAS_ID;
			break;
		case CTA_ZONE:
			f->zone = attr_be16(&it);
			has |= FLOW_HAS_ZONE;
			break;
		case CTA_USE:
			f->use = attr_be32(&it);
			has |= FLOW_HAS_USE;
			break;
		case CTA_PROTOINFO:
			has |= parse_protoinfo(it.cur, f);
			break;
		default:
			has |= parse_rare(it.type, it.cur, family, f, has);
			break;
		}
	}
	return attr_found(&it, has);
}

int conv_flow(const void *nlmsg, size_t len, struct flow *out)
{
	struct attr_run run;
	uint8_t family;
	uint32_t has;
	int err = open_msg(nlmsg, len, NFNL_SUBSYS_CTNETLINK, &family, &run);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	has = parse_attrs(run, family, out);
	if (has & ATTR_BAD)
		return CTD_EBADPAYLOAD;
	if (out->orig.family == FAM_NONE)
		return CTD_ENOKEY;
	if ((has & FLOW_HAS_REPLY) && out->reply.proto != out->orig.proto)
		return CTD_EBADPAYLOAD;
	out->has = has & ~HALF_SEQADJ;
	/* A zone of the original direction is part of what tells flows apart. */
	if (has & FLOW_HAS_ZONE_ORIG)
		out->zone = out->zone_orig;
	return 0;
}

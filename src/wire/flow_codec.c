// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows on the wire: the attribute table of message types 0 to 2, what is sent
 * of a flow as the kernel reported it or as it was received, and what a
 * received message lets us know (doc/protocol.md, conntrack messages).
 *
 * Numbers from 48 on are ours: what version 1 cannot say (W13). A receiver of the
 * reference's kind refuses a message with one of them, so they go only to a
 * peer that announced to know them.
 */
#include <assert.h>
#include <string.h>
#include "attr.h"
#include "base/err.h"

#define LABELS_SIZE 1024 /* what peers may send; kernels have 16 bytes */
#define WSCALE_MAX  14   /* RFC 7323, 2.3 */
#define SCTP_LAST   8    /* highest states (uapi nf_conntrack_sctp.h, _dccp.h) */
#define DCCP_LAST   7

/* ---- values that only flows have ---- */

static bool get_icmp_id(struct attr_in *a, const struct attr *row, struct buf *in)
{
	(void)row;
	a->icmp_id = a->swapped_be ? buf_get16(in) : buf_get16le(in);
	return buf_ok(in);
}

static void put_icmp_id(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct flow *f = a->obj;

	attr_head(out, row, 2);
	attr_swap16(a, out, f->orig.sport);
}

static void put_snat4(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 4);
	buf_put(out, a->nat.saddr.b, 4);
}

static void put_dnat4(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 4);
	buf_put(out, a->nat.daddr.b, 4);
}

static void put_snat6(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 16);
	buf_put(out, a->nat.saddr.b, 16);
}

static void put_dnat6(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 16);
	buf_put(out, a->nat.daddr.b, 16);
}

static void put_spat(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 2);
	attr_swap16(a, out, a->nat.sport);
}

static void put_dpat(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 2);
	attr_swap16(a, out, a->nat.dport);
}

static bool get_seqadj(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct flow *f = a->obj;

	(void)row;
	for (int i = 0; i < 2; i++) {
		f->seqadj[i].pos = buf_get32(in);
		f->seqadj[i].before = (int32_t)buf_get32(in);
		f->seqadj[i].after = (int32_t)buf_get32(in);
	}
	return buf_ok(in);
}

static void put_seqadj(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct flow *f = a->obj;

	attr_head(out, row, 24);
	for (int i = 0; i < 2; i++) {
		buf_put32(out, f->seqadj[i].pos);
		buf_put32(out, (uint32_t)f->seqadj[i].before);
		buf_put32(out, (uint32_t)f->seqadj[i].after);
	}
}

/* Words beyond the kernel's limit are dropped: it takes no flow with more. */
static bool get_labels(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct flow *f = a->obj;
	size_t words = buf_left(in) / 4;

	if (words == 0 || buf_left(in) % 4 != 0) {
		a->seen &= ~SEEN(row->id); /* ignored, as by existing peers */
		return true;
	}
	for (size_t i = 0; i < FLOW_LABEL_WORDS; i++)
		f->labels[i] = i < words ? buf_get32(in) : 0;
	return buf_ok(in);
}

static void put_labels(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct flow *f = a->obj;

	attr_head(out, row, sizeof(f->labels));
	for (size_t i = 0; i < FLOW_LABEL_WORDS; i++)
		buf_put32(out, f->labels[i]);
}

/* Timestamp, sequence, offset: not the kernel's order. */
static bool get_synproxy(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct flow *f = a->obj;

	(void)row;
	f->synproxy_its = buf_get32(in);
	f->synproxy_isn = buf_get32(in);
	f->synproxy_tsoff = buf_get32(in);
	return buf_ok(in);
}

static void put_synproxy(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct flow *f = a->obj;

	attr_head(out, row, 12);
	buf_put32(out, f->synproxy_its);
	buf_put32(out, f->synproxy_isn);
	buf_put32(out, f->synproxy_tsoff);
}

static void put_xspat(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 2);
	buf_put32(out, (uint32_t)a->nat.sport << 16);
}

static void put_xdpat(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 2);
	buf_put32(out, (uint32_t)a->nat.dport << 16);
}

static bool get_tcp_flags(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct flow *f = a->obj;

	(void)row;
	f->tcp_flags[0] = buf_get8(in);
	f->tcp_flags[1] = buf_get8(in);
	return buf_ok(in);
}

static void put_tcp_flags(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct flow *f = a->obj;

	attr_head(out, row, 2);
	buf_put32(out, (uint32_t)f->tcp_flags[0] << 24 | (uint32_t)f->tcp_flags[1] << 16);
}

/* ---- the table ---- */

#define AT(member) ((uint16_t)offsetof(struct flow, member))

#define STATES (SEEN(4) | SEEN(17) | SEEN(20))

/*
 * In the order of transmission: number, smallest and largest payload, place,
 * what must hold to send it, which others sharing that place a received one
 * makes unseen, reader, writer.
 */
#define FLOW_ATTRS(X)                                                                              \
	X(0, 8, 8, AT(orig), FACT_IP4, 0, attr_get_pair4, attr_put_pair4)                          \
	X(1, 32, 32, AT(orig), FACT_IP6, 0, attr_get_pair6, attr_put_pair6)                        \
	X(5, 4, 4, AT(status), FLOW_HAS_STATUS, 0, attr_get32, attr_put32)                         \
	X(2, 1, 1, AT(orig), FACT_PROTO, 0, attr_get_proto, attr_put_proto)                        \
	X(3, 4, 4, AT(orig), FLOW_HAS_PORTS | FACT_PORTS, SEEN(48), attr_get_ports,                \
	  attr_put_ports)                                                                          \
	X(22, 1, 1, AT(orig.icmp_type), FLOW_HAS_ICMP | FACT_ICMP, 0, attr_get8, attr_put8)        \
	X(23, 1, 1, AT(orig.icmp_code), FLOW_HAS_ICMP | FACT_ICMP, 0, attr_get8, attr_put8)        \
	X(24, 2, 2, 0, FLOW_HAS_ICMP | FACT_ICMP, 0, get_icmp_id, put_icmp_id)                     \
	X(4, 1, 1, AT(state), FLOW_HAS_STATE | FACT_TCP, STATES, attr_get8, attr_put8)             \
	X(25, 1, 1, AT(wscale[0]), FLOW_HAS_STATE | FLOW_HAS_WSCALE | FACT_TCP, 0, attr_get8,      \
	  attr_put8)                                                                               \
	X(26, 1, 1, AT(wscale[1]), FLOW_HAS_STATE | FLOW_HAS_WSCALE | FACT_TCP, 0, attr_get8,      \
	  attr_put8)                                                                               \
	X(17, 1, 1, AT(state), FLOW_HAS_STATE | FACT_SCTP, STATES, attr_get8, attr_put8)           \
	X(18, 4, 4, AT(vtag[0]), FLOW_HAS_STATE | FLOW_HAS_VTAG | FACT_SCTP, 0, attr_get32,        \
	  attr_put32)                                                                              \
	X(19, 4, 4, AT(vtag[1]), FLOW_HAS_STATE | FLOW_HAS_VTAG | FACT_SCTP, 0, attr_get32,        \
	  attr_put32)                                                                              \
	X(20, 1, 1, AT(state), FLOW_HAS_STATE | FACT_DCCP, STATES, attr_get8, attr_put8)           \
	X(21, 1, 1, AT(dccp_role), FLOW_HAS_STATE | FLOW_HAS_DCCP_ROLE | FACT_DCCP, 0, attr_get8,  \
	  attr_put8)                                                                               \
	X(6, 4, 4, AT(timeout), FLOW_HAS_TIMEOUT, 0, attr_get32, attr_put32)                       \
	X(7, 4, 4, AT(mark), FLOW_HAS_MARK, 0, attr_get32, attr_put32)                             \
	X(8, 8, 8, AT(master), FLOW_HAS_MASTER | FACT_MASTER4, 0, attr_get_pair4, attr_put_pair4)  \
	X(9, 32, 32, AT(master), FLOW_HAS_MASTER | FACT_MASTER6, 0, attr_get_pair6,                \
	  attr_put_pair6)                                                                          \
	X(10, 1, 1, AT(master), FLOW_HAS_MASTER, 0, attr_get_proto, attr_put_proto)                \
	X(11, 4, 4, AT(master), FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS, 0, attr_get_ports,        \
	  attr_put_ports)                                                                          \
	X(12, 4, 4, AT(snat), FLOW_HAS_SNAT | FACT_IP4, SEEN(29), attr_get_addr, put_snat4)        \
	X(29, 16, 16, AT(snat), FLOW_HAS_SNAT | FACT_IP6, SEEN(12), attr_get_addr, put_snat6)      \
	X(13, 4, 4, AT(dnat), FLOW_HAS_DNAT | FACT_IP4, SEEN(30), attr_get_addr, put_dnat4)        \
	X(30, 16, 16, AT(dnat), FLOW_HAS_DNAT | FACT_IP6, SEEN(13), attr_get_addr, put_dnat6)      \
	X(14, 2, 2, AT(snat_port), FLOW_HAS_SPAT, SEEN(50), attr_get16swap, put_spat)              \
	X(15, 2, 2, AT(dnat_port), FLOW_HAS_DPAT, SEEN(51), attr_get16swap, put_dpat)              \
	X(16, 24, 24, 0, FLOW_HAS_SEQADJ, 0, get_seqadj, put_seqadj)                               \
	X(27, 0, WIRE_HELPER_SIZE, AT(helper), FLOW_HAS_HELPER, SEEN(54), attr_get_text,           \
	  attr_put_text)                                                                           \
	X(28, 0, LABELS_SIZE, 0, FLOW_HAS_LABELS, 0, get_labels, put_labels)                       \
	X(31, 12, 12, 0, FLOW_HAS_SYNPROXY, 0, get_synproxy, put_synproxy)                         \
	X(32, 2, 2, AT(zone), FLOW_HAS_ZONE, 0, attr_get16, attr_put16)                            \
	X(48, 4, 4, AT(orig), FLOW_HAS_PORTS | FACT_KEYS | FACT_EXTRAS, SEEN(3), attr_get_ports,   \
	  attr_put_ports)                                                                          \
	X(49, 2, 2, 0, FLOW_HAS_TCPFLAGS | FACT_TCP | FACT_EXTRAS, 0, get_tcp_flags,               \
	  put_tcp_flags)                                                                           \
	X(50, 2, 2, AT(snat_port), FACT_XSPAT | FACT_EXTRAS, SEEN(14), attr_get16, put_xspat)      \
	X(51, 2, 2, AT(dnat_port), FACT_XDPAT | FACT_EXTRAS, SEEN(15), attr_get16, put_xdpat)      \
	X(52, 2, 2, AT(zone_orig), FLOW_HAS_ZONE_ORIG | FACT_EXTRAS, 0, attr_get16, attr_put16)    \
	X(53, 2, 2, AT(zone_reply), FLOW_HAS_ZONE_REPLY | FACT_EXTRAS, 0, attr_get16, attr_put16)  \
	X(54, 0, FLOW_HELPER_MAX, AT(helper), FACT_XHELPER | FACT_EXTRAS, SEEN(27), attr_get_text, \
	  attr_put_text)

#define ROW(id, min, max, at, need, voids, get, put) { id, min, max, at, need, voids, get, put },
#define PLACE(id, ...)                               ROW_##id,
#define INDEX(id, ...)                               [id] = ROW_##id + 1,

enum { FLOW_ATTRS(PLACE) NROWS };

static const struct attr rows[] = { FLOW_ATTRS(ROW) };
static const uint8_t row_of[] = { FLOW_ATTRS(INDEX) };
static const struct attr_table flow_table = { rows, row_of, NROWS, sizeof(row_of) };

static_assert(WIRE_HELPER_SIZE <= FLOW_HELPER_MAX, "a received name must fit");

/* ---- receiving ---- */

static const struct attr_part flow_parts[] = {
	{ FLOW_HAS_STATUS, SEEN(5), 0 },
	{ FLOW_HAS_TIMEOUT, SEEN(6), 0 },
	{ FLOW_HAS_MARK, SEEN(7), 0 },
	{ FLOW_HAS_PORTS, SEEN(3), FACT_PORTS },
	{ FLOW_HAS_ICMP, SEEN(22) | SEEN(23) | SEEN(24), FACT_ICMP },
	{ FLOW_HAS_STATE, SEEN(4), FACT_TCP },
	{ FLOW_HAS_STATE, SEEN(17), FACT_SCTP },
	{ FLOW_HAS_STATE, SEEN(20), FACT_DCCP },
	{ FLOW_HAS_WSCALE, SEEN(25) | SEEN(26), FACT_TCP },
	{ FLOW_HAS_VTAG, SEEN(18) | SEEN(19), FACT_SCTP },
	{ FLOW_HAS_DCCP_ROLE, SEEN(21), FACT_DCCP },
	{ FLOW_HAS_MASTER, SEEN(10) | SEEN(8), FACT_MASTER4 },
	{ FLOW_HAS_MASTER, SEEN(10) | SEEN(9), FACT_MASTER6 },
	{ FLOW_HAS_MASTER_PORTS, SEEN(11) | SEEN(10) | SEEN(8), FACT_MASTER4 },
	{ FLOW_HAS_MASTER_PORTS, SEEN(11) | SEEN(10) | SEEN(9), FACT_MASTER6 },
	{ FLOW_HAS_SNAT, SEEN(12), FACT_IP4 },
	{ FLOW_HAS_SNAT, SEEN(29), FACT_IP6 },
	{ FLOW_HAS_DNAT, SEEN(13), FACT_IP4 },
	{ FLOW_HAS_DNAT, SEEN(30), FACT_IP6 },
	/* ICMP: meaningless but always there, 0; see clear_unknown(). */
	{ FLOW_HAS_SPAT, SEEN(14), FACT_PORTS },
	{ FLOW_HAS_SPAT, SEEN(14), FACT_ICMP },
	{ FLOW_HAS_DPAT, SEEN(15), FACT_PORTS },
	{ FLOW_HAS_DPAT, SEEN(15), FACT_ICMP },
	{ FLOW_HAS_SEQADJ, SEEN(16), 0 },
	{ FLOW_HAS_HELPER, SEEN(27), 0 },
	{ FLOW_HAS_LABELS, SEEN(28), 0 },
	{ FLOW_HAS_SYNPROXY, SEEN(31), 0 },
	{ FLOW_HAS_ZONE, SEEN(32), 0 },
	{ FLOW_HAS_PORTS, SEEN(48), FACT_KEYS },
	{ FLOW_HAS_TCPFLAGS, SEEN(49), FACT_TCP },
	{ FLOW_HAS_SPAT, SEEN(50), FACT_KEYS },
	{ FLOW_HAS_SPAT, SEEN(50), FACT_ICMP },
	{ FLOW_HAS_DPAT, SEEN(51), FACT_KEYS },
	{ FLOW_HAS_ZONE_ORIG, SEEN(52), 0 },
	{ FLOW_HAS_ZONE_REPLY, SEEN(53), 0 },
	{ FLOW_HAS_HELPER, SEEN(54), 0 },
};

static uint64_t flow_facts(const struct flow *f)
{
	return attr_family_facts(f->orig.family, FACT_IP4, FACT_IP6) |
	       attr_family_facts(f->master.family, FACT_MASTER4, FACT_MASTER6) |
	       attr_proto_facts(f->orig.proto) | (f->orig.proto ? FACT_PROTO : 0);
}

/* Values no kernel of ours can mean are as good as unknown; injecting them would fail. */
static uint32_t absurd_parts(const struct flow *f)
{
	uint8_t last = f->orig.proto == IPP_SCTP ? SCTP_LAST :
		       f->orig.proto == IPP_DCCP ? DCCP_LAST :
						   TCPS_SYN_SENT2;
	uint32_t bad = 0;

	if (f->state > last)
		bad |= FLOW_HAS_STATE;
	if (f->wscale[0] > WSCALE_MAX || f->wscale[1] > WSCALE_MAX)
		bad |= FLOW_HAS_WSCALE;
	if (f->dccp_role > 1)
		bad |= FLOW_HAS_DCCP_ROLE;
	/* To 0 is no translation. Where version 1 has a place for it, 0 comes and goes as it is. */
	if (attr_proto_facts(f->orig.proto) & FACT_KEYS)
		bad |= (f->snat_port ? 0 : FLOW_HAS_SPAT) | (f->dnat_port ? 0 : FLOW_HAS_DPAT);
	return bad;
}

/* Attributes that do not belong to the protocol, or came without their company, leave no trace. */
static void clear_unknown(struct flow *f, uint16_t icmp_id, uint64_t seen)
{
	/* A translated ICMP id never comes as a port. */
	if ((f->has & FLOW_HAS_ICMP) && (seen & SEEN(14)))
		f->snat_port = 0;
	/* A zone of the original direction is part of what tells flows apart. */
	if (f->has & FLOW_HAS_ZONE_ORIG)
		f->zone = f->zone_orig;
	if (f->has & FLOW_HAS_ICMP) {
		f->orig.sport = icmp_id;
		f->orig.dport = icmp_id;
	} else {
		f->orig.icmp_type = 0;
		f->orig.icmp_code = 0;
		if (!(f->has & FLOW_HAS_PORTS)) {
			f->orig.sport = 0;
			f->orig.dport = 0;
		}
	}
	if (!(f->has & FLOW_HAS_MASTER)) {
		memset(&f->master, 0, sizeof(f->master));
	} else if (!(f->has & FLOW_HAS_MASTER_PORTS)) {
		f->master.sport = 0;
		f->master.dport = 0;
	}
}

static int decode(const struct wire_params *p, const uint8_t *body, size_t len, struct flow *f)
{
	struct attr_in in = { .obj = f, .swapped_be = p->swapped_be };
	int rc;

	flow_init(f);
	rc = attr_walk(&flow_table, &in, body, len);
	if (rc)
		return rc;
	f->has = attr_parts(flow_parts, sizeof(flow_parts) / sizeof(flow_parts[0]), in.seen,
			    flow_facts(f));
	f->has &= ~absurd_parts(f);
	clear_unknown(f, in.icmp_id, in.seen);
	return 0;
}

int wire_flow_decode_any(const struct wire_params *p, const uint8_t *body, size_t len,
			 struct flow *f)
{
	struct flow scratch;
	int rc;

	assert(p && f);

	rc = decode(p, body, len, &scratch);
	if (!rc)
		*f = scratch;
	return rc;
}

/*
 * A host whose kernel does not track DCCP sends left-over bytes as its ports.
 * They change from message to message; as part of the key each would make a
 * new flow. The kernel's own tuple has no ports then, so none it is.
 */
static void drop_stray_ports(struct flow *f)
{
	if (f->orig.proto == IPP_DCCP && !(f->has & FLOW_HAS_STATE)) {
		f->orig.sport = 0;
		f->orig.dport = 0;
	}
}

int wire_flow_decode(const struct wire_params *p, const uint8_t *body, size_t len, struct flow *f)
{
	struct flow scratch;
	int rc;

	assert(p && f);

	rc = decode(p, body, len, &scratch);
	if (rc)
		return rc;
	if (!flow_has_key(&scratch))
		return CTD_ENOKEY;
	drop_stray_ports(&scratch);
	*f = scratch;
	return 0;
}

/* ---- sending ---- */

#define TRANSLATIONS (FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT)

/* Translations as sent: worked out of a kernel's reply tuple, else as received. */
static uint64_t translations(const struct flow *f, struct flow_nat *nat)
{
	bool extra = !(attr_proto_facts(f->orig.proto) & FACT_PORTS);
	uint64_t said;

	flow_nat(f, nat);
	if (f->has & FLOW_HAS_REPLY) {
		said = (nat->snat ? FLOW_HAS_SNAT : 0) | (nat->dnat ? FLOW_HAS_DNAT : 0) |
		       (nat->spat ? FLOW_HAS_SPAT : 0) | (nat->dpat ? FLOW_HAS_DPAT : 0);
	} else {
		nat->saddr = f->snat;
		nat->daddr = f->dnat;
		nat->sport = f->snat_port;
		nat->dport = f->dnat_port;
		said = f->has & TRANSLATIONS;
	}
	/* ICMP ids, GRE keys and the like have no attribute in version 1. */
	if (extra && nat->spat)
		said = (said & ~(uint64_t)FLOW_HAS_SPAT) | FACT_XSPAT;
	if (extra && nat->dpat)
		said = (said & ~(uint64_t)FLOW_HAS_DPAT) | FACT_XDPAT;
	return said;
}

static bool any_label(const struct flow *f)
{
	uint32_t all = 0;

	for (size_t i = 0; i < FLOW_LABEL_WORDS; i++)
		all |= f->labels[i];
	return all != 0;
}

/* Parts that are known but not to be told: see the conditions in doc/protocol.md. */
static uint32_t unsaid_parts(const struct wire_params *p, const struct flow *f)
{
	uint32_t unsaid = 0;

	if (p->no_timeout)
		unsaid |= FLOW_HAS_TIMEOUT;
	if (!p->window_scale)
		unsaid |= FLOW_HAS_WSCALE;
	if (f->zone == 0)
		unsaid |= FLOW_HAS_ZONE;
	if ((f->has & FLOW_HAS_LABELS) && !any_label(f))
		unsaid |= FLOW_HAS_LABELS;
	/* Of the flags only who closed first matters without window tracking. */
	if (!p->window_scale && !((f->tcp_flags[0] | f->tcp_flags[1]) & TCPF_CLOSE_INIT))
		unsaid |= FLOW_HAS_TCPFLAGS;
	return unsaid;
}

/* All that decides what is sent of a flow. */
static uint64_t facts_of(const struct wire_params *p, const struct flow *f, struct flow_nat *nat)
{
	uint64_t facts = f->has & ~(TRANSLATIONS | unsaid_parts(p, f));

	facts |= translations(f, nat) | flow_facts(f) | (p->extras ? FACT_EXTRAS : 0);
	/* DCCP always states ports, 0 where the kernel knows none, so that the key is whole. */
	if (f->orig.proto == IPP_DCCP)
		facts |= FLOW_HAS_PORTS;
	/* A peer of version 1 refuses the whole flow over a long name (W27). */
	if ((facts & FLOW_HAS_HELPER) && strnlen(f->helper, WIRE_HELPER_SIZE) == WIRE_HELPER_SIZE)
		facts = (facts & ~(uint64_t)FLOW_HAS_HELPER) | FACT_XHELPER;
	return facts;
}

bool wire_proto_keys_extra(uint8_t proto)
{
	return (attr_proto_facts(proto) & FACT_KEYS) != 0;
}

bool wire_flow_has_extras(const struct wire_params *p, const struct flow *f)
{
	struct flow_nat nat;
	const uint64_t facts = facts_of(p, f, &nat);
	const uint64_t keys = FACT_KEYS | FLOW_HAS_PORTS;
	const uint64_t flags = FACT_TCP | FLOW_HAS_TCPFLAGS;

	return (facts & keys) == keys || (facts & flags) == flags ||
	       (facts & (FACT_XSPAT | FACT_XDPAT | FACT_XHELPER | FLOW_HAS_ZONE_ORIG |
			 FLOW_HAS_ZONE_REPLY)) != 0;
}

size_t wire_flow_encode(const struct wire_params *p, uint8_t type, uint8_t flags, uint32_t seq,
			const struct flow *f, uint8_t *out, size_t cap)
{
	struct wire_header h = {
		.version = WIRE_VERSION,
		.type = type,
		.flags = flags,
		.seq = seq,
	};
	struct attr_out a = { .obj = f, .swapped_be = p->swapped_be };

	assert(type <= WIRE_CT_DESTROY && (flags & ~WIRE_F_GREETING) == 0);

	a.facts = facts_of(p, f, &a.nat);
	return attr_message(&flow_table, &a, &h, out, cap);
}

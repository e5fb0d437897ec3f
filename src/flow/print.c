// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one-line listing of flows and expectations. Scripts of existing
 * installations take these lines apart, so every blank counts
 * (doc/conntrackd.8, LISTINGS). Names that came from a peer are printed with
 * anything unprintable replaced: a line stays one line.
 */
#include <assert.h>
#include <string.h>
#include "flow/print.h"
#include "print_names.h"

/* --- shared with the XML listing ---------------------------------------- */

static const char *const tcp_names[] = {
	"NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
	"CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2",
};

static const char *const sctp_names[] = {
	"NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED",  "ESTABLISHED",
	"SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED",
};

static const char *const dccp_names[] = {
	"NONE",     "REQUEST", "RESPOND",  "PARTOPEN", "OPEN",
	"CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE",   "INVALID",
};

#define NAME_OF(table, v) ((v) < sizeof(table) / sizeof((table)[0]) ? (table)[v] : (table)[0])

const char *print_state_name(const struct flow *f)
{
	if (!(f->has & FLOW_HAS_STATE))
		return NULL;
	switch (f->orig.proto) {
	case IPP_TCP:
		return NAME_OF(tcp_names, f->state);
	case IPP_SCTP:
		return NAME_OF(sctp_names, f->state);
	case IPP_DCCP:
		return NAME_OF(dccp_names, f->state);
	default:
		return NULL;
	}
}

void print_addr(struct strbuf *out, const char *prefix, const struct addr *a, uint8_t family,
		const char *suffix)
{
	char text[46];

	addr_text(a, family, text);
	strbuf_add(out, prefix);
	strbuf_add(out, text);
	strbuf_add(out, suffix);
}

/* --- text ------------------------------------------------------------------ */

static void key_num(struct strbuf *out, const char *key, uint64_t v)
{
	strbuf_add(out, key);
	strbuf_add_u64(out, v);
}

/* A name without anything that could break the line. */
static void key_name(struct strbuf *out, const char *key, const char *name, size_t cap)
{
	char safe[FLOW_HELPER_MAX + EXPECT_FN_MAX];
	size_t len = strnlen(name, cap);

	assert(len < sizeof(safe));
	for (size_t i = 0; i < len; i++)
		safe[i] = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
	safe[len] = '\0';
	strbuf_add(out, key);
	strbuf_add(out, safe);
}

static void text_l4(struct strbuf *out, const struct tuple *t, uint8_t proto)
{
	if (proto_has_ports(proto)) {
		key_num(out, " sport=", t->sport);
		key_num(out, " dport=", t->dport);
	} else if (proto_is_icmp(proto)) {
		key_num(out, " type=", t->icmp_type);
		key_num(out, " code=", t->icmp_code);
		key_num(out, " id=", t->sport);
	} else if (proto == IPP_GRE) {
		strbuf_addf(out, " srckey=0x%x dstkey=0x%x", t->sport, t->dport);
	}
}

static void text_tuple(struct strbuf *out, const struct tuple *t)
{
	print_addr(out, " src=", &t->src, t->family, "");
	print_addr(out, " dst=", &t->dst, t->family, "");
	text_l4(out, t, t->proto);
}

static void text_counters(struct strbuf *out, const struct flow *f, int dir)
{
	if (!(f->has & FLOW_HAS_COUNTERS))
		return;
	key_num(out, " packets=", f->packets[dir]);
	key_num(out, " bytes=", f->bytes[dir]);
}

/* The strongest of three marks, as the kernel's own listing has it. */
static const char *confidence(uint32_t status)
{
	if (status & CTS_HW_OFFLOAD)
		return " [HW_OFFLOAD]";
	if (status & CTS_OFFLOAD)
		return " [OFFLOAD]";
	return status & CTS_ASSURED ? " [ASSURED]" : "";
}

static void text_reply(struct strbuf *out, const struct flow *f)
{
	if (f->has & FLOW_HAS_STATUS && !(f->status & CTS_SEEN_REPLY))
		strbuf_add(out, " [UNREPLIED]");
	if (f->has & FLOW_HAS_REPLY)
		text_tuple(out, &f->reply);
	if (f->has & FLOW_HAS_ZONE_REPLY)
		key_num(out, " zone-reply=", f->zone_reply);
	text_counters(out, f, 1);
	if (f->has & FLOW_HAS_STATUS)
		strbuf_add(out, confidence(f->status));
}

void print_flow(struct strbuf *out, const struct flow *f, bool with_timeout)
{
	const char *state = print_state_name(f);

	strbuf_addf(out, "%-8s ", proto_name(f->orig.proto));
	strbuf_add_u64(out, f->orig.proto);
	if (with_timeout && f->has & FLOW_HAS_TIMEOUT)
		key_num(out, " ", f->timeout);
	if (state) {
		strbuf_add(out, " ");
		strbuf_add(out, state);
	}
	text_tuple(out, &f->orig);
	if (f->has & FLOW_HAS_ZONE_ORIG)
		key_num(out, " zone-orig=", f->zone_orig);
	text_counters(out, f, 0);
	text_reply(out, f);
	if (f->has & FLOW_HAS_MARK)
		key_num(out, " mark=", f->mark);
	if (f->has & FLOW_HAS_ZONE)
		key_num(out, " zone=", f->zone);
	if (f->has & FLOW_HAS_HELPER)
		key_name(out, " helper=", f->helper, sizeof(f->helper));
	if (f->has & FLOW_HAS_DURATION)
		key_num(out, " delta-time=", f->duration);
	if (with_timeout && f->has & FLOW_HAS_USE)
		key_num(out, " use=", f->use);
}

static void text_expect_flags(struct strbuf *out, uint32_t flags)
{
	static const char *const names[] = { "PERMANENT", "INACTIVE", "USERSPACE" };
	const char *sep = " ";

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(flags >> i & 1))
			continue;
		strbuf_add(out, sep);
		strbuf_add(out, names[i]);
		sep = ",";
	}
}

void print_expect(struct strbuf *out, const struct expect *e)
{
	const struct tuple *t = &e->tuple, *mask = &e->mask, *master = &e->master;

	key_num(out, "proto=", t->proto);
	text_tuple(out, t);
	print_addr(out, " mask-src=", &mask->src, mask->family, "");
	print_addr(out, " mask-dst=", &mask->dst, mask->family, "");
	/* Masks come with all bits of the protocol set, or none: what is expected decides. */
	text_l4(out, mask, t->proto);
	print_addr(out, " master-src=", &master->src, master->family, "");
	print_addr(out, " master-dst=", &master->dst, master->family, "");
	text_l4(out, master, master->proto);
	if (e->has & EXPECT_HAS_ZONE && e->zone)
		key_num(out, " zone=", e->zone);
	text_expect_flags(out, e->flags);
	if (e->has & EXPECT_HAS_CLASS)
		key_num(out, " class=", e->class_);
	if (e->has & EXPECT_HAS_HELPER)
		key_name(out, " helper=", e->helper, sizeof(e->helper));
}

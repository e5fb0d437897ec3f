// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The XML listing: one element per line, each a document of its own, with the
 * element names and the order that consumers of the reference's output rely on
 * (doc/conntrackd.8, LISTINGS).
 */
#include <string.h>
#include "flow/print.h"
#include "print_names.h"

static void elem_num(struct strbuf *out, const char *name, uint64_t v)
{
	strbuf_addf(out, "<%s>", name);
	strbuf_add_u64(out, v);
	strbuf_addf(out, "</%s>", name);
}

/* A name from outside: markup is escaped, what XML does not allow is replaced. */
static void elem_name(struct strbuf *out, const char *elem, const char *name, size_t cap)
{
	size_t len = strnlen(name, cap);

	strbuf_addf(out, "<%s>", elem);
	for (size_t i = 0; i < len; i++) {
		char c[2] = { name[i], '\0' };

		switch (c[0]) {
		case '<':
			strbuf_add(out, "&lt;");
			break;
		case '>':
			strbuf_add(out, "&gt;");
			break;
		case '&':
			strbuf_add(out, "&amp;");
			break;
		default:
			strbuf_add(out, c[0] > ' ' && c[0] < 0x7f ? c : "?");
		}
	}
	strbuf_addf(out, "</%s>", elem);
}

static void open_layer3(struct strbuf *out, uint8_t family)
{
	const char *name = family == FAM_IP4 ? "ipv4" : family == FAM_IP6 ? "ipv6" : "unknown";

	strbuf_addf(out, "<layer3 protonum=\"%u\" protoname=\"%s\">", family, name);
}

static void open_layer4(struct strbuf *out, uint8_t proto)
{
	strbuf_addf(out, "<layer4 protonum=\"%u\" protoname=\"%s\">", proto, proto_name(proto));
}

static void xml_addrs(struct strbuf *out, const struct tuple *t)
{
	print_addr(out, "<src>", &t->src, t->family, "</src>");
	print_addr(out, "<dst>", &t->dst, t->family, "</dst>");
}

/* ICMP fields have no XML form. */
static void xml_ports(struct strbuf *out, const struct tuple *t, uint8_t proto)
{
	if (proto_has_ports(proto)) {
		elem_num(out, "sport", t->sport);
		elem_num(out, "dport", t->dport);
	} else if (proto == IPP_GRE) {
		strbuf_addf(out, "<srckey>0x%x</srckey><dstkey>0x%x</dstkey>", t->sport, t->dport);
	}
}

/* --- flows ------------------------------------------------------------------ */

static void xml_direction(struct strbuf *out, const struct flow *f, int dir)
{
	static const struct tuple none;
	const struct tuple *t = dir == 0 ? &f->orig : f->has & FLOW_HAS_REPLY ? &f->reply : &none;
	uint16_t zone = dir == 0 ? f->zone_orig : f->zone_reply;

	strbuf_addf(out, "<meta direction=\"%s\">", dir == 0 ? "original" : "reply");
	open_layer3(out, t->family);
	xml_addrs(out, t);
	strbuf_add(out, "</layer3>");
	open_layer4(out, t->proto);
	xml_ports(out, t, t->proto);
	strbuf_add(out, "</layer4>");
	if (f->has & (dir == 0 ? FLOW_HAS_ZONE_ORIG : FLOW_HAS_ZONE_REPLY))
		elem_num(out, "zone", zone);
	if (f->has & FLOW_HAS_COUNTERS) {
		strbuf_add(out, "<counters>");
		elem_num(out, "packets", f->packets[dir]);
		elem_num(out, "bytes", f->bytes[dir]);
		strbuf_add(out, "</counters>");
	}
	strbuf_add(out, "</meta>");
}

static void xml_independent(struct strbuf *out, const struct flow *f)
{
	const uint32_t shown =
		FLOW_HAS_STATE | FLOW_HAS_MARK | FLOW_HAS_ZONE | FLOW_HAS_ID | FLOW_HAS_STATUS;
	const char *state = print_state_name(f);

	if (!(f->has & shown))
		return;
	strbuf_add(out, "<meta direction=\"independent\">");
	if (state)
		strbuf_addf(out, "<state>%s</state>", state);
	if (f->has & FLOW_HAS_MARK)
		elem_num(out, "mark", f->mark);
	if (f->has & FLOW_HAS_ZONE)
		elem_num(out, "zone", f->zone);
	if (f->has & FLOW_HAS_ID)
		elem_num(out, "id", f->id);
	if (f->has & FLOW_HAS_STATUS && f->status & CTS_ASSURED)
		strbuf_add(out, "<assured/>");
	if (f->has & FLOW_HAS_STATUS && !(f->status & CTS_SEEN_REPLY))
		strbuf_add(out, "<unreplied/>");
	strbuf_add(out, "</meta>");
}

void print_flow_xml(struct strbuf *out, const struct flow *f)
{
	strbuf_add(out, "<flow>");
	xml_direction(out, f, 0);
	xml_direction(out, f, 1);
	xml_independent(out, f);
	if (f->has & FLOW_HAS_HELPER)
		elem_name(out, "helper", f->helper, sizeof(f->helper));
	strbuf_add(out, "</flow>");
}

/* --- expectations ------------------------------------------------------------ */

static void xml_expect_layer3(struct strbuf *out, const struct expect *e)
{
	open_layer3(out, e->tuple.family);
	strbuf_add(out, "<expected>");
	xml_addrs(out, &e->tuple);
	strbuf_add(out, "</expected><mask>");
	xml_addrs(out, &e->mask);
	strbuf_add(out, "</mask><master>");
	xml_addrs(out, &e->master);
	strbuf_add(out, "</master></layer3>");
}

static void xml_expect_layer4(struct strbuf *out, const struct expect *e)
{
	open_layer4(out, e->tuple.proto);
	strbuf_add(out, "<expected>");
	xml_ports(out, &e->tuple, e->tuple.proto);
	strbuf_add(out, "</expected><mask>");
	xml_ports(out, &e->mask, e->tuple.proto);
	strbuf_add(out, "</mask><master>");
	xml_ports(out, &e->master, e->master.proto);
	strbuf_add(out, "</master></layer4>");
}

void print_expect_xml(struct strbuf *out, const struct expect *e)
{
	strbuf_add(out, "<flow>");
	xml_expect_layer3(out, e);
	xml_expect_layer4(out, e);
	strbuf_add(out, "<meta>");
	if (e->has & EXPECT_HAS_HELPER)
		elem_name(out, "helper-name", e->helper, sizeof(e->helper));
	if (e->has & EXPECT_HAS_CLASS)
		elem_num(out, "class", e->class_);
	if (e->has & EXPECT_HAS_ZONE && e->zone)
		elem_num(out, "zone", e->zone);
	if (e->flags & EXPF_PERMANENT)
		strbuf_add(out, "<permanent/>");
	if (e->flags & EXPF_INACTIVE)
		strbuf_add(out, "<inactive/>");
	if (e->flags & EXPF_USERSPACE)
		strbuf_add(out, "<userspace/>");
	strbuf_add(out, "</meta></flow>");
}

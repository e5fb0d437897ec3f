// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows and expectations as JSON objects. Unlike the listings that imitate
 * older ones, the reply direction is always there: as the kernel told it, or
 * rebuilt from what a peer sent.
 */
#include "flow/print.h"
#include "print_names.h"

static void json_addr(struct jsonw *j, const char *key, const struct addr *a, uint8_t family)
{
	char text[46];

	addr_text(a, family, text);
	jsonw_str(j, key, text);
}

static void json_l4(struct jsonw *j, const struct tuple *t, uint8_t proto)
{
	if (proto_has_ports(proto)) {
		jsonw_u64(j, "sport", t->sport);
		jsonw_u64(j, "dport", t->dport);
	} else if (proto_is_icmp(proto)) {
		jsonw_u64(j, "type", t->icmp_type);
		jsonw_u64(j, "code", t->icmp_code);
		jsonw_u64(j, "id", t->sport);
	} else if (proto == IPP_GRE) {
		jsonw_u64(j, "srckey", t->sport);
		jsonw_u64(j, "dstkey", t->dport);
	}
}

/* The protocol decides what is shown; that of a mask is no protocol. */
static void json_tuple(struct jsonw *j, const char *key, const struct tuple *t, uint8_t proto)
{
	jsonw_object(j, key);
	json_addr(j, "src", &t->src, t->family);
	json_addr(j, "dst", &t->dst, t->family);
	json_l4(j, t, proto);
	jsonw_object_end(j);
}

static void json_proto(struct jsonw *j, const struct tuple *t)
{
	jsonw_str(j, "family", t->family == FAM_IP6 ? "ipv6" : "ipv4");
	jsonw_str(j, "proto", proto_name(t->proto));
	jsonw_u64(j, "protonum", t->proto);
}

static void json_status(struct jsonw *j, const struct flow *f)
{
	if (!(f->has & FLOW_HAS_STATUS))
		return;
	jsonw_bool(j, "replied", (f->status & CTS_SEEN_REPLY) != 0);
	jsonw_bool(j, "assured", (f->status & CTS_ASSURED) != 0);
}

static void json_counters(struct jsonw *j, const struct flow *f)
{
	if (!(f->has & FLOW_HAS_COUNTERS))
		return;
	jsonw_u64(j, "packets_orig", f->packets[0]);
	jsonw_u64(j, "bytes_orig", f->bytes[0]);
	jsonw_u64(j, "packets_reply", f->packets[1]);
	jsonw_u64(j, "bytes_reply", f->bytes[1]);
}

static void json_rest(struct jsonw *j, const struct flow *f)
{
	if (f->has & FLOW_HAS_MARK)
		jsonw_u64(j, "mark", f->mark);
	if (f->has & FLOW_HAS_ZONE)
		jsonw_u64(j, "zone", f->zone);
	if (f->has & FLOW_HAS_ZONE_ORIG)
		jsonw_u64(j, "zone_orig", f->zone_orig);
	if (f->has & FLOW_HAS_ZONE_REPLY)
		jsonw_u64(j, "zone_reply", f->zone_reply);
	if (f->has & FLOW_HAS_HELPER)
		jsonw_str(j, "helper", f->helper);
	if (f->has & FLOW_HAS_TIMEOUT)
		jsonw_u64(j, "timeout", f->timeout);
	if (f->has & FLOW_HAS_MASTER)
		json_tuple(j, "master", &f->master, f->master.proto);
	json_counters(j, f);
}

void print_flow_json(struct jsonw *j, const struct flow *f)
{
	const char *state = print_state_name(f);
	struct tuple reply;

	flow_reply(f, &reply);
	json_proto(j, &f->orig);
	if (state)
		jsonw_str(j, "state", state);
	json_tuple(j, "orig", &f->orig, f->orig.proto);
	json_tuple(j, "reply", &reply, f->orig.proto);
	json_status(j, f);
	json_rest(j, f);
}

void print_expect_json(struct jsonw *j, const struct expect *e)
{
	json_proto(j, &e->tuple);
	json_tuple(j, "expected", &e->tuple, e->tuple.proto);
	json_tuple(j, "mask", &e->mask, e->tuple.proto);
	json_tuple(j, "master", &e->master, e->master.proto);
	if (e->has & EXPECT_HAS_ZONE)
		jsonw_u64(j, "zone", e->zone);
	if (e->has & EXPECT_HAS_FLAGS)
		jsonw_u64(j, "flags", e->flags);
	if (e->has & EXPECT_HAS_CLASS)
		jsonw_u64(j, "class", e->class_);
	if (e->has & EXPECT_HAS_HELPER)
		jsonw_str(j, "helper", e->helper);
}

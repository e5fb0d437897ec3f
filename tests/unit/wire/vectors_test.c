// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recorded traffic: every payload splits into the listed messages, every
 * listed attribute value is what the codec made of the bytes, and encoding
 * gives the recorded bytes back.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include "support.h"

/* Recorded with and without window scales; the vectors that have none never know them. */
static const struct wire_params params = { .window_scale = true };

static json_t *addr_json(const struct addr *a, uint8_t family)
{
	char text[INET6_ADDRSTRLEN];

	return json_string(inet_ntop(family, a->b, text, sizeof(text)));
}

static json_t *pair_json(const struct tuple *t, uint8_t family)
{
	cr_expect_eq(t->family, family);
	return json_pack("{s:o,s:o}", "src", addr_json(&t->src, family), "dst",
			 addr_json(&t->dst, family));
}

static json_t *ports_json(const struct tuple *t)
{
	return json_pack("{s:i,s:i}", "sport", t->sport, "dport", t->dport);
}

static json_t *labels_json(const struct flow *f)
{
	json_t *bits = json_array();

	for (int i = 0; i < 128; i++) {
		if (f->labels[i / 32] & 1u << i % 32)
			json_array_append_new(bits, json_integer(i));
	}
	return json_pack("{s:i,s:o}", "bytes", 16, "bits", bits);
}

static json_t *adj_json(const struct seqadj *s)
{
	return json_pack("{s:I,s:i,s:i}", "correction_pos", (json_int_t)s->pos, "offset_before",
			 s->before, "offset_after", s->after);
}

static json_t *num(uint32_t v)
{
	return json_integer(v);
}

/* What the flow says under an attribute number; "has" must say it too. */
static json_t *flow_value(const struct flow *f, int id, uint32_t *has)
{
	static const uint32_t parts[] = {
		[3] = FLOW_HAS_PORTS,   [4] = FLOW_HAS_STATE,   [5] = FLOW_HAS_STATUS,
		[6] = FLOW_HAS_TIMEOUT, [7] = FLOW_HAS_MARK,    [8] = FLOW_HAS_MASTER,
		[9] = FLOW_HAS_MASTER,  [10] = FLOW_HAS_MASTER, [11] = FLOW_HAS_MASTER_PORTS,
		[12] = FLOW_HAS_SNAT,   [13] = FLOW_HAS_DNAT,   [14] = FLOW_HAS_SPAT,
		[15] = FLOW_HAS_DPAT,   [16] = FLOW_HAS_SEQADJ, [17] = FLOW_HAS_STATE,
		[18] = FLOW_HAS_VTAG,   [19] = FLOW_HAS_VTAG,   [22] = FLOW_HAS_ICMP,
		[23] = FLOW_HAS_ICMP,   [24] = FLOW_HAS_ICMP,   [25] = FLOW_HAS_WSCALE,
		[26] = FLOW_HAS_WSCALE, [27] = FLOW_HAS_HELPER, [28] = FLOW_HAS_LABELS,
		[29] = FLOW_HAS_SNAT,   [30] = FLOW_HAS_DNAT,   [31] = FLOW_HAS_SYNPROXY,
		[32] = FLOW_HAS_ZONE,
	};

	*has = parts[id];
	switch (id) {
	case 0:
		return pair_json(&f->orig, FAM_IP4);
	case 1:
		return pair_json(&f->orig, FAM_IP6);
	case 2:
		return num(f->orig.proto);
	case 3:
		return ports_json(&f->orig);
	case 4:
	case 17:
		return num(f->state);
	case 5:
		return num(f->status);
	case 6:
		return num(f->timeout);
	case 7:
		return num(f->mark);
	case 8:
		return pair_json(&f->master, FAM_IP4);
	case 9:
		return pair_json(&f->master, FAM_IP6);
	case 10:
		return num(f->master.proto);
	case 11:
		return ports_json(&f->master);
	case 12:
	case 29:
		return addr_json(&f->snat, f->orig.family);
	case 13:
	case 30:
		return addr_json(&f->dnat, f->orig.family);
	case 14:
		return num(f->snat_port);
	case 15:
		return num(f->dnat_port);
	case 16:
		return json_pack("{s:o,s:o}", "orig", adj_json(&f->seqadj[0]), "reply",
				 adj_json(&f->seqadj[1]));
	case 18:
		return num(f->vtag[0]);
	case 19:
		return num(f->vtag[1]);
	case 22:
		return num(f->orig.icmp_type);
	case 23:
		return num(f->orig.icmp_code);
	case 24:
		cr_expect_eq(f->orig.sport, f->orig.dport);
		return num(f->orig.sport);
	case 25:
		return num(f->wscale[0]);
	case 26:
		return num(f->wscale[1]);
	case 27:
		return json_string(f->helper);
	case 28:
		return labels_json(f);
	case 31:
		return json_pack("{s:I,s:I,s:I}", "its", (json_int_t)f->synproxy_its, "isn",
				 (json_int_t)f->synproxy_isn, "tsoff",
				 (json_int_t)f->synproxy_tsoff);
	case 32:
		return num(f->zone);
	default:
		return json_null();
	}
}

static json_t *expect_value(const struct expect *e, int id, uint32_t *has)
{
	static const uint32_t parts[] = {
		EXPECT_HAS_MASTER,
		EXPECT_HAS_MASTER,
		EXPECT_HAS_MASTER,
		EXPECT_HAS_MASTER_PORTS,
		EXPECT_HAS_TUPLE,
		EXPECT_HAS_TUPLE,
		EXPECT_HAS_TUPLE,
		EXPECT_HAS_PORTS,
		EXPECT_HAS_MASK,
		EXPECT_HAS_MASK,
		EXPECT_HAS_MASK,
		EXPECT_HAS_MASK_PORTS,
		EXPECT_HAS_TIMEOUT,
		EXPECT_HAS_FLAGS,
		EXPECT_HAS_CLASS,
		EXPECT_HAS_NAT | EXPECT_HAS_NAT_ADDR,
		EXPECT_HAS_NAT | EXPECT_HAS_NAT_PORTS,
		EXPECT_HAS_NAT | EXPECT_HAS_NAT_PROTO,
		EXPECT_HAS_NAT | EXPECT_HAS_NAT_DIR,
		EXPECT_HAS_HELPER,
		EXPECT_HAS_FN,
	};

	*has = parts[id];
	switch (id) {
	case 0:
		return pair_json(&e->master, FAM_IP4);
	case 1:
		return pair_json(&e->master, FAM_IP6);
	case 2:
		return num(e->master.proto);
	case 3:
		return ports_json(&e->master);
	case 4:
		return pair_json(&e->tuple, FAM_IP4);
	case 5:
		return pair_json(&e->tuple, FAM_IP6);
	case 6:
		return num(e->tuple.proto);
	case 7:
		return ports_json(&e->tuple);
	case 8:
		return pair_json(&e->mask, FAM_IP4);
	case 9:
		return pair_json(&e->mask, FAM_IP6);
	case 10:
		return num(e->mask.proto);
	case 11:
		return ports_json(&e->mask);
	case 12:
		return num(e->timeout);
	case 13:
		return num(e->flags);
	case 14:
		return num(e->class_);
	case 15:
		return pair_json(&e->nat, FAM_IP4);
	case 16:
		return ports_json(&e->nat);
	case 17:
		return num(e->nat.proto);
	case 18:
		return num(e->nat_dir);
	case 19:
		return json_string(e->helper);
	case 20:
		return json_string(e->fn);
	default:
		return json_null();
	}
}

static void check_attribute(const char *name, int id, json_t *want, json_t *got)
{
	if (json_is_object(want) && json_object_get(want, "names")) /* status in words */
		want = json_object_get(want, "value");
	cr_expect(json_equal(want, got), "%s: attribute %d: want %s, got %s", name, id,
		  json_dumps(want, JSON_ENCODE_ANY), json_dumps(got, JSON_ENCODE_ANY));
	json_decref(got);
}

static int check_attributes(const char *name, const struct wire_msg *m, const json_t *list)
{
	bool is_flow = m->h.type <= WIRE_CT_DESTROY;
	struct expect e;
	struct flow f;
	json_t *attr;
	size_t i;

	if (is_flow)
		cr_assert_eq(wire_flow_decode_any(&params, m->body, m->body_len, &f), 0, "%s",
			     name);
	else
		cr_assert_eq(wire_expect_decode_any(&params, m->body, m->body_len, &e), 0, "%s",
			     name);
	json_array_foreach(list, i, attr)
	{
		int id = (int)json_integer_value(json_object_get(attr, "id"));
		uint32_t need;
		json_t *got = is_flow ? flow_value(&f, id, &need) : expect_value(&e, id, &need);

		cr_expect_eq((is_flow ? f.has : e.has) & need, need, "%s: part of %d", name, id);
		check_attribute(name, id, json_object_get(attr, "value"), got);
	}
	return (int)json_array_size(list);
}

static uint32_t number(const json_t *obj, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(obj, key));
}

static void check_header(const char *name, const struct wire_msg *m, const json_t *want)
{
	cr_expect_eq(m->h.type, number(want, "type_id"), "%s", name);
	cr_expect_eq(m->h.version, number(want, "version"), "%s", name);
	cr_expect_eq(m->h.flags, number(want, "flags_value"), "%s", name);
	cr_expect_eq(m->h.len, number(want, "length"), "%s", name);
	cr_expect_eq(m->h.seq, number(want, "seq"), "%s", name);
	cr_expect_eq(m->from, number(want, "from"), "%s", name);
	cr_expect_eq(m->to, number(want, "to"), "%s", name);
}

/* Returns the attributes compared. */
static int check_payload(const char *name, const json_t *hex, const json_t *messages)
{
	uint8_t out[sizeof(((struct bytes *)0)->data)];
	size_t at = 0, used, n;
	struct bytes in;
	struct wire_msg m;
	int attributes = 0;
	json_t *want;
	size_t i;

	bytes_from_hex(&in, hex);
	json_array_foreach(messages, i, want)
	{
		cr_assert_eq(wire_message_next(in.data + at, in.len - at, &m, &used), 0, "%s",
			     name);
		cr_expect_eq(at, number(want, "offset"), "%s", name);
		check_header(name, &m, want);
		if (m.h.type != WIRE_CONTROL)
			attributes +=
				check_attributes(name, &m, json_object_get(want, "attributes"));
		n = reencode(&params, &m, out, sizeof(out));
		cr_expect_eq(n, m.h.len, "%s: %zu bytes instead of %u", name, n, m.h.len);
		cr_expect_arr_eq(out, in.data + at, n, "%s: %s", name, hex_text(out, n));
		at += used;
	}
	cr_expect_eq(at, in.len, "%s: bytes left over", name);
	return attributes;
}

Test(vectors, every_value_and_every_byte)
{
	json_t *root = vectors_load("vectors.json"), *v;
	size_t i, messages = 0;
	int attributes = 0;

	json_array_foreach(json_object_get(root, "vectors"), i, v)
	{
		const json_t *list = json_object_get(v, "messages");

		attributes += check_payload(json_text(v, "name"), json_object_get(v, "hex"), list);
		messages += json_array_size(list);
	}
	cr_expect_eq(i, 53);
	cr_expect_eq(messages, 83);
	cr_expect_gt(attributes, 400, "%d attributes compared", attributes);
	json_decref(root);
}

Test(vectors, udp_payloads_of_captured_frames)
{
	json_t *root = vectors_load("transport.json"), *v;
	size_t i;

	json_array_foreach(json_object_get(root, "frames"), i, v)
		check_payload(json_text(v, "name"), json_object_get(v, "payload_hex"),
			      json_object_get(v, "messages"));
	cr_expect_gt(i, 2);
	json_decref(root);
}

/* Every recorded data message has a usable key, DCCP and protocols without ports included. */
Test(vectors, all_are_usable)
{
	json_t *root = vectors_load("vectors.json"), *v;
	size_t i;

	json_array_foreach(json_object_get(root, "vectors"), i, v)
	{
		struct bytes in;
		size_t at = 0, used;
		struct wire_msg m;
		struct expect e;
		struct flow f;
		int rc = 0;

		bytes_from_hex(&in, json_object_get(v, "hex"));
		for (; at < in.len; at += used) {
			cr_assert_eq(wire_message_next(in.data + at, in.len - at, &m, &used), 0);
			if (m.h.type <= WIRE_CT_DESTROY)
				rc = wire_flow_decode(&params, m.body, m.body_len, &f);
			else if (m.h.type <= WIRE_EXP_DESTROY)
				rc = wire_expect_decode(&params, m.body, m.body_len, &e);
			cr_expect_eq(rc, 0, "%s: %d", json_text(v, "name"), rc);
		}
	}
	json_decref(root);
}

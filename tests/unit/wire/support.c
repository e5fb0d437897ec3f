// SPDX-License-Identifier: GPL-2.0-or-later
/* What the tests of the wire share. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "support.h"

json_t *vectors_load(const char *name)
{
	json_error_t err;
	char path[512];
	json_t *root;

	snprintf(path, sizeof(path), "%s/vectors/%s", TEST_DATA, name);
	root = json_load_file(path, 0, &err);
	cr_assert_not_null(root, "%s:%d: %s", path, err.line, err.text);
	return root;
}

const char *json_text(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	cr_assert_not_null(s, "no text \"%s\"", key);
	return s;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void bytes_from_hex(struct bytes *b, const json_t *hex)
{
	const char *s = json_string_value(hex);

	cr_assert_not_null(s);
	b->len = strlen(s) / 2;
	cr_assert_leq(b->len, sizeof(b->data));
	for (size_t i = 0; i < b->len; i++)
		b->data[i] = (uint8_t)(nibble(s[2 * i]) << 4 | nibble(s[2 * i + 1]));
}

const char *hex_text(const uint8_t *data, size_t len)
{
	static char text[4096];

	for (size_t i = 0; i < len && 2 * i + 2 < sizeof(text); i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	return text;
}

void attrs_add(struct attrs *a, uint16_t id, const void *payload, size_t size)
{
	size_t pad = -size & 3;
	struct buf b;

	buf_write(&b, a->data + a->len, sizeof(a->data) - a->len);
	buf_put16(&b, (uint16_t)(size + 4));
	buf_put16(&b, id);
	buf_put(&b, payload, size);
	buf_zero(&b, pad);
	cr_assert(buf_ok(&b));
	a->len += b.pos;
}

void attrs_add8(struct attrs *a, uint16_t id, uint8_t v)
{
	attrs_add(a, id, &v, 1);
}

void attrs_add32(struct attrs *a, uint16_t id, uint32_t v)
{
	uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	attrs_add(a, id, be, 4);
}

void attrs_add_key(struct attrs *a, uint8_t proto)
{
	static const uint8_t pair[8] = { 192, 0, 2, 1, 198, 51, 100, 1 };
	static const uint8_t ports[4] = { 0x9c, 0x40, 0x00, 0x50 };

	attrs_add(a, 0, pair, sizeof(pair));
	attrs_add8(a, 2, proto);
	attrs_add(a, 3, ports, sizeof(ports));
}

size_t reencode(const struct wire_params *p, const struct wire_msg *m, uint8_t *out, size_t cap)
{
	const struct wire_header *h = &m->h;
	struct expect e;
	struct flow f;

	if (h->type == WIRE_CONTROL)
		return wire_control_put(out, cap, h->flags, h->seq, m->from, m->to);
	if (h->type <= WIRE_CT_DESTROY)
		return wire_flow_decode_any(p, m->body, m->body_len, &f) ?
			       0 :
			       wire_flow_encode(p, h->type, h->flags, h->seq, &f, out, cap);
	return wire_expect_decode_any(p, m->body, m->body_len, &e) ?
		       0 :
		       wire_expect_encode(p, h->type, h->flags, h->seq, &e, out, cap);
}

/* ---- random objects ---- */

static bool coin(struct rng *r)
{
	return rng_below(r, 2) != 0;
}

static void random_addr(struct rng *r, struct addr *a, uint8_t family)
{
	memset(a, 0, sizeof(*a));
	for (unsigned int i = 0; i < addr_len(family); i++)
		a->b[i] = (uint8_t)rng_u32(r);
}

static void random_name(struct rng *r, char *name, size_t size)
{
	size_t len = 1 + rng_below(r, (uint32_t)size - 1);

	memset(name, 0, size);
	for (size_t i = 0; i < len; i++)
		name[i] = (char)('!' + rng_below(r, '~' - '!' + 1));
}

static void random_tuple(struct rng *r, struct tuple *t, uint8_t family, uint8_t proto)
{
	memset(t, 0, sizeof(*t));
	t->family = family;
	t->proto = proto;
	random_addr(r, &t->src, family);
	random_addr(r, &t->dst, family);
	if (proto == IPP_TCP || proto == IPP_UDP || proto == IPP_SCTP || proto == IPP_DCCP) {
		t->sport = (uint16_t)rng_u32(r);
		t->dport = (uint16_t)rng_u32(r);
	}
}

static void random_protocol_part(struct rng *r, struct flow *f)
{
	uint8_t proto = f->orig.proto;

	if (proto == IPP_ICMP || proto == IPP_ICMP6) {
		f->has |= FLOW_HAS_ICMP;
		f->orig.icmp_type = proto == IPP_ICMP ? 8 : 128;
		f->orig.sport = (uint16_t)rng_u32(r);
		f->orig.dport = f->orig.sport;
		return;
	}
	if (proto == IPP_TCP || proto == IPP_UDP || proto == IPP_SCTP || proto == IPP_DCCP)
		f->has |= FLOW_HAS_PORTS;
	if (proto == IPP_UDP || !(f->has & FLOW_HAS_PORTS))
		return;
	if (proto == IPP_DCCP || coin(r)) {
		f->has |= FLOW_HAS_STATE;
		f->state = (uint8_t)rng_below(r, 8);
	}
	if (proto == IPP_TCP && coin(r)) {
		f->has |= FLOW_HAS_WSCALE;
		f->wscale[0] = (uint8_t)rng_below(r, 15);
		f->wscale[1] = (uint8_t)rng_below(r, 15);
	}
	if (proto == IPP_SCTP && coin(r)) {
		f->has |= FLOW_HAS_VTAG;
		f->vtag[0] = rng_u32(r);
		f->vtag[1] = rng_u32(r);
	}
	if (proto == IPP_DCCP && coin(r)) {
		f->has |= FLOW_HAS_DCCP_ROLE;
		f->dccp_role = (uint8_t)rng_below(r, 2);
	}
}

static void random_nat(struct rng *r, struct flow *f, bool from_kernel)
{
	bool ports = f->has & FLOW_HAS_PORTS;

	if (from_kernel) {
		f->has |= FLOW_HAS_REPLY;
		tuple_invert(&f->orig, &f->reply);
		if (coin(r))
			random_addr(r, &f->reply.dst, f->orig.family);
		if (coin(r))
			random_addr(r, &f->reply.src, f->orig.family);
		if (ports && coin(r))
			f->reply.dport = (uint16_t)rng_u32(r);
		if (ports && coin(r))
			f->reply.sport = (uint16_t)rng_u32(r);
		return;
	}
	f->has |= rng_u32(r) & (FLOW_HAS_SNAT | FLOW_HAS_DNAT);
	if (ports)
		f->has |= rng_u32(r) & (FLOW_HAS_SPAT | FLOW_HAS_DPAT);
	if (f->has & FLOW_HAS_SNAT)
		random_addr(r, &f->snat, f->orig.family);
	if (f->has & FLOW_HAS_DNAT)
		random_addr(r, &f->dnat, f->orig.family);
	if (f->has & FLOW_HAS_SPAT)
		f->snat_port = (uint16_t)(1 + rng_below(r, 65535));
	if (f->has & FLOW_HAS_DPAT)
		f->dnat_port = (uint16_t)(1 + rng_below(r, 65535));
}

static void random_extras(struct rng *r, struct flow *f)
{
	f->has |= rng_u32(r) & (FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK |
				FLOW_HAS_SEQADJ | FLOW_HAS_HELPER | FLOW_HAS_LABELS |
				FLOW_HAS_SYNPROXY | FLOW_HAS_ZONE | FLOW_HAS_MASTER);
	f->status = f->has & FLOW_HAS_STATUS ? rng_u32(r) & 0xffff : 0;
	f->timeout = f->has & FLOW_HAS_TIMEOUT ? rng_below(r, 432000) : 0;
	f->mark = f->has & FLOW_HAS_MARK ? rng_u32(r) : 0;
	f->zone = f->has & FLOW_HAS_ZONE ? (uint16_t)(1 + rng_below(r, 65535)) : 0;
	if (f->has & FLOW_HAS_SEQADJ) {
		for (int i = 0; i < 2; i++) {
			f->seqadj[i].pos = rng_u32(r);
			f->seqadj[i].before = (int32_t)rng_u32(r);
			f->seqadj[i].after = (int32_t)rng_u32(r);
		}
	}
	if (f->has & FLOW_HAS_HELPER)
		random_name(r, f->helper, 12);
	if (f->has & FLOW_HAS_LABELS)
		f->labels[rng_below(r, FLOW_LABEL_WORDS)] = 1u << rng_below(r, 32);
	if (f->has & FLOW_HAS_SYNPROXY) {
		f->synproxy_its = rng_u32(r);
		f->synproxy_isn = rng_u32(r);
		f->synproxy_tsoff = rng_u32(r);
	}
	if (f->has & FLOW_HAS_MASTER) {
		random_tuple(r, &f->master, f->orig.family, IPP_TCP);
		f->has |= FLOW_HAS_MASTER_PORTS;
	}
}

void random_flow(struct rng *r, struct flow *f, bool from_kernel)
{
	static const uint8_t protos[] = { IPP_TCP,   IPP_UDP, IPP_ICMP,    IPP_SCTP, IPP_DCCP,
					  IPP_ICMP6, IPP_GRE, IPP_UDPLITE, 50 };
	uint8_t family = coin(r) ? FAM_IP4 : FAM_IP6;

	flow_init(f);
	random_tuple(r, &f->orig, family, protos[rng_below(r, sizeof(protos))]);
	random_protocol_part(r, f);
	random_extras(r, f);
	random_nat(r, f, from_kernel);
}

void random_expect(struct rng *r, struct expect *e)
{
	uint8_t family = coin(r) ? FAM_IP4 : FAM_IP6;
	uint8_t proto = coin(r) ? IPP_TCP : IPP_UDP;

	expect_init(e);
	random_tuple(r, &e->master, family, proto);
	random_tuple(r, &e->tuple, family, proto);
	random_tuple(r, &e->mask, family, proto);
	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK | EXPECT_HAS_MASTER_PORTS |
		 EXPECT_HAS_PORTS | EXPECT_HAS_MASK_PORTS;
	e->has |= rng_u32(r) & (EXPECT_HAS_TIMEOUT | EXPECT_HAS_FLAGS | EXPECT_HAS_CLASS |
				EXPECT_HAS_HELPER | EXPECT_HAS_FN);
	e->timeout = e->has & EXPECT_HAS_TIMEOUT ? rng_u32(r) : 0;
	e->flags = e->has & EXPECT_HAS_FLAGS ? rng_below(r, 8) : 0;
	e->class_ = e->has & EXPECT_HAS_CLASS ? rng_below(r, 4) : 0;
	if (e->has & EXPECT_HAS_HELPER)
		random_name(r, e->helper, 12);
	if (e->has & EXPECT_HAS_FN)
		random_name(r, e->fn, EXPECT_FN_MAX);
	if (family == FAM_IP4 && coin(r)) {
		e->has |= EXPECT_HAS_NAT | EXPECT_HAS_NAT_ADDR | EXPECT_HAS_NAT_PROTO |
			  EXPECT_HAS_NAT_PORTS | EXPECT_HAS_NAT_DIR;
		random_tuple(r, &e->nat, family, proto);
		e->nat_dir = rng_below(r, 2);
	}
}

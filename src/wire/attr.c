// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk over attribute tables, in both directions, and the readers and
 * writers of the common kinds of value. What is special to flows or
 * expectations stands beside their tables.
 *
 * Reading follows doc/protocol.md (attribute parsing): while more than four
 * bytes remain there must be another attribute; order and repetition do not
 * matter, the last one wins; an unknown number or a wrong size spoils the
 * whole message.
 */
#include <assert.h>
#include <string.h>
#include "attr.h"
#include "base/err.h"

#define ATTR_HDR_LEN 4

/* Name bytes a kernel would never give a helper are refused: they end up in listings and logs. */
#define TEXT_FIRST 0x21
#define TEXT_LAST  0x7e

static const uint64_t proto_facts[256] = {
	[IPP_TCP] = FACT_PORTS | FACT_TCP,
	[IPP_UDP] = FACT_PORTS,
	[IPP_SCTP] = FACT_PORTS | FACT_SCTP,
	[IPP_DCCP] = FACT_PORTS | FACT_DCCP,
	[IPP_ICMP] = FACT_ICMP,
	[IPP_ICMP6] = FACT_ICMP,
	[IPP_GRE] = FACT_KEYS,
	[IPP_UDPLITE] = FACT_KEYS,
};

uint64_t attr_proto_facts(uint8_t proto)
{
	return proto_facts[proto];
}

uint64_t attr_family_facts(uint8_t family, uint64_t ip4, uint64_t ip6)
{
	return family == FAM_IP4 ? ip4 : family == FAM_IP6 ? ip6 : 0;
}

static const struct attr *row_by_id(const struct attr_table *t, uint16_t id)
{
	if (id >= t->nids || t->row_of[id] == 0)
		return NULL;
	assert(t->row_of[id] <= t->nrows);
	return &t->rows[t->row_of[id] - 1];
}

static bool read_one(const struct attr_table *t, struct attr_in *a, struct buf *b)
{
	uint32_t head = buf_get32(b);
	const struct attr *row = row_by_id(t, (uint16_t)head);
	size_t size = head >> 16, pad;
	struct buf payload;

	if (!row || size < ATTR_HDR_LEN)
		return false;
	size -= ATTR_HDR_LEN;
	if (size < row->min || size > row->max || size > buf_left(b))
		return false;
	buf_read(&payload, buf_take(b, size), size);
	a->seen = (a->seen & ~row->voids) | SEEN(row->id);
	if (!row->get(a, row, &payload))
		return false;

	pad = -size & 3; /* the last attribute may come without */
	buf_take(b, pad < buf_left(b) ? pad : buf_left(b));
	return buf_ok(b);
}

int attr_walk(const struct attr_table *t, struct attr_in *a, const uint8_t *body, size_t len)
{
	struct buf b;

	assert(body || len == 0);

	buf_read(&b, body, len);
	while (buf_left(&b) > ATTR_HDR_LEN) {
		if (!read_one(t, a, &b))
			return CTD_EBADPAYLOAD;
	}
	return 0;
}

uint32_t attr_parts(const struct attr_part *parts, size_t n, uint64_t seen, uint64_t facts)
{
	uint32_t has = 0;

	for (size_t i = 0; i < n; i++) {
		if ((seen & parts[i].seen) == parts[i].seen &&
		    (facts & parts[i].facts) == parts[i].facts)
			has |= parts[i].has;
	}
	return has;
}

size_t attr_message(const struct attr_table *t, const struct attr_out *a,
		    const struct wire_header *h, uint8_t *out, size_t cap)
{
	struct wire_header whole = *h;
	struct buf b, head;

	buf_write(&b, out, cap);
	buf_take(&b, WIRE_HDR_LEN);
	for (const struct attr *row = t->rows; row < t->rows + t->nrows; row++) {
		if ((a->facts & row->need) == row->need)
			row->put(a, row, &b);
	}
	if (!buf_ok(&b))
		return 0;
	assert(b.pos % 4 == 0 && b.pos <= UINT16_MAX);
	whole.len = (uint16_t)b.pos;
	buf_write(&head, out, WIRE_HDR_LEN);
	wire_header_put(&head, &whole);
	return b.pos;
}

/* ---- values ---- */

static void *in_value(const struct attr_in *a, const struct attr *row)
{
	return (uint8_t *)a->obj + row->at;
}

static const void *out_value(const struct attr_out *a, const struct attr *row)
{
	return (const uint8_t *)a->obj + row->at;
}

bool attr_get8(struct attr_in *a, const struct attr *row, struct buf *in)
{
	*(uint8_t *)in_value(a, row) = buf_get8(in);
	return buf_ok(in);
}

bool attr_get16(struct attr_in *a, const struct attr *row, struct buf *in)
{
	*(uint16_t *)in_value(a, row) = buf_get16(in);
	return buf_ok(in);
}

bool attr_get16swap(struct attr_in *a, const struct attr *row, struct buf *in)
{
	*(uint16_t *)in_value(a, row) = a->swapped_be ? buf_get16(in) : buf_get16le(in);
	return buf_ok(in);
}

bool attr_get32(struct attr_in *a, const struct attr *row, struct buf *in)
{
	*(uint32_t *)in_value(a, row) = buf_get32(in);
	return buf_ok(in);
}

static bool get_pair(struct tuple *t, uint8_t family, struct buf *in)
{
	size_t n = addr_len(family);

	memset(&t->src, 0, sizeof(t->src));
	memset(&t->dst, 0, sizeof(t->dst));
	buf_get(in, t->src.b, n);
	buf_get(in, t->dst.b, n);
	t->family = family;
	return buf_ok(in);
}

bool attr_get_pair4(struct attr_in *a, const struct attr *row, struct buf *in)
{
	return get_pair(in_value(a, row), FAM_IP4, in);
}

bool attr_get_pair6(struct attr_in *a, const struct attr *row, struct buf *in)
{
	return get_pair(in_value(a, row), FAM_IP6, in);
}

bool attr_get_proto(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct tuple *t = in_value(a, row);

	t->proto = buf_get8(in);
	return buf_ok(in);
}

bool attr_get_ports(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct tuple *t = in_value(a, row);

	t->sport = buf_get16(in);
	t->dport = buf_get16(in);
	return buf_ok(in);
}

bool attr_get_addr(struct attr_in *a, const struct attr *row, struct buf *in)
{
	struct addr *addr = in_value(a, row);

	memset(addr, 0, sizeof(*addr));
	buf_get(in, addr->b, row->max);
	return buf_ok(in);
}

/*
 * Text ends at its first NUL or with the attribute, whichever comes first;
 * peers do not always terminate it (W27). One that fills the largest size
 * without a NUL is longer than any name can be, and is refused.
 */
bool attr_get_text(struct attr_in *a, const struct attr *row, struct buf *in)
{
	size_t len = buf_left(in);
	const uint8_t *p = buf_take(in, len), *nul = len ? memchr(p, 0, len) : NULL;
	char *text = in_value(a, row);

	if (nul)
		len = (size_t)(nul - p);
	if (len == row->max)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < TEXT_FIRST || p[i] > TEXT_LAST)
			return false;
	}
	memset(text, 0, row->max);
	if (len)
		memcpy(text, p, len);
	else
		a->seen &= ~SEEN(row->id); /* an empty name is no name */
	return true;
}

void attr_put8(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 1);
	buf_put32(out, (uint32_t) * (const uint8_t *)out_value(a, row) << 24);
}

void attr_put16(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 2);
	buf_put32(out, (uint32_t) * (const uint16_t *)out_value(a, row) << 16);
}

void attr_put32(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	attr_head(out, row, 4);
	buf_put32(out, *(const uint32_t *)out_value(a, row));
}

void attr_put_pair4(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct tuple *t = out_value(a, row);

	attr_head(out, row, 8);
	buf_put(out, t->src.b, 4);
	buf_put(out, t->dst.b, 4);
}

void attr_put_pair6(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct tuple *t = out_value(a, row);

	attr_head(out, row, 32);
	buf_put(out, t->src.b, 16);
	buf_put(out, t->dst.b, 16);
}

void attr_put_proto(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct tuple *t = out_value(a, row);

	attr_head(out, row, 1);
	buf_put32(out, (uint32_t)t->proto << 24);
}

void attr_put_ports(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const struct tuple *t = out_value(a, row);

	attr_head(out, row, 4);
	buf_put32(out, (uint32_t)t->sport << 16 | t->dport);
}

void attr_put_text(const struct attr_out *a, const struct attr *row, struct buf *out)
{
	const char *text = out_value(a, row);
	size_t len = strnlen(text, row->max);

	attr_head(out, row, len + 1);
	buf_put(out, text, len);
	buf_zero(out, 1 + (-(len + 1) & 3));
}

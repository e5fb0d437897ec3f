// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Short forms of the rare parts of packed objects. Speed matters less here than
 * bytes: most flows have none of these.
 */
#include <assert.h>
#include <string.h>
#include "pack_bits.h"

/* First byte of a near tuple. */
#define NEAR_SRC_SRC (1u << 0) /* its source is the flow's source */
#define NEAR_SRC_DST (1u << 1)
#define NEAR_DST_SRC (1u << 2)
#define NEAR_DST_DST (1u << 3)
#define NEAR_IP6     (1u << 4)
#define NEAR_NO_FAM  (1u << 5)
#define NEAR_PORTS   (1u << 6)
#define NEAR_ICMP    (1u << 7)

static unsigned int near_bits(const struct tuple *t, const struct tuple *o)
{
	unsigned int bits = 0;

	if (addr_equal(&t->src, &o->src))
		bits |= NEAR_SRC_SRC;
	else if (addr_equal(&t->src, &o->dst))
		bits |= NEAR_SRC_DST;
	if (addr_equal(&t->dst, &o->dst))
		bits |= NEAR_DST_DST;
	else if (addr_equal(&t->dst, &o->src))
		bits |= NEAR_DST_SRC;
	if (t->family == FAM_IP6)
		bits |= NEAR_IP6;
	else if (t->family != FAM_IP4)
		bits |= NEAR_NO_FAM;
	if (t->sport || t->dport)
		bits |= NEAR_PORTS;
	if (t->icmp_type || t->icmp_code)
		bits |= NEAR_ICMP;
	return bits;
}

void pack_put_near(struct buf *b, const struct tuple *t, const struct tuple *o)
{
	unsigned int bits = near_bits(t, o);

	buf_put8(b, (uint8_t)bits);
	buf_put8(b, t->proto);
	if (!(bits & (NEAR_SRC_SRC | NEAR_SRC_DST)))
		buf_put(b, t->src.b, addr_len(t->family));
	if (!(bits & (NEAR_DST_SRC | NEAR_DST_DST)))
		buf_put(b, t->dst.b, addr_len(t->family));
	if (bits & NEAR_PORTS) {
		pack_put16(b, t->sport);
		pack_put16(b, t->dport);
	}
	if (bits & NEAR_ICMP) {
		buf_put8(b, t->icmp_type);
		buf_put8(b, t->icmp_code);
	}
}

void pack_get_near(struct buf *b, struct tuple *t, const struct tuple *o)
{
	unsigned int bits = buf_get8(b);

	memset(t, 0, sizeof(*t));
	t->family = bits & NEAR_IP6 ? FAM_IP6 : bits & NEAR_NO_FAM ? FAM_NONE : FAM_IP4;
	t->proto = buf_get8(b);
	if (bits & (NEAR_SRC_SRC | NEAR_SRC_DST))
		t->src = bits & NEAR_SRC_SRC ? o->src : o->dst;
	else
		buf_get(b, t->src.b, addr_len(t->family));
	if (bits & (NEAR_DST_SRC | NEAR_DST_DST))
		t->dst = bits & NEAR_DST_DST ? o->dst : o->src;
	else
		buf_get(b, t->dst.b, addr_len(t->family));
	if (bits & NEAR_PORTS) {
		t->sport = pack_get16(b);
		t->dport = pack_get16(b);
	}
	if (bits & NEAR_ICMP) {
		t->icmp_type = buf_get8(b);
		t->icmp_code = buf_get8(b);
	}
}

/* A mask of the bytes that are not 0, and these. */
_Static_assert(4 * FLOW_LABEL_WORDS == 16, "the mask has 16 bits");

void pack_put_labels(struct buf *b, const uint32_t labels[FLOW_LABEL_WORDS])
{
	uint8_t v[16];
	unsigned int mask = 0;

	memcpy(v, labels, sizeof(v));
	for (unsigned int i = 0; i < 16; i++)
		mask |= (unsigned int)(v[i] != 0) << i;
	pack_put16(b, (uint16_t)mask);
	for (unsigned int i = 0; i < 16; i++)
		if (v[i])
			buf_put8(b, v[i]);
}

void pack_get_labels(struct buf *b, uint32_t labels[FLOW_LABEL_WORDS])
{
	unsigned int mask = pack_get16(b);
	uint8_t v[16];

	for (unsigned int i = 0; i < 16; i++)
		v[i] = mask >> i & 1 ? buf_get8(b) : 0;
	memcpy(labels, v, sizeof(v));
}

/* A mask of the words that are not 0, and these. */
void pack_put_seqadj(struct buf *b, const struct seqadj s[2])
{
	uint32_t v[6] = { s[0].pos, (uint32_t)s[0].before, (uint32_t)s[0].after,
			  s[1].pos, (uint32_t)s[1].before, (uint32_t)s[1].after };
	unsigned int mask = 0;

	for (unsigned int i = 0; i < 6; i++)
		mask |= (unsigned int)(v[i] != 0) << i;
	buf_put8(b, (uint8_t)mask);
	for (unsigned int i = 0; i < 6; i++)
		if (v[i])
			pack_put32(b, v[i]);
}

void pack_get_seqadj(struct buf *b, struct seqadj s[2])
{
	unsigned int mask = buf_get8(b);
	uint32_t v[6];

	for (unsigned int i = 0; i < 6; i++)
		v[i] = mask >> i & 1 ? pack_get32(b) : 0;
	s[0] = (struct seqadj){ v[0], (int32_t)v[1], (int32_t)v[2] };
	s[1] = (struct seqadj){ v[3], (int32_t)v[4], (int32_t)v[5] };
}

void pack_put_name(struct buf *b, const char *name, size_t cap)
{
	size_t len = strnlen(name, cap - 1);

	buf_put8(b, (uint8_t)len);
	buf_put(b, name, len);
}

void pack_get_name(struct buf *b, char *name, size_t cap)
{
	size_t len = buf_get8(b);

	assert(len < cap);
	buf_get(b, name, len);
}

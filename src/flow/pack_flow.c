// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows at rest. The caches hold millions of them, so each byte here counts and
 * each nanosecond too: a flow is packed and unpacked at every event.
 *
 * Fixed part (IPv4 32 bytes, IPv6 56, integers in the byte order of the machine):
 *
 *	key    both addresses; a word of source port, destination port (ICMP: id,
 *	       then type and code), zone and protocol
 *	tail   timeout 4, kernel id 4, status (low half) 2, TCP flags 2, form 4
 *
 * "form" says what is known, holds the state and the window scales, and lists
 * the common parts of the extension. The extension has, in this order and only
 * if present: reply part, mark, helper, a second list, and what that one names.
 *
 * A reply tuple as reported is stored as its difference from the turned-round
 * original, and thus is nothing without NAT. Translations as received go into
 * the same places; F_REPLY tells which of the two they are.
 */
#include <assert.h>
#include <string.h>
#include "base/buf.h"
#include "base/hash.h"
#include "flow/pack.h"
#include "pack_bits.h"

#define IP4_KEY 16
#define IP6_KEY 40
#define TAIL    16

/* Bits of "form". Groups of "has" bits keep their order, so that they move with one shift. */
#define F_STATE_MAX  15u /* bits 0-3: state */
#define F_WSCALE_MAX 15u
#define F_WSCALE0    4 /* shifts: window scales */
#define F_WSCALE1    8
#define F_BASIC      12 /* shift: FLOW_HAS_REPLY to FLOW_HAS_TCPFLAGS */
#define F_KNOWN      2  /* shift down: FLOW_HAS_ID, _PORTS, _ICMP */
#define F_SYNPROXY   (1u << 22)
#define F_XLAT       13         /* shift: the four parts of the reply */
#define F_MARK       (1u << 27) /* mark not 0 */
#define F_HELPER     (1u << 28)
#define F_ZONE       (1u << 29)
#define F_MORE       (1u << 30) /* second list follows */

#define HAS_BASIC                                                                               \
	(FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK | FLOW_HAS_STATE | \
	 FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS)
#define HAS_KNOWN (FLOW_HAS_ID | FLOW_HAS_PORTS | FLOW_HAS_ICMP)
#define HAS_XLAT  (FLOW_HAS_SNAT | FLOW_HAS_DNAT | FLOW_HAS_SPAT | FLOW_HAS_DPAT)

_Static_assert(HAS_BASIC == 0x7fu, "F_BASIC expects bits 0 to 6");
_Static_assert(HAS_KNOWN == 7u << 21, "F_KNOWN expects bits 21 to 23");
_Static_assert(HAS_XLAT == 15u << 10, "F_XLAT expects bits 10 to 13");
_Static_assert((HAS_XLAT << F_XLAT & (F_SYNPROXY | F_MARK)) == 0 &&
		       (HAS_KNOWN >> F_KNOWN & (HAS_BASIC << F_BASIC | F_SYNPROXY)) == 0,
	       "the groups of form overlap");

/* Second list, 16 bits. */
#define M_REPLY_ODD    (1u << 0) /* a reply tuple that is no translation */
#define M_STATUS_HIGH  (1u << 1)
#define M_STATE        (1u << 2) /* does not fit in 4 bits */
#define M_WSCALE       (1u << 3) /* likewise */
#define M_LABELS       (1u << 4)
#define M_MASTER       (1u << 5)
#define M_MASTER_PORTS (1u << 6)
#define M_SEQADJ       (1u << 7)
#define M_SYNPROXY     (1u << 8) /* not all zero */
#define M_VTAG         (1u << 9)
#define M_DCCP         (1u << 10)
#define M_ZONE_ORIG    (1u << 11)
#define M_ZONE_REPLY   (1u << 12)

/* The most an extension can hold. */
#define EXT_BOUND                                                                               \
	(4 + PACK_NAME_MAX(FLOW_HELPER_MAX) + 2 + PACK_NEAR_MAX + 2 + 1 + 2 + PACK_LABELS_MAX + \
	 PACK_NEAR_MAX + PACK_SEQADJ_MAX + 12 + 8 + 1 + 4)
_Static_assert(EXT_BOUND <= PACK_EXT_MAX, "an extension must always fit");

static enum pack_class flow_class(const void *obj)
{
	const struct flow *f = obj;

	return f->orig.family == FAM_IP6 ? PACK_FLOW6 : PACK_FLOW4;
}

static inline size_t key_size(enum pack_class c)
{
	return c == PACK_FLOW6 ? IP6_KEY : IP4_KEY;
}

static size_t flow_fixed_size(enum pack_class c)
{
	return key_size(c) + TAIL;
}

/* --- key -------------------------------------------------------------- */

static inline void store16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void store32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* What follows the addresses, as one word. */
static inline uint64_t key_word(const struct flow *f)
{
	const struct tuple *o = &f->orig;
	uint32_t second = o->dport;

	if (proto_is_icmp(o->proto))
		second = (uint32_t)o->icmp_type << 8 | o->icmp_code;
	return o->sport | (uint64_t)second << 16 | (uint64_t)f->zone << 32 |
	       (uint64_t)o->proto << 48;
}

/*
 * Returns the length; key has room for it (IP6_KEY at most). Written in words
 * of the size that hash and comparison read: a processor forwards a store to a
 * load of its size at once, but has to wait for several small ones.
 */
static inline size_t put_key(const struct flow *f, uint8_t *key)
{
	const struct tuple *o = &f->orig;

	if (o->family == FAM_IP6) {
		memcpy(key, o->src.b, 16);
		memcpy(key + 16, o->dst.b, 16);
		store64(key + 32, key_word(f));
		return IP6_KEY;
	}
	store64(key, load32(o->src.b) | (uint64_t)load32(o->dst.b) << 32);
	store64(key + 8, key_word(f));
	return IP4_KEY;
}

static inline void get_key(enum pack_class c, const uint8_t *key, struct flow *f)
{
	struct tuple *o = &f->orig;
	uint64_t word = load64(key + key_size(c) - 8);

	if (c == PACK_FLOW6) {
		memcpy(o->src.b, key, 16);
		memcpy(o->dst.b, key + 16, 16);
		o->family = FAM_IP6;
	} else {
		uint64_t addrs = load64(key);

		store32(o->src.b, (uint32_t)addrs);
		store32(o->dst.b, (uint32_t)(addrs >> 32));
		o->family = FAM_IP4;
	}
	o->sport = (uint16_t)word;
	o->dport = (uint16_t)(word >> 16);
	f->zone = (uint16_t)(word >> 32);
	o->proto = (uint8_t)(word >> 48);
	if (proto_is_icmp(o->proto)) {
		o->icmp_type = (uint8_t)(o->dport >> 8);
		o->icmp_code = (uint8_t)o->dport;
		o->dport = o->sport;
	}
}

static uint32_t flow_hash(const void *obj, uint64_t secret)
{
	uint8_t key[IP6_KEY];

	return hash_bytes(key, put_key(obj, key), secret);
}

static uint32_t flow_hash_packed(enum pack_class c, const uint8_t *fixed, uint64_t secret)
{
	return hash_bytes(fixed, key_size(c), secret);
}

static bool flow_match(enum pack_class c, const uint8_t *fixed, const void *obj)
{
	uint8_t key[IP6_KEY];
	size_t len = put_key(obj, key);

	return len == key_size(c) && memcmp(key, fixed, len) == 0;
}

/* --- packing ------------------------------------------------------------ */

/* The parts of the reply tuple that differ from the turned-round original, as FLOW_HAS_*. */
static uint32_t reply_diff(const struct flow *f, unsigned int *more)
{
	struct tuple inv;
	const struct tuple *r = &f->reply;
	uint32_t diff = 0;

	tuple_invert(&f->orig, &inv);
	if (tuple_equal(&inv, r))
		return 0;
	if (r->family != inv.family || r->proto != inv.proto || r->icmp_type != inv.icmp_type ||
	    r->icmp_code != inv.icmp_code) {
		*more |= M_REPLY_ODD;
		return 0;
	}
	if (!addr_equal(&r->dst, &inv.dst))
		diff |= FLOW_HAS_SNAT;
	if (!addr_equal(&r->src, &inv.src))
		diff |= FLOW_HAS_DNAT;
	if (r->dport != inv.dport)
		diff |= FLOW_HAS_SPAT;
	if (r->sport != inv.sport)
		diff |= FLOW_HAS_DPAT;
	return diff;
}

static void put_reply(struct buf *b, const struct flow *f, uint32_t parts)
{
	bool reported = (f->has & FLOW_HAS_REPLY) != 0;
	unsigned int len = addr_len(f->orig.family);

	if (parts & FLOW_HAS_SNAT)
		buf_put(b, reported ? f->reply.dst.b : f->snat.b, len);
	if (parts & FLOW_HAS_DNAT)
		buf_put(b, reported ? f->reply.src.b : f->dnat.b, len);
	if (parts & FLOW_HAS_SPAT)
		pack_put16(b, reported ? f->reply.dport : f->snat_port);
	if (parts & FLOW_HAS_DPAT)
		pack_put16(b, reported ? f->reply.sport : f->dnat_port);
}

/* Parts that go onto the second list whenever they are known. */
static const struct {
	uint32_t has;
	uint16_t more;
} rare[] = {
	{ FLOW_HAS_LABELS, M_LABELS },
	{ FLOW_HAS_MASTER, M_MASTER },
	{ FLOW_HAS_MASTER_PORTS, M_MASTER_PORTS },
	{ FLOW_HAS_SEQADJ, M_SEQADJ },
	{ FLOW_HAS_VTAG, M_VTAG },
	{ FLOW_HAS_DCCP_ROLE, M_DCCP },
	{ FLOW_HAS_ZONE_ORIG, M_ZONE_ORIG },
	{ FLOW_HAS_ZONE_REPLY, M_ZONE_REPLY },
};

#define RARE (sizeof(rare) / sizeof(rare[0]))
#define HAS_RARE                                                                       \
	(FLOW_HAS_LABELS | FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS | FLOW_HAS_SEQADJ | \
	 FLOW_HAS_VTAG | FLOW_HAS_DCCP_ROLE | FLOW_HAS_ZONE_ORIG | FLOW_HAS_ZONE_REPLY)

static unsigned int more_of(uint32_t has)
{
	unsigned int more = 0;

	if (!(has & HAS_RARE))
		return 0;
	for (size_t i = 0; i < RARE; i++)
		if (has & rare[i].has)
			more |= rare[i].more;
	return more;
}

static void put_more(struct buf *b, const struct flow *f, unsigned int more)
{
	pack_put16(b, (uint16_t)more);
	if (more & M_REPLY_ODD)
		pack_put_near(b, &f->reply, &f->orig);
	if (more & M_STATUS_HIGH)
		pack_put16(b, (uint16_t)(f->status >> 16));
	if (more & M_STATE)
		buf_put8(b, f->state);
	if (more & M_WSCALE)
		buf_put(b, f->wscale, 2);
	if (more & M_LABELS)
		pack_put_labels(b, f->labels);
	if (more & M_MASTER)
		pack_put_near(b, &f->master, &f->orig);
	if (more & M_SEQADJ)
		pack_put_seqadj(b, f->seqadj);
	if (more & M_SYNPROXY) {
		pack_put32(b, f->synproxy_its);
		pack_put32(b, f->synproxy_isn);
		pack_put32(b, f->synproxy_tsoff);
	}
	if (more & M_VTAG)
		buf_put(b, f->vtag, sizeof(f->vtag));
	if (more & M_DCCP)
		buf_put8(b, f->dccp_role);
	if (more & M_ZONE_ORIG)
		pack_put16(b, f->zone_orig);
	if (more & M_ZONE_REPLY)
		pack_put16(b, f->zone_reply);
}

/* State and window scales: into the form if they fit, else onto the second list. */
static uint32_t small_form(const struct flow *f, unsigned int *more)
{
	uint32_t form = 0;

	if (f->has & FLOW_HAS_STATE) {
		if (f->state <= F_STATE_MAX)
			form |= f->state;
		else
			*more |= M_STATE;
	}
	if (f->has & FLOW_HAS_WSCALE) {
		if ((f->wscale[0] | f->wscale[1]) <= (int)F_WSCALE_MAX)
			form |= (uint32_t)f->wscale[0] << F_WSCALE0 | (uint32_t)f->wscale[1]
									      << F_WSCALE1;
		else
			*more |= M_WSCALE;
	}
	return form;
}

static void put_tail(uint8_t *tail, const struct flow *f, uint32_t form)
{
	uint32_t has = f->has;

	store32(tail, has & FLOW_HAS_TIMEOUT ? f->timeout : 0);
	store32(tail + 4, has & FLOW_HAS_ID ? f->id : 0);
	store16(tail + 8, has & FLOW_HAS_STATUS ? (uint16_t)f->status : 0);
	tail[10] = has & FLOW_HAS_TCPFLAGS ? f->tcp_flags[0] : 0;
	tail[11] = has & FLOW_HAS_TCPFLAGS ? f->tcp_flags[1] : 0;
	store32(tail + 12, form);
}

static size_t flow_pack(const void *obj, uint8_t *fixed, uint8_t *ext)
{
	const struct flow *f = obj;
	uint32_t has = f->has, parts = has & HAS_XLAT;
	unsigned int more = more_of(has);
	uint32_t form = (has & HAS_BASIC) << F_BASIC | (has & HAS_KNOWN) >> F_KNOWN;
	struct buf b;

	assert(addr_len(f->orig.family));
	assert(!proto_is_icmp(f->orig.proto) || f->orig.sport == f->orig.dport);
	if (has & FLOW_HAS_REPLY)
		parts = reply_diff(f, &more);
	form |= small_form(f, &more) | parts << F_XLAT;
	if (has & FLOW_HAS_STATUS && f->status >> 16)
		more |= M_STATUS_HIGH;
	if (has & FLOW_HAS_SYNPROXY) {
		form |= F_SYNPROXY;
		if (f->synproxy_its | f->synproxy_isn | f->synproxy_tsoff)
			more |= M_SYNPROXY;
	}
	if (has & FLOW_HAS_MARK && f->mark)
		form |= F_MARK;
	if (has & FLOW_HAS_HELPER)
		form |= F_HELPER;
	if (has & FLOW_HAS_ZONE)
		form |= F_ZONE;
	if (more)
		form |= F_MORE;
	put_tail(fixed + put_key(f, fixed), f, form);

	buf_write(&b, ext, PACK_EXT_MAX);
	put_reply(&b, f, parts);
	if (form & F_MARK)
		pack_put32(&b, f->mark);
	if (form & F_HELPER)
		pack_put_name(&b, f->helper, sizeof(f->helper));
	if (more)
		put_more(&b, f, more);
	assert(buf_ok(&b));
	return b.pos;
}

/* --- unpacking ---------------------------------------------------------- */

static void get_reply(struct buf *b, struct flow *f, uint32_t parts)
{
	bool reported = (f->has & FLOW_HAS_REPLY) != 0;
	unsigned int len = addr_len(f->orig.family);

	if (reported)
		tuple_invert(&f->orig, &f->reply);
	else
		f->has |= parts;
	if (!parts)
		return;
	if (parts & FLOW_HAS_SNAT)
		buf_get(b, reported ? f->reply.dst.b : f->snat.b, len);
	if (parts & FLOW_HAS_DNAT)
		buf_get(b, reported ? f->reply.src.b : f->dnat.b, len);
	if (parts & FLOW_HAS_SPAT)
		*(reported ? &f->reply.dport : &f->snat_port) = pack_get16(b);
	if (parts & FLOW_HAS_DPAT)
		*(reported ? &f->reply.sport : &f->dnat_port) = pack_get16(b);
}

static uint32_t has_of(unsigned int more)
{
	uint32_t has = 0;

	for (size_t i = 0; i < RARE; i++)
		if (more & rare[i].more)
			has |= rare[i].has;
	return has;
}

static void get_more(struct buf *b, struct flow *f)
{
	unsigned int more = pack_get16(b);

	f->has |= has_of(more);
	if (more & M_REPLY_ODD)
		pack_get_near(b, &f->reply, &f->orig);
	if (more & M_STATUS_HIGH)
		f->status |= (uint32_t)pack_get16(b) << 16;
	if (more & M_STATE)
		f->state = buf_get8(b);
	if (more & M_WSCALE)
		buf_get(b, f->wscale, 2);
	if (more & M_LABELS)
		pack_get_labels(b, f->labels);
	if (more & M_MASTER)
		pack_get_near(b, &f->master, &f->orig);
	if (more & M_SEQADJ)
		pack_get_seqadj(b, f->seqadj);
	if (more & M_SYNPROXY) {
		f->synproxy_its = pack_get32(b);
		f->synproxy_isn = pack_get32(b);
		f->synproxy_tsoff = pack_get32(b);
	}
	if (more & M_VTAG)
		buf_get(b, f->vtag, sizeof(f->vtag));
	if (more & M_DCCP)
		f->dccp_role = buf_get8(b);
	if (more & M_ZONE_ORIG)
		f->zone_orig = pack_get16(b);
	if (more & M_ZONE_REPLY)
		f->zone_reply = pack_get16(b);
}

static uint32_t get_tail(const uint8_t *tail, struct flow *f)
{
	uint32_t form = load32(tail + 12);

	f->timeout = load32(tail);
	f->id = load32(tail + 4);
	f->status = load16(tail + 8);
	f->tcp_flags[0] = tail[10];
	f->tcp_flags[1] = tail[11];
	f->state = form & F_STATE_MAX;
	f->wscale[0] = form >> F_WSCALE0 & F_WSCALE_MAX;
	f->wscale[1] = form >> F_WSCALE1 & F_WSCALE_MAX;
	f->has = (form >> F_BASIC & HAS_BASIC) | (form << F_KNOWN & HAS_KNOWN);
	if (form & F_SYNPROXY)
		f->has |= FLOW_HAS_SYNPROXY;
	if (form & F_HELPER)
		f->has |= FLOW_HAS_HELPER;
	if (form & F_ZONE)
		f->has |= FLOW_HAS_ZONE;
	return form;
}

static void flow_unpack(enum pack_class c, const uint8_t *fixed, const uint8_t *ext, size_t ext_len,
			void *obj)
{
	struct flow *f = obj;
	struct buf b;
	uint32_t form;

	assert(c == PACK_FLOW4 || c == PACK_FLOW6);
	flow_init(f);
	get_key(c, fixed, f);
	form = get_tail(fixed + key_size(c), f);
	buf_read(&b, ext, ext_len);
	get_reply(&b, f, form >> F_XLAT & HAS_XLAT);
	if (form & F_MARK)
		f->mark = pack_get32(&b);
	if (form & F_HELPER)
		pack_get_name(&b, f->helper, sizeof(f->helper));
	if (form & F_MORE)
		get_more(&b, f);
	assert(buf_ok(&b));
}

const struct pack_ops pack_flow = {
	.class_of = flow_class,
	.fixed_size = flow_fixed_size,
	.hash = flow_hash,
	.hash_packed = flow_hash_packed,
	.match = flow_match,
	.pack = flow_pack,
	.unpack = flow_unpack,
	.obj_size = sizeof(struct flow),
};

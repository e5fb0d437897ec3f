/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_ATTR_H
#define CTD_WIRE_ATTR_H

/*
 * Attributes described by tables. A row says everything of one attribute: its
 * number, its sizes, where its value lives in the object, how it is read and
 * written, and under which condition it is sent. The rows stand in the order
 * of transmission; reading finds its row through a list by number.
 *
 * Conditions are sets of facts: bits 0-31 are the object's "has", higher bits
 * are what the codec adds (address family, kind of protocol). A row is sent
 * when all facts it needs hold. The reverse, which parts are known after
 * reading, is a list of struct attr_part.
 */
#include <stdint.h>
#include "base/buf.h"
#include "flow/flow.h"
#include "wire/codec.h"

/* Facts on top of "has". */
#define FACT_PROTO   (1ull << 32) /* layer 4 protocol known */
#define FACT_IP4     (1ull << 33)
#define FACT_IP6     (1ull << 34)
#define FACT_MASTER4 (1ull << 35)
#define FACT_MASTER6 (1ull << 36)
#define FACT_MASK4   (1ull << 37)
#define FACT_MASK6   (1ull << 38)
#define FACT_NAT4    (1ull << 39)
#define FACT_PORTS   (1ull << 40) /* protocol whose ports are transmitted */
#define FACT_TCP     (1ull << 41)
#define FACT_SCTP    (1ull << 42)
#define FACT_DCCP    (1ull << 43)
#define FACT_ICMP    (1ull << 44) /* also ICMPv6 */
#define FACT_KEYS    (1ull << 45) /* GRE keys, UDPlite ports: not in version 1 */
#define FACT_EXTRAS  (1ull << 46) /* the receiver takes what is not in version 1 */
#define FACT_XSPAT   (1ull << 47) /* translated id or key of such a protocol */
#define FACT_XDPAT   (1ull << 48)
#define FACT_XHELPER (1ull << 49) /* a helper name too long for version 1 */
#define FACT_NAT6    (1ull << 50) /* not in version 1 */

/* Set of attribute numbers; all are below 64. */
#define SEEN(id) (1ull << (id))

/* Largest helper name either kind carries, with the NUL. */
#define WIRE_HELPER_SIZE 12

struct attr_in {
	void *obj;        /* being filled */
	uint64_t seen;    /* numbers read so far */
	uint16_t icmp_id; /* apart from the ports: a stray one must not hurt them */
	bool swapped_be;  /* see struct wire_params */
};

struct attr_out {
	const void *obj;
	uint64_t facts;
	struct flow_nat nat; /* flows: translations in either form */
	bool swapped_be;
};

struct attr {
	uint8_t id;
	uint16_t min, max; /* payload bytes accepted */
	uint16_t at;       /* offset of the value in the object */
	uint64_t need;     /* facts that make it sent */
	uint64_t voids;    /* others sharing the place, unseen from here on */
	/* Read the payload, all of "in". False: malformed. */
	bool (*get)(struct attr_in *a, const struct attr *row, struct buf *in);
	/* Write the attribute, header and padding included. */
	void (*put)(const struct attr_out *a, const struct attr *row, struct buf *out);
};

struct attr_table {
	const struct attr *rows;
	const uint8_t *row_of; /* by number: row + 1, 0 = no such attribute */
	uint8_t nrows, nids;
};

/* A part of an object is known when all of "seen" was read and all of "facts" holds. */
struct attr_part {
	uint32_t has;
	uint64_t seen;
	uint64_t facts;
};

/* Facts that follow from a protocol, and from an address family (ip4 or ip6). */
uint64_t attr_proto_facts(uint8_t proto);
uint64_t attr_family_facts(uint8_t family, uint64_t ip4, uint64_t ip6);

/* Read all attributes of a body. 0 or CTD_EBADPAYLOAD; the object is scratch. */
int attr_walk(const struct attr_table *t, struct attr_in *a, const uint8_t *body, size_t len);

/* "has" of what was read. */
uint32_t attr_parts(const struct attr_part *parts, size_t n, uint64_t seen, uint64_t facts);

/* Header, then every attribute whose facts hold. Length of the message, 0 if it does not fit. */
size_t attr_message(const struct attr_table *t, const struct attr_out *a,
		    const struct wire_header *h, uint8_t *out, size_t cap);

/* Values at row->at: integers, an address pair or ports of a tuple, one address, text. */
bool attr_get8(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get16(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get16swap(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get32(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_pair4(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_pair6(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_proto(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_ports(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_addr(struct attr_in *a, const struct attr *row, struct buf *in);
bool attr_get_text(struct attr_in *a, const struct attr *row, struct buf *in);

void attr_put8(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put16(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put32(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put_pair4(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put_pair6(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put_proto(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put_ports(const struct attr_out *a, const struct attr *row, struct buf *out);
void attr_put_text(const struct attr_out *a, const struct attr *row, struct buf *out);

/* Length and number of an attribute with this many payload bytes. */
static inline void attr_head(struct buf *out, const struct attr *row, size_t size)
{
	buf_put32(out, (uint32_t)(size + 4) << 16 | row->id);
}

/* The three attributes whose byte order depends on the sender (W28). */
static inline void attr_swap16(const struct attr_out *a, struct buf *out, uint16_t v)
{
	uint16_t turned = (uint16_t)(v << 8 | v >> 8);

	buf_put32(out, (uint32_t)(a->swapped_be ? v : turned) << 16);
}

#endif

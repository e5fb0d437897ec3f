/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_TUPLE_H
#define CTD_FLOW_TUPLE_H

/*
 * One direction of a flow: addresses, protocol, and what tells flows of one
 * protocol apart. A plain value; padding-free fields are zero when unused so
 * that values can be compared field by field.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Address families as on Linux (AF_INET, AF_INET6); the core includes no socket header. */
#define FAM_NONE 0
#define FAM_IP4  2
#define FAM_IP6  10

/* IP protocol numbers that need a special case (IANA). */
#define IPP_ICMP    1
#define IPP_TCP     6
#define IPP_UDP     17
#define IPP_DCCP    33
#define IPP_GRE     47
#define IPP_ICMP6   58
#define IPP_SCTP    132
#define IPP_UDPLITE 136

/* Network byte order in "b"; IPv4 uses the first 4 bytes, the rest is 0. */
struct addr {
	uint8_t b[16];
};

struct tuple {
	struct addr src, dst;
	uint16_t sport, dport; /* host order; GRE: keys; ICMP: sport = dport = id */
	uint8_t family;        /* FAM_* */
	uint8_t proto;         /* IP protocol */
	uint8_t icmp_type;     /* ICMP and ICMPv6 only */
	uint8_t icmp_code;
};

/* Bytes of an address of this family: 4, 16, or 0 for FAM_NONE. */
static inline unsigned int addr_len(uint8_t family)
{
	return family == FAM_IP4 ? 4 : family == FAM_IP6 ? 16 : 0;
}

/* Does the protocol carry ports in its tuple (TCP, UDP, UDPlite, SCTP, DCCP)? */
static inline bool proto_has_ports(uint8_t proto)
{
	return proto == IPP_TCP || proto == IPP_UDP || proto == IPP_UDPLITE || proto == IPP_SCTP ||
	       proto == IPP_DCCP;
}

/* ICMP or ICMPv6. */
static inline bool proto_is_icmp(uint8_t proto)
{
	return proto == IPP_ICMP || proto == IPP_ICMP6;
}

/* Name as listings print it, "unknown" if none. Static storage. */
const char *proto_name(uint8_t proto);

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return addr_equal(&a->src, &b->src) && addr_equal(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->family == b->family &&
	       a->proto == b->proto && a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code;
}

/*
 * The tuple of the answering packets: addresses and ports swapped, ICMP type
 * replaced by its answer (RFC 792, RFC 4443; 8<->0, 13<->14, 15<->16, 17<->18,
 * 128<->129, 139<->140). A type without an answer is kept.
 */
void tuple_invert(const struct tuple *t, struct tuple *out);

/*
 * Text of an address: dotted quad, or RFC 5952 for IPv6. out needs 46 bytes.
 */
void addr_text(const struct addr *a, uint8_t family, char *out);

/* Parse either form; fills family. 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *a, uint8_t *family);

#endif

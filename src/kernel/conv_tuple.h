/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_CONV_TUPLE_PRIVATE_H
#define CTD_KERNEL_CONV_TUPLE_PRIVATE_H

/*
 * What the readers of flows and of expectations share: message headers and
 * tuples. Inlined, since both run once per event.
 */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "base/err.h"
#include "flow/tuple.h"
#include "attr.h"

#define MSG_HDRLEN (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)))

/* What a tuple attribute contained. */
#define T_SRC   (1u << 0)
#define T_DST   (1u << 1)
#define T_V4    (1u << 2)
#define T_V6    (1u << 3)
#define T_PROTO (1u << 4)
#define T_SPORT (1u << 5)
#define T_DPORT (1u << 6)
#define T_ID    (1u << 7)
#define T_TYPE  (1u << 8)
#define T_CODE  (1u << 9)
#define T_ZONE  (1u << 10)

#define T_PORTS (T_SPORT | T_DPORT)
#define T_ICMP  (T_ID | T_TYPE | T_CODE)

ATTR_INLINE bool is_icmp(uint8_t proto)
{
	return proto == IPP_ICMP || proto == IPP_ICMP6;
}

ATTR_INLINE uint32_t take_addr(struct attr_iter *it, struct addr *a, size_t n, uint32_t part)
{
	if (!attr_is(it, n))
		return 0;
	memcpy(a->b, it->cur.data, n);
	return part;
}

ATTR_INLINE uint32_t parse_ip(struct attr_run run, struct tuple *t)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_IP_V4_SRC:
			has |= take_addr(&it, &t->src, 4, T_SRC | T_V4);
			break;
		case CTA_IP_V4_DST:
			has |= take_addr(&it, &t->dst, 4, T_DST | T_V4);
			break;
		case CTA_IP_V6_SRC:
			has |= take_addr(&it, &t->src, 16, T_SRC | T_V6);
			break;
		case CTA_IP_V6_DST:
			has |= take_addr(&it, &t->dst, 16, T_DST | T_V6);
			break;
		}
	}
	t->family = has & T_V4 ? FAM_IP4 : FAM_IP6;
	return attr_found(&it, has);
}

/* Which of them is meant follows from the protocol; the rest stays 0. */
ATTR_INLINE uint32_t parse_l4(struct attr_run run, struct tuple *t)
{
	uint16_t sport = 0, dport = 0, id = 0;
	uint8_t type = 0, code = 0;
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_PROTO_NUM:
			t->proto = attr_u8(&it);
			has |= T_PROTO;
			break;
		case CTA_PROTO_SRC_PORT:
			sport = attr_be16(&it);
			has |= T_SPORT;
			break;
		case CTA_PROTO_DST_PORT:
			dport = attr_be16(&it);
			has |= T_DPORT;
			break;
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			id = attr_be16(&it);
			has |= T_ID;
			break;
		case CTA_PROTO_ICMP_TYPE:
		case CTA_PROTO_ICMPV6_TYPE:
			type = attr_u8(&it);
			has |= T_TYPE;
			break;
		case CTA_PROTO_ICMP_CODE:
		case CTA_PROTO_ICMPV6_CODE:
			code = attr_u8(&it);
			has |= T_CODE;
			break;
		}
	}
	if (is_icmp(t->proto)) {
		t->sport = t->dport = id;
		t->icmp_type = type;
		t->icmp_code = code;
		return attr_found(&it, has & ~T_PORTS);
	}
	t->sport = sport;
	t->dport = dport;
	return attr_found(&it, has & ~T_ICMP);
}

/*
 * The one layout in which the kernel writes a tuple with ports: addresses of
 * n bytes, protocol, ports, no zone. Comparing seven attribute headers at
 * known places takes a quarter of the time of walking. 0: some other layout.
 */
ATTR_INLINE uint32_t parse_usual(struct attr_run run, size_t n, unsigned int src, unsigned int dst,
				 struct tuple *t)
{
	const uint8_t *ip = run.data, *l4 = ip + 12 + 2 * n;

	if (run.len != 40 + 2 * n || !attr_header_is(ip, 12 + 2 * n, CTA_TUPLE_IP | NLA_F_NESTED) ||
	    !attr_header_is(ip + 4, 4 + n, src) || !attr_header_is(ip + 8 + n, 4 + n, dst) ||
	    !attr_header_is(l4, 28, CTA_TUPLE_PROTO | NLA_F_NESTED) ||
	    !attr_header_is(l4 + 4, 5, CTA_PROTO_NUM) ||
	    !attr_header_is(l4 + 12, 6, CTA_PROTO_SRC_PORT) ||
	    !attr_header_is(l4 + 20, 6, CTA_PROTO_DST_PORT) || is_icmp(l4[8]))
		return 0;
	memcpy(t->src.b, ip + 8, n);
	memcpy(t->dst.b, ip + 12 + n, n);
	t->family = n == 4 ? FAM_IP4 : FAM_IP6;
	t->proto = l4[8];
	t->sport = (uint16_t)(l4[16] << 8 | l4[17]);
	t->dport = (uint16_t)(l4[24] << 8 | l4[25]);
	return T_SRC | T_DST | T_PROTO | T_PORTS | (n == 4 ? T_V4 : T_V6);
}

/* Parts found (T_*), or ATTR_BAD if it is no tuple of the family. */
static uint32_t parse_any(struct attr_run run, uint8_t family, struct tuple *t, uint16_t *zone)
{
	const uint32_t need = T_SRC | T_DST | T_PROTO, both = T_V4 | T_V6;
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_TUPLE_IP:
			has |= parse_ip(it.cur, t);
			break;
		case CTA_TUPLE_PROTO:
			has |= parse_l4(it.cur, t);
			break;
		case CTA_TUPLE_ZONE:
			*zone = attr_be16(&it);
			has |= T_ZONE;
			break;
		}
	}
	has = attr_found(&it, has);
	if ((has & ATTR_BAD) || (has & need) != need || (has & both) == both || t->family != family)
		return ATTR_BAD;
	if (t->proto == IPP_DCCP)
		has |= T_PORTS; /* a kernel without DCCP tracker knows none */
	return has;
}

/* The same for any tuple. */
ATTR_INLINE uint32_t parse_tuple(struct attr_run run, uint8_t family, struct tuple *t,
				 uint16_t *zone)
{
	uint32_t has = 0;

	if (family == FAM_IP4)
		has = parse_usual(run, 4, CTA_IP_V4_SRC, CTA_IP_V4_DST, t);
	else if (family == FAM_IP6)
		has = parse_usual(run, 16, CTA_IP_V6_SRC, CTA_IP_V6_DST, t);
	return has ? has : parse_any(run, family, t, zone);
}

/*
 * Check the headers. 0 or the error; fills the family and the run of attributes.
 */
static inline int open_msg(const void *nlmsg, size_t len, int subsys, uint8_t *family,
			   struct attr_run *run)
{
	const uint8_t *p = nlmsg;
	struct nlmsghdr h;

	if (len < MSG_HDRLEN)
		return CTD_ETRUNCATED;
	memcpy(&h, p, sizeof(h));
	if (h.nlmsg_len < MSG_HDRLEN || h.nlmsg_len > len)
		return CTD_ETRUNCATED;
	if (NFNL_SUBSYS_ID(h.nlmsg_type) != subsys)
		return CTD_EBADTYPE;
	*family = p[NLMSG_HDRLEN];
	run->data = p + MSG_HDRLEN;
	run->len = h.nlmsg_len - MSG_HDRLEN;
	return 0;
}

#endif

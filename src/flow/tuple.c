// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tuples and addresses: the smallest values of the tree. Everything that
 * compares, turns round, prints or reads an address comes here, so that no
 * other file needs to know how many bytes of it count.
 *
 * Text of addresses is written and read here and not by the C library because
 * the core may not include socket headers; the tests compare the two.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "flow/tuple.h"

#define GROUPS 8 /* 16-bit groups of an IPv6 address */

const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPP_ICMP:
		return "icmp";
	case IPP_TCP:
		return "tcp";
	case IPP_UDP:
		return "udp";
	case IPP_DCCP:
		return "dccp";
	case IPP_GRE:
		return "gre";
	case IPP_ICMP6:
		return "icmpv6";
	case IPP_SCTP:
		return "sctp";
	case IPP_UDPLITE:
		return "udplite";
	default:
		return "unknown";
	}
}

_Static_assert(sizeof(struct tuple) == 40, "struct tuple must not have padding");

/* Type of the answer to an ICMP message (RFC 792, RFC 950). */
static uint8_t icmp4_answer(uint8_t type)
{
	switch (type) {
	case 0:
		return 8;
	case 8:
		return 0;
	case 13:
	case 15:
	case 17:
		return (uint8_t)(type + 1);
	case 14:
	case 16:
	case 18:
		return (uint8_t)(type - 1);
	default:
		return type;
	}
}

/* Type of the answer to an ICMPv6 message (RFC 4443, RFC 4620). */
static uint8_t icmp6_answer(uint8_t type)
{
	switch (type) {
	case 128:
	case 139:
		return (uint8_t)(type + 1);
	case 129:
	case 140:
		return (uint8_t)(type - 1);
	default:
		return type;
	}
}

void tuple_invert(const struct tuple *t, struct tuple *out)
{
	assert(t != out);
	out->src = t->dst;
	out->dst = t->src;
	out->sport = t->dport;
	out->dport = t->sport;
	out->family = t->family;
	out->proto = t->proto;
	out->icmp_code = t->icmp_code;
	out->icmp_type = t->icmp_type;
	if (t->proto == IPP_ICMP)
		out->icmp_type = icmp4_answer(t->icmp_type);
	else if (t->proto == IPP_ICMP6)
		out->icmp_type = icmp6_answer(t->icmp_type);
}

/* --- text ------------------------------------------------------------- */

static char *put_dec8(char *p, uint8_t v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *put_quad(char *p, const uint8_t *b)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_dec8(p, b[i]);
	}
	return p;
}

/* Hexadecimal without leading zeros. */
static char *put_hex16(char *p, unsigned int v)
{
	static const char digits[] = "0123456789abcdef";
	bool started = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned int d = v >> shift & 15;

		if (!d && !started && shift)
			continue;
		*p++ = digits[d];
		started = true;
	}
	return p;
}

static unsigned int group_at(const struct addr *a, int i)
{
	return (unsigned int)a->b[2 * i] << 8 | a->b[2 * i + 1];
}

/*
 * The run of zero groups to write as "::": the longest, the first of equals,
 * at least two (RFC 5952, 4.2). Returns its length, 0 if there is none.
 */
static int zero_run(const struct addr *a, int *start)
{
	int best = 0;

	*start = -1;
	for (int i = 0; i < GROUPS; i++) {
		int n = 0;

		while (i + n < GROUPS && !group_at(a, i + n))
			n++;
		if (n > best) {
			best = n;
			*start = i;
		}
		i += n;
	}
	return best >= 2 ? best : 0;
}

static char *put_ip6(char *p, const struct addr *a)
{
	int start;
	int run = zero_run(a, &start);
	/* Mapped and compatible IPv4 addresses end in a dotted quad (RFC 4291, 2.5.5). */
	bool quad = start == 0 && (run == 6 || (run == 5 && group_at(a, 5) == 0xffff));

	for (int i = 0; i < GROUPS; i++) {
		if (run && i >= start && i < start + run) {
			if (i == start)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		if (quad && i == 6)
			return put_quad(p, a->b + 12);
		p = put_hex16(p, group_at(a, i));
	}
	if (run && start + run == GROUPS)
		*p++ = ':';
	return p;
}

void addr_text(const struct addr *a, uint8_t family, char *out)
{
	if (family == FAM_IP4)
		out = put_quad(out, a->b);
	else if (family == FAM_IP6)
		out = put_ip6(out, a);
	*out = '\0';
}

/* Four decimal numbers without leading zeros, up to the end of the text. */
static int parse_quad(const char *s, uint8_t *b)
{
	for (int i = 0; i < 4; i++) {
		unsigned int v = 0;
		int n = 0;

		if (i && *s++ != '.')
			return -EINVAL;
		for (; *s >= '0' && *s <= '9'; s++, n++) {
			if (n && !v)
				return -EINVAL;
			v = v * 10 + (unsigned int)(*s - '0');
			if (v > 255)
				return -EINVAL;
		}
		if (!n)
			return -EINVAL;
		b[i] = (uint8_t)v;
	}
	return *s ? -EINVAL : 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One to four hexadecimal digits; returns how many, 0 if none or too many. */
static int parse_group(const char *s, unsigned int *v)
{
	int n = 0;

	*v = 0;
	for (; hex_digit(s[n]) >= 0; n++) {
		if (n == 4)
			return 0;
		*v = *v << 4 | (unsigned int)hex_digit(s[n]);
	}
	return n;
}

/* Open the "::" at byte "gap" of the first n bytes of an address. */
static int fill_gap(uint8_t *b, int n, int gap)
{
	if (gap < 0)
		return n == 16 ? 0 : -EINVAL;
	if (n > 14)
		return -EINVAL; /* "::" stands for at least one group */
	memmove(b + 16 - (n - gap), b + gap, (size_t)(n - gap));
	memset(b + gap, 0, (size_t)(16 - n));
	return 0;
}

static int parse_ip6(const char *s, uint8_t *b)
{
	int n = 0, gap = -1;

	if (s[0] == ':' && s[1] != ':')
		return -EINVAL;
	while (*s) {
		unsigned int v;
		int len;

		if (s[0] == ':' && s[1] == ':') {
			if (gap >= 0)
				return -EINVAL;
			gap = n;
			s += 2;
			continue;
		}
		if (*s == ':' && (n == 0 || gap == n || !*++s))
			return -EINVAL;
		len = parse_group(s, &v);
		if (!len || n == 16)
			return -EINVAL;
		if (s[len] == '.') {
			if (n > 12 || parse_quad(s, b + n))
				return -EINVAL;
			n += 4;
			break;
		}
		if (s[len] && s[len] != ':')
			return -EINVAL;
		b[n++] = (uint8_t)(v >> 8);
		b[n++] = (uint8_t)v;
		s += len;
	}
	return fill_gap(b, n, gap);
}

int addr_parse(const char *text, struct addr *a, uint8_t *family)
{
	struct addr tmp = { { 0 } };
	bool ip6 = strchr(text, ':') != NULL;
	int err = ip6 ? parse_ip6(text, tmp.b) : parse_quad(text, tmp.b);

	if (err)
		return err;
	*a = tmp;
	*family = ip6 ? FAM_IP6 : FAM_IP4;
	return 0;
}

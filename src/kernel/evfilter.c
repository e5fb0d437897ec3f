// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From protocols and networks to a program that the kernel runs on each event
 * message. It walks the attributes of the message with the kernel's own helpers
 * (SKF_AD_NLATTR, Documentation/networking/filter.rst) to the protocol, the source
 * of the original direction and the source of the reply direction, and compares.
 * What it does not understand it lets through: user space looks again.
 *
 * Conditional jumps reach 255 instructions, so none goes further than the few of
 * one comparison; verdicts are returned on the spot, long ways use plain jumps.
 */
#include "kernel/evfilter.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#define DROP   0u
#define ACCEPT UINT32_MAX

/* Where a value is kept: words of scratch memory. */
enum place { ORIG_IP, REPLY_IP, ORIG_ADDR, REPLY_ADDR = ORIG_ADDR + 4 };

struct program {
	struct sock_filter *out;
	size_t n, cap; /* n counts on beyond cap */
};

static void emit(struct program *p, struct sock_filter i)
{
	if (p->n < p->cap)
		p->out[p->n] = i;
	p->n++;
}

static void stmt(struct program *p, unsigned int code, uint32_t k)
{
	emit(p, (struct sock_filter){ .code = (uint16_t)code, .k = k });
}

static void verdict(struct program *p, uint32_t v)
{
	stmt(p, BPF_RET | BPF_K, v);
}

/* Skip the next n instructions if A is k, or is not. */
static void skip_if(struct program *p, uint32_t k, uint8_t n)
{
	emit(p, (struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jt = n, .k = k });
}

static void skip_unless(struct program *p, uint32_t k, uint8_t n)
{
	emit(p, (struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jf = n, .k = k });
}

/* ---- the message ---- */

/* A = place of attribute "type" in the run, or in the attribute, that A is the place of; 0: none. */
static void find(struct program *p, uint32_t how, uint32_t type)
{
	stmt(p, BPF_LDX | BPF_IMM, type);
	stmt(p, BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + (int)how));
}

/* As find(); the message passes if there is none. */
static void need(struct program *p, uint32_t how, uint32_t type)
{
	find(p, how, type);
	skip_unless(p, 0, 1);
	verdict(p, ACCEPT);
}

/* Flows only. The type is in the order of this machine, its upper byte is the subsystem. */
static void only_flows(struct program *p)
{
	stmt(p, BPF_LD | BPF_B | BPF_ABS, __BYTE_ORDER == __LITTLE_ENDIAN ? 5 : 4);
	skip_if(p, NFNL_SUBSYS_CTNETLINK, 1);
	verdict(p, ACCEPT);
}

static void need_tuple(struct program *p, uint32_t tuple, uint32_t part)
{
	stmt(p, BPF_LD | BPF_IMM, NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	need(p, SKF_AD_NLATTR, tuple);
	need(p, SKF_AD_NLATTR_NEST, part);
}

/* The payload of the attribute at A: words into memory. */
static void keep(struct program *p, enum place to, unsigned int words)
{
	stmt(p, BPF_MISC | BPF_TAX, 0);
	for (unsigned int i = 0; i < words; i++) {
		stmt(p, BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN + 4 * i);
		stmt(p, BPF_ST, to + i);
	}
}

/* ---- the protocol ---- */

#define ON UINT32_MAX /* a jump to behind the set, until its place is known */

/* Members of an Accept set go on behind it, those of an Ignore set go nowhere. */
static void proto_set(struct program *p, const struct kernel_evfilter *f)
{
	const bool accept = f->proto_policy == FILTER_ACCEPT;
	size_t first;

	need_tuple(p, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO);
	need(p, SKF_AD_NLATTR_NEST, CTA_PROTO_NUM);
	stmt(p, BPF_MISC | BPF_TAX, 0);
	stmt(p, BPF_LD | BPF_B | BPF_IND, NLA_HDRLEN);
	first = p->n;
	for (unsigned int proto = 0; proto < 256; proto++) {
		if (!f->protos[proto])
			continue;
		skip_unless(p, proto, 1);
		stmt(p, accept ? BPF_JMP | BPF_JA : BPF_RET | BPF_K, accept ? ON : DROP);
	}
	if (accept)
		verdict(p, DROP);
	for (size_t i = first; i < p->n && i < p->cap; i++)
		if (p->out[i].code == (BPF_JMP | BPF_JA))
			p->out[i].k = (uint32_t)(p->n - i - 1);
}

/* ---- the addresses ---- */

static uint32_t word_of(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Instructions that compare the words from i on, and the verdict behind them. */
static uint8_t left(unsigned int prefix, unsigned int i)
{
	unsigned int n = 1;

	for (; i * 32 < prefix; i++)
		n += i * 32 + 32 > prefix ? 3 : 2;
	return (uint8_t)n;
}

/* Is the address kept at "at" in the network? Then this is the verdict. */
static void compare(struct program *p, const struct filter_net *net, enum place at, uint32_t member)
{
	for (unsigned int i = 0; i * 32 < net->prefix; i++) {
		const unsigned int bits = net->prefix - i * 32;

		stmt(p, BPF_LD | BPF_MEM, at + i);
		if (bits < 32)
			stmt(p, BPF_ALU | BPF_AND | BPF_K, UINT32_MAX << (32 - bits));
		skip_unless(p, word_of(net->addr.b + 4 * i), left(net->prefix, i + 1));
	}
	verdict(p, member);
}

/* The networks of one family; both addresses are kept. Nothing follows. */
static void networks(struct program *p, const struct kernel_evfilter *f, uint8_t family)
{
	const bool accept = f->addr_policy == FILTER_ACCEPT;

	for (size_t i = 0; i < f->n_nets && p->n <= p->cap; i++) {
		if (f->nets[i].family != family)
			continue;
		compare(p, &f->nets[i], ORIG_ADDR, accept ? ACCEPT : DROP);
		compare(p, &f->nets[i], REPLY_ADDR, accept ? ACCEPT : DROP);
	}
	verdict(p, accept ? DROP : ACCEPT);
}

/* Keep both sources, of which that of the original direction is at A. */
static void keep_sources(struct program *p, uint32_t attr, unsigned int words)
{
	keep(p, ORIG_ADDR, words);
	stmt(p, BPF_LD | BPF_MEM, REPLY_IP);
	need(p, SKF_AD_NLATTR_NEST, attr);
	keep(p, REPLY_ADDR, words);
}

static void addr_set(struct program *p, const struct kernel_evfilter *f)
{
	size_t to_six;

	need_tuple(p, CTA_TUPLE_ORIG, CTA_TUPLE_IP);
	stmt(p, BPF_ST, ORIG_IP);
	need_tuple(p, CTA_TUPLE_REPLY, CTA_TUPLE_IP);
	stmt(p, BPF_ST, REPLY_IP);
	stmt(p, BPF_LD | BPF_MEM, ORIG_IP);
	find(p, SKF_AD_NLATTR_NEST, CTA_IP_V4_SRC);
	skip_unless(p, 0, 1);
	to_six = p->n;
	stmt(p, BPF_JMP | BPF_JA, 0);
	keep_sources(p, CTA_IP_V4_SRC, 1);
	networks(p, f, FAM_IP4);
	if (to_six < p->cap)
		p->out[to_six].k = (uint32_t)(p->n - to_six - 1);
	stmt(p, BPF_LD | BPF_MEM, ORIG_IP);
	need(p, SKF_AD_NLATTR_NEST, CTA_IP_V6_SRC);
	keep_sources(p, CTA_IP_V6_SRC, 4);
	networks(p, f, FAM_IP6);
}

int evfilter_compile(const struct kernel_evfilter *f, struct sock_filter *out, size_t cap)
{
	struct program p = { .out = out, .cap = cap };

	only_flows(&p);
	if (f->proto_policy != FILTER_ABSENT)
		proto_set(&p, f);
	if (f->addr_policy != FILTER_ABSENT)
		addr_set(&p, f);
	else
		verdict(&p, ACCEPT);
	return p.n > cap ? -E2BIG : (int)p.n;
}

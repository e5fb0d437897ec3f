// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A ctnetlink message. Our reader takes or refuses it, whatever its lengths
 * say. Where the message is one that a kernel could write, and both accept it,
 * libnetfilter_conntrack reads the same from it; and what was read can be asked
 * for again.
 */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <setjmp.h>
#include <string.h>
#include "base/err.h"
#include "fuzz.h"
#include "kernel/conv.h"
#include "nfct_same.h"

#define NEST_MAX 4
#define HEADERS  (MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg)))

/* Netlink alignment, and the end of the block is the end of the message. */
static struct nlmsghdr *copy(const uint8_t *data, size_t size)
{
	struct nlmsghdr *h = malloc(size);

	CHECK(h);
	memcpy(h, data, size);
	return h;
}

static void known(int rc)
{
	CHECK(rc == 0 || rc == CTD_ETRUNCATED || rc == CTD_EBADTYPE || rc == CTD_EBADPAYLOAD ||
	      rc == CTD_ENOKEY);
}

/*
 * All there is of ICMP or of ICMPv6 for these protocols, else both ports or none: the
 * library keeps them in one place, for both directions.
 */
static bool of_protocol(uint8_t proto, uint64_t seen)
{
	const uint64_t ports = 1u << CTA_PROTO_SRC_PORT | 1u << CTA_PROTO_DST_PORT;
	const uint64_t icmp =
		1u << CTA_PROTO_ICMP_ID | 1u << CTA_PROTO_ICMP_TYPE | 1u << CTA_PROTO_ICMP_CODE;
	const uint64_t icmp6 = 1u << CTA_PROTO_ICMPV6_ID | 1u << CTA_PROTO_ICMPV6_TYPE |
			       1u << CTA_PROTO_ICMPV6_CODE;

	seen &= ports | icmp | icmp6;
	if (proto == IPP_ICMP)
		return seen == icmp;
	if (proto == IPP_ICMP6)
		return seen == icmp6;
	return seen == 0 || seen == ports;
}

/*
 * Could a kernel write these attributes, the content of one of type "nest"?
 * None stands twice: the library takes the last one whole, we add them up. What
 * only looks like a nest costs a comparison, no more.
 */
static bool kernel_like(const uint8_t *data, size_t len, unsigned int nest, int depth)
{
	uint64_t seen = 0;
	uint8_t proto = 0;

	while (len >= MNL_ATTR_HDRLEN) {
		uint16_t n, type;
		size_t step;

		memcpy(&n, data, 2);
		memcpy(&type, data + 2, 2);
		type &= NLA_TYPE_MASK;
		if (n < MNL_ATTR_HDRLEN || n > len)
			break;
		if (type > 63 || (seen >> type & 1))
			return false;
		seen |= UINT64_C(1) << type;
		if (type == CTA_PROTO_NUM && n > MNL_ATTR_HDRLEN)
			proto = data[MNL_ATTR_HDRLEN];
		if (depth < NEST_MAX &&
		    !kernel_like(data + MNL_ATTR_HDRLEN, n - MNL_ATTR_HDRLEN, type, depth + 1))
			return false;
		step = MNL_ALIGN((size_t)n);
		data += step < len ? step : len;
		len -= step < len ? step : len;
	}
	return depth < 3 || nest != CTA_TUPLE_PROTO || of_protocol(proto, seen);
}

/*
 * In the order of a kernel: what belongs to a protocol after the tuple that tells
 * which it is, the sequence adjustment of the reply last.
 */
static bool kernel_order(const struct nlmsghdr *h)
{
	const struct nlattr *a;
	uint32_t seen = 0;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		unsigned int type = mnl_attr_get_type(a);

		if (type == CTA_PROTOINFO && !(seen & 1u << CTA_TUPLE_ORIG))
			return false;
		if (type == CTA_SEQ_ADJ_ORIG && (seen & 1u << CTA_SEQ_ADJ_REPLY))
			return false;
		seen |= type < 32 ? 1u << type : 0;
	}
	return true;
}

/* A zone holds for both directions or for one of them: it stands in one place. */
static bool one_zone(const struct nlmsghdr *h)
{
	const struct nlattr *a, *b;
	unsigned int n = 0;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		const unsigned int type = mnl_attr_get_type(a);

		n += type == CTA_ZONE;
		if (type != CTA_TUPLE_ORIG && type != CTA_TUPLE_REPLY)
			continue;
		mnl_attr_for_each_nested(b, a) n += mnl_attr_get_type(b) == CTA_TUPLE_ZONE;
	}
	return n <= 1;
}

/*
 * The library asserts that the attributes of names are no longer than the longest
 * name it knows, a NUL early in them is not enough.
 */
#define LIBRARY_HELPER_MAX 16u
#define LIBRARY_FN_MAX     24u

static bool names_fit(const struct nlmsghdr *h)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == CTA_EXPECT_HELP_NAME &&
		    mnl_attr_get_payload_len(a) > LIBRARY_HELPER_MAX)
			return false;
		if (mnl_attr_get_type(a) == CTA_EXPECT_FN &&
		    mnl_attr_get_payload_len(a) > LIBRARY_FN_MAX)
			return false;
	}
	return true;
}

/*
 * The library calls exit() over an attribute of another size than it knows, by
 * way of this function. Replaced, it refuses the message.
 */
static jmp_buf refused;

void __abi_breakage(const char *file, int line, const char *reason);

void __abi_breakage(const char *file, int line, const char *reason)
{
	(void)file;
	(void)line;
	(void)reason;
	longjmp(refused, 1);
}

static void compare_flow(const struct nlmsghdr *h, const struct flow *f)
{
	struct nf_conntrack *ct = nfct_new();

	CHECK(ct);
	if (setjmp(refused) == 0 && nfct_nlmsg_parse(h, ct) == 0)
		CHECK_NONE(nfct_differs(ct, f));
	nfct_destroy(ct);
}

static void compare_expect(const struct nlmsghdr *h, const struct expect *e)
{
	struct nf_expect *exp;

	if (!names_fit(h))
		return;
	exp = nfexp_new();
	CHECK(exp);
	if (setjmp(refused) == 0 && nfexp_nlmsg_parse(h, exp) == 0)
		CHECK_NONE(nfexp_differs(exp, e));
	nfexp_destroy(exp);
}

/* The request that makes it; -EINVAL is for what has no usable key. */
static void ask_again(const struct kernel_op *op)
{
	uint8_t out[CONV_MSG_MAX] __attribute__((aligned(8)));
	ssize_t n = conv_build(op, 1, out, sizeof(out));
	struct expect e;
	struct flow f;

	CHECK(n != CTD_EFULL);
	if (n < 0)
		return;
	CHECK((size_t)n <= sizeof(out) && n % 4 == 0);
	if (op->kind == KOP_EXP_CREATE) {
		CHECK(conv_expect(out, (size_t)n, &e) == 0);
		compare_expect((struct nlmsghdr *)out, &e);
	} else {
		CHECK(conv_flow(out, (size_t)n, &f) == 0);
		compare_flow((struct nlmsghdr *)out, &f);
	}
}

static void read_flow(const struct nlmsghdr *h, size_t len, bool sane)
{
	struct kernel_op op = { .kind = KOP_CREATE, .window_scale = true };
	int rc = conv_flow(h, len, &op.flow);

	known(rc);
	if (rc)
		return;
	CHECK(strnlen(op.flow.helper, FLOW_HELPER_MAX) < FLOW_HELPER_MAX);
	if (sane && kernel_order(h) && one_zone(h))
		compare_flow(h, &op.flow);
	ask_again(&op);
}

static void read_expect(const struct nlmsghdr *h, size_t len, bool sane)
{
	struct kernel_op op = { .kind = KOP_EXP_CREATE };
	int rc = conv_expect(h, len, &op.expect);

	known(rc);
	if (rc)
		return;
	CHECK(strnlen(op.expect.helper, FLOW_HELPER_MAX) < FLOW_HELPER_MAX);
	CHECK(strnlen(op.expect.fn, EXPECT_FN_MAX) < EXPECT_FN_MAX);
	if (sane)
		compare_expect(h, &op.expect);
	ask_again(&op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *h;
	bool sane;

	if (!size)
		return 0;
	h = copy(data, size);
	read_flow(h, size, false);
	read_expect(h, size, false);

	/* Once more with a length that fits, as a kernel's always does. */
	if (size >= HEADERS) {
		h->nlmsg_len = (uint32_t)size;
		sane = kernel_like((uint8_t *)h + HEADERS, size - HEADERS, 0, 1);
		read_flow(h, size, sane);
		read_expect(h, size, sane);
	}
	free(h);
	return 0;
}

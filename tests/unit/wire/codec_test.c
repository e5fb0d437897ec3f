// SPDX-License-Identifier: GPL-2.0-or-later
/* Bodies: sizes of every attribute, what is sent when, what is refused, and round trips. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/err.h"
#include "support.h"

static const struct wire_params params = { .window_scale = true };
static const struct wire_params plain;
static const struct wire_params big_endian = { .swapped_be = true };

/* ---- sizes ---- */

struct size_row {
	uint16_t id, size;
	bool variable;
};

static const struct size_row flow_sizes[] = {
	{ 0, 8, false },    { 1, 32, false },  { 2, 1, false },   { 3, 4, false },
	{ 4, 1, false },    { 5, 4, false },   { 6, 4, false },   { 7, 4, false },
	{ 8, 8, false },    { 9, 32, false },  { 10, 1, false },  { 11, 4, false },
	{ 12, 4, false },   { 13, 4, false },  { 14, 2, false },  { 15, 2, false },
	{ 16, 24, false },  { 17, 1, false },  { 18, 4, false },  { 19, 4, false },
	{ 20, 1, false },   { 21, 1, false },  { 22, 1, false },  { 23, 1, false },
	{ 24, 2, false },   { 25, 1, false },  { 26, 1, false },  { 27, 12, true },
	{ 28, 1024, true }, { 29, 16, false }, { 30, 16, false }, { 31, 12, false },
	{ 32, 2, false },
};

static const struct size_row expect_sizes[] = {
	{ 0, 8, false },  { 1, 32, false }, { 2, 1, false },  { 3, 4, false },  { 4, 8, false },
	{ 5, 32, false }, { 6, 1, false },  { 7, 4, false },  { 8, 8, false },  { 9, 32, false },
	{ 10, 1, false }, { 11, 4, false }, { 12, 4, false }, { 13, 4, false }, { 14, 4, false },
	{ 15, 8, false }, { 16, 4, false }, { 17, 1, false }, { 18, 4, false }, { 19, 12, true },
	{ 20, 28, true },
};

/* The attribute stands in the middle: at the very end 4 bytes would be trailing garbage. */
static int decode_sized(bool is_flow, const struct size_row *row, size_t size)
{
	uint8_t payload[1200];
	struct attrs a = { 0 };
	struct expect e;
	struct flow f;

	memset(payload, 'a', sizeof(payload));
	if (size)
		payload[size - 1] = 0;
	attrs_add(&a, row->id, payload, size);
	attrs_add32(&a, is_flow ? 7 : 13, 1);
	return is_flow ? wire_flow_decode_any(&params, a.data, a.len, &f) :
			 wire_expect_decode_any(&params, a.data, a.len, &e);
}

static void check_sizes(bool is_flow, const struct size_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct size_row *r = &rows[i];
		int less = r->variable ? 0 : CTD_EBADPAYLOAD;

		cr_expect_eq(decode_sized(is_flow, r, r->size), 0, "%u", r->id);
		cr_expect_eq(decode_sized(is_flow, r, r->size - 1u), less, "%u", r->id);
		cr_expect_eq(decode_sized(is_flow, r, 0), less, "%u", r->id);
		cr_expect_eq(decode_sized(is_flow, r, r->size + 1u), CTD_EBADPAYLOAD, "%u", r->id);
		cr_expect_eq(decode_sized(is_flow, r, r->size + 4u), CTD_EBADPAYLOAD, "%u", r->id);
	}
}

Test(sizes, flow)
{
	static const struct size_row unknown = { 33, 4, false }, far = { 65535, 4, false };

	cr_assert_eq(sizeof(flow_sizes) / sizeof(flow_sizes[0]), 33);
	check_sizes(true, flow_sizes, 33);
	cr_assert_eq(decode_sized(true, &unknown, 4), CTD_EBADPAYLOAD);
	cr_assert_eq(decode_sized(true, &far, 4), CTD_EBADPAYLOAD);
}

Test(sizes, expect)
{
	static const struct size_row unknown = { 21, 4, false };

	cr_assert_eq(sizeof(expect_sizes) / sizeof(expect_sizes[0]), 21);
	check_sizes(false, expect_sizes, 21);
	cr_assert_eq(decode_sized(false, &unknown, 4), CTD_EBADPAYLOAD);
}

/* ---- reading ---- */

static int decode(const struct attrs *a, struct flow *f)
{
	return wire_flow_decode(&params, a->data, a->len, f);
}

Test(decode, a_failure_leaves_the_value_alone)
{
	struct attrs a = { 0 };
	struct flow f, before;

	memset(&f, 0x5a, sizeof(f));
	memcpy(&before, &f, sizeof(f));
	attrs_add_key(&a, IPP_TCP);
	attrs_add32(&a, 99, 1);
	cr_assert_eq(decode(&a, &f), CTD_EBADPAYLOAD);
	cr_assert_eq(memcmp(&f, &before, sizeof(f)), 0);
	a.len = 0;
	attrs_add32(&a, 7, 1);
	cr_assert_eq(decode(&a, &f), CTD_ENOKEY);
	cr_assert_eq(memcmp(&f, &before, sizeof(f)), 0);
}

Test(decode, last_one_wins)
{
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_TCP);
	attrs_add32(&a, 7, 1);
	attrs_add32(&a, 7, 2);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.mark, 2);
}

Test(decode, last_family_wins)
{
	static const uint8_t v6[32] = { 0x20, 1, 0xd, 0xb8 };
	static const uint8_t v4[8] = { 192, 0, 2, 1, 192, 0, 2, 2 };
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 1, v6, sizeof(v6));
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.orig.family, FAM_IP6);
	attrs_add(&a, 0, v4, sizeof(v4));
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.orig.family, FAM_IP4);
	cr_assert_eq(f.orig.src.b[0], 192);
	cr_assert_eq(f.orig.src.b[4], 0, "nothing of the longer address stays");
}

Test(decode, translations_of_the_other_family_do_not_count)
{
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8 }, v4[4] = { 192, 0, 2, 9 };
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 12, v4, 4);
	attrs_add(&a, 29, v6, 16);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_not(f.has & FLOW_HAS_SNAT);
	attrs_add(&a, 12, v4, 4);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert(f.has & FLOW_HAS_SNAT);
	cr_assert_eq(f.snat.b[0], 192);
	cr_assert_eq(f.snat.b[4], 0);
}

Test(decode, icmp_type_before_the_addresses)
{
	static const uint8_t id[2] = { 0xe6, 0x56 }, pair[8] = { 10, 1, 0, 2, 10, 2, 0, 2 };
	struct attrs a = { 0 };
	struct tuple reply;
	struct flow f;

	attrs_add8(&a, 22, 8);
	attrs_add(&a, 24, id, 2);
	attrs_add8(&a, 23, 0);
	attrs_add8(&a, 2, IPP_ICMP);
	attrs_add(&a, 0, pair, sizeof(pair));
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.orig.sport, 22246);
	flow_reply(&f, &reply);
	cr_assert_eq(reply.icmp_type, 0);
	cr_assert_eq(reply.sport, 22246);
}

Test(decode, stray_attributes_leave_no_trace)
{
	static const uint8_t id[2] = { 0x34, 0x12 };
	struct attrs a = { 0 }, b = { 0 };
	struct flow f, g;

	attrs_add_key(&a, IPP_TCP);
	attrs_add_key(&b, IPP_TCP);
	attrs_add(&b, 24, id, 2); /* ICMP id on TCP */
	attrs_add8(&b, 22, 8);
	attrs_add8(&b, 17, 3); /* SCTP state on TCP */
	attrs_add8(&b, 25, 7); /* one of two window scales */
	attrs_add8(&b, 10, 6); /* a master without addresses */
	attrs_add32(&b, 18, 1);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(decode(&b, &g), 0);
	cr_assert_eq(f.has, g.has);
	cr_assert(flow_equal(&f, &g));
	cr_assert(tuple_equal(&f.orig, &g.orig));
	cr_assert(tuple_equal(&f.master, &g.master));
}

Test(decode, the_state_of_another_protocol_does_not_count)
{
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_TCP);
	attrs_add8(&a, 4, 3);
	attrs_add8(&a, 17, 8);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_not(f.has & FLOW_HAS_STATE);
}

Test(decode, absurd_values_are_unknown)
{
	static const struct {
		uint8_t proto, state_id, last;
	} rows[] = { { IPP_TCP, 4, 9 }, { IPP_SCTP, 17, 8 }, { IPP_DCCP, 20, 7 } };
	struct attrs a;
	struct flow f;

	for (size_t i = 0; i < 3; i++) {
		a.len = 0;
		attrs_add_key(&a, rows[i].proto);
		attrs_add8(&a, rows[i].state_id, rows[i].last);
		cr_assert_eq(decode(&a, &f), 0);
		cr_assert(f.has & FLOW_HAS_STATE);
		cr_assert_eq(f.state, rows[i].last);
		attrs_add8(&a, rows[i].state_id, (uint8_t)(rows[i].last + 1));
		cr_assert_eq(decode(&a, &f), 0);
		cr_assert_not(f.has & FLOW_HAS_STATE, "protocol %u", rows[i].proto);
	}
	a.len = 0;
	attrs_add_key(&a, IPP_TCP);
	attrs_add8(&a, 25, 14);
	attrs_add8(&a, 26, 15);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_not(f.has & FLOW_HAS_WSCALE);
}

static const char *decoded_helper(const void *payload, size_t size, struct flow *f)
{
	struct attrs a = { 0 };
	uint8_t exact[64];

	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 27, payload, size);
	memcpy(exact, a.data, a.len);
	return wire_flow_decode(&params, exact, a.len, f) ? NULL :
	       f->has & FLOW_HAS_HELPER                   ? f->helper :
							    "";
}

Test(decode, names_are_bounded)
{
	struct flow f;

	cr_assert_str_eq(decoded_helper("ftp\0xyz", 8, &f), "ftp");
	cr_assert_str_eq(decoded_helper("abcdefgh", 8, &f), "abcdefgh", "not terminated (W27)");
	cr_assert_str_eq(decoded_helper("abcdefghijk", 12, &f), "abcdefghijk");
	cr_assert_null(decoded_helper("abcdefghijkl", 12, &f), "12 characters");
	cr_assert_null(decoded_helper("a\nb", 4, &f), "ends up in listings");
	cr_assert_null(decoded_helper("a b", 4, &f));
	cr_assert_str_eq(decoded_helper("\0ftp", 4, &f), "", "empty");
}

Test(decode, labels_beyond_128_are_dropped)
{
	uint8_t words[20] = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0xff };
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 28, words, 20);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert(f.has & FLOW_HAS_LABELS);
	cr_assert_eq(f.labels[0], 8);
	cr_assert_eq(f.labels[3], 0x10);
	a.len = 0;
	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 28, words, 4);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.labels[0], 8);
	cr_assert_eq(f.labels[3], 0);
	a.len = 0;
	attrs_add_key(&a, IPP_TCP);
	attrs_add(&a, 28, words, 6);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_not(f.has & FLOW_HAS_LABELS, "no multiple of 4: ignored");
}

/* ---- usable keys ---- */

Test(key, what_each_protocol_needs)
{
	static const struct {
		uint8_t proto;
		int without_ports;
	} rows[] = {
		{ IPP_TCP, CTD_ENOKEY },
		{ IPP_UDP, CTD_ENOKEY },
		{ IPP_SCTP, CTD_ENOKEY },
		{ IPP_DCCP, CTD_ENOKEY },
		{ IPP_ICMP, CTD_ENOKEY },
		{ IPP_ICMP6, CTD_ENOKEY },
		{ IPP_GRE, 0 },
		{ IPP_UDPLITE, 0 },
		{ 50, 0 },
		{ 89, 0 },
	};
	static const uint8_t pair[8] = { 192, 0, 2, 1, 198, 51, 100, 1 };
	struct flow f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attrs a = { 0 };

		attrs_add(&a, 0, pair, 8);
		attrs_add8(&a, 2, rows[i].proto);
		cr_expect_eq(decode(&a, &f), rows[i].without_ports, "%u", rows[i].proto);
	}
}

/* A kernel without DCCP sends different left-over bytes each time: one flow all the same. */
Test(key, stray_dccp_ports_do_not_count)
{
	struct attrs a = { 0 };
	struct flow f;

	attrs_add_key(&a, IPP_DCCP);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.orig.sport, 0);
	cr_assert_eq(f.orig.dport, 0);
	attrs_add8(&a, 20, 4);
	cr_assert_eq(decode(&a, &f), 0);
	cr_assert_eq(f.orig.sport, 40000);
}

Test(key, expectations_need_three_tuples)
{
	struct rng r;
	struct expect e, got;
	uint8_t out[WIRE_MSG_MAX];
	size_t n;

	rng_seed(&r, 3);
	random_expect(&r, &e);
	for (uint32_t part = EXPECT_HAS_MASTER; part <= EXPECT_HAS_MASK; part <<= 1) {
		struct expect less = e;

		less.has &= ~part;
		n = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &less, out, sizeof(out));
		cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &got), CTD_ENOKEY);
		cr_assert_eq(wire_expect_decode_any(&params, out + 8, n - 8, &got), 0);
	}
	n = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &e, out, sizeof(out));
	cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &got), 0);
}

/* ---- sending ---- */

/* Numbers of a message's attributes, e.g. "0 5 2 3 ". */
static const char *numbers(const struct wire_params *p, const struct flow *f)
{
	static char text[256];
	uint8_t out[WIRE_MSG_MAX];
	size_t n = wire_flow_encode(p, WIRE_CT_NEW, 0, 1, f, out, sizeof(out));
	struct buf b;

	cr_assert_gt(n, 0);
	text[0] = 0;
	buf_read(&b, out + 8, n - 8);
	while (buf_left(&b)) {
		size_t len = buf_get16(&b);

		sprintf(text + strlen(text), "%u ", buf_get16(&b));
		buf_take(&b, ((len + 3) & ~(size_t)3) - 4);
		cr_assert(buf_ok(&b));
	}
	return text;
}

/* TCP with everything a kernel can say. */
static void full_flow(struct flow *f)
{
	flow_init(f);
	f->orig = (struct tuple){
		.src = { { 10, 1, 0, 2 } },
		.dst = { { 10, 1, 0, 1 } },
		.sport = 40003,
		.dport = 8080,
		.family = FAM_IP4,
		.proto = IPP_TCP,
	};
	f->reply = (struct tuple){
		.src = { { 10, 2, 0, 2 } },
		.dst = { { 10, 2, 0, 100 } },
		.sport = 80,
		.dport = 4660,
		.family = FAM_IP4,
		.proto = IPP_TCP,
	};
	f->master = f->orig;
	f->status = 0x1be;
	f->zone = 5;
	f->labels[3] = 16;
	strcpy(f->helper, "ftp");
	f->has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_MARK |
		 FLOW_HAS_STATE | FLOW_HAS_WSCALE | FLOW_HAS_TCPFLAGS | FLOW_HAS_MASTER |
		 FLOW_HAS_SEQADJ | FLOW_HAS_HELPER | FLOW_HAS_LABELS | FLOW_HAS_SYNPROXY |
		 FLOW_HAS_ZONE | FLOW_HAS_ZONE_ORIG | FLOW_HAS_ID | FLOW_HAS_PORTS |
		 FLOW_HAS_MASTER_PORTS | FLOW_HAS_COUNTERS;
}

Test(encode, order_of_everything)
{
	struct flow f;

	full_flow(&f);
	cr_assert_str_eq(numbers(&params, &f),
			 "0 5 2 3 4 25 26 6 7 8 10 11 12 13 14 15 16 27 28 31 32 ");
}

Test(encode, params_leave_parts_out)
{
	static const struct wire_params no_timeout = { .no_timeout = true };
	struct flow f;

	full_flow(&f);
	cr_assert_str_eq(numbers(&plain, &f), "0 5 2 3 4 6 7 8 10 11 12 13 14 15 16 27 28 31 32 ");
	cr_assert_str_eq(numbers(&no_timeout, &f),
			 "0 5 2 3 4 7 8 10 11 12 13 14 15 16 27 28 31 32 ");
}

Test(encode, what_is_known_but_not_said)
{
	struct flow f;

	full_flow(&f);
	f.zone = 0;
	f.labels[3] = 0;
	strcpy(f.helper, "abcdefghijkl"); /* 12 characters: a peer would refuse the flow */
	f.status = 0x0e;                  /* no NAT done */
	cr_assert_str_eq(numbers(&params, &f), "0 5 2 3 4 25 26 6 7 8 10 11 16 31 ");
	strcpy(f.helper, "abcdefghijk");
	f.has &= ~FLOW_HAS_STATE;
	cr_assert_str_eq(numbers(&params, &f), "0 5 2 3 6 7 8 10 11 16 27 31 ");
	f.has &= ~FLOW_HAS_STATUS; /* unknown status: the reply tuple decides */
	cr_assert_str_eq(numbers(&params, &f), "0 2 3 6 7 8 10 11 12 13 14 15 16 27 31 ");
}

Test(encode, protocols_without_ports_on_the_wire)
{
	static const uint8_t protos[] = { IPP_GRE, IPP_UDPLITE, 50 };
	struct flow f;

	for (size_t i = 0; i < sizeof(protos); i++) {
		full_flow(&f);
		f.has &= FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_PORTS | FLOW_HAS_TIMEOUT;
		f.orig.proto = protos[i];
		f.reply.proto = protos[i];
		cr_expect_str_eq(numbers(&params, &f), "0 5 2 6 12 13 ", "%u", protos[i]);
	}
}

Test(encode, icmp_of_the_kernel_has_no_ports)
{
	struct flow f;

	full_flow(&f);
	f.orig.proto = f.reply.proto = IPP_ICMP;
	f.orig.icmp_type = 8;
	f.orig.sport = f.orig.dport = 777;
	f.reply.sport = f.reply.dport = 39776; /* translated id: cannot be said */
	f.has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_ICMP | FLOW_HAS_TIMEOUT;
	cr_assert_str_eq(numbers(&params, &f), "0 5 2 22 23 24 6 12 13 ");
	cr_assert(wire_flow_has_extras(&params, &f));
}

Test(encode, dccp_always_states_ports)
{
	struct flow f;

	full_flow(&f);
	f.orig.proto = f.reply.proto = IPP_DCCP;
	f.has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;
	f.orig.sport = f.orig.dport = 0;
	cr_assert_str_eq(numbers(&params, &f), "0 5 2 3 6 ");
	f.has |= FLOW_HAS_STATE | FLOW_HAS_DCCP_ROLE | FLOW_HAS_PORTS;
	cr_assert_str_eq(numbers(&params, &f), "0 5 2 3 20 21 6 ");
}

/* ---- what version 1 cannot say (W13) ---- */

static const struct wire_params extras = { .extras = true, .window_scale = true };

/* Encode for one of our own nodes, and decode. */
static void over_the_wire(const struct flow *f, struct flow *back)
{
	uint8_t out[WIRE_MSG_MAX];
	size_t n = wire_flow_encode(&extras, WIRE_CT_NEW, 0, 1, f, out, sizeof(out));

	cr_assert_gt(n, 0);
	cr_assert_eq(wire_flow_decode(&plain, out + 8, n - 8, back), 0);
}

Test(extras, w13_keys_and_their_translation_travel)
{
	static const uint8_t protos[] = { IPP_GRE, IPP_UDPLITE };
	struct flow f, back;
	struct tuple want, got;

	for (size_t i = 0; i < sizeof(protos); i++) {
		full_flow(&f);
		f.has &= FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_PORTS | FLOW_HAS_TIMEOUT;
		f.orig.proto = protos[i];
		f.reply.proto = protos[i];
		f.zone = 0;
		cr_expect_str_eq(numbers(&extras, &f), "0 5 2 6 12 13 48 50 51 ", "%u", protos[i]);
		cr_assert(wire_flow_has_extras(&plain, &f));
		over_the_wire(&f, &back);
		cr_assert(tuple_equal(&back.orig, &f.orig));
		cr_assert(back.has & FLOW_HAS_PORTS);
		flow_reply(&f, &want);
		flow_reply(&back, &got);
		cr_assert(tuple_equal(&want, &got));
	}
}

Test(extras, w13_a_translated_icmp_id_travels)
{
	struct flow f, back;
	struct tuple got;

	full_flow(&f);
	f.orig.proto = f.reply.proto = IPP_ICMP;
	f.orig.icmp_type = 8;
	f.orig.sport = f.orig.dport = 777;
	f.reply.sport = f.reply.dport = 39776;
	f.zone = 0;
	f.has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_ICMP | FLOW_HAS_TIMEOUT;
	cr_assert_str_eq(numbers(&extras, &f), "0 5 2 22 23 24 6 12 13 50 ");
	over_the_wire(&f, &back);
	flow_reply(&back, &got);
	cr_assert(tuple_equal(&got, &f.reply));
}

Test(extras, w13_zones_of_one_direction_and_tcp_flags_travel)
{
	struct flow f, back;

	full_flow(&f);
	f.has &= ~(FLOW_HAS_ZONE | FLOW_HAS_MASTER | FLOW_HAS_MASTER_PORTS);
	f.zone = f.zone_orig = 7;
	f.tcp_flags[0] = 0x27;
	f.tcp_flags[1] = 0x23;
	cr_assert_str_eq(numbers(&extras, &f),
			 "0 5 2 3 4 25 26 6 7 12 13 14 15 16 27 28 31 49 52 ");
	over_the_wire(&f, &back);
	cr_assert(back.has & FLOW_HAS_ZONE_ORIG);
	cr_assert_eq(back.zone_orig, 7);
	cr_assert_eq(back.zone, 7, "it is part of the key");
	cr_assert_arr_eq(back.tcp_flags, f.tcp_flags, 2);
	f.has = (f.has & ~FLOW_HAS_ZONE_ORIG) | FLOW_HAS_ZONE_REPLY;
	f.zone = f.zone_orig = 0;
	f.zone_reply = 9;
	over_the_wire(&f, &back);
	cr_assert(back.has & FLOW_HAS_ZONE_REPLY);
	cr_assert_eq(back.zone_reply, 9);
	cr_assert_eq(back.zone, 0);
}

/* Nobody pays for flags that nobody uses. */
Test(extras, tcp_flags_go_with_window_tracking_or_when_one_side_closes)
{
	static const struct wire_params no_window = { .extras = true };
	struct flow f;

	full_flow(&f);
	f.has = FLOW_HAS_STATUS | FLOW_HAS_PORTS | FLOW_HAS_STATE | FLOW_HAS_TCPFLAGS;
	f.tcp_flags[0] = f.tcp_flags[1] = 0x23;
	cr_assert_str_eq(numbers(&no_window, &f), "0 5 2 3 4 ");
	cr_assert(wire_flow_has_extras(&extras, &f) && !wire_flow_has_extras(&no_window, &f));
	f.tcp_flags[1] |= TCPF_CLOSE_INIT;
	cr_assert_str_eq(numbers(&no_window, &f), "0 5 2 3 4 49 ");
}

/* A port of an ICMP flow means nothing, whatever the reference puts there. */
Test(extras, an_icmp_id_is_not_taken_from_a_port)
{
	static const uint8_t body[] = {
		0, 12, 0, 0,  10, 1, 0, 2,  10,   1,    0, 1,  0, 5, 0, 2,  1,    0,    0, 0,
		0, 5,  0, 22, 8,  0, 0, 0,  0,    5,    0, 23, 0, 0, 0, 0,  0,    6,    0, 24,
		9, 3,  0, 0,  0,  6, 0, 14, 0x34, 0x12, 0, 0,  0, 6, 0, 15, 0x34, 0x12, 0, 0,
	};
	struct flow_nat nat;
	struct flow f;

	cr_assert_eq(wire_flow_decode(&plain, body, sizeof(body), &f), 0);
	flow_nat(&f, &nat);
	cr_assert_not(nat.spat || nat.dpat);
}

/* W27: a name too long for version 1 is left out there; between our own nodes it travels. */
Test(extras, w27_long_helper_names)
{
	struct flow f, back;

	full_flow(&f);
	f.has = FLOW_HAS_STATUS | FLOW_HAS_PORTS | FLOW_HAS_HELPER;
	strcpy(f.helper, "abcdefghijklmno");
	cr_assert_str_eq(numbers(&plain, &f), "0 5 2 3 ");
	cr_assert_str_eq(numbers(&extras, &f), "0 5 2 3 54 ");
	over_the_wire(&f, &back);
	cr_assert_str_eq(back.helper, f.helper);
	strcpy(f.helper, "abcdefghijk");
	cr_assert_str_eq(numbers(&extras, &f), "0 5 2 3 27 ");
}

/* W27: names without end, with bytes no name has, or empty. */
Test(extras, w27_received_names_are_checked)
{
	uint8_t body[] = {
		0, 12, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1, 0, 5,  0,   2,   6,   0,
		0, 0,  0, 8, 0,  3, 0, 1, 0,  2, 0, 8, 0, 27, 'f', 't', 'p', 'x',
	};
	struct flow f;

	cr_assert_eq(wire_flow_decode(&plain, body, sizeof(body), &f), 0);
	cr_assert_str_eq(f.helper, "ftpx", "ends with the attribute");
	body[33] = '\n';
	cr_assert_eq(wire_flow_decode(&plain, body, sizeof(body), &f), CTD_EBADPAYLOAD);
	body[32] = 0;
	cr_assert_eq(wire_flow_decode(&plain, body, sizeof(body), &f), 0);
	cr_assert_not(f.has & FLOW_HAS_HELPER);
}

/* Example B of the protocol text: port 80 behind destination NAT. */
Test(encode, w28_byte_order_of_the_odd_three)
{
	uint8_t le[WIRE_MSG_MAX], be[WIRE_MSG_MAX];
	struct flow f, back;
	size_t n;

	full_flow(&f);
	f.has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_PORTS;
	n = wire_flow_encode(&plain, WIRE_CT_NEW, 0, 1, &f, le, sizeof(le));
	cr_assert_arr_eq(le + n - 16,
			 ((uint8_t[]){ 0, 6, 0, 14, 0x34, 0x12, 0, 0, 0, 6, 0, 15, 0x50, 0x00, 0,
				       0 }),
			 16);
	cr_assert_eq(wire_flow_encode(&big_endian, WIRE_CT_NEW, 0, 1, &f, be, sizeof(be)), n);
	cr_assert_arr_eq(be + n - 16,
			 ((uint8_t[]){ 0, 6, 0, 14, 0x12, 0x34, 0, 0, 0, 6, 0, 15, 0x00, 0x50, 0,
				       0 }),
			 16);
	cr_assert_eq(wire_flow_decode(&big_endian, be + 8, n - 8, &back), 0);
	cr_assert_eq(back.snat_port, 4660);
	cr_assert_eq(wire_flow_decode(&plain, be + 8, n - 8, &back), 0);
	cr_assert_eq(back.snat_port, 0x3412);
}

Test(encode, header_and_room)
{
	uint8_t out[WIRE_MSG_MAX];
	struct flow f;
	size_t n;

	full_flow(&f);
	n = wire_flow_encode(&params, WIRE_CT_UPDATE, WIRE_F_GREETING, 0x01020304, &f, out,
			     sizeof(out));
	cr_assert_arr_eq(out,
			 ((uint8_t[]){ 0x11, 0x60, (uint8_t)(n >> 8), (uint8_t)n, 1, 2, 3, 4 }), 8);
	for (size_t cap = 0; cap < n; cap++)
		cr_assert_eq(wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &f, out, cap), 0);
	cr_assert_eq(wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &f, out, n), n);
}

Test(encode, expectation_order_and_long_names)
{
	uint8_t out[WIRE_MSG_MAX];
	struct expect e, back;
	size_t n;

	expect_init(&e);
	e.master = e.tuple = e.mask = e.nat = (struct tuple){ .family = FAM_IP6, .proto = IPP_TCP };
	e.has = 0x3ffff & ~(EXPECT_HAS_ZONE | EXPECT_HAS_ID);
	strcpy(e.helper, "abcdefghijkl");
	strcpy(e.fn, "nat-follow-master");
	n = wire_expect_encode(&(struct wire_params){ .no_timeout = true }, WIRE_EXP_NEW, 0, 1, &e,
			       out, sizeof(out));
	cr_assert_gt(n, 0);
	cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &back), 0);
	cr_assert_eq(back.has,
		     e.has & ~(EXPECT_HAS_TIMEOUT | EXPECT_HAS_HELPER | EXPECT_HAS_NAT_ADDR),
		     "IPv6 has no NAT address");
}

/* The largest messages stay below what every link must carry (W18). */
Test(encode, largest_messages)
{
	uint8_t out[WIRE_MSG_MAX];
	struct expect e;
	struct flow f;
	size_t n;

	full_flow(&f);
	f.orig.family = f.reply.family = f.master.family = FAM_IP6;
	strcpy(f.helper, "abcdefghijk");
	n = wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &f, out, sizeof(out));
	cr_assert_leq(n, 340, "%zu", n);
	expect_init(&e);
	e.master = e.tuple = e.mask = e.nat = f.orig;
	e.has = 0x3ffff;
	strcpy(e.helper, "abcdefghijk");
	memset(e.fn, 'x', EXPECT_FN_MAX - 1);
	n = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &e, out, sizeof(out));
	cr_assert_leq(n, 340, "%zu", n);
}

Test(extras, zone_and_ipv6_translation_of_an_expectation_travel)
{
	struct wire_params to_ours = { .extras = true };
	uint8_t out[WIRE_MSG_MAX];
	struct expect e, back;
	size_t n;

	expect_init(&e);
	e.master = e.tuple = e.mask = (struct tuple){ .family = FAM_IP6, .proto = IPP_UDP };
	e.nat = e.tuple;
	e.nat.src.b[15] = 7;
	e.nat.sport = 5060;
	e.has = 0x3ffff & ~EXPECT_HAS_ID;
	expect_set_zone(&e, 0xfffe);
	strcpy(e.helper, "sip");
	memset(e.fn, 'x', EXPECT_FN_MAX - 1);
	n = wire_expect_encode(&to_ours, WIRE_EXP_NEW, 0, 1, &e, out, sizeof(out));
	cr_assert_leq(n, 384, "%zu", n);
	cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &back), 0);
	cr_assert(expect_equal(&e, &back));
	/* No zone is said too, and can be told from silence. */
	expect_set_zone(&e, 0);
	n = wire_expect_encode(&to_ours, WIRE_EXP_NEW, 0, 1, &e, out, sizeof(out));
	cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &back), 0);
	cr_assert(back.has & EXPECT_HAS_ZONE);
	n = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &e, out, sizeof(out));
	cr_assert_eq(wire_expect_decode(&params, out + 8, n - 8, &back), 0);
	cr_assert_not(back.has & (EXPECT_HAS_ZONE | EXPECT_HAS_NAT_ADDR));
}

/* ---- round trips ---- */

static void flow_round_trip(uint64_t seed, bool from_kernel)
{
	uint8_t one[WIRE_MSG_MAX], two[WIRE_MSG_MAX];
	struct flow f, back;
	struct rng r;
	size_t n, n2;

	rng_seed(&r, seed);
	random_flow(&r, &f, from_kernel);
	n = wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &f, one, sizeof(one));
	cr_assert_gt(n, 0, "seed %lu", (unsigned long)seed);
	cr_assert_eq(wire_flow_decode(&params, one + 8, n - 8, &back), 0, "seed %lu",
		     (unsigned long)seed);
	n2 = wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &back, two, sizeof(two));
	cr_assert(n == n2 && !memcmp(one, two, n), "seed %lu", (unsigned long)seed);
	cr_assert(tuple_equal(&f.orig, &back.orig), "seed %lu", (unsigned long)seed);
	/* A received TCP flow without state keeps no window scale; nothing else may get lost. */
	if (!from_kernel && (f.has & FLOW_HAS_STATE || f.orig.proto == IPP_UDP))
		cr_assert(flow_equal(&f, &back), "seed %lu", (unsigned long)seed);
}

Test(round_trip, flows)
{
	for (uint64_t seed = 1; seed <= 20000; seed++)
		flow_round_trip(seed, seed & 1);
}

/* What a kernel's reply tuple says arrives, whatever the protocol can express of it. */
Test(round_trip, reply_tuple_arrives)
{
	uint8_t out[WIRE_MSG_MAX];
	struct tuple want, got;
	struct flow f, back;
	size_t n, compared = 0;

	for (uint64_t seed = 1; seed <= 5000; seed++) {
		struct rng r;

		rng_seed(&r, seed);
		random_flow(&r, &f, true);
		f.has |= FLOW_HAS_STATUS;
		f.status |= CTS_SRC_NAT_DONE | CTS_DST_NAT_DONE;
		if (f.reply.sport == 0 || f.reply.dport == 0)
			continue; /* port 0 means: not translated */
		n = wire_flow_encode(&params, WIRE_CT_NEW, 0, 1, &f, out, sizeof(out));
		cr_assert_eq(wire_flow_decode(&params, out + 8, n - 8, &back), 0);
		flow_reply(&f, &want);
		flow_reply(&back, &got);
		cr_assert(tuple_equal(&want, &got), "seed %lu", (unsigned long)seed);
		compared++;
	}
	cr_assert_gt(compared, 1000);
}

Test(round_trip, expectations)
{
	uint8_t one[WIRE_MSG_MAX], two[WIRE_MSG_MAX];
	struct expect e, back;
	size_t n, n2;

	for (uint64_t seed = 1; seed <= 10000; seed++) {
		struct rng r;

		rng_seed(&r, seed);
		random_expect(&r, &e);
		n = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &e, one, sizeof(one));
		cr_assert_eq(wire_expect_decode(&params, one + 8, n - 8, &back), 0);
		cr_assert(expect_equal(&e, &back), "seed %lu", (unsigned long)seed);
		n2 = wire_expect_encode(&params, WIRE_EXP_NEW, 0, 1, &back, two, sizeof(two));
		cr_assert(n == n2 && !memcmp(one, two, n), "seed %lu", (unsigned long)seed);
	}
}

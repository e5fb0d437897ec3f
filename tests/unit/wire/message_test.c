// SPDX-License-Identifier: GPL-2.0-or-later
/* Headers, framing and control messages, byte by byte. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/err.h"
#include "support.h"

Test(header, every_field_at_its_place)
{
	struct wire_header h = {
		.version = 1,
		.type = WIRE_CT_UPDATE,
		.flags = WIRE_F_HELLO,
		.len = 0x1234,
		.seq = 0x6b021bfb,
	};
	static const uint8_t want[] = { 0x11, 0x20, 0x12, 0x34, 0x6b, 0x02, 0x1b, 0xfb };
	struct wire_header back;
	uint8_t out[WIRE_HDR_LEN];
	struct buf b;

	buf_write(&b, out, sizeof(out));
	wire_header_put(&b, &h);
	cr_assert(buf_ok(&b));
	cr_assert_arr_eq(out, want, sizeof(want));

	buf_read(&b, want, sizeof(want));
	wire_header_get(&b, &back);
	cr_assert(buf_ok(&b));
	cr_assert_eq(back.version, 1);
	cr_assert_eq(back.type, WIRE_CT_UPDATE);
	cr_assert_eq(back.flags, WIRE_F_HELLO);
	cr_assert_eq(back.len, 0x1234);
	cr_assert_eq(back.seq, 0x6b021bfb);
}

Test(header, no_room_is_an_error)
{
	struct wire_header h = { .version = 1 };
	uint8_t out[7];
	struct buf b;

	buf_write(&b, out, sizeof(out));
	wire_header_put(&b, &h);
	cr_assert_not(buf_ok(&b));
}

Test(control, with_and_without_range)
{
	static const uint8_t ack[] = { 0x1a, 0x08, 0, 16,  0x6b, 2, 0x24, 0x76,
				       0,    0,    0, 100, 0,    0, 0,    102 };
	static const uint8_t alive[] = { 0x1a, 0x30, 0, 8, 0x6b, 2, 0x1b, 0xfb };
	uint8_t out[32];

	cr_assert_eq(wire_control_put(out, sizeof(out), WIRE_F_ACK, 0x6b022476, 100, 102), 16);
	cr_assert_arr_eq(out, ack, sizeof(ack));
	cr_assert_eq(wire_control_put(out, sizeof(out), WIRE_F_ALIVE | WIRE_F_HELLO, 0x6b021bfb, 7,
				      9),
		     8);
	cr_assert_arr_eq(out, alive, sizeof(alive));
}

Test(control, no_room)
{
	uint8_t out[16];

	cr_assert_eq(wire_control_put(out, 15, WIRE_F_NACK, 1, 2, 3), 0);
	cr_assert_eq(wire_control_put(out, 7, WIRE_F_ALIVE, 1, 0, 0), 0);
	cr_assert_eq(wire_control_put(NULL, 0, WIRE_F_ALIVE, 1, 0, 0), 0);
	cr_assert_eq(wire_control_put(out, 16, WIRE_F_NACK, 1, 2, 3), 16);
}

struct frame_case {
	const char *what;
	uint8_t data[40];
	size_t len;
	int rc;
	size_t used;
};

static const struct frame_case frame_cases[] = {
	{ "nothing", { 0 }, 0, CTD_ETRUNCATED, 0 },
	{ "seven bytes", { 0x10, 0, 0, 7 }, 7, CTD_ETRUNCATED, 7 },
	{ "length 0", { 0x10, 0, 0, 0 }, 12, CTD_EBADSIZE, 12 },
	{ "ACK of length 0, too short besides", { 0x1a, 0x08, 0, 0 }, 8, CTD_EBADSIZE, 8 },
	{ "length 7", { 0x10, 0, 0, 7 }, 12, CTD_EBADSIZE, 12 },
	{ "length beyond the end", { 0x10, 0, 0, 13 }, 12, CTD_EBADSIZE, 12 },
	{ "whole", { 0x10, 0, 0, 12 }, 12, 0, 12 },
	{ "odd length, more behind", { 0x10, 0, 0, 11 }, 40, 0, 11 },
	{ "version 0", { 0x00, 0, 0, 12 }, 40, CTD_EBADVERSION, 12 },
	{ "version 2 to the end", { 0x20, 0, 0, 12 }, 12, CTD_EBADVERSION, 12 },
	{ "version 2, bad length", { 0x20, 0, 0, 4 }, 12, CTD_EBADSIZE, 12 },
	{ "ACK without range", { 0x1a, 0x08, 0, 8 }, 8, CTD_ETRUNCATED, 8 },
	{ "ACK without range, more behind", { 0x1a, 0x08, 0, 8 }, 40, CTD_EBADSIZE, 40 },
	{ "ACK with half a range", { 0x1a, 0x08, 0, 12 }, 12, CTD_ETRUNCATED, 12 },
	{ "RESYNC of length 15", { 0x1a, 0x02, 0, 15 }, 40, CTD_EBADSIZE, 40 },
	{ "ACK flag on data needs no range", { 0x10, 0x08, 0, 8 }, 8, 0, 8 },
	{ "ALIVE", { 0x1a, 0x10, 0, 8 }, 8, 0, 8 },
	{ "ALIVE with payload", { 0x1a, 0x10, 0, 16 }, 16, 0, 16 },
	{ "NACK with more than a range", { 0x1a, 0x04, 0, 20 }, 20, 0, 20 },
	{ "unknown type", { 0x1f, 0, 0, 8 }, 8, 0, 8 },
};

Test(message, framing_rules_in_their_order)
{
	for (size_t i = 0; i < sizeof(frame_cases) / sizeof(frame_cases[0]); i++) {
		const struct frame_case *c = &frame_cases[i];
		uint8_t *exact = malloc(c->len ? c->len : 1); /* ASan sees one byte too far */
		struct wire_msg m;
		size_t used = 999;

		memcpy(exact, c->data, c->len);
		cr_expect_eq(wire_message_next(exact, c->len, &m, &used), c->rc, "%s", c->what);
		cr_expect_eq(used, c->used, "%s: used %zu", c->what, used);
		free(exact);
	}
}

Test(message, body_and_range)
{
	static const uint8_t nack[] = { 0x1a, 0x04, 0, 20, 0, 0,   0, 1, 0, 0,
					0,    103,  0, 0,  0, 105, 9, 9, 9, 9 };
	static const uint8_t data[] = { 0x11, 0x60, 0, 9, 0, 0, 0, 2, 0xaa };
	struct wire_msg m;
	size_t used;

	cr_assert_eq(wire_message_next(nack, sizeof(nack), &m, &used), 0);
	cr_assert_eq(m.from, 103);
	cr_assert_eq(m.to, 105);
	cr_assert_eq(m.body_len, 12);
	cr_assert_eq(wire_message_next(data, sizeof(data), &m, &used), 0);
	cr_assert_eq(m.h.type, WIRE_CT_UPDATE);
	cr_assert_eq(m.h.flags, WIRE_F_GREETING);
	cr_assert_eq(m.h.seq, 2);
	cr_assert_eq(m.body_len, 1);
	cr_assert_eq(m.body[0], 0xaa);
	cr_assert_eq(m.from, 0);
	cr_assert_eq(m.to, 0);
}

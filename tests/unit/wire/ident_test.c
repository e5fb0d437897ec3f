// SPDX-License-Identifier: GPL-2.0-or-later
/* The identity in ALIVE. */
#include <string.h>
#include <criterion/criterion.h>
#include "base/err.h"
#include "wire/ident.h"
#include "wire/message.h"

static const struct wire_ident sample = {
	.node = 0x0102030405060708,
	.life = 0x1112131415161718,
	.mode = 1,
	.bulk = 9,
	.bulk_age = 1234,
	.caps = WIRE_CAP_EXTRAS,
};

Test(ident, is_an_alive_that_carries_what_was_put_in)
{
	uint8_t buf[64];
	struct wire_ident id;
	struct wire_msg m;
	size_t used, n = wire_ident_put(buf, sizeof(buf), WIRE_F_ALIVE | WIRE_F_HELLO, 77, &sample);

	cr_assert_eq(n, WIRE_HDR_LEN + WIRE_IDENT_LEN);
	cr_assert_eq(n % 4, 0);
	cr_assert_eq(wire_message_next(buf, n, &m, &used), 0);
	cr_assert_eq(m.h.flags, WIRE_F_ALIVE | WIRE_F_HELLO);
	cr_assert_eq(m.h.seq, 77);
	cr_assert_eq(wire_ident_get(m.body, m.body_len, &id), 0);
	cr_assert_eq(id.node, sample.node);
	cr_assert_eq(id.life, sample.life);
	cr_assert_eq(id.mode, 1);
	cr_assert_eq(id.bulk, 9);
	cr_assert_eq(id.bulk_age, 1234);
	cr_assert_eq(id.caps, WIRE_CAP_EXTRAS);
}

Test(ident, no_room_is_no_message)
{
	uint8_t buf[64];

	cr_assert_eq(wire_ident_put(buf, WIRE_HDR_LEN + WIRE_IDENT_LEN - 1, WIRE_F_ALIVE, 1,
				    &sample),
		     0);
}

Test(ident, anything_else_is_not_taken_for_one)
{
	uint8_t buf[64];
	struct wire_ident id;
	const size_t n = wire_ident_put(buf, sizeof(buf), WIRE_F_ALIVE, 1, &sample) - WIRE_HDR_LEN;
	uint8_t *body = buf + WIRE_HDR_LEN;

	for (size_t len = 0; len < n; len++)
		cr_assert_eq(wire_ident_get(body, len, &id), CTD_EBADPAYLOAD);
	cr_assert_eq(wire_ident_get(body, n, &id), 0);
	cr_assert_eq(wire_ident_get(body, n + 8, &id), 0, "later versions may say more");
	body[0] ^= 1;
	cr_assert_eq(wire_ident_get(body, n, &id), CTD_EBADPAYLOAD);
}

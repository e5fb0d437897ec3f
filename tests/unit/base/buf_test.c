// SPDX-License-Identifier: GPL-2.0-or-later
/* The byte cursor: byte orders, borders, and errors that stick. */
#include "base/buf.h"

#include <criterion/criterion.h>

Test(buf, writes_what_it_reads)
{
	uint8_t raw[32];
	uint8_t got[3];
	struct buf b;

	buf_write(&b, raw, sizeof(raw));
	buf_put8(&b, 0xfe);
	buf_put16(&b, 0x8123);
	buf_put16le(&b, 0x8123);
	buf_put32(&b, 0x89abcdef);
	buf_put(&b, "xyz", 3);
	buf_zero(&b, 2);
	cr_assert(buf_ok(&b));
	cr_assert_eq(b.pos, 14);
	cr_assert_arr_eq(raw, "\xfe\x81\x23\x23\x81\x89\xab\xcd\xefxyz\0\0", 14);

	buf_read(&b, raw, 14);
	cr_assert_eq(buf_get8(&b), 0xfe);
	cr_assert_eq(buf_get16(&b), 0x8123);
	cr_assert_eq(buf_get16le(&b), 0x8123);
	cr_assert_eq(buf_get32(&b), 0x89abcdef);
	buf_get(&b, got, 3);
	cr_assert_arr_eq(got, "xyz", 3);
	cr_assert_eq(buf_left(&b), 2);
	cr_assert(buf_ok(&b));
}

Test(buf, reading_past_the_end_sticks)
{
	const uint8_t raw[] = { 1, 2, 3 };
	uint8_t got[4] = { 9, 9, 9, 9 };
	struct buf b;

	buf_read(&b, raw, sizeof(raw));
	cr_assert_eq(buf_get32(&b), 0);
	cr_assert_not(buf_ok(&b));
	cr_assert_eq(buf_left(&b), 0);
	/* One byte would fit, but the cursor has failed. */
	cr_assert_eq(buf_get8(&b), 0);
	buf_get(&b, got, 4);
	cr_assert_arr_eq(got, "\0\0\0\0", 4);
	cr_assert_eq(b.pos, 0);
}

Test(buf, writing_past_the_end_sticks)
{
	uint8_t raw[4] = { 7, 7, 7, 7 };
	struct buf b;

	buf_write(&b, raw, 3);
	buf_put16(&b, 0x0102);
	buf_put16(&b, 0x0304);
	buf_put8(&b, 5);
	buf_zero(&b, 1);
	buf_put(&b, "a", 1);
	cr_assert_not(buf_ok(&b));
	cr_assert_arr_eq(raw, "\1\2\7\7", 4);
}

Test(buf, exact_fit_is_no_error)
{
	uint8_t raw[2];
	struct buf b;

	buf_write(&b, raw, 2);
	buf_put16(&b, 1);
	cr_assert(buf_ok(&b));
	cr_assert_eq(buf_left(&b), 0);
	cr_assert_not_null(buf_take(&b, 0));
	cr_assert_null(buf_take(&b, 1));
}

Test(buf, huge_lengths_do_not_wrap)
{
	uint8_t raw[8];
	struct buf b;

	buf_read(&b, raw, sizeof(raw));
	cr_assert_not_null(buf_take(&b, 4));
	cr_assert_null(buf_take(&b, SIZE_MAX - 1));
	cr_assert_not(buf_ok(&b));
}

Test(buf, empty_input)
{
	struct buf b;

	buf_read(&b, NULL, 0);
	cr_assert_eq(buf_left(&b), 0);
	cr_assert_eq(buf_get16le(&b), 0);
	cr_assert_not(buf_ok(&b));
}

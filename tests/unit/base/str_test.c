// SPDX-License-Identifier: GPL-2.0-or-later
/* Bounded text and strict numbers. */
#include "base/str.h"

#include <errno.h>
#include <criterion/criterion.h>

Test(str, text_that_fits)
{
	char s[16];
	struct strbuf b;

	strbuf_init(&b, s, sizeof(s));
	cr_assert_str_eq(s, "");
	strbuf_add(&b, "flow");
	strbuf_addf(&b, " %d/%s", 7, "tcp");
	cr_assert_str_eq(s, "flow 7/tcp");
	cr_assert_eq(b.len, 10);
	cr_assert_not(b.cut);
}

Test(str, text_that_does_not)
{
	char s[9] = "ooooooo!";
	struct strbuf b;

	strbuf_init(&b, s, 8);
	strbuf_add(&b, "1234567");
	cr_assert_not(b.cut);
	strbuf_add(&b, "");
	cr_assert_not(b.cut);
	strbuf_add(&b, "8");
	cr_assert(b.cut);
	cr_assert_str_eq(s, "1234567");
	strbuf_init(&b, s, 8);
	strbuf_addf(&b, "%s", "12345678");
	cr_assert(b.cut);
	cr_assert_eq(b.len, 7);
	strbuf_addf(&b, "%s", "9");
	cr_assert_str_eq(s, "1234567");
	strbuf_init(&b, s, 1);
	strbuf_add(&b, "x");
	cr_assert(b.cut);
	cr_assert_str_eq(s, "");
}

Test(str, numbers)
{
	uint64_t v = 99;

	cr_assert_eq(str_to_u64("0", 0, 5, &v), 0);
	cr_assert_eq(v, 0);
	cr_assert_eq(str_to_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
	cr_assert_eq(v, UINT64_MAX);
	cr_assert_eq(str_to_u64("007", 0, 9, &v), 0);
	cr_assert_eq(v, 7);
}

Test(str, not_numbers)
{
	const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1a", "a", ".", "1\n" };
	uint64_t v = 99;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(str_to_u64(bad[i], 0, UINT64_MAX, &v), -EINVAL, "\"%s\"", bad[i]);
	cr_assert_eq(str_to_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
	cr_assert_eq(str_to_u64("99999999999999999999999", 0, UINT64_MAX, &v), -ERANGE);
	cr_assert_eq(str_to_u64("99999999999999999999999x", 0, UINT64_MAX, &v), -EINVAL);
	cr_assert_eq(str_to_u64("6", 0, 5, &v), -ERANGE);
	cr_assert_eq(str_to_u64("1", 2, 5, &v), -ERANGE);
	cr_assert_eq(v, 99);
}

Test(str, copy)
{
	char s[4] = "###";

	cr_assert(str_copy(s, sizeof(s), "abc"));
	cr_assert_str_eq(s, "abc");
	cr_assert_not(str_copy(s, sizeof(s), "wxyz"));
	cr_assert_str_eq(s, "wxy");
	cr_assert_not(str_copy(s, 1, "q"));
	cr_assert_str_eq(s, "");
	cr_assert(str_copy(s, 1, ""));
}

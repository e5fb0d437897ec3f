// SPDX-License-Identifier: GPL-2.0-or-later
/* Sequence numbers around the wrap. */
#include "base/seq.h"

#include <criterion/criterion.h>

Test(seq, order_survives_the_wrap)
{
	const uint32_t start[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	size_t i;

	for (i = 0; i < sizeof(start) / sizeof(start[0]); i++) {
		uint32_t a = start[i];

		cr_assert(seq_before(a, a + 1));
		cr_assert(seq_after(a + 1, a));
		cr_assert_not(seq_before(a, a));
		cr_assert_not(seq_after(a, a));
		cr_assert(seq_before(a, a + 0x7fffffff));
		cr_assert(seq_after(a, a - 0x7fffffff));
		cr_assert_eq(seq_diff(a + 5, a), 5);
		cr_assert_eq(seq_diff(a, a + 5), -5);
	}
}

Test(seq, between)
{
	cr_assert(seq_between(5, 5, 9));
	cr_assert(seq_between(9, 5, 9));
	cr_assert_not(seq_between(10, 5, 9));
	cr_assert_not(seq_between(4, 5, 9));
	cr_assert(seq_between(2, 0xfffffff0, 7));
	cr_assert(seq_between(0xfffffff8, 0xfffffff0, 7));
	cr_assert_not(seq_between(8, 0xfffffff0, 7));
	cr_assert_not(seq_between(0xffffffef, 0xfffffff0, 7));
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Error codes: every one has its text and none collides with errno. */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <criterion/criterion.h>

Test(err, own_codes_have_their_text)
{
	cr_assert_str_eq(err_text(CTD_ETRUNCATED), "message is cut short");
	cr_assert_str_eq(err_text(CTD_EFULL), "table or queue is full");
	cr_assert_str_eq(err_text(CTD_EBUSY), "a job of this kind is already running");
	cr_assert_str_eq(err_text(CTD_ERANGE), "value out of range");
}

Test(err, all_texts_differ)
{
	int a, b;

	for (a = 0; a < CTD_ERR_COUNT_; a++)
		for (b = 0; b < a; b++)
			cr_assert_str_neq(err_text(-(CTD_ERR_BASE + a)),
					  err_text(-(CTD_ERR_BASE + b)));
}

Test(err, errno_values_keep_their_meaning)
{
	cr_assert_str_eq(err_text(-ENOENT), strerror(ENOENT));
	cr_assert_str_eq(err_text(-ENOMEM), strerror(ENOMEM));
	cr_assert_str_eq(err_text(0), "success");
}

Test(err, any_other_number_has_a_text_too)
{
	const int odd[] = { 1, INT_MAX, INT_MIN, -(CTD_ERR_BASE + CTD_ERR_COUNT_), -1999 };
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		cr_assert(err_text(odd[i]) && *err_text(odd[i]));
	cr_assert_str_eq(err_text(-(CTD_ERR_BASE + CTD_ERR_COUNT_)), "unknown error");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Texts of error codes. The list itself is the X-macro of the header, so a
 * code cannot exist without its text.
 */
#include "base/err.h"

#include <string.h>

#define ERR_TEXT(name, text) [CTD_ERR_##name##_] = text,
static const char *const texts[] = { CTD_ERR_MAP(ERR_TEXT) };
#undef ERR_TEXT

const char *err_text(int code)
{
	if (code == 0)
		return "success";
	if (code > 0 || code <= -(CTD_ERR_BASE + CTD_ERR_COUNT_))
		return "unknown error";
	if (code <= -CTD_ERR_BASE)
		return texts[-code - CTD_ERR_BASE];
	return strerror(-code);
}

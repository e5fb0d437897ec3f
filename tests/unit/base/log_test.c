// SPDX-License-Identifier: GPL-2.0-or-later
/* Log lines: levels, borders, and one line per call whatever the text. */
#include "base/log.h"

#include <string.h>
#include <criterion/criterion.h>

struct seen {
	int n;
	enum log_level level;
	char line[2048];
};

static void take(void *ctx, enum log_level level, const char *line)
{
	struct seen *s = ctx;

	s->n++;
	s->level = level;
	strncpy(s->line, line, sizeof(s->line) - 1);
}

Test(log, formats_and_passes_the_level)
{
	struct seen s = { 0 };
	struct log log = { take, &s, LOG_LVL_DEBUG };

	log_error(&log, "peer %d", 1);
	cr_assert_eq(s.level, LOG_LVL_ERROR);
	cr_assert_str_eq(s.line, "peer 1");
	log_warning(&log, "w");
	cr_assert_eq(s.level, LOG_LVL_WARNING);
	log_notice(&log, "n");
	cr_assert_eq(s.level, LOG_LVL_NOTICE);
	log_info(&log, "i");
	cr_assert_eq(s.level, LOG_LVL_INFO);
	log_debug(&log, "d");
	cr_assert_eq(s.level, LOG_LVL_DEBUG);
	cr_assert_eq(s.n, 5);
}

Test(log, lines_above_the_maximum_are_dropped)
{
	struct seen s = { 0 };
	struct log log = { take, &s, LOG_LVL_WARNING };

	log_notice(&log, "no");
	log_debug(&log, "no");
	cr_assert_eq(s.n, 0);
	log_warning(&log, "yes");
	log_error(&log, "yes");
	cr_assert_eq(s.n, 2);
}

Test(log, no_log_swallows)
{
	const struct log nowhere = { NULL, NULL, LOG_LVL_DEBUG };

	log_error(NULL, "%s", "x");
	log_error(&nowhere, "%s", "x");
}

Test(log, long_lines_are_cut)
{
	struct seen s = { 0 };
	struct log log = { take, &s, LOG_LVL_DEBUG };

	log_info(&log, "%2000d", 1);
	cr_assert_eq(strlen(s.line), 1023);
}

Test(log, text_from_outside_makes_no_second_line)
{
	struct seen s = { 0 };
	struct log log = { take, &s, LOG_LVL_DEBUG };

	log_info(&log, "helper %s", "a\nb\x1b[2Jc\x7f\xc3\xa4");
	cr_assert_str_eq(s.line, "helper a?b?[2Jc?\xc3\xa4");
}

Test(log, level_names)
{
	cr_assert_str_eq(log_level_name(LOG_LVL_ERROR), "ERROR");
	cr_assert_str_eq(log_level_name(LOG_LVL_WARNING), "warning");
	cr_assert_str_eq(log_level_name(LOG_LVL_NOTICE), "notice");
	cr_assert_str_eq(log_level_name(LOG_LVL_INFO), "info");
	cr_assert_str_eq(log_level_name(LOG_LVL_DEBUG), "debug");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A configuration file. What is refused says why; what is accepted is printed
 * in a form that reads back and prints the same.
 */
#include <string.h>
#include "base/err.h"
#include "config/config.h"
#include "fuzz.h"

static int parse(const char *text, size_t len, struct config *c)
{
	struct config_msgs m = { 0 };
	int rc = config_parse_text(text, len, "fuzz", 0, c, &m);

	CHECK(rc == 0 || rc == CTD_ESYNTAX);
	if (rc)
		CHECK(m.n > 0 && m.v[m.n - 1].level == LOG_LVL_ERROR);
	for (size_t i = 0; i < m.n; i++) {
		CHECK(m.v[i].text[0] && strnlen(m.v[i].text, CONFIG_MSG_TEXT) < CONFIG_MSG_TEXT);
		CHECK(!strchr(m.v[i].text, '\n'));
		CHECK(!rc || i == m.n - 1 || m.v[i].level != LOG_LVL_ERROR);
	}
	config_msgs_free(&m);
	return rc;
}

static char *print(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	CHECK(f);
	CHECK(config_print(c, f) == 0);
	fclose(f);
	return text;
}

static void check_use(struct config *c)
{
	struct config_msgs m = { 0 };
	struct filter *f = config_make_filter(c);
	int rc = config_check_start(c, &m);

	CHECK(f);
	filter_free(f);
	CHECK(rc == 0 || rc == CTD_ESYNTAX);
	config_msgs_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *again;
	size_t len, len_again;
	struct config c;

	if (parse((const char *)data, size, &c))
		return 0;
	text = print(&c, &len);
	check_use(&c);
	config_free(&c);
	CHECK(parse(text, len, &c) == 0);
	again = print(&c, &len_again);
	CHECK(len == len_again && memcmp(text, again, len) == 0);
	config_free(&c);
	free(text);
	free(again);
	return 0;
}

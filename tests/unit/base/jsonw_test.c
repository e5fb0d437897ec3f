// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON writer, read back by another reader. */
#include <criterion/criterion.h>
#include <jansson.h>
#include "base/jsonw.h"

static char text[512];
static struct strbuf b;

static struct jsonw begin(void)
{
	strbuf_init(&b, text, sizeof(text));
	return jsonw_to(&b);
}

Test(jsonw, pieces)
{
	struct jsonw j = begin();

	jsonw_object(&j, NULL);
	jsonw_u64(&j, "a", 18446744073709551615u);
	jsonw_array(&j, "b");
	jsonw_array_end(&j);
	jsonw_array(&j, "c");
	jsonw_str(&j, NULL, "x");
	jsonw_object(&j, NULL);
	jsonw_object_end(&j);
	jsonw_bool(&j, NULL, false);
	jsonw_array_end(&j);
	jsonw_bool(&j, "d", true);
	jsonw_str(&j, "e", NULL);
	jsonw_seconds(&j, "f", 61002500000u);
	jsonw_object_end(&j);
	cr_assert_str_eq(text, "{\"a\":18446744073709551615,\"b\":[],\"c\":[\"x\",{},false],"
			       "\"d\":true,\"e\":null,\"f\":61.002}");
}

Test(jsonw, any_byte_is_read_back)
{
	char all[256];
	struct jsonw j;
	json_t *got;

	for (int i = 1; i < 256; i++) {
		all[0] = (char)i;
		all[1] = '\0';
		j = begin();
		jsonw_array(&j, NULL);
		jsonw_str(&j, NULL, all);
		jsonw_array_end(&j);
		got = json_loads(text, 0, NULL);
		cr_assert_not_null(got, "%d: %s", i, text);
		if (i < 0x80)
			cr_assert_str_eq(json_string_value(json_array_get(got, 0)), all);
		json_decref(got);
	}
}

Test(jsonw, what_does_not_fit_is_cut)
{
	struct jsonw j;

	strbuf_init(&b, text, 8);
	j = jsonw_to(&b);
	jsonw_array(&j, NULL);
	jsonw_str(&j, NULL, "long enough");
	cr_assert(b.cut);
	cr_assert_eq(strlen(text), 7);
}

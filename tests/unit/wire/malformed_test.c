// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 63 crafted datagrams, with what the reference counted for each. We crash on
 * none, name the same faults, and are stricter only where listed here.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "support.h"

static const struct wire_params params;

/* How many messages of one datagram met which fate. */
struct fate {
	unsigned int good, version, size, truncated, payload, nokey, type;
};

static void judge_body(const struct wire_msg *m, struct fate *t)
{
	struct expect e;
	struct flow f;
	int rc;

	if (m->h.type <= WIRE_CT_DESTROY)
		rc = wire_flow_decode(&params, m->body, m->body_len, &f);
	else
		rc = wire_expect_decode(&params, m->body, m->body_len, &e);
	cr_expect(rc == 0 || rc == CTD_EBADPAYLOAD || rc == CTD_ENOKEY, "%d", rc);
	t->good += rc == 0;
	t->payload += rc == CTD_EBADPAYLOAD;
	t->nokey += rc == CTD_ENOKEY;
}

static struct fate judge(const struct bytes *in)
{
	uint8_t *exact = malloc(in->len + 1);
	size_t at = 0, used;
	struct fate t = { 0 };
	struct wire_msg m;
	int rc;

	memmove(exact + 1, in->data, in->len); /* the end of the block is the end of the data */
	for (; at < in->len; at += used) {
		rc = wire_message_next(exact + 1 + at, in->len - at, &m, &used);
		t.version += rc == CTD_EBADVERSION;
		t.size += rc == CTD_EBADSIZE;
		t.truncated += rc == CTD_ETRUNCATED;
		cr_assert_gt(used, 0);
		if (rc)
			continue;
		if (m.h.type <= WIRE_EXP_DESTROY)
			judge_body(&m, &t);
		else if (m.h.type == WIRE_CONTROL)
			t.good++;
		else
			t.type++;
	}
	free(exact);
	return t;
}

/* Where we refuse what the reference accepts. */
static const struct {
	const char *name, *why;
} stricter[] = {
	{ "no attributes at all", "no key: it would match any later incomplete message" },
	{ "only ports, no address", "no key: addresses are missing" },
	{ "exp no attributes", "no key: master, expected and mask tuple are missing" },
};

static bool is_stricter(const char *name)
{
	for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++) {
		if (!strcmp(name, stricter[i].name))
			return true;
	}
	return false;
}

static unsigned int counted(const json_t *row, const char *mode, const char *counter)
{
	const json_t *c =
		json_object_get(json_object_get(json_object_get(json_object_get(row, "result"),
								mode),
						"counters"),
				counter);

	return (unsigned int)json_integer_value(c);
}

static void check_row(const json_t *row)
{
	const char *name = json_text(row, "name");
	struct bytes in;
	struct fate t;

	bytes_from_hex(&in, json_object_get(row, "hex"));
	t = judge(&in);
	cr_expect_eq(t.version, counted(row, "FT-FW", "Wrong protocol version"), "%s", name);
	cr_expect_eq(t.size, counted(row, "FT-FW", "Bad message size"), "%s", name);
	cr_expect_eq(t.truncated, counted(row, "FT-FW", "Truncated message"), "%s", name);
	cr_expect_eq(t.payload, counted(row, "FT-FW", "Malformed payload"), "%s", name);
	/* ALARM judges types where the other modes judge the header; type 10 is a header matter. */
	if (in.len && (in.data[0] & 0xf) != WIRE_CONTROL)
		cr_expect_eq(t.type, counted(row, "ALARM", "Bad message type"), "%s", name);
	cr_expect_eq(t.nokey, is_stricter(name) ? 1 : 0, "%s", name);
}

Test(malformed, the_same_faults_as_the_reference)
{
	json_t *root = vectors_load("malformed.json"), *row;
	size_t i;

	json_array_foreach(json_object_get(root, "datagrams"), i, row) check_row(row);
	cr_expect_eq(i, 63);
	json_decref(root);
}

static struct fate fate_of(const json_t *rows, const char *name)
{
	struct bytes in;
	const json_t *found = NULL;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!strcmp(json_text(row, "name"), name))
			found = row;
	}
	cr_assert_not_null(found, "no row \"%s\"", name);
	bytes_from_hex(&in, json_object_get(found, "hex"));
	return judge(&in);
}

Test(malformed, well_formed_ones_are_accepted)
{
	static const struct {
		const char *name;
		unsigned int good;
	} want[] = {
		{ "good CT_NEW", 1 },
		{ "data with HELLO", 1 },
		{ "attr header only (4 bytes) at end", 1 },
		{ "trailing 4 garbage bytes in message", 1 },
		{ "trailing 3 garbage bytes (len not mult of 4)", 1 },
		{ "unaligned message followed by a good one", 2 },
		{ "nonzero attribute padding", 1 },
		{ "last attr without padding (5 bytes)", 1 },
		{ "good + bad version + good in one datagram", 2 },
		{ "good + len0 + good in one datagram", 1 },
		{ "good + 6 stray bytes", 1 },
		{ "reverse attribute order", 1 },
		{ "duplicate attribute (mark twice)", 1 },
		{ "helper name 11 chars", 1 },
		{ "helper name not terminated", 1 },
		{ "helper empty attr", 1 },
		{ "labels 16 bytes", 1 },
		{ "labels 1024 bytes", 1 },
		{ "labels 6 bytes", 1 },
		{ "both ipv4 and ipv6", 1 },
		{ "UPD merges: mark only w/ key", 1 },
		{ "DEL with key only", 1 },
		{ "ALIVE 16 bytes", 1 },
		{ "ACK+NACK", 1 },
	};
	json_t *root = vectors_load("malformed.json");
	const json_t *rows = json_object_get(root, "datagrams");

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		cr_expect_eq(fate_of(rows, want[i].name).good, want[i].good, "%s", want[i].name);
	json_decref(root);
}

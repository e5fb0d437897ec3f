// SPDX-License-Identifier: GPL-2.0-or-later
/* A recorded TCP stream in every split, and what breaks framing. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/err.h"
#include "oom.h"
#include "support.h"
#include "wire/stream.h"

struct joined {
	struct bytes all;
	json_t *root;
	const json_t *messages;
};

static void join_segments(struct joined *j)
{
	const json_t *tcp;
	json_t *seg;
	size_t i;

	j->root = vectors_load("transport.json");
	tcp = json_object_get(j->root, "tcp");
	j->messages = json_object_get(tcp, "messages");
	j->all.len = 0;
	json_array_foreach(json_object_get(tcp, "segments"), i, seg)
	{
		struct bytes one;

		bytes_from_hex(&one, json_is_string(seg) ? seg : json_object_get(seg, "hex"));
		cr_assert_leq(j->all.len + one.len, sizeof(j->all.data));
		memcpy(j->all.data + j->all.len, one.data, one.len);
		j->all.len += one.len;
	}
	cr_assert_gt(json_array_size(j->messages), 10);
}

static void feed(struct stream *s, const void *data, size_t n)
{
	size_t cap;
	uint8_t *room = stream_space(s, &cap);

	cr_assert_geq(cap, n);
	memcpy(room, data, n);
	stream_filled(s, n);
}

/* Take what is whole and compare; returns the number of messages. */
static size_t drain(struct stream *s, const struct joined *j, size_t *bytes, size_t first)
{
	static const struct wire_params params = { .window_scale = true };
	uint8_t out[WIRE_MSG_MAX];
	struct wire_msg m;
	size_t n = 0;
	int rc;

	while ((rc = stream_next(s, &m)) == 1) {
		const json_t *want = json_array_get(j->messages, first + n++);

		cr_assert_eq(m.h.seq, (uint32_t)json_integer_value(json_object_get(want, "seq")));
		cr_assert_eq(reencode(&params, &m, out, sizeof(out)), m.h.len);
		cr_assert_arr_eq(out, j->all.data + *bytes, m.h.len);
		*bytes += m.h.len;
	}
	cr_assert_eq(rc, 0);
	return n;
}

/* step 0: random pieces of 1 to 100 bytes. */
static void run_split(const struct joined *j, size_t step, struct rng *rng)
{
	size_t at = 0, bytes = 0, got = 0;
	struct stream *s = stream_new();

	cr_assert_not_null(s);
	while (at < j->all.len) {
		size_t n = step ? step : 1 + rng_below(rng, 100);

		n = n < j->all.len - at ? n : j->all.len - at;
		feed(s, j->all.data + at, n);
		at += n;
		got += drain(s, j, &bytes, got);
	}
	cr_assert_eq(got, json_array_size(j->messages));
	cr_assert_eq(bytes, j->all.len);
	stream_free(s);
}

Test(stream, any_split_gives_the_same_messages)
{
	static const size_t steps[] = { 1, 2, 3, 7, 8, 9, 51, 52, 53, 1448, 4096 };
	struct joined j;
	struct rng rng;

	join_segments(&j);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		run_split(&j, steps[i], NULL);
	for (uint64_t seed = 1; seed <= 50; seed++) {
		rng_seed(&rng, seed);
		run_split(&j, 0, &rng);
	}
	json_decref(j.root);
}

Test(stream, out_of_memory)
{
	struct stream *s;

	oom_after(0);
	s = stream_new();
	oom_off();
	cr_assert_null(s);
}

struct framing_case {
	const char *what;
	uint8_t data[20];
	size_t len;
	int rc;
};

static const struct framing_case framing_cases[] = {
	{ "half a header", { 0x10, 0, 0, 8, 0, 0, 0 }, 7, 0 },
	{ "header of a longer message", { 0x10, 0, 0x02, 0x00 }, 8, 0 },
	{ "longest of ours", { 0x10, 0, 0x02, 0x00 }, 20, 0 },
	{ "longer than any of ours", { 0x10, 0, 0x02, 0x01 }, 8, CTD_EBADSIZE },
	{ "60000 bytes forged (W21)", { 0x10, 0, 0xea, 0x60 }, 8, CTD_EBADSIZE },
	{ "ALIVE may be long", { 0x1a, 0x10, 0xea, 0x60 }, 8, 0 },
	{ "long ACK", { 0x1a, 0x08, 0xea, 0x60 }, 8, CTD_EBADSIZE },
	{ "length 0", { 0x10, 0, 0, 0 }, 8, CTD_EBADSIZE },
	{ "length 7", { 0x10, 0, 0, 7 }, 8, CTD_EBADSIZE },
	{ "ACK without range", { 0x1a, 0x08, 0, 8 }, 8, CTD_EBADSIZE },
	{ "ACK whose range is under way", { 0x1a, 0x08, 0, 16 }, 15, 0 },
	{ "other version, whole", { 0x20, 0, 0, 12 }, 12, CTD_EBADVERSION },
	{ "other version, under way", { 0x20, 0, 0, 12 }, 11, 0 },
	{ "other version, absurd", { 0x20, 0, 0xff, 0xff }, 8, CTD_EBADSIZE },
};

Test(stream, framing)
{
	for (size_t i = 0; i < sizeof(framing_cases) / sizeof(framing_cases[0]); i++) {
		const struct framing_case *c = &framing_cases[i];
		struct stream *s = stream_new();
		struct wire_msg m;

		feed(s, c->data, c->len);
		cr_expect_eq(stream_next(s, &m), c->rc, "%s", c->what);
		stream_free(s);
	}
}

Test(stream, lost_framing_stays_lost)
{
	static const uint8_t bad[8] = { 0x10, 0, 0, 0 };
	static const uint8_t alive[8] = { 0x1a, 0x10, 0, 8 };
	struct stream *s = stream_new();
	struct wire_msg m;

	feed(s, bad, sizeof(bad));
	cr_assert_eq(stream_next(s, &m), CTD_EBADSIZE);
	feed(s, alive, sizeof(alive));
	cr_assert_eq(stream_next(s, &m), CTD_EBADSIZE);
	stream_free(s);
}

Test(stream, goes_on_after_another_version)
{
	static const uint8_t two[20] = { 0x20, 0, 0,    12,   1, 1, 1, 1, 9, 9,
					 9,    9, 0x1a, 0x10, 0, 8, 0, 0, 0, 5 };
	struct stream *s = stream_new();
	struct wire_msg m;

	feed(s, two, sizeof(two));
	cr_assert_eq(stream_next(s, &m), CTD_EBADVERSION);
	cr_assert_eq(stream_next(s, &m), 1);
	cr_assert_eq(m.h.seq, 5);
	cr_assert_eq(stream_next(s, &m), 0);
	stream_free(s);
}

Test(stream, the_longest_alive_fits)
{
	static uint8_t big[65535] = { 0x1a, 0x10, 0xff, 0xff };
	struct stream *s = stream_new();
	struct wire_msg m;
	size_t cap;

	feed(s, big, sizeof(big) - 1);
	cr_assert_eq(stream_next(s, &m), 0);
	stream_space(s, &cap);
	cr_assert_gt(cap, 0);
	feed(s, big + sizeof(big) - 1, 1);
	cr_assert_eq(stream_next(s, &m), 1);
	cr_assert_eq(m.body_len, 65535 - 8);
	stream_free(s);
}

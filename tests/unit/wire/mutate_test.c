// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recorded payloads with damage, 200 000 of them by seed. Nothing may read or
 * write out of bounds (the sanitizers watch), and whatever still decodes must
 * encode to something that decodes to the same again.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "support.h"
#include "wire/stream.h"

#define ROUNDS 200000
#define CORPUS 128

static const struct wire_params params = { .window_scale = true };

static struct bytes corpus[CORPUS];
static size_t ncorpus;

static void load_corpus(const char *file, const char *list)
{
	json_t *root = vectors_load(file), *v;
	size_t i;

	json_array_foreach(json_object_get(root, list), i, v)
	{
		cr_assert_lt(ncorpus, CORPUS);
		bytes_from_hex(&corpus[ncorpus], json_object_get(v, "hex"));
		if (corpus[ncorpus].len)
			ncorpus++;
	}
	json_decref(root);
}

static void damage(struct rng *r, uint8_t *d, size_t *len)
{
	static const uint8_t odd[] = { 0, 1, 3, 4, 5, 7, 8, 12, 16, 0x7f, 0x80, 0xfe, 0xff };
	const struct bytes *other = &corpus[rng_below(r, (uint32_t)ncorpus)];
	size_t at = rng_below(r, (uint32_t)*len), n;

	switch (rng_below(r, 5)) {
	case 0:
		d[at] ^= (uint8_t)(1u << rng_below(r, 8));
		break;
	case 1:
		d[at] = odd[rng_below(r, sizeof(odd))];
		break;
	case 2:
		*len = at + 1;
		break;
	case 3: /* a piece of another one */
		n = rng_below(r, (uint32_t)other->len);
		n = n < *len - at ? n : *len - at;
		memcpy(d + at, other->data + rng_below(r, (uint32_t)(other->len - n)), n);
		break;
	default: /* the length of the message or an attribute */
		at = 4 * (at / 4);
		if (at + 1 < *len)
			d[at + (at == 0 ? 3 : 1)] = (uint8_t)rng_u32(r);
	}
}

static bool check_flow(uint32_t round, const struct wire_msg *m)
{
	uint8_t one[WIRE_MSG_MAX], two[WIRE_MSG_MAX];
	struct flow f, strict;
	size_t n, n2;
	int rc;

	if (wire_flow_decode_any(&params, m->body, m->body_len, &f))
		return false;
	rc = wire_flow_decode(&params, m->body, m->body_len, &strict);
	cr_assert(rc == 0 || rc == CTD_ENOKEY, "round %u", round);
	n = wire_flow_encode(&params, m->h.type, 0, 1, &f, one, sizeof(one));
	cr_assert_geq(n, WIRE_HDR_LEN, "round %u", round);
	cr_assert_eq(wire_flow_decode_any(&params, one + 8, n - 8, &f), 0, "round %u", round);
	n2 = wire_flow_encode(&params, m->h.type, 0, 1, &f, two, sizeof(two));
	cr_assert(n == n2 && !memcmp(one, two, n), "round %u", round);
	return true;
}

static bool check_expect(uint32_t round, const struct wire_msg *m)
{
	uint8_t one[WIRE_MSG_MAX], two[WIRE_MSG_MAX];
	struct expect e, strict;
	size_t n, n2;
	int rc;

	if (wire_expect_decode_any(&params, m->body, m->body_len, &e))
		return false;
	rc = wire_expect_decode(&params, m->body, m->body_len, &strict);
	cr_assert(rc == 0 || rc == CTD_ENOKEY, "round %u", round);
	n = wire_expect_encode(&params, m->h.type, 0, 1, &e, one, sizeof(one));
	cr_assert_geq(n, WIRE_HDR_LEN, "round %u", round);
	cr_assert_eq(wire_expect_decode_any(&params, one + 8, n - 8, &e), 0, "round %u", round);
	n2 = wire_expect_encode(&params, m->h.type, 0, 1, &e, two, sizeof(two));
	cr_assert(n == n2 && !memcmp(one, two, n), "round %u", round);
	return true;
}

/* Returns the data messages that still decoded. */
static uint32_t check_datagram(uint32_t round, const uint8_t *d, size_t len)
{
	struct wire_msg m;
	uint32_t good = 0;
	size_t used;

	for (; len > 0; d += used, len -= used) {
		int rc = wire_message_next(d, len, &m, &used);

		cr_assert(used > 0 && used <= len, "round %u", round);
		if (rc)
			continue;
		if (m.h.type <= WIRE_CT_DESTROY)
			good += check_flow(round, &m);
		else if (m.h.type <= WIRE_EXP_DESTROY)
			good += check_expect(round, &m);
	}
	return good;
}

static void check_stream(struct stream **s, const uint8_t *d, size_t len)
{
	struct wire_msg m;
	size_t cap;
	uint8_t *room = stream_space(*s, &cap);
	int rc;

	cr_assert_gt(cap, 0);
	len = len < cap ? len : cap;
	memcpy(room, d, len);
	stream_filled(*s, len);
	while ((rc = stream_next(*s, &m)) == 1 || rc == CTD_EBADVERSION)
		;
	if (rc == CTD_EBADSIZE) {
		stream_free(*s);
		*s = stream_new();
	}
}

Test(mutate, nothing_breaks, .timeout = 300)
{
	struct stream *s = stream_new();
	uint32_t good = 0;
	struct rng r;

	load_corpus("vectors.json", "vectors");
	load_corpus("malformed.json", "datagrams");
	rng_seed(&r, 20240607);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const struct bytes *b = &corpus[rng_below(&r, (uint32_t)ncorpus)];
		uint8_t *d = malloc(b->len), *end;
		size_t len = b->len;

		memcpy(d, b->data, len);
		for (uint32_t k = 1 + rng_below(&r, 4); k > 0; k--)
			damage(&r, d, &len);
		end = d + b->len - len; /* reading too far leaves the block */
		memmove(end, d, len);
		good += check_datagram(i, end, len);
		check_stream(&s, end, len);
		free(d);
	}
	stream_free(s);
	cr_assert_gt(good, ROUNDS / 4, "%u decoded: the damage is too heavy to test much", good);
	cr_assert_lt(good, 2 * ROUNDS);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Expectations at rest. There are few of them, so the fixed part is plain: the
 * key (three tuples, flags, class, zone), then timeout, id and what is known. Names
 * and NAT part are in the extension.
 */
#include <assert.h>
#include <string.h>
#include "base/buf.h"
#include "base/hash.h"
#include "flow/pack.h"
#include "pack_bits.h"

#define TUPLE sizeof(struct tuple)
#define KEY   (3 * TUPLE + 12)
#define FIXED (KEY + 12)

_Static_assert(FIXED <= PACK_FIXED_MAX && FIXED % 4 == 0, "fixed part of an expectation");
_Static_assert(TUPLE + 4 + PACK_NAME_MAX(FLOW_HELPER_MAX) + PACK_NAME_MAX(EXPECT_FN_MAX) <=
		       PACK_EXT_MAX,
	       "an extension must always fit");

static enum pack_class expect_class(const void *obj)
{
	(void)obj;
	return PACK_EXPECT;
}

static size_t expect_fixed_size(enum pack_class c)
{
	(void)c;
	return FIXED;
}

/* struct tuple has no padding (tuple.c), its bytes are its value. */
static void put_key(struct buf *b, const struct expect *e)
{
	buf_put(b, &e->master, TUPLE);
	buf_put(b, &e->tuple, TUPLE);
	buf_put(b, &e->mask, TUPLE);
	buf_put(b, &e->flags, sizeof(e->flags));
	buf_put(b, &e->class_, sizeof(e->class_));
	pack_put32(b, e->zone);
}

static uint32_t expect_hash(const void *obj, uint64_t secret)
{
	uint8_t key[KEY];
	struct buf b;

	buf_write(&b, key, sizeof(key));
	put_key(&b, obj);
	return hash_bytes(key, KEY, secret);
}

static uint32_t expect_hash_packed(enum pack_class c, const uint8_t *fixed, uint64_t secret)
{
	(void)c;
	return hash_bytes(fixed, KEY, secret);
}

static bool expect_match(enum pack_class c, const uint8_t *fixed, const void *obj)
{
	uint8_t key[KEY];
	struct buf b;

	buf_write(&b, key, sizeof(key));
	put_key(&b, obj);
	return c == PACK_EXPECT && memcmp(key, fixed, KEY) == 0;
}

static size_t expect_pack(const void *obj, uint8_t *fixed, uint8_t *ext)
{
	const struct expect *e = obj;
	const uint32_t zero = 0;
	struct buf b;

	buf_write(&b, fixed, FIXED);
	put_key(&b, e);
	buf_put(&b, e->has & EXPECT_HAS_TIMEOUT ? &e->timeout : &zero, 4);
	buf_put(&b, e->has & EXPECT_HAS_ID ? &e->id : &zero, 4);
	buf_put(&b, &e->has, 4);
	assert(buf_ok(&b) && b.pos == FIXED);

	buf_write(&b, ext, PACK_EXT_MAX);
	if (e->has & EXPECT_HAS_NAT)
		buf_put(&b, &e->nat, TUPLE);
	if (e->has & EXPECT_HAS_NAT_DIR)
		buf_put(&b, &e->nat_dir, sizeof(e->nat_dir));
	if (e->has & EXPECT_HAS_HELPER)
		pack_put_name(&b, e->helper, sizeof(e->helper));
	if (e->has & EXPECT_HAS_FN)
		pack_put_name(&b, e->fn, sizeof(e->fn));
	assert(buf_ok(&b));
	return b.pos;
}

static void expect_unpack(enum pack_class c, const uint8_t *fixed, const uint8_t *ext,
			  size_t ext_len, void *obj)
{
	struct expect *e = obj;
	struct buf b;

	assert(c == PACK_EXPECT);
	expect_init(e);
	buf_read(&b, fixed, FIXED);
	buf_get(&b, &e->master, TUPLE);
	buf_get(&b, &e->tuple, TUPLE);
	buf_get(&b, &e->mask, TUPLE);
	buf_get(&b, &e->flags, sizeof(e->flags));
	buf_get(&b, &e->class_, sizeof(e->class_));
	e->zone = (uint16_t)pack_get32(&b);
	buf_get(&b, &e->timeout, sizeof(e->timeout));
	buf_get(&b, &e->id, sizeof(e->id));
	buf_get(&b, &e->has, sizeof(e->has));

	buf_read(&b, ext, ext_len);
	if (e->has & EXPECT_HAS_NAT)
		buf_get(&b, &e->nat, TUPLE);
	if (e->has & EXPECT_HAS_NAT_DIR)
		buf_get(&b, &e->nat_dir, sizeof(e->nat_dir));
	if (e->has & EXPECT_HAS_HELPER)
		pack_get_name(&b, e->helper, sizeof(e->helper));
	if (e->has & EXPECT_HAS_FN)
		pack_get_name(&b, e->fn, sizeof(e->fn));
	assert(buf_ok(&b));
}

const struct pack_ops pack_expect = {
	.class_of = expect_class,
	.fixed_size = expect_fixed_size,
	.hash = expect_hash,
	.hash_packed = expect_hash_packed,
	.match = expect_match,
	.pack = expect_pack,
	.unpack = expect_unpack,
	.obj_size = sizeof(struct expect),
};

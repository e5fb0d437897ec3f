// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a cache keeps what only some of its flows have: translations, marks,
 * helpers. A handful of pools instead of one allocation per flow, so that
 * nothing is allocated once warm and the waste stays below half of the length.
 */
#include "ext.h"

#include <assert.h>

#include "flow/pack.h"

static const uint16_t sizes[EXT_SIZES] = { 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, PACK_EXT_MAX };

static unsigned int size_class(size_t len)
{
	unsigned int i = 0;

	assert(len > 0 && len <= PACK_EXT_MAX);
	while (sizes[i] < len)
		i++;
	return i;
}

void ext_init(struct ext *x, uint32_t limit)
{
	unsigned int i;

	for (i = 0; i < EXT_SIZES; i++)
		pool_init(&x->pools[i], sizes[i], limit);
}

void ext_fini(struct ext *x)
{
	unsigned int i;

	for (i = 0; i < EXT_SIZES; i++)
		pool_fini(&x->pools[i]);
}

uint32_t ext_alloc(struct ext *x, size_t len)
{
	return pool_alloc(&x->pools[size_class(len)]);
}

void ext_free(struct ext *x, uint32_t h, size_t len)
{
	pool_free(&x->pools[size_class(len)], h);
}

uint8_t *ext_at(const struct ext *x, uint32_t h, size_t len)
{
	return pool_at(&x->pools[size_class(len)], h);
}

bool ext_same_size(size_t a, size_t b)
{
	return size_class(a) == size_class(b);
}

size_t ext_bytes(const struct ext *x)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < EXT_SIZES; i++)
		sum += pool_bytes(&x->pools[i]);
	return sum;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keyed hash of all tables. Sixteen bytes per step are folded by one
 * 64 x 64 -> 128 bit multiplication of which both factors are masked with
 * secrets made from the key, so that no input chosen from outside can force a
 * factor to a known value. Tuned for keys of 12 to 48 bytes; the value depends
 * on the byte order of the machine and never leaves it.
 */
#include "base/hash.h"

#include <string.h>

/* Odd constants with about as many ones as zeros; their only virtue. */
#define MIX_A UINT64_C(0x9d39247e33776d41)
#define MIX_B UINT64_C(0xc5a9f3b1682e4d97)
#define MIX_C UINT64_C(0x7b1dcdaf3e94a64b)

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* High and low half of the full product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
#else
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t mid = ah * bl + (al * bl >> 32);
	uint64_t mid2 = al * bh + (uint32_t)mid;

	return (a * b) ^ (ah * bh + (mid >> 32) + (mid2 >> 32));
#endif
}

/* Keys of less than 16 bytes as two words; the length goes in separately. */
static void load_short(const uint8_t *p, size_t len, uint64_t *a, uint64_t *b)
{
	if (len >= 8) {
		*a = load64(p);
		*b = load64(p + len - 8);
	} else if (len >= 4) {
		*a = load32(p);
		*b = load32(p + len - 4);
	} else {
		*a = len ? (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1] : 0;
		*b = 0;
	}
}

uint32_t hash_bytes(const void *data, size_t len, uint64_t key)
{
	const uint8_t *p = data;
	uint64_t mask = fold(key ^ MIX_A, MIX_B) ^ key;
	uint64_t h = key ^ MIX_C;
	uint64_t a, b;
	size_t left = len;

	for (; left > 16; left -= 16, p += 16)
		h = fold(load64(p) ^ mask, load64(p + 8) ^ h);
	if (len >= 16) {
		/* The last 16 bytes, overlapping what was read before. */
		a = load64(p + left - 16);
		b = load64(p + left - 8);
	} else {
		load_short(p, len, &a, &b);
	}
	h = fold(a ^ mask, b ^ h);
	h = fold(h ^ len, mask ^ MIX_B);
	return (uint32_t)(h ^ h >> 32);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_SEQ_H
#define CTD_BASE_SEQ_H

/*
 * Wrap-safe comparison of 32-bit sequence numbers (doc/protocol.md, numbering;
 * serial number arithmetic as in RFC 1982). The only place where numbers from
 * the wire are compared.
 */
#include <stdbool.h>
#include <stdint.h>

/* Signed distance from b to a: > 0 when a is ahead of b. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
	return seq_diff(a, b) > 0;
}

/* from <= n <= to on the circle. */
static inline bool seq_between(uint32_t n, uint32_t from, uint32_t to)
{
	return !seq_before(n, from) && !seq_after(n, to);
}

#endif

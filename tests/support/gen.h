/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_GEN_H
#define CTD_TESTS_GEN_H

/* Random but well-formed flows and expectations, the same for the same numbers. */
#include "base/rand.h"
#include "flow/expect.h"
#include "flow/flow.h"

/*
 * The n-th key, n < 2^24, and nothing else: IPv4 and IPv6, several protocols,
 * a few zones. Different numbers give different keys.
 */
void gen_flow_key(uint32_t n, struct flow *f);

/* The n-th IPv4 TCP key in zone 0. */
void gen_flow_tcp4(uint32_t n, struct flow *f);

/*
 * Everything but the key, at random: state, timeout, sometimes mark, helper,
 * labels, master ... and NAT in the form the kernel reports (reply tuple) or
 * the form the wire has (translations).
 */
void gen_flow_body(struct rng *r, struct flow *f);

/* The n-th expectation key, n < 2^24, and its content. */
void gen_expect_key(uint32_t n, struct expect *e);
void gen_expect_body(struct rng *r, struct expect *e);

#endif

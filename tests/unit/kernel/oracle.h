/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_KERNEL_ORACLE_H
#define CTD_TESTS_KERNEL_ORACLE_H

/* Our reading of a ctnetlink message against that of libnetfilter_conntrack. */
#include "base/rand.h"
#include "flow/expect.h"
#include "flow/flow.h"

struct nlmsghdr;
struct nf_conntrack;
struct nf_expect;

/* Both read the same message; asserts that they agree in every attribute. */
void oracle_flow(const struct nlmsghdr *msg);
void oracle_expect(const struct nlmsghdr *msg);

/*
 * A message of a random flow or expectation, with a random choice of
 * attributes, written by the library. buf needs 4096 bytes.
 */
struct nlmsghdr *oracle_random_flow(struct rng *r, void *buf);
struct nlmsghdr *oracle_random_expect(struct rng *r, void *buf);

/* Random values for our own writer: every part known or not. */
void random_flow(struct rng *r, struct flow *f);
void random_expect(struct rng *r, struct expect *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_KERNEL_FIXTURE_H
#define CTD_TESTS_KERNEL_FIXTURE_H

/* Operations on a real kernel table, in a network namespace of the test's own. */
#include <criterion/criterion.h>
#include <stdbool.h>
#include "kernel/apply.h"
#include "kernel/events.h"
#include "netns.h"

/* First line of a test that needs the kernel's tables. */
#define NEEDS_ROOT()                                                        \
	do {                                                                \
		if (!netns_enter())                                         \
			cr_skip_test("needs root for a network namespace"); \
	} while (0)

/*
 * Start tracking what the namespace itself sends, with a rule that uses
 * labels: false if there is no nft to do it with. Loopback comes up.
 */
bool fixture_track(void);

#define NEEDS_TRACKING()                                                            \
	do {                                                                        \
		if (!fixture_track())                                               \
			cr_skip_test("needs nft to make the kernel track packets"); \
	} while (0)

struct kernel_applier *fixture_applier(void);

/*
 * An established flow number i, 10.0.x.x -> 192.0.2.1 or the IPv6 likeness,
 * with ports, ICMP id or keys as the protocol wants.
 */
struct kernel_op fixture_op(enum kernel_op_kind kind, uint8_t family, uint8_t proto,
			    unsigned int i);

/* Execute one; asserts that the socket works. The op's err. */
int fixture_apply(struct kernel_applier *a, struct kernel_op *op);

/* What the kernel has for the flow of op; asserts that it is there. */
struct flow fixture_get(struct kernel_applier *a, const struct kernel_op *op);

/* Make flows first .. first+n-1 of TCP over IPv4, or delete them. */
void fixture_many(struct kernel_applier *a, enum kernel_op_kind kind, unsigned int first,
		  unsigned int n);

/* An FTP control connection with its helper, and the data connection it expects. */
struct kernel_op fixture_master(void);
struct kernel_op fixture_expect(enum kernel_op_kind kind);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_CONV_H
#define CTD_KERNEL_CONV_H

/*
 * ctnetlink messages <-> plain values. Reading is a bounds-checked walk of
 * our own, straight into the value: it runs once per kernel event, where the
 * calls of a general attribute library cost ten times the work itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "flow/expect.h"
#include "flow/flow.h"
#include "flow/kernel_op.h"

/* No request we build is longer; see conv_build(). */
#define CONV_MSG_MAX 1024

/*
 * One netlink message (header included, len bytes at hand) of the conntrack
 * subsystem -> flow. Attributes we have no use for are skipped. Two
 * normalisations: an all-zero SYN proxy block (any flow made through netlink
 * has one) counts as not there, and DCCP without ports, which a kernel
 * without DCCP tracker reports, counts as ports 0.
 *
 * 0; CTD_ETRUNCATED: lengths lead out of the message; CTD_EBADTYPE: not of
 * this subsystem; CTD_EBADPAYLOAD: an attribute has an impossible size or the
 * tuples contradict each other; CTD_ENOKEY: no original tuple. On an error
 * the content of *out is undefined (a copy per event would be the price).
 */
int conv_flow(const void *nlmsg, size_t len, struct flow *out);

/* The same for a message of the expectation subsystem; the key is the expected tuple. */
int conv_expect(const void *nlmsg, size_t len, struct expect *out);

/*
 * The request that carries out op, as one netlink message in out (4-byte
 * aligned length). What the kernel wants is stated beside each part in
 * conv_build.c. seq comes back in the kernel's answer.
 *
 * Length, or -EINVAL: the flow or expectation has no usable key. Such a
 * request must never reach the kernel, which takes a deletion without tuple
 * for "delete everything". CTD_EFULL: cap too small (CONV_MSG_MAX suffices).
 */
ssize_t conv_build(const struct kernel_op *op, uint32_t seq, void *out, size_t cap);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_NFCT_SAME_H
#define CTD_TESTS_NFCT_SAME_H

/*
 * What libnetfilter_conntrack read from a message against what we read. NULL:
 * the same in every attribute; otherwise what differs, as text.
 */
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include "flow/expect.h"
#include "flow/flow.h"

/* The library's names by tuple (0 original, 1 reply, 2 master), and source, destination. */
extern const enum nf_conntrack_attr nfct_addr4[3][2], nfct_addr6[3][2], nfct_port[3][2];
extern const enum nf_conntrack_attr nfct_l4[3];

const char *nfct_differs(const struct nf_conntrack *ct, const struct flow *f);
const char *nfexp_differs(const struct nf_expect *exp, const struct expect *e);

#endif

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

const char *nfct_differs(const struct nf_conntrack *ct, const struct flow *f);
const char *nfexp_differs(const struct nf_expect *exp, const struct expect *e);

#endif

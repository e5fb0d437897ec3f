/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_PRINT_H
#define CTD_FLOW_PRINT_H

/*
 * Text of flows and expectations: the one-line listing and the one-line XML
 * that scripts of existing installations parse (doc/conntrackd.8, LISTINGS).
 * No line end is added.
 */
#include "base/jsonw.h"
#include "base/str.h"
#include "flow/expect.h"
#include "flow/flow.h"

#define PRINT_LINE_MAX 2048

/*
 * "tcp      6 ESTABLISHED src=... [ASSURED] mark=0". Reply tuple only when the
 * flow has one as reported by the kernel. with_timeout adds the seconds after
 * the protocol number and the uses of the kernel's entry, if known; counters and
 * duration are printed if the flow has them.
 */
void print_flow(struct strbuf *out, const struct flow *f, bool with_timeout);

/* <flow>...</flow> */
void print_flow_xml(struct strbuf *out, const struct flow *f);

/* "proto=6 src=... mask-src=... master-src=... class=0 helper=ftp" */
void print_expect(struct strbuf *out, const struct expect *e);

void print_expect_xml(struct strbuf *out, const struct expect *e);

/*
 * The members of a JSON object; its brackets are the caller's, who may have more
 * to tell of the entry. At most PRINT_LINE_MAX bytes.
 */
void print_flow_json(struct jsonw *j, const struct flow *f);
void print_expect_json(struct jsonw *j, const struct expect *e);

#endif

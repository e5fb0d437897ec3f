/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_PRINT_NAMES_H
#define CTD_FLOW_PRINT_NAMES_H

/* What the text and the XML listing have in common. */
#include "base/str.h"
#include "flow/flow.h"

#define CTS_OFFLOAD    (1u << 14)
#define CTS_HW_OFFLOAD (1u << 15)

/* Name of the state of a flow, NULL if it has none to show. */
const char *print_state_name(const struct flow *f);

/* prefix, address, suffix. */
void print_addr(struct strbuf *out, const char *prefix, const struct addr *a, uint8_t family,
		const char *suffix);

#endif

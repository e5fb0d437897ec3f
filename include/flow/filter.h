/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_FILTER_H
#define CTD_FLOW_FILTER_H

/*
 * Which flows are replicated (conntrackd.conf(5), Filter). A flow passes if it
 * passes every set that is present: protocols, addresses (the original source
 * and the reply source are looked up, one hit is enough), TCP states.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

enum filter_policy { FILTER_ABSENT, FILTER_ACCEPT, FILTER_IGNORE };

struct filter_net {
	struct addr addr; /* host bits zero */
	uint8_t family;
	uint8_t prefix; /* 0..32 or 0..128 */
};

struct filter; /* opaque, owned by whoever created it */

/* Lets everything pass. NULL: out of memory. */
struct filter *filter_new(void);
void filter_free(struct filter *f);

/* The policy of a set; giving it makes the set present, also when empty. */
void filter_set_proto_policy(struct filter *f, enum filter_policy p);
void filter_set_addr_policy(struct filter *f, enum filter_policy p);
void filter_set_state_policy(struct filter *f, enum filter_policy p);

void filter_add_proto(struct filter *f, uint8_t proto);
void filter_add_state(struct filter *f, uint8_t tcp_state);

/* Host bits are cleared. 0, -ENOMEM, -EEXIST (already in), CTD_ERANGE (prefix). */
int filter_add_net(struct filter *f, const struct filter_net *n);

/*
 * Does the flow pass? with_state false leaves the state set out: deletions of
 * known flows are never filtered by state. A NULL filter passes everything.
 */
bool filter_pass(const struct filter *f, const struct flow *fl, bool with_state);

#endif

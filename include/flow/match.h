/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_MATCH_H
#define CTD_FLOW_MATCH_H

/*
 * Which entries an operator wants to see (conntrackd(8), FILTERS):
 *
 *	proto tcp,udp addr 10.0.0.0/8 not port 22 state established
 *
 * An expression is a row of terms that must all hold. A term is a key and one or
 * more values of which one must fit; "not" before it, or "!", turns it round.
 * "key=value" is the same as "key value", and "and" may stand between terms.
 *
 *	proto        tcp, udp, icmp ... or a number
 *	src, dst     address or network of the original direction
 *	addr         any of the four addresses of both directions
 *	sport, dport port of the original direction
 *	port         any of the four ports
 *	zone         number; an entry without zone has 0
 *	mark         number, or value/mask; an entry without mark has 0
 *	state        state of TCP, SCTP or DCCP; assured, unreplied
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

#define MATCH_TERMS  16
#define MATCH_VALUES 64 /* of all terms together */

struct match_value {
	struct addr addr; /* of a network, host bits zero */
	uint8_t family, prefix;
	uint32_t n, mask;  /* everything else */
	const char *state; /* name of a state, static; NULL: n is a bit of the status */
};

struct match_term {
	uint8_t key;
	bool negated;
	uint8_t first, n; /* its values */
};

/* A plain value; all zero matches everything. */
struct flow_match {
	uint8_t n_terms, n_values;
	struct match_term term[MATCH_TERMS];
	struct match_value value[MATCH_VALUES];
};

/* 0, or -EINVAL with a line of explanation in err. */
int flow_match_parse(struct flow_match *m, const char *expr, char *err, size_t cap);

bool flow_match(const struct flow_match *m, const struct flow *f);

/* Both tuples count for addresses and ports; there is neither mark nor state. */
bool flow_match_expect(const struct flow_match *m, const struct expect *e);

#endif

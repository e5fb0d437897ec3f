/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_IDENT_H
#define CTD_WIRE_IDENT_H

/*
 * What our own nodes say in the payload of ALIVE, which conntrackd 1.4.x ignores
 * (doc/protocol.md, identity).
 */
#include <stddef.h>
#include <stdint.h>

#define WIRE_IDENT_LEN 36 /* payload bytes of version 1 */

struct wire_ident {
	uint64_t node;     /* of the node, random at each start unless configured */
	uint64_t life;     /* incarnation: random at each start */
	uint8_t mode;      /* enum repl_mode of the sender */
	uint32_t bulk;     /* number of its last complete bulk to this peer, 0 = none */
	uint32_t bulk_age; /* ms since that bulk began, at the time of sending */
	uint32_t caps;     /* WIRE_CAP_*: what it understands */
};

/* Attributes beyond those of version 1 (doc/protocol.md, extras). */
#define WIRE_CAP_EXTRAS 1u

/* A whole ALIVE message; returns its length, 0 if it does not fit. */
size_t wire_ident_put(uint8_t *out, size_t cap, uint8_t flags, uint32_t seq,
		      const struct wire_ident *id);

/*
 * From the body of an ALIVE. 0; CTD_EBADPAYLOAD if this is none of ours (an
 * empty body is none either). Longer payloads of later versions are accepted.
 */
int wire_ident_get(const uint8_t *body, size_t len, struct wire_ident *id);

#endif

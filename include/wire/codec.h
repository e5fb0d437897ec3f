/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_CODEC_H
#define CTD_WIRE_CODEC_H

/*
 * Bodies of data messages: attributes of flows (types 0-2) and expectations
 * (types 3-5), version 1 (doc/protocol.md). Decoding checks every length, fills
 * the value or fails and leaves it untouched; what was decoded encodes back to
 * the same bytes if it was written in canonical order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"
#include "wire/header.h"

struct wire_params {
	bool swapped_be;   /* attributes 14, 15, 24 big-endian (big-endian 1.4.x peers) */
	bool window_scale; /* send attributes 25, 26 (TCPWindowTracking on) */
	bool no_timeout;   /* leave attribute 6 / 12 out (CommitTimeout set here) */
	bool extras;       /* the receiver said WIRE_CAP_EXTRAS: send numbers from 48 on too */
};

/*
 * Decode a body. 0, CTD_EBADPAYLOAD (attribute rules broken), CTD_ENOKEY
 * (well formed but unusable as a key).
 */
int wire_flow_decode(const struct wire_params *p, const uint8_t *body, size_t len, struct flow *f);
int wire_expect_decode(const struct wire_params *p, const uint8_t *body, size_t len,
		       struct expect *e);

/*
 * Decode without asking for a usable key (tests, tools).
 */
int wire_flow_decode_any(const struct wire_params *p, const uint8_t *body, size_t len,
			 struct flow *f);
int wire_expect_decode_any(const struct wire_params *p, const uint8_t *body, size_t len,
			   struct expect *e);

/*
 * Encode a whole message: header with type, flags, seq, then the attributes in
 * canonical order. Returns its length, 0 if it does not fit in cap
 * (WIRE_MSG_MAX always suffices). A helper name over 11 characters is left out,
 * or goes with the extras.
 */
size_t wire_flow_encode(const struct wire_params *p, uint8_t type, uint8_t flags, uint32_t seq,
			const struct flow *f, uint8_t *out, size_t cap);
/* Do ports or keys of this protocol belong to the extras (GRE, UDPlite)? */
bool wire_proto_keys_extra(uint8_t proto);

/* Would the message lack something without "extras"? */
bool wire_flow_has_extras(const struct wire_params *p, const struct flow *f);

size_t wire_expect_encode(const struct wire_params *p, uint8_t type, uint8_t flags, uint32_t seq,
			  const struct expect *e, uint8_t *out, size_t cap);

#endif

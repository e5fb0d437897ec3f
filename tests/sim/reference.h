/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_REFERENCE_H
#define CTD_SIM_REFERENCE_H

/*
 * A node that behaves as conntrackd 1.4.7 was seen to behave (doc/protocol.md),
 * weaknesses included: one peer, one numbering, no commits.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/engine.h"

struct reference;

struct reference_params {
	enum repl_mode mode;
	uint32_t ack_window, resend_limit;
	bool startup_resync, expects;
	uint32_t refresh_time, cache_timeout;
	uint32_t mtu;
	uint64_t seed;
};

struct reference *reference_new(const struct reference_params *p, tick_t now);
void reference_free(struct reference *r);

/* Entries of the kernel's table at the start: known, not announced. */
void reference_load_flow(struct reference *r, tick_t now, const struct flow *f);
void reference_load_expect(struct reference *r, tick_t now, const struct expect *x);

void reference_flow_event(struct reference *r, tick_t now, enum event_kind k, const struct flow *f);
void reference_expect_event(struct reference *r, tick_t now, enum event_kind k,
			    const struct expect *x);

void reference_input(struct reference *r, tick_t now, const uint8_t *data, size_t len);
/* seconds: the wall clock; it makes the first number. */
size_t reference_datagram(struct reference *r, tick_t now, uint32_t seconds, uint8_t *buf,
			  size_t cap);
tick_t reference_deadline(const struct reference *r);
void reference_tick(struct reference *r, tick_t now);

/* Operator. */
void reference_bulk(struct reference *r, tick_t now);
void reference_request_resync(struct reference *r);

/* The entries of a cache, from *pos = 0 on; false at the end. */
bool reference_next(const struct reference *r, enum engine_cache which, uint32_t *pos,
		    struct engine_entry *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_REPL_PEER_H
#define CTD_TESTS_REPL_PEER_H

/* One FT-FW session, numbers from 1000, against a scripted peer. */
#include "rig.h"

#define H  WIRE_F_HELLO
#define HB WIRE_F_HELLO_BACK

extern struct rig g;
extern struct packet out[RIG_OBJECTS + 64]; /* what was said last */

void start(uint32_t cures);
void stop(void);

/* Everything the session says at this time, in "out"; how many messages. */
uint32_t said(tick_t now);

/* Timers up to this time, output thrown away; how many messages. */
uint32_t pass(tick_t until);

/* Messages of this kind (any data type counts as one) with all these flags among the n said. */
uint32_t count(uint32_t n, uint8_t type, uint8_t flags);

/* The first control message with this flag among the n said, or NULL. */
const struct packet *find(uint32_t n, uint8_t flag);

/*
 * A session greeted both ways, all quiet, all acknowledged; the peer is at 502.
 * Returns the time.
 */
tick_t settle(uint32_t cures);

/* The peer acknowledges all that was sent. */
void ack_all(tick_t now, uint32_t seq);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FAILOVER_INJECT_H
#define CTD_FAILOVER_INJECT_H

/* What of a cached flow goes to the kernel. Pure functions on values. */
#include <stdbool.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

/* Lifetime of a flow known to live, but not for how long (seconds). */
#define INJECT_LIFETIME_UNKNOWN 60

/* Seconds by which lifetimes told and read may differ: both are whole numbers. */
#define INJECT_SLACK 2

/*
 * The lifetime to give a flow of which this much is left. A GRE flow cannot be
 * refreshed once it is injected, so one in use gets an hour.
 */
uint32_t inject_lifetime(const struct flow *f, uint32_t left);

/* A cached flow as it is to be created; lifetime in seconds. */
void inject_prepare(struct flow *f, uint32_t lifetime);
void inject_prepare_expect(struct expect *e, uint32_t lifetime);

void inject_drop_helper(struct flow *f);
void inject_drop_master(struct flow *f);

/* Has the flow a master that can be looked up, with ports if its protocol has them? */
bool inject_master_known(const struct flow *f);

/* Who holds our place in the kernel's table? */
enum holder {
	HOLDER_SAME,      /* the same flow, translated alike */
	HOLDER_TENTATIVE, /* another, nobody has answered it yet */
	HOLDER_LIVE,      /* another, in use */
};

enum holder inject_holder(const struct flow *ours, const struct flow *kernel);

/*
 * Turn our flow into an update of the kernel's entry of the same flow: take
 * out what an update cannot carry, and what the kernel knows better.
 * fixed_lifetime: the timeout is the operator's choice, not an estimate.
 */
void inject_over(struct flow *ours, const struct flow *kernel, bool fixed_lifetime);

/*
 * The owner says that our flow ended. Do packets that come here keep the kernel's
 * flow alive, or is it another one? "expected" are the seconds it would have left
 * if it had been left alone since we wrote it.
 */
bool inject_lives(const struct flow *ours, const struct flow *kernel, uint32_t expected);

/* The lookup keys of our flow's two directions. */
void inject_key_orig(const struct flow *f, struct flow *key);
void inject_key_reply(const struct flow *f, struct flow *key);

#endif

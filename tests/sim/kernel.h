/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_KERNEL_H
#define CTD_SIM_KERNEL_H

/*
 * The modelled tables of one kernel. Flows have numbers: a node (the owner) and
 * a number decide tuple, translation, zone, helper, lifetime. Numbers from
 * NUMBERS/2 on are connections that an expectation of flow "number - NUMBERS/2"
 * announced.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/tick.h"
#include "engine/engine.h"

#define OWNERS         5
#define NUMBERS        64
#define KEYS           (OWNERS * NUMBERS)
#define KERNEL_FLOWS   160
#define KERNEL_EXPECTS 24
#define KERNEL_EVENTS  48 /* event socket: more waiting than this is an overrun */

struct world;

struct kflow {
	bool used;
	bool injected; /* made by our commit, no packet since */
	struct flow f;
	uint32_t lifetime; /* seconds after the last packet */
	tick_t expires;
};

struct kexpect {
	bool used;
	struct expect x;
	tick_t expires;
};

struct kevent {
	enum event_kind kind;
	enum event_origin origin;
	bool is_expect;
	union {
		struct flow f;
		struct expect x;
	};
};

struct kernel {
	struct kflow flows[KERNEL_FLOWS];
	struct kexpect expects[KERNEL_EXPECTS];
	struct kevent q[KERNEL_EVENTS];
	uint32_t head, len;
	bool congested;    /* everything is lost until the queue is empty */
	bool overrun_owed; /* the reader was not told of it yet */
	bool no_helper;    /* has no helper module */
	uint32_t next_id;
	tick_t expiry;       /* nothing expires before */
	tick_t ended[KEYS];  /* when this flow was last removed from here */
	tick_t full_at;      /* when there was last no room for one more */
	tick_t expect_ended; /* when an expectation last came true or expired */
};

/* The flow with this number, as its owner's kernel makes it. */
void kernel_make(struct flow *f, uint8_t owner, uint32_t number);

/* owner * NUMBERS + number of a flow made by kernel_make(). */
uint32_t kernel_key(const struct flow *f);

/* Does a flow with this number announce further connections? */
bool kernel_announces(uint32_t number);

/* Entry that holds this original tuple, as original or reply; NULL if none. */
struct kflow *kernel_find(struct kernel *k, const struct flow *f);
struct kexpect *kernel_find_expect(struct kernel *k, const struct expect *x);

/* ---- what traffic does on a node ---- */

/* A packet: makes the flow if the node owns it, else only touches what was injected. */
void kernel_packet(struct world *w, uint8_t node, uint8_t owner, uint32_t number);
void kernel_end(struct world *w, uint8_t node, uint8_t owner, uint32_t number);
/* A packet of another node's flow that came before any commit: made untranslated. */
void kernel_stray(struct world *w, uint8_t node, uint8_t owner, uint32_t number);
/* The helper of this flow announces a connection; early: as it sees the first packet. */
void kernel_expect(struct world *w, uint8_t node, uint8_t owner, uint32_t number, bool early);
/* The announced connection comes. */
void kernel_related(struct world *w, uint8_t node, uint8_t owner, uint32_t number);
void kernel_expire(struct world *w, uint8_t node);
/* The machine restarts: all tables are empty. */
void kernel_reset(struct world *w, uint8_t node);

/* ---- what its daemon does ---- */

/* Carry out one operation; sets op->err. */
void kernel_op(struct world *w, uint8_t node, struct kernel_op *op);
/* The flow as a dump shows it now: with what is left of its lifetime. */
struct flow kernel_show(const struct world *w, const struct kflow *kf);
struct expect kernel_show_expect(const struct world *w, const struct kexpect *kx);

#endif

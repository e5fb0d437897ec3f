/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_REPL_REPL_H
#define CTD_REPL_REPL_H

/*
 * One replication session: the dialogue with one peer. It decides what is sent
 * when, under which number and with which flags, and what a received header
 * means; it never sees the content of a flow. The engine tells it "this object
 * changed" and is told "send this object now" / "the peer has it".
 *
 * Objects are named by the owner (struct repl_obj); for each object the owner
 * keeps one 32-bit word per session (cache slot), which repl fills while the
 * object is queued or unacknowledged and which is 0 otherwise. An object is in
 * the session at most once, so a change before transmission costs nothing.
 *
 * Modes differ in their struct repl_ops only: NOTRACK (fire and forget), FT-FW
 * (numbered, acknowledged, retransmitted). See doc/protocol.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/rand.h"
#include "base/tick.h"
#include "wire/message.h"

enum repl_mode { REPL_NOTRACK, REPL_FTFW, REPL_ALARM };

/* Cures of known weaknesses; all on in production, switched off one by one by tests. */
#define REPL_CURE_W4 \
	(1u << 0) /* greeting loses nothing: gap check under HELLO, bulk after HELLO_BACK */
#define REPL_CURE_W5   (1u << 1) /* first contact and a new incarnation are answered by a bulk */
#define REPL_CURE_W8   (1u << 2) /* own acknowledgement timer */
#define REPL_CURE_W9   (1u << 3) /* greeting flags stripped on retransmission */
#define REPL_CURE_RTO  (1u << 4) /* unacknowledged elements are sent again after a while */
#define REPL_CURE_PACE (1u << 5) /* bulk is paced */
#define REPL_CURE_HOLD (1u << 6) /* full window holds back instead of forgetting */
#define REPL_CURE_W2   (1u << 7) /* a stray number does not silence a peer for good */
#define REPL_CURE_W3   (1u << 8) /* without acknowledgements: ask again after a gap */
#define REPL_CURES_ALL 0x1ffu

struct repl_params {
	enum repl_mode mode;
	uint32_t ack_window;   /* ACKWindowSize, messages, 1..  */
	uint32_t resend_limit; /* ResendQueueSize, elements, 1.. */
	bool startup_resync;   /* StartupResync: ask for a bulk at start, until answered */
	bool has_first_seq;    /* tests: start at first_seq instead of a random number */
	uint32_t first_seq;
	uint32_t cures; /* REPL_CURE_* */
	bool ident;     /* ALIVE carries an identity: announce complete bulks */
};

/* The owner's name for an object; opaque here. */
struct repl_obj {
	uint32_t kind;
	uint32_t ref;
};

struct repl;

/*
 * NULL: out of memory. now is the start of the session. The first number is
 * drawn from rng unless given.
 */
struct repl *repl_new(const struct repl_params *p, struct rng *rng, tick_t now);
void repl_free(struct repl *r);

/* ---- owner -> session ---- */

/*
 * The object changed (or must be sent again): queue it. slot is the object's
 * word for this session and must stay at its address while non-zero.
 * 0 or -ENOMEM (then the object is not queued; a bulk is owed, see stats).
 */
int repl_changed(struct repl *r, struct repl_obj o, uint32_t *slot);

/*
 * Mark what was queued with repl_changed() as its last state (destroyed): when
 * the peer has it, or nothing more can be done for it, it appears in
 * repl_done(). slot must be non-zero.
 */
void repl_final(struct repl *r, uint32_t *slot);

/*
 * The object comes to life again under the same slot: undo repl_final(). If the
 * peer had its last state already the slot is 0 afterwards.
 */
void repl_revive(struct repl *r, uint32_t *slot);

/* The object is going away now; forget it and zero the slot. */
void repl_forget(struct repl *r, uint32_t *slot);

/* As repl_forget(), though the peer may lack its last state: a bulk is owed. */
void repl_give_up(struct repl *r, uint32_t *slot);

/* The peer was not heard for some seconds, or never: nothing gets to it. */
bool repl_away(const struct repl *r, tick_t now);

/*
 * Forget every queued or unacknowledged object of a kind without touching the
 * slots: the owner throws all of them away. Nodes of other kinds stay.
 */
void repl_forget_all(struct repl *r, uint32_t kind);

/*
 * The owner's words have moved: ask it for each object where its word is now.
 * The words themselves are as they were.
 */
void repl_moved(struct repl *r, uint32_t *(*word)(void *ctx, struct repl_obj o), void *ctx);

/* ACKWindowSize and ResendQueueSize from now on. */
void repl_set_limits(struct repl *r, uint32_t ack_window, uint32_t resend_limit);

/* Operator: queue a RESYNC request / start a bulk send. */
void repl_request_resync(struct repl *r);
void repl_request_bulk(struct repl *r);

/* Messages to the peer were lost, and it may not notice: tell all if nothing else repeats them. */
void repl_lost(struct repl *r);

/*
 * RESYNC of our own accord: in a second, and the less often the more often it is needed.
 * False if there is one to come already, or the mode has none.
 */
bool repl_resync_later(struct repl *r, tick_t now);

/* ---- bytes in ---- */

/* What the engine must do with a received message. */
enum repl_verdict {
	REPL_DATA,    /* apply the body; in ALARM the type is not looked at */
	REPL_HANDLED, /* control, done */
	REPL_DROP,    /* duplicate or late, ignore */
	REPL_BAD,     /* header not allowed: count as malformed header */
};

/*
 * One framed message has arrived. Cheap, bounded (an ACK or NACK costs its
 * elements, each of which was sent before).
 */
enum repl_verdict repl_input(struct repl *r, tick_t now, const struct wire_msg *m);

/*
 * The message just handed in was the first of a new life of the peer: what it
 * said before is of the past. True once per life.
 */
bool repl_fresh_peer(struct repl *r);

/*
 * A peer that does not tell when a bulk is complete (the reference) has answered
 * our RESYNC completely, as far as its ACKs tell. True once, some time after;
 * *asked is when the request went out. FT-FW only.
 */
bool repl_answered(struct repl *r, tick_t *asked);

/*
 * Does the peer tell of each bulk that is complete when it began (repl_bulk_told())? In
 * NOTRACK our RESYNC is then repeated until it tells of one that began since.
 */
void repl_tells_of_bulks(struct repl *r, bool tells);
void repl_bulk_told(struct repl *r, tick_t began);

/*
 * Were messages lost for good at or after t? Without acknowledgements nothing
 * brings them back, so a bulk of that time is not complete here.
 */
bool repl_gap_since(const struct repl *r, tick_t t);

/* ---- bytes out ---- */

struct repl_send {
	bool is_object;
	struct repl_obj obj; /* is_object: encode this object's current state ... */
	uint8_t flags;       /* ... or this control message; HELLO bits included */
	uint32_t seq;
	uint32_t from, to; /* control with range */
	bool final;        /* is_object: repl_final() was called for it */
	uint32_t bulk;     /* ALIVE: number of the last complete bulk, 0 = none ... */
	tick_t bulk_age;   /* ... and the time since it began */
};

/*
 * Next thing to transmit now, in order. True: *s filled and the number is
 * spent. If it does not fit in the datagram at hand the caller keeps *s and
 * puts it first into the next one.
 */
bool repl_output(struct repl *r, tick_t now, struct repl_send *s);

/*
 * Objects whose final state needs no more care: the slot is 0 again. False when
 * there is none (left).
 */
bool repl_done(struct repl *r, struct repl_obj *o);

/* ---- bulk ---- */

/*
 * How many more objects of a bulk may be queued now; 0 when no bulk runs or the
 * pace forbids. The engine walks its caches, calling repl_changed() for each.
 * *restart is set once when the walk must start from the beginning.
 */
uint32_t repl_bulk_room(struct repl *r, tick_t now, bool *restart);

/* As repl_changed(), for an object that the walk came to. */
int repl_bulk_changed(struct repl *r, struct repl_obj o, uint32_t *slot);

/* The walk does not show everything (the caches are being refilled): no announcement. */
void repl_bulk_partial(struct repl *r);

/* The walk queued n objects and reached the end (done) or not. */
void repl_bulk_step(struct repl *r, tick_t now, uint32_t n, bool done);

/* ---- time ---- */

/* When repl_tick() must be called at the latest. TICK_NEVER when idle. */
tick_t repl_deadline(const struct repl *r);
void repl_tick(struct repl *r, tick_t now);

/* ---- what it knows ---- */

struct repl_stats {
	uint32_t txq, window;    /* elements queued, unacknowledged */
	tick_t oldest_sent;      /* of the unacknowledged elements; TICK_NEVER: there is none */
	uint32_t window_objects; /* objects among "window"; what window_max limits */
	uint32_t txq_max, window_max; /* limits; UINT32_MAX = bounded by the caches */
	uint64_t txq_full;            /* control messages not queued, too many wait already */
	uint64_t window_full;         /* elements given up or held back for lack of room */
	uint64_t lost;                /* numbers missed (true gaps) */
	uint64_t before;              /* late or duplicate messages */
	uint64_t acks_out, nacks_out, acks_in, nacks_in;
	uint64_t resent; /* elements sent again */
	uint64_t bulks;  /* bulks sent */
	uint64_t resyncs_in, resyncs_out;
	bool heard; /* anything acceptable ever received */
	tick_t last_heard;
	uint32_t next_seq; /* number of the next message */
	uint32_t last_seq; /* last number received */
	bool greeted;      /* HELLO_BACK seen (FT-FW) */
	bool bulk_running;
	bool resync_pending; /* our RESYNC is not answered yet */
};

void repl_get_stats(const struct repl *r, struct repl_stats *st);

/*
 * Walk over the unacknowledged elements in number order, for reports: *pos
 * starts at 0; false at the end.
 */
bool repl_window_next(const struct repl *r, uint32_t *pos, struct repl_send *s);

#endif

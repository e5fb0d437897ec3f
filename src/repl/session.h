/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SRC_REPL_SESSION_H
#define CTD_SRC_REPL_SESSION_H

/* What the modes and their helpers share: the session itself. */
#include "base/ratelim.h"
#include "repl/repl.h"
#include "track.h"
#include "txq.h"
#include "window.h"

struct repl;

struct repl_ops {
	enum repl_verdict (*input)(struct repl *r, tick_t now, const struct wire_msg *m);
	bool (*output)(struct repl *r, tick_t now, struct repl_send *s);
	void (*tick)(struct repl *r, tick_t now);
	tick_t (*deadline)(const struct repl *r);
	/* How many objects of a running bulk may be queued now. */
	uint32_t (*bulk_room)(struct repl *r, tick_t now);
	tick_t bulk_pause; /* ask again after this if there was no room */
};

extern const struct repl_ops notrack_ops, ftfw_ops, alarm_ops;

/* Our HELLO. Modes without greeting are done from the start. */
enum greet_state { GREET_UNSAID, GREET_SAYING, GREET_DONE };

enum bulk_state { BULK_IDLE, BULK_OWED, BULK_RUN };

struct bulk {
	enum bulk_state state;
	bool settled;       /* owed: the two times below are set */
	tick_t greet_until; /* owed: no waiting for HELLO_BACK after this */
	bool restart;       /* running: the walk starts from the beginning */
	bool walked;        /* running: something was queued since then */
	bool restarted;     /* running: it was made to start over once */
	bool again;         /* running: owe another one at the end */
	tick_t tat;         /* spacing of bulks: when the last ones are paid off */
	tick_t wake;
	uint64_t sent;       /* bulks finished */
	struct ratelim pace; /* without acknowledgements */
	uint32_t credit;     /* taken from "pace", not used yet */

	/* The end of a bulk: the walk is over and the peer has every element of it. */
	tick_t began;      /* when the walk started from the beginning */
	bool walk_over;    /* waiting for what is under way */
	bool whole;        /* nothing of it was given up */
	uint32_t complete; /* number of the last complete bulk, 0: none yet */
	tick_t complete_began;
	uint8_t tell; /* ALIVEs that still announce it of their own accord */
	tick_t tell_at;
};

struct resync {
	bool pending;  /* ours is not answered */
	uint32_t node; /* its element, 0 if none */
	bool out;      /* it was transmitted ... */
	bool greeted;  /* ... without HELLO, so its loss is noticed */
	bool heard;    /* the peer spoke since */
	tick_t at;     /* when it was transmitted ... */
	uint32_t seq;  /* ... and under which number */
	uint8_t tries;
	uint8_t max_silent; /* give up after so many without hearing; 0: never */
	bool answering;     /* the first of ours is out; not all of the answer is here */
	tick_t asked;       /* when that one was transmitted */
	uint32_t end_seq;   /* an ACK of this number of ours ends the answer */
	tick_t answered;    /* it ended then, to be believed after a rest; or TICK_NEVER */
	bool rested;        /* for repl_answered() */
	bool by_word;       /* the peer tells of its bulks: nothing else is an answer */
	tick_t data_at;     /* data came then, perhaps of a bulk under way */
	tick_t auto_due;    /* a request of our own accord */
	tick_t auto_next;   /* not before this */
	tick_t auto_gap;
};

struct rto {
	tick_t at;
	tick_t interval;
	uint32_t cursor; /* number where a sliced round goes on */
	bool in_round;
	bool moved;    /* this round sent something again */
	bool progress; /* acknowledged something since the last round */
	bool parked;   /* the peer is silent */
};

struct repl {
	const struct repl_ops *ops;
	struct repl_params p;
	uint32_t next_seq;
	struct txq q;
	struct track rx;
	tick_t alive_at;     /* a second after the last transmission */
	uint32_t alive_node; /* ALIVE that waits, 0 if none */
	bool behind;         /* the peer misses something we gave up */
	struct bulk bulk;
	struct resync rs;

	/* FT-FW, sending side */
	enum greet_state greet;
	bool under_hello; /* objects were sent while saying HELLO, or it is said again */
	struct window win;
	uint32_t win_objects; /* objects among win.count */
	tick_t last_ack;      /* last progress */
	bool acked;           /* there was any in the peer's present life */
	tick_t first_heard;   /* in that life; valid once st.heard */
	tick_t hold_at;       /* objects are held back until then, or for an ACK */
	tick_t pace_at;       /* the pace holds objects back until then */
	struct ratelim pace;
	uint32_t pace_credit;
	struct rto rto;
	uint32_t deaf;  /* ALIVEs received while we waited for an ACK */
	bool fresh;     /* for repl_fresh_peer() */
	tick_t lost_at; /* last gap, NOTRACK; TICK_NEVER: none */

	/* FT-FW, receiving side */
	bool answer; /* owe HELLO_BACK */
	bool ack_set;
	uint32_t ack_from;  /* .. rx.last to be acknowledged */
	uint32_t countdown; /* messages until the window is full */
	tick_t ack_at;      /* own acknowledgement timer */
	bool prompt;        /* say something at once */

	struct repl_stats st; /* the counters in it */
};

static inline bool cured(const struct repl *r, uint32_t cure)
{
	return (r->p.cures & cure) != 0;
}

/* The peer speaks: it was heard within three of its seconds. */
#define SESSION_SILENT (3 * TICK_SEC)

static inline bool session_speaks(const struct repl *r, tick_t now)
{
	return r->st.heard && tick_since(now, r->st.last_heard) < SESSION_SILENT;
}

/* Most messages of a bulk under way; a default receive buffer holds that many. */
#define SESSION_FLIGHT 1500

/* The timer of the protocol: something is said at least so often. */
#define SESSION_SECOND TICK_SEC

/* session.c */

void session_heard(struct repl *r, tick_t now);

/* Queue a control message, 0 if there are too many or memory is out. */
uint32_t session_control(struct repl *r, uint8_t flags, uint32_t from, uint32_t to);

/* A sent element is no longer needed: the object's slot becomes 0, see also repl_done(). */
void session_release(struct repl *r, uint32_t h);

/* Fill *s from a queued element, spending a number; the element is now a sent one. */
void session_emit(struct repl *r, tick_t now, uint32_t h, struct repl_send *s);

/* Fill *s from an element with a number. */
void session_describe(const struct node *n, struct repl_send *s);

/* Queue ALIVE unless one waits. */
void session_alive(struct repl *r);

/* Are these flags and this type allowed on a data message? */
bool session_is_data(const struct wire_msg *m);

/* bulk.c */

void bulk_init(struct bulk *b);
void bulk_want(struct repl *r); /* the peer needs everything */
void bulk_tick(struct repl *r, tick_t now);
tick_t bulk_deadline(const struct repl *r);
uint32_t bulk_room_unacked(struct repl *r, tick_t now); /* token bucket */
/* Is the bulk through? Then it is announced. */
void bulk_check(struct repl *r, tick_t now);

/* resync.c */

void resync_init(struct resync *rs, bool acked_mode);
void resync_request(struct repl *r);
bool resync_auto(struct repl *r, tick_t now); /* bounded in rate; false: one is due already */
void resync_sent(struct repl *r, tick_t now, const struct repl_send *s);
/* A NACK was transmitted: the answer is not over before it is acknowledged. */
void resync_nacked(struct repl *r, uint32_t seq);
void resync_acked(struct repl *r, tick_t now, uint32_t from, uint32_t to);
void resync_heard(struct repl *r, tick_t now, bool data); /* without acknowledgements */
void resync_tick(struct repl *r, tick_t now);
tick_t resync_deadline(const struct repl *r);

/* unacked.c: elements in the window */

/* Enter an element just emitted; makes room by giving up the oldest. */
void unacked_put(struct repl *r, tick_t now, uint32_t h);
void unacked_del(struct repl *r, uint32_t h);
void unacked_again(struct repl *r, uint32_t h); /* back to the queue */
uint32_t unacked_ack(struct repl *r, tick_t now, uint32_t from, uint32_t to);
void unacked_nack(struct repl *r, uint32_t from, uint32_t to);
void unacked_reset(struct repl *r);            /* the peer forgot all */
bool unacked_held(struct repl *r, tick_t now); /* must objects wait? */
bool unacked_older(const struct repl *r, tick_t now, tick_t age);
void unacked_heard(struct repl *r, tick_t now);
void unacked_tick(struct repl *r, tick_t now);
tick_t unacked_deadline(const struct repl *r);

#endif

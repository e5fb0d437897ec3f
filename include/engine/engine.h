/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_ENGINE_ENGINE_H
#define CTD_ENGINE_ENGINE_H

/*
 * One node: kernel events, datagrams, operator requests and time go in; datagrams,
 * kernel operations, dump requests, log lines and completions come out. Pure: no
 * clock, no socket. The daemon and the simulator drive the same object:
 *
 *	feed inputs;
 *	while (engine_effect(...)) ...           dumps wanted, jobs finished, stop
 *	while ((n = engine_kernel_ops(...)))     execute, engine_kernel_results()
 *	for each peer: while (engine_datagram(...)) send
 *	arm a timer at engine_deadline()
 *
 * Every call does a bounded amount of work; long jobs (commit, bulk, flush)
 * advance a slice per engine_kernel_ops() / engine_datagram() call, and
 * engine_deadline() says "now" while one is pending.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/log.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "failover/commit.h"
#include "failover/direct.h"
#include "flow/filter.h"
#include "flow/kernel_op.h"
#include "repl/repl.h"
#include "wire/codec.h"

#define ENGINE_PEERS 8

struct engine_params {
	uint64_t seed;                        /* numbers, hash secrets */
	uint64_t node_id;                     /* of this node, told to peers; 0 = from the seed */
	uint8_t npeers;                       /* 0..ENGINE_PEERS */
	const char *peer_names[ENGINE_PEERS]; /* for the log; borrowed; NULL or "" = none */
	struct repl_params repl;              /* for every peer */
	struct wire_params wire;
	uint32_t cache_limit;     /* HashLimit, per cache */
	bool expect_sync;         /* ExpectationSync */
	uint8_t n_expect_helpers; /* allow list, 0 = all */
	char expect_helpers[32][FLOW_HELPER_MAX];
	uint32_t commit_timeout; /* s, 0 = remaining */
	uint32_t purge_timeout;  /* s */
	uint32_t overrun_resync; /* s after an overrun, 0 = never */
	bool keep_ended;         /* statistics: hand out flows that ended, engine_ended() */
	uint32_t poll_secs;      /* s between readings of the tables, 0 = events are told */
	uint32_t refresh_time;   /* s within which each entry is announced again, 0 = never */
	uint32_t cache_timeout;  /* s after which an unconfirmed external entry goes, 0 = never */
	bool window_tracking;
	bool no_internal;            /* DisableInternalCache: events become messages */
	bool no_external;            /* DisableExternalCache: what peers say goes into the kernel */
	const struct filter *filter; /* borrowed for the life of the engine; NULL = all */
	const struct log *log;       /* borrowed; called synchronously, must not call back */
};

struct engine;

struct engine *engine_new(const struct engine_params *p, tick_t now); /* NULL: out of memory */
void engine_free(struct engine *e);

/*
 * Go on with other parameters. Seed, node, mode, ExpectationSync and caches on or off, and
 * the log stay as they are, whatever *p says; everything else counts from now on.
 * Another filter (told by its address) makes the engine read the kernel's table
 * again: flows that pass now are taken in, flows that do not pass any more are
 * given up, and the peers are told.
 *
 * peer_from[i] is what peer i was before, or ENGINE_NEW_PEER. Peers named there
 * keep session and cache; those not named are forgotten with all that was heard of
 * them. The names must live on. 0; CTD_EBUSY: peers cannot come or go during a
 * commit; -ENOMEM. On error nothing has changed.
 */
#define ENGINE_NEW_PEER 0xffu

int engine_reconfigure(struct engine *e, tick_t now, const struct engine_params *p,
		       const uint8_t *peer_from);

/* ---- kernel -> engine ---- */

enum event_kind { EVENT_NEW, EVENT_UPDATE, EVENT_DESTROY };

/* Who caused a kernel event. */
enum event_origin {
	ORIGIN_KERNEL,  /* traffic */
	ORIGIN_PROGRAM, /* the request of another program */
	ORIGIN_OWN,     /* our own commit or flush: only ends are replicated */
};

void engine_flow_event(struct engine *e, tick_t now, enum event_kind k, enum event_origin o,
		       const struct flow *f);
void engine_expect_event(struct engine *e, tick_t now, enum event_kind k, enum event_origin o,
			 const struct expect *x);

/*
 * With keep_ended: a flow of the internal cache that has ended, as it was last
 * known; with counters and duration if an event told of the end. To be called
 * after each event and turn until it says false, there is room for a few only.
 */
bool engine_ended(struct engine *e, struct flow *f);

/* The event socket lost something. */
void engine_overrun(struct engine *e, tick_t now);

/*
 * Answers to EFFECT_DUMP: each entry of the table, then the end. Between the
 * effect and the end events may arrive too.
 */
void engine_dump_flow(struct engine *e, tick_t now, const struct flow *f);
void engine_dump_expect(struct engine *e, tick_t now, const struct expect *x);
void engine_dump_end(struct engine *e, tick_t now, int err);

/* May more entries of the dump be read now? False while a flush catches up. */
bool engine_dump_wanted(const struct engine *e);

/* Ask for the first dump: fills the internal cache, nothing is sent. As engine_admin(). */
int engine_load(struct engine *e, uint64_t tag);

/* Operations wanted, at most cap; every one must come back through _results. */
size_t engine_kernel_ops(struct engine *e, tick_t now, struct kernel_op *ops, size_t cap);
void engine_kernel_results(struct engine *e, tick_t now, const struct kernel_op *ops, size_t n);

/* ---- peers ---- */

/*
 * A datagram (or the whole messages of a stream) from a peer. True if at least
 * one message in it was accepted: it came from somebody who speaks our language.
 */
bool engine_input(struct engine *e, tick_t now, uint8_t peer, const uint8_t *data, size_t len);

/* One framed message from a stream peer; as engine_input(). */
bool engine_input_msg(struct engine *e, tick_t now, uint8_t peer, const struct wire_msg *m);

/* What stream_next() refused, to be counted: CTD_EBADVERSION, CTD_EBADSIZE. */
void engine_input_bad(struct engine *e, uint8_t peer, int err);

/*
 * Next datagram for a peer, at most cap bytes (cap >= WIRE_MSG_MAX); 0 when
 * there is nothing to send now.
 */
size_t engine_datagram(struct engine *e, tick_t now, uint8_t peer, uint8_t *buf, size_t cap);

/* A link to the peer has failed, and with it what was under way. The peer is heard on another. */
void engine_link_failed(struct engine *e, uint8_t peer);

/* ---- operator ---- */

enum admin_cmd {
	ADMIN_COMMIT,
	ADMIN_FLUSH_CACHES,
	ADMIN_FLUSH_KERNEL,
	ADMIN_RESYNC_KERNEL,
	ADMIN_BULK,
	ADMIN_REQUEST_RESYNC,
	ADMIN_PURGE,
};

/* What a command applies to. */
#define ADMIN_FLOWS    1u
#define ADMIN_EXPECTS  2u
#define ADMIN_INTERNAL 4u
#define ADMIN_EXTERNAL 8u

/*
 * To which peers; none of these bits means all. For ADMIN_COMMIT, ADMIN_BULK,
 * ADMIN_REQUEST_RESYNC and the external side of ADMIN_FLUSH_CACHES.
 */
#define ADMIN_PEER(i) (0x100u << (i))
#define ADMIN_PEERS   0xff00u

/*
 * Carry out a command. Jobs that take time (commit, kernel flush, kernel
 * resync, and a request for resync with a tag, which is complete when all that
 * the peers sent is here) end with an EFFECT_JOB_DONE carrying "tag"; others are
 * finished on return. 0: done; 1: job started or queued; CTD_EBUSY: refused, a job of that
 * kind runs; CTD_EUNSUPPORTED.
 */
int engine_admin(struct engine *e, tick_t now, enum admin_cmd cmd, uint32_t what, uint64_t tag);

/* Nobody waits for this tag any more; what was started goes on. */
void engine_admin_cancel(struct engine *e, uint64_t tag);

/* ---- effects ---- */

enum effect_kind { EFFECT_DUMP_FLOWS, EFFECT_DUMP_EXPECTS, EFFECT_JOB_DONE };

struct effect {
	enum effect_kind kind;
	uint64_t tag; /* EFFECT_JOB_DONE */
};

bool engine_effect(struct engine *e, tick_t now, struct effect *eff);

/* ---- time ---- */

tick_t engine_deadline(const struct engine *e);
void engine_tick(struct engine *e, tick_t now);

/* ---- reports ---- */

enum engine_cache { ECACHE_INTERNAL, ECACHE_EXTERNAL, ECACHE_EXP_INTERNAL, ECACHE_EXP_EXTERNAL };

/*
 * Resumable walk over a cache for listings; entries waiting for their destroy
 * to be acknowledged are not shown. External caches: all peers in turn, or
 * the one given alone.
 */
struct engine_walk {
	enum engine_cache which;
	uint8_t peer;
	bool one_peer;
	struct cache_walk w;
};

struct engine_entry {
	union {
		struct flow flow;
		struct expect expect;
	};
	tick_t created, updated;
	tick_t expires; /* CacheTimeout; TICK_NEVER: does not */
};

/* 1: *out filled; 0: end; CTD_EBUSY: budget used up, call again. */
int engine_walk_next(const struct engine *e, struct engine_walk *w, uint32_t *budget,
		     struct engine_entry *out);

struct cache_counts {
	uint32_t active;  /* alive */
	uint32_t objects; /* dead ones included */
	uint64_t add_ok, add_nomem, add_full;
	uint64_t update_ok, update_missing;
	uint64_t del_ok, del_missing;
	size_t bytes;
};

/* What the operator's last commands made of this node; a node decides nothing itself. */
enum engine_role {
	ROLE_UNKNOWN, /* it was not told yet */
	ROLE_PRIMARY, /* a commit: it took over */
	ROLE_BACKUP,  /* a purge: it gave up what it had */
};

struct engine_stats {
	enum engine_role role;
	tick_t role_since;
	struct cache_counts cache[4]; /* by enum engine_cache, peers summed */
	uint64_t events, events_filtered, events_own;
	uint64_t overruns, kernel_flushes, kernel_resyncs;
	uint64_t end_bytes, end_packets; /* of ended flows, accounting */
	uint64_t fetched;                /* flows asked of the kernel after events */
	uint64_t fetch_lost; /* not asked, too many at a time: the table is read again */
	uint64_t bad_version, bad_header, bad_payload, bad_type, truncated, bad_size, no_key;
	uint64_t resyncs_complete; /* of peers' state, by mark and sweep */
	uint64_t swept;            /* stale entries they removed */
	uint64_t bulk_objects;     /* queued by bulks */
	uint64_t msgs_in, msgs_out, dgrams_out;
	uint8_t npeers;
	struct repl_stats peer[ENGINE_PEERS];
	struct direct_stats direct; /* no_external, peers summed */
	bool commit_running;
	struct commit_stats last_commit;
	tick_t last_commit_took;
	tick_t last_commit_at;    /* its end; 0: there was none */
	const char *resync_after; /* why the kernel will be read again soon, or NULL */
};

void engine_get_stats(const struct engine *e, struct engine_stats *st);

/* The same as if this peer were the only one. */
void engine_get_peer_stats(const struct engine *e, uint8_t peer, struct engine_stats *st);

/* Unacknowledged elements of a peer, see repl_window_next(). */
bool engine_window_next(const struct engine *e, uint8_t peer, uint32_t *pos, struct repl_send *s);

#endif

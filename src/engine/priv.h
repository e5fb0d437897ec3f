/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_ENGINE_PRIV_H
#define CTD_ENGINE_PRIV_H

/* The engine's own structure, shared by the files of this folder only. */
#include "base/rand.h"
#include "base/ratelim.h"
#include "cache/masters.h"
#include "engine/engine.h"

/* repl_obj.kind */
#define OBJ_FLOW   0u
#define OBJ_EXPECT 1u

/* Flag byte of internal cache entries. */
#define ENTRY_UPDATE 0x01u /* announce as update, not as new */
#define ENTRY_DEAD   0x02u /* destroyed, waiting for its acknowledgement */
#define ENTRY_GEN    0x04u /* seen in this generation of the kernel table */
#define ENTRY_HELD   0x08u /* expectation whose master is not known yet */
#define ENTRY_SILENT 0x10u /* changed without telling the peers */
#define ENTRY_FETCH  0x20u /* flow that the kernel is about to be asked for */
#define ENTRY_LOADED 0x40u /* was there at the start, no event told of it since */

#define FETCH_MAX   1024u /* such flows at a time, power of two */
#define HELD_MAX    256u  /* expectations held back at a time */
#define ENDED_MAX   1024u /* power of two */
#define ENDLOG_MAX  64u   /* ended flows not handed out yet */
#define DELETEQ_MAX 2048u /* kernel deletions queued by a flush */
#define DELETEQ_LOW 1024u /* the dump is asked for more below this */

/* What a kernel table dump is made for. */
enum dump_purpose {
	DUMP_LOAD,    /* start: fill the internal cache, nothing is sent */
	DUMP_RESYNC,  /* -R: refresh; new entries are not sent, differences are */
	DUMP_OVERRUN, /* events were lost, or none told: differences are sent */
	DUMP_FLUSH,   /* -F: delete what passes the filter */
	DUMP_PURGE,   /* -t: the same, but for the copies made for peers */
	DUMP_BULK,    /* without internal cache: what peers asked for */
};

/* A dump that was asked for and has not ended yet. */
struct dump_job {
	enum dump_purpose purpose;
	bool expects;
	bool started; /* asked for; a flush may still be deleting */
	uint64_t tag; /* to report at the end, 0 = nobody waits */
};

#define DUMP_QUEUE 8u

/* Somebody waits until all that these peers sent at our request is here. */
struct resync_wait {
	uint64_t tag;
	uint8_t peers; /* bits: not complete yet ... */
	uint8_t asked; /* ... but asked */
};

#define RESYNC_WAITS 8u

struct side_counts {
	uint64_t add_ok, add_nomem, add_full;
	uint64_t update_ok, update_missing;
	uint64_t del_ok, del_missing;
	uint32_t dead;
};

/*
 * What this node holds of a peer, and how sure it is of it. Each message stamps
 * its entry with the generation; a new one begins where all that is held may be
 * stale, and ends with a complete bulk: what bears an older stamp then goes.
 */
struct resync_view {
	uint8_t gen;          /* in the flag byte of external entries */
	tick_t gen_since;     /* what was sent after that is of it */
	tick_t heard_at;      /* the peer's last message */
	bool met;             /* has been heard at all */
	bool known;           /* the peer said who it is ... */
	tick_t doubt_at;      /* ... in a life before; in this one it must by then; or TICK_NEVER */
	bool mode_said;       /* a wrong mode was reported */
	bool several;         /* more than one node speaks here: nothing can be swept ... */
	tick_t several_until; /* ... before this */
	bool several_said;    /* it was reported */
	uint64_t life;        /* of who spoke last; 0: it does not say, or nobody spoke */
	uint64_t life_before; /* of who spoke before that one */
	uint32_t caps;        /* WIRE_CAP_* that the peer announced */
	uint32_t bulk;        /* number of its last complete bulk taken note of */
	bool sweeping;
	bool sweep_expects;
	struct cache_walk walk;
	tick_t cutoff;  /* entries not confirmed since go too */
	uint64_t swept; /* in this sweep */
};

struct bulk_walk {
	bool running;
	bool wanted;   /* from the kernel's table: waits for the next reading ... */
	uint32_t room; /* ... of which so much may be queued */
	bool expects;  /* flows are through, now expectations */
	struct cache_walk w;
};

/* Fields of struct engine_stats that each peer has of its own. */
struct traffic {
	uint64_t bad_version, bad_header, bad_payload, bad_type, truncated, bad_size, no_key;
	uint64_t bulk_objects;
	uint64_t resyncs_complete, swept;
	uint64_t msgs_in, msgs_out, dgrams_out;
};

struct peer {
	const char *name;            /* "": none */
	struct side_counts count[2]; /* external: flows, expectations */
	struct traffic net;
	struct repl *repl;
	struct cache *flows, *expects; /* external */
	struct zone_set zones;         /* of the flows, ever */
	struct direct *direct;         /* DisableExternalCache, else NULL */
	struct bulk_walk bulk;
	struct cache_walk expiry[2];   /* CacheTimeout: flows, expectations */
	bool told_plain;               /* entries went out without extras */
	bool catching_up;              /* those that have some are announced once more */
	struct cache_walk catch_up[2]; /* by object kind */
	struct resync_view view;
	tick_t tell_again;           /* ends were kept from it: a bulk then; 0: none */
	bool refused[2];             /* by kind: its cache had no room for something it said */
	uint8_t stash[WIRE_MSG_MAX]; /* message that did not fit the last datagram */
	size_t stash_len;
};

/* Key of a flow to be asked for. */
struct fetch {
	struct tuple orig;
	uint16_t zone;
	uint32_t has;
};

struct engine {
	struct engine_params p;
	struct rng rng;
	uint64_t life;                 /* this start's number */
	struct cache *flows, *expects; /* internal */
	uint8_t npeers;
	struct peer peers[ENGINE_PEERS];
	struct side_counts count[2]; /* internal: flows, expectations */
	bool refused[2];             /* by kind: the internal cache had no room for something */
	bool partial[2];             /* by kind: emptied, and not filled again from the kernel */
	bool cleared[2];             /* by kind: emptied during the present dump */
	uint8_t loading;             /* ENTRY_LOADED while the first dump comes in, else 0 */
	uint8_t gen[2];              /* by object kind: ENTRY_GEN or 0, the current one */

	struct zone_set zones;    /* of flows of the internal cache, ever */
	cache_ref held[HELD_MAX]; /* expectations without a known master */
	uint32_t nheld;
	struct cache_walk room[2]; /* by object kind: where to look for room next */
	tick_t watch_at;           /* read the table again; TICK_NEVER: no need */
	tick_t watch_pause;

	struct fetch fetch[FETCH_MAX]; /* ring */
	uint32_t fetch_head, nfetch;

	/* kernel dumps: [0] is the one under way once dump_running */
	struct dump_job dumps[DUMP_QUEUE];
	uint32_t ndumps;
	bool dump_running;
	bool sweeping; /* after a resync dump: vanished entries go */
	bool sweep_expects;
	bool sweep_keeps; /* the dump failed: only make the marks alike */
	struct cache_walk sweep;

	/* commit */
	struct commit *commit;
	uint8_t commit_peer;
	uint32_t commit_what, commit_peers; /* ADMIN_ bits */
	uint64_t commit_tag;
	tick_t commit_start;
	struct commit_stats commit_sum;
	struct commit_stats last_commit;
	tick_t last_commit_took, last_commit_at;
	struct ratelim commit_log;

	/*
	 * Kernel ids of flows, or expectations, that ended during a dump: entries on
	 * their way are of the past.
	 */
	uint32_t ended[ENDED_MAX];
	uint32_t nended;

	struct flow *endlog; /* ring of ENDLOG_MAX, owned, NULL: not wanted */
	uint32_t endlog_head, endlog_len;

	struct kernel_op *deleteq; /* ring of DELETEQ_MAX, owned, NULL until needed */
	uint32_t deleteq_head, deleteq_len;

	tick_t purge_at;         /* TICK_NEVER: not scheduled */
	tick_t overrun_at;       /* the kernel is read again; TICK_NEVER: no reason to */
	const char *overrun_why; /* the first reason, goes on after "after" */
	tick_t poll_at;          /* PollSecs; TICK_NEVER: events are told */

	tick_t refresh_at;            /* next step of refresh.c; TICK_NEVER: off */
	struct cache_walk refresh[2]; /* by object kind */

	struct resync_wait waits[RESYNC_WAITS];
	uint32_t nwaits;

	struct effect effects[32];
	uint32_t neffects;

	uint8_t copies_turn; /* whose copies are written next */
	struct ratelim full_log, ext_full_log, resync_log;
	struct engine_stats st; /* the counters that live here */
};

/*
 * Is it time to ask again for what these caches refused, by kind? Something was, and
 * where it was a sixteenth of the places is free.
 */
static inline bool has_room_again(const struct engine *e, const bool refused[2],
				  const struct cache *flows, const struct cache *expects)
{
	const uint32_t limit = e->p.cache_limit, room = limit / 16 ? limit / 16 : 1;

	return (refused[OBJ_FLOW] || refused[OBJ_EXPECT]) &&
	       (!refused[OBJ_FLOW] || cache_count(flows) + room <= limit) &&
	       (!refused[OBJ_EXPECT] || cache_count(expects) + room <= limit);
}

/* ---- local.c: the internal cache ---- */
/* Take an entry out of every session and out of the cache. */
void local_drop(struct engine *e, uint32_t kind, cache_ref ref);
/* A dead entry lives again under the same key. */
void local_revive(struct engine *e, uint32_t kind, cache_ref ref);
/*
 * Mark dead and tell the peers, also where we ended it ourselves: what they hold
 * of a flushed table is stale (W6). Without anybody to tell it goes at once.
 */
void local_bury(struct engine *e, uint32_t kind, cache_ref ref);
/* As cache_add(); what is refused is counted and logged. */
int local_enter(struct engine *e, tick_t now, uint32_t kind, const void *obj, cache_ref *ref);
/* Flags of an entry that was just written. */
uint8_t local_flags(const struct engine *e, uint32_t kind, bool fresh, bool send);
/* An entry has ended: a part of the dump that was read before may still show it. */
void local_note_end(struct engine *e, uint32_t kind, uint32_t id);
bool local_ended(const struct engine *e, uint32_t id);
void local_clear(struct engine *e, bool expects);
void local_queue_all_done(struct engine *e, tick_t now);
void local_dump_flow(struct engine *e, tick_t now, const struct flow *f, bool send);
/*
 * One slice of the sweep after a dump; false when it is through. After one that
 * failed nothing goes, but every entry gets the same mark again: else the next
 * dump, whose mark is the one of before, would spare what it does not show.
 */
bool local_sweep(struct engine *e, tick_t now, uint32_t budget);

/* This flow lives here, whatever a peer says of it: tell all. */
void local_lives(struct engine *e, tick_t now, const struct flow *f);
/* A peer says that it owns this flow. True: it was ours only because it was there at the start. */
bool local_cede(struct engine *e, const struct flow *f);

/* Hand an entry's present state to every session. */
void local_announce(struct engine *e, uint32_t kind, cache_ref ref);

/* A flow of this node has ended, with its counters if there are any. */
void local_count_end(struct engine *e, const struct flow *f);
/* Without internal cache: an entry that every session has sent goes. */
void local_drop_sent(struct engine *e, uint32_t kind, cache_ref ref);

/* Entries that wait for nobody any more go. */
void local_drop_idle(struct engine *e);

/* ---- expects.c: expectations of the internal cache ---- */
void expects_dump(struct engine *e, tick_t now, const struct expect *x, bool send);
/* A flow has appeared: announce the expectations that waited for it. */
void expects_release(struct engine *e, tick_t now, const struct flow *master);
void expects_tick(struct engine *e, tick_t now);
/* No longer held back. */
void expects_unhold(struct engine *e, cache_ref ref);
/* Put in the zone of its master, if that is known. */
void expects_locate(const struct engine *e, struct expect *x);

/* For a bulk without internal cache: an entry of x, or 0. */
cache_ref expects_enter(struct engine *e, tick_t now, const struct expect *x);

/* ---- transit.c: DisableInternalCache ---- */
void transit_flow(struct engine *e, tick_t now, enum event_kind k, const struct flow *f);
/* A slice of a bulk; the reading of the table for it; may more of it be read now? */
void transit_bulk(struct engine *e, tick_t now, struct peer *p);
void transit_bulk_start(struct engine *e);
bool transit_bulk_room(const struct engine *e);
void transit_bulk_flow(struct engine *e, tick_t now, const struct flow *f);
void transit_bulk_expect(struct engine *e, tick_t now, const struct expect *x);
void transit_bulk_end(struct engine *e, tick_t now, bool expects, int err);

/* ---- fetch.c: what events do not tell ---- */
/* A helper has worked on this flow. */
void fetch_master(struct engine *e, tick_t now, const struct tuple *orig, bool zoned,
		  uint16_t zone);
/*
 * An event was laid over what is cached, with this result. Ask for what it kept silent
 * about; where that is more at a time than FETCH_MAX, the table is read again.
 */
void fetch_after(struct engine *e, tick_t now, cache_ref ref, const struct flow *cur,
		 const struct flow *event, bool program);
size_t fetch_ops(struct engine *e, struct kernel_op *ops, size_t cap);
void fetch_result(struct engine *e, tick_t now, const struct kernel_op *op);

/*
 * Announce an entry as new the next time: what a peer may have got otherwise, or
 * of another flow, is replaced. For what repeats all there is.
 */
static inline void local_whole(struct cache *c, cache_ref ref)
{
	*cache_flags(c, ref) &= (uint8_t)~ENTRY_UPDATE;
}

/* ---- refresh.c: RefreshTime, CacheTimeout ---- */
void refresh_tick(struct engine *e, tick_t now);

/* ---- view.c: what is held of a peer ---- */
void view_outdate(struct engine *e, tick_t now, struct peer *p);
/* The peer has begun anew. */
void view_fresh(struct engine *e, tick_t now, struct peer *p);
/* An ALIVE, with an identity in it or none. */
void view_ident(struct engine *e, tick_t now, uint8_t peer, const struct wire_msg *m);
/* May attributes that only our own nodes know be sent to it? */
bool view_takes_extras(const struct peer *p);
void view_tick(struct engine *e, tick_t now);
/* Is there something for it to do at once, which no timer of a session tells of? */
bool view_pending(const struct engine *e);
/* An end that this peer does not know of is given up. */
void view_gave_up(tick_t now, struct peer *p);
/* Report the end of the resync that these peers are about to be asked for. As engine_admin(). */
int view_await(struct engine *e, uint32_t what, uint64_t tag);
void view_await_not(struct engine *e, uint64_t tag);

/* ---- remote.c: peers ---- */
/* Out of what is held of a peer. What is in the kernel stays: silence is no end. */
void remote_forget(struct peer *p, bool expects, cache_ref ref);
/* "what": ADMIN_PEER() bits. */
void remote_clear(struct engine *e, bool expects, uint32_t what);

/* ---- copies.c: DisableExternalCache ---- */
int copies_open(struct engine *e, struct peer *p);
/*
 * A kernel event. True: it is about a copy made for a peer, or an operation of
 * ours, and there is nothing more to do.
 */
bool copies_event(struct engine *e, enum event_kind k, enum event_origin o, const struct flow *f);
/* Is the kernel's flow a copy made for a peer? */
bool copies_have(const struct engine *e, const struct flow *f);
/* Was this expectation made for a peer? */
bool copies_have_expect(const struct engine *e, const struct expect *x);
size_t copies_ops(struct engine *e, tick_t now, struct kernel_op *ops, size_t cap);
void copies_result(struct engine *e, tick_t now, const struct kernel_op *op);
void copies_tick(struct engine *e, tick_t now);
tick_t copies_deadline(const struct engine *e);

/* ---- jobs.c ---- */
/* What the kernel did not take; "what" is the beginning of the line. */
void jobs_log_failure(struct engine *e, tick_t now, const char *what,
		      const struct commit_failure *f);
int jobs_dump(struct engine *e, enum dump_purpose purpose, bool expects, uint64_t tag);
int jobs_commit(struct engine *e, tick_t now, uint32_t what, uint64_t tag);
void jobs_tick(struct engine *e, tick_t now);
/* The tables have to be read again, and what differs told; without cache, all of it. */
int jobs_catch_up(struct engine *e);
/*
 * The same NetlinkOverrunResync seconds from now, if it is not to be sooner, for this
 * reason: a constant that goes on after "after".
 */
void jobs_read_again(struct engine *e, tick_t now, const char *why);
bool jobs_pending(const struct engine *e);

/* ---- admin.c ---- */
/* Do the ADMIN_ bits of a command mean this peer? */
bool admin_means(uint32_t what, uint8_t peer);
/* Between a log line and the name of a peer: empty for one without name. */
const char *peer_word(const struct peer *p, const char *word);

/* ---- engine.c ---- */
/* Session and caches of a peer. False: out of memory; engine_peer_close() all the same. */
bool engine_peer_open(struct engine *e, struct peer *p, const char *name, tick_t now);
void engine_peer_close(struct peer *p);

void engine_post(struct engine *e, enum effect_kind k, uint64_t tag);

#endif

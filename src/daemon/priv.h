/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_PRIV_H
#define CTD_DAEMON_PRIV_H

/* The daemon's parts, shared by the files of this folder only. */
#include "config/config.h"
#include "control/sock.h"
#include "engine/engine.h"
#include "kernel/apply.h"
#include "kernel/dump.h"
#include "kernel/events.h"
#include "loop/clock.h"
#include "loop/loop.h"
#include "observe/sinks.h"
#include "rights.h"
#include "streams.h"

struct daemon;

/* The kernel's tables: events, dumps, operations (tables.c). */
struct tables {
	struct kernel_events *events;
	struct kernel_applier *applier;
	struct kernel_dump *dump; /* NULL: none under way */
	struct loop_io events_io, dump_io;
	struct loop_timer pause; /* events are left waiting until then */
	tick_t last_drain;
	uint32_t own_events; /* of operations since then, at most: to be read beyond the limit */
	uint64_t events_lost_io;         /* reads that failed for good */
	struct kernel_dump_stats dumped; /* by all dumps that have ended */
	uint64_t bad_told;               /* unreadable entries of one dump, as logged */
	uint64_t dump_failed;
	uint64_t apply_failed;
};

/* The links to one peer (peers.c). */
struct peer_links {
	struct daemon *d;
	uint8_t index; /* of the engine's session, of the configuration */
	struct links *links;
	struct streams streams; /* what comes in over them */
};

/* User, rights, and what the service manager hears (life.c). */
struct life {
	bool has_user;
	struct account user;
	struct control_access access; /* to the control socket */
	struct loop_timer timer;
	tick_t period;  /* between two messages */
	char told[160]; /* last status line */
};

struct strbuf;
struct stats_link;
struct stats_queue;

struct daemon {
	const struct config *cfg; /* in effect; of daemon_main()'s caller, or ... */
	struct config *own;       /* ... this one, after a reload (reload.c); owned */
	const char *path;         /* of the file, absolute */
	struct sinks *sinks;
	struct sinks *flows; /* statistics mode: of flows that ended (flowlog.c), else NULL */
	const struct log *log;
	struct loop *loop;
	struct filter *filter;
	struct engine *engine;
	struct tables tables;
	struct peer_links peers[CONFIG_PEERS];
	uint8_t n_peers;
	uint8_t first_peer; /* served first in the next turn */
	struct control_sock *control;
	struct loop_timer timer; /* engine_deadline(), or "more to do" */
	struct loop_signal sig_term, sig_int, sig_hup;
	int lock_fd;
	bool lock_left; /* the file was there: another's, until the control socket is ours */
	struct life life;
	tick_t started;
	bool loaded; /* the first dump has ended */
	bool stopping;
	uint64_t next_tag;
	struct admin_job *jobs; /* clients waiting for a job (admin.c) */
};

/* ---- tables.c ---- */
int tables_open(struct daemon *d);
void tables_close(struct daemon *d);
/* Start listening; the first dump has been asked for. */
void tables_listen(struct daemon *d);
/* A dump the engine asked for. */
void tables_dump(struct daemon *d, bool expects);
/* One slice of dump reading and of kernel operations. True: there is more to do. */
bool tables_turn(struct daemon *d);

/* Buffer and delivery as configured now. */
int tables_change(struct daemon *d);

/* ---- peers.c ---- */
int peers_open(struct daemon *d);
void peers_close(struct daemon *d);

/* The links to be, in a reload, beside those in use. */
struct peers_next {
	struct peer_links set[CONFIG_PEERS];
	uint8_t from[CONFIG_PEERS]; /* as for engine_reconfigure() */
	bool kept[CONFIG_PEERS];    /* the same links as before, in use all the time */
	uint8_t n;
};

/*
 * Open the links of d->cfg that the old configuration does not have. Those in use
 * stay, unless they are in the way of one that could be opened otherwise. Then
 * either take them over, or, after an error too, drop them; if that fails some
 * peers are without links (NULL).
 */
int peers_prepare(struct daemon *d, const struct config_sync *old, const uint8_t *from,
		  struct peers_next *next);
void peers_take(struct daemon *d, struct peers_next *next);
int peers_drop(struct daemon *d, const struct config_sync *old, struct peers_next *next);
/* Send what the engine has for the peers, a slice. True: there is more. */
bool peers_turn(struct daemon *d);
/* All peers, where a command can name one. */
#define PEER_ALL (-1)

/* Index of the peer of this name, or -ENOENT. */
int peers_find(const struct daemon *d, const char *name);

/* Statistics of the links to a peer, or of all; returns how many. */
size_t peers_stats(const struct daemon *d, int peer, struct stats_link *out, size_t cap);
/* What these links could not send yet, together. */
void peers_errorq(const struct daemon *d, int peer, struct stats_queue *q);

/* ---- report.c ---- */
/* The answer to -s, status or health; of the resend queue its headline. */
void report_make(struct daemon *d, const struct control_request *rq, int peer, struct strbuf *b);
/* The state of the node in a few words. */
void report_line(struct daemon *d, struct strbuf *b);
/* What a commit did, as JSON; started: it was not refused. */
void report_commit(struct daemon *d, bool started, struct strbuf *b);

/* ---- admin.c ---- */
int admin_open(struct daemon *d);
/* Answer the clients, who have waited so far. */
void admin_serve(struct daemon *d);
/* No more clients; those who wait stay. */
void admin_unlisten(struct daemon *d);
void admin_close(struct daemon *d);
void admin_job_done(struct daemon *d, uint64_t tag);

/* ---- reload.c ---- */
/*
 * Read the configuration again and go on with it, without losing what is cached or
 * under way. Log files are opened anew. CTD_ESYNTAX and others: refused, the old
 * one stays; said says why, in any case it has what is to be said.
 */
int reload(struct daemon *d, struct strbuf *said);
/* What a reload has left. */
void reload_free(struct daemon *d);

/* ---- life.c ---- */
/* Look up whom to become, and for whom the control socket is. */
int life_prepare(struct daemon *d);
/* Everything is open: become that user, keep only the rights that are needed. */
int life_drop_rights(struct daemon *d);
/* Tell the service manager that we serve, and how we are from now on. */
void life_serving(struct daemon *d, bool foreground);
void life_stopping(struct daemon *d);

/* ---- flowlog.c: the log of ended flows ---- */
int flowlog_open(struct daemon *d);
void flowlog_close(struct daemon *d);
/* To where d->cfg says now; open the file anew, it may have been rotated. */
int flowlog_change(struct daemon *d);
int flowlog_reopen(struct daemon *d);
/* Those that have ended since. */
void flowlog_write(struct daemon *d);

/* ---- daemon.c ---- */
void daemon_engine_params(struct daemon *d, const struct config *c, struct engine_params *p);
void daemon_sinks_params(const struct config *c, struct sinks_params *p);

void daemon_stop(struct daemon *d);

#endif

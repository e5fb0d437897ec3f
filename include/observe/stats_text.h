/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_STATS_TEXT_H
#define CTD_OBSERVE_STATS_TEXT_H

/*
 * The reports of "conntrackd -s", byte for byte as scripts and monitoring know
 * them. What the engine counts comes from its statistics, the rest is handed in
 * by the daemon. Which report a mode offers at all is the caller's business.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"
#include "base/tick.h"
#include "engine/engine.h"

/* Room for any report but the resend queue, whose lines come one by one. */
#define STATS_TEXT_MAX 16384

enum stats_link_kind { STATS_LINK_UDP, STATS_LINK_MULTICAST, STATS_LINK_TCP };
enum stats_link_state { STATS_LINK_RUNNING, STATS_LINK_NO_CARRIER, STATS_LINK_DOWN };

struct stats_link {
	enum stats_link_kind kind;
	enum stats_link_state state;
	char device[16];
	char peer[16];       /* whom it leads to; "": the only one, not shown */
	bool active;         /* the one used for sending to this peer */
	bool server, client; /* TCP: connected */
	uint64_t bytes_out, bytes_in;
	uint64_t packets_out, packets_in;
	uint64_t errors_out, errors_in;
};

/* What belongs to the process and its sockets. */
struct stats_runtime {
	tick_t uptime;
	uint64_t events_unknown;   /* kernel messages of a kind we do not know */
	uint64_t events_failed;    /* reading the event socket failed, overruns included */
	uint64_t dump_unknown;     /* entries of a dumped table that say what we cannot read */
	uint64_t buffer;           /* of the event socket, bytes */
	uint64_t read_failed;      /* control clients that left without a request */
	uint64_t unknown_requests; /* control requests without a meaning */
	uint64_t ops, ops_failed;  /* on the kernel's tables; failed: "there is none" included */
	uint64_t ops_refused;      /* of these: never sent, no usable key */
	uint64_t labels_lost;      /* updated but for the labels */
	uint64_t foreign;          /* messages to our sockets that the kernel did not send */
	uint64_t log_lost;         /* lines that neither a file nor syslog took */
};

struct stats_queue {
	uint64_t now, max;
	uint64_t full; /* refused for lack of room */
};

struct stats_view {
	const struct engine_stats *engine;
	bool sync;                      /* replicates; else one cache, statistics mode */
	bool no_internal, no_external;  /* DisableInternalCache, DisableExternalCache */
	bool ftfw;                      /* has a resend queue */
	const struct stats_link *links; /* in the order of the configuration */
	size_t n_links;
	struct stats_queue errorq; /* batches TCP could not send yet */
	struct stats_runtime runtime;
};

/* -s, -s ct; -s expect */
void stats_text_summary(struct strbuf *b, const struct stats_view *v, bool expect);

/* -s network */
void stats_text_network(struct strbuf *b, const struct stats_view *v);

/* -s cache */
void stats_text_cache(struct strbuf *b, const struct stats_view *v);

/* -s runtime */
void stats_text_runtime(struct strbuf *b, const struct stats_view *v);

/* -s link */
void stats_text_link(struct strbuf *b, const struct stats_view *v);

/* -s queue */
void stats_text_queue(struct strbuf *b, const struct stats_view *v);

/* -s rsqueue: the head, then one line per element (at most 64 bytes). */
void stats_text_rsqueue(struct strbuf *b, const struct stats_view *v);
void stats_text_rsqueue_line(struct strbuf *b, const struct repl_send *s);

#endif

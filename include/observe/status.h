/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_STATUS_H
#define CTD_OBSERVE_STATUS_H

/*
 * "conntrackd status", one screen for a person who wants to know how the node is,
 * and "conntrackd health", the same as a verdict for monitoring.
 */
#include "base/jsonw.h"
#include "observe/sinks.h"
#include "observe/stats_text.h"

#define STATUS_TEXT_MAX 32768

struct status_view {
	const struct stats_view *stats;
	const char *version;
	const char *mode;                /* "FTFW" ... */
	const char *peers[ENGINE_PEERS]; /* names; "" for the only one */
	tick_t now;
	tick_t silence;       /* a peer not heard for that long is silent; 0: no judging */
	uint32_t cache_limit; /* entries */
	bool events_ended;    /* the kernel's events cannot be read any more */
	const struct sinks_line *recent; /* newest first */
	size_t n_recent;
};

void status_text(struct strbuf *b, const struct status_view *v);
void status_json(struct strbuf *b, const struct status_view *v);

/* One line for a service manager: role, entries, peers. */
void status_line(struct strbuf *b, const struct status_view *v);

/* What is wrong, the worst first when reported. */
enum health_level { HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL };

#define HEALTH_PROBLEMS 32
#define HEALTH_TEXT     160

struct health_problem {
	enum health_level level;
	char text[HEALTH_TEXT];
};

struct health {
	enum health_level worst;
	size_t n;
	struct health_problem problem[HEALTH_PROBLEMS];
};

void health_check(struct health *h, const struct status_view *v);

/* "OK - ...", "WARNING - ...", "CRITICAL - ...", one line. */
void health_text(struct strbuf *b, const struct health *h, const struct status_view *v);
void health_json(struct strbuf *b, const struct health *h);

#endif

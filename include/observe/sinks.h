/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_SINKS_H
#define CTD_OBSERVE_SINKS_H

/*
 * Where log lines go: console, file, syslog, any of them at once. The daemon
 * has one set for its own log and, in statistics mode, another one for the
 * flows that ended.
 *
 * A line that cannot be written (disk full, no syslog daemon, its queue full)
 * is counted and lost; nothing here waits for a reader but the console.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "base/log.h"

#define SINKS_NO_SYSLOG   (-1)
#define SINKS_SYSLOG_PATH "/dev/log"
#define SINKS_TAG         "conntrack-tools"

struct sinks;

struct sinks_params {
	bool console;            /* info, notice to stdout; warning, ERROR to stderr */
	bool quiet;              /* the console gets warning and ERROR only */
	const char *file;        /* copied; NULL or "": none */
	int syslog;              /* facility (LOG_DAEMON ...), SINKS_NO_SYSLOG */
	const char *syslog_path; /* copied; NULL: SINKS_SYSLOG_PATH */
	enum log_level max;      /* what is above is dropped */
	time_t (*wall)(void);    /* clock for the date of a line */
};

/*
 * Open the file (created with mode 0600, appended to). 0; negated errno of
 * opening it; -ENOMEM. A syslog that is not there yet is no error.
 */
int sinks_open(const struct sinks_params *p, struct sinks **out);
void sinks_close(struct sinks *s); /* NULL is allowed */

/* The log of these sinks; lives as long as they do. */
const struct log *sinks_log(const struct sinks *s);

/* Going into the background: no more console. */
void sinks_set_console(struct sinks *s, bool on);

/* Give the file to this user, who is to write and reopen it from now on. */
void sinks_give(const struct sinks *s, uid_t uid, gid_t gid);

/*
 * Open the file anew under its name, after log rotation. On error (negated
 * errno) the old one stays in use.
 */
int sinks_reopen(struct sinks *s);

/*
 * Other file, syslog and level; the rest of *p counts not. A file of the same
 * name stays open. On error (negated errno) nothing has changed.
 */
int sinks_change(struct sinks *s, const struct sinks_params *p);

/*
 * A flow as a log entry of its own: date, TAB, text in the file, the text alone
 * in syslog with level info. Not on the console.
 */
void sinks_flow(struct sinks *s, const char *text);

/* A warning or an error that was said, for people who look later. */
#define SINKS_RECENT      8
#define SINKS_RECENT_TEXT 240

struct sinks_line {
	time_t when; /* the last time */
	enum log_level level;
	uint32_t times; /* in a row */
	char text[SINKS_RECENT_TEXT];
};

/* The last warnings and errors, the newest first; how many of them there are. */
size_t sinks_recent(const struct sinks *s, struct sinks_line out[SINKS_RECENT]);

struct sinks_stats {
	uint64_t file_lost; /* lines */
	uint64_t syslog_lost;
};

void sinks_get_stats(const struct sinks *s, struct sinks_stats *st);

#endif

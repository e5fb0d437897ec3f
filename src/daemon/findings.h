/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_FINDINGS_H
#define CTD_DAEMON_FINDINGS_H

/*
 * The rules of "conntrackd check": a configuration and what is known of the host
 * go in, findings come out. What the host is like is a value (facts.c fills it),
 * so that each rule can be tested without the host.
 */
#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "config/config.h"

/* An answer that may not be had. */
enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };

/* What is known of a dedicated link. */
struct facts_link {
	bool exists;          /* the device */
	bool up, running;     /* administratively; with carrier */
	bool multicast;       /* it can carry multicast */
	uint32_t mtu;         /* 0: unknown */
	bool local_here;      /* UDP, TCP: the own address is one of this host */
	bool local_on_device; /* ... and of this device */
	int route_err;        /* UDP, TCP: 0, or why there is no way to the peer (negated errno) */
	enum fact joined;     /* Multicast: the group has a member on the device */
	enum fact tracked;    /* the kernel tracks packets of the link */
};

/* A file that the daemon will make: 0, or why it cannot (negated errno). */
struct facts_file {
	const char *path;
	int err;
};

struct facts {
	int table_err;      /* 0, or why the kernel's table does not answer */
	uint32_t table_max; /* nf_conntrack_max; 0: unknown */
	/* sysctls of net.netfilter; -1: unknown */
	int events, tcp_loose, acct, timestamp;
	uint32_t buffer_got; /* bytes of a receive buffer, when NetlinkBufferSize was asked for */
	bool realtime;       /* real time scheduling is allowed */
	bool no_user, no_group; /* User, Group of the socket: there is none of that name */
	bool daemon_runs;       /* one answers on the control socket */
	struct facts_file log, stats_log, lock, socket;
	struct facts_link links[CONFIG_PEERS][CONFIG_LINKS];
};

#define FINDING_TEXT 320
#define FINDINGS_MAX 256

struct finding {
	enum log_level level; /* ERROR, WARNING, NOTICE */
	char text[FINDING_TEXT];
	char todo[FINDING_TEXT]; /* what to do; "" if that is plain */
};

/* Starts as {0}. */
struct findings {
	size_t n;
	struct finding v[FINDINGS_MAX];
};

/* More than FINDINGS_MAX are dropped. */
void findings_add(struct findings *f, enum log_level level, const char *text, const char *todo);

size_t findings_count(const struct findings *f, enum log_level level);

/* Hold the configuration, which could start, against the facts. */
void findings_of(struct findings *f, const struct config *c, const struct facts *facts);

/* ---- facts.c ---- */

/* Find out what concerns this configuration. The paths point into it. */
void facts_read(struct facts *facts, const struct config *c);

#endif

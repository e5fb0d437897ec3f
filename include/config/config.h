/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONFIG_CONFIG_H
#define CTD_CONFIG_CONFIG_H

/*
 * The configuration file, conntrackd.conf(5), as one plain value.
 *
 * A file is read into a fresh struct config with every default applied, checked
 * whole, and then used or dropped; a value in use is never edited. What the
 * reader has to say is collected as values too, so that the caller decides
 * where it is printed: the first ERROR ends the reading, a warning means that a
 * clause was ignored.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/log.h"
#include "flow/filter.h"
#include "repl/repl.h"

#define CONFIG_DEFAULT_FILE "/etc/conntrackd/conntrackd.conf"

#define CONFIG_PEERS          8
#define CONFIG_PEER_NAME      16          /* with the NUL */
#define CONFIG_LINKS          4           /* most dedicated links to a peer */
#define CONFIG_IFNAME         16          /* IFNAMSIZ, with the NUL */
#define CONFIG_PATH           257         /* log and lock files, with the NUL */
#define CONFIG_ACCOUNT        33          /* name of a user or a group, with the NUL */
#define CONFIG_SOCKET_PATH    108         /* sun_path, with the NUL */
#define CONFIG_EXPECT_HELPERS 32          /* names in ExpectationSync */
#define CONFIG_FILE_MAX       (64u << 20) /* bytes of a file */

/* ---- what was said while reading ---- */

#define CONFIG_MSG_TEXT 384
#define CONFIG_WARNINGS 64 /* warnings kept; more are counted */

struct config_msg {
	enum log_level level;       /* ERROR, WARNING or NOTICE */
	unsigned int line, column;  /* from 1; 0: about the file as a whole */
	char text[CONFIG_MSG_TEXT]; /* "FILE:LINE:COLUMN: 'WORD': ...", one line */
};

/* Starts as {0}; owned by the caller, released with config_msgs_free(). */
struct config_msgs {
	struct config_msg *v;
	size_t n, cap;
	size_t dropped; /* warnings beyond CONFIG_WARNINGS */
};

void config_msgs_free(struct config_msgs *m);

/* ---- the value ---- */

enum config_link_kind {
	CONFIG_LINK_NONE,
	CONFIG_LINK_UDP,
	CONFIG_LINK_MULTICAST,
	CONFIG_LINK_TCP,
};

struct config_link {
	enum config_link_kind kind;
	uint8_t family; /* FAM_IP4, FAM_IP6; FAM_NONE: no address given */
	bool has_local, has_dest, has_iface_addr;
	struct addr local;             /* own address; Multicast: the group */
	struct addr dest;              /* the peer (UDP, TCP) */
	struct addr iface_addr;        /* IPv4_interface (Multicast) */
	char interface[CONFIG_IFNAME]; /* "": not given */
	uint32_t port;                 /* Port or Group, 1..65535; 0: not given */
	uint32_t snd_buffer;           /* bytes, 0 = leave alone */
	uint32_t rcv_buffer;
	bool checksum;
	unsigned int line; /* where the block stands, for messages */
};

/* A node to replicate with: a session of its own over links of its own. */
struct config_peer {
	char name[CONFIG_PEER_NAME]; /* "": links stand directly in Sync, it is the only one */
	unsigned int line;           /* where it begins, for messages */
	uint8_t n_links;             /* all of one kind, in file order */
	uint8_t default_link;        /* index of the link used first */
	struct config_link links[CONFIG_LINKS];
};

struct config_sync {
	enum repl_mode mode;
	bool has_mode;           /* a Mode block was given */
	uint32_t refresh_time;   /* s */
	uint32_t cache_timeout;  /* s */
	uint32_t commit_timeout; /* s, 0 = estimate */
	uint32_t purge_timeout;  /* s */
	uint32_t resend_queue;   /* objects */
	uint32_t ack_window;     /* messages */
	bool disable_internal;
	bool disable_external;
	bool startup_resync;
	bool window_tracking;
	bool big_endian_peer; /* peers of 1.4.x are big-endian machines */
	bool expect_sync;
	uint8_t n_expect_helpers; /* 0 = all helpers */
	char expect_helpers[CONFIG_EXPECT_HELPERS][FLOW_HELPER_MAX];
	uint32_t error_queue; /* batches, TCP, for all links */
	uint8_t n_peers;      /* in file order */
	struct config_peer peers[CONFIG_PEERS];
};

struct config_filter {
	bool kernelspace; /* as written; the meaning is the same */
	enum filter_policy proto_policy, addr_policy, state_policy;
	bool protos[256];
	uint16_t states;         /* bit n: TCPS_ number n */
	struct filter_net *nets; /* owned */
	size_t n_nets, cap_nets;
};

enum config_sched { CONFIG_SCHED_UNSET, CONFIG_SCHED_RR, CONFIG_SCHED_FIFO };

#define CONFIG_NO_SYSLOG (-1)

struct config_general {
	uint32_t hash_size;         /* buckets; a hint without effect on behaviour */
	uint32_t hash_limit;        /* entries per cache */
	char log_file[CONFIG_PATH]; /* "": none */
	uint32_t log_level;         /* 1 + enum log_level */
	int32_t syslog;             /* LOG_DAEMON, LOG_LOCAL0..7, CONFIG_NO_SYSLOG */
	char lock_file[CONFIG_PATH];
	char socket_path[CONFIG_SOCKET_PATH];
	char socket_group[CONFIG_ACCOUNT]; /* "": that of the process */
	uint32_t socket_mode;              /* permissions, 0 = 0660 with a group, else 0600 */
	char user[CONFIG_ACCOUNT];         /* to run as, "": as started */
	uint32_t nl_buffer;                /* bytes, 0 = system default */
	uint32_t nl_buffer_max;            /* bytes */
	uint32_t overrun_resync;           /* s after the last overrun, 0 = never */
	bool events_reliable;
	uint32_t event_limit;    /* events per turn */
	uint32_t poll_secs;      /* s, 0 = listen for events */
	uint32_t sched_policy;   /* enum config_sched; never UNSET after reading */
	uint32_t sched_priority; /* 0..99 */
	bool systemd;
};

struct config_stats {
	char log_file[CONFIG_PATH]; /* "": none */
	int32_t syslog;             /* as in config_general, conflict resolved */
};

/* One user space helper to set up. */
struct config_helper {
	char name[FLOW_HELPER_MAX];
	uint8_t family; /* FAM_* */
	uint8_t proto;  /* IPP_TCP, IPP_UDP */
	uint32_t queue_num;
	uint32_t queue_len; /* 0 = kernel default */
	uint32_t expect_max;
	uint32_t expect_timeout; /* s */
};

struct config {
	bool has_sync, has_stats, has_helper;
	struct config_sync sync;
	struct config_general general;
	struct config_filter filter;
	struct config_stats stats;
	bool helper_setup;             /* Helper { Setup } */
	struct config_helper *helpers; /* owned */
	size_t n_helpers;
};

/* ---- reading ---- */

/* Look at this host too: do the interfaces exist? Database of protocol names. */
#define CONFIG_HOST 1u

/*
 * Read a file (CONFIG_HOST is on). On success *c is filled and must be released
 * with config_free(); on failure it is empty and the last message is the ERROR,
 * except for -ENOMEM, which may come without. Messages are added to *m.
 * 0, -ENOMEM, CTD_ESYNTAX (content), or the negated errno of opening and reading
 * (-EISDIR for a directory, -EFBIG beyond CONFIG_FILE_MAX).
 */
int config_load(const char *path, struct config *c, struct config_msgs *m);

/*
 * The same for text in memory; "name" stands for the file in messages, flags
 * is 0 or CONFIG_HOST. No file is opened with flags 0. 0, -ENOMEM, CTD_ESYNTAX,
 * -EFBIG.
 */
int config_parse_text(const char *text, size_t len, const char *name, unsigned int flags,
		      struct config *c, struct config_msgs *m);

void config_free(struct config *c);

/*
 * What a daemon needs beyond a readable file, and a client does not: complete
 * links for Sync, of which no two are the same. Adds the messages that belong to a start (no Mode, event buffer
 * not usable) and settles what they announce in *c. 0 or CTD_ESYNTAX with an
 * ERROR as last message; -ENOMEM.
 */
int config_check_start(struct config *c, struct config_msgs *m);

/* ---- using ---- */

/*
 * What keeps a running daemon from going on with another configuration, both
 * checked for a start: the keyword, or words for what has none. NULL: nothing.
 */
const char *config_fixed(const struct config *old, const struct config *new);

/* Do the two mean the same filter, the same link? */
bool config_same_filter(const struct config *a, const struct config *b);
bool config_same_link(const struct config_link *a, const struct config_link *b);

/*
 * Every clause with the value in effect, in a form that reads back to the same
 * value. 0 or -EIO.
 */
int config_print(const struct config *c, FILE *out);

/* The Filter section as the core wants it; the caller owns it. NULL: out of memory. */
struct filter *config_make_filter(const struct config *c);

#endif

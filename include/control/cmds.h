/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONTROL_CMDS_H
#define CTD_CONTROL_CMDS_H

/*
 * What an operator can ask for. One table serves the command line (a letter and
 * at most one word), the request line on the socket and the request numbers of
 * classic clients; see doc/control.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum control_cmd {
	CONTROL_COMMIT,
	CONTROL_FLUSH_CACHE,
	CONTROL_FLUSH_KERNEL,
	CONTROL_RESYNC_KERNEL,
	CONTROL_DUMP_INTERNAL,
	CONTROL_DUMP_EXTERNAL,
	CONTROL_BULK,
	CONTROL_REQUEST_RESYNC,
	CONTROL_PURGE,
	CONTROL_KILL,
	CONTROL_REPORT,
	CONTROL_STATUS,
	CONTROL_HEALTH,
	CONTROL_RELOAD,
	CONTROL_CMDS
};

/* The form of an answer. */
enum control_format { FORMAT_TEXT, FORMAT_XML, FORMAT_JSON };

/* Which report: the word after -s. */
enum control_report {
	REPORT_CT,
	REPORT_EXPECT,
	REPORT_NETWORK,
	REPORT_CACHE,
	REPORT_RUNTIME,
	REPORT_LINK,
	REPORT_RSQUEUE,
	REPORT_PROCESS,
	REPORT_QUEUE,
	REPORTS
};

/* What a request applies to; the same values as ADMIN_* of the engine. */
#define CONTROL_CT       1u
#define CONTROL_EXPECT   2u
#define CONTROL_INTERNAL 4u
#define CONTROL_EXTERNAL 8u

#define CONTROL_PEER_NAME  16  /* room for the name of a peer, with the NUL */
#define CONTROL_FILTER_MAX 512 /* room for a filter of a listing, with the NUL */

struct control_request {
	enum control_cmd cmd;
	uint32_t what;                /* CONTROL_* bits */
	char peer[CONTROL_PEER_NAME]; /* restricted to this one; "": all peers */
	enum control_format format;
	enum control_report report; /* CONTROL_REPORT */
	bool old_word;              /* asked for by an outdated word: warn */
	uint32_t wait;              /* answered at the end; seconds the client waits; 0: at once */
	char filter[CONTROL_FILTER_MAX]; /* of a dump: which entries, flow/match.h; "": all */
};

/* What a command can be combined with, and what it does. */
#define CONTROL_HAS_XML    1u  /* answers in XML */
#define CONTROL_HAS_JSON   2u  /* answers in JSON */
#define CONTROL_HAS_FILTER 4u  /* lists entries, takes a filter */
#define CONTROL_PER_PEER   8u  /* may be restricted to one peer */
#define CONTROL_CHANGES    16u /* changes a cache, the kernel or the daemon */
#define CONTROL_TAKES_WAIT 32u /* can be answered when what was asked for is complete */

struct control_command {
	enum control_cmd cmd;
	char letter;        /* of the command line option; 0: known by its word only */
	const char *word;   /* first word of the request line, name of the long option */
	const char *args;   /* accepted words, "a|b"; NULL if none */
	const char *help;   /* half a line for the usage text */
	unsigned int flags; /* CONTROL_HAS_XML ... */
};

/* Table row i in the order of the usage text; NULL at the end. */
const struct control_command *control_command_at(size_t i);

/* Row of a command. Never NULL. */
const struct control_command *control_command_of(enum control_cmd cmd);

/* Row of an option letter, or of a word; NULL if there is none. */
const struct control_command *control_command_by_letter(char letter);
const struct control_command *control_command_by_word(const char *word);

/* The request of a command given without an argument. */
void control_request_init(struct control_request *rq, enum control_cmd cmd);

/*
 * Apply an argument word. It may be cut to any prefix; the first match in the
 * order of the table wins, so the empty word is the first one. 0, or -EINVAL
 * for a word that is none of them or a command that takes none.
 */
int control_request_arg(struct control_request *rq, const char *word);

/* Answer at the end, for which the client waits at most so long. 0; -EINVAL: not this command. */
int control_request_wait(struct control_request *rq, uint32_t seconds);

/*
 * Restrict a request, argument applied, to the peer of this name. 0; -EINVAL if
 * it concerns no peer: of -f only the external cache does; -ENOENT if no peer
 * can have this name.
 */
int control_request_peer(struct control_request *rq, const char *name);

/* Ask for another form than text. 0, or -EINVAL if the command does not have it. */
int control_request_format_as(struct control_request *rq, enum control_format format);

/*
 * Restrict a listing to the entries this expression matches; the daemon judges
 * it. 0; -EINVAL if the request is no listing; -E2BIG.
 */
int control_request_filter(struct control_request *rq, const char *expr);

/*
 * Request line to request: "COMMAND [WORD] [peer=NAME] [xml|json] [filter=EXPR]",
 * without line end. A filter reaches to the end of the line. Modifies nothing on
 * error: CTD_ESYNTAX.
 */
int control_request_parse(struct control_request *rq, const char *line);

/*
 * Request to request line, without line end, NUL-terminated. Its length, or
 * -EINVAL if no line means this request, -ENOSPC if it does not fit.
 */
int control_request_format(const struct control_request *rq, char *buf, size_t cap);

/* Request of a classic number: 0, or -EINVAL for numbers without a meaning. */
int control_request_classic(struct control_request *rq, uint32_t number);

/* Classic number of a request, or -EINVAL. */
int control_request_number(const struct control_request *rq);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONTROL_PROTO_H
#define CTD_CONTROL_PROTO_H

/*
 * Framing on the control socket (doc/control.md): one request, then a code line
 * and the reply until the connection closes; for classic clients an integer,
 * then the reply only.
 */
#include <stdbool.h>
#include <stddef.h>
#include "control/cmds.h"

#define CONTROL_REQUEST_MAX 1024 /* bytes of a request line, its end included */
#define CONTROL_CODE_MAX    128  /* bytes of a code line, its end included */

enum control_code {
	CONTROL_CODE_OK = 200,
	CONTROL_CODE_BAD_REQUEST = 400,
	CONTROL_CODE_NOT_ALLOWED = 403,
	CONTROL_CODE_NO_PEER = 404,
	CONTROL_CODE_TIMEOUT = 408,
	CONTROL_CODE_BUSY = 409,
	CONTROL_CODE_FAILED = 500,
	CONTROL_CODE_UNSUPPORTED = 501,
	CONTROL_CODE_TOO_MANY = 503,
};

/* Code for an error of a handler; 0 gives OK. */
enum control_code control_code_of(int err);

/* The text that goes with a code. */
const char *control_code_text(enum control_code code);

/* Code line, NUL-terminated, its length. cap >= CONTROL_CODE_MAX. */
size_t control_code_format(char *buf, size_t cap, enum control_code code);

/*
 * Read a code line: its length with the line end, and the code; 0 if the line
 * is not complete yet, CTD_ESYNTAX if this is no code line.
 */
int control_code_parse(const char *buf, size_t len, int *code);

/* How a client talks, known from its first byte. */
enum control_dialect { CONTROL_TEXT, CONTROL_CLASSIC };

/* len > 0. */
enum control_dialect control_dialect_of(const char *buf, size_t len);

/*
 * Request from the bytes received so far: 1 with *rq filled, 0 if more is
 * needed, CTD_ESYNTAX if it is (or can only become) nothing we know.
 */
int control_request_read(struct control_request *rq, const char *buf, size_t len);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_ERR_H
#define CTD_BASE_ERR_H

/*
 * Error codes. A function returns 0 or a negative code. Negated errno values
 * keep their meaning; our own codes start below them, out of errno's range.
 */

#define CTD_ERR_BASE 2000

/* code, text */
#define CTD_ERR_MAP(X)                                   \
	X(TRUNCATED, "message is cut short")             \
	X(BAD_SIZE, "impossible message length")         \
	X(BAD_VERSION, "wrong protocol version")         \
	X(BAD_TYPE, "unknown message type")              \
	X(BAD_HEADER, "header not allowed here")         \
	X(BAD_PAYLOAD, "malformed message body")         \
	X(NO_KEY, "message lacks a usable key")          \
	X(FULL, "table or queue is full")                \
	X(BUSY, "a job of this kind is already running") \
	X(UNSUPPORTED, "not supported in this mode")     \
	X(SYNTAX, "syntax error")                        \
	X(RANGE, "value out of range")

#define CTD_ERR_ENUM_(name, text) CTD_ERR_##name##_,
enum ctd_err_index_ { CTD_ERR_MAP(CTD_ERR_ENUM_) CTD_ERR_COUNT_ };
#undef CTD_ERR_ENUM_

#define CTD_ETRUNCATED   (-(CTD_ERR_BASE + CTD_ERR_TRUNCATED_))
#define CTD_EBADSIZE     (-(CTD_ERR_BASE + CTD_ERR_BAD_SIZE_))
#define CTD_EBADVERSION  (-(CTD_ERR_BASE + CTD_ERR_BAD_VERSION_))
#define CTD_EBADTYPE     (-(CTD_ERR_BASE + CTD_ERR_BAD_TYPE_))
#define CTD_EBADHEADER   (-(CTD_ERR_BASE + CTD_ERR_BAD_HEADER_))
#define CTD_EBADPAYLOAD  (-(CTD_ERR_BASE + CTD_ERR_BAD_PAYLOAD_))
#define CTD_ENOKEY       (-(CTD_ERR_BASE + CTD_ERR_NO_KEY_))
#define CTD_EFULL        (-(CTD_ERR_BASE + CTD_ERR_FULL_))
#define CTD_EBUSY        (-(CTD_ERR_BASE + CTD_ERR_BUSY_))
#define CTD_EUNSUPPORTED (-(CTD_ERR_BASE + CTD_ERR_UNSUPPORTED_))
#define CTD_ESYNTAX      (-(CTD_ERR_BASE + CTD_ERR_SYNTAX_))
#define CTD_ERANGE       (-(CTD_ERR_BASE + CTD_ERR_RANGE_))

/*
 * Text for a code, ours or a negated errno. Never NULL; static storage.
 */
const char *err_text(int code);

#endif

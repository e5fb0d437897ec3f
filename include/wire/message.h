/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_MESSAGE_H
#define CTD_WIRE_MESSAGE_H

/*
 * Messages in a datagram or a stream buffer, in the order and with the error
 * rules of doc/protocol.md (receiving): each step yields one framed message, or
 * a reason to skip it, or a reason to stop.
 */
#include <stddef.h>
#include <stdint.h>
#include "wire/header.h"

struct wire_msg {
	struct wire_header h;
	const uint8_t *body; /* points into the input */
	size_t body_len;
	uint32_t from, to; /* ACK, NACK, RESYNC */
};

/*
 * Look at the first message in data[0..len).
 *  0                 *m filled, *used bytes taken
 *  CTD_EBADVERSION   framed but of another version; *used bytes to skip
 *  CTD_ETRUNCATED    less than a header, or less than a range
 *  CTD_EBADSIZE      length impossible, or beyond the end
 * After the last two the rest of a datagram is to be dropped (*used = len);
 * a stream keeps it if more bytes can help, see wire/stream.h.
 */
int wire_message_next(const uint8_t *data, size_t len, struct wire_msg *m, size_t *used);

/* Build a control message. flags with a range get from/to; returns its length or 0 if no room. */
size_t wire_control_put(uint8_t *out, size_t cap, uint8_t flags, uint32_t seq, uint32_t from,
			uint32_t to);

#endif

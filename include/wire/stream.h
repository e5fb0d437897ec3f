/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_STREAM_H
#define CTD_WIRE_STREAM_H

/*
 * Bytes of a TCP connection -> messages. One instance per connection: what is
 * left of a message when the connection ends is dropped with it.
 */
#include <stddef.h>
#include <stdint.h>
#include "wire/message.h"

#define WIRE_STREAM_CAP 65536

struct stream;

struct stream *stream_new(void); /* NULL: out of memory */
void stream_free(struct stream *s);

/* Room for the next read: pointer and *cap bytes (> 0 after stream_next said 0 messages). */
uint8_t *stream_space(struct stream *s, size_t *cap);

/* n bytes were written to that room. */
void stream_filled(struct stream *s, size_t n);

/*
 * Next whole message. 1: *m filled, valid until the next call of any stream
 * function; 0: more bytes needed; CTD_EBADVERSION: skipped one, call again;
 * CTD_EBADSIZE: framing is lost, the connection must be closed. A length above
 * WIRE_MSG_MAX for anything but ALIVE counts as lost framing.
 */
int stream_next(struct stream *s, struct wire_msg *m);

#endif

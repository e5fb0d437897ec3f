/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_WIRE_HEADER_H
#define CTD_WIRE_HEADER_H

/* The 8-byte message header and the range body of control messages (doc/protocol.md). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define WIRE_VERSION   1
#define WIRE_HDR_LEN   8
#define WIRE_RANGE_LEN 16  /* header and range */
#define WIRE_MSG_MAX   512 /* no message of ours is longer, ALIVE aside */

enum wire_type {
	WIRE_CT_NEW = 0,
	WIRE_CT_UPDATE = 1,
	WIRE_CT_DESTROY = 2,
	WIRE_EXP_NEW = 3,
	WIRE_EXP_UPDATE = 4,
	WIRE_EXP_DESTROY = 5,
	WIRE_CONTROL = 10,
};

#define WIRE_F_RESYNC     0x02
#define WIRE_F_NACK       0x04
#define WIRE_F_ACK        0x08
#define WIRE_F_ALIVE      0x10
#define WIRE_F_HELLO      0x20
#define WIRE_F_HELLO_BACK 0x40
#define WIRE_F_GREETING   (WIRE_F_HELLO | WIRE_F_HELLO_BACK)

struct wire_header {
	uint8_t version;
	uint8_t type; /* enum wire_type, or anything else from outside */
	uint8_t flags;
	uint16_t len; /* header and body, bytes */
	uint32_t seq;
};

/* Does a control message with these flags carry a range? */
static inline bool wire_flags_ranged(uint8_t flags)
{
	return (flags & (WIRE_F_ACK | WIRE_F_NACK | WIRE_F_RESYNC)) != 0;
}

void wire_header_put(struct buf *b, const struct wire_header *h);
void wire_header_get(struct buf *b, struct wire_header *h);

#endif

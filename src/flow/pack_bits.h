/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_PACK_BITS_H
#define CTD_FLOW_PACK_BITS_H

/*
 * Pieces of the extensions of packed flows and expectations. Integers stand in
 * the byte order of the machine. Each put is undone by the get of its name.
 */
#include "base/buf.h"
#include "flow/flow.h"

#define PACK_NEAR_MAX      40
#define PACK_LABELS_MAX    (2 + 4 * FLOW_LABEL_WORDS)
#define PACK_SEQADJ_MAX    25
#define PACK_NAME_MAX(cap) (cap) /* a length instead of the NUL */

static inline void pack_put16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, sizeof(v));
}

static inline void pack_put32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof(v));
}

static inline uint16_t pack_get16(struct buf *b)
{
	uint16_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

static inline uint32_t pack_get32(struct buf *b)
{
	uint32_t v;

	buf_get(b, &v, sizeof(v));
	return v;
}

/*
 * A tuple that mostly shares its addresses with "o", the original tuple of the
 * flow it belongs to: a master, an odd reply.
 */
void pack_put_near(struct buf *b, const struct tuple *t, const struct tuple *o);
void pack_get_near(struct buf *b, struct tuple *t, const struct tuple *o);

/* Labels, of which few are set. */
void pack_put_labels(struct buf *b, const uint32_t labels[FLOW_LABEL_WORDS]);
void pack_get_labels(struct buf *b, uint32_t labels[FLOW_LABEL_WORDS]);

/* Sequence adjustment of both directions, of which one is mostly zero. */
void pack_put_seqadj(struct buf *b, const struct seqadj s[2]);
void pack_get_seqadj(struct buf *b, struct seqadj s[2]);

/* A name in a field of cap bytes; the field is zeroed before the get. */
void pack_put_name(struct buf *b, const char *name, size_t cap);
void pack_get_name(struct buf *b, char *name, size_t cap);

#endif

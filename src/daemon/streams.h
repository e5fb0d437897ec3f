/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_STREAMS_H
#define CTD_DAEMON_STREAMS_H

/* The bytes that come in over the links of one peer, as messages for the engine. */
#include <stdbool.h>
#include "engine/engine.h"
#include "transport/links.h"
#include "wire/stream.h"

/* One per peer; all zero at first. */
struct streams {
	struct {
		struct stream *s; /* owned; NULL: nothing came over this link */
		uint32_t epoch;   /* of the connection its bytes are from */
	} link[LINKS_MAX];
};

void streams_fini(struct streams *ss);

/*
 * A datagram, or a piece of a connection, of a link. True if there was a good
 * message in it. A connection that makes no sense any more is closed.
 */
bool streams_input(struct streams *ss, struct engine *e, tick_t now, uint8_t peer,
		   struct links *links, size_t link, const struct chan_msg *m);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A datagram holds whole messages and goes to the engine as it is. A piece of a
 * TCP connection begins and ends anywhere: each link has a buffer in which its
 * messages become whole. What is incomplete when the connection changes is
 * forgotten (weakness W21 of the reference), and when a length cannot be, the
 * connection is closed, for nothing after it can be read.
 */
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "streams.h"

void streams_fini(struct streams *ss)
{
	for (size_t i = 0; i < LINKS_MAX; i++)
		stream_free(ss->link[i].s);
	*ss = (struct streams){ 0 };
}

/* Hand on what is whole. CTD_EBADSIZE: the rest is lost. */
static int drain(struct stream *s, struct engine *e, tick_t now, uint8_t peer, bool *good)
{
	struct wire_msg m;
	int rc;

	while ((rc = stream_next(s, &m)) != 0) {
		if (rc > 0)
			*good |= engine_input_msg(e, now, peer, &m);
		else
			engine_input_bad(e, peer, rc);
		if (rc == CTD_EBADSIZE)
			return rc;
	}
	return 0;
}

static int feed(struct stream *s, struct engine *e, tick_t now, uint8_t peer,
		const struct chan_msg *m, bool *good)
{
	size_t done = 0, room;
	int rc = 0;

	while (done < m->len && !rc) {
		uint8_t *to = stream_space(s, &room);

		if (room > m->len - done)
			room = m->len - done;
		memcpy(to, m->data + done, room);
		stream_filled(s, room);
		done += room;
		rc = drain(s, e, now, peer, good);
	}
	return rc;
}

bool streams_input(struct streams *ss, struct engine *e, tick_t now, uint8_t peer,
		   struct links *links, size_t link, const struct chan_msg *m)
{
	struct chan *c = links_chan(links, link);
	bool good = false;

	if (chan_get_params(c)->kind != CHAN_TCP)
		return engine_input(e, now, peer, m->data, m->len);
	if (m->epoch != ss->link[link].epoch) {
		stream_free(ss->link[link].s);
		ss->link[link].s = NULL;
	}
	if (!ss->link[link].s)
		ss->link[link].s = stream_new();
	ss->link[link].epoch = m->epoch;
	if (!ss->link[link].s || feed(ss->link[link].s, e, now, peer, m, &good) < 0)
		chan_reset_input(c); /* the peer connects again */
	return good;
}

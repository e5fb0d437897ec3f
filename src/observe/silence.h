/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_SILENCE_H
#define CTD_OBSERVE_SILENCE_H

/* When status and health call a peer silent. */
#include "observe/status.h"

/* A peer that was never heard has the time since the start to be heard in. */
static inline bool peer_is_silent(const struct status_view *v, const struct repl_stats *r)
{
	const tick_t since =
		r->heard ? tick_since(v->now, r->last_heard) : v->stats->runtime.uptime;

	return v->silence && since > v->silence;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_SUMS_H
#define CTD_OBSERVE_SUMS_H

/* Figures that all forms of a report work out alike from the engine's counters. */
#include "observe/stats_text.h"

static inline uint64_t sum_add_failed(const struct cache_counts *c)
{
	return c->add_nomem + c->add_full;
}

static inline uint64_t sum_bad_payload(const struct engine_stats *st)
{
	return st->bad_payload + st->no_key;
}

/* Messages refused, for any of the reasons told apart by -s network. */
static inline uint64_t sum_malformed(const struct engine_stats *st)
{
	return st->bad_version + st->bad_header + sum_bad_payload(st) + st->bad_type +
	       st->truncated + st->bad_size;
}

/* One counter or queue of all peers together. */
#define SUM_PEERS(name, field)                                     \
	static inline uint64_t name(const struct engine_stats *st) \
	{                                                          \
		uint64_t n = 0;                                    \
                                                                   \
		for (uint8_t i = 0; i < st->npeers; i++)           \
			n += st->peer[i].field;                    \
		return n;                                          \
	}
SUM_PEERS(sum_lost, lost)
SUM_PEERS(sum_before, before)
SUM_PEERS(sum_window, window)
SUM_PEERS(sum_window_max, window_max)
SUM_PEERS(sum_window_full, window_full)
SUM_PEERS(sum_txq, txq)
SUM_PEERS(sum_txq_max, txq_max)
SUM_PEERS(sum_txq_full, txq_full)
#undef SUM_PEERS

#endif

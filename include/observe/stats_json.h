/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_OBSERVE_STATS_JSON_H
#define CTD_OBSERVE_STATS_JSON_H

/*
 * The reports of "conntrackd -s" as JSON: the figures of the text, and those it
 * has no room for. Each function writes one object; names stay once published,
 * new ones may come.
 */
#include "base/jsonw.h"
#include "observe/stats_text.h"

void stats_json_summary(struct jsonw *j, const struct stats_view *v, bool expect);
void stats_json_network(struct jsonw *j, const struct stats_view *v);
void stats_json_cache(struct jsonw *j, const struct stats_view *v);
void stats_json_runtime(struct jsonw *j, const struct stats_view *v);
void stats_json_link(struct jsonw *j, const struct stats_view *v);
void stats_json_queue(struct jsonw *j, const struct stats_view *v);

/* -s rsqueue: one element of the array. */
void stats_json_rsqueue_element(struct jsonw *j, const struct repl_send *s);

/* The last commit, as members of an object. */
void stats_json_commit(struct jsonw *j, const struct engine_stats *st);

/* A link, as an element of an array. */
void stats_json_one_link(struct jsonw *j, const struct stats_link *l);

#endif

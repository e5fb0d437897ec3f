// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules of "conntrackd health". Critical is what makes a takeover fail now,
 * a warning is what makes it worse than it could be, or soon fail.
 */
#include "observe/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "silence.h"

static void __attribute__((format(printf, 3, 4)))
say(struct health *h, enum health_level level, const char *fmt, ...)
{
	struct health_problem *p;
	va_list ap;

	if (level > h->worst)
		h->worst = level;
	if (h->n == HEALTH_PROBLEMS)
		return;
	p = &h->problem[h->n++];
	p->level = level;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
}

/* Nobody to tell: critical. Somebody is left: the others miss one. */
static void check_peers(struct health *h, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;
	uint8_t silent = 0;

	for (uint8_t i = 0; i < st->npeers; i++)
		silent += peer_is_silent(v, &st->peer[i]);
	for (uint8_t i = 0; i < st->npeers; i++) {
		const struct repl_stats *r = &st->peer[i];
		const char *name = v->peers[i];

		if (!peer_is_silent(v, r))
			continue;
		if (r->heard)
			say(h, silent == st->npeers ? HEALTH_CRITICAL : HEALTH_WARNING,
			    "peer%s%s is silent for %" PRIu64 " s", *name ? " " : "", name,
			    tick_since(v->now, r->last_heard) / TICK_SEC);
		else
			say(h, silent == st->npeers ? HEALTH_CRITICAL : HEALTH_WARNING,
			    "peer%s%s was never heard", *name ? " " : "", name);
	}
}

static void check_queues(struct health *h, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;

	for (uint8_t i = 0; i < st->npeers; i++) {
		const struct repl_stats *r = &st->peer[i];

		if (r->window_max && r->window_objects >= r->window_max)
			say(h, HEALTH_WARNING,
			    "peer%s%s does not acknowledge: %" PRIu32 " objects wait",
			    v->peers[i][0] ? " " : "", v->peers[i], r->window_objects);
	}
	if (v->stats->errorq.max && v->stats->errorq.now >= v->stats->errorq.max)
		say(h, HEALTH_WARNING, "the link does not take what is sent, its queue is full");
}

static void check_links(struct health *h, const struct status_view *v)
{
	for (size_t i = 0; i < v->stats->n_links; i++) {
		const struct stats_link *l = &v->stats->links[i];

		if (l->state != STATS_LINK_RUNNING)
			say(h, HEALTH_WARNING, "link %s is %s", l->device,
			    l->state == STATS_LINK_DOWN ? "down" : "without carrier");
	}
}

static void check_caches(struct health *h, const struct status_view *v)
{
	static const char *const names[] = {
		"internal cache",
		"external cache",
		"internal expectation cache",
		"external expectation cache",
	};
	const struct engine_stats *st = v->stats->engine;

	for (int i = 0; i < 4; i++) {
		/* The external ones are one per peer. */
		const uint64_t limit = (uint64_t)v->cache_limit * (i & 1 ? st->npeers : 1);

		if (limit && st->cache[i].objects >= limit)
			say(h, HEALTH_CRITICAL, "the %s is full (HashLimit %" PRIu32 ")", names[i],
			    v->cache_limit);
	}
}

static void check_kernel(struct health *h, const struct status_view *v)
{
	const struct engine_stats *st = v->stats->engine;
	const uint64_t failed = st->last_commit.flows_failed + st->last_commit.expects_failed;

	if (v->events_ended)
		say(h, HEALTH_CRITICAL, "kernel events cannot be read any more, see the log");
	if (st->resync_after)
		say(h, HEALTH_WARNING, "the kernel's table will be read again after %s",
		    st->resync_after);
	if (failed)
		say(h, HEALTH_WARNING, "%" PRIu64 " entries of the last commit failed", failed);
}

void health_check(struct health *h, const struct status_view *v)
{
	*h = (struct health){ 0 };
	check_kernel(h, v);
	check_caches(h, v);
	check_peers(h, v);
	check_queues(h, v);
	check_links(h, v);
}

static const char *level_word(enum health_level level)
{
	return level == HEALTH_OK ? "OK" : level == HEALTH_WARNING ? "WARNING" : "CRITICAL";
}

void health_text(struct strbuf *b, const struct health *h, const struct status_view *v)
{
	const char *sep = " - ";

	strbuf_add(b, level_word(h->worst));
	for (int level = HEALTH_CRITICAL; level > HEALTH_OK; level--) {
		for (size_t i = 0; i < h->n; i++) {
			if ((int)h->problem[i].level != level)
				continue;
			strbuf_add(b, sep);
			strbuf_add(b, h->problem[i].text);
			sep = ", ";
		}
	}
	if (!h->n) {
		strbuf_add(b, sep);
		status_line(b, v);
	}
	strbuf_add(b, "\n");
}

void health_json(struct strbuf *b, const struct health *h)
{
	struct jsonw j = jsonw_to(b);

	jsonw_object(&j, NULL);
	jsonw_u64(&j, "code", h->worst);
	jsonw_str(&j, "status", level_word(h->worst));
	jsonw_array(&j, "problems");
	for (size_t i = 0; i < h->n; i++) {
		jsonw_object(&j, NULL);
		jsonw_str(&j, "level", level_word(h->problem[i].level));
		jsonw_str(&j, "text", h->problem[i].text);
		jsonw_object_end(&j);
	}
	jsonw_array_end(&j);
	jsonw_object_end(&j);
	strbuf_add(b, "\n");
}

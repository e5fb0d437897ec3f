// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries and queue elements as text, XML or JSON, a slice at a time. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include "base/err.h"
#include "daemon/daemon.h"
#include "flow/match.h"
#include "flow/print.h"
#include "observe/stats_json.h"
#include "priv.h"

#define WALK_BUDGET  8192u /* places of a cache per piece */
#define MATCH_BUDGET 2048u /* the same when each entry is held against a filter */
#define AGE_MAX      128u  /* bytes a line can have beyond its entry */

struct listing {
	enum control_format format;
	bool rsqueue; /* else a cache */
	bool filtered;
	bool begun, ended; /* head and tail are out */
	bool any;          /* an element is out */
	int peer;
	struct engine_walk walk;    /* cache */
	struct kernel_dump *kernel; /* owned; the kernel's table instead of a cache */
	uint8_t queue;              /* resend queue: whose */
	uint32_t pos;               /* ... and the place in it */
	struct flow_match match;
};

static void walk_from(struct engine_walk *w, const struct control_request *rq, int peer)
{
	const bool internal = rq->cmd == CONTROL_DUMP_INTERNAL;
	const bool expects = (rq->what & CONTROL_EXPECT) && !(rq->what & CONTROL_CT);

	w->one_peer = peer != PEER_ALL;
	w->peer = w->one_peer ? (uint8_t)peer : 0;
	w->which = expects ? (internal ? ECACHE_EXP_INTERNAL : ECACHE_EXP_EXTERNAL) :
			     (internal ? ECACHE_INTERNAL : ECACHE_EXTERNAL);
}

/* Without internal cache its place is taken by the kernel's table. */
static int open_source(const struct daemon *d, struct listing *l, const struct control_request *rq)
{
	int err = 0;

	walk_from(&l->walk, rq, l->peer);
	if (rq->cmd != CONTROL_DUMP_INTERNAL || !d->cfg->sync.disable_internal)
		return 0;
	l->kernel = kernel_dump_new(l->walk.which == ECACHE_EXP_INTERNAL ? KTABLE_EXPECTS :
									   KTABLE_FLOWS,
				    &err);
	return l->kernel ? 0 : err;
}

int listing_new(const struct daemon *d, const struct control_request *rq, int peer,
		struct listing **out)
{
	struct listing *l = calloc(1, sizeof(*l));
	char text[128];
	int err;

	if (!l)
		return -ENOMEM;
	l->format = rq->format;
	l->peer = peer;
	l->rsqueue = rq->cmd == CONTROL_REPORT;
	l->filtered = rq->filter[0] != '\0';
	if (l->filtered && flow_match_parse(&l->match, rq->filter, text, sizeof(text)) < 0) {
		free(l);
		return -EINVAL;
	}
	if (l->rsqueue)
		l->queue = peer == PEER_ALL ? 0 : (uint8_t)peer;
	err = l->rsqueue ? 0 : open_source(d, l, rq);
	if (err < 0) {
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void listing_free(struct listing *l)
{
	if (l)
		kernel_dump_free(l->kernel);
	free(l);
}

int daemon_check_filter(const char *expr, char *err, size_t cap)
{
	struct flow_match m;

	return flow_match_parse(&m, expr, err, cap);
}

/* ---- entries ---- */

static bool is_expect(const struct listing *l)
{
	return l->walk.which >= ECACHE_EXP_INTERNAL;
}

static bool is_wanted(const struct listing *l, const struct engine_entry *en)
{
	if (!l->filtered)
		return true;
	return is_expect(l) ? flow_match_expect(&l->match, &en->expect) :
			      flow_match(&l->match, &en->flow);
}

static void entry_xml(struct strbuf *b, const struct listing *l, const struct engine_entry *en)
{
	if (is_expect(l))
		print_expect_xml(b, &en->expect);
	else
		print_flow_xml(b, &en->flow);
	strbuf_add(b, "\n");
}

static void entry_text(struct strbuf *b, const struct listing *l, const struct engine_entry *en,
		       tick_t now)
{
	if (is_expect(l))
		print_expect(b, &en->expect);
	else
		print_flow(b, &en->flow, l->kernel != NULL);
	if (l->kernel) {
		strbuf_add(b, "\n");
		return;
	}
	if (en->expires != TICK_NEVER)
		strbuf_addf(b, " [expires in %llus]",
			    (unsigned long long)(tick_since(en->expires, now) / TICK_SEC));
	strbuf_addf(b, " [active since %llus]\n",
		    (unsigned long long)(tick_since(now, en->created) / TICK_SEC));
}

static void entry_json(struct strbuf *b, const struct listing *l, const struct engine_entry *en,
		       tick_t now)
{
	struct jsonw j = jsonw_to(b);

	jsonw_object(&j, NULL);
	if (is_expect(l))
		print_expect_json(&j, &en->expect);
	else
		print_flow_json(&j, &en->flow);
	if (!l->kernel) {
		jsonw_u64(&j, "age", tick_since(now, en->created) / TICK_SEC);
		jsonw_u64(&j, "updated_ago", tick_since(now, en->updated) / TICK_SEC);
	}
	if (en->expires != TICK_NEVER)
		jsonw_u64(&j, "expires_in", tick_since(en->expires, now) / TICK_SEC);
	jsonw_object_end(&j);
}

/* In an array of JSON each element has a line of its own, so that tools can stream. */
static void separate(struct strbuf *b, struct listing *l)
{
	if (l->format == FORMAT_JSON && l->any)
		strbuf_add(b, ",\n");
	l->any = true;
}

static void print_entry(struct strbuf *b, struct listing *l, const struct engine_entry *en,
			tick_t now)
{
	separate(b, l);
	if (l->format == FORMAT_JSON)
		entry_json(b, l, en, now);
	else if (l->format == FORMAT_XML)
		entry_xml(b, l, en);
	else
		entry_text(b, l, en, now);
}

/* The next entry of the kernel's table that the configured filter lets pass. */
static int kernel_next(const struct daemon *d, struct listing *l, uint32_t *budget,
		       struct engine_entry *en)
{
	struct kernel_event ev;

	while (*budget > 0) {
		const int rc = kernel_dump_next(l->kernel, &ev);

		--*budget;
		if (rc != 1)
			return rc == -EAGAIN ? CTD_EBUSY : 0;
		en->expires = TICK_NEVER;
		if (ev.is_expect) {
			en->expect = ev.expect;
			return 1;
		}
		en->flow = ev.flow;
		if (filter_pass(d->filter, &en->flow, true))
			return 1;
	}
	return CTD_EBUSY;
}

/* 0 when the cache is through, else CTD_EBUSY or 1. */
static int fill_entries(struct daemon *d, struct listing *l, struct strbuf *b)
{
	uint32_t budget = l->filtered ? MATCH_BUDGET : WALK_BUDGET;
	const tick_t now = loop_now(d->loop);
	struct engine_entry en;
	int rc = 1;

	while (b->len + PRINT_LINE_MAX + AGE_MAX < b->cap) {
		rc = l->kernel ? kernel_next(d, l, &budget, &en) :
				 engine_walk_next(d->engine, &l->walk, &budget, &en);
		if (rc != 1)
			break;
		if (is_wanted(l, &en))
			print_entry(b, l, &en, now);
	}
	return rc;
}

/* ---- resend queue ---- */

static void print_element(struct strbuf *b, struct listing *l, const struct repl_send *s)
{
	struct jsonw j = jsonw_to(b);

	separate(b, l);
	if (l->format == FORMAT_JSON)
		stats_json_rsqueue_element(&j, s);
	else
		stats_text_rsqueue_line(b, s);
}

static int fill_rsqueue(struct daemon *d, struct listing *l, struct strbuf *b)
{
	struct repl_send s;

	while (b->len + AGE_MAX < b->cap) {
		if (l->queue >= d->n_peers || d->cfg->sync.mode != REPL_FTFW)
			return 0;
		if (engine_window_next(d->engine, l->queue, &l->pos, &s)) {
			print_element(b, l, &s);
			continue;
		}
		l->queue = l->peer == PEER_ALL ? (uint8_t)(l->queue + 1) : d->n_peers;
		l->pos = 0;
	}
	return 1;
}

/* ---- pieces ---- */

static void begin(struct daemon *d, struct listing *l, struct strbuf *b)
{
	struct control_request head = { .cmd = CONTROL_REPORT, .report = REPORT_RSQUEUE };

	l->begun = true;
	if (l->format == FORMAT_JSON)
		strbuf_add(b, "[\n");
	else if (l->rsqueue)
		report_make(d, &head, l->peer, b);
}

static void end(struct listing *l, struct strbuf *b)
{
	l->ended = true;
	if (l->format == FORMAT_JSON)
		strbuf_add(b, l->any ? "\n]\n" : "]\n");
}

ssize_t listing_fill(struct daemon *d, struct listing *l, char *buf, size_t cap)
{
	struct strbuf b;
	int rc;

	strbuf_init(&b, buf, cap);
	if (l->ended)
		return 0;
	if (!l->begun)
		begin(d, l, &b);
	rc = l->rsqueue ? fill_rsqueue(d, l, &b) : fill_entries(d, l, &b);
	if (rc == 0)
		end(l, &b);
	return b.len || rc == 0 ? (ssize_t)b.len : CTD_EBUSY;
}

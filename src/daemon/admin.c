// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What operators ask for. A reply is pulled piece by piece: listings keep a
 * walk, reports a text made at once, jobs wait for the engine to say "done".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "flow/print.h"
#include "observe/stats_text.h"
#include "priv.h"

#define WALK_BUDGET   8192u             /* places of a cache per piece of a listing */

enum reply_kind { REPLY_TEXT, REPLY_LISTING, REPLY_RSQUEUE, REPLY_JOB, REPLY_UNTIL_END };

/* One client's answer in the making. */
struct admin_job {
	struct admin_job *next;         /* all of them, in daemon.jobs */
	enum reply_kind kind;
	struct control_client *cl;
	uint64_t tag;                   /* REPLY_JOB */
	bool done;
	bool xml;
	int peer;                       /* of a report: PEER_ALL, or this one */
	struct engine_walk walk;        /* REPLY_LISTING */
	uint32_t pos;                   /* REPLY_RSQUEUE: place; REPLY_TEXT: bytes given out */
	uint8_t queue;                  /* REPLY_RSQUEUE: whose */
	bool started;                   /* REPLY_RSQUEUE: headline is out */
	size_t len;
	char text[];                    /* REPLY_TEXT */
};

/* ---- listings ---- */

static void print_age(struct strbuf *b, const struct daemon *d, const struct engine_entry *en)
{
	const tick_t now = loop_now(d->loop);

	if (en->expires != TICK_NEVER)
		strbuf_addf(b, " [expires in %llus]",
			    (unsigned long long)(tick_since(en->expires, now) / TICK_SEC));
	strbuf_addf(b, " [active since %llus]",
		    (unsigned long long)(tick_since(now, en->created) / TICK_SEC));
}

static void print_entry(struct strbuf *b, const struct daemon *d, const struct admin_job *j,
			const struct engine_entry *en)
{
	const bool expects = j->walk.which >= ECACHE_EXP_INTERNAL;

	if (expects && j->xml)
		print_expect_xml(b, &en->expect);
	else if (expects)
		print_expect(b, &en->expect);
	else if (j->xml)
		print_flow_xml(b, &en->flow);
	else
		print_flow(b, &en->flow, false);
	if (!j->xml)
		print_age(b, d, en);
	strbuf_add(b, "\n");
}

static ssize_t fill_listing(struct daemon *d, struct admin_job *j, char *buf, size_t cap)
{
	struct engine_entry en;
	uint32_t budget = WALK_BUDGET;
	struct strbuf b;
	int rc = 1;

	strbuf_init(&b, buf, cap);
	while (b.len + PRINT_LINE_MAX < cap) {
		rc = engine_walk_next(d->engine, &j->walk, &budget, &en);
		if (rc != 1)
			break;
		print_entry(&b, d, j, &en);
	}
	if (b.len || rc == 0)
		return (ssize_t)b.len;
	control_wake(j->cl);                   /* nothing in this slice: go on next turn */
	return CTD_EBUSY;
}

static ssize_t fill_rsqueue(struct daemon *d, struct admin_job *j, char *buf, size_t cap)
{
	struct repl_send s;
	struct strbuf b;

	strbuf_init(&b, buf, cap);
	if (!j->started) {
		j->started = true;
		j->queue = j->peer == PEER_ALL ? 0 : (uint8_t)j->peer;
		report_text(d, REPORT_RSQUEUE, j->peer, &b);
	}
	while (b.len + 128 < cap && j->queue < d->n_peers) {
		if (engine_window_next(d->engine, j->queue, &j->pos, &s)) {
			stats_text_rsqueue_line(&b, &s);
			continue;
		}
		j->queue = j->peer == PEER_ALL ? (uint8_t)(j->queue + 1) : d->n_peers;
		j->pos = 0;
	}
	return (ssize_t)b.len;
}

static ssize_t fill_text(struct admin_job *j, char *buf, size_t cap)
{
	const size_t left = j->len - j->pos;
	const size_t n = left < cap ? left : cap;

	memcpy(buf, j->text + j->pos, n);
	j->pos += (uint32_t)n;
	return (ssize_t)n;
}

static ssize_t on_fill(void *ctx, struct control_client *cl, char *buf, size_t cap)
{
	struct daemon *d = ctx;
	struct admin_job *j = control_client_user(cl);

	switch (j->kind) {
	case REPLY_TEXT:
		return fill_text(j, buf, cap);
	case REPLY_LISTING:
		return fill_listing(d, j, buf, cap);
	case REPLY_RSQUEUE:
		return fill_rsqueue(d, j, buf, cap);
	case REPLY_JOB:
		return j->done ? 0 : CTD_EBUSY;
	case REPLY_UNTIL_END:
		return CTD_EBUSY;
	}
	return 0;
}

/* ---- starting ---- */

static struct admin_job *job_new(struct daemon *d, struct control_client *cl, enum reply_kind kind,
				 size_t text)
{
	struct admin_job *j = calloc(1, sizeof(*j) + text);

	if (!j)
		return NULL;
	j->kind = kind;
	j->cl = cl;
	j->next = d->jobs;
	d->jobs = j;
	control_client_set_user(cl, j);
	return j;
}

static void job_free(struct daemon *d, struct admin_job *j)
{
	struct admin_job **p = &d->jobs;

	while (*p && *p != j)
		p = &(*p)->next;
	if (*p)
		*p = j->next;
	free(j);
}

static int start_listing(struct daemon *d, struct control_client *cl,
			 const struct control_request *rq, int peer)
{
	const bool internal = rq->cmd == CONTROL_DUMP_INTERNAL;
	const bool expects = (rq->what & CONTROL_EXPECT) && !(rq->what & CONTROL_CT);
	struct admin_job *j = job_new(d, cl, REPLY_LISTING, 0);

	if (!j)
		return -ENOMEM;
	j->xml = rq->xml;
	j->walk.one_peer = peer != PEER_ALL;
	j->walk.peer = j->walk.one_peer ? (uint8_t)peer : 0;
	j->walk.which = expects ? (internal ? ECACHE_EXP_INTERNAL : ECACHE_EXP_EXTERNAL) :
				  (internal ? ECACHE_INTERNAL : ECACHE_EXTERNAL);
	return 0;
}

static int start_report(struct daemon *d, struct control_client *cl, enum control_report which,
			int peer)
{
	const bool queue = which == REPORT_RSQUEUE;
	struct admin_job *j;
	struct strbuf b;

	j = job_new(d, cl, queue ? REPLY_RSQUEUE : REPLY_TEXT, queue ? 0 : STATS_TEXT_MAX);
	if (!j)
		return -ENOMEM;
	j->peer = peer;
	if (queue)
		return 0;
	strbuf_init(&b, j->text, STATS_TEXT_MAX);
	report_text(d, which, peer, &b);
	j->len = b.len;
	return 0;
}

static int start_job(struct daemon *d, struct control_client *cl, enum admin_cmd cmd, uint32_t what)
{
	struct admin_job *j = job_new(d, cl, REPLY_JOB, 0);
	int rc;

	if (!j)
		return -ENOMEM;
	j->tag = ++d->next_tag;
	rc = engine_admin(d->engine, loop_now(d->loop), cmd, what, j->tag);
	if (rc != 1)
		j->done = true;                /* finished, or refused with a line in the log */
	loop_timer_set(d->loop, &d->timer, loop_now(d->loop));
	return 0;
}

static uint32_t what_of(const struct control_request *rq, int peer)
{
	return peer == PEER_ALL ? rq->what : rq->what | ADMIN_PEER((unsigned int)peer);
}

static int on_start(void *ctx, struct control_client *cl, const struct control_request *rq)
{
	static const enum admin_cmd admin_of[] = {
		[CONTROL_COMMIT] = ADMIN_COMMIT,
		[CONTROL_FLUSH_CACHE] = ADMIN_FLUSH_CACHES,
		[CONTROL_FLUSH_KERNEL] = ADMIN_FLUSH_KERNEL,
		[CONTROL_RESYNC_KERNEL] = ADMIN_RESYNC_KERNEL,
		[CONTROL_BULK] = ADMIN_BULK,
		[CONTROL_REQUEST_RESYNC] = ADMIN_REQUEST_RESYNC,
		[CONTROL_PURGE] = ADMIN_PURGE,
	};
	struct daemon *d = ctx;
	int peer = PEER_ALL;

	if (!d->cfg->has_sync && rq->cmd != CONTROL_KILL && rq->cmd != CONTROL_REPORT)
		return job_new(d, cl, REPLY_TEXT, 0) ? 0 : -ENOMEM;   /* nothing to do, done */
	if (rq->peer[0]) {
		peer = peers_find(d, rq->peer);
		if (peer < 0)
			return peer;
	}
	switch (rq->cmd) {
	case CONTROL_DUMP_INTERNAL:
	case CONTROL_DUMP_EXTERNAL:
		return start_listing(d, cl, rq, peer);
	case CONTROL_REPORT:
		return start_report(d, cl, rq->report, peer);
	case CONTROL_KILL:
		if (!job_new(d, cl, REPLY_UNTIL_END, 0))
			return -ENOMEM;
		daemon_stop(d);
		return 0;
	case CONTROL_CMDS:
		return CTD_EUNSUPPORTED;
	default:
		return start_job(d, cl, admin_of[rq->cmd], what_of(rq, peer));
	}
}

static void on_gone(void *ctx, struct control_client *cl)
{
	struct admin_job *j = control_client_user(cl);

	if (j)
		job_free(ctx, j);
}

void admin_job_done(struct daemon *d, uint64_t tag)
{
	for (struct admin_job *j = d->jobs; j; j = j->next) {
		if (j->kind != REPLY_JOB || j->tag != tag)
			continue;
		j->done = true;
		control_wake(j->cl);
	}
}

static const struct control_handler handler = {
	.start = on_start, .fill = on_fill, .gone = on_gone,
};

int admin_open(struct daemon *d)
{
	const struct control_sock_params p = {
		.loop = d->loop, .path = d->cfg->general.socket_path,
		.handler = &handler, .ctx = d, .log = d->log,
	};
	int err = control_sock_open(&p, &d->control);

	if (err < 0)
		log_error(d->log, "can't open control socket `%s': %s", p.path, err_text(err));
	return err;
}

void admin_unlisten(struct daemon *d)
{
	if (d->control)
		control_sock_unlisten(d->control);
}

void admin_close(struct daemon *d)
{
	control_sock_close(d->control);
	d->control = NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What operators ask for. A reply is pulled piece by piece: listings keep a
 * place (listing.c), reports a text made at once (report.c), jobs wait for the
 * engine to say "done".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "listing.h"
#include "observe/stats_text.h"
#include "observe/status.h"
#include "priv.h"

enum reply_kind { REPLY_TEXT, REPLY_LISTING, REPLY_JOB, REPLY_UNTIL_END };

/* One client's answer in the making. */
struct admin_job {
	struct admin_job *next; /* all of them, in daemon.jobs */
	enum reply_kind kind;
	struct control_client *cl;
	enum control_format format;
	uint64_t tag; /* REPLY_JOB */
	bool done;
	bool started;            /* REPLY_JOB: it was not refused */
	struct listing *listing; /* REPLY_LISTING, owned */
	size_t pos, len;         /* of text: given out, there */
	char *text;              /* owned; NULL until there is one */
};

/* ---- text ---- */

#define TEXT_MAX 32768u /* any answer but a listing */
_Static_assert(TEXT_MAX >= STATS_TEXT_MAX && TEXT_MAX >= STATUS_TEXT_MAX, "room for all");
_Static_assert(TEXT_MAX >= (CONFIG_WARNINGS + 4) * CONFIG_MSG_TEXT, "a reload has its last word");

/* Room for the whole answer. */
static int text_begin(struct admin_job *j, struct strbuf *b)
{
	j->text = malloc(TEXT_MAX);
	if (!j->text)
		return -ENOMEM;
	strbuf_init(b, j->text, TEXT_MAX);
	return 0;
}

static ssize_t fill_text(struct admin_job *j, char *buf, size_t cap)
{
	const size_t left = j->len - j->pos;
	const size_t n = left < cap ? left : cap;

	if (n) /* without an answer there is no text either */
		memcpy(buf, j->text + j->pos, n);
	j->pos += n;
	return (ssize_t)n;
}

/* A job's answer is made when it has ended. */
static ssize_t fill_job(struct daemon *d, struct admin_job *j, char *buf, size_t cap)
{
	struct strbuf b;

	if (!j->done)
		return CTD_EBUSY;
	if (j->format != FORMAT_JSON)
		return 0;
	if (!j->text) {
		if (text_begin(j, &b) < 0)
			return -ENOMEM;
		report_commit(d, j->started, &b);
		j->len = b.len;
	}
	return fill_text(j, buf, cap);
}

static ssize_t on_fill(void *ctx, struct control_client *cl, char *buf, size_t cap)
{
	struct daemon *d = ctx;
	struct admin_job *j = control_client_user(cl);
	ssize_t n;

	switch (j->kind) {
	case REPLY_TEXT:
		return fill_text(j, buf, cap);
	case REPLY_LISTING:
		n = listing_fill(d, j->listing, buf, cap);
		if (n == CTD_EBUSY)
			control_wake(cl); /* nothing in this slice: go on next turn */
		return n;
	case REPLY_JOB:
		return fill_job(d, j, buf, cap);
	case REPLY_UNTIL_END:
		return CTD_EBUSY;
	}
	return 0;
}

/* ---- starting ---- */

static struct admin_job *job_new(struct daemon *d, struct control_client *cl, enum reply_kind kind)
{
	struct admin_job *j = calloc(1, sizeof(*j));

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
	if (j->kind == REPLY_JOB && !j->done)
		engine_admin_cancel(d->engine, j->tag);
	listing_free(j->listing);
	free(j->text);
	free(j);
}

static int start_listing(struct daemon *d, struct control_client *cl,
			 const struct control_request *rq, int peer)
{
	struct listing *l;
	struct admin_job *j;
	int err = listing_new(d, rq, peer, &l);

	if (err < 0)
		return err;
	j = job_new(d, cl, REPLY_LISTING);
	if (!j) {
		listing_free(l);
		return -ENOMEM;
	}
	j->listing = l;
	return 0;
}

/* An answer that is there at once. */
static struct admin_job *text_new(struct daemon *d, struct control_client *cl, struct strbuf *b)
{
	struct admin_job *j = job_new(d, cl, REPLY_TEXT);

	if (j && text_begin(j, b) < 0) {
		job_free(d, j);
		return NULL;
	}
	return j;
}

static int start_reload(struct daemon *d, struct control_client *cl)
{
	struct strbuf b;
	struct admin_job *j = text_new(d, cl, &b);

	if (!j)
		return -ENOMEM;
	(void)reload(d, &b); /* the text says how it went */
	j->len = b.len;
	return 0;
}

static int start_report(struct daemon *d, struct control_client *cl,
			const struct control_request *rq, int peer)
{
	struct strbuf b;
	struct admin_job *j = text_new(d, cl, &b);

	if (!j)
		return -ENOMEM;
	report_make(d, rq, peer, &b);
	j->len = b.len;
	return 0;
}

static int start_job(struct daemon *d, struct control_client *cl, enum admin_cmd cmd, uint32_t what,
		     const struct control_request *rq)
{
	const bool waits = rq->cmd != CONTROL_REQUEST_RESYNC || rq->wait;
	struct admin_job *j = job_new(d, cl, REPLY_JOB);
	int rc;

	if (!j)
		return -ENOMEM;
	j->format = rq->format;
	j->tag = ++d->next_tag;
	rc = engine_admin(d->engine, loop_now(d->loop), cmd, what, waits ? j->tag : 0);
	if (rq->wait && rc < 0) {
		job_free(d, j);
		return rc;
	}
	j->started = rc >= 0;
	if (rc != 1)
		j->done = true; /* finished, or refused with a line in the log */
	loop_timer_set(d->loop, &d->timer, loop_now(d->loop));
	return 0;
}

/*
 * Without Sync there is little to act on, in statistics mode the one cache and the
 * kernel's table; nobody is told off for trying.
 */
static bool has_effect(const struct config *c, const struct control_request *rq)
{
	const bool expects = (rq->what & CONTROL_EXPECT) && !(rq->what & CONTROL_CT);

	if (c->has_sync)
		return true;
	switch (rq->cmd) {
	case CONTROL_KILL:
	case CONTROL_REPORT:
	case CONTROL_STATUS:
	case CONTROL_HEALTH:
	case CONTROL_RELOAD:
		return true;
	case CONTROL_DUMP_INTERNAL:
	case CONTROL_FLUSH_KERNEL:
	case CONTROL_RESYNC_KERNEL:
		return c->has_stats && !expects;
	case CONTROL_FLUSH_CACHE:
		return c->has_stats && (rq->what & CONTROL_INTERNAL);
	default:
		return false;
	}
}

static bool is_rsqueue(const struct control_request *rq)
{
	return rq->cmd == CONTROL_REPORT && rq->report == REPORT_RSQUEUE;
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

	if (!has_effect(d->cfg, rq))
		return job_new(d, cl, REPLY_TEXT) ? 0 : -ENOMEM;
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
	case CONTROL_STATUS:
	case CONTROL_HEALTH:
		return is_rsqueue(rq) ? start_listing(d, cl, rq, peer) :
					start_report(d, cl, rq, peer);
	case CONTROL_RELOAD:
		return start_reload(d, cl);
	case CONTROL_KILL:
		if (!job_new(d, cl, REPLY_UNTIL_END))
			return -ENOMEM;
		daemon_stop(d);
		return 0;
	case CONTROL_CMDS:
		return CTD_EUNSUPPORTED;
	default:
		return start_job(d, cl, admin_of[rq->cmd], what_of(rq, peer), rq);
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
	.start = on_start,
	.fill = on_fill,
	.gone = on_gone,
};

int admin_open(struct daemon *d)
{
	const struct control_sock_params p = {
		.loop = d->loop,
		.path = d->cfg->general.socket_path,
		.handler = &handler,
		.ctx = d,
		.log = d->log,
		.access = d->life.access,
		.later = true, /* there is nothing to tell before the tables are read */
	};
	int err = control_sock_open(&p, &d->control);

	if (err < 0)
		log_error(d->log, "can't open control socket `%s': %s", p.path, err_text(err));
	return err;
}

void admin_serve(struct daemon *d)
{
	control_sock_serve(d->control);
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

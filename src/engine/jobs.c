// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What takes more than one turn: kernel dumps, commit, kernel flush, the timers
 * of purge and overrun. Each job advances a slice at a time and reports its end
 * with an effect.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "base/err.h"
#include "flow/print.h"
#include "priv.h"

#define READ_AGAIN    30u /* s, if NetlinkOverrunResync is off */
#define COOKIE_COMMIT 1u
#define COOKIE_FLUSH  2u
#define COOKIE_FETCH  3u
#define COOKIE_COPIES 4u
#define COOKIE_BITS   3
#define COOKIE_MASK   7u
#define SWEEP_SLICE   4096u

/* ---- dumps ---- */

/* Is it to bring the internal cache in line with the kernel? */
static bool refills(enum dump_purpose purpose)
{
	return purpose == DUMP_LOAD || purpose == DUMP_RESYNC || purpose == DUMP_OVERRUN;
}

static bool flushes(enum dump_purpose purpose)
{
	return purpose == DUMP_FLUSH || purpose == DUMP_PURGE;
}

/*
 * What lost events would have told, or a full cache refused, must be sent: a resync
 * that comes first serves both.
 */
static void tell_as_well(struct engine *e)
{
	const uint32_t kind = e->dumps[0].expects ? OBJ_EXPECT : OBJ_FLOW;

	if (e->overrun_at == TICK_NEVER && !e->refused[kind])
		return;
	e->dumps[0].purpose = DUMP_OVERRUN;
	e->refused[kind] = false;
	if (!e->dumps[0].expects && e->overrun_at != TICK_NEVER) {
		e->overrun_at = TICK_NEVER;
		if (e->p.expect_sync)
			jobs_dump(e, DUMP_OVERRUN, true, 0);
	}
}

static void dump_next(struct engine *e)
{
	if (e->dump_running || e->sweeping || !e->ndumps || e->dumps[0].started)
		return;
	e->dump_running = true;
	e->dumps[0].started = true;
	e->nended = 0;
	e->cleared[e->dumps[0].expects ? OBJ_EXPECT : OBJ_FLOW] = false;
	if (e->dumps[0].purpose == DUMP_RESYNC)
		tell_as_well(e);
	if (e->dumps[0].purpose == DUMP_BULK && !e->dumps[0].expects)
		transit_bulk_start(e);
	if (refills(e->dumps[0].purpose))
		e->gen[e->dumps[0].expects ? OBJ_EXPECT : OBJ_FLOW] ^= ENTRY_GEN;
	engine_post(e, e->dumps[0].expects ? EFFECT_DUMP_EXPECTS : EFFECT_DUMP_FLOWS, 0);
}

/*
 * Queue a dump. A dump of the same kind that has not started yet serves both
 * askers unless somebody waits for either.
 */
int jobs_dump(struct engine *e, enum dump_purpose purpose, bool expects, uint64_t tag)
{
	for (uint32_t i = 0; i < e->ndumps && !tag; i++)
		if (!e->dumps[i].started && e->dumps[i].purpose == purpose &&
		    e->dumps[i].expects == expects)
			return 0;
	if (e->ndumps == DUMP_QUEUE) {
		log_error(e->p.log, "too many requests for the kernel's tables are waiting, "
				    "one more is refused");
		return CTD_EBUSY;
	}
	if (flushes(purpose) && !e->deleteq) {
		e->deleteq = malloc(DELETEQ_MAX * sizeof(*e->deleteq));
		if (!e->deleteq)
			return -ENOMEM;
	}
	e->dumps[e->ndumps++] = (struct dump_job){
		.purpose = purpose,
		.expects = expects,
		.tag = tag,
	};
	dump_next(e);
	return 1;
}

static void dump_finish(struct engine *e)
{
	const uint64_t tag = e->dumps[0].tag;

	for (uint32_t i = 1; i < e->ndumps; i++)
		e->dumps[i - 1] = e->dumps[i];
	e->ndumps--;
	if (tag)
		engine_post(e, EFFECT_JOB_DONE, tag);
	dump_next(e);
}

static void queue_delete(struct engine *e, const struct kernel_op *op)
{
	assert(e->deleteq_len < DELETEQ_MAX);
	e->deleteq[(e->deleteq_head + e->deleteq_len++) % DELETEQ_MAX] = *op;
}

bool engine_dump_wanted(const struct engine *e)
{
	if (!e->dump_running)
		return false;
	if (e->dumps[0].purpose == DUMP_BULK)
		return transit_bulk_room(e);
	return !flushes(e->dumps[0].purpose) || e->deleteq_len < DELETEQ_LOW;
}

void engine_dump_flow(struct engine *e, tick_t now, const struct flow *f)
{
	if (!e->dump_running || e->dumps[0].expects)
		return;
	if (e->dumps[0].purpose == DUMP_BULK) {
		transit_bulk_flow(e, now, f);
		return;
	}
	if (flushes(e->dumps[0].purpose)) {
		struct kernel_op op = { .kind = KOP_DELETE, .cookie = COOKIE_FLUSH };

		if (e->dumps[0].purpose == DUMP_PURGE && copies_have(e, f))
			return;
		if (!flow_has_key(f) || !filter_pass(e->p.filter, f, true) ||
		    e->deleteq_len == DELETEQ_MAX)
			return;
		op.flow = *f;
		queue_delete(e, &op);
		return;
	}
	e->loading = e->dumps[0].purpose == DUMP_LOAD ? ENTRY_LOADED : 0;
	local_dump_flow(e, now, f, e->dumps[0].purpose == DUMP_OVERRUN);
	e->loading = 0;
}

void engine_dump_expect(struct engine *e, tick_t now, const struct expect *x)
{
	if (!e->dump_running || !e->dumps[0].expects)
		return;
	if (e->dumps[0].purpose == DUMP_BULK) {
		transit_bulk_expect(e, now, x);
		return;
	}
	if (flushes(e->dumps[0].purpose)) {
		struct kernel_op op = { .kind = KOP_EXP_DELETE, .cookie = COOKIE_FLUSH };

		if (e->deleteq_len == DELETEQ_MAX)
			return;
		op.expect = *x;
		expects_locate(e, &op.expect);
		queue_delete(e, &op);
		return;
	}
	expects_dump(e, now, x, e->dumps[0].purpose == DUMP_OVERRUN);
}

void jobs_read_again(struct engine *e, tick_t now, const char *why)
{
	const uint32_t secs = e->p.overrun_resync ? e->p.overrun_resync : READ_AGAIN;

	if (e->overrun_at != TICK_NEVER)
		return;
	e->overrun_at = tick_add(now, secs * TICK_SEC);
	e->overrun_why = why;
}

void engine_dump_end(struct engine *e, tick_t now, int err)
{
	if (!e->dump_running)
		return;
	e->dump_running = false;
	if (err < 0)
		log_error(e->p.log, "dump of the kernel table failed: %s", err_text(err));
	if (err < 0 && e->dumps[0].purpose == DUMP_OVERRUN)
		jobs_read_again(e, now, "a failed dump");
	if (e->dumps[0].purpose == DUMP_BULK)
		transit_bulk_end(e, now, e->dumps[0].expects, err);
	if (refills(e->dumps[0].purpose)) {
		e->sweeping = true; /* vanished entries go, slice by slice */
		e->sweep_keeps = err < 0;
		e->sweep_expects = e->dumps[0].expects;
		e->sweep = (struct cache_walk){ 0 };
		jobs_tick(e, now);
		return;
	}
	if (flushes(e->dumps[0].purpose) && e->deleteq_len)
		return; /* finished by the last deletion */
	dump_finish(e);
}

/* ---- commit ---- */

/* The first peer from commit_peer on that is meant; npeers: none is left. */
static void commit_seek(struct engine *e)
{
	while (e->commit_peer < e->npeers && !admin_means(e->commit_peers, e->commit_peer))
		e->commit_peer++;
}

static int commit_open(struct engine *e, tick_t now)
{
	struct peer *p = &e->peers[e->commit_peer];
	struct repl_stats rs;
	struct commit_params cp = {
		.flows = e->commit_what & ADMIN_FLOWS ? p->flows : NULL,
		.expects = (e->commit_what & ADMIN_EXPECTS) && e->p.expect_sync ? p->expects : NULL,
		.masters = p->flows,
		.zones = &p->zones,
		.timeout = e->p.commit_timeout,
		.window_tracking = e->p.window_tracking,
	};

	repl_get_stats(p->repl, &rs);
	cp.owner_heard = rs.last_heard;
	e->commit = commit_new(&cp, now);
	return e->commit ? 0 : -ENOMEM;
}

static void commit_report(struct engine *e, tick_t now)
{
	const struct commit_stats *s = &e->commit_sum;
	const tick_t took = tick_since(now, e->commit_start);
	const unsigned int sec = (unsigned int)(took / TICK_SEC);
	const unsigned int usec = (unsigned int)(took % TICK_SEC / TICK_USEC);

	if (e->commit_what & ADMIN_FLOWS) {
		const uint64_t done = s->flows_new + s->flows_updated;
		const uint64_t failed = s->flows_failed + s->flows_skipped + s->flows_clash;

		log_notice(e->p.log, "Committed %llu new entries", (unsigned long long)done);
		if (failed)
			log_notice(e->p.log, "%llu entries can't be committed",
				   (unsigned long long)failed);
		if (s->flows_no_helper)
			log_warning(e->p.log,
				    "%llu entries were committed without their helper, "
				    "which is not there: what it would expect will not pass",
				    (unsigned long long)s->flows_no_helper);
		log_notice(e->p.log, "commit has taken %u.%06u seconds", sec, usec);
	}
	if ((e->commit_what & ADMIN_EXPECTS) && e->p.expect_sync) {
		log_notice(e->p.log, "Committed %llu new expectations",
			   (unsigned long long)s->expects_new);
		if (s->expects_failed)
			log_notice(e->p.log, "%llu expectations can't be committed",
				   (unsigned long long)s->expects_failed);
		log_notice(e->p.log, "commit has taken %u.%06u seconds", sec, usec);
	}
}

static void add_reasons(struct strbuf *b, uint64_t failed, const uint64_t by[COMMIT_REASONS])
{
	const char *sep = " (";

	strbuf_addf(b, ", %llu failed", (unsigned long long)failed);
	for (int r = 0; r < COMMIT_REASONS; r++) {
		if (!by[r])
			continue;
		strbuf_addf(b, "%s%s: %llu", sep, commit_reason_text(r), (unsigned long long)by[r]);
		sep = ", ";
	}
	strbuf_add(b, *sep == ' ' ? "" : ")");
}

/* All of it in one line, beside those above, whose words are older than this program. */
static void commit_summary(struct engine *e)
{
	const struct commit_stats *s = &e->commit_sum;
	char line[512];
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	strbuf_addf(&b,
		    "commit summary: flows: %llu created, %llu updated, %llu skipped as older, "
		    "%llu clashes, %llu expired",
		    (unsigned long long)s->flows_new, (unsigned long long)s->flows_updated,
		    (unsigned long long)s->flows_skipped, (unsigned long long)s->flows_clash,
		    (unsigned long long)s->flows_expired);
	add_reasons(&b, s->flows_failed, s->flows_failed_by);
	if (e->p.expect_sync) {
		strbuf_addf(&b, "; expectations: %llu created, %llu expired",
			    (unsigned long long)s->expects_new,
			    (unsigned long long)s->expects_expired);
		add_reasons(&b, s->expects_failed, s->expects_failed_by);
	}
	log_notice(e->p.log, "%s", line);
}

static void commit_close(struct engine *e, tick_t now)
{
	e->last_commit = e->commit_sum;
	e->last_commit_took = tick_since(now, e->commit_start);
	e->last_commit_at = now;
	commit_report(e, now);
	commit_summary(e);
	if (e->commit_tag)
		engine_post(e, EFFECT_JOB_DONE, e->commit_tag);
	e->commit_what = 0;
}

/* This peer's caches are through: the next peer's, or the end. */
static void commit_advance(struct engine *e, tick_t now)
{
	struct commit_stats s;

	commit_get_stats(e->commit, &s);
	commit_stats_add(&e->commit_sum, &s);
	commit_free(e->commit);
	e->commit = NULL;
	e->commit_peer++;
	commit_seek(e);
	if (e->commit_peer < e->npeers && commit_open(e, now) == 0)
		return;
	commit_close(e, now);
}

int jobs_commit(struct engine *e, tick_t now, uint32_t what, uint64_t tag)
{
	if (e->commit) {
		log_notice(e->p.log, "commit already in progress, skipping");
		return CTD_EBUSY;
	}
	e->commit_what = what & (ADMIN_FLOWS | ADMIN_EXPECTS);
	e->commit_peers = what & ADMIN_PEERS;
	log_notice(e->p.log, e->commit_what == ADMIN_FLOWS   ? "committing conntrack cache" :
			     e->commit_what == ADMIN_EXPECTS ? "committing expectation cache" :
							       "committing all external caches");
	if (e->p.no_external) {
		e->commit_what = 0; /* it is all in the kernel */
		return 0;
	}
	e->commit_tag = tag;
	e->commit_start = now;
	e->commit_peer = 0;
	e->commit_sum = (struct commit_stats){ 0 };
	commit_seek(e);
	if (e->commit_peer == e->npeers) {
		commit_close(e, now);
		return 1;
	}
	if (commit_open(e, now) < 0) {
		e->commit_what = 0;
		return -ENOMEM;
	}
	return 1;
}

/* One line with both tuples of both flows. */
static void log_clash(struct engine *e, const char *what, const struct commit_failure *f)
{
	char mine[PRINT_LINE_MAX], theirs[PRINT_LINE_MAX];
	struct flow ours = f->flow;
	struct strbuf b;

	flow_reply(&ours, &ours.reply);
	ours.has |= FLOW_HAS_REPLY;
	strbuf_init(&b, mine, sizeof(mine));
	print_flow(&b, &ours, false);
	strbuf_init(&b, theirs, sizeof(theirs));
	print_flow(&b, &f->holder, false);
	log_warning(e->p.log, "%s: not injected: %s: its place is held by a living flow: %s", what,
		    mine, theirs);
}

void jobs_log_failure(struct engine *e, tick_t now, const char *what,
		      const struct commit_failure *f)
{
	char line[PRINT_LINE_MAX];
	struct strbuf b;

	if (!ratelim_ok(&e->commit_log, now))
		return;
	if (f->clash) {
		log_clash(e, what, f);
		return;
	}
	strbuf_init(&b, line, sizeof(line));
	if (f->is_expect)
		print_expect(&b, &f->expect);
	else
		print_flow(&b, &f->flow, false);
	log_error(e->p.log, "%s-create: %s: %s", what, err_text(f->err), line);
}

/* ---- operations ---- */

static size_t flush_ops(struct engine *e, struct kernel_op *ops, size_t cap)
{
	size_t n = 0;

	while (n < cap && e->deleteq_len) {
		ops[n++] = e->deleteq[e->deleteq_head];
		e->deleteq_head = (e->deleteq_head + 1) % DELETEQ_MAX;
		e->deleteq_len--;
	}
	return n;
}

size_t engine_kernel_ops(struct engine *e, tick_t now, struct kernel_op *ops, size_t cap)
{
	size_t n;

	if (cap > KOP_BATCH)
		cap = KOP_BATCH;
	n = fetch_ops(e, ops, cap);
	for (size_t i = 0; i < n; i++)
		ops[i].cookie = COOKIE_FETCH;
	if (n)
		return n;
	while (e->commit) {
		n = commit_next(e->commit, now, ops, cap);
		if (n) {
			for (size_t i = 0; i < n; i++)
				ops[i].cookie = ops[i].cookie << COOKIE_BITS | COOKIE_COMMIT;
			return n;
		}
		if (!commit_finished(e->commit))
			return 0; /* slice used up; engine_deadline() says now */
		commit_advance(e, now);
	}
	n = copies_ops(e, now, ops, cap);
	for (size_t i = 0; i < n; i++)
		ops[i].cookie = ops[i].cookie << COOKIE_BITS | COOKIE_COPIES;
	return n ? n : flush_ops(e, ops, cap);
}

static void take_result(struct engine *e, tick_t now, const struct kernel_op *done)
{
	struct commit_failure fail;
	struct kernel_op op = *done;

	op.cookie >>= COOKIE_BITS;
	switch (done->cookie & COOKIE_MASK) {
	case COOKIE_COMMIT:
		if (e->commit && commit_result(e->commit, now, &op, &fail))
			jobs_log_failure(e, now, "commit", &fail);
		break;
	case COOKIE_FETCH:
		fetch_result(e, now, done);
		break;
	case COOKIE_COPIES:
		copies_result(e, now, &op);
		break;
	default:
		break;
	}
}

void engine_kernel_results(struct engine *e, tick_t now, const struct kernel_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take_result(e, now, &ops[i]);
	if (!e->deleteq_len && !e->dump_running && e->ndumps && !e->sweeping &&
	    flushes(e->dumps[0].purpose))
		dump_finish(e);
}

/* ---- time ---- */

bool jobs_pending(const struct engine *e)
{
	return e->commit || e->deleteq_len || e->nfetch || e->sweeping || view_pending(e) ||
	       has_room_again(e, e->refused, e->flows, e->expects);
}

static void purge(struct engine *e, tick_t now)
{
	e->purge_at = TICK_NEVER;
	if (jobs_dump(e, DUMP_PURGE, false, 0) < 0) {
		e->purge_at = tick_add(now, TICK_SEC);
		return;
	}
	log_notice(e->p.log, "flushing kernel conntrack table (scheduled)");
	e->st.kernel_flushes++;
	if (!e->p.no_internal)
		local_clear(e, false);
}

int jobs_catch_up(struct engine *e)
{
	int err;

	if (e->p.no_internal) {
		for (uint8_t i = 0; i < e->npeers; i++)
			repl_request_bulk(e->peers[i].repl);
		return 0;
	}
	err = jobs_dump(e, DUMP_OVERRUN, false, 0);
	if (err >= 0 && e->p.expect_sync) /* W33 */
		(void)jobs_dump(e, DUMP_OVERRUN, true, 0);
	return err;
}

static void overrun_resync(struct engine *e, tick_t now)
{
	e->overrun_at = TICK_NEVER;
	if (jobs_catch_up(e) < 0) {
		e->overrun_at = tick_add(now, TICK_SEC);
		return;
	}
	log_notice(e->p.log, "resync with master conntrack table after %s", e->overrun_why);
	e->st.kernel_resyncs++;
}

static void poll(struct engine *e, tick_t now)
{
	e->poll_at = tick_add(now, e->p.poll_secs * TICK_SEC);
	(void)jobs_catch_up(e); /* refused: there is another one soon */
}

void jobs_tick(struct engine *e, tick_t now)
{
	if (now >= e->purge_at)
		purge(e, now);
	if (has_room_again(e, e->refused, e->flows, e->expects)) {
		e->refused[OBJ_FLOW] = e->refused[OBJ_EXPECT] = false;
		jobs_read_again(e, now, "the internal cache was full");
	}
	if (now >= e->overrun_at)
		overrun_resync(e, now);
	if (now >= e->poll_at)
		poll(e, now);
	if (e->sweeping && !local_sweep(e, now, SWEEP_SLICE)) {
		const uint32_t kind = e->sweep_expects ? OBJ_EXPECT : OBJ_FLOW;

		e->sweeping = false;
		if (!e->cleared[kind] && !e->sweep_keeps)
			e->partial[kind] = false; /* the cache is what the kernel has */
		dump_finish(e);
	}
}

void engine_overrun(struct engine *e, tick_t now)
{
	e->st.overruns++;
	/* What this dump shows and we did not know may be what was lost. */
	if (e->dump_running && e->dumps[0].purpose == DUMP_RESYNC)
		e->dumps[0].purpose = DUMP_OVERRUN;
	if (e->p.overrun_resync)
		jobs_read_again(e, now, "lost events");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Gathers what a report needs from all parts and has its text made. */
#include "config.h"
#include "observe/stats_json.h"
#include "observe/stats_text.h"
#include "observe/status.h"
#include "priv.h"
#include "transport/links.h"

/* Both heartbeating modes speak every second; five are as good as none. */
#define SILENCE (5 * TICK_SEC)

/* Everything a report can show, with room for what it points to. */
struct figures {
	struct stats_link links[CONFIG_PEERS * LINKS_MAX];
	struct engine_stats engine;
	struct stats_view view;
	struct sinks_line recent[SINKS_RECENT];
};

static void runtime_stats(const struct daemon *d, struct stats_runtime *r)
{
	struct kernel_events_stats ev = { 0 };
	struct kernel_applier_stats ap = { 0 };
	struct control_sock_stats cs;
	struct sinks_stats log;

	if (d->tables.events)
		kernel_events_get_stats(d->tables.events, &ev);
	if (d->tables.applier)
		kernel_applier_get_stats(d->tables.applier, &ap);
	control_sock_get_stats(d->control, &cs);
	sinks_get_stats(d->sinks, &log);
	*r = (struct stats_runtime){
		.uptime = tick_since(loop_now(d->loop), d->started),
		.events_unknown = ev.unknown,
		.events_failed = ev.overruns + ev.bad + d->tables.events_lost_io,
		.dump_unknown = d->tables.dumped.bad,
		.buffer = ev.buffer,
		.read_failed = cs.read_failed,
		.unknown_requests = cs.unknown,
		.ops = ap.ops,
		.ops_failed = ap.failed,
		.ops_refused = ap.refused,
		.labels_lost = ap.labels_lost,
		.foreign = ev.foreign + ap.foreign + d->tables.dumped.foreign,
		.log_lost = log.file_lost + log.syslog_lost,
	};
}

static void gather(struct daemon *d, int peer, struct figures *f)
{
	f->view = (struct stats_view){
		.engine = &f->engine,
		.sync = d->cfg->has_sync,
		.no_internal = d->cfg->sync.disable_internal,
		.no_external = d->cfg->sync.disable_external,
		.ftfw = d->cfg->sync.mode == REPL_FTFW,
		.links = f->links,
	};
	if (peer == PEER_ALL)
		engine_get_stats(d->engine, &f->engine);
	else
		engine_get_peer_stats(d->engine, (uint8_t)peer, &f->engine);
	peers_errorq(d, peer, &f->view.errorq);
	f->view.n_links = peers_stats(d, peer, f->links, sizeof(f->links) / sizeof(f->links[0]));
	runtime_stats(d, &f->view.runtime);
}

/* ---- statistics ---- */

static void report_text(enum control_report which, const struct stats_view *v, bool expects,
			struct strbuf *b)
{
	switch (which) {
	case REPORT_CT:
		stats_text_summary(b, v, false);
		break;
	case REPORT_EXPECT:
		if (expects)
			stats_text_summary(b, v, true);
		break;
	case REPORT_NETWORK:
		stats_text_network(b, v);
		break;
	case REPORT_CACHE:
		stats_text_cache(b, v);
		break;
	case REPORT_RUNTIME:
		stats_text_runtime(b, v);
		break;
	case REPORT_LINK:
		stats_text_link(b, v);
		break;
	case REPORT_QUEUE:
		stats_text_queue(b, v);
		break;
	case REPORT_RSQUEUE:
		if (v->ftfw)
			stats_text_rsqueue(b, v);
		break;
	case REPORT_PROCESS:
	case REPORTS:
		break;
	}
}

static void report_json(enum control_report which, const struct stats_view *v, struct strbuf *b)
{
	struct jsonw j = jsonw_to(b);

	switch (which) {
	case REPORT_CT:
		stats_json_summary(&j, v, false);
		break;
	case REPORT_EXPECT:
		stats_json_summary(&j, v, true);
		break;
	case REPORT_NETWORK:
		stats_json_network(&j, v);
		break;
	case REPORT_CACHE:
		stats_json_cache(&j, v);
		break;
	case REPORT_RUNTIME:
		stats_json_runtime(&j, v);
		break;
	case REPORT_LINK:
		stats_json_link(&j, v);
		break;
	case REPORT_QUEUE:
		stats_json_queue(&j, v);
		break;
	case REPORT_RSQUEUE:
	case REPORT_PROCESS:
	case REPORTS:
		jsonw_array(&j, NULL); /* there are no child processes */
		jsonw_array_end(&j);
		break;
	}
	strbuf_add(b, "\n");
}

/* Is there anything to tell, in this mode? */
static bool offers(const struct config *c, enum control_report which)
{
	if (which == REPORT_RUNTIME || c->has_sync)
		return true;
	return c->has_stats && (which == REPORT_CT || which == REPORT_CACHE);
}

static void report_stats(struct daemon *d, const struct control_request *rq,
			 const struct stats_view *v, struct strbuf *b)
{
	if (rq->format == FORMAT_JSON)
		report_json(rq->report, v, b);
	else if (offers(d->cfg, rq->report))
		report_text(rq->report, v, d->cfg->sync.expect_sync, b);
}

/* ---- status ---- */

static const char *mode_name(const struct config *c)
{
	static const char *const names[] = {
		[REPL_NOTRACK] = "NOTRACK",
		[REPL_FTFW] = "FTFW",
		[REPL_ALARM] = "ALARM",
	};

	return c->has_sync ? names[c->sync.mode] : c->has_stats ? "Stats" : "none";
}

static void status_from(struct daemon *d, struct figures *f, struct status_view *v)
{
	*v = (struct status_view){
		.stats = &f->view,
		.version = PACKAGE_VERSION,
		.mode = mode_name(d->cfg),
		.now = loop_now(d->loop),
		.silence = d->cfg->sync.mode == REPL_ALARM ? 0 : SILENCE,
		.cache_limit = d->cfg->general.hash_limit,
		.events_ended = d->tables.events_lost_io != 0,
		.recent = f->recent,
		.n_recent = sinks_recent(d->sinks, f->recent),
	};
	for (uint8_t i = 0; i < d->n_peers; i++)
		v->peers[i] = d->cfg->sync.peers[i].name;
}

static void report_status(struct daemon *d, const struct control_request *rq, struct figures *f,
			  struct strbuf *b)
{
	struct status_view v;
	struct health h;

	status_from(d, f, &v);
	if (rq->cmd == CONTROL_STATUS && rq->format == FORMAT_JSON) {
		status_json(b, &v);
	} else if (rq->cmd == CONTROL_STATUS) {
		status_text(b, &v);
	} else {
		health_check(&h, &v);
		if (rq->format == FORMAT_JSON)
			health_json(b, &h);
		else
			health_text(b, &h, &v);
	}
}

void report_make(struct daemon *d, const struct control_request *rq, int peer, struct strbuf *b)
{
	struct figures f;

	gather(d, peer, &f);
	if (rq->cmd == CONTROL_REPORT)
		report_stats(d, rq, &f.view, b);
	else
		report_status(d, rq, &f, b);
}

void report_line(struct daemon *d, struct strbuf *b)
{
	struct status_view v;
	struct figures f;

	gather(d, PEER_ALL, &f);
	status_from(d, &f, &v);
	status_line(b, &v);
}

void report_commit(struct daemon *d, bool started, struct strbuf *b)
{
	struct jsonw j = jsonw_to(b);
	struct engine_stats st;

	engine_get_stats(d->engine, &st);
	jsonw_object(&j, NULL);
	jsonw_bool(&j, "started", started);
	if (started)
		stats_json_commit(&j, &st);
	jsonw_object_end(&j);
	strbuf_add(b, "\n");
}

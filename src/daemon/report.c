// SPDX-License-Identifier: GPL-2.0-or-later
/* Gathers what a report needs from all parts and has its text made. */
#include "observe/stats_text.h"
#include "priv.h"
#include "transport/links.h"

static void runtime_stats(const struct daemon *d, struct stats_runtime *r)
{
	struct kernel_events_stats ev;
	struct control_sock_stats cs;

	kernel_events_get_stats(d->tables.events, &ev);
	control_sock_get_stats(d->control, &cs);
	*r = (struct stats_runtime){
		.uptime = tick_since(loop_now(d->loop), d->started),
		.events_unknown = ev.unknown,
		.events_failed = ev.overruns + ev.bad + d->tables.events_lost_io,
		.buffer = ev.buffer,
		.read_failed = cs.read_failed,
		.unknown_requests = cs.unknown,
	};
}

void report_text(struct daemon *d, enum control_report which, int peer, struct strbuf *b)
{
	struct stats_link links[CONFIG_PEERS * LINKS_MAX];
	struct engine_stats es;
	struct stats_view v = {
		.engine = &es,
		.sync = d->cfg->has_sync,
		.ftfw = d->cfg->sync.mode == REPL_FTFW,
		.links = links,
	};

	if (peer == PEER_ALL)
		engine_get_stats(d->engine, &es);
	else
		engine_get_peer_stats(d->engine, (uint8_t)peer, &es);
	peers_errorq(d, peer, &v.errorq);
	v.n_links = peers_stats(d, peer, links, sizeof(links) / sizeof(links[0]));
	runtime_stats(d, &v.runtime);
	if (!v.sync && which != REPORT_RUNTIME)
		return;
	switch (which) {
	case REPORT_CT:
		stats_text_summary(b, &v, false);
		break;
	case REPORT_EXPECT:
		if (d->cfg->sync.expect_sync)
			stats_text_summary(b, &v, true);
		break;
	case REPORT_NETWORK:
		stats_text_network(b, &v);
		break;
	case REPORT_CACHE:
		stats_text_cache(b, &v);
		break;
	case REPORT_RUNTIME:
		stats_text_runtime(b, &v);
		break;
	case REPORT_LINK:
		stats_text_link(b, &v);
		break;
	case REPORT_QUEUE:
		stats_text_queue(b, &v);
		break;
	case REPORT_RSQUEUE:
		if (v.ftfw)
			stats_text_rsqueue(b, &v);
		break;
	case REPORT_PROCESS:
	case REPORTS:
		break;
	}
}

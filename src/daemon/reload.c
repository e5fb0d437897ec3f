// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the running configuration to another one. It is read and checked whole;
 * what cannot change while the daemon runs refuses it. Then each part takes over
 * what concerns it, those that can fail first; when one does, those before it go
 * back, and all is as it was. Sessions, caches and links that are the same in both
 * are not touched, and no link is closed before the new ones are known to work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "daemon/process.h"
#include "priv.h"

struct change {
	struct config *new;
	struct filter *filter;      /* NULL: the present one stays */
	uint8_t from[CONFIG_PEERS]; /* of each new peer: the old one, or ENGINE_NEW_PEER */
	struct peers_next peers;
};

/* One line, to the log and to who asked. */
static void say(struct daemon *d, struct strbuf *said, enum log_level level, const char *text)
{
	if (d->log && level <= d->log->max)
		d->log->emit(d->log->ctx, level, text);
	if (said)
		strbuf_addf(said, "%s\n", text);
}

static int refuse(struct daemon *d, struct strbuf *said, int err, const char *what, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "reload refused, the configuration in effect stays: %s%s",
		 what, why);
	say(d, said, LOG_LVL_ERROR, text);
	return err;
}

/* ---- reading ---- */

static void say_messages(struct daemon *d, struct strbuf *said, const struct config_msgs *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].level == LOG_LVL_WARNING)
			say(d, said, LOG_LVL_WARNING, m->v[i].text);
}

static int read_new(struct daemon *d, struct strbuf *said, struct config *c)
{
	struct config_msgs m = { 0 };
	const char *fixed;
	int err = config_load(d->path, c, &m);

	if (!err) {
		err = config_check_start(c, &m);
		if (err)
			config_free(c);
	}
	say_messages(d, said, &m);
	if (err)
		refuse(d, said, err, m.n ? m.v[m.n - 1].text : err_text(err), "");
	config_msgs_free(&m);
	if (err)
		return err;
	fixed = config_fixed(d->cfg, c);
	if (!fixed)
		return 0;
	config_free(c);
	return refuse(d, said, CTD_EUNSUPPORTED, fixed,
		      " cannot change while the daemon runs, "
		      "restart it");
}

/* ---- which peer is which ---- */

/* By name; the one without a name is the same whatever its links are. */
static uint8_t find_peer(const struct config_sync *s, const char *name)
{
	for (uint8_t i = 0; i < s->n_peers; i++)
		if (strcmp(s->peers[i].name, name) == 0)
			return i;
	return ENGINE_NEW_PEER;
}

static void match_peers(uint8_t *from, const struct config_sync *new, const struct config_sync *old)
{
	for (uint8_t i = 0; i < new->n_peers; i++)
		from[i] = find_peer(old, new->peers[i].name);
}

/* ---- taking over ---- */

static int change_log(struct daemon *d, const struct config *c)
{
	struct sinks_params p;

	daemon_sinks_params(c, &p);
	return sinks_change(d->sinks, &p);
}

static int change_engine(struct daemon *d, const struct change *ch)
{
	const tick_t now = loop_now(d->loop);
	struct engine_params p;

	daemon_engine_params(d, d->cfg, &p);
	p.filter = ch->filter ? ch->filter : d->filter;
	return engine_reconfigure(d->engine, now, &p, ch->from);
}

/* All that can fail and be taken back. d->cfg is the new configuration meanwhile. */
static int change_parts(struct daemon *d, struct strbuf *said, struct change *ch,
			const struct config *old)
{
	int err = change_log(d, d->cfg);

	if (err)
		return refuse(d, said, err, "log file: ", err_text(err));
	err = flowlog_change(d);
	if (err)
		return refuse(d, said, err, "log file of flows: ", err_text(err));
	err = peers_prepare(d, &old->sync, ch->from, &ch->peers);
	if (err)
		return refuse(d, said, err, "links: ", err_text(err));
	err = change_engine(d, ch);
	if (err)
		return refuse(d, said, err,
			      err == CTD_EBUSY ? "peers cannot change during a commit" :
						 err_text(err),
			      "");
	return 0;
}

static void take_back(struct daemon *d, struct change *ch, const struct config *old)
{
	d->cfg = old;
	(void)change_log(d, old);
	(void)flowlog_change(d);
	if (peers_drop(d, &old->sync, &ch->peers) == 0)
		return;
	log_error(d->log, "the links that were in use cannot be opened again, this daemon ends");
	daemon_stop(d);
}

/* What cannot fail, or may without harm. */
static void change_rest(struct daemon *d, struct change *ch, const struct config *old)
{
	const struct config_general *g = &d->cfg->general, *og = &old->general;
	int err = tables_change(d);

	peers_take(d, &ch->peers);
	if (err)
		log_warning(d->log, "NetlinkEventsReliable: %s", err_text(err));
	if (g->sched_policy != og->sched_policy || g->sched_priority != og->sched_priority)
		process_schedule(g, d->log);
	if (ch->filter) {
		filter_free(d->filter);
		d->filter = ch->filter;
	}
	if (d->own) {
		config_free(d->own);
		free(d->own);
	}
	d->own = ch->new;
}

static int change_over(struct daemon *d, struct strbuf *said, struct change *ch)
{
	const struct config *old = d->cfg;
	int err;

	match_peers(ch->from, &ch->new->sync, &old->sync);
	if (!config_same_filter(old, ch->new)) {
		ch->filter = config_make_filter(ch->new);
		if (!ch->filter)
			return refuse(d, said, -ENOMEM, err_text(-ENOMEM), "");
	}
	d->cfg = ch->new;
	err = change_parts(d, said, ch, old);
	if (err) {
		take_back(d, ch, old);
		filter_free(ch->filter);
		return err;
	}
	change_rest(d, ch, old);
	return 0;
}

int reload(struct daemon *d, struct strbuf *said)
{
	struct change ch = { .new = calloc(1, sizeof(*ch.new)) };
	int err =
		sinks_reopen(d->sinks); /* whatever becomes of the rest: it may have been rotated */

	if (err)
		log_warning(d->log, "can't open the log file again: %s", err_text(err));
	err = flowlog_reopen(d);
	if (err)
		log_warning(d->log, "can't open the log file of flows again: %s", err_text(err));
	err = ch.new ? read_new(d, said, ch.new) : -ENOMEM;
	if (!err) {
		err = change_over(d, said, &ch);
		if (err)
			config_free(ch.new);
	}
	if (err) {
		free(ch.new);
		return err;
	}
	loop_timer_set(d->loop, &d->timer, loop_now(d->loop));
	say(d, said, LOG_LVL_NOTICE, "configuration read again");
	return 0;
}

void reload_free(struct daemon *d)
{
	if (!d->own)
		return;
	config_free(d->own);
	free(d->own);
	d->own = NULL;
}

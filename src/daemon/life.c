// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's life beside its work: as whom it goes on after the start, and what
 * the service manager is told of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/str.h"
#include "notify.h"
#include "priv.h"

#define STATUS_PERIOD (5 * TICK_SEC)

/* ---- rights ---- */

static mode_t socket_mode(const struct config_general *g)
{
	if (g->socket_mode)
		return g->socket_mode;
	return g->socket_group[0] ? 0660 : 0600;
}

int life_prepare(struct daemon *d)
{
	const struct config_general *g = &d->cfg->general;
	struct life *l = &d->life;

	l->access.mode = socket_mode(g);
	l->access.has_group = g->socket_group[0] != '\0';
	if (l->access.has_group && rights_find_group(g->socket_group, &l->access.group) < 0) {
		log_error(d->log, "Group of UNIX: there is no group `%s'", g->socket_group);
		return -ENOENT;
	}
	l->has_user = g->user[0] != '\0';
	if (l->has_user && rights_find_user(g->user, &l->user) < 0) {
		log_error(d->log, "User: there is no user `%s'", g->user);
		return -ENOENT;
	}
	return 0;
}

static bool has_low_port(const struct config_sync *s)
{
	for (uint8_t i = 0; i < s->n_peers; i++)
		for (uint8_t k = 0; k < s->peers[i].n_links; k++)
			if (s->peers[i].links[k].port < 1024)
				return true;
	return false;
}

/* A file can be removed by who may write to its folder. */
static void warn_of_folder(const struct daemon *d, const char *path)
{
	char folder[CONFIG_PATH];
	char *slash;

	str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash)
		return;
	slash[slash == folder] = '\0';
	if (faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) < 0)
		log_warning(d->log,
			    "user `%s' cannot write to %s: %s will be left behind in the end",
			    d->cfg->general.user, folder, path);
}

int life_drop_rights(struct daemon *d)
{
	const struct account *user = d->life.has_user ? &d->life.user : NULL;
	int err;

	if (user)
		sinks_give(d->sinks, user->uid, user->gid);
	if (user && d->flows)
		sinks_give(d->flows, user->uid, user->gid);
	err = rights_drop(user, has_low_port(&d->cfg->sync), d->log);
	if (err < 0) {
		log_error(d->log, "can't become user `%s': %s", d->cfg->general.user,
			  err_text(err));
		return err;
	}
	if (user) {
		warn_of_folder(d, d->cfg->general.lock_file);
		warn_of_folder(d, d->cfg->general.socket_path);
	}
	return 0;
}

/* ---- the service manager ---- */

static void tell_status(struct daemon *d)
{
	char line[sizeof(d->life.told)];
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	report_line(d, &b);
	if (strcmp(line, d->life.told) == 0)
		return;
	memcpy(d->life.told, line, sizeof(line));
	notify_status(line);
}

static void on_timer(void *ctx)
{
	struct daemon *d = ctx;

	if (notify_watchdog_period())
		notify_watchdog();
	tell_status(d);
	loop_timer_set(d->loop, &d->life.timer, tick_add(loop_now(d->loop), d->life.period));
}

void life_serving(struct daemon *d, bool foreground)
{
	const tick_t watchdog = notify_watchdog_period();

	if (!d->cfg->general.systemd || !notify_wanted())
		return;
	if (foreground)
		notify_ready(0); /* in the background the parent says it */
	d->life.period = watchdog ? tick_min(watchdog / 2, STATUS_PERIOD) : STATUS_PERIOD;
	loop_timer_init(&d->life.timer, on_timer, d);
	on_timer(d);
}

void life_stopping(struct daemon *d)
{
	if (!d->life.period)
		return;
	loop_timer_stop(&d->life.timer);
	notify_stopping();
}

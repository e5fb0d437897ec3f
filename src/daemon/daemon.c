// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builds the daemon, runs it, tears it down in reverse. One turn of the loop:
 * inputs have been handed to the engine by their callbacks; then timers, effects,
 * a slice of each long job, datagrams, and one timer for what comes next.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "daemon/daemon.h"
#include "daemon/process.h"
#include "notify.h"
#include "priv.h"

#define LOAD_TAG UINT64_MAX /* of the first dump; clients count theirs from 1 */

/* ---- turns ---- */

static void take_effects(struct daemon *d, tick_t now)
{
	struct effect eff;

	while (engine_effect(d->engine, now, &eff)) {
		if (eff.kind == EFFECT_JOB_DONE) {
			d->loaded = d->loaded || eff.tag == LOAD_TAG;
			admin_job_done(d, eff.tag);
		} else {
			tables_dump(d, eff.kind == EFFECT_DUMP_EXPECTS);
		}
	}
}

/* All but the peers. True: there is more to do. */
static bool turn(struct daemon *d, tick_t now)
{
	bool more;

	if (engine_deadline(d->engine) <= now)
		engine_tick(d->engine, now);
	take_effects(d, now);
	flowlog_write(d);
	more = tables_turn(d);
	take_effects(d, now);
	return more;
}

static void on_turn(void *ctx)
{
	struct daemon *d = ctx;
	const tick_t now = loop_now(d->loop);
	bool more = turn(d, now);

	more = peers_turn(d) || more;
	loop_timer_set(d->loop, &d->timer, more ? now : engine_deadline(d->engine));
}

static void on_timer(void *ctx)
{
	(void)ctx; /* it only ends the wait: the turn hook works */
}

void daemon_stop(struct daemon *d)
{
	d->stopping = true;
	loop_stop(d->loop);
}

static void on_signal(void *ctx, int signum)
{
	struct daemon *d = ctx;

	if (signum == SIGHUP)
		reload(d, NULL);
	else
		daemon_stop(d);
}

/* ---- building ---- */

static uint64_t fresh_seed(void)
{
	uint64_t s;

	if (getrandom(&s, sizeof(s), 0) != sizeof(s))
		s = (uint64_t)clock_now() ^ (uint64_t)getpid() << 32;
	return s;
}

static void repl_params_from(const struct config_sync *s, struct repl_params *p)
{
	*p = (struct repl_params){
		.mode = s->mode,
		.ack_window = s->ack_window,
		.resend_limit = s->resend_queue,
		.startup_resync = s->startup_resync,
		.cures = REPL_CURES_ALL,
		.ident = true,
	};
}

void daemon_engine_params(struct daemon *d, const struct config *c, struct engine_params *p)
{
	const struct config_sync *s = &c->sync;

	*p = (struct engine_params){
		.npeers = s->n_peers,
		.wire = {
			.swapped_be = s->big_endian_peer,
			.window_scale = s->window_tracking,
			.no_timeout = s->commit_timeout != 0,
		},
		.cache_limit = c->general.hash_limit,
		.expect_sync = s->expect_sync,
		.n_expect_helpers = s->n_expect_helpers,
		.commit_timeout = s->commit_timeout,
		.purge_timeout = s->purge_timeout,
		.overrun_resync = c->general.overrun_resync,
		.refresh_time = s->mode == REPL_ALARM ? s->refresh_time : 0,
		.cache_timeout = s->mode == REPL_ALARM ? s->cache_timeout : 0,
		.window_tracking = s->window_tracking,
		.no_internal = s->disable_internal,
		.no_external = s->disable_external,
		.keep_ended = c->has_stats,
		.poll_secs = c->general.poll_secs,
		.filter = d->filter,
		.log = d->log,
	};

	_Static_assert(sizeof(p->expect_helpers) == sizeof(s->expect_helpers),
		       "helper lists differ");
	memcpy(p->expect_helpers, s->expect_helpers, sizeof(p->expect_helpers));
	for (uint8_t i = 0; i < s->n_peers; i++)
		p->peer_names[i] = s->peers[i].name;
	repl_params_from(s, &p->repl);
}

static struct engine *make_engine(struct daemon *d)
{
	struct engine_params p;

	daemon_engine_params(d, d->cfg, &p);
	p.seed = fresh_seed();
	return engine_new(&p, clock_now());
}

/*
 * Read the kernel's table before anybody is served. Events, and what peers and
 * clients say meanwhile, wait in their sockets.
 */
static int load_tables(struct daemon *d)
{
	int err = engine_load(d->engine, LOAD_TAG);

	if (err < 0)
		return err;
	while (!d->stopping && !d->loaded) {
		turn(d, loop_now(d->loop));
		loop_once(d->loop, false); /* a signal, a question */
	}
	return d->stopping ? -ECANCELED : d->tables.dump_failed ? -EIO : 0;
}

static int open_lock(struct daemon *d)
{
	const char *path = d->cfg->general.lock_file;

	d->lock_fd = process_lock(path, &d->lock_left);
	if (d->lock_fd == -EWOULDBLOCK)
		log_error(d->log, "lockfile `%s' exists, perhaps conntrackd already running?",
			  path);
	else if (d->lock_fd < 0)
		log_error(d->log, "can't create lockfile `%s': %s", path, err_text(d->lock_fd));
	return d->lock_fd < 0 ? d->lock_fd : 0;
}

static int open_signals(struct daemon *d)
{
	loop_signal_start(d->loop, &d->sig_term, SIGTERM, on_signal, d);
	loop_signal_start(d->loop, &d->sig_int, SIGINT, on_signal, d);
	loop_signal_start(d->loop, &d->sig_hup, SIGHUP, on_signal, d);
	return 0;
}

static int open_core(struct daemon *d)
{
	d->loop = loop_new();
	d->filter = config_make_filter(d->cfg);
	if (!d->loop || !d->filter)
		return -ENOMEM;
	loop_timer_init(&d->timer, on_timer, d);
	d->engine = make_engine(d);
	return d->engine ? 0 : -ENOMEM;
}

void daemon_sinks_params(const struct config *c, struct sinks_params *p)
{
	*p = (struct sinks_params){
		.file = c->general.log_file,
		.syslog = c->general.syslog,
		.console = true, /* in the background too, until it serves */
		.max = (enum log_level)(c->general.log_level - 1),
		.wall = clock_wall,
	};
}

/* In the background only what goes wrong is said on the terminal, until it serves. */
static int open_log(struct daemon *d, bool background)
{
	struct sinks_params p;
	int err;

	daemon_sinks_params(d->cfg, &p);
	p.quiet = background;
	err = sinks_open(&p, &d->sinks);

	if (err < 0)
		fprintf(stderr, "conntrackd: can't open log file `%s': %s\n", p.file,
			err_text(err));
	else
		d->log = sinks_log(d->sinks);
	return err;
}

static void say_modes(const struct daemon *d)
{
	const struct config *c = d->cfg;

	if (c->sync.disable_internal)
		log_notice(d->log, "disabling internal cache");
	if (c->sync.disable_external)
		log_notice(d->log, "disabling external cache");
	if (c->general.poll_secs)
		log_notice(d->log, "running in polling mode");
}

static int build(struct daemon *d, bool background)
{
	int err = open_log(d, background);

	if (err < 0)
		return err;
	log_notice(d->log,
		   background ? "-- starting in daemon mode --" : "-- starting in console mode --");
	if (open_lock(d) < 0)
		return -EWOULDBLOCK;
	err = life_prepare(d);
	if (!err)
		err = flowlog_open(d);
	if (err)
		return err;
	say_modes(d);
	process_schedule(&d->cfg->general, d->log);
	err = open_core(d);
	if (!err)
		err = open_signals(d);
	if (!err)
		err = admin_open(d);
	if (!err) {
		d->lock_left = false;
		err = peers_open(d);
	}
	if (!err)
		err = tables_open(d);
	if (!err)
		err = load_tables(d);
	if (!err)
		err = life_drop_rights(d);
	if (err == -ENOMEM)
		log_error(d->log, "not enough memory");
	return err;
}

static void teardown(struct daemon *d)
{
	if (d->loop) {
		loop_signal_stop(d->loop, &d->sig_hup);
		loop_signal_stop(d->loop, &d->sig_int);
		loop_signal_stop(d->loop, &d->sig_term);
		loop_on_turn(d->loop, NULL, NULL);
		loop_timer_stop(&d->timer);
		tables_close(d);
		peers_close(d);
		admin_unlisten(d);
	}
	process_unlock(d->lock_left ? NULL : d->cfg->general.lock_file, d->lock_fd);
	life_stopping(d);
	admin_close(d); /* a waiting -k returns when socket and lock are gone */
	flowlog_close(d);
	engine_free(d->engine);
	filter_free(d->filter);
	loop_free(d->loop);
}

static int serve(struct daemon *d, int ready)
{
	log_notice(d->log, "initialization completed");
	if (chdir("/") < 0)
		log_warning(d->log, "can't change to /: %s", strerror(errno));
	if (ready >= 0)
		sinks_set_console(d->sinks, false);
	admin_serve(d);
	process_ready(ready);
	life_serving(d, ready < 0);
	tables_listen(d);
	loop_on_turn(d->loop, on_turn, d);
	loop_run(d->loop);
	return EXIT_SUCCESS;
}

/* The daemon itself, in the foreground or as the child. */
static int live(const struct config *cfg, const char *path, bool background, int ready)
{
	struct daemon d = { .cfg = cfg, .lock_fd = -1, .started = clock_now() };
	char *absolute = realpath(path, NULL); /* the daemon changes to / */
	int status = EXIT_FAILURE;

	d.path = absolute ? absolute : path;
	if (build(&d, background) == 0)
		status = serve(&d, ready);
	else if (d.stopping)
		status = EXIT_SUCCESS; /* told to end while it started */
	teardown(&d);
	if (status == EXIT_SUCCESS)
		log_notice(d.log, "---- shutdown received ----");
	sinks_close(d.sinks);
	reload_free(&d);
	free(absolute);
	return status;
}

int daemon_main(const struct config *cfg, const char *path, bool background)
{
	pid_t child = 0;
	int status = EXIT_FAILURE, ready = -1;

	umask(0177);
	signal(SIGPIPE, SIG_IGN);
	if (background && process_background(&child, &status, &ready) < 0)
		return EXIT_FAILURE;
	if (!child)
		return live(cfg, path, background, ready);
	if (status == EXIT_SUCCESS && cfg->general.systemd)
		notify_ready(child);
	return status;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statistics mode: a line for each flow that has ended, to a file and to syslog.
 * It has sinks of its own, beside those of the daemon's messages.
 */
#include "base/err.h"
#include "flow/print.h"
#include "priv.h"

static struct sinks_params params(const struct config_stats *c)
{
	return (struct sinks_params){
		.file = c->log_file,
		.syslog = c->syslog,
		.max = LOG_LVL_INFO,
		.wall = clock_wall,
	};
}

int flowlog_open(struct daemon *d)
{
	const struct sinks_params p = params(&d->cfg->stats);
	int err;

	if (!d->cfg->has_stats)
		return 0;
	err = sinks_open(&p, &d->flows);
	if (err < 0)
		log_error(d->log, "can't open log file `%s': %s", p.file, err_text(err));
	return err;
}

void flowlog_close(struct daemon *d)
{
	sinks_close(d->flows);
	d->flows = NULL;
}

int flowlog_change(struct daemon *d)
{
	const struct sinks_params p = params(&d->cfg->stats);

	return d->flows ? sinks_change(d->flows, &p) : 0;
}

int flowlog_reopen(struct daemon *d)
{
	return d->flows ? sinks_reopen(d->flows) : 0;
}

void flowlog_write(struct daemon *d)
{
	char line[PRINT_LINE_MAX];
	struct strbuf b;
	struct flow f;

	while (d->flows && engine_ended(d->engine, &f)) {
		strbuf_init(&b, line, sizeof(line));
		print_flow(&b, &f, false);
		sinks_flow(d->flows, line);
	}
}

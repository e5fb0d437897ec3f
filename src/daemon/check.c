// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command "check" from the file to its exit status: what the reader and the
 * start have to say, then what the host has.
 */
#include "daemon/check.h"

#include <stdlib.h>
#include "findings.h"

static const char *level_name(enum log_level level)
{
	return level == LOG_LVL_ERROR ? "error" : level == LOG_LVL_WARNING ? "warning" : "notice";
}

static void add_messages(struct findings *f, const struct config_msgs *m)
{
	for (size_t i = 0; i < m->n; i++)
		findings_add(f, m->v[i].level, m->v[i].text, "");
}

static void say(const struct findings *f, FILE *out)
{
	for (size_t i = 0; i < f->n; i++) {
		fprintf(out, "%s: %s\n", level_name(f->v[i].level), f->v[i].text);
		if (f->v[i].todo[0])
			fprintf(out, "\tdo: %s\n", f->v[i].todo);
	}
}

static enum check_status status_of(const struct findings *f)
{
	if (findings_count(f, LOG_LVL_ERROR))
		return CHECK_ERROR;
	return findings_count(f, LOG_LVL_WARNING) ? CHECK_WARNING : CHECK_GOOD;
}

/* Read the file as a start does. False: it cannot be used. */
static bool read_as_daemon(const char *path, struct config *c, struct config_msgs *m)
{
	if (config_load(path, c, m) < 0)
		return false;
	if (config_check_start(c, m) == 0)
		return true;
	config_free(c);
	return false;
}

static void inspect(struct findings *f, const struct config *c)
{
	struct facts *facts = calloc(1, sizeof(*facts));

	if (!facts) {
		findings_add(f, LOG_LVL_ERROR, "not enough memory", "");
		return;
	}
	facts_read(facts, c);
	findings_of(f, c, facts);
	free(facts);
}

enum check_status check_file(const char *path, FILE *out)
{
	struct findings *f = calloc(1, sizeof(*f));
	enum check_status status = CHECK_ERROR;
	struct config_msgs msgs = { 0 };
	struct config c;
	bool good;

	if (!f)
		return CHECK_ERROR;
	good = read_as_daemon(path, &c, &msgs);
	add_messages(f, &msgs);
	if (good) {
		inspect(f, &c);
		config_free(&c);
	}
	say(f, out);
	if (good)
		status = status_of(f);
	fprintf(out, "%s: errors: %zu, warnings: %zu, notices: %zu\n", path,
		findings_count(f, LOG_LVL_ERROR), findings_count(f, LOG_LVL_WARNING),
		findings_count(f, LOG_LVL_NOTICE));
	config_msgs_free(&msgs);
	free(f);
	return status;
}

enum check_status check_print(const char *path, FILE *out, FILE *err)
{
	struct findings *f = calloc(1, sizeof(*f));
	enum check_status status = CHECK_ERROR;
	struct config_msgs msgs = { 0 };
	struct config c;

	if (!f)
		return CHECK_ERROR;
	if (config_load(path, &c, &msgs) == 0) {
		if (config_print(&c, out) == 0)
			status = CHECK_GOOD;
		config_free(&c);
	}
	add_messages(f, &msgs);
	say(f, err);
	if (status == CHECK_GOOD)
		status = status_of(f);
	config_msgs_free(&msgs);
	free(f);
	return status;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the reader says, as values. A file full of mistakes must not fill memory
 * or the terminal, so only the first warnings are kept; the ERROR always is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "msgs.h"

void config_msgs_free(struct config_msgs *m)
{
	free(m->v);
	memset(m, 0, sizeof(*m));
}

static struct config_msg *grow(struct config_msgs *m)
{
	size_t cap = m->cap ? m->cap * 2 : 4;
	struct config_msg *v;

	if (m->n < m->cap)
		return &m->v[m->n++];
	v = realloc(m->v, cap * sizeof(*v));
	if (!v)
		return NULL;
	m->v = v;
	m->cap = cap;
	return &m->v[m->n++];
}

int msgs_add(struct config_msgs *m, enum log_level level, const char *name, unsigned int line,
	     unsigned int column, const char *fmt, va_list ap)
{
	struct config_msg *msg;
	struct strbuf b;
	char said[CONFIG_MSG_TEXT];

	if (level != LOG_LVL_ERROR && m->n >= CONFIG_WARNINGS) {
		m->dropped++;
		return 0;
	}
	msg = grow(m);
	if (!msg) {
		m->dropped++;
		return -ENOMEM;
	}
	msg->level = level;
	msg->line = line;
	msg->column = column;
	vsnprintf(said, sizeof(said), fmt, ap);
	strbuf_init(&b, msg->text, sizeof(msg->text));
	if (line)
		strbuf_addf(&b, "%.120s:%u:%u: %s", name, line, column, said);
	else
		strbuf_addf(&b, "%.120s: %s", name, said);
	return 0;
}

int msgs_addf(struct config_msgs *m, enum log_level level, const char *name, unsigned int line,
	      unsigned int column, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = msgs_add(m, level, name, line, column, fmt, ap);
	va_end(ap);
	return rc;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Formatting of log lines. What is above the wanted level costs one compare.
 * Text may come from a peer or the kernel, therefore control characters are
 * replaced: one call is always exactly one line.
 */
#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static void emit(const struct log *log, enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void emit(const struct log *log, enum log_level level, const char *fmt, va_list ap)
{
	char line[1024];
	char *c;

	if (!log || !log->emit || level > log->max)
		return;
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		return;
	for (c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	log->emit(log->ctx, level, line);
}

#define LOG_FUNCTION(name, level)                                    \
	void log_##name(const struct log *log, const char *fmt, ...) \
	{                                                            \
		va_list ap;                                          \
                                                                     \
		va_start(ap, fmt);                                   \
		emit(log, level, fmt, ap);                           \
		va_end(ap);                                          \
	}

LOG_FUNCTION(error, LOG_LVL_ERROR)
LOG_FUNCTION(warning, LOG_LVL_WARNING)
LOG_FUNCTION(notice, LOG_LVL_NOTICE)
LOG_FUNCTION(info, LOG_LVL_INFO)
LOG_FUNCTION(debug, LOG_LVL_DEBUG)

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "ERROR", "warning", "notice", "info", "debug" };

	assert((unsigned int)level < sizeof(names) / sizeof(names[0]));
	return names[level];
}

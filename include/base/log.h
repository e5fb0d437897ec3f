/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_LOG_H
#define CTD_BASE_LOG_H

/*
 * Where a module says something. A log is an argument, not a global; in the
 * core its sink writes into the engine's effects, in the daemon to
 * observe/sinks.c. A NULL log swallows everything.
 */
enum log_level { LOG_LVL_ERROR, LOG_LVL_WARNING, LOG_LVL_NOTICE, LOG_LVL_INFO, LOG_LVL_DEBUG };

struct log {
	/* One finished line, without line end, at most 1023 bytes. */
	void (*emit)(void *ctx, enum log_level level, const char *line);
	void *ctx;
	enum log_level max; /* lines above this are dropped unformatted */
};

#define LOG_PRINTF_ __attribute__((format(printf, 2, 3)))

void log_error(const struct log *log, const char *fmt, ...) LOG_PRINTF_;
void log_warning(const struct log *log, const char *fmt, ...) LOG_PRINTF_;
void log_notice(const struct log *log, const char *fmt, ...) LOG_PRINTF_;
void log_info(const struct log *log, const char *fmt, ...) LOG_PRINTF_;
void log_debug(const struct log *log, const char *fmt, ...) LOG_PRINTF_;

/* "ERROR", "warning", "notice", "info", "debug": the words of the log file. */
const char *log_level_name(enum log_level level);

#endif

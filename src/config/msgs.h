/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONFIG_MSGS_H
#define CTD_CONFIG_MSGS_H

/* Adding to what was said while reading. */
#include <stdarg.h>
#include "config/config.h"

/*
 * Add a message. Warnings beyond CONFIG_WARNINGS are only counted. line 0:
 * about the file as a whole. 0 or -ENOMEM.
 */
int msgs_add(struct config_msgs *m, enum log_level level, const char *name, unsigned int line,
	     unsigned int column, const char *fmt, va_list ap)
	__attribute__((format(printf, 6, 0)));
int msgs_addf(struct config_msgs *m, enum log_level level, const char *name, unsigned int line,
	      unsigned int column, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif

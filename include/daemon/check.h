/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_DAEMON_CHECK_H
#define CTD_DAEMON_CHECK_H

/*
 * "conntrackd check": reads a configuration as a daemon would, holds it against
 * this host, and says what would go wrong and what to do about it. Nothing is
 * changed and nothing is sent.
 */
#include <stdio.h>

enum check_status {
	CHECK_GOOD = 0,
	CHECK_ERROR = 1,   /* a daemon would not start, or not do its work */
	CHECK_WARNING = 2, /* it would start; something is likely not as meant */
};

/*
 * Check the file; findings go to out, one line each, with what to do on the line
 * after it.
 */
enum check_status check_file(const char *path, FILE *out);

/*
 * Print the effective configuration of the file to out, and what is to be said
 * about the file to err. CHECK_GOOD, CHECK_WARNING or CHECK_ERROR as to the file
 * alone; the host is not looked at.
 */
enum check_status check_print(const char *path, FILE *out, FILE *err);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_ENGINE_SAMPLE_H
#define CTD_TESTS_ENGINE_SAMPLE_H

/* A flow to work with, and a log to look at. */
#include "base/log.h"
#include "flow/flow.h"

/* Established TCP with 432000 s, 10.0.0.0:sport to 20.0.0.0:80, with an id of the kernel. */
struct flow tcp_sample(uint16_t sport, uint32_t id);

/* Notices and errors, a line each. Criterion runs each test in a process of its own. */
extern const struct log kept_log;
extern char said[16384];

/* Lines said that contain text; all of them with "". */
int said_lines(const char *text);

#endif

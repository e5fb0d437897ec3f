/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_ENGINE_PAIR_H
#define CTD_TESTS_ENGINE_PAIR_H

/* Two engines joined by a lossless pipe, and a virtual clock. */
#include "engine/engine.h"

#define SECS(n) ((n) * TICK_SEC)

/* What the engines logged. Criterion runs each test in a process of its own. */
extern char last_log[1024], all_logs[16384];
extern int log_lines, mode_lines;

struct pair {
	struct engine *a, *b;
	tick_t now;
};

/* FT-FW with expectations. */
struct engine_params params(uint64_t seed);

struct pair pair_new(const struct engine_params *pa, const struct engine_params *pb);
struct pair pair_default(void);
void pair_free(struct pair *p);

/* Carry datagrams until there are none; let time go by. */
void pump(struct pair *p);
void run_for(struct pair *p, tick_t d);

/* An established connection; what its FTP server announces. */
struct flow tcp_flow(uint16_t sport, uint32_t id);
struct expect ftp_expect(void);

/* Entries a listing shows, and the first of them. */
uint32_t listed(struct engine *e, enum engine_cache which, struct engine_entry *first);

#endif

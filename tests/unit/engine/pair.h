/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_ENGINE_PAIR_H
#define CTD_TESTS_ENGINE_PAIR_H

/* Two engines joined by a lossless pipe, and a virtual clock. */
#include "engine/engine.h"
#include "sample.h"

#define SECS(n) ((n)*TICK_SEC)

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

/* What the FTP server of tcp_sample(1, 7) announces. */
struct expect ftp_expect(void);

/* Entries a listing shows, and the first of them. */
uint32_t listed(struct engine *e, enum engine_cache which, struct engine_entry *first);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whatever can be read is printed in a form that reads back to the same: files
 * put together at random from every accepted statement of
 * tests/golden/config/keywords.txt, each in its block, any number of them.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rand.h"
#include "conf.h"

#define PER_BLOCK 128
#define FILES     3000

static char *statements[IN_COUNT][PER_BLOCK];
static unsigned int counts[IN_COUNT];

/* Statements without blocks of their own, of the block they are listed under. */
static void load(void)
{
	FILE *in = fopen(TEST_DATA "/config/keywords.txt", "r");
	unsigned int block = IN_COUNT;
	char *line = NULL;
	size_t cap = 0;

	cr_assert(in);
	while (getline(&line, &cap, in) > 0) {
		char *where = strstr(line, " in ");

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == 'k' && where)
			for (block = 0; block < IN_COUNT - 1; block++)
				if (!strcmp(schema_block_name((enum schema_block)block), where + 4))
					break;
		if (line[0] == '+' &&
		    (!strchr(line, '{') || strstr(line, "ExpectationSync") || block == IN_FILTER))
			statements[block][counts[block]++] = strdup(line + 2);
	}
	free(line);
	fclose(in);
}

struct maker {
	struct rng rng;
	FILE *out;
};

static unsigned int upto(struct maker *m, unsigned int n)
{
	return rng_u32(&m->rng) % n;
}

static void some(struct maker *m, enum schema_block block)
{
	unsigned int n = upto(m, 5);

	while (n-- && counts[block])
		fprintf(m->out, "%s\n", statements[block][upto(m, counts[block])]);
}

static void block(struct maker *m, const char *head, enum schema_block b)
{
	fprintf(m->out, "%s {\n", head);
	some(m, b);
	fprintf(m->out, "}\n");
}

static void links(struct maker *m)
{
	/* Clauses of all kinds are listed under UDP. */
	static const struct {
		const char *head;
		enum schema_block own;
	} kinds[] = {
		{ "UDP", IN_UDP },
		{ "Multicast", IN_MULTICAST },
		{ "TCP", IN_TCP },
	};
	const unsigned int k = upto(m, 3), n = upto(m, CONFIG_LINKS + 1);

	for (unsigned int i = 0; i < n; i++) {
		fprintf(m->out, "%s %s {\n", kinds[k].head, upto(m, 3) ? "" : "Default");
		some(m, kinds[k].own);
		fprintf(m->out, "Interface eth%u Checksum %s\n}\n", i, upto(m, 2) ? "on" : "off");
	}
}

static void sync_section(struct maker *m)
{
	static const enum schema_block modes[] = { IN_FTFW, IN_ALARM, IN_NOTRACK };
	const unsigned int peers = upto(m, 4);

	fprintf(m->out, "Sync {\n");
	some(m, IN_SYNC);
	for (unsigned int n = upto(m, 3); n; n--) {
		const enum schema_block mode = modes[upto(m, 3)];

		block(m, schema_block_name(mode), mode);
	}
	if (!peers)
		links(m);
	for (unsigned int i = 0; i < peers; i++) {
		fprintf(m->out, "Peer p%u {\n", i);
		links(m);
		fprintf(m->out, "}\n");
	}
	block(m, "Options", IN_OPTIONS);
	fprintf(m->out, "}\n");
}

static void general_section(struct maker *m)
{
	fprintf(m->out, "General {\n");
	some(m, IN_GENERAL);
	block(m, "UNIX", IN_UNIX);
	block(m, "Scheduler", IN_SCHEDULER);
	fprintf(m->out, "Filter From %s {\n", upto(m, 2) ? "Userspace" : "Kernelspace");
	some(m, IN_FILTER);
	block(m, upto(m, 2) ? "Address Ignore" : "Address Accept", IN_ADDRESS);
	fprintf(m->out, "}\n");
	some(m, IN_GENERAL);
	fprintf(m->out, "}\n");
}

static void helper_section(struct maker *m)
{
	fprintf(m->out, "Helper {\n");
	some(m, IN_HELPER);
	fprintf(m->out, "Type ftp inet tcp {\n");
	some(m, IN_TYPE);
	fprintf(m->out, "Policy ftp {\nExpectMax 3\n");
	some(m, IN_POLICY);
	fprintf(m->out, "} }\nType rpc inet6 udp { } }\n");
}

static char *make(uint64_t seed)
{
	struct maker m;
	char *text;
	size_t len;

	rng_seed(&m.rng, seed);
	m.out = open_memstream(&text, &len);
	if (upto(&m, 4))
		sync_section(&m);
	else
		block(&m, "Stats", IN_STATS);
	for (unsigned int n = upto(&m, 3); n; n--)
		general_section(&m);
	if (upto(&m, 3) == 0)
		helper_section(&m);
	fclose(m.out);
	return text;
}

Test(property, what_is_printed_reads_back_to_the_same)
{
	unsigned int with_peers = 0, with_filter = 0;

	load();
	cr_assert(counts[IN_GENERAL] > 30 && counts[IN_UDP] > 10 && counts[IN_FILTER] > 5);
	for (uint64_t seed = 1; seed <= FILES; seed++) {
		char *text = make(seed);
		struct conf f;

		conf_read(&f, text);
		cr_assert_eq(f.rc, 0, "seed %llu: %s\n%s", (unsigned long long)seed,
			     f.m.n ? f.m.v[f.m.n - 1].text : "", text);
		cr_assert(conf_is_fixpoint(&f.c), "seed %llu:\n%s", (unsigned long long)seed, text);
		with_peers += f.c.sync.n_peers > 1;
		with_filter += f.c.filter.n_nets > 1;
		conf_done(&f);
		free(text);
	}
	cr_expect_gt(with_peers, FILES / 10);
	cr_expect_gt(with_filter, FILES / 10);
}

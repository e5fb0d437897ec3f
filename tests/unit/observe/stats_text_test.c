// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The texts of -s against captured samples in tests/golden/stats: every blank
 * and tab has to be where scripts expect it.
 */
#include "observe/stats_text.h"

#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

static struct engine_stats st;
static struct stats_link links[2];
static struct stats_view v;
static char text[STATS_TEXT_MAX];
static struct strbuf b;

static void setup(void)
{
	memset(&st, 0, sizeof(st));
	memset(links, 0, sizeof(links));
	strcpy(links[0].device, "sync0");
	strcpy(links[1].device, "sync1");
	links[0].active = true;
	links[1].state = STATS_LINK_NO_CARRIER;
	v = (struct stats_view){
		.engine = &st,
		.sync = true,
		.ftfw = true,
		.links = links,
		.n_links = 2,
		.errorq = { .max = 128 },
	};
	st.npeers = 1;
	st.peer[0].txq_max = UINT32_MAX;
	strbuf_init(&b, text, sizeof(text));
}

TestSuite(stats_text, .init = setup);

static void equals_file(const char *name)
{
	static char want[STATS_TEXT_MAX];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/stats/%s", TEST_DATA, name);
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	n = fread(want, 1, sizeof(want) - 1, f);
	fclose(f);
	cr_assert_gt(n, 0);
	want[n] = '\0';
	cr_assert_str_eq(text, want, "%s, got:\n%s", name, text);
	cr_assert_not(b.cut);
}

/* The numbers of the sample of -s. */
static void sample_summary(enum engine_cache in, enum engine_cache ext)
{
	st.cache[in] = (struct cache_counts){
		.active = 8,
		.objects = 8,
		.add_ok = 8,
		.update_ok = 16,
	};
	/* Events for entries we never had are no failures here. */
	st.cache[in].del_missing = 77;
	st.cache[ext] = (struct cache_counts){ .active = 2, .objects = 3, .add_ok = 2 };
	links[0].bytes_out = 1944;
	links[0].bytes_in = 1448;
	links[0].packets_out = 93;
	links[0].packets_in = 86;
}

Test(stats_text, summary)
{
	sample_summary(ECACHE_INTERNAL, ECACHE_EXTERNAL);
	stats_text_summary(&b, &v, false);
	equals_file("summary.txt");
}

Test(stats_text, summary_of_expectations)
{
	sample_summary(ECACHE_EXP_INTERNAL, ECACHE_EXP_EXTERNAL);
	stats_text_summary(&b, &v, true);
	equals_file("summary.txt");
}

Test(stats_text, summary_with_tcp)
{
	links[0].kind = links[1].kind = STATS_LINK_TCP;
	links[0].client = true;
	stats_text_summary(&b, &v, false);
	equals_file("summary-tcp.txt");
}

Test(stats_text, summary_of_failures)
{
	st.cache[ECACHE_INTERNAL].add_full = 3;
	st.cache[ECACHE_INTERNAL].add_nomem = 4;
	st.end_bytes = 123456789012345;
	st.end_packets = 99;
	st.truncated = 1;
	st.npeers = 2;
	st.peer[0].lost = 5;
	st.peer[1].lost = 6;
	st.peer[2].lost = 1000;
	links[0].active = false;
	links[1].active = true;
	links[1].kind = STATS_LINK_MULTICAST;
	stats_text_summary(&b, &v, false);
	cr_assert(strstr(text, "connections created:\t\t           0\tfailed:\t           7\n"));
	cr_assert(strstr(text, "     123456789012345 Bytes                        99 Pckts\n"));
	cr_assert(strstr(text,
			 "                   1 Malformed msgs                   11 Lost msgs\n"));
	cr_assert(strstr(text, "\nmulticast traffic (active device=sync1):\n"));
}

Test(stats_text, summary_in_statistics_mode)
{
	v.sync = false;
	v.n_links = 0;
	v.links = NULL;
	stats_text_summary(&b, &v, false);
	equals_file("stats-mode.txt");
}

static void sample_bypass(void)
{
	v.no_internal = v.no_external = true;
	st.cache[ECACHE_INTERNAL] = (struct cache_counts){ .add_ok = 4, .update_ok = 7 };
	st.cache[ECACHE_EXTERNAL] = (struct cache_counts){ .add_ok = 8, .update_ok = 7 };
}

Test(stats_text, disabled_caches)
{
	sample_bypass();
	stats_text_cache(&b, &v);
	equals_file("bypass.txt");
}

Test(stats_text, one_disabled_cache)
{
	sample_bypass();
	v.no_internal = false;
	stats_text_summary(&b, &v, false);
	cr_assert(strstr(text, "cache internal:\n") == text);
	cr_assert(strstr(text, "\n\nexternal inject:\n"));
	strbuf_init(&b, text, sizeof(text));
	v.no_internal = true;
	v.no_external = false;
	stats_text_summary(&b, &v, false);
	cr_assert(strstr(text, "internal bypass:\n") == text);
	cr_assert(strstr(text, "\n\ncache external:\n"));
}

Test(stats_text, network)
{
	links[0].bytes_out = 1944;
	links[0].bytes_in = 1448;
	links[0].packets_out = 93;
	links[0].packets_in = 86;
	stats_text_network(&b, &v);
	equals_file("network.txt");
}

/* Each reason in its line, and all of them in the sum. */
Test(stats_text, network_reasons)
{
	st.bad_version = 1;
	st.bad_header = 2;
	st.bad_payload = 4;
	st.no_key = 8;
	st.bad_type = 16;
	st.truncated = 32;
	st.bad_size = 64;
	st.peer[0].before = 128;
	st.peer[0].lost = 256;
	stats_text_network(&b, &v);
	cr_assert(strstr(text, "\trecv:\n\t\tMalformed messages:\t                 127\n"));
	cr_assert(strstr(text, "Wrong protocol version:\t                   1\n"));
	cr_assert(strstr(text, "Malformed header:\t                   2\n"));
	cr_assert(strstr(text, "Malformed payload:\t                  12\n"));
	cr_assert(strstr(text, "Bad message type:\t                  16\n"));
	cr_assert(strstr(text, "Truncated message:\t                  32\n"));
	cr_assert(strstr(text, "Bad message size:\t                  64\n"));
	cr_assert(strstr(text, "\tsend:\n\t\tMalformed messages:\t                   0\n"));
	cr_assert(strstr(text, "Packets before:\t\t                 128\n"));
	cr_assert(strstr(text, "Packets lost:\t\t                 256\n"));
}

Test(stats_text, cache)
{
	st.cache[ECACHE_INTERNAL] = (struct cache_counts){
		.active = 8,
		.objects = 8,
		.add_ok = 8,
		.update_ok = 16,
	};
	st.cache[ECACHE_EXTERNAL] = (struct cache_counts){
		.active = 9,
		.objects = 10,
		.add_ok = 10,
		.add_full = 20,
		.update_ok = 3,
		.update_missing = 2,
		.del_ok = 1,
		.del_missing = 4,
	};
	stats_text_cache(&b, &v);
	equals_file("cache.txt");
}

Test(stats_text, cache_in_statistics_mode)
{
	v.sync = false;
	stats_text_cache(&b, &v);
	equals_file("cache-stats-mode.txt");
}

Test(stats_text, runtime)
{
	st.events = 16;
	st.kernel_resyncs = 1;
	v.runtime.uptime = 119 * TICK_SEC;
	v.runtime.buffer = 2097152;
	stats_text_runtime(&b, &v);
	equals_file("runtime.txt");
}

Test(stats_text, uptime)
{
	static const struct {
		uint64_t secs;
		const char *want;
	} t[] = {
		{ 59, "0 min" },
		{ 60, "1 min" },
		{ 3599, "59 min" },
		{ 3600, "1 h 0 min" },
		{ 7261, "2 h 1 min" },
		{ 86399, "23 h 59 min" },
		{ 86400, "1 day 0 min" },
		{ 90061, "1 day 1 h 1 min" },
		{ 172800, "2 days 0 min" },
		{ 8640000 + 7200, "100 days 2 h 0 min" },
	};
	char want[64];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		strbuf_init(&b, text, sizeof(text));
		v.runtime.uptime = t[i].secs * TICK_SEC;
		stats_text_runtime(&b, &v);
		snprintf(want, sizeof(want), "daemon uptime: %s\n\n", t[i].want);
		cr_assert_eq(strncmp(text, want, strlen(want)), 0, "%s: %.40s", want, text);
	}
}

Test(stats_text, runtime_counters)
{
	static const char *const want[] = {
		"events received:\t                   1\n",
		"events filtered:\t                   2\n",
		"events unknown type:\t\t           3\n",
		"catch event failed:\t\t           4\n",
		"dump unknown type:\t\t           5\n",
		"netlink overrun:\t\t           6\n",
		"flush kernel table:\t\t           7\n",
		"resync with kernel table:\t           8\n",
		"(in bytes):\t           9\n",
		"select failed:\t\t\t           0\n",
		"local read failed:\t\t          11\n",
		"local unknown request:\t\t          12\n",
	};
	size_t i;

	st.events = 1;
	st.events_filtered = 2;
	st.overruns = 6;
	st.kernel_flushes = 7;
	st.kernel_resyncs = 8;
	v.runtime = (struct stats_runtime){
		.events_unknown = 3,
		.events_failed = 4,
		.dump_unknown = 5,
		.buffer = 9,
		.read_failed = 11,
		.unknown_requests = 12,
	};
	stats_text_runtime(&b, &v);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		cr_assert(strstr(text, want[i]), "%s in\n%s", want[i], text);
}

Test(stats_text, link)
{
	links[0].bytes_out = 120;
	links[0].bytes_in = 136;
	links[0].packets_out = 3;
	links[0].packets_in = 4;
	stats_text_link(&b, &v);
	equals_file("link.txt");
}

Test(stats_text, link_words)
{
	links[0].kind = STATS_LINK_MULTICAST;
	links[0].state = STATS_LINK_DOWN;
	links[0].active = false;
	links[0].errors_out = 7;
	links[0].errors_in = 8;
	links[1].kind = STATS_LINK_TCP;
	links[1].active = true;
	stats_text_link(&b, &v);
	cr_assert(strstr(text, "multicast traffic device=sync0 status=DOWN role=BACKUP:\n"));
	cr_assert(
		strstr(text, "                   7 Error send                    8 Error recv\n"));
	cr_assert(strstr(text, "TCP traffic device=sync1 status=NO-CARRIER role=ACTIVE:\n"));
}

/* Counters are sums; of the links each peer's active one is shown, and whose it is. */
Test(stats_text, several_peers)
{
	strcpy(links[0].peer, "left");
	strcpy(links[1].peer, "right");
	links[1].active = true;
	links[1].bytes_out = 77;
	stats_text_summary(&b, &v, false);
	cr_assert(strstr(text, "UDP traffic (active device=sync0 peer=left):\n"), "%s", text);
	cr_assert(strstr(text, "UDP traffic (active device=sync1 peer=right):\n"
			       "                  77 Bytes sent "));
	strbuf_init(&b, text, sizeof(text));
	stats_text_network(&b, &v);
	cr_assert(strstr(text, "peer=left):\n") && strstr(text, "peer=right):\n"));
	strbuf_init(&b, text, sizeof(text));
	stats_text_link(&b, &v);
	cr_assert(strstr(text, "UDP traffic device=sync0 status=RUNNING role=ACTIVE peer=left:\n"));
}

Test(stats_text, rsqueue)
{
	const struct repl_send object = { .is_object = true, .seq = 1795302223, .flags = 9 };
	const struct repl_send control = { .seq = 1795300300, .flags = 8 };

	st.peer[0].window = 2;
	stats_text_rsqueue(&b, &v);
	stats_text_rsqueue_line(&b, &object);
	stats_text_rsqueue_line(&b, &control);
	equals_file("rsqueue.txt");
}

Test(stats_text, queue)
{
	st.peer[0].window = 5;
	st.peer[0].window_max = 5;
	st.peer[0].window_full = 5;
	stats_text_queue(&b, &v);
	equals_file("queue.txt");
}

Test(stats_text, queue_without_resend_queue)
{
	v.ftfw = false;
	st.peer[0].txq = 2;
	stats_text_queue(&b, &v);
	equals_file("queue-notrack.txt");
}

Test(stats_text, queue_that_was_full)
{
	v.ftfw = false;
	st.peer[0].txq_full = 7;
	stats_text_queue(&b, &v);
	cr_assert(strstr(text, "queue txqueue:\ncurrent elements:\t\t           0\n"
			       "maximum elements:\t\t  2147483647\n"
			       "not enough space errors:\t           7\n"),
		  "%s", text);
}

/* The largest numbers in the largest reports still fit. */
Test(stats_text, everything_fits)
{
	struct stats_link many[32];
	void (*const report[])(struct strbuf *, const struct stats_view *) = {
		stats_text_network, stats_text_cache, stats_text_runtime,
		stats_text_link,    stats_text_queue,
	};
	size_t i;

	memset(&st, 0xff, sizeof(st));
	memset(&v.runtime, 0xff, sizeof(v.runtime));
	memset(many, 0xff, sizeof(many));
	st.npeers = ENGINE_PEERS;
	for (i = 0; i < 32; i++) {
		many[i].kind = STATS_LINK_MULTICAST;
		many[i].state = STATS_LINK_NO_CARRIER;
		many[i].active = i % 4 == 0;
		memset(many[i].peer, 'x', 15);
		many[i].peer[15] = '\0';
		memset(many[i].device, 'x', 15);
		many[i].device[15] = '\0';
	}
	v.links = many;
	v.n_links = 32;
	for (i = 0; i < sizeof(report) / sizeof(report[0]); i++) {
		strbuf_init(&b, text, sizeof(text));
		report[i](&b, &v);
		cr_assert_not(b.cut, "report %zu", i);
	}
	strbuf_init(&b, text, sizeof(text));
	stats_text_summary(&b, &v, true);
	cr_assert_not(b.cut);
}

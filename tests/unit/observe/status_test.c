// SPDX-License-Identifier: GPL-2.0-or-later
/* What status and health say of a node, and the JSON of all reports. */
#include "observe/status.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "observe/stats_json.h"

#define NOW (1000 * TICK_SEC)

static struct engine_stats st;
static struct stats_link links[2];
static struct stats_view stats;
static struct status_view v;
static struct sinks_line recent[2];
static char text[STATUS_TEXT_MAX];
static struct strbuf b;

/* A healthy primary with one peer. */
static void setup(void)
{
	memset(&st, 0, sizeof(st));
	memset(links, 0, sizeof(links));
	strcpy(links[0].device, "sync0");
	links[0].active = true;
	stats = (struct stats_view){
		.engine = &st,
		.sync = true,
		.ftfw = true,
		.links = links,
		.n_links = 1,
		.errorq = { .max = 128 },
		.runtime = { .uptime = 500 * TICK_SEC },
	};
	v = (struct status_view){
		.stats = &stats,
		.version = "1",
		.mode = "FTFW",
		.peers = { "", "" },
		.now = NOW,
		.silence = 5 * TICK_SEC,
		.cache_limit = 100,
		.recent = recent,
	};
	st.npeers = 1;
	st.peer[0] = (struct repl_stats){
		.heard = true,
		.last_heard = NOW - TICK_SEC,
		.oldest_sent = TICK_NEVER,
		.txq_max = UINT32_MAX,
		.window_max = 1000,
	};
	st.cache[ECACHE_INTERNAL].active = st.cache[ECACHE_INTERNAL].objects = 7;
	st.role = ROLE_PRIMARY;
	st.role_since = NOW - 120 * TICK_SEC;
	strbuf_init(&b, text, sizeof(text));
}

TestSuite(status, .init = setup);

static const char *verdict(void)
{
	struct health h;

	strbuf_init(&b, text, sizeof(text));
	health_check(&h, &v);
	health_text(&b, &h, &v);
	return text;
}

Test(status, healthy)
{
	cr_assert_str_eq(verdict(), "OK - primary, internal 7, external 0, 1 of 1 peers up\n");
}

Test(status, silent_peers)
{
	st.peer[0].last_heard = NOW - 6 * TICK_SEC;
	cr_expect_str_eq(verdict(), "CRITICAL - peer is silent for 6 s\n");
	st.npeers = 2;
	st.peer[1] = st.peer[0];
	st.peer[0].last_heard = NOW;
	v.peers[1] = "two";
	cr_expect_str_eq(verdict(), "WARNING - peer two is silent for 6 s\n");
	v.silence = 0;
	cr_expect(strstr(verdict(), "OK"), "it is not to be judged");
}

Test(status, never_heard)
{
	st.peer[0].heard = false;
	cr_expect_str_eq(verdict(), "CRITICAL - peer was never heard\n");
	stats.runtime.uptime = 4 * TICK_SEC;
	cr_expect_str_eq(verdict(), "OK - primary, internal 7, external 0, 0 of 1 peers up\n");
}

Test(status, each_problem)
{
	st.cache[ECACHE_INTERNAL].objects = 100;
	cr_expect_str_eq(verdict(), "CRITICAL - the internal cache is full (HashLimit 100)\n");
	st.cache[ECACHE_INTERNAL].objects = 99;
	st.resync_after = "lost events";
	cr_expect(strstr(verdict(),
			 "WARNING - the kernel's table will be read again after lost events"),
		  "%s", text);
	st.resync_after = NULL;
	st.last_commit.flows_failed = 3;
	cr_expect(strstr(verdict(), "WARNING - 3 entries of the last commit failed"), "%s", text);
	st.last_commit.flows_failed = 0;
	links[0].state = STATS_LINK_DOWN;
	cr_expect_str_eq(verdict(), "WARNING - link sync0 is down\n");
	links[0].state = STATS_LINK_RUNNING;
	st.peer[0].window_objects = 1000;
	cr_expect(strstr(verdict(), "WARNING - peer does not acknowledge"), "%s", text);
	st.peer[0].window_objects = 0;
	stats.errorq.now = 128;
	cr_expect(strstr(verdict(), "WARNING - the link does not take"), "%s", text);
	stats.errorq.now = 0;
	v.events_ended = true;
	cr_expect(strstr(verdict(), "CRITICAL - kernel events"), "%s", text);
}

Test(status, the_worst_comes_first)
{
	json_t *got;
	struct health h;

	links[0].state = STATS_LINK_NO_CARRIER;
	st.resync_after = "lost events";
	st.peer[0].last_heard = 0;
	cr_expect(strstr(verdict(), "CRITICAL - peer is silent"), "%s", text);
	cr_expect(strstr(text, ", link sync0 is without carrier"), "%s", text);
	health_check(&h, &v);
	strbuf_init(&b, text, sizeof(text));
	health_json(&b, &h);
	/* The program looks at the first member only. */
	cr_expect_eq(strncmp(text, "{\"code\":2,", 10), 0, "%s", text);
	got = json_loads(text, 0, NULL);
	cr_assert(got);
	cr_expect_eq(json_array_size(json_object_get(got, "problems")), 3);
	json_decref(got);
}

/* More problems than there is room for: the verdict counts, the rest is left out. */
Test(status, many_problems)
{
	static struct stats_link many[HEALTH_PROBLEMS + 8];
	struct health h;

	for (size_t i = 0; i < HEALTH_PROBLEMS + 8; i++)
		many[i] = (struct stats_link){ .state = STATS_LINK_DOWN, .device = "x" };
	stats.links = many;
	stats.n_links = HEALTH_PROBLEMS + 8;
	health_check(&h, &v);
	cr_assert_eq(h.n, HEALTH_PROBLEMS);
	cr_assert_eq(h.worst, HEALTH_WARNING);
}

Test(status, screen)
{
	st.peer[0].window = 12;
	st.peer[0].oldest_sent = NOW - 1500 * TICK_MSEC;
	st.last_commit_at = NOW - 90 * TICK_SEC;
	st.last_commit.flows_new = 5;
	recent[0] = (struct sinks_line){
		.when = 0, .level = LOG_LVL_ERROR, .times = 3, .text = "oops"
	};
	v.n_recent = 1;
	status_text(&b, &v);
	cr_expect(strstr(text, "conntrackd 1, mode FTFW, up 8 min\n"), "%s", text);
	cr_expect(strstr(text, "role       primary for 2 min\n"), "%s", text);
	cr_expect(strstr(text, "internal   7 flows, at most 100\n"), "%s", text);
	cr_expect(strstr(text, "peer       up, heard 1.0 s ago, 0 to send, 12 unacknowledged "
			       "(for 1.5 s), lost 0\n"),
		  "%s", text);
	cr_expect(strstr(text, "link       sync0 UDP running, active\n"), "%s", text);
	cr_expect(strstr(text, "commit     1 min ago: 5 created"), "%s", text);
	cr_expect(strstr(text, "error: oops (3 times)\n") ||
			  strstr(text, "ERROR: oops (3 times)\n"),
		  "%s", text);
	cr_expect_not(b.cut);
}

/* Everything at its limits fits, and all of it is JSON. */
Test(status, json_of_all_reports)
{
	static struct stats_link most[32];
	static struct sinks_line lines[SINKS_RECENT];
	void (*const reports[])(struct jsonw *, const struct stats_view *) = {
		stats_json_network, stats_json_cache, stats_json_runtime,
		stats_json_link,    stats_json_queue,
	};
	struct jsonw j;
	json_t *got;

	memset(&st, 0x07, sizeof(st)); /* large, but sums are still what the other reader takes */
	st.role = ROLE_BACKUP;
	st.npeers = ENGINE_PEERS;
	st.commit_running = true;
	st.resync_after = "lost events";
	for (int i = 0; i < ENGINE_PEERS; i++) {
		v.peers[i] = "abcdefghijklmno";
		st.peer[i].heard = st.peer[i].greeted = st.peer[i].bulk_running = true;
		st.peer[i].resync_pending = true;
	}
	for (int i = 0; i < 32; i++)
		most[i] = (struct stats_link){ .kind = STATS_LINK_TCP,
					       .device = "abcdefghijklmno",
					       .peer = "abcdefghijklmno",
					       .bytes_in = INT64_MAX,
					       .bytes_out = INT64_MAX };
	for (int i = 0; i < SINKS_RECENT; i++) {
		memset(lines[i].text, '\x01', sizeof(lines[i].text) - 1);
		lines[i].level = LOG_LVL_WARNING;
	}
	stats.links = most;
	stats.n_links = 32;
	v.recent = lines;
	v.n_recent = SINKS_RECENT;
	status_json(&b, &v);
	cr_assert_not(b.cut);
	got = json_loads(text, 0, NULL);
	cr_assert(got, "%s", text);
	cr_expect_eq(json_array_size(json_object_get(got, "peers")), ENGINE_PEERS);
	cr_expect_eq(json_array_size(json_object_get(got, "errors")), SINKS_RECENT);
	json_decref(got);
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		strbuf_init(&b, text, sizeof(text));
		j = jsonw_to(&b);
		reports[i](&j, &stats);
		cr_assert_not(b.cut);
		got = json_loads(text, 0, NULL);
		cr_assert(got, "%s", text);
		json_decref(got);
	}
	strbuf_init(&b, text, sizeof(text));
	status_text(&b, &v);
	cr_expect_not(b.cut);
}

Test(status, json_figures)
{
	struct jsonw j = jsonw_to(&b);
	json_t *got, *in;

	st.cache[ECACHE_INTERNAL].add_full = 3;
	st.cache[ECACHE_INTERNAL].add_nomem = 4;
	st.bad_type = 2;
	st.no_key = 5;
	stats_json_summary(&j, &stats, false);
	got = json_loads(text, 0, NULL);
	cr_assert(got, "%s", text);
	in = json_object_get(json_object_get(got, "caches"), "internal");
	cr_expect_eq(json_integer_value(json_object_get(in, "active")), 7);
	cr_expect_eq(json_integer_value(json_object_get(in, "create_failed")), 7);
	cr_expect_eq(json_integer_value(
			     json_object_get(json_object_get(got, "messages"), "malformed")),
		     7);
	json_decref(got);
}

/* Each counter under its name: of many alike one is soon taken for the other. */
Test(status, json_runtime)
{
	static const struct {
		const char *part, *key;
		json_int_t want;
	} figures[] = {
		{ "kernel", "events_unknown", 1 },     { "kernel", "events_failed", 2 },
		{ "kernel", "dump_unknown", 3 },       { "kernel", "buffer_bytes", 4 },
		{ "kernel", "operations", 5 },         { "kernel", "operations_failed", 6 },
		{ "kernel", "operations_refused", 7 }, { "kernel", "labels_lost", 8 },
		{ "kernel", "foreign_messages", 9 },   { "control", "read_failed", 10 },
		{ "control", "unknown_requests", 11 }, { "log", "lines_lost", 12 },
	};
	struct jsonw j = jsonw_to(&b);
	json_t *got;

	stats.runtime = (struct stats_runtime){
		.events_unknown = 1,
		.events_failed = 2,
		.dump_unknown = 3,
		.buffer = 4,
		.ops = 5,
		.ops_failed = 6,
		.ops_refused = 7,
		.labels_lost = 8,
		.foreign = 9,
		.read_failed = 10,
		.unknown_requests = 11,
		.log_lost = 12,
	};
	stats_json_runtime(&j, &stats);
	got = json_loads(text, 0, NULL);
	cr_assert(got, "%s", text);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		cr_expect_eq(json_integer_value(
				     json_object_get(json_object_get(got, figures[i].part),
						     figures[i].key)),
			     figures[i].want, "%s", figures[i].key);
	json_decref(got);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading as a whole: files, limits, hostile bytes, memory that runs out, and
 * what a start asks beyond a readable file.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "conf.h"
#include "oom.h"

/* ---- files ---- */

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	cr_assert(out);
	fputs(text, out);
	fclose(out);
}

Test(load, file)
{
	char path[] = "/tmp/ctd-conf-XXXXXX";
	struct config_msgs m = { .n = 0 };
	struct config c;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	write_file(path, "General { HashSize 5 }\nSync { UDP { Interface lo } }");
	cr_expect_eq(config_load(path, &c, &m), 0);
	cr_expect_eq(c.general.hash_size, 5);
	cr_expect_eq(m.n, 0);
	config_free(&c);
	write_file(path, "General { HashSize x }\n");
	cr_expect_eq(config_load(path, &c, &m), CTD_ESYNTAX);
	cr_assert_eq(m.n, 1);
	cr_expect_eq(strncmp(m.v[0].text, path, strlen(path)), 0, "%s", m.v[0].text);
	config_msgs_free(&m);
	config_free(&c); /* allowed after a failure */
	unlink(path);
}

Test(load, unknown_device_is_a_warning)
{
	const char *text = "Sync { UDP {\n Interface no-such-dev } }";
	struct config_msgs m = { .n = 0 };
	struct config c;

	cr_expect_eq(config_parse_text(text, strlen(text), "x", CONFIG_HOST, &c, &m), 0);
	cr_assert_eq(m.n, 1);
	cr_expect_eq(m.v[0].level, LOG_LVL_WARNING);
	cr_expect_eq(m.v[0].line, 2);
	cr_expect_eq(m.v[0].column, 12);
	cr_expect_str_eq(c.sync.peers[0].links[0].interface, "no-such-dev");
	config_free(&c);
	config_msgs_free(&m);
}

/* The host's database is asked with CONFIG_HOST only, for names it alone could know. */
Test(load, protocols_of_the_host)
{
	const char *text = "General { Filter { Protocol Accept { tcp ctd-no-such-protocol mptcp "
			   "a-name-that-is-longer-than-any-name-a-protocol-could-ever-have-at-all"
			   " } } }";
	unsigned int flags;

	for (flags = 0; flags <= CONFIG_HOST; flags++) {
		struct config_msgs m = { .n = 0 };
		struct config c;

		cr_expect_eq(config_parse_text(text, strlen(text), "x", flags, &c, &m), 0);
		cr_expect_eq(m.n, 3);
		cr_expect(c.filter.protos[IPP_TCP]);
		config_free(&c);
		config_msgs_free(&m);
	}
}

static void expect_unreadable(const char *path, int want)
{
	struct config_msgs m = { .n = 0 };
	struct config c;

	cr_expect_eq(config_load(path, &c, &m), want, "%s", path);
	cr_assert_eq(m.n, 1);
	cr_expect_eq(m.v[0].level, LOG_LVL_ERROR);
	cr_expect_eq(m.v[0].line, 0);
	cr_expect(strstr(m.v[0].text, path), "%s", m.v[0].text);
	config_msgs_free(&m);
}

Test(load, unreadable_files)
{
	expect_unreadable("/nonexistent/conntrackd.conf", -ENOENT);
	expect_unreadable("/tmp", -EISDIR);
	expect_unreadable("/dev/zero", -EFBIG);
}

/* ---- limits ---- */

/* head, n times middle, tail */
static char *repeat(const char *head, const char *middle, size_t n, const char *tail)
{
	size_t len = strlen(middle), at = strlen(head);
	char *text = malloc(at + n * len + strlen(tail) + 1);

	cr_assert(text);
	memcpy(text, head, at);
	for (; n; n--, at += len)
		memcpy(text + at, middle, len);
	memcpy(text + at, tail, strlen(tail) + 1);
	return text;
}

static void expect_error(char *text, unsigned int line, const char *words)
{
	struct conf f;

	conf_read(&f, text);
	cr_expect_eq(f.rc, CTD_ESYNTAX);
	cr_assert(conf_error(&f), "no error: %s", words);
	cr_expect_eq(conf_error(&f)->line, line, "%s", conf_error(&f)->text);
	cr_expect(strstr(conf_error(&f)->text, words), "%s", conf_error(&f)->text);
	cr_expect_eq(f.m.n, 1);
	conf_done(&f);
	free(text);
}

Test(load, huge_words)
{
	expect_error(repeat("", "x", 1 << 20, " {}"), 1, "unknown keyword");
	expect_error(repeat("General { HashSize ", "9", 1 << 20, " }"), 1, "out of range");
	expect_error(repeat("General {\nLogFile /", "x", 1 << 20, " }"), 2, "path too long");
	expect_error(repeat("Sync { UDP { Interface ", "x", 1 << 20, " }"), 1, "too long");
	expect_error(repeat("Sync { UDP { IPv6_address ", "f:", 1 << 20, "% }"), 1,
		     "takes an IPv6");
	expect_error(repeat("General { ", "\n", 1 << 20, " x }"), (1 << 20) + 1, "unknown keyword");
}

Test(load, huge_comments_and_lines_are_fine)
{
	char *text = repeat("#", "x", 1 << 20, "\nGeneral { HashSize 3 }");
	struct conf f;

	conf_read(&f, text);
	cr_expect_eq(f.rc, 0);
	cr_expect_eq(f.c.general.hash_size, 3);
	conf_done(&f);
	free(text);
	text = repeat("General { ", "HashSize 3 ", 100000, "}");
	conf_read(&f, text);
	cr_expect_eq(f.rc, 0);
	conf_done(&f);
	free(text);
}

Test(load, deep_nesting)
{
	expect_error(repeat("", "{", 1 << 20, ""), 1, "expected General");
	expect_error(repeat("", "General { ", 1 << 20, ""), 1, "not possible in General");
	expect_error(repeat("Sync { Mode FTFW ", "{", 1 << 20, ""), 1, "expected a keyword");
	expect_error(repeat("General { LogFile /", "{", 1 << 20, ""), 1, "expected");
}

Test(load, file_too_large)
{
	struct config_msgs m = { .n = 0 };
	struct config c;

	cr_expect_eq(config_parse_text("", CONFIG_FILE_MAX + 1ul, "x", 0, &c, &m), -EFBIG);
	cr_assert_eq(m.n, 1);
	cr_expect_eq(m.v[0].level, LOG_LVL_ERROR);
	config_msgs_free(&m);
}

Test(load, warnings_are_bounded_the_error_is_kept)
{
	char *text = repeat("General { Filter { Protocol Accept { ", "what ", 100000, "} } } oops");
	struct conf f;

	conf_read(&f, text);
	cr_expect_eq(f.rc, CTD_ESYNTAX);
	cr_expect_eq(f.m.n, CONFIG_WARNINGS + 1);
	cr_expect_eq(f.m.dropped, 100000 - CONFIG_WARNINGS);
	cr_assert(conf_error(&f));
	cr_expect(strstr(conf_error(&f)->text, "oops"));
	conf_done(&f);
	free(text);
}

Test(load, helpers_are_bounded)
{
	char text[8192] = "Sync { Options { ExpectationSync {", name[16];
	struct conf f;
	int i;

	for (i = 0; i < CONFIG_EXPECT_HELPERS + 1; i++) {
		snprintf(name, sizeof(name), " h%d", i);
		strcat(text, name);
	}
	strcat(text, "} } }");
	conf_read(&f, text);
	cr_assert(conf_error(&f));
	cr_expect(strstr(conf_error(&f)->text, "'h32': too many helpers"), "%s",
		  conf_error(&f)->text);
	conf_done(&f);
}

/* 200000 networks, read in one go, each once; and found again when repeated. */
Test(load, many_networks)
{
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);
	struct conf f;

	fputs("General { Filter { Address Ignore {\n", out);
	for (i = 0; i < 400000; i++)
		fprintf(out, "IPv4_address 10.%zu.%zu.%zu\n", i % 200000 >> 16,
			i % 200000 >> 8 & 255, i % 200000 & 255);
	fputs("} } }", out);
	fclose(out);
	conf_read_bytes(&f, text, len);
	cr_expect_eq(f.rc, 0);
	cr_expect_eq(f.m.n, 0);
	cr_expect_eq(f.c.filter.n_nets, 200000);
	cr_expect_eq(f.c.filter.nets[199999].addr.b[3], 199999 & 255);
	conf_done(&f);
	free(text);
}

Test(load, every_byte_alone_and_in_a_word)
{
	char text[] = "General { LogFile /a? Syslog ? }";
	struct conf f;
	int c;

	for (c = 0; c < 256; c++) {
		text[20] = (char)c;
		text[29] = (char)c;
		conf_read_bytes(&f, text, sizeof(text) - 1);
		cr_expect(f.rc == 0 || (f.rc == CTD_ESYNTAX && conf_error(&f)), "byte %d: %d", c,
			  f.rc);
		conf_done(&f);
	}
}

/* Not NUL-terminated, and cut at every place. */
Test(load, every_prefix)
{
	size_t len, n;
	char *text = conf_slurp(TEST_DATA "/config/primary.conf", &len), *cut;
	struct conf f;

	cr_assert(text);
	for (n = 0; n <= len; n++) {
		cut = malloc(n ? n : 1);
		memcpy(cut, text, n);
		conf_read_bytes(&f, cut, n);
		cr_expect(f.rc == 0 || (f.rc == CTD_ESYNTAX && conf_error(&f)), "%zu", n);
		conf_done(&f);
		free(cut);
	}
	free(text);
}

/* Words exchanged at random: an error, or something that prints to a fixpoint. */
Test(load, shuffled_words)
{
	size_t len, i, n = 0, good = 0;
	char *text = conf_slurp(TEST_DATA "/config/primary.conf", &len), *save = NULL, *w;
	const char *words[512];
	unsigned int seed = 1, round;
	char mixed[8192];
	struct conf f;

	cr_assert(text);
	for (w = strtok_r(text, " \n", &save); w && n < 512; w = strtok_r(NULL, " \n", &save))
		words[n++] = w;
	for (round = 0; round < 3000; round++) {
		size_t from, to, at = 0;

		seed = seed * 1103515245 + 12345;
		from = (seed >> 8) % n;
		seed = seed * 1103515245 + 12345;
		to = (seed >> 8) % n;
		for (i = 0; i < n; i++)
			at += (size_t)snprintf(mixed + at, sizeof(mixed) - at, "%s ",
					       words[i == to ? from : i]);
		conf_read_bytes(&f, mixed, at);
		cr_expect(f.rc == 0 || (f.rc == CTD_ESYNTAX && conf_error(&f)), "%s", mixed);
		cr_expect(f.rc || conf_is_fixpoint(&f.c), "%s", mixed);
		good += f.rc == 0;
		conf_done(&f);
	}
	cr_expect_gt(good, 100);
	cr_expect_lt(good, 2900);
	free(text);
}

Test(load, out_of_memory_at_each_place)
{
	static const char *const files[] = { "primary", "accounting" };
	const char *extra = "Helper { Type rpc inet tcp { } Type tns inet tcp { } }"
			    "General { Nice 1 Filter { Protocol Accept { foo } } }";
	char path[256], *text, *all;
	size_t len, i;
	struct conf f;
	long n;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), TEST_DATA "/config/%s.conf", files[i]);
		text = conf_slurp(path, &len);
		cr_assert(text);
		all = repeat(text, extra, 1, "");
		for (n = 0;; n++) {
			memset(&f, 0, sizeof(f));
			oom_after(n);
			f.rc = config_parse_text(all, strlen(all), "x", 0, &f.c, &f.m);
			if (oom_count() <= n)
				break;
			oom_off();
			/* A warning that cannot be kept is counted, nothing else may be lost. */
			cr_expect(f.rc == -ENOMEM || f.m.dropped, "allocation %ld: %d", n, f.rc);
			cr_expect(f.rc == 0 || !f.c.filter.nets);
			conf_done(&f);
		}
		oom_off();
		cr_expect_eq(f.rc, 0);
		cr_expect_geq(n, 7, "%ld", n);
		conf_done(&f);
		free(all);
		free(text);
	}
}

/* ---- what a start asks ---- */

static void expect_start(const char *text, int rc, enum log_level level, const char *words)
{
	struct conf f;

	conf_read(&f, text);
	cr_assert_eq(f.rc, 0, "%s", text);
	cr_expect_eq(config_check_start(&f.c, &f.m), rc, "%s", text);
	cr_assert(f.m.n, "%s", text);
	cr_expect_eq(f.m.v[f.m.n - 1].level, level, "%s", f.m.v[f.m.n - 1].text);
	cr_expect(strstr(f.m.v[f.m.n - 1].text, words), "%s: %s", text, f.m.v[f.m.n - 1].text);
	conf_done(&f);
}

static void lacks(const char *text, const char *words)
{
	expect_start(text, CTD_ESYNTAX, LOG_LVL_ERROR, words);
}

#define BUFFERS "General { NetlinkBufferSize 1 NetlinkBufferSizeMaxGrowth 1 }"

Test(start, incomplete_links)
{
	lacks("Sync { }", "needs a dedicated link");
	lacks("Sync { UDP { } }", "line 1 needs an Interface");
	lacks("Sync {\n UDP { Interface a } }", "line 2 needs an address");
	lacks("Sync { UDP { Interface a IPv4_address 10.0.0.1 Port 1 } }",
	      "needs an IPv4_Destination_Address");
	lacks("Sync { TCP { Interface a IPv6_address ::1 Port 1 } }",
	      "needs an IPv6_Destination_Address");
	lacks("Sync { UDP { Interface a IPv4_Destination_Address 10.0.0.1 } }", "needs a Port");
	lacks("Sync { Multicast { Interface a IPv4_address 225.0.0.1 } }", "needs a Group");
	lacks("Sync { Multicast { Interface a IPv4_address 10.0.0.1 Group 1 } }",
	      "needs a multicast address");
	lacks("Sync { Multicast { Interface a IPv6_address fe80::1 Group 1 } }",
	      "needs a multicast address");
	lacks("Sync { Multicast { Interface a IPv4_interface 10.0.0.1 Group 1 } }",
	      "needs the address of a group");
	lacks("Sync { UDP { Interface a IPv4_Destination_Address 10.0.0.1 Port 1 }\n\n UDP { } }",
	      "line 3 needs an Interface");
}

#define LINK(own, port) \
	"UDP { Interface a IPv4_address " own " IPv4_Destination_Address 10.0.0.9 Port " port " }\n"
#define LINK6(dev, own) \
	"UDP { Interface " dev " IPv6_address " own " IPv6_Destination_Address fe80::9 Port 1 }\n"
#define GROUP(dev, group) "Multicast { Interface " dev " IPv4_address 225.0.0.1 Group " group " }\n"
#define STREAM(peer, port)                                                                     \
	"TCP { Interface a IPv4_address 10.0.0.3 IPv4_Destination_Address " peer " Port " port \
	" }\n"
#define TWO(one, other) "Sync { Peer one {\n" one "} Peer two { " other "} }"

Test(start, incomplete_peers)
{
	lacks("Sync {\n Peer a { } }", "the peer of line 2 needs a dedicated link");
	lacks("Sync { Peer a { " LINK("10.0.0.1", "1") "} Peer b { UDP { } } }",
	      "line 2 needs an Interface");
}

/* What arrives must tell whom it is from. */
Test(start, links_of_two_peers_collide)
{
	lacks(TWO(LINK("10.0.0.1", "1"), LINK("10.0.0.1", "1")),
	      "links of lines 2 and 3, of peers `one' and `two', have the same addresses and Port");
	lacks(TWO(LINK("10.0.0.1", "1") LINK("10.0.0.2", "1"), LINK("10.0.0.2", "1")),
	      "lines 3 and 4");
	lacks(TWO("UDP { Interface a IPv4_Destination_Address 10.0.0.2 Port 1 }\n",
		  LINK("10.0.0.1", "1")),
	      "lines 2 and 3");
	lacks(TWO(GROUP("a", "1"), GROUP("a", "1")), "same address and Group");
	lacks(TWO(STREAM("10.0.0.1", "1"), STREAM("10.0.0.1", "1")), "same addresses and Port");
	lacks(TWO(LINK6("a", "fe80::1"), LINK6("a", "fe80::1")), "lines 2 and 3");
	lacks(TWO(LINK6("a", "fd00::1"), LINK6("b", "fd00::1")), "lines 2 and 3");
}

static void may_start(const char *text)
{
	struct conf f;

	conf_read(&f, text);
	cr_assert_eq(f.rc, 0, "%s", text);
	cr_expect_eq(config_check_start(&f.c, &f.m), 0, "%s: %s", text,
		     f.m.n ? f.m.v[f.m.n - 1].text : "");
	conf_done(&f);
}

Test(start, links_of_two_peers_apart)
{
	may_start(TWO(LINK("10.0.0.1", "1"), LINK("10.0.0.1", "2")));
	may_start(TWO(LINK("10.0.0.1", "1"), LINK("10.0.0.2", "1")));
	may_start(TWO(LINK("10.0.0.1", "1"), LINK6("a", "fe80::1")));
	may_start(TWO(LINK("10.0.0.1", "1"), "UDP { Interface a IPv4_address 10.0.0.1 "
					     "IPv4_Destination_Address 10.0.0.8 Port 1 }"));
	may_start(TWO(LINK("10.0.0.1", "1"), "TCP { Interface a IPv4_address 10.0.0.1 "
					     "IPv4_Destination_Address 10.0.0.9 Port 1 }"));
	may_start(TWO(LINK6("a", "fe80::1"), LINK6("b", "fe80::1")));
	may_start(TWO(GROUP("a", "1"), GROUP("b", "1")));
	may_start(TWO(GROUP("a", "1"), GROUP("a", "2")));
	may_start(TWO(STREAM("10.0.0.1", "1"), STREAM("10.0.0.2", "1")));
}

Test(start, no_mode)
{
	expect_start(
		"Sync { UDP { Interface a IPv4_Destination_Address 10.0.0.1 Port 1 } }" BUFFERS, 0,
		LOG_LVL_WARNING, "no Mode given, FTFW is used");
}

Test(start, helpers_have_no_effect)
{
	expect_start("Helper { Type rpc inet tcp { } }" BUFFERS, 0, LOG_LVL_WARNING, "no effect");
}

static void expect_buffer(const char *text, uint32_t want, size_t messages)
{
	struct conf f;

	conf_read(&f, text);
	cr_expect_eq(config_check_start(&f.c, &f.m), 0);
	cr_expect_eq(f.c.general.nl_buffer, want, "%s: %u", text, f.c.general.nl_buffer);
	cr_expect_eq(f.m.n, messages);
	cr_expect(!f.m.n || f.m.v[0].level == LOG_LVL_NOTICE);
	conf_done(&f);
}

Test(start, event_buffer)
{
	expect_buffer("General { NetlinkBufferSize 5 NetlinkBufferSizeMaxGrowth 5 }", 5, 0);
	expect_buffer("General { NetlinkBufferSize 6 NetlinkBufferSizeMaxGrowth 5 }", 0, 1);
	expect_buffer("General { NetlinkBufferSize 6 }", 0, 1);
	expect_buffer("", 0, 1);
}

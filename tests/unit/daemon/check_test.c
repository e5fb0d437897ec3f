// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "conntrackd check": each rule with a host on which it is broken, and none with
 * a host on which all is well; the whole command with files.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "daemon/check.h"
#include "findings.h"

#define LINK   "IPv4_address 10.99.0.1 IPv4_Destination_Address 10.99.0.2 Port 3780 Interface sync0 "
#define FILTER "Filter { Address Ignore { IPv4_address 10.99.0.0/24 IPv6_address fe80::/10 } } "
#define PAIR   "Sync { Mode FTFW { } UDP { " LINK "} } General { HashLimit 1000 " FILTER "} "

static struct config config_of(const char *text)
{
	struct config_msgs m = { 0 };
	struct config c;

	cr_assert_eq(config_parse_text(text, strlen(text), "t", 0, &c, &m), 0, "%s",
		     m.n ? m.v[m.n - 1].text : "");
	cr_assert_eq(config_check_start(&c, &m), 0, "%s", m.v[m.n - 1].text);
	config_msgs_free(&m);
	return c;
}

/* A host on which nothing is wrong. */
static struct facts well(void)
{
	struct facts f = {
		.table_max = 500,
		.events = 1,
		.tcp_loose = 0,
		.acct = 1,
		.timestamp = 1,
		.buffer_got = UINT32_MAX,
		.realtime = true,
	};

	for (size_t p = 0; p < CONFIG_PEERS; p++)
		for (size_t i = 0; i < CONFIG_LINKS; i++)
			f.links[p][i] = (struct facts_link){
				.exists = true,
				.up = true,
				.running = true,
				.multicast = true,
				.mtu = 1500,
				.local_here = true,
				.local_on_device = true,
				.joined = FACT_YES,
				.tracked = FACT_NO,
			};
	return f;
}

static struct findings *findings_in(const char *text, const struct facts *h)
{
	struct findings *f = calloc(1, sizeof(*f));
	struct config c = config_of(text);

	findings_of(f, &c, h);
	config_free(&c);
	return f;
}

static void expect_none(const char *text, const struct facts *h)
{
	struct findings *f = findings_in(text, h);

	cr_expect_eq(f->n, 0, "%s: %s", text, f->n ? f->v[0].text : "");
	free(f);
}

/* Exactly one finding, with these words in text and advice. */
static void expect_one(const char *text, const struct facts *h, enum log_level level,
		       const char *words, const char *todo)
{
	struct findings *f = findings_in(text, h);

	cr_expect_eq(f->n, 1, "%zu findings for: %s, e.g. %s", f->n, words,
		     f->n ? f->v[f->n - 1].text : "none");
	if (f->n) {
		cr_expect_eq(f->v[0].level, level, "%s", f->v[0].text);
		cr_expect(strstr(f->v[0].text, words), "%s", f->v[0].text);
		cr_expect(strstr(f->v[0].todo, todo), "%s", f->v[0].todo);
	}
	free(f);
}

Test(check, nothing_wrong)
{
	const struct facts h = well();

	expect_none(PAIR, &h);
	expect_none("Stats { } General { }", &h);
	expect_none("", &h);
}

Test(check, kernel)
{
	struct facts h = well();

	h.events = 0;
	expect_one(PAIR, &h, LOG_LVL_ERROR, "nf_conntrack_events is 0", "nf_conntrack_events=1");
	h.events = 2;
	expect_one(PAIR, &h, LOG_LVL_WARNING, "older than the daemon", "nf_conntrack_events=1");
	h = well();
	h.tcp_loose = 1;
	expect_one(PAIR, &h, LOG_LVL_NOTICE, "tcp_loose is 1", "tcp_loose=0");
	h = well();
	h.table_err = -EPERM;
	expect_one(PAIR, &h, LOG_LVL_NOTICE, "no permission", "as root");
	h.table_err = -EPROTONOSUPPORT;
	expect_one(PAIR, &h, LOG_LVL_ERROR, "does not answer", "nf_conntrack_netlink");
	h = well();
	h.acct = 0;
	expect_one("Stats { }", &h, LOG_LVL_NOTICE, "no counters", "nf_conntrack_acct=1");
	h = well();
	h.timestamp = 0;
	expect_one("Stats { }", &h, LOG_LVL_NOTICE, "no durations", "nf_conntrack_timestamp=1");
}

Test(check, table_against_hash_limit)
{
	struct facts h = well();

	h.table_max = 1001;
	expect_one(PAIR, &h, LOG_LVL_WARNING, "HashLimit 1000 is less than", "HashLimit to 2002");
	h.table_max = 501;
	expect_one(PAIR, &h, LOG_LVL_NOTICE, "less than twice", "HashLimit to 1002");
	expect_none("Sync { Mode NOTRACK { } UDP { " LINK "} } General { HashLimit 1000 " FILTER
		    "}",
		    &h);
}

Test(check, buffers)
{
	struct facts h = well();

	h.buffer_got = 212992;
	expect_one("General { NetlinkBufferSize 1000000 NetlinkBufferSizeMaxGrowth 2000000 }", &h,
		   LOG_LVL_WARNING, "1000000 bytes is not granted, only 212992", "500000");
	expect_none("General { NetlinkBufferSize 212992 NetlinkBufferSizeMaxGrowth 2000000 }", &h);
	h = well();
	expect_one(PAIR "General { NetlinkOverrunResync off }", &h, LOG_LVL_WARNING,
		   "after lost events", "remove");
	expect_none(PAIR "General { NetlinkOverrunResync off NetlinkEventsReliable on }", &h);
}

Test(check, process)
{
	struct facts h = well();

	h.realtime = false;
	expect_one(PAIR, &h, LOG_LVL_NOTICE, "real time", "CAP_SYS_NICE");
	h = well();
	expect_one(PAIR "General { Scheduler { Type FIFO } }", &h, LOG_LVL_WARNING,
		   "without Priority", "add Priority");
	h.log = (struct facts_file){ "/no/x.log", -ENOENT };
	expect_one(PAIR, &h, LOG_LVL_ERROR, "LogFile /no/x.log", "make the folder");
	h = well();
	h.lock = (struct facts_file){ "/no/x.lock", -EACCES };
	expect_one(PAIR, &h, LOG_LVL_ERROR, "LockFile /no/x.lock", "");
	h = well();
	h.socket = (struct facts_file){ "/no/x.ctl", -EACCES };
	expect_one(PAIR, &h, LOG_LVL_ERROR, "socket /no/x.ctl", "");
	h = well();
	h.no_user = true;
	expect_one(PAIR "General { User nobody-here }", &h, LOG_LVL_ERROR, "no user nobody-here",
		   "useradd");
	h = well();
	h.no_group = true;
	expect_one(PAIR "General { UNIX { Group none } }", &h, LOG_LVL_ERROR, "no group none",
		   "groupadd");
	h = well();
	h.daemon_runs = true;
	expect_one(PAIR, &h, LOG_LVL_NOTICE, "a daemon is running", "");
}

Test(check, keys_that_do_not_go_together)
{
	const struct facts h = well();

	expect_one(PAIR "General { PollSecs 5 }", &h, LOG_LVL_WARNING, "up to 5 s late",
		   "remove PollSecs");
	expect_none("Stats { } General { PollSecs 5 }", &h);
	expect_one("Sync { Mode ALARM { RefreshTime 60 CacheTimeout 60 } UDP { " LINK "} } "
		   "General { HashLimit 1000 " FILTER "}",
		   &h, LOG_LVL_WARNING, "CacheTimeout 60 is not more than RefreshTime 60", "180");
	expect_one("General { Filter { Protocol Accept { } } }", &h, LOG_LVL_WARNING,
		   "no flow passes", "");
	expect_one("General { Filter { Address Accept { } } }", &h, LOG_LVL_WARNING,
		   "no flow passes", "");
	expect_one("General { Filter { State Accept { TIME_WAIT for TCP } } }", &h, LOG_LVL_WARNING,
		   "not ESTABLISHED", "add ESTABLISHED");
	expect_none("General { Filter { State Ignore { TIME_WAIT for TCP } } }", &h);
}

/* One fact about the first link differs. */
#define LINK_FACT(field, value, level, words, todo)        \
	do {                                               \
		struct facts h_ = well();                  \
		h_.links[0][0].field = value;              \
		expect_one(PAIR, &h_, level, words, todo); \
	} while (0)

Test(check, unicast_links)
{
	LINK_FACT(exists, false, LOG_LVL_ERROR, "link of line 1, sync0: this host has no such",
		  "Interface");
	LINK_FACT(up, false, LOG_LVL_WARNING, "is down", "ip link set sync0 up");
	LINK_FACT(running, false, LOG_LVL_WARNING, "no carrier", "cable");
	LINK_FACT(mtu, 300, LOG_LVL_ERROR, "MTU of 300 is too small", "mtu 1500");
	LINK_FACT(mtu, 600, LOG_LVL_WARNING, "MTU of 600 makes small", "mtu 1500");
	LINK_FACT(local_here, false, LOG_LVL_ERROR, "10.99.0.1 is no address of this host",
		  "ip address add 10.99.0.1 dev sync0");
	LINK_FACT(local_on_device, false, LOG_LVL_WARNING, "of another device",
		  "correct Interface");
	LINK_FACT(route_err, -ENETUNREACH, LOG_LVL_WARNING, "no way to the peer 10.99.0.2",
		  "ip route get 10.99.0.2");
	LINK_FACT(tracked, FACT_YES, LOG_LVL_WARNING, "the kernel tracks its packets",
		  "notrack for iifname sync0");
	LINK_FACT(tracked, FACT_UNKNOWN, LOG_LVL_NOTICE, "only while the daemon runs", "again");
}

Test(check, own_address_is_replicated)
{
	const struct facts h = well();

	expect_one("Sync { Mode FTFW { } UDP { " LINK "} } General { HashLimit 1000 }", &h,
		   LOG_LVL_WARNING, "own address 10.99.0.1 are replicated",
		   "IPv4_address 10.99.0.1");
	expect_one("Sync { Mode FTFW { } TCP { IPv6_address fd00::1 "
		   "IPv6_Destination_Address fd00::2 Port 3 Interface sync0 } } "
		   "General { HashLimit 1000 " FILTER "}",
		   &h, LOG_LVL_WARNING, "own address fd00::1", "IPv6_address fd00::1");
}

Test(check, checksum_off)
{
	const struct facts h = well();

	expect_one("Sync { Mode FTFW { } UDP { " LINK
		   "Checksum off } } General { HashLimit 1000 " FILTER "}",
		   &h, LOG_LVL_NOTICE, "without Checksum", "remove");
}

#define GROUP4                                                                 \
	"Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 Group 3780 " \
	"Interface sync0 %s } } General { HashLimit 1000 }"

static const char *group(const char *more)
{
	static char text[256];

	snprintf(text, sizeof(text), GROUP4, more);
	return text;
}

Test(check, multicast_links)
{
	struct facts h = well();

	h.links[0][0].local_here = false; /* a group is nobody's address */
	expect_none(group("IPv4_interface 10.99.0.1"), &h);
	expect_one(group(""), &h, LOG_LVL_WARNING, "without IPv4_interface", "on sync0");
	h.links[0][0].multicast = false;
	expect_one(group("IPv4_interface 10.99.0.1"), &h, LOG_LVL_ERROR, "carries no multicast",
		   "multicast on");
	h = well();
	h.links[0][0].joined = FACT_NO;
	expect_one(group("IPv4_interface 10.99.0.1"), &h, LOG_LVL_ERROR,
		   "member of the group 225.0.0.50", "ip maddress");
}

#define SECOND(dev)                                                                  \
	"UDP { IPv4_address 10.99.0.1 IPv4_Destination_Address 10.99.0.2 Port 3781 " \
	"Interface " dev " }"

Test(check, redundant_links)
{
	struct facts h = well();

	expect_none(PAIR "Sync { " SECOND("sync1") " }", &h);
	expect_one(PAIR "Sync { " SECOND("sync0") " }", &h, LOG_LVL_WARNING, "the same device",
		   "another device");
	h.links[0][1].mtu = 9000;
	expect_one(PAIR "Sync { " SECOND("sync1") " }", &h, LOG_LVL_NOTICE, "1500 and 9000",
		   "both the same");
}

Test(check, many_findings_are_cut)
{
	struct findings *f = calloc(1, sizeof(*f));

	for (unsigned int i = 0; i < FINDINGS_MAX + 5; i++)
		findings_add(f, LOG_LVL_NOTICE, "x", "");
	cr_expect_eq(f->n, FINDINGS_MAX);
	cr_expect_eq(findings_count(f, LOG_LVL_NOTICE), FINDINGS_MAX);
	free(f);
}

/* ---- the command ---- */

static char *write_file(const char *text)
{
	static char path[] = "/tmp/check_test.XXXXXX";
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static enum check_status run_check(const char *text, char **out)
{
	char *path = write_file(text);
	enum check_status status;
	size_t len;
	FILE *f = open_memstream(out, &len);

	status = check_file(path, f);
	fclose(f);
	unlink(path);
	return status;
}

Test(check, a_file_that_cannot_be_read)
{
	char *out;

	cr_expect_eq(run_check("General {\nHashSize x\n}", &out), CHECK_ERROR);
	cr_expect(strstr(out, "error: /tmp/check_test."), "%s", out);
	cr_expect(strstr(out, ":2:10: 'x': HashSize takes a number"), "%s", out);
	cr_expect(strstr(out, "errors: 1"), "%s", out);
	free(out);
	cr_expect_eq(check_file("/no/such/file", stderr), CHECK_ERROR);
}

Test(check, a_file_that_cannot_start)
{
	char *out;

	cr_expect_eq(run_check("Sync { Mode FTFW { } }", &out), CHECK_ERROR);
	cr_expect(strstr(out, "error: Sync: needs a dedicated link"), "%s", out);
	free(out);
}

Test(check, the_host_is_looked_at)
{
	char *out;

	cr_expect_eq(run_check("Sync { Mode FTFW { } UDP { " LINK "} } General { LogFile /no/x\n"
			       "User no-such-user\n"
			       "UNIX { Group root Path /no/such/socket } }",
			       &out),
		     CHECK_ERROR);
	cr_expect(strstr(out, "sync0: this host has no such device"), "%s", out);
	cr_expect(strstr(out, "LogFile /no/x cannot be made"), "%s", out);
	cr_expect(strstr(out, "no user no-such-user"), "%s", out);
	cr_expect_null(strstr(out, "no group"), "%s", out);
	cr_expect(strstr(out, "\tdo: "), "%s", out);
	free(out);
}

Test(check, print_and_read_again)
{
	char *path = write_file("General { HashLimit 77 Nice -1 }"), *one, *two, *err, *again;
	size_t len, err_len;
	FILE *out = open_memstream(&one, &len), *e = open_memstream(&err, &err_len);

	cr_expect_eq(check_print(path, out, e), CHECK_WARNING);
	fclose(out);
	fclose(e);
	unlink(path);
	cr_expect(strstr(one, "\tHashLimit 77\n"), "%s", one);
	cr_expect(strstr(err, "warning: "), "%s", err);
	cr_expect_null(strstr(one, "warning"), "%s", one);
	again = write_file(one);
	out = open_memstream(&two, &len);
	cr_expect_eq(check_print(again, out, stderr), CHECK_GOOD);
	fclose(out);
	unlink(again);
	cr_expect_str_eq(one, two);
	cr_expect_eq(check_print("/no/such/file", stdout, stderr), CHECK_ERROR);
	free(one);
	free(two);
	free(err);
}

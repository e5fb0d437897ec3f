// SPDX-License-Identifier: GPL-2.0-or-later
/* Filter expressions of listings. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "flow/match.h"

static struct addr ip(const char *text)
{
	struct addr a;
	uint8_t family;

	cr_assert_eq(addr_parse(text, &a, &family), 0);
	return a;
}

/* A client behind source NAT: 10.0.0.5:4000 -> 192.0.2.7:443, seen as 198.51.100.1:5000. */
static struct flow sample(void)
{
	struct flow f;

	flow_init(&f);
	f.has = FLOW_HAS_REPLY | FLOW_HAS_STATUS | FLOW_HAS_STATE | FLOW_HAS_PORTS | FLOW_HAS_MARK |
		FLOW_HAS_ZONE;
	f.orig = (struct tuple){ .src = ip("10.0.0.5"),
				 .dst = ip("192.0.2.7"),
				 .sport = 4000,
				 .dport = 443,
				 .family = FAM_IP4,
				 .proto = IPP_TCP };
	f.reply = (struct tuple){ .src = ip("192.0.2.7"),
				  .dst = ip("198.51.100.1"),
				  .sport = 443,
				  .dport = 5000,
				  .family = FAM_IP4,
				  .proto = IPP_TCP };
	f.status = CTS_SEEN_REPLY | CTS_ASSURED;
	f.state = TCPS_ESTABLISHED;
	f.mark = 0x17;
	f.zone = 3;
	return f;
}

static bool hit(const struct flow *f, const char *expr)
{
	struct flow_match m;
	char err[128] = "";

	cr_assert_eq(flow_match_parse(&m, expr, err, sizeof(err)), 0, "%s: %s", expr, err);
	return flow_match(&m, f);
}

Test(match, single_terms)
{
	static const char *const yes[] = {
		"proto tcp",
		"proto TCP",
		"proto=6",
		"proto udp,tcp",
		"src 10.0.0.5",
		"src 10.0.0.0/8",
		"src 10.0.0.4/30",
		"src 0.0.0.0/0",
		"dst=192.0.2.7",
		"addr 198.51.100.1",
		"addr 10.0.0.5",
		"sport 4000",
		"dport 443",
		"port 5000",
		"port 80,443",
		"port 80, 443",
		"zone 3",
		"mark 23",
		"mark 0x17/255",
		"mark 7/0xF",
		"mark 0X17",
		"state ESTABLISHED",
		"state established",
		"state assured",
		"not proto udp",
		"!proto udp",
		"! proto udp",
		"not not proto tcp",
		"not src 11.0.0.0/8",
		"not state unreplied",
	};
	static const char *const no[] = {
		"proto udp",       "proto 17",          "src 192.0.2.7",
		"src 10.0.0.6",    "src 10.0.0.0/30",   "dst 10.0.0.5",
		"addr 10.0.0.6",   "addr ::/0",         "sport 443",
		"dport 4000",      "port 4001",         "zone 0",
		"mark 0",          "mark 22",           "state SYN_SENT",
		"state unreplied", "not proto tcp,udp", "not addr 10.0.0.5",
	};
	const struct flow f = sample();

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		cr_expect(hit(&f, yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		cr_expect_not(hit(&f, no[i]), "%s", no[i]);
}

Test(match, all_terms_must_hold)
{
	const struct flow f = sample();

	cr_expect(hit(&f, "proto tcp addr 10.0.0.0/8 not port 22 state established"));
	cr_expect(hit(&f, "  proto=tcp and   dport=443 and mark=23 "));
	cr_expect_not(hit(&f, "proto tcp port 22"));
	cr_expect_not(hit(&f, "proto udp port 443"));
	cr_expect_not(hit(&f, "proto tcp and not zone 3"));
}

Test(match, what_an_entry_does_not_have)
{
	struct flow f = sample();

	f.has &= ~(FLOW_HAS_MARK | FLOW_HAS_ZONE | FLOW_HAS_STATE | FLOW_HAS_STATUS);
	f.mark = 0;
	f.zone = 0;
	cr_expect(hit(&f, "mark 0"));
	cr_expect(hit(&f, "zone 0"));
	cr_expect(hit(&f, "not state established"));
	cr_expect_not(hit(&f, "state unreplied"));
	f.orig.proto = f.reply.proto = IPP_ICMP;
	cr_expect_not(hit(&f, "port 443"), "an identifier is no port");
}

Test(match, zones_of_directions)
{
	struct flow f = sample();

	f.has = (f.has & ~FLOW_HAS_ZONE) | FLOW_HAS_ZONE_ORIG;
	f.zone = 0;
	f.zone_orig = 9;
	cr_expect(hit(&f, "zone 9"));
	cr_expect(hit(&f, "zone 0"), "the reply direction has none");
}

/* A peer's flow has no reply tuple; its translations count all the same. */
Test(match, translations_of_a_peer)
{
	struct flow f = sample();

	f.has = (f.has & ~FLOW_HAS_REPLY) | FLOW_HAS_SNAT | FLOW_HAS_SPAT;
	f.snat = ip("198.51.100.1");
	f.snat_port = 5000;
	memset(&f.reply, 0, sizeof(f.reply));
	cr_expect(hit(&f, "addr 198.51.100.1"));
	cr_expect(hit(&f, "port 5000"));
}

Test(match, six)
{
	struct flow f = sample();

	f.orig.family = f.reply.family = FAM_IP6;
	f.orig.src = f.reply.dst = ip("2001:db8::1");
	f.orig.dst = f.reply.src = ip("2001:db8:0:8000::1");
	cr_expect(hit(&f, "src 2001:db8::/49"));
	cr_expect_not(hit(&f, "dst 2001:db8::/49"));
	cr_expect(hit(&f, "addr ::/0"));
	cr_expect_not(hit(&f, "addr 0.0.0.0/0"));
}

Test(match, states_of_one_name)
{
	struct flow f = sample();

	f.orig.proto = f.reply.proto = IPP_SCTP;
	f.state = 4; /* ESTABLISHED of SCTP */
	cr_expect(hit(&f, "state established"));
	f.state = 3;
	cr_expect_not(hit(&f, "state established"));
	cr_expect(hit(&f, "state cookie_echoed"));
}

Test(match, expectations)
{
	struct expect e;
	struct flow_match m;
	char err[128];

	expect_init(&e);
	e.tuple = (struct tuple){ .src = ip("192.0.2.7"),
				  .dst = ip("10.0.0.5"),
				  .dport = 30000,
				  .family = FAM_IP4,
				  .proto = IPP_TCP };
	e.master = (struct tuple){ .src = ip("10.0.0.5"),
				   .dst = ip("192.0.2.7"),
				   .sport = 4000,
				   .dport = 21,
				   .family = FAM_IP4,
				   .proto = IPP_TCP };
	cr_assert_eq(flow_match_parse(&m, "src 192.0.2.7 port 21", err, sizeof(err)), 0);
	cr_expect(flow_match_expect(&m, &e));
	cr_assert_eq(flow_match_parse(&m, "dport 21", err, sizeof(err)), 0);
	cr_expect_not(flow_match_expect(&m, &e));
	cr_assert_eq(flow_match_parse(&m, "state assured", err, sizeof(err)), 0);
	cr_expect_not(flow_match_expect(&m, &e));
}

Test(match, nonsense_is_refused)
{
	static const char *const bad[] = {
		"",
		"  ",
		"and",
		"proto",
		"proto foo",
		"proto 256",
		"tcp",
		"src",
		"src 10.0.0.0/33",
		"src 10.0.0",
		"src ::/129",
		"src 10.0.0.0/",
		"port 65536",
		"port -1",
		"port x",
		"mark 1/",
		"mark 4294967296",
		"mark 0x",
		"mark 0x100000000",
		"mark 17h",
		"zone 70000",
		"state",
		"state FOO",
		"not",
		"!",
		"proto tcp,",
		",",
		"proto tcp udp",
		"proto tcp, and port 1",
		"src 10.0.0.0/8/8",
		"src aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct flow_match m;
	char err[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		cr_expect_eq(flow_match_parse(&m, bad[i], err, sizeof(err)), -EINVAL, "%s", bad[i]);
		cr_expect(*err, "%s: no explanation", bad[i]);
	}
}

/* Too much is refused, not written beyond the tables. */
Test(match, limits)
{
	struct flow_match m;
	char expr[1024] = "port 1", err[128];

	for (int i = 1; i < MATCH_VALUES; i++)
		strcat(expr, ",2");
	cr_expect_eq(flow_match_parse(&m, expr, err, sizeof(err)), 0, "%s", err);
	strcat(expr, ",3");
	cr_expect_eq(flow_match_parse(&m, expr, err, sizeof(err)), -EINVAL);
	expr[0] = '\0';
	for (int i = 0; i < MATCH_TERMS; i++)
		strcat(expr, "zone 1 ");
	cr_expect_eq(flow_match_parse(&m, expr, err, sizeof(err)), 0, "%s", err);
	strcat(expr, "zone 1");
	cr_expect_eq(flow_match_parse(&m, expr, err, sizeof(err)), -EINVAL);
}

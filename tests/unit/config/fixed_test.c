// SPDX-License-Identifier: GPL-2.0-or-later
/* What a running daemon can change, and what is the same in two configurations. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "conf.h"
#include "schema.h"

static const char *fixed(const char *old, const char *new)
{
	struct conf a, b;
	const char *key;

	conf_read(&a, old);
	conf_read(&b, new);
	cr_assert(!a.rc && !b.rc, "%s / %s", old, new);
	key = config_fixed(&a.c, &b.c);
	cr_expect_eq(!key, !config_fixed(&b.c, &a.c), "%s / %s", old, new);
	conf_done(&a);
	conf_done(&b);
	return key;
}

Test(fixed, what_cannot_change)
{
	cr_expect_str_eq(fixed("Sync { }", ""), "Sync or Stats");
	cr_expect_str_eq(fixed("Stats { }", ""), "Sync or Stats");
	cr_expect_str_eq(fixed("Stats { }", "Sync { }"), "Sync or Stats");
	cr_expect_str_eq(fixed("Sync { Mode ALARM { } }", "Sync { Mode NOTRACK { } }"), "Mode");
	cr_expect_str_eq(fixed("Sync { Options { ExpectationSync on } }", "Sync { }"),
			 "ExpectationSync on or off");
	cr_expect_str_eq(fixed("General { PollSecs 3 }", ""), "PollSecs instead of events");
	cr_expect_str_eq(fixed("General { LockFile /a }", ""), "LockFile");
	cr_expect_str_eq(fixed("General { UNIX { Path /a } }", "General { UNIX { Path /b } }"),
			 "Path");
	cr_expect_str_eq(fixed("General { Systemd off }", ""), "Systemd");
	cr_expect_str_eq(fixed("Sync { Mode NOTRACK { DisableInternalCache on } }",
			       "Sync { Mode NOTRACK { } }"),
			 "DisableInternalCache");
	cr_expect_str_eq(fixed("Sync { Mode FTFW { DisableExternalCache on } }",
			       "Sync { Mode FTFW { } }"),
			 "DisableExternalCache");
}

Test(fixed, what_can_change)
{
	cr_expect_null(fixed("", ""));
	cr_expect_null(fixed("Sync { }", "Sync { Mode FTFW { } }"));
	cr_expect_null(fixed("General { PollSecs 3 }", "General { PollSecs 4 }"));
	cr_expect_null(
		fixed("General { LogFile on Syslog local1 LogLevel error HashLimit 3 }", ""));
	cr_expect_null(
		fixed("General { LockFile /a-long-one LockFile /b }", "General { LockFile /b }"));
	cr_expect_null(fixed("Sync { Options { ExpectationSync { ftp } } }",
			     "Sync { Options { ExpectationSync on } }"));
	cr_expect_null(fixed("Sync { Peer a { } }", "Sync { Peer b { UDP { } } }"));
}

/* Rows with the mark have values that can be compared. */
Test(fixed, rows_with_the_mark)
{
	const struct schema_key *key;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++)
		if (key->flags & KEY_AT_START)
			cr_expect(key->scope == SCOPE_CONFIG && key->type < KEY_LINK_ADDR &&
					  key->type != KEY_INTERFACE,
				  "%s", key->name);
}

static bool same_filter(const char *a, const char *b)
{
	struct conf x, y;
	bool same;

	conf_read(&x, a);
	conf_read(&y, b);
	same = config_same_filter(&x.c, &y.c);
	conf_done(&x);
	conf_done(&y);
	return same;
}

#define FILTER(text) "General { Filter { " text " } }"

Test(fixed, filters)
{
	static const char *const all[] = {
		"",
		FILTER("Address Ignore { }"),
		FILTER("Address Accept { }"),
		FILTER("Address Ignore { IPv4_address 10.0.0.1 }"),
		FILTER("Address Ignore { IPv4_address 10.0.0.2 }"),
		FILTER("Address Ignore { IPv4_address 10.0.0.0/8 }"),
		FILTER("Protocol Ignore { TCP }"),
		FILTER("Protocol Ignore { UDP }"),
		FILTER("Protocol Accept { UDP }"),
		FILTER("State Accept { LISTEN for TCP }"),
		FILTER("State Accept { CLOSED for TCP }"),
		FILTER("State Ignore { CLOSED for TCP }"),
		"General { Filter From Kernelspace { State Ignore { CLOSED for TCP } } }",
	};
	const size_t n = sizeof(all) / sizeof(all[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			cr_expect_eq(same_filter(all[i], all[j]), i == j, "%s / %s", all[i],
				     all[j]);
	cr_expect(same_filter("", "General { Filter { } }"));
}

#define BASE "IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 1 Interface a "

static bool same_link(const char *kind, const char *more)
{
	struct conf x, y;
	char text[300];
	bool same;

	conf_read(&x, "Sync { UDP { " BASE "} }");
	snprintf(text, sizeof(text), "Sync {\n%s { " BASE "%s } }", kind, more);
	conf_read(&y, text);
	cr_assert(!y.rc, "%s", text);
	same = config_same_link(&x.c.sync.peers[0].links[0], &y.c.sync.peers[0].links[0]);
	conf_done(&x);
	conf_done(&y);
	return same;
}

Test(fixed, links)
{
	static const char *const other[] = {
		"IPv4_address 10.0.0.3",
		"IPv4_Destination_Address 10.0.0.3",
		"Port 2",
		"Interface b",
		"SndSocketBuffer 1",
		"RcvSocketBuffer 1",
		"Checksum off",
		"IPv6_address fe80::1",
	};

	cr_expect(same_link("UDP", ""), "the line does not count");
	cr_expect(same_link("UDP", "Interface longer Interface a"));
	cr_expect(!same_link("TCP", ""));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		cr_expect(!same_link("UDP", other[i]), "%s", other[i]);
}

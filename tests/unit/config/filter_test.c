// SPDX-License-Identifier: GPL-2.0-or-later
/* From the Filter section to what passes. */
#include <criterion/criterion.h>
#include <string.h>
#include "conf.h"
#include "oom.h"

static struct flow tcp_flow(uint8_t src, uint8_t dst, uint8_t state)
{
	struct flow fl;

	flow_init(&fl);
	fl.has = FLOW_HAS_PORTS | FLOW_HAS_STATE | FLOW_HAS_REPLY;
	fl.orig.family = FAM_IP4;
	fl.orig.proto = IPP_TCP;
	fl.orig.src.b[0] = 10;
	fl.orig.src.b[3] = src;
	fl.orig.dst.b[0] = 10;
	fl.orig.dst.b[3] = dst;
	fl.state = state;
	tuple_invert(&fl.orig, &fl.reply);
	return fl;
}

/* Does a TCP flow from 10.0.0.src to 10.0.0.dst pass? */
static bool passes(const char *filter, uint8_t src, uint8_t dst, uint8_t state)
{
	struct flow fl = tcp_flow(src, dst, state);
	char text[512];
	struct filter *f;
	struct conf conf;
	bool pass;

	snprintf(text, sizeof(text), "General { Filter %s }", filter);
	conf_read(&conf, text);
	cr_assert_eq(conf.rc, 0, "%s", text);
	f = config_make_filter(&conf.c);
	cr_assert(f);
	pass = filter_pass(f, &fl, true);
	filter_free(f);
	conf_done(&conf);
	return pass;
}

Test(filter, nothing_given_passes_everything)
{
	cr_expect(passes("{ }", 1, 2, TCPS_ESTABLISHED));
}

Test(filter, protocols)
{
	cr_expect(passes("{ Protocol Accept { TCP } }", 1, 2, 3));
	cr_expect(!passes("{ Protocol Accept { UDP } }", 1, 2, 3));
	cr_expect(!passes("{ Protocol Ignore { TCP } }", 1, 2, 3));
	cr_expect(passes("{ Protocol Ignore { UDP } }", 1, 2, 3));
}

Test(filter, addresses)
{
	cr_expect(!passes("{ Address Ignore { IPv4_address 10.0.0.1 } }", 1, 2, 3));
	cr_expect(!passes("{ Address Ignore { IPv4_address 10.0.0.1 } }", 2, 1, 3));
	cr_expect(passes("{ Address Ignore { IPv4_address 10.0.0.1 } }", 2, 3, 3));
	cr_expect(!passes("{ Address Ignore { IPv4_address 10.0.0.77/24 } }", 2, 3, 3));
	cr_expect(passes("{ Address Accept { IPv4_address 10.0.0.1 } }", 1, 2, 3));
	cr_expect(!passes("{ Address Accept { IPv6_address ::/0 } }", 1, 2, 3));
}

Test(filter, states)
{
	cr_expect(passes("{ State Accept { ESTABLISHED for TCP } }", 1, 2, TCPS_ESTABLISHED));
	cr_expect(!passes("{ State Accept { ESTABLISHED for TCP } }", 1, 2, TCPS_CLOSE));
	cr_expect(!passes("{ State Ignore { CLOSED for TCP } }", 1, 2, TCPS_CLOSE));
	cr_expect(passes("{ State Ignore { CLOSED for TCP } }", 1, 2, TCPS_ESTABLISHED));
}

Test(filter, empty_sets)
{
	cr_expect(!passes("{ Protocol Accept { } }", 1, 2, 3));
	cr_expect(!passes("{ Address Accept { } }", 1, 2, 3));
	cr_expect(!passes("{ State Accept { } }", 1, 2, 3));
	cr_expect(passes("{ Protocol Ignore { } Address Ignore { } State Ignore { } }", 1, 2, 3));
}

Test(filter, both_spellings_mean_the_same)
{
	cr_expect(passes("From Kernelspace { Address Accept { IPv4_address 10.0.0.1 } }", 1, 2, 3));
	cr_expect(!passes("From Kernelspace { Protocol Accept { } }", 1, 2, 3));
}

Test(filter, out_of_memory)
{
	struct conf conf;
	struct filter *f;
	long n;

	conf_read(&conf, "General { Filter { Address Ignore { IPv4_address 10.0.0.0/8 "
			 "IPv6_address ::1 IPv4_address 10.1.0.0/16 } } }");
	cr_assert_eq(conf.rc, 0);
	for (n = 0;; n++) {
		oom_after(n);
		f = config_make_filter(&conf.c);
		oom_off();
		if (f)
			break;
	}
	cr_expect_geq(n, 1);
	filter_free(f);
	conf_done(&conf);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Listings, against lines as running installations print them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include "flow/print.h"
#include "random_flow.h"

#define EST (CTS_SEEN_REPLY | CTS_ASSURED | CTS_CONFIRMED)

static char line[PRINT_LINE_MAX];

static const char *text(const struct flow *f)
{
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	print_flow(&b, f, false);
	cr_assert_not(b.cut);
	return line;
}

static const char *timed_text(const struct flow *f)
{
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	print_flow(&b, f, true);
	return line;
}

static const char *xml(const struct flow *f)
{
	struct strbuf b;

	strbuf_init(&b, line, sizeof(line));
	print_flow_xml(&b, f);
	cr_assert_not(b.cut);
	return line;
}

/* A flow with the reply that follows from it. */
static void make(struct flow *f, uint8_t proto, const char *src, const char *dst, uint16_t sport,
		 uint16_t dport, uint32_t status)
{
	uint8_t family = 0;

	flow_init(f);
	cr_assert_eq(addr_parse(src, &f->orig.src, &family), 0);
	cr_assert_eq(addr_parse(dst, &f->orig.dst, &family), 0);
	f->orig.family = family;
	f->orig.proto = proto;
	f->orig.sport = sport;
	f->orig.dport = dport;
	tuple_invert(&f->orig, &f->reply);
	f->status = status;
	f->has = FLOW_HAS_REPLY | FLOW_HAS_STATUS |
		 (proto_is_icmp(proto) ? FLOW_HAS_ICMP : FLOW_HAS_PORTS);
}

static void state(struct flow *f, uint8_t s)
{
	f->state = s;
	f->has |= FLOW_HAS_STATE;
}

static void mark(struct flow *f, uint32_t m)
{
	f->mark = m;
	f->has |= FLOW_HAS_MARK;
}

static void ping(struct flow *f, uint8_t proto, uint8_t type)
{
	f->orig.proto = proto;
	f->orig.icmp_type = type;
	tuple_invert(&f->orig, &f->reply);
}

/* What a peer knows of it: no reply tuple. */
static void external(struct flow *f)
{
	f->has &= ~FLOW_HAS_REPLY;
	memset(&f->reply, 0, sizeof(f->reply));
}

Test(print, tcp)
{
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.10", "10.20.0.10", 53620, 80, EST);
	state(&f, TCPS_ESTABLISHED);
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.10.0.10 dst=10.20.0.10 "
				   "sport=53620 dport=80 src=10.20.0.10 dst=10.10.0.10 sport=80 "
				   "dport=53620 [ASSURED]");
	f.has |= FLOW_HAS_HELPER;
	strcpy(f.helper, "ftp");
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.10.0.10 dst=10.20.0.10 "
				   "sport=53620 dport=80 src=10.20.0.10 dst=10.10.0.10 sport=80 "
				   "dport=53620 [ASSURED] helper=ftp");
}

Test(print, unreplied_and_mark)
{
	struct flow f;

	make(&f, IPP_UDP, "10.10.0.10", "10.20.0.10", 44398, 5353, CTS_CONFIRMED);
	cr_assert_str_eq(text(&f), "udp      17 src=10.10.0.10 dst=10.20.0.10 sport=44398 "
				   "dport=5353 [UNREPLIED] src=10.20.0.10 dst=10.10.0.10 "
				   "sport=5353 dport=44398");
	f.status |= CTS_SEEN_REPLY;
	mark(&f, 0);
	cr_assert_str_eq(text(&f), "udp      17 src=10.10.0.10 dst=10.20.0.10 sport=44398 "
				   "dport=5353 src=10.20.0.10 dst=10.10.0.10 "
				   "sport=5353 dport=44398 mark=0");
}

Test(print, icmp)
{
	struct flow f;

	make(&f, IPP_ICMP, "10.10.0.10", "10.20.0.10", 15113, 15113, CTS_SEEN_REPLY);
	ping(&f, IPP_ICMP, 8);
	cr_assert_str_eq(text(&f), "icmp     1 src=10.10.0.10 dst=10.20.0.10 type=8 code=0 "
				   "id=15113 src=10.20.0.10 dst=10.10.0.10 type=0 code=0 id=15113");
	make(&f, IPP_ICMP6, "fd10::1", "fd20::1", 77, 77, CTS_CONFIRMED);
	ping(&f, IPP_ICMP6, 128);
	mark(&f, 0);
	cr_assert_str_eq(text(&f), "icmpv6   58 src=fd10::1 dst=fd20::1 type=128 code=0 id=77 "
				   "[UNREPLIED] src=fd20::1 dst=fd10::1 type=129 code=0 id=77 "
				   "mark=0");
}

Test(print, other_protocols)
{
	struct flow f;

	make(&f, IPP_SCTP, "10.1.0.1", "10.2.0.1", 1, 2, CTS_CONFIRMED);
	state(&f, 4);
	mark(&f, 0);
	cr_assert_str_eq(text(&f), "sctp     132 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1 "
				   "dport=2 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=2 dport=1 "
				   "mark=0");
	make(&f, IPP_GRE, "10.1.0.1", "10.2.0.1", 1, 0xab, CTS_CONFIRMED);
	mark(&f, 0);
	cr_assert_str_eq(text(&f), "gre      47 src=10.1.0.1 dst=10.2.0.1 srckey=0x1 dstkey=0xab "
				   "[UNREPLIED] src=10.2.0.1 dst=10.1.0.1 srckey=0xab dstkey=0x1 "
				   "mark=0");
	make(&f, 89, "10.1.0.1", "10.2.0.1", 0, 0, CTS_CONFIRMED);
	mark(&f, 0);
	cr_assert_str_eq(text(&f), "unknown  89 src=10.1.0.1 dst=10.2.0.1 [UNREPLIED] "
				   "src=10.2.0.1 dst=10.1.0.1 mark=0");
	make(&f, IPP_UDPLITE, "10.1.0.1", "10.2.0.1", 0, 0, EST);
	external(&f);
	cr_assert_str_eq(text(&f), "udplite  136 src=10.1.0.1 dst=10.2.0.1 sport=0 dport=0 "
				   "[ASSURED]");
	make(&f, IPP_DCCP, "10.1.0.1", "10.2.0.1", 5, 6, EST);
	state(&f, 3);
	external(&f);
	cr_assert_str_eq(text(&f), "dccp     33 PARTOPEN src=10.1.0.1 dst=10.2.0.1 sport=5 "
				   "dport=6 [ASSURED]");
}

Test(print, zones)
{
	struct flow f;

	make(&f, IPP_TCP, "10.1.0.1", "10.2.0.3", 1, 2, CTS_CONFIRMED);
	state(&f, TCPS_ESTABLISHED);
	mark(&f, 0);
	f.zone = 7;
	f.has |= FLOW_HAS_ZONE;
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.3 sport=1 "
				   "dport=2 [UNREPLIED] src=10.2.0.3 dst=10.1.0.1 sport=2 dport=1 "
				   "mark=0 zone=7");
	f.has &= ~FLOW_HAS_ZONE;
	f.has |= FLOW_HAS_ZONE_ORIG;
	f.zone_orig = 8;
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.3 sport=1 "
				   "dport=2 zone-orig=8 [UNREPLIED] src=10.2.0.3 dst=10.1.0.1 "
				   "sport=2 dport=1 mark=0");
}

Test(print, translation_shows_in_the_reply)
{
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.10", "10.10.0.254", 50127, 8080, EST);
	state(&f, TCPS_ESTABLISHED);
	memcpy(f.reply.src.b, (uint8_t[]){ 10, 20, 0, 10 }, 4);
	f.reply.sport = 80;
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.10.0.10 dst=10.10.0.254 "
				   "sport=50127 dport=8080 src=10.20.0.10 dst=10.10.0.10 sport=80 "
				   "dport=50127 [ASSURED]");
}

Test(print, external_entries_have_no_reply)
{
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.11", "10.20.0.10", 36557, 80, EST);
	state(&f, TCPS_ESTABLISHED);
	external(&f);
	f.has |= FLOW_HAS_SNAT;
	f.snat = f.orig.src;
	cr_assert_str_eq(text(&f), "tcp      6 ESTABLISHED src=10.10.0.11 dst=10.20.0.10 "
				   "sport=36557 dport=80 [ASSURED]");
	make(&f, IPP_UDP, "10.10.0.10", "10.20.0.10", 44398, 5353, CTS_CONFIRMED);
	external(&f);
	cr_assert_str_eq(text(&f), "udp      17 src=10.10.0.10 dst=10.20.0.10 sport=44398 "
				   "dport=5353 [UNREPLIED]");
}

Test(print, timeout_and_counters)
{
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.11", "10.20.0.10", 48121, 80, EST);
	memcpy(f.reply.dst.b, (uint8_t[]){ 10, 20, 0, 1 }, 4);
	state(&f, TCPS_ESTABLISHED);
	mark(&f, 0);
	f.timeout = 431998;
	f.has |= FLOW_HAS_TIMEOUT | FLOW_HAS_COUNTERS;
	f.packets[0] = 4;
	f.bytes[0] = 219;
	f.packets[1] = 3;
	f.bytes[1] = UINT64_MAX;
	cr_assert_str_eq(timed_text(&f),
			 "tcp      6 431998 ESTABLISHED src=10.10.0.11 dst=10.20.0.10 sport=48121 "
			 "dport=80 packets=4 bytes=219 src=10.20.0.10 dst=10.20.0.1 sport=80 "
			 "dport=48121 packets=3 bytes=18446744073709551615 [ASSURED] mark=0");
	f.has &= ~(FLOW_HAS_TIMEOUT | FLOW_HAS_COUNTERS | FLOW_HAS_MARK);
	cr_assert_str_eq(timed_text(&f),
			 "tcp      6 ESTABLISHED src=10.10.0.11 dst=10.20.0.10 sport=48121 "
			 "dport=80 src=10.20.0.10 dst=10.20.0.1 sport=80 dport=48121 [ASSURED]");
}

Test(print, offload_stands_where_assured_stood)
{
	struct flow f;

	make(&f, 89, "10.1.0.1", "10.2.0.1", 0, 0, EST | 1u << 14);
	external(&f);
	cr_assert_str_eq(text(&f), "unknown  89 src=10.1.0.1 dst=10.2.0.1 [OFFLOAD]");
	f.status |= 1u << 15;
	cr_assert_str_eq(text(&f), "unknown  89 src=10.1.0.1 dst=10.2.0.1 [HW_OFFLOAD]");
	f.has &= ~FLOW_HAS_STATUS;
	cr_assert_str_eq(text(&f), "unknown  89 src=10.1.0.1 dst=10.2.0.1");
}

static void states_are(uint8_t proto, const char *const *names, unsigned int n)
{
	char want[64];
	struct flow f;

	for (unsigned int s = 0; s < 256; s++) {
		make(&f, proto, "10.1.0.1", "10.2.0.1", 1, 2, EST);
		state(&f, (uint8_t)s);
		snprintf(want, sizeof(want), " %s src=", names[s < n ? s : 0]);
		cr_assert_not_null(strstr(text(&f), want), "%s in %s", want, line);
		snprintf(want, sizeof(want), "<state>%s</state>", names[s < n ? s : 0]);
		cr_assert_not_null(strstr(xml(&f), want), "%s in %s", want, line);
	}
}

Test(print, state_names)
{
	static const char *const tcp[] = { "NONE",     "SYN_SENT",   "SYN_RECV", "ESTABLISHED",
					   "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
					   "CLOSE",    "SYN_SENT2" };
	static const char *const sctp[] = { "NONE",           "CLOSED",
					    "COOKIE_WAIT",    "COOKIE_ECHOED",
					    "ESTABLISHED",    "SHUTDOWN_SENT",
					    "SHUTDOWN_RECD",  "SHUTDOWN_ACK_SENT",
					    "HEARTBEAT_SENT", "HEARTBEAT_ACKED" };
	static const char *const dccp[] = {
		"NONE",     "REQUEST", "RESPOND",  "PARTOPEN", "OPEN",
		"CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE",   "INVALID"
	};
	struct flow f;

	states_are(IPP_TCP, tcp, 10);
	states_are(IPP_SCTP, sctp, 10);
	states_are(IPP_DCCP, dccp, 10);
	make(&f, IPP_UDP, "10.1.0.1", "10.2.0.1", 1, 2, EST);
	state(&f, 3);
	cr_assert_null(strstr(text(&f), "ESTABLISHED"), "UDP has no states");
}

/* --- XML -------------------------------------------------------------------- */

Test(print, xml_tcp)
{
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.10", "10.20.0.10", 53620, 80, EST);
	state(&f, TCPS_ESTABLISHED);
	mark(&f, 0);
	f.id = 540311755;
	f.timeout = 5;
	f.has |= FLOW_HAS_ID | FLOW_HAS_TIMEOUT;
	cr_assert_str_eq(
		xml(&f),
		"<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
		"<src>10.10.0.10</src><dst>10.20.0.10</dst></layer3><layer4 protonum=\"6\" "
		"protoname=\"tcp\"><sport>53620</sport><dport>80</dport></layer4></meta>"
		"<meta direction=\"reply\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
		"<src>10.20.0.10</src><dst>10.10.0.10</dst></layer3><layer4 protonum=\"6\" "
		"protoname=\"tcp\"><sport>80</sport><dport>53620</dport></layer4></meta>"
		"<meta direction=\"independent\"><state>ESTABLISHED</state><mark>0</mark>"
		"<id>540311755</id><assured/></meta></flow>");
}

#define XML_NO_REPLY                                                                         \
	"<meta direction=\"reply\"><layer3 protonum=\"0\" protoname=\"unknown\"><src></src>" \
	"<dst></dst></layer3><layer4 protonum=\"0\" protoname=\"unknown\"></layer4></meta>"

Test(print, xml_external)
{
	struct flow f;

	make(&f, IPP_ICMP6, "fd10::1", "fd20::1", 77, 77, CTS_CONFIRMED);
	ping(&f, IPP_ICMP6, 128);
	external(&f);
	f.zone = 3;
	f.has |= FLOW_HAS_ZONE;
	cr_assert_str_eq(
		xml(&f),
		"<flow><meta direction=\"original\"><layer3 protonum=\"10\" "
		"protoname=\"ipv6\"><src>fd10::1</src><dst>fd20::1</dst></layer3>"
		"<layer4 protonum=\"58\" protoname=\"icmpv6\"></layer4></meta>" XML_NO_REPLY
		"<meta direction=\"independent\"><zone>3</zone><unreplied/></meta></flow>");
}

Test(print, xml_gre_zone_helper)
{
	struct flow f;

	make(&f, IPP_GRE, "10.1.0.1", "10.2.0.1", 1, 0xab, EST);
	external(&f);
	f.has |= FLOW_HAS_ZONE_ORIG | FLOW_HAS_HELPER;
	f.has &= ~FLOW_HAS_STATUS;
	f.zone_orig = 8;
	strcpy(f.helper, "pptp");
	cr_assert_str_eq(xml(&f),
			 "<flow><meta direction=\"original\"><layer3 protonum=\"2\" "
			 "protoname=\"ipv4\"><src>10.1.0.1</src><dst>10.2.0.1</dst></layer3>"
			 "<layer4 protonum=\"47\" protoname=\"gre\"><srckey>0x1</srckey>"
			 "<dstkey>0xab</dstkey></layer4><zone>8</zone></meta>" XML_NO_REPLY
			 "<helper>pptp</helper></flow>");
}

/* --- names from outside -------------------------------------------------------- */

Test(print, a_name_cannot_break_a_line)
{
	struct flow f;

	make(&f, 89, "10.1.0.1", "10.2.0.1", 0, 0, EST);
	external(&f);
	f.has = FLOW_HAS_HELPER;
	strcpy(f.helper, "a\nb c\x80<&>\x7f");
	cr_assert_str_eq(text(&f), "unknown  89 src=10.1.0.1 dst=10.2.0.1 helper=a?b?c?<&>?");
	cr_assert_not_null(strstr(xml(&f), "<helper>a?b?c?&lt;&amp;&gt;?</helper>"), "%s", line);
	memset(f.helper, 'x', sizeof(f.helper));
	cr_assert_not_null(strstr(text(&f), " helper=xxxxxxxxxxxxxxxx"), "%s", line);
}

/* --- expectations ------------------------------------------------------------- */

static void ftp(struct expect *e)
{
	struct flow f;

	expect_init(e);
	make(&f, IPP_TCP, "10.10.0.10", "10.20.0.10", 59852, 21, EST);
	e->master = f.orig;
	make(&f, IPP_TCP, "10.20.0.10", "10.10.0.10", 0, 10241, EST);
	e->tuple = f.orig;
	make(&f, IPP_TCP, "255.255.255.255", "255.255.255.255", 0, 65535, EST);
	e->mask = f.orig;
	e->has = EXPECT_HAS_MASTER | EXPECT_HAS_TUPLE | EXPECT_HAS_MASK | EXPECT_HAS_FLAGS |
		 EXPECT_HAS_CLASS | EXPECT_HAS_HELPER | EXPECT_HAS_TIMEOUT;
	e->timeout = 300;
	strcpy(e->helper, "ftp");
}

#define FTP_LINE                                                                              \
	"proto=6 src=10.20.0.10 dst=10.10.0.10 sport=0 dport=10241 mask-src=255.255.255.255 " \
	"mask-dst=255.255.255.255 sport=0 dport=65535 master-src=10.10.0.10 "                 \
	"master-dst=10.20.0.10 sport=59852 dport=21"
#define FTP_XML                                                                                 \
	"<flow><layer3 protonum=\"2\" protoname=\"ipv4\"><expected><src>10.20.0.10</src>"       \
	"<dst>10.10.0.10</dst></expected><mask><src>255.255.255.255</src>"                      \
	"<dst>255.255.255.255</dst></mask><master><src>10.10.0.10</src><dst>10.20.0.10</dst>"   \
	"</master></layer3><layer4 protonum=\"6\" protoname=\"tcp\"><expected><sport>0</sport>" \
	"<dport>10241</dport></expected><mask><sport>0</sport><dport>65535</dport></mask>"      \
	"<master><sport>59852</sport><dport>21</dport></master></layer4><meta>"

Test(print, expectation)
{
	struct expect e;
	struct strbuf b;

	ftp(&e);
	strbuf_init(&b, line, sizeof(line));
	print_expect(&b, &e);
	cr_assert_str_eq(line, FTP_LINE " class=0 helper=ftp");
	e.flags = EXPF_PERMANENT | EXPF_USERSPACE;
	e.has &= ~(EXPECT_HAS_CLASS | EXPECT_HAS_HELPER);
	e.has |= EXPECT_HAS_ZONE;
	e.zone = 4;
	strbuf_init(&b, line, sizeof(line));
	print_expect(&b, &e);
	cr_assert_str_eq(line, FTP_LINE " zone=4 PERMANENT,USERSPACE");
}

Test(print, expectation_xml)
{
	struct expect e;
	struct strbuf b;

	ftp(&e);
	strbuf_init(&b, line, sizeof(line));
	print_expect_xml(&b, &e);
	cr_assert_str_eq(line,
			 FTP_XML "<helper-name>ftp</helper-name><class>0</class></meta></flow>");
	e.flags = EXPF_PERMANENT | EXPF_INACTIVE | EXPF_USERSPACE;
	e.has &= ~(EXPECT_HAS_CLASS | EXPECT_HAS_HELPER);
	strbuf_init(&b, line, sizeof(line));
	print_expect_xml(&b, &e);
	cr_assert_str_eq(line, FTP_XML "<permanent/><inactive/><userspace/></meta></flow>");
}

/* Whatever the content, a line fits and stays one line. */
Test(print, every_line_fits)
{
	struct expect e;
	struct flow f;
	struct strbuf b;
	struct rng r;

	rng_seed(&r, 31);
	for (int i = 0; i < 5000; i++) {
		rnd_flow(&r, &f);
		f.has |= FLOW_HAS_COUNTERS;
		memset(f.packets, 0xff, sizeof(f.packets));
		cr_assert_null(strchr(timed_text(&f), '\n'));
		cr_assert_null(strchr(xml(&f), '\n'));
		rnd_expect(&r, &e);
		strbuf_init(&b, line, sizeof(line));
		print_expect_xml(&b, &e);
		cr_assert_not(b.cut);
		strbuf_init(&b, line, sizeof(line));
		print_expect(&b, &e);
		cr_assert_not(b.cut);
	}
}

Test(print, a_short_buffer_is_cut_not_overrun)
{
	char small[20];
	struct strbuf b;
	struct flow f;

	make(&f, IPP_TCP, "10.10.0.10", "10.20.0.10", 53620, 80, EST);
	strbuf_init(&b, small, sizeof(small));
	print_flow(&b, &f, false);
	cr_assert(b.cut);
	cr_assert_str_eq(small, "tcp      6 src=10.1");
}

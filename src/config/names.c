// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of protocols, TCP states and syslog facilities. The protocol table is
 * built in (IANA assignments) so that a file means the same on a host without
 * /etc/protocols; that file is only asked for names the table lacks.
 */
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include "config/config.h"
#include "word.h"

struct proto {
	uint8_t number;
	const char *name;
};

/* The first row of a number is the name that is printed. */
/* clang-format off */
static const struct proto protos[] = {
	{ 0, "hopopt" }, { 0, "ip" },
	{ 1, "icmp" },
	{ 2, "igmp" },
	{ 3, "ggp" },
	{ 4, "ipencap" }, { 4, "ip-encap" },
	{ 5, "st" },
	{ 6, "tcp" },
	{ 8, "egp" },
	{ 9, "igp" },
	{ 12, "pup" },
	{ 17, "udp" },
	{ 20, "hmp" },
	{ 22, "xns-idp" },
	{ 27, "rdp" },
	{ 29, "iso-tp4" },
	{ 33, "dccp" },
	{ 36, "xtp" },
	{ 37, "ddp" },
	{ 38, "idpr-cmtp" },
	{ 41, "ipv6" },
	{ 43, "ipv6-route" },
	{ 44, "ipv6-frag" },
	{ 45, "idrp" },
	{ 46, "rsvp" },
	{ 47, "gre" },
	{ 50, "esp" }, { 50, "ipsec-esp" },
	{ 51, "ah" }, { 51, "ipsec-ah" },
	{ 57, "skip" },
	{ 58, "ipv6-icmp" }, { 58, "icmpv6" }, { 58, "icmp6" },
	{ 59, "ipv6-nonxt" },
	{ 60, "ipv6-opts" },
	{ 73, "rspf" }, { 73, "cphb" },
	{ 81, "vmtp" },
	{ 88, "eigrp" },
	{ 89, "ospf" }, { 89, "ospfigp" },
	{ 93, "ax.25" },
	{ 94, "ipip" },
	{ 97, "etherip" },
	{ 98, "encap" },
	{ 103, "pim" },
	{ 108, "ipcomp" },
	{ 112, "vrrp" },
	{ 115, "l2tp" },
	{ 124, "isis" },
	{ 132, "sctp" },
	{ 133, "fc" },
	{ 135, "mobility-header" },
	{ 136, "udplite" },
	{ 137, "mpls-in-ip" },
	{ 138, "manet" },
	{ 139, "hip" },
	{ 140, "shim6" },
	{ 141, "wesp" },
	{ 142, "rohc" },
	{ 143, "ethernet" },
};
/* clang-format on */

#define N_PROTOS (sizeof(protos) / sizeof(protos[0]))

/* The name as the host spells it; numbers above 255 are not IP protocols. */
static int ask_host(const char *name)
{
	struct protoent ent, *found;
	char buf[1024];

	if (getprotobyname_r(name, &ent, buf, sizeof(buf), &found) || !found ||
	    found->p_proto < 0 || found->p_proto > 255)
		return -1;
	return found->p_proto;
}

int name_to_proto(const struct word *w, bool host)
{
	char name[64];
	uint32_t number;
	size_t i;

	if (word_number(w, &number) == 0)
		return number <= 255 ? (int)number : -1;
	for (i = 0; i < N_PROTOS; i++)
		if (word_is_nocase(w, protos[i].name))
			return protos[i].number;
	if (!host || w->len >= sizeof(name))
		return -1;
	memcpy(name, w->s, w->len);
	name[w->len] = '\0';
	return ask_host(name);
}

const char *proto_to_name(uint8_t proto)
{
	size_t i;

	for (i = 0; i < N_PROTOS; i++)
		if (protos[i].number == proto)
			return protos[i].name;
	return NULL;
}

struct state {
	unsigned int number;
	const char *name;
};

/* clang-format off */
static const struct state states[] = {
	{ TCPS_SYN_SENT, "SYN_SENT" },
	{ TCPS_SYN_RECV, "SYN_RECV" },
	{ TCPS_ESTABLISHED, "ESTABLISHED" },
	{ TCPS_FIN_WAIT, "FIN_WAIT" },
	{ TCPS_CLOSE_WAIT, "CLOSE_WAIT" },
	{ TCPS_LAST_ACK, "LAST_ACK" },
	{ TCPS_TIME_WAIT, "TIME_WAIT" },
	{ TCPS_CLOSE, "CLOSED" },
	{ TCPS_CLOSE, "CLOSE" },
	/* The kernel has reused this number for SYN_SENT2 (nf_conntrack_tcp.h). */
	{ TCPS_SYN_SENT2, "LISTEN" },
};
/* clang-format on */

#define N_STATES (sizeof(states) / sizeof(states[0]))

int name_to_state(const struct word *w)
{
	size_t i;

	for (i = 0; i < N_STATES; i++)
		if (word_is(w, states[i].name))
			return (int)states[i].number;
	return -1;
}

const char *state_to_name(unsigned int state)
{
	size_t i;

	for (i = 0; i < N_STATES; i++)
		if (states[i].number == state)
			return states[i].name;
	return NULL;
}

struct facility {
	int32_t number;
	const char *name;
};

/* clang-format off */
static const struct facility facilities[] = {
	{ LOG_DAEMON, "daemon" },
	{ LOG_LOCAL0, "local0" }, { LOG_LOCAL1, "local1" },
	{ LOG_LOCAL2, "local2" }, { LOG_LOCAL3, "local3" },
	{ LOG_LOCAL4, "local4" }, { LOG_LOCAL5, "local5" },
	{ LOG_LOCAL6, "local6" }, { LOG_LOCAL7, "local7" },
};
/* clang-format on */

#define N_FACILITIES (sizeof(facilities) / sizeof(facilities[0]))

int32_t name_to_facility(const struct word *w)
{
	size_t i;

	for (i = 0; i < N_FACILITIES; i++)
		if (word_is(w, facilities[i].name))
			return facilities[i].number;
	return CONFIG_NO_SYSLOG;
}

const char *facility_to_name(int32_t facility)
{
	size_t i;

	for (i = 0; i < N_FACILITIES; i++)
		if (facilities[i].number == facility)
			return facilities[i].name;
	return "off";
}

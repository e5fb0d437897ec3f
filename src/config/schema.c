// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of the configuration language. A keyword is added by adding its row
 * here and its paragraph in conntrackd.conf(5). The order of rows is the order
 * in which the effective configuration is printed.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config/config.h"
#include "schema.h"

/* clang-format off */
#define INT_TOP 2147483647u    /* files were always limited to a C int */

#define SYNC(field)    .off = offsetof(struct config, sync.field)
#define GENERAL(field) .off = offsetof(struct config, general.field)
#define STATS(field)   .off = offsetof(struct config, stats.field)
#define FILTER(field)  .off = offsetof(struct config, filter.field)
#define LINK(field)    .scope = SCOPE_LINK, .off = offsetof(struct config_link, field)
#define HELPER(field)  .scope = SCOPE_HELPER, .off = offsetof(struct config_helper, field)

#define NUMBER_(low, top) .type = KEY_NUMBER, .min = (low), .max = (top)
#define BLOCK_(block, least, most) \
	.type = KEY_BLOCK, .opens = IN_##block, .min = (least), .max = (most)
#define ADDR_(which, fam) \
	.type = KEY_LINK_ADDR, .problem = BAD_IS_WARNING, .scope = SCOPE_LINK, \
	.addr = ADDR_##which, .family = FAM_##fam
#define REMOVED_(word, advice) { .name = word, .type = KEY_REMOVED, .help = advice }

static const char *const schedulers[] = { "RR", "FIFO", NULL };
/* In the order of enum log_level. */
static const char *const log_levels[] = { "error", "warning", "notice", "info", "debug", NULL };

static const struct schema_key keys[] = {
	/* ---- top level ---- */
	{ .name = "Sync", .where = IN(TOP), BLOCK_(SYNC, 0, 0),
	  .help = "replicate connection tracking states to other nodes" },
	{ .name = "General", .where = IN(TOP), BLOCK_(GENERAL, 0, 0),
	  .help = "settings of the daemon" },
	{ .name = "Stats", .where = IN(TOP), BLOCK_(STATS, 0, 0),
	  .help = "log ended flows instead of replicating" },
	{ .name = "Helper", .where = IN(TOP), BLOCK_(HELPER, 0, 0),
	  .help = "connection tracking helpers in user space" },

	/* ---- Sync ---- */
	{ .name = "Mode", .where = IN(SYNC), BLOCK_(FTFW, 1, 1),
	  .help = "replication protocol: FTFW, NOTRACK or ALARM" },
	{ .name = "RefreshTime", .where = IN(SYNC) | IN(ALARM), NUMBER_(0, INT_TOP), .def = 60,
	  .flags = KEY_ZERO_DEFAULT, SYNC(refresh_time), .unit = "seconds",
	  .help = "an entry is sent again within this time" },
	{ .name = "CacheTimeout", .where = IN(SYNC) | IN(ALARM), NUMBER_(0, INT_TOP), .def = 180,
	  .flags = KEY_ZERO_DEFAULT, SYNC(cache_timeout), .unit = "seconds",
	  .help = "an entry of the peer not heard of for this time is dropped" },
	{ .name = "CommitTimeout", .where = IN(SYNC) | IN_MODES, NUMBER_(0, INT_TOP),
	  .flags = KEY_ZERO_UNSET, SYNC(commit_timeout), .unit = "seconds",
	  .help = "timeout of entries put into the kernel by a commit" },
	{ .name = "PurgeTimeout", .where = IN(SYNC) | IN_MODES, NUMBER_(0, INT_TOP), .def = 60,
	  .flags = KEY_ZERO_DEFAULT, SYNC(purge_timeout), .unit = "seconds",
	  .help = "delay of the kernel flush scheduled by conntrackd -t" },
	{ .name = "ResendQueueSize", .where = IN(FTFW), NUMBER_(0, INT_TOP), .def = 131072,
	  .flags = KEY_ZERO_DEFAULT, SYNC(resend_queue), .unit = "objects",
	  .help = "most objects waiting for their acknowledgement" },
	{ .name = "ACKWindowSize", .where = IN(FTFW), NUMBER_(0, INT_TOP), .def = 300,
	  .flags = KEY_ZERO_DEFAULT, SYNC(ack_window), .unit = "messages",
	  .help = "most messages received before one acknowledgement is sent" },
	{ .name = "DisableInternalCache", .where = IN(NOTRACK), .type = KEY_BOOL,
	  SYNC(disable_internal), .flags = KEY_AT_START,
	  .help = "turn kernel events into messages without keeping a copy" },
	{ .name = "DisableExternalCache", .where = IN(FTFW) | IN(NOTRACK), .type = KEY_BOOL,
	  SYNC(disable_external), .flags = KEY_AT_START,
	  .help = "put received states straight into the kernel" },
	{ .name = "StartupResync", .where = IN(FTFW) | IN(NOTRACK), .type = KEY_BOOL,
	  SYNC(startup_resync), .help = "ask the peer for everything after the start" },
	{ .name = "Peer", .where = IN(SYNC), BLOCK_(PEER, 1, 1),
	  .help = "one of several nodes to replicate with" },
	{ .name = "Multicast", .where = IN(SYNC) | IN(PEER), BLOCK_(MULTICAST, 0, 1),
	  .help = "dedicated link over UDP multicast" },
	{ .name = "UDP", .where = IN(SYNC) | IN(PEER), BLOCK_(UDP, 0, 1),
	  .help = "dedicated link over UDP unicast" },
	{ .name = "TCP", .where = IN(SYNC) | IN(PEER), BLOCK_(TCP, 0, 1),
	  .help = "dedicated link over TCP" },
	{ .name = "Options", .where = IN(SYNC), BLOCK_(OPTIONS, 0, 0),
	  .help = "what is replicated and how it is injected" },

	/* ---- links ---- */
	{ .name = "IPv4_address", .where = IN_LINK, ADDR_(LOCAL, IP4),
	  .help = "own address; Multicast: the group" },
	{ .name = "IPv6_address", .where = IN_LINK, ADDR_(LOCAL, IP6),
	  .help = "own address; Multicast: the group" },
	{ .name = "IPv4_Destination_Address", .where = IN(UDP) | IN(TCP), ADDR_(DEST, IP4),
	  .help = "address of the peer" },
	{ .name = "IPv6_Destination_Address", .where = IN(UDP) | IN(TCP), ADDR_(DEST, IP6),
	  .help = "address of the peer" },
	{ .name = "IPv4_interface", .where = IN(MULTICAST), ADDR_(IFACE, IP4),
	  .help = "own address on the device that joins the group" },
	{ .name = "IPv6_interface", .where = IN(MULTICAST), .type = KEY_IGNORED,
	  .help = "Interface names the device" },
	{ .name = "Interface", .where = IN_LINK, .type = KEY_INTERFACE, LINK(interface),
	  .help = "device of the link" },
	{ .name = "Group", .where = IN(MULTICAST), NUMBER_(1, 65535), .flags = KEY_ZERO_UNSET,
	  LINK(port), .help = "UDP port of the multicast group" },
	{ .name = "Port", .where = IN(UDP) | IN(TCP), NUMBER_(1, 65535), .flags = KEY_ZERO_UNSET,
	  LINK(port), .help = "port of both ends" },
	{ .name = "SndSocketBuffer", .where = IN_LINK, NUMBER_(0, INT_TOP), .flags = KEY_ZERO_UNSET,
	  LINK(snd_buffer), .unit = "bytes", .help = "send buffer of the socket" },
	{ .name = "RcvSocketBuffer", .where = IN_LINK, NUMBER_(0, INT_TOP), .flags = KEY_ZERO_UNSET,
	  LINK(rcv_buffer), .unit = "bytes", .help = "receive buffer of the socket" },
	{ .name = "Checksum", .where = IN_LINK, .type = KEY_BOOL, .def = 1, LINK(checksum),
	  .help = "UDP checksum on what is sent" },
	{ .name = "ErrorQueueLength", .where = IN(TCP), NUMBER_(0, INT_TOP), .def = 128,
	  .flags = KEY_ZERO_DEFAULT, SYNC(error_queue), .unit = "batches",
	  .help = "batches kept for a later attempt when sending fails" },

	/* ---- Options ---- */
	{ .name = "TCPWindowTracking", .where = IN(OPTIONS), .type = KEY_BOOL, SYNC(window_tracking),
	  .help = "leave the TCP window check on for injected entries" },
	{ .name = "ExpectationSync", .where = IN(OPTIONS), .type = KEY_BOOL_LIST, SYNC(expect_sync),
	  .help = "replicate expectations, of all helpers or of those listed" },
	{ .name = "BigEndianPeer", .where = IN(OPTIONS), .type = KEY_BOOL, SYNC(big_endian_peer),
	  .help = "a peer of conntrackd 1.4 runs on a big-endian machine" },

	/* ---- General ---- */
	{ .name = "HashSize", .where = IN(GENERAL), NUMBER_(0, INT_TOP), .def = 65536,
	  .flags = KEY_ZERO_DEFAULT, GENERAL(hash_size), .unit = "buckets",
	  .help = "expected size of each cache" },
	{ .name = "HashLimit", .where = IN(GENERAL), NUMBER_(0, INT_TOP), .def = 262144,
	  .flags = KEY_ZERO_DEFAULT, GENERAL(hash_limit), .unit = "entries",
	  .help = "most entries of each cache" },
	{ .name = "LogFile", .where = IN(GENERAL), .type = KEY_BOOL_PATH, .max = CONFIG_PATH - 1,
	  .text = "/var/log/conntrackd.log", GENERAL(log_file), .help = "log to this file" },
	{ .name = "Syslog", .where = IN(GENERAL), .type = KEY_FACILITY, .problem = BAD_IS_WARNING,
	  GENERAL(syslog), .help = "log to syslog" },
	{ .name = "LogLevel", .where = IN(GENERAL), .type = KEY_CHOICE, .choices = log_levels,
	  .def = LOG_LVL_INFO + 1, GENERAL(log_level), .help = "least severe lines that are logged" },
	{ .name = "LockFile", .where = IN(GENERAL), .type = KEY_PATH, .min = 1,
	  .max = CONFIG_PATH - 1, .text = "/var/lock/conntrackd.lock", GENERAL(lock_file),
	  .flags = KEY_AT_START,
	  .help = "file that keeps a second daemon from starting" },
	{ .name = "User", .where = IN(GENERAL), .type = KEY_ACCOUNT, .flags = KEY_AT_START,
	  GENERAL(user),
	  .help = "user to run as after the start" },
	{ .name = "UNIX", .where = IN(GENERAL), BLOCK_(UNIX, 0, 0), .help = "control socket" },
	{ .name = "Path", .where = IN(UNIX), .type = KEY_PATH, .min = 1,
	  .max = CONFIG_SOCKET_PATH - 1, .text = "/var/run/conntrackd.ctl", GENERAL(socket_path),
	  .flags = KEY_AT_START,
	  .help = "name of the control socket" },
	{ .name = "Group", .where = IN(UNIX), .type = KEY_ACCOUNT, .flags = KEY_AT_START,
	  GENERAL(socket_group),
	  .help = "group of the control socket, whose members may command the daemon" },
	{ .name = "Mode", .where = IN(UNIX), .type = KEY_FILE_MODE, .flags = KEY_AT_START,
	  GENERAL(socket_mode),
	  .help = "permissions of the control socket" },
	{ .name = "Backlog", .where = IN(UNIX), .type = KEY_IGNORED,
	  .help = "the number of waiting clients is fixed" },
	{ .name = "NetlinkBufferSize", .alias = { "SocketBufferSize" }, .where = IN(GENERAL),
	  NUMBER_(0, INT_TOP), .flags = KEY_ZERO_UNSET, GENERAL(nl_buffer), .unit = "bytes",
	  .help = "buffer of the kernel event socket" },
	{ .name = "NetlinkBufferSizeMaxGrowth",
	  .alias = { "SocketBufferSizeMaxGrowth", "SocketBufferSizeMaxGrown" },
	  .where = IN(GENERAL), NUMBER_(0, INT_TOP), .flags = KEY_ZERO_UNSET,
	  GENERAL(nl_buffer_max), .unit = "bytes",
	  .help = "most that buffer is enlarged to after an overrun" },
	{ .name = "NetlinkOverrunResync", .where = IN(GENERAL), .type = KEY_BOOL_NUMBER,
	  .max = INT_TOP, .def = 30, GENERAL(overrun_resync), .unit = "seconds",
	  .help = "read the kernel table again this long after the last overrun" },
	{ .name = "NetlinkEventsReliable", .where = IN(GENERAL), .type = KEY_BOOL,
	  GENERAL(events_reliable), .help = "the kernel retries events that did not fit" },
	{ .name = "EventIterationLimit", .where = IN(GENERAL), NUMBER_(0, INT_TOP), .def = 100,
	  .flags = KEY_ZERO_DEFAULT, GENERAL(event_limit), .unit = "events",
	  .help = "most events handled in one turn" },
	{ .name = "PollSecs", .where = IN(GENERAL), NUMBER_(1, INT_TOP), .flags = KEY_ZERO_UNSET,
	  GENERAL(poll_secs), .unit = "seconds",
	  .help = "poll the kernel table instead of listening for events" },
	{ .name = "Nice", .where = IN(GENERAL), .type = KEY_IGNORED,
	  .help = "start the daemon with nice(1) instead" },
	{ .name = "Scheduler", .where = IN(GENERAL), BLOCK_(SCHEDULER, 0, 0),
	  .help = "real time scheduling of the daemon" },
	{ .name = "Type", .where = IN(SCHEDULER), .type = KEY_CHOICE, .choices = schedulers,
	  GENERAL(sched_policy), .help = "scheduling policy" },
	{ .name = "Priority", .where = IN(SCHEDULER), NUMBER_(0, 99), GENERAL(sched_priority),
	  .help = "scheduling priority" },
	{ .name = "Systemd", .where = IN(GENERAL), .type = KEY_BOOL, .def = 1, GENERAL(systemd),
	  .flags = KEY_AT_START,
	  .help = "tell systemd about readiness, watchdog and stopping" },
	{ .name = "Filter", .where = IN(GENERAL), BLOCK_(FILTER, 0, 2),
	  .help = "which flows are handled at all" },

	/* ---- Filter ---- */
	{ .name = "Protocol", .where = IN(FILTER), .type = KEY_LIST, .problem = BAD_IS_WARNING,
	  .min = 1, .max = 1, FILTER(proto_policy), .help = "flows by layer 4 protocol" },
	{ .name = "Address", .where = IN(FILTER), BLOCK_(ADDRESS, 1, 1), FILTER(addr_policy),
	  .help = "flows by address of client or server" },
	{ .name = "IPv4_address", .where = IN(ADDRESS), .type = KEY_NET, .problem = BAD_IS_WARNING,
	  .family = FAM_IP4, .help = "an address or network" },
	{ .name = "IPv6_address", .where = IN(ADDRESS), .type = KEY_NET, .problem = BAD_IS_WARNING,
	  .family = FAM_IP6, .help = "an address or network" },
	{ .name = "State", .where = IN(FILTER), .type = KEY_LIST, .min = 1, .max = 1,
	  FILTER(state_policy), .help = "TCP flows by state" },

	/* ---- Stats ---- */
	{ .name = "LogFile", .where = IN(STATS), .type = KEY_BOOL_PATH, .max = CONFIG_PATH - 1,
	  .text = "/var/log/conntrackd-stats.log", STATS(log_file),
	  .help = "file that gets a line per ended flow" },
	{ .name = "Syslog", .where = IN(STATS), .type = KEY_FACILITY, .problem = BAD_IS_WARNING,
	  STATS(syslog), .help = "the same lines to syslog" },

	/* ---- Helper ---- */
	{ .name = "Setup", .where = IN(HELPER), .type = KEY_BOOL,
	  .off = offsetof(struct config, helper_setup), .help = "register the helpers in the kernel" },
	{ .name = "Type", .where = IN(HELPER), BLOCK_(TYPE, 3, 3), .help = "one helper" },
	{ .name = "QueueNum", .where = IN(TYPE), NUMBER_(0, 65535), HELPER(queue_num),
	  .help = "number of the netfilter queue" },
	{ .name = "QueueLen", .where = IN(TYPE), NUMBER_(0, INT_TOP), .flags = KEY_ZERO_UNSET,
	  HELPER(queue_len), .unit = "packets", .help = "length of that queue" },
	{ .name = "Policy", .where = IN(TYPE), BLOCK_(POLICY, 1, 1),
	  .help = "limits for the expectations of the helper" },
	{ .name = "ExpectMax", .where = IN(POLICY), NUMBER_(0, INT_TOP), HELPER(expect_max),
	  .unit = "expectations", .help = "most expectations per connection" },
	{ .name = "ExpectTimeout", .where = IN(POLICY), NUMBER_(0, INT_TOP), HELPER(expect_timeout),
	  .unit = "seconds", .help = "lifetime of an expectation" },

	/* ---- gone since 1.4.5 ---- */
	REMOVED_("CacheWriteThrough", "use DisableExternalCache in the Mode block"),
	REMOVED_("DelayDestroyMessages", "delete the line, nothing replaces it"),
	REMOVED_("DestroyTimeout", "delete the line, nothing replaces it"),
	REMOVED_("Family", "delete the line, IPv4 and IPv6 are always handled"),
	REMOVED_("IgnoreProtocol", "use General { Filter { Protocol Ignore { ... } } }"),
	REMOVED_("IgnoreTrafficFor", "use General { Filter { Address Ignore { ... } } }"),
	REMOVED_("ListenTo", "use General { Filter { Address Accept { ... } } }"),
	REMOVED_("LogFileBufferSize", "delete the line, each log line is written at once"),
	REMOVED_("McastRcvSocketBuffer", "use RcvSocketBuffer in the Multicast block"),
	REMOVED_("McastSndSocketBuffer", "use SndSocketBuffer in the Multicast block"),
	REMOVED_("RelaxTransitions", "delete the line, nothing replaces it"),
	REMOVED_("Replicate", "use General { Filter { State Accept { ... for TCP } } }"),
	REMOVED_("ResendBufferSize", "use ResendQueueSize in the Mode block (it counts objects)"),
	REMOVED_("StripNAT", "delete the line, translations are always replicated"),
};
/* clang-format on */

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const block_names[IN_COUNT] = {
	[IN_TOP] = "the top level",   [IN_SYNC] = "Sync",        [IN_PEER] = "Peer",
	[IN_FTFW] = "Mode FTFW",      [IN_ALARM] = "Mode ALARM", [IN_NOTRACK] = "Mode NOTRACK",
	[IN_MULTICAST] = "Multicast", [IN_UDP] = "UDP",          [IN_TCP] = "TCP",
	[IN_OPTIONS] = "Options",     [IN_GENERAL] = "General",  [IN_UNIX] = "UNIX",
	[IN_SCHEDULER] = "Scheduler", [IN_FILTER] = "Filter",    [IN_ADDRESS] = "Address",
	[IN_STATS] = "Stats",         [IN_HELPER] = "Helper",    [IN_TYPE] = "Helper Type",
	[IN_POLICY] = "Policy",
};

const char *schema_block_name(enum schema_block block)
{
	return block_names[block];
}

const struct schema_key *schema_row(size_t i)
{
	return i < N_KEYS ? &keys[i] : NULL;
}

static bool same(const char *name, const char *s, size_t len)
{
	return name && strlen(name) == len && memcmp(name, s, len) == 0;
}

bool schema_spells(const struct schema_key *key, const char *s, size_t len)
{
	return same(key->name, s, len) || same(key->alias[0], s, len) ||
	       same(key->alias[1], s, len);
}

const struct schema_key *schema_find(enum schema_block block, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < N_KEYS; i++)
		if ((keys[i].where & 1u << block) && schema_spells(&keys[i], s, len))
			return &keys[i];
	return NULL;
}

const struct schema_key *schema_find_any(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < N_KEYS; i++)
		if (schema_spells(&keys[i], s, len))
			return &keys[i];
	return NULL;
}

#define SLIP_MAX 40 /* longest word worth a guess */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions and exchanged letters between two words, case ignored. */
static unsigned int slips(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned int row[SLIP_MAX + 1], corner, above;
	size_t i, j;

	if (alen > SLIP_MAX || blen > SLIP_MAX)
		return SLIP_MAX;
	for (j = 0; j <= blen; j++)
		row[j] = (unsigned int)j;
	for (i = 1; i <= alen; i++) {
		corner = row[0];
		row[0] = (unsigned int)i;
		for (j = 1; j <= blen; j++) {
			bool differ = strncasecmp(&a[i - 1], &b[j - 1], 1) != 0;

			above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, corner + differ);
			corner = above;
		}
	}
	return row[blen];
}

const char *schema_suggest(enum schema_block block, const char *s, size_t len)
{
	unsigned int best = len < 4 ? 1 : 3, n;
	const char *name = NULL;
	size_t i;

	for (i = 0; i < N_KEYS; i++) {
		if (!(keys[i].where & 1u << block))
			continue;
		n = slips(s, len, keys[i].name, strlen(keys[i].name));
		if (n < best) {
			best = n;
			name = keys[i].name;
		}
	}
	return name;
}

void schema_default(const struct schema_key *key, void *value)
{
	char *at = (char *)value + key->off;

	switch (key->type) {
	case KEY_NUMBER:
	case KEY_BOOL_NUMBER:
	case KEY_CHOICE:
		*(uint32_t *)at = key->def;
		break;
	case KEY_BOOL:
		*(bool *)at = key->def != 0;
		break;
	case KEY_PATH:
		memcpy(at, key->text, strlen(key->text) + 1);
		break;
	case KEY_BOOL_PATH:
		*at = '\0';
		break;
	case KEY_FACILITY:
		*(int32_t *)at = CONFIG_NO_SYSLOG;
		break;
	default: /* starts empty */
		break;
	}
}

void schema_defaults(enum schema_scope scope, void *value)
{
	size_t i;

	for (i = 0; i < N_KEYS; i++)
		if (keys[i].scope == scope && keys[i].where)
			schema_default(&keys[i], value);
}

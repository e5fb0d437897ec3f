// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be wrong with a configuration on this host, rule by rule. A daemon
 * that starts is not yet one that saves connections: most of what goes wrong in
 * the field is a system setting or a link, and shows only at the takeover.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "base/err.h"
#include "base/str.h"
#include "findings.h"

#define MTU_LEAST 400u  /* links below are refused by the transport */
#define MTU_USUAL 1280u /* the least of IPv6 */

void findings_add(struct findings *f, enum log_level level, const char *text, const char *todo)
{
	struct finding *new;

	if (f->n == FINDINGS_MAX)
		return;
	new = &f->v[f->n++];
	new->level = level;
	str_copy(new->text, sizeof(new->text), text);
	str_copy(new->todo, sizeof(new->todo), todo);
}

size_t findings_count(const struct findings *f, enum log_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->v[i].level == level;
	return n;
}

/* Text and advice in one format, parted by a bar. */
static void say(struct findings *f, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct findings *f, enum log_level level, const char *fmt, ...)
{
	char text[2 * FINDING_TEXT], *todo;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	todo = strchr(text, '|');
	if (todo)
		*todo++ = '\0';
	findings_add(f, level, text, todo ? todo : "");
}

/* ---- the kernel ---- */

static void rule_table(struct findings *f, const struct config *c, const struct facts *h)
{
	const uint32_t limit = c->general.hash_limit;

	if (h->table_err == -EPERM)
		say(f, LOG_LVL_NOTICE,
		    "the kernel's table was not looked at: no permission|"
		    "run the check as root");
	else if (h->table_err)
		say(f, LOG_LVL_ERROR,
		    "the kernel's connection table does not answer: %s|"
		    "load the module nf_conntrack_netlink",
		    err_text(h->table_err));
	if (!c->has_sync || !h->table_max)
		return;
	if (limit < h->table_max)
		say(f, LOG_LVL_WARNING,
		    "HashLimit %u is less than net.netfilter.nf_conntrack_max %u: "
		    "flows beyond it are not replicated|set HashLimit to %llu",
		    limit, h->table_max, 2ull * h->table_max);
	else if (c->sync.mode == REPL_FTFW && limit / 2 < h->table_max)
		say(f, LOG_LVL_NOTICE,
		    "HashLimit %u is less than twice net.netfilter.nf_conntrack_max "
		    "%u; ended flows keep their place until the peer has acknowledged that|"
		    "set HashLimit to %llu if the table can become full",
		    limit, h->table_max, 2ull * h->table_max);
}

static void rule_events(struct findings *f, const struct config *c, const struct facts *h)
{
	static const char todo[] = "sysctl -w net.netfilter.nf_conntrack_events=1, at boot, before "
				   "there is traffic";

	if (c->general.poll_secs)
		return;
	if (h->events == 0)
		say(f, LOG_LVL_ERROR,
		    "net.netfilter.nf_conntrack_events is 0: the kernel reports "
		    "no changes at all|%s",
		    todo);
	else if (h->events == 2)
		say(f, LOG_LVL_WARNING,
		    "net.netfilter.nf_conntrack_events is 2: flows that are older "
		    "than the daemon never report their end|%s",
		    todo);
}

static void rule_sysctls(struct findings *f, const struct config *c, const struct facts *h)
{
	if (c->has_sync && h->tcp_loose == 1)
		say(f, LOG_LVL_NOTICE,
		    "net.netfilter.nf_conntrack_tcp_loose is 1: packets of a "
		    "connection that was not recovered make a new one, without its translation|"
		    "sysctl -w net.netfilter.nf_conntrack_tcp_loose=0");
	if (c->has_stats && h->acct == 0)
		say(f, LOG_LVL_NOTICE,
		    "net.netfilter.nf_conntrack_acct is 0: the log has no counters|"
		    "sysctl -w net.netfilter.nf_conntrack_acct=1");
	if (c->has_stats && h->timestamp == 0)
		say(f, LOG_LVL_NOTICE,
		    "net.netfilter.nf_conntrack_timestamp is 0: the log has no "
		    "durations|sysctl -w net.netfilter.nf_conntrack_timestamp=1");
}

static void rule_buffer(struct findings *f, const struct config *c, const struct facts *h)
{
	const struct config_general *g = &c->general;

	if (g->nl_buffer && h->buffer_got / 2 < g->nl_buffer / 2)
		say(f, LOG_LVL_WARNING,
		    "an event buffer of %u bytes is not granted, only %u|"
		    "give the daemon CAP_NET_ADMIN, or raise net.core.rmem_max to %u",
		    g->nl_buffer, h->buffer_got, g->nl_buffer / 2);
	if (c->has_sync && !g->overrun_resync && !g->events_reliable && !g->poll_secs)
		say(f, LOG_LVL_WARNING,
		    "NetlinkOverrunResync is off: after lost events the peers "
		    "stay wrong for ever|remove the line");
}

/* ---- the process ---- */

static void rule_file(struct findings *f, const char *what, const struct facts_file *file)
{
	if (file->path && file->err)
		say(f, LOG_LVL_ERROR,
		    "%s %s cannot be made: %s|make the folder, or name another "
		    "file",
		    what, file->path, err_text(file->err));
}

static void rule_process(struct findings *f, const struct config *c, const struct facts *h)
{
	rule_file(f, "LogFile", &h->log);
	rule_file(f, "the LogFile of Stats", &h->stats_log);
	rule_file(f, "LockFile", &h->lock);
	rule_file(f, "the control socket", &h->socket);
	if (!c->general.sched_priority)
		say(f, LOG_LVL_WARNING,
		    "a Scheduler with Type and without Priority is refused by the "
		    "system|add Priority, 1 to 99, or remove the block");
	else if (!h->realtime)
		say(f, LOG_LVL_NOTICE,
		    "real time scheduling is not allowed here: the daemon runs with "
		    "normal scheduling|give it CAP_SYS_NICE");
	if (h->no_user)
		say(f, LOG_LVL_ERROR, "there is no user %s|useradd --system %s", c->general.user,
		    c->general.user);
	if (h->no_group)
		say(f, LOG_LVL_ERROR, "there is no group %s|groupadd --system %s",
		    c->general.socket_group, c->general.socket_group);
	if (h->daemon_runs)
		say(f, LOG_LVL_NOTICE, "a daemon is running with this control socket");
}

/* ---- keys that do not go together ---- */

static void rule_modes(struct findings *f, const struct config *c)
{
	const struct config_sync *s = &c->sync;

	if (c->general.poll_secs)
		say(f, LOG_LVL_WARNING,
		    "PollSecs %u: peers learn of a change up to %u s late, and "
		    "never of flows that come and go between two readings|remove PollSecs",
		    c->general.poll_secs, c->general.poll_secs);
	if (s->mode == REPL_ALARM && s->cache_timeout <= s->refresh_time)
		say(f, LOG_LVL_WARNING,
		    "CacheTimeout %u is not more than RefreshTime %u: states are "
		    "forgotten before they are sent again|set CacheTimeout to %llu on all nodes",
		    s->cache_timeout, s->refresh_time, 3ull * s->refresh_time);
}

static bool nothing_passes(const struct config_filter *f)
{
	bool protos = false;

	for (unsigned int i = 0; i < 256; i++)
		protos = protos || f->protos[i];
	return (f->proto_policy == FILTER_ACCEPT && !protos) ||
	       (f->addr_policy == FILTER_ACCEPT && !f->n_nets);
}

static void rule_filter(struct findings *f, const struct config *c)
{
	const struct config_filter *in = &c->filter;

	if (nothing_passes(in))
		say(f, LOG_LVL_WARNING,
		    "the Filter has an Accept set without members: no flow passes|"
		    "name what is to pass, or remove the set");
	if (in->state_policy == FILTER_ACCEPT && !(in->states & 1u << TCPS_ESTABLISHED))
		say(f, LOG_LVL_WARNING,
		    "the Filter accepts TCP states, but not ESTABLISHED: no TCP "
		    "connection survives a takeover|add ESTABLISHED");
}

/* ---- links ---- */

/* What a rule about links looks at, and the words it begins with. */
struct subject {
	const struct config *c;
	const struct config_link *l;
	const struct facts_link *h;
	char name[64]; /* "link of line 7, eth1" */
	char local[INET6_ADDRSTRLEN], dest[INET6_ADDRSTRLEN];
};

static void rule_device(struct findings *f, const struct subject *s)
{
	const char *dev = s->l->interface;

	if (!s->h->exists)
		say(f, LOG_LVL_ERROR,
		    "%s: this host has no such device|make the device, or correct "
		    "Interface",
		    s->name);
	else if (!s->h->up)
		say(f, LOG_LVL_WARNING, "%s: the device is down|ip link set %s up", s->name, dev);
	else if (!s->h->running)
		say(f, LOG_LVL_WARNING, "%s: the device has no carrier|look at cable and peer",
		    s->name);
}

static void rule_mtu(struct findings *f, const struct subject *s)
{
	if (!s->h->mtu)
		return;
	if (s->h->mtu < MTU_LEAST)
		say(f, LOG_LVL_ERROR,
		    "%s: an MTU of %u is too small, %u are needed|"
		    "ip link set %s mtu 1500",
		    s->name, s->h->mtu, MTU_LEAST, s->l->interface);
	else if (s->h->mtu < MTU_USUAL)
		say(f, LOG_LVL_WARNING,
		    "%s: an MTU of %u makes small messages|"
		    "ip link set %s mtu 1500, on all nodes",
		    s->name, s->h->mtu, s->l->interface);
}

static void rule_unicast(struct findings *f, const struct subject *s)
{
	if (!s->h->exists)
		return;
	if (s->l->has_local && !s->h->local_here)
		say(f, LOG_LVL_ERROR, "%s: %s is no address of this host|ip address add %s dev %s",
		    s->name, s->local, s->local, s->l->interface);
	else if (s->l->has_local && !s->h->local_on_device)
		say(f, LOG_LVL_WARNING,
		    "%s: %s is an address of another device|correct Interface, "
		    "which gives MTU and link state",
		    s->name, s->local);
	if (s->h->route_err)
		say(f, LOG_LVL_WARNING, "%s: no way to the peer %s: %s|ip route get %s", s->name,
		    s->dest, err_text(s->h->route_err), s->dest);
}

static void rule_multicast(struct findings *f, const struct subject *s)
{
	if (s->h->exists && !s->h->multicast)
		say(f, LOG_LVL_ERROR,
		    "%s: the device carries no multicast|ip link set %s multicast on", s->name,
		    s->l->interface);
	if (s->l->family == FAM_IP4 && !s->l->has_iface_addr)
		say(f, LOG_LVL_WARNING,
		    "%s: without IPv4_interface the routing table decides which "
		    "device joins the group|add IPv4_interface with the own address on %s",
		    s->name, s->l->interface);
	if (s->h->joined == FACT_NO)
		say(f, LOG_LVL_ERROR,
		    "%s: the daemon runs, but nobody on the device is a member of "
		    "the group %s|see ip maddress show dev %s; restart the daemon",
		    s->name, s->local, s->l->interface);
}

static void rule_tracking(struct findings *f, const struct subject *s)
{
	const char *dev = s->l->interface;

	if (s->h->tracked == FACT_YES)
		say(f, LOG_LVL_WARNING,
		    "%s: the kernel tracks its packets, so each message makes "
		    "events of its own|notrack for iifname %s in a raw prerouting chain, and for "
		    "oifname %s in a raw output chain (conntrackd.conf(5), THE SYSTEM)",
		    s->name, dev, dev);
	else if (s->h->tracked == FACT_UNKNOWN && s->h->exists)
		say(f, LOG_LVL_NOTICE,
		    "%s: whether it is exempt from tracking shows only while the "
		    "daemon runs|check again then, as root",
		    s->name);
}

static void rule_own_flows(struct findings *f, const struct subject *s)
{
	struct filter *filter = s->l->kind == CONFIG_LINK_MULTICAST || !s->l->has_local ?
					NULL :
					config_make_filter(s->c);
	struct flow own;

	if (!filter)
		return;
	flow_init(&own);
	own.orig.family = s->l->family;
	own.orig.src = own.orig.dst = s->l->local;
	for (unsigned int proto = 0; proto < 256; proto++) {
		own.orig.proto = (uint8_t)proto;
		if (!filter_pass(filter, &own, false))
			continue;
		say(f, LOG_LVL_WARNING,
		    "%s: flows of its own address %s are replicated, and purged "
		    "by conntrackd -t|add IPv%d_address %s to Filter { Address Ignore { } }",
		    s->name, s->local, s->l->family == FAM_IP4 ? 4 : 6, s->local);
		break;
	}
	filter_free(filter);
}

static void rule_link(struct findings *f, const struct subject *s)
{
	rule_device(f, s);
	rule_mtu(f, s);
	if (s->l->kind == CONFIG_LINK_MULTICAST)
		rule_multicast(f, s);
	else
		rule_unicast(f, s);
	rule_tracking(f, s);
	rule_own_flows(f, s);
	if (!s->l->checksum && s->l->kind != CONFIG_LINK_TCP)
		say(f, LOG_LVL_NOTICE,
		    "%s: without Checksum a damaged message can be taken for a good "
		    "one|remove the line",
		    s->name);
}

/* The links to one peer stand in for each other. */
static void rule_redundancy(struct findings *f, const struct config_peer *p,
			    const struct facts_link *h)
{
	for (uint8_t i = 1; i < p->n_links; i++) {
		for (uint8_t j = 0; j < i; j++)
			if (!strcmp(p->links[i].interface, p->links[j].interface))
				say(f, LOG_LVL_WARNING,
				    "the links of lines %u and %u use the same "
				    "device, so they fail together|use another device for one of them",
				    p->links[j].line, p->links[i].line);
		if (h[i].mtu && h[0].mtu && h[i].mtu != h[0].mtu)
			say(f, LOG_LVL_NOTICE,
			    "the links of lines %u and %u have an MTU of %u and %u|"
			    "give both the same",
			    p->links[0].line, p->links[i].line, h[0].mtu, h[i].mtu);
	}
}

static void rule_peer(struct findings *f, const struct config *c, const struct config_peer *p,
		      const struct facts_link *h)
{
	for (uint8_t i = 0; i < p->n_links; i++) {
		struct subject s = { .c = c, .l = &p->links[i], .h = &h[i] };

		snprintf(s.name, sizeof(s.name), "link of line %u, %s", s.l->line, s.l->interface);
		inet_ntop(s.l->family, s.l->local.b, s.local, sizeof(s.local));
		inet_ntop(s.l->family, s.l->dest.b, s.dest, sizeof(s.dest));
		rule_link(f, &s);
	}
	rule_redundancy(f, p, h);
}

void findings_of(struct findings *f, const struct config *c, const struct facts *facts)
{
	rule_table(f, c, facts);
	rule_events(f, c, facts);
	rule_sysctls(f, c, facts);
	rule_buffer(f, c, facts);
	rule_process(f, c, facts);
	rule_filter(f, c);
	if (!c->has_sync)
		return;
	rule_modes(f, c);
	for (uint8_t i = 0; i < c->sync.n_peers; i++)
		rule_peer(f, c, &c->sync.peers[i], facts->links[i]);
}

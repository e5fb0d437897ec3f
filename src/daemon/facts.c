// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this host is like, as far as a configuration depends on it. Only looks:
 * no packet is sent, no setting changed, no file made.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/str.h"
#include "findings.h"
#include "kernel/caps.h"
#include "kernel/dump.h"
#include "rights.h"

/* ---- settings of the kernel ---- */

/* The number in a sysctl file, -1 if there is none. */
static int read_sysctl(const char *name)
{
	char path[128], text[16] = "";
	uint64_t v;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/%s", name);
	in = fopen(path, "re");
	if (!in)
		return -1;
	if (!fgets(text, sizeof(text), in))
		text[0] = '\0';
	fclose(in);
	text[strcspn(text, "\n")] = '\0';
	return str_to_u64(text, 0, INT32_MAX, &v) == 0 ? (int)v : -1;
}

static void read_kernel(struct facts *f)
{
	struct kernel_caps caps;
	int err = kernel_caps_read(&caps);

	f->table_err = err ? err : caps.flows_err;
	f->events = caps.events;
	f->table_max = caps.max;
	if (!f->table_max) {
		int max = read_sysctl("nf_conntrack_max");

		f->table_max = max > 0 ? (uint32_t)max : 0;
	}
	f->tcp_loose = read_sysctl("nf_conntrack_tcp_loose");
	f->acct = read_sysctl("nf_conntrack_acct");
	f->timestamp = read_sysctl("nf_conntrack_timestamp");
}

/* Ask for a receive buffer as the daemon does, in the kernel's own count. */
static uint32_t try_buffer(uint32_t want)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), half = (int)(want / 2), got = 0;
	socklen_t len = sizeof(got);

	if (fd < 0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half));
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) < 0)
		got = 0;
	close(fd);
	return (uint32_t)got;
}

/* ---- the process ---- */

/* Allowed, or tried and taken back at once. */
static bool try_realtime(const struct config_general *g)
{
	struct rlimit most;
	struct sched_param now, want = { .sched_priority = (int)g->sched_priority };
	const int policy = sched_getscheduler(0);
	const int wanted = g->sched_policy == CONFIG_SCHED_FIFO ? SCHED_FIFO : SCHED_RR;

	if (policy < 0 || sched_getparam(0, &now) < 0)
		return false;
	if (getrlimit(RLIMIT_RTPRIO, &most) == 0 && most.rlim_cur >= g->sched_priority)
		return true;
	if (sched_setscheduler(0, wanted, &want) < 0)
		return false;
	(void)sched_setscheduler(0, policy, &now);
	return true;
}

static int folder_err(const char *path)
{
	char folder[CONFIG_PATH];
	char *slash;

	str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	slash[slash == folder] = '\0';
	return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

static void read_file(struct facts_file *f, const char *path)
{
	*f = (struct facts_file){ .path = path[0] ? path : NULL };
	if (f->path)
		f->err = access(path, F_OK) == 0 ? 0 : folder_err(path);
}

static bool answers(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return false;
	str_copy(sa.sun_path, sizeof(sa.sun_path), path);
	yes = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	close(fd);
	return yes;
}

static void read_process(struct facts *f, const struct config *c)
{
	const struct config_general *g = &c->general;
	struct account account;
	gid_t gid;

	read_file(&f->log, g->log_file);
	read_file(&f->stats_log, c->stats.log_file);
	read_file(&f->lock, g->lock_file);
	read_file(&f->socket, g->socket_path);
	f->daemon_runs = answers(g->socket_path);
	f->realtime = try_realtime(g);
	f->no_user = g->user[0] && rights_find_user(g->user, &account) < 0;
	f->no_group = g->socket_group[0] && rights_find_group(g->socket_group, &gid) < 0;
	f->buffer_got = g->nl_buffer ? try_buffer(g->nl_buffer) : 0;
}

/* ---- links ---- */

static uint32_t mtu_of(const char *device)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { 0 };
	int err = -1;

	if (fd < 0)
		return 0;
	if (str_copy(r.ifr_name, sizeof(r.ifr_name), device))
		err = ioctl(fd, SIOCGIFMTU, &r);
	close(fd);
	return err < 0 ? 0 : (uint32_t)r.ifr_mtu;
}

static bool is_addr(const struct sockaddr *sa, uint8_t family, const struct addr *a)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	if (!sa || sa->sa_family != family)
		return false;
	if (family == FAM_IP4) {
		memcpy(&four, sa, sizeof(four));
		return memcmp(&four.sin_addr, a->b, 4) == 0;
	}
	memcpy(&six, sa, sizeof(six));
	return memcmp(&six.sin6_addr, a->b, 16) == 0;
}

static void read_device(struct facts_link *f, const struct config_link *l,
			const struct ifaddrs *all)
{
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const bool device = strcmp(i->ifa_name, l->interface) == 0;
		const bool local = is_addr(i->ifa_addr, l->family, &l->local);

		f->local_here |= local;
		f->local_on_device |= local && device;
		if (!device)
			continue;
		f->exists = true;
		f->up = i->ifa_flags & IFF_UP;
		f->running = i->ifa_flags & IFF_RUNNING;
		f->multicast = i->ifa_flags & IFF_MULTICAST;
	}
	f->mtu = mtu_of(l->interface);
}

/* Connecting a datagram socket looks the way up and sends nothing. */
static int route_err(const struct config_link *l)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)l->port),
				    .sin6_scope_id = if_nametoindex(l->interface) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port) };
	const bool v4 = l->family == FAM_IP4;
	int fd, err = 0;

	memcpy(&four.sin_addr, l->dest.b, 4);
	memcpy(&six.sin6_addr, l->dest.b, 16);
	fd = socket(l->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, v4 ? (struct sockaddr *)&four : (struct sockaddr *)&six,
		    v4 ? sizeof(four) : sizeof(six)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/*
 * The group as the kernel lists it: /proc/net/igmp has a line per device and one
 * per group below it, with the address as a number of this machine;
 * /proc/net/igmp6 has device and group in one line.
 */
static bool is_joined(const struct config_link *l)
{
	char line[256], device[IFNAMSIZ] = "", want[33], *at = want;
	bool found = false;
	uint32_t four;
	FILE *in;

	memcpy(&four, l->local.b, 4);
	if (l->family == FAM_IP4)
		snprintf(want, sizeof(want), "%08X", four);
	else
		for (unsigned int i = 0; i < 16; i++)
			at += snprintf(at, 3, "%02x", l->local.b[i]);
	in = fopen(l->family == FAM_IP4 ? "/proc/net/igmp" : "/proc/net/igmp6", "re");
	while (in && !found && fgets(line, sizeof(line), in)) {
		if (line[0] != '\t')
			sscanf(line, "%*d %15[^: \t]", device);
		found = strcmp(device, l->interface) == 0 && strstr(line, want);
	}
	if (in)
		fclose(in);
	return found;
}

/* ---- does the kernel track the links? ---- */

static bool is_pair(const struct tuple *t, const struct addr *a, const struct addr *b)
{
	return (addr_equal(&t->src, a) && addr_equal(&t->dst, b)) ||
	       (addr_equal(&t->src, b) && addr_equal(&t->dst, a));
}

static bool is_of_link(const struct tuple *t, const struct config_link *l)
{
	const uint8_t proto = l->kind == CONFIG_LINK_TCP ? IPP_TCP : IPP_UDP;

	if (t->family != l->family || t->proto != proto || t->dport != l->port)
		return false;
	if (l->kind == CONFIG_LINK_MULTICAST)
		return addr_equal(&t->dst, &l->local);
	return is_pair(t, &l->local, &l->dest);
}

static void note_flow(struct facts *f, const struct config_sync *s, const struct tuple *t)
{
	for (uint8_t p = 0; p < s->n_peers; p++)
		for (uint8_t i = 0; i < s->peers[p].n_links; i++)
			if (is_of_link(t, &s->peers[p].links[i]))
				f->links[p][i].tracked = FACT_YES;
}

#define DUMP_WAIT 5000 /* ms; the kernel answers at once or never */

static void read_table(struct facts *f, const struct config_sync *s)
{
	struct kernel_event ev;
	int rc = 0;
	struct kernel_dump *d = kernel_dump_new(KTABLE_FLOWS, &rc);
	struct pollfd p = { .events = POLLIN };

	if (!d)
		return;
	p.fd = kernel_dump_fd(d);
	while ((rc = kernel_dump_next(d, &ev)) == 1 ||
	       (rc == -EAGAIN && poll(&p, 1, DUMP_WAIT) == 1))
		if (rc == 1)
			note_flow(f, s, &ev.flow.orig);
	kernel_dump_free(d);
}

/*
 * A link speaks at least once a second, so what is not seen while the daemon
 * runs is not tracked. That of another node's fault may look the same.
 */
static void settle_tracked(struct facts *f, struct facts_link *l)
{
	if (l->tracked == FACT_UNKNOWN && f->daemon_runs && !f->table_err)
		l->tracked = FACT_NO;
}

static void read_links(struct facts *f, const struct config_sync *s)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		all = NULL;
	read_table(f, s);
	for (uint8_t p = 0; p < s->n_peers; p++) {
		for (uint8_t i = 0; i < s->peers[p].n_links; i++) {
			const struct config_link *l = &s->peers[p].links[i];
			struct facts_link *h = &f->links[p][i];

			read_device(h, l, all);
			settle_tracked(f, h);
			if (l->kind != CONFIG_LINK_MULTICAST)
				h->route_err = route_err(l);
			else if (f->daemon_runs)
				h->joined = is_joined(l) ? FACT_YES : FACT_NO;
		}
	}
	freeifaddrs(all);
}

void facts_read(struct facts *facts, const struct config *c)
{
	memset(facts, 0, sizeof(*facts));
	read_kernel(facts);
	read_process(facts, c);
	if (c->has_sync)
		read_links(facts, &c->sync);
}

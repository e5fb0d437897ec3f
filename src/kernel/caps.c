// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this kernel and namespace offer, asked once at start so that the
 * daemon can refuse or warn with a reason instead of failing later. Read
 * by trying, not by version.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "base/str.h"
#include "kernel/caps.h"
#include "kernel/dump.h"
#include "attr.h"
#include "nlsock.h"

#define EVENTS_SYSCTL "/proc/sys/net/netfilter/nf_conntrack_events"

/* The number in a sysctl file, -1 if there is none. */
static int read_sysctl(const char *path)
{
	char text[16] = "";
	uint64_t v;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	return str_to_u64(text, 0, INT32_MAX, &v) == 0 ? (int)v : -1;
}

/* Fill of the table, from the answer to IPCTNL_MSG_CT_GET_STATS. */
static void take_stats(const uint8_t *msg, size_t len, struct kernel_caps *caps)
{
	const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	struct attr_iter it;

	if (len < head)
		return;
	it = attr_start((struct attr_run){ msg + head, len - head });
	while (attr_next(&it)) {
		if (it.type == CTA_STATS_GLOBAL_ENTRIES)
			caps->count = attr_be32(&it);
		else if (it.type == CTA_STATS_GLOBAL_MAX_ENTRIES)
			caps->max = attr_be32(&it);
	}
}

/* 0: the table answered; else the kernel's error. */
static int read_answer(struct nlrx *rx, const struct nlsock *s, struct kernel_caps *caps)
{
	int n = nlrx_fill(rx, s);
	const uint8_t *msg;
	struct nlmsghdr h;
	size_t len;
	int32_t code;

	if (n < 0)
		return n;
	while (nlrx_next(rx, &msg, &len)) {
		memcpy(&h, msg, sizeof(h));
		if (h.nlmsg_type != NLMSG_ERROR) {
			take_stats(msg, len, caps);
			return 0;
		}
		if (len >= NLMSG_HDRLEN + sizeof(code)) {
			memcpy(&code, msg + NLMSG_HDRLEN, sizeof(code));
			return code < 0 ? code : 0;
		}
	}
	return -EPROTO;
}

static int ask_stats(const struct nlsock *s)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} req = {
		.h.nlmsg_len = sizeof(req),
		.h.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS,
		.h.nlmsg_flags = NLM_F_REQUEST,
		.g.version = NFNETLINK_V0,
	};

	return nlsock_send(s, &req, sizeof(req));
}

static int probe_flows(struct kernel_caps *caps)
{
	struct nlrx *rx = nlrx_new(1, 4096);
	struct nlsock s;
	int err;

	if (!rx)
		return -ENOMEM;
	err = nlsock_open(&s, 0);
	if (err)
		goto out;
	caps->flows_err = ask_stats(&s);
	if (!caps->flows_err)
		caps->flows_err = read_answer(rx, &s, caps);
	caps->flows = caps->flows_err == 0;
	nlsock_close(&s);
out:
	nlrx_free(rx);
	return err;
}

/* Its table is small: asking for it is the plainest question there is. */
static void probe_expects(struct kernel_caps *caps)
{
	struct kernel_event e;
	struct kernel_dump *d = kernel_dump_new(KTABLE_EXPECTS, &caps->expects_err);

	if (!d)
		return;
	caps->expects_err = kernel_dump_next(d, &e);
	if (caps->expects_err > 0)
		caps->expects_err = 0;
	caps->expects = caps->expects_err == 0;
	kernel_dump_free(d);
}

int kernel_caps_read(struct kernel_caps *caps)
{
	int err;

	memset(caps, 0, sizeof(*caps));
	caps->events = read_sysctl(EVENTS_SYSCTL);
	err = probe_flows(caps);
	if (!err)
		probe_expects(caps);
	return err;
}

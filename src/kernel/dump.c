// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Table dumps. The kernel makes the next chunk while we receive the one
 * before, so a chunk is always at hand and reading it is what takes the time:
 * about 1.3 us per flow, or 60 ns per empty hash bucket.
 */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "kernel/conv.h"
#include "kernel/dump.h"
#include "nlsock.h"

/* The kernel makes chunks as large as the receive buffers it saw, up to this. */
#define CHUNK 32768

struct kernel_dump {
	struct nlsock sk;
	struct nlrx *rx;
	enum kernel_table table;
	bool ended;
	struct kernel_dump_stats stats;
};

static int request(const struct kernel_dump *d)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} req = {
		.h.nlmsg_len = sizeof(req),
		.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.g.version = NFNETLINK_V0,
	};

	req.h.nlmsg_type = d->table == KTABLE_FLOWS ?
				   NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET :
				   NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_GET;
	return nlsock_send(&d->sk, &req, sizeof(req));
}

struct kernel_dump *kernel_dump_new(enum kernel_table table, int *err)
{
	struct kernel_dump *d = calloc(1, sizeof(*d));

	*err = -ENOMEM;
	if (!d)
		return NULL;
	d->table = table;
	d->rx = nlrx_new(1, CHUNK);
	if (!d->rx)
		goto out;
	*err = nlsock_open(&d->sk, 0);
	if (*err)
		goto out;
	*err = request(d);
	if (!*err)
		return d;
out:
	kernel_dump_free(d);
	return NULL;
}

void kernel_dump_free(struct kernel_dump *d)
{
	if (!d)
		return;
	nlsock_close(&d->sk);
	nlrx_free(d->rx);
	free(d);
}

int kernel_dump_fd(const struct kernel_dump *d)
{
	return d->sk.fd;
}

/* The error code that follows the header of NLMSG_DONE and NLMSG_ERROR. */
static int code_of(const uint8_t *msg, size_t len)
{
	int32_t code = 0;

	if (len >= NLMSG_HDRLEN + sizeof(code))
		memcpy(&code, msg + NLMSG_HDRLEN, sizeof(code));
	return code < 0 ? code : 0;
}

/* 1: an entry; 0: skip it. */
static int entry(struct kernel_dump *d, const uint8_t *msg, size_t len, struct kernel_event *out)
{
	int err;

	out->kind = KEV_UPDATE;
	out->is_expect = d->table == KTABLE_EXPECTS;
	out->portid = 0;
	err = out->is_expect ? conv_expect(msg, len, &out->expect) :
			       conv_flow(msg, len, &out->flow);
	if (err) {
		d->stats.bad++;
		return 0;
	}
	d->stats.entries++;
	return 1;
}

/* 1: an entry; 0: this chunk is read, or the dump has ended; negated errno. */
static int next_of_chunk(struct kernel_dump *d, struct kernel_event *out)
{
	const uint8_t *msg;
	struct nlmsghdr h;
	size_t len;

	while (nlrx_next(d->rx, &msg, &len)) {
		memcpy(&h, msg, sizeof(h));
		if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR) {
			d->ended = true;
			return code_of(msg, len);
		}
		if (entry(d, msg, len, out))
			return 1;
	}
	return 0;
}

int kernel_dump_next(struct kernel_dump *d, struct kernel_event *out)
{
	int n = next_of_chunk(d, out);

	if (n || d->ended)
		return n;
	n = nlrx_fill(d->rx, &d->sk);
	if (n < 0) {
		d->ended = n != -EAGAIN;
		return n;
	}
	n = next_of_chunk(d, out);
	return n || d->ended ? n : -EAGAIN;
}

void kernel_dump_get_stats(const struct kernel_dump *d, struct kernel_dump_stats *st)
{
	struct nlrx_stats rx;

	nlrx_get_stats(d->rx, &rx);
	*st = d->stats;
	st->bad += rx.bad;
	st->foreign = rx.foreign;
}

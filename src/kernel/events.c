// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events as the kernel announces them. The point that needs care is overrun:
 * once a message did not fit, the kernel drops every further one until the
 * queue is completely empty (netlink_overrun(), netlink_rcv_wake() in
 * net/netlink/af_netlink.c), and it says so before it hands out what is
 * queued. So the loss is passed on only when the queue is empty: a table read
 * from then on, together with the events from then on, is complete.
 */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "kernel/conv.h"
#include "kernel/events.h"
#include "nlsock.h"

/* Datagrams per system call, and room for one; an event takes 150 to 700 bytes. */
#define BATCH     64
#define EVENT_MAX 2048

struct kernel_events {
	struct nlsock sk;
	struct nlrx *rx;
	uint32_t max_growth;
	const struct log *log; /* borrowed */
	bool drained;          /* the last read left the queue empty */
	bool overrun;          /* seen, not yet passed on */
	bool largest;          /* the buffer cannot grow */
	struct kernel_events_stats stats;
};

static int set_reliable(const struct nlsock *s, bool reliable)
{
	int on = reliable;

	if (setsockopt(s->fd, SOL_NETLINK, NETLINK_BROADCAST_ERROR, &on, sizeof(on)) < 0 ||
	    setsockopt(s->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static void set_buffer(struct nlsock *s, const struct kernel_events_params *p,
		       const struct log *log)
{
	uint32_t got;

	if (!p->buffer)
		return;
	if (p->buffer > p->max_growth) {
		log_notice(log,
			   "event buffer of %u bytes is larger than its maximum of %u, "
			   "keeping the system's default of %u",
			   p->buffer, p->max_growth, nlsock_rcvbuf(s));
		return;
	}
	got = nlsock_set_rcvbuf(s, p->buffer);
	if (got / 2 < p->buffer / 2)
		log_notice(log, "event buffer is %u bytes instead of %u", got, p->buffer);
}

/* In the words that monitoring knows. */
static void say_size(const struct kernel_events *ev, const char *how)
{
	log_notice(ev->log, "netlink event socket buffer size has been %s to %u bytes", how,
		   nlsock_rcvbuf(&ev->sk));
}

static unsigned int groups_of(const struct kernel_events_params *p)
{
	unsigned int g = NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE |
			 NF_NETLINK_CONNTRACK_DESTROY;

	if (p->expects)
		g |= NF_NETLINK_CONNTRACK_EXP_NEW | NF_NETLINK_CONNTRACK_EXP_UPDATE |
		     NF_NETLINK_CONNTRACK_EXP_DESTROY;
	return g;
}

struct kernel_events *kernel_events_new(const struct kernel_events_params *p, const struct log *log,
					int *err)
{
	struct kernel_events *ev = calloc(1, sizeof(*ev));

	*err = -ENOMEM;
	if (!ev)
		return NULL;
	ev->log = log;
	ev->max_growth = p->max_growth;
	ev->rx = nlrx_new(BATCH, EVENT_MAX);
	if (!ev->rx)
		goto out;
	*err = nlsock_open(&ev->sk, groups_of(p));
	if (*err)
		goto out;
	*err = p->reliable ? set_reliable(&ev->sk, true) : 0;
	if (*err)
		goto out;
	if (p->reliable)
		log_notice(log, "reliable ctnetlink event delivery is ENABLED.");
	set_buffer(&ev->sk, p, log);
	say_size(ev, "set");
	return ev;
out:
	kernel_events_free(ev);
	return NULL;
}

void kernel_events_free(struct kernel_events *ev)
{
	if (!ev)
		return;
	nlsock_close(&ev->sk);
	nlrx_free(ev->rx);
	free(ev);
}

int kernel_events_change(struct kernel_events *ev, const struct kernel_events_params *p,
			 const struct log *log)
{
	const uint32_t had = nlsock_rcvbuf(&ev->sk);
	int err = set_reliable(&ev->sk, p->reliable);

	if (err)
		return err;
	ev->max_growth = p->max_growth;
	ev->largest = false;
	set_buffer(&ev->sk, p, log);
	if (nlsock_rcvbuf(&ev->sk) != had)
		say_size(ev, "set");
	return 0;
}

static int attach(const struct nlsock *s, struct sock_filter *code, int n)
{
	const struct sock_fprog prog = { .len = (unsigned short)n, .filter = code };

	if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return -errno;
	return 0;
}

int kernel_events_filter(struct kernel_events *ev, const struct kernel_evfilter *f)
{
	struct sock_filter *code = f ? malloc(BPF_MAXINSNS * sizeof(*code)) : NULL;
	int none = 0, n = f ? -ENOMEM : 0;

	if (code)
		n = evfilter_compile(f, code, BPF_MAXINSNS);
	if (n > 0)
		n = attach(&ev->sk, code, n);
	free(code);
	if (!f || n < 0)
		(void)setsockopt(ev->sk.fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	return n;
}

int kernel_events_fd(const struct kernel_events *ev)
{
	return ev->sk.fd;
}

/* Double the buffer, up to the maximum; a size we cannot have stops it too. */
static void grow(struct kernel_events *ev)
{
	const uint32_t had = nlsock_rcvbuf(&ev->sk);
	uint64_t want = (uint64_t)had * 2;

	if (want > ev->max_growth)
		want = ev->max_growth;
	if (want > had)
		want = nlsock_set_rcvbuf(&ev->sk, (uint32_t)want);
	ev->largest = want <= had;
	if (!ev->largest)
		say_size(ev, want / 2 == had ? "doubled" : "set");
}

/* What a message announces; false if it is no event. */
static bool classify(const struct nlmsghdr *h, struct kernel_event *out)
{
	bool created = (h->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0;

	switch (h->nlmsg_type) {
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW:
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW:
		out->kind = created ? KEV_NEW : KEV_UPDATE;
		break;
	case NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE:
	case NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_DELETE:
		out->kind = KEV_DESTROY;
		break;
	default:
		return false;
	}
	out->is_expect = NFNL_SUBSYS_ID(h->nlmsg_type) == NFNL_SUBSYS_CTNETLINK_EXP;
	out->portid = h->nlmsg_pid;
	return true;
}

static bool take(struct kernel_events *ev, const uint8_t *msg, size_t len, struct kernel_event *out)
{
	struct nlmsghdr h;
	int err;

	memcpy(&h, msg, sizeof(h));
	if (!classify(&h, out)) {
		ev->stats.unknown++;
		return false;
	}
	err = out->is_expect ? conv_expect(msg, len, &out->expect) :
			       conv_flow(msg, len, &out->flow);
	if (err) {
		ev->stats.bad++;
		return false;
	}
	ev->stats.received++;
	return true;
}

/*
 * More datagrams. 0: there may be some to read; -EAGAIN: the queue is empty;
 * other negated errno: failed.
 */
static int refill(struct kernel_events *ev)
{
	int n = nlrx_fill(ev->rx, &ev->sk);

	if (n == -ENOBUFS) {
		ev->stats.overruns++;
		ev->overrun = true;
		grow(ev);
		return 0;
	}
	if (n < 0)
		return n;
	/* Less than asked for: asking again would cost a call to learn nothing. */
	ev->drained = n < BATCH;
	if (!ev->drained && !ev->largest && nlsock_half_full(&ev->sk))
		grow(ev); /* before anything is lost, if that is still possible */
	return 0;
}

int kernel_events_next(struct kernel_events *ev, struct kernel_event *out)
{
	const uint8_t *msg;
	size_t len;
	int err = 0;

	for (;;) {
		while (nlrx_next(ev->rx, &msg, &len)) {
			if (take(ev, msg, len, out))
				return 1;
		}
		if (ev->drained) {
			ev->drained = false;
			err = -EAGAIN;
		} else {
			err = refill(ev);
		}
		if (err == -EAGAIN)
			break;
		if (err)
			return err;
	}
	if (!ev->overrun)
		return 0;
	ev->overrun = false;
	return -ENOBUFS;
}

bool kernel_events_draining(const struct kernel_events *ev)
{
	return ev->overrun;
}

void kernel_events_get_stats(const struct kernel_events *ev, struct kernel_events_stats *st)
{
	struct nlrx_stats rx;

	nlrx_get_stats(ev->rx, &rx);
	*st = ev->stats;
	st->bad += rx.bad;
	st->foreign = rx.foreign;
	st->dropped = nlsock_drops(&ev->sk);
	st->buffer = nlsock_rcvbuf(&ev->sk);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Batches of requests. The kernel carries a batch out message by message
 * within the send, goes on after a failing one, and has queued all its answers
 * when the call returns (netlink_rcv_skb() in net/netlink/af_netlink.c): only
 * failures and GET results answer, matched by sequence number. The last
 * message alone asks for an acknowledgement: without it a batch that the
 * kernel refused as a whole, which it says once, would look like success.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "kernel/apply.h"
#include "kernel/conv.h"
#include "nlsock.h"

/* Answers wait in our receive buffer, about 0.8 KiB for an error, 2 KiB for an entry. */
#define ANSWERS_BUFFER (1u << 20)
#define ANSWER_MAX     2048

/* Not yet decided; no errno value. */
#define PENDING 1

struct kernel_applier {
	struct nlsock sk;
	struct nlrx *rx;
	uint32_t seq; /* of the first op of the current batch */
	uint8_t *out; /* KOP_BATCH requests */
	struct kernel_applier_stats stats;
};

struct kernel_applier *kernel_applier_new(int *err)
{
	struct kernel_applier *a = calloc(1, sizeof(*a));
	int on = 1;

	*err = -ENOMEM;
	if (!a)
		return NULL;
	/* One slot more than ops: a GET that is last is answered twice. */
	a->rx = nlrx_new(KOP_BATCH + 1, ANSWER_MAX);
	a->out = malloc(KOP_BATCH * CONV_MSG_MAX);
	if (!a->rx || !a->out)
		goto out;
	*err = nlsock_open(&a->sk, 0);
	if (*err)
		goto out;
	/* Errors need not repeat the request; older kernels do, and it fits. */
	(void)setsockopt(a->sk.fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)nlsock_set_rcvbuf(&a->sk, ANSWERS_BUFFER);
	nlsock_set_sndbuf(&a->sk, 2 * KOP_BATCH * CONV_MSG_MAX);
	a->seq = 1;
	return a;
out:
	kernel_applier_free(a);
	return NULL;
}

void kernel_applier_free(struct kernel_applier *a)
{
	if (!a)
		return;
	nlsock_close(&a->sk);
	nlrx_free(a->rx);
	free(a->out);
	free(a);
}

uint32_t kernel_applier_portid(const struct kernel_applier *a)
{
	return a->sk.portid;
}

/*
 * All requests one behind the other; returns the bytes. Ops that cannot be
 * asked get their error here, the others PENDING. *last: the last one sent.
 */
static size_t build(struct kernel_applier *a, struct kernel_op *ops, size_t n, size_t *last)
{
	size_t pos = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		ssize_t len = conv_build(&ops[i], a->seq + (uint32_t)i, a->out + pos, CONV_MSG_MAX);

		if (len < 0) {
			ops[i].err = len == CTD_EFULL ? -EMSGSIZE : (int)len;
			a->stats.refused++;
			continue;
		}
		ops[i].err = PENDING;
		*last = i;
		at = pos;
		pos += (size_t)len;
	}
	if (pos > 0) {
		struct nlmsghdr h;

		memcpy(&h, a->out + at, sizeof(h));
		h.nlmsg_flags |= NLM_F_ACK;
		memcpy(a->out + at, &h, sizeof(h));
	}
	return pos;
}

/*
 * Labels are the last thing an update sets; an entry without room for them
 * has taken all the rest.
 */
static int judge(struct kernel_applier *a, const struct kernel_op *op, int err)
{
	if (err == -ENOSPC && op->kind == KOP_UPDATE) {
		a->stats.labels_lost++;
		return 0;
	}
	return err;
}

static bool asks(const struct kernel_op *op)
{
	return op->kind == KOP_GET || op->kind == KOP_EXP_GET;
}

/* What a GET was for; the question stays as it was if the answer is no good. */
static void take_entry(struct kernel_op *op, const uint8_t *msg, size_t len)
{
	struct expect x;
	struct flow f;

	op->err = -EBADMSG;
	if (op->kind == KOP_GET && conv_flow(msg, len, &f) == 0) {
		op->flow = f;
		op->err = 0;
	} else if (op->kind == KOP_EXP_GET && conv_expect(msg, len, &x) == 0) {
		op->expect = x;
		op->err = 0;
	}
}

/* One answer. True if it ends the batch: "last" is the op that was to be acknowledged. */
static bool answer(struct kernel_applier *a, struct kernel_op *ops, size_t n, size_t last,
		   const uint8_t *msg, size_t len)
{
	struct nlmsghdr h;
	int32_t code;
	uint32_t i;

	memcpy(&h, msg, sizeof(h));
	i = h.nlmsg_seq - a->seq;
	if (i >= n)
		return false; /* of an earlier batch that failed half way */
	if (h.nlmsg_type != NLMSG_ERROR) {
		if (asks(&ops[i]))
			take_entry(&ops[i], msg, len);
		return false;
	}
	if (len < NLMSG_HDRLEN + sizeof(code))
		return false;
	memcpy(&code, msg + NLMSG_HDRLEN, sizeof(code));
	if (code < 0)
		ops[i].err = judge(a, &ops[i], code);
	return i == last;
}

/*
 * Read until the last op has answered. 0, or why not: -ENOBUFS answers were
 * dropped, -EPERM all refused, -EPROTO the kernel stayed silent.
 */
static int collect(struct kernel_applier *a, struct kernel_op *ops, size_t n, size_t last)
{
	bool ended = false;
	int err = 0;

	for (;;) {
		int got = nlrx_fill(a->rx, &a->sk);
		const uint8_t *msg;
		size_t len;

		if (got == -EAGAIN)
			break;
		if (got < 0) {
			err = got; /* reported once, what is queued follows */
			if (got == -ENOBUFS)
				continue;
			break;
		}
		while (nlrx_next(a->rx, &msg, &len))
			ended |= answer(a, ops, n, last, msg, len);
		if (got < KOP_BATCH + 1)
			break;
	}
	if (err || ended)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].err == -EPERM)
			return -EPERM;
	}
	return -EPROTO;
}

/*
 * When all answers are there, an op without one has succeeded, unless it was
 * to bring something.
 */
static void settle(struct kernel_applier *a, struct kernel_op *ops, size_t n, int err)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i].err == PENDING)
			ops[i].err = err ? err : asks(&ops[i]) ? -EPROTO : 0;
		if (ops[i].err)
			a->stats.failed++;
	}
}

int kernel_apply(struct kernel_applier *a, struct kernel_op *ops, size_t n)
{
	size_t len, last = 0;
	int err = 0;

	if (n > KOP_BATCH)
		return -EINVAL;
	len = build(a, ops, n, &last);
	if (len > 0) {
		err = nlsock_send(&a->sk, a->out, len);
		if (!err)
			err = collect(a, ops, n, last);
		a->stats.batches++;
	}
	settle(a, ops, n, err);
	a->stats.ops += n;
	a->seq += KOP_BATCH;
	return err;
}

void kernel_applier_get_stats(const struct kernel_applier *a, struct kernel_applier_stats *st)
{
	struct nlrx_stats rx;

	nlrx_get_stats(a->rx, &rx);
	*st = a->stats;
	st->foreign = rx.foreign;
}

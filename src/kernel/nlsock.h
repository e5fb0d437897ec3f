/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_NLSOCK_PRIVATE_H
#define CTD_KERNEL_NLSOCK_PRIVATE_H

/*
 * A netlink socket of the netfilter family, and a reusable set of receive
 * buffers from which messages are taken one by one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mnl_socket;

struct nlsock {
	struct mnl_socket *nl;
	int fd;
	uint32_t portid; /* our address, given by the kernel */
	bool forced;     /* receive buffer beyond the system's limit */
};

/*
 * Open, non-blocking, bound to the multicast groups of the mask (1 << group-1).
 * 0 or negated errno; on an error there is nothing to close.
 */
int nlsock_open(struct nlsock *s, unsigned int groups);
void nlsock_close(struct nlsock *s);

/* Receive buffer in bytes as the kernel reports it, 0 if it does not. */
uint32_t nlsock_rcvbuf(const struct nlsock *s);

/*
 * Ask for a receive buffer that will be reported as "bytes"; without the
 * privilege to exceed the system's limit, as much as it allows. Returns what
 * is reported then.
 */
uint32_t nlsock_set_rcvbuf(struct nlsock *s, uint32_t bytes);

/* The same for what one send may hold. */
void nlsock_set_sndbuf(const struct nlsock *s, uint32_t bytes);

/* Messages this socket dropped since it was opened; 0 if the kernel does not say. */
uint32_t nlsock_drops(const struct nlsock *s);

/* What waits in it takes more than half of its receive buffer. */
bool nlsock_half_full(const struct nlsock *s);

/* Send to the kernel; all of it or an error. 0 or negated errno. */
int nlsock_send(const struct nlsock *s, const void *data, size_t len);

/* Receive buffers: "slots" datagrams of up to "slot_size" bytes per system call. */
struct nlrx;

struct nlrx_stats {
	uint64_t foreign; /* datagrams not sent by the kernel */
	uint64_t bad;     /* datagrams cut short, or with impossible message lengths */
};

struct nlrx *nlrx_new(unsigned int slots, size_t slot_size); /* NULL: out of memory */
void nlrx_free(struct nlrx *rx);

/*
 * Take what waits in the socket; what was not read from before is given up.
 * Number of datagrams (fewer than "slots": the queue was empty), or negated
 * errno (-EAGAIN: nothing there).
 */
int nlrx_fill(struct nlrx *rx, const struct nlsock *s);

/*
 * Next message: pointer to its header and its length (at least a header's,
 * within the buffer). False: all read. Valid until nlrx_fill().
 */
bool nlrx_next(struct nlrx *rx, const uint8_t **msg, size_t *len);

void nlrx_get_stats(const struct nlrx *rx, struct nlrx_stats *st);

#endif

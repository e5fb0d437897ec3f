/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_CHAN_H
#define CTD_TRANSPORT_CHAN_H

/*
 * A channel is one dedicated link to the peers: a receive socket bound to the
 * configured port and a send socket with a port of its own (doc/protocol.md,
 * transports). Nothing here blocks, and nothing a peer or the network does is
 * fatal: what could not be sent or was refused is counted.
 *
 * Sending: take a buffer, fill it, queue it, flush. A queue whose buffers all
 * wait for the socket hands out no more, which is the caller's sign to stop
 * producing; the channel then wants to be flushed when its socket is writable.
 */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"

/* An address; family is AF_INET or AF_INET6, 0 = none. Network byte order. */
struct chan_addr {
	uint8_t family;
	uint8_t b[16];           /* IPv4 uses the first 4, the rest is 0 */
};

#define CHAN_ADDR_TEXT 46        /* room for an address as text */
void chan_addr_text(const struct chan_addr *a, char *out);
bool chan_addr_equal(const struct chan_addr *a, const struct chan_addr *b);

enum chan_kind { CHAN_MCAST, CHAN_UDP, CHAN_TCP };

/* A link as configured. Plain value, all zero by default. */
struct chan_params {
	enum chan_kind kind;
	bool is_default;             /* the link used first */
	char interface[IFNAMSIZ];    /* Interface: MTU, link state, IPv6 scope */
	struct chan_addr local;      /* UDP, TCP: own address; multicast: the group */
	struct chan_addr peer;       /* UDP, TCP: the peer; multicast: unused */
	struct chan_addr mcast_if;   /* IPv4_interface: address of the device to join on, or none */
	uint16_t port;               /* Port or Group */
	uint32_t sndbuf, rcvbuf;     /* bytes, 0 = leave alone */
	bool no_checksum;            /* Checksum off: no UDP checksum over IPv4 */
	bool any_source;             /* accept datagrams of others than "peer" too */
	bool any_interface;          /* multicast: accept what came in on other devices too */
	uint32_t queue_len;          /* datagrams or batches kept unsent, 0 = default */
};

#define CHAN_BATCH       64      /* datagrams per system call */
#define CHAN_QUEUE_LEN   128     /* default of queue_len */
#define CHAN_MTU_MIN     400     /* links below are refused */
#define CHAN_PAYLOAD_MIN 512     /* any message fits in a datagram, fragmented if it must be */

struct chan;

/*
 * Open both sockets. What goes wrong is logged with its reason and returned as
 * a negated errno: -ENODEV no such interface, -ERANGE MTU too small, -EINVAL
 * parameters that cannot work, -EPROTONOSUPPORT kind not built, or what the
 * system said. A peer that is not reachable is no error. log is borrowed.
 */
int chan_open(const struct chan_params *p, const struct log *log, struct chan **out);
void chan_close(struct chan *c);

const struct chan_params *chan_get_params(const struct chan *c);

/* Descriptors to watch: readable -> chan_recv(), writable while chan_waiting() -> chan_flush(). */
int chan_recv_fd(const struct chan *c);
int chan_send_fd(const struct chan *c);

/* Bytes one datagram may have: MTU less headers, 28 for IPv4 and 48 for IPv6. */
size_t chan_payload(const struct chan *c);

/* ---- sending ---- */

/* A free buffer of chan_payload() bytes, NULL when all are waiting. */
uint8_t *chan_space(struct chan *c);

/* The buffer last handed out holds a datagram of len bytes (1 .. chan_payload()). */
void chan_queue(struct chan *c, size_t len);

/* Send what is queued, as far as the socket takes it. Returns datagrams still waiting. */
size_t chan_flush(struct chan *c);
size_t chan_waiting(const struct chan *c);

/* ---- receiving ---- */

struct chan_msg {
	const uint8_t *data;     /* the channel's, until the next chan_recv() */
	size_t len;
	struct chan_addr from;
};

/*
 * Up to max datagrams, at most CHAN_BATCH, already checked for where they come
 * from. Returns their number; 0 when there is nothing (left), or only refused
 * ones.
 */
size_t chan_recv(struct chan *c, struct chan_msg *v, size_t max);

/* ---- reports ---- */

struct chan_stats {
	uint64_t bytes_out, packets_out, errors_out;
	uint64_t bytes_in, packets_in, errors_in;
	uint64_t foreign;        /* refused: wrong source or interface */
	uint64_t full;           /* chan_space() had none */
};

void chan_get_stats(const struct chan *c, struct chan_stats *st);

/* "multicast", "UDP", "TCP": the words of -s link. */
const char *chan_kind_name(enum chan_kind kind);

enum chan_status { CHAN_DOWN, CHAN_NO_CARRIER, CHAN_RUNNING };

/* State of the interface now; also takes over a changed MTU. */
enum chan_status chan_check(struct chan *c);

/* "DOWN", "NO-CARRIER", "RUNNING". */
const char *chan_status_name(enum chan_status s);

#endif

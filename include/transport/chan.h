/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_CHAN_H
#define CTD_TRANSPORT_CHAN_H

/*
 * A channel is one dedicated link to the peers: a receive socket bound to the
 * configured port and a send socket with a port of its own (doc/protocol.md,
 * transports). Over TCP these are a listener with the connection the peer
 * writes on, and a connection of ours to the peer. Nothing here blocks, and
 * nothing a peer or the network does is fatal: what could not be sent or was
 * refused is counted.
 *
 * Sending: take a buffer, fill it, queue it, flush. A queue whose buffers all
 * wait for a socket that works hands out no more, which is the caller's sign to
 * stop producing. While there is no connection the oldest makes room instead:
 * a peer may be away for days.
 */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"
#include "base/tick.h"
#include "loop/loop.h"

/* An address; family is AF_INET or AF_INET6, 0 = none. Network byte order. */
struct chan_addr {
	uint8_t family;
	uint8_t b[16]; /* IPv4 uses the first 4, the rest is 0 */
};

#define CHAN_ADDR_TEXT 46 /* room for an address as text */
void chan_addr_text(const struct chan_addr *a, char *out);
bool chan_addr_equal(const struct chan_addr *a, const struct chan_addr *b);

struct chan;

enum chan_kind { CHAN_MCAST, CHAN_UDP, CHAN_TCP };

/* A link as configured. Plain value, all zero by default. */
struct chan_params {
	enum chan_kind kind;
	bool is_default;           /* the link used first */
	char interface[IFNAMSIZ];  /* Interface: MTU, link state, IPv6 scope */
	struct chan_addr local;    /* UDP, TCP: own address; multicast: the group */
	struct chan_addr peer;     /* UDP, TCP: the peer; multicast: unused */
	struct chan_addr mcast_if; /* IPv4_interface: address of the device to join on, or none */
	uint16_t port;             /* Port or Group */
	uint32_t sndbuf, rcvbuf;   /* bytes, 0 = leave alone */
	bool no_checksum;          /* Checksum off: no UDP checksum over IPv4 */
	bool any_source;           /* accept datagrams of others than "peer" too */
	bool shared_port;          /* UDP: others receive here too, each from a peer of its own */
	struct chan *listener;     /* TCP: an open link, of another peer, with the same own port */
	bool any_interface;        /* accept what came in on other devices too */
	bool one_of_several;       /* another link may take what this one cannot reach */
	uint32_t queue_len;        /* datagrams or batches kept unsent, 0 = default */
};

#define CHAN_BATCH       64    /* datagrams per system call */
#define CHAN_QUEUE_LEN   128   /* default of queue_len */
#define CHAN_QUEUE_MAX   65536 /* longer ones are cut to this */
#define CHAN_MTU_MIN     400   /* links below are refused */
#define CHAN_PAYLOAD_MIN 512   /* any message fits in a datagram, fragmented if it must be */

/*
 * Open both sockets. What goes wrong is logged with its reason and returned as
 * a negated errno: -ENODEV no such interface, -ERANGE MTU too small, -EINVAL
 * parameters that cannot work, -EPROTONOSUPPORT kind not built, or what the
 * system said. A peer that is not reachable is no error. log is borrowed.
 */
int chan_open(const struct chan_params *p, const struct log *log, struct chan **out);
void chan_close(struct chan *c);

const struct chan_params *chan_get_params(const struct chan *c);

/* UDP, TCP: do both receive on one address and port? (See shared_port and listener.) */
bool chan_same_port(const struct chan_params *a, const struct chan_params *b);

/*
 * The same again, after the interface is gone and back: sockets anew, what was
 * queued is kept, and so is what watches. On error the channel stays without
 * sockets; try later. Repeated failures are not logged again.
 */
int chan_reopen(struct chan *c);

/* True when the sockets belong to an interface that is no more, or there are none. */
bool chan_stale(const struct chan *c);

/*
 * Bytes one datagram or batch may have: MTU less headers, over IPv4 28 (TCP
 * 40), over IPv6 48 (TCP 60).
 */
size_t chan_payload(const struct chan *c);

/* ---- descriptors and time ---- */

/* The descriptors of a channel; a kind uses some of them, and they come and go. */
enum chan_slot {
	CHAN_IN,     /* read here */
	CHAN_NEXT,   /* TCP: a newer connection of the peer, not used yet */
	CHAN_OUT,    /* written here */
	CHAN_LISTEN, /* TCP: the peer connects here */
	CHAN_SLOTS
};

/*
 * Told which descriptor of a slot is to be watched for what (LOOP_READ,
 * LOOP_WRITE), with 0 before it is closed. Called from within the functions
 * below; must not call back into the channel.
 */
typedef void (*chan_watch_fn)(void *ctx, enum chan_slot slot, int fd, unsigned int want);

/* Tell fn about all there is, and about changes from now on. NULL: no more. */
void chan_watch(struct chan *c, chan_watch_fn fn, void *ctx);

/*
 * A watched descriptor is ready. For CHAN_IN and CHAN_NEXT call chan_recv()
 * instead, for all others this.
 */
void chan_ready(struct chan *c, enum chan_slot slot, unsigned int ready);

/* When chan_tick() must be called at the latest; TICK_NEVER: no need. */
tick_t chan_deadline(const struct chan *c);
void chan_tick(struct chan *c, tick_t now);

/* There is reason to believe that the peer can be reached: do not wait with the next attempt. */
void chan_nudge(struct chan *c);

/* The descriptors in use now, -1 = none. */
int chan_recv_fd(const struct chan *c);
int chan_send_fd(const struct chan *c);

/* ---- sending ---- */

/* A free buffer of chan_payload() bytes, NULL when all are waiting. */
uint8_t *chan_space(struct chan *c);

/* The buffer last handed out holds a datagram of len bytes (1 .. chan_payload()). */
void chan_queue(struct chan *c, size_t len);

/* Send what is queued, as far as the socket takes it. Returns datagrams still waiting. */
size_t chan_flush(struct chan *c);
size_t chan_waiting(const struct chan *c);

/*
 * Give up sending here for now: what waits, whole, goes to the end of the other
 * channel's queue, where what finds no room is dropped and counted. A TCP
 * connection of ours is cut, so that nothing old arrives late.
 */
void chan_hand_over(struct chan *from, struct chan *to);

/*
 * One of several links, datagrams: the way to the peer has gone, and what could not
 * leave waits. True once for each such case; then a chan_flush() drops what still
 * cannot leave, as it does where there is no other link.
 */
bool chan_lost_way(struct chan *c);

/* ---- receiving ---- */

struct chan_msg {
	const uint8_t *data; /* the channel's, until the next chan_recv() */
	size_t len;
	struct chan_addr from;
	uint32_t epoch; /* TCP: counts connections, see below; else 0 */
};

/*
 * Over TCP a "datagram" is any piece of the byte stream. Pieces with the same
 * epoch belong to one connection; when it changes, what is left of an incomplete
 * message is to be forgotten.
 *
 * Up to max datagrams, at most CHAN_BATCH, already checked for where they come
 * from. Returns their number; 0 when there is nothing (left), or only refused
 * ones.
 */
size_t chan_recv(struct chan *c, struct chan_msg *v, size_t max);

/*
 * What came in makes no sense (TCP: framing lost): close that connection, the
 * peer makes a new one. Counted as an error; nothing else for datagrams.
 */
void chan_reset_input(struct chan *c);

/* ---- reports ---- */

struct chan_stats {
	uint64_t bytes_out, packets_out, errors_out;
	uint64_t bytes_in, packets_in, errors_in;
	uint64_t foreign;            /* refused: wrong source or interface */
	uint64_t full;               /* chan_space() had none free */
	uint64_t dropped;            /* of those: the oldest was dropped; also in errors_out */
	uint64_t accepted, connects; /* TCP connections, since the start */
	bool server, client;         /* connected now; without connections: has sockets */
	uint32_t waiting, slots;     /* the queue now and its size */
};

void chan_get_stats(const struct chan *c, struct chan_stats *st);

enum chan_status { CHAN_DOWN, CHAN_NO_CARRIER, CHAN_RUNNING };

/* State of the interface now; also takes over a changed MTU. */
enum chan_status chan_check(struct chan *c);

/* At the last check the MTU was below CHAN_MTU_MIN. */
bool chan_too_small(const struct chan *c);

/* "DOWN", "NO-CARRIER", "RUNNING". */
const char *chan_status_name(enum chan_status s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_TRANSPORT_NET_H
#define CTD_TESTS_TRANSPORT_NET_H

/* Addresses, ports, namespaces and log lines for tests with real sockets. */
#include "transport/chan.h"

/* Address from text, either family. */
struct chan_addr addr_of(const char *text);

/* A UDP port nobody uses at this address. */
uint16_t free_port(const char *addr);

/* A link on "lo". */
struct chan_params udp_params(const char *local, const char *peer, uint16_t port);
struct chan_params tcp_params(const char *local, const char *peer, uint16_t port);
struct chan_params group_params(const char *group, uint16_t port, const char *interface);

/* A plain socket bound to addr, and a datagram from it. */
int stranger(const char *addr);
void say(int fd, const char *to, uint16_t port, const void *data, size_t len);

/* A plain listener (rcvbuf 0 = the usual size), and a connection from addr. */
int tcp_listener(const char *addr, uint16_t port, int rcvbuf);
int tcp_connected(const char *addr, const char *to, uint16_t port);

/* Wait until the descriptor is readable, at most 10 seconds. */
bool readable(int fd);
bool silent(int fd);

/* One queued and flushed datagram. */
void send_text(struct chan *c, const char *text);

/*
 * Go into a network namespace of our own with "lo" up; the test is skipped
 * without root. (A user namespace cannot be made here: test processes have
 * threads. Under "unshare -r" everything runs.)
 */
void own_network(void);

/* Carry out an ip(8) command line; the test is skipped if that cannot be done. */
void ip(const char *args);

/* Two joined interfaces v0 and v1, up and running. */
void veth_pair(void);

/*
 * Our network and another one, joined by two wires: v0 and w0 here, v1 and w1
 * there. 192.0.2.1 and 2001:db8::1 are addresses of v0; 192.0.2.2 and
 * 2001:db8::2 speak over w1 although we would answer over v0. To go there and
 * back again call far_side(); a socket stays where it was made.
 */
void crossed_wires(void);
void far_side(bool go);

/* The system works carrier changes off on its own time: wait for one, at most 10 seconds. */
void wait_status(const char *interface, enum chan_status want);

/* Collects what is logged. */
struct captured {
	struct log log;
	char text[4096];
};
void capture(struct captured *c);

#endif

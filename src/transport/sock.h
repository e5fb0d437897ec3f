/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_SOCK_H
#define CTD_TRANSPORT_SOCK_H

/* Socket calls all kinds of links need, with their failures logged. */
#include "chan_impl.h"

/* Address and port for the socket calls; scope matters for IPv6 only. Returns the length. */
socklen_t sock_addr(struct sockaddr_storage *ss, const struct chan_addr *a, uint16_t port,
		    int scope);

/* The other way round; the port is left out. */
void sock_addr_get(const struct sockaddr_storage *ss, struct chan_addr *a);

/* setsockopt() of an int, failure logged under "what". */
int sock_option(const struct chan *c, int fd, int level, int name, int value, const char *what);

/* bind(), failure logged with the address. */
int sock_bind(const struct chan *c, int fd, const struct chan_addr *a, uint16_t port);

/* The configured buffer sizes, as far as the system lets us. */
void sock_sndbuf(const struct chan *c, int fd);
void sock_rcvbuf(const struct chan *c, int fd);

/* An IPv4 socket beside an IPv6 one must not get in its way. */
int sock_v6_only(const struct chan *c, int fd);

/*
 * UDP, TCP: the peer's messages must come in on Interface, if that has our address.
 * (The system takes what is for any of its addresses on any interface.)
 */
void sock_expect_arrival(struct chan *c);

/* Have the system tell for each datagram where it came in. */
int sock_tell_arrival(const struct chan *c, int fd);

/* Index of the interface a datagram came in on, or a connection; 0: not told. */
int sock_arrival(struct msghdr *h);
int sock_arrival_tcp(const struct chan *c, int fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_DGRAM_H
#define CTD_TRANSPORT_DGRAM_H

/* What UDP and multicast links share: sockets, and datagrams in batches. */
#include "chan_impl.h"

/* Address and port for the socket calls; scope matters for IPv6 only. Returns the length. */
socklen_t dgram_sockaddr(struct sockaddr_storage *ss, const struct chan_addr *a, uint16_t port,
			 int scope);

/* Both sockets of a channel, options that do not depend on its kind, receive buffers. */
int dgram_sockets(struct chan *c);

/* setsockopt() of an int, failure logged under "what". */
int dgram_option(const struct chan *c, int fd, int level, int name, int value, const char *what);

/* bind(), failure logged with the address. */
int dgram_bind(const struct chan *c, int fd, const struct chan_addr *a, uint16_t port);

void dgram_send(struct chan *c);
size_t dgram_recv(struct chan *c, struct chan_msg *v, size_t max);

struct chan_rx *dgram_rx_new(void);
void dgram_rx_free(struct chan_rx *rx);

#endif

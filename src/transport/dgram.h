/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_DGRAM_H
#define CTD_TRANSPORT_DGRAM_H

/* What UDP and multicast links share: sockets, and datagrams in batches. */
#include "chan_impl.h"

/* Both sockets of a channel, options that do not depend on its kind, receive buffers. */
int dgram_sockets(struct chan *c);

void dgram_send(struct chan *c);
size_t dgram_recv(struct chan *c, struct chan_msg *v, size_t max);

void dgram_fini(struct chan *c);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TRANSPORT_IFACE_H
#define CTD_TRANSPORT_IFACE_H

/* What the system says of a network interface. Codes are negated errno values. */
#include "transport/chan.h"

/* Index of an interface, or -ENODEV. */
int iface_index(const char *name);

/* Index of the interface that owns a local address, or -EADDRNOTAVAIL. */
int iface_index_of(const struct chan_addr *a);

/* True if it is among the addresses of this interface. */
bool iface_owns(const char *name, const struct chan_addr *a);

/* MTU in bytes. */
int iface_mtu(const char *name);

/* DOWN also when there is no such interface. */
enum chan_status iface_status(const char *name);

#endif

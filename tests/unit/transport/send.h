/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_TRANSPORT_SEND_H
#define CTD_TESTS_TRANSPORT_SEND_H

/* sendmmsg() on demand: link with -Wl,--wrap=sendmmsg. */

/* The next n calls fail with this error. */
void send_fail(unsigned int n, int err);

/* No call takes more than n datagrams from now on. */
void send_at_most(unsigned int n);

/* Calls made so far. */
unsigned int send_calls(void);

#endif

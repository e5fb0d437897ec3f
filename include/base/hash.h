/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_BASE_HASH_H
#define CTD_BASE_HASH_H

/*
 * Keyed hash for tables whose keys come from the network: without the key
 * nobody can aim flows at one bucket.
 */
#include <stddef.h>
#include <stdint.h>

/* Hash of len bytes under a secret key. */
uint32_t hash_bytes(const void *data, size_t len, uint64_t key);

#endif

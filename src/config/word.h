/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONFIG_WORD_H
#define CTD_CONFIG_WORD_H

/* Small questions about a word of the text, and the tables behind them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/tuple.h"
#include "reader.h"

bool word_is(const struct word *w, const char *text);
bool word_is_nocase(const struct word *w, const char *text);

/* What the kernel takes as a device name (dev_valid_name() in net/core/dev.c), of any length. */
bool word_is_name(const struct word *w);

/* Decimal digits only. 0, -EINVAL, CTD_ERANGE (above 2^32 - 1). */
int word_number(const struct word *w, uint32_t *out);

/* on, yes, off, no in any case. */
bool word_bool(const struct word *w, bool *out);

/* The word for a message: cut to 40 bytes, odd bytes as \xNN. Returns out. */
#define WORD_SHOWN 192
const char *word_show(const struct word *w, char out[WORD_SHOWN]);

/* What a word that should be an address looks like: the family, or FAM_NONE. */
uint8_t word_addr_shape(const struct word *w);

/*
 * An address of this family with an optional /prefix. 0 or -EINVAL, CTD_ERANGE
 * (prefix). *prefix is the longest possible, and *has_prefix false, without one.
 */
int word_addr(const struct word *w, uint8_t family, struct addr *a, uint8_t *prefix,
	      bool *has_prefix);

/* ---- names.c ---- */

/* Number of an IP protocol by name, or -1. host: ask the system's database too. */
int name_to_proto(const struct word *w, bool host);
/* The name to print, or NULL. */
const char *proto_to_name(uint8_t proto);

/* TCP state of the State set, exact case, or -1. */
int name_to_state(const struct word *w);
const char *state_to_name(unsigned int state);

/* Syslog facility by name, or -1. */
int32_t name_to_facility(const struct word *w);
const char *facility_to_name(int32_t facility);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_REPL_SOUND_H
#define CTD_TESTS_REPL_SOUND_H

#include "repl/repl.h"

/*
 * Looks into a session: every element is in exactly one place, and objects and
 * slots name each other. NULL, or what is wrong.
 */
const char *repl_unsound(const struct repl *r);

/* Objects in the session: so many slots are not 0. */
uint32_t repl_objects(const struct repl *r);

#endif

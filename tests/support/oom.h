/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_OOM_H
#define CTD_TESTS_OOM_H

/*
 * Failing allocations. Link the test with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc and oom.c; calls from our own
 * objects then pass through here, those of the C library do not.
 */

/* Let n more allocations succeed, fail the one after, then succeed again. */
void oom_after(long n);

/* No more failures. */
void oom_off(void);

/* Allocations asked for since oom_after() or oom_off(). */
long oom_count(void);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Out of memory on demand: a scenario is run with its first allocation
 * failing, then with its second, until it runs through.
 */
#include "oom.h"

#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long fail_at = -1;
static long count;

void oom_after(long n)
{
	fail_at = n;
	count = 0;
}

void oom_off(void)
{
	oom_after(-1);
}

long oom_count(void)
{
	return count;
}

static int fails(void)
{
	return count++ == fail_at;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Pools: ceilings, reuse, stable addresses, and memory that runs out. */
#include "base/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>
#include "oom.h"

Test(pool, handles_start_at_one_and_stop_at_the_limit)
{
	struct pool p;

	pool_init(&p, 10, 3);
	cr_assert_eq(p.size, 12);
	cr_assert_eq(pool_bytes(&p), 0);
	cr_assert_eq(pool_alloc(&p), 1);
	cr_assert_eq(pool_alloc(&p), 2);
	cr_assert_eq(pool_alloc(&p), 3);
	cr_assert_eq(pool_alloc(&p), 0);
	cr_assert_eq(p.used, 3);
	pool_free(&p, 2);
	cr_assert_eq(pool_alloc(&p), 2);
	cr_assert_eq(pool_alloc(&p), 0);
	pool_fini(&p);
}

Test(pool, last_freed_is_reused_first)
{
	struct pool p;
	uint32_t i;

	pool_init(&p, 4, 100);
	for (i = 0; i < 5; i++)
		pool_alloc(&p);
	pool_free(&p, 4);
	pool_free(&p, 1);
	pool_free(&p, 3);
	cr_assert_eq(pool_alloc(&p), 3);
	cr_assert_eq(pool_alloc(&p), 1);
	cr_assert_eq(pool_alloc(&p), 4);
	cr_assert_eq(pool_alloc(&p), 6);
	pool_fini(&p);
}

Test(pool, objects_do_not_move_or_overlap)
{
	enum { COUNT = 5 * POOL_CHUNK + 7 };
	static void *where[COUNT + 1];
	struct pool p;
	uint32_t h;

	pool_init(&p, 24, COUNT);
	for (h = 1; h <= COUNT; h++) {
		cr_assert_eq(pool_alloc(&p), h);
		where[h] = pool_at(&p, h);
		cr_assert_eq((uintptr_t)where[h] % 8, 0);
		memset(where[h], (int)(h & 0xff), 24);
	}
	for (h = 1; h <= COUNT; h++) {
		uint8_t want[24];

		memset(want, (int)(h & 0xff), sizeof(want));
		cr_assert_eq(pool_at(&p, h), where[h]);
		cr_assert_arr_eq(where[h], want, sizeof(want));
	}
	cr_assert_eq(p.nchunks, 6);
	cr_assert_geq(pool_bytes(&p), (size_t)6 * POOL_CHUNK * 24);
	cr_assert_leq(pool_bytes(&p), (size_t)6 * POOL_CHUNK * 24 + 8 * sizeof(void *));
	pool_fini(&p);
	cr_assert_eq(pool_bytes(&p), 0);
}

Test(pool, works_again_after_fini)
{
	struct pool p;

	pool_init(&p, 1, 2);
	cr_assert_eq(p.size, 4);
	pool_alloc(&p);
	pool_fini(&p);
	cr_assert_eq(pool_alloc(&p), 1);
	cr_assert_eq(pool_alloc(&p), 2);
	cr_assert_eq(pool_alloc(&p), 0);
	pool_fini(&p);
}

/* The first object needs two allocations; fail each of them. */
Test(pool, out_of_memory_is_an_ordinary_answer)
{
	struct pool p;
	long n;

	for (n = 0; n < 2; n++) {
		pool_init(&p, 16, 10);
		oom_after(n);
		cr_assert_eq(pool_alloc(&p), 0, "allocation %ld", n);
		cr_assert_eq(p.used, 0);
		cr_assert_eq(pool_alloc(&p), 1);
		oom_off();
		pool_fini(&p);
	}
}

Test(pool, out_of_memory_keeps_what_is_there)
{
	struct pool p;
	uint32_t h;

	pool_init(&p, 4, 10 * POOL_CHUNK);
	for (h = 1; h <= 4 * POOL_CHUNK; h++)
		pool_alloc(&p);
	memset(pool_at(&p, 1), 0x77, 4);
	oom_after(0);
	cr_assert_eq(pool_alloc(&p), 0);
	oom_after(1);
	cr_assert_eq(pool_alloc(&p), 0);
	cr_assert_eq(p.used, 4 * POOL_CHUNK);
	/* Freed ones can be had without memory. */
	pool_free(&p, 9);
	oom_after(0);
	cr_assert_eq(pool_alloc(&p), 9);
	oom_off();
	cr_assert_arr_eq(pool_at(&p, 1), "\x77\x77\x77\x77", 4);
	cr_assert_eq(pool_alloc(&p), 4 * POOL_CHUNK + 1);
	pool_fini(&p);
}

static void copy_wide(void *ctx, void *to, const void *from)
{
	memcpy(to, from, 8);
	memset((char *)to + 8, *(int *)ctx, 8);
}

Test(pool, a_copy_has_the_same_handles)
{
	enum { COUNT = 2 * POOL_CHUNK + 3 };
	struct pool p, q;
	int fill = 0x5a;

	pool_init(&p, 8, COUNT);
	pool_init(&q, 16, COUNT);
	cr_assert_eq(pool_copy(&q, &p, copy_wide, &fill), 0, "an empty one");
	for (uint32_t h = 1; h <= COUNT; h++)
		memset(pool_at(&p, pool_alloc(&p)), (int)(h & 0xff), 8);
	pool_free(&p, 7);
	pool_free(&p, 2000);
	cr_assert_eq(pool_copy(&q, &p, copy_wide, &fill), 0);
	cr_assert_eq(q.used, p.used);
	for (uint32_t h = 1; h <= COUNT; h++) {
		const uint8_t *b = pool_at(&q, h);

		if (h != 7 && h != 2000)
			cr_assert(b[7] == (h & 0xff) && b[8] == 0x5a && b[15] == 0x5a, "%u", h);
	}
	cr_assert_eq(pool_alloc(&q), 2000);
	cr_assert_eq(pool_alloc(&q), 7);
	cr_assert_eq(pool_alloc(&q), 0);
	pool_fini(&p);
	pool_fini(&q);
}

Test(pool, a_copy_out_of_memory)
{
	struct pool p, q;
	int fill = 0;

	pool_init(&p, 8, 10000);
	for (uint32_t h = 0; h < 3 * POOL_CHUNK; h++)
		memset(pool_at(&p, pool_alloc(&p)), 0, 8);
	for (long n = 0; n < 3; n++) {
		pool_init(&q, 16, 10000);
		oom_after(n);
		cr_assert_eq(pool_copy(&q, &p, copy_wide, &fill), -ENOMEM);
		oom_off();
		cr_assert_eq(pool_bytes(&q), 0);
	}
	pool_fini(&p);
	pool_fini(&q);
}

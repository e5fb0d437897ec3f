// SPDX-License-Identifier: GPL-2.0-or-later
/* The window against a plain array. */
#include <criterion/criterion.h>
#include <errno.h>
#include "base/err.h"
#include "base/rand.h"
#include "oom.h"
#include "../../../src/repl/window.h"

Test(window, finds_what_was_put_in_number_order)
{
	struct window w;
	uint32_t seq;

	window_init(&w, 4096);
	seq = 0;
	cr_assert_eq(window_find(&w, &seq), 0);
	cr_assert_eq(window_put(&w, 100, 7), 0);
	cr_assert_eq(window_put(&w, 103, 8), 0);
	seq = 5;
	cr_assert_eq(window_find(&w, &seq), 7);
	cr_assert_eq(seq, 100);
	seq = 101;
	cr_assert_eq(window_find(&w, &seq), 8);
	cr_assert_eq(seq, 103);
	seq = 104;
	cr_assert_eq(window_find(&w, &seq), 0);
	cr_assert_eq(window_get(&w, 103), 8);
	cr_assert_eq(window_get(&w, 102), 0);
	cr_assert_eq(window_get(&w, 103 + 1024), 0);
	window_fini(&w);
}

Test(window, refuses_a_span_beyond_its_size_until_the_lowest_is_gone)
{
	struct window w;

	window_init(&w, 2000);
	cr_assert_eq(window_put(&w, 0xfffffff0, 1), 0);
	cr_assert_eq(window_put(&w, 0xfffffff0 + 2047, 2), 0);
	cr_assert_eq(window_put(&w, 0xfffffff0 + 2048, 3), CTD_EFULL);
	window_del(&w, 0xfffffff0);
	cr_assert_eq(window_put(&w, 0xfffffff0 + 2048, 3), 0);
	cr_assert_eq(w.count, 2);
	window_fini(&w);
}

Test(window, survives_failing_allocations)
{
	struct window w;
	uint32_t seq = 0;

	window_init(&w, 1 << 14);
	oom_after(0);
	cr_assert_eq(window_put(&w, 1, 1), -ENOMEM);
	oom_after(1);
	cr_assert_eq(window_put(&w, 1, 1), -ENOMEM);
	oom_off();
	cr_assert_eq(window_put(&w, 1, 1), 0);
	oom_after(0);
	cr_assert_eq(window_put(&w, 3000, 2), -ENOMEM, "growing");
	oom_off();
	cr_assert_eq(window_find(&w, &seq), 1);
	cr_assert_eq(window_put(&w, 3000, 2), 0);
	seq = 2;
	cr_assert_eq(window_find(&w, &seq), 2);
	window_fini(&w);
}

#define SPAN 20000

/* What the window should answer, by looking at every number. */
static uint32_t slow_find(const uint32_t *plain, uint32_t from, uint32_t end, uint32_t base)
{
	for (; from < end; from++)
		if (plain[from])
			return base + from;
	return base + end;
}

Test(window, agrees_with_a_plain_array_at_random)
{
	static uint32_t plain[SPAN];
	const uint32_t base = 0xffffffff - SPAN / 2;
	uint32_t next = 0, low = 0;
	struct window w;
	struct rng rng;

	rng_seed(&rng, 3);
	window_init(&w, 8192);
	while (next < SPAN) {
		uint32_t n = rng_below(&rng, 50), seq, from;

		for (; n && next < SPAN; n--, next += 1 + rng_below(&rng, 3)) {
			while (window_put(&w, base + next, next + 1) == CTD_EFULL) {
				low = slow_find(plain, low, next, 0);
				window_del(&w, base + low);
				plain[low] = 0;
			}
			plain[next] = next + 1;
		}
		if (next > SPAN)
			break;
		for (n = rng_below(&rng, 40); n; n--) {
			from = next - rng_below(&rng, next < 9000 ? next + 1 : 9000);
			seq = base + from;
			if (!window_find(&w, &seq)) {
				cr_assert_eq(slow_find(plain, from, next, base), base + next);
				continue;
			}
			cr_assert_eq(seq, slow_find(plain, from, next, base));
			window_del(&w, seq);
			plain[seq - base] = 0;
		}
	}
	window_fini(&w);
}

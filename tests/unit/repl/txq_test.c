// SPDX-License-Identifier: GPL-2.0-or-later
/* Elements and the queues they wait in. */
#include <criterion/criterion.h>
#include "oom.h"
#include "../../../src/repl/txq.h"

static struct txq q;
static uint32_t slot[8];

static uint32_t object(uint32_t n)
{
	return txq_add_object(&q, (struct repl_obj){ 1, n }, &slot[n]);
}

Test(txq, both_kinds_leave_in_the_order_they_came)
{
	uint32_t h[4];

	txq_init(&q);
	q.order = 0xfffffffe; /* over the wrap */
	h[0] = object(0);
	h[1] = txq_add_control(&q, WIRE_F_ACK, 1, 2);
	h[2] = object(1);
	h[3] = txq_add_control(&q, WIRE_F_NACK, 3, 3);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(txq_first(&q, false), h[i]);
		txq_take(&q, h[i]);
	}
	cr_assert_eq(txq_first(&q, false), 0);
	txq_fini(&q);
}

Test(txq, control_messages_pass_objects_that_are_held)
{
	uint32_t c;

	txq_init(&q);
	object(0);
	c = txq_add_control(&q, WIRE_F_ACK, 1, 2);
	cr_assert_eq(txq_first(&q, true), c);
	txq_take(&q, c);
	cr_assert_eq(txq_first(&q, true), 0);
	cr_assert_eq(txq_first(&q, false), slot[0]);
	txq_fini(&q);
}

Test(txq, elements_leave_from_anywhere_and_come_back_at_the_end)
{
	txq_init(&q);
	for (uint32_t i = 0; i < 3; i++)
		object(i);
	txq_take(&q, slot[1]);
	cr_assert_eq(q.obj.count, 2);
	txq_again(&q, slot[1]);
	txq_take(&q, slot[0]);
	cr_assert_eq(txq_first(&q, false), slot[2]);
	txq_take(&q, slot[2]);
	cr_assert_eq(txq_first(&q, false), slot[1]);
	txq_take(&q, slot[1]);
	txq_finish(&q, slot[1]);
	cr_assert_eq(q.done.head, slot[1]);
	cr_assert_eq(q.obj.count, 0);
	txq_fini(&q);
}

Test(txq, out_of_memory_leaves_the_slot_alone)
{
	txq_init(&q);
	oom_after(0);
	cr_assert_eq(object(0), 0);
	cr_assert_eq(slot[0], 0);
	oom_after(0);
	cr_assert_eq(txq_add_control(&q, WIRE_F_ACK, 1, 2), 0);
	oom_off();
	cr_assert_neq(object(0), 0);
	txq_fini(&q);
}

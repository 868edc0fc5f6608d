/* SPDX-License-Identifier: MIT */
/* Packed rings: wrap counters, suppression of kicks and interrupts, order, stop and resume. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver_ring.h"

/* No power of two, so that nothing fits by accident. */
#define SIZE 11

static int setup(void **state)
{
	*state = malloc(sizeof(struct driver));
	driver_init(*state, true, SIZE);
	return 0;
}

static int teardown(void **state)
{
	driver_finish(*state);
	free(*state);
	return 0;
}

static void serve(struct driver *driver, uint16_t id)
{
	driver_offer_simple(driver, id);
	pg_virtqueue_push(driver_pop(driver), 24);
}

static void expect_used(struct driver *driver, uint16_t slots, uint16_t id)
{
	uint16_t found;
	uint32_t len;

	assert_true(packed_used(driver, slots, &found, &len));
	assert_int_equal(found, id);
}

static bool nothing_used(struct driver *driver)
{
	uint16_t next = driver->used_next;
	uint16_t id;
	uint32_t len;

	if (!packed_used(driver, 1, &id, &len))
		return true;
	driver->used_next = next;
	return false;
}

/* --- hostile ----------------------------------------------------------------------------------- */

static void a_chain_longer_than_the_ring_breaks_it(void **state)
{
	struct driver *driver = *state;

	for (int i = 0; i < SIZE; i++)
		packed_offer(driver, &(struct packed_slot){BUFFERS, 8, 0, VIRTQ_DESC_F_NEXT}, 1);
	driver_expect_broken(driver, "loop");
}

static void more_in_flight_than_descriptors_breaks_it(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chains[SIZE];
	struct pg_chain *chain;
	const struct packed_slot slot = {BUFFERS, 8, 1, 0};

	for (int i = 0; i < SIZE; i++) {
		packed_offer(driver, &slot, 1);
		chains[i] = driver_pop(driver);
	}
	packed_offer(driver, &slot, 1);
	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EPIPE);
	assert_non_null(strstr(driver->queue.reason, "in flight"));
	for (int i = 0; i < SIZE; i++)
		pg_virtqueue_push(chains[i], 0);
	assert_int_equal(driver->queue.slots_in_flight, 0);
}

static void a_base_outside_of_the_ring_breaks_it(void **state)
{
	static const uint32_t bases[] = {0x80000000u | SIZE, SIZE << 16, 0xffffffffu};
	struct driver *driver = *state;
	struct pg_chain *chain;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		pg_virtqueue_stop(&driver->queue);
		pg_virtqueue_start(&driver->queue, &driver->ring, bases[i]);
		assert_true(driver->queue.broken);
		assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EPIPE);
	}
}

static void a_ring_of_an_impossible_size_does_not_start(void **state)
{
	struct driver *driver = *state;
	struct pg_ring ring = driver->ring;

	pg_virtqueue_stop(&driver->queue);
	ring.size = 0;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0x80008000u), -EINVAL);
	ring.size = 32769;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0x80008000u), -EINVAL);
}

/* --- order and wrap ---------------------------------------------------------------------------- */

static void wrap_counters_turn_with_the_ring(void **state)
{
	struct driver *driver = *state;

	for (int i = 0; i < 1000; i++) {
		serve(driver, 0);
		pg_virtqueue_flush(&driver->queue);
		expect_used(driver, 2, 0);
		assert_true(nothing_used(driver));
	}
}

static void a_batch_appears_at_once_and_in_order_of_completion(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chains[4];

	for (uint16_t i = 0; i < 4; i++) {
		driver_offer_simple(driver, i);
		chains[i] = driver_pop(driver);
	}
	pg_virtqueue_push(chains[3], 24);
	pg_virtqueue_push(chains[1], 24);
	assert_true(nothing_used(driver));
	pg_virtqueue_flush(&driver->queue);
	expect_used(driver, 2, 3);
	expect_used(driver, 2, 1);
	assert_true(nothing_used(driver));
	pg_virtqueue_push(chains[0], 24);
	pg_virtqueue_push(chains[2], 24);
	pg_virtqueue_flush(&driver->queue);
	expect_used(driver, 2, 0);
	expect_used(driver, 2, 2);
}

static void in_order_holds_back_what_overtakes(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chains[3];

	driver_restart(driver, true, true, true);
	for (uint16_t i = 0; i < 3; i++) {
		driver_offer_simple(driver, i);
		chains[i] = driver_pop(driver);
	}
	pg_virtqueue_push(chains[1], 0);
	pg_virtqueue_push(chains[2], 0);
	pg_virtqueue_flush(&driver->queue);
	assert_true(nothing_used(driver));
	pg_virtqueue_push(chains[0], 0);
	pg_virtqueue_flush(&driver->queue);
	for (uint16_t i = 0; i < 3; i++)
		expect_used(driver, 2, i);
}

static void the_buffer_id_is_that_of_the_last_descriptor(void **state)
{
	struct driver *driver = *state;

	packed_offer(driver,
		     (struct packed_slot[]){{BUFFERS, 8, 1, VIRTQ_DESC_F_NEXT},
					    {BUFFERS + 8, 8, 2, VIRTQ_DESC_F_NEXT},
					    {BUFFERS + 16, 8, 0xfffe, VIRTQ_DESC_F_WRITE}},
		     3);
	pg_virtqueue_push(driver_pop(driver), 8);
	pg_virtqueue_flush(&driver->queue);
	expect_used(driver, 3, 0xfffe);
}

static void an_indirect_table_takes_one_slot(void **state)
{
	struct driver *driver = *state;

	for (uint32_t i = 0; i < 20; i++)
		table_describe(driver, TABLES, i, BUFFERS + UINT64_C(8) * i, 8, 0, 0);
	for (int i = 0; i < 30; i++) {
		packed_offer(driver,
			     &(struct packed_slot){TABLES, 20 * 16, 5, VIRTQ_DESC_F_INDIRECT}, 1);
		pg_virtqueue_push(driver_pop(driver), 0);
		pg_virtqueue_flush(&driver->queue);
		expect_used(driver, 1, 5);
	}
}

/* --- interrupts and kicks ------------------------------------------------------------------------ */

static void set_driver_event(struct driver *driver, uint16_t flags, uint16_t index, bool wrap)
{
	packed_driver_event(driver)->desc = pg_to_le16((uint16_t)(index | (wrap ? 0x8000 : 0)));
	packed_driver_event(driver)->flags = pg_to_le16(flags);
}

static void the_driver_switches_interrupts_off_and_on(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, false, true, false);
	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
	set_driver_event(driver, RING_EVENT_FLAGS_DISABLE, 0, false);
	serve(driver, 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
	set_driver_event(driver, RING_EVENT_FLAGS_ENABLE, 0, false);
	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
}

/* Served one by one, exactly the one that reaches the slot interrupts, wherever the ring stands. */
static void only_the_passed_event_interrupts(void **state)
{
	struct driver *driver = *state;
	uint32_t slot = 2; /* after the first request, counted without wrapping */

	serve(driver, 0);
	pg_virtqueue_flush(&driver->queue);
	for (int round = 0; round < 200; round++) {
		uint32_t target = slot + 4; /* in the third request from here */

		set_driver_event(driver, RING_EVENT_FLAGS_DESC, (uint16_t)(target % SIZE),
				 !(target / SIZE % 2));
		serve(driver, 0);
		assert_false(pg_virtqueue_flush(&driver->queue));
		serve(driver, 0);
		assert_false(pg_virtqueue_flush(&driver->queue));
		serve(driver, 0);
		assert_true(pg_virtqueue_flush(&driver->queue));
		slot += 6;
	}
}

static void a_batch_over_the_wrap_that_passes_the_event_interrupts(void **state)
{
	struct driver *driver = *state;

	for (int i = 0; i < 4; i++) {
		serve(driver, 0);
		pg_virtqueue_flush(&driver->queue);
	}
	/* At slot 8 of 11; the batch goes to slot 3 of the next turn. */
	set_driver_event(driver, RING_EVENT_FLAGS_DESC, 1, false);
	for (uint16_t i = 0; i < 3; i++)
		serve(driver, i);
	assert_true(pg_virtqueue_flush(&driver->queue));
	set_driver_event(driver, RING_EVENT_FLAGS_DESC, 10, false);
	serve(driver, 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
}

static void desc_events_without_the_feature_count_as_always(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, false, true, false);
	set_driver_event(driver, RING_EVENT_FLAGS_DESC, 9, true);
	for (int i = 0; i < 3; i++) {
		serve(driver, 0);
		assert_true(pg_virtqueue_flush(&driver->queue));
	}
}

static void kicks_are_switched_off_and_on(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, false, true, false);
	pg_virtqueue_disable_kicks(&driver->queue);
	assert_int_equal(pg_from_le16(packed_device_event(driver)->flags),
			 RING_EVENT_FLAGS_DISABLE);
	assert_false(pg_virtqueue_enable_kicks(&driver->queue));
	assert_int_equal(pg_from_le16(packed_device_event(driver)->flags), RING_EVENT_FLAGS_ENABLE);
}

static void with_event_idx_the_device_event_is_kept_current(void **state)
{
	struct driver *driver = *state;

	for (int i = 0; i < 100; i++) {
		pg_virtqueue_disable_kicks(&driver->queue);
		serve(driver, 0);
		assert_false(pg_virtqueue_enable_kicks(&driver->queue));
		assert_int_equal(pg_from_le16(packed_device_event(driver)->flags),
				 RING_EVENT_FLAGS_DESC);
		assert_int_equal(pg_from_le16(packed_device_event(driver)->desc),
				 driver->next | (driver->wrap ? 0x8000 : 0));
		pg_virtqueue_flush(&driver->queue);
	}
}

static void enabling_kicks_tells_of_a_request_that_came_meanwhile(void **state)
{
	struct driver *driver = *state;

	pg_virtqueue_disable_kicks(&driver->queue);
	driver_offer_simple(driver, 0);
	assert_true(pg_virtqueue_enable_kicks(&driver->queue));
	pg_virtqueue_push(driver_pop(driver), 0);
}

/* --- stop and resume ------------------------------------------------------------------------------ */

static void the_initial_base_is_0x80008000(void **state)
{
	struct driver *driver = *state;

	assert_int_equal(pg_virtqueue_stop(&driver->queue), 0x80008000u);
}

static void the_base_has_both_indices_and_wrap_counters(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *held;
	uint32_t base;

	for (uint16_t i = 0; i < 5; i++) {
		serve(driver, i);
		pg_virtqueue_flush(&driver->queue);
		expect_used(driver, 2, i);
	}
	driver_offer_simple(driver, 5);
	held = driver_pop(driver);
	base = pg_virtqueue_stop(&driver->queue);
	/* taken: 12 slots, once around and 1; used: 10 */
	assert_int_equal(base, 1u | 0u << 15 | 10u << 16 | 1u << 31);
	assert_int_equal(pg_virtqueue_start(&driver->queue, &driver->ring, base), 0);
	pg_virtqueue_push(held, 24);
	pg_virtqueue_flush(&driver->queue);
	expect_used(driver, 2, 5);
	serve(driver, 0);
	pg_virtqueue_flush(&driver->queue);
	expect_used(driver, 2, 0);
}

static void a_ring_of_another_size_knows_nothing_of_requests_before(void **state)
{
	struct driver *driver = *state;
	struct packed_slot slots[SIZE - 1];
	struct pg_ring small = driver->ring;
	struct pg_chain *held;

	for (int i = 0; i < SIZE - 1; i++)
		slots[i] = (struct packed_slot){BUFFERS, 8, 0, VIRTQ_DESC_F_NEXT};
	slots[SIZE - 2].flags = 0;
	packed_offer(driver, slots, SIZE - 1);
	held = driver_pop(driver);
	pg_virtqueue_stop(&driver->queue);
	small.size = 2;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &small, 0x80008000u), 0);
	pg_virtqueue_push(held, 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
	assert_in_range(driver->queue.used_idx, 0, 1);
}

/* The front end replaces its memory table between the completion and the interrupt. */
static void a_batch_is_published_where_the_ring_is_by_then(void **state)
{
	struct driver *driver = *state;
	struct pg_ring moved = driver->ring;
	size_t size = SIZE * sizeof(struct pvirtq_desc);

	serve(driver, 0);
	moved.desc = aligned_alloc(16, size);
	assert_non_null(moved.desc);
	memcpy(moved.desc, driver->ring.desc, size);
	memset(driver->ring.desc, 0xee, size);
	pg_virtqueue_move(&driver->queue, &moved);
	pg_virtqueue_flush(&driver->queue);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(((const uint8_t *)driver->ring.desc)[i], 0xee);
	memcpy(driver->ring.desc, moved.desc, size);
	expect_used(driver, 2, 0);
	pg_virtqueue_stop(&driver->queue);
	free(moved.desc);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_longer_than_the_ring_breaks_it),
		TEST(more_in_flight_than_descriptors_breaks_it),
		TEST(a_base_outside_of_the_ring_breaks_it),
		TEST(a_ring_of_an_impossible_size_does_not_start),
		TEST(wrap_counters_turn_with_the_ring),
		TEST(a_batch_appears_at_once_and_in_order_of_completion),
		TEST(in_order_holds_back_what_overtakes),
		TEST(the_buffer_id_is_that_of_the_last_descriptor),
		TEST(an_indirect_table_takes_one_slot),
		TEST(the_driver_switches_interrupts_off_and_on),
		TEST(only_the_passed_event_interrupts),
		TEST(a_batch_over_the_wrap_that_passes_the_event_interrupts),
		TEST(desc_events_without_the_feature_count_as_always),
		TEST(kicks_are_switched_off_and_on),
		TEST(with_event_idx_the_device_event_is_kept_current),
		TEST(enabling_kicks_tells_of_a_request_that_came_meanwhile),
		TEST(the_initial_base_is_0x80008000),
		TEST(the_base_has_both_indices_and_wrap_counters),
		TEST(a_ring_of_another_size_knows_nothing_of_requests_before),
		TEST(a_batch_is_published_where_the_ring_is_by_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

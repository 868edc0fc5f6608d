/* SPDX-License-Identifier: MIT */
/* Split rings: indices, suppression of kicks and interrupts, order, stop and resume. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver_ring.h"

#define SIZE 16

static int setup(void **state)
{
	*state = malloc(sizeof(struct driver));
	driver_init(*state, false, SIZE);
	return 0;
}

static int teardown(void **state)
{
	driver_finish(*state);
	free(*state);
	return 0;
}

static uint16_t used_idx(struct driver *driver)
{
	return pg_from_le16(split_used(driver)->idx);
}

static uint16_t used_id(struct driver *driver, uint16_t index)
{
	return (uint16_t)pg_from_le32(split_used(driver)->ring[index % SIZE].id);
}

static uint16_t avail_event(struct driver *driver)
{
	return pg_from_le16(*split_avail_event(driver));
}

/* Takes and returns one request, as if the device had answered. */
static void serve(struct driver *driver, uint16_t id)
{
	driver_offer_simple(driver, id);
	pg_virtqueue_push(driver_pop(driver), 24);
}

/* --- hostile ----------------------------------------------------------------------------------- */

static void a_head_outside_of_the_ring_breaks_it(void **state)
{
	struct driver *driver = *state;

	split_offer(driver, SIZE);
	driver_expect_broken(driver, "made available");
	driver_restart(driver, true, true, false);
	split_offer(driver, UINT16_MAX);
	driver_expect_broken(driver, "made available");
}

static void a_next_outside_of_the_ring_breaks_it(void **state)
{
	struct driver *driver = *state;

	split_describe(driver, 0, BUFFERS, 8, VIRTQ_DESC_F_NEXT, SIZE);
	split_offer(driver, 0);
	driver_expect_broken(driver, "continues at descriptor");
}

static void a_descriptor_loop_breaks_it(void **state)
{
	struct driver *driver = *state;

	split_describe(driver, 0, BUFFERS, 8, VIRTQ_DESC_F_NEXT, 0);
	split_offer(driver, 0);
	driver_expect_broken(driver, "loop");
	driver_restart(driver, true, true, false);
	for (uint16_t i = 0; i < SIZE; i++)
		split_describe(driver, i, BUFFERS, 8, VIRTQ_DESC_F_NEXT,
			       (uint16_t)((i + 1) % SIZE));
	split_offer(driver, 5);
	driver_expect_broken(driver, "loop");
}

static void a_loop_in_an_indirect_table_breaks_it(void **state)
{
	struct driver *driver = *state;

	for (uint32_t i = 0; i < 4; i++)
		table_describe(driver, TABLES, i, BUFFERS, 8, VIRTQ_DESC_F_NEXT,
			       (uint16_t)((i + 1) % 4));
	split_describe(driver, 0, TABLES, 64, VIRTQ_DESC_F_INDIRECT, 0);
	split_offer(driver, 0);
	driver_expect_broken(driver, "loop");
}

static void a_next_outside_of_an_indirect_table_breaks_it(void **state)
{
	struct driver *driver = *state;

	table_describe(driver, TABLES, 0, BUFFERS, 8, VIRTQ_DESC_F_NEXT, 2);
	split_describe(driver, 0, TABLES, 32, VIRTQ_DESC_F_INDIRECT, 0);
	split_offer(driver, 0);
	driver_expect_broken(driver, "continues at 2");
}

static void an_available_index_that_jumps_breaks_it(void **state)
{
	static const uint16_t jumps[] = {SIZE + 1, 0x8000, 0xffff};
	struct driver *driver = *state;

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		driver_restart(driver, true, true, false);
		split_avail(driver)->idx = pg_to_le16(jumps[i]);
		driver_expect_broken(driver, "available index");
	}
}

/* Else a guest could make the device hold the same descriptor without end. */
static void more_in_flight_than_descriptors_breaks_it(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chains[SIZE];
	struct pg_chain *chain;

	split_describe(driver, 3, BUFFERS, 8, 0, 0);
	for (int i = 0; i < SIZE; i++) {
		split_offer(driver, 3);
		chains[i] = driver_pop(driver);
	}
	split_offer(driver, 3);
	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EPIPE);
	assert_non_null(strstr(driver->queue.reason, "in flight"));
	for (int i = 0; i < SIZE; i++)
		pg_virtqueue_push(chains[i], 0);
	assert_int_equal(driver->queue.in_flight, 0);
}

static void a_ring_of_an_impossible_size_does_not_start(void **state)
{
	static const uint16_t sizes[] = {0, 3, 100, 32769, 65535};
	struct driver *driver = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pg_ring ring = driver->ring;

		pg_virtqueue_stop(&driver->queue);
		ring.size = sizes[i];
		assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0), -EINVAL);
		assert_true(driver->queue.broken);
	}
}

static void a_misaligned_ring_does_not_start(void **state)
{
	struct driver *driver = *state;
	struct pg_ring ring = driver->ring;

	pg_virtqueue_stop(&driver->queue);
	ring.desc = (uint8_t *)ring.desc + 8;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0), -EINVAL);
	ring = driver->ring;
	ring.driver = (uint8_t *)ring.driver + 1;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0), -EINVAL);
	ring = driver->ring;
	ring.device = (uint8_t *)ring.device + 2;
	assert_int_equal(pg_virtqueue_start(&driver->queue, &ring, 0), -EINVAL);
}

/* --- order and indices ------------------------------------------------------------------------- */

static void used_elements_name_their_heads_in_order_of_completion(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *chains[3];

	for (uint16_t i = 0; i < 3; i++) {
		driver_offer_simple(driver, i);
		chains[i] = driver_pop(driver);
	}
	pg_virtqueue_push(chains[2], 24);
	pg_virtqueue_push(chains[0], 8);
	assert_int_equal(used_idx(driver), 0); /* not before the flush */
	pg_virtqueue_flush(&driver->queue);
	assert_int_equal(used_idx(driver), 2);
	assert_int_equal(used_id(driver, 0), 4);
	assert_int_equal(used_id(driver, 1), 0);
	assert_int_equal(pg_from_le32(split_used(driver)->ring[1].len), 8);
	pg_virtqueue_push(chains[1], 0);
	pg_virtqueue_flush(&driver->queue);
	assert_int_equal(used_id(driver, 2), 2);
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
	pg_virtqueue_push(chains[2], 0);
	pg_virtqueue_push(chains[1], 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
	assert_int_equal(used_idx(driver), 0);
	pg_virtqueue_push(chains[0], 0);
	pg_virtqueue_flush(&driver->queue);
	assert_int_equal(used_idx(driver), 3);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(used_id(driver, i), i * 2);
}

static void indices_pass_65535(void **state)
{
	struct driver *driver = *state;

	for (uint32_t i = 0; i < 70000; i++) {
		serve(driver, (uint16_t)(i % 8));
		pg_virtqueue_flush(&driver->queue);
	}
	assert_int_equal(used_idx(driver), (uint16_t)70000);
	assert_int_equal(driver->queue.requests, 70000);
}

static void chains_are_recycled(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *first;

	driver_offer_simple(driver, 0);
	first = driver_pop(driver);
	pg_virtqueue_push(first, 0);
	driver_offer_simple(driver, 0);
	assert_ptr_equal(driver_pop(driver), first);
	pg_virtqueue_push(first, 0);
}

/* --- interrupts -------------------------------------------------------------------------------- */

static void without_event_idx_the_flag_suppresses_interrupts(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, false, true, false);
	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
	split_avail(driver)->flags = pg_to_le16(VIRTQ_AVAIL_F_NO_INTERRUPT);
	serve(driver, 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
	split_avail(driver)->flags = pg_to_le16(0);
	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
}

static void nothing_pushed_is_no_interrupt(void **state)
{
	struct driver *driver = *state;

	assert_false(pg_virtqueue_flush(&driver->queue));
	assert_int_equal(driver->queue.interrupts, 0);
}

static void with_event_idx_only_the_passed_event_interrupts(void **state)
{
	struct driver *driver = *state;

	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue)); /* the first one in any case */
	*split_used_event(driver) = pg_to_le16(3);
	for (int i = 0; i < 2; i++) {
		serve(driver, 0);
		assert_false(pg_virtqueue_flush(&driver->queue));
	}
	serve(driver, 0); /* the fourth: index 3 */
	assert_true(pg_virtqueue_flush(&driver->queue));
	serve(driver, 0);
	assert_false(pg_virtqueue_flush(&driver->queue));
}

static void a_batch_that_passes_the_event_interrupts_once(void **state)
{
	struct driver *driver = *state;

	serve(driver, 0);
	pg_virtqueue_flush(&driver->queue);
	*split_used_event(driver) = pg_to_le16(3);
	for (uint16_t i = 0; i < 6; i++)
		serve(driver, i);
	assert_true(pg_virtqueue_flush(&driver->queue));
	assert_int_equal(driver->queue.interrupts, 2);
}

static void events_are_found_over_the_wrap_of_the_index(void **state)
{
	struct driver *driver = *state;

	for (uint32_t i = 0; i < 65534; i++) {
		serve(driver, 0);
		pg_virtqueue_flush(&driver->queue);
	}
	*split_used_event(driver) = pg_to_le16(1);
	driver->queue.interrupts = 0;
	for (int i = 0; i < 3; i++) { /* 65534, 65535, 0 */
		serve(driver, 0);
		assert_false(pg_virtqueue_flush(&driver->queue));
	}
	serve(driver, 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
}

/* --- kicks ------------------------------------------------------------------------------------- */

static void without_event_idx_the_flag_suppresses_kicks(void **state)
{
	struct driver *driver = *state;

	driver_restart(driver, false, true, false);
	pg_virtqueue_disable_kicks(&driver->queue);
	assert_int_equal(pg_from_le16(split_used(driver)->flags), VIRTQ_USED_F_NO_NOTIFY);
	assert_false(pg_virtqueue_enable_kicks(&driver->queue));
	assert_int_equal(pg_from_le16(split_used(driver)->flags), 0);
}

/* Defect F14: a driver that sees an old avail_event stops kicking. */
static void avail_event_is_kept_current_over_many_rounds_of_the_ring(void **state)
{
	struct driver *driver = *state;

	for (uint32_t i = 0; i < 70000; i++) {
		pg_virtqueue_disable_kicks(&driver->queue);
		serve(driver, 0);
		pg_virtqueue_flush(&driver->queue);
		assert_false(pg_virtqueue_enable_kicks(&driver->queue));
		assert_int_equal(avail_event(driver), driver->avail_idx);
	}
}

static void while_it_is_polled_avail_event_lags_and_no_kick_is_due(void **state)
{
	struct driver *driver = *state;
	uint16_t old;

	assert_false(pg_virtqueue_enable_kicks(&driver->queue));
	pg_virtqueue_disable_kicks(&driver->queue);
	serve(driver, 0);
	old = driver->avail_idx;
	driver_offer_simple(driver, 1);
	/* The driver's test, vring_need_event() */
	assert_false((uint16_t)(driver->avail_idx - avail_event(driver) - 1) <
		     (uint16_t)(driver->avail_idx - old));
	pg_virtqueue_push(driver_pop(driver), 0);
}

static void enabling_kicks_tells_of_a_request_that_came_meanwhile(void **state)
{
	struct driver *driver = *state;

	pg_virtqueue_disable_kicks(&driver->queue);
	driver_offer_simple(driver, 0);
	assert_true(pg_virtqueue_enable_kicks(&driver->queue));
	pg_virtqueue_push(driver_pop(driver), 0);
	assert_false(pg_virtqueue_enable_kicks(&driver->queue));
}

/* --- stop, resume, reset ------------------------------------------------------------------------ */

static void the_base_is_the_next_index_to_take(void **state)
{
	struct driver *driver = *state;

	serve(driver, 0);
	serve(driver, 1);
	driver_offer_simple(driver, 2);
	assert_int_equal(pg_virtqueue_stop(&driver->queue), 2);
	assert_int_equal(used_idx(driver), 2); /* what was done is shown before the stop */
	assert_int_equal(pg_virtqueue_start(&driver->queue, &driver->ring, 2), 0);
	pg_virtqueue_push(driver_pop(driver), 0);
}

static void store(const struct paragpu_request *request, const char *text)
{
	assert_true(request->writable[0].iov_len >= strlen(text));
	memcpy(request->writable[0].iov_base, text, strlen(text));
}

static void a_request_done_while_stopped_is_answered_at_the_resume(void **state)
{
	struct driver *driver = *state;
	char *response = driver_at(driver, BUFFERS + 24);
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	assert_int_equal(pg_virtqueue_stop(&driver->queue), 1);
	store(&chain->request, "answer");
	pg_virtqueue_push(chain, 6);
	/* Not one byte until it is known that the guest still waits. */
	assert_int_equal(response[0], 0);
	assert_int_equal(used_idx(driver), 0);
	assert_int_equal(pg_virtqueue_start(&driver->queue, &driver->ring, 1), 0);
	assert_true(pg_virtqueue_flush(&driver->queue));
	assert_memory_equal(response, "answer", 6);
	assert_int_equal(used_idx(driver), 1);
	assert_int_equal(pg_from_le32(split_used(driver)->ring[0].len), 6);
}

static void a_request_held_over_a_stop_is_answered_in_place_after_it(void **state)
{
	struct driver *driver = *state;
	char *response = driver_at(driver, BUFFERS + 24);
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_start(&driver->queue, &driver->ring, 1);
	assert_ptr_equal(chain->request.writable[0].iov_base, response);
	store(&chain->request, "later");
	pg_virtqueue_push(chain, 5);
	pg_virtqueue_flush(&driver->queue);
	assert_memory_equal(response, "later", 5);
	assert_int_equal(used_idx(driver), 1);
}

/* A flush is answered at once and then held, or queues behind a fence. */
static void a_response_written_before_a_stop_survives_it(void **state)
{
	struct driver *driver = *state;
	char *response = driver_at(driver, BUFFERS + 24);
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	store(&chain->request, "early");
	pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_push(chain, 5);
	pg_virtqueue_start(&driver->queue, &driver->ring, 1);
	pg_virtqueue_flush(&driver->queue);
	assert_memory_equal(response, "early", 5);
	assert_int_equal(used_idx(driver), 1);
}

static void a_response_written_during_a_stop_for_a_request_done_later_survives_it(void **state)
{
	struct driver *driver = *state;
	char *response = driver_at(driver, BUFFERS + 24);
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	pg_virtqueue_stop(&driver->queue);
	store(&chain->request, "amid");
	pg_virtqueue_start(&driver->queue, &driver->ring, 1);
	pg_virtqueue_push(chain, 4);
	pg_virtqueue_flush(&driver->queue);
	assert_memory_equal(response, "amid", 4);
}

static void an_abandoned_request_never_touches_the_guest(void **state)
{
	struct driver *driver = *state;
	char *response = driver_at(driver, BUFFERS + 24);
	struct pg_chain *chain;

	driver_offer_simple(driver, 0);
	chain = driver_pop(driver);
	pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_abandon(&driver->queue);
	pg_virtqueue_start(&driver->queue, &driver->ring, 1);
	store(&chain->request, "stale");
	pg_virtqueue_push(chain, 5);
	assert_false(pg_virtqueue_flush(&driver->queue));
	assert_int_equal(response[0], 0);
	assert_int_equal(used_idx(driver), 0);
}

static void a_forgotten_request_leaves_nothing(void **state)
{
	struct driver *driver = *state;

	driver_offer_simple(driver, 0);
	driver_pop(driver);
	pg_virtqueue_stop(&driver->queue);
	pg_virtqueue_forget(&driver->queue);
	assert_int_equal(driver->queue.in_flight, 0);
	assert_int_equal(driver->queue.slots_in_flight, 0);
}

/* Requests that hold too many pieces of memory wait in the ring until some come back. */
static void too_many_vectors_in_flight_make_the_ring_wait(void **state)
{
	struct driver *driver = *state;
	struct pg_chain *held, *chain;

	driver_offer_simple(driver, 0);
	held = driver_pop(driver);
	driver->queue.vectors_in_flight += PG_QUEUE_MAX_VECTORS;
	driver_offer_simple(driver, 1);
	assert_int_equal(pg_virtqueue_pop(&driver->queue, &chain), -EBUSY);
	assert_false(driver->queue.broken);
	driver->queue.vectors_in_flight -= PG_QUEUE_MAX_VECTORS;
	pg_virtqueue_push(held, 0);
	pg_virtqueue_push(driver_pop(driver), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_head_outside_of_the_ring_breaks_it),
		TEST(a_next_outside_of_the_ring_breaks_it),
		TEST(a_descriptor_loop_breaks_it),
		TEST(a_loop_in_an_indirect_table_breaks_it),
		TEST(a_next_outside_of_an_indirect_table_breaks_it),
		TEST(an_available_index_that_jumps_breaks_it),
		TEST(more_in_flight_than_descriptors_breaks_it),
		TEST(a_ring_of_an_impossible_size_does_not_start),
		TEST(a_misaligned_ring_does_not_start),
		TEST(used_elements_name_their_heads_in_order_of_completion),
		TEST(in_order_holds_back_what_overtakes),
		TEST(indices_pass_65535),
		TEST(chains_are_recycled),
		TEST(without_event_idx_the_flag_suppresses_interrupts),
		TEST(nothing_pushed_is_no_interrupt),
		TEST(with_event_idx_only_the_passed_event_interrupts),
		TEST(a_batch_that_passes_the_event_interrupts_once),
		TEST(events_are_found_over_the_wrap_of_the_index),
		TEST(without_event_idx_the_flag_suppresses_kicks),
		TEST(avail_event_is_kept_current_over_many_rounds_of_the_ring),
		TEST(while_it_is_polled_avail_event_lags_and_no_kick_is_due),
		TEST(enabling_kicks_tells_of_a_request_that_came_meanwhile),
		TEST(the_base_is_the_next_index_to_take),
		TEST(a_request_done_while_stopped_is_answered_at_the_resume),
		TEST(a_request_held_over_a_stop_is_answered_in_place_after_it),
		TEST(a_response_written_before_a_stop_survives_it),
		TEST(a_response_written_during_a_stop_for_a_request_done_later_survives_it),
		TEST(an_abandoned_request_never_touches_the_guest),
		TEST(a_forgotten_request_leaves_nothing),
		TEST(too_many_vectors_in_flight_make_the_ring_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

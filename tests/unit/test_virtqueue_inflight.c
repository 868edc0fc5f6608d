/* SPDX-License-Identifier: MIT */
/*
 * The record of requests in flight: whatever a process had taken and not
 * returned when it died, the next one takes up, once each, oldest first; a
 * record that somebody damaged breaks the queue and nothing else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver_ring.h"
#include "transport/inflight.h"

#define SIZE 16

struct fixture {
	struct driver driver;
	void *region;
	struct pg_inflight_queue inflight;
};

static void attach(struct fixture *f)
{
	f->inflight = (struct pg_inflight_queue){.region = f->region, .capacity = SIZE};
	f->driver.queue.inflight = &f->inflight;
}

static int setup(void **state, bool packed)
{
	struct fixture *f = calloc(1, sizeof(*f));

	driver_init(&f->driver, packed, SIZE);
	pg_virtqueue_stop(&f->driver.queue);
	f->region = calloc(1, pg_inflight_region_size(packed, SIZE));
	attach(f);
	assert_int_equal(pg_virtqueue_start(&f->driver.queue, &f->driver.ring,
					    pg_virtqueue_initial_base(packed)),
			 0);
	*state = f;
	return 0;
}

static int setup_split(void **state)
{
	return setup(state, false);
}

static int setup_packed(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	driver_finish(&f->driver);
	pg_inflight_finish(&f->inflight);
	free(f->region);
	free(f);
	return 0;
}

/* The process dies: all it knew is gone, the rings and the region stay. */
static void die_and_come_back(struct fixture *f)
{
	struct pg_virtqueue *queue = &f->driver.queue;

	queue->running = false;
	pg_virtqueue_finish(queue);
	pg_inflight_finish(&f->inflight);
	pg_virtqueue_init(queue, 0, &f->driver.logger);
	attach(f);
	/* The front end knows no better than the beginning. */
	assert_int_equal(pg_virtqueue_start(queue, &f->driver.ring,
					    pg_virtqueue_initial_base(f->driver.ring.packed)),
			 0);
}

static uint16_t id_of(const struct driver *driver, const struct pg_chain *chain)
{
	return driver->ring.packed ? chain->id : chain->id / 2;
}

static void offer(struct fixture *f, uint16_t from, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		driver_offer_simple(&f->driver, (uint16_t)(from + i));
}

static void expect_next(struct fixture *f, uint16_t id)
{
	struct pg_chain *chain = driver_pop(&f->driver);

	assert_int_equal(id_of(&f->driver, chain), id);
	assert_int_equal(chain->request.readable_count, 1);
	assert_ptr_equal(chain->request.readable[0].iov_base,
			 driver_at(&f->driver, BUFFERS + (uint64_t)id * 64));
	pg_virtqueue_push(chain, 24);
	pg_virtqueue_flush(&f->driver.queue);
}

static void expect_empty(struct fixture *f)
{
	struct pg_chain *chain;

	assert_int_equal(pg_virtqueue_pop(&f->driver.queue, &chain), 0);
}

static void what_was_taken_and_not_returned_comes_again(void **state)
{
	struct fixture *f = *state;
	struct pg_chain *chains[5];

	offer(f, 0, 7);
	for (int i = 0; i < 5; i++)
		chains[i] = driver_pop(&f->driver);
	pg_virtqueue_push(chains[3], 24);
	pg_virtqueue_push(chains[1], 24);
	pg_virtqueue_flush(&f->driver.queue);
	die_and_come_back(f);
	expect_next(f, 0);
	expect_next(f, 2);
	expect_next(f, 4);
	/* then what nobody had taken */
	expect_next(f, 5);
	expect_next(f, 6);
	expect_empty(f);
}

static void what_was_pushed_but_not_shown_comes_again(void **state)
{
	struct fixture *f = *state;

	if (f->driver.ring.packed)
		return; /* shows each at once, see packed.c */
	offer(f, 0, 2);
	pg_virtqueue_push(driver_pop(&f->driver), 24);
	pg_virtqueue_push(driver_pop(&f->driver), 24);
	/* no flush */
	die_and_come_back(f);
	expect_next(f, 0);
	expect_next(f, 1);
	expect_empty(f);
}

static void nothing_in_flight_is_nothing_to_repeat(void **state)
{
	struct fixture *f = *state;

	offer(f, 0, 3);
	for (uint16_t i = 0; i < 3; i++)
		expect_next(f, i);
	f->driver.queue.running = false;
	/* A front end that knows where the ring stands. */
	assert_int_equal(
		pg_virtqueue_start(&f->driver.queue, &f->driver.ring,
				   f->driver.ring.packed ? 6u | 1u << 15 | 6u << 16 | 1u << 31 : 3),
		0);
	expect_empty(f);
	offer(f, 4, 1);
	expect_next(f, 4);
}

static void it_can_die_again_and_again(void **state)
{
	struct fixture *f = *state;

	offer(f, 0, 4);
	for (uint16_t round = 0; round < 40; round++) {
		struct pg_chain *chain;

		for (int i = 0; i < 4; i++) {
			chain = driver_pop(&f->driver);
			if (i == 0) {
				assert_int_equal(id_of(&f->driver, chain), round % 4);
				pg_virtqueue_push(chain, 24);
				pg_virtqueue_flush(&f->driver.queue);
			}
		}
		offer(f, round % 4, 1);
		die_and_come_back(f);
	}
}

static void a_stop_and_resume_repeats_nothing(void **state)
{
	struct fixture *f = *state;
	struct pg_chain *held;
	uint32_t base;

	offer(f, 0, 2);
	held = driver_pop(&f->driver);
	base = pg_virtqueue_stop(&f->driver.queue);
	assert_int_equal(pg_virtqueue_start(&f->driver.queue, &f->driver.ring, base), 0);
	expect_next(f, 1);
	expect_empty(f);
	pg_virtqueue_push(held, 24);
	pg_virtqueue_flush(&f->driver.queue);
	die_and_come_back(f);
	assert_int_equal(f->inflight.resubmit_count, 0);
}

static void a_damaged_record_breaks_the_queue_only(void **state)
{
	struct fixture *f = *state;
	size_t size = pg_inflight_region_size(f->driver.ring.packed, SIZE);
	unsigned int seed = 1;

	for (int round = 0; round < 2000; round++) {
		uint8_t *bytes = f->region;
		struct pg_chain *chain;

		/* Keep the version, 1, so that the rest is believed. */
		for (size_t i = 10; i < size; i++)
			bytes[i] =
				(uint8_t)(rand_r(&seed) % 4 ? rand_r(&seed) % 20 : rand_r(&seed));
		f->driver.queue.running = false;
		pg_virtqueue_finish(&f->driver.queue);
		pg_inflight_finish(&f->inflight);
		pg_virtqueue_init(&f->driver.queue, 0, &f->driver.logger);
		attach(f);
		pg_virtqueue_start(&f->driver.queue, &f->driver.ring,
				   pg_virtqueue_initial_base(f->driver.ring.packed));
		for (int i = 0; i < SIZE + 2; i++) {
			if (pg_virtqueue_pop(&f->driver.queue, &chain) != 1)
				break;
			pg_virtqueue_push(chain, 24);
			pg_virtqueue_flush(&f->driver.queue);
		}
	}
}

#define BOTH(test)                                                   \
	{"split: " #test, test, setup_split, teardown, NULL},        \
	{                                                            \
		"packed: " #test, test, setup_packed, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_was_taken_and_not_returned_comes_again),
		BOTH(what_was_pushed_but_not_shown_comes_again),
		BOTH(nothing_in_flight_is_nothing_to_repeat),
		BOTH(it_can_die_again_and_again),
		BOTH(a_stop_and_resume_repeats_nothing),
		BOTH(a_damaged_record_breaks_the_queue_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

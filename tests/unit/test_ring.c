/* SPDX-License-Identifier: MIT */
/* Records through shared memory, with a peer that may do anything to that memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/ring.h"

#define SIZE 4096

struct pair {
	void *memory;
	struct pg_ring writer, reader;
};

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	pair->memory = aligned_alloc(64, pg_ring_bytes(SIZE));
	memset(pair->memory, 0, pg_ring_bytes(SIZE));
	pg_ring_init(&pair->writer, pair->memory, SIZE);
	pg_ring_init(&pair->reader, pair->memory, SIZE);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	free(pair->memory);
	free(pair);
	return 0;
}

static int put(struct pair *pair, uint32_t type, const void *bytes, uint32_t size)
{
	const struct pg_record record = {.type = type, .size = size};
	const struct iovec pieces[2] = {
		{.iov_base = (void *)(uintptr_t)bytes, .iov_len = size / 3},
		{.iov_base = (uint8_t *)(uintptr_t)bytes + size / 3, .iov_len = size - size / 3},
	};
	int error = pg_ring_reserve(&pair->writer, size);

	if (!error)
		pg_ring_write(&pair->writer, &record, pieces, 2);
	return error;
}

static void assert_next(struct pair *pair, uint32_t type, const void *bytes, uint32_t size)
{
	struct pg_record record;
	uint8_t payload[SIZE];

	assert_int_equal(pg_ring_poll(&pair->reader), 1);
	assert_int_equal(pg_ring_peek(&pair->reader, &record), 0);
	assert_int_equal(record.type, type);
	assert_int_equal(record.size, size);
	pg_ring_read(&pair->reader, &record, payload);
	assert_memory_equal(payload, bytes, size);
}

static void records_of_any_size_wrap_round_unharmed(void **state)
{
	struct pair *pair = *state;
	uint8_t bytes[SIZE];

	srandom(2);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t size = (uint32_t)random() % (pg_ring_max_payload(SIZE) + 1);

		memset(bytes, (int)i, size);
		assert_int_equal(put(pair, i, bytes, size), 0);
		assert_next(pair, i, bytes, size);
	}
	assert_int_equal(pg_ring_poll(&pair->reader), 0);
}

static void a_full_ring_says_so_and_the_reader_wakes_the_writer(void **state)
{
	struct pair *pair = *state;
	const uint8_t bytes[100] = {1, 2, 3};
	struct pg_record record;
	uint8_t payload[100];
	int count = 0;

	while (!put(pair, 7, bytes, sizeof(bytes)))
		count++;
	assert_int_equal(count, SIZE / 128);
	assert_int_equal(put(pair, 7, bytes, sizeof(bytes)), -EAGAIN);
	assert_int_equal(pg_ring_peek(&pair->reader, &record), 0);
	assert_true(pg_ring_read(&pair->reader, &record, payload));
	assert_int_equal(put(pair, 7, bytes, sizeof(bytes)), 0);
	assert_int_equal(pg_ring_peek(&pair->reader, &record), 0);
	assert_false(pg_ring_read(&pair->reader, &record, payload));
}

static void two_of_the_longest_fit_and_longer_ones_never_do(void **state)
{
	struct pair *pair = *state;
	static const uint8_t bytes[SIZE];
	uint32_t longest = pg_ring_max_payload(SIZE);

	assert_int_equal(put(pair, 1, bytes, longest + 1), -EMSGSIZE);
	assert_int_equal(put(pair, 1, bytes, longest), 0);
	assert_int_equal(put(pair, 2, bytes, longest), 0);
	assert_int_equal(put(pair, 3, bytes, 0), -EAGAIN);
	assert_next(pair, 1, bytes, longest);
	assert_next(pair, 2, bytes, longest);
}

static void a_sleeping_reader_is_woken_once(void **state)
{
	struct pair *pair = *state;
	const struct pg_record record = {.type = 1};

	assert_int_equal(pg_ring_reserve(&pair->writer, 0), 0);
	assert_false(pg_ring_write(&pair->writer, &record, NULL, 0));
	assert_false(pg_ring_sleep(&pair->reader)); /* there is something: stay awake */
	assert_next(pair, 1, "", 0);
	assert_true(pg_ring_sleep(&pair->reader));
	assert_true(pg_ring_write(&pair->writer, &record, NULL, 0));
	assert_false(pg_ring_write(&pair->writer, &record, NULL, 0));
}

/* The writer claims more than there can be, or odd positions. */
static void a_reader_is_not_led_astray_by_positions(void **state)
{
	static const uint32_t lies[] = {SIZE + 16, 1, 17, 0x80000000u, 0xfffffff0u};
	struct pair *pair = *state;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct pg_ring reader = pair->reader;

		atomic_store(&pair->reader.shared->written, lies[i]);
		assert_int_equal(pg_ring_poll(&reader), -EPROTO);
		atomic_store(&pair->reader.shared->written, 16);
		assert_int_equal(pg_ring_poll(&reader), -EPROTO); /* for ever */
	}
}

static void a_reader_is_not_led_astray_by_sizes(void **state)
{
	static const uint32_t lies[] = {1, 17, SIZE, 0xffffffffu, 0xfffffff0u, 0x7fffffffu};
	struct pair *pair = *state;
	struct pg_record record = {.type = 1};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct pg_ring reader = pair->reader;

		record.size = lies[i];
		memcpy(pair->reader.shared->data, &record, sizeof(record));
		atomic_store(&pair->reader.shared->written, 16);
		assert_int_equal(pg_ring_peek(&reader, &record), -EPROTO);
		record.size = 0;
	}
}

static void a_writer_is_not_led_astray_by_positions(void **state)
{
	static const uint32_t lies[] = {16, 1, 0x80000000u, (uint32_t)-SIZE - 16, (uint32_t)-8};
	struct pair *pair = *state;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct pg_ring writer = pair->writer;

		atomic_store(&pair->writer.shared->read, lies[i]);
		assert_int_equal(pg_ring_reserve(&writer, 16), -EPROTO);
	}
}

/* Positions are 32 bits and wrap long after the ring does. */
static void positions_may_wrap(void **state)
{
	struct pair *pair = *state;

	pair->writer.position = pair->reader.position = 0xfffffff0u;
	atomic_store(&pair->writer.shared->written, 0xfffffff0u);
	atomic_store(&pair->writer.shared->read, 0xfffffff0u);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(put(pair, i, "paragpu", 8), 0);
		assert_int_equal(put(pair, i, "paragpu", 8), 0);
		assert_next(pair, i, "paragpu", 8);
		assert_next(pair, i, "paragpu", 8);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_of_any_size_wrap_round_unharmed),
		TEST(a_full_ring_says_so_and_the_reader_wakes_the_writer),
		TEST(two_of_the_longest_fit_and_longer_ones_never_do),
		TEST(a_sleeping_reader_is_woken_once),
		TEST(a_reader_is_not_led_astray_by_positions),
		TEST(a_reader_is_not_led_astray_by_sizes),
		TEST(a_writer_is_not_led_astray_by_positions),
		TEST(positions_may_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Streams over iovecs: any split gives the same bytes, and ends are ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "memory/iov.h"

static uint8_t bytes[64];

/* The 64 bytes in pieces of `size`, with an empty piece behind each. */
static size_t split(struct iovec *iov, size_t size)
{
	size_t count = 0;

	for (size_t at = 0; at < sizeof(bytes); at += size) {
		size_t rest = sizeof(bytes) - at;

		iov[count++] = (struct iovec){bytes + at, rest < size ? rest : size};
		iov[count++] = (struct iovec){NULL, 0};
	}
	return count;
}

static int fill(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return 0;
}

static void every_split_reads_the_same(void **state)
{
	struct iovec iov[128];

	(void)state;
	for (size_t size = 1; size <= sizeof(bytes); size++) {
		size_t count = split(iov, size);

		for (size_t offset = 0; offset <= sizeof(bytes); offset++) {
			uint8_t copy[20] = {0};
			size_t left = sizeof(bytes) - offset;
			size_t expected = left < sizeof(copy) ? left : sizeof(copy);

			assert_int_equal(pg_iov_read(iov, count, offset, copy, sizeof(copy)),
					 expected);
			assert_memory_equal(copy, bytes + offset, expected);
		}
	}
}

static void every_split_takes_the_same(void **state)
{
	struct iovec iov[128];
	uint8_t data[20];

	(void)state;
	memset(data, 0xee, sizeof(data));
	for (size_t size = 1; size <= sizeof(bytes); size++) {
		size_t count;

		fill(NULL);
		count = split(iov, size);
		assert_int_equal(pg_iov_write(iov, count, 30, data, sizeof(data)), sizeof(data));
		assert_int_equal(bytes[29], 29);
		assert_memory_equal(bytes + 30, data, sizeof(data));
		assert_int_equal(bytes[50], 50);
	}
}

static void nothing_lies_beyond_the_end(void **state)
{
	struct iovec iov[128];
	uint8_t copy[8] = {7, 7, 7, 7, 7, 7, 7, 7};
	size_t count = split(iov, 10);

	(void)state;
	assert_int_equal(pg_iov_read(iov, count, 60, copy, 8), 4);
	assert_int_equal(copy[4], 7);
	assert_int_equal(pg_iov_read(iov, count, 64, copy, 8), 0);
	assert_int_equal(pg_iov_read(iov, count, SIZE_MAX, copy, 8), 0);
	assert_int_equal(pg_iov_write(iov, count, 62, copy, 8), 2);
	assert_int_equal(pg_iov_write(iov, count, 65, copy, 8), 0);
	assert_int_equal(pg_iov_read(NULL, 0, 0, copy, 8), 0);
}

static void a_length_that_overflows_is_none(void **state)
{
	struct iovec iov[2] = {{NULL, SIZE_MAX}, {NULL, 1}};
	size_t length = 5;

	(void)state;
	assert_false(pg_iov_length(iov, 2, &length));
	assert_int_equal(length, 5);
	assert_true(pg_iov_length(iov, 1, &length));
	assert_int_equal(length, SIZE_MAX);
}

static void a_reader_reads_each_byte_once(void **state)
{
	struct pg_iov_reader reader;
	struct iovec iov[128];
	uint8_t copy[64];

	(void)state;
	pg_iov_reader_init(&reader, iov, split(iov, 7));
	assert_int_equal(pg_iov_reader_read(&reader, copy, 10), 10);
	assert_int_equal(pg_iov_reader_skip(&reader, 5), 5);
	assert_true(pg_iov_reader_has(&reader, 49));
	assert_false(pg_iov_reader_has(&reader, 50));
	assert_int_equal(pg_iov_reader_read(&reader, copy, sizeof(copy)), 49);
	assert_memory_equal(copy, bytes + 15, 49);
	assert_int_equal(pg_iov_reader_read(&reader, copy, 1), 0);
	assert_true(pg_iov_reader_has(&reader, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_split_reads_the_same, fill),
		cmocka_unit_test(every_split_takes_the_same),
		cmocka_unit_test_setup(nothing_lies_beyond_the_end, fill),
		cmocka_unit_test(a_length_that_overflows_is_none),
		cmocka_unit_test_setup(a_reader_reads_each_byte_once, fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

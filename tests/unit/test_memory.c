/* SPDX-License-Identifier: MIT */
/* Guest memory tables and scatter lists. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory/scatter.h"

#define PAGE UINT64_C(4096)

static uint8_t low[8 * PAGE], high[8 * PAGE];

static int make_file(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* `low` at 0x10000, `high` directly behind it at 0x18000, then a hole. */
static struct paragpu_memory *make_table(void)
{
	struct paragpu_memory *memory;

	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x18000, sizeof(high), high), 0);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x10000, sizeof(low), low), 0);
	return memory;
}

static void addresses_translate_within_their_region(void **state)
{
	struct paragpu_memory *memory = make_table();
	uint64_t available = 99;

	(void)state;
	assert_ptr_equal(paragpu_memory_translate(memory, 0x10000, 1, &available), low);
	assert_int_equal(available, 1);
	assert_ptr_equal(paragpu_memory_translate(memory, 0x17ffe, 100, &available), low + 0x7ffe);
	assert_int_equal(available, 2);
	assert_ptr_equal(paragpu_memory_translate(memory, 0x1ffff, UINT64_MAX, &available),
			 high + 0x7fff);
	assert_int_equal(available, 1);
	assert_null(paragpu_memory_translate(memory, 0xffff, 1, &available));
	assert_null(paragpu_memory_translate(memory, 0x20000, 1, &available));
	assert_null(paragpu_memory_translate(memory, UINT64_MAX, 1, &available));
	assert_null(paragpu_memory_translate(memory, 0x10000, 0, &available));
	paragpu_memory_unref(&memory);
	assert_null(memory);
}

static void regions_neither_overlap_nor_wrap(void **state)
{
	struct paragpu_memory *memory = make_table();

	(void)state;
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x10000, 1, low), -EEXIST);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0xffff, 2, low), -EEXIST);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x1ffff, 10, low), -EEXIST);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0, 0x80000, low), -EEXIST);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x50000, 0, low), -EINVAL);
	assert_int_equal(paragpu_memory_add_pointer(memory, UINT64_MAX - 5, 7, low), -EINVAL);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x50000, UINT64_MAX, low), -EINVAL);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x50000, 5, NULL), -EINVAL);
	assert_int_equal(paragpu_memory_region_count(memory), 2);
	paragpu_memory_unref(&memory);
}

static void a_file_is_mapped_at_any_offset_and_kept(void **state)
{
	int fd = make_file(4 * PAGE), number = fd;
	struct paragpu_memory_region region;
	struct paragpu_memory *memory;
	char letter = 'x';
	uint64_t available;

	(void)state;
	assert_int_equal(pwrite(fd, &letter, 1, PAGE + 100), 1);
	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_fd(memory, 0x1000, 2 * PAGE, &fd, PAGE + 100), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(*(char *)paragpu_memory_translate(memory, 0x1000, 1, &available), 'x');
	assert_true(paragpu_memory_get_region(memory, 0, &region));
	assert_int_equal(region.fd, number);
	assert_int_equal(region.fd_offset, PAGE + 100);
	assert_false(paragpu_memory_get_region(memory, 1, &region));
	paragpu_memory_unref(&memory);
	assert_int_equal(fcntl(number, F_GETFD), -1);
}

static void a_file_too_short_is_refused_and_stays_the_callers(void **state)
{
	struct paragpu_memory *memory;
	int fd = make_file(2 * PAGE);

	(void)state;
	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_fd(memory, 0, 2 * PAGE + 1, &fd, 0), -EINVAL);
	assert_int_equal(paragpu_memory_add_fd(memory, 0, PAGE, &fd, PAGE + 1), -EINVAL);
	assert_int_equal(paragpu_memory_add_fd(memory, 0, PAGE, &fd, UINT64_MAX - 10), -EINVAL);
	assert_true(fd >= 0);
	assert_int_equal(paragpu_memory_region_count(memory), 0);
	close(fd);
	paragpu_memory_unref(&memory);
}

static void a_shared_table_does_not_change(void **state)
{
	struct paragpu_memory *memory = make_table();
	struct paragpu_memory *second = paragpu_memory_ref(memory);

	(void)state;
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x50000, 5, low), -EBUSY);
	assert_int_equal(paragpu_memory_remove(memory, 0x10000, sizeof(low)), -EBUSY);
	paragpu_memory_unref(&second);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x50000, 5, low), 0);
	paragpu_memory_unref(&memory);
}

static void a_copy_shares_mappings_until_the_last_is_gone(void **state)
{
	struct paragpu_memory *memory, *copy;
	int fd = make_file(PAGE), number = fd;
	uint64_t available;
	char *pointer;

	(void)state;
	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_fd(memory, 0, PAGE, &fd, 0), 0);
	pointer = paragpu_memory_translate(memory, 0, 1, &available);
	assert_int_equal(paragpu_memory_copy(memory, &copy), 0);
	paragpu_memory_unref(&memory);
	assert_ptr_equal(paragpu_memory_translate(copy, 0, 1, &available), pointer);
	*pointer = 1;
	assert_int_equal(paragpu_memory_remove(copy, 0, PAGE - 1), -ENOENT);
	assert_int_equal(paragpu_memory_remove(copy, 0, PAGE), 0);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	paragpu_memory_unref(&copy);
	paragpu_memory_unref(&copy);
}

static void a_table_has_at_most_1024_regions(void **state)
{
	struct paragpu_memory *memory;
	uint64_t available;

	(void)state;
	assert_int_equal(paragpu_memory_create(&memory), 0);
	for (uint64_t i = 0; i < 1024; i++)
		assert_int_equal(paragpu_memory_add_pointer(memory, (1023 - i) * 32, 16, low + i),
				 0);
	assert_int_equal(paragpu_memory_add_pointer(memory, 0x100000, 16, low), -ENOSPC);
	for (uint64_t i = 0; i < 1024; i++)
		assert_ptr_equal(paragpu_memory_translate(memory, (1023 - i) * 32, 1, &available),
				 low + i);
	paragpu_memory_unref(&memory);
}

static void append(struct pg_scatter *scatter, uint64_t addr, uint64_t length)
{
	assert_int_equal(pg_scatter_reserve(scatter, scatter->count + 1), 0);
	assert_int_equal(pg_scatter_append(scatter, addr, length), 0);
}

static void adjacent_ranges_merge_and_empty_ones_vanish(void **state)
{
	struct pg_scatter scatter;

	(void)state;
	pg_scatter_init(&scatter);
	append(&scatter, 0x10000, 100);
	append(&scatter, 0x10064, 50);
	append(&scatter, 0x20000, 0);
	append(&scatter, 0x10096, 50);
	append(&scatter, 0x10000, 50);
	assert_int_equal(scatter.count, 2);
	assert_int_equal(pg_scatter_size(&scatter), 250);
	pg_scatter_trim(&scatter);
	assert_int_equal(scatter.capacity, 2);
	pg_scatter_finish(&scatter);
}

static void reading_follows_the_list_in_order(void **state)
{
	struct paragpu_memory *memory = make_table();
	struct pg_scatter_cursor cursor;
	struct pg_scatter scatter;
	uint8_t all[600], part[600];

	(void)state;
	for (size_t i = 0; i < sizeof(low); i++) {
		low[i] = (uint8_t)(i * 7);
		high[i] = (uint8_t)(i * 13);
	}
	pg_scatter_init(&scatter);
	append(&scatter, 0x18000, 100); /* high */
	append(&scatter, 0x10010, 200); /* low */
	append(&scatter, 0x17f9c, 200); /* over both */
	append(&scatter, 0x18000, 100); /* the first again */
	memcpy(all, high, 100);
	memcpy(all + 100, low + 0x10, 200);
	memcpy(all + 300, low + 0x7f9c, 100);
	memcpy(all + 400, high, 100);
	memcpy(all + 500, high, 100);
	for (size_t offset = 0; offset <= 600; offset += 7) {
		for (size_t length = 1; length <= 600; length += 41) {
			size_t expected = 600 - offset < length ? 600 - offset : length;

			pg_scatter_cursor_init(&cursor, &scatter, memory, offset);
			assert_int_equal(pg_scatter_read(&cursor, part, length), expected);
			assert_memory_equal(part, all + offset, expected);
		}
	}
	/* one cursor, forward and back */
	for (size_t step = 0; step < 1200; step++) {
		size_t offset = step * 389 % 600;

		pg_scatter_seek(&cursor, offset);
		assert_int_equal(pg_scatter_read(&cursor, part, 1), 1);
		assert_int_equal(part[0], all[offset]);
	}
	pg_scatter_seek(&cursor, UINT64_MAX);
	assert_int_equal(pg_scatter_read(&cursor, part, 1), 0);
	pg_scatter_finish(&scatter);
	paragpu_memory_unref(&memory);
}

static void memory_that_is_gone_reads_as_zeroes_and_swallows_writes(void **state)
{
	struct paragpu_memory *memory = make_table();
	struct pg_scatter_cursor cursor;
	struct pg_scatter scatter;
	uint8_t part[200];

	(void)state;
	memset(low, 1, sizeof(low));
	memset(high, 2, sizeof(high));
	pg_scatter_init(&scatter);
	append(&scatter, 0x17f9c, 200); /* half low, half high */
	assert_int_equal(paragpu_memory_remove(memory, 0x10000, sizeof(low)), 0);
	memset(part, 9, sizeof(part));
	pg_scatter_cursor_init(&cursor, &scatter, memory, 0);
	assert_int_equal(pg_scatter_read(&cursor, part, 200), 200);
	assert_int_equal(part[0], 0);
	assert_int_equal(part[99], 0);
	assert_int_equal(part[100], 2);
	memset(part, 9, sizeof(part));
	pg_scatter_seek(&cursor, 0);
	assert_int_equal(pg_scatter_write(&cursor, part, 200), 200);
	assert_int_equal(low[0x7f9c], 1);
	assert_int_equal(high[0], 9);
	/* no table at all */
	pg_scatter_cursor_init(&cursor, &scatter, NULL, 50);
	assert_int_equal(pg_scatter_read(&cursor, part, 200), 150);
	assert_int_equal(part[149], 0);
	pg_scatter_finish(&scatter);
	paragpu_memory_unref(&memory);
}

static void flat_is_what_lies_in_one_piece(void **state)
{
	struct paragpu_memory *memory;
	struct pg_scatter scatter;
	int fd = make_file(8 * PAGE), number = fd, found;
	uint64_t offset;

	(void)state;
	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_fd(memory, 0x100000, 8 * PAGE, &fd, 0), 0);
	pg_scatter_init(&scatter);
	append(&scatter, 0x101000, PAGE);
	append(&scatter, 0x103000, PAGE);
	assert_non_null(pg_scatter_flat(&scatter, memory, 100, PAGE - 100, &found, &offset));
	assert_int_equal(found, number);
	assert_int_equal(offset, PAGE + 100);
	assert_non_null(pg_scatter_flat(&scatter, memory, PAGE + 1, 10, &found, &offset));
	assert_int_equal(offset, 3 * PAGE + 1);
	assert_null(pg_scatter_flat(&scatter, memory, PAGE - 1, 2, &found, &offset));
	assert_int_equal(found, -1);
	assert_null(pg_scatter_flat(&scatter, memory, 2 * PAGE - 1, 2, &found, &offset));
	assert_null(pg_scatter_flat(&scatter, NULL, 0, 2, &found, &offset));
	pg_scatter_finish(&scatter);
	paragpu_memory_unref(&memory);
}

static void pieces_are_counted_beyond_the_room_for_them(void **state)
{
	struct paragpu_memory *memory = make_table();
	struct pg_scatter scatter;
	struct iovec vector[2];

	(void)state;
	pg_scatter_init(&scatter);
	append(&scatter, 0x10000, 10);
	append(&scatter, 0x10020, 10);
	append(&scatter, 0x10040, 10);
	assert_int_equal(pg_scatter_pieces(&scatter, memory, 5, 20, vector, 2), 3);
	assert_ptr_equal(vector[0].iov_base, low + 5);
	assert_int_equal(vector[0].iov_len, 5);
	assert_ptr_equal(vector[1].iov_base, low + 0x20);
	assert_int_equal(pg_scatter_pieces(&scatter, memory, 5, 26, vector, 2), 0);
	assert_int_equal(pg_scatter_pieces(&scatter, NULL, 5, 20, vector, 2), 0);
	pg_scatter_finish(&scatter);
	paragpu_memory_unref(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_translate_within_their_region),
		cmocka_unit_test(regions_neither_overlap_nor_wrap),
		cmocka_unit_test(a_file_is_mapped_at_any_offset_and_kept),
		cmocka_unit_test(a_file_too_short_is_refused_and_stays_the_callers),
		cmocka_unit_test(a_shared_table_does_not_change),
		cmocka_unit_test(a_copy_shares_mappings_until_the_last_is_gone),
		cmocka_unit_test(a_table_has_at_most_1024_regions),
		cmocka_unit_test(adjacent_ranges_merge_and_empty_ones_vanish),
		cmocka_unit_test(reading_follows_the_list_in_order),
		cmocka_unit_test(memory_that_is_gone_reads_as_zeroes_and_swallows_writes),
		cmocka_unit_test(flat_is_what_lies_in_one_piece),
		cmocka_unit_test(pieces_are_counted_beyond_the_room_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Checked arithmetic: what would wrap is refused and leaves the output alone,
 * what fits is exact, to the last value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"

static void sum_that_fits_is_exact(void **state)
{
	uint64_t sum = 7;

	(void)state;
	assert_true(pg_add_u64(UINT64_MAX - 1, 1, &sum));
	assert_true(sum == UINT64_MAX);
	assert_true(pg_add_u64(0, 0, &sum));
	assert_true(sum == 0);
}

static void sum_that_wraps_is_refused(void **state)
{
	uint64_t sum = 7;

	(void)state;
	assert_false(pg_add_u64(UINT64_MAX, 1, &sum));
	assert_false(pg_add_u64(1, UINT64_MAX, &sum));
	assert_false(pg_add_u64(UINT64_MAX, UINT64_MAX, &sum));
	assert_true(sum == 7);
}

static void product_that_fits_is_exact(void **state)
{
	uint64_t product = 7;
	size_t size = 7;

	(void)state;
	assert_true(pg_mul_u64(UINT32_MAX, UINT32_MAX, &product));
	assert_true(product == 0xfffffffe00000001u);
	assert_true(pg_mul_u64(UINT64_MAX, 0, &product));
	assert_true(product == 0);
	assert_true(pg_mul_size(SIZE_MAX, 1, &size));
	assert_true(size == SIZE_MAX);
}

static void product_that_wraps_is_refused(void **state)
{
	uint64_t product = 7;
	size_t size = 7;

	(void)state;
	assert_false(pg_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &product));
	assert_false(pg_mul_u64(UINT64_MAX, 2, &product));
	assert_true(product == 7);
	assert_false(pg_mul_size(SIZE_MAX / 2 + 1, 2, &size));
	assert_true(size == 7);
}

static void range_inside_counts_the_end_as_inside_for_empty_ranges_only(void **state)
{
	(void)state;
	assert_true(pg_range_inside(0, 10, 10));
	assert_true(pg_range_inside(9, 1, 10));
	assert_true(pg_range_inside(10, 0, 10));
	assert_false(pg_range_inside(10, 1, 10));
	assert_false(pg_range_inside(11, 0, 10));
	assert_false(pg_range_inside(0, 11, 10));
}

static void range_whose_end_wraps_is_not_inside(void **state)
{
	(void)state;
	assert_false(pg_range_inside(8, UINT64_MAX - 4, 10));
	assert_false(pg_range_inside(UINT64_MAX, 2, UINT64_MAX));
	assert_true(pg_range_inside(UINT64_MAX - 1, 1, UINT64_MAX));
}

static void ranges_overlap_only_where_they_share_a_byte(void **state)
{
	(void)state;
	assert_true(pg_ranges_overlap(0, 10, 9, 1));
	assert_true(pg_ranges_overlap(5, 1, 0, 10));
	assert_false(pg_ranges_overlap(0, 10, 10, 5));
	assert_false(pg_ranges_overlap(10, 5, 0, 10));
	assert_false(pg_ranges_overlap(5, 0, 0, 10));
	assert_false(pg_ranges_overlap(0, 10, 5, 0));
}

static void power_of_two_excludes_zero(void **state)
{
	(void)state;
	assert_false(pg_is_power_of_two(0));
	assert_true(pg_is_power_of_two(1));
	assert_false(pg_is_power_of_two(3));
	assert_true(pg_is_power_of_two(UINT64_C(1) << 63));
	assert_false(pg_is_power_of_two(UINT64_MAX));
}

static void align_up_rounds_up_and_refuses_to_wrap(void **state)
{
	uint64_t aligned = 7;

	(void)state;
	assert_true(pg_align_up_u64(4097, 4096, &aligned));
	assert_true(aligned == 8192);
	assert_true(pg_align_up_u64(4096, 4096, &aligned));
	assert_true(aligned == 4096);
	assert_true(pg_align_up_u64(UINT64_MAX, 1, &aligned));
	assert_true(aligned == UINT64_MAX);
	assert_false(pg_align_up_u64(UINT64_MAX - 100, 4096, &aligned));
	assert_true(aligned == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_that_fits_is_exact),
		cmocka_unit_test(sum_that_wraps_is_refused),
		cmocka_unit_test(product_that_fits_is_exact),
		cmocka_unit_test(product_that_wraps_is_refused),
		cmocka_unit_test(range_inside_counts_the_end_as_inside_for_empty_ranges_only),
		cmocka_unit_test(range_whose_end_wraps_is_not_inside),
		cmocka_unit_test(ranges_overlap_only_where_they_share_a_byte),
		cmocka_unit_test(power_of_two_excludes_zero),
		cmocka_unit_test(align_up_rounds_up_and_refuses_to_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

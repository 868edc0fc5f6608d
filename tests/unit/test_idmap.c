/* SPDX-License-Identifier: MIT */
/* Ids to pointers: what went in comes out, whatever was taken out in between. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/idmap.h"

#define MANY 2000

static void an_empty_map_has_nothing(void **state)
{
	struct pg_idmap map = {0};
	size_t cursor = 0;

	(void)state;
	assert_null(pg_idmap_get(&map, 1));
	assert_null(pg_idmap_take(&map, 1));
	assert_null(pg_idmap_any(&map));
	assert_null(pg_idmap_next(&map, &cursor));
	pg_idmap_finish(&map);
}

static void ids_are_added_once_and_never_as_zero(void **state)
{
	struct pg_idmap map = {0};
	int value;

	(void)state;
	assert_int_equal(pg_idmap_add(&map, 0, &value), -EINVAL);
	assert_int_equal(pg_idmap_add(&map, 7, &value), 0);
	assert_int_equal(pg_idmap_add(&map, 7, &value), -EEXIST);
	assert_ptr_equal(pg_idmap_get(&map, 7), &value);
	assert_int_equal(map.count, 1);
	pg_idmap_finish(&map);
}

/* Against the plainest map there is: an array indexed by id. */
static void any_order_of_adding_and_taking_keeps_the_rest(void **state)
{
	static char values[MANY + 1];
	static bool present[MANY + 1];
	struct pg_idmap map = {0};
	size_t count = 0;

	(void)state;
	srandom(1);
	for (int i = 0; i < 20 * MANY; i++) {
		uint32_t id = 1 + (uint32_t)random() % MANY;

		if (present[id]) {
			assert_ptr_equal(pg_idmap_take(&map, id), &values[id]);
			count--;
		} else {
			assert_int_equal(pg_idmap_add(&map, id, &values[id]), 0);
			count++;
		}
		present[id] = !present[id];
		assert_int_equal(map.count, count);
	}
	for (uint32_t id = 1; id <= MANY; id++)
		assert_ptr_equal(pg_idmap_get(&map, id), present[id] ? &values[id] : NULL);
	pg_idmap_finish(&map);
}

static void a_walk_meets_everything_once(void **state)
{
	struct pg_idmap map = {0};
	char values[100] = {0};
	size_t cursor = 0;
	char *value;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(pg_idmap_add(&map, 0xffffffffu - i, &values[i]), 0);
	for (value = pg_idmap_next(&map, &cursor); value; value = pg_idmap_next(&map, &cursor))
		(*value)++;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(values[i], 1);
	pg_idmap_finish(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(ids_are_added_once_and_never_as_zero),
		cmocka_unit_test(any_order_of_adding_and_taking_keeps_the_rest),
		cmocka_unit_test(a_walk_meets_everything_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

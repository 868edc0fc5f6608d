/* SPDX-License-Identifier: MIT */
/* The embedded list: order, removal during a walk, harmless second removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
	int number;
	struct pg_list link;
};

static void elements_come_in_the_order_of_appending(void **state)
{
	struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
	struct pg_list list;
	int expected = 0;

	(void)state;
	pg_list_init(&list);
	assert_true(pg_list_empty(&list));
	for (int i = 0; i < 3; i++)
		pg_list_append(&list, &items[i].link);
	pg_list_for_each(link, &list)
		assert_int_equal(pg_container_of(link, struct item, link)->number, expected++);
	assert_int_equal(expected, 3);
}

static void insertion_is_behind_the_position(void **state)
{
	struct item first = {.number = 1}, second = {.number = 2}, third = {.number = 3};
	struct pg_list list;

	(void)state;
	pg_list_init(&list);
	pg_list_append(&list, &first.link);
	pg_list_append(&list, &third.link);
	pg_list_insert(&first.link, &second.link);
	assert_ptr_equal(first.link.next, &second.link);
	assert_ptr_equal(third.link.prev, &second.link);
}

static void the_current_element_may_leave_during_a_walk(void **state)
{
	struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
	struct pg_list list;
	int seen = 0;

	(void)state;
	pg_list_init(&list);
	for (int i = 0; i < 4; i++)
		pg_list_append(&list, &items[i].link);
	pg_list_for_each_safe(link, &list) {
		seen++;
		pg_list_remove(link);
	}
	assert_int_equal(seen, 4);
	assert_true(pg_list_empty(&list));
}

static void removing_twice_is_harmless(void **state)
{
	struct item first = {.number = 1}, second = {.number = 2};
	struct pg_list list;

	(void)state;
	pg_list_init(&list);
	pg_list_append(&list, &first.link);
	pg_list_append(&list, &second.link);
	pg_list_remove(&first.link);
	pg_list_remove(&first.link);
	assert_ptr_equal(list.next, &second.link);
	assert_ptr_equal(list.prev, &second.link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_come_in_the_order_of_appending),
		cmocka_unit_test(insertion_is_behind_the_position),
		cmocka_unit_test(the_current_element_may_leave_during_a_walk),
		cmocka_unit_test(removing_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

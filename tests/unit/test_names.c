/* SPDX-License-Identifier: MIT */
/* The table of commands and the names of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/commands.h"

static void every_command_is_found_by_its_code(void **state)
{
	unsigned int found = 0;

	(void)state;
	for (uint32_t code = 0; code < 0x20000; code++) {
		const struct pg_command *command = pg_command_find(code);

		if (!command)
			continue;
		found++;
		assert_int_equal(command->code, code);
		assert_ptr_equal(command, pg_command_at(command->index));
		assert_string_equal(command->name, pg_command_name(code));
		assert_int_equal(command->queue, code >> 8 == 3);
		assert_in_range(command->request_size, 24, PG_REQUEST_FIXED_MAX);
		assert_false(pg_response_is_error(command->response));
	}
	assert_int_equal(found, PG_COMMAND_COUNT);
	assert_int_equal(found, 26);
	assert_null(pg_command_find(UINT32_MAX));
}

static void sizes_and_gates_are_those_of_the_specification(void **state)
{
	static const struct {
		uint32_t code;
		uint16_t request, response;
		uint64_t features;
	} some[] = {
		{0x100, 24, 408, 0},
		{0x105, 56, 24, 0},
		{0x108, 32, 40, PG_F(VIRGL)},
		{0x10a, 32, 1056, PG_F(EDID)},
		{0x10b, 32, 40, PG_F(RESOURCE_UUID)},
		{0x10c, 56, 24, PG_F(RESOURCE_BLOB)},
		{0x10d, 96, 24, PG_F(RESOURCE_BLOB)},
		{0x200, 96, 24, PG_F(VIRGL)},
		{0x204, 72, 24, PG_F(VIRGL)},
		{0x208, 40, 32, PG_F(RESOURCE_BLOB)},
		{0x300, 56, 24, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		const struct pg_command *command = pg_command_find(some[i].code);

		assert_int_equal(command->request_size, some[i].request);
		assert_int_equal(command->response_size, some[i].response);
		assert_true(command->features == some[i].features);
	}
}

static void numbers_have_names_and_others_have_none(void **state)
{
	(void)state;
	assert_string_equal(pg_command_name(0x10c), "RESOURCE_CREATE_BLOB");
	assert_string_equal(pg_response_name(0x1205), "ERR_INVALID_PARAMETER");
	assert_string_equal(pg_feature_name(5), "BLOB_ALIGNMENT");
	assert_string_equal(pg_capset_name(4), "VENUS");
	assert_string_equal(pg_format_name(134), "R8G8B8X8");
	assert_null(pg_command_name(0x10e));
	assert_null(pg_response_name(0x1107));
	assert_null(pg_feature_name(6));
	assert_null(pg_capset_name(0));
	assert_null(pg_capset_name(7));
	assert_null(pg_format_name(5));
}

static void formats_carry_the_code_of_the_same_bytes(void **state)
{
	unsigned int count = 0;

	(void)state;
	while (pg_format_at(count)) {
		const struct pg_format *format = pg_format_at(count++);

		assert_ptr_equal(pg_format_find(format->value), format);
		assert_int_equal(format->has_alpha, strchr(format->name, 'A') != NULL);
		/* XR24 and the like: the letter before R24 or B24 says where alpha is */
		assert_int_equal(format->fourcc >> 16, '2' | '4' << 8);
		assert_int_equal(memchr(&format->fourcc, 'A', 4) != NULL, format->has_alpha);
	}
	assert_int_equal(count, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_found_by_its_code),
		cmocka_unit_test(sizes_and_gates_are_those_of_the_specification),
		cmocka_unit_test(numbers_have_names_and_others_have_none),
		cmocka_unit_test(formats_carry_the_code_of_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Options of the programs: tables, values, and defaults that are the library's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

/* `problem` has 256 bytes. */
static int parse(struct pg_daemon_options *options, int argc, const char *const *argv,
		 char *problem)
{
	return pg_daemon_options_parse(options, argc, (char *const *)argv, problem, 256);
}

static void defaults_of_paragpud_are_those_of_the_library(void **state)
{
	struct pg_daemon_options options;
	struct paragpu_settings settings;

	(void)state;
	pg_daemon_options_init(&options);
	paragpu_settings_init(&settings);
	assert_int_equal(options.settings.features, settings.features);
	assert_int_equal(options.settings.head_count, settings.head_count);
	assert_int_equal(options.settings.blob_alignment, settings.blob_alignment);
	assert_int_equal(options.settings.limits.resources, settings.limits.resources);
	assert_int_equal(options.settings.limits.host_bytes, settings.limits.host_bytes);
	assert_int_equal(options.settings.limits.backing_entries, settings.limits.backing_entries);
	assert_int_equal(options.settings.limits.total_entries, settings.limits.total_entries);
	assert_int_equal(options.settings.limits.contexts, settings.limits.contexts);
	assert_int_equal(options.settings.limits.pending, settings.limits.pending);
	for (int i = 0; i < PARAGPU_MAX_HEADS; i++) {
		assert_int_equal(options.settings.heads[i].connected, settings.heads[i].connected);
		assert_int_equal(options.settings.heads[i].width, settings.heads[i].width);
		assert_int_equal(options.settings.heads[i].height, settings.heads[i].height);
		assert_int_equal(options.settings.heads[i].refresh_mhz,
				 settings.heads[i].refresh_mhz);
	}
}

static void every_feature_of_the_library_can_be_switched_off(void **state)
{
	const char *argv[] = {"paragpud", "--socket-path=s",
			      "--features=edid=off,uuid=off,blob-alignment=off,blob=off"};
	struct pg_daemon_options options;
	char problem[256];

	(void)state;
	pg_daemon_options_init(&options);
	assert_int_equal(parse(&options, 3, argv, problem), 0);
	/* VIRGL and CONTEXT_INIT are offered only with a renderer, which is an option of its own. */
	assert_int_equal(options.settings.features & ~UINT64_C(0x11), 0);
}

static void blobs_off_takes_their_alignment_along(void **state)
{
	const char *argv[] = {"paragpud", "--socket-path=s", "--features=blob=off"};
	struct pg_daemon_options options;
	char problem[256];

	(void)state;
	pg_daemon_options_init(&options);
	assert_int_equal(parse(&options, 3, argv, problem), 0);
	assert_int_equal(options.settings.features & 0x28, 0);
	assert_int_equal(options.settings.features & 0x6, 0x6);
}

static void mode_without_a_head_is_for_all_and_connects_none(void **state)
{
	const char *argv[] = {"paragpud", "--socket-path=s", "--heads=3",
			      "--mode",   "640x480@75",      "--mode=2:65535x1"};
	struct pg_daemon_options options;
	char problem[256];

	(void)state;
	pg_daemon_options_init(&options);
	assert_int_equal(parse(&options, 6, argv, problem), 0);
	assert_int_equal(options.settings.heads[1].width, 640);
	assert_int_equal(options.settings.heads[1].refresh_mhz, 75000);
	assert_false(options.settings.heads[1].connected);
	assert_int_equal(options.settings.heads[2].width, 65535);
	assert_int_equal(options.settings.heads[2].refresh_mhz, 60000);
	assert_true(options.settings.heads[2].connected);
}

static void only_well_formed_modes_are_taken(void **state)
{
	static const char *const bad[] = {
		"",          "x",          "1024",      "1024x",     "x768",      "1024x768x2",
		"1024x768@", "1024x768@0", "-1x768",    " 1024x768", "1024x768 ", "65536x1",
		"1x65536",   "0x0",        "16:8x8",    ":8x8",      "1:2:8x8",   "8x8@60@60",
		"8x8@1000",  "+8x8",       "1000000x1", "0x1",       "8@60x8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pg_daemon_options options;
		char word[64], problem[256];
		const char *argv[] = {"paragpud", "--socket-path=s", "--heads=16", word};

		snprintf(word, sizeof(word), "--mode=%s", bad[i]);
		pg_daemon_options_init(&options);
		if (!parse(&options, 4, argv, problem))
			fail_msg("the mode \"%s\" was taken", bad[i]);
		assert_non_null(strstr(problem, word));
	}
}

static void sizes_have_units_and_bounds(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_true(pg_value_size("4096", &bytes));
	assert_int_equal(bytes, 4096);
	assert_true(pg_value_size("512M", &bytes));
	assert_int_equal(bytes, 512u << 20);
	assert_true(pg_value_size("2GiB", &bytes));
	assert_int_equal(bytes, 2ull << 30);
	assert_true(pg_value_size("16777215T", &bytes));
	assert_false(pg_value_size("16777216T", &bytes));
	assert_false(pg_value_size("18446744073709551616", &bytes));
	assert_false(pg_value_size("", &bytes));
	assert_false(pg_value_size("M", &bytes));
	assert_false(pg_value_size("-1", &bytes));
	assert_false(pg_value_size("1X", &bytes));
	assert_false(pg_value_size("1MM", &bytes));
	assert_false(pg_value_size("1 M", &bytes));
}

static void numbers_are_whole_and_in_range(void **state)
{
	uint32_t value = 7;

	(void)state;
	assert_true(pg_value_u32("4294967295", 0, UINT32_MAX, &value));
	assert_int_equal(value, UINT32_MAX);
	value = 7;
	assert_false(pg_value_u32("4294967296", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32("-1", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32("+1", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32(" 1", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32("1x", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32("", 0, UINT32_MAX, &value));
	assert_false(pg_value_u32("0", 1, 3, &value));
	assert_false(pg_value_u32("4", 1, 3, &value));
	assert_int_equal(value, 7);
}

static void words_behind_a_double_dash_are_left_alone(void **state)
{
	const char *argv[] = {"x", "--heads", "2", "--", "--heads=3"};
	struct pg_daemon_options options;
	char problem[256];
	int next;

	(void)state;
	pg_daemon_options_init(&options);
	assert_int_equal(pg_options_parse(pg_daemon_option_table, &options, 5, (char *const *)argv,
					  1, &next, problem, sizeof(problem)),
			 0);
	assert_int_equal(next, 4);
	assert_int_equal(options.settings.head_count, 2);
}

static void option_is_not_found_by_a_part_of_its_name(void **state)
{
	(void)state;
	assert_non_null(pg_options_find(pg_daemon_option_table, "heads=3", 5));
	assert_null(pg_options_find(pg_daemon_option_table, "head", 4));
	assert_null(pg_options_find(pg_daemon_option_table, "headset", 7));
	assert_null(pg_options_find(pg_daemon_option_table, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_of_paragpud_are_those_of_the_library),
		cmocka_unit_test(every_feature_of_the_library_can_be_switched_off),
		cmocka_unit_test(blobs_off_takes_their_alignment_along),
		cmocka_unit_test(mode_without_a_head_is_for_all_and_connects_none),
		cmocka_unit_test(only_well_formed_modes_are_taken),
		cmocka_unit_test(sizes_have_units_and_bounds),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(words_behind_a_double_dash_are_left_alone),
		cmocka_unit_test(option_is_not_found_by_a_part_of_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

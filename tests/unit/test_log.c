/* SPDX-License-Identifier: MIT */
/* Messages: a specification says which modules speak; a bad one says where it is bad. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

struct capture {
	unsigned int lines;
	enum pg_log_level level;
	char module[32];
	char message[2048];
};

static void capture_line(void *data, enum pg_log_level level, const char *module,
			 const char *message)
{
	struct capture *capture = data;

	capture->lines++;
	capture->level = level;
	snprintf(capture->module, sizeof(capture->module), "%s", module);
	snprintf(capture->message, sizeof(capture->message), "%s", message);
}

static void info_and_above_speak_unless_told_otherwise(void **state)
{
	struct capture capture = {0};
	struct pg_logger logger;

	(void)state;
	pg_logger_init(&logger, capture_line, &capture);
	pg_log(&logger, PG_LOG_DEBUG, "device", "unheard");
	assert_int_equal(capture.lines, 0);
	pg_log(&logger, PG_LOG_INFO, "device", "%s is %d", "answer", 42);
	assert_int_equal(capture.lines, 1);
	assert_int_equal(capture.level, PG_LOG_INFO);
	assert_string_equal(capture.module, "device");
	assert_string_equal(capture.message, "answer is 42");
}

static void logger_without_a_sink_is_silent(void **state)
{
	struct pg_logger logger;

	(void)state;
	pg_logger_init(&logger, NULL, NULL);
	assert_false(pg_log_enabled(&logger, PG_LOG_ERROR, "device"));
	pg_log(&logger, PG_LOG_ERROR, "device", "into the void");
}

static void rule_of_a_module_beats_the_general_level(void **state)
{
	struct capture capture = {0};
	struct pg_logger logger;

	(void)state;
	pg_logger_init(&logger, capture_line, &capture);
	assert_int_equal(pg_logger_configure(&logger, "debug:transport,error", NULL), 0);
	assert_true(pg_log_enabled(&logger, PG_LOG_DEBUG, "transport"));
	assert_false(pg_log_enabled(&logger, PG_LOG_TRACE, "transport"));
	assert_true(pg_log_enabled(&logger, PG_LOG_ERROR, "device"));
	assert_false(pg_log_enabled(&logger, PG_LOG_WARN, "device"));
	/* a module is a whole word */
	assert_false(pg_log_enabled(&logger, PG_LOG_DEBUG, "trans"));
	assert_false(pg_log_enabled(&logger, PG_LOG_DEBUG, "transports"));
}

static void later_rule_wins(void **state)
{
	struct capture capture = {0};
	struct pg_logger logger;

	(void)state;
	pg_logger_init(&logger, capture_line, &capture);
	assert_int_equal(pg_logger_configure(&logger, "trace:device,warn:device", NULL), 0);
	assert_false(pg_log_enabled(&logger, PG_LOG_INFO, "device"));
}

static void bad_specification_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *specification;
		size_t bad_at;
	} cases[] = {
		{"", 0},        {"loud", 0},
		{"warn,", 5},   {"warn,loud:device", 5},
		{"debug:", 0},  {"warn,debug:a-module-name-that-is-too-long", 5},
		{",warn", 0},   {"Warn", 0},
		{"warning", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_logger logger;
		const char *bad = NULL;

		pg_logger_init(&logger, NULL, NULL);
		assert_int_equal(pg_logger_configure(&logger, cases[i].specification, &bad),
				 -EINVAL);
		assert_ptr_equal(bad, cases[i].specification + cases[i].bad_at);
	}
}

static void rules_over_the_limit_are_refused(void **state)
{
	struct pg_logger logger;

	(void)state;
	pg_logger_init(&logger, NULL, NULL);
	for (int i = 0; i < PG_LOG_MAX_RULES; i++)
		assert_int_equal(pg_logger_configure(&logger, "debug:m", NULL), 0);
	assert_int_equal(pg_logger_configure(&logger, "debug:m", NULL), -EINVAL);
	assert_int_equal(pg_logger_configure(&logger, "debug", NULL), 0);
}

static void long_message_is_cut_not_spilled(void **state)
{
	struct capture capture = {0};
	struct pg_logger logger;
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	pg_logger_init(&logger, capture_line, &capture);
	pg_log(&logger, PG_LOG_ERROR, "device", "%s", text);
	assert_int_equal(capture.lines, 1);
	assert_in_range(strlen(capture.message), 512, 2000);
}

static void level_names_are_those_of_the_specification(void **state)
{
	struct pg_logger logger;

	(void)state;
	for (int level = PG_LOG_ERROR; level <= PG_LOG_TRACE; level++) {
		pg_logger_init(&logger, NULL, NULL);
		assert_int_equal(pg_logger_configure(&logger,
						     pg_log_level_name((enum pg_log_level)level),
						     NULL),
				 0);
		assert_int_equal(logger.level, level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_and_above_speak_unless_told_otherwise),
		cmocka_unit_test(logger_without_a_sink_is_silent),
		cmocka_unit_test(rule_of_a_module_beats_the_general_level),
		cmocka_unit_test(later_rule_wins),
		cmocka_unit_test(bad_specification_is_refused_with_its_place),
		cmocka_unit_test(rules_over_the_limit_are_refused),
		cmocka_unit_test(long_message_is_cut_not_spilled),
		cmocka_unit_test(level_names_are_those_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* paragpud's messages: bounded in number, whole, and never waited for. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/messages.h"

static int make_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0;
}

static size_t count_lines(int fd, char *last, size_t size)
{
	static char text[1 << 17];
	ssize_t length = read(fd, text, sizeof(text) - 1);
	size_t lines = 0;
	char *start = text;

	text[length < 0 ? 0 : length] = '\0';
	for (char *end; (end = strchr(start, '\n')); start = end + 1) {
		snprintf(last, size, "%.*s", (int)(end - start), start);
		lines++;
	}
	assert_int_equal(*start, '\0'); /* no half line */
	return lines;
}

static void flood_of_messages_is_cut_and_counted(void **state)
{
	struct pg_messages messages;
	char last[256] = "";
	int ends[2];

	(void)state;
	assert_int_equal(make_pipe(ends), 0);
	pg_messages_init(&messages, ends[1], "test");
	for (int i = 0; i < 1000; i++)
		pg_messages_write(&messages, PG_LOG_WARN, "guest", "again");
	/* the rate lets a few more through while we write */
	assert_in_range(count_lines(ends[0], last, sizeof(last)), PG_MESSAGE_BURST,
			PG_MESSAGE_BURST + 10);
	assert_string_equal(last, "test: guest: warn: again");
	assert_in_range(messages.left_out, 790, 800);
	/* as if ten lines' time had passed */
	messages.last_ns -= 500000000;
	pg_messages_write(&messages, PG_LOG_INFO, "guest", "later");
	assert_int_equal(count_lines(ends[0], last, sizeof(last)), 2);
	assert_string_equal(last, "test: guest: later");
	assert_int_equal(messages.left_out, 0);
	close(ends[0]);
	close(ends[1]);
}

static void reader_that_sleeps_is_not_waited_for(void **state)
{
	struct pg_messages messages;
	char line[1000], last[256];
	int ends[2];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(make_pipe(ends), 0);
	pg_messages_init(&messages, ends[1], "test");
	alarm(10); /* instead of hanging */
	for (int i = 0; i < 150; i++)
		pg_messages_write(&messages, PG_LOG_INFO, "guest", line);
	alarm(0);
	assert_true(messages.left_out > 0);
	assert_true(count_lines(ends[0], last, sizeof(last)) > 0);
	close(ends[0]);
	close(ends[1]);
}

static void overlong_message_is_cut(void **state)
{
	struct pg_messages messages;
	char line[4000], last[256];
	int ends[2];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(make_pipe(ends), 0);
	pg_messages_init(&messages, ends[1], "test");
	pg_messages_write(&messages, PG_LOG_INFO, "guest", line);
	assert_int_equal(count_lines(ends[0], last, sizeof(last)), 1);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flood_of_messages_is_cut_and_counted),
		cmocka_unit_test(reader_that_sleeps_is_not_waited_for),
		cmocka_unit_test(overlong_message_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

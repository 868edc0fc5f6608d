/* SPDX-License-Identifier: MIT */
/* Descriptors: whoever takes one leaves -1 behind, and closing spoils no error path. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static int open_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void close_closes_and_leaves_minus_one(void **state)
{
	int fd = open_descriptor();
	int number = fd;

	(void)state;
	pg_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void close_of_minus_one_is_harmless(void **state)
{
	int fd = -1;

	(void)state;
	errno = ENOTTY;
	pg_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, ENOTTY);
}

static void close_keeps_errno(void **state)
{
	int fd = open_descriptor();

	(void)state;
	close(fd); /* pg_close's own close will fail */
	errno = ENOTTY;
	pg_close(&fd);
	assert_int_equal(errno, ENOTTY);
}

static void take_moves_the_descriptor(void **state)
{
	int fd = open_descriptor();
	int number = fd;
	int taken = pg_take_fd(&fd);

	(void)state;
	assert_int_equal(taken, number);
	assert_int_equal(fd, -1);
	pg_close(&taken);
}

static void nonblocking_read_of_an_empty_pipe_does_not_wait(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pg_set_nonblocking(ends[0]), 0);
	assert_int_equal(read(ends[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	pg_close(&ends[0]);
	pg_close(&ends[1]);
	assert_int_equal(pg_set_nonblocking(-1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_closes_and_leaves_minus_one),
		cmocka_unit_test(close_of_minus_one_is_harmless),
		cmocka_unit_test(close_keeps_errno),
		cmocka_unit_test(take_moves_the_descriptor),
		cmocka_unit_test(nonblocking_read_of_an_empty_pipe_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

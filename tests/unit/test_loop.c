/* SPDX-License-Identifier: MIT */
/* The event loop: what is due runs once and in order; what was removed never runs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/loop.h"

struct fixture {
	struct pg_loop *loop;
	int pipes[2][2]; /* each [read end, write end] */
	struct pg_watch watches[2];
	struct pg_timer timers[3];
	struct pg_deferred deferred[2];
	char order[16]; /* a letter for each callback that ran */
	unsigned int count;
};

static void note(struct fixture *f, char letter)
{
	assert_true(f->count < sizeof(f->order) - 1);
	f->order[f->count++] = letter;
}

static void note_a(void *data)
{
	note(data, 'a');
}

static void note_b(void *data)
{
	note(data, 'b');
}

static void note_c(void *data)
{
	note(data, 'c');
}

static void note_watch(void *data, uint32_t events)
{
	(void)events;
	note(data, 'w');
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	for (int i = 0; i < 2; i++)
		if (pipe2(fixture.pipes[i], O_CLOEXEC) < 0)
			return -1;
	*state = &fixture;
	return pg_loop_create(&fixture.loop);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pg_loop_destroy(f->loop);
	for (int i = 0; i < 2; i++) {
		pg_close(&f->pipes[i][0]);
		pg_close(&f->pipes[i][1]);
	}
	return 0;
}

static void write_byte(struct fixture *f, int i)
{
	assert_int_equal(write(f->pipes[i][1], "x", 1), 1);
}

static void watch_runs_while_its_descriptor_is_ready(void **state)
{
	struct fixture *f = *state;
	char byte;

	assert_int_equal(
		pg_watch_add(f->loop, &f->watches[0], f->pipes[0][0], EPOLLIN, note_watch, f), 0);
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "");
	write_byte(f, 0);
	assert_int_equal(pg_loop_dispatch(f->loop, 1000), 0);
	assert_int_equal(pg_loop_dispatch(f->loop, 1000), 0);
	assert_string_equal(f->order, "ww");
	assert_int_equal(read(f->pipes[0][0], &byte, 1), 1);
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "ww");
}

static void watch_of_no_descriptor_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pg_watch_add(f->loop, &f->watches[0], -1, EPOLLIN, note_watch, f), -EBADF);
	pg_watch_remove(&f->watches[0]);
}

static void watch_wants_only_the_events_it_was_set_to(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		pg_watch_add(f->loop, &f->watches[0], f->pipes[0][0], EPOLLIN, note_watch, f), 0);
	write_byte(f, 0);
	assert_int_equal(pg_watch_set_events(&f->watches[0], 0), 0);
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "");
	assert_int_equal(pg_watch_set_events(&f->watches[0], EPOLLIN), 0);
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "w");
}

static void remove_both(void *data, uint32_t events)
{
	struct fixture *f = data;

	note_watch(f, events);
	pg_watch_remove(&f->watches[0]);
	pg_watch_remove(&f->watches[1]);
}

static void watch_removed_within_the_round_does_not_run(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pg_watch_add(f->loop, &f->watches[i], f->pipes[i][0], EPOLLIN,
					      remove_both, f),
				 0);
		write_byte(f, i);
	}
	assert_int_equal(pg_loop_dispatch(f->loop, 1000), 0);
	assert_string_equal(f->order, "w");
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "w");
}

static void timers_run_once_in_order_of_their_deadlines(void **state)
{
	struct fixture *f = *state;

	pg_timer_set(f->loop, &f->timers[2], 2000000, note_c, f);
	pg_timer_set(f->loop, &f->timers[0], 0, note_a, f);
	pg_timer_set(f->loop, &f->timers[1], 1000000, note_b, f);
	while (f->count < 3)
		assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_string_equal(f->order, "abc");
	assert_int_equal(pg_loop_dispatch(f->loop, 3), 0);
	assert_string_equal(f->order, "abc");
}

static void timer_never_runs_before_its_time(void **state)
{
	struct fixture *f = *state;
	uint64_t start = pg_now_ns();

	pg_timer_set(f->loop, &f->timers[0], 5000000, note_a, f);
	while (!f->count)
		assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_true(pg_now_ns() - start >= 5000000);
}

static void timer_that_is_set_again_moves(void **state)
{
	struct fixture *f = *state;

	pg_timer_set(f->loop, &f->timers[0], 0, note_a, f);
	pg_timer_set(f->loop, &f->timers[1], 1000000, note_b, f);
	pg_timer_set(f->loop, &f->timers[0], 2000000, note_a, f);
	while (f->count < 2)
		assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_string_equal(f->order, "ba");
}

static void cancelled_timer_and_call_never_run(void **state)
{
	struct fixture *f = *state;

	pg_timer_set(f->loop, &f->timers[0], 0, note_a, f);
	pg_defer(f->loop, &f->deferred[0], note_b, f);
	pg_timer_cancel(&f->timers[0]);
	pg_timer_cancel(&f->timers[0]);
	pg_defer_cancel(&f->deferred[0]);
	pg_defer_cancel(&f->deferred[0]);
	assert_int_equal(pg_loop_dispatch(f->loop, 0), 0);
	assert_string_equal(f->order, "");
}

static void defer_again(void *data)
{
	struct fixture *f = data;

	note(f, 'd');
	pg_defer(f->loop, &f->deferred[0], defer_again, f);
}

static void call_deferred_by_a_deferred_call_waits_for_the_next_round(void **state)
{
	struct fixture *f = *state;

	pg_defer(f->loop, &f->deferred[0], defer_again, f);
	assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_string_equal(f->order, "d");
	assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_string_equal(f->order, "dd");
	pg_defer_cancel(&f->deferred[0]);
}

static void call_deferred_twice_runs_once(void **state)
{
	struct fixture *f = *state;

	pg_defer(f->loop, &f->deferred[0], note_a, f);
	pg_defer(f->loop, &f->deferred[1], note_b, f);
	pg_defer(f->loop, &f->deferred[0], note_c, f);
	assert_int_equal(pg_loop_dispatch(f->loop, -1), 0);
	assert_string_equal(f->order, "ab");
}

static void stop(void *data)
{
	struct fixture *f = data;

	note(f, 's');
	pg_loop_stop(f->loop);
}

static void run_ends_with_the_round_that_stopped_it(void **state)
{
	struct fixture *f = *state;

	pg_timer_set(f->loop, &f->timers[0], 0, stop, f);
	pg_defer(f->loop, &f->deferred[0], note_a, f);
	assert_int_equal(pg_loop_run(f->loop), 0);
	assert_string_equal(f->order, "sa");
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(watch_runs_while_its_descriptor_is_ready),
		LOOP_TEST(watch_of_no_descriptor_is_refused),
		LOOP_TEST(watch_wants_only_the_events_it_was_set_to),
		LOOP_TEST(watch_removed_within_the_round_does_not_run),
		LOOP_TEST(timers_run_once_in_order_of_their_deadlines),
		LOOP_TEST(timer_never_runs_before_its_time),
		LOOP_TEST(timer_that_is_set_again_moves),
		LOOP_TEST(cancelled_timer_and_call_never_run),
		LOOP_TEST(call_deferred_by_a_deferred_call_waits_for_the_next_round),
		LOOP_TEST(call_deferred_twice_runs_once),
		LOOP_TEST(run_ends_with_the_round_that_stopped_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

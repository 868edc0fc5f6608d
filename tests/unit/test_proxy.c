/* SPDX-License-Identifier: MIT */
/*
 * The proxy with a real worker process behind it: one that does what it is told,
 * one that is killed, stopped or crashes, and one that is an enemy.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "renderer_harness.h"
#include "scripted_worker.h"
#include "worker/proxy.h"

#define OPS harness.renderer->ops
#define HANG_MS 1000

static int create(const char *mode, uint32_t start_ms, struct paragpu_renderer **renderer)
{
	const char *const arguments[] = {mode, NULL};
	const struct pg_proxy_options options = {
		.name = "scripted",
		.program = getenv("PARAGPU_SCRIPTED_WORKER"),
		.arguments = arguments,
		.start_timeout_ms = start_ms,
		.hang_timeout_ms = HANG_MS,
	};

	assert_non_null(options.program);
	return pg_proxy_create(&options, renderer);
}

static int setup(void **state)
{
	struct paragpu_renderer *renderer;

	setenv("PARAGPU_TEST_SECRET", "1", 1);
	setenv("VREND_DEBUG", "guestallow", 1);
	if (create(NULL, 60000, &renderer))
		return -1;
	*state = renderer;
	harness_start(renderer);
	return 0;
}

static int teardown(void **state)
{
	pg_proxy_destroy(*state);
	harness_finish();
	return 0;
}

static struct pg_proxy_info info(void)
{
	struct pg_proxy_info result;

	pg_proxy_get_info(harness.renderer, &result);
	return result;
}

static int script(enum script what, uint32_t argument)
{
	const uint32_t stream[2] = {what, argument};

	return harness_submit(1, stream, sizeof(stream));
}

static void begin(uint32_t what, struct paragpu_operation *operation)
{
	struct iovec piece = {.iov_base = &what, .iov_len = sizeof(what)};

	OPS->submit(harness.renderer, 1, &piece, 1, sizeof(what), operation);
}

/* --- an obedient worker --- */

static void capsets_are_the_workers(void **state)
{
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	uint8_t data[100];

	(void)state;
	assert_int_equal(OPS->get_capsets(harness.renderer, capsets), 1);
	assert_int_equal(capsets[0].id, SCRIPTED_CAPSET);
	assert_int_equal(OPS->fill_capset(harness.renderer, SCRIPTED_CAPSET, 3, data, 100), 0);
	assert_int_equal(data[99], SCRIPTED_CAPSET + 3);
	assert_int_equal(OPS->fill_capset(harness.renderer, SCRIPTED_CAPSET, 4, data, 100),
			 -EINVAL);
	assert_int_equal(OPS->fill_capset(harness.renderer, 1, 1, data, 100), -EINVAL);
}

static void answers_come_back_to_their_operations(void **state)
{
	(void)state;
	assert_int_equal(harness_context(1, 1), -EINVAL);
	assert_int_equal(info().contexts, 0);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_NOTHING, 0), 0);
	assert_int_equal(info().open_operations, 0);
	assert_int_equal(harness_submit(2, "abcd", 4), -ESRCH);
}

static void streams_of_any_size_arrive_whole(void **state)
{
	static const size_t sizes[] = {4, 5, 4096, 262000, 262144, 600000, 8u << 20};

	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *stream = malloc(sizes[i]);

		for (size_t byte = 0; byte < sizes[i]; byte++)
			stream[byte] = (uint8_t)(byte * 7);
		memcpy(stream, &(uint32_t){SCRIPT_CHECK_PATTERN}, 4);
		assert_int_equal(harness_submit(1, stream, sizes[i]), 0);
		free(stream);
	}
}

static void fences_signal_even_if_the_renderer_refuses_them(void **state)
{
	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(OPS->fence(harness.renderer, 1, true, 0, 100), 0);
	assert_int_equal(OPS->fence(harness.renderer, 1, true, SCRIPTED_BAD_RING, 101), 0);
	assert_int_equal(OPS->fence(harness.renderer, 1, true, 64, 102), -EINVAL);
	assert_int_equal(OPS->fence(harness.renderer, 9, true, 0, 103), -ESRCH);
	assert_true(harness_wait_signal(100));
	assert_true(harness_wait_signal(101));
	assert_int_equal(harness.signal_count, 2);
}

static void no_fence_of_a_destroyed_context_signals(void **state)
{
	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	for (uint64_t cookie = 0; cookie < 100; cookie++)
		assert_int_equal(OPS->fence(harness.renderer, 1, true, 0, 7), 0);
	OPS->context_destroy(harness.renderer, 1);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_NOTHING, 0), 0);
	assert_int_equal(harness.signal_count, 0);
	assert_int_equal(info().open_fences, 0);
}

static void guest_memory_is_the_same_in_the_worker(void **state)
{
	struct paragpu_transfer args = {
		.level = 0xab, .w = 1000, .offset = HARNESS_RAM_ADDR + 5000};
	struct paragpu_operation operation = {0};
	struct paragpu_operation gone = {0};

	(void)state;
	OPS->transfer(harness.renderer, 0, 1, true, &args, &operation);
	assert_int_equal(harness_wait(&operation), 0);
	assert_int_equal(harness.ram[4999], 0);
	assert_int_equal(harness.ram[5000], 0xab);
	assert_int_equal(harness.ram[5999], 0xab);
	assert_int_equal(harness.ram[6000], 0);
	OPS->set_memory(harness.renderer, NULL);
	OPS->transfer(harness.renderer, 0, 1, true, &args, &gone);
	assert_int_equal(harness_wait(&gone), -EFAULT);
}

static void the_worker_has_no_descriptor_and_no_variable_of_ours(void **state)
{
	/* NOLINTNEXTLINE(android-cloexec-open): it is what is tested */
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	/* the worker that runs is older than the descriptor */
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	OPS->reset(harness.renderer);
	assert_int_equal(dup2(fd, 200), 200);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_HAS_FD, 200), 0);
	assert_int_equal(script(SCRIPT_HAS_FD, 3), -EEXIST); /* it can tell */
	assert_int_equal(script(SCRIPT_HAS_VARIABLES, 0), 0);
	close(fd);
	close(200);
}

static void a_reset_forgets_all_and_answers_nothing(void **state)
{
	struct paragpu_operation operation = {0};

	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	begin(SCRIPT_KEEP_OPEN, &operation);
	assert_int_equal(OPS->fence(harness.renderer, 0, false, 0, 5), 0);
	OPS->reset(harness.renderer);
	harness_dispatch(50);
	assert_int_equal(operation.answers, 0);
	assert_int_equal(harness.signal_count, 0);
	assert_int_equal(harness.lost, 0);
	assert_int_equal(info().contexts, 0);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_NOTHING, 0), 0);
}

static void a_lost_context_is_lost_alone(void **state)
{
	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(harness_context(2, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_LOSE_CONTEXT, 0), -EIO);
	assert_true(harness_wait_context_lost(1));
	assert_int_equal(harness_submit(1, "\0\0\0", 4), -ESRCH);
	assert_int_equal(harness_submit(2, "\0\0\0", 4), 0);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(harness.lost, 0);
}

/* --- loss --- */

static void assert_works_again(void)
{
	pid_t pid = info().pid;

	assert_int_equal(info().contexts, 0);
	assert_int_equal(info().open_operations, 0);
	assert_int_equal(info().open_fences, 0);
	assert_int_equal(info().queued_bytes, 0);
	assert_int_equal(pid, 0);
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_NOTHING, 0), 0);
	assert_int_equal(OPS->fence(harness.renderer, 0, false, 0, 4242), 0);
	assert_true(harness_wait_signal(4242));
	assert_int_equal(harness.lost, 1);
}

static void a_crash_loses_the_renderer_and_the_next_context_works(void **state)
{
	struct paragpu_operation operation = {0};

	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	begin(SCRIPT_CRASH, &operation);
	assert_true(harness_wait_lost());
	assert_int_equal(operation.answers, 0); /* the device answers it */
	assert_works_again();
}

static void a_killed_worker_under_load_is_replaced(void **state)
{
	static struct paragpu_operation operations[2000];

	(void)state;
	memset(operations, 0, sizeof(operations));
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	for (size_t i = 0; i < 2000; i++) {
		begin(SCRIPT_NOTHING, &operations[i]);
		OPS->fence(harness.renderer, 0, false, 0, i);
		if (i == 1000)
			kill(info().pid, SIGKILL);
	}
	assert_true(harness_wait_lost());
	assert_works_again();
}

/* Far more than the ring holds: the device neither waits nor takes for ever. */
static void a_stopped_worker_costs_no_wait_and_is_killed(void **state)
{
	static uint8_t stream[200000];
	struct iovec piece = {.iov_base = stream, .iov_len = sizeof(stream)};
	static struct paragpu_operation operations[2000];
	size_t refused = 0;
	uint64_t start;

	(void)state;
	memset(operations, 0, sizeof(operations));
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	kill(info().pid, SIGSTOP);
	start = pg_now_ns();
	for (size_t i = 0; i < 2000; i++) {
		OPS->submit(harness.renderer, 1, &piece, 1, sizeof(stream), &operations[i]);
		refused += operations[i].answers != 0;
		if (operations[i].answers)
			assert_int_equal(operations[i].error, -ENOMEM);
	}
	assert_in_range(refused, 1000, 1999);
	assert_true(info().queued_bytes > 10u << 20);
	assert_true(info().queued_bytes <= 65u << 20);
	OPS->context_destroy(harness.renderer, 1);
	assert_true(harness_wait_lost());
	assert_true(pg_now_ns() - start > HANG_MS * (uint64_t)1000000 / 2);
	assert_works_again();
}

static void a_hanging_call_is_noticed(void **state)
{
	struct paragpu_operation operation = {0};

	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	begin(SCRIPT_HANG, &operation);
	assert_true(harness_wait_lost());
	assert_works_again();
}

/* A computation may take its time: the worker answers when asked whether it lives. */
static void an_operation_may_stay_open_for_long(void **state)
{
	struct paragpu_operation operation = {0};
	uint64_t end = pg_now_ns() + (uint64_t)3 * HANG_MS * 1000000;

	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	begin(SCRIPT_KEEP_OPEN, &operation);
	while (pg_now_ns() < end)
		harness_dispatch(100);
	assert_int_equal(harness.lost, 0);
	assert_int_equal(operation.answers, 0);
	assert_int_equal(script(SCRIPT_NOTHING, 0), 0);
}

static void what_was_queued_is_sent_when_a_stopped_worker_goes_on(void **state)
{
	static uint8_t stream[200000];
	struct iovec piece = {.iov_base = stream, .iov_len = sizeof(stream)};
	static struct paragpu_operation operations[100];

	(void)state;
	memset(operations, 0, sizeof(operations));
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	kill(info().pid, SIGSTOP);
	for (size_t i = 0; i < 100; i++)
		OPS->submit(harness.renderer, 1, &piece, 1, sizeof(stream), &operations[i]);
	assert_true(info().queued_bytes > 0);
	kill(info().pid, SIGCONT);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(harness_wait(&operations[i]), 0);
	assert_int_equal(info().queued_bytes, 0);
	assert_int_equal(harness.lost, 0);
}

static void a_renderer_that_gives_up_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(harness_context(1, SCRIPTED_CAPSET), 0);
	assert_int_equal(script(SCRIPT_LOSE_ALL, 0), 0);
	assert_true(harness_wait_lost());
	assert_works_again();
}

/* --- start --- */

static void a_worker_that_cannot_start_is_an_error(void **state)
{
	struct paragpu_renderer *renderer = NULL;
	const struct pg_proxy_options options = {.name = "x", .program = "/nonexistent/worker"};

	(void)state;
	assert_int_equal(create("exit", 60000, &renderer), -ENOTSUP);
	assert_int_equal(create("silent", 300, &renderer), -ETIMEDOUT);
	assert_int_equal(pg_proxy_create(&options, &renderer), -ENOTSUP);
}

/* --- enemies --- */

static void no_lie_of_a_worker_reaches_the_device(void **state)
{
	static const char *const modes[] = {"handle", "index", "error", "twice",    "kind", "size",
					    "type",   "hello", "ring",  "unsealed", "short"};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct paragpu_blob blob = {.blob_mem = 2, .size = 4096};
		struct paragpu_operation operation = {0};
		struct paragpu_operation blob_operation = {0};
		struct paragpu_renderer *renderer;

		assert_int_equal(create(modes[i], 60000, &renderer), 0);
		harness_start(renderer);
		OPS->context_create(renderer, 1, SCRIPTED_CAPSET, "x", &operation);
		OPS->resource_create_blob(renderer, 1, 1, &blob, NULL, 0, &blob_operation);
		if (!harness_wait_lost())
			fail_msg("the lie '%s' was believed", modes[i]);
		assert_true(operation.answers <= 1);
		assert_int_equal(blob_operation.answers, 0);
		pg_proxy_destroy(renderer);
		harness_finish();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capsets_are_the_workers),
		TEST(answers_come_back_to_their_operations),
		TEST(streams_of_any_size_arrive_whole),
		TEST(fences_signal_even_if_the_renderer_refuses_them),
		TEST(no_fence_of_a_destroyed_context_signals),
		TEST(guest_memory_is_the_same_in_the_worker),
		TEST(the_worker_has_no_descriptor_and_no_variable_of_ours),
		TEST(a_reset_forgets_all_and_answers_nothing),
		TEST(a_lost_context_is_lost_alone),
		TEST(a_crash_loses_the_renderer_and_the_next_context_works),
		TEST(a_killed_worker_under_load_is_replaced),
		TEST(a_stopped_worker_costs_no_wait_and_is_killed),
		TEST(a_hanging_call_is_noticed),
		TEST(an_operation_may_stay_open_for_long),
		TEST(what_was_queued_is_sent_when_a_stopped_worker_goes_on),
		TEST(a_renderer_that_gives_up_is_replaced),
		cmocka_unit_test(a_worker_that_cannot_start_is_an_error),
		cmocka_unit_test(no_lie_of_a_worker_reaches_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

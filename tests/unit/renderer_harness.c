/* SPDX-License-Identifier: MIT */
/* See renderer_harness.h. */
#include "renderer_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/loop.h"

/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): one a program */
struct harness harness;

/* --- the functions that renderers call --- */

void paragpu_operation_done(struct paragpu_operation *operation, int error)
{
	operation->answers++;
	operation->error = error;
}

void paragpu_operation_blob_created(struct paragpu_operation *operation,
				    const struct paragpu_export *memory)
{
	operation->answers++;
	operation->has_memory = true;
	operation->memory = *memory;
}

void paragpu_operation_presented(struct paragpu_operation *operation,
				 const struct paragpu_image *image)
{
	operation->answers++;
	operation->has_image = true;
	operation->image = *image;
}

void paragpu_renderer_signal(struct paragpu_renderer *renderer, uint64_t cookie)
{
	assert_ptr_equal(renderer, harness.renderer);
	assert_true(harness.signal_count < HARNESS_MAX_SIGNALS);
	harness.signals[harness.signal_count++] = cookie;
}

void paragpu_renderer_context_lost(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   const char *reason)
{
	assert_ptr_equal(renderer, harness.renderer);
	assert_non_null(reason);
	harness.lost_contexts++;
	harness.last_lost_context = ctx_id;
}

void paragpu_renderer_lost(struct paragpu_renderer *renderer, const char *reason)
{
	assert_ptr_equal(renderer, harness.renderer);
	assert_non_null(reason);
	harness.lost++;
}

/* --- the functions that tests call --- */

void harness_start(struct paragpu_renderer *renderer)
{
	struct paragpu_memory *memory;
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	memset(&harness, 0, sizeof(harness));
	harness.renderer = renderer;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, HARNESS_RAM_SIZE), 0);
	harness.ram_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(paragpu_memory_create(&memory), 0);
	assert_int_equal(paragpu_memory_add_fd(memory, HARNESS_RAM_ADDR, HARNESS_RAM_SIZE, &fd, 0),
			 0);
	harness.ram =
		mmap(NULL, HARNESS_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, harness.ram_fd, 0);
	assert_ptr_not_equal(harness.ram, MAP_FAILED);
	renderer->ops->set_memory(renderer, memory);
	paragpu_memory_unref(&memory);
}

void harness_finish(void)
{
	if (harness.ram)
		munmap(harness.ram, HARNESS_RAM_SIZE);
	pg_close(&harness.ram_fd);
	memset(&harness, 0, sizeof(harness));
}

bool harness_dispatch(int timeout_ms)
{
	struct paragpu_renderer *renderer = harness.renderer;
	struct pollfd poll_fd = {.fd = renderer->ops->poll_fd(renderer), .events = POLLIN};

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return false;
	renderer->ops->dispatch(renderer);
	return true;
}

/* Dispatches until `value` is no longer what it was, or time is up. */
#define WAIT_FOR(condition)                                                       \
	do {                                                                      \
		uint64_t end = pg_now_ns() + HARNESS_WAIT_MS * (uint64_t)1000000; \
		while (!(condition) && pg_now_ns() < end)                         \
			harness_dispatch(100);                                    \
	} while (0)

int harness_wait(const struct paragpu_operation *operation)
{
	WAIT_FOR(operation->answers);
	return operation->answers == 1 ? operation->error : -ETIME;
}

size_t harness_count_signals(uint64_t cookie)
{
	size_t count = 0;

	for (size_t i = 0; i < harness.signal_count; i++)
		count += harness.signals[i] == cookie;
	return count;
}

bool harness_wait_signal(uint64_t cookie)
{
	WAIT_FOR(harness_count_signals(cookie));
	return harness_count_signals(cookie) == 1;
}

bool harness_wait_context_lost(uint32_t ctx_id)
{
	WAIT_FOR(harness.lost_contexts && harness.last_lost_context == ctx_id);
	return harness.lost_contexts && harness.last_lost_context == ctx_id;
}

bool harness_wait_lost(void)
{
	WAIT_FOR(harness.lost);
	return harness.lost == 1;
}

int harness_context(uint32_t ctx_id, uint32_t capset_id)
{
	struct paragpu_operation operation = {0};

	harness.renderer->ops->context_create(harness.renderer, ctx_id, capset_id, "test",
					      &operation);
	return harness_wait(&operation);
}

int harness_submit(uint32_t ctx_id, const void *stream, size_t size)
{
	struct paragpu_operation operation = {0};
	struct iovec piece = {.iov_base = (void *)(uintptr_t)stream, .iov_len = size};

	harness.renderer->ops->submit(harness.renderer, ctx_id, &piece, 1, size, &operation);
	return harness_wait(&operation);
}

int harness_unref(uint32_t resource_id)
{
	struct paragpu_operation operation = {0};

	harness.renderer->ops->resource_unref(harness.renderer, resource_id, &operation);
	return harness_wait(&operation);
}

/* SPDX-License-Identifier: MIT */
/*
 * The device's side of renderer.h, as small as tests want it: answers land in
 * the operation, signals and losses in the harness. One renderer at a time.
 */
#ifndef TESTS_RENDERER_HARNESS_H
#define TESTS_RENDERER_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/renderer.h>

#define HARNESS_RAM_ADDR 0x100000u
#define HARNESS_RAM_SIZE (16u << 20)
#define HARNESS_MAX_SIGNALS 65536
#define HARNESS_WAIT_MS 20000

struct paragpu_operation {
	int answers;
	int error;
	bool has_memory, has_image;
	struct paragpu_export memory;
	struct paragpu_image image;
};

struct harness {
	struct paragpu_renderer *renderer;
	uint8_t *ram;
	int ram_fd;
	size_t signal_count;
	uint64_t signals[HARNESS_MAX_SIGNALS];
	size_t lost_contexts;
	uint32_t last_lost_context;
	size_t lost;
};

/* NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): one a program */
extern struct harness harness;

/* Gives the renderer HARNESS_RAM_SIZE bytes of memory at HARNESS_RAM_ADDR. */
void harness_start(struct paragpu_renderer *renderer);
/* Forgets; closes what the tests left of the memory. The renderer is the caller's to destroy. */
void harness_finish(void);

/* Lets the renderer work until it has news, at most `timeout_ms`. Returns whether it had. */
bool harness_dispatch(int timeout_ms);
/* Waits for the answer and returns its error; -ETIME if none came. */
int harness_wait(const struct paragpu_operation *operation);
size_t harness_count_signals(uint64_t cookie);
bool harness_wait_signal(uint64_t cookie);
bool harness_wait_context_lost(uint32_t ctx_id);
bool harness_wait_lost(void);

/* Calls with an operation, waited for. */
int harness_context(uint32_t ctx_id, uint32_t capset_id);
int harness_submit(uint32_t ctx_id, const void *stream, size_t size);
int harness_unref(uint32_t resource_id);

#endif

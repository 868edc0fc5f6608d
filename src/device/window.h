/* SPDX-License-Identifier: MIT */
/*
 * The host-visible window (shared memory region 1): which part shows which
 * blob. Mappings lie inside, on pages, and never overlap; one that is being
 * taken out keeps its place until the host says that it is gone.
 */
#ifndef PG_DEVICE_WINDOW_H
#define PG_DEVICE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct paragpu_device;
struct paragpu_window_operation;
struct pg_work;

struct pg_window {
	uint64_t size;                              /* 0: none */
	struct paragpu_window_operation **mappings; /* by offset */
	size_t count, capacity;
	uint64_t bytes; /* in all of them */
};

/* Takes a blob out of the window; the work's stage waits until it is gone. */
void pg_window_unmap(struct paragpu_window_operation *mapping, struct pg_work *work);

/* What resources of lost renderers show becomes zeroes: accesses of the guest must not fault. */
void pg_window_replace_lost(struct paragpu_device *device);

/* Takes everything out; the works and resources that it belongs to are about to go. */
void pg_window_reset(struct paragpu_device *device);

/* Leaves operations that are open to themselves and frees the rest. */
void pg_window_finish(struct paragpu_device *device);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The guest's physical memory as a device sees it: a table of regions.
 *
 * A table is built once and then shared: after it has been handed to a device
 * or referenced a second time it is never changed, only replaced by another
 * table. Whoever translated an address keeps a reference to the table and the
 * pointers stay valid until that reference is dropped, even if the VMM removed
 * the region meanwhile. Regions are shared between tables, not mapped twice.
 *
 * Threads: reference counts are atomic; everything else belongs to one thread
 * at a time.
 */
#ifndef PARAGPU_MEMORY_H
#define PARAGPU_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct paragpu_memory;

/* One region, for inspection. `fd` stays the table's; -1 if it came as a pointer. */
struct paragpu_memory_region {
	uint64_t guest_addr;
	uint64_t size;
	void *pointer;
	int fd;
	uint64_t fd_offset;
	uint64_t reserved[4];
};

/* Makes an empty table with one reference, the caller's. Returns 0 or -ENOMEM. */
int paragpu_memory_create(struct paragpu_memory **out);

/*
 * Makes a table with the same regions, to be changed and then swapped in for
 * `memory`. Returns 0 or -ENOMEM.
 */
int paragpu_memory_copy(const struct paragpu_memory *memory, struct paragpu_memory **out);

/* Takes one more reference. Returns `memory`. */
struct paragpu_memory *paragpu_memory_ref(struct paragpu_memory *memory);

/* Drops *memory's reference and sets it to NULL; the last one unmaps what is mapped. Accepts NULL. */
void paragpu_memory_unref(struct paragpu_memory **memory);

/*
 * Adds `size` bytes at guest physical address `guest_addr`, which are the bytes
 * of *fd from `fd_offset` on, and maps them. On success the table owns the
 * descriptor and *fd is -1; on failure nothing changed.
 *
 * Returns 0; -EINVAL for an empty range, one that wraps, or one that the file
 * is too short for (reading it would end the process by SIGBUS); -EEXIST where
 * it overlaps another region; -ENOSPC over 1024 regions; -EBUSY for a shared
 * table; or the error of mmap().
 */
int paragpu_memory_add_fd(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size,
			  int *fd, uint64_t fd_offset);

/*
 * The same for memory which the embedder has mapped itself and keeps mapped,
 * readable and writable, until the last table that has it is gone.
 */
int paragpu_memory_add_pointer(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size,
			       void *pointer);

/* Takes the region at exactly this address and size out. Returns 0, -ENOENT, or -EBUSY. */
int paragpu_memory_remove(struct paragpu_memory *memory, uint64_t guest_addr, uint64_t size);

/*
 * Where guest physical address `guest_addr` lies in this process. Returns NULL
 * if no region has it; else sets *available to the number of bytes (at least 1,
 * at most `wanted`) that follow contiguously within the region.
 */
void *paragpu_memory_translate(const struct paragpu_memory *memory, uint64_t guest_addr,
			       uint64_t wanted, uint64_t *available);

/* The number of regions, and the one at `index`, in order of address. Returns false beyond the end. */
size_t paragpu_memory_region_count(const struct paragpu_memory *memory);
bool paragpu_memory_get_region(const struct paragpu_memory *memory, size_t index,
			       struct paragpu_memory_region *region);

#ifdef __cplusplus
}
#endif

#endif

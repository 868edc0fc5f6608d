/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in a guest memory table that the public interface does not have:
 * with a memory of the last hit, and across holes. Addresses come from the
 * guest, the table from the VMM, which is trusted to keep its files long enough.
 */
#ifndef PG_MEMORY_TABLE_H
#define PG_MEMORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/memory.h>

/*
 * Where `addr` lies in this process, or NULL in a hole. Sets *length to the
 * number of bytes, at most `wanted` (which is not 0), that are like it: that
 * follow contiguously, or that are in the hole. `memory` may be NULL, all hole.
 *
 * *hint is the caller's, any value at first; consecutive addresses find their
 * region through it without a search.
 */
uint8_t *pg_memory_lookup(const struct paragpu_memory *memory, uint64_t addr, uint64_t wanted,
			  uint64_t *length, size_t *hint);

/* Whether every byte of [addr, addr + length) is in some region. False if the range wraps. */
bool pg_memory_contains(const struct paragpu_memory *memory, uint64_t addr, uint64_t length,
			size_t *hint);

/*
 * The file behind the `length` bytes at `addr`, if all lie in one region that
 * has one: *fd stays the table's.
 */
bool pg_memory_find_fd(const struct paragpu_memory *memory, uint64_t addr, uint64_t length, int *fd,
		       uint64_t *fd_offset);

#endif

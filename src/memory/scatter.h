/* SPDX-License-Identifier: MIT */
/*
 * Scattered guest memory: a list of guest physical ranges whose concatenation
 * is one store of bytes. It keeps addresses, never pointers: each access
 * translates against the memory table of that moment, so that a region which
 * the VMM took away reads as zeroes and swallows writes.
 *
 * Whoever builds the list checks the addresses; here nothing depends on it.
 */
#ifndef PG_MEMORY_SCATTER_H
#define PG_MEMORY_SCATTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory/table.h"

/* 16 bytes an entry; `end` is the offset in the store behind its last byte: an index for free. */
struct pg_scatter_range {
	uint64_t addr;
	uint64_t end;
};

struct pg_scatter {
	struct pg_scatter_range *ranges;
	uint32_t count;
	uint32_t capacity;
};

void pg_scatter_init(struct pg_scatter *scatter);
void pg_scatter_finish(struct pg_scatter *scatter);

/* Makes room for `capacity` ranges. Returns 0 or -ENOMEM. */
int pg_scatter_reserve(struct pg_scatter *scatter, uint32_t capacity);

/*
 * Appends a range; one that continues the last one is merged with it, an empty
 * one is dropped. Returns 0, -ENOMEM without reserved room, or -EOVERFLOW.
 */
int pg_scatter_append(struct pg_scatter *scatter, uint64_t addr, uint64_t length);

/* Gives reserved room back that is not used. */
void pg_scatter_trim(struct pg_scatter *scatter);

static inline uint64_t pg_scatter_size(const struct pg_scatter *scatter)
{
	return scatter->count ? scatter->ranges[scatter->count - 1].end : 0;
}

/* A place in the store. Cheap to advance; valid as long as list and table are. */
struct pg_scatter_cursor {
	const struct pg_scatter *scatter;
	const struct paragpu_memory *memory; /* NULL: nothing is backed */
	uint64_t offset;
	uint32_t index; /* of the range that has `offset`, or the count at the end */
	size_t hint;
};

void pg_scatter_cursor_init(struct pg_scatter_cursor *cursor, const struct pg_scatter *scatter,
			    const struct paragpu_memory *memory, uint64_t offset);

/* Moves to any offset: at once within the range and to the next one, else O(log ranges). */
void pg_scatter_seek(struct pg_scatter_cursor *cursor, uint64_t offset);

/*
 * Steps over the next piece of at most `wanted` bytes. Returns its length, 0 at
 * the end; *pointer is where it lies, NULL if it is not backed.
 */
uint64_t pg_scatter_next(struct pg_scatter_cursor *cursor, uint64_t wanted, uint8_t **pointer);

/* Copies from and to the cursor, which advances. Return how many bytes there were before the end. */
size_t pg_scatter_read(struct pg_scatter_cursor *cursor, void *destination, size_t size);
size_t pg_scatter_write(struct pg_scatter_cursor *cursor, const void *source, size_t size);

/*
 * The bytes [offset, offset + length) if they are backed and in one piece here,
 * else NULL. If they lie in one file besides, *fd and *fd_offset say where,
 * else *fd is -1.
 */
uint8_t *pg_scatter_flat(const struct pg_scatter *scatter, const struct paragpu_memory *memory,
			 uint64_t offset, uint64_t length, int *fd, uint64_t *fd_offset);

/*
 * Points `vector` at [offset, offset + length). Returns the number of pieces, of
 * which the first `capacity` are stored, or 0 if not all of it is backed.
 */
size_t pg_scatter_pieces(const struct pg_scatter *scatter, const struct paragpu_memory *memory,
			 uint64_t offset, uint64_t length, struct iovec *vector, size_t capacity);

#endif

/* SPDX-License-Identifier: MIT */
/* Scattered guest memory; see scatter.h. */
#include "memory/scatter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void pg_scatter_init(struct pg_scatter *scatter)
{
	*scatter = (struct pg_scatter){0};
}

void pg_scatter_finish(struct pg_scatter *scatter)
{
	free(scatter->ranges);
	pg_scatter_init(scatter);
}

int pg_scatter_reserve(struct pg_scatter *scatter, uint32_t capacity)
{
	struct pg_scatter_range *ranges;

	if (capacity <= scatter->capacity)
		return 0;
	ranges = reallocarray(scatter->ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	scatter->ranges = ranges;
	scatter->capacity = capacity;
	return 0;
}

static uint64_t range_start(const struct pg_scatter *scatter, uint32_t index)
{
	return index ? scatter->ranges[index - 1].end : 0;
}

int pg_scatter_append(struct pg_scatter *scatter, uint64_t addr, uint64_t length)
{
	uint64_t size = pg_scatter_size(scatter);
	uint64_t end;

	if (!length)
		return 0;
	if (!pg_add_u64(size, length, &end))
		return -EOVERFLOW;
	if (scatter->count) {
		struct pg_scatter_range *last = &scatter->ranges[scatter->count - 1];

		if (last->addr + (size - range_start(scatter, scatter->count - 1)) == addr) {
			last->end = end;
			return 0;
		}
	}
	if (scatter->count == scatter->capacity)
		return -ENOMEM;
	scatter->ranges[scatter->count++] = (struct pg_scatter_range){addr, end};
	return 0;
}

void pg_scatter_trim(struct pg_scatter *scatter)
{
	struct pg_scatter_range *ranges;

	if (scatter->count == scatter->capacity)
		return;
	if (!scatter->count) {
		pg_scatter_finish(scatter);
		return;
	}
	ranges = reallocarray(scatter->ranges, scatter->count, sizeof(*ranges));
	if (!ranges)
		return; /* the larger one serves as well */
	scatter->ranges = ranges;
	scatter->capacity = scatter->count;
}

void pg_scatter_cursor_init(struct pg_scatter_cursor *cursor, const struct pg_scatter *scatter,
			    const struct paragpu_memory *memory, uint64_t offset)
{
	*cursor = (struct pg_scatter_cursor){.scatter = scatter, .memory = memory};
	pg_scatter_seek(cursor, offset);
}

void pg_scatter_seek(struct pg_scatter_cursor *cursor, uint64_t offset)
{
	const struct pg_scatter *scatter = cursor->scatter;
	uint32_t low, high;

	cursor->offset = offset;
	for (uint32_t i = cursor->index; i < scatter->count && i < cursor->index + 2; i++) {
		if (offset >= range_start(scatter, i) && offset < scatter->ranges[i].end) {
			cursor->index = i;
			return;
		}
	}
	low = 0;
	high = scatter->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (scatter->ranges[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	cursor->index = low;
}

uint64_t pg_scatter_next(struct pg_scatter_cursor *cursor, uint64_t wanted, uint8_t **pointer)
{
	const struct pg_scatter *scatter = cursor->scatter;
	uint64_t start, rest, length;

	if (cursor->index >= scatter->count || !wanted)
		return 0;
	start = range_start(scatter, cursor->index);
	rest = scatter->ranges[cursor->index].end - cursor->offset;
	*pointer = pg_memory_lookup(cursor->memory,
				    scatter->ranges[cursor->index].addr + (cursor->offset - start),
				    wanted < rest ? wanted : rest, &length, &cursor->hint);
	cursor->offset += length;
	if (length == rest)
		cursor->index++;
	return length;
}

size_t pg_scatter_read(struct pg_scatter_cursor *cursor, void *destination, size_t size)
{
	uint8_t *pointer;
	uint64_t length;
	size_t done = 0;

	while ((length = pg_scatter_next(cursor, size - done, &pointer)) > 0) {
		if (pointer)
			memcpy((uint8_t *)destination + done, pointer, (size_t)length);
		else
			memset((uint8_t *)destination + done, 0, (size_t)length);
		done += (size_t)length;
	}
	return done;
}

size_t pg_scatter_write(struct pg_scatter_cursor *cursor, const void *source, size_t size)
{
	uint8_t *pointer;
	uint64_t length;
	size_t done = 0;

	while ((length = pg_scatter_next(cursor, size - done, &pointer)) > 0) {
		if (pointer)
			memcpy(pointer, (const uint8_t *)source + done, (size_t)length);
		done += (size_t)length;
	}
	return done;
}

uint8_t *pg_scatter_flat(const struct pg_scatter *scatter, const struct paragpu_memory *memory,
			 uint64_t offset, uint64_t length, int *fd, uint64_t *fd_offset)
{
	struct pg_scatter_cursor cursor;
	uint64_t addr = 0, done = 0, piece;
	uint8_t *first = NULL, *pointer;

	*fd = -1;
	pg_scatter_cursor_init(&cursor, scatter, memory, offset);
	if (cursor.index < scatter->count)
		addr = scatter->ranges[cursor.index].addr +
		       (offset - range_start(scatter, cursor.index));
	while ((piece = pg_scatter_next(&cursor, length - done, &pointer)) > 0) {
		if (!pointer || (first && pointer != first + done))
			return NULL;
		if (!first)
			first = pointer;
		done += piece;
	}
	if (done != length)
		return NULL;
	/* Neighbours in this process are one file only if the first region reaches to the end. */
	if (!pg_memory_find_fd(memory, addr, length, fd, fd_offset))
		*fd = -1;
	return first;
}

size_t pg_scatter_pieces(const struct pg_scatter *scatter, const struct paragpu_memory *memory,
			 uint64_t offset, uint64_t length, struct iovec *vector, size_t capacity)
{
	struct pg_scatter_cursor cursor;
	size_t count = 0;
	uint64_t piece;
	uint8_t *pointer;

	pg_scatter_cursor_init(&cursor, scatter, memory, offset);
	for (; (piece = pg_scatter_next(&cursor, length, &pointer)) > 0; length -= piece) {
		if (!pointer)
			return 0;
		if (count < capacity)
			vector[count] = (struct iovec){pointer, (size_t)piece};
		count++;
	}
	return length ? 0 : count;
}

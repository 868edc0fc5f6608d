/* SPDX-License-Identifier: MIT */
/*
 * The command stream of the context type `memory`; its format is in memory.h.
 * The stream is a private copy, but the resources' bytes are the guest's too and
 * change at any time: nothing depends on what they were a moment ago.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "protocol/le.h"
#include "renderer/memory/internal.h"

#define CHUNK 4096

/* Reads words; once something was missing it yields zeroes and `failed` stays set. */
struct decoder {
	const uint8_t *bytes;
	size_t left;
	bool failed;
};

static uint32_t word(struct decoder *decoder)
{
	le32 value;

	if (decoder->left < sizeof(value)) {
		decoder->failed = true;
		decoder->left = 0;
		return 0;
	}
	memcpy(&value, decoder->bytes, sizeof(value));
	decoder->bytes += sizeof(value);
	decoder->left -= sizeof(value);
	return pg_from_le32(value);
}

static uint64_t double_word(struct decoder *decoder)
{
	uint64_t low = word(decoder);

	return low | (uint64_t)word(decoder) << 32;
}

struct execution {
	struct pg_memory_renderer *renderer;
	struct pg_memory_context *context;
	struct decoder decoder;
	uint64_t budget; /* bytes that may still be touched */
};

/* A range of an attached resource. */
struct range {
	struct pg_memory_resource *resource;
	uint64_t offset;
};

static struct range read_range(struct execution *execution)
{
	struct range range;

	range.resource = pg_memory_find_attached(execution->renderer, execution->context,
						 word(&execution->decoder));
	range.offset = double_word(&execution->decoder);
	return range;
}

/* A guest blob may name the same page a million times: what one stream does is bounded besides. */
static bool range_valid(struct execution *execution, const struct range *range, uint64_t length)
{
	if (!range->resource || length > execution->budget ||
	    !pg_range_inside(range->offset, length, range->resource->size))
		return false;
	execution->budget -= length;
	return true;
}

static struct pg_cursor cursor_at(const struct execution *execution, const struct range *range)
{
	return (struct pg_cursor){
		.renderer = execution->renderer,
		.resource = range->resource,
		.offset = range->offset,
	};
}

static int fill(struct execution *execution)
{
	struct range range = read_range(execution);
	uint64_t length = double_word(&execution->decoder), piece;
	uint8_t value = (uint8_t)word(&execution->decoder), *bytes;
	struct pg_cursor cursor = cursor_at(execution, &range);

	if (execution->decoder.failed || !range_valid(execution, &range, length))
		return -EINVAL;
	while (length && (piece = pg_cursor_next(&cursor, length, &bytes))) {
		if (bytes)
			memset(bytes, value, (size_t)piece);
		length -= piece;
	}
	return 0;
}

static int copy(struct execution *execution)
{
	struct range to = read_range(execution), from = read_range(execution);
	uint64_t length = double_word(&execution->decoder);
	uint8_t chunk[CHUNK];
	bool backwards;

	if (execution->decoder.failed || !range_valid(execution, &to, length) ||
	    !range_valid(execution, &from, length))
		return -EINVAL;
	backwards = to.resource == from.resource && to.offset > from.offset;
	for (uint64_t done = 0, size; done < length; done += size) {
		struct range at_to = to, at_from = from;
		struct pg_cursor source, destination;
		uint64_t at;

		size = length - done < CHUNK ? length - done : CHUNK;
		at = backwards ? length - done - size : done;
		at_to.offset += at;
		at_from.offset += at;
		source = cursor_at(execution, &at_from);
		destination = cursor_at(execution, &at_to);
		pg_cursor_read(&source, chunk, (size_t)size);
		pg_cursor_write(&destination, chunk, (size_t)size);
	}
	return 0;
}

static int sum(struct execution *execution)
{
	struct range range = read_range(execution);
	uint64_t length = double_word(&execution->decoder);
	struct range to = read_range(execution);
	struct pg_cursor source = cursor_at(execution, &range);
	struct pg_cursor destination = cursor_at(execution, &to);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint8_t chunk[CHUNK];
	le64 result;

	if (execution->decoder.failed || !range_valid(execution, &range, length) ||
	    !range_valid(execution, &to, sizeof(result)))
		return -EINVAL;
	while (length) {
		size_t size = length < CHUNK ? (size_t)length : CHUNK;

		pg_cursor_read(&source, chunk, size);
		for (size_t i = 0; i < size; i++)
			hash = (hash ^ chunk[i]) * UINT64_C(0x100000001b3);
		length -= size;
	}
	result = pg_to_le64(hash);
	pg_cursor_write(&destination, &result, sizeof(result));
	return 0;
}

static int add(struct execution *execution)
{
	struct range range = read_range(execution);
	uint64_t count = word(&execution->decoder);
	uint32_t value = word(&execution->decoder);

	if (execution->decoder.failed || !range_valid(execution, &range, count * sizeof(le32)))
		return -EINVAL;
	while (count) {
		uint64_t part = count < CHUNK / sizeof(le32) ? count : CHUNK / sizeof(le32);
		struct pg_cursor source = cursor_at(execution, &range);
		struct pg_cursor destination = source;
		le32 words[CHUNK / sizeof(le32)];

		pg_cursor_read(&source, words, (size_t)part * sizeof(le32));
		for (uint64_t i = 0; i < part; i++)
			words[i] = pg_to_le32(pg_from_le32(words[i]) + value);
		pg_cursor_write(&destination, words, (size_t)part * sizeof(le32));
		range.offset += part * sizeof(le32);
		count -= part;
	}
	return 0;
}

static int allocate(struct execution *execution)
{
	uint64_t blob_id = double_word(&execution->decoder);
	uint64_t size = double_word(&execution->decoder);
	struct pg_memory_allocation *allocation;
	int error;

	if (execution->decoder.failed || !blob_id)
		return -EINVAL;
	pg_list_for_each(link, &execution->context->allocations)
		if (pg_container_of(link, struct pg_memory_allocation, link)->blob_id == blob_id)
			return -EINVAL;
	allocation = malloc(sizeof(*allocation));
	if (!allocation)
		return -ENOMEM;
	error = pg_store_create(execution->renderer, size, &allocation->store);
	if (error) {
		free(allocation);
		return error;
	}
	allocation->blob_id = blob_id;
	pg_list_append(&execution->context->allocations, &allocation->link);
	return 0;
}

/* Signalling lets the guest go on, which may destroy the context: that comes after the stream. */
static int hold_or_release(struct execution *execution, bool hold)
{
	struct pg_memory_context *context = execution->context;
	uint32_t ring = word(&execution->decoder);

	if (execution->decoder.failed || ring >= PARAGPU_MAX_RINGS)
		return -EINVAL;
	if (hold) {
		context->held |= UINT64_C(1) << ring;
		return 0;
	}
	context->held &= ~(UINT64_C(1) << ring);
	pg_list_for_each_safe(link, &context->fences) {
		struct pg_memory_fence *fence = pg_container_of(link, struct pg_memory_fence, link);

		if (fence->ring != ring)
			continue;
		pg_list_remove(link);
		pg_list_append(&execution->renderer->done, link);
	}
	return 0;
}

static int execute_one(struct execution *execution)
{
	switch (word(&execution->decoder)) {
	case PG_MEMORY_NOP:
		return 0;
	case PG_MEMORY_FILL:
		return fill(execution);
	case PG_MEMORY_COPY:
		return copy(execution);
	case PG_MEMORY_SUM:
		return sum(execution);
	case PG_MEMORY_ADD:
		return add(execution);
	case PG_MEMORY_ALLOCATE:
		return allocate(execution);
	case PG_MEMORY_HOLD:
		return hold_or_release(execution, true);
	case PG_MEMORY_RELEASE:
		return hold_or_release(execution, false);
	default:
		return -EINVAL;
	}
}

int pg_memory_execute(struct pg_memory_renderer *renderer, struct pg_memory_context *context,
		      const uint8_t *stream, size_t size)
{
	struct execution execution = {
		.renderer = renderer,
		.context = context,
		.decoder = {.bytes = stream, .left = size},
		.budget = PG_MEMORY_STREAM_BYTES,
	};
	int error = size % sizeof(le32) ? -EINVAL : 0;

	while (!error && execution.decoder.left)
		error = execute_one(&execution);
	return error;
}

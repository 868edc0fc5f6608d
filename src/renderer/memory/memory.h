/* SPDX-License-Identifier: MIT */
/*
 * The context type `memory`: commands that fill, copy, add and sum bytes, by
 * the processor, over resources of every kind. It needs no library and no GPU:
 * it is the worked example of a renderer, and what the device's tests and
 * fuzzers drive. Not offered unless asked for.
 *
 * The stream is a row of little-endian 32-bit words. A command is one word with
 * its code, followed by its arguments; 64-bit ones are two words, the lower
 * first. Commands are executed in order; the first bad one ends the stream
 * with ERR_INVALID_PARAMETER, and what was before it stays done.
 *
 * `resource` is the id of a resource attached to the context. Ranges are in
 * bytes and must lie inside it. What an image's or a HOST3D blob's bytes are is
 * the host's memory; of others it is the guest's pages, used in place. One stream may touch
 * PG_MEMORY_STREAM_BYTES.
 */
#ifndef PG_RENDERER_MEMORY_H
#define PG_RENDERER_MEMORY_H

#include <stdint.h>

#include <paragpu/renderer.h>

#include "protocol/le.h"

#define PG_MEMORY_STREAM_BYTES (UINT64_C(1) << 30)

enum pg_memory_command {
	/* no arguments */
	PG_MEMORY_NOP = 0,
	/* resource, offset:64, length:64, value; each byte becomes the lowest byte of value */
	PG_MEMORY_FILL = 1,
	/* to, to_offset:64, from, from_offset:64, length:64; may overlap */
	PG_MEMORY_COPY = 2,
	/* resource, offset:64, length:64, to, to_offset:64; stores 64-bit FNV-1a of the range */
	PG_MEMORY_SUM = 3,
	/* resource, offset:64, count, value; adds value to `count` 32-bit little-endian words */
	PG_MEMORY_ADD = 4,
	/* blob_id:64 (not 0), size:64; makes memory of the host that one CREATE_BLOB takes */
	PG_MEMORY_ALLOCATE = 5,
	/* ring; fences on this ring of the context wait from now on */
	PG_MEMORY_HOLD = 6,
	/* ring; those that wait are done, in order, and no more wait */
	PG_MEMORY_RELEASE = 7,
	PG_MEMORY_COMMANDS = 8
};

/* What GET_CAPSET returns. */
struct pg_memory_capset {
	le32 version;  /* 1 */
	le32 commands; /* codes below this exist */
	le64 host_bytes;
};

/* An id that no standard capset has, below what Linux can bear. */
#define PG_MEMORY_CAPSET_ID 30

struct pg_memory_settings {
	uint32_t capset_id;
	uint64_t host_bytes; /* of all contexts; over it is ERR_OUT_OF_MEMORY */
};

static inline struct pg_memory_settings pg_memory_defaults(void)
{
	return (struct pg_memory_settings){PG_MEMORY_CAPSET_ID, UINT64_C(256) << 20};
}

/* Makes one, to be attached to a device. Returns 0 or -ENOMEM. */
int pg_memory_renderer_create(const struct pg_memory_settings *settings,
			      struct paragpu_renderer **out);

/* Frees it, after it was removed from its device, and sets *base to NULL. Accepts NULL. */
void pg_memory_renderer_destroy(struct paragpu_renderer **base);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the files of the context type `memory` share. The device has checked
 * ids; everything inside streams is the guest's and checked here.
 */
#ifndef PG_RENDERER_MEMORY_INTERNAL_H
#define PG_RENDERER_MEMORY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/memory.h>

#include "base/list.h"
#include "renderer/memory/memory.h"

#define PG_STORE_BUCKETS 64

/* Bytes of the host in a sealed memfd. */
struct pg_store {
	uint8_t *bytes;
	int fd;
	uint64_t size;
	uint64_t charged; /* 0: somebody else's memory, imported */
};

struct pg_memory_resource {
	struct pg_list link;
	uint32_t id;
	uint64_t size;
	struct pg_store store; /* fd -1: none */
	struct paragpu_span *spans;
	size_t span_count;
	uint32_t width, height, format; /* an image, else 0 */
};

/* Memory that waits for its CREATE_BLOB. */
struct pg_memory_allocation {
	struct pg_list link;
	uint64_t blob_id;
	struct pg_store store;
};

struct pg_memory_fence {
	struct pg_list link;
	uint8_t ring;
	uint64_t cookie;
};

struct pg_memory_attachment {
	struct pg_list link;
	uint32_t resource_id;
};

struct pg_memory_context {
	struct pg_list link;
	uint32_t id;
	struct pg_list attachments;
	struct pg_list allocations;
	struct pg_list fences; /* that wait, oldest first */
	uint64_t held;         /* bit per ring */
};

struct pg_memory_renderer {
	struct paragpu_renderer base;
	struct pg_memory_settings settings;
	struct paragpu_memory *memory;
	uint64_t host_bytes;
	struct pg_list contexts;
	struct pg_list done; /* struct pg_memory_fence to be signalled when the call is over */
	struct pg_list resources[PG_STORE_BUCKETS];
};

/* Makes `size` bytes of zeroes. Returns 0 or -ENOMEM. */
int pg_store_create(struct pg_memory_renderer *renderer, uint64_t size, struct pg_store *store);

/* Maps memory of others. Returns 0 or a negative errno. */
int pg_store_import(const struct paragpu_export *memory, struct pg_store *store);

void pg_store_finish(struct pg_memory_renderer *renderer, struct pg_store *store);

/* Steps over the bytes of a resource piece by piece: its own or the guest's. */
struct pg_cursor {
	const struct pg_memory_renderer *renderer;
	const struct pg_memory_resource *resource;
	bool guest; /* the guest's pages even if there is memory of the host */
	uint64_t offset;
};

/* The next piece of at most `wanted` bytes; 0 at the end. *bytes is NULL where nothing is backed. */
uint64_t pg_cursor_next(struct pg_cursor *cursor, uint64_t wanted, uint8_t **bytes);

/* Copies `length` bytes; what is not backed reads as zeroes and swallows writes. */
void pg_cursor_read(struct pg_cursor *cursor, void *destination, size_t length);
void pg_cursor_write(struct pg_cursor *cursor, const void *source, size_t length);

struct pg_memory_resource *pg_memory_find(const struct pg_memory_renderer *renderer, uint32_t id);

/* The same if it is attached to the context. */
struct pg_memory_resource *pg_memory_find_attached(const struct pg_memory_renderer *renderer,
						   const struct pg_memory_context *context,
						   uint32_t id);

/* Executes a stream. Returns 0 or a negative errno. */
int pg_memory_execute(struct pg_memory_renderer *renderer, struct pg_memory_context *context,
		      const uint8_t *stream, size_t size);

#endif

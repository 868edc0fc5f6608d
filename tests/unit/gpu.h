/* SPDX-License-Identifier: MIT */
/*
 * A device in this process with a scripted renderer, the renderer `memory`, a
 * host that plays the window and a display that counts: for tests of contexts.
 * Everything goes through the public interface.
 */
#ifndef TESTS_GPU_H
#define TESTS_GPU_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <paragpu/device.h>

#include "protocol/commands.h"
#include "renderer/memory/memory.h"

#define RAM_BASE UINT64_C(0x40000000)
#define RAM_SIZE (UINT64_C(4) << 20)
#define WINDOW (UINT64_C(1) << 24)
#define PAGE UINT64_C(4096)

#define SCRIPTED_CAPSET VIRTIO_GPU_CAPSET_VIRGL2
#define SCRIPTED_VENUS VIRTIO_GPU_CAPSET_VENUS

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define PENDING 0 /* no response yet */

enum called {
	CONTEXT_CREATE,
	CONTEXT_DESTROY,
	CONTEXT_ATTACH,
	CONTEXT_DETACH,
	SUBMIT,
	CREATE_3D,
	CREATE_BLOB,
	IMPORT,
	ATTACH_BACKING,
	DETACH_BACKING,
	UNREF,
	TRANSFER,
	PRESENT,
	RESET,
	CALLS
};

/* A renderer that writes down what it is told and answers when and what the test says. */
struct scripted {
	struct paragpu_renderer base;
	unsigned int count[CALLS];
	bool hold[CALLS]; /* keep the operation */
	int error[CALLS];
	struct paragpu_operation *held[CALLS][64];
	unsigned int held_count[CALLS];
	bool hold_fences;
	int fence_error;
	uint64_t cookies[64];
	unsigned int fence_count;
	uint32_t fence_context;
	bool fence_has_ring;
	uint8_t fence_ring;
	/* of the last call that had it */
	uint32_t context_id, capset_id, resource_id;
	char name[65];
	uint8_t stream[64];
	size_t stream_size;
	struct paragpu_transfer transfer;
	bool to_host;
	size_t span_count;
	struct paragpu_span spans[4];
	bool import_has_memory, import_is_blob;
	struct paragpu_memory *memory;
	/* of blobs that it makes */
	uint64_t blob_file_size, blob_size; /* 0: what was asked for */
	uint64_t blob_offset;
	uint32_t map_info;
	bool unmappable, no_file;
	/* of images that it presents */
	uint32_t image_width, image_height, image_stride;
	uint8_t image_byte;
	bool same_memory; /* answer with fd -1 */
};

/* One request. `type` is 0 until it is completed. */
struct ask {
	struct paragpu_request request;
	struct iovec readable[3], writable;
	uint8_t bytes[128], tail[256];
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_map_info map;
		struct virtio_gpu_resp_capset_info capset_info;
		struct virtio_gpu_resp_resource_uuid uuid;
		uint8_t bytes[512];
	} response;
	size_t written;
	unsigned int completed;
	unsigned int place; /* in the order of completions, from 1 */
	uint32_t type;
};

struct host_operation {
	struct paragpu_window_operation *operation;
	uint64_t offset, length;
	bool map;
};

struct gpu {
	struct paragpu_settings settings;
	struct paragpu_device *device;
	struct paragpu_memory *memory;
	uint8_t *ram;
	struct scripted scripted;
	struct paragpu_renderer *bytes; /* the context type `memory` */

	/* the host's window */
	uint8_t *window; /* PROT_NONE where nothing is mapped */
	bool hold_window;
	int map_error, unmap_error;
	struct host_operation operations[64];
	unsigned int operation_count; /* that wait */
	unsigned int maps, unmaps;

	/* the display */
	struct paragpu_display display;
	unsigned int scanouts, offs, flushes;
	struct paragpu_picture picture;
	uint32_t first_pixel; /* of the last flush */
	unsigned int cursors;
	uint32_t cursor_pixel;

	unsigned int completions;
	struct ask asks[256];
	unsigned int ask_count;
	/* for the next command */
	uint64_t fence;
	int ring; /* -1: none */
	uint32_t context;
};

void gpu_init(struct gpu *gpu);
void gpu_start(struct gpu *gpu); /* with all features accepted */
void gpu_accept(struct gpu *gpu);
void gpu_stop(struct gpu *gpu);

/* cmocka fixtures */
int gpu_setup(void **state);
int gpu_teardown(void **state);

/* Submits a command; header fields come from gpu->fence, ring, context. */
struct ask *start(struct gpu *gpu, uint32_t type, void *command, size_t size, const void *tail,
		  size_t tail_size);

/* The commands: each starts one and returns it. */
struct ask *ctx_create_named(struct gpu *gpu, uint32_t id, uint32_t init, uint32_t nlen,
			     const char name[64]);
struct ask *ctx_create(struct gpu *gpu, uint32_t id, uint32_t init);
struct ask *ctx_destroy(struct gpu *gpu, uint32_t id);
struct ask *ctx_attach(struct gpu *gpu, uint32_t id, uint32_t resource);
struct ask *ctx_detach(struct gpu *gpu, uint32_t id, uint32_t resource);
struct ask *submit(struct gpu *gpu, uint32_t id, const void *stream, size_t size);
struct ask *create_2d(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height);
struct ask *create_3d(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height);
struct ask *create_blob(struct gpu *gpu, uint32_t context, uint32_t id, uint32_t mem,
			uint32_t flags, uint64_t blob_id, uint64_t size,
			const struct virtio_gpu_mem_entry *entries, uint32_t count);
struct ask *host_blob(struct gpu *gpu, uint32_t context, uint32_t id, uint64_t size);
struct ask *map_blob(struct gpu *gpu, uint32_t id, uint64_t offset);
struct ask *unmap_blob(struct gpu *gpu, uint32_t id);
struct ask *unref(struct gpu *gpu, uint32_t id);
struct ask *attach_backing(struct gpu *gpu, uint32_t id, uint64_t offset, uint32_t length);
struct ask *detach_backing(struct gpu *gpu, uint32_t id);
struct ask *transfer_3d(struct gpu *gpu, uint32_t context, bool to_host, uint32_t id,
			struct virtio_gpu_box where, uint64_t offset, uint32_t level);
struct ask *set_scanout(struct gpu *gpu, uint32_t head, uint32_t id, uint32_t width,
			uint32_t height);
struct ask *set_scanout_blob(struct gpu *gpu, uint32_t head, uint32_t id, uint32_t width,
			     uint32_t height);
struct ask *flush(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height);

static inline struct virtio_gpu_box box(uint32_t x, uint32_t y, uint32_t z, uint32_t w, uint32_t h,
					uint32_t d)
{
	return (struct virtio_gpu_box){pg_to_le32(x), pg_to_le32(y), pg_to_le32(z),
				       pg_to_le32(w), pg_to_le32(h), pg_to_le32(d)};
}

static inline struct virtio_gpu_mem_entry entry(uint64_t offset, uint32_t length)
{
	return (struct virtio_gpu_mem_entry){
		.addr = pg_to_le64(RAM_BASE + offset),
		.length = pg_to_le32(length),
	};
}

/* Answers the oldest operation of that kind that is held: 0 or a negative errno. */
void answer(struct scripted *scripted, enum called which, int error);

/* Signals the fence that was made as number `index`. */
void signal_fence(struct gpu *gpu, unsigned int index);

/* Answers the oldest operation of the window that is held. */
void answer_window(struct gpu *gpu, int error);

/* Whether nothing is mapped in the window. */
bool window_empty(const struct gpu *gpu);

struct paragpu_stats stats(struct gpu *gpu);

#endif

/* SPDX-License-Identifier: MIT */
/* A device with a scripted renderer; see gpu.h. */
#include "gpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- the scripted renderer ---------------------------------------------------------------- */

static struct scripted *of(struct paragpu_renderer *base)
{
	return (struct scripted *)(void *)base;
}

/* Answers with what success of the call brings. */
static void succeed(struct scripted *scripted, enum called called,
		    struct paragpu_operation *operation, uint64_t size)
{
	if (called == CREATE_BLOB) {
		struct paragpu_export memory = {
			.handle = PARAGPU_HANDLE_SHM,
			.fd = -1,
			.fd_offset = scripted->blob_offset,
			.size = scripted->blob_size ? scripted->blob_size : size,
			.map_info = scripted->map_info,
			.mappable = !scripted->unmappable,
		};

		if (scripted->no_file) {
			memory.handle = PARAGPU_HANDLE_NONE;
			memory.mappable = false;
		} else {
			memory.fd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
			assert_int_equal(
				ftruncate(memory.fd,
					  (off_t)(scripted->blob_file_size
							  ? scripted->blob_file_size
							  : memory.size + memory.fd_offset)),
				0);
			assert_int_equal(pwrite(memory.fd, "blob", 4, (off_t)memory.fd_offset), 4);
		}
		paragpu_operation_blob_created(operation, &memory);
	} else if (called == PRESENT) {
		struct paragpu_image image = {
			.width = scripted->image_width,
			.height = scripted->image_height,
			.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
			.stride = scripted->image_stride,
			.memory = {.handle = PARAGPU_HANDLE_SHM, .fd = -1, .mappable = true},
		};
		uint8_t bytes[4];

		memset(bytes, scripted->image_byte, sizeof(bytes));
		image.memory.size = (uint64_t)image.stride * image.height;
		if (!scripted->same_memory) {
			image.memory.fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
			assert_int_equal(ftruncate(image.memory.fd, (off_t)image.memory.size), 0);
			assert_int_equal(pwrite(image.memory.fd, bytes, 4, 0), 4);
		}
		paragpu_operation_presented(operation, &image);
	} else {
		paragpu_operation_done(operation, 0);
	}
}

static uint64_t last_blob_size;

static void called(struct scripted *scripted, enum called which,
		   struct paragpu_operation *operation)
{
	scripted->count[which]++;
	if (!operation)
		return;
	if (scripted->hold[which]) {
		assert_true(scripted->held_count[which] < 64);
		scripted->held[which][scripted->held_count[which]++] = operation;
	} else if (scripted->error[which]) {
		paragpu_operation_done(operation, scripted->error[which]);
	} else {
		succeed(scripted, which, operation, last_blob_size);
	}
}

void answer(struct scripted *scripted, enum called which, int error)
{
	struct paragpu_operation *operation = scripted->held[which][0];

	assert_true(scripted->held_count[which] > 0);
	scripted->held_count[which]--;
	memmove(&scripted->held[which][0], &scripted->held[which][1],
		scripted->held_count[which] * sizeof(operation));
	if (error)
		paragpu_operation_done(operation, error);
	else
		succeed(scripted, which, operation, last_blob_size);
}

static size_t get_capsets(struct paragpu_renderer *base,
			  struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS])
{
	(void)base;
	capsets[0] = (struct paragpu_capset){SCRIPTED_CAPSET, 2, 100};
	capsets[1] = (struct paragpu_capset){SCRIPTED_VENUS, 0, 160};
	return 2;
}

static int fill_capset(struct paragpu_renderer *base, uint32_t id, uint32_t version, void *data,
		       size_t size)
{
	(void)base;
	assert_true(size >= 2);
	((uint8_t *)data)[0] = (uint8_t)id;
	((uint8_t *)data)[1] = (uint8_t)(0xa0 + version);
	return 0;
}

static void set_memory(struct paragpu_renderer *base, struct paragpu_memory *memory)
{
	of(base)->memory = memory;
}

static void reset(struct paragpu_renderer *base)
{
	struct scripted *scripted = of(base);

	scripted->count[RESET]++;
	memset(scripted->held_count, 0, sizeof(scripted->held_count));
	scripted->fence_count = 0;
}

static void context_create(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t capset_id,
			   const char *name, struct paragpu_operation *operation)
{
	of(base)->context_id = ctx_id;
	of(base)->capset_id = capset_id;
	snprintf(of(base)->name, sizeof(of(base)->name), "%s", name);
	called(of(base), CONTEXT_CREATE, operation);
}

static void context_destroy(struct paragpu_renderer *base, uint32_t ctx_id)
{
	of(base)->context_id = ctx_id;
	called(of(base), CONTEXT_DESTROY, NULL);
}

static void context_attach(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id)
{
	of(base)->context_id = ctx_id;
	of(base)->resource_id = resource_id;
	called(of(base), CONTEXT_ATTACH, NULL);
}

static void context_detach(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id)
{
	of(base)->context_id = ctx_id;
	of(base)->resource_id = resource_id;
	called(of(base), CONTEXT_DETACH, NULL);
}

static void submit_stream(struct paragpu_renderer *base, uint32_t ctx_id,
			  const struct iovec *pieces, size_t count, size_t size,
			  struct paragpu_operation *operation)
{
	struct scripted *scripted = of(base);
	size_t done = 0;

	scripted->context_id = ctx_id;
	scripted->stream_size = size;
	for (size_t i = 0; i < count; i++) {
		assert_true(pieces[i].iov_len > 0);
		if (done + pieces[i].iov_len <= sizeof(scripted->stream))
			memcpy(scripted->stream + done, pieces[i].iov_base, pieces[i].iov_len);
		done += pieces[i].iov_len;
	}
	assert_int_equal(done, size);
	called(scripted, SUBMIT, operation);
}

static int fence(struct paragpu_renderer *base, uint32_t ctx_id, bool has_ring, uint8_t ring_idx,
		 uint64_t cookie)
{
	struct scripted *scripted = of(base);

	scripted->fence_context = ctx_id;
	scripted->fence_has_ring = has_ring;
	scripted->fence_ring = ring_idx;
	if (scripted->fence_error)
		return scripted->fence_error;
	if (scripted->hold_fences)
		scripted->cookies[scripted->fence_count++ % 64] = cookie;
	else
		paragpu_renderer_signal(base, cookie);
	return 0;
}

static void create_3d_image(struct paragpu_renderer *base, uint32_t resource_id,
			    const struct paragpu_resource_3d *args,
			    struct paragpu_operation *operation)
{
	of(base)->resource_id = resource_id;
	of(base)->image_width = args->width;
	of(base)->image_height = args->height;
	of(base)->image_stride = args->width * 4;
	called(of(base), CREATE_3D, operation);
}

static void keep_spans(struct scripted *scripted, const struct paragpu_span *spans, size_t count)
{
	scripted->span_count = count;
	for (size_t i = 0; i < count && i < 4; i++)
		scripted->spans[i] = spans[i];
}

static void create_host_blob(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id,
			     const struct paragpu_blob *args, const struct paragpu_span *spans,
			     size_t count, struct paragpu_operation *operation)
{
	of(base)->context_id = ctx_id;
	of(base)->resource_id = resource_id;
	keep_spans(of(base), spans, count);
	last_blob_size = args->size;
	called(of(base), CREATE_BLOB, operation);
}

static void import(struct paragpu_renderer *base, uint32_t resource_id,
		   const struct paragpu_import *what, struct paragpu_operation *operation)
{
	of(base)->resource_id = resource_id;
	of(base)->import_has_memory = what->memory && what->memory->fd >= 0;
	of(base)->import_is_blob = what->blob != NULL;
	keep_spans(of(base), what->spans, what->count);
	called(of(base), IMPORT, operation);
}

static void attach_pages(struct paragpu_renderer *base, uint32_t resource_id,
			 const struct paragpu_span *spans, size_t count,
			 struct paragpu_operation *operation)
{
	of(base)->resource_id = resource_id;
	keep_spans(of(base), spans, count);
	called(of(base), ATTACH_BACKING, operation);
}

static void detach_pages(struct paragpu_renderer *base, uint32_t resource_id,
			 struct paragpu_operation *operation)
{
	of(base)->resource_id = resource_id;
	called(of(base), DETACH_BACKING, operation);
}

static void unref_resource(struct paragpu_renderer *base, uint32_t resource_id,
			   struct paragpu_operation *operation)
{
	of(base)->resource_id = resource_id;
	called(of(base), UNREF, operation);
}

static void transfer(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id,
		     bool to_host, const struct paragpu_transfer *args,
		     struct paragpu_operation *operation)
{
	of(base)->context_id = ctx_id;
	of(base)->resource_id = resource_id;
	of(base)->to_host = to_host;
	of(base)->transfer = *args;
	called(of(base), TRANSFER, operation);
}

static void present(struct paragpu_renderer *base, uint32_t resource_id, struct paragpu_rect rect,
		    struct paragpu_operation *operation)
{
	(void)rect;
	of(base)->resource_id = resource_id;
	called(of(base), PRESENT, operation);
}

static const struct paragpu_renderer_ops scripted_ops = {
	.name = "scripted",
	.get_capsets = get_capsets,
	.fill_capset = fill_capset,
	.set_memory = set_memory,
	.reset = reset,
	.context_create = context_create,
	.context_destroy = context_destroy,
	.context_attach = context_attach,
	.context_detach = context_detach,
	.submit = submit_stream,
	.fence = fence,
	.resource_create_3d = create_3d_image,
	.resource_create_blob = create_host_blob,
	.resource_import = import,
	.resource_attach_backing = attach_pages,
	.resource_detach_backing = detach_pages,
	.resource_unref = unref_resource,
	.transfer = transfer,
	.present = present,
};

void signal_fence(struct gpu *gpu, unsigned int index)
{
	assert_true(index < gpu->scripted.fence_count);
	paragpu_renderer_signal(&gpu->scripted.base, gpu->scripted.cookies[index]);
}

/* --- the host ------------------------------------------------------------------------------ */

static void complete(void *data, struct paragpu_request *request, size_t written)
{
	struct gpu *gpu = data;
	struct ask *ask = (struct ask *)(void *)request;

	ask->completed++;
	ask->written = written;
	ask->place = ++gpu->completions;
	ask->type = pg_from_le32(ask->response.hdr.type);
}

static void window_operation(struct gpu *gpu, bool map, const struct paragpu_mapping *mapping,
			     struct paragpu_window_operation *operation)
{
	uint8_t *at = gpu->window + mapping->offset;
	int error = map ? gpu->map_error : gpu->unmap_error;
	void *result;

	assert_int_equal((mapping->offset | mapping->length) % PAGE, 0);
	assert_true(mapping->length > 0 && mapping->offset + mapping->length <= WINDOW);
	if (!error) {
		result = map ? mmap(at, mapping->length, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED, mapping->fd, (off_t)mapping->fd_offset)
			     : mmap(at, mapping->length, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		assert_ptr_equal(result, at);
	}
	if (map)
		gpu->maps++;
	else
		gpu->unmaps++;
	if (gpu->hold_window)
		gpu->operations[gpu->operation_count++] =
			(struct host_operation){operation, mapping->offset, mapping->length, map};
	else
		paragpu_window_done(operation, error);
}

static void map_window(void *data, const struct paragpu_mapping *mapping,
		       struct paragpu_window_operation *operation)
{
	window_operation(data, true, mapping, operation);
}

static void unmap_window(void *data, const struct paragpu_mapping *mapping,
			 struct paragpu_window_operation *operation)
{
	window_operation(data, false, mapping, operation);
}

void answer_window(struct gpu *gpu, int error)
{
	struct paragpu_window_operation *operation = gpu->operations[0].operation;

	assert_true(gpu->operation_count > 0);
	gpu->operation_count--;
	memmove(&gpu->operations[0], &gpu->operations[1],
		gpu->operation_count * sizeof(gpu->operations[0]));
	paragpu_window_done(operation, error);
}

bool window_empty(const struct gpu *gpu)
{
	struct paragpu_mapping_info info;

	return !paragpu_device_next_mapping(gpu->device, 0, &info);
}

/* --- the display --------------------------------------------------------------------------- */

static struct gpu *gpu_of(struct paragpu_display *display)
{
	return (struct gpu *)(void *)((char *)display - offsetof(struct gpu, display));
}

static void show_scanout(struct paragpu_display *display, uint32_t head,
			 const struct paragpu_picture *picture)
{
	struct gpu *gpu = gpu_of(display);

	(void)head;
	if (!picture) {
		gpu->offs++;
		return;
	}
	gpu->scanouts++;
	gpu->picture = *picture;
}

static void show_flush(struct paragpu_display *display, uint32_t head,
		       const struct paragpu_picture *picture, struct paragpu_rect damage,
		       struct paragpu_flush *flush)
{
	struct gpu *gpu = gpu_of(display);
	const struct paragpu_rect pixel = {0, 0, 1, 1};

	(void)head;
	(void)damage;
	(void)flush;
	gpu->flushes++;
	gpu->picture = *picture;
	assert_int_equal(paragpu_picture_read(picture, pixel, &gpu->first_pixel, 4), 0);
}

static void show_cursor(struct paragpu_display *display, uint32_t head,
			const struct paragpu_cursor *cursor, bool image_changed)
{
	struct gpu *gpu = gpu_of(display);

	(void)head;
	gpu->cursors++;
	if (image_changed)
		gpu->cursor_pixel = cursor->pixels[0];
}

static const struct paragpu_display_ops display_ops = {
	.name = "counter",
	.scanout = show_scanout,
	.flush = show_flush,
	.cursor = show_cursor,
};

/* --- the device ---------------------------------------------------------------------------- */

void gpu_init(struct gpu *gpu)
{
	memset(gpu, 0, sizeof(*gpu));
	paragpu_settings_init(&gpu->settings);
	gpu->settings.host = (struct paragpu_host){
		.complete = complete,
		.map_blob = map_window,
		.unmap_blob = unmap_window,
		.data = gpu,
	};
	gpu->settings.head_count = 2;
	gpu->settings.window_size = WINDOW;
	gpu->ring = -1;
	gpu->scripted.base.ops = &scripted_ops;
	gpu->scripted.map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
	gpu->display.ops = &display_ops;
}

void gpu_accept(struct gpu *gpu)
{
	paragpu_device_accept_features(gpu->device, paragpu_device_features(gpu->device));
}

void gpu_start(struct gpu *gpu)
{
	const struct pg_memory_settings settings = pg_memory_defaults();
	const char *problem;

	assert_int_equal(paragpu_device_create(&gpu->settings, &gpu->device, &problem), 0);
	gpu->window = mmap(NULL, WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	gpu->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(gpu->window != MAP_FAILED && gpu->ram != MAP_FAILED);
	assert_int_equal(paragpu_memory_create(&gpu->memory), 0);
	assert_int_equal(paragpu_memory_add_pointer(gpu->memory, RAM_BASE, RAM_SIZE, gpu->ram), 0);
	paragpu_device_set_memory(gpu->device, gpu->memory);
	assert_int_equal(paragpu_device_add_renderer(gpu->device, &gpu->scripted.base), 0);
	assert_int_equal(pg_memory_renderer_create(&settings, &gpu->bytes), 0);
	assert_int_equal(paragpu_device_add_renderer(gpu->device, gpu->bytes), 0);
	assert_int_equal(paragpu_device_add_display(gpu->device, &gpu->display), 0);
	gpu_accept(gpu);
}

void gpu_stop(struct gpu *gpu)
{
	paragpu_device_destroy(&gpu->device);
	pg_memory_renderer_destroy(&gpu->bytes);
	paragpu_memory_unref(&gpu->memory);
	munmap(gpu->ram, RAM_SIZE);
	munmap(gpu->window, WINDOW);
	while (gpu->operation_count)
		answer_window(gpu, 0);
}

int gpu_setup(void **state)
{
	struct gpu *gpu = malloc(sizeof(*gpu));

	assert_non_null(gpu);
	gpu_init(gpu);
	gpu_start(gpu);
	*state = gpu;
	return 0;
}

int gpu_teardown(void **state)
{
	gpu_stop(*state);
	free(*state);
	return 0;
}

struct paragpu_stats stats(struct gpu *gpu)
{
	struct paragpu_stats numbers;

	paragpu_device_get_stats(gpu->device, &numbers);
	return numbers;
}

struct ask *start(struct gpu *gpu, uint32_t type, void *command, size_t size, const void *tail,
		  size_t tail_size)
{
	struct ask *ask = &gpu->asks[gpu->ask_count++];
	struct virtio_gpu_ctrl_hdr *hdr = command;

	assert_true(gpu->ask_count <= sizeof(gpu->asks) / sizeof(gpu->asks[0]));
	assert_true(size <= sizeof(ask->bytes));
	hdr->type = pg_to_le32(type);
	hdr->ctx_id = pg_to_le32(gpu->context);
	if (gpu->fence) {
		hdr->flags = pg_to_le32(VIRTIO_GPU_FLAG_FENCE |
					(gpu->ring >= 0 ? VIRTIO_GPU_FLAG_INFO_RING_IDX : 0));
		hdr->fence_id = pg_to_le64(gpu->fence);
		hdr->ring_idx = (uint8_t)(gpu->ring >= 0 ? gpu->ring : 0);
	}
	memset(ask, 0, sizeof(*ask));
	memcpy(ask->bytes, command, size);
	if (tail_size && tail_size <= sizeof(ask->tail))
		tail = memcpy(ask->tail, tail, tail_size);
	ask->readable[0] = (struct iovec){ask->bytes, size};
	/* In two pieces: what the pieces are means nothing. */
	ask->readable[1] = (struct iovec){(void *)(uintptr_t)tail, tail_size / 2};
	ask->readable[2] = (struct iovec){(uint8_t *)(uintptr_t)tail + tail_size / 2,
					  tail_size - tail_size / 2};
	ask->writable = (struct iovec){&ask->response, sizeof(ask->response)};
	ask->request.readable = ask->readable;
	ask->request.readable_count = tail_size ? 3 : 1;
	ask->request.writable = &ask->writable;
	ask->request.writable_count = 1;
	if (type == VIRTIO_GPU_CMD_UPDATE_CURSOR)
		ask->request.queue = PARAGPU_QUEUE_CURSOR;
	paragpu_device_submit(gpu->device, &ask->request);
	return ask;
}

#define START(gpu, name, command) \
	start(gpu, VIRTIO_GPU_CMD_##name, &(command), sizeof(command), NULL, 0)

struct ask *ctx_create_named(struct gpu *gpu, uint32_t id, uint32_t init, uint32_t nlen,
			     const char name[64])
{
	struct virtio_gpu_ctx_create command = {
		.nlen = pg_to_le32(nlen),
		.context_init = pg_to_le32(init),
	};

	memcpy(command.debug_name, name, sizeof(command.debug_name));
	gpu->context = id;
	return START(gpu, CTX_CREATE, command);
}

struct ask *ctx_create(struct gpu *gpu, uint32_t id, uint32_t init)
{
	return ctx_create_named(gpu, id, init, 4, (const char[64]){"test"});
}

struct ask *ctx_destroy(struct gpu *gpu, uint32_t id)
{
	struct virtio_gpu_ctx_destroy command = {0};

	gpu->context = id;
	return START(gpu, CTX_DESTROY, command);
}

struct ask *ctx_attach(struct gpu *gpu, uint32_t id, uint32_t resource)
{
	struct virtio_gpu_ctx_resource command = {.resource_id = pg_to_le32(resource)};

	gpu->context = id;
	return START(gpu, CTX_ATTACH_RESOURCE, command);
}

struct ask *ctx_detach(struct gpu *gpu, uint32_t id, uint32_t resource)
{
	struct virtio_gpu_ctx_resource command = {.resource_id = pg_to_le32(resource)};

	gpu->context = id;
	return START(gpu, CTX_DETACH_RESOURCE, command);
}

struct ask *submit(struct gpu *gpu, uint32_t id, const void *stream, size_t size)
{
	struct virtio_gpu_cmd_submit command = {.size = pg_to_le32((uint32_t)size)};

	gpu->context = id;
	return start(gpu, VIRTIO_GPU_CMD_SUBMIT_3D, &command, sizeof(command), stream, size);
}

struct ask *create_2d(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d command = {
		.resource_id = pg_to_le32(id),
		.format = pg_to_le32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
	};

	gpu->context = 0;
	return START(gpu, RESOURCE_CREATE_2D, command);
}

struct ask *create_3d(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_3d command = {
		.resource_id = pg_to_le32(id),
		.target = pg_to_le32(2),
		.format = pg_to_le32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
		.depth = pg_to_le32(1),
		.array_size = pg_to_le32(1),
	};

	return START(gpu, RESOURCE_CREATE_3D, command);
}

struct ask *create_blob(struct gpu *gpu, uint32_t context, uint32_t id, uint32_t mem,
			uint32_t flags, uint64_t blob_id, uint64_t size,
			const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct virtio_gpu_resource_create_blob command = {
		.resource_id = pg_to_le32(id),
		.blob_mem = pg_to_le32(mem),
		.blob_flags = pg_to_le32(flags),
		.nr_entries = pg_to_le32(count),
		.blob_id = pg_to_le64(blob_id),
		.size = pg_to_le64(size),
	};

	gpu->context = context;
	return start(gpu, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, &command, sizeof(command), entries,
		     count * sizeof(*entries));
}

struct ask *host_blob(struct gpu *gpu, uint32_t context, uint32_t id, uint64_t size)
{
	return create_blob(gpu, context, id, VIRTIO_GPU_BLOB_MEM_HOST3D,
			   VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, 0, size, NULL, 0);
}

struct ask *map_blob(struct gpu *gpu, uint32_t id, uint64_t offset)
{
	struct virtio_gpu_resource_map_blob command = {
		.resource_id = pg_to_le32(id),
		.offset = pg_to_le64(offset),
	};

	return START(gpu, RESOURCE_MAP_BLOB, command);
}

struct ask *unmap_blob(struct gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_unmap_blob command = {.resource_id = pg_to_le32(id)};

	return START(gpu, RESOURCE_UNMAP_BLOB, command);
}

struct ask *unref(struct gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_unref command = {.resource_id = pg_to_le32(id)};

	return START(gpu, RESOURCE_UNREF, command);
}

struct ask *attach_backing(struct gpu *gpu, uint32_t id, uint64_t offset, uint32_t length)
{
	struct virtio_gpu_resource_attach_backing command = {
		.resource_id = pg_to_le32(id),
		.nr_entries = pg_to_le32(1),
	};
	struct virtio_gpu_mem_entry one = entry(offset, length);

	return start(gpu, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &command, sizeof(command), &one,
		     sizeof(one));
}

struct ask *detach_backing(struct gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_detach_backing command = {.resource_id = pg_to_le32(id)};

	return START(gpu, RESOURCE_DETACH_BACKING, command);
}

struct ask *transfer_3d(struct gpu *gpu, uint32_t context, bool to_host, uint32_t id,
			struct virtio_gpu_box where, uint64_t offset, uint32_t level)
{
	struct virtio_gpu_transfer_host_3d command = {
		.box = where,
		.offset = pg_to_le64(offset),
		.resource_id = pg_to_le32(id),
		.level = pg_to_le32(level),
	};

	gpu->context = context;
	return to_host ? START(gpu, TRANSFER_TO_HOST_3D, command)
		       : START(gpu, TRANSFER_FROM_HOST_3D, command);
}

struct ask *set_scanout(struct gpu *gpu, uint32_t head, uint32_t id, uint32_t width,
			uint32_t height)
{
	struct virtio_gpu_set_scanout command = {
		.r = {.width = pg_to_le32(width), .height = pg_to_le32(height)},
		.scanout_id = pg_to_le32(head),
		.resource_id = pg_to_le32(id),
	};

	return START(gpu, SET_SCANOUT, command);
}

struct ask *set_scanout_blob(struct gpu *gpu, uint32_t head, uint32_t id, uint32_t width,
			     uint32_t height)
{
	struct virtio_gpu_set_scanout_blob command = {
		.r = {.width = pg_to_le32(width), .height = pg_to_le32(height)},
		.scanout_id = pg_to_le32(head),
		.resource_id = pg_to_le32(id),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
		.format = pg_to_le32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.strides = {pg_to_le32(width * 4)},
	};

	return START(gpu, SET_SCANOUT_BLOB, command);
}

struct ask *flush(struct gpu *gpu, uint32_t id, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_flush command = {
		.r = {.width = pg_to_le32(width), .height = pg_to_le32(height)},
		.resource_id = pg_to_le32(id),
	};

	return START(gpu, RESOURCE_FLUSH, command);
}

/* SPDX-License-Identifier: MIT */
/* A device in this process; see harness.h. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void on_complete(void *data, struct paragpu_request *request, size_t written)
{
	struct harness *harness = data;
	struct ask *ask = (struct ask *)(void *)request;

	ask->written = written;
	ask->completed++;
	ask->place = ++harness->completions;
}

static void on_config_changed(void *data)
{
	((struct harness *)data)->config_changes++;
}

static void on_trace(void *data, const struct paragpu_trace *trace)
{
	struct harness *harness = data;

	harness->traces++;
	paragpu_trace_format(trace, harness->trace, sizeof(harness->trace));
}

static void on_scanout(struct paragpu_display *display, uint32_t head,
		       const struct paragpu_picture *picture)
{
	struct recorder *recorder = (struct recorder *)display;

	recorder->head = head;
	if (picture) {
		recorder->scanouts++;
		recorder->picture = *picture;
	} else {
		recorder->offs++;
	}
}

static void on_flush(struct paragpu_display *display, uint32_t head,
		     const struct paragpu_picture *picture, struct paragpu_rect damage,
		     struct paragpu_flush *flush)
{
	struct recorder *recorder = (struct recorder *)display;

	recorder->flushes++;
	recorder->head = head;
	recorder->picture = *picture;
	recorder->damage = damage;
	if (recorder->hold && recorder->held_count < 16) {
		paragpu_flush_hold(flush);
		recorder->held[recorder->held_count++] = flush;
	}
}

static void on_cursor(struct paragpu_display *display, uint32_t head,
		      const struct paragpu_cursor *cursor, bool image_changed)
{
	struct recorder *recorder = (struct recorder *)display;

	recorder->cursors++;
	recorder->images += image_changed;
	recorder->head = head;
	recorder->cursor = *cursor;
}

void harness_init(struct harness *harness)
{
	memset(harness, 0, sizeof(*harness));
	paragpu_settings_init(&harness->settings);
	harness->settings.head_count = 2;
	harness->settings.heads[1].connected = true;
	harness->settings.host.complete = on_complete;
	harness->settings.host.config_changed = on_config_changed;
	harness->settings.host.trace = on_trace;
	harness->settings.host.data = harness;
	harness->display.ops = (struct paragpu_display_ops){
		.name = "recorder",
		.scanout = on_scanout,
		.flush = on_flush,
		.cursor = on_cursor,
	};
	harness->display.base.ops = &harness->display.ops;
}

void harness_start(struct harness *harness)
{
	struct paragpu_memory_region region;
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)GUEST_SIZE), 0);
	assert_int_equal(paragpu_memory_create(&harness->memory), 0);
	assert_int_equal(paragpu_memory_add_fd(harness->memory, GUEST_BASE, GUEST_SIZE, &fd, 0), 0);
	assert_int_equal(fd, -1);
	assert_true(paragpu_memory_get_region(harness->memory, 0, &region));
	harness->ram = region.pointer;
	assert_int_equal(paragpu_device_create(&harness->settings, &harness->device, NULL), 0);
	paragpu_device_set_memory(harness->device, harness->memory);
	paragpu_device_accept_features(harness->device, harness->settings.features);
	assert_int_equal(paragpu_device_add_display(harness->device, &harness->display.base), 0);
	harness->display.offs = 0;
}

void harness_stop(struct harness *harness)
{
	paragpu_device_destroy(&harness->device);
	paragpu_memory_unref(&harness->memory);
}

int harness_setup(void **state)
{
	struct harness *harness = malloc(sizeof(*harness));

	if (!harness)
		return -1;
	harness_init(harness);
	harness_start(harness);
	*state = harness;
	return 0;
}

int harness_teardown(void **state)
{
	harness_stop(*state);
	free(*state);
	return 0;
}

void harness_submit(struct harness *harness, struct ask *ask, enum paragpu_queue queue,
		    const void *command, size_t size, const void *tail, size_t tail_size)
{
	assert_true(size <= sizeof(ask->bytes));
	memset(ask, 0, sizeof(*ask));
	memset(&ask->response, 0xa5, sizeof(ask->response));
	memcpy(ask->bytes, command, size);
	ask->readable[0] = (struct iovec){ask->bytes, size};
	ask->readable[1] = (struct iovec){(void *)(uintptr_t)tail, tail_size};
	ask->writable = (struct iovec){&ask->response, sizeof(ask->response)};
	ask->request = (struct paragpu_request){
		.readable = ask->readable,
		.readable_count = tail_size ? 2 : 1,
		.writable = &ask->writable,
		.writable_count = 1,
		.queue = queue,
	};
	paragpu_device_submit(harness->device, &ask->request);
}

uint32_t harness_command(struct harness *harness, uint32_t type, void *command, size_t size,
			 const void *tail, size_t tail_size)
{
	struct virtio_gpu_ctrl_hdr *hdr = command;
	bool cursor = type == VIRTIO_GPU_CMD_UPDATE_CURSOR || type == VIRTIO_GPU_CMD_MOVE_CURSOR;

	hdr->type = pg_to_le32(type);
	if (harness->fence) {
		hdr->flags = pg_to_le32(VIRTIO_GPU_FLAG_FENCE);
		hdr->fence_id = pg_to_le64(harness->fence);
	}
	harness_submit(harness, &harness->ask,
		       cursor ? PARAGPU_QUEUE_CURSOR : PARAGPU_QUEUE_CONTROL, command, size, tail,
		       tail_size);
	assert_int_equal(harness->ask.completed, 1);
	return response_type(&harness->ask);
}

static struct virtio_gpu_rect to_wire(struct paragpu_rect rect)
{
	return (struct virtio_gpu_rect){
		.x = pg_to_le32(rect.x),
		.y = pg_to_le32(rect.y),
		.width = pg_to_le32(rect.width),
		.height = pg_to_le32(rect.height),
	};
}

uint32_t create_2d(struct harness *harness, uint32_t id, uint32_t format, uint32_t width,
		   uint32_t height)
{
	struct virtio_gpu_resource_create_2d command = {
		.resource_id = pg_to_le32(id),
		.format = pg_to_le32(format),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, &command,
			       sizeof(command), NULL, 0);
}

uint32_t create_blob(struct harness *harness, uint32_t id, uint64_t size,
		     const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct virtio_gpu_resource_create_blob command = {
		.resource_id = pg_to_le32(id),
		.blob_mem = pg_to_le32(VIRTIO_GPU_BLOB_MEM_GUEST),
		.blob_flags = pg_to_le32(VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE),
		.nr_entries = pg_to_le32(count),
		.size = pg_to_le64(size),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, &command,
			       sizeof(command), entries, count * sizeof(*entries));
}

uint32_t attach(struct harness *harness, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		uint32_t count)
{
	struct virtio_gpu_resource_attach_backing command = {
		.resource_id = pg_to_le32(id),
		.nr_entries = pg_to_le32(count),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &command,
			       sizeof(command), entries, count * sizeof(*entries));
}

static uint32_t by_id(struct harness *harness, uint32_t type, uint32_t id)
{
	struct virtio_gpu_resource_unref command = {.resource_id = pg_to_le32(id)};

	return harness_command(harness, type, &command, sizeof(command), NULL, 0);
}

uint32_t detach(struct harness *harness, uint32_t id)
{
	return by_id(harness, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, id);
}

uint32_t unref(struct harness *harness, uint32_t id)
{
	return by_id(harness, VIRTIO_GPU_CMD_RESOURCE_UNREF, id);
}

uint32_t set_scanout(struct harness *harness, uint32_t head, uint32_t id, struct paragpu_rect rect)
{
	struct virtio_gpu_set_scanout command = {
		.r = to_wire(rect),
		.scanout_id = pg_to_le32(head),
		.resource_id = pg_to_le32(id),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_SET_SCANOUT, &command, sizeof(command), NULL,
			       0);
}

uint32_t set_scanout_blob(struct harness *harness, uint32_t head, uint32_t id, uint32_t width,
			  uint32_t height, uint32_t format, uint32_t stride, uint32_t offset,
			  struct paragpu_rect rect)
{
	struct virtio_gpu_set_scanout_blob command = {
		.r = to_wire(rect),
		.scanout_id = pg_to_le32(head),
		.resource_id = pg_to_le32(id),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
		.format = pg_to_le32(format),
		.strides = {pg_to_le32(stride)},
		.offsets = {pg_to_le32(offset)},
	};

	return harness_command(harness, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, &command, sizeof(command),
			       NULL, 0);
}

uint32_t transfer(struct harness *harness, uint32_t id, struct paragpu_rect rect, uint64_t offset)
{
	struct virtio_gpu_transfer_to_host_2d command = {
		.r = to_wire(rect),
		.offset = pg_to_le64(offset),
		.resource_id = pg_to_le32(id),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, &command,
			       sizeof(command), NULL, 0);
}

uint32_t flush(struct harness *harness, uint32_t id, struct paragpu_rect rect)
{
	struct virtio_gpu_resource_flush command = {
		.r = to_wire(rect),
		.resource_id = pg_to_le32(id),
	};

	return harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_FLUSH, &command, sizeof(command),
			       NULL, 0);
}

static uint32_t cursor(struct harness *harness, uint32_t type, uint32_t head, uint32_t id,
		       int32_t x, int32_t y, uint32_t hot_x, uint32_t hot_y)
{
	struct virtio_gpu_update_cursor command = {
		.pos = {.scanout_id = pg_to_le32(head),
			.x = pg_to_le32((uint32_t)x),
			.y = pg_to_le32((uint32_t)y)},
		.resource_id = pg_to_le32(id),
		.hot_x = pg_to_le32(hot_x),
		.hot_y = pg_to_le32(hot_y),
	};

	return harness_command(harness, type, &command, sizeof(command), NULL, 0);
}

uint32_t update_cursor(struct harness *harness, uint32_t head, uint32_t id, int32_t x, int32_t y,
		       uint32_t hot_x, uint32_t hot_y)
{
	return cursor(harness, VIRTIO_GPU_CMD_UPDATE_CURSOR, head, id, x, y, hot_x, hot_y);
}

uint32_t move_cursor(struct harness *harness, uint32_t head, int32_t x, int32_t y)
{
	/* Linux leaves here what UPDATE had last; nothing but the position may count. */
	return cursor(harness, VIRTIO_GPU_CMD_MOVE_CURSOR, head, 12345, x, y, 77, 77);
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
	return hash;
}

uint64_t harness_state(struct harness *harness)
{
	struct paragpu_resource_info resource;
	struct paragpu_scanout_info scanout;
	struct paragpu_stats stats;
	uint8_t config[20];
	uint64_t hash = UINT64_C(14695981039346656037);

	memset(&resource, 0, sizeof(resource));
	memset(&scanout, 0, sizeof(scanout));
	memset(&stats, 0, sizeof(stats));
	for (uint32_t id = 0; paragpu_device_next_resource(harness->device, id, &resource);
	     id = resource.id)
		hash = mix(hash, &resource, sizeof(resource));
	for (uint32_t head = 0; head < harness->settings.head_count; head++) {
		struct paragpu_picture picture;
		uint32_t line[4096];

		assert_true(paragpu_device_get_scanout(harness->device, head, &scanout));
		hash = mix(hash, &scanout, sizeof(scanout));
		if (!paragpu_display_picture(&harness->display.base, head, &picture))
			continue;
		for (uint32_t y = 0; y < picture.height && picture.width <= 4096; y++) {
			assert_int_equal(paragpu_picture_read(&picture,
							      rect(0, y, picture.width, 1), line,
							      sizeof(line)),
					 0);
			hash = mix(hash, line, (size_t)picture.width * 4);
		}
	}
	paragpu_device_get_stats(harness->device, &stats);
	stats.commands = stats.errors = stats.malformed = 0;
	hash = mix(hash, &stats, sizeof(stats));
	paragpu_device_read_config(harness->device, 0, config, sizeof(config));
	return mix(hash, config, sizeof(config));
}

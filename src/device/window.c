/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_MAP_BLOB, RESOURCE_UNMAP_BLOB and the map of the window; see window.h.
 *
 * The host works one operation at a time on a mapping. What is wanted of it may
 * change meanwhile (reset, UNREF, a lost renderer): step() compares what is
 * with what is wanted whenever the host has answered.
 */
#include "device/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"

enum content {
	NOTHING,
	BLOB,
	ZEROES, /* instead of a blob that was lost */
};

/* One place of the window; the host knows it as its operation on it. */
struct paragpu_window_operation {
	struct paragpu_device *device; /* NULL: destroyed; it ends with the answer */
	struct pg_resource *resource;  /* NULL: gone */
	struct pg_work *work;          /* that waits; NULL: none */
	uint64_t offset, length;
	enum content is, wanted;
	enum content coming; /* what `is` becomes when the open operation succeeds */
	bool open;
	bool stuck; /* could not be unmapped: its place is never used again */
};

/* The first mapping that ends behind `offset`. */
static size_t position(const struct pg_window *window, uint64_t offset)
{
	size_t low = 0, high = window->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct paragpu_window_operation *mapping = window->mappings[middle];

		if (mapping->offset + mapping->length <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct pg_window *window, struct paragpu_window_operation *mapping)
{
	size_t at = position(window, mapping->offset);

	if (window->count == window->capacity) {
		size_t capacity = window->capacity ? 2 * window->capacity : 64;
		struct paragpu_window_operation **larger =
			reallocarray(window->mappings, capacity, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		window->mappings = larger;
		window->capacity = capacity;
	}
	memmove(&window->mappings[at + 1], &window->mappings[at],
		(window->count - at) * sizeof(*window->mappings));
	window->mappings[at] = mapping;
	window->count++;
	window->bytes += mapping->length;
	return 0;
}

static void take_out(struct pg_window *window, const struct paragpu_window_operation *mapping)
{
	size_t at = position(window, mapping->offset);

	window->count--;
	window->bytes -= mapping->length;
	memmove(&window->mappings[at], &window->mappings[at + 1],
		(window->count - at) * sizeof(*window->mappings));
}

/* Lets go whoever waits for it. */
static void tell(struct paragpu_window_operation *mapping, int error)
{
	struct pg_work *work = mapping->work;

	mapping->work = NULL;
	if (work)
		pg_work_arrived(work, error);
}

static void part(struct paragpu_window_operation *mapping)
{
	if (mapping->resource)
		mapping->resource->mapping = NULL;
	mapping->resource = NULL;
}

/* Asks the host for one thing. It may answer before this returns: the mapping may be gone. */
static void ask(struct paragpu_window_operation *mapping, enum content content, int fd,
		uint64_t fd_offset, uint32_t map_info)
{
	const struct paragpu_host *host = &mapping->device->host;
	const struct paragpu_mapping description = {
		.offset = mapping->offset,
		.length = mapping->length,
		.fd = fd,
		.fd_offset = fd_offset,
		.map_info = map_info,
	};

	mapping->open = true;
	mapping->coming = content;
	if (content == NOTHING)
		host->unmap_blob(host->data, &description, mapping);
	else
		host->map_blob(host->data, &description, mapping);
}

/* A file of zeroes that takes no memory until the guest writes to it. */
static int zero_file(uint64_t length)
{
	int fd = memfd_create("paragpu-lost", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, (off_t)length) < 0)
		pg_close(&fd);
	return fd;
}

/* It is out of the window, or never came into it: forgets it and lets others in. */
static void end(struct paragpu_window_operation *mapping, int error)
{
	struct paragpu_device *device = mapping->device;

	part(mapping);
	take_out(&device->window, mapping);
	tell(mapping, error);
	free(mapping);
	pg_order_run(device);
}

/* Does the next thing, if something is left to do. */
static void step(struct paragpu_window_operation *mapping)
{
	int fd;

	if (mapping->open || mapping->stuck)
		return;
	if (mapping->is == mapping->wanted) {
		if (mapping->is == NOTHING)
			end(mapping, 0);
		else
			tell(mapping, 0);
		return;
	}
	if (mapping->is != NOTHING) {
		ask(mapping, NOTHING, -1, 0, 0);
		return;
	}
	fd = zero_file(mapping->length);
	if (fd < 0) {
		end(mapping, -ENOMEM);
		return;
	}
	ask(mapping, ZEROES, fd, 0, VIRTIO_GPU_MAP_CACHE_CACHED);
	pg_close(&fd);
}

void paragpu_window_done(struct paragpu_window_operation *operation, int error)
{
	struct paragpu_window_operation *mapping = operation;
	struct paragpu_device *device = mapping->device;
	struct pg_work *work = NULL;

	if (!device) {
		free(mapping);
		return;
	}
	mapping->open = false;
	if (!error) {
		mapping->is = mapping->coming;
		/* Who waits for a blob to be mapped has it, even if it must be replaced at once. */
		if (mapping->is == BLOB && mapping->wanted == ZEROES) {
			work = mapping->work;
			mapping->work = NULL;
		}
		step(mapping);
		if (work)
			pg_work_arrived(work, 0);
		return;
	}
	if (mapping->coming == NOTHING) {
		pg_log(&device->log, PG_LOG_ERROR, PG_LOG_DEVICE,
		       "the window at 0x%llx could not be unmapped (%s): this place is lost",
		       (unsigned long long)mapping->offset, strerror(-error));
		mapping->stuck = true;
		part(mapping);
		tell(mapping, -EIO);
		pg_order_run(device);
		return;
	}
	end(mapping, error);
}

void pg_window_unmap(struct paragpu_window_operation *mapping, struct pg_work *work)
{
	mapping->wanted = NOTHING;
	mapping->work = work;
	pg_work_wait(work);
	step(mapping);
}

void pg_window_replace_lost(struct paragpu_device *device)
{
	const struct pg_window *window = &device->window;
	size_t at;

	/* By offset: each step may change the array. */
	for (uint64_t from = 0; (at = position(window, from)) < window->count;) {
		struct paragpu_window_operation *mapping = window->mappings[at];

		from = mapping->offset + mapping->length;
		if (!mapping->resource || !mapping->resource->lost || mapping->wanted != BLOB)
			continue;
		mapping->wanted = ZEROES;
		step(mapping);
	}
}

void pg_window_reset(struct paragpu_device *device)
{
	const struct pg_window *window = &device->window;
	size_t at;

	for (size_t i = 0; i < window->count; i++) {
		window->mappings[i]->work = NULL;
		window->mappings[i]->wanted = NOTHING;
		part(window->mappings[i]);
	}
	for (uint64_t from = 0; (at = position(window, from)) < window->count;) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the array */
		from = window->mappings[at]->offset + window->mappings[at]->length;
		step(window->mappings[at]);
	}
}

void pg_window_finish(struct paragpu_device *device)
{
	struct pg_window *window = &device->window;

	for (size_t i = 0; i < window->count; i++) {
		struct paragpu_window_operation *mapping = window->mappings[i];

		mapping->work = NULL;
		part(mapping);
		mapping->device = NULL;
		if (!mapping->open)
			free(mapping);
	}
	free(window->mappings);
	window->mappings = NULL;
	window->count = 0;
	window->capacity = 0;
	window->bytes = 0;
}

/* How much of the window the blob takes, or 0: it must not be mapped there. */
static uint64_t length_at(const struct paragpu_device *device, const struct pg_resource *resource,
			  uint64_t offset)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), alignment = page, length;

	if (pg_device_has(device, VIRTIO_GPU_F_BLOB_ALIGNMENT) && device->blob_alignment > page)
		alignment = device->blob_alignment;
	if (offset & (alignment - 1) || !pg_align_up_u64(resource->size, page, &length) ||
	    !pg_range_inside(offset, length, device->window.size))
		return 0;
	return length;
}

/* Whether anything is in the way. It may go away if its resource is gone. */
static const struct paragpu_window_operation *obstacle(const struct pg_window *window,
						       uint64_t offset, uint64_t length)
{
	const struct paragpu_window_operation *found = NULL;

	for (size_t at = position(window, offset);
	     at < window->count && window->mappings[at]->offset < offset + length; at++) {
		found = window->mappings[at];
		if (found->resource || found->stuck)
			break;
	}
	return found;
}

static void mapped(struct pg_work *work)
{
	struct virtio_gpu_resp_map_info response = {0};

	if (work->error) {
		pg_work_finish(work, VIRTIO_GPU_RESP_ERR_UNSPEC);
		return;
	}
	response.map_info = pg_to_le32(work->resource->memory.map_info & VIRTIO_GPU_MAP_CACHE_MASK);
	pg_work_reply(work, VIRTIO_GPU_RESP_OK_MAP_INFO, &response, sizeof(response));
}

static uint32_t map(struct pg_call *call, struct pg_resource *resource, uint64_t offset,
		    uint64_t length)
{
	const struct pg_keys keys = {.resource = resource->id};
	struct paragpu_device *device = call->device;
	struct paragpu_window_operation *mapping = calloc(1, sizeof(*mapping));
	struct pg_work *work;

	if (!mapping)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	mapping->device = device;
	mapping->offset = offset;
	mapping->length = length;
	mapping->wanted = BLOB;
	if (insert(&device->window, mapping))
		goto free_mapping;
	work = pg_work_begin(call, &keys);
	if (!work)
		goto take_out;
	work->resource = resource;
	resource->mapping = mapping;
	mapping->resource = resource;
	mapping->work = work;
	pg_work_wait(work);
	ask(mapping, BLOB, resource->memory.fd, resource->memory.fd_offset,
	    resource->memory.map_info & VIRTIO_GPU_MAP_CACHE_MASK);
	pg_work_stage(work, mapped);
	return VIRTIO_GPU_RESP_OK_NODATA;
take_out:
	take_out(&device->window, mapping);
free_mapping:
	free(mapping);
	return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
}

/* Whether the window could show the memory at all. */
static bool can_be_mapped(const struct pg_resource *resource)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return !resource->lost && resource->memory.fd >= 0 && resource->memory.mappable &&
	       !(resource->memory.fd_offset & (page - 1));
}

uint32_t pg_resource_map_blob(struct pg_call *call)
{
	const struct virtio_gpu_resource_map_blob *command =
		pg_call_fixed(call, virtio_gpu_resource_map_blob);
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	const struct paragpu_window_operation *other;
	uint64_t offset = pg_from_le64(command->offset), length;

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->kind != PARAGPU_RESOURCE_BLOB ||
	    resource->as.blob.mem != VIRTIO_GPU_BLOB_MEM_HOST3D ||
	    !(resource->as.blob.flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) || resource->mapping)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!can_be_mapped(resource))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	length = length_at(call->device, resource, offset);
	if (!length)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	other = obstacle(&call->device->window, offset, length);
	if (other)
		return other->stuck      ? VIRTIO_GPU_RESP_ERR_UNSPEC
		       : other->resource ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
					 : PG_CALL_AGAIN;
	return map(call, resource, offset, length);
}

uint32_t pg_resource_unmap_blob(struct pg_call *call)
{
	struct pg_resource *resource = pg_call_resource(
		call, pg_call_fixed(call, virtio_gpu_resource_unmap_blob)->resource_id);
	struct pg_keys keys;
	struct pg_work *work;

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* Linux unmaps what it failed to map, too. */
	if (!resource->mapping)
		return VIRTIO_GPU_RESP_OK_NODATA;
	keys = (struct pg_keys){.resource = resource->id};
	work = pg_work_begin(call, &keys);
	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	pg_window_unmap(resource->mapping, work);
	pg_work_stage(work, pg_work_finish_plainly);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

bool paragpu_device_next_mapping(const struct paragpu_device *device, uint64_t from,
				 struct paragpu_mapping_info *info)
{
	const struct pg_window *window = &device->window;
	size_t at = position(window, from);

	if (at < window->count && window->mappings[at]->offset < from)
		at++;
	if (at >= window->count)
		return false;
	*info = (struct paragpu_mapping_info){
		.offset = window->mappings[at]->offset,
		.length = window->mappings[at]->length,
		.resource_id = window->mappings[at]->resource ? window->mappings[at]->resource->id
							      : 0,
		.settled = !window->mappings[at]->open,
	};
	return true;
}

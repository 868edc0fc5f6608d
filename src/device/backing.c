/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_ATTACH_BACKING, RESOURCE_DETACH_BACKING and the parsing of entry
 * lists. The count is the guest's word: memory is set aside only after the
 * request was seen to contain that many entries, and each is read once.
 */
#include "device/backing.h"

#include "device/device.h"

#define CHUNK 256 /* entries: 4 KiB of stack */

static uint32_t append_entries(const struct paragpu_memory *memory, struct pg_scatter *scatter,
			       const struct virtio_gpu_mem_entry *entries, uint32_t count,
			       size_t *hint)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t addr = pg_from_le64(entries[i].addr);
		uint32_t length = pg_from_le32(entries[i].length);

		if (!length)
			continue;
		if (!pg_memory_contains(memory, addr, length, hint))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		if (pg_scatter_append(scatter, addr, length))
			return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t read_entries(struct pg_call *call, uint32_t count, struct pg_scatter *scatter)
{
	struct virtio_gpu_mem_entry entries[CHUNK];
	size_t hint = 0;

	for (uint32_t done = 0, chunk; done < count; done += chunk) {
		uint32_t result;

		chunk = count - done < CHUNK ? count - done : CHUNK;
		pg_call_read(call, entries, chunk * sizeof(entries[0]));
		result = append_entries(call->device->memory, scatter, entries, chunk, &hint);
		if (result != VIRTIO_GPU_RESP_OK_NODATA)
			return result;
	}
	return call->tail_short ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_backing_read(struct pg_call *call, uint32_t count, struct pg_object **out)
{
	struct paragpu_device *device = call->device;
	struct pg_scatter scatter;
	uint32_t result;

	if (!pg_call_has(call, (uint64_t)count * sizeof(struct virtio_gpu_mem_entry)))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	pg_scatter_init(&scatter);
	if (count > device->quota.limits.backing_entries || pg_scatter_reserve(&scatter, count))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	result = read_entries(call, count, &scatter);
	if (result != VIRTIO_GPU_RESP_OK_NODATA) {
		pg_scatter_finish(&scatter);
		return result;
	}
	pg_scatter_trim(&scatter);
	if (pg_object_create_guest(&device->quota, &scatter, &device->memory, out))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_resource_attach_backing(struct pg_call *call)
{
	const struct virtio_gpu_resource_attach_backing *command =
		pg_call_fixed(call, virtio_gpu_resource_attach_backing);
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	uint32_t count = pg_from_le32(command->nr_entries);
	struct pg_object *backing;
	uint32_t result;

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->backing)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!count)
		return VIRTIO_GPU_RESP_OK_NODATA;
	result = pg_backing_read(call, count, &backing);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	/* An image may have less than it needs; the backing is all that a blob is. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB && backing->size < resource->size) {
		pg_object_unref(&backing);
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	resource->backing = backing;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_resource_detach_backing(struct pg_call *call)
{
	struct pg_resource *resource = pg_call_resource(
		call, pg_call_fixed(call, virtio_gpu_resource_detach_backing)->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* The guest frees these pages next; nothing may show them any more. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB)
		pg_scanouts_drop(call->device, resource);
	pg_object_unref(&resource->backing);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

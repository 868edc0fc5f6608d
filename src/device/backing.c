/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_ATTACH_BACKING, RESOURCE_DETACH_BACKING and the parsing of entry
 * lists. The count is the guest's word: memory is set aside only after the
 * request was seen to contain that many entries, and each is read once.
 */
#include "device/backing.h"

#include <errno.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/operation.h"

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

int pg_backing_spans(const struct pg_object *backing, struct paragpu_span **spans, size_t *count)
{
	uint64_t start = 0;

	*spans = NULL;
	*count = backing ? backing->scatter.count : 0;
	if (!*count)
		return 0;
	*spans = calloc(*count, sizeof(**spans));
	if (!*spans)
		return -ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		const struct pg_scatter_range *range = &backing->scatter.ranges[i];

		(*spans)[i] = (struct paragpu_span){range->addr, range->end - start};
		start = range->end;
	}
	return 0;
}

/* A renderer that could not take the pages: then the resource has none, unless they went meanwhile. */
static void attached(struct pg_work *work)
{
	struct pg_resource *resource =
		pg_resource_if_same(work->device, work->resource_id, work->serial);

	if (work->error && resource && resource->backing == work->object)
		pg_object_unref(&resource->backing);
	pg_work_finish_plainly(work);
}

/* The renderers that know the resource get its pages too. */
static uint32_t tell_renderers(struct pg_call *call, const struct pg_resource *resource)
{
	struct paragpu_device *device = call->device;
	uint8_t known = resource->known; /* the resource may go while a renderer is called */
	struct paragpu_span *spans;
	struct pg_work *work;
	size_t count;

	if (pg_backing_spans(resource->backing, &spans, &count))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work = pg_work_begin(call, NULL);
	if (!work) {
		free(spans);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	work->resource_id = resource->id;
	work->serial = resource->serial;
	work->object = pg_object_ref(resource->backing);
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++) {
		const struct paragpu_renderer_ops *ops;

		if (!(known >> i & 1))
			continue;
		ops = pg_ops(device->renderers[i]);
		if (ops->resource_attach_backing)
			ops->resource_attach_backing(device->renderers[i]->base, work->resource_id,
						     spans, count,
						     pg_work_ask(work, device->renderers[i]));
	}
	free(spans);
	pg_work_stage(work, attached);
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
	/* A blob of the host alone has no pages of the guest's ("Resource create blob"). */
	if (resource->backing || (resource->kind == PARAGPU_RESOURCE_BLOB &&
				  resource->as.blob.mem == VIRTIO_GPU_BLOB_MEM_HOST3D))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
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
	if (!resource->known)
		return VIRTIO_GPU_RESP_OK_NODATA;
	result = tell_renderers(call, resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		pg_object_unref(&resource->backing);
	return result;
}

static void detached(struct pg_work *work)
{
	pg_object_unref(&work->resource->backing);
	/* Whatever a renderer answered, it has let go. */
	pg_work_finish(work, VIRTIO_GPU_RESP_OK_NODATA);
}

uint32_t pg_resource_detach_backing(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	struct pg_resource *resource = pg_call_resource(
		call, pg_call_fixed(call, virtio_gpu_resource_detach_backing)->resource_id);
	struct pg_keys keys;
	struct pg_work *work;

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* The guest frees these pages next; nothing may show them any more. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB && !pg_resource_is_foreign(resource))
		pg_scanouts_drop(device, resource);
	if (!resource->known || !resource->backing) {
		pg_object_unref(&resource->backing);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	keys = (struct pg_keys){.resource = resource->id};
	work = pg_work_begin(call, &keys);
	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work->resource = resource;
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++) {
		const struct paragpu_renderer_ops *ops;

		if (!(resource->known >> i & 1))
			continue;
		ops = pg_ops(device->renderers[i]);
		if (ops->resource_detach_backing)
			ops->resource_detach_backing(device->renderers[i]->base, resource->id,
						     pg_work_ask(work, device->renderers[i]));
	}
	pg_work_stage(work, detached);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

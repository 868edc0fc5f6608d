/* SPDX-License-Identifier: MIT */
/*
 * Images of the device's own: RESOURCE_CREATE_2D and TRANSFER_TO_HOST_2D,
 * and the 3D transfers of such images. The sizes are the guest's; they are multiplied in checked arithmetic and bounded
 * before anything is allocated.
 */
#include "base/checked.h"
#include "device/device.h"
#include "device/request.h"

/* Bytes of a row. Displays keep strides in an int, so rows end there whatever the quota is. */
#define MAX_STRIDE INT32_MAX

uint32_t pg_resource_create_2d(struct pg_call *call)
{
	const struct virtio_gpu_resource_create_2d *command =
		pg_call_fixed(call, virtio_gpu_resource_create_2d);
	struct paragpu_device *device = call->device;
	uint32_t id = pg_from_le32(command->resource_id);
	uint32_t format = pg_from_le32(command->format);
	uint32_t width = pg_from_le32(command->width), height = pg_from_le32(command->height);
	uint64_t stride = (uint64_t)width * 4, size;
	struct pg_resource *resource;
	struct pg_object *image;

	if (!id || pg_call_resource(call, command->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!pg_format_find(format) || !width || !height)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (stride > MAX_STRIDE || !pg_mul_u64(stride, height, &size) ||
	    pg_object_create_host(&device->quota, size, &image))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (pg_resource_create(device, id, PARAGPU_RESOURCE_2D, &resource)) {
		pg_object_unref(&image);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource->host = image;
	resource->size = size;
	resource->as.image.format = format;
	resource->as.image.width = width;
	resource->as.image.height = height;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/*
 * Copies a rectangle, whose first pixel lies at `offset` of the backing and
 * whose rows lie there `stride` bytes apart ("offset" is of the rectangle, not
 * of the image). What the backing is too short for stays.
 */
static uint64_t copy(struct paragpu_device *device, struct pg_resource *resource,
		     const struct paragpu_rect *rect, uint64_t offset, uint64_t stride,
		     bool to_host)
{
	size_t image_stride = (size_t)resource->as.image.width * 4;
	size_t row_size = (size_t)rect->width * 4;
	uint8_t *row = resource->host->bytes + rect->y * image_stride + (size_t)rect->x * 4;
	struct pg_scatter_cursor cursor;
	uint64_t done = 0;

	if (!rect->width || !rect->height)
		return 0;
	pg_scatter_cursor_init(&cursor, &resource->backing->scatter, device->memory, offset);
	if (row_size == image_stride && stride == image_stride && to_host)
		return pg_scatter_read(&cursor, row, image_stride * rect->height);
	for (uint32_t i = 0; i < rect->height; i++) {
		size_t length = to_host ? pg_scatter_read(&cursor, row, row_size)
					: pg_scatter_write(&cursor, row, row_size);

		done += length;
		if (length < row_size || !pg_add_u64(offset, stride, &offset))
			break;
		pg_scatter_seek(&cursor, offset);
		row += image_stride;
	}
	return done;
}

uint32_t pg_transfer_2d(struct pg_call *call, struct pg_resource *resource, bool to_host,
			const struct paragpu_transfer *args)
{
	const struct paragpu_rect rect = {args->x, args->y, args->w, args->h};

	call->device->bytes_transferred +=
		copy(call->device, resource, &rect, args->offset,
		     args->stride ? args->stride : (uint64_t)resource->as.image.width * 4, to_host);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_transfer_to_host_2d(struct pg_call *call)
{
	const struct virtio_gpu_transfer_to_host_2d *command =
		pg_call_fixed(call, virtio_gpu_transfer_to_host_2d);
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	struct paragpu_rect rect = pg_rect_from_wire(&command->r);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* Linux sends it before every flush of a guest blob, where there is nothing to copy. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB)
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (resource->kind == PARAGPU_RESOURCE_3D)
		return pg_transfer_image_to_host(call, resource, &rect,
						 pg_from_le64(command->offset));
	if (!resource->backing ||
	    !pg_rect_inside(&rect, resource->as.image.width, resource->as.image.height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	call->device->bytes_transferred += copy(call->device, resource, &rect,
						pg_from_le64(command->offset),
						(uint64_t)resource->as.image.width * 4, true);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

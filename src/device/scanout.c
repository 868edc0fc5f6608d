/* SPDX-License-Identifier: MIT */
/*
 * SET_SCANOUT, SET_SCANOUT_BLOB, and what heads show; see scanout.h. All
 * rectangles, strides and offsets are the guest's and checked in 64 bits before
 * a view is made of them; whoever holds a view may trust it.
 */
#include "device/scanout.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/device.h"
#include "device/present.h"
#include "device/request.h"

/* The largest head that settings allow, and the largest picture that displays can take. */
#define MAX_SIDE 65535
#define MAX_PICTURE_BYTES (UINT64_C(1) << 30)

bool pg_rect_inside(const struct paragpu_rect *rect, uint32_t width, uint32_t height)
{
	return pg_range_inside(rect->x, rect->width, width) &&
	       pg_range_inside(rect->y, rect->height, height);
}

static void intersect(uint32_t a, uint32_t a_length, uint32_t b, uint32_t b_length, uint32_t *start,
		      uint32_t *length)
{
	uint64_t a_end = (uint64_t)a + a_length, b_end = (uint64_t)b + b_length;
	uint64_t end = a_end < b_end ? a_end : b_end;

	*start = a > b ? a : b;
	*length = end > *start ? (uint32_t)(end - *start) : 0;
}

struct paragpu_rect pg_rect_intersect(const struct paragpu_rect *a, const struct paragpu_rect *b)
{
	struct paragpu_rect both;

	intersect(a->x, a->width, b->x, b->width, &both.x, &both.width);
	intersect(a->y, a->height, b->y, b->height, &both.y, &both.height);
	if (!both.width || !both.height)
		both = (struct paragpu_rect){0};
	return both;
}

/* The guest's pages of what a renderer made are only what was, or will be, copied there. */
static const struct pg_object *object_of(const struct pg_resource *resource)
{
	return resource->host || pg_resource_is_foreign(resource) ? resource->host
								  : resource->backing;
}

bool pg_scanout_picture(const struct paragpu_device *device, uint32_t head,
			struct paragpu_picture *picture)
{
	const struct pg_view *view = &device->scanouts[head].view;
	const struct pg_object *object;
	uint64_t offset, length;

	if (!view->resource)
		return false;
	object = object_of(view->resource);
	offset = view->offset + (uint64_t)view->rect.y * view->stride + (uint64_t)view->rect.x * 4;
	length = (uint64_t)(view->rect.height - 1) * view->stride + (uint64_t)view->rect.width * 4;
	*picture = (struct paragpu_picture){
		.width = view->rect.width,
		.height = view->rect.height,
		.format = view->format,
		.stride = view->stride,
		.modifier = view->modifier,
		.source = object,
		.source_offset = offset,
	};
	picture->pixels = pg_object_flat(object, offset, length, &picture->fd, &picture->fd_offset);
	if (view->modifier)
		picture->pixels = NULL;
	return true;
}

static bool views_equal(const struct pg_view *a, const struct pg_view *b)
{
	return a->resource == b->resource && !memcmp(&a->rect, &b->rect, sizeof(a->rect)) &&
	       a->format == b->format && a->stride == b->stride && a->offset == b->offset &&
	       a->modifier == b->modifier;
}

void pg_scanout_set(struct paragpu_device *device, uint32_t head, const struct pg_view *view)
{
	struct pg_view *current = &device->scanouts[head].view;
	uint16_t bit = (uint16_t)(1u << head);

	if (views_equal(current, view))
		return;
	if (current->resource)
		current->resource->scanouts &= (uint16_t)~bit;
	*current = *view;
	if (current->resource)
		current->resource->scanouts |= bit;
	pg_displays_scanout(device, head);
}

void pg_scanouts_drop(struct paragpu_device *device, struct pg_resource *resource)
{
	static const struct pg_view off;

	for (uint32_t head = 0; resource->scanouts && head < device->head_count; head++)
		if (device->scanouts[head].view.resource == resource)
			pg_scanout_set(device, head, &off);
}

int pg_resource_make_file(struct paragpu_device *device, struct pg_resource *resource)
{
	void *old;
	int error = pg_object_make_file(resource->host, &old);

	if (error || !old)
		return error;
	for (uint32_t head = 0; head < device->head_count; head++)
		if (device->scanouts[head].view.resource == resource)
			pg_displays_scanout(device, head);
	free(old);
	return 0;
}

void pg_scanouts_reset(struct paragpu_device *device)
{
	static const struct pg_view off;

	for (uint32_t head = 0; head < device->head_count; head++) {
		struct pg_scanout *scanout = &device->scanouts[head];
		bool visible = scanout->cursor.visible;

		pg_scanout_set(device, head, &off);
		if (scanout->cursor_resource)
			scanout->cursor_resource->cursors &= (uint16_t)~(1u << head);
		scanout->cursor_resource = NULL;
		scanout->cursor.visible = false;
		if (visible)
			pg_displays_cursor(device, head, false);
	}
}

void pg_scanouts_set_memory(struct paragpu_device *device, struct paragpu_memory *memory)
{
	struct paragpu_memory *old = device->memory;
	struct paragpu_picture before[PARAGPU_MAX_HEADS], now;
	bool shown[PARAGPU_MAX_HEADS] = {false};

	for (uint32_t head = 0; head < device->head_count; head++)
		shown[head] = pg_scanout_picture(device, head, &before[head]);
	device->memory = memory;
	for (uint32_t head = 0; head < device->head_count; head++) {
		if (!shown[head] || !pg_scanout_picture(device, head, &now))
			continue;
		if (now.pixels != before[head].pixels || now.fd != before[head].fd ||
		    now.fd_offset != before[head].fd_offset)
			pg_displays_scanout(device, head);
	}
	/* Only now: until they were told, displays may have looked at the old pictures. */
	paragpu_memory_unref(&old);
}

static uint64_t bytes_of(const struct paragpu_rect *rect)
{
	return (uint64_t)rect->width * rect->height * 4;
}

/*
 * Whether the head may show a picture of that size. Each display keeps a copy
 * of what it shows, and a blob is no bound for that: its entries may name the
 * same page a million times. So all pictures shown count against the same
 * limit as all images stored.
 */
static uint32_t check_size(const struct paragpu_device *device, uint32_t head,
			   const struct paragpu_rect *rect)
{
	uint64_t total;

	if (!rect->width || !rect->height || rect->width > MAX_SIDE || rect->height > MAX_SIDE)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	total = bytes_of(rect);
	if (total > MAX_PICTURE_BYTES)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	for (uint32_t i = 0; i < device->head_count; i++)
		if (i != head && device->scanouts[i].view.resource)
			total += bytes_of(&device->scanouts[i].view.rect);
	return total > device->quota.limits.host_bytes ? VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
						       : VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_set_scanout(struct pg_call *call)
{
	const struct virtio_gpu_set_scanout *command = pg_call_fixed(call, virtio_gpu_set_scanout);
	uint32_t head = pg_from_le32(command->scanout_id), result;
	struct pg_view view = {0};

	if (head >= call->device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (pg_from_le32(command->resource_id)) {
		view.resource = pg_call_resource(call, command->resource_id);
		/* A blob has neither size nor format: SET_SCANOUT_BLOB brings them. */
		if (!view.resource || view.resource->kind == PARAGPU_RESOURCE_BLOB)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		view.rect = pg_rect_from_wire(&command->r);
		if (!pg_rect_inside(&view.rect, view.resource->as.image.width,
				    view.resource->as.image.height))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		result = check_size(call->device, head, &view.rect);
		if (result != VIRTIO_GPU_RESP_OK_NODATA)
			return result;
		if (view.resource->kind == PARAGPU_RESOURCE_3D)
			return pg_scanout_present(call, head, &view);
		view.format = view.resource->as.image.format;
		view.stride = view.resource->as.image.width * 4;
	}
	pg_scanout_set(call->device, head, &view);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Whether a framebuffer as described lies inside a blob of `size` bytes. */
static bool framebuffer_fits(const struct virtio_gpu_set_scanout_blob *command, uint64_t size)
{
	uint64_t width = pg_from_le32(command->width), height = pg_from_le32(command->height);
	uint64_t stride = pg_from_le32(command->strides[0]);
	uint64_t length;

	/* Of three 32-bit numbers: (2^32 - 1)^2 + 2^34 does not wrap. */
	if (!width || !height || stride < width * 4)
		return false;
	length = (height - 1) * stride + width * 4;
	return pg_range_inside(pg_from_le32(command->offsets[0]), length, size);
}

uint32_t pg_set_scanout_blob(struct pg_call *call)
{
	const struct virtio_gpu_set_scanout_blob *command =
		pg_call_fixed(call, virtio_gpu_set_scanout_blob);
	uint32_t head = pg_from_le32(command->scanout_id), result;
	struct pg_view view = {0};

	if (head >= call->device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (pg_from_le32(command->resource_id)) {
		view.resource = pg_call_resource(call, command->resource_id);
		if (!view.resource || view.resource->kind != PARAGPU_RESOURCE_BLOB)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		view.rect = pg_rect_from_wire(&command->r);
		view.format = pg_from_le32(command->format);
		view.stride = pg_from_le32(command->strides[0]);
		view.offset = pg_from_le32(command->offsets[0]);
		if (!pg_format_find(view.format) ||
		    !framebuffer_fits(command, view.resource->size) ||
		    !pg_rect_inside(&view.rect, pg_from_le32(command->width),
				    pg_from_le32(command->height)))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		result = check_size(call->device, head, &view.rect);
		if (result != VIRTIO_GPU_RESP_OK_NODATA)
			return result;
		if (pg_resource_needs_present(view.resource))
			return pg_scanout_present(call, head, &view);
		if (pg_resource_open(call->device, view.resource))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	pg_scanout_set(call->device, head, &view);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

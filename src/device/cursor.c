/* SPDX-License-Identifier: MIT */
/*
 * UPDATE_CURSOR and MOVE_CURSOR ("Device Operation: cursorq").
 *
 * Linux gives no room for a response, so what is wrong is mostly put up with:
 * an image that cannot be used leaves the old shape but still moves. The image
 * is copied when UPDATE arrives; the guest may then do with it what it likes.
 */
#include <string.h>

#include "device/device.h"
#include "device/picture.h"
#include "device/present.h"
#include "device/request.h"

#define IMAGE_PIXELS ((size_t)PARAGPU_CURSOR_SIZE * PARAGPU_CURSOR_SIZE)
#define IMAGE_BYTES (IMAGE_PIXELS * 4)

static_assert(PARAGPU_CURSOR_SIZE == VIRTIO_GPU_CURSOR_SIZE, "size of the pointer");

/* Reads a pointer's image. False if the resource is none: too small, too large, without memory. */
static bool read_image(const struct pg_resource *resource, uint32_t pixels[IMAGE_PIXELS])
{
	uint32_t format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, raw[IMAGE_PIXELS];
	const struct pg_object *object = resource->host ? resource->host : resource->backing;

	if (!object)
		return false;
	if (resource->kind == PARAGPU_RESOURCE_BLOB) {
		/* No one says what a blob contains; by custom 64 rows of 64 pixels. */
		if (resource->size < IMAGE_BYTES)
			return false;
	} else {
		if (resource->as.image.width != PARAGPU_CURSOR_SIZE ||
		    resource->as.image.height != PARAGPU_CURSOR_SIZE)
			return false;
		format = resource->as.image.format;
	}
	if (pg_object_read(object, 0, raw, sizeof(raw)) != sizeof(raw))
		return false;
	pg_convert_argb(format, raw, pixels, IMAGE_PIXELS);
	return true;
}

/* The same of what a renderer presented. */
static bool read_presented(struct pg_work *work, struct pg_resource *resource,
			   uint32_t pixels[IMAGE_PIXELS])
{
	const struct paragpu_image *image = &work->answer.image;
	const size_t row = (size_t)PARAGPU_CURSOR_SIZE * 4;
	uint32_t raw[IMAGE_PIXELS];

	if (work->error || pg_present_adopt(work, resource) || image->modifier ||
	    image->width < PARAGPU_CURSOR_SIZE || image->height < PARAGPU_CURSOR_SIZE)
		return false;
	for (uint32_t y = 0; y < PARAGPU_CURSOR_SIZE; y++)
		if (pg_object_read(resource->host, (uint64_t)y * image->stride,
				   raw + (size_t)y * PARAGPU_CURSOR_SIZE, row) != row)
			return false;
	pg_convert_argb(image->format, raw, pixels, IMAGE_PIXELS);
	return true;
}

static void set_resource(struct paragpu_device *device, uint32_t head, struct pg_resource *resource)
{
	struct pg_scanout *scanout = &device->scanouts[head];
	uint16_t bit = (uint16_t)(1u << head);

	if (scanout->cursor_resource)
		scanout->cursor_resource->cursors &= (uint16_t)~bit;
	scanout->cursor_resource = resource;
	if (resource)
		resource->cursors |= bit;
	scanout->cursor.visible = resource != NULL;
}

void pg_cursors_drop(struct paragpu_device *device, struct pg_resource *resource)
{
	for (uint32_t head = 0; resource->cursors && head < device->head_count; head++) {
		if (device->scanouts[head].cursor_resource != resource)
			continue;
		set_resource(device, head, NULL);
		pg_displays_cursor(device, head, false);
	}
}

static void set_position(struct paragpu_cursor *cursor, const struct virtio_gpu_cursor_pos *pos)
{
	cursor->x = (int32_t)pg_from_le32(pos->x);
	cursor->y = (int32_t)pg_from_le32(pos->y);
}

static uint32_t clamp_hot_spot(le32 value)
{
	uint32_t spot = pg_from_le32(value);

	return spot < PARAGPU_CURSOR_SIZE ? spot : PARAGPU_CURSOR_SIZE - 1;
}

/* The rest of UPDATE_CURSOR, when it is known whether there is a new image. */
static uint32_t update(struct paragpu_device *device,
		       const struct virtio_gpu_update_cursor *command, struct pg_resource *resource,
		       bool image_changed)
{
	uint32_t head = pg_from_le32(command->pos.scanout_id);
	struct paragpu_cursor *cursor = &device->scanouts[head].cursor;

	set_position(cursor, &command->pos);
	if (!resource || image_changed)
		set_resource(device, head, resource);
	if (image_changed) {
		cursor->hot_x = clamp_hot_spot(command->hot_x);
		cursor->hot_y = clamp_hot_spot(command->hot_y);
	}
	pg_displays_cursor(device, head, image_changed);
	return resource && !image_changed ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
					  : VIRTIO_GPU_RESP_OK_NODATA;
}

static void presented(struct pg_work *work)
{
	struct paragpu_device *device = work->device;
	uint32_t head = pg_from_le32(work->cursor.pos.scanout_id);
	bool changed = read_presented(work, work->resource, device->scanouts[head].cursor.pixels);

	pg_work_finish(work, update(device, &work->cursor, work->resource, changed));
}

/* An image in a renderer, which is asked for it first. */
static uint32_t update_later(struct pg_call *call, struct pg_resource *resource, uint32_t head)
{
	static const struct paragpu_rect whole = {
		.width = PARAGPU_CURSOR_SIZE,
		.height = PARAGPU_CURSOR_SIZE,
	};
	const struct pg_keys keys = {.resource = resource->id, .head = head + 1};
	struct pg_work *work;
	uint32_t result = pg_present(call, &keys, resource, &whole, &work);

	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	work->resource = resource;
	work->cursor = *pg_call_fixed(call, virtio_gpu_update_cursor);
	pg_work_stage(work, presented);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_update_cursor(struct pg_call *call)
{
	const struct virtio_gpu_update_cursor *command =
		pg_call_fixed(call, virtio_gpu_update_cursor);
	struct paragpu_device *device = call->device;
	uint32_t head = pg_from_le32(command->pos.scanout_id);
	struct pg_resource *resource = NULL;
	bool image_changed = false;

	if (head >= device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (pg_from_le32(command->resource_id)) {
		resource = pg_call_resource(call, command->resource_id);
		if (!resource)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		if (pg_resource_needs_present(resource))
			return update_later(call, resource, head);
		if (resource->kind == PARAGPU_RESOURCE_BLOB)
			pg_resource_open(device, resource);
		image_changed = read_image(resource, device->scanouts[head].cursor.pixels);
	}
	return update(device, command, resource, image_changed);
}

uint32_t pg_move_cursor(struct pg_call *call)
{
	const struct virtio_gpu_update_cursor *command =
		pg_call_fixed(call, virtio_gpu_update_cursor);
	uint32_t head = pg_from_le32(command->pos.scanout_id);

	if (head >= call->device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	set_position(&call->device->scanouts[head].cursor, &command->pos);
	pg_displays_cursor(call->device, head, false);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

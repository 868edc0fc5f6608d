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
#include "device/request.h"

#define IMAGE_PIXELS ((size_t)PARAGPU_CURSOR_SIZE * PARAGPU_CURSOR_SIZE)
#define IMAGE_BYTES (IMAGE_PIXELS * 4)

static_assert(PARAGPU_CURSOR_SIZE == VIRTIO_GPU_CURSOR_SIZE, "size of the pointer");

/* Reads a pointer's image. False if the resource is none: too small, too large, without memory. */
static bool read_image(const struct pg_resource *resource, uint32_t pixels[IMAGE_PIXELS])
{
	uint32_t format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, raw[IMAGE_PIXELS];
	const struct pg_object *object;

	if (resource->kind == PARAGPU_RESOURCE_BLOB) {
		/* No one says what a blob contains; by custom 64 rows of 64 pixels. */
		if (!resource->backing || resource->size < IMAGE_BYTES)
			return false;
		object = resource->backing;
	} else {
		if (resource->as.image.width != PARAGPU_CURSOR_SIZE ||
		    resource->as.image.height != PARAGPU_CURSOR_SIZE)
			return false;
		format = resource->as.image.format;
		object = resource->host;
	}
	if (pg_object_read(object, 0, raw, sizeof(raw)) != sizeof(raw))
		return false;
	pg_convert_argb(format, raw, pixels, IMAGE_PIXELS);
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

uint32_t pg_update_cursor(struct pg_call *call)
{
	const struct virtio_gpu_update_cursor *command =
		pg_call_fixed(call, virtio_gpu_update_cursor);
	struct paragpu_device *device = call->device;
	uint32_t head = pg_from_le32(command->pos.scanout_id);
	struct pg_resource *resource = NULL;
	struct paragpu_cursor *cursor;
	bool image_changed = false;

	if (head >= device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	cursor = &device->scanouts[head].cursor;
	if (pg_from_le32(command->resource_id)) {
		resource = pg_call_resource(call, command->resource_id);
		if (!resource)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		image_changed = read_image(resource, cursor->pixels);
	}
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

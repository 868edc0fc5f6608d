/* SPDX-License-Identifier: MIT */
/* A device as a display sees it; see fake_device.h. */
#include "fake_device.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/virtio_gpu.h"

const uint32_t fake_formats[8] = {
	VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
	VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM,
	VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM,
	VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,
};

/* Which byte of a pixel in memory has red, green, blue, alpha: the letters of the format's name. */
static const char *byte_order(uint32_t format)
{
	switch (format) {
	case VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM:
	case VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM:
		return "BGRA";
	case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM:
		return "ARGB";
	case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM:
		return "RGBA";
	default:
		return "ABGR";
	}
}

static unsigned int shift_of(char channel)
{
	return channel == 'B' ? 0 : channel == 'G' ? 8 : channel == 'R' ? 16 : 24;
}

void fake_put(struct fake_picture *picture, uint32_t x, uint32_t y, uint32_t argb)
{
	uint8_t *pixel = picture->memory + (size_t)y * picture->stride + (size_t)x * 4;
	const char *order = byte_order(picture->format);

	for (size_t i = 0; i < 4; i++)
		pixel[i] = (uint8_t)(argb >> shift_of(order[i]));
}

uint32_t fake_pixel(const struct fake_picture *picture, uint32_t x, uint32_t y)
{
	const uint8_t *pixel = picture->memory + (size_t)y * picture->stride + (size_t)x * 4;
	const char *order = byte_order(picture->format);
	uint32_t argb = 0;

	if (y >= picture->backed)
		return 0xff000000;
	for (size_t i = 0; i < 4; i++)
		argb |= (uint32_t)pixel[i] << shift_of(order[i]);
	return argb | 0xff000000;
}

void fake_fill(struct fake_picture *picture, struct paragpu_rect rect, uint32_t seed)
{
	for (uint32_t y = rect.y; y < rect.y + rect.height; y++)
		for (uint32_t x = rect.x; x < rect.x + rect.width; x++)
			fake_put(picture, x, y,
				 ((x * 2654435761u) ^ (y * 40503u) ^ (seed * 2246822519u)) *
					 2654435761u);
}

void fake_attach(struct fake_device *device, struct paragpu_display *display)
{
	device->display = display;
	display->device = device;
}

void fake_detach(struct fake_device *device)
{
	device->display->device = NULL;
	device->display = NULL;
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		free(device->heads[i].memory);
		device->heads[i].memory = NULL;
	}
}

static void describe(const struct fake_picture *fake, struct paragpu_picture *picture)
{
	*picture = (struct paragpu_picture){
		.width = fake->width,
		.height = fake->height,
		.format = fake->format,
		.stride = fake->stride,
		.pixels = fake->scattered || fake->backed < fake->height ? NULL : fake->memory,
		.fd = fake->fd,
		.fd_offset = fake->fd_offset,
		.modifier = fake->modifier,
		.source = fake,
	};
}

void fake_show(struct fake_device *device, uint32_t head, uint32_t width, uint32_t height,
	       uint32_t format, uint32_t seed)
{
	struct fake_picture *fake = &device->heads[head];
	uint8_t *old = fake->memory;
	struct paragpu_picture picture;

	*fake = (struct fake_picture){
		.width = width,
		.height = height,
		.format = format,
		.stride = width * 4 + (seed & 1 ? 64 : 0),
		.backed = height,
		.fd = -1,
	};
	fake->memory = calloc(fake->stride, height);
	assert_non_null(fake->memory);
	fake_fill(fake, (struct paragpu_rect){0, 0, width, height}, seed);
	describe(fake, &picture);
	free(old); /* as a guest may: it is not to be touched from here on */
	if (device->display->ops->scanout)
		device->display->ops->scanout(device->display, head, &picture);
}

void fake_off(struct fake_device *device, uint32_t head)
{
	free(device->heads[head].memory);
	device->heads[head].memory = NULL;
	if (device->display->ops->scanout)
		device->display->ops->scanout(device->display, head, NULL);
}

void fake_flush(struct fake_device *device, uint32_t head, struct paragpu_rect damage,
		struct paragpu_flush *flush)
{
	struct paragpu_flush own = {0};
	struct paragpu_picture picture;

	describe(&device->heads[head], &picture);
	if (!flush)
		flush = &own;
	flush->inside = true;
	if (device->display->ops->flush)
		device->display->ops->flush(device->display, head, &picture, damage, flush);
	flush->inside = false;
	assert_int_equal(own.holds, 0);
}

void fake_flush_all(struct fake_device *device, uint32_t head, struct paragpu_flush *flush)
{
	const struct fake_picture *fake = &device->heads[head];

	fake_flush(device, head, (struct paragpu_rect){0, 0, fake->width, fake->height}, flush);
}

/* --- what displays call --- */

bool paragpu_display_picture(const struct paragpu_display *display, uint32_t head,
			     struct paragpu_picture *picture)
{
	const struct fake_device *device = display->device;

	if (!device || !device->heads[head].memory)
		return false;
	describe(&device->heads[head], picture);
	return true;
}

static bool inside(const struct paragpu_picture *picture, struct paragpu_rect rect)
{
	return rect.x <= picture->width && rect.width <= picture->width - rect.x &&
	       rect.y <= picture->height && rect.height <= picture->height - rect.y;
}

int paragpu_picture_read(const struct paragpu_picture *picture, struct paragpu_rect rect,
			 void *destination, size_t stride)
{
	const struct fake_picture *fake = picture->source;

	if (!inside(picture, rect))
		return -EINVAL;
	for (uint32_t y = 0; y < rect.height; y++) {
		uint8_t *to = (uint8_t *)destination + y * stride;

		if (rect.y + y >= fake->backed)
			memset(to, 0, rect.width * (size_t)4);
		else
			memcpy(to,
			       fake->memory + (size_t)(rect.y + y) * fake->stride +
				       (size_t)rect.x * 4,
			       rect.width * (size_t)4);
	}
	return 0;
}

int paragpu_picture_read_xrgb(const struct paragpu_picture *picture, struct paragpu_rect rect,
			      void *destination, size_t stride)
{
	if (!inside(picture, rect))
		return -EINVAL;
	for (uint32_t y = 0; y < rect.height; y++)
		for (uint32_t x = 0; x < rect.width; x++) {
			uint32_t pixel = fake_pixel(picture->source, rect.x + x, rect.y + y);

			memcpy((uint8_t *)destination + y * stride + (size_t)x * 4, &pixel, 4);
		}
	return 0;
}

size_t paragpu_picture_row(const struct paragpu_picture *picture, uint32_t x, uint32_t y,
			   uint32_t width, struct iovec *vector, size_t capacity)
{
	const struct fake_picture *fake = picture->source;
	uint8_t *bytes = fake->memory + (size_t)y * fake->stride + (size_t)x * 4;
	size_t left = (size_t)width * 4, count = 0;

	if (!width || !inside(picture, (struct paragpu_rect){x, y, width, 1}) || y >= fake->backed)
		return 0;
	while (left) {
		size_t size = fake->scattered && left > 13 + count % 7 ? 13 + count % 7 : left;

		if (count < capacity)
			vector[count] = (struct iovec){bytes, size};
		count++;
		bytes += size;
		left -= size;
	}
	return count;
}

void paragpu_flush_hold(struct paragpu_flush *flush)
{
	assert_true(flush->inside);
	flush->holds++;
}

void paragpu_flush_release(struct paragpu_flush *flush)
{
	assert_true(flush->holds > 0);
	flush->holds--;
}

void paragpu_query_answer_display_info(struct paragpu_query *query,
				       const struct paragpu_head *heads, size_t count)
{
	assert_true(count <= PARAGPU_MAX_HEADS);
	query->answers++;
	query->count = count;
	memcpy(query->heads, heads, count * sizeof(*heads));
}

void paragpu_query_answer_edid(struct paragpu_query *query, const void *edid, size_t size)
{
	assert_true(size <= sizeof(query->edid));
	query->answers++;
	query->edid_size = size;
	memcpy(query->edid, edid, size);
}

void paragpu_query_decline(struct paragpu_query *query)
{
	struct paragpu_display *display = query->asks_again;

	query->answers++;
	query->declined = true;
	query->asks_again = NULL;
	if (display)
		display->ops->get_display_info(display, query);
}

/* SPDX-License-Identifier: MIT */
/*
 * Reading pictures: as they are, or converted by pixman. A picture's bytes are
 * the guest's and change while they are read; its geometry was checked when it
 * was made and is the device's word. Rectangles come from displays and are
 * checked here.
 */
#include "device/picture.h"

#include <endian.h>
#include <errno.h>
#include <pixman.h>
#include <string.h>

#include <paragpu/display.h>

#include "device/object.h"
#include "device/scanout.h"

/* pixman's coordinates are 16-bit: larger rectangles are converted in tiles of this size. */
#define TILE 16384
#define BOUNCE 1024 /* pixels converted at once where they cannot be in place */

/* pixman names words, virtio names bytes in memory. */
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define WORD(little, big) little
#else
#define WORD(little, big) big
#endif

/* Formats that differ only in whether the fourth byte means anything share a pair. */
static const struct {
	uint32_t format;
	pixman_format_code_t with_alpha;
	pixman_format_code_t opaque;
} pixman_formats[] = {
	{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, WORD(PIXMAN_a8r8g8b8, PIXMAN_b8g8r8a8),
	 WORD(PIXMAN_x8r8g8b8, PIXMAN_b8g8r8x8)},
	{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, WORD(PIXMAN_a8r8g8b8, PIXMAN_b8g8r8a8),
	 WORD(PIXMAN_x8r8g8b8, PIXMAN_b8g8r8x8)},
	{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, WORD(PIXMAN_b8g8r8a8, PIXMAN_a8r8g8b8),
	 WORD(PIXMAN_b8g8r8x8, PIXMAN_x8r8g8b8)},
	{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, WORD(PIXMAN_b8g8r8a8, PIXMAN_a8r8g8b8),
	 WORD(PIXMAN_b8g8r8x8, PIXMAN_x8r8g8b8)},
	{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, WORD(PIXMAN_a8b8g8r8, PIXMAN_r8g8b8a8),
	 WORD(PIXMAN_x8b8g8r8, PIXMAN_r8g8b8x8)},
	{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, WORD(PIXMAN_a8b8g8r8, PIXMAN_r8g8b8a8),
	 WORD(PIXMAN_x8b8g8r8, PIXMAN_r8g8b8x8)},
	{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, WORD(PIXMAN_r8g8b8a8, PIXMAN_a8b8g8r8),
	 WORD(PIXMAN_r8g8b8x8, PIXMAN_x8b8g8r8)},
	{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, WORD(PIXMAN_r8g8b8a8, PIXMAN_a8b8g8r8),
	 WORD(PIXMAN_r8g8b8x8, PIXMAN_x8b8g8r8)},
};

/* Returns 0 for a number that is no format. */
static pixman_format_code_t find_format(uint32_t format, bool opaque)
{
	for (size_t i = 0; i < sizeof(pixman_formats) / sizeof(pixman_formats[0]); i++)
		if (pixman_formats[i].format == format)
			return opaque ? pixman_formats[i].opaque : pixman_formats[i].with_alpha;
	return (pixman_format_code_t)0;
}

/* Converts a block to 0xAARRGGBB. Everything is 4-byte aligned, width and height at most TILE. */
static int convert(pixman_format_code_t format, const void *source, size_t source_stride,
		   void *destination, size_t stride, uint32_t width, uint32_t height)
{
	pixman_image_t *from = pixman_image_create_bits_no_clear(
		format, (int)width, (int)height, (uint32_t *)(uintptr_t)source, (int)source_stride);
	pixman_image_t *to = pixman_image_create_bits_no_clear(
		PIXMAN_a8r8g8b8, (int)width, (int)height, destination, (int)stride);
	int error = from && to ? 0 : -ENOMEM;

	if (!error)
		pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, 0, 0, 0, 0, 0, 0,
					 (int32_t)width, (int32_t)height);
	if (from)
		pixman_image_unref(from);
	if (to)
		pixman_image_unref(to);
	return error;
}

void pg_convert_argb(uint32_t format, const uint32_t *source, uint32_t *destination, size_t count)
{
	pixman_format_code_t code = find_format(format, false);

	while (code && count) {
		uint32_t width = count < TILE ? (uint32_t)count : TILE;

		if (convert(code, source, (size_t)width * 4, destination, (size_t)width * 4, width,
			    1))
			memset(destination, 0, (size_t)width * 4);
		source += width;
		destination += width;
		count -= width;
	}
}

/* The raw bytes of `width` pixels from (x, y) on; zeroes where nothing backs them. */
static void read_span(const struct paragpu_picture *picture, uint32_t x, uint32_t y, uint32_t width,
		      void *destination)
{
	uint64_t offset = (uint64_t)y * picture->stride + (uint64_t)x * 4;
	size_t size = (size_t)width * 4, done;

	if (picture->pixels) {
		memcpy(destination, picture->pixels + offset, size);
		return;
	}
	done = pg_object_read(picture->source, picture->source_offset + offset, destination, size);
	memset((uint8_t *)destination + done, 0, size - done);
}

static bool arguments_valid(const struct paragpu_picture *picture, const struct paragpu_rect *rect,
			    size_t stride)
{
	return pg_rect_inside(rect, picture->width, picture->height) && stride / 4 >= rect->width;
}

int paragpu_picture_read(const struct paragpu_picture *picture, struct paragpu_rect rect,
			 void *destination, size_t stride)
{
	uint8_t *row = destination;

	if (!arguments_valid(picture, &rect, stride))
		return -EINVAL;
	for (uint32_t y = 0; y < rect.height && rect.width; y++, row += stride)
		read_span(picture, rect.x, rect.y + y, rect.width, row);
	return 0;
}

/* One row by way of an aligned buffer. */
static int convert_row(const struct paragpu_picture *picture, pixman_format_code_t format,
		       uint32_t x, uint32_t y, uint32_t width, uint8_t *destination)
{
	uint32_t raw[BOUNCE], converted[BOUNCE];

	while (width) {
		uint32_t piece = width < BOUNCE ? width : BOUNCE;
		int error;

		read_span(picture, x, y, piece, raw);
		error = convert(format, raw, sizeof(raw), converted, sizeof(converted), piece, 1);
		if (error)
			return error;
		memcpy(destination, converted, (size_t)piece * 4);
		destination += (size_t)piece * 4;
		x += piece;
		width -= piece;
	}
	return 0;
}

static int convert_in_place(const struct paragpu_picture *picture, pixman_format_code_t format,
			    const struct paragpu_rect *rect, uint8_t *destination, size_t stride)
{
	for (uint32_t y = 0; y < rect->height; y += TILE) {
		for (uint32_t x = 0; x < rect->width; x += TILE) {
			uint32_t width = rect->width - x < TILE ? rect->width - x : TILE;
			uint32_t height = rect->height - y < TILE ? rect->height - y : TILE;
			int error = convert(
				format,
				picture->pixels + (uint64_t)(rect->y + y) * picture->stride +
					(uint64_t)(rect->x + x) * 4,
				picture->stride, destination + y * stride + (size_t)x * 4, stride,
				width, height);

			if (error)
				return error;
		}
	}
	return 0;
}

int paragpu_picture_read_xrgb(const struct paragpu_picture *picture, struct paragpu_rect rect,
			      void *destination, size_t stride)
{
	pixman_format_code_t format = find_format(picture->format, true);
	uint8_t *row = destination;

	if (!format || !arguments_valid(picture, &rect, stride))
		return -EINVAL;
	if (picture->pixels && picture->stride <= INT32_MAX && stride <= INT32_MAX &&
	    !(((uintptr_t)picture->pixels | picture->stride | (uintptr_t)destination | stride) & 3))
		return convert_in_place(picture, format, &rect, destination, stride);
	for (uint32_t y = 0; y < rect.height; y++, row += stride) {
		int error = convert_row(picture, format, rect.x, rect.y + y, rect.width, row);

		if (error)
			return error;
	}
	return 0;
}

size_t paragpu_picture_row(const struct paragpu_picture *picture, uint32_t x, uint32_t y,
			   uint32_t width, struct iovec *vector, size_t capacity)
{
	const struct paragpu_rect span = {.x = x, .y = y, .width = width, .height = 1};
	uint64_t offset = (uint64_t)y * picture->stride + (uint64_t)x * 4;

	if (!width || !pg_rect_inside(&span, picture->width, picture->height))
		return 0;
	if (picture->pixels) {
		if (capacity)
			vector[0] = (struct iovec){
				.iov_base = (void *)(uintptr_t)(picture->pixels + offset),
				.iov_len = (size_t)width * 4,
			};
		return 1;
	}
	return pg_object_pieces(picture->source, picture->source_offset + offset,
				(uint64_t)width * 4, vector, capacity);
}

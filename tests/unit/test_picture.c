/* SPDX-License-Identifier: MIT */
/* Reading pictures: eight formats, flat or scattered, aligned or not, all give the same colours. */
#include <errno.h>
#include <stdlib.h>

#include "harness.h"

#define WIDTH 70
#define HEIGHT 9

/* The bytes of opaque colour 0xff102030 in each format; X bytes are garbage on purpose. */
static const struct {
	uint32_t format;
	uint8_t bytes[4];
} colours[8] = {
	{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, {0x30, 0x20, 0x10, 0x80}},
	{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, {0x30, 0x20, 0x10, 0x55}},
	{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, {0x00, 0x10, 0x20, 0x30}},
	{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, {0x55, 0x10, 0x20, 0x30}},
	{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, {0x10, 0x20, 0x30, 0xff}},
	{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, {0x55, 0x30, 0x20, 0x10}},
	{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, {0x01, 0x30, 0x20, 0x10}},
	{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, {0x10, 0x20, 0x30, 0x55}},
};

/* Shows one colour on head 0 from a blob at `offset`, scattered in 1000-byte pieces or not. */
static void show(struct harness *harness, unsigned int colour, bool scattered, uint32_t offset,
		 uint32_t stride)
{
	struct virtio_gpu_mem_entry entries[33];
	uint32_t step = scattered ? 1000 : 33000;
	uint32_t count = 0, gap = scattered ? 24 : 0;

	for (uint32_t at = 0; at < 33000; at += step, count++)
		entries[count] = entry(count * (step + gap), step);
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH * 4; x++) {
			uint32_t at = offset + y * stride + x;

			harness->ram[at / step * (step + gap) + at % step] =
				colours[colour].bytes[x % 4];
		}
	unref(harness, 1);
	assert_int_equal(create_blob(harness, 1, 33000, entries, count), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, WIDTH, HEIGHT, colours[colour].format,
					  stride, offset, rect(0, 0, WIDTH, HEIGHT)),
			 OK);
}

static void every_format_converts_to_the_same_colour(void **state)
{
	static const uint32_t places[][2] = {{0, WIDTH * 4}, {512, 1024}, {3, WIDTH * 4 + 1}};
	struct harness *harness = *state;
	struct paragpu_picture picture;
	uint32_t pixels[HEIGHT * WIDTH + 1];

	for (unsigned int colour = 0; colour < 8; colour++) {
		for (unsigned int variant = 0; variant < 6; variant++) {
			const uint32_t *place = places[variant / 2];

			show(harness, colour, variant % 2, place[0], place[1]);
			assert_true(paragpu_display_picture(&harness->display.base, 0, &picture));
			assert_int_equal(picture.pixels == NULL, variant % 2);
			memset(pixels, 0, sizeof(pixels));
			assert_int_equal(paragpu_picture_read_xrgb(&picture,
								   rect(0, 0, WIDTH, HEIGHT),
								   pixels, WIDTH * 4),
					 0);
			for (unsigned int i = 0; i < HEIGHT * WIDTH; i++)
				assert_int_equal(pixels[i], 0xff102030);
			assert_int_equal(pixels[HEIGHT * WIDTH], 0);
			/* an odd destination */
			assert_int_equal(paragpu_picture_read_xrgb(&picture, rect(2, 2, 5, 5),
								   (uint8_t *)pixels + 1, 21),
					 0);
		}
	}
}

static void reading_copies_the_rectangle_and_no_more(void **state)
{
	struct harness *harness = *state;
	const struct virtio_gpu_mem_entry all = entry(0, 100 * 100 * 4);
	struct paragpu_picture picture;
	uint32_t pixels[10][12], colour = 0xffffff00;

	for (uint32_t i = 0; i < 10000; i++)
		memcpy(harness->ram + i * 4, &i, 4);
	assert_int_equal(create_blob(harness, 1, 40000, &all, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 100, 100, 2, 400, 0, rect(10, 10, 50, 50)),
			 OK);
	assert_true(paragpu_display_picture(&harness->display.base, 0, &picture));
	memset(pixels, 0xee, sizeof(pixels));
	assert_int_equal(paragpu_picture_read(&picture, rect(40, 40, 10, 10), pixels, 48), 0);
	assert_int_equal(pixels[0][0], 50 * 100 + 50);
	assert_int_equal(pixels[9][9], 59 * 100 + 59);
	assert_int_equal(pixels[9][10], 0xeeeeeeee);
	assert_int_equal(pixels[0][11], 0xeeeeeeee);
	/* outside of the picture, or of the destination's rows */
	assert_int_equal(paragpu_picture_read(&picture, rect(41, 0, 10, 1), pixels, 48), -EINVAL);
	assert_int_equal(paragpu_picture_read(&picture, rect(0, 41, 1, 10), pixels, 48), -EINVAL);
	assert_int_equal(paragpu_picture_read(&picture, rect(0xffffffff, 0, 2, 1), pixels, 48),
			 -EINVAL);
	assert_int_equal(paragpu_picture_read(&picture, rect(0, 0, 10, 10), pixels, 39), -EINVAL);
	assert_int_equal(paragpu_picture_read_xrgb(&picture, rect(0, 0, 51, 1), pixels, 480),
			 -EINVAL);
	assert_int_equal(paragpu_picture_read(&picture, rect(50, 50, 0, 0), &colour, 0), 0);
	assert_int_equal(colour, 0xffffff00);
	picture.format = 99;
	assert_int_equal(paragpu_picture_read_xrgb(&picture, rect(0, 0, 1, 1), pixels, 48),
			 -EINVAL);
}

static void very_wide_pictures_convert_whole(void **state)
{
	const uint32_t width = 65535; /* no head is wider */
	uint32_t *pixels = malloc((size_t)width * 4);
	struct harness *harness = *state;
	struct paragpu_picture picture;
	const struct virtio_gpu_mem_entry all = entry(0, width * 4);

	assert_non_null(pixels);
	for (uint32_t i = 0; i < width; i++)
		memcpy(harness->ram + i * 4, &i, 4);
	assert_int_equal(create_2d(harness, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, width, 1), OK);
	assert_int_equal(attach(harness, 1, &all, 1), OK);
	assert_int_equal(transfer(harness, 1, rect(0, 0, width, 1), 0), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, width, 1)), OK);
	assert_true(paragpu_display_picture(&harness->display.base, 0, &picture));
	assert_int_equal(paragpu_picture_read_xrgb(&picture, rect(0, 0, width, 1), pixels,
						   (size_t)width * 4),
			 0);
	for (uint32_t i = 0; i < width; i++)
		assert_int_equal(pixels[i], (0xff000000 | i));
	free(pixels);
}

static void a_large_image_has_a_file_for_others_to_map(void **state)
{
	struct harness *harness = *state;

	assert_int_equal(create_2d(harness, 1, 2, 1024, 768), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 1024, 768)), OK);
	assert_true(harness->display.picture.fd >= 0);
	assert_non_null(harness->display.picture.pixels);
	assert_int_equal(harness->display.picture.modifier, 0);
	/* descriptors are few: far more images than may have one work as well */
	for (uint32_t id = 2; id < 200; id++)
		assert_int_equal(create_2d(harness, id, 2, 1024, 257), OK);
	assert_int_equal(set_scanout(harness, 0, 199, rect(0, 0, 1024, 257)), OK);
	assert_int_equal(harness->display.picture.fd, -1);
	assert_non_null(harness->display.picture.pixels);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_format_converts_to_the_same_colour),
		TEST(reading_copies_the_rectangle_and_no_more),
		TEST(very_wide_pictures_convert_whole),
		TEST(a_large_image_has_a_file_for_others_to_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

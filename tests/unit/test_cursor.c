/* SPDX-License-Identifier: MIT */
/* The pointer: one a head, read when UPDATE arrives, moved by both commands. */
#include <stdlib.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define BYTES (64 * 64 * 4)

static void fill_image(struct harness *harness, uint32_t id, uint32_t format, uint32_t pixel)
{
	const struct virtio_gpu_mem_entry all = entry(0, BYTES);

	for (uint32_t i = 0; i < BYTES; i += 4)
		memcpy(harness->ram + i, &pixel, 4);
	assert_int_equal(create_2d(harness, id, format, 64, 64), OK);
	assert_int_equal(attach(harness, id, &all, 1), OK);
	assert_int_equal(transfer(harness, id, rect(0, 0, 64, 64), 0), OK);
}

static void an_image_keeps_its_fourth_byte_as_alpha(void **state)
{
	/* bytes 11 22 33 44 in memory, as each format reads them */
	static const uint32_t expected[][2] = {
		{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 0x44332211},
		{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 0x44332211},
		{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 0x11223344},
		{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 0x11223344},
		{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 0x44112233},
		{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 0x44112233},
		{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 0x11443322},
		{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 0x11443322},
	};
	const uint8_t bytes[4] = {0x11, 0x22, 0x33, 0x44};
	struct harness *harness = *state;
	uint32_t pixel;

	memcpy(&pixel, bytes, 4);
	for (uint32_t i = 0; i < 8; i++) {
		fill_image(harness, i + 1, expected[i][0], pixel);
		assert_int_equal(update_cursor(harness, 1, i + 1, -5, -7, 3, 4), OK);
		assert_int_equal(harness->display.cursor.pixels[0], expected[i][1]);
		assert_int_equal(harness->display.cursor.pixels[4095], expected[i][1]);
	}
	assert_int_equal(harness->display.head, 1);
	assert_int_equal(harness->display.images, 8);
	assert_int_equal(harness->display.cursor.x, -5);
	assert_int_equal(harness->display.cursor.y, -7);
	assert_int_equal(harness->display.cursor.hot_x, 3);
	assert_int_equal(harness->display.cursor.hot_y, 4);
}

static void a_move_moves_and_nothing_else(void **state)
{
	struct harness *harness = *state;

	fill_image(harness, 1, BGRX, 0x11223344);
	assert_int_equal(update_cursor(harness, 0, 1, 0, 0, 63, 64), OK);
	assert_int_equal(harness->display.cursor.hot_x, 63);
	assert_int_equal(harness->display.cursor.hot_y, 63); /* inside the image */
	harness->display.images = 0;
	assert_int_equal(move_cursor(harness, 0, INT32_MIN, INT32_MAX), OK);
	assert_int_equal(harness->display.images, 0);
	assert_int_equal(harness->display.cursor.x, INT32_MIN);
	assert_int_equal(harness->display.cursor.y, INT32_MAX);
	assert_int_equal(harness->display.cursor.hot_x, 63);
	assert_true(harness->display.cursor.visible);
	/* the other head has its own, hidden still */
	assert_int_equal(move_cursor(harness, 1, 9, 9), OK);
	assert_false(harness->display.cursor.visible);
}

static void resource_0_hides(void **state)
{
	struct harness *harness = *state;

	fill_image(harness, 1, BGRX, 1);
	assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 0, 0), OK);
	assert_int_equal(update_cursor(harness, 0, 0, 0, 0, 0, 0), OK);
	assert_false(harness->display.cursor.visible);
}

static void a_blob_of_16384_bytes_is_an_image(void **state)
{
	const struct virtio_gpu_mem_entry pages[4] = {entry(0x8000, 4096), entry(0x4000, 4096),
						      entry(0x6000, 4096), entry(0x2000, 4096)};
	struct harness *harness = *state;

	memset(harness->ram + 0x8000, 1, 4096);
	memset(harness->ram + 0x2000, 4, 4096);
	assert_int_equal(create_blob(harness, 1, BYTES, pages, 4), OK);
	assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 0, 0), OK);
	assert_int_equal(harness->display.cursor.pixels[0], 0x01010101);
	assert_int_equal(harness->display.cursor.pixels[4095], 0x04040404);
	/* a copy: what the guest does with its memory now is not seen */
	memset(harness->ram + 0x8000, 9, 4096);
	assert_int_equal(move_cursor(harness, 0, 6, 6), OK);
	assert_int_equal(harness->display.cursor.pixels[0], 0x01010101);
}

static void what_is_no_image_keeps_the_shape_but_moves(void **state)
{
	const struct virtio_gpu_mem_entry page = entry(0, 4096);
	struct harness *harness = *state;

	fill_image(harness, 1, BGRX, 0x01020304);
	assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 1, 1), OK);
	assert_int_equal(create_2d(harness, 2, BGRX, 32, 32), OK);
	assert_int_equal(create_2d(harness, 3, BGRX, 128, 128), OK);
	assert_int_equal(create_blob(harness, 4, 4096, &page, 1), OK);
	assert_int_equal(create_blob(harness, 5, BYTES, NULL, 0), OK);
	harness->display.images = 0;
	for (uint32_t id = 2; id <= 5; id++) {
		assert_int_equal(update_cursor(harness, 0, id, (int32_t)id, 9, 2, 2),
				 BAD_PARAMETER);
		assert_int_equal(harness->display.cursor.x, id);
		assert_int_equal(harness->display.cursor.hot_x, 1);
		assert_int_equal(harness->display.cursor.pixels[77], 0x01020304);
		assert_true(harness->display.cursor.visible);
	}
	assert_int_equal(harness->display.images, 0);
}

static void an_image_before_any_transfer_is_empty(void **state)
{
	struct harness *harness = *state;

	assert_int_equal(create_2d(harness, 1, BGRX, 64, 64), OK);
	assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 0, 0), OK);
	assert_int_equal(harness->display.cursor.pixels[0], 0);
}

static void an_image_used_twice_goes_from_both_heads(void **state)
{
	struct harness *harness = *state;

	fill_image(harness, 1, BGRX, 1);
	fill_image(harness, 2, BGRX, 2);
	assert_int_equal(update_cursor(harness, 0, 1, 5, 5, 0, 0), OK);
	assert_int_equal(update_cursor(harness, 1, 1, 5, 5, 0, 0), OK);
	assert_int_equal(update_cursor(harness, 1, 2, 5, 5, 0, 0), OK);
	harness->display.cursors = 0;
	assert_int_equal(unref(harness, 1), OK);
	assert_int_equal(harness->display.cursors, 1);
	assert_int_equal(harness->display.head, 0);
	assert_false(harness->display.cursor.visible);
	assert_int_equal(unref(harness, 2), OK);
	assert_int_equal(harness->display.head, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_image_keeps_its_fourth_byte_as_alpha),
		TEST(a_move_moves_and_nothing_else),
		TEST(resource_0_hides),
		TEST(a_blob_of_16384_bytes_is_an_image),
		TEST(what_is_no_image_keeps_the_shape_but_moves),
		TEST(an_image_before_any_transfer_is_empty),
		TEST(an_image_used_twice_goes_from_both_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

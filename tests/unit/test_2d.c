/* SPDX-License-Identifier: MIT */
/* What the 2D commands do when all is well: images, transfers, scanouts, damage. */
#include <stdlib.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

/* Pixel (x, y) of the guest's picture in a store whose rows are `width` pixels. */
static void paint(struct harness *harness, uint32_t width, uint32_t height)
{
	uint32_t *pixels = (uint32_t *)(void *)harness->ram;

	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			pixels[y * width + x] = y << 16 | x;
}

static uint32_t shown(struct harness *harness, uint32_t x, uint32_t y)
{
	struct paragpu_picture picture;
	uint32_t pixel;

	assert_true(paragpu_display_picture(&harness->display.base, 0, &picture));
	assert_int_equal(paragpu_picture_read(&picture, rect(x, y, 1, 1), &pixel, 4), 0);
	return pixel;
}

static void start_image(struct harness *harness, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_mem_entry all = entry(0, width * height * 4);

	assert_int_equal(create_2d(harness, 1, BGRX, width, height), OK);
	assert_int_equal(attach(harness, 1, &all, 1), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, width, height)), OK);
	paint(harness, width, height);
}

static void a_new_image_is_black(void **state)
{
	assert_int_equal(create_2d(*state, 1, BGRX, 1024, 1024), OK);
	assert_int_equal(set_scanout(*state, 0, 1, rect(0, 0, 1024, 1024)), OK);
	for (uint32_t i = 0; i < 1024; i += 31)
		assert_int_equal(shown(*state, i, i), 0);
}

static void the_offset_is_that_of_the_rectangle(void **state)
{
	struct harness *harness = *state;

	start_image(harness, 640, 480);
	/* as Linux does it: 1 to 1 */
	assert_int_equal(transfer(harness, 1, rect(200, 100, 100, 50), 200 * 4 + 100 * 2560), OK);
	assert_int_equal(shown(harness, 200, 100), 100 << 16 | 200);
	assert_int_equal(shown(harness, 299, 149), 149 << 16 | 299);
	assert_int_equal(shown(harness, 300, 149), 0);
	assert_int_equal(shown(harness, 199, 100), 0);
	assert_int_equal(shown(harness, 200, 150), 0);
	/* elsewhere: the first pixel of the store lands on the rectangle's */
	assert_int_equal(transfer(harness, 1, rect(10, 20, 100, 50), 0), OK);
	assert_int_equal(shown(harness, 10, 20), 0);
	assert_int_equal(shown(harness, 11, 20), 1);
	assert_int_equal(shown(harness, 10, 21), 1 << 16);
	/* full rows, moved down */
	assert_int_equal(transfer(harness, 1, rect(0, 300, 640, 10), 0), OK);
	assert_int_equal(shown(harness, 639, 309), 9 << 16 | 639);
	assert_int_equal(shown(harness, 0, 310), 0);
}

static void a_short_backing_leaves_the_rest(void **state)
{
	struct virtio_gpu_mem_entry few = entry(0, 16);
	struct harness *harness = *state;

	assert_int_equal(create_2d(harness, 1, BGRX, 8, 8), OK);
	assert_int_equal(attach(harness, 1, &few, 1), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 8, 8)), OK);
	memset(harness->ram, 0x11, 4096);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 8, 8), 0), OK);
	assert_int_equal(shown(harness, 3, 0), 0x11111111);
	assert_int_equal(shown(harness, 4, 0), 0);
	assert_int_equal(shown(harness, 0, 1), 0);
	/* beyond 32 bits is beyond the end, not at the start */
	assert_int_equal(transfer(harness, 1, rect(0, 4, 8, 4), UINT64_C(1) << 32), OK);
	assert_int_equal(transfer(harness, 1, rect(1, 4, 7, 4), UINT64_MAX - 3), OK);
	assert_int_equal(shown(harness, 0, 4), 0);
	assert_int_equal(shown(harness, 1, 5), 0);
}

static void a_backing_may_be_in_pieces_of_any_kind(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_mem_entry entries[65];
	uint32_t count = 0;

	/* pages in reverse order, an empty entry, the last page twice */
	for (uint32_t i = 0; i < 64; i++)
		entries[count++] = entry((63 - i) * 4096, i == 30 ? 0 : 4096);
	entries[count++] = entry(0, 4096);
	assert_int_equal(create_2d(harness, 1, BGRX, 64, 1024), OK);
	assert_int_equal(attach(harness, 1, entries, count), OK);
	assert_int_equal(set_scanout(harness, 0, 1, rect(0, 0, 64, 1024)), OK);
	for (uint32_t page = 0; page < 64; page++)
		memset(harness->ram + page * 4096, (int)page + 1, 4096);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 1024), 0), OK);
	assert_int_equal(shown(harness, 0, 0), 0x40404040);
	assert_int_equal(shown(harness, 63, 16 * 30), 0x21212121);
	assert_int_equal(shown(harness, 0, 16 * 62), 0x01010101);
	assert_int_equal(shown(harness, 0, 16 * 63), 0x01010101);
}

static void memory_taken_away_reads_as_zeroes(void **state)
{
	struct harness *harness = *state;
	struct paragpu_memory *empty;

	start_image(harness, 64, 64);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	assert_int_equal(shown(harness, 5, 5), 5 << 16 | 5);
	assert_int_equal(paragpu_memory_create(&empty), 0);
	paragpu_device_set_memory(harness->device, empty);
	paragpu_memory_unref(&empty);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	assert_int_equal(shown(harness, 5, 5), 0);
	paragpu_device_set_memory(harness->device, NULL);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	paragpu_device_set_memory(harness->device, harness->memory);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	assert_int_equal(shown(harness, 5, 5), 5 << 16 | 5);
}

static void a_scanout_shows_its_rectangle(void **state)
{
	struct harness *harness = *state;
	struct paragpu_scanout_info info;

	start_image(harness, 100, 100);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 100, 100), 0), OK);
	assert_int_equal(set_scanout(harness, 1, 1, rect(30, 40, 20, 10)), OK);
	assert_int_equal(harness->display.head, 1);
	assert_int_equal(harness->display.picture.width, 20);
	assert_int_equal(harness->display.picture.height, 10);
	assert_int_equal(harness->display.picture.stride, 400);
	assert_int_equal(harness->display.picture.format, BGRX);
	assert_int_equal(*(const uint32_t *)(const void *)harness->display.picture.pixels,
			 40 << 16 | 30);
	assert_true(paragpu_device_get_scanout(harness->device, 1, &info));
	assert_true(info.enabled);
	assert_int_equal(info.resource_id, 1);
	assert_int_equal(info.rect.y, 40);
	/* the size changes with the scanout */
	assert_int_equal(set_scanout(harness, 1, 1, rect(0, 0, 1, 1)), OK);
	assert_int_equal(harness->display.picture.width, 1);
	/* the same again is no news */
	harness->display.scanouts = 0;
	assert_int_equal(set_scanout(harness, 1, 1, rect(0, 0, 1, 1)), OK);
	assert_int_equal(harness->display.scanouts, 0);
	/* resource 0 switches off, whatever the rectangle */
	assert_int_equal(set_scanout(harness, 1, 0, rect(~0u, 1, 2, ~0u)), OK);
	assert_int_equal(harness->display.offs, 1);
	assert_true(paragpu_device_get_scanout(harness->device, 1, &info));
	assert_false(info.enabled);
	assert_int_equal(set_scanout(harness, 1, 0, rect(0, 0, 0, 0)), OK);
}

static void damage_is_exact_and_per_head(void **state)
{
	struct harness *harness = *state;
	struct recorder *display = &harness->display;

	start_image(harness, 100, 100);
	assert_int_equal(set_scanout(harness, 0, 1, rect(20, 20, 50, 50)), OK);
	assert_int_equal(flush(harness, 1, rect(0, 0, 100, 100)), OK);
	assert_int_equal(display->flushes, 1);
	assert_rect(&display->damage, 0, 0, 50, 50);
	assert_int_equal(flush(harness, 1, rect(30, 60, 10, 20)), OK);
	assert_rect(&display->damage, 10, 40, 10, 10);
	/* beside the shown part: no flush */
	display->flushes = 0;
	assert_int_equal(flush(harness, 1, rect(70, 0, 30, 100)), OK);
	assert_int_equal(flush(harness, 1, rect(0, 0, 20, 20)), OK);
	assert_int_equal(flush(harness, 1, rect(30, 30, 0, 5)), OK);
	assert_int_equal(display->flushes, 0);
	/* two heads, one flush each; then one is disabled */
	assert_int_equal(set_scanout(harness, 1, 1, rect(0, 0, 100, 100)), OK);
	assert_int_equal(flush(harness, 1, rect(25, 25, 1, 1)), OK);
	assert_int_equal(display->flushes, 2);
	assert_rect(&display->damage, 25, 25, 1, 1);
	assert_int_equal(set_scanout(harness, 0, 0, rect(0, 0, 0, 0)), OK);
	assert_int_equal(flush(harness, 1, rect(25, 25, 1, 1)), OK);
	assert_int_equal(display->flushes, 3);
	assert_int_equal(display->head, 1);
	/* on no head: fine */
	assert_int_equal(set_scanout(harness, 1, 0, rect(0, 0, 0, 0)), OK);
	assert_int_equal(flush(harness, 1, rect(25, 25, 1, 1)), OK);
	assert_int_equal(display->flushes, 3);
}

static void unref_switches_off_what_shows_it(void **state)
{
	struct harness *harness = *state;
	struct paragpu_scanout_info info;

	start_image(harness, 64, 64);
	assert_int_equal(set_scanout(harness, 1, 1, rect(0, 0, 64, 64)), OK);
	assert_int_equal(update_cursor(harness, 0, 1, 1, 1, 0, 0), OK);
	assert_true(harness->display.cursor.visible);
	assert_int_equal(unref(harness, 1), OK);
	assert_int_equal(harness->display.offs, 2);
	assert_false(harness->display.cursor.visible);
	assert_true(paragpu_device_get_scanout(harness->device, 0, &info));
	assert_false(info.enabled);
	assert_int_equal(flush(harness, 1, rect(0, 0, 1, 1)), BAD_RESOURCE);
	assert_int_equal(move_cursor(harness, 0, 5, 5), OK);
	/* the number may be used again */
	assert_int_equal(create_2d(harness, 1, BGRX, 5, 5), OK);
}

static void detaching_keeps_the_image(void **state)
{
	struct harness *harness = *state;

	start_image(harness, 64, 64);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 64, 64), 0), OK);
	assert_int_equal(detach(harness, 1), OK);
	assert_int_equal(shown(harness, 9, 9), 9 << 16 | 9);
	assert_int_equal(detach(harness, 1), OK);
	assert_int_equal(transfer(harness, 1, rect(0, 0, 1, 1), 0), BAD_PARAMETER);
}

static void uuids_are_random_and_stay(void **state)
{
	struct virtio_gpu_resource_assign_uuid command = {.resource_id = pg_to_le32(1)};
	struct harness *harness = *state;
	uint8_t first[16];

	assert_int_equal(create_2d(harness, 1, BGRX, 5, 5), OK);
	assert_int_equal(create_2d(harness, 2, BGRX, 5, 5), OK);
	assert_int_equal(harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &command,
					 sizeof(command), NULL, 0),
			 VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	assert_int_equal(harness->ask.written, 40);
	memcpy(first, harness->ask.response.uuid.uuid, 16);
	assert_int_equal(first[6] >> 4, 4);
	assert_int_equal(first[8] >> 6, 2);
	harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &command, sizeof(command),
			NULL, 0);
	assert_memory_equal(first, harness->ask.response.uuid.uuid, 16);
	command.resource_id = pg_to_le32(2);
	harness_command(harness, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &command, sizeof(command),
			NULL, 0);
	assert_memory_not_equal(first, harness->ask.response.uuid.uuid, 16);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_image_is_black),
		TEST(the_offset_is_that_of_the_rectangle),
		TEST(a_short_backing_leaves_the_rest),
		TEST(a_backing_may_be_in_pieces_of_any_kind),
		TEST(memory_taken_away_reads_as_zeroes),
		TEST(a_scanout_shows_its_rectangle),
		TEST(damage_is_exact_and_per_head),
		TEST(unref_switches_off_what_shows_it),
		TEST(detaching_keeps_the_image),
		TEST(uuids_are_random_and_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

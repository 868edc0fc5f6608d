/* SPDX-License-Identifier: MIT */
/* Guest blobs: shown in place, of any number of pieces, gone the moment the guest takes them back. */
#include <stdlib.h>

#include "harness.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void a_contiguous_blob_is_shown_in_place(void **state)
{
	struct harness *harness = *state;
	const struct virtio_gpu_mem_entry all = entry(0x3000, 0x10000);
	const struct paragpu_picture *picture = &harness->display.picture;
	struct paragpu_memory_region region;

	assert_int_equal(create_blob(harness, 1, 0x10000, &all, 1), OK);
	assert_int_equal(
		set_scanout_blob(harness, 0, 1, 60, 50, BGRX, 300, 0x800, rect(10, 20, 30, 30)),
		OK);
	assert_int_equal(picture->width, 30);
	assert_int_equal(picture->stride, 300);
	assert_ptr_equal(picture->pixels, harness->ram + 0x3800 + 20 * 300 + 40);
	assert_true(paragpu_memory_get_region(harness->memory, 0, &region));
	assert_int_equal(picture->fd, region.fd);
	assert_int_equal(picture->fd_offset, 0x3800 + 20 * 300 + 40);
	/* damage is in the framebuffer */
	assert_int_equal(flush(harness, 1, rect(15, 21, 100, 5)), OK);
	assert_rect(&harness->display.damage, 5, 1, 25, 5);
}

static void a_scattered_blob_is_read_in_pieces(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_mem_entry pages[16];
	struct paragpu_picture picture;
	struct iovec vector[4];
	uint32_t pixels[64 * 64];

	for (uint32_t i = 0; i < 16; i++) {
		pages[i] = entry((15 - i) * 0x2000, 0x1000);
		for (uint32_t j = 0; j < 0x1000; j += 4)
			memcpy(harness->ram + (15 - i) * 0x2000 + j, &(uint32_t){i << 16 | j}, 4);
	}
	assert_int_equal(create_blob(harness, 1, 0x10000, pages, 16), OK);
	/* rows of 64 pixels, 1000 bytes apart: over page ends */
	assert_int_equal(set_scanout_blob(harness, 0, 1, 64, 64, BGRX, 1000, 0, rect(0, 0, 64, 64)),
			 OK);
	assert_null(harness->display.picture.pixels);
	assert_int_equal(harness->display.picture.fd, -1);
	assert_true(paragpu_display_picture(&harness->display.base, 0, &picture));
	assert_int_equal(paragpu_picture_read(&picture, rect(0, 0, 64, 64), pixels, 256), 0);
	for (uint32_t y = 0; y < 64; y++)
		for (uint32_t x = 0; x < 64; x++) {
			uint32_t at = y * 1000 + x * 4;

			assert_int_equal(pixels[y * 64 + x], at >> 12 << 16 | (at & 0xfff));
		}
	/* row 4 begins in page 0 and ends in page 1 */
	assert_int_equal(paragpu_picture_row(&picture, 0, 4, 64, vector, 4), 2);
	assert_ptr_equal(vector[0].iov_base, harness->ram + 15 * 0x2000 + 4000);
	assert_int_equal(vector[0].iov_len, 96);
	assert_ptr_equal(vector[1].iov_base, harness->ram + 14 * 0x2000);
	assert_int_equal(vector[1].iov_len, 160);
	assert_int_equal(paragpu_picture_row(&picture, 0, 4, 64, vector, 1), 2);
	assert_int_equal(paragpu_picture_row(&picture, 1, 4, 64, vector, 1), 0);
	assert_int_equal(paragpu_picture_row(&picture, 0, 64, 1, vector, 1), 0);
}

/* A few kilobytes of entries, all of the same memory, make a blob larger than any host's memory. */
static void pictures_larger_than_displays_can_take_are_refused(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_mem_entry same[1024];
	const uint64_t size = (uint64_t)GUEST_SIZE * 1024;
	unsigned int scanouts;

	for (size_t i = 0; i < 1024; i++)
		same[i] = entry(0, (uint32_t)GUEST_SIZE);
	assert_int_equal(create_blob(harness, 1, size, same, 1024), OK);
	scanouts = harness->display.scanouts;
	/* 16 GiB, whose height is negative as an int */
	assert_int_equal(set_scanout_blob(harness, 0, 1, 1, UINT32_MAX, BGRX, 4, 0,
					  rect(0, 0, 1, UINT32_MAX)),
			 BAD_PARAMETER);
	assert_int_equal(
		set_scanout_blob(harness, 0, 1, 65536, 1, BGRX, 262144, 0, rect(0, 0, 65536, 1)),
		BAD_PARAMETER);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 16384, 16385, BGRX, 65536, 0,
					  rect(0, 0, 16384, 16385)),
			 BAD_PARAMETER);
	assert_int_equal(harness->display.scanouts, scanouts);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 16384, 16384, BGRX, 65536, 0,
					  rect(0, 0, 16384, 16384)),
			 OK);
	/* All heads together have a limit too. */
	assert_int_equal(set_scanout_blob(harness, 1, 1, 16, 16, BGRX, 64, 0, rect(0, 0, 16, 16)),
			 NO_MEMORY);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 16, 16, BGRX, 64, 0, rect(0, 0, 16, 16)),
			 OK);
	assert_int_equal(set_scanout_blob(harness, 1, 1, 16, 16, BGRX, 64, 0, rect(0, 0, 16, 16)),
			 OK);
}

static void detaching_switches_off_what_shows_the_blob(void **state)
{
	struct harness *harness = *state;
	const struct virtio_gpu_mem_entry all = entry(0, 0x10000);

	assert_int_equal(create_blob(harness, 1, 0x10000, &all, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			 OK);
	assert_int_equal(flush(harness, 1, rect(0, 0, 64, 64)), OK);
	assert_int_equal(detach(harness, 1), OK);
	assert_int_equal(harness->display.offs, 1);
	harness->display.flushes = 0;
	assert_int_equal(flush(harness, 1, rect(0, 0, 64, 64)), OK);
	assert_int_equal(harness->display.flushes, 0);
	/* and back */
	assert_int_equal(attach(harness, 1, &all, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			 OK);
}

static void a_blob_without_entries_gets_them_by_attach(void **state)
{
	struct harness *harness = *state;
	const struct virtio_gpu_mem_entry all = entry(0, 0x4000);

	assert_int_equal(create_blob(harness, 1, 0x4000, NULL, 0), OK);
	assert_int_equal(attach(harness, 1, &all, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			 OK);
}

static void displays_hear_of_memory_that_moves(void **state)
{
	struct harness *harness = *state;
	const struct virtio_gpu_mem_entry all = entry(0, 0x10000);
	struct paragpu_memory *other;
	uint32_t pixel = 5;

	assert_int_equal(create_blob(harness, 1, 0x10000, &all, 1), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 64, 64, BGRX, 256, 0, rect(0, 0, 64, 64)),
			 OK);
	harness->display.scanouts = 0;
	/* the same memory in a new table is no news */
	assert_int_equal(paragpu_memory_copy(harness->memory, &other), 0);
	paragpu_device_set_memory(harness->device, other);
	assert_int_equal(harness->display.scanouts, 0);
	paragpu_memory_unref(&other);
	/* taken away: no pointer any more, and black */
	assert_int_equal(paragpu_memory_create(&other), 0);
	paragpu_device_set_memory(harness->device, other);
	paragpu_memory_unref(&other);
	assert_int_equal(harness->display.scanouts, 1);
	assert_null(harness->display.picture.pixels);
	assert_int_equal(
		paragpu_picture_read(&harness->display.picture, rect(3, 3, 1, 1), &pixel, 4), 0);
	assert_int_equal(pixel, 0);
	paragpu_device_set_memory(harness->device, harness->memory);
	assert_int_equal(harness->display.scanouts, 2);
	assert_ptr_equal(harness->display.picture.pixels, harness->ram);
}

static void a_blob_may_have_262144_entries(void **state)
{
	struct virtio_gpu_mem_entry *entries = calloc(262144, sizeof(*entries));
	struct harness *harness = *state;
	struct paragpu_resource_info info;

	assert_non_null(entries);
	for (uint32_t i = 0; i < 262144; i++)
		entries[i] = entry(i % 2048 * 8192, 4096); /* none adjacent; used again and again */
	assert_int_equal(create_blob(harness, 1, UINT64_C(262144) * 4096, entries, 262144), OK);
	assert_true(paragpu_device_next_resource(harness->device, 0, &info));
	assert_int_equal(info.backing_entries, 262144);
	assert_int_equal(info.size, UINT64_C(1) << 30);
	assert_int_equal(set_scanout_blob(harness, 0, 1, 16384, 16384, BGRX, 65536, 0,
					  rect(16000, 16000, 384, 384)),
			 OK);
	free(entries);
}

static void adjacent_entries_are_one(void **state)
{
	struct harness *harness = *state;
	struct virtio_gpu_mem_entry pages[64];
	struct paragpu_resource_info info;

	for (uint32_t i = 0; i < 64; i++)
		pages[i] = entry(i * 4096, 4096);
	assert_int_equal(create_blob(harness, 7, 64 * 4096, pages, 64), OK);
	assert_true(paragpu_device_next_resource(harness->device, 0, &info));
	assert_int_equal(info.backing_entries, 1);
	assert_int_equal(info.kind, PARAGPU_RESOURCE_BLOB);
	assert_int_equal(info.blob_mem, VIRTIO_GPU_BLOB_MEM_GUEST);
	assert_int_equal(info.blob_flags, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_contiguous_blob_is_shown_in_place),
		TEST(a_scattered_blob_is_read_in_pieces),
		TEST(pictures_larger_than_displays_can_take_are_refused),
		TEST(detaching_switches_off_what_shows_the_blob),
		TEST(a_blob_without_entries_gets_them_by_attach),
		TEST(displays_hear_of_memory_that_moves),
		TEST(a_blob_may_have_262144_entries),
		TEST(adjacent_entries_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

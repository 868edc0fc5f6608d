/* SPDX-License-Identifier: MIT */
/* Stills: what libpng reads back is what the head showed, pointer included. */
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "display/display.h"
#include "display/image.h"
#include "display/png_file.h"
#include "fake_device.h"
#include "protocol/virtio_gpu.h"

struct bench {
	struct pg_display *observer;
	struct fake_device device;
	char folder[32];
	char path[64];
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	snprintf(bench->folder, sizeof(bench->folder), "/tmp/paragpu-png-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->path, sizeof(bench->path), "%s/a.png", bench->folder);
	assert_int_equal(pg_observer_create(&bench->observer), 0);
	fake_attach(&bench->device, &bench->observer->base);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	fake_detach(&bench->device);
	pg_display_destroy(&bench->observer);
	unlink(bench->path);
	assert_int_equal(rmdir(bench->folder), 0); /* also: no temporary file stayed */
	free(bench);
	return 0;
}

/* Reads the file back as 0xffRRGGBB words; the caller frees. */
static uint32_t *read_back(const char *path, uint32_t width, uint32_t height)
{
	png_image png = {.version = PNG_IMAGE_VERSION};
	uint32_t *pixels;

	assert_true(png_image_begin_read_from_file(&png, path));
	assert_int_equal(png.width, width);
	assert_int_equal(png.height, height);
	assert_int_equal(png.format & PNG_FORMAT_FLAG_ALPHA, 0);
	png.format = PNG_FORMAT_BGRA;
	pixels = malloc((size_t)width * height * 4);
	assert_non_null(pixels);
	assert_true(png_image_finish_read(&png, NULL, pixels, 0, NULL));
	return pixels;
}

static void test_every_format_reads_back_the_same(void **state)
{
	struct bench *bench = *state;

	for (uint32_t i = 0; i < 8; i++) {
		struct pg_image image;
		uint32_t *pixels;

		fake_show(&bench->device, i, 61 + i, 47, fake_formats[i], i);
		assert_int_equal(pg_observer_take(bench->observer, i, true, &image), 0);
		assert_int_equal(pg_png_save(&image, bench->path), 0);
		pg_image_finish(&image);
		pixels = read_back(bench->path, 61 + i, 47);
		for (uint32_t y = 0; y < 47; y++)
			for (uint32_t x = 0; x < 61 + i; x++)
				assert_int_equal(pixels[y * (61 + i) + x],
						 fake_pixel(&bench->device.heads[i], x, y));
		free(pixels);
	}
}

static void test_the_pointer_is_drawn_and_cut_at_the_edges(void **state)
{
	struct bench *bench = *state;
	static const int32_t places[][2] = {
		{10, 20},       {-60, -60},     {95, 75}, {-64, 0}, {INT32_MIN, INT32_MIN},
		{INT32_MAX, 5}, {5, -INT32_MAX}};
	struct paragpu_cursor cursor = {.visible = true};

	fake_show(&bench->device, 0, 100, 80, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 3);
	for (size_t i = 0; i < (size_t)64 * 64; i++) /* opaque, clear, half */
		cursor.pixels[i] = i % 3 == 0 ? 0xff123456 : i % 3 == 1 ? 0 : 0x80401000;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct pg_image image;

		cursor.x = places[i][0];
		cursor.y = places[i][1];
		bench->observer->base.ops->cursor(&bench->observer->base, 0, &cursor, true);
		assert_int_equal(pg_observer_take(bench->observer, 0, true, &image), 0);
		for (int64_t y = 0; y < 80; y++)
			for (int64_t x = 0; x < 100; x++) {
				uint32_t below = fake_pixel(&bench->device.heads[0], (uint32_t)x,
							    (uint32_t)y);
				int64_t u = x - cursor.x, v = y - cursor.y;
				bool in = u >= 0 && u < 64 && v >= 0 && v < 64;
				uint32_t got = image.pixels[y * 100 + x];

				if (!in || (v * 64 + u) % 3 == 1) {
					assert_int_equal(got, below);
				} else if ((v * 64 + u) % 3 == 0) {
					assert_int_equal(got, 0xff123456);
				} else {
					double red = 0x40 + (below >> 16 & 255) * 127 / 255.0;

					assert_true(abs((int)(got >> 16 & 255) - (int)red) <= 1);
				}
			}
		pg_image_finish(&image);
	}
}

static void test_an_invisible_or_unwanted_pointer_is_not_drawn(void **state)
{
	struct bench *bench = *state;
	struct paragpu_cursor cursor = {.visible = true};
	struct pg_image image;

	memset(cursor.pixels, 0xff, sizeof(cursor.pixels));
	fake_show(&bench->device, 0, 30, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 3);
	for (int i = 0; i < 2; i++) {
		bench->observer->base.ops->cursor(&bench->observer->base, 0, &cursor, true);
		assert_int_equal(pg_observer_take(bench->observer, 0, i == 1, &image), 0);
		assert_int_equal(image.pixels[0], fake_pixel(&bench->device.heads[0], 0, 0));
		pg_image_finish(&image);
		cursor.visible = false;
	}
}

static void test_a_head_that_is_off_is_enodev(void **state)
{
	struct bench *bench = *state;
	struct pg_image image;

	assert_int_equal(pg_observer_take(bench->observer, 0, true, &image), -ENODEV);
	assert_int_equal(pg_observer_take(bench->observer, 16, true, &image), -ENODEV);
	pg_image_finish(&image);
}

static void test_a_failed_save_leaves_the_old_file(void **state)
{
	struct bench *bench = *state;
	struct pg_image image;
	/* NOLINTNEXTLINE(android-cloexec-open): it is there, the check overlooks it before a mode */
	int fd = open(bench->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char byte;

	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	/* PNG can't hold more than 2^31 - 1 pixels in a row; libpng allows a million. */
	assert_int_equal(pg_image_create(2000000, 1, &image), 0);
	assert_int_equal(pg_png_save(&image, bench->path), -EINVAL);
	assert_true(full >= 0);
	pg_image_finish(&image);
	assert_int_equal(pg_image_create(20, 20, &image), 0);
	assert_int_equal(pg_png_write(&image, full), -ENOSPC);
	close(full);
	fd = open(bench->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	assert_int_equal(pg_png_save(&image, "/tmp/no/such/folder/a.png"), -ENOENT);
	pg_image_finish(&image);
}

static void test_a_still_can_be_handed_over_but_not_forged(void **state)
{
	struct pg_image image, other;
	int fd, weak;

	(void)state;
	assert_int_equal(pg_image_create(20, 10, &image), 0);
	image.pixels[199] = 0xff112233;
	fd = fcntl(image.fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(pg_image_open(&fd, 20, 10, &other), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(other.pixels[199], 0xff112233);
	pg_image_finish(&other);
	/* sizes that do not fit, or that wrap */
	static const uint32_t sizes[][2] = {
		{1000, 1000}, {0, 10}, {0xffffffff, 0xffffffff}, {0x80000000, 0x80000000}};

	for (size_t i = 0; i < 4; i++) {
		fd = fcntl(image.fd, F_DUPFD_CLOEXEC, 0);
		assert_int_equal(pg_image_open(&fd, sizes[i][0], sizes[i][1], &other), -EINVAL);
		assert_int_equal(fd, -1);
	}
	weak = memfd_create("weak", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(weak, 4096), 0);
	assert_int_equal(pg_image_open(&weak, 20, 10, &other), -EINVAL);
	pg_image_finish(&image);
}

#define RULE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(every_format_reads_back_the_same),
		RULE(the_pointer_is_drawn_and_cut_at_the_edges),
		RULE(an_invisible_or_unwanted_pointer_is_not_drawn),
		RULE(a_head_that_is_off_is_enodev),
		RULE(a_failed_save_leaves_the_old_file),
		RULE(a_still_can_be_handed_over_but_not_forged),
	};

	return cmocka_run_group_tests_name("display_png", tests, NULL, NULL);
}

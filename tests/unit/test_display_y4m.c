/* SPDX-License-Identifier: MIT */
/* The Y4M capture: the file parsed back holds what the head showed. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "display/options.h"
#include "fake_device.h"
#include "protocol/virtio_gpu.h"

struct bench {
	struct pg_loop *loop;
	struct pg_logger logger;
	struct pg_display *display;
	struct fake_device device;
	char folder[40], path[64], option[160];
	/* the file */
	uint8_t *bytes;
	size_t size;
	unsigned int width, height, fps;
	size_t frames;
	const uint8_t *first; /* planes of frame 0 */
	size_t frame_size;
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	snprintf(bench->folder, sizeof(bench->folder), "/tmp/paragpu-y4m-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->path, sizeof(bench->path), "%s/a.y4m", bench->folder);
	snprintf(bench->option, sizeof(bench->option), "y4m:%s@100", bench->path);
	pg_logger_init(&bench->logger, NULL, NULL);
	assert_int_equal(pg_loop_create(&bench->loop), 0);
	*state = bench;
	return 0;
}

static void start(struct bench *bench)
{
	struct pg_problem problem = {""};

	if (pg_display_from_option(bench->option, bench->loop, &bench->logger, &bench->display,
				   &problem) < 0)
		fail_msg("%s", problem.text);
	fake_attach(&bench->device, &bench->display->base);
}

static void stop(struct bench *bench)
{
	fake_detach(&bench->device);
	pg_display_destroy(&bench->display);
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	if (bench->display)
		stop(bench);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	pg_loop_destroy(bench->loop);
	unlink(bench->path);
	assert_int_equal(rmdir(bench->folder), 0);
	free(bench->bytes);
	free(bench);
	return 0;
}

/* Lets time pass and the display go on. */
static void pass(struct bench *bench, unsigned int ms)
{
	uint64_t until = pg_now_ns() + ms * 1000000ull;

	while (pg_now_ns() < until) {
		assert_int_equal(pg_loop_dispatch(bench->loop, 0), 0);
		usleep(1000);
	}
}

/* Ends the capture and reads the file. */
static void parse(struct bench *bench)
{
	struct stat status;
	FILE *file;
	int header = 0;

	stop(bench);
	file = fopen(bench->path, "re");
	assert_non_null(file);
	if (!file)
		return;
	assert_int_equal(fstat(fileno(file), &status), 0);
	bench->size = (size_t)status.st_size;
	bench->bytes = calloc(1, bench->size + 1);
	assert_int_equal(fread(bench->bytes, 1, bench->size, file), bench->size);
	fclose(file);
	assert_int_equal(sscanf((char *)bench->bytes,
				"YUV4MPEG2 W%u H%u F%u:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n%n",
				&bench->width, &bench->height, &bench->fps, &header),
			 3);
	assert_true(header > 0);
	bench->frame_size = 6 + (size_t)bench->width * bench->height * 3;
	assert_int_equal((bench->size - (size_t)header) % bench->frame_size, 0);
	bench->frames = (bench->size - (size_t)header) / bench->frame_size;
	for (size_t i = 0; i < bench->frames; i++)
		assert_memory_equal(bench->bytes + header + i * bench->frame_size, "FRAME\n", 6);
	bench->first = bench->bytes + header + 6;
}

/* A pixel of a frame in the colours of the screen, by the definition of BT.601. */
static void colour(const struct bench *bench, size_t frame, uint32_t x, uint32_t y, double rgb[3])
{
	size_t plane = (size_t)bench->width * bench->height, at = (size_t)y * bench->width + x;
	const uint8_t *planes = bench->first + frame * bench->frame_size;
	double luma = (planes[at] - 16) / 219.0, blue = (planes[plane + at] - 128) / 224.0;
	double red = (planes[2 * plane + at] - 128) / 224.0;

	rgb[0] = 255 * (luma + 2 * (1 - 0.299) * red);
	rgb[2] = 255 * (luma + 2 * (1 - 0.114) * blue);
	rgb[1] = (255 * luma - 0.299 * rgb[0] - 0.114 * rgb[2]) / 0.587;
}

static void assert_frame(const struct bench *bench, size_t frame, const uint32_t *pixels)
{
	for (uint32_t y = 0; y < bench->height; y++)
		for (uint32_t x = 0; x < bench->width; x++) {
			uint32_t pixel = pixels[y * bench->width + x];
			double rgb[3];

			colour(bench, frame, x, y, rgb);
			for (unsigned int i = 0; i < 3; i++)
				if (fabs(rgb[i] - (pixel >> (16 - 8 * i) & 255)) > 2.5)
					fail_msg("pixel %u,%u of frame %zu: channel %u is %f, not "
						 "%u",
						 x, y, frame, i, rgb[i],
						 pixel >> (16 - 8 * i) & 255);
		}
}

static uint32_t *snapshot(const struct fake_picture *picture)
{
	uint32_t *pixels = calloc((size_t)picture->width * picture->height, 4);

	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			pixels[y * picture->width + x] = fake_pixel(picture, x, y);
	return pixels;
}

static void test_every_format_in_colour(void **state)
{
	struct bench *bench = *state;

	for (uint32_t i = 0; i < 8; i++) {
		uint32_t *pixels;

		start(bench);
		fake_show(&bench->device, 0, 53, 31, fake_formats[i], i);
		pixels = snapshot(&bench->device.heads[0]);
		fake_flush_all(&bench->device, 0, NULL);
		pass(bench, 20);
		parse(bench);
		assert_int_equal(bench->width, 53);
		assert_int_equal(bench->height, 31);
		assert_int_equal(bench->fps, 100);
		assert_true(bench->frames >= 1);
		assert_frame(bench, 0, pixels);
		free(pixels);
		free(bench->bytes);
		bench->bytes = NULL;
	}
}

static void test_frames_follow_the_clock_and_the_last_state_is_kept(void **state)
{
	struct bench *bench = *state;
	uint32_t *before, *after;

	start(bench);
	fake_show(&bench->device, 0, 40, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	before = snapshot(&bench->device.heads[0]);
	fake_flush_all(&bench->device, 0, NULL);
	pass(bench, 500);
	fake_fill(&bench->device.heads[0], (struct paragpu_rect){5, 6, 7, 8}, 9);
	after = snapshot(&bench->device.heads[0]);
	fake_flush(&bench->device, 0, (struct paragpu_rect){5, 6, 7, 8}, NULL);
	parse(bench); /* at once: the change is in the last frame still */
	assert_in_range(bench->frames, 40, 60);
	assert_frame(bench, 0, before);
	assert_frame(bench, 20, before);
	assert_frame(bench, bench->frames - 1, after);
	free(before);
	free(after);
}

static void test_another_mode_is_framed_and_off_is_black(void **state)
{
	struct bench *bench = *state;
	uint32_t *pixels, *black = calloc((size_t)40 * 30, 4);

	start(bench);
	fake_show(&bench->device, 0, 40, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, NULL);
	pass(bench, 50);
	fake_show(&bench->device, 0, 20, 60, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2);
	pixels = calloc((size_t)40 * 30, 4);
	for (uint32_t y = 0; y < 30; y++)
		for (uint32_t x = 0; x < 20; x++)
			pixels[y * 40 + x] = fake_pixel(&bench->device.heads[0], x, y);
	fake_flush_all(&bench->device, 0, NULL);
	pass(bench, 200);
	fake_off(&bench->device, 0);
	pass(bench, 50);
	parse(bench);
	assert_int_equal(bench->width, 40);
	assert_true(bench->frames > 20);
	assert_frame(bench, 15, pixels);
	assert_frame(bench, bench->frames - 1, black);
	free(pixels);
	free(black);
}

static void test_the_pointer_is_in_the_video(void **state)
{
	struct bench *bench = *state;
	struct paragpu_cursor cursor = {.visible = true, .x = -10, .y = 5};
	uint32_t *pixels;

	start(bench);
	memset(cursor.pixels, 0xff, sizeof(cursor.pixels));
	fake_show(&bench->device, 0, 100, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	pixels = snapshot(&bench->device.heads[0]);
	for (uint32_t y = 5; y < 30; y++)
		memset(pixels + (size_t)y * 100, 0xff, (size_t)54 * 4);
	fake_flush_all(&bench->device, 0, NULL);
	bench->display->base.ops->cursor(&bench->display->base, 0, &cursor, true);
	pass(bench, 50);
	parse(bench);
	assert_frame(bench, bench->frames - 1, pixels);
	free(pixels);
}

static void test_a_full_disk_ends_the_capture_and_not_the_device(void **state)
{
	struct bench *bench = *state;

	snprintf(bench->option, sizeof(bench->option), "y4m:/dev/full");
	start(bench);
	fake_show(&bench->device, 0, 40, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, NULL);
	pass(bench, 200);
	assert_false(pg_vmm_connected(bench->display));
	fake_flush_all(&bench->device, 0, NULL);
}

static void test_wrong_options_are_explained(void **state)
{
	struct bench *bench = *state;
	static const char *const wrong[][2] = {
		{"y4m:", "needs a file"},
		{"y4m:@30", "needs a file"},
		{"y4m:/tmp/a@0", "1 to 1000"},
		{"y4m:/tmp/a@x", "1 to 1000"},
		{"y4m:/tmp/a,fps=3", "\"fps=3\""},
		{"y4m:/tmp/a,head=99", "0 to 15"},
		{"y4m:/nonexistent/a", "/nonexistent/a"},
		{"y4m:/tmp/a,password-file=x", "none of"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pg_problem problem = {""};
		struct pg_display *display;

		assert_true(pg_display_from_option(wrong[i][0], bench->loop, &bench->logger,
						   &display, &problem) < 0);
		if (!strstr(problem.text, wrong[i][1]))
			fail_msg("\"%s\" does not say \"%s\"", problem.text, wrong[i][1]);
	}
}

#define RULE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(every_format_in_colour),
		RULE(frames_follow_the_clock_and_the_last_state_is_kept),
		RULE(another_mode_is_framed_and_off_is_black),
		RULE(the_pointer_is_in_the_video),
		RULE(a_full_disk_ends_the_capture_and_not_the_device),
		RULE(wrong_options_are_explained),
	};

	return cmocka_run_group_tests_name("display_y4m", tests, NULL, NULL);
}

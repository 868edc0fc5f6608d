/* SPDX-License-Identifier: MIT */
/* The displays on a real device: who waits for whom, and what may vanish while pixels are sent. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "display/display.h"
#include "display/image.h"
#include "display/receiver.h"
#include "harness.h"
#include "protocol/vhost_user.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define RGBX VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM
#define WIDTH 1024
#define HEIGHT 768
#define PAGES (WIDTH * HEIGHT * 4 / 4096)

/* A display and its front end. */
struct shown {
	struct pg_display *display;
	struct pg_receiver receiver;
	int fd;
};

struct bench {
	struct harness harness;
	struct pg_loop *loop;
	struct pg_logger logger;
	struct shown shown[2];
	struct pg_display *observer;
	struct virtio_gpu_mem_entry entries[PAGES];
};

static const struct pg_receiver_ops no_ops;

static void connect_front_end(struct shown *shown)
{
	int pair[2], same;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			 0);
	same = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	shown->fd = pair[0];
	pg_receiver_init(&shown->receiver, shown->fd, &no_ops, NULL);
	assert_int_equal(pg_vmm_set_socket(shown->display, &pair[1]), 0);
	setsockopt(same, SOL_SOCKET, SO_SNDBUF, &(int){100000}, sizeof(int));
	close(same);
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct pg_vmm_options options;

	assert_non_null(bench);
	harness_init(&bench->harness);
	harness_start(&bench->harness);
	paragpu_device_remove_display(bench->harness.device, &bench->harness.display.base);
	pg_logger_init(&bench->logger, NULL, NULL);
	assert_int_equal(pg_loop_create(&bench->loop), 0);
	assert_int_equal(pg_observer_create(&bench->observer), 0);
	assert_int_equal(paragpu_device_add_display(bench->harness.device, &bench->observer->base),
			 0);
	pg_vmm_options_init(&options);
	options.hold_ns = 1000000000ull * 3600;
	for (size_t i = 0; i < 2; i++) {
		struct shown *shown = &bench->shown[i];

		options.queries = i == 1; /* the first is a viewer */
		assert_int_equal(
			pg_vmm_create(bench->loop, &bench->logger, &options, &shown->display), 0);
		connect_front_end(shown);
		assert_int_equal(
			paragpu_device_add_display(bench->harness.device, &shown->display->base),
			0);
	}
	/* the guest's pages lie in memory backwards */
	for (uint32_t i = 0; i < PAGES; i++)
		bench->entries[i] = entry((PAGES - 1 - i) * UINT64_C(4096), 4096);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	harness_stop(&bench->harness); /* lets go of the displays */
	for (size_t i = 0; i < 2; i++) {
		pg_display_destroy(&bench->shown[i].display);
		pg_receiver_finish(&bench->shown[i].receiver);
		pg_close(&bench->shown[i].fd);
	}
	pg_display_destroy(&bench->observer);
	pg_loop_destroy(bench->loop);
	free(bench);
	return 0;
}

static void turn(struct bench *bench)
{
	assert_int_equal(pg_loop_dispatch(bench->loop, 0), 0);
}

/* Lets everybody go on; front end i reads if bit i is set. */
static void run(struct bench *bench, unsigned int readers)
{
	for (unsigned int round = 0; round < 200; round++) {
		turn(bench);
		for (size_t i = 0; i < 2; i++)
			if (readers >> i & 1)
				assert_int_equal(pg_receiver_run(&bench->shown[i].receiver), 0);
	}
}

/* Where the guest has pixel (x, y) of its blob. */
static uint32_t *guest_pixel(struct bench *bench, uint32_t x, uint32_t y)
{
	size_t at = ((size_t)y * WIDTH + x) * 4;
	size_t page = PAGES - 1 - at / 4096;

	return (uint32_t *)(void *)(bench->harness.ram + page * 4096 + at % 4096);
}

static void paint(struct bench *bench, uint32_t seed)
{
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			*guest_pixel(bench, x, y) = ((y << 12 | x) + seed) * 2654435761u;
}

static void show_blob(struct bench *bench, uint32_t format)
{
	struct harness *harness = &bench->harness;

	assert_int_equal(create_blob(harness, 1, PAGES * 4096ull, bench->entries, PAGES), OK);
	assert_int_equal(set_scanout_blob(harness, 0, 1, WIDTH, HEIGHT, format, WIDTH * 4, 0,
					  rect(0, 0, WIDTH, HEIGHT)),
			 OK);
}

/* A flush with a fence, as Linux sends for guest blobs. */
static void submit_flush(struct bench *bench, struct ask *ask)
{
	struct virtio_gpu_resource_flush command = {
		.hdr = {.type = pg_to_le32(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
			.flags = pg_to_le32(VIRTIO_GPU_FLAG_FENCE),
			.fence_id = pg_to_le64(77)},
		.r = {.width = pg_to_le32(WIDTH), .height = pg_to_le32(HEIGHT)},
		.resource_id = pg_to_le32(1),
	};

	harness_submit(&bench->harness, ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command), NULL,
		       0);
}

static uint32_t swap_red_blue(uint32_t pixel)
{
	return (pixel & 0xff00) | (pixel >> 16 & 0xff) | (pixel & 0xff) << 16;
}

static void assert_shown(struct bench *bench, const struct shown *shown, uint32_t format)
{
	const struct pg_receiver_head *head = &shown->receiver.heads[0];

	assert_int_equal(head->width, WIDTH);
	assert_int_equal(head->height, HEIGHT);
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++) {
			uint32_t pixel = *guest_pixel(bench, x, y) & 0xffffff;

			if (format == RGBX)
				pixel = swap_red_blue(pixel);
			if ((head->pixels[y * WIDTH + x] & 0xffffff) != pixel)
				fail_msg("pixel %u,%u is %06x, not %06x", x, y,
					 head->pixels[y * WIDTH + x] & 0xffffff, pixel);
		}
}

/* --- the rules --- */

static void several_displays_show_the_same(void **state)
{
	struct bench *bench = *state;
	static const uint32_t formats[] = {BGRX, RGBX};

	for (size_t i = 0; i < 2; i++) {
		struct pg_image image;
		struct ask ask;

		show_blob(bench, formats[i]);
		paint(bench, (uint32_t)i);
		submit_flush(bench, &ask);
		run(bench, 3);
		assert_int_equal(ask.completed, 1);
		assert_shown(bench, &bench->shown[0], formats[i]);
		assert_shown(bench, &bench->shown[1], formats[i]);
		assert_int_equal(pg_observer_take(bench->observer, 0, true, &image), 0);
		for (uint32_t y = 0; y < HEIGHT; y++)
			for (uint32_t x = 0; x < WIDTH; x++)
				assert_int_equal(
					image.pixels[y * WIDTH + x] & 0xffffff,
					bench->shown[0].receiver.heads[0].pixels[y * WIDTH + x] &
						0xffffff);
		pg_image_finish(&image);
		assert_int_equal(unref(&bench->harness, 1), OK);
		run(bench, 3);
		assert_int_equal(bench->shown[0].receiver.heads[0].width, 0);
	}
}

static void a_fenced_flush_waits_for_the_slowest_display(void **state)
{
	struct bench *bench = *state;
	struct ask ask;

	show_blob(bench, BGRX);
	paint(bench, 5);
	submit_flush(bench, &ask);
	assert_int_equal(ask.completed, 0);
	run(bench, 1);
	assert_int_equal(ask.completed, 0);
	run(bench, 2);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(response_type(&ask), OK);
	assert_shown(bench, &bench->shown[0], BGRX);
	assert_shown(bench, &bench->shown[1], BGRX);
}

static void a_front_end_that_goes_away_releases_the_guest(void **state)
{
	struct bench *bench = *state;
	struct ask ask;

	show_blob(bench, BGRX);
	submit_flush(bench, &ask);
	run(bench, 1);
	assert_int_equal(ask.completed, 0);
	pg_close(&bench->shown[1].fd);
	run(bench, 1);
	assert_int_equal(ask.completed, 1);
}

static void a_display_that_is_removed_releases_the_guest(void **state)
{
	struct bench *bench = *state;
	struct ask ask;

	show_blob(bench, BGRX);
	submit_flush(bench, &ask);
	run(bench, 1);
	paragpu_device_remove_display(bench->harness.device, &bench->shown[1].display->base);
	assert_int_equal(ask.completed, 1);
	pg_display_detached(bench->shown[1].display);
	run(bench, 3);
	/* and may come back */
	assert_int_equal(
		paragpu_device_add_display(bench->harness.device, &bench->shown[1].display->base),
		0);
	run(bench, 3);
	assert_shown(bench, &bench->shown[1], BGRX);
}

static void what_vanishes_while_it_is_sent_is_not_touched(void **state)
{
	struct bench *bench = *state;
	struct harness *harness = &bench->harness;

	for (unsigned int i = 0; i < 4; i++) {
		struct ask ask;

		show_blob(bench, i & 1 ? RGBX : BGRX);
		submit_flush(bench, &ask);
		turn(bench);
		assert_int_equal(ask.completed, 0);
		if (i < 2) {
			assert_int_equal(unref(harness, 1), OK);
		} else {
			/* the VMM takes the memory away, as it does on a hot-unplug */
			paragpu_device_set_memory(harness->device, NULL);
			run(bench, 3);
			paragpu_device_set_memory(harness->device, harness->memory);
			assert_int_equal(unref(harness, 1), OK);
		}
		run(bench, 3);
		assert_int_equal(ask.completed, 1);
		assert_int_equal(bench->shown[0].receiver.heads[0].width, 0);
	}
}

static void a_reset_while_it_is_sent_is_survived(void **state)
{
	struct bench *bench = *state;
	struct ask ask;

	show_blob(bench, BGRX);
	submit_flush(bench, &ask);
	paragpu_device_reset(bench->harness.device);
	run(bench, 3);
	assert_int_equal(ask.completed, 0); /* the rings are gone */
	assert_int_equal(bench->shown[1].receiver.heads[0].width, 0);
	paragpu_device_accept_features(bench->harness.device, ALL_FEATURES);
	show_blob(bench, BGRX);
	submit_flush(bench, &ask);
	run(bench, 3);
	assert_int_equal(ask.completed, 1);
	assert_shown(bench, &bench->shown[1], BGRX);
}

/* Reads what the front end was sent, to the end, and answers the display information. */
static void answer_display_info(struct bench *bench, int fd)
{
	static uint8_t bytes[1 << 16];
	struct vhost_user_gpu_header header = {VHOST_USER_GPU_GET_DISPLAY_INFO,
					       VHOST_USER_REPLY_MASK,
					       sizeof(struct virtio_gpu_resp_display_info)};
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
	};
	struct {
		struct vhost_user_gpu_header header;
		uint32_t features[2];
	} features = {{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, VHOST_USER_REPLY_MASK, 8}, {0, 0}};

	turn(bench);
	assert_true(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	info.pmodes[1].r.width = pg_to_le32(1234);
	info.pmodes[1].r.height = pg_to_le32(777);
	info.pmodes[1].enabled = pg_to_le32(1);
	static_assert(sizeof(features) == 20, "no padding");
	assert_int_equal(write(fd, &features, sizeof(features)), sizeof(features));
	assert_int_equal(write(fd, &header, sizeof(header)), sizeof(header));
	assert_int_equal(write(fd, &info, sizeof(info)), sizeof(info));
	turn(bench);
}

static void the_vmm_says_what_heads_there_are(void **state)
{
	struct bench *bench = *state;
	struct virtio_gpu_ctrl_hdr command = {.type = pg_to_le32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct ask ask;

	harness_submit(&bench->harness, &ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command),
		       NULL, 0);
	assert_int_equal(ask.completed, 0);
	answer_display_info(bench, bench->shown[1].fd);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(response_type(&ask), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(pg_from_le32(ask.response.info.pmodes[0].enabled), 0);
	assert_int_equal(pg_from_le32(ask.response.info.pmodes[1].r.width), 1234);

	/* Without a front end the device answers by itself. */
	harness_submit(&bench->harness, &ask, PARAGPU_QUEUE_CONTROL, &command, sizeof(command),
		       NULL, 0);
	assert_int_equal(ask.completed, 0);
	pg_close(&bench->shown[1].fd);
	turn(bench);
	assert_int_equal(ask.completed, 1);
	assert_int_equal(pg_from_le32(ask.response.info.pmodes[0].enabled), 1);
}

static void the_pointer_arrives_where_the_guest_put_it(void **state)
{
	struct bench *bench = *state;
	struct harness *harness = &bench->harness;
	const struct virtio_gpu_mem_entry all = entry(0, 64 * 64 * 4);
	const struct paragpu_cursor *cursor = &bench->shown[1].receiver.heads[1].cursor;

	for (uint32_t i = 0; i < 64 * 64; i++)
		((uint32_t *)(void *)harness->ram)[i] = i * 0x01020304u;
	assert_int_equal(create_2d(harness, 9, BGRX, 64, 64), OK);
	assert_int_equal(attach(harness, 9, &all, 1), OK);
	assert_int_equal(transfer(harness, 9, rect(0, 0, 64, 64), 0), OK);
	update_cursor(harness, 1, 9, -5, 300, 3, 4);
	run(bench, 3);
	assert_true(cursor->visible);
	assert_int_equal(cursor->x, -5);
	assert_int_equal(cursor->y, 300);
	assert_int_equal(cursor->hot_x, 3);
	assert_memory_equal(cursor->pixels, harness->ram, sizeof(cursor->pixels));
	move_cursor(harness, 1, 7, -8);
	run(bench, 3);
	assert_int_equal(cursor->x, 7);
	assert_int_equal(cursor->y, -8);
	update_cursor(harness, 1, 0, 0, 0, 0, 0);
	run(bench, 3);
	assert_false(cursor->visible);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(several_displays_show_the_same),
		RULE(a_fenced_flush_waits_for_the_slowest_display),
		RULE(a_front_end_that_goes_away_releases_the_guest),
		RULE(a_display_that_is_removed_releases_the_guest),
		RULE(what_vanishes_while_it_is_sent_is_not_touched),
		RULE(a_reset_while_it_is_sent_is_survived),
		RULE(the_vmm_says_what_heads_there_are),
		RULE(the_pointer_arrives_where_the_guest_put_it),
	};

	return cmocka_run_group_tests_name("display_device", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The VMM display against the VMM's side of the socket, played by a script:
 * what QEMU needs to survive, what it shows, and what it can't do to us.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "display/display.h"
#include "fake_device.h"
#include "protocol/vhost_user.h"

#define MAX_MESSAGE (8u << 20)

/* What the front end shows of one head. */
struct surface {
	uint32_t width, height; /* 0: none */
	uint32_t *pixels;
	unsigned int scanouts, updates;
	uint64_t updated; /* pixels, over all updates */
	bool cursor_visible;
	struct vhost_user_gpu_cursor_update cursor;
	unsigned int cursor_updates;
};

struct bench {
	struct pg_loop *loop;
	struct pg_logger logger;
	struct pg_display *display;
	struct fake_device device;
	int fd; /* the front end's end */
	uint8_t *buffer;
	size_t size;
	struct surface surfaces[PARAGPU_MAX_HEADS];
	uint32_t requests[64]; /* that want a reply, in order */
	uint32_t request_count;
	uint64_t features_set;
	int fds_before;
	/* dma-bufs */
	unsigned int dmabuf_scanouts, dmabuf_updates, dmabuf_offs;
	struct vhost_user_gpu_dmabuf_scanout2 dmabuf;
	struct vhost_user_gpu_update dmabuf_update;
};

/* Connects `display`; its end of the socket has room for about 100 KB. Returns the other end. */
static int connect_display(struct pg_display *display)
{
	int pair[2], same;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	same = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	assert_int_equal(pg_vmm_set_socket(display, &pair[1]), 0);
	assert_int_equal(pair[1], -1);
	assert_int_equal(setsockopt(same, SOL_SOCKET, SO_SNDBUF, &(int){100000}, sizeof(int)), 0);
	close(same);
	return pair[0];
}

static void connect_front_end(struct bench *bench)
{
	bench->fd = connect_display(bench->display);
	bench->size = 0;
	assert_int_equal(pg_set_nonblocking(bench->fd), 0);
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct pg_vmm_options options;

	assert_non_null(bench);
	bench->fds_before = open_fds();
	bench->buffer = malloc(MAX_MESSAGE);
	assert_non_null(bench->buffer);
	bench->fd = -1;
	pg_logger_init(&bench->logger, NULL, NULL);
	assert_int_equal(pg_loop_create(&bench->loop), 0);
	pg_vmm_options_init(&options);
	options.hold_ns = 1000000000ull * 3600;
	assert_int_equal(pg_vmm_create(bench->loop, &bench->logger, &options, &bench->display), 0);
	fake_attach(&bench->device, &bench->display->base);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	fake_detach(&bench->device);
	pg_display_destroy(&bench->display);
	assert_null(bench->display);
	pg_loop_destroy(bench->loop);
	pg_close(&bench->fd);
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++)
		free(bench->surfaces[i].pixels);
	free(bench->buffer);
	assert_int_equal(open_fds(), bench->fds_before);
	free(bench);
	return 0;
}

/* --- the front end --- */

static void show_update(struct bench *bench, const uint8_t *payload, uint32_t size)
{
	struct vhost_user_gpu_update update;
	struct surface *surface;

	assert_true(size >= sizeof(update));
	memcpy(&update, payload, sizeof(update));
	assert_true(update.scanout_id < PARAGPU_MAX_HEADS);
	surface = &bench->surfaces[update.scanout_id];
	assert_non_null(surface->pixels); /* QEMU crashes here */
	assert_int_equal(size, sizeof(update) + (uint64_t)update.width * update.height * 4);
	assert_true(update.width && update.height);
	assert_true(update.x + update.width <= surface->width);
	assert_true(update.y + update.height <= surface->height);
	for (uint32_t y = 0; y < update.height; y++)
		memcpy(surface->pixels + (size_t)(update.y + y) * surface->width + update.x,
		       payload + sizeof(update) + (size_t)y * update.width * 4,
		       update.width * (size_t)4);
	surface->updates++;
	surface->updated += (uint64_t)update.width * update.height;
}

static void show_scanout(struct bench *bench, const uint8_t *payload, uint32_t size)
{
	struct vhost_user_gpu_scanout scanout;
	struct surface *surface;

	assert_int_equal(size, sizeof(scanout));
	memcpy(&scanout, payload, sizeof(scanout));
	assert_true(scanout.scanout_id < PARAGPU_MAX_HEADS);
	surface = &bench->surfaces[scanout.scanout_id];
	free(surface->pixels);
	surface->pixels = NULL;
	surface->scanouts++;
	surface->width = scanout.width;
	surface->height = scanout.height;
	if (scanout.width)
		surface->pixels = calloc((size_t)scanout.width * scanout.height, 4);
}

static void show_cursor(struct bench *bench, uint32_t request, const uint8_t *payload,
			uint32_t size)
{
	struct vhost_user_gpu_cursor_pos pos;
	struct surface *surface;

	assert_true(size >= sizeof(pos));
	memcpy(&pos, payload, sizeof(pos));
	assert_true(pos.scanout_id < PARAGPU_MAX_HEADS);
	surface = &bench->surfaces[pos.scanout_id];
	surface->cursor_visible = request != VHOST_USER_GPU_CURSOR_POS_HIDE;
	surface->cursor.pos = pos;
	if (request != VHOST_USER_GPU_CURSOR_UPDATE) {
		assert_int_equal(size, sizeof(pos));
		return;
	}
	assert_int_equal(size, sizeof(surface->cursor));
	memcpy(&surface->cursor, payload, size);
	surface->cursor_updates++;
}

static void handle(struct bench *bench, const struct vhost_user_gpu_header *header,
		   const uint8_t *payload)
{
	assert_int_equal(header->flags, 0);
	switch (header->request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		assert_int_equal(header->size, 0);
		bench->requests[bench->request_count++] = header->request;
		break;
	case VHOST_USER_GPU_GET_EDID:
		assert_int_equal(header->size, 4);
		bench->requests[bench->request_count++] = header->request;
		break;
	case VHOST_USER_GPU_SET_PROTOCOL_FEATURES:
		assert_int_equal(header->size, 8);
		memcpy(&bench->features_set, payload, 8);
		break;
	case VHOST_USER_GPU_SCANOUT:
		show_scanout(bench, payload, header->size);
		break;
	case VHOST_USER_GPU_UPDATE:
		show_update(bench, payload, header->size);
		break;
	case VHOST_USER_GPU_CURSOR_POS:
	case VHOST_USER_GPU_CURSOR_POS_HIDE:
	case VHOST_USER_GPU_CURSOR_UPDATE:
		show_cursor(bench, header->request, payload, header->size);
		break;
	case VHOST_USER_GPU_DMABUF_SCANOUT:
	case VHOST_USER_GPU_DMABUF_SCANOUT2:
		memset(&bench->dmabuf, 0, sizeof(bench->dmabuf));
		memcpy(&bench->dmabuf, payload, header->size);
		assert_int_equal(header->size,
				 header->request == VHOST_USER_GPU_DMABUF_SCANOUT ? 40 : 48);
		if (bench->dmabuf.dmabuf_scanout.width)
			bench->dmabuf_scanouts++;
		else
			bench->dmabuf_offs++;
		break;
	case VHOST_USER_GPU_DMABUF_UPDATE:
		assert_int_equal(header->size, sizeof(bench->dmabuf_update));
		memcpy(&bench->dmabuf_update, payload, header->size);
		bench->dmabuf_updates++;
		break;
	default:
		fail_msg("request %u on the display socket", header->request);
	}
}

static void turn(struct bench *bench)
{
	assert_int_equal(pg_loop_dispatch(bench->loop, 0), 0);
}

/* Handles the complete messages in the buffer. */
static void handle_buffer(struct bench *bench)
{
	struct vhost_user_gpu_header header;

	while (bench->size >= sizeof(header)) {
		size_t all;

		memcpy(&header, bench->buffer, sizeof(header));
		all = sizeof(header) + header.size;
		assert_true(all <= MAX_MESSAGE);
		if (bench->size < all)
			return;
		handle(bench, &header, bench->buffer + sizeof(header));
		bench->size -= all;
		memmove(bench->buffer, bench->buffer + all, bench->size);
	}
}

/* Reads at most `size` bytes. Returns how many there were. */
static size_t read_some(struct bench *bench, size_t size)
{
	ssize_t got;

	if (size > MAX_MESSAGE - bench->size)
		size = MAX_MESSAGE - bench->size;
	got = recv(bench->fd, bench->buffer + bench->size, size, MSG_DONTWAIT);
	if (got <= 0)
		return 0;
	bench->size += (size_t)got;
	handle_buffer(bench);
	return (size_t)got;
}

/* Lets both sides go on until nothing moves; the front end reads `step` bytes at a time. */
static void run(struct bench *bench, size_t step)
{
	do
		turn(bench);
	while (read_some(bench, step));
	turn(bench);
	assert_int_equal(bench->size, 0);
}

static void reply(struct bench *bench, uint32_t request, const void *payload, uint32_t size)
{
	struct vhost_user_gpu_header header = {request, VHOST_USER_REPLY_MASK, size};

	assert_int_equal(write(bench->fd, &header, sizeof(header)), sizeof(header));
	if (size)
		assert_int_equal(write(bench->fd, payload, size), size);
}

static void negotiate(struct bench *bench, uint64_t features)
{
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->requests[0], VHOST_USER_GPU_GET_PROTOCOL_FEATURES);
	bench->request_count = 0;
	reply(bench, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	run(bench, MAX_MESSAGE);
}

static void assert_shows(struct bench *bench, uint32_t head)
{
	const struct fake_picture *picture = &bench->device.heads[head];
	const struct surface *surface = &bench->surfaces[head];

	assert_int_equal(surface->width, picture->width);
	assert_int_equal(surface->height, picture->height);
	assert_non_null(surface->pixels);
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++) {
			uint32_t shown = surface->pixels[(size_t)y * surface->width + x];

			if ((shown | 0xff000000) != fake_pixel(picture, x, y))
				fail_msg("pixel %u,%u of head %u is %08x, not %08x", x, y, head,
					 shown, fake_pixel(picture, x, y));
		}
}

/* --- the rules --- */

static void test_scanout_goes_before_the_first_update(void **state)
{
	struct bench *bench = *state;

	connect_front_end(bench);
	fake_show(&bench->device, 3, 40, 30, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	/* A partial flush: the rest of a new surface would be blank, so all of it goes. */
	fake_flush(&bench->device, 3, (struct paragpu_rect){5, 5, 10, 10}, NULL);
	run(bench, MAX_MESSAGE); /* show_update() holds the rule */
	assert_int_equal(bench->surfaces[3].scanouts, 1);
	assert_int_equal(bench->surfaces[3].updates, 1);
	assert_shows(bench, 3);
}

static void test_every_format_shows_the_same_colours(void **state)
{
	struct bench *bench = *state;

	connect_front_end(bench);
	for (uint32_t i = 0; i < 8; i++) {
		fake_show(&bench->device, 0, 64 + i, 16, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, NULL);
		run(bench, MAX_MESSAGE);
		assert_shows(bench, 0);
	}
}

static void test_damage_is_exact(void **state)
{
	struct bench *bench = *state;
	struct paragpu_rect rect = {7, 3, 11, 5};

	connect_front_end(bench);
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t before;

		fake_show(&bench->device, 0, 90 + i, 33, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, NULL);
		run(bench, MAX_MESSAGE);
		before = bench->surfaces[0].updated;
		/* Pixels outside of the damage change too, and must not be seen. */
		fake_fill(&bench->device.heads[0], (struct paragpu_rect){0, 0, 90, 33}, 100 + i);
		fake_flush(&bench->device, 0, rect, NULL);
		run(bench, MAX_MESSAGE);
		assert_int_equal(bench->surfaces[0].updated - before, 11 * 5);
		for (uint32_t y = 0; y < 33; y++)
			for (uint32_t x = 0; x < 90; x++) {
				bool in = x >= 7 && x < 18 && y >= 3 && y < 8;
				uint32_t shown = bench->surfaces[0].pixels[y * (90 + i) + x];
				uint32_t now = fake_pixel(&bench->device.heads[0], x, y);

				assert_int_equal((shown | 0xff000000) == now, in);
			}
	}
}

static void test_scattered_and_unbacked_rows(void **state)
{
	struct bench *bench = *state;
	static const uint32_t formats[] = {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
					   VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM};
	struct paragpu_flush flush = {0};

	connect_front_end(bench);
	for (uint32_t i = 0; i < 2; i++) {
		fake_show(&bench->device, 0, 500 + i, 300, formats[i], 5);
		bench->device.heads[0].scattered = true;
		fake_flush_all(&bench->device, 0, &flush);
		run(bench, 1009); /* stops within pixels */
		assert_shows(bench, 0);
		bench->device.heads[0].backed = 123;
		fake_flush_all(&bench->device, 0, &flush);
		run(bench, 4093);
		assert_shows(bench, 0);
	}
}

static void test_slow_reader_gets_everything_and_holds_the_flush(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush first = {0}, second = {0};
	struct fake_picture *picture = &bench->device.heads[0];

	connect_front_end(bench);
	for (uint32_t i = 0; i < 8; i++) {
		fake_show(&bench->device, 0, 1280, 800 + i, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, &first);
		assert_int_equal(first.holds, 1); /* 4 MB don't fit into a socket */
		read_some(bench, 100000);
		turn(bench);
		/* More damage while the first message is under way. */
		fake_fill(picture, (struct paragpu_rect){10, 20, 30, 40}, 77);
		fake_fill(picture, (struct paragpu_rect){600, 700, 50, 60}, 78);
		fake_flush(&bench->device, 0, (struct paragpu_rect){10, 20, 30, 40}, &second);
		fake_flush(&bench->device, 0, (struct paragpu_rect){600, 700, 50, 60}, &second);
		assert_int_equal(second.holds, 2);
		run(bench, 65536);
		assert_int_equal(first.holds, 0);
		assert_int_equal(second.holds, 0);
		assert_shows(bench, 0);
	}
}

static void test_a_flush_is_not_starved_by_later_ones(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush first = {0}, later = {0};
	unsigned int rounds = 0;

	connect_front_end(bench);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2);
	fake_flush_all(&bench->device, 0, &first);
	assert_int_equal(first.holds, 1);
	while (first.holds) {
		fake_flush_all(&bench->device, 0, &later);
		read_some(bench, 100000);
		turn(bench);
		assert_true(++rounds < 200);
	}
	run(bench, MAX_MESSAGE);
	assert_int_equal(later.holds, 0);
}

static void test_resize_within_a_message(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush flush = {0};

	connect_front_end(bench);
	for (uint32_t i = 0; i < 8; i++) {
		/* Into smaller, larger, off; at different points of the message. */
		fake_show(&bench->device, 0, 1000, 700, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, &flush);
		assert_int_equal(flush.holds, 1);
		for (uint32_t k = 0; k <= i; k++) {
			read_some(bench, 54321);
			turn(bench);
		}
		fake_show(&bench->device, 0, 300 + i, 200, fake_formats[7 - i], i);
		turn(bench);
		assert_int_equal(flush.holds, 0); /* its picture is not read any more */
		fake_flush_all(&bench->device, 0, &flush);
		read_some(bench, 50000);
		turn(bench);
		fake_show(&bench->device, 0, 1400 + i, 900, fake_formats[i], i);
		fake_flush_all(&bench->device, 0, &flush);
		read_some(bench, 50000);
		fake_off(&bench->device, 0);
		run(bench, 65536);
		assert_int_equal(flush.holds, 0);
		assert_int_equal(bench->surfaces[0].width, 0);
	}
}

static void test_page_flip_within_a_message_goes_on_with_the_new_picture(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush flush = {0};

	connect_front_end(bench);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, &flush);
	read_some(bench, 100000);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 2);
	turn(bench);
	assert_int_equal(flush.holds, 0);
	fake_flush_all(&bench->device, 0, &flush);
	run(bench, 65536);
	assert_int_equal(flush.holds, 0);
	assert_int_equal(bench->surfaces[0].scanouts, 1); /* same size: same surface */
	assert_shows(bench, 0);
}

static void test_eof_at_any_byte_is_not_fatal(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush flush = {0};
	struct paragpu_cursor cursor = {.visible = true, .x = 4, .y = 5};

	fake_show(&bench->device, 0, 640, 480, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	for (uint32_t i = 0; i < 40; i++) {
		struct paragpu_query info = {0}, edid = {0};
		const struct paragpu_display_ops *ops = bench->display->base.ops;

		connect_front_end(bench);
		ops->get_display_info(&bench->display->base, &info);
		ops->get_edid(&bench->display->base, 0, &edid);
		ops->cursor(&bench->display->base, 0, &cursor, true);
		fake_flush_all(&bench->device, 0, &flush);
		for (uint32_t k = 0; k < i; k++) {
			ssize_t got = recv(bench->fd, bench->buffer, (size_t)37 * i, MSG_DONTWAIT);

			(void)got;
			turn(bench);
		}
		pg_close(&bench->fd);
		turn(bench);
		turn(bench);
		assert_false(pg_vmm_connected(bench->display));
		assert_int_equal(flush.holds, 0);
		assert_int_equal(info.answers, 1);
		assert_true(info.declined);
		assert_int_equal(edid.answers, 1);
		assert_true(edid.declined);
		fake_flush_all(&bench->device, 0, NULL); /* nobody looks: nobody holds */
	}
}

static void test_questions_without_a_socket_are_declined(void **state)
{
	struct bench *bench = *state;
	struct paragpu_query query = {0};

	bench->display->base.ops->get_display_info(&bench->display->base, &query);
	assert_int_equal(query.answers, 1);
	assert_true(query.declined);
}

static void test_new_socket_gets_everything_again(void **state)
{
	struct bench *bench = *state;
	struct paragpu_cursor cursor = {.visible = true, .x = -5, .y = -7, .hot_x = 1, .hot_y = 2};

	connect_front_end(bench);
	cursor.pixels[17] = 0x80402010;
	fake_show(&bench->device, 0, 64, 48, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_show(&bench->device, 5, 32, 24, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 2);
	bench->display->base.ops->cursor(&bench->display->base, 5, &cursor, true);
	fake_flush_all(&bench->device, 0, NULL);
	fake_flush_all(&bench->device, 5, NULL);
	run(bench, MAX_MESSAGE);
	for (int i = 0; i < 2; i++) {
		/* With and without the old end closed first, as QEMU does. */
		if (i) {
			pg_close(&bench->fd);
			turn(bench);
		} else {
			pg_close(&bench->fd);
		}
		for (size_t k = 0; k < PARAGPU_MAX_HEADS; k++) {
			free(bench->surfaces[k].pixels);
			bench->surfaces[k] = (struct surface){0};
		}
		connect_front_end(bench);
		run(bench, MAX_MESSAGE);
		assert_shows(bench, 0);
		assert_shows(bench, 5);
		assert_true(bench->surfaces[5].cursor_visible);
		assert_int_equal(bench->surfaces[5].cursor.pos.x, (uint32_t)-5);
		assert_int_equal(bench->surfaces[5].cursor.data[17], 0x80402010);
	}
}

static void test_cursor(void **state)
{
	struct bench *bench = *state;
	const struct paragpu_display_ops *ops = bench->display->base.ops;
	struct paragpu_cursor cursor = {.visible = true, .x = 100, .y = 50, .hot_x = 3, .hot_y = 4};
	struct surface *surface = &bench->surfaces[1];

	connect_front_end(bench);
	for (size_t i = 0; i < (size_t)64 * 64; i++)
		cursor.pixels[i] = (uint32_t)i * 0x01030507u;
	ops->cursor(&bench->display->base, 1, &cursor, true);
	run(bench, MAX_MESSAGE);
	assert_true(surface->cursor_visible);
	assert_int_equal(surface->cursor_updates, 1);
	assert_int_equal(surface->cursor.pos.x, 100);
	assert_int_equal(surface->cursor.pos.y, 50);
	assert_int_equal(surface->cursor.hot_x, 3);
	assert_int_equal(surface->cursor.hot_y, 4);
	assert_memory_equal(surface->cursor.data, cursor.pixels, sizeof(cursor.pixels));

	cursor.x = -5;
	ops->cursor(&bench->display->base, 1, &cursor, false);
	run(bench, MAX_MESSAGE);
	assert_int_equal(surface->cursor_updates, 1);
	assert_int_equal(surface->cursor.pos.x, (uint32_t)-5);

	cursor.visible = false;
	cursor.pixels[0] = 0x11223344; /* changed while hidden: told when shown again */
	ops->cursor(&bench->display->base, 1, &cursor, true);
	run(bench, MAX_MESSAGE);
	assert_false(surface->cursor_visible);
	cursor.visible = true;
	ops->cursor(&bench->display->base, 1, &cursor, false);
	run(bench, MAX_MESSAGE);
	assert_true(surface->cursor_visible);
	assert_int_equal(surface->cursor.data[0], 0x11223344);
}

static void test_features_and_edid(void **state)
{
	struct bench *bench = *state;
	const struct paragpu_display_ops *ops = bench->display->base.ops;
	struct virtio_gpu_resp_edid answer = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_EDID),
		.size = pg_to_le32(256),
		.edid = {1, 2, 3},
	};
	struct paragpu_query early = {0}, bad = {0};

	connect_front_end(bench);
	ops->get_edid(&bench->display->base, 2, &early);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->request_count, 1); /* not before the features are known */
	negotiate(bench, 3);
	assert_int_equal(bench->features_set, 1); /* DMABUF2 is for dma-bufs, which are off */
	assert_int_equal(bench->request_count, 1);
	assert_int_equal(bench->requests[0], VHOST_USER_GPU_GET_EDID);
	reply(bench, VHOST_USER_GPU_GET_EDID, &answer, sizeof(answer));
	turn(bench);
	assert_int_equal(early.answers, 1);
	assert_int_equal(early.edid_size, 256);
	assert_int_equal(early.edid[2], 3);

	static const uint32_t sizes[] = {0, 1, 127, 1025, 1152, 0xffffff80};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bad = (struct paragpu_query){0};
		ops->get_edid(&bench->display->base, 0, &bad);
		answer.size = pg_to_le32(sizes[i]);
		reply(bench, VHOST_USER_GPU_GET_EDID, &answer, sizeof(answer));
		run(bench, MAX_MESSAGE);
		assert_int_equal(bad.answers, 1);
		assert_true(bad.declined);
	}
}

static void test_edid_is_declined_where_not_offered(void **state)
{
	struct bench *bench = *state;
	const struct paragpu_display_ops *ops = bench->display->base.ops;
	struct paragpu_query early = {0}, late = {0};

	connect_front_end(bench);
	ops->get_edid(&bench->display->base, 0, &early);
	negotiate(bench, 0);
	assert_int_equal(early.answers, 1);
	assert_true(early.declined);
	ops->get_edid(&bench->display->base, 0, &late);
	assert_true(late.declined);
	assert_true(pg_vmm_connected(bench->display));
}

/* Linux asks for the EDIDs of all heads at once, and each question turns into another. */
static void test_several_edids_are_declined_where_not_offered(void **state)
{
	struct bench *bench = *state;
	const struct paragpu_display_ops *ops = bench->display->base.ops;
	struct paragpu_query queries[4] = {0};

	for (size_t i = 0; i < 4; i++)
		queries[i].asks_again = &bench->display->base;
	connect_front_end(bench);
	for (uint32_t i = 0; i < 4; i++)
		ops->get_edid(&bench->display->base, i, &queries[i]);
	negotiate(bench, 0);
	run(bench, MAX_MESSAGE);
	for (size_t i = 0; i < 4; i++)
		assert_true(queries[i].declined);
	for (uint32_t i = 0; i < bench->request_count; i++)
		assert_int_not_equal(bench->requests[i], VHOST_USER_GPU_GET_EDID);
	assert_true(pg_vmm_connected(bench->display));
}

static void test_display_info(void **state)
{
	struct bench *bench = *state;
	const struct paragpu_display_ops *ops = bench->display->base.ops;
	struct virtio_gpu_resp_display_info answer = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
		.pmodes[0] = {{pg_to_le32(0), pg_to_le32(0), pg_to_le32(1024), pg_to_le32(768)},
			      pg_to_le32(1),
			      pg_to_le32(0)},
		.pmodes[2] = {{pg_to_le32(1024), pg_to_le32(5), pg_to_le32(640), pg_to_le32(480)},
			      pg_to_le32(1),
			      pg_to_le32(0)},
		.pmodes[3] = {{pg_to_le32(0), pg_to_le32(0), pg_to_le32(70000), pg_to_le32(480)},
			      pg_to_le32(1),
			      pg_to_le32(0)},
		.pmodes[4] = {{pg_to_le32(0), pg_to_le32(0), pg_to_le32(0), pg_to_le32(0)},
			      pg_to_le32(1),
			      pg_to_le32(0)},
	};
	struct paragpu_query first = {0}, second = {0};

	connect_front_end(bench);
	negotiate(bench, 3);
	ops->get_display_info(&bench->display->base, &first);
	ops->get_display_info(&bench->display->base, &second);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->request_count, 2);
	reply(bench, VHOST_USER_GPU_GET_DISPLAY_INFO, &answer, sizeof(answer));
	turn(bench);
	assert_int_equal(first.answers, 1);
	assert_int_equal(second.answers, 0); /* answers come in order */
	assert_int_equal(first.count, 16);
	assert_true(first.heads[0].connected);
	assert_int_equal(first.heads[0].width, 1024);
	assert_false(first.heads[1].connected);
	assert_int_equal(first.heads[2].x, 1024);
	assert_int_equal(first.heads[2].height, 480);
	assert_false(first.heads[3].connected); /* no such mode exists */
	assert_false(first.heads[4].connected);
	answer.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_ERR_UNSPEC);
	reply(bench, VHOST_USER_GPU_GET_DISPLAY_INFO, &answer, sizeof(answer));
	turn(bench);
	assert_true(second.declined);
}

static void test_replies_that_do_not_fit_close_the_socket(void **state)
{
	struct bench *bench = *state;
	static const struct vhost_user_gpu_header bad[] = {
		{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0, 8},          /* no reply flag */
		{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 4},          /* short */
		{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 0xffffffff}, /* huge */
		{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 0xfffffff4}, /* wraps */
		{VHOST_USER_GPU_GET_EDID, 4, 1056},                    /* not asked */
		{VHOST_USER_GPU_DMABUF_UPDATE, 4, 0},                  /* not asked */
		{0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		connect_front_end(bench);
		run(bench, MAX_MESSAGE);
		assert_int_equal(write(bench->fd, &bad[i], sizeof(bad[i])), sizeof(bad[i]));
		turn(bench);
		assert_false(pg_vmm_connected(bench->display));
		pg_close(&bench->fd);
	}
	/* An answer to nothing. */
	connect_front_end(bench);
	negotiate(bench, 3);
	reply(bench, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &(uint64_t){3}, 8);
	turn(bench);
	assert_false(pg_vmm_connected(bench->display));
}

static void test_replies_may_come_byte_by_byte_with_unasked_descriptors(void **state)
{
	struct bench *bench = *state;
	uint8_t bytes[20] = {0};
	struct vhost_user_gpu_header header = {VHOST_USER_GPU_GET_PROTOCOL_FEATURES,
					       VHOST_USER_REPLY_MASK, 8};

	connect_front_end(bench);
	memcpy(bytes, &header, sizeof(header));
	bytes[12] = 3;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		char control[CMSG_SPACE(sizeof(int))] = {0};
		struct iovec vector = {&bytes[i], 1};
		struct msghdr message = {
			.msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

		*rights = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(rights), &bench->fd, sizeof(int));
		assert_int_equal(sendmsg(bench->fd, &message, 0), 1);
		turn(bench);
	}
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->features_set, 1); /* and tear_down() counts descriptors */
}

static void test_hold_ends_by_itself(void **state)
{
	struct bench *bench = *state;
	struct pg_display *other;
	struct pg_vmm_options options;
	struct paragpu_flush flush = {0};
	int fd;

	pg_vmm_options_init(&options);
	options.hold_ns = 1000000;
	assert_int_equal(pg_vmm_create(bench->loop, &bench->logger, &options, &other), 0);
	fake_attach(&bench->device, &other->base);
	fd = connect_display(other);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, &flush);
	assert_int_equal(flush.holds, 1);
	assert_int_equal(pg_loop_dispatch(bench->loop, 2000), 0);
	turn(bench);
	assert_int_equal(flush.holds, 0);
	fake_off(&bench->device, 0);
	pg_display_destroy(&other);
	close(fd);
	fake_attach(&bench->device, &bench->display->base);
}

static void test_many_small_damages_stay_bounded_and_right(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush flush = {0};

	connect_front_end(bench);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2);
	fake_flush_all(&bench->device, 0, &flush);
	for (uint32_t i = 0; i < 5000; i++) {
		struct paragpu_rect rect = {i * 37 % 1280, i * 101 % 800, 1, 1};

		fake_fill(&bench->device.heads[0], rect, i);
		fake_flush(&bench->device, 0, rect, &flush);
	}
	assert_int_equal(flush.holds, 5001);
	run(bench, 1 << 20);
	assert_int_equal(flush.holds, 0);
	assert_shows(bench, 0);
}

static bool any_file(int fd)
{
	return fd >= 0;
}

static bool no_file(int fd)
{
	return fd < -1;
}

/* Replaces the display by one with dma-bufs. */
static void use_dmabufs(struct bench *bench, bool (*is_dmabuf)(int))
{
	struct pg_vmm_options options;

	fake_detach(&bench->device);
	pg_display_destroy(&bench->display);
	pg_vmm_options_init(&options);
	options.dmabuf = true;
	options.is_dmabuf = is_dmabuf;
	options.hold_ns = 1000000000ull * 3600;
	assert_int_equal(pg_vmm_create(bench->loop, &bench->logger, &options, &bench->display), 0);
	fake_attach(&bench->device, &bench->display->base);
}

static void show_file(struct bench *bench, int fd, uint32_t seed)
{
	fake_show(&bench->device, 0, 64, 48, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, seed);
	bench->device.heads[0].fd = fd;
	bench->device.heads[0].fd_offset = (uint64_t)bench->device.heads[0].stride * 10 + 20;
}

static void test_dmabufs_hold_the_flush_until_they_are_consumed(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush first = {0}, second = {0};
	int file = memfd_create("picture", MFD_CLOEXEC);

	use_dmabufs(bench, any_file);
	connect_front_end(bench);
	negotiate(bench, 3);
	assert_int_equal(bench->features_set, 3);
	show_file(bench, file, 1); /* its stride has room for the offset */
	fake_flush(&bench->device, 0, (struct paragpu_rect){1, 2, 3, 4}, &first);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->dmabuf_scanouts, 1);
	assert_int_equal(bench->dmabuf.dmabuf_scanout.x, 5);
	assert_int_equal(bench->dmabuf.dmabuf_scanout.y, 10);
	assert_int_equal(bench->dmabuf.dmabuf_scanout.fd_stride, 64 * 4 + 64);
	assert_memory_equal(&bench->dmabuf.dmabuf_scanout.fd_drm_fourcc, "XB24", 4);
	assert_int_equal(bench->dmabuf_updates, 1);
	assert_int_equal(bench->surfaces[0].updates, 0); /* no pixel was copied */
	assert_int_equal(first.holds, 1);
	/* While the front end reads, damage gathers. */
	fake_flush(&bench->device, 0, (struct paragpu_rect){10, 10, 1, 1}, &second);
	fake_flush(&bench->device, 0, (struct paragpu_rect){20, 30, 2, 3}, &second);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->dmabuf_updates, 1);
	reply(bench, VHOST_USER_GPU_DMABUF_UPDATE, NULL, 0);
	run(bench, MAX_MESSAGE);
	assert_int_equal(first.holds, 0);
	assert_int_equal(bench->dmabuf_updates, 2);
	assert_int_equal(bench->dmabuf_update.x, 10);
	assert_int_equal(bench->dmabuf_update.width, 12);
	assert_int_equal(bench->dmabuf_update.height, 23);
	assert_int_equal(second.holds, 2);
	/* A page flip does not end the front end's reading. */
	show_file(bench, file, 3);
	turn(bench);
	assert_int_equal(second.holds, 2);
	reply(bench, VHOST_USER_GPU_DMABUF_UPDATE, NULL, 0);
	run(bench, MAX_MESSAGE);
	assert_int_equal(second.holds, 0);
	fake_flush_all(&bench->device, 0, &first);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->dmabuf_scanouts, 2);
	assert_int_equal(first.holds, 1);
	/* A picture that is no dma-buf goes as pixels again. */
	reply(bench, VHOST_USER_GPU_DMABUF_UPDATE, NULL, 0);
	run(bench, MAX_MESSAGE);
	fake_show(&bench->device, 0, 64, 48, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2);
	fake_flush_all(&bench->device, 0, NULL);
	run(bench, MAX_MESSAGE);
	assert_int_equal(bench->dmabuf_offs, 1);
	assert_shows(bench, 0);
	close(file);
}

static void test_files_that_are_no_dmabufs_go_as_pixels(void **state)
{
	struct bench *bench = *state;
	int file = memfd_create("picture", MFD_CLOEXEC);
	static bool (*const tests[])(int) = {no_file, NULL};

	for (size_t i = 0; i < 2; i++) {
		use_dmabufs(bench, tests[i]);
		connect_front_end(bench);
		negotiate(bench, 3);
		show_file(bench, file, 1);
		fake_flush_all(&bench->device, 0, NULL);
		run(bench, MAX_MESSAGE);
		assert_int_equal(bench->dmabuf_scanouts, 0);
		assert_shows(bench, 0);
		pg_close(&bench->fd);
	}
	close(file);
}

static void test_layouts_that_can_not_be_said_go_as_pixels(void **state)
{
	struct bench *bench = *state;
	int file = memfd_create("picture", MFD_CLOEXEC);

	use_dmabufs(bench, any_file);
	connect_front_end(bench);
	negotiate(bench, 1); /* without modifiers */
	for (uint32_t i = 0; i < 3; i++) {
		struct fake_picture *picture = &bench->device.heads[0];

		fake_show(&bench->device, 0, 64, 48, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 2 * i);
		picture->fd = file;
		if (i == 0)
			picture->fd_offset = 2; /* not at a pixel */
		else if (i == 1)
			picture->fd_offset = 4; /* rows would wrap around the buffer's edge */
		else
			picture->modifier = 1;
		fake_flush_all(&bench->device, 0, NULL);
		run(bench, MAX_MESSAGE);
		assert_int_equal(bench->dmabuf_scanouts, 0);
		assert_shows(bench, 0);
	}
	close(file);
}

static void test_a_display_may_change_its_device(void **state)
{
	struct bench *bench = *state;
	struct paragpu_flush flush = {0};
	struct paragpu_query sent = {0}, unsent = {0};
	struct virtio_gpu_resp_display_info answer = {
		.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO),
	};

	connect_front_end(bench);
	negotiate(bench, 3);
	bench->display->base.ops->get_display_info(&bench->display->base, &sent);
	run(bench, MAX_MESSAGE);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	fake_flush_all(&bench->device, 0, &flush);
	assert_int_equal(flush.holds, 1);
	bench->display->base.ops->get_display_info(&bench->display->base, &unsent);
	fake_detach(&bench->device);
	pg_display_detached(bench->display);
	run(bench, MAX_MESSAGE);
	reply(bench, VHOST_USER_GPU_GET_DISPLAY_INFO, &answer, sizeof(answer));
	run(bench, MAX_MESSAGE);
	assert_int_equal(flush.holds, 1); /* the device took it back itself */
	assert_int_equal(sent.answers + unsent.answers, 0);
	assert_int_equal(bench->surfaces[0].width, 0);

	fake_attach(&bench->device, &bench->display->base);
	fake_show(&bench->device, 0, 1280, 800, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2);
	flush.holds = 0;
	fake_flush_all(&bench->device, 0, &flush);
	run(bench, MAX_MESSAGE);
	assert_shows(bench, 0);
	assert_int_equal(flush.holds, 0);
}

#define RULE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RULE(scanout_goes_before_the_first_update),
		RULE(every_format_shows_the_same_colours),
		RULE(damage_is_exact),
		RULE(scattered_and_unbacked_rows),
		RULE(slow_reader_gets_everything_and_holds_the_flush),
		RULE(a_flush_is_not_starved_by_later_ones),
		RULE(resize_within_a_message),
		RULE(page_flip_within_a_message_goes_on_with_the_new_picture),
		RULE(eof_at_any_byte_is_not_fatal),
		RULE(questions_without_a_socket_are_declined),
		RULE(new_socket_gets_everything_again),
		RULE(cursor),
		RULE(features_and_edid),
		RULE(edid_is_declined_where_not_offered),
		RULE(several_edids_are_declined_where_not_offered),
		RULE(display_info),
		RULE(replies_that_do_not_fit_close_the_socket),
		RULE(replies_may_come_byte_by_byte_with_unasked_descriptors),
		RULE(hold_ends_by_itself),
		RULE(many_small_damages_stay_bounded_and_right),
		RULE(dmabufs_hold_the_flush_until_they_are_consumed),
		RULE(files_that_are_no_dmabufs_go_as_pixels),
		RULE(layouts_that_can_not_be_said_go_as_pixels),
		RULE(a_display_may_change_its_device),
	};

	return cmocka_run_group_tests_name("display_vmm", tests, NULL, NULL);
}

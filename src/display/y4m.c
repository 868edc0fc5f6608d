/* SPDX-License-Identifier: MIT */
/*
 * Y4M capture, a process of its own (viewer.h): the disk may be slow. It
 * begins with the head's first pixels, whose size the video keeps: another
 * mode later is cut or framed in black at its upper left corner, as the format
 * knows one size. A head that is off is black.
 */
#include "display/y4m.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"
#include "display/receiver.h"

#define SECOND 1000000000ull

/* After a pause of the process (a stopped machine) this many frames are made up for at once. */
#define MAX_LAG_FRAMES 100

struct capture {
	const struct pg_y4m_settings *settings;
	struct pg_loop *loop;
	struct pg_receiver receiver;
	struct pg_watch watch;
	struct pg_timer timer;
	int file;
	int error;
	uint32_t width, height; /* of the video; 0: not begun */
	uint64_t begun_ns;
	uint64_t frames;
	bool changed;   /* since the last frame was made */
	uint8_t *frame; /* header and three planes */
	size_t frame_size;
};

static const char frame_header[] = "FRAME\n";

/* --- making a frame --- */

/* The pixel with the pointer over it; outside of the head black. */
static uint32_t pixel_at(const struct pg_receiver_head *head, uint32_t x, uint32_t y)
{
	const struct paragpu_cursor *cursor = &head->cursor;
	int64_t u = (int64_t)x - cursor->x, v = (int64_t)y - cursor->y;
	uint32_t below, over, pixel = 0;

	if (x >= head->width || y >= head->height)
		return 0;
	below = head->pixels[(size_t)y * head->width + x];
	if (!cursor->visible || u < 0 || v < 0 || u >= PARAGPU_CURSOR_SIZE ||
	    v >= PARAGPU_CURSOR_SIZE)
		return below;
	over = cursor->pixels[v * PARAGPU_CURSOR_SIZE + u];
	for (unsigned int shift = 0; shift < 24; shift += 8) {
		uint32_t sum = (over >> shift & 0xff) +
			       ((below >> shift & 0xff) * (255 - (over >> 24)) + 127) / 255;

		pixel |= (sum > 255 ? 255 : sum) << shift;
	}
	return pixel;
}

/* BT.601, limited range, in 16 bits of fraction; the sums can't leave 16..240. */
static void convert(uint32_t pixel, uint8_t *luma, uint8_t *blue, uint8_t *red)
{
	int r = (int)(pixel >> 16 & 0xff), g = (int)(pixel >> 8 & 0xff), b = (int)(pixel & 0xff);

	*luma = (uint8_t)((16829 * r + 33039 * g + 6416 * b + (16 << 16) + 32768) >> 16);
	*blue = (uint8_t)((-9714 * r - 19070 * g + 28784 * b + (128 << 16) + 32768) >> 16);
	*red = (uint8_t)((28784 * r - 24103 * g - 4681 * b + (128 << 16) + 32768) >> 16);
}

static void make_frame(struct capture *capture)
{
	const struct pg_receiver_head *head = &capture->receiver.heads[capture->settings->head];
	size_t plane = (size_t)capture->width * capture->height;
	uint8_t *out = capture->frame + sizeof(frame_header) - 1;

	for (uint32_t y = 0; y < capture->height; y++)
		for (uint32_t x = 0; x < capture->width; x++, out++)
			convert(pixel_at(head, x, y), out, out + plane, out + 2 * plane);
	capture->changed = false;
}

/* --- writing --- */

static void write_all(struct capture *capture, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	while (size && !capture->error) {
		ssize_t written = write(capture->file, from, size);

		if (written >= 0) {
			from += written;
			size -= (size_t)written;
		} else if (errno != EINTR) {
			capture->error = -errno;
		}
	}
}

/* A frame that is not complete makes readers stumble: cut it off where that can be done. */
static void stop_after_error(struct capture *capture, off_t good)
{
	/* On a pipe there is nothing to cut. */
	bool cut = good >= 0 && ftruncate(capture->file, good) == 0;

	pg_log(capture->settings->logger, PG_LOG_ERROR, "y4m",
	       "cannot write to %s: %s; the capture ends with %" PRIu64
	       " frames%s, the device goes on",
	       capture->settings->path, strerror(-capture->error), capture->frames,
	       cut ? "" : " and perhaps a part of one");
	pg_loop_stop(capture->loop);
}

static void write_frame(struct capture *capture)
{
	off_t good = lseek(capture->file, 0, SEEK_CUR);

	write_all(capture, capture->frame, capture->frame_size);
	if (capture->error)
		stop_after_error(capture, good);
	else
		capture->frames++;
}

/* Frame n belongs to the time begun + n / fps; writes those whose time has come. */
static void on_timer(void *data)
{
	struct capture *capture = data;
	uint64_t fps = capture->settings->fps;
	uint64_t age = pg_now_ns() - capture->begun_ns;
	uint64_t due = age / SECOND * fps + age % SECOND * fps / SECOND + 1;

	if (due - capture->frames > MAX_LAG_FRAMES) {
		/* time stood still for the video too */
		capture->begun_ns = pg_now_ns() - capture->frames * SECOND / fps;
		due = capture->frames + 1;
	}
	if (due > capture->frames && capture->changed)
		make_frame(capture);
	while (due > capture->frames && !capture->error)
		write_frame(capture);
	if (!capture->error)
		pg_timer_set(capture->loop, &capture->timer, SECOND / fps, on_timer, capture);
}

static void begin(struct capture *capture, const struct pg_receiver_head *head)
{
	char text[128];
	int size = snprintf(text, sizeof(text),
			    "YUV4MPEG2 W%" PRIu32 " H%" PRIu32 " F%" PRIu32
			    ":1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n",
			    head->width, head->height, capture->settings->fps);

	capture->frame_size = sizeof(frame_header) - 1 + (size_t)head->width * head->height * 3;
	capture->frame = malloc(capture->frame_size);
	if (!capture->frame) {
		capture->error = -ENOMEM;
		stop_after_error(capture, -1);
		return;
	}
	memcpy(capture->frame, frame_header, sizeof(frame_header) - 1);
	capture->width = head->width;
	capture->height = head->height;
	capture->begun_ns = pg_now_ns();
	capture->changed = true;
	write_all(capture, text, (size_t)size);
	if (capture->error)
		stop_after_error(capture, 0);
	else
		on_timer(capture);
}

/* --- what the device tells --- */

static void on_scanout(void *data, uint32_t index)
{
	struct capture *capture = data;
	const struct pg_receiver_head *head = &capture->receiver.heads[index];

	if (index != capture->settings->head || !capture->width)
		return;
	capture->changed = true;
	if (head->width && (head->width != capture->width || head->height != capture->height))
		pg_log(capture->settings->logger, PG_LOG_WARN, "y4m",
		       "head %" PRIu32 " is %" PRIu32 " x %" PRIu32 " now; %s stays %" PRIu32
		       " x %" PRIu32 ", which is the size it began with",
		       index, head->width, head->height, capture->settings->path, capture->width,
		       capture->height);
}

static void on_update(void *data, uint32_t index, struct paragpu_rect rect)
{
	struct capture *capture = data;

	(void)rect;
	if (index != capture->settings->head || capture->error)
		return;
	capture->changed = true;
	if (!capture->width)
		begin(capture, &capture->receiver.heads[index]);
}

static void on_cursor(void *data, uint32_t index, bool image_changed)
{
	struct capture *capture = data;

	(void)image_changed;
	if (index == capture->settings->head)
		capture->changed = true;
}

static const struct pg_receiver_ops receiver_ops = {
	.scanout = on_scanout,
	.update = on_update,
	.cursor = on_cursor,
};

static void on_socket(void *data, uint32_t events)
{
	struct capture *capture = data;

	(void)events;
	if (pg_receiver_run(&capture->receiver) < 0)
		pg_loop_stop(capture->loop);
}

/* What changed after the last frame's time is worth one more. */
static void finish(struct capture *capture)
{
	if (capture->error || !capture->width || !capture->changed)
		return;
	make_frame(capture);
	write_frame(capture);
}

int pg_y4m_capture(int socket, int file, void *data)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int error;

	if (!capture)
		return 1;
	capture->settings = data;
	capture->file = file;
	pg_receiver_init(&capture->receiver, socket, &receiver_ops, capture);
	error = pg_loop_create(&capture->loop);
	if (!error)
		error = pg_watch_add(capture->loop, &capture->watch, socket, EPOLLIN, on_socket,
				     capture);
	if (!error)
		error = pg_loop_run(capture->loop);
	if (error)
		pg_log(capture->settings->logger, PG_LOG_ERROR, "y4m", "the capture failed: %s",
		       strerror(-error));
	finish(capture);
	return error || capture->error ? 1 : 0; /* the end of the process frees the rest */
}

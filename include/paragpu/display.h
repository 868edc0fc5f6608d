/* SPDX-License-Identifier: MIT */
/*
 * Displays: where a device's pictures go. The device tells each of its displays
 * what every head shows and which pixels changed; the display reads them in
 * place, at once or when it is ready. Head and scanout mean the same here.
 *
 * An implementation embeds struct paragpu_display as its first member, fills
 * `ops`, and hands itself to paragpu_device_add_display(). An absent (NULL)
 * function means that the display does not care. All calls happen on the
 * device's thread; a display that has threads brings its answers back there.
 */
#ifndef PARAGPU_DISPLAY_H
#define PARAGPU_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PARAGPU_MAX_HEADS 16
#define PARAGPU_CURSOR_SIZE 64

struct paragpu_rect {
	uint32_t x, y, width, height;
};

/*
 * The pixels of one head. They belong to the guest or the device, may change at
 * any time, and the structure is valid only during the call that passed it or
 * until control returns to the device.
 */
struct paragpu_picture {
	uint32_t width, height; /* of the head, in pixels; never 0 */
	uint32_t format;        /* enum virtio_gpu_formats: 4 bytes a pixel */
	uint32_t stride;        /* bytes from one row to the next */
	/* The upper left pixel if all rows lie in one piece, else NULL: use the functions below. */
	const uint8_t *pixels;
	/* The same as a file that others may map, or -1; stays the device's. */
	int fd;
	uint64_t fd_offset;
	uint64_t modifier; /* DRM format modifier; 0 is linear */
	/* private */
	const void *source;
	uint64_t source_offset;
	uint64_t reserved[4];
};

/*
 * Copies `rect` of the picture as it is, in its own format, to `destination`
 * with `stride` bytes a row. Bytes that the guest's memory no longer backs
 * become 0. Returns 0, or -EINVAL if `rect` is not inside the picture.
 */
int paragpu_picture_read(const struct paragpu_picture *picture, struct paragpu_rect rect,
			 void *destination, size_t stride);

/*
 * The same, converted to 32-bit words 0xffRRGGBB in the host's byte order
 * (pixman's a8r8g8b8, opaque) whatever the picture's format. X formats and A
 * formats alike: a screen has no transparency.
 */
int paragpu_picture_read_xrgb(const struct paragpu_picture *picture, struct paragpu_rect rect,
			      void *destination, size_t stride);

/*
 * Points `vector` at the bytes of row `y` from pixel `x` on for `width` pixels,
 * in place. Returns the number of pieces needed, which may exceed `capacity`
 * (then the first `capacity` are stored), or 0 if the span is not inside the
 * picture or not wholly backed.
 */
size_t paragpu_picture_row(const struct paragpu_picture *picture, uint32_t x, uint32_t y,
			   uint32_t width, struct iovec *vector, size_t capacity);

/*
 * The pointer of one head. Coordinates are relative to the head and may be
 * negative. Drivers send, and VMMs expect, the place of the image itself; the
 * hot spot is for displays that show the pointer by means of their own.
 */
struct paragpu_cursor {
	bool visible;
	int32_t x, y;          /* of the image's upper left corner */
	uint32_t hot_x, hot_y; /* in the image */
	/* 0xAARRGGBB in the host's byte order, premultiplied */
	uint32_t pixels[PARAGPU_CURSOR_SIZE * PARAGPU_CURSOR_SIZE];
};

/* How a head presents itself to the guest. */
struct paragpu_head {
	bool connected;
	uint32_t x, y;                /* place in the layout */
	uint32_t width, height;       /* preferred mode, 1..65535; what the guest sees first */
	uint32_t refresh_mhz;         /* 60000 is 60 Hz; 0: 60 Hz */
	uint32_t width_mm, height_mm; /* 0: computed for 96 dpi */
	char name[14]; /* monitor name for EDID, at most 13 characters; "": "paragpu" */
	uint8_t reserved[32];
};

struct paragpu_display;

/* A flush that waits for displays. Counted; lives until the last hold is released. */
struct paragpu_flush;

/* A question of the guest that a display answers: GET_DISPLAY_INFO or GET_EDID. */
struct paragpu_query;

struct paragpu_display_ops {
	const char *name;

	/*
	 * Head `head` shows `picture` from now on; NULL: it is switched off. The
	 * pixels of the previous picture must not be touched after this call.
	 * What is to be seen comes with the first `flush`.
	 */
	void (*scanout)(struct paragpu_display *display, uint32_t head,
			const struct paragpu_picture *picture);

	/*
	 * The pixels of `damage` (never empty, inside the picture) changed. The
	 * guest may be told that its buffer is free again as soon as this
	 * returns, unless the display takes paragpu_flush_hold(flush): then it
	 * may read the picture later, by paragpu_display_picture(), and owes one
	 * paragpu_flush_release().
	 */
	void (*flush)(struct paragpu_display *display, uint32_t head,
		      const struct paragpu_picture *picture, struct paragpu_rect damage,
		      struct paragpu_flush *flush);

	/* The pointer moved, was hidden or shown, or (`image_changed`) looks different. */
	void (*cursor)(struct paragpu_display *display, uint32_t head,
		       const struct paragpu_cursor *cursor, bool image_changed);

	/*
	 * For a display that decides itself what heads there are (a VMM with its
	 * own windows): the guest asks. Answer by one of the functions below, at
	 * once or later, exactly once. While the display is attached these
	 * replace the device's own heads; a display that can't answer calls
	 * paragpu_query_decline(), and the device answers by itself.
	 */
	void (*get_display_info)(struct paragpu_display *display, struct paragpu_query *query);
	void (*get_edid)(struct paragpu_display *display, uint32_t head,
			 struct paragpu_query *query);

	void *reserved[8];
};

struct paragpu_display {
	const struct paragpu_display_ops *ops;
	/* private to the device */
	void *device;
	void *link[2];
	struct paragpu_flush *spare_flush;
	void *reserved[3];
};

/*
 * What `head` shows right now. Returns false if it is off or the display is not
 * attached. Valid until control returns to the device.
 */
bool paragpu_display_picture(const struct paragpu_display *display, uint32_t head,
			     struct paragpu_picture *picture);

/* Keeps a flush from completing. Only inside the `flush` call that passed it. */
void paragpu_flush_hold(struct paragpu_flush *flush);

/* Gives one hold back; the last one completes the guest's request. Also after the device was reset. */
void paragpu_flush_release(struct paragpu_flush *flush);

/* Answers GET_DISPLAY_INFO with `count` heads, at most PARAGPU_MAX_HEADS; consumes `query`. */
void paragpu_query_answer_display_info(struct paragpu_query *query,
				       const struct paragpu_head *heads, size_t count);

/* Answers GET_EDID with `size` bytes, a multiple of 128 from 128 to 1024; else it is declined. */
void paragpu_query_answer_edid(struct paragpu_query *query, const void *edid, size_t size);

/* Leaves the answer to the device; consumes `query`. */
void paragpu_query_decline(struct paragpu_query *query);

#ifdef __cplusplus
}
#endif

#endif

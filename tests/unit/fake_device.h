/* SPDX-License-Identifier: MIT */
/*
 * A device as a display sees it, for tests that must put every byte and every
 * moment in their own place: it implements the part of the library that
 * displays call (paragpu_display_picture and so on) over pictures in plain
 * memory, and counts holds and answers. Test programs that use it must not
 * reach for the real device.
 */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include <paragpu/display.h>

struct fake_picture {
	uint32_t width, height, format, stride;
	uint8_t *memory; /* stride * height; NULL: the head is off */
	bool scattered;  /* rows come in pieces of odd sizes */
	uint32_t backed; /* rows below are not backed */
	int fd;
	uint64_t fd_offset, modifier;
};

struct fake_device {
	struct fake_picture heads[PARAGPU_MAX_HEADS];
	struct paragpu_display *display;
};

/* The library's types, as the fake has them. */
struct paragpu_flush {
	int holds;
	bool inside; /* the display's flush call runs */
};

struct paragpu_query {
	int answers; /* must become 1 */
	bool declined;
	/* If declined, asks this display for the display information, once, as the library does. */
	struct paragpu_display *asks_again;
	size_t count;
	struct paragpu_head heads[PARAGPU_MAX_HEADS];
	size_t edid_size;
	uint8_t edid[1024];
};

/* Attaches; the display is told of nothing, as all heads are off. */
void fake_attach(struct fake_device *device, struct paragpu_display *display);
/* Frees all pictures too. */
void fake_detach(struct fake_device *device);

/* Turns `head` on with fresh memory of a pattern made from `seed`, and tells the display. */
void fake_show(struct fake_device *device, uint32_t head, uint32_t width, uint32_t height,
	       uint32_t format, uint32_t seed);
void fake_off(struct fake_device *device, uint32_t head);

/* Flushes; `flush` may be NULL where holds don't matter (they are then refused by assertion at exit). */
void fake_flush(struct fake_device *device, uint32_t head, struct paragpu_rect damage,
		struct paragpu_flush *flush);
void fake_flush_all(struct fake_device *device, uint32_t head, struct paragpu_flush *flush);

/* The pixel as a screen shows it: 0xffRRGGBB. */
uint32_t fake_pixel(const struct fake_picture *picture, uint32_t x, uint32_t y);
/* Writes one pixel 0xAARRGGBB in the picture's format. */
void fake_put(struct fake_picture *picture, uint32_t x, uint32_t y, uint32_t argb);
/* Fills a rectangle with a pattern made from `seed`. */
void fake_fill(struct fake_picture *picture, struct paragpu_rect rect, uint32_t seed);

extern const uint32_t fake_formats[8];

#endif

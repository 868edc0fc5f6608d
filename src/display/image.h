/* SPDX-License-Identifier: MIT */
/*
 * A still picture of a head, taken at one moment and then nobody's but the
 * holder's: for screenshots. It lies in a file in memory, so that a program
 * that must not lose time can hand it to one that has time, by its descriptor.
 */
#ifndef PG_DISPLAY_IMAGE_H
#define PG_DISPLAY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <paragpu/display.h>

struct pg_image {
	uint32_t width, height;
	uint32_t *pixels; /* width * height words 0xffRRGGBB */
	int fd;           /* the same bytes, from offset 0 on; its size is sealed */
};

/*
 * Takes what `head` of the device shows to which `display` is attached. The
 * picture is there also before the guest's first flush. Returns 0, -ENODEV if
 * the head is off, -ENOMEM, or the error of memfd_create().
 */
int pg_image_take(const struct paragpu_display *display, uint32_t head, struct pg_image *image);

/* Makes a black one. Returns 0, -EINVAL for no pixels, or as above. */
int pg_image_create(uint32_t width, uint32_t height, struct pg_image *image);

/*
 * Maps one that another process made. Takes *fd, which may come from anybody:
 * returns -EINVAL if it is not a sealed memory file of the right size.
 */
int pg_image_open(int *fd, uint32_t width, uint32_t height, struct pg_image *image);

/* Draws the pointer into the image if it is visible; whatever hangs over the edge is cut. */
void pg_image_draw_cursor(struct pg_image *image, const struct paragpu_cursor *cursor);

void pg_image_finish(struct pg_image *image);

#endif

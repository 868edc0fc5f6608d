/* SPDX-License-Identifier: MIT */
/*
 * What each head shows, and the displays that are told. A scanout is a view:
 * a rectangle of a framebuffer inside a resource. It holds no memory; the
 * resource takes itself off the heads before its bytes go.
 */
#ifndef PG_DEVICE_SCANOUT_H
#define PG_DEVICE_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/device.h>

#include "base/list.h"
#include "protocol/virtio_gpu.h"

struct pg_resource;

/* Where the pixels are: all that decides what is seen but the pixels themselves. */
struct pg_view {
	struct pg_resource *resource; /* NULL: off */
	struct paragpu_rect rect;     /* the part shown, in the framebuffer */
	uint32_t format;
	uint32_t stride;
	uint64_t offset;   /* of the framebuffer's first pixel in the resource */
	uint64_t modifier; /* other than 0: the bytes are for those who know it */
};

struct pg_scanout {
	struct pg_view view;
	struct pg_resource *cursor_resource; /* what the pointer was read from; NULL: none */
	struct paragpu_cursor cursor;
};

static inline struct paragpu_rect pg_rect_from_wire(const struct virtio_gpu_rect *rect)
{
	return (struct paragpu_rect){
		.x = pg_from_le32(rect->x),
		.y = pg_from_le32(rect->y),
		.width = pg_from_le32(rect->width),
		.height = pg_from_le32(rect->height),
	};
}

/* Whether `rect`, which may be empty, lies in width x height. */
bool pg_rect_inside(const struct paragpu_rect *rect, uint32_t width, uint32_t height);

/* What is in both; an empty one is all zeroes. Rectangles may reach beyond 2^32. */
struct paragpu_rect pg_rect_intersect(const struct paragpu_rect *a, const struct paragpu_rect *b);

/* The picture of a head. False if it is off. */
bool pg_scanout_picture(const struct paragpu_device *device, uint32_t head,
			struct paragpu_picture *picture);

/* Shows a view, or nothing (view->resource NULL), on a head and tells the displays. */
void pg_scanout_set(struct paragpu_device *device, uint32_t head, const struct pg_view *view);

/* Switches off every head that shows the resource. */
void pg_scanouts_drop(struct paragpu_device *device, struct pg_resource *resource);

/* Gives an image of the device's a file, and displays the new place. Returns 0 or -ENOMEM. */
int pg_resource_make_file(struct paragpu_device *device, struct pg_resource *resource);

/* Hides every pointer that was read from the resource. */
void pg_cursors_drop(struct paragpu_device *device, struct pg_resource *resource);

/* Switches off every head and hides every pointer. */
void pg_scanouts_reset(struct paragpu_device *device);

/* Tells the displays about pictures that `memory`, the table from now on, moves. */
void pg_scanouts_set_memory(struct paragpu_device *device, struct paragpu_memory *memory);

static inline struct paragpu_display *pg_display_of(struct pg_list *link)
{
	return pg_container_of(link, struct paragpu_display, link);
}

/* Tell all displays. */
void pg_displays_scanout(struct paragpu_device *device, uint32_t head);
void pg_displays_cursor(struct paragpu_device *device, uint32_t head, bool image_changed);

/* Makes the spare flush that the next flush of a display uses. Returns 0 or -ENOMEM. */
int pg_flush_prepare(struct paragpu_display *display);

/*
 * Shows `damage`, one rectangle a head, to a prepared display; `request`, if
 * not NULL, waits for the holds that the display takes.
 */
void pg_flush_display(struct paragpu_device *device, struct paragpu_display *display,
		      const struct paragpu_rect damage[PARAGPU_MAX_HEADS],
		      struct paragpu_request *request);

/* Shows what changed of a resource to all displays; the request waits for their holds. */
uint32_t pg_flush_resource(struct paragpu_device *device, struct pg_resource *resource,
			   const struct paragpu_rect *flushed, struct paragpu_request *request);

/* Releases what a display that goes away holds. */
void pg_flushes_release(struct paragpu_device *device, struct paragpu_display *display);

/* Parts holds from requests that reset forgot; the displays give them back some day. */
void pg_flushes_orphan(struct paragpu_device *device);

/* The same for open questions. */
void pg_queries_answer(struct paragpu_device *device, struct paragpu_display *display);
void pg_queries_orphan(struct paragpu_device *device);

#endif

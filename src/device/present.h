/* SPDX-License-Identifier: MIT */
/*
 * Pictures of renderers: before displays read an image that lies in a renderer,
 * the renderer makes it readable ("present"). Where that memory is may change
 * each time.
 */
#ifndef PG_DEVICE_PRESENT_H
#define PG_DEVICE_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

#include "device/operation.h"
#include "device/resource.h"

/* Whether the renderer must be asked before each look. Not so for blobs whose memory we can read. */
bool pg_resource_needs_present(const struct pg_resource *resource);

/*
 * Makes the bytes of a blob readable by us, if they are not. Returns 0 or a
 * negative errno: it has none that leave the renderer, or no backing.
 */
int pg_resource_open(struct paragpu_device *device, struct pg_resource *resource);

/* Shows `view`, whose stride, format and offset the renderer knows, on a head. A call's end. */
uint32_t pg_scanout_present(struct pg_call *call, uint32_t head, const struct pg_view *view);

/* Shows what changed of a resource to the displays. A call's end. */
uint32_t pg_flush_present(struct pg_call *call, struct pg_resource *resource,
			  const struct paragpu_rect *flushed);

/* Asks for the image's upper left `rect`; `next` finds it by pg_present_adopt(). */
uint32_t pg_present(struct pg_call *call, const struct pg_keys *keys, struct pg_resource *resource,
		    const struct paragpu_rect *rect, struct pg_work **out);

/*
 * Takes what was presented as the bytes of the resource, after checking it, and
 * tells displays that show it where they are now. Returns 0 or a negative errno.
 */
int pg_present_adopt(struct pg_work *work, struct pg_resource *resource);

#endif

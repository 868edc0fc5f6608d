/* SPDX-License-Identifier: MIT */
/*
 * The device's renderers: who serves which capset, what each has open, and what
 * happens when one is lost. A renderer is the embedder's code and trusted not
 * to break the interface; its processes are not, and may end at any time.
 */
#ifndef PG_DEVICE_RENDERER_H
#define PG_DEVICE_RENDERER_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/renderer.h>

#include "base/list.h"

struct paragpu_device;
struct pg_resource;
struct pg_work;

#define PG_MAX_RENDERERS 8

/* Linux keeps capsets in a 64-bit mask but shifts a signed 1 in places: more breaks it. */
#define PG_MAX_CAPSET_ID 30

/* What the device keeps of one renderer. */
struct pg_renderer {
	struct paragpu_renderer *base;
	struct paragpu_device *device;
	unsigned int index; /* in the device's array; its bit in pg_resource.known */
	struct pg_list operations;
	struct pg_list fences; /* struct pg_signal */
};

struct pg_capset {
	struct paragpu_capset info;
	struct pg_renderer *renderer;
};

static inline const struct paragpu_renderer_ops *pg_ops(const struct pg_renderer *renderer)
{
	return renderer->base->ops;
}

/* The capset with this id, or NULL. */
const struct pg_capset *pg_capset_find(const struct paragpu_device *device, uint32_t id);

/* The capset of contexts that name none, or NULL. */
const struct pg_capset *pg_capset_default(const struct paragpu_device *device);

/* The renderer of images that belong to no context, or NULL. */
struct pg_renderer *pg_renderer_default(const struct paragpu_device *device);

/* Lets every renderer that knows the resource forget it; the work's stage waits for all. */
void pg_renderers_unref(struct pg_work *work, const struct pg_resource *resource);

/* Tells all renderers about the memory table. */
void pg_renderers_set_memory(struct paragpu_device *device);

/* Resets all renderers: none touches guest memory or an operation afterwards. */
void pg_renderers_reset(struct paragpu_device *device);

/* Frees all records; the renderers may be attached elsewhere. */
void pg_renderers_finish(struct paragpu_device *device);

#endif

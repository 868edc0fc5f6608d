/* SPDX-License-Identifier: MIT */
/*
 * Resources: what a guest's resource id names, and the table that finds them.
 * A resource says what its memory objects mean; see object.h for the bytes.
 */
#ifndef PG_DEVICE_RESOURCE_H
#define PG_DEVICE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/device.h>

#include "base/list.h"
#include "device/object.h"

struct pg_call;
struct pg_renderer;
struct paragpu_window_operation;

struct pg_resource {
	struct pg_resource *next; /* in the table's bucket */
	uint32_t id;
	uint8_t kind; /* enum paragpu_resource_kind */
	bool has_uuid;
	bool lost;         /* its renderer went; it waits for UNREF */
	uint8_t known;     /* bit per renderer that was told about it, its owner included */
	uint16_t scanouts; /* bit per head that shows it */
	uint16_t cursors;  /* bit per head whose pointer was read from it */
	uint8_t uuid[16];
	union {
		struct {
			uint32_t format, width, height;
			uint32_t depth, array_size, last_level; /* 3D only */
		} image;
		struct {
			uint32_t mem, flags;
		} blob;
	} as;
	uint64_t size;             /* bytes of the image or the blob */
	uint64_t serial;           /* never used twice, as ids are */
	struct pg_object *host;    /* bytes that displays read: the device's own, or a renderer's */
	struct pg_object *backing; /* the guest's: attached, or a blob's storage; may be NULL */

	struct pg_renderer *owner;                /* who made it; NULL: the device, or it is lost */
	struct paragpu_export memory;             /* of a blob of the host; fd -1: none */
	struct pg_list attachments;               /* struct pg_attachment */
	struct paragpu_window_operation *mapping; /* its place in the window; NULL: none */
};

/* Whether its bytes are a renderer's, or were until it was lost. */
static inline bool pg_resource_is_foreign(const struct pg_resource *resource)
{
	return resource->owner || resource->lost;
}

/* A hash table of resources by id; all zeroes but for the seed is an empty one. */
struct pg_resource_table {
	struct pg_resource **buckets;
	uint32_t bucket_count; /* a power of two, or 0 */
	uint32_t count;
	uint32_t seed; /* random: a guest shall not choose what collides */
	/* All ids in order, made on demand and dropped by each change; NULL: none. */
	uint32_t *sorted;
};

int pg_resource_table_init(struct pg_resource_table *table);

/* Frees the table itself, no resource; it is empty afterwards. */
void pg_resource_table_finish(struct pg_resource_table *table);

struct pg_resource *pg_resource_table_find(const struct pg_resource_table *table, uint32_t id);

/* Adds a resource whose id is not in the table. Returns 0 or -ENOMEM. */
int pg_resource_table_add(struct pg_resource_table *table, struct pg_resource *resource);
void pg_resource_table_remove(struct pg_resource_table *table, struct pg_resource *resource);

/* Empties the table. Returns its resources as a list over `next`. */
struct pg_resource *pg_resource_table_take_all(struct pg_resource_table *table);

/* Any resource, and another one; NULL: that was all. Nothing may be added or removed meanwhile. */
struct pg_resource *pg_resource_table_first(const struct pg_resource_table *table);
struct pg_resource *pg_resource_table_next(const struct pg_resource_table *table,
					   const struct pg_resource *resource);

/* The resource with the smallest id above `after`, or NULL. */
struct pg_resource *pg_resource_table_above(struct pg_resource_table *table, uint32_t after);

/*
 * Makes a resource of that kind and puts it into the device's table. Returns 0
 * or -ENOMEM: then *out is unchanged and nothing was made.
 */
int pg_resource_create(struct paragpu_device *device, uint32_t id, enum paragpu_resource_kind kind,
		       struct pg_resource **out);

/*
 * Takes it off all heads, out of all contexts and out of the table, and gives
 * everything of the device's back. Renderers were told and the window is clear,
 * or it was in neither.
 */
void pg_resource_destroy(struct paragpu_device *device, struct pg_resource *resource);

/* The same for all resources at once, after the renderers were reset. */
void pg_resources_destroy_all(struct paragpu_device *device);

/* TRANSFER_TO_HOST_3D or _FROM_HOST_3D of an image of the device's own, with the box checked. */
uint32_t pg_transfer_2d(struct pg_call *call, struct pg_resource *resource, bool to_host,
			const struct paragpu_transfer *args);

/* TRANSFER_TO_HOST_2D of a renderer's image. */
uint32_t pg_transfer_image_to_host(struct pg_call *call, const struct pg_resource *resource,
				   const struct paragpu_rect *rect, uint64_t offset);

/*
 * The resource, if the id still names the one that it did still the same one; for work that
 * does not claim it.
 */
struct pg_resource *pg_resource_if_same(const struct paragpu_device *device, uint32_t id,
					uint64_t serial);

#endif

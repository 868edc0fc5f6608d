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

#include "device/object.h"

struct pg_resource {
	struct pg_resource *next; /* in the table's bucket */
	uint32_t id;
	uint8_t kind; /* enum paragpu_resource_kind */
	bool has_uuid;
	uint16_t scanouts; /* bit per head that shows it */
	uint16_t cursors;  /* bit per head whose pointer was read from it */
	uint8_t uuid[16];
	union {
		struct {
			uint32_t format, width, height;
		} image;
		struct {
			uint32_t mem, flags;
		} blob;
	} as;
	uint64_t size;          /* bytes of the image or the blob */
	struct pg_object *host; /* the device's own bytes: images */
	struct pg_object
		*backing; /* the guest's: what was attached, a blob's storage; may be NULL */
};

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

/* The resource with the smallest id above `after`, or NULL. */
struct pg_resource *pg_resource_table_above(struct pg_resource_table *table, uint32_t after);

/*
 * Makes a resource of that kind and puts it into the device's table. Returns 0
 * or -ENOMEM: then *out is unchanged and nothing was made.
 */
int pg_resource_create(struct paragpu_device *device, uint32_t id, enum paragpu_resource_kind kind,
		       struct pg_resource **out);

/*
 * Takes it off all heads and out of the table, and gives everything back. When
 * this returns nothing touches the guest's pages any more.
 */
void pg_resource_destroy(struct paragpu_device *device, struct pg_resource *resource);

/* The same for all resources at once. */
void pg_resources_destroy_all(struct paragpu_device *device);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The table of resources: a chained hash whose links lie in the resources, so
 * that one costs 8 bytes here. See resource.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "device/resource.h"

#define MIN_BUCKETS 16

int pg_resource_table_init(struct pg_resource_table *table)
{
	*table = (struct pg_resource_table){0};
	if (getrandom(&table->seed, sizeof(table->seed), 0) != (ssize_t)sizeof(table->seed))
		return -EIO;
	return 0;
}

void pg_resource_table_finish(struct pg_resource_table *table)
{
	free(table->buckets);
	free(table->sorted);
	*table = (struct pg_resource_table){.seed = table->seed};
}

/* A bijective mix (the finalizer of MurmurHash3): sequential and sparse ids spread alike. */
static uint32_t bucket_of(const struct pg_resource_table *table, uint32_t id, uint32_t bucket_count)
{
	uint32_t hash = id ^ table->seed;

	hash ^= hash >> 16;
	hash *= UINT32_C(0x85ebca6b);
	hash ^= hash >> 13;
	hash *= UINT32_C(0xc2b2ae35);
	hash ^= hash >> 16;
	return hash & (bucket_count - 1);
}

struct pg_resource *pg_resource_table_find(const struct pg_resource_table *table, uint32_t id)
{
	struct pg_resource *resource;

	if (!table->count)
		return NULL;
	resource = table->buckets[bucket_of(table, id, table->bucket_count)];
	while (resource && resource->id != id)
		resource = resource->next;
	return resource;
}

static int resize(struct pg_resource_table *table, uint32_t bucket_count)
{
	struct pg_resource **buckets = calloc(bucket_count, sizeof(struct pg_resource *));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->bucket_count; i++) {
		struct pg_resource *resource = table->buckets[i], *next;

		for (; resource; resource = next) {
			uint32_t to = bucket_of(table, resource->id, bucket_count);

			next = resource->next;
			resource->next = buckets[to];
			buckets[to] = resource;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = bucket_count;
	return 0;
}

static void forget_order(struct pg_resource_table *table)
{
	free(table->sorted);
	table->sorted = NULL;
}

int pg_resource_table_add(struct pg_resource_table *table, struct pg_resource *resource)
{
	uint32_t bucket;

	/* A table that cannot grow still works, only slower. */
	if (table->count >= table->bucket_count &&
	    resize(table, table->bucket_count ? 2 * table->bucket_count : MIN_BUCKETS) &&
	    !table->bucket_count)
		return -ENOMEM;
	forget_order(table);
	bucket = bucket_of(table, resource->id, table->bucket_count);
	resource->next = table->buckets[bucket];
	table->buckets[bucket] = resource;
	table->count++;
	return 0;
}

void pg_resource_table_remove(struct pg_resource_table *table, struct pg_resource *resource)
{
	struct pg_resource **link =
		&table->buckets[bucket_of(table, resource->id, table->bucket_count)];

	while (*link != resource)
		link = &(*link)->next;
	*link = resource->next;
	table->count--;
	forget_order(table);
	if (table->bucket_count > MIN_BUCKETS && table->count < table->bucket_count / 8)
		resize(table, table->bucket_count / 2);
}

struct pg_resource *pg_resource_table_take_all(struct pg_resource_table *table)
{
	struct pg_resource *all = NULL;

	for (uint32_t i = 0; i < table->bucket_count; i++) {
		struct pg_resource *resource = table->buckets[i], *next;

		for (; resource; resource = next) {
			next = resource->next;
			resource->next = all;
			all = resource;
		}
	}
	pg_resource_table_finish(table);
	return all;
}

static struct pg_resource *first_from(const struct pg_resource_table *table, uint32_t bucket)
{
	for (; bucket < table->bucket_count; bucket++)
		if (table->buckets[bucket])
			return table->buckets[bucket];
	return NULL;
}

struct pg_resource *pg_resource_table_first(const struct pg_resource_table *table)
{
	return first_from(table, 0);
}

struct pg_resource *pg_resource_table_next(const struct pg_resource_table *table,
					   const struct pg_resource *resource)
{
	if (resource->next)
		return resource->next;
	return first_from(table, bucket_of(table, resource->id, table->bucket_count) + 1);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return (first > second) - (first < second);
}

static void sort(struct pg_resource_table *table)
{
	uint32_t count = 0;

	table->sorted = calloc(table->count, sizeof(*table->sorted));
	if (!table->sorted)
		return;
	for (uint32_t i = 0; i < table->bucket_count; i++)
		for (struct pg_resource *r = table->buckets[i]; r; r = r->next)
			table->sorted[count++] = r->id;
	qsort(table->sorted, count, sizeof(*table->sorted), compare_ids);
}

struct pg_resource *pg_resource_table_above(struct pg_resource_table *table, uint32_t after)
{
	struct pg_resource *best = NULL;
	uint32_t low = 0, high = table->count;

	if (!table->count)
		return NULL;
	if (!table->sorted)
		sort(table);
	if (!table->sorted) {
		for (uint32_t i = 0; i < table->bucket_count; i++)
			for (struct pg_resource *r = table->buckets[i]; r; r = r->next)
				if (r->id > after && (!best || r->id < best->id))
					best = r;
		return best;
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table->sorted[middle] <= after)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->count ? pg_resource_table_find(table, table->sorted[low]) : NULL;
}

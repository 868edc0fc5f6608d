/* SPDX-License-Identifier: MIT */
/*
 * Ids to pointers, by linear probing; see idmap.h. At most half of the slots
 * are taken. A removal closes the gap, so that there are no tombstones.
 */
#include "base/idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_BITS 4

struct pg_idmap_slot {
	uint32_t id; /* 0: free */
	void *value;
};

static size_t slot_count(const struct pg_idmap *map)
{
	return map->slots ? (size_t)1 << map->bits : 0;
}

/* Multiply-shift hashing: the factor is odd and random. */
static size_t home(const struct pg_idmap *map, uint32_t id)
{
	return (size_t)((id * map->factor) >> (64 - map->bits));
}

/* Where `id` is, or the free slot where it would go. */
static size_t find(const struct pg_idmap *map, uint32_t id)
{
	size_t mask = slot_count(map) - 1;
	size_t at = home(map, id);

	while (map->slots[at].id && map->slots[at].id != id)
		at = (at + 1) & mask;
	return at;
}

void pg_idmap_finish(struct pg_idmap *map)
{
	free(map->slots);
	*map = (struct pg_idmap){0};
}

void *pg_idmap_get(const struct pg_idmap *map, uint32_t id)
{
	return map->slots && id ? map->slots[find(map, id)].value : NULL;
}

static int grow(struct pg_idmap *map)
{
	struct pg_idmap bigger = {.bits = map->slots ? map->bits + 1 : FIRST_BITS};

	if (getrandom(&bigger.factor, sizeof(bigger.factor), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(bigger.factor))
		bigger.factor = (uintptr_t)map ^ 0x9e3779b97f4a7c15u;
	bigger.factor |= 1;
	bigger.slots = calloc((size_t)1 << bigger.bits, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < slot_count(map); i++) {
		if (map->slots[i].id)
			bigger.slots[find(&bigger, map->slots[i].id)] = map->slots[i];
	}
	bigger.count = map->count;
	free(map->slots);
	*map = bigger;
	return 0;
}

int pg_idmap_add(struct pg_idmap *map, uint32_t id, void *value)
{
	size_t at;
	int error;

	if (!id)
		return -EINVAL;
	if (pg_idmap_get(map, id))
		return -EEXIST;
	if (2 * (map->count + 1) > slot_count(map)) {
		error = grow(map);
		if (error)
			return error;
	}
	at = find(map, id);
	map->slots[at] = (struct pg_idmap_slot){.id = id, .value = value};
	map->count++;
	return 0;
}

void *pg_idmap_take(struct pg_idmap *map, uint32_t id)
{
	size_t mask = slot_count(map) - 1;
	void *value = pg_idmap_get(map, id);
	size_t gap;
	size_t at;

	if (!value)
		return NULL;
	gap = find(map, id);
	for (at = (gap + 1) & mask; map->slots[at].id; at = (at + 1) & mask) {
		/* may move back unless its home lies between the gap and itself */
		if (((at - home(map, map->slots[at].id)) & mask) >= ((at - gap) & mask)) {
			map->slots[gap] = map->slots[at];
			gap = at;
		}
	}
	map->slots[gap] = (struct pg_idmap_slot){0};
	map->count--;
	return value;
}

void *pg_idmap_next(const struct pg_idmap *map, size_t *cursor)
{
	while (*cursor < slot_count(map)) {
		const struct pg_idmap_slot *slot = &map->slots[(*cursor)++];

		if (slot->id)
			return slot->value;
	}
	return NULL;
}

void *pg_idmap_any(const struct pg_idmap *map)
{
	size_t cursor = 0;

	return map->count ? pg_idmap_next(map, &cursor) : NULL;
}

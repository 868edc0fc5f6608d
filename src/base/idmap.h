/* SPDX-License-Identifier: MIT */
/*
 * A map from ids that somebody else chose (a guest, mostly) to pointers. The
 * place of an id depends on a random number, so that nobody can choose ids
 * that all fall together. Owns nothing that it points to. All zeroes is empty.
 */
#ifndef PG_BASE_IDMAP_H
#define PG_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_idmap {
	size_t count;
	/* private */
	struct pg_idmap_slot *slots;
	unsigned int bits;
	uint64_t factor;
};

/* Frees the table, not what it points to. */
void pg_idmap_finish(struct pg_idmap *map);

/* NULL where there is none. Id 0 is never there. */
void *pg_idmap_get(const struct pg_idmap *map, uint32_t id);

/* `value` is not NULL. Returns 0, -EINVAL for id 0, -EEXIST, or -ENOMEM. */
int pg_idmap_add(struct pg_idmap *map, uint32_t id, void *value);

/* Takes the entry out and returns its value, or NULL. */
void *pg_idmap_take(struct pg_idmap *map, uint32_t id);

/*
 * Walks in no order: *cursor starts at 0; returns NULL at the end. Nothing may
 * be added or taken out during the walk.
 */
void *pg_idmap_next(const struct pg_idmap *map, size_t *cursor);

/* Any value, or NULL if the map is empty: for emptying it one by one. */
void *pg_idmap_any(const struct pg_idmap *map);

#endif

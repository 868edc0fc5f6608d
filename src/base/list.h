/* SPDX-License-Identifier: MIT */
/*
 * A circular doubly linked list whose links are embedded in the elements.
 * An initialised link that is in no list points to itself, so that removing
 * it again is harmless.
 */
#ifndef PG_BASE_LIST_H
#define PG_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pg_list {
	struct pg_list *prev;
	struct pg_list *next;
};

#define pg_container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* NOLINTBEGIN(bugprone-macro-parentheses): `link` is declared here, parentheses would call a function */
#define pg_list_for_each(link, list) \
	for (struct pg_list *link = (list)->next; link != (list); link = link->next)

/* The body may remove and free `link`, but no other element. */
#define pg_list_for_each_safe(link, list)                                                    \
	for (struct pg_list *link = (list)->next, *link##_next = link->next; link != (list); \
	     link = link##_next, link##_next = link->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void pg_list_init(struct pg_list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool pg_list_empty(const struct pg_list *list)
{
	return list->next == list;
}

/* Inserts `link` behind `position`. */
static inline void pg_list_insert(struct pg_list *position, struct pg_list *link)
{
	link->prev = position;
	link->next = position->next;
	position->next->prev = link;
	position->next = link;
}

static inline void pg_list_append(struct pg_list *list, struct pg_list *link)
{
	pg_list_insert(list->prev, link);
}

static inline void pg_list_remove(struct pg_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	pg_list_init(link);
}

#endif

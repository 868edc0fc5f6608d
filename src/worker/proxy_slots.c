/* SPDX-License-Identifier: MIT */
/*
 * What the worker owes: operations and fences by handles that it cannot guess
 * right by accident nor use twice. See proxy_private.h.
 */
#include "worker/proxy_private.h"

#include <stdlib.h>

#define NONE UINT32_MAX
/* the device bounds what a guest may have open; this bounds what it may cost here */
#define MAX_SLOTS (1u << 20)

static bool grow(struct pg_proxy *proxy)
{
	uint32_t count = proxy->slot_count ? 2 * proxy->slot_count : 64;
	struct pg_slot *slots;

	if (count > MAX_SLOTS)
		return false;
	slots = reallocarray(proxy->slots, count, sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = proxy->slot_count; i < count; i++)
		slots[i] = (struct pg_slot){
			.generation = 1,
			.next_free = i + 1 < count ? i + 1 : NONE,
		};
	proxy->first_free = proxy->slot_count;
	proxy->slots = slots;
	proxy->slot_count = count;
	return true;
}

uint64_t pg_slot_take(struct pg_proxy *proxy, enum pg_slot_kind kind, uint32_t ctx_id)
{
	uint32_t index;
	struct pg_slot *slot;

	if (proxy->first_free == NONE && !grow(proxy))
		return 0;
	index = proxy->first_free;
	slot = &proxy->slots[index];
	proxy->first_free = slot->next_free;
	slot->kind = kind;
	slot->ctx_id = ctx_id;
	if (kind == PG_SLOT_FENCE)
		proxy->fences++;
	else
		proxy->operations++;
	return (uint64_t)slot->generation << 32 | index;
}

struct pg_slot *pg_slot_find(struct pg_proxy *proxy, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;

	if (index >= proxy->slot_count || proxy->slots[index].kind == PG_SLOT_FREE ||
	    proxy->slots[index].generation != handle >> 32)
		return NULL;
	return &proxy->slots[index];
}

void pg_slot_give(struct pg_proxy *proxy, struct pg_slot *slot)
{
	if (slot->kind == PG_SLOT_FENCE)
		proxy->fences--;
	else
		proxy->operations--;
	slot->kind = PG_SLOT_FREE;
	if (!++slot->generation)
		slot->generation = 1; /* so that no handle is 0 */
	slot->next_free = proxy->first_free;
	proxy->first_free = (uint32_t)(slot - proxy->slots);
}

void pg_slot_drop_fences(struct pg_proxy *proxy, uint32_t ctx_id)
{
	for (uint32_t i = 0; i < proxy->slot_count && proxy->fences; i++) {
		struct pg_slot *slot = &proxy->slots[i];

		if (slot->kind == PG_SLOT_FENCE && slot->ctx_id == ctx_id)
			pg_slot_give(proxy, slot);
	}
}

void pg_slot_drop_all(struct pg_proxy *proxy)
{
	for (uint32_t i = 0; i < proxy->slot_count; i++) {
		if (proxy->slots[i].kind != PG_SLOT_FREE)
			pg_slot_give(proxy, &proxy->slots[i]);
	}
}

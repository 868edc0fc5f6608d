/* SPDX-License-Identifier: MIT */
/* The order of commands that cannot be executed yet; see order.h. */
#include "device/order.h"

#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/request.h"

struct pg_stalled {
	struct pg_claim claim;
	struct pg_call call; /* its reader still points into the request, which stays */
};

/* Where the fixed parts have their ids; 0: nowhere. The context is always the header's. */
static const struct {
	uint8_t resource, head;
	bool context;
} places[PG_COMMAND_COUNT] = {
#define RESOURCE(structure) .resource = offsetof(struct virtio_gpu_##structure, resource_id)
#define HEAD(structure, member) .head = offsetof(struct virtio_gpu_##structure, member)
	[PG_COMMAND_RESOURCE_CREATE_2D] = {RESOURCE(resource_create_2d)},
	[PG_COMMAND_RESOURCE_UNREF] = {RESOURCE(resource_unref)},
	[PG_COMMAND_SET_SCANOUT] = {RESOURCE(set_scanout), HEAD(set_scanout, scanout_id)},
	[PG_COMMAND_RESOURCE_FLUSH] = {RESOURCE(resource_flush)},
	[PG_COMMAND_TRANSFER_TO_HOST_2D] = {RESOURCE(transfer_to_host_2d)},
	[PG_COMMAND_RESOURCE_ATTACH_BACKING] = {RESOURCE(resource_attach_backing)},
	[PG_COMMAND_RESOURCE_DETACH_BACKING] = {RESOURCE(resource_detach_backing)},
	[PG_COMMAND_RESOURCE_ASSIGN_UUID] = {RESOURCE(resource_assign_uuid)},
	[PG_COMMAND_RESOURCE_CREATE_BLOB] = {RESOURCE(resource_create_blob), .context = true},
	[PG_COMMAND_SET_SCANOUT_BLOB] = {RESOURCE(set_scanout_blob),
					 HEAD(set_scanout_blob, scanout_id)},
	[PG_COMMAND_CTX_CREATE] = {.context = true},
	[PG_COMMAND_CTX_DESTROY] = {.context = true},
	[PG_COMMAND_CTX_ATTACH_RESOURCE] = {RESOURCE(ctx_resource), .context = true},
	[PG_COMMAND_CTX_DETACH_RESOURCE] = {RESOURCE(ctx_resource), .context = true},
	[PG_COMMAND_RESOURCE_CREATE_3D] = {RESOURCE(resource_create_3d), .context = true},
	[PG_COMMAND_TRANSFER_TO_HOST_3D] = {RESOURCE(transfer_host_3d), .context = true},
	[PG_COMMAND_TRANSFER_FROM_HOST_3D] = {RESOURCE(transfer_host_3d), .context = true},
	[PG_COMMAND_SUBMIT_3D] = {.context = true},
	[PG_COMMAND_RESOURCE_MAP_BLOB] = {RESOURCE(resource_map_blob)},
	[PG_COMMAND_RESOURCE_UNMAP_BLOB] = {RESOURCE(resource_unmap_blob)},
	[PG_COMMAND_UPDATE_CURSOR] = {RESOURCE(update_cursor), HEAD(update_cursor, pos.scanout_id)},
#undef RESOURCE
#undef HEAD
};

static uint32_t number_at(const struct pg_call *call, size_t offset)
{
	le32 value;

	memcpy(&value, call->fixed.bytes + offset, sizeof(value));
	return pg_from_le32(value);
}

struct pg_keys pg_keys_of(const struct pg_call *call)
{
	unsigned int index = call->command->index;
	struct pg_keys keys = {0};

	if (places[index].context)
		keys.context = pg_from_le32(call->fixed.hdr.ctx_id);
	if (places[index].resource)
		keys.resource = number_at(call, places[index].resource);
	if (places[index].head) {
		uint32_t head = number_at(call, places[index].head);

		keys.head = head < PARAGPU_MAX_HEADS ? head + 1 : 0;
	}
	return keys;
}

void pg_order_init(struct pg_order *order)
{
	pg_list_init(&order->claims);
}

static bool touch(const struct pg_keys *a, const struct pg_keys *b)
{
	return (a->context && a->context == b->context) ||
	       (a->resource && a->resource == b->resource) || (a->head && a->head == b->head);
}

bool pg_order_conflict(const struct pg_order *order, const struct pg_keys *keys)
{
	pg_list_for_each(link, &order->claims)
		if (touch(&pg_container_of(link, struct pg_claim, link)->keys, keys))
			return true;
	return false;
}

void pg_claim_take(const struct pg_call *call, struct pg_claim *claim, const struct pg_keys *keys)
{
	claim->keys = *keys;
	claim->stalled = NULL;
	pg_list_append(call->place ? call->place : &call->device->order.claims, &claim->link);
}

void pg_claim_release(struct pg_claim *claim)
{
	pg_list_remove(&claim->link);
}

uint32_t pg_order_stall(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	struct pg_stalled *stalled;
	struct pg_keys keys = pg_keys_of(call);

	if (device->fences.pending >= device->quota.limits.pending)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	stalled = malloc(sizeof(*stalled));
	if (!stalled)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	stalled->call = *call;
	call->signal = NULL;
	pg_claim_take(call, &stalled->claim, &keys);
	stalled->claim.stalled = stalled;
	device->order.stalled++;
	call->deferred = true;
	call->request->device.waits++;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/*
 * What earlier claims touch, hashed: a walk over n claims costs O(n). A false
 * hit delays a call to the next walk, and the oldest one has none before it.
 */
struct touched {
	uint64_t bits[16];
};

static unsigned int hash(uint32_t kind, uint32_t id)
{
	return ((id ^ kind << 28) * UINT32_C(2654435761)) >> 22;
}

static bool test(const struct touched *touched, uint32_t kind, uint32_t id)
{
	unsigned int bit = hash(kind, id);

	return id && (touched->bits[bit / 64] >> bit % 64 & 1);
}

static bool touched_before(const struct touched *touched, const struct pg_keys *keys)
{
	return test(touched, 1, keys->context) || test(touched, 2, keys->resource) ||
	       test(touched, 3, keys->head);
}

static void set(struct touched *touched, uint32_t kind, uint32_t id)
{
	unsigned int bit = hash(kind, id);

	if (id)
		touched->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void touch_keys(struct touched *touched, const struct pg_keys *keys)
{
	set(touched, 1, keys->context);
	set(touched, 2, keys->resource);
	set(touched, 3, keys->head);
}

/* What the call claims takes its place in the list, which is before `place`. */
static void execute(struct paragpu_device *device, struct pg_stalled *stalled,
		    struct pg_list *place)
{
	struct paragpu_request *request = stalled->call.request;

	device->order.stalled--;
	pg_claim_release(&stalled->claim);
	stalled->call.place = place;
	pg_call_execute(&stalled->call);
	free(stalled);
	pg_fence_arrived(device, request);
}

/* One walk. Claims of nothing keep the place, since the list may change all around it. */
static void walk(struct paragpu_device *device)
{
	struct pg_claim before = {.stalled = NULL}, behind = {.stalled = NULL};
	struct touched touched = {{0}};
	struct pg_list *link = device->order.claims.next;

	while (link != &device->order.claims) {
		struct pg_claim *claim = pg_container_of(link, struct pg_claim, link);

		if (!claim->stalled || touched_before(&touched, &claim->keys)) {
			touch_keys(&touched, &claim->keys);
			link = link->next;
			continue;
		}
		pg_list_insert(link->prev, &before.link);
		pg_list_insert(link, &behind.link);
		execute(device, claim->stalled, &behind.link);
		for (link = before.link.next; link != &behind.link; link = link->next)
			touch_keys(&touched, &pg_container_of(link, struct pg_claim, link)->keys);
		link = behind.link.next;
		pg_list_remove(&before.link);
		pg_list_remove(&behind.link);
	}
}

void pg_order_run(struct paragpu_device *device)
{
	struct pg_order *order = &device->order;

	order->again = true;
	if (order->running)
		return;
	order->running = true;
	while (order->again) {
		order->again = false;
		if (order->stalled)
			walk(device);
	}
	order->running = false;
}

void pg_order_drop_all(struct paragpu_device *device)
{
	pg_list_for_each_safe(link, &device->order.claims) {
		struct pg_claim *claim = pg_container_of(link, struct pg_claim, link);

		if (!claim->stalled)
			continue;
		pg_list_remove(&claim->link);
		free(claim->stalled->call.signal);
		free(claim->stalled);
	}
	device->order.stalled = 0;
}

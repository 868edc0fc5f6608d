/* SPDX-License-Identifier: MIT */
/* Packed virtqueues (virtio specification, "Packed Virtqueues"). The guest is not trusted. */
#include <errno.h>

#include "transport/inflight.h"
#include "transport/shared.h"
#include "transport/virtqueue_private.h"

#define WRAP_BIT 0x8000u

static struct pvirtq_desc *slot_of(const struct pg_virtqueue *queue, uint16_t index)
{
	return (struct pvirtq_desc *)queue->ring.desc + index;
}

static const struct pvirtq_event_suppress *driver_event_of(const struct pg_virtqueue *queue)
{
	return queue->ring.driver;
}

static struct pvirtq_event_suppress *device_event_of(const struct pg_virtqueue *queue)
{
	return queue->ring.device;
}

static void advance(const struct pg_virtqueue *queue, uint16_t *index, bool *wrap, uint16_t slots)
{
	uint32_t next = (uint32_t)*index + slots;

	if (next >= queue->ring.size) {
		next -= queue->ring.size;
		*wrap = !*wrap;
	}
	*index = (uint16_t)next;
}

/* Indices that a front end sets beyond the ring break the queue at the first look. */
void pg_packed_start(struct pg_virtqueue *queue, uint32_t base)
{
	queue->avail_idx = base & 0x7fff;
	queue->avail_wrap = base >> 15 & 1;
	queue->used_idx = base >> 16 & 0x7fff;
	queue->used_wrap = base >> 31;
	if (queue->inflight)
		pg_inflight_packed_start(queue);
	if (queue->avail_idx >= queue->ring.size || queue->used_idx >= queue->ring.size) {
		pg_virtqueue_break(queue, "SET_VRING_BASE 0x%x is outside of a ring of %u", base,
				   queue->ring.size);
		queue->avail_idx = 0;
		queue->used_idx = 0;
	}
}

static bool is_available(const struct pg_virtqueue *queue, uint16_t flags)
{
	bool avail = flags & VIRTQ_DESC_F_AVAIL;
	bool used = flags & VIRTQ_DESC_F_USED;

	return avail == queue->avail_wrap && used != queue->avail_wrap;
}

bool pg_packed_pending(struct pg_virtqueue *queue)
{
	return is_available(queue, pg_load_acquire_le16(&slot_of(queue, queue->avail_idx)->flags));
}

/* Takes the descriptor at `index`, whose flags were read already. */
static int add_slot(struct pg_virtqueue *queue, struct pg_chain *chain, uint16_t index,
		    uint16_t flags)
{
	const struct pvirtq_desc *slot = slot_of(queue, index);
	struct pg_descriptor descriptor = {
		.addr = pg_load_le64(&slot->addr),
		.len = pg_load_le32(&slot->len),
		.flags = flags,
		.next = pg_load_le16(&slot->id),
	};

	chain->id = descriptor.next; /* the last one's counts */
	chain->slots++;
	if (queue->inflight) {
		int error = pg_inflight_packed_slot(queue, chain, &descriptor);

		if (error)
			return error;
	}
	if (flags & VIRTQ_DESC_F_INDIRECT)
		return pg_chain_add_table(chain, &descriptor);
	return pg_chain_add(chain, &descriptor);
}

int pg_packed_pop(struct pg_virtqueue *queue, struct pg_chain *chain)
{
	uint16_t index = queue->avail_idx;
	bool wrap = queue->avail_wrap;
	uint16_t flags = pg_load_acquire_le16(&slot_of(queue, index)->flags);
	int error;

	if (!is_available(queue, flags))
		return 0;
	for (;;) {
		/* Before it is read: beyond lie descriptors that are in flight. */
		if (queue->slots_in_flight + chain->slots >= queue->ring.size) {
			pg_virtqueue_break(queue, "a descriptor loop, or more requests in flight "
						  "than the ring has descriptors");
			error = -EPIPE;
		} else {
			error = add_slot(queue, chain, index, flags);
		}
		if (error) {
			if (queue->inflight)
				pg_inflight_packed_undo(queue);
			return error;
		}
		advance(queue, &index, &wrap, 1);
		if (!(flags & VIRTQ_DESC_F_NEXT))
			break;
		/* The driver wrote the first one's flags last: these are valid. */
		flags = pg_load_le16(&slot_of(queue, index)->flags);
	}
	queue->avail_idx = index;
	queue->avail_wrap = wrap;
	if (queue->inflight)
		pg_inflight_packed_taken(queue, chain);
	return 1;
}

/*
 * The driver looks at the slots in order, so that holding back the flags of the
 * first one publishes the batch as a whole.
 */
void pg_packed_put(struct pg_virtqueue *queue, const struct pg_chain *chain)
{
	struct pvirtq_desc *slot = slot_of(queue, queue->used_idx);
	uint16_t flags = queue->used_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;

	if (chain->written)
		flags |= VIRTQ_DESC_F_WRITE;
	pg_store_le16(&slot->id, chain->id);
	pg_store_le32(&slot->len, chain->written);
	advance(queue, &queue->used_idx, &queue->used_wrap, chain->slots);
	if (queue->inflight) {
		/* The region can describe one unpublished request, not a batch with others between. */
		pg_inflight_packed_put(queue, chain);
		pg_store_release_le16(&slot->flags, flags);
		pg_inflight_packed_published(queue, chain);
	} else if (!queue->batch_held) {
		queue->batch_held = true;
		queue->batch_slot = (uint16_t)(slot - slot_of(queue, 0));
		queue->batch_flags = flags;
	} else {
		pg_store_release_le16(&slot->flags, flags);
	}
}

static void publish_batch(struct pg_virtqueue *queue)
{
	if (queue->batch_held)
		pg_store_release_le16(&slot_of(queue, queue->batch_slot)->flags,
				      queue->batch_flags);
	queue->batch_held = false;
}

bool pg_packed_publish(struct pg_virtqueue *queue)
{
	const struct pvirtq_event_suppress *event = driver_event_of(queue);
	uint16_t old = (uint16_t)(queue->used_idx - queue->added);
	uint16_t flags, desc, target;

	publish_batch(queue);
	pg_full_barrier();
	flags = pg_load_acquire_le16(&event->flags) & 3;
	if (flags == RING_EVENT_FLAGS_DISABLE)
		return false;
	if (flags != RING_EVENT_FLAGS_DESC || !queue->ring.event_idx)
		return true;
	desc = pg_load_le16(&event->desc);
	target = desc & (uint16_t)~WRAP_BIT;
	if ((bool)(desc & WRAP_BIT) != queue->used_wrap)
		target = (uint16_t)(target - queue->ring.size);
	return pg_need_event(target, queue->used_idx, old);
}

void pg_packed_kicks(struct pg_virtqueue *queue, bool enable)
{
	struct pvirtq_event_suppress *event = device_event_of(queue);

	if (!enable) {
		pg_store_le16(&event->flags, RING_EVENT_FLAGS_DISABLE);
		return;
	}
	if (queue->ring.event_idx) {
		pg_store_le16(&event->desc,
			      (uint16_t)(queue->avail_idx | (queue->avail_wrap ? WRAP_BIT : 0)));
		pg_store_release_le16(&event->flags, RING_EVENT_FLAGS_DESC);
	} else {
		pg_store_le16(&event->flags, RING_EVENT_FLAGS_ENABLE);
	}
	pg_full_barrier();
}

/* SPDX-License-Identifier: MIT */
/* Split virtqueues (virtio specification, "Split Virtqueues"). The guest is not trusted. */
#include <errno.h>

#include "transport/inflight.h"
#include "transport/shared.h"
#include "transport/virtqueue_private.h"

static const struct virtq_avail *avail_of(const struct pg_virtqueue *queue)
{
	return queue->ring.driver;
}

static struct virtq_used *used_of(const struct pg_virtqueue *queue)
{
	return queue->ring.device;
}

/* Where the driver writes used_event: behind the available ring. */
static const le16 *used_event_of(const struct pg_virtqueue *queue)
{
	return &avail_of(queue)->ring[queue->ring.size];
}

/* Where we write avail_event: behind the used ring. */
static le16 *avail_event_of(const struct pg_virtqueue *queue)
{
	return (le16 *)(void *)&used_of(queue)->ring[queue->ring.size];
}

void pg_split_start(struct pg_virtqueue *queue, uint32_t base)
{
	queue->avail_idx = (uint16_t)base;
	queue->avail_shadow = (uint16_t)base;
	/* The used ring is ours: it tells where we stopped, perhaps in another process. */
	queue->used_idx = pg_load_le16(&used_of(queue)->idx);
	if (queue->inflight)
		queue->avail_idx = queue->avail_shadow =
			pg_inflight_split_start(queue, queue->avail_idx);
}

static void read_descriptor(const struct pg_virtqueue *queue, uint16_t index,
			    struct pg_descriptor *descriptor)
{
	const struct virtq_desc *entry = (const struct virtq_desc *)queue->ring.desc + index;

	*descriptor = (struct pg_descriptor){
		.addr = pg_load_le64(&entry->addr),
		.len = pg_load_le32(&entry->len),
		.flags = pg_load_le16(&entry->flags),
		.next = pg_load_le16(&entry->next),
	};
}

int pg_split_rebuild(struct pg_virtqueue *queue, struct pg_chain *chain, uint16_t head)
{
	struct pg_descriptor descriptor;
	uint16_t index = head;
	int error;

	chain->id = head;
	chain->slots = 1; /* of the used ring */
	for (uint16_t seen = 0; seen < queue->ring.size; seen++) {
		read_descriptor(queue, index, &descriptor);
		if (descriptor.flags & VIRTQ_DESC_F_INDIRECT)
			error = pg_chain_add_table(chain, &descriptor);
		else
			error = pg_chain_add(chain, &descriptor);
		if (error)
			return error;
		if (!(descriptor.flags & VIRTQ_DESC_F_NEXT))
			return 1;
		index = descriptor.next;
		if (index >= queue->ring.size) {
			pg_virtqueue_break(queue,
					   "a chain continues at descriptor %u of a ring of %u",
					   index, queue->ring.size);
			return -EPIPE;
		}
	}
	pg_virtqueue_break(queue, "a descriptor loop");
	return -EPIPE;
}

bool pg_split_pending(struct pg_virtqueue *queue)
{
	if (queue->avail_shadow == queue->avail_idx)
		queue->avail_shadow = pg_load_acquire_le16(&avail_of(queue)->idx);
	return queue->avail_shadow != queue->avail_idx;
}

int pg_split_pop(struct pg_virtqueue *queue, struct pg_chain *chain)
{
	uint16_t size = queue->ring.size;
	uint16_t head;
	int result;

	if (!pg_split_pending(queue))
		return 0;
	if ((uint16_t)(queue->avail_shadow - queue->avail_idx) > size) {
		pg_virtqueue_break(queue, "the available index went from %u to %u in a ring of %u",
				   queue->avail_idx, queue->avail_shadow, size);
		return -EPIPE;
	}
	head = pg_load_le16(&avail_of(queue)->ring[queue->avail_idx & (size - 1)]);
	if (head >= size) {
		pg_virtqueue_break(queue, "descriptor %u made available in a ring of %u", head,
				   size);
		return -EPIPE;
	}
	result = pg_split_rebuild(queue, chain, head);
	if (result != 1)
		return result;
	queue->avail_idx++;
	if (queue->inflight)
		pg_inflight_split_taken(queue, head);
	return 1;
}

void pg_split_put(struct pg_virtqueue *queue, const struct pg_chain *chain)
{
	struct virtq_used_elem *slot =
		&used_of(queue)->ring[queue->used_idx & (queue->ring.size - 1)];

	pg_store_le32(&slot->id, chain->id);
	pg_store_le32(&slot->len, chain->written);
	queue->used_idx++;
	if (queue->inflight)
		pg_inflight_split_put(queue, chain->id);
}

bool pg_split_publish(struct pg_virtqueue *queue)
{
	uint16_t old = (uint16_t)(queue->used_idx - queue->added);

	pg_store_release_le16(&used_of(queue)->idx, queue->used_idx);
	if (queue->inflight)
		pg_inflight_split_published(queue);
	pg_full_barrier();
	if (queue->ring.event_idx)
		return pg_need_event(pg_load_le16(used_event_of(queue)), queue->used_idx, old);
	return !(pg_load_le16(&avail_of(queue)->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

/*
 * With EVENT_IDX the flag is not used; an avail_event that lags behind keeps
 * the driver quiet, and bringing it up to date asks for the next kick.
 */
void pg_split_kicks(struct pg_virtqueue *queue, bool enable)
{
	if (!queue->ring.event_idx) {
		uint16_t flags = (uint16_t)(enable ? 0 : VIRTQ_USED_F_NO_NOTIFY);

		pg_store_le16(&used_of(queue)->flags, flags);
	} else if (enable) {
		pg_store_le16(&used_of(queue)->flags, 0);
		pg_store_le16(avail_event_of(queue), queue->avail_idx);
	}
	if (enable)
		pg_full_barrier();
}

/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a split virtqueue (virtio specification, "Split
 * Virtqueues"). Everything needed later is kept in private memory: the device
 * may scribble over the rings.
 */
#include <errno.h>
#include <string.h>

#include "frontend/internal.h"

static le16 *used_event(struct pg_fe_queue *queue)
{
	struct virtq_avail *avail = queue->avail;

	return &avail->ring[queue->size];
}

static le16 *avail_event(struct pg_fe_queue *queue)
{
	struct virtq_used *used = queue->used;

	return (le16 *)(void *)&used->ring[queue->size];
}

int pg_fe_split_prepare(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	size_t desc_size = (size_t)16 * queue->size;
	size_t avail_size = 6 + (size_t)2 * queue->size;
	size_t used_size = 6 + (size_t)8 * queue->size;

	if (!queue->made) {
		queue->desc_address = pg_fe_alloc(fe, desc_size, 4096);
		queue->avail_address = pg_fe_alloc(fe, avail_size, 4096);
		queue->used_address = pg_fe_alloc(fe, used_size, 4096);
		if (!queue->desc_address || !queue->avail_address || !queue->used_address)
			return -ENOMEM;
		queue->desc.split = pg_fe_memory(fe, queue->desc_address, desc_size);
		queue->avail = pg_fe_memory(fe, queue->avail_address, avail_size);
		queue->used = pg_fe_memory(fe, queue->used_address, used_size);
		queue->made = true;
	}
	memset(queue->desc.split, 0, desc_size);
	memset(queue->avail, 0, avail_size);
	memset(queue->used, 0, used_size);
	queue->base = 0;
	return 0;
}

static void write_desc(struct virtq_desc *desc, const struct pg_fe_segment *segment, uint32_t flags,
		       uint16_t next)
{
	desc->addr = pg_to_le64(segment->address);
	desc->len = pg_to_le32(segment->length);
	desc->flags = pg_to_le16((uint16_t)(flags | (segment->writable ? VIRTQ_DESC_F_WRITE : 0)));
	desc->next = pg_to_le16(next);
}

static uint16_t take_id(struct pg_fe_queue *queue)
{
	uint16_t id = queue->ids[queue->ids_head];

	queue->ids_head = (queue->ids_head + 1) % queue->size;
	queue->ids_count--;
	return id;
}

static int add_indirect(struct pg_fe *fe, struct pg_fe_queue *queue,
			const struct pg_fe_segment *segments, uint32_t count, uint16_t *id)
{
	uint16_t head = queue->ids[queue->ids_head];
	uint64_t address = pg_fe_slot_table(fe, &queue->slots[head], count);
	struct virtq_desc *table = pg_fe_memory(fe, address, 16ull * count);
	struct pg_fe_segment segment = {.address = address, .length = 16 * count};

	if (!address || !table)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		write_desc(&table[i], &segments[i], i + 1 < count ? VIRTQ_DESC_F_NEXT : 0,
			   (uint16_t)(i + 1));
	take_id(queue);
	write_desc(&queue->desc.split[head], &segment, VIRTQ_DESC_F_INDIRECT, 0);
	queue->slots[head].descriptors = 1;
	*id = head;
	return 0;
}

static void add_direct(struct pg_fe_queue *queue, const struct pg_fe_segment *segments,
		       uint32_t count, uint16_t *id)
{
	uint16_t head = queue->ids[queue->ids_head];

	for (uint32_t i = 0; i < count; i++) {
		uint16_t here = take_id(queue);
		bool more = i + 1 < count;
		uint16_t next = more ? queue->ids[queue->ids_head] : 0;

		write_desc(&queue->desc.split[here], &segments[i], more ? VIRTQ_DESC_F_NEXT : 0,
			   next);
		queue->slots[here].next = next;
	}
	queue->slots[head].descriptors = (uint16_t)count;
	*id = head;
}

int pg_fe_split_add(struct pg_fe *fe, struct pg_fe_queue *queue,
		    const struct pg_fe_segment *segments, uint32_t count, uint16_t *id)
{
	struct virtq_avail *avail = queue->avail;
	bool indirect = queue->indirect && count > 1;

	if (queue->ids_count < (indirect ? 1 : count))
		return -ENOSPC;
	if (indirect) {
		int error = add_indirect(fe, queue, segments, count, id);

		if (error)
			return error;
	} else {
		add_direct(queue, segments, count, id);
	}
	avail->ring[queue->avail_index % queue->size] = pg_to_le16(*id);
	queue->avail_index++;
	__atomic_store_n(&avail->idx.wire, pg_to_le16(queue->avail_index).wire, __ATOMIC_RELEASE);
	return 0;
}

static void give_back(struct pg_fe_queue *queue, uint16_t head)
{
	uint16_t id = head;

	for (uint32_t i = queue->slots[head].descriptors; i; i--) {
		queue->ids[(queue->ids_head + queue->ids_count) % queue->size] = id;
		queue->ids_count++;
		id = queue->slots[id].next;
	}
}

/* All buffers of a batch, of which the device names only the last ("In-order use of descriptors"). */
static int collect_batch(struct pg_fe *fe, struct pg_fe_queue *queue, uint32_t last,
			 uint32_t length)
{
	for (;;) {
		uint16_t id;

		if (!queue->order_count)
			return pg_fe_die(fe, -EPROTO,
					 "queue %u: used id %u, which is not in flight",
					 queue->index, last);
		id = queue->order[queue->order_head];
		queue->order_head = (queue->order_head + 1) % queue->size;
		queue->order_count--;
		pg_fe_queue_done(fe, queue, id, id == last ? length : queue->slots[id].writable);
		give_back(queue, id);
		queue->used_index++;
		if (id == last)
			return 0;
	}
}

int pg_fe_split_collect(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	struct virtq_used *used = queue->used;

	for (;;) {
		le16 idx = {__atomic_load_n(&used->idx.wire, __ATOMIC_ACQUIRE)};
		uint16_t pending = (uint16_t)(pg_from_le16(idx) - queue->used_index);
		struct virtq_used_elem element;
		uint32_t id;

		if (!pending)
			return 0;
		if (pending > queue->size)
			return pg_fe_die(fe, -EPROTO, "queue %u: the used index jumped by %u",
					 queue->index, pending);
		element = used->ring[queue->used_index % queue->size];
		id = pg_from_le32(element.id);
		if (id >= queue->size || !queue->slots[id].busy)
			return pg_fe_die(fe, -EPROTO,
					 "queue %u: used id %u, which is not in flight",
					 queue->index, id);
		if (queue->in_order) {
			int error = collect_batch(fe, queue, id, pg_from_le32(element.len));

			if (error)
				return error;
			continue;
		}
		pg_fe_queue_done(fe, queue, (uint16_t)id, pg_from_le32(element.len));
		give_back(queue, (uint16_t)id);
		queue->used_index++;
	}
}

bool pg_fe_split_arm(struct pg_fe_queue *queue)
{
	struct virtq_used *used = queue->used;
	uint16_t idx;

	if (queue->event_idx)
		__atomic_store_n(&used_event(queue)->wire, pg_to_le16(queue->used_index).wire,
				 __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	idx = pg_from_le16((le16){__atomic_load_n(&used->idx.wire, __ATOMIC_ACQUIRE)});
	return idx != queue->used_index;
}

bool pg_fe_split_wants_kick(struct pg_fe_queue *queue)
{
	struct virtq_used *used = queue->used;
	uint16_t added = queue->added;
	uint16_t event;

	queue->added = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_idx)
		return !(pg_from_le16(used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	event = pg_from_le16((le16){__atomic_load_n(&avail_event(queue)->wire, __ATOMIC_ACQUIRE)});
	return (uint16_t)(queue->avail_index - event - 1) < added;
}

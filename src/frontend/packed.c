/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a packed virtqueue (virtio specification, "Packed
 * Virtqueues"). Everything needed later is kept in private memory: the device
 * may scribble over the ring.
 */
#include <errno.h>
#include <string.h>

#include "frontend/internal.h"

int pg_fe_packed_prepare(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	size_t size = (size_t)16 * queue->size;

	if (!queue->made) {
		queue->desc_address = pg_fe_alloc(fe, size, 4096);
		queue->avail_address = pg_fe_alloc(fe, 4, 4096);
		queue->used_address = pg_fe_alloc(fe, 4, 4096);
		if (!queue->desc_address || !queue->avail_address || !queue->used_address)
			return -ENOMEM;
		queue->desc.packed = pg_fe_memory(fe, queue->desc_address, size);
		queue->avail = pg_fe_memory(fe, queue->avail_address, 4);
		queue->used = pg_fe_memory(fe, queue->used_address, 4);
		queue->made = true;
	}
	memset(queue->desc.packed, 0, size);
	memset(queue->avail, 0, 4);
	memset(queue->used, 0, 4);
	queue->avail_wrap = queue->used_wrap = true;
	queue->base = 0x80008000;
	return 0;
}

static uint16_t available_flags(const struct pg_fe_queue *queue, uint32_t flags)
{
	return (uint16_t)(flags | (queue->avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED));
}

static void advance(uint16_t *index, bool *wrap, uint32_t size)
{
	if (++*index == size) {
		*index = 0;
		*wrap = !*wrap;
	}
}

/* Writes descriptors; the first one's flags come last: they make the chain available. */
static void write_ring(struct pg_fe_queue *queue, const struct pg_fe_segment *segments,
		       uint32_t count, uint32_t flags, uint16_t id)
{
	struct pvirtq_desc *first = &queue->desc.packed[queue->avail_index];
	uint16_t first_flags = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct pvirtq_desc *desc = &queue->desc.packed[queue->avail_index];
		uint16_t bits = available_flags(
			queue, flags | (i + 1 < count ? VIRTQ_DESC_F_NEXT : 0) |
				       (segments[i].writable ? VIRTQ_DESC_F_WRITE : 0));

		desc->addr = pg_to_le64(segments[i].address);
		desc->len = pg_to_le32(segments[i].length);
		desc->id = pg_to_le16(id);
		if (i)
			desc->flags = pg_to_le16(bits);
		else
			first_flags = bits;
		advance(&queue->avail_index, &queue->avail_wrap, queue->size);
	}
	__atomic_store_n(&first->flags.wire, pg_to_le16(first_flags).wire, __ATOMIC_RELEASE);
}

static int write_table(struct pg_fe *fe, struct pg_fe_slot *slot,
		       const struct pg_fe_segment *segments, uint32_t count)
{
	uint64_t address = pg_fe_slot_table(fe, slot, count);
	struct pvirtq_desc *table = pg_fe_memory(fe, address, 16ull * count);

	if (!address || !table)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		table[i].addr = pg_to_le64(segments[i].address);
		table[i].len = pg_to_le32(segments[i].length);
		table[i].id = pg_to_le16(0);
		table[i].flags = pg_to_le16(segments[i].writable ? VIRTQ_DESC_F_WRITE : 0);
	}
	return 0;
}

int pg_fe_packed_add(struct pg_fe *fe, struct pg_fe_queue *queue,
		     const struct pg_fe_segment *segments, uint32_t count, uint16_t *id)
{
	bool indirect = queue->indirect && count > 1;
	uint32_t needed = indirect ? 1 : count;

	if (queue->free_count < needed || !queue->ids_count)
		return -ENOSPC;
	*id = queue->ids[queue->ids_head];
	if (indirect) {
		struct pg_fe_segment table = {.length = 16 * count};
		int error = write_table(fe, &queue->slots[*id], segments, count);

		if (error)
			return error;
		table.address = queue->slots[*id].table;
		write_ring(queue, &table, 1, VIRTQ_DESC_F_INDIRECT, *id);
	} else {
		write_ring(queue, segments, count, 0, *id);
	}
	queue->ids_head = (queue->ids_head + 1) % queue->size;
	queue->ids_count--;
	queue->free_count -= needed;
	queue->slots[*id].descriptors = (uint16_t)needed;
	return 0;
}

static void finish(struct pg_fe *fe, struct pg_fe_queue *queue, uint16_t id, uint32_t length)
{
	uint32_t descriptors = queue->slots[id].descriptors;

	pg_fe_queue_done(fe, queue, id, length);
	queue->ids[(queue->ids_head + queue->ids_count) % queue->size] = id;
	queue->ids_count++;
	queue->free_count += descriptors;
	while (descriptors--)
		advance(&queue->used_index, &queue->used_wrap, queue->size);
}

static bool is_used(const struct pg_fe_queue *queue)
{
	const struct pvirtq_desc *desc = &queue->desc.packed[queue->used_index];
	uint16_t flags = pg_from_le16((le16){__atomic_load_n(&desc->flags.wire, __ATOMIC_ACQUIRE)});
	bool avail = flags & VIRTQ_DESC_F_AVAIL;
	bool used = flags & VIRTQ_DESC_F_USED;

	return avail == used && used == queue->used_wrap;
}

int pg_fe_packed_collect(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	while (queue->free_count < queue->size && is_used(queue)) {
		struct pvirtq_desc desc = queue->desc.packed[queue->used_index];
		uint16_t id = pg_from_le16(desc.id);
		uint16_t first;

		if (id >= queue->size || !queue->slots[id].busy)
			return pg_fe_die(fe, -EPROTO,
					 "queue %u: used id %u, which is not in flight",
					 queue->index, id);
		/* In order, the device names the last buffer of a batch only. */
		while (queue->in_order) {
			first = queue->order[queue->order_head];
			queue->order_head = (queue->order_head + 1) % queue->size;
			queue->order_count--;
			if (first == id)
				break;
			finish(fe, queue, first, queue->slots[first].writable);
			if (!queue->order_count)
				return pg_fe_die(fe, -EPROTO, "queue %u: used id %u out of order",
						 queue->index, id);
		}
		finish(fe, queue, id, pg_from_le32(desc.len));
	}
	return 0;
}

bool pg_fe_packed_arm(struct pg_fe_queue *queue)
{
	struct pvirtq_event_suppress *suppress = queue->avail;

	if (queue->event_idx) {
		uint16_t where = (uint16_t)(queue->used_index | (queue->used_wrap ? 0x8000 : 0));

		suppress->desc = pg_to_le16(where);
		__atomic_store_n(&suppress->flags.wire, pg_to_le16(RING_EVENT_FLAGS_DESC).wire,
				 __ATOMIC_SEQ_CST);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue->free_count < queue->size && is_used(queue);
}

bool pg_fe_packed_wants_kick(struct pg_fe_queue *queue)
{
	const struct pvirtq_event_suppress *suppress = queue->used;
	uint16_t added = queue->added;
	uint16_t flags, where;
	int event;

	queue->added = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = pg_from_le16(suppress->flags) & 3u;
	if (flags != RING_EVENT_FLAGS_DESC)
		return flags != RING_EVENT_FLAGS_DISABLE;
	where = pg_from_le16(suppress->desc);
	event = where & 0x7fff;
	if ((bool)(where >> 15) != queue->avail_wrap)
		event -= (int)queue->size;
	return (uint16_t)(queue->avail_index - event - 1) < added;
}

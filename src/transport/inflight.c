/* SPDX-License-Identifier: MIT */
/* The record of requests in flight; see inflight.h for who may write it. */
#include "transport/inflight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/shared.h"
#include "transport/virtqueue_private.h"

#define VERSION 1u
#define ALIGNMENT 64u

/* The structures of the specification, native byte order. */
struct split_entry {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;
	uint64_t counter;
};

struct split_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct split_entry desc[];
};

struct packed_entry {
	uint8_t inflight;
	uint8_t padding;
	uint16_t next;
	uint16_t last;
	uint16_t num;
	uint64_t counter;
	uint16_t id;
	uint16_t flags;
	uint32_t len;
	uint64_t addr;
};

struct packed_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t free_head;
	uint16_t old_free_head;
	uint16_t used_idx;
	uint16_t old_used_idx;
	uint8_t used_wrap_counter;
	uint8_t old_used_wrap_counter;
	uint8_t padding[7];
	struct packed_entry desc[];
};

static_assert(sizeof(struct split_entry) == 16, "split entry");
static_assert(sizeof(struct split_region) == 16, "split region");
static_assert(sizeof(struct packed_entry) == 32, "packed entry");
static_assert(sizeof(struct packed_region) == 32, "packed region");

/* Orders two writes for whoever finds the region after this process died. */
static void settle(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

size_t pg_inflight_region_size(bool packed, uint16_t size)
{
	size_t bytes = packed ? sizeof(struct packed_region) + size * sizeof(struct packed_entry)
			      : sizeof(struct split_region) + size * sizeof(struct split_entry);

	return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void pg_inflight_finish(struct pg_inflight_queue *inflight)
{
	free(inflight->resubmit);
	*inflight = (struct pg_inflight_queue){0};
}

void pg_inflight_clear(struct pg_inflight_queue *inflight, bool packed)
{
	memset(inflight->region, 0, pg_inflight_region_size(packed, inflight->capacity));
	inflight->batch = 0;
	inflight->resubmit_count = 0;
	inflight->resubmit_next = 0;
}

/* --- what a start finds ---------------------------------------------------------------------- */

static uint64_t counter_of(const struct pg_virtqueue *queue, uint16_t index)
{
	if (queue->ring.packed)
		return ((const struct packed_region *)queue->inflight->region)->desc[index].counter;
	return ((const struct split_region *)queue->inflight->region)->desc[index].counter;
}

static bool is_inflight(const struct pg_virtqueue *queue, uint16_t index)
{
	if (queue->ring.packed)
		return ((const struct packed_region *)queue->inflight->region)
			->desc[index]
			.inflight;
	return ((const struct split_region *)queue->inflight->region)->desc[index].inflight;
}

/* Marks what the device has: the ring was only stopped, this is the same process. */
static void mark_busy(const struct pg_virtqueue *queue, bool *busy)
{
	pg_list_for_each(link, &queue->busy) {
		const struct pg_chain *chain = pg_container_of(link, struct pg_chain, link);
		uint16_t index = queue->ring.packed ? chain->record : chain->id;

		if (index < queue->ring.size)
			busy[index] = true;
	}
}

struct order {
	uint64_t counter;
	uint16_t index;
};

static int compare(const void *a, const void *b)
{
	uint64_t left = ((const struct order *)a)->counter;
	uint64_t right = ((const struct order *)b)->counter;

	return left < right ? -1 : left > right;
}

/* Collects what is in flight and in nobody's hands, oldest first. */
static void collect(struct pg_virtqueue *queue)
{
	struct pg_inflight_queue *inflight = queue->inflight;
	struct order *found = calloc(queue->ring.size, sizeof(*found));
	bool *busy = calloc(queue->ring.size, sizeof(*busy));
	size_t count = 0;

	free(inflight->resubmit);
	inflight->resubmit = calloc(queue->ring.size, sizeof(*inflight->resubmit));
	inflight->resubmit_count = 0;
	inflight->resubmit_next = 0;
	inflight->counter = 0;
	if (!found || !busy || !inflight->resubmit) {
		free(found);
		free(busy);
		pg_virtqueue_break(queue, "no memory for the list of requests in flight");
		return;
	}
	mark_busy(queue, busy);
	for (uint16_t i = 0; i < queue->ring.size; i++) {
		uint64_t counter = counter_of(queue, i);

		if (!is_inflight(queue, i))
			continue;
		if (counter >= inflight->counter)
			inflight->counter = counter + 1;
		if (!busy[i])
			found[count++] = (struct order){.counter = counter, .index = i};
	}
	if (count)
		qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++)
		inflight->resubmit[i] = found[i].index;
	inflight->resubmit_count = count;
	free(found);
	free(busy);
	if (count)
		pg_log(queue->logger, PG_LOG_INFO, "transport",
		       "queue %u (%s): %zu requests of the previous connection are executed again",
		       queue->index, pg_virtqueue_name(queue), count);
}

static void damaged(struct pg_virtqueue *queue)
{
	pg_virtqueue_break(queue, "the front end's record of requests in flight is damaged");
}

static int rebuild_packed(struct pg_virtqueue *queue, struct pg_chain *chain, uint16_t record)
{
	const struct packed_region *region = queue->inflight->region;
	uint16_t count = region->desc[record].num;
	uint16_t index = record;

	if (!count || count > queue->ring.size) {
		damaged(queue);
		return -EPIPE;
	}
	chain->record = record;
	chain->slots = count;
	for (uint16_t i = 0; i < count; i++) {
		struct pg_descriptor descriptor;
		int error;

		if (index >= queue->ring.size) {
			damaged(queue);
			return -EPIPE;
		}
		descriptor = (struct pg_descriptor){
			.addr = region->desc[index].addr,
			.len = region->desc[index].len,
			.flags = region->desc[index].flags,
		};
		chain->id = region->desc[index].id;
		if (descriptor.flags & VIRTQ_DESC_F_INDIRECT && i + 1 < count) {
			damaged(queue);
			return -EPIPE;
		}
		if (descriptor.flags & VIRTQ_DESC_F_INDIRECT)
			error = pg_chain_add_table(chain, &descriptor);
		else
			error = pg_chain_add(chain, &descriptor);
		if (error)
			return error;
		index = region->desc[index].next;
	}
	return 1;
}

int pg_inflight_resubmit(struct pg_virtqueue *queue, struct pg_chain *chain)
{
	struct pg_inflight_queue *inflight = queue->inflight;
	uint16_t index;
	int result;

	if (inflight->resubmit_next == inflight->resubmit_count)
		return 0;
	index = inflight->resubmit[inflight->resubmit_next];
	if (queue->ring.packed)
		result = rebuild_packed(queue, chain, index);
	else
		result = pg_split_rebuild(queue, chain, index);
	if (result == 1)
		inflight->resubmit_next++;
	return result;
}

/* --- split ----------------------------------------------------------------------------------- */

/* The last batch was shown to the driver, but its entries still say "in flight". */
static void finish_split_batch(struct pg_virtqueue *queue, struct split_region *region)
{
	uint16_t count = (uint16_t)(queue->used_idx - region->used_idx);
	uint16_t head = region->last_batch_head;

	if (count > queue->ring.size) {
		damaged(queue);
		return;
	}
	for (uint16_t i = 0; i < count; i++) {
		if (head >= queue->ring.size) {
			damaged(queue);
			return;
		}
		region->desc[head].inflight = 0;
		head = region->desc[head].next;
	}
	settle();
	region->used_idx = queue->used_idx;
}

uint16_t pg_inflight_split_start(struct pg_virtqueue *queue, uint16_t base)
{
	struct pg_inflight_queue *inflight = queue->inflight;
	struct split_region *region = inflight->region;

	inflight->batch = 0;
	inflight->resubmit_count = 0;
	inflight->resubmit_next = 0;
	if (region->version != VERSION) {
		pg_inflight_clear(inflight, false);
		region->desc_num = queue->ring.size;
		region->used_idx = queue->used_idx;
		region->version = VERSION;
		return base;
	}
	finish_split_batch(queue, region);
	if (queue->broken)
		return base;
	collect(queue);
	if (!inflight->resubmit_count)
		return base;
	/* After a crash the front end does not know how far we came. */
	return (uint16_t)(queue->used_idx + queue->in_flight + inflight->resubmit_count);
}

void pg_inflight_split_taken(struct pg_virtqueue *queue, uint16_t head)
{
	struct split_region *region = queue->inflight->region;

	region->desc[head].counter = queue->inflight->counter++;
	settle();
	region->desc[head].inflight = 1;
}

void pg_inflight_split_put(struct pg_virtqueue *queue, uint16_t head)
{
	struct split_region *region = queue->inflight->region;

	region->desc[head].next = region->last_batch_head;
	region->last_batch_head = head;
	queue->inflight->batch++;
}

void pg_inflight_split_published(struct pg_virtqueue *queue)
{
	struct split_region *region = queue->inflight->region;
	uint16_t head = region->last_batch_head;

	settle();
	for (; queue->inflight->batch && head < queue->ring.size; queue->inflight->batch--) {
		region->desc[head].inflight = 0;
		head = region->desc[head].next;
	}
	queue->inflight->batch = 0;
	settle();
	region->used_idx = queue->used_idx;
}

/* --- packed ---------------------------------------------------------------------------------- */

/* The process died between writing a used descriptor and saying so, or before. */
static void finish_packed_batch(struct pg_virtqueue *queue, struct packed_region *region)
{
	const struct pvirtq_desc *ring = queue->ring.desc;
	uint16_t index = region->old_used_idx;
	uint16_t flags;
	bool avail, used;

	if (region->used_idx == region->old_used_idx &&
	    region->used_wrap_counter == region->old_used_wrap_counter)
		return;
	if (index >= queue->ring.size) {
		damaged(queue);
		return;
	}
	flags = pg_load_le16(&ring[index].flags);
	avail = flags & VIRTQ_DESC_F_AVAIL;
	used = flags & VIRTQ_DESC_F_USED;
	if (avail == used && used == (bool)region->old_used_wrap_counter) {
		/* It was shown: `free_head` is its record. */
		if (region->free_head >= queue->ring.size) {
			damaged(queue);
			return;
		}
		region->desc[region->free_head].inflight = 0;
		region->old_used_idx = region->used_idx;
		region->old_used_wrap_counter = region->used_wrap_counter;
	} else {
		region->used_idx = region->old_used_idx;
		region->used_wrap_counter = region->old_used_wrap_counter;
	}
}

/* Links all entries that belong to nothing in flight. Returns the slots that are in flight. */
static uint32_t rebuild_free_list(struct pg_virtqueue *queue, struct packed_region *region)
{
	uint16_t size = queue->ring.size;
	uint8_t *taken = calloc(size, 1);
	uint16_t free_head = size; /* the end of the list */
	uint32_t slots = 0;

	for (uint16_t i = 0; taken && i < size; i++) {
		uint16_t index = i;

		if (!region->desc[i].inflight)
			continue;
		for (uint16_t n = 0; n < region->desc[i].num; n++) {
			if (index >= size || taken[index]) {
				free(taken);
				damaged(queue);
				return 0;
			}
			taken[index] = 1;
			slots++;
			index = region->desc[index].next;
		}
	}
	if (!taken) {
		pg_virtqueue_break(queue, "no memory for the list of requests in flight");
		return 0;
	}
	for (uint16_t i = size; i-- > 0;) {
		if (taken[i])
			continue;
		region->desc[i].next = free_head;
		free_head = i;
	}
	free(taken);
	queue->inflight->free_head = free_head;
	region->free_head = free_head;
	region->old_free_head = free_head;
	return slots;
}

static void make_packed_region(struct pg_virtqueue *queue, struct packed_region *region)
{
	pg_inflight_clear(queue->inflight, true);
	region->desc_num = queue->ring.size;
	region->used_idx = region->old_used_idx = queue->used_idx;
	region->used_wrap_counter = region->old_used_wrap_counter = queue->used_wrap;
	rebuild_free_list(queue, region);
	settle();
	region->version = VERSION;
}

void pg_inflight_packed_start(struct pg_virtqueue *queue)
{
	struct packed_region *region = queue->inflight->region;
	uint32_t slots;

	queue->inflight->resubmit_count = 0;
	queue->inflight->resubmit_next = 0;
	if (region->version != VERSION) {
		make_packed_region(queue, region);
		return;
	}
	finish_packed_batch(queue, region);
	if (queue->broken)
		return;
	slots = rebuild_free_list(queue, region);
	if (!queue->broken)
		collect(queue);
	if (queue->broken || !queue->inflight->resubmit_count)
		return;
	/* After a crash the front end does not know how far we came. */
	queue->used_idx = region->used_idx;
	queue->used_wrap = region->used_wrap_counter;
	slots += queue->used_idx;
	queue->avail_wrap = queue->used_wrap;
	if (slots >= queue->ring.size) {
		slots -= queue->ring.size;
		queue->avail_wrap = !queue->avail_wrap;
	}
	/* More than a turn is damage, which the caller finds by the index. */
	queue->avail_idx = slots < queue->ring.size ? (uint16_t)slots : UINT16_MAX;
}

int pg_inflight_packed_slot(struct pg_virtqueue *queue, struct pg_chain *chain,
			    const struct pg_descriptor *descriptor)
{
	struct packed_region *region = queue->inflight->region;
	uint16_t entry = queue->inflight->free_head;

	if (entry >= queue->ring.size) {
		damaged(queue);
		return -EPIPE;
	}
	if (chain->slots == 1)
		chain->record = entry;
	region->desc[entry].id = descriptor->next;
	region->desc[entry].flags = descriptor->flags;
	region->desc[entry].len = descriptor->len;
	region->desc[entry].addr = descriptor->addr;
	region->desc[chain->record].last = entry;
	region->desc[chain->record].num = chain->slots;
	queue->inflight->free_head = region->desc[entry].next;
	return 0;
}

void pg_inflight_packed_undo(struct pg_virtqueue *queue)
{
	queue->inflight->free_head = ((struct packed_region *)queue->inflight->region)->free_head;
}

void pg_inflight_packed_taken(struct pg_virtqueue *queue, struct pg_chain *chain)
{
	struct packed_region *region = queue->inflight->region;

	region->desc[chain->record].counter = queue->inflight->counter++;
	settle();
	region->desc[chain->record].inflight = 1;
	region->free_head = queue->inflight->free_head;
	region->old_free_head = queue->inflight->free_head;
}

void pg_inflight_packed_put(struct pg_virtqueue *queue, const struct pg_chain *chain)
{
	struct packed_region *region = queue->inflight->region;
	uint16_t last;

	/* Taken before there was a region: it was never written down. */
	if (chain->record >= queue->ring.size)
		return;
	last = region->desc[chain->record].last;
	if (last < queue->ring.size)
		region->desc[last].next = queue->inflight->free_head;
	queue->inflight->free_head = chain->record;
	region->free_head = chain->record;
	settle();
	region->used_idx = queue->used_idx;
	region->used_wrap_counter = queue->used_wrap;
	settle();
}

void pg_inflight_packed_published(struct pg_virtqueue *queue, const struct pg_chain *chain)
{
	struct packed_region *region = queue->inflight->region;

	if (chain->record >= queue->ring.size)
		return;
	settle();
	region->desc[chain->record].inflight = 0;
	region->old_free_head = region->free_head;
	settle();
	region->old_used_idx = queue->used_idx;
	region->old_used_wrap_counter = queue->used_wrap;
}

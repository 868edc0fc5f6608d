/* SPDX-License-Identifier: MIT */
/*
 * What split and packed virtqueues have in common: life of the queue, life of
 * its requests, order.
 *
 * A request that the device holds while its ring is stopped is parked, because
 * the front end cannot be waited for and a stop does not say whether the guest
 * is paused (the request has to be answered later) or reset (its memory belongs
 * to somebody else now, not one byte may be written). So its response goes to
 * private memory; the next start copies it to the guest, or forgets it.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transport/inflight.h"
#include "transport/virtqueue_private.h"

void pg_virtqueue_init(struct pg_virtqueue *queue, unsigned int index,
		       const struct pg_logger *logger)
{
	*queue = (struct pg_virtqueue){
		.logger = logger,
		.index = index,
		.role = index == 1 ? PARAGPU_QUEUE_CURSOR : PARAGPU_QUEUE_CONTROL,
	};
	pg_list_init(&queue->busy);
	pg_list_init(&queue->abandoned);
	pg_list_init(&queue->free);
}

void pg_virtqueue_finish(struct pg_virtqueue *queue)
{
	queue->running = false;
	pg_virtqueue_forget(queue);
	pg_list_for_each_safe(link, &queue->free) {
		pg_list_remove(link);
		free(pg_container_of(link, struct pg_chain, link));
	}
	paragpu_memory_unref(&queue->ring.memory);
}

const char *pg_virtqueue_name(const struct pg_virtqueue *queue)
{
	return queue->index == 0 ? "control" : queue->index == 1 ? "cursor" : "unused";
}

void pg_virtqueue_break(struct pg_virtqueue *queue, const char *format, ...)
{
	va_list arguments;

	if (queue->broken)
		return;
	queue->broken = true;
	va_start(arguments, format);
	vsnprintf(queue->reason, sizeof(queue->reason), format, arguments);
	va_end(arguments);
	pg_log(queue->logger, PG_LOG_ERROR, "transport",
	       "queue %u (%s) is broken until the guest resets the device: %s", queue->index,
	       pg_virtqueue_name(queue), queue->reason);
}

static bool misaligned(const void *pointer, uintptr_t alignment)
{
	return (uintptr_t)pointer % alignment;
}

static int check_ring(struct pg_virtqueue *queue, const struct pg_ring *ring)
{
	uintptr_t driver_alignment = ring->packed ? 4 : 2;

	if (!ring->size || ring->size > VIRTQ_MAX_SIZE ||
	    (!ring->packed && !pg_is_power_of_two(ring->size))) {
		pg_virtqueue_break(queue, "a %s ring of %u descriptors is not possible",
				   ring->packed ? "packed" : "split", ring->size);
		return -EINVAL;
	}
	if (misaligned(ring->desc, 16) || misaligned(ring->driver, driver_alignment) ||
	    misaligned(ring->device, 4)) {
		pg_virtqueue_break(queue, "the ring is not aligned");
		return -EINVAL;
	}
	return 0;
}

void pg_virtqueue_move(struct pg_virtqueue *queue, const struct pg_ring *ring)
{
	struct paragpu_memory *old = queue->ring.memory;

	queue->ring = *ring;
	paragpu_memory_ref(ring->memory);
	paragpu_memory_unref(&old);
}

static void put(struct pg_chain *chain)
{
	struct pg_virtqueue *queue = chain->queue;

	if (queue->ring.packed)
		pg_packed_put(queue, chain);
	else
		pg_split_put(queue, chain);
	queue->added = (uint16_t)(queue->added + chain->slots);
	queue->in_flight--;
	queue->slots_in_flight -= chain->slots;
	queue->vectors_in_flight -= chain->vector_count;
	pg_list_remove(&chain->link);
	pg_chain_recycle(chain);
}

/* With IN_ORDER an earlier request that is still held holds back those behind it. */
static void put_done(struct pg_virtqueue *queue)
{
	pg_list_for_each_safe(link, &queue->busy) {
		struct pg_chain *chain = pg_container_of(link, struct pg_chain, link);

		if (chain->done)
			put(chain);
		else if (queue->ring.in_order)
			return;
	}
}

int pg_virtqueue_start(struct pg_virtqueue *queue, const struct pg_ring *ring, uint32_t base)
{
	int error;

	assert(!queue->running);
	queue->broken = false;
	queue->reason[0] = '\0';
	error = check_ring(queue, ring);
	if (error)
		return error;
	/* Requests of another ring: their slots and records do not exist in this one. */
	if (ring->size != queue->ring.size || ring->packed != queue->ring.packed)
		pg_virtqueue_abandon(queue);
	pg_virtqueue_move(queue, ring);
	queue->added = 0;
	queue->batch_held = false;
	queue->signal_always = true;
	if (ring->packed)
		pg_packed_start(queue, base);
	else
		pg_split_start(queue, base);
	queue->running = true;
	pg_list_for_each(link, &queue->busy)
		pg_chain_unpark(pg_container_of(link, struct pg_chain, link));
	put_done(queue);
	return 0;
}

uint32_t pg_virtqueue_stop(struct pg_virtqueue *queue)
{
	if (queue->running) {
		pg_virtqueue_flush(queue);
		queue->running = false;
		pg_list_for_each(link, &queue->busy)
			pg_chain_park(pg_container_of(link, struct pg_chain, link));
	}
	if (!queue->ring.packed)
		return queue->avail_idx;
	return (uint32_t)queue->avail_idx | (uint32_t)queue->avail_wrap << 15 |
	       (uint32_t)queue->used_idx << 16 | (uint32_t)queue->used_wrap << 31;
}

void pg_virtqueue_abandon(struct pg_virtqueue *queue)
{
	assert(!queue->running);
	pg_list_for_each_safe(link, &queue->busy) {
		struct pg_chain *chain = pg_container_of(link, struct pg_chain, link);

		pg_list_remove(link);
		if (chain->done) {
			pg_chain_recycle(chain);
			continue;
		}
		chain->abandoned = true;
		pg_list_append(&queue->abandoned, link);
	}
	queue->in_flight = 0;
	queue->slots_in_flight = 0;
	queue->vectors_in_flight = 0;
}

void pg_virtqueue_forget(struct pg_virtqueue *queue)
{
	pg_list_for_each_safe(link, &queue->busy) {
		pg_list_remove(link);
		pg_chain_recycle(pg_container_of(link, struct pg_chain, link));
	}
	pg_list_for_each_safe(stale, &queue->abandoned) {
		pg_list_remove(stale);
		pg_chain_recycle(pg_container_of(stale, struct pg_chain, link));
	}
	queue->in_flight = 0;
	queue->slots_in_flight = 0;
	queue->vectors_in_flight = 0;
}

static int take_next(struct pg_virtqueue *queue, struct pg_chain *chain)
{
	int result;

	if (queue->inflight) {
		result = pg_inflight_resubmit(queue, chain);
		if (result)
			return result;
	}
	return queue->ring.packed ? pg_packed_pop(queue, chain) : pg_split_pop(queue, chain);
}

int pg_virtqueue_pop(struct pg_virtqueue *queue, struct pg_chain **out)
{
	struct pg_chain *chain;
	int result;

	if (queue->broken)
		return -EPIPE;
	if (!queue->running)
		return 0;
	if (queue->vectors_in_flight > PG_QUEUE_MAX_VECTORS)
		return -EBUSY;
	chain = pg_chain_take(queue);
	if (!chain)
		return -ENOMEM;
	result = take_next(queue, chain);
	if (result == 1 && queue->slots_in_flight + chain->slots > queue->ring.size) {
		pg_virtqueue_break(queue, "more requests in flight than the ring has descriptors");
		result = -EPIPE;
	}
	if (result != 1) {
		pg_chain_recycle(chain);
		return result;
	}
	pg_chain_seal(chain);
	queue->requests++;
	queue->in_flight++;
	queue->slots_in_flight += chain->slots;
	queue->vectors_in_flight += chain->vector_count;
	pg_list_append(&queue->busy, &chain->link);
	*out = chain;
	return 1;
}

void pg_virtqueue_push(struct pg_chain *chain, size_t written)
{
	struct pg_virtqueue *queue = chain->queue;
	uint64_t limit = chain->writable_size < UINT32_MAX ? chain->writable_size : UINT32_MAX;

	assert(!chain->done);
	if (chain->abandoned) {
		pg_list_remove(&chain->link);
		pg_chain_recycle(chain);
		return;
	}
	if (chain->bounce && limit > chain->bounce_vector.iov_len)
		limit = chain->bounce_vector.iov_len;
	chain->written = (uint32_t)(written < limit ? written : limit);
	chain->done = true;
	if (!queue->running)
		return;
	if (queue->ring.in_order)
		put_done(queue);
	else
		put(chain);
}

bool pg_virtqueue_flush(struct pg_virtqueue *queue)
{
	bool wanted;

	if (!queue->running || !queue->added)
		return false;
	wanted = queue->ring.packed ? pg_packed_publish(queue) : pg_split_publish(queue);
	wanted |= queue->signal_always;
	queue->signal_always = false;
	queue->added = 0;
	if (wanted)
		queue->interrupts++;
	return wanted;
}

void pg_virtqueue_disable_kicks(struct pg_virtqueue *queue)
{
	if (!queue->running)
		return;
	if (queue->ring.packed)
		pg_packed_kicks(queue, false);
	else
		pg_split_kicks(queue, false);
}

bool pg_virtqueue_enable_kicks(struct pg_virtqueue *queue)
{
	if (!queue->running || queue->broken)
		return false;
	if (queue->ring.packed)
		pg_packed_kicks(queue, true);
	else
		pg_split_kicks(queue, true);
	return pg_virtqueue_pending(queue);
}

bool pg_virtqueue_pending(struct pg_virtqueue *queue)
{
	if (!queue->running || queue->broken)
		return false;
	return queue->ring.packed ? pg_packed_pending(queue) : pg_split_pending(queue);
}

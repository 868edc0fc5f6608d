/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues of either layout: setting up, making chains available, kicking,
 * waiting for completions. The layouts themselves are in split.c and packed.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "frontend/internal.h"

static int new_eventfd(struct pg_fe *fe, int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? pg_fe_fail(fe, -errno, "cannot make an eventfd") : 0;
}

int pg_fe_queue_create(struct pg_fe *fe, uint32_t index)
{
	struct pg_fe_queue *queue = &fe->queues[index];
	uint32_t size = fe->settings.queue_size[index];

	queue->index = index;
	queue->size = size;
	if (!size || size > VIRTQ_MAX_SIZE)
		return pg_fe_fail(fe, -EINVAL, "queue %u cannot have %u entries", index, size);
	queue->slots = calloc(size, sizeof(*queue->slots));
	queue->ids = calloc(size, sizeof(*queue->ids));
	queue->order = calloc(size, sizeof(*queue->order));
	if (!queue->slots || !queue->ids || !queue->order)
		return pg_fe_fail(fe, -ENOMEM, "out of memory");
	if (new_eventfd(fe, &queue->kick) || new_eventfd(fe, &queue->call) ||
	    new_eventfd(fe, &queue->err))
		return -EMFILE;
	return 0;
}

void pg_fe_queue_destroy(struct pg_fe_queue *queue)
{
	pg_close(&queue->kick);
	pg_close(&queue->call);
	pg_close(&queue->err);
	free(queue->slots);
	free(queue->ids);
	free(queue->order);
	free(queue->done);
	queue->slots = NULL;
	queue->ids = NULL;
	queue->order = NULL;
	queue->done = NULL;
}

void pg_fe_queue_reset(struct pg_fe_queue *queue)
{
	memset(queue->slots, 0, queue->size * sizeof(*queue->slots));
	for (uint32_t i = 0; i < queue->size; i++)
		queue->ids[i] = (uint16_t)i;
	queue->ids_head = 0;
	queue->ids_count = queue->free_count = queue->size;
	queue->avail_index = queue->used_index = queue->added = 0;
	queue->order_head = queue->order_count = 0;
	queue->done_count = 0;
	queue->made = false;
}

int pg_fe_queue_prepare(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	int error;

	queue->packed = fe->features & (1ull << VIRTIO_F_RING_PACKED);
	queue->event_idx = fe->features & (1ull << VIRTIO_F_EVENT_IDX);
	queue->in_order = fe->features & (1ull << VIRTIO_F_IN_ORDER);
	queue->indirect = (fe->features & (1ull << VIRTIO_F_INDIRECT_DESC)) &&
			  fe->settings.indirect;
	error = queue->packed ? pg_fe_packed_prepare(fe, queue) : pg_fe_split_prepare(fe, queue);
	/* now, so that pg_fe_release() never takes them back */
	for (uint32_t i = 0; !error && queue->indirect && i < queue->size; i++)
		error = pg_fe_slot_table(fe, &queue->slots[i], 1) ? 0 : -ENOMEM;
	return error;
}

uint64_t pg_fe_slot_table(struct pg_fe *fe, struct pg_fe_slot *slot, uint32_t count)
{
	if (slot->table_capacity < count) {
		uint32_t capacity = count < 8 ? 8 : count;

		slot->table = pg_fe_alloc(fe, 16ull * capacity, 16);
		slot->table_capacity = slot->table ? capacity : 0;
	}
	return slot->table;
}

/* Notes a completion; the id is known to be in flight. */
void pg_fe_queue_done(struct pg_fe *fe, struct pg_fe_queue *queue, uint16_t id, uint32_t length)
{
	struct pg_fe_slot *slot = &queue->slots[id];

	if (length > slot->writable)
		pg_fe_die(fe, -EPROTO,
			  "queue %u: %u bytes reported as written where %u were writable",
			  queue->index, length, slot->writable);
	if (queue->done_count == queue->done_capacity) {
		size_t capacity = queue->done_capacity ? queue->done_capacity * 2 : 64;
		void *grown = realloc(queue->done, capacity * sizeof(*queue->done));

		if (!grown) {
			pg_fe_die(fe, -ENOMEM, "out of memory");
			return;
		}
		queue->done = grown;
		queue->done_capacity = capacity;
	}
	queue->done[queue->done_count++] = (struct pg_fe_completion){slot->token, length};
	slot->busy = false;
}

int pg_fe_collect(struct pg_fe *fe, struct pg_fe_queue *queue)
{
	int error = queue->packed ? pg_fe_packed_collect(fe, queue)
				  : pg_fe_split_collect(fe, queue);

	return error ? error : fe->dead;
}

/* Asks for an interrupt at the next completion; whether one is there already. */
bool pg_fe_arm(struct pg_fe_queue *queue)
{
	return queue->packed ? pg_fe_packed_arm(queue) : pg_fe_split_arm(queue);
}

int pg_fe_submit(struct pg_fe *fe, uint32_t index, const struct pg_fe_segment *segments,
		 uint32_t count, uint64_t *token)
{
	struct pg_fe_queue *queue;
	struct pg_fe_slot *slot;
	uint16_t id = 0;
	int error;

	if (fe->dead)
		return fe->dead;
	if (index >= PG_FE_QUEUES || !count)
		return pg_fe_fail(fe, -EINVAL, "no such queue or an empty chain");
	queue = &fe->queues[index];
	if (!queue->made)
		return pg_fe_fail(fe, -EINVAL, "queue %u is not started", index);
	error = queue->packed ? pg_fe_packed_add(fe, queue, segments, count, &id)
			      : pg_fe_split_add(fe, queue, segments, count, &id);
	if (error)
		return pg_fe_fail(fe, error, "queue %u has no room for %u descriptors", index,
				  count);
	slot = &queue->slots[id];
	slot->busy = true;
	slot->token = ++queue->next_token;
	slot->writable = 0;
	for (uint32_t i = 0; i < count; i++)
		slot->writable += segments[i].writable ? segments[i].length : 0;
	queue->order[(queue->order_head + queue->order_count) % queue->size] = id;
	if (queue->in_order)
		queue->order_count++;
	/* in the unit of the avail index: heads, or descriptors */
	queue->added = (uint16_t)(queue->added + (queue->packed ? slot->descriptors : 1));
	*token = slot->token;
	return 0;
}

int pg_fe_kick_always(struct pg_fe *fe, uint32_t index)
{
	uint64_t one = 1;

	if (fe->dead)
		return fe->dead;
	fe->queues[index].added = 0;
	fe->queues[index].kicks++;
	if (write(fe->queues[index].kick, &one, sizeof(one)) != sizeof(one))
		return pg_fe_fail(fe, -errno, "cannot kick queue %u", index);
	return 0;
}

int pg_fe_kick(struct pg_fe *fe, uint32_t index)
{
	struct pg_fe_queue *queue = &fe->queues[index];
	bool wanted;

	if (fe->dead)
		return fe->dead;
	if (!queue->added)
		return 0;
	wanted = queue->packed ? pg_fe_packed_wants_kick(queue) : pg_fe_split_wants_kick(queue);
	return wanted ? pg_fe_kick_always(fe, index) : 0;
}

bool pg_fe_take_interrupt(struct pg_fe_queue *queue)
{
	uint64_t count;

	if (read(queue->call, &count, sizeof(count)) != sizeof(count))
		return false;
	queue->interrupts += count;
	return true;
}

/* Takes the completion of `token` (0: the oldest) out of the list. */
static bool claim(struct pg_fe_queue *queue, uint64_t token, struct pg_fe_completion *out)
{
	for (size_t i = 0; i < queue->done_count; i++) {
		if (token && queue->done[i].token != token)
			continue;
		*out = queue->done[i];
		queue->done_count--;
		memmove(&queue->done[i], &queue->done[i + 1],
			(queue->done_count - i) * sizeof(*queue->done));
		return true;
	}
	return false;
}

int pg_fe_poll_used(struct pg_fe *fe, uint32_t index, uint64_t *token, uint32_t *used_length)
{
	struct pg_fe_queue *queue = &fe->queues[index];
	struct pg_fe_completion completion;
	int error = fe->dead;

	if (!error && !queue->done_count)
		error = pg_fe_collect(fe, queue);
	if (error)
		return error;
	if (!claim(queue, 0, &completion))
		return 0;
	*token = completion.token;
	if (used_length)
		*used_length = completion.length;
	return 1;
}

/* The time is up: says whether the answer is missing or only its interrupt. */
static int waited_too_long(struct pg_fe *fe, struct pg_fe_queue *queue, uint64_t token,
			   uint32_t timeout_ms)
{
	struct pg_fe_completion completion;
	int error = pg_fe_collect(fe, queue);

	if (error)
		return error;
	if (timeout_ms == PG_FE_WAIT_DEFAULT)
		timeout_ms = fe->settings.timeout_ms;
	if (claim(queue, token, &completion))
		return pg_fe_die(fe, -ETIMEDOUT,
				 "queue %u: the request is complete but no interrupt came in %u ms",
				 queue->index, timeout_ms);
	return pg_fe_fail(fe, -ETIMEDOUT, "queue %u: the request was not completed in %u ms",
			  queue->index, timeout_ms);
}

int pg_fe_wait(struct pg_fe *fe, uint32_t index, uint64_t token, uint32_t timeout_ms,
	       uint32_t *used_length)
{
	struct pg_fe_queue *queue = &fe->queues[index];
	uint64_t deadline = pg_fe_deadline(fe, timeout_ms);
	struct pg_fe_completion completion;

	while (!fe->dead) {
		bool ready = false;
		int error = pg_fe_collect(fe, queue);

		if (error)
			return error;
		if (claim(queue, token, &completion)) {
			if (used_length)
				*used_length = completion.length;
			return 0;
		}
		if (pg_fe_arm(queue))
			continue;
		error = pg_fe_serve(fe, queue->call, &ready, deadline);
		if (error == -ETIMEDOUT)
			return waited_too_long(fe, queue, token, timeout_ms);
		if (error)
			return error;
		if (ready)
			pg_fe_take_interrupt(queue);
	}
	return fe->dead;
}

uint32_t pg_fe_queue_free(const struct pg_fe *fe, uint32_t index)
{
	const struct pg_fe_queue *queue = &fe->queues[index];

	return queue->packed ? queue->free_count : queue->ids_count;
}

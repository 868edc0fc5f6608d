/* SPDX-License-Identifier: MIT */
/*
 * How a ring runs: from the kick to the device and back to the interrupt.
 *
 * A round takes requests until the ring is empty, then asks for kicks again and
 * looks once more. It is bounded, in requests and in time, so that the front
 * end and the other ring get their turn; what is left is done in the next round
 * of the loop.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fd.h"
#include "transport/vhost_user/internal.h"

#define ROUND_REQUESTS 256
#define ROUND_NS 2000000u
/* How soon a ring is looked at again when memory was short. */
#define RETRY_NS 10000000u

static void process_again(void *data)
{
	pg_vu_queue_process(data);
}

/* --- starting ---------------------------------------------------------------------------------- */

struct sizes {
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
};

static struct sizes sizes_of(uint16_t size, bool packed)
{
	if (packed)
		return (struct sizes){
			.desc = size * sizeof(struct pvirtq_desc),
			.driver = sizeof(struct pvirtq_event_suppress),
			.device = sizeof(struct pvirtq_event_suppress),
		};
	/* Both rings are followed by the event index, room for which is there in any case. */
	return (struct sizes){
		.desc = size * sizeof(struct virtq_desc),
		.driver = sizeof(struct virtq_avail) + (size + 1) * sizeof(le16),
		.device = sizeof(struct virtq_used) + size * sizeof(struct virtq_used_elem) +
			  sizeof(le16),
	};
}

static void say_not_shared(struct pg_vu_queue *queue)
{
	const struct pg_vu_memory *memory = &queue->connection->memory;
	const char *what = memory->count
				   ? "is not in the guest memory that the VMM shared"
				   : "cannot be reached: the VMM shared no guest memory at all";

	pg_virtqueue_break(&queue->ring, "its ring at 0x%" PRIx64 " %s", queue->addr.desc_user_addr,
			   what);
	pg_vu_log(queue->connection->server, PG_LOG_ERROR,
		  "guest memory is not shared: the VMM must back all of it by a shared file; with "
		  "QEMU add \"-object memory-backend-memfd,id=mem0,size=SIZE,share=on "
		  "-machine memory-backend=mem0\", SIZE as in -m");
}

/* Finds the ring in this process. Returns false, and the queue is broken, if it is not there. */
static bool locate(struct pg_vu_queue *queue, struct pg_ring *ring)
{
	const struct pg_vu_memory *memory = &queue->connection->memory;
	struct sizes sizes = sizes_of(ring->size, ring->packed);

	ring->memory = memory->table;
	ring->desc = pg_vu_memory_resolve(memory, queue->addr.desc_user_addr, sizes.desc);
	ring->driver = pg_vu_memory_resolve(memory, queue->addr.avail_user_addr, sizes.driver);
	ring->device = pg_vu_memory_resolve(memory, queue->addr.used_user_addr, sizes.device);
	if (ring->desc && ring->driver && ring->device)
		return true;
	say_not_shared(queue);
	pg_vu_queue_report(queue);
	return false;
}

/* One ring alone was reset (VIRTIO_F_RING_RESET) while the device as a whole was not. */
static void abandon_if_reset(struct pg_vu_queue *queue, const struct pg_ring *ring)
{
	if (queue->returned &&
	    (queue->base != queue->returned_base || ring->size != queue->ring.ring.size ||
	     ring->packed != queue->ring.ring.packed)) {
		pg_virtqueue_abandon(&queue->ring);
		if (queue->ring.inflight)
			pg_inflight_clear(&queue->inflight, queue->connection->inflight_packed);
	}
	queue->returned = false;
}

static void start(struct pg_vu_queue *queue)
{
	struct pg_vu_connection *connection = queue->connection;
	struct pg_ring ring = {
		.size = queue->size,
		.packed = pg_vu_packed(connection),
		.event_idx = connection->features & PG_BIT(VIRTIO_F_EVENT_IDX),
		.indirect = connection->features & PG_BIT(VIRTIO_F_INDIRECT_DESC),
		.in_order = connection->features & PG_BIT(VIRTIO_F_IN_ORDER),
	};

	/* The message and the signal are for each start anew. */
	queue->ring.broken = false;
	queue->err_signalled = false;
	if (!queue->has_addr || !queue->size) {
		pg_virtqueue_break(&queue->ring, "the front end started it without %s",
				   queue->size ? "an address" : "a size");
		pg_vu_queue_report(queue);
		return;
	}
	if (!locate(queue, &ring))
		return;
	abandon_if_reset(queue, &ring);
	pg_vu_inflight_attach(queue);
	if (pg_virtqueue_start(&queue->ring, &ring, queue->base))
		pg_log(connection->server->logger, PG_LOG_DEBUG, "vhost-user",
		       "queue %u did not start", queue->ring.index);
	pg_vu_queue_report(queue);
}

void pg_vu_queue_update(struct pg_vu_queue *queue)
{
	struct pg_vu_connection *connection = queue->connection;

	if (!queue->started || !queue->enabled)
		return;
	if (!queue->ring.running) {
		if (connection->front_end == PG_FRONT_END_UNKNOWN)
			connection->front_end = PG_FRONT_END_GENERIC;
		pg_vu_decide(connection);
		start(queue);
		pg_vu_channel_config_change(connection);
	}
	/* Requests may be there already; kicks from before the start are lost. */
	pg_defer(connection->server->loop, &queue->more, process_again, queue);
}

void pg_vu_queue_remap(struct pg_vu_queue *queue)
{
	struct pg_ring ring = queue->ring.ring;

	if (!queue->ring.running || queue->ring.broken)
		return;
	if (locate(queue, &ring))
		pg_virtqueue_move(&queue->ring, &ring);
}

/* --- running ----------------------------------------------------------------------------------- */

void pg_vu_queue_report(struct pg_vu_queue *queue)
{
	if (!queue->ring.broken || queue->err_signalled)
		return;
	queue->err_signalled = true;
	if (queue->err_fd >= 0 && write(queue->err_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
		pg_vu_log(queue->connection->server, PG_LOG_DEBUG,
			  "queue %u: nobody takes the error signal", queue->ring.index);
}

void pg_vu_queue_signal(struct pg_vu_queue *queue)
{
	if (!pg_virtqueue_flush(&queue->ring))
		return;
	/* A full eventfd is as good as a written one; only a missing one is made up for. */
	if (queue->call_fd < 0)
		queue->missed_call = true;
	else if (write(queue->call_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
		pg_vu_log(queue->connection->server, PG_LOG_DEBUG,
			  "queue %u: an interrupt was not taken", queue->ring.index);
}

static bool may_run(const struct pg_vu_queue *queue)
{
	return queue->started && queue->enabled && queue->ring.running && !queue->ring.broken;
}

/* Stays awake for a while. Returns whether something came. */
static bool spin(struct pg_vu_queue *queue)
{
	uint64_t end;

	if (!queue->connection->server->settings.poll_ns)
		return false;
	end = pg_now_ns() + queue->connection->server->settings.poll_ns;
	do {
		if (pg_virtqueue_pending(&queue->ring))
			return true;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
	} while (pg_now_ns() < end);
	return false;
}

enum round {
	ROUND_SLEEPS, /* the next kick continues */
	ROUND_GOES_ON,
	ROUND_WAITS, /* for requests to come back */
	ROUND_RETRIES,
};

static enum round take_requests(struct pg_vu_queue *queue)
{
	struct paragpu_device *device = queue->connection->server->device;
	uint64_t end = pg_now_ns() + ROUND_NS;
	unsigned int left = ROUND_REQUESTS;

	while (left) {
		struct pg_chain *chain;
		int result = pg_virtqueue_pop(&queue->ring, &chain);

		if (result == 1) {
			queue->connection->touched = true;
			paragpu_device_submit(device, &chain->request);
			if (!--left || pg_now_ns() >= end)
				return ROUND_GOES_ON;
			continue;
		}
		if (result == -EBUSY)
			return ROUND_WAITS;
		if (result == -ENOMEM)
			return ROUND_RETRIES;
		if (result < 0)
			return ROUND_SLEEPS;
		pg_vu_queue_signal(queue);
		if (spin(queue))
			continue;
		if (!pg_virtqueue_enable_kicks(&queue->ring))
			return ROUND_SLEEPS;
		pg_virtqueue_disable_kicks(&queue->ring);
	}
	return ROUND_GOES_ON;
}

void pg_vu_queue_process(struct pg_vu_queue *queue)
{
	struct pg_loop *loop = queue->connection->server->loop;
	enum round round;

	if (!may_run(queue))
		return;
	queue->processing = true;
	pg_virtqueue_disable_kicks(&queue->ring);
	round = take_requests(queue);
	queue->processing = false;
	pg_vu_queue_signal(queue);
	pg_vu_queue_report(queue);
	queue->starved = round == ROUND_WAITS;
	if (round == ROUND_GOES_ON)
		pg_defer(loop, &queue->more, process_again, queue);
	else if (round == ROUND_RETRIES)
		pg_timer_set(loop, &queue->retry_timer, RETRY_NS, process_again, queue);
}

static void signal_later(void *data)
{
	struct pg_vu_queue *queue = data;

	pg_vu_queue_signal(queue);
	if (queue->starved)
		pg_vu_queue_process(queue);
}

void pg_vhost_user_complete(void *data, struct paragpu_request *request, size_t written)
{
	struct pg_chain *chain = pg_container_of(request, struct pg_chain, request);
	struct pg_vu_queue *queue = pg_container_of(chain->queue, struct pg_vu_queue, ring);

	(void)data;
	pg_virtqueue_push(chain, written);
	/* A round signals by itself; what completes outside of one is collected until its end. */
	if (!queue->processing)
		pg_defer(queue->connection->server->loop, &queue->flush, signal_later, queue);
}

/* SPDX-License-Identifier: MIT */
/*
 * How the front end sets up a queue. A ring is started by SET_VRING_KICK and
 * runs once it is enabled too; GET_VRING_BASE stops it (vhost-user
 * specification, "Ring states"). CALL and ERR descriptors may be replaced at
 * any time.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "transport/vhost_user/internal.h"

/* Where the front end asks for polling: a compromise between delay and idle cost. */
#define POLL_INTERVAL_NS 1000000u

void pg_vu_queue_init(struct pg_vu_queue *queue, struct pg_vu_connection *connection,
		      unsigned int index)
{
	queue->connection = connection;
	queue->kick_fd = -1;
	queue->call_fd = -1;
	queue->err_fd = -1;
	pg_virtqueue_init(&queue->ring, index, connection->server->logger);
}

/* The kicks that were counted are ours: QEMU looks at the counter after it has stopped a ring. */
static void close_kick(struct pg_vu_queue *queue)
{
	uint64_t count;

	pg_watch_remove(&queue->kick_watch);
	pg_timer_cancel(&queue->poll_timer);
	if (queue->kick_fd >= 0 && read(queue->kick_fd, &count, sizeof(count)) < 0)
		count = 0; /* there were none */
	pg_close(&queue->kick_fd);
}

void pg_vu_queue_finish(struct pg_vu_queue *queue)
{
	close_kick(queue);
	pg_defer_cancel(&queue->more);
	pg_defer_cancel(&queue->flush);
	pg_timer_cancel(&queue->retry_timer);
	pg_virtqueue_finish(&queue->ring);
	pg_inflight_finish(&queue->inflight);
	pg_close(&queue->call_fd);
	pg_close(&queue->err_fd);
}

static struct pg_vu_queue *find_queue(struct pg_vu_connection *connection, uint64_t index)
{
	if (index < PG_VHOST_USER_QUEUES)
		return &connection->queues[index];
	pg_vu_log(connection->server, PG_LOG_ERROR,
		  "the front end speaks of queue %llu, but a GPU has %d", (unsigned long long)index,
		  PG_VHOST_USER_QUEUES);
	return NULL;
}

/* A queue whose ring may be described anew. */
static int find_stopped(struct pg_vu_connection *connection, uint32_t index,
			struct pg_vu_queue **queue)
{
	*queue = find_queue(connection, index);
	if (!*queue)
		return -EINVAL;
	if (!(*queue)->ring.running)
		return 0;
	pg_vu_log(connection->server, PG_LOG_ERROR, "the front end changes queue %u while it runs",
		  index);
	return -EBUSY;
}

int pg_vu_set_vring_num(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_message *reply)
{
	uint32_t size = message->payload.vring_state.num;
	struct pg_vu_queue *queue;
	int error = find_stopped(connection, message->payload.vring_state.index, &queue);

	(void)reply;
	if (error)
		return error;
	if (!size || size > VIRTQ_MAX_SIZE) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "queue %u of %u descriptors: it has 1 to %d", queue->ring.index, size,
			  VIRTQ_MAX_SIZE);
		return -EINVAL;
	}
	queue->size = (uint16_t)size;
	return 0;
}

int pg_vu_set_vring_base(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue;
	int error = find_stopped(connection, message->payload.vring_state.index, &queue);

	(void)reply;
	if (error)
		return error;
	if (!pg_vu_packed(connection) && message->payload.vring_state.num > UINT16_MAX) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "queue %u cannot start at 0x%x: the index of a split ring has 16 bits",
			  queue->ring.index, message->payload.vring_state.num);
		return -EINVAL;
	}
	queue->base = message->payload.vring_state.num;
	return 0;
}

int pg_vu_set_vring_addr(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue = find_queue(connection, message->payload.vring_addr.index);

	(void)reply;
	if (!queue)
		return -EINVAL;
	if (message->payload.vring_addr.flags) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "dirty logging of queue %u was not offered: the VM cannot be migrated",
			  queue->ring.index);
		return -ENOTSUP;
	}
	queue->addr = message->payload.vring_addr;
	queue->has_addr = true;
	pg_vu_queue_remap(queue);
	return 0;
}

int pg_vu_get_vring_base(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	uint32_t index = message->payload.vring_state.index;
	struct pg_vu_queue *queue = find_queue(connection, index);

	if (!queue)
		return -EINVAL;
	reply->payload.vring_state = (struct vhost_user_vring_state){
		.index = index,
		.num = pg_vu_queue_stop(queue),
	};
	reply->header.size = sizeof(reply->payload.vring_state);
	return 0;
}

/* --- event descriptors ------------------------------------------------------------------------- */

/*
 * The queue that a message with an event descriptor is for, and the descriptor,
 * or -1 where it says that there is none.
 */
static int take_event_fd(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_queue **queue, int *fd)
{
	uint64_t value = message->payload.u64;
	bool none = value & VHOST_USER_VRING_NOFD_MASK;

	*fd = -1;
	*queue = find_queue(connection, value & VHOST_USER_VRING_INDEX_MASK);
	if (!*queue)
		return -EINVAL;
	if (none != !message->fd_count) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the front end announced %s event descriptor for queue %u and sent %zu",
			  none ? "no" : "an", (*queue)->ring.index, message->fd_count);
		return -EINVAL;
	}
	if (!none)
		*fd = pg_take_fd(&message->fds[0]);
	return 0;
}

/*
 * Edge triggered: each write to an eventfd is a new event, so that it need not
 * be read, one system call less per kick.
 */
static void kicked(void *data, uint32_t events)
{
	struct pg_vu_queue *queue = data;

	(void)events;
	queue->kicks++;
	pg_vu_queue_process(queue);
}

static void poll_ring(void *data)
{
	struct pg_vu_queue *queue = data;

	pg_timer_set(queue->connection->server->loop, &queue->poll_timer, POLL_INTERVAL_NS,
		     poll_ring, queue);
	pg_vu_queue_process(queue);
}

int pg_vu_set_vring_kick(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue;
	int fd;
	int error = take_event_fd(connection, message, &queue, &fd);

	(void)reply;
	if (error)
		return error;
	close_kick(queue);
	if (fd >= 0) {
		pg_set_nonblocking(fd);
		error = pg_watch_add(connection->server->loop, &queue->kick_watch, fd,
				     EPOLLIN | (uint32_t)EPOLLET, kicked, queue);
		if (error) {
			pg_vu_log(connection->server, PG_LOG_ERROR,
				  "queue %u: its kick descriptor cannot be waited for: %s",
				  queue->ring.index, strerror(-error));
			pg_close(&fd);
			return error;
		}
		queue->kick_fd = fd;
	} else {
		pg_timer_set(connection->server->loop, &queue->poll_timer, POLL_INTERVAL_NS,
			     poll_ring, queue);
	}
	queue->started = true;
	pg_vu_queue_update(queue);
	return 0;
}

int pg_vu_set_vring_call(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue;
	int fd;
	int error = take_event_fd(connection, message, &queue, &fd);

	(void)reply;
	if (error)
		return error;
	if (fd >= 0)
		pg_set_nonblocking(fd); /* whatever it is, writing to it must not block */
	pg_close(&queue->call_fd);
	queue->call_fd = fd;
	if (fd >= 0 && queue->missed_call) {
		queue->missed_call = false;
		if (write(fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
			queue->missed_call = true;
	}
	return 0;
}

int pg_vu_set_vring_err(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue;
	int fd;
	int error = take_event_fd(connection, message, &queue, &fd);

	(void)reply;
	if (error)
		return error;
	if (fd >= 0)
		pg_set_nonblocking(fd);
	pg_close(&queue->err_fd);
	queue->err_fd = fd;
	return 0;
}

int pg_vu_set_vring_enable(struct pg_vu_connection *connection, struct pg_vu_message *message,
			   struct pg_vu_message *reply)
{
	struct pg_vu_queue *queue = find_queue(connection, message->payload.vring_state.index);

	(void)reply;
	if (!queue)
		return -EINVAL;
	if (message->payload.vring_state.num > 1)
		return -EINVAL;
	queue->enabled = message->payload.vring_state.num;
	pg_vu_queue_update(queue);
	return 0;
}

/* The ring as the front end described it. Closing the kick descriptor belongs to the stop. */
uint32_t pg_vu_queue_stop(struct pg_vu_queue *queue)
{
	bool ran = queue->ring.running;
	bool was_started = queue->started;
	uint32_t base = queue->base;

	close_kick(queue);
	pg_timer_cancel(&queue->retry_timer);
	pg_defer_cancel(&queue->more);
	queue->started = false;
	if (ran) {
		pg_vu_queue_signal(queue);
		base = pg_virtqueue_stop(&queue->ring);
		queue->returned = true;
		queue->returned_base = base;
		queue->base = base;
	}
	if (was_started)
		pg_vu_ring_stopped(queue->connection);
	return base;
}

/* SPDX-License-Identifier: MIT */
/*
 * GET_INFLIGHT_FD and SET_INFLIGHT_FD: a file with the record of requests in
 * flight, made here, kept by the front end while this process is away. The
 * record itself is in transport/inflight.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "transport/vhost_user/internal.h"

static bool plausible(const struct pg_vu_connection *connection,
		      const struct vhost_user_inflight *wire)
{
	if (wire->num_queues && wire->num_queues <= PG_VHOST_USER_QUEUES && wire->queue_size &&
	    wire->queue_size <= VIRTQ_MAX_SIZE)
		return true;
	pg_vu_log(connection->server, PG_LOG_ERROR,
		  "a record of requests in flight for %u queues of %u descriptors is refused",
		  wire->num_queues, wire->queue_size);
	return false;
}

static uint64_t bytes_needed(const struct pg_vu_connection *connection,
			     const struct vhost_user_inflight *wire)
{
	return (uint64_t)wire->num_queues *
	       pg_inflight_region_size(pg_vu_packed(connection), wire->queue_size);
}

int pg_vu_get_inflight_fd(struct pg_vu_connection *connection, struct pg_vu_message *message,
			  struct pg_vu_message *reply)
{
	const struct vhost_user_inflight *wire = &message->payload.inflight;
	uint64_t bytes;
	int fd;

	if (!plausible(connection, wire))
		return -EINVAL;
	bytes = bytes_needed(connection, wire);
	fd = memfd_create("vhost-user in-flight", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0) {
		int error = -errno;

		pg_close(&fd);
		return error;
	}
	reply->payload.inflight = (struct vhost_user_inflight){
		.mmap_size = bytes,
		.num_queues = wire->num_queues,
		.queue_size = wire->queue_size,
	};
	reply->header.size = VHOST_USER_INFLIGHT_WIRE_SIZE;
	reply->fds[0] = fd;
	reply->fd_count = 1;
	return 0;
}

static void detach(struct pg_vu_connection *connection)
{
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++) {
		connection->queues[i].ring.inflight = NULL;
		pg_inflight_finish(&connection->queues[i].inflight);
	}
	if (connection->inflight_map)
		munmap(connection->inflight_map, connection->inflight_map_size);
	connection->inflight_map = NULL;
	connection->inflight_base = NULL;
}

/* Maps what the message describes; the offset need not be a page's. */
static int map(struct pg_vu_connection *connection, const struct vhost_user_inflight *wire, int fd)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t start = wire->mmap_offset & ~(page - 1);
	uint64_t skip = wire->mmap_offset - start;
	struct stat status;
	uint64_t end;
	void *mapping;

	if (fstat(fd, &status) < 0)
		return -errno;
	/* Touching memory beyond the end of the file would end the process. */
	if (!pg_add_u64(wire->mmap_offset, wire->mmap_size, &end) || status.st_size < 0 ||
	    end > (uint64_t)status.st_size || wire->mmap_offset % 8 ||
	    wire->mmap_size < bytes_needed(connection, wire))
		return -EINVAL;
	mapping = mmap(NULL, skip + wire->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       (off_t)start);
	if (mapping == MAP_FAILED)
		return -errno;
	detach(connection);
	connection->inflight_map = mapping;
	connection->inflight_map_size = skip + wire->mmap_size;
	connection->inflight_base = (uint8_t *)mapping + skip;
	connection->inflight_queues = wire->num_queues;
	connection->inflight_size = wire->queue_size;
	connection->inflight_packed = pg_vu_packed(connection);
	return 0;
}

int pg_vu_set_inflight_fd(struct pg_vu_connection *connection, struct pg_vu_message *message,
			  struct pg_vu_message *reply)
{
	const struct vhost_user_inflight *wire = &message->payload.inflight;
	int error;

	(void)reply;
	if (!plausible(connection, wire))
		return -EINVAL;
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		if (connection->queues[i].ring.running || connection->queues[i].ring.in_flight)
			return -EBUSY;
	error = map(connection, wire, message->fds[0]);
	if (error)
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the record of requests in flight, %" PRIu64 " bytes at %" PRIu64
			  " of its file, cannot be used",
			  wire->mmap_size, wire->mmap_offset);
	return error;
}

void pg_vu_inflight_attach(struct pg_vu_queue *queue)
{
	struct pg_vu_connection *connection = queue->connection;
	bool packed = pg_vu_packed(connection);
	size_t stride;

	queue->ring.inflight = NULL;
	if (!connection->inflight_base || queue->ring.index >= connection->inflight_queues)
		return;
	if (packed != connection->inflight_packed || queue->size > connection->inflight_size) {
		pg_vu_log(connection->server, PG_LOG_WARN,
			  "queue %u does not fit into the record of requests in flight and goes "
			  "without",
			  queue->ring.index);
		return;
	}
	stride = pg_inflight_region_size(packed, connection->inflight_size);
	queue->inflight.region = connection->inflight_base + queue->ring.index * stride;
	queue->inflight.capacity = connection->inflight_size;
	queue->ring.inflight = &queue->inflight;
}

void pg_vu_inflight_clear(struct pg_vu_connection *connection)
{
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		if (connection->queues[i].ring.inflight)
			pg_inflight_clear(&connection->queues[i].inflight,
					  connection->inflight_packed);
}

void pg_vu_inflight_finish(struct pg_vu_connection *connection)
{
	detach(connection);
}

/* SPDX-License-Identifier: MIT */
/*
 * Requests to the front end, over the socket of SET_BACKEND_REQ_FD. The front
 * end may be waiting for us on the main socket at the same time, so nothing
 * here waits: a request is sent, and its callback comes with the reply.
 *
 * A reply to SHMEM_MAP does not mean that the guest sees the mapping: QEMU
 * replies first and changes its memory map then. It handles one request after
 * the other, so that the reply to a second one proves that the first is done.
 * That second one is the removal of a shared object that does not exist, which
 * does nothing and is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "transport/vhost_user/internal.h"

/* A guest that maps faster than the front end replies is told to wait. */
#define MAX_WAITING 1024

/* Something that was asked for; ends with the reply to its last message. */
struct operation {
	struct pg_list link; /* channel->ended, or alone */
	pg_vhost_user_done done;
	void *data;
	unsigned int open; /* replies to come */
	int result;
	struct pg_vu_connection *connection;
	/* for maps and unmaps */
	bool maps;
	bool unmaps;
	bool stale; /* the device was reset since */
	uint64_t offset;
	uint64_t length;
	dev_t dev;
	ino_t ino;
};

/* One message that was sent and has not been replied to. */
struct expected {
	struct pg_list link;
	uint32_t request;
	bool barrier; /* only that there is a reply counts */
	struct operation *operation;
};

struct mapping {
	struct pg_list link;
	uint64_t offset;
	uint64_t length;
	dev_t dev;
	ino_t ino;
};

void pg_vu_channel_init(struct pg_vu_channel *channel)
{
	channel->socket.fd = -1;
	pg_list_init(&channel->waiting);
	pg_list_init(&channel->ended);
	pg_list_init(&channel->mappings);
}

/* --- live mappings ------------------------------------------------------------------------------ */

static void forget_mapping(struct pg_vu_channel *channel, struct mapping *mapping)
{
	pg_list_remove(&mapping->link);
	channel->mapping_count--;
	free(mapping);
}

static void forget_mappings(struct pg_vu_channel *channel)
{
	pg_list_for_each_safe(link, &channel->mappings)
		forget_mapping(channel, pg_container_of(link, struct mapping, link));
}

void pg_vu_channel_forget_mappings(struct pg_vu_channel *channel)
{
	forget_mappings(channel);
	pg_list_for_each(link, &channel->waiting) {
		struct operation *operation =
			pg_container_of(link, struct expected, link)->operation;

		operation->stale = operation->maps || operation->unmaps;
	}
}

bool pg_vu_channel_owns_file(const struct pg_vu_channel *channel, dev_t dev, ino_t ino)
{
	pg_list_for_each(link, &channel->mappings) {
		const struct mapping *mapping = pg_container_of(link, struct mapping, link);

		if (mapping->dev == dev && mapping->ino == ino)
			return true;
	}
	return false;
}

static bool overlaps_mapping(const struct pg_vu_channel *channel, uint64_t offset, uint64_t length)
{
	pg_list_for_each(link, &channel->mappings) {
		const struct mapping *mapping = pg_container_of(link, struct mapping, link);

		if (pg_ranges_overlap(mapping->offset, mapping->length, offset, length))
			return true;
	}
	return false;
}

static bool has_mapping(const struct pg_vu_channel *channel, uint64_t offset, uint64_t length)
{
	pg_list_for_each(link, &channel->mappings) {
		const struct mapping *mapping = pg_container_of(link, struct mapping, link);

		if (mapping->offset == offset && mapping->length == length)
			return true;
	}
	return false;
}

static void drop_range(struct pg_vu_channel *channel, uint64_t offset, uint64_t length)
{
	pg_list_for_each_safe(link, &channel->mappings) {
		struct mapping *mapping = pg_container_of(link, struct mapping, link);

		if (mapping->offset == offset && mapping->length == length)
			forget_mapping(channel, mapping);
	}
}

/* --- the end of a request ------------------------------------------------------------------------ */

static void run_ended(void *data)
{
	struct pg_vu_channel *channel = data;

	/* What a callback ends in turn is due in the next round. */
	pg_list_for_each_safe(link, &channel->ended) {
		struct operation *operation = pg_container_of(link, struct operation, link);

		pg_list_remove(link);
		if (operation->done)
			operation->done(operation->data, operation->result);
		free(operation);
	}
}

static int ask_to_unmap(struct pg_vhost_user *server, uint64_t offset, uint64_t length,
			pg_vhost_user_done done, void *data);

/*
 * The front end may have mapped it after it dropped all the others for the
 * reset: then it is in the way of the next guest. If not, undoing it fails,
 * which nobody minds.
 */
static void end_stale(struct operation *operation)
{
	struct pg_vu_connection *connection = operation->connection;

	if (operation->maps && !operation->result &&
	    !overlaps_mapping(&connection->channel, operation->offset, operation->length))
		ask_to_unmap(connection->server, operation->offset, operation->length, NULL, NULL);
	operation->result = -ECANCELED;
}

/* Counts one reply; after the last the callback is due, but not from in here. */
static void end_one(struct operation *operation, int result)
{
	struct pg_vu_connection *connection = operation->connection;
	struct pg_vu_channel *channel = &connection->channel;

	if (!operation->result)
		operation->result = result;
	if (--operation->open)
		return;
	if (operation->stale)
		end_stale(operation);
	else if ((operation->maps && operation->result) ||
		 (operation->unmaps && !operation->result))
		drop_range(channel, operation->offset, operation->length);
	pg_list_append(&channel->ended, &operation->link);
	pg_defer(connection->server->loop, &channel->run_ended, run_ended, channel);
}

static void end_expected(struct pg_vu_channel *channel, struct expected *expected, int result)
{
	pg_list_remove(&expected->link);
	channel->waiting_count--;
	end_one(expected->operation, result);
	free(expected);
}

static void close_channel(struct pg_vu_channel *channel)
{
	pg_watch_remove(&channel->watch);
	pg_vu_socket_finish(&channel->socket);
	channel->socket.fd = -1;
	pg_list_for_each_safe(link, &channel->waiting)
		end_expected(channel, pg_container_of(link, struct expected, link), -ECANCELED);
}

void pg_vu_channel_finish(struct pg_vu_channel *channel)
{
	close_channel(channel);
	pg_defer_cancel(&channel->run_ended);
	run_ended(channel);
	forget_mappings(channel);
}

/* --- replies -------------------------------------------------------------------------------------- */

static int handle_reply(struct pg_vu_channel *channel)
{
	const struct pg_vu_message *reply = &channel->socket.in;
	struct expected *expected;

	if (pg_list_empty(&channel->waiting)) {
		channel->socket.problem = "a reply to nothing";
		return -EPROTO;
	}
	expected = pg_container_of(channel->waiting.next, struct expected, link);
	if (reply->header.request != expected->request ||
	    !(reply->header.flags & VHOST_USER_REPLY_MASK) ||
	    reply->header.size != sizeof(reply->payload.u64)) {
		channel->socket.problem = "a reply that does not belong to the request";
		return -EPROTO;
	}
	end_expected(channel, expected, reply->payload.u64 && !expected->barrier ? -EIO : 0);
	return 0;
}

static void channel_ready(void *data, uint32_t events)
{
	struct pg_vu_connection *connection = data;
	struct pg_vu_channel *channel = &connection->channel;
	int error = 0;

	if (events & EPOLLOUT) {
		error = pg_vu_socket_flush(&channel->socket);
		if (!error)
			error = pg_watch_set_events(&channel->watch, EPOLLIN);
		else if (error == -EAGAIN)
			error = 0;
	}
	while (!error) {
		error = pg_vu_socket_receive(&channel->socket);
		if (!error)
			return;
		if (error < 0)
			break;
		error = handle_reply(channel);
		pg_vu_socket_next(&channel->socket);
	}
	if (error == -EPIPE || error == -ECONNRESET)
		pg_vu_log(connection->server, PG_LOG_DEBUG,
			  "the front end closed the back-end channel");
	else
		pg_vu_log(connection->server, PG_LOG_ERROR, "the back-end channel is closed: %s",
			  error == -EPROTO ? channel->socket.problem : strerror(-error));
	close_channel(channel);
}

int pg_vu_set_backend_req_fd(struct pg_vu_connection *connection, struct pg_vu_message *message,
			     struct pg_vu_message *reply)
{
	struct pg_vu_channel *channel = &connection->channel;
	int error;

	(void)reply;
	close_channel(channel);
	channel->config_refused = false;
	error = pg_vu_socket_init(&channel->socket, &message->fds[0]);
	if (error)
		return error;
	error = pg_watch_add(connection->server->loop, &channel->watch, channel->socket.fd, EPOLLIN,
			     channel_ready, connection);
	if (error)
		close_channel(channel);
	return error;
}

/* --- requests -------------------------------------------------------------------------------------- */

static int send_message(struct operation *operation, uint32_t request, const void *payload,
			uint32_t size, int fd, bool barrier)
{
	struct pg_vu_channel *channel = &operation->connection->channel;
	struct vhost_user_header header = {
		.request = request,
		.flags = VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK,
		.size = size,
	};
	struct expected *expected = malloc(sizeof(*expected));
	int error;

	if (!expected)
		return -ENOMEM;
	error = pg_vu_socket_send(&channel->socket, &header, payload, fd);
	if (error) {
		free(expected);
		return error;
	}
	*expected = (struct expected){
		.request = request,
		.barrier = barrier,
		.operation = operation,
	};
	pg_list_append(&channel->waiting, &expected->link);
	channel->waiting_count++;
	operation->open++;
	if (pg_vu_socket_unsent(&channel->socket))
		pg_watch_set_events(&channel->watch, EPOLLIN | EPOLLOUT);
	return 0;
}

static int send_barrier(struct operation *operation)
{
	/* No object of a device has the nil UUID (RFC 4122, 4.1.7). */
	static const struct vhost_user_shared_object nobody = {{0}};

	return send_message(operation, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, &nobody,
			    sizeof(nobody), -1, true);
}

/* A new operation, if the channel can take it. */
static int begin(struct pg_vhost_user *server, size_t limit, pg_vhost_user_done done, void *data,
		 struct operation **out)
{
	struct pg_vu_connection *connection = server->connection;

	if (!connection || connection->channel.socket.fd < 0 ||
	    !pg_vu_has(connection, VHOST_USER_PROTOCOL_F_BACKEND_REQ) ||
	    !pg_vu_has(connection, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		return -ENOTSUP;
	if (connection->channel.waiting_count >= limit)
		return -ENOBUFS;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->done = done;
	(*out)->data = data;
	(*out)->connection = connection;
	pg_list_init(&(*out)->link);
	return 0;
}

bool pg_vhost_user_has_window(const struct pg_vhost_user *server)
{
	const struct pg_vu_connection *connection = server->connection;

	return connection && connection->channel.socket.fd >= 0 && server->settings.window_size &&
	       pg_vu_has(connection, server->settings.shmem_bit) &&
	       pg_vu_has(connection, VHOST_USER_PROTOCOL_F_BACKEND_REQ) &&
	       pg_vu_has(connection, VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) &&
	       pg_vu_has(connection, VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

/* QEMU takes unaligned ranges and maps something else then. */
static int check_range(const struct pg_vhost_user *server, uint64_t offset, uint64_t fd_offset,
		       uint64_t length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!pg_vhost_user_has_window(server))
		return -ENOTSUP;
	if (!length || (offset | fd_offset | length) % page ||
	    !pg_range_inside(offset, length, server->settings.window_size))
		return -EINVAL;
	return 0;
}

/* Noted before the front end knows, because it echoes the mapping before it replies. */
static int note_mapping(struct operation *operation, int fd)
{
	struct pg_vu_channel *channel = &operation->connection->channel;
	struct mapping *mapping;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	mapping = malloc(sizeof(*mapping));
	if (!mapping)
		return -ENOMEM;
	*mapping = (struct mapping){
		.offset = operation->offset,
		.length = operation->length,
		.dev = status.st_dev,
		.ino = status.st_ino,
	};
	pg_list_append(&channel->mappings, &mapping->link);
	channel->mapping_count++;
	return 0;
}

/* A first message that did not get out ends the operation; after it, only its replies do. */
static int give_up(struct operation *operation, int error)
{
	if (operation->maps)
		drop_range(&operation->connection->channel, operation->offset, operation->length);
	free(operation);
	return error;
}

int pg_vhost_user_map(struct pg_vhost_user *server, uint64_t offset, int fd, uint64_t fd_offset,
		      uint64_t length, pg_vhost_user_done done, void *data)
{
	struct vhost_user_shmem_map wire = {
		.shmid = PG_VU_WINDOW_SHMID,
		.fd_offset = fd_offset,
		.shm_offset = offset,
		.len = length,
		.flags = VHOST_USER_SHMEM_F_READ_WRITE,
	};
	struct operation *operation;
	int error = check_range(server, offset, fd_offset, length);

	if (error)
		return error;
	if (overlaps_mapping(&server->connection->channel, offset, length))
		return -EEXIST;
	error = begin(server, MAX_WAITING, done, data, &operation);
	if (error)
		return error;
	operation->offset = offset;
	operation->length = length;
	error = note_mapping(operation, fd);
	if (error)
		return give_up(operation, error);
	operation->maps = true;
	error = send_message(operation, VHOST_USER_BACKEND_SHMEM_MAP, &wire, sizeof(wire), fd,
			     false);
	if (error)
		return give_up(operation, error);
	/* Without the barrier the mapping cannot be relied on. */
	error = send_barrier(operation);
	if (error)
		operation->result = error;
	return 0;
}

static int ask_to_unmap(struct pg_vhost_user *server, uint64_t offset, uint64_t length,
			pg_vhost_user_done done, void *data)
{
	struct vhost_user_shmem_map wire = {
		.shmid = PG_VU_WINDOW_SHMID,
		.shm_offset = offset,
		.len = length,
	};
	struct operation *operation;
	int error = check_range(server, offset, 0, length);

	/* No more of these than there are mappings, and none may fail for a limit. */
	if (!error)
		error = begin(server, SIZE_MAX, done, data, &operation);
	if (error)
		return error;
	operation->unmaps = true;
	operation->offset = offset;
	operation->length = length;
	error = send_message(operation, VHOST_USER_BACKEND_SHMEM_UNMAP, &wire, sizeof(wire), -1,
			     false);
	return error ? give_up(operation, error) : 0;
}

int pg_vhost_user_unmap(struct pg_vhost_user *server, uint64_t offset, uint64_t length,
			pg_vhost_user_done done, void *data)
{
	/* Dropped by the front end itself, by the reset or with the connection. */
	if (!server->connection || !has_mapping(&server->connection->channel, offset, length))
		return -ENOENT;
	return ask_to_unmap(server, offset, length, done, data);
}

int pg_vhost_user_shared_object(struct pg_vhost_user *server, const uint8_t uuid[16], bool owned,
				pg_vhost_user_done done, void *data)
{
	struct vhost_user_shared_object wire;
	struct operation *operation;
	int error = begin(server, MAX_WAITING, done, data, &operation);

	if (error)
		return error;
	memcpy(wire.uuid, uuid, sizeof(wire.uuid));
	error = send_message(operation,
			     owned ? VHOST_USER_BACKEND_SHARED_OBJECT_ADD
				   : VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE,
			     &wire, sizeof(wire), -1, false);
	return error ? give_up(operation, error) : 0;
}

/* --- CONFIG_CHANGE --------------------------------------------------------------------------------- */

static void config_change_done(void *data, int result)
{
	struct pg_vu_connection *connection = data;

	if (result != -EIO)
		return;
	connection->channel.config_refused = true;
	pg_vu_log(connection->server, PG_LOG_WARN,
		  "the front end does not take changes of the configuration: a new size of a head "
		  "reaches the guest only when its driver asks");
}

void pg_vu_channel_config_change(struct pg_vu_connection *connection)
{
	static const struct vhost_user_header unanswered = {
		.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
		.flags = VHOST_USER_VERSION,
	};
	struct operation *operation;

	if (!connection->config_pending || connection->channel.config_refused)
		return;
	/* Events of the vhost-user-gpu devices are QEMU's own, and it refuses ours. */
	if (connection->front_end == PG_FRONT_END_GPU) {
		connection->config_pending = false;
		return;
	}
	/* The guest cannot be told before it runs; it reads the configuration then anyway. */
	if (!connection->queues[0].ring.running)
		return;
	if (connection->channel.socket.fd >= 0 &&
	    pg_vu_has(connection, VHOST_USER_PROTOCOL_F_BACKEND_REQ) &&
	    !pg_vu_has(connection, VHOST_USER_PROTOCOL_F_REPLY_ACK)) {
		connection->config_pending = false;
		pg_vu_socket_send(&connection->channel.socket, &unanswered, NULL, -1);
		return;
	}
	if (begin(connection->server, MAX_WAITING, config_change_done, connection, &operation))
		return;
	connection->config_pending = false;
	if (send_message(operation, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, NULL, 0, -1, false))
		free(operation);
}

void pg_vhost_user_config_changed(struct pg_vhost_user *server)
{
	if (!server->connection)
		return;
	server->connection->config_pending = true;
	pg_vu_channel_config_change(server->connection);
}

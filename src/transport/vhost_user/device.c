/* SPDX-License-Identifier: MIT */
/*
 * What concerns the device as a whole: configuration space, display socket,
 * and the question whether the guest was paused or reset.
 *
 * Only the vhost-user-gpu devices of QEMU say RESET_DEVICE. With the generic
 * front end a pause and a reset look the same, all rings are stopped, until the
 * next start: a resumed guest goes on where GET_VRING_BASE said that we
 * stopped, a reset one begins at the beginning. In between the device keeps all
 * that it has and executes nothing. Where both are the same place, nothing was
 * executed, or the index has just wrapped; then a driver that read the
 * configuration space meanwhile is a new one.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "transport/vhost_user/internal.h"

/* --- configuration space ----------------------------------------------------------------------- */

static bool config_in_order(const struct pg_vu_message *message)
{
	const struct vhost_user_config_header *header = &message->payload.config.header;

	/* `offset` and `size` may pass the end of the space: the device knows what lies there. */
	return header->size <= VHOST_USER_MAX_CONFIG_SIZE &&
	       message->header.size == sizeof(*header) + header->size &&
	       pg_range_inside(header->offset, header->size, VHOST_USER_MAX_CONFIG_SIZE);
}

int pg_vu_get_config(struct pg_vu_connection *connection, struct pg_vu_message *message,
		     struct pg_vu_message *reply)
{
	const struct vhost_user_config_header *header = &message->payload.config.header;

	reply->payload.config.header = *header;
	reply->header.size = sizeof(*header);
	connection->config_read = true;
	if (!config_in_order(message)) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "GET_CONFIG of %u bytes at %u in a message of %u bytes is refused",
			  header->size, header->offset, message->header.size);
		/* No payload of data says that there was an error. */
		reply->payload.config.header.size = 0;
		return 0;
	}
	paragpu_device_read_config(connection->server->device, header->offset,
				   reply->payload.config.data, header->size);
	reply->header.size += header->size;
	return 0;
}

int pg_vu_set_config(struct pg_vu_connection *connection, struct pg_vu_message *message,
		     struct pg_vu_message *reply)
{
	const struct vhost_user_config_header *header = &message->payload.config.header;

	(void)reply;
	if (!config_in_order(message))
		return -EINVAL;
	paragpu_device_write_config(connection->server->device, header->offset,
				    message->payload.config.data, header->size);
	return 0;
}

int pg_vu_gpu_set_socket(struct pg_vu_connection *connection, struct pg_vu_message *message,
			 struct pg_vu_message *reply)
{
	const struct pg_vhost_user_callbacks *callbacks = &connection->server->settings.callbacks;

	(void)reply;
	connection->front_end = PG_FRONT_END_GPU;
	if (!callbacks->display_socket)
		return -EOPNOTSUPP;
	callbacks->display_socket(callbacks->data, &message->fds[0]);
	return 0;
}

/* --- reset, pause, resume ----------------------------------------------------------------------- */

void pg_vu_apply_features(struct pg_vu_connection *connection)
{
	if (connection->undecided)
		return;
	connection->applied_features = connection->features;
	paragpu_device_accept_features(connection->server->device,
				       connection->features & (PG_BIT(24) - 1));
}

void pg_vu_reset_device(struct pg_vu_connection *connection)
{
	struct pg_vhost_user *server = connection->server;

	/* First: the front end has dropped them, so that the device's undoing is for us alone. */
	pg_vu_channel_forget_mappings(&connection->channel);
	paragpu_device_reset(server->device);
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++) {
		pg_virtqueue_forget(&connection->queues[i].ring);
		connection->queues[i].returned = false;
	}
	pg_vu_inflight_clear(connection);
	connection->touched = false;
	connection->undecided = false;
	connection->config_pending = false;
	server->resets++;
	pg_vu_log(server, PG_LOG_DEBUG, "the guest reset the device");
	if (server->settings.callbacks.reset)
		server->settings.callbacks.reset(server->settings.callbacks.data);
}

void pg_vu_ring_stopped(struct pg_vu_connection *connection)
{
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		if (connection->queues[i].started)
			return;
	if (!connection->touched || connection->undecided)
		return;
	connection->undecided = true;
	connection->config_read = false;
}

static bool begins_anew(const struct pg_vu_queue *queue)
{
	return queue->base != queue->returned_base || queue->size != queue->ring.ring.size ||
	       pg_vu_packed(queue->connection) != queue->ring.ring.packed;
}

static bool was_reset(const struct pg_vu_connection *connection)
{
	bool at_start = true;

	if (connection->features != connection->applied_features)
		return true;
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++) {
		const struct pg_vu_queue *queue = &connection->queues[i];

		if (!queue->returned || !queue->started)
			continue;
		if (begins_anew(queue))
			return true;
		if (queue->base != pg_virtqueue_initial_base(pg_vu_packed(connection)))
			at_start = false;
	}
	return at_start && connection->config_read;
}

void pg_vu_decide(struct pg_vu_connection *connection)
{
	struct pg_vhost_user *server = connection->server;

	if (!connection->undecided)
		return;
	if (was_reset(connection)) {
		pg_vu_reset_device(connection);
		pg_vu_apply_features(connection);
		return;
	}
	connection->undecided = false;
	server->resumes++;
	pg_vu_log(server, PG_LOG_DEBUG, "the guest goes on after a pause");
	if (server->settings.callbacks.resumed)
		server->settings.callbacks.resumed(server->settings.callbacks.data);
}

/* RESET_DEVICE, and RESET_OWNER from the time before there was one. */
int pg_vu_reset_request(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_message *reply)
{
	(void)message;
	(void)reply;
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++) {
		pg_vu_queue_stop(&connection->queues[i]);
		connection->queues[i].enabled = false;
	}
	pg_vu_reset_device(connection);
	return 0;
}

int pg_vu_set_status(struct pg_vu_connection *connection, struct pg_vu_message *message,
		     struct pg_vu_message *reply)
{
	connection->status = message->payload.u64;
	return connection->status ? 0 : pg_vu_reset_request(connection, message, reply);
}

int pg_vu_get_status(struct pg_vu_connection *connection, struct pg_vu_message *message,
		     struct pg_vu_message *reply)
{
	(void)message;
	reply->payload.u64 = connection->status;
	reply->header.size = sizeof(reply->payload.u64);
	return 0;
}

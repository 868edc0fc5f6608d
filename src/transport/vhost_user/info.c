/* SPDX-License-Identifier: MIT */
/* What `paragpu inspect` shows of the transport. Only reads. */
#include "transport/vhost_user/internal.h"

static void describe_queue(const struct pg_vu_queue *queue, struct pg_vhost_user_queue_info *info)
{
	*info = (struct pg_vhost_user_queue_info){
		.started = queue->started,
		.enabled = queue->enabled,
		.broken = queue->ring.broken,
		.reason = queue->ring.broken ? queue->ring.reason : NULL,
		.packed = queue->ring.ring.packed,
		.size = queue->size,
		.in_flight = queue->ring.in_flight,
		.kicks = queue->kicks,
		.requests = queue->ring.requests,
		.interrupts = queue->ring.interrupts,
	};
}

void pg_vhost_user_get_info(const struct pg_vhost_user *server, struct pg_vhost_user_info *info)
{
	const struct pg_vu_connection *connection = server->connection;

	*info = (struct pg_vhost_user_info){
		.connected = connection,
		.offered_features = pg_vu_offered_features(server),
		.offered_protocol_features = server->offered_protocol_features,
		.connections = server->connections,
		.resets = server->resets,
		.resumes = server->resumes,
		.window_size = server->settings.window_size,
	};
	if (!connection)
		return;
	info->front_end = connection->front_end;
	info->features = connection->features;
	info->protocol_features = connection->protocol_features;
	info->paused = connection->undecided;
	info->messages = connection->messages;
	info->mappings = connection->channel.mapping_count;
	info->region_count = connection->memory.count;
	for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
		describe_queue(&connection->queues[i], &info->queues[i]);
}

bool pg_vhost_user_get_region(const struct pg_vhost_user *server, size_t index,
			      struct pg_vhost_user_region_info *info)
{
	const struct pg_vu_region *region;

	if (!server->connection || index >= server->connection->memory.count)
		return false;
	region = &server->connection->memory.regions[index];
	*info = (struct pg_vhost_user_region_info){
		.guest_addr = region->guest_addr,
		.size = region->size,
		.window = region->window,
	};
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * What is offered to front end and driver, and what they accepted. Each bit
 * offered is a promise: QEMU acknowledges all that it knows.
 */
#include <errno.h>
#include <inttypes.h>

#include "transport/vhost_user/internal.h"

#define DEVICE_FEATURES (PG_BIT(24) - 1)

/* What this transport can do, whether offered or not. */
#define RING_FEATURES                                                          \
	(PG_BIT(VIRTIO_F_INDIRECT_DESC) | PG_BIT(VIRTIO_F_EVENT_IDX) |         \
	 PG_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | PG_BIT(VIRTIO_F_VERSION_1) | \
	 PG_BIT(VIRTIO_F_RING_PACKED) | PG_BIT(VIRTIO_F_IN_ORDER) |            \
	 PG_BIT(VIRTIO_F_ORDER_PLATFORM) | PG_BIT(VIRTIO_F_RING_RESET))

#define IMPLEMENTED_PROTOCOL_FEATURES                                                       \
	(PG_BIT(VHOST_USER_PROTOCOL_F_MQ) | PG_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |       \
	 PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | PG_BIT(VHOST_USER_PROTOCOL_F_CONFIG) | \
	 PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |                                    \
	 PG_BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |                                     \
	 PG_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |                                       \
	 PG_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | PG_BIT(VHOST_USER_PROTOCOL_F_STATUS))

/*
 * RING_RESET is not offered: QEMU's generic front end would give it to the
 * guest and not tell us of the reset. A front end that handles it by stopping
 * and starting one ring may use it all the same.
 */
uint64_t pg_vu_offered_features(const struct pg_vhost_user *server)
{
	uint64_t features = paragpu_device_features(server->device) & DEVICE_FEATURES;

	features |= PG_BIT(VIRTIO_F_INDIRECT_DESC) | PG_BIT(VIRTIO_F_EVENT_IDX) |
		    PG_BIT(VIRTIO_F_VERSION_1) | PG_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	if (server->settings.packed)
		features |= PG_BIT(VIRTIO_F_RING_PACKED);
	if (server->settings.in_order)
		features |= PG_BIT(VIRTIO_F_IN_ORDER);
	return features;
}

uint64_t pg_vu_offered_protocol_features(const struct pg_vhost_user_settings *settings)
{
	uint64_t features = settings->protocol_features & IMPLEMENTED_PROTOCOL_FEATURES;

	features |= PG_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
	/* A window needs acknowledged requests with descriptors on the back-end channel. */
	if (settings->window_size) {
		features |= PG_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
			    PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
			    PG_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
			    PG_BIT(settings->shmem_bit);
		features &= ~PG_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
	}
	return features;
}

int pg_vu_get_features(struct pg_vu_connection *connection, struct pg_vu_message *message,
		       struct pg_vu_message *reply)
{
	(void)message;
	reply->payload.u64 = pg_vu_offered_features(connection->server);
	reply->header.size = sizeof(reply->payload.u64);
	return 0;
}

/*
 * The vhost-user-gpu devices of QEMU take ring features from their own
 * properties and never ask whether we offered them, so whatever can be done
 * here is accepted, and only what cannot is refused.
 */
int pg_vu_set_features(struct pg_vu_connection *connection, struct pg_vu_message *message,
		       struct pg_vu_message *reply)
{
	uint64_t features = message->payload.u64;
	uint64_t impossible = features & ~(DEVICE_FEATURES | RING_FEATURES);

	(void)reply;
	if (impossible)
		pg_vu_log(connection->server, PG_LOG_WARN,
			  "the front end accepted features 0x%" PRIx64
			  " that were not offered and do not exist here; they are ignored",
			  impossible);
	if (impossible & PG_BIT(VIRTIO_F_ACCESS_PLATFORM)) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the guest was given an IOMMU for this device (iommu_platform=on), which "
			  "paragpu does not support: remove that option");
		return -ENOTSUP;
	}
	connection->features = features & ~impossible;
	if (!(features & PG_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		/* Without it there is no SET_VRING_ENABLE ("Ring states"). */
		for (size_t i = 0; i < PG_VHOST_USER_QUEUES; i++)
			connection->queues[i].enabled = true;
	pg_vu_apply_features(connection);
	return 0;
}

int pg_vu_get_protocol_features(struct pg_vu_connection *connection, struct pg_vu_message *message,
				struct pg_vu_message *reply)
{
	(void)message;
	reply->payload.u64 = connection->server->offered_protocol_features;
	reply->header.size = sizeof(reply->payload.u64);
	return 0;
}

int pg_vu_set_protocol_features(struct pg_vu_connection *connection, struct pg_vu_message *message,
				struct pg_vu_message *reply)
{
	uint64_t surplus = message->payload.u64 & ~connection->server->offered_protocol_features;

	(void)reply;
	if (surplus) {
		pg_vu_log(connection->server, PG_LOG_ERROR,
			  "the front end accepted protocol features 0x%" PRIx64
			  " that were not offered",
			  surplus);
		return -EINVAL;
	}
	connection->protocol_features = message->payload.u64;
	return 0;
}

int pg_vu_set_owner(struct pg_vu_connection *connection, struct pg_vu_message *message,
		    struct pg_vu_message *reply)
{
	(void)connection;
	(void)message;
	(void)reply;
	return 0;
}

int pg_vu_get_queue_num(struct pg_vu_connection *connection, struct pg_vu_message *message,
			struct pg_vu_message *reply)
{
	(void)connection;
	(void)message;
	reply->payload.u64 = PG_VHOST_USER_QUEUES;
	reply->header.size = sizeof(reply->payload.u64);
	return 0;
}

int pg_vu_get_shmem_config(struct pg_vu_connection *connection, struct pg_vu_message *message,
			   struct pg_vu_message *reply)
{
	struct vhost_user_shmem_config *config = &reply->payload.shmem_config;

	(void)message;
	*config = (struct vhost_user_shmem_config){0};
	if (connection->server->settings.window_size) {
		config->nregions = 1;
		config->memory_sizes[PG_VU_WINDOW_SHMID] = connection->server->settings.window_size;
	}
	reply->header.size = sizeof(*config);
	return 0;
}

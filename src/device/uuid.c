/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_ASSIGN_UUID: a random UUID (RFC 4122, version 4) that a resource
 * keeps for its life. Random, because it must be unique wherever the host's
 * virtio devices meet.
 */
#include <string.h>
#include <sys/random.h>

#include "device/device.h"
#include "device/request.h"

static bool make_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return false;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* variant 10 */
	return true;
}

uint32_t pg_resource_assign_uuid(struct pg_call *call)
{
	struct pg_resource *resource = pg_call_resource(
		call, pg_call_fixed(call, virtio_gpu_resource_assign_uuid)->resource_id);
	struct virtio_gpu_resp_resource_uuid response = {0};

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->has_uuid && !make_uuid(resource->uuid))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	resource->has_uuid = true;
	memcpy(response.uuid, resource->uuid, sizeof(response.uuid));
	return pg_call_reply(call, VIRTIO_GPU_RESP_OK_RESOURCE_UUID, &response, sizeof(response));
}

/* SPDX-License-Identifier: MIT */
/* The life of resources of every kind, and RESOURCE_UNREF; see resource.h. */
#include "device/resource.h"

#include <errno.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/request.h"

int pg_resource_create(struct paragpu_device *device, uint32_t id, enum paragpu_resource_kind kind,
		       struct pg_resource **out)
{
	struct pg_resource *resource;

	if (!pg_quota_take_resource(&device->quota))
		return -ENOMEM;
	resource = calloc(1, sizeof(*resource));
	if (!resource)
		goto give_back;
	resource->id = id;
	resource->kind = (uint8_t)kind;
	if (pg_resource_table_add(&device->resources, resource))
		goto free_resource;
	*out = resource;
	return 0;
free_resource:
	free(resource);
give_back:
	pg_quota_give_resource(&device->quota);
	return -ENOMEM;
}

/* All of the destruction but the table. */
static void release(struct paragpu_device *device, struct pg_resource *resource)
{
	pg_scanouts_drop(device, resource);
	pg_cursors_drop(device, resource);
	pg_object_unref(&resource->host);
	pg_object_unref(&resource->backing);
	pg_quota_give_resource(&device->quota);
	free(resource);
}

void pg_resource_destroy(struct paragpu_device *device, struct pg_resource *resource)
{
	pg_resource_table_remove(&device->resources, resource);
	release(device, resource);
}

void pg_resources_destroy_all(struct paragpu_device *device)
{
	struct pg_resource *resource = pg_resource_table_take_all(&device->resources);

	while (resource) {
		struct pg_resource *next = resource->next;

		release(device, resource);
		resource = next;
	}
}

uint32_t pg_resource_unref(struct pg_call *call)
{
	struct pg_resource *resource =
		pg_call_resource(call, pg_call_fixed(call, virtio_gpu_resource_unref)->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	pg_resource_destroy(call->device, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

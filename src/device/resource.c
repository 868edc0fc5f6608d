/* SPDX-License-Identifier: MIT */
/* The life of resources of every kind, and RESOURCE_UNREF; see resource.h. */
#include "device/resource.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"
#include "device/window.h"

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
	resource->serial = ++device->last_serial;
	resource->memory.fd = -1;
	pg_list_init(&resource->attachments);
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
	pg_attachments_drop(device, resource);
	pg_close(&resource->memory.fd);
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

struct pg_resource *pg_resource_if_same(const struct paragpu_device *device, uint32_t id,
					uint64_t serial)
{
	struct pg_resource *resource = pg_resource_table_find(&device->resources, id);

	return resource && resource->serial == serial ? resource : NULL;
}

/* Whatever the renderers said, they have forgotten it. */
static void unref_finished(struct pg_work *work)
{
	pg_resource_destroy(work->device, work->resource);
	pg_work_finish(work, VIRTIO_GPU_RESP_OK_NODATA);
}

/* It is out of the window; now the renderers. */
static void unref_unmapped(struct pg_work *work)
{
	pg_renderers_unref(work, work->resource);
	pg_work_stage(work, unref_finished);
}

/*
 * Linux frees the guest's pages, and uses the place in the window again, as soon
 * as this is answered: all must be over by then.
 */
uint32_t pg_resource_unref(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	struct pg_resource *resource =
		pg_call_resource(call, pg_call_fixed(call, virtio_gpu_resource_unref)->resource_id);
	struct pg_keys keys;
	struct pg_work *work;

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->known && !resource->mapping) {
		pg_resource_destroy(device, resource);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	keys = (struct pg_keys){.resource = resource->id};
	work = pg_work_begin(call, &keys);
	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work->resource = resource;
	pg_scanouts_drop(device, resource);
	pg_cursors_drop(device, resource);
	pg_attachments_drop(device, resource);
	if (resource->mapping)
		pg_window_unmap(resource->mapping, work);
	pg_work_stage(work, unref_unmapped);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

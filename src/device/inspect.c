/* SPDX-License-Identifier: MIT */
/* Looking into a live device: counters, resources, scanouts. Nothing here changes what a guest sees. */
#include <string.h>

#include "device/device.h"

void paragpu_device_get_stats(const struct paragpu_device *device, struct paragpu_stats *stats)
{
	*stats = (struct paragpu_stats){
		.commands = device->commands,
		.errors = device->errors,
		.malformed = device->malformed,
		.flushes = device->flush_count,
		.bytes_transferred = device->bytes_transferred,
		.resources = device->quota.resources,
		.host_bytes = device->quota.host_bytes,
		.backing_entries = device->quota.entries,
		.contexts = device->quota.contexts,
		.pending = device->fences.pending,
		.resets = device->resets,
	};
}

bool paragpu_device_next_resource(struct paragpu_device *device, uint32_t after,
				  struct paragpu_resource_info *info)
{
	const struct pg_resource *resource = pg_resource_table_above(&device->resources, after);

	if (!resource)
		return false;
	*info = (struct paragpu_resource_info){
		.id = resource->id,
		.kind = resource->kind,
		.size = resource->size,
		.backing_entries = resource->backing ? resource->backing->scatter.count : 0,
		.scanouts = resource->scanouts,
		.has_uuid = resource->has_uuid,
	};
	if (resource->has_uuid)
		memcpy(info->uuid, resource->uuid, sizeof(info->uuid));
	if (resource->kind == PARAGPU_RESOURCE_BLOB) {
		info->blob_mem = resource->as.blob.mem;
		info->blob_flags = resource->as.blob.flags;
	} else {
		info->format = resource->as.image.format;
		info->width = resource->as.image.width;
		info->height = resource->as.image.height;
	}
	return true;
}

bool paragpu_device_get_scanout(const struct paragpu_device *device, uint32_t index,
				struct paragpu_scanout_info *info)
{
	const struct pg_scanout *scanout;

	if (index >= device->head_count)
		return false;
	scanout = &device->scanouts[index];
	*info = (struct paragpu_scanout_info){
		.enabled = scanout->view.resource != NULL,
		.resource_id = scanout->view.resource ? scanout->view.resource->id : 0,
		.rect = scanout->view.rect,
		.format = scanout->view.format,
		.stride = scanout->view.stride,
		.cursor = scanout->cursor,
	};
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Looking into a live device: counters, resources, contexts, scanouts, and the
 * export of memory by UUID. Nothing here changes what a guest sees.
 */
#include <errno.h>
#include <fcntl.h>
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
		.fences = device->signals.open,
		.stalled = device->order.stalled,
		.mappings = device->window.count,
		.mapped_bytes = device->window.bytes,
		.lost = device->lost,
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

bool paragpu_device_next_context(const struct paragpu_device *device, uint32_t after,
				 struct paragpu_context_info *info)
{
	const struct pg_context *best = NULL;

	for (unsigned int i = 0; i < PG_CONTEXT_BUCKETS; i++) {
		pg_list_for_each(link, &device->contexts.buckets[i]) {
			const struct pg_context *context =
				pg_container_of(link, struct pg_context, link);

			if (context->id > after && (!best || context->id < best->id))
				best = context;
		}
	}
	if (!best)
		return false;
	*info = (struct paragpu_context_info){
		.id = best->id,
		.capset_id = best->capset_id,
		.name = best->name,
		.renderer = best->renderer ? pg_ops(best->renderer)->name : NULL,
		.lost = best->lost,
		.fences = best->renderer ? pg_signals_of_context(best->renderer, best->id) : 0,
	};
	pg_list_for_each(link, &best->attachments)
		info->resources++;
	return true;
}

static const struct pg_resource *find_uuid(const struct paragpu_device *device,
					   const uint8_t uuid[16])
{
	const struct pg_resource *resource = pg_resource_table_first(&device->resources);

	while (resource && !(resource->has_uuid && !memcmp(resource->uuid, uuid, 16)))
		resource = pg_resource_table_next(&device->resources, resource);
	return resource;
}

int paragpu_device_export(struct paragpu_device *device, const uint8_t uuid[16],
			  struct paragpu_export *memory)
{
	const struct pg_resource *resource = find_uuid(device, uuid);
	int fd;

	if (!resource || resource->kind != PARAGPU_RESOURCE_BLOB ||
	    !(resource->as.blob.flags & VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE))
		return -ENOENT;
	if (resource->memory.fd < 0)
		return -ENOTSUP;
	fd = fcntl(resource->memory.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*memory = resource->memory;
	memory->fd = fd;
	return 0;
}

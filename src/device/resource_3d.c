/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_CREATE_3D and TRANSFER_TO/FROM_HOST_3D. The device checks what the
 * protocol itself says of boxes and levels; what texels weigh, and so whether
 * strides and backing suffice, only the renderer knows.
 */
#include <errno.h>

#include "base/checked.h"
#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"
#include "device/signal.h"

static void created(struct pg_work *work)
{
	if (!work->error && work->resource->lost)
		work->error = -EIO;
	if (work->error)
		pg_resource_destroy(work->device, work->resource);
	pg_work_finish_plainly(work);
}

/* Who makes images: the context's renderer; Linux names no context, and virgl is meant. */
static uint32_t find_renderer(const struct pg_call *call, struct pg_renderer **renderer)
{
	const struct pg_context *context;

	*renderer = pg_renderer_default(call->device);
	if (pg_from_le32(call->fixed.hdr.ctx_id)) {
		context = pg_call_context(call);
		if (!context)
			return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
		*renderer = context->lost ? NULL : context->renderer;
	}
	if (!*renderer || !pg_ops(*renderer)->resource_create_3d)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static struct paragpu_resource_3d read_args(const struct virtio_gpu_resource_create_3d *command)
{
	return (struct paragpu_resource_3d){
		.target = pg_from_le32(command->target),
		.format = pg_from_le32(command->format),
		.bind = pg_from_le32(command->bind),
		.width = pg_from_le32(command->width),
		.height = pg_from_le32(command->height),
		.depth = pg_from_le32(command->depth),
		.array_size = pg_from_le32(command->array_size),
		.last_level = pg_from_le32(command->last_level),
		.nr_samples = pg_from_le32(command->nr_samples),
		.flags = pg_from_le32(command->flags),
	};
}

static uint32_t create(struct pg_call *call, uint32_t id, struct pg_renderer *renderer,
		       const struct paragpu_resource_3d *args)
{
	const struct pg_keys keys = {.resource = id};
	struct pg_resource *resource;
	struct pg_work *work;

	if (pg_resource_create(call->device, id, PARAGPU_RESOURCE_3D, &resource))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work = pg_work_begin(call, &keys);
	if (!work) {
		pg_resource_destroy(call->device, resource);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource->as.image.format = args->format;
	resource->as.image.width = args->width;
	resource->as.image.height = args->height;
	resource->as.image.depth = args->depth;
	resource->as.image.array_size = args->array_size;
	resource->as.image.last_level = args->last_level;
	resource->owner = renderer;
	resource->known = (uint8_t)(1u << renderer->index);
	work->resource = resource;
	pg_ops(renderer)->resource_create_3d(renderer->base, id, args, pg_work_ask(work, renderer));
	pg_signal_expect(call, renderer);
	pg_work_stage(work, created);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_resource_create_3d(struct pg_call *call)
{
	const struct virtio_gpu_resource_create_3d *command =
		pg_call_fixed(call, virtio_gpu_resource_create_3d);
	uint32_t id = pg_from_le32(command->resource_id);
	const struct paragpu_resource_3d args = read_args(command);
	struct pg_renderer *renderer;
	uint32_t result;

	if (!id || pg_call_resource(call, command->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	result = find_renderer(call, &renderer);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if (!args.width || args.last_level > 31)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!pg_signal_prepare(call))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	return create(call, id, renderer, &args);
}

/* The size of a mipmap level in one dimension. */
static uint32_t level_size(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

static bool box_valid(const struct pg_resource *resource, const struct paragpu_transfer *args)
{
	uint32_t depth, layers;

	if (!args->w || !args->h || !args->d)
		return false;
	/* What a blob's bytes mean was told to its context, not to us. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB)
		return true;
	if (args->level > resource->as.image.last_level)
		return false;
	depth = level_size(resource->as.image.depth, args->level);
	layers = resource->as.image.array_size;
	return pg_range_inside(args->x, args->w,
			       level_size(resource->as.image.width, args->level)) &&
	       pg_range_inside(args->y, args->h,
			       level_size(resource->as.image.height, args->level)) &&
	       pg_range_inside(args->z, args->d, depth > layers ? depth : layers);
}

static uint32_t ask_renderer(struct pg_call *call, const struct pg_resource *resource,
			     uint32_t context_id, bool to_host, const struct paragpu_transfer *args)
{
	struct pg_renderer *renderer = resource->owner;
	struct pg_work *work;

	if (!pg_ops(renderer)->transfer)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!pg_signal_prepare(call))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work = pg_work_begin(call, NULL);
	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	pg_ops(renderer)->transfer(renderer->base, context_id, resource->id, to_host, args,
				   pg_work_ask(work, renderer));
	pg_signal_expect(call, renderer);
	pg_work_stage(work, pg_work_finish_plainly);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_transfer_image_to_host(struct pg_call *call, const struct pg_resource *resource,
				   const struct paragpu_rect *rect, uint64_t offset)
{
	const struct paragpu_transfer args = {
		.x = rect->x,
		.y = rect->y,
		.w = rect->width,
		.h = rect->height,
		.d = 1,
		.offset = offset,
	};

	if (resource->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!resource->backing || !box_valid(resource, &args))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return ask_renderer(call, resource, 0, true, &args);
}

static uint32_t check_context(const struct pg_call *call, const struct pg_resource *resource)
{
	const struct pg_context *context = pg_call_context(call);

	if (!pg_from_le32(call->fixed.hdr.ctx_id))
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource || !pg_context_has(context, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (context->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t transfer(struct pg_call *call, bool to_host)
{
	const struct virtio_gpu_transfer_host_3d *command =
		pg_call_fixed(call, virtio_gpu_transfer_host_3d);
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	const struct paragpu_transfer args = {
		.x = pg_from_le32(command->box.x),
		.y = pg_from_le32(command->box.y),
		.z = pg_from_le32(command->box.z),
		.w = pg_from_le32(command->box.w),
		.h = pg_from_le32(command->box.h),
		.d = pg_from_le32(command->box.d),
		.offset = pg_from_le64(command->offset),
		.level = pg_from_le32(command->level),
		.stride = pg_from_le32(command->stride),
		.layer_stride = pg_from_le32(command->layer_stride),
	};
	uint32_t result = check_context(call, resource);

	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	/* Guest pages are all that a guest blob is: there is nothing to copy. */
	if (resource->kind == PARAGPU_RESOURCE_BLOB &&
	    resource->as.blob.mem == VIRTIO_GPU_BLOB_MEM_GUEST)
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (!box_valid(resource, &args) ||
	    (!resource->backing && resource->kind != PARAGPU_RESOURCE_BLOB))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->kind == PARAGPU_RESOURCE_2D)
		return pg_transfer_2d(call, resource, to_host, &args);
	return ask_renderer(call, resource, pg_from_le32(call->fixed.hdr.ctx_id), to_host, &args);
}

uint32_t pg_transfer_to_host_3d(struct pg_call *call)
{
	return transfer(call, true);
}

uint32_t pg_transfer_from_host_3d(struct pg_call *call)
{
	return transfer(call, false);
}

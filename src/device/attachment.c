/* SPDX-License-Identifier: MIT */
/*
 * CTX_ATTACH_RESOURCE and CTX_DETACH_RESOURCE: which context sees which
 * resource, and how a resource comes to a renderer that did not make it.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "device/backing.h"
#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"

static struct pg_attachment *find(const struct pg_context *context,
				  const struct pg_resource *resource)
{
	/* A context has many resources; few contexts share one. */
	pg_list_for_each(link, &resource->attachments) {
		struct pg_attachment *attachment =
			pg_container_of(link, struct pg_attachment, of_resource);

		if (attachment->context == context)
			return attachment;
	}
	return NULL;
}

bool pg_context_has(const struct pg_context *context, const struct pg_resource *resource)
{
	return find(context, resource) != NULL;
}

void pg_attachment_free(struct pg_attachment *attachment)
{
	pg_list_remove(&attachment->of_context);
	pg_list_remove(&attachment->of_resource);
	free(attachment);
}

/* Lets the renderer know, if the context is alive. */
static void detach(struct pg_attachment *attachment)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
	const struct pg_context *context = attachment->context;
	uint32_t resource_id = attachment->resource->id;

	pg_attachment_free(attachment);
	if (!context->lost && pg_ops(context->renderer)->context_detach)
		pg_ops(context->renderer)
			->context_detach(context->renderer->base, context->id, resource_id);
}

void pg_attachments_drop(struct paragpu_device *device, struct pg_resource *resource)
{
	(void)device;
	while (!pg_list_empty(&resource->attachments))
		detach(pg_container_of(resource->attachments.next, struct pg_attachment,
				       of_resource));
}

static uint32_t attach(struct pg_context *context, struct pg_resource *resource)
{
	struct pg_attachment *attachment = malloc(sizeof(*attachment));

	if (!attachment)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	attachment->context = context;
	attachment->resource = resource;
	pg_list_append(&context->attachments, &attachment->of_context);
	pg_list_append(&resource->attachments, &attachment->of_resource);
	if (pg_ops(context->renderer)->context_attach)
		pg_ops(context->renderer)
			->context_attach(context->renderer->base, context->id, resource->id);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void imported(struct pg_work *work)
{
	struct pg_context *context = work->context;

	if (!work->error && context->renderer)
		work->resource->known |= (uint8_t)(1u << context->renderer->index);
	if (work->error || context->lost) {
		pg_work_finish(work, pg_response_of(work->error ? work->error : -EIO));
		return;
	}
	assert(context->renderer); /* one that is lost leaves its contexts lost too */
	pg_work_finish(work, attach(context, work->resource));
}

/* What a renderer gets of a resource; pointers into the resource and into `import` itself. */
struct import {
	struct paragpu_import import;
	struct paragpu_blob blob;
	struct paragpu_image image;
	struct paragpu_export memory;
};

/* The device's own image: a file of its own, since another process will want it. */
static int describe_image(struct paragpu_device *device, struct pg_resource *resource,
			  struct import *import)
{
	int error = pg_resource_make_file(device, resource);

	if (error)
		return error;
	import->memory = (struct paragpu_export){
		.handle = PARAGPU_HANDLE_SHM,
		.fd = resource->host->fd,
		.size = resource->size,
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.mappable = true,
	};
	import->image = (struct paragpu_image){
		.width = resource->as.image.width,
		.height = resource->as.image.height,
		.format = resource->as.image.format,
		.stride = resource->as.image.width * 4,
		.memory = import->memory,
	};
	import->import.image = &import->image;
	import->import.memory = &import->memory;
	return 0;
}

static int describe(struct paragpu_device *device, struct pg_resource *resource,
		    struct import *import)
{
	*import = (struct import){0};
	switch (resource->kind) {
	case PARAGPU_RESOURCE_2D:
		return describe_image(device, resource, import);
	case PARAGPU_RESOURCE_BLOB:
		import->blob = (struct paragpu_blob){
			.blob_mem = resource->as.blob.mem,
			.blob_flags = resource->as.blob.flags,
			.size = resource->size,
		};
		import->import.blob = &import->blob;
		import->memory = resource->memory;
		if (resource->memory.fd >= 0)
			import->import.memory = &import->memory;
		else if (pg_resource_is_foreign(resource))
			return -EINVAL;
		return 0;
	default: /* an image of another renderer: its layout is that renderer's secret */
		return -EINVAL;
	}
}

static uint32_t import_resource(struct pg_call *call, struct pg_context *context,
				struct pg_resource *resource)
{
	const struct paragpu_renderer_ops *ops = pg_ops(context->renderer);
	const struct pg_keys keys = {.context = context->id, .resource = resource->id};
	struct paragpu_span *spans;
	struct import import;
	struct pg_work *work;
	int error;

	if (!ops->resource_import || resource->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	error = describe(call->device, resource, &import);
	if (error)
		return pg_response_of(error);
	if (pg_backing_spans(resource->backing, &spans, &import.import.count))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work = pg_work_begin(call, &keys);
	if (!work) {
		free(spans);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	work->context = context;
	work->resource = resource;
	import.import.spans = spans;
	ops->resource_import(context->renderer->base, resource->id, &import.import,
			     pg_work_ask(work, context->renderer));
	free(spans);
	pg_work_stage(work, imported);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_ctx_attach_resource(struct pg_call *call)
{
	const struct virtio_gpu_ctx_resource *command =
		pg_call_fixed(call, virtio_gpu_ctx_resource);
	struct pg_context *context = pg_call_context(call);
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (context->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (pg_context_has(context, resource))
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (!(resource->known >> context->renderer->index & 1))
		return import_resource(call, context, resource);
	return attach(context, resource);
}

uint32_t pg_ctx_detach_resource(struct pg_call *call)
{
	const struct virtio_gpu_ctx_resource *command =
		pg_call_fixed(call, virtio_gpu_ctx_resource);
	const struct pg_context *context = pg_call_context(call);
	const struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	struct pg_attachment *attachment;

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	attachment = find(context, resource);
	if (attachment)
		detach(attachment);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_CREATE_BLOB: of guest pages, of a context's memory, or of both. The
 * guest's numbers are checked here, the renderer's (how much memory there
 * really is) when it answers.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/fd.h"
#include "device/backing.h"
#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/window.h"

#define KNOWN_FLAGS                                                               \
	(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE | \
	 VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE)

static bool of_host(const struct virtio_gpu_resource_create_blob *command)
{
	return pg_from_le32(command->blob_mem) != VIRTIO_GPU_BLOB_MEM_GUEST;
}

/*
 * blob_alignment binds host storage only: Linux rounds what its ioctl creates,
 * but not its own dumb buffers and imports, and guest pages need none.
 */
static bool parameters_valid(const struct paragpu_device *device,
			     const struct virtio_gpu_resource_create_blob *command)
{
	uint64_t size = pg_from_le64(command->size);

	if (pg_from_le32(command->blob_flags) & ~KNOWN_FLAGS || !size || size > INT64_MAX)
		return false;
	switch (pg_from_le32(command->blob_mem)) {
	case VIRTIO_GPU_BLOB_MEM_GUEST:
		return !pg_from_le64(command->blob_id);
	case VIRTIO_GPU_BLOB_MEM_HOST3D:
		if (pg_from_le32(command->nr_entries))
			return false;
		break;
	case VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST:
		break;
	default:
		return false;
	}
	return pg_device_has(device, VIRTIO_GPU_F_VIRGL) &&
	       (!pg_device_has(device, VIRTIO_GPU_F_BLOB_ALIGNMENT) ||
		!(size & (device->blob_alignment - 1)));
}

/* Mapping a file that is too short would end in SIGBUS, in the VMM too. */
static int check_memory(const struct pg_resource *resource, const struct paragpu_export *memory)
{
	if (memory->handle == PARAGPU_HANDLE_NONE || memory->fd < 0)
		return 0;
	if (memory->size < resource->size)
		return -EINVAL;
	return pg_file_covers(memory->fd, memory->fd_offset, memory->size, memory->mappable)
		       ? 0
		       : -EINVAL;
}

static void refused(struct pg_work *work)
{
	pg_resource_destroy(work->device, work->resource);
	pg_work_finish(work, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void created(struct pg_work *work)
{
	struct pg_resource *resource = work->resource;

	if (!work->error && !work->answered)
		work->error = -EPROTO;
	if (work->error || resource->lost) {
		pg_resource_destroy(work->device, resource);
		pg_work_finish(work, pg_response_of(work->error ? work->error : -EIO));
		return;
	}
	/* Nothing of an unusable blob stays, in the renderer either. */
	if (check_memory(resource, &work->answer.memory)) {
		pg_renderers_unref(work, resource);
		pg_work_stage(work, refused);
		return;
	}
	/* For the VMM's sake, which will map it. Files of GPU drivers can't be asked; they don't shrink. */
	if (work->answer.memory.fd >= 0)
		pg_file_keep_length(work->answer.memory.fd);
	resource->memory = work->answer.memory;
	resource->memory.fd = pg_take_fd(&work->answer.memory.fd);
	pg_work_finish(work, VIRTIO_GPU_RESP_OK_NODATA);
}

static void ask_renderer(struct pg_work *work, struct pg_renderer *renderer, uint64_t blob_id,
			 const struct paragpu_span *spans, size_t count)
{
	struct pg_resource *resource = work->resource;
	const struct paragpu_blob args = {
		.blob_mem = resource->as.blob.mem,
		.blob_flags = resource->as.blob.flags,
		.blob_id = blob_id,
		.size = resource->size,
	};

	work->wanted = PG_WANT_BLOB;
	resource->owner = renderer;
	resource->known = (uint8_t)(1u << renderer->index);
	pg_ops(renderer)->resource_create_blob(renderer->base, pg_from_le32(work->hdr.ctx_id),
					       resource->id, &args, spans, count,
					       pg_work_ask(work, renderer));
	pg_work_stage(work, created);
}

/* The resource is in the table from now on, and claimed until the renderer has answered. */
static uint32_t create_of_host(struct pg_call *call, struct pg_resource *resource,
			       const struct pg_context *context)
{
	const struct pg_keys keys = {.resource = resource->id};
	struct paragpu_span *spans;
	struct pg_work *work;
	size_t count;

	if (pg_backing_spans(resource->backing, &spans, &count))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work = pg_work_begin(call, &keys);
	if (!work) {
		free(spans);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	work->resource = resource;
	ask_renderer(work, context->renderer,
		     pg_from_le64(pg_call_fixed(call, virtio_gpu_resource_create_blob)->blob_id),
		     spans, count);
	free(spans);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* The context must be able to make blobs. */
static uint32_t check_context(const struct pg_context *context)
{
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (context->lost || !pg_ops(context->renderer)->resource_create_blob)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Reads the guest's pages, if there are some now: else ATTACH_BACKING brings them. */
static uint32_t read_backing(struct pg_call *call, struct pg_object **backing)
{
	const struct virtio_gpu_resource_create_blob *command =
		pg_call_fixed(call, virtio_gpu_resource_create_blob);
	uint32_t count = pg_from_le32(command->nr_entries), result;

	*backing = NULL;
	if (!count)
		return VIRTIO_GPU_RESP_OK_NODATA;
	result = pg_backing_read(call, count, backing);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if ((*backing)->size >= pg_from_le64(command->size))
		return VIRTIO_GPU_RESP_OK_NODATA;
	pg_object_unref(backing);
	return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

uint32_t pg_resource_create_blob(struct pg_call *call)
{
	const struct virtio_gpu_resource_create_blob *command =
		pg_call_fixed(call, virtio_gpu_resource_create_blob);
	const struct pg_context *context = of_host(command) ? pg_call_context(call) : NULL;
	uint32_t id = pg_from_le32(command->resource_id);
	struct pg_resource *resource;
	struct pg_object *backing;
	uint32_t result;

	if (!id || pg_call_resource(call, command->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!parameters_valid(call->device, command))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	result = of_host(command) ? check_context(context) : VIRTIO_GPU_RESP_OK_NODATA;
	if (result == VIRTIO_GPU_RESP_OK_NODATA)
		result = read_backing(call, &backing);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if (pg_resource_create(call->device, id, PARAGPU_RESOURCE_BLOB, &resource)) {
		pg_object_unref(&backing);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource->backing = backing;
	resource->size = pg_from_le64(command->size);
	resource->as.blob.mem = pg_from_le32(command->blob_mem);
	resource->as.blob.flags = pg_from_le32(command->blob_flags);
	if (!context)
		return VIRTIO_GPU_RESP_OK_NODATA;
	result = create_of_host(call, resource, context);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		pg_resource_destroy(call->device, resource);
	return result;
}

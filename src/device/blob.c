/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_CREATE_BLOB. Guest blobs only: host storage (HOST3D, HOST3D_GUEST)
 * is a context's and comes with the VIRGL feature.
 */
#include "device/backing.h"
#include "device/device.h"

#define KNOWN_FLAGS                                                               \
	(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE | \
	 VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE)

/*
 * blob_alignment binds host storage only: Linux rounds what its ioctl creates,
 * but not its own dumb buffers and imports, and guest pages need none.
 */
static bool parameters_valid(const struct virtio_gpu_resource_create_blob *command)
{
	uint64_t size = pg_from_le64(command->size);

	return pg_from_le32(command->blob_mem) == VIRTIO_GPU_BLOB_MEM_GUEST &&
	       !(pg_from_le32(command->blob_flags) & ~KNOWN_FLAGS) && size && size <= INT64_MAX &&
	       !pg_from_le64(command->blob_id);
}

uint32_t pg_resource_create_blob(struct pg_call *call)
{
	const struct virtio_gpu_resource_create_blob *command =
		pg_call_fixed(call, virtio_gpu_resource_create_blob);
	uint32_t id = pg_from_le32(command->resource_id);
	uint32_t count = pg_from_le32(command->nr_entries);
	uint64_t size = pg_from_le64(command->size);
	struct pg_object *backing = NULL;
	struct pg_resource *resource;
	uint32_t result;

	if (!id || pg_call_resource(call, command->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!parameters_valid(command))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	/* None now: ATTACH_BACKING brings them. */
	if (count) {
		result = pg_backing_read(call, count, &backing);
		if (result != VIRTIO_GPU_RESP_OK_NODATA)
			return result;
		if (backing->size < size) {
			pg_object_unref(&backing);
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		}
	}
	if (pg_resource_create(call->device, id, PARAGPU_RESOURCE_BLOB, &resource)) {
		pg_object_unref(&backing);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource->backing = backing;
	resource->size = size;
	resource->as.blob.mem = pg_from_le32(command->blob_mem);
	resource->as.blob.flags = pg_from_le32(command->blob_flags);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

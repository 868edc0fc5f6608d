/* SPDX-License-Identifier: MIT */
/*
 * GET_CAPSET_INFO and GET_CAPSET. A capset's index (dense, in the order of
 * attachment) and its id are different numbers. A bad answer at probe time makes
 * Linux wait five seconds and drop all capsets, so that what renderers say was
 * checked when they were attached.
 */
#include <stdlib.h>

#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"

const struct pg_capset *pg_capset_find(const struct paragpu_device *device, uint32_t id)
{
	for (uint32_t i = 0; i < device->capset_count; i++)
		if (device->capsets[i].info.id == id)
			return &device->capsets[i];
	return NULL;
}

const struct pg_capset *pg_capset_default(const struct paragpu_device *device)
{
	const struct pg_capset *capset = pg_capset_find(device, VIRTIO_GPU_CAPSET_VIRGL2);

	return capset ? capset : pg_capset_find(device, VIRTIO_GPU_CAPSET_VIRGL);
}

bool paragpu_device_get_capset(const struct paragpu_device *device, uint32_t index,
			       struct paragpu_capset *capset, const char **renderer)
{
	if (index >= device->capset_count)
		return false;
	*capset = device->capsets[index].info;
	if (renderer)
		*renderer = pg_ops(device->capsets[index].renderer)->name;
	return true;
}

uint32_t pg_get_capset_info(struct pg_call *call)
{
	const struct virtio_gpu_get_capset_info *command =
		pg_call_fixed(call, virtio_gpu_get_capset_info);
	struct virtio_gpu_resp_capset_info response = {0};
	struct paragpu_capset capset;

	if (!paragpu_device_get_capset(call->device, pg_from_le32(command->capset_index), &capset,
				       NULL))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	response.capset_id = pg_to_le32(capset.id);
	response.capset_max_version = pg_to_le32(capset.max_version);
	response.capset_max_size = pg_to_le32(capset.max_size);
	return pg_call_reply(call, VIRTIO_GPU_RESP_OK_CAPSET_INFO, &response, sizeof(response));
}

uint32_t pg_get_capset(struct pg_call *call)
{
	const struct virtio_gpu_get_capset *command = pg_call_fixed(call, virtio_gpu_get_capset);
	const struct pg_capset *capset =
		pg_capset_find(call->device, pg_from_le32(command->capset_id));
	uint32_t version = pg_from_le32(command->capset_version);
	struct virtio_gpu_resp_capset *response;
	size_t size;
	int error = 0;

	if (!capset || version > capset->info.max_version)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	size = sizeof(*response) + capset->info.max_size;
	response = calloc(1, size);
	if (!response)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (capset->info.max_size)
		error = pg_ops(capset->renderer)
				->fill_capset(capset->renderer->base, capset->info.id, version,
					      response->capset_data, capset->info.max_size);
	if (!error)
		pg_call_reply(call, VIRTIO_GPU_RESP_OK_CAPSET, response, size);
	free(response);
	return pg_response_of(error);
}

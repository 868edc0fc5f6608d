/* SPDX-License-Identifier: MIT */
/* One request on its way through the device; see request.h. */
#include "device/request.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device/device.h"

uint64_t pg_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void pg_call_init(struct pg_call *call, struct paragpu_device *device,
		  struct paragpu_request *request)
{
	*call = (struct pg_call){.device = device, .request = request};
	pg_iov_reader_init(&call->tail, request->readable, request->readable_count);
	call->size = pg_iov_read(request->readable, request->readable_count, 0, call->fixed.bytes,
				 sizeof(call->fixed.bytes));
}

bool pg_call_set_command(struct pg_call *call, const struct pg_command *command)
{
	if (call->size < command->request_size)
		return false;
	pg_iov_reader_skip(&call->tail, command->request_size);
	return true;
}

bool pg_call_has(const struct pg_call *call, uint64_t size)
{
	return size <= SIZE_MAX && pg_iov_reader_has(&call->tail, (size_t)size);
}

void pg_call_read(struct pg_call *call, void *destination, size_t size)
{
	size_t length = pg_iov_reader_read(&call->tail, destination, size);

	if (length == size)
		return;
	memset((uint8_t *)destination + length, 0, size - length);
	call->tail_short = true;
}

/* Without FENCE the guest looks at nothing but the type; with it the fence must come back whole. */
static void fill_header(struct virtio_gpu_ctrl_hdr *response,
			const struct virtio_gpu_ctrl_hdr *request, uint32_t type)
{
	uint32_t flags = pg_from_le32(request->flags);

	*response = (struct virtio_gpu_ctrl_hdr){.type = pg_to_le32(type)};
	if (!(flags & VIRTIO_GPU_FLAG_FENCE))
		return;
	response->fence_id = request->fence_id;
	response->ctx_id = request->ctx_id;
	if (flags & VIRTIO_GPU_FLAG_INFO_RING_IDX)
		response->ring_idx = request->ring_idx;
	response->flags =
		pg_to_le32(flags & (VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX));
}

void pg_reply(struct paragpu_device *device, struct paragpu_request *request,
	      const struct virtio_gpu_ctrl_hdr *hdr, uint32_t type, void *response, size_t size)
{
	fill_header(response, hdr, type);
	if (pg_response_is_error(type))
		device->errors++;
	request->device.response = type;
	request->device.written = (uint32_t)pg_iov_write(request->writable, request->writable_count,
							 0, response, size);
}

uint32_t pg_call_reply(struct pg_call *call, uint32_t type, void *response, size_t size)
{
	pg_reply(call->device, call->request, &call->fixed.hdr, type, response, size);
	call->replied = true;
	return type;
}

void pg_record_keep(struct paragpu_request *request)
{
	const struct pg_record *record = request->device.record;
	struct pg_record *copy;

	if (!record || record->allocated)
		return;
	copy = malloc(sizeof(*copy) + record->size);
	if (copy) {
		memcpy(copy, record, sizeof(*copy) + record->size);
		copy->allocated = true;
	}
	request->device.record = copy;
}

struct pg_resource *pg_call_resource(const struct pg_call *call, le32 id)
{
	return pg_resource_table_find(&call->device->resources, pg_from_le32(id));
}

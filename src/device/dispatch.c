/* SPDX-License-Identifier: MIT */
/*
 * The one way of a command through the device: copy, look up, gate, execute,
 * answer, retire. What a command does is its handler's business.
 */
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/request.h"

const pg_handler pg_handlers[PG_COMMAND_COUNT] = {
	[PG_COMMAND_GET_DISPLAY_INFO] = pg_get_display_info,
	[PG_COMMAND_RESOURCE_CREATE_2D] = pg_resource_create_2d,
	[PG_COMMAND_RESOURCE_UNREF] = pg_resource_unref,
	[PG_COMMAND_SET_SCANOUT] = pg_set_scanout,
	[PG_COMMAND_RESOURCE_FLUSH] = pg_resource_flush,
	[PG_COMMAND_TRANSFER_TO_HOST_2D] = pg_transfer_to_host_2d,
	[PG_COMMAND_RESOURCE_ATTACH_BACKING] = pg_resource_attach_backing,
	[PG_COMMAND_RESOURCE_DETACH_BACKING] = pg_resource_detach_backing,
	[PG_COMMAND_GET_EDID] = pg_get_edid,
	[PG_COMMAND_RESOURCE_ASSIGN_UUID] = pg_resource_assign_uuid,
	[PG_COMMAND_RESOURCE_CREATE_BLOB] = pg_resource_create_blob,
	[PG_COMMAND_SET_SCANOUT_BLOB] = pg_set_scanout_blob,
	[PG_COMMAND_GET_CAPSET_INFO] = pg_get_capset_info,
	[PG_COMMAND_GET_CAPSET] = pg_get_capset,
	[PG_COMMAND_CTX_CREATE] = pg_ctx_create,
	[PG_COMMAND_CTX_DESTROY] = pg_ctx_destroy,
	[PG_COMMAND_CTX_ATTACH_RESOURCE] = pg_ctx_attach_resource,
	[PG_COMMAND_CTX_DETACH_RESOURCE] = pg_ctx_detach_resource,
	[PG_COMMAND_RESOURCE_CREATE_3D] = pg_resource_create_3d,
	[PG_COMMAND_TRANSFER_TO_HOST_3D] = pg_transfer_to_host_3d,
	[PG_COMMAND_TRANSFER_FROM_HOST_3D] = pg_transfer_from_host_3d,
	[PG_COMMAND_SUBMIT_3D] = pg_submit_3d,
	[PG_COMMAND_RESOURCE_MAP_BLOB] = pg_resource_map_blob,
	[PG_COMMAND_RESOURCE_UNMAP_BLOB] = pg_resource_unmap_blob,
	[PG_COMMAND_UPDATE_CURSOR] = pg_update_cursor,
	[PG_COMMAND_MOVE_CURSOR] = pg_move_cursor,
};

/* The window has no feature bit: the guest sees whether there is shared memory region 1. */
static bool needs_window(const struct pg_command *command)
{
	return command->index == PG_COMMAND_RESOURCE_MAP_BLOB ||
	       command->index == PG_COMMAND_RESOURCE_UNMAP_BLOB;
}

/* Everything that can be said without the command itself. Returns OK_NODATA for "go on". */
static uint32_t admit(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	const struct pg_command *command;
	uint32_t flags;

	if (call->size < sizeof(call->fixed.hdr)) {
		device->malformed++;
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	command = pg_command_find(pg_from_le32(call->fixed.hdr.type));
	if (!command || (command->features & ~device->accepted) != 0 ||
	    (needs_window(command) && !device->window.size))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	/* Cursor commands do no harm on the control queue; the reverse could disorder resources. */
	if (call->request->queue == PARAGPU_QUEUE_CURSOR &&
	    command->queue != VIRTIO_GPU_QUEUE_CURSOR)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	call->command = command;
	if (!pg_call_set_command(call, command))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	flags = pg_from_le32(call->fixed.hdr.flags);
	if ((flags & VIRTIO_GPU_FLAG_FENCE) && (flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) &&
	    pg_device_has(device, VIRTIO_GPU_F_CONTEXT_INIT) &&
	    call->fixed.hdr.ring_idx >= PG_MAX_RINGS)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void answer(struct pg_call *call, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr response = {0};

	if (!call->replied && !call->deferred)
		pg_call_reply(call, type, &response, sizeof(response));
}

void pg_call_execute(struct pg_call *call)
{
	uint32_t type = pg_handlers[call->command->index](call);

	if (type == PG_CALL_AGAIN)
		type = pg_order_stall(call);
	answer(call, type);
	free(call->signal);
}

/* What the trace may show: the header, and the fixed part if it is all there. */
static void fill_record(struct pg_call *call, struct pg_record *record)
{
	const struct pg_command *command = pg_command_find(pg_from_le32(call->fixed.hdr.type));
	size_t size = command ? command->request_size : sizeof(call->fixed.hdr);

	if (size > call->size)
		size = call->size;
	record->allocated = false;
	record->size = (uint32_t)size;
	memcpy(record->bytes, call->fixed.bytes, size);
}

static bool must_wait(const struct pg_call *call)
{
	struct pg_keys keys;

	if (pg_list_empty(&call->device->order.claims))
		return false;
	keys = pg_keys_of(call);
	return pg_order_conflict(&call->device->order, &keys);
}

void paragpu_device_submit(struct paragpu_device *device, struct paragpu_request *request)
{
	union {
		struct pg_record record;
		uint8_t room[sizeof(struct pg_record) + PG_REQUEST_FIXED_MAX];
	} trace;
	struct pg_call call;
	uint32_t type;

	memset(&request->device, 0, sizeof(request->device));
	pg_call_init(&call, device, request);
	if (device->host.trace) {
		request->device.started_ns = pg_clock_ns();
		fill_record(&call, &trace.record);
		request->device.record = &trace.record;
	}
	device->commands++;
	type = admit(&call);
	if (call.size < sizeof(call.fixed.hdr))
		call.fixed.hdr = (struct virtio_gpu_ctrl_hdr){0};
	if (type != VIRTIO_GPU_RESP_OK_NODATA)
		answer(&call, type);
	else if (must_wait(&call))
		answer(&call, pg_order_stall(&call));
	else
		pg_call_execute(&call);
	pg_fence_enter(device, request, &call.fixed.hdr);
}

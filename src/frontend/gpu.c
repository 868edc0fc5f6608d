/* SPDX-License-Identifier: MIT */
/*
 * One function for each virtio-gpu command, with the chain shapes that Linux
 * uses. They check nothing: sending nonsense is what they are for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/internal.h"

#define CONTROL VIRTIO_GPU_QUEUE_CONTROL

struct virtio_gpu_rect pg_fe_rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_rect){pg_to_le32(x), pg_to_le32(y), pg_to_le32(width),
					pg_to_le32(height)};
}

void pg_fe_fill_header(struct virtio_gpu_ctrl_hdr *header, uint32_t type)
{
	memset(header, 0, sizeof(*header));
	header->type = pg_to_le32(type);
}

struct virtio_gpu_mem_entry pg_fe_entry(uint64_t address, uint32_t length)
{
	return (struct virtio_gpu_mem_entry){pg_to_le64(address), pg_to_le32(length),
					     pg_to_le32(0)};
}

/* Returns the type of the response, which goes to `response`. */
static int ask(struct pg_fe *fe, const void *request, size_t size, const void *extra,
	       size_t extra_size, void *response, uint32_t response_size)
{
	int error = pg_fe_execute(fe, CONTROL, request, size, extra, extra_size, response,
				  response_size, NULL);

	return error ? error : (int)pg_from_le32(fe->last_response.type);
}

static int tell(struct pg_fe *fe, const void *request, size_t size)
{
	struct virtio_gpu_ctrl_hdr response;

	return ask(fe, request, size, NULL, 0, &response, sizeof(response));
}

static int tell_with(struct pg_fe *fe, const void *request, size_t size, const void *extra,
		     size_t extra_size)
{
	struct virtio_gpu_ctrl_hdr response;

	return ask(fe, request, size, extra, extra_size, &response, sizeof(response));
}

int pg_fe_get_display_info(struct pg_fe *fe, struct virtio_gpu_resp_display_info *info)
{
	struct virtio_gpu_ctrl_hdr request;

	pg_fe_fill_header(&request, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	return ask(fe, &request, sizeof(request), NULL, 0, info, sizeof(*info));
}

int pg_fe_get_edid(struct pg_fe *fe, uint32_t scanout, struct virtio_gpu_resp_edid *edid)
{
	struct virtio_gpu_cmd_get_edid request = {.scanout = pg_to_le32(scanout)};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_GET_EDID);
	return ask(fe, &request, sizeof(request), NULL, 0, edid, sizeof(*edid));
}

int pg_fe_create_2d(struct pg_fe *fe, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d request = {
		.resource_id = pg_to_le32(id),
		.format = pg_to_le32(format),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D);
	return tell(fe, &request, sizeof(request));
}

/* UNREF, DETACH_BACKING, UNMAP_BLOB and the context attachments are laid out alike. */
static int resource_command(struct pg_fe *fe, uint32_t type, uint32_t id)
{
	struct virtio_gpu_resource_unref request = {.resource_id = pg_to_le32(id)};

	pg_fe_fill_header(&request.hdr, type);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_unref(struct pg_fe *fe, uint32_t id)
{
	return resource_command(fe, VIRTIO_GPU_CMD_RESOURCE_UNREF, id);
}

int pg_fe_detach(struct pg_fe *fe, uint32_t id)
{
	return resource_command(fe, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, id);
}

int pg_fe_unmap_blob(struct pg_fe *fe, uint32_t id)
{
	return resource_command(fe, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, id);
}

int pg_fe_set_scanout(struct pg_fe *fe, uint32_t scanout, uint32_t id, uint32_t x, uint32_t y,
		      uint32_t width, uint32_t height)
{
	struct virtio_gpu_set_scanout request = {
		.r = pg_fe_rect(x, y, width, height),
		.scanout_id = pg_to_le32(scanout),
		.resource_id = pg_to_le32(id),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_SET_SCANOUT);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_flush(struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height)
{
	struct virtio_gpu_resource_flush request = {
		.r = pg_fe_rect(x, y, width, height),
		.resource_id = pg_to_le32(id),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_transfer(struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		   uint32_t height, uint64_t offset)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.r = pg_fe_rect(x, y, width, height),
		.offset = pg_to_le64(offset),
		.resource_id = pg_to_le32(id),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_attach_entries(struct pg_fe *fe, uint32_t id, uint32_t stated,
			 const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct virtio_gpu_resource_attach_backing request = {
		.resource_id = pg_to_le32(id),
		.nr_entries = pg_to_le32(stated),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
	return tell_with(fe, &request, sizeof(request), entries, count * sizeof(*entries));
}

int pg_fe_attach(struct pg_fe *fe, uint32_t id, uint64_t address, uint32_t length)
{
	struct virtio_gpu_mem_entry entry = pg_fe_entry(address, length);

	return pg_fe_attach_entries(fe, id, 1, &entry, 1);
}

/* NULL and 0 entries if there is no memory for the list. */
static struct virtio_gpu_mem_entry *cut(uint64_t address, uint64_t length, uint32_t piece,
					uint32_t *count)
{
	uint64_t needed = piece ? (length + piece - 1) / piece : 1;
	struct virtio_gpu_mem_entry *entries;

	*count = 0;
	if (!piece)
		piece = (uint32_t)length;
	entries = needed <= UINT32_MAX ? malloc(needed * sizeof(*entries)) : NULL;
	while (entries && length) {
		uint32_t part = length < piece ? (uint32_t)length : piece;

		entries[(*count)++] = pg_fe_entry(address, part);
		address += part;
		length -= part;
	}
	return entries;
}

int pg_fe_attach_pieces(struct pg_fe *fe, uint32_t id, uint64_t address, uint64_t length,
			uint32_t piece)
{
	uint32_t count;
	struct virtio_gpu_mem_entry *entries = cut(address, length, piece, &count);
	int result = entries ? pg_fe_attach_entries(fe, id, count, entries, count) : -ENOMEM;

	free(entries);
	return result;
}

int pg_fe_get_capset_info(struct pg_fe *fe, uint32_t index,
			  struct virtio_gpu_resp_capset_info *info)
{
	struct virtio_gpu_get_capset_info request = {.capset_index = pg_to_le32(index)};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	return ask(fe, &request, sizeof(request), NULL, 0, info, sizeof(*info));
}

int pg_fe_get_capset(struct pg_fe *fe, uint32_t id, uint32_t version, void *response,
		     uint32_t response_size)
{
	struct virtio_gpu_get_capset request = {
		.capset_id = pg_to_le32(id),
		.capset_version = pg_to_le32(version),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_GET_CAPSET);
	return ask(fe, &request, sizeof(request), NULL, 0, response, response_size);
}

int pg_fe_assign_uuid(struct pg_fe *fe, uint32_t id, uint8_t uuid[16])
{
	struct virtio_gpu_resource_assign_uuid request = {.resource_id = pg_to_le32(id)};
	struct virtio_gpu_resp_resource_uuid response = {0};
	int type;

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID);
	type = ask(fe, &request, sizeof(request), NULL, 0, &response, sizeof(response));
	memcpy(uuid, response.uuid, sizeof(response.uuid));
	return type;
}

int pg_fe_create_blob_entries(struct pg_fe *fe, uint32_t id, uint32_t mem, uint32_t flags,
			      uint64_t blob_id, uint64_t size, uint32_t stated,
			      const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct virtio_gpu_resource_create_blob request = {
		.resource_id = pg_to_le32(id),
		.blob_mem = pg_to_le32(mem),
		.blob_flags = pg_to_le32(flags),
		.nr_entries = pg_to_le32(stated),
		.blob_id = pg_to_le64(blob_id),
		.size = pg_to_le64(size),
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB);
	return tell_with(fe, &request, sizeof(request), entries, count * sizeof(*entries));
}

int pg_fe_create_blob(struct pg_fe *fe, uint32_t id, uint64_t address, uint64_t size,
		      uint32_t piece)
{
	uint32_t count;
	struct virtio_gpu_mem_entry *entries = cut(address, size, piece, &count);
	int result = -ENOMEM;

	if (entries)
		result = pg_fe_create_blob_entries(fe, id, VIRTIO_GPU_BLOB_MEM_GUEST,
						   VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE, 0, size,
						   count, entries, count);
	free(entries);
	return result;
}

int pg_fe_set_scanout_blob(struct pg_fe *fe, uint32_t scanout, uint32_t id,
			   const struct virtio_gpu_rect *r, uint32_t width, uint32_t height,
			   uint32_t format, uint32_t stride, uint32_t offset)
{
	struct virtio_gpu_set_scanout_blob request = {
		.r = *r,
		.scanout_id = pg_to_le32(scanout),
		.resource_id = pg_to_le32(id),
		.width = pg_to_le32(width),
		.height = pg_to_le32(height),
		.format = pg_to_le32(format),
		.strides = {pg_to_le32(stride)},
		.offsets = {pg_to_le32(offset)},
	};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_ctx_create(struct pg_fe *fe, uint32_t ctx_id, uint32_t context_init, const char *name)
{
	struct virtio_gpu_ctx_create request = {.context_init = pg_to_le32(context_init)};
	size_t length = strlen(name);

	if (length > sizeof(request.debug_name))
		length = sizeof(request.debug_name);
	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_CTX_CREATE);
	request.hdr.ctx_id = pg_to_le32(ctx_id);
	request.nlen = pg_to_le32((uint32_t)length);
	memcpy(request.debug_name, name, length);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_ctx_destroy(struct pg_fe *fe, uint32_t ctx_id)
{
	struct virtio_gpu_ctx_destroy request;

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_CTX_DESTROY);
	request.hdr.ctx_id = pg_to_le32(ctx_id);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_ctx_attach(struct pg_fe *fe, uint32_t ctx_id, uint32_t id)
{
	pg_fe_context_next(fe, ctx_id);
	return resource_command(fe, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, id);
}

int pg_fe_ctx_detach(struct pg_fe *fe, uint32_t ctx_id, uint32_t id)
{
	pg_fe_context_next(fe, ctx_id);
	return resource_command(fe, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, id);
}

int pg_fe_create_3d(struct pg_fe *fe, const struct virtio_gpu_resource_create_3d *fields)
{
	struct virtio_gpu_resource_create_3d request = *fields;

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_CREATE_3D);
	return tell(fe, &request, sizeof(request));
}

int pg_fe_transfer_3d(struct pg_fe *fe, bool to_host,
		      const struct virtio_gpu_transfer_host_3d *fields)
{
	struct virtio_gpu_transfer_host_3d request = *fields;

	pg_fe_fill_header(&request.hdr, to_host ? VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D
						: VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D);
	request.hdr.ctx_id = fields->hdr.ctx_id;
	return tell(fe, &request, sizeof(request));
}

int pg_fe_submit_3d(struct pg_fe *fe, uint32_t ctx_id, uint32_t stated, const void *commands,
		    uint32_t size)
{
	struct virtio_gpu_cmd_submit request = {.size = pg_to_le32(stated)};

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_SUBMIT_3D);
	request.hdr.ctx_id = pg_to_le32(ctx_id);
	return tell_with(fe, &request, sizeof(request), commands, size);
}

int pg_fe_map_blob(struct pg_fe *fe, uint32_t id, uint64_t offset, uint32_t *map_info)
{
	struct virtio_gpu_resource_map_blob request = {
		.resource_id = pg_to_le32(id),
		.offset = pg_to_le64(offset),
	};
	struct virtio_gpu_resp_map_info response = {0};
	int type;

	pg_fe_fill_header(&request.hdr, VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB);
	type = ask(fe, &request, sizeof(request), NULL, 0, &response, sizeof(response));
	if (map_info)
		*map_info = pg_from_le32(response.map_info);
	return type;
}

static int cursor_command(struct pg_fe *fe, struct virtio_gpu_update_cursor *request, uint32_t type,
			  uint32_t scanout, int32_t x, int32_t y)
{
	pg_fe_fill_header(&request->hdr, type);
	request->pos.scanout_id = pg_to_le32(scanout);
	request->pos.x = pg_to_le32((uint32_t)x);
	request->pos.y = pg_to_le32((uint32_t)y);
	return pg_fe_execute(fe, VIRTIO_GPU_QUEUE_CURSOR, request, sizeof(*request), NULL, 0, NULL,
			     0, NULL);
}

int pg_fe_update_cursor(struct pg_fe *fe, uint32_t scanout, uint32_t id, int32_t x, int32_t y,
			uint32_t hot_x, uint32_t hot_y)
{
	struct virtio_gpu_update_cursor request = {
		.resource_id = pg_to_le32(id),
		.hot_x = pg_to_le32(hot_x),
		.hot_y = pg_to_le32(hot_y),
	};

	fe->last_cursor = request;
	return cursor_command(fe, &request, VIRTIO_GPU_CMD_UPDATE_CURSOR, scanout, x, y);
}

int pg_fe_move_cursor(struct pg_fe *fe, uint32_t scanout, int32_t x, int32_t y)
{
	/* Linux leaves what the last UPDATE_CURSOR had in place. */
	struct virtio_gpu_update_cursor request = fe->last_cursor;

	return cursor_command(fe, &request, VIRTIO_GPU_CMD_MOVE_CURSOR, scanout, x, y);
}

/* SPDX-License-Identifier: MIT */
/*
 * The one table of everything that has a number and a name in virtio-gpu:
 * commands with their sizes and gates, responses, features, formats, capsets.
 * It knows no behaviour: handlers live in device/.
 */
#ifndef PG_PROTOCOL_COMMANDS_H
#define PG_PROTOCOL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/virtio_gpu.h"

/*
 * X(name, request structure, response of success, its structure, needed features, queue)
 *
 * A request is at least its structure long; ATTACH_BACKING, CREATE_BLOB and
 * SUBMIT_3D are followed by an array. The response of GET_CAPSET is followed by
 * the capset. MAP_BLOB and UNMAP_BLOB need shared memory region 1 besides.
 */
/* clang-format off */
#define PG_COMMANDS(X) \
	X(GET_DISPLAY_INFO, ctrl_hdr, OK_DISPLAY_INFO, resp_display_info, 0, CONTROL) \
	X(RESOURCE_CREATE_2D, resource_create_2d, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(RESOURCE_UNREF, resource_unref, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(SET_SCANOUT, set_scanout, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(RESOURCE_FLUSH, resource_flush, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(TRANSFER_TO_HOST_2D, transfer_to_host_2d, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(RESOURCE_ATTACH_BACKING, resource_attach_backing, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(RESOURCE_DETACH_BACKING, resource_detach_backing, OK_NODATA, ctrl_hdr, 0, CONTROL) \
	X(GET_CAPSET_INFO, get_capset_info, OK_CAPSET_INFO, resp_capset_info, PG_F(VIRGL), CONTROL) \
	X(GET_CAPSET, get_capset, OK_CAPSET, resp_capset, PG_F(VIRGL), CONTROL) \
	X(GET_EDID, cmd_get_edid, OK_EDID, resp_edid, PG_F(EDID), CONTROL) \
	X(RESOURCE_ASSIGN_UUID, resource_assign_uuid, OK_RESOURCE_UUID, resp_resource_uuid, \
	  PG_F(RESOURCE_UUID), CONTROL) \
	X(RESOURCE_CREATE_BLOB, resource_create_blob, OK_NODATA, ctrl_hdr, PG_F(RESOURCE_BLOB), CONTROL) \
	X(SET_SCANOUT_BLOB, set_scanout_blob, OK_NODATA, ctrl_hdr, PG_F(RESOURCE_BLOB), CONTROL) \
	X(CTX_CREATE, ctx_create, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(CTX_DESTROY, ctx_destroy, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(CTX_ATTACH_RESOURCE, ctx_resource, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(CTX_DETACH_RESOURCE, ctx_resource, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(RESOURCE_CREATE_3D, resource_create_3d, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(TRANSFER_TO_HOST_3D, transfer_host_3d, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(TRANSFER_FROM_HOST_3D, transfer_host_3d, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(SUBMIT_3D, cmd_submit, OK_NODATA, ctrl_hdr, PG_F(VIRGL), CONTROL) \
	X(RESOURCE_MAP_BLOB, resource_map_blob, OK_MAP_INFO, resp_map_info, PG_F(RESOURCE_BLOB), CONTROL) \
	X(RESOURCE_UNMAP_BLOB, resource_unmap_blob, OK_NODATA, ctrl_hdr, PG_F(RESOURCE_BLOB), CONTROL) \
	X(UPDATE_CURSOR, update_cursor, OK_NODATA, ctrl_hdr, 0, CURSOR) \
	X(MOVE_CURSOR, update_cursor, OK_NODATA, ctrl_hdr, 0, CURSOR)
/* clang-format on */

#define PG_F(name) (UINT64_C(1) << VIRTIO_GPU_F_##name)

/* Dense numbers of the commands, for tables of handlers. */
enum pg_command_index {
#define PG_INDEX(name, request, ok, response, features, queue) PG_COMMAND_##name,
	PG_COMMANDS(PG_INDEX)
#undef PG_INDEX
	PG_COMMAND_COUNT
};

/* No request has a longer fixed part; what follows it is an array. */
#define PG_REQUEST_FIXED_MAX 96

struct pg_command {
	const char *name; /* "RESOURCE_CREATE_2D" */
	uint32_t code;
	uint16_t request_size;
	uint16_t response_size; /* of success; errors are a bare header */
	uint32_t response;      /* of success */
	uint8_t features;       /* all of these must have been accepted */
	uint8_t queue;
	uint8_t index; /* enum pg_command_index */
};

/* The command of this code, or NULL. */
const struct pg_command *pg_command_find(uint32_t code);

/* The command at `index`, below PG_COMMAND_COUNT. */
const struct pg_command *pg_command_at(unsigned int index);

/* Names as the specification has them without their prefixes; NULL for unknown numbers. */
const char *pg_command_name(uint32_t code);
const char *pg_response_name(uint32_t code);   /* "ERR_INVALID_PARAMETER" */
const char *pg_feature_name(unsigned int bit); /* "RESOURCE_BLOB" */
const char *pg_capset_name(uint32_t id);       /* "VIRGL2" */
const char *pg_format_name(uint32_t format);   /* "B8G8R8X8" */

struct pg_format {
	const char *name;
	uint32_t value;  /* enum virtio_gpu_formats */
	uint32_t fourcc; /* DRM's code for the same bytes */
	bool has_alpha;
};

/* The format of this number, or NULL; and the one at `index`, or NULL at the end. */
const struct pg_format *pg_format_find(uint32_t value);
const struct pg_format *pg_format_at(unsigned int index);

static inline bool pg_response_is_error(uint32_t response)
{
	return response < VIRTIO_GPU_RESP_OK_NODATA || response >= VIRTIO_GPU_RESP_ERR_UNSPEC;
}

#endif

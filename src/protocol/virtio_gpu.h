/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol of virtio-gpu: every number and layout that device and
 * driver share (virtio specification, "GPU Device"), and nothing else. Names
 * are those of the specification and of Linux, so this header and
 * <linux/virtio_gpu.h> exclude each other in one file; tests/unit compares them.
 *
 * Every 64-bit member lies at a multiple of 8 and every size is a multiple of
 * 4 with all padding written out: layouts are the same on 32-bit and 64-bit
 * builds. The assertions at the end hold that.
 */
#ifndef PG_PROTOCOL_VIRTIO_GPU_H
#define PG_PROTOCOL_VIRTIO_GPU_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/le.h"

#define VIRTIO_ID_GPU 16

/* Feature bits. */
#define VIRTIO_GPU_F_VIRGL 0
#define VIRTIO_GPU_F_EDID 1
#define VIRTIO_GPU_F_RESOURCE_UUID 2
#define VIRTIO_GPU_F_RESOURCE_BLOB 3
#define VIRTIO_GPU_F_CONTEXT_INIT 4
#define VIRTIO_GPU_F_BLOB_ALIGNMENT 5

enum {
	VIRTIO_GPU_QUEUE_CONTROL = 0,
	VIRTIO_GPU_QUEUE_CURSOR = 1,
	VIRTIO_GPU_QUEUE_COUNT = 2,
};

enum virtio_gpu_ctrl_type {
	VIRTIO_GPU_UNDEFINED = 0,

	VIRTIO_GPU_CMD_GET_DISPLAY_INFO = 0x0100,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_2D = 0x0101,
	VIRTIO_GPU_CMD_RESOURCE_UNREF = 0x0102,
	VIRTIO_GPU_CMD_SET_SCANOUT = 0x0103,
	VIRTIO_GPU_CMD_RESOURCE_FLUSH = 0x0104,
	VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D = 0x0105,
	VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING = 0x0106,
	VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING = 0x0107,
	VIRTIO_GPU_CMD_GET_CAPSET_INFO = 0x0108,
	VIRTIO_GPU_CMD_GET_CAPSET = 0x0109,
	VIRTIO_GPU_CMD_GET_EDID = 0x010a,
	VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID = 0x010b,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB = 0x010c,
	VIRTIO_GPU_CMD_SET_SCANOUT_BLOB = 0x010d,

	VIRTIO_GPU_CMD_CTX_CREATE = 0x0200,
	VIRTIO_GPU_CMD_CTX_DESTROY = 0x0201,
	VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE = 0x0202,
	VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE = 0x0203,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_3D = 0x0204,
	VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D = 0x0205,
	VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D = 0x0206,
	VIRTIO_GPU_CMD_SUBMIT_3D = 0x0207,
	VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB = 0x0208,
	VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB = 0x0209,

	VIRTIO_GPU_CMD_UPDATE_CURSOR = 0x0300,
	VIRTIO_GPU_CMD_MOVE_CURSOR = 0x0301,

	VIRTIO_GPU_RESP_OK_NODATA = 0x1100,
	VIRTIO_GPU_RESP_OK_DISPLAY_INFO = 0x1101,
	VIRTIO_GPU_RESP_OK_CAPSET_INFO = 0x1102,
	VIRTIO_GPU_RESP_OK_CAPSET = 0x1103,
	VIRTIO_GPU_RESP_OK_EDID = 0x1104,
	VIRTIO_GPU_RESP_OK_RESOURCE_UUID = 0x1105,
	VIRTIO_GPU_RESP_OK_MAP_INFO = 0x1106,

	VIRTIO_GPU_RESP_ERR_UNSPEC = 0x1200,
	VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY = 0x1201,
	VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID = 0x1202,
	VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID = 0x1203,
	VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID = 0x1204,
	VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER = 0x1205,
};

enum virtio_gpu_shm_id {
	VIRTIO_GPU_SHM_ID_UNDEFINED = 0,
	VIRTIO_GPU_SHM_ID_HOST_VISIBLE = 1,
};

/* Bytes in memory order, lowest address first; 32 bits a pixel. */
enum virtio_gpu_formats {
	VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM = 1,
	VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM = 2,
	VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM = 3,
	VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM = 4,
	VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM = 67,
	VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM = 68,
	VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM = 121,
	VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM = 134,
};

#define VIRTIO_GPU_CAPSET_VIRGL 1
#define VIRTIO_GPU_CAPSET_VIRGL2 2
#define VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN 3
#define VIRTIO_GPU_CAPSET_VENUS 4
#define VIRTIO_GPU_CAPSET_CROSS_DOMAIN 5
#define VIRTIO_GPU_CAPSET_DRM 6

#define VIRTIO_GPU_MAX_SCANOUTS 16
#define VIRTIO_GPU_EVENT_DISPLAY (1u << 0)

/* "Device configuration layout". */
struct virtio_gpu_config {
	le32 events_read;
	le32 events_clear;
	le32 num_scanouts;
	le32 num_capsets;
	le32 blob_alignment; /* with VIRTIO_GPU_F_BLOB_ALIGNMENT */
};

#define VIRTIO_GPU_FLAG_FENCE (1u << 0)
#define VIRTIO_GPU_FLAG_INFO_RING_IDX (1u << 1)

struct virtio_gpu_ctrl_hdr {
	le32 type;
	le32 flags;
	le64 fence_id;
	le32 ctx_id;
	uint8_t ring_idx;
	uint8_t padding[3];
};

struct virtio_gpu_rect {
	le32 x;
	le32 y;
	le32 width;
	le32 height;
};

struct virtio_gpu_box {
	le32 x, y, z;
	le32 w, h, d;
};

struct virtio_gpu_mem_entry {
	le64 addr;
	le32 length;
	le32 padding;
};

struct virtio_gpu_display_one {
	struct virtio_gpu_rect r;
	le32 enabled;
	le32 flags;
};

struct virtio_gpu_resp_display_info {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_display_one pmodes[VIRTIO_GPU_MAX_SCANOUTS];
};

struct virtio_gpu_cmd_get_edid {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 scanout;
	le32 padding;
};

struct virtio_gpu_resp_edid {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 size;
	le32 padding;
	uint8_t edid[1024];
};

struct virtio_gpu_resource_create_2d {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 format;
	le32 width;
	le32 height;
};

struct virtio_gpu_resource_unref {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};

struct virtio_gpu_set_scanout {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_rect r;
	le32 scanout_id;
	le32 resource_id;
};

struct virtio_gpu_resource_flush {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_rect r;
	le32 resource_id;
	le32 padding;
};

struct virtio_gpu_transfer_to_host_2d {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_rect r;
	le64 offset;
	le32 resource_id;
	le32 padding;
};

/* Followed by nr_entries times struct virtio_gpu_mem_entry. */
struct virtio_gpu_resource_attach_backing {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 nr_entries;
};

struct virtio_gpu_resource_detach_backing {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};

struct virtio_gpu_get_capset_info {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 capset_index;
	le32 padding;
};

struct virtio_gpu_resp_capset_info {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 capset_id;
	le32 capset_max_version;
	le32 capset_max_size;
	le32 padding;
};

struct virtio_gpu_get_capset {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 capset_id;
	le32 capset_version;
};

struct virtio_gpu_resp_capset {
	struct virtio_gpu_ctrl_hdr hdr;
	uint8_t capset_data[];
};

struct virtio_gpu_resource_assign_uuid {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};

struct virtio_gpu_resp_resource_uuid {
	struct virtio_gpu_ctrl_hdr hdr;
	uint8_t uuid[16];
};

#define VIRTIO_GPU_BLOB_MEM_GUEST 1
#define VIRTIO_GPU_BLOB_MEM_HOST3D 2
#define VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST 3

#define VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE (1u << 0)
#define VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE (1u << 1)
#define VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE (1u << 2)

/* Followed by nr_entries times struct virtio_gpu_mem_entry. */
struct virtio_gpu_resource_create_blob {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 blob_mem;
	le32 blob_flags;
	le32 nr_entries;
	le64 blob_id;
	le64 size;
};

struct virtio_gpu_set_scanout_blob {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_rect r;
	le32 scanout_id;
	le32 resource_id;
	le32 width;
	le32 height;
	le32 format;
	le32 padding;
	le32 strides[4];
	le32 offsets[4];
};

#define VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK 0x000000ffu

struct virtio_gpu_ctx_create {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 nlen;
	le32 context_init;
	char debug_name[64];
};

struct virtio_gpu_ctx_destroy {
	struct virtio_gpu_ctrl_hdr hdr;
};

struct virtio_gpu_ctx_resource {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};

#define VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP (1u << 0)

struct virtio_gpu_resource_create_3d {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 target;
	le32 format;
	le32 bind;
	le32 width;
	le32 height;
	le32 depth;
	le32 array_size;
	le32 last_level;
	le32 nr_samples;
	le32 flags;
	le32 padding;
};

struct virtio_gpu_transfer_host_3d {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_box box;
	le64 offset;
	le32 resource_id;
	le32 level;
	le32 stride;
	le32 layer_stride;
};

/* Followed by `size` bytes of the context's command stream. */
struct virtio_gpu_cmd_submit {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 size;
	le32 padding;
};

struct virtio_gpu_resource_map_blob {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
	le64 offset;
};

#define VIRTIO_GPU_MAP_CACHE_MASK 0x0fu
#define VIRTIO_GPU_MAP_CACHE_NONE 0x00u
#define VIRTIO_GPU_MAP_CACHE_CACHED 0x01u
#define VIRTIO_GPU_MAP_CACHE_UNCACHED 0x02u
#define VIRTIO_GPU_MAP_CACHE_WC 0x03u

struct virtio_gpu_resp_map_info {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 map_info;
	le32 padding;
};

struct virtio_gpu_resource_unmap_blob {
	struct virtio_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};

struct virtio_gpu_cursor_pos {
	le32 scanout_id;
	le32 x; /* two's complement: a cursor may hang over the left and upper edge */
	le32 y;
	le32 padding;
};

#define VIRTIO_GPU_CURSOR_SIZE 64

struct virtio_gpu_update_cursor {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_cursor_pos pos; /* all that MOVE_CURSOR looks at */
	le32 resource_id;
	le32 hot_x;
	le32 hot_y;
	le32 padding;
};

#define PG_ASSERT_LAYOUT(type, bytes, member, at)                        \
	static_assert(sizeof(struct type) == (bytes), "size of " #type); \
	static_assert(offsetof(struct type, member) == (at), #type "." #member)

PG_ASSERT_LAYOUT(virtio_gpu_config, 20, blob_alignment, 16);
PG_ASSERT_LAYOUT(virtio_gpu_ctrl_hdr, 24, ring_idx, 20);
PG_ASSERT_LAYOUT(virtio_gpu_rect, 16, height, 12);
PG_ASSERT_LAYOUT(virtio_gpu_box, 24, d, 20);
PG_ASSERT_LAYOUT(virtio_gpu_mem_entry, 16, length, 8);
PG_ASSERT_LAYOUT(virtio_gpu_display_one, 24, enabled, 16);
PG_ASSERT_LAYOUT(virtio_gpu_resp_display_info, 408, pmodes, 24);
PG_ASSERT_LAYOUT(virtio_gpu_cmd_get_edid, 32, scanout, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resp_edid, 1056, edid, 32);
PG_ASSERT_LAYOUT(virtio_gpu_resource_create_2d, 40, height, 36);
PG_ASSERT_LAYOUT(virtio_gpu_resource_unref, 32, resource_id, 24);
PG_ASSERT_LAYOUT(virtio_gpu_set_scanout, 48, scanout_id, 40);
PG_ASSERT_LAYOUT(virtio_gpu_resource_flush, 48, resource_id, 40);
PG_ASSERT_LAYOUT(virtio_gpu_transfer_to_host_2d, 56, offset, 40);
PG_ASSERT_LAYOUT(virtio_gpu_resource_attach_backing, 32, nr_entries, 28);
PG_ASSERT_LAYOUT(virtio_gpu_resource_detach_backing, 32, resource_id, 24);
PG_ASSERT_LAYOUT(virtio_gpu_get_capset_info, 32, capset_index, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resp_capset_info, 40, capset_max_size, 32);
PG_ASSERT_LAYOUT(virtio_gpu_get_capset, 32, capset_version, 28);
PG_ASSERT_LAYOUT(virtio_gpu_resp_capset, 24, capset_data, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resource_assign_uuid, 32, resource_id, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resp_resource_uuid, 40, uuid, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resource_create_blob, 56, nr_entries, 36);
PG_ASSERT_LAYOUT(virtio_gpu_resource_create_blob, 56, blob_id, 40);
PG_ASSERT_LAYOUT(virtio_gpu_resource_create_blob, 56, size, 48);
PG_ASSERT_LAYOUT(virtio_gpu_set_scanout_blob, 96, strides, 64);
PG_ASSERT_LAYOUT(virtio_gpu_set_scanout_blob, 96, offsets, 80);
PG_ASSERT_LAYOUT(virtio_gpu_ctx_create, 96, debug_name, 32);
PG_ASSERT_LAYOUT(virtio_gpu_ctx_destroy, 24, hdr, 0);
PG_ASSERT_LAYOUT(virtio_gpu_ctx_resource, 32, resource_id, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resource_create_3d, 72, flags, 64);
PG_ASSERT_LAYOUT(virtio_gpu_transfer_host_3d, 72, offset, 48);
PG_ASSERT_LAYOUT(virtio_gpu_transfer_host_3d, 72, layer_stride, 68);
PG_ASSERT_LAYOUT(virtio_gpu_cmd_submit, 32, size, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resource_map_blob, 40, offset, 32);
PG_ASSERT_LAYOUT(virtio_gpu_resp_map_info, 32, map_info, 24);
PG_ASSERT_LAYOUT(virtio_gpu_resource_unmap_blob, 32, resource_id, 24);
PG_ASSERT_LAYOUT(virtio_gpu_cursor_pos, 16, y, 8);
PG_ASSERT_LAYOUT(virtio_gpu_update_cursor, 56, hot_y, 48);

#endif

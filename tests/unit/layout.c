/* SPDX-License-Identifier: MIT */
/*
 * Prints every number of the wire protocol, one a line. Compiled with our
 * header, with the kernel's (-DKERNEL_HEADER), and with ours for 32 bits;
 * layout.py compares what they say.
 *
 * A kernel header of another age lacks some members; what it has tells by the
 * feature macro that came with them.
 */
#include <stddef.h>
#include <stdio.h>

#ifdef KERNEL_HEADER
#include <drm/virtgpu_drm.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ids.h>
#define DRM_BLOB(name) VIRTGPU_BLOB_##name
#else
#include "protocol/virtio_gpu.h"
#define DRM_BLOB(name) VIRTIO_GPU_BLOB_##name
#endif

#define NUMBER(name) printf("%s %lu\n", #name, (unsigned long)(name))
#define SIZE(type) printf("sizeof %s %zu\n", #type, sizeof(struct type))
#define MEMBER(type, member)                                                     \
	printf("%s.%s %zu+%zu\n", #type, #member, offsetof(struct type, member), \
	       sizeof(((struct type *)0)->member))

static void print_commands(void)
{
	NUMBER(VIRTIO_ID_GPU);
	NUMBER(VIRTIO_GPU_F_VIRGL);
	NUMBER(VIRTIO_GPU_F_EDID);
	NUMBER(VIRTIO_GPU_F_RESOURCE_UUID);
	NUMBER(VIRTIO_GPU_F_RESOURCE_BLOB);
	NUMBER(VIRTIO_GPU_F_CONTEXT_INIT);
	NUMBER(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_UNREF);
	NUMBER(VIRTIO_GPU_CMD_SET_SCANOUT);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	NUMBER(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING);
	NUMBER(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	NUMBER(VIRTIO_GPU_CMD_GET_CAPSET);
	NUMBER(VIRTIO_GPU_CMD_GET_EDID);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB);
	NUMBER(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB);
	NUMBER(VIRTIO_GPU_CMD_CTX_CREATE);
	NUMBER(VIRTIO_GPU_CMD_CTX_DESTROY);
	NUMBER(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE);
	NUMBER(VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D);
	NUMBER(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D);
	NUMBER(VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D);
	NUMBER(VIRTIO_GPU_CMD_SUBMIT_3D);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB);
	NUMBER(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB);
	NUMBER(VIRTIO_GPU_CMD_UPDATE_CURSOR);
	NUMBER(VIRTIO_GPU_CMD_MOVE_CURSOR);
	NUMBER(VIRTIO_GPU_RESP_OK_NODATA);
	NUMBER(VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	NUMBER(VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	NUMBER(VIRTIO_GPU_RESP_OK_CAPSET);
	NUMBER(VIRTIO_GPU_RESP_OK_EDID);
	NUMBER(VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	NUMBER(VIRTIO_GPU_RESP_OK_MAP_INFO);
	NUMBER(VIRTIO_GPU_RESP_ERR_UNSPEC);
	NUMBER(VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	NUMBER(VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	NUMBER(VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	NUMBER(VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	NUMBER(VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void print_constants(void)
{
	NUMBER(VIRTIO_GPU_SHM_ID_HOST_VISIBLE);
	NUMBER(VIRTIO_GPU_FLAG_FENCE);
	NUMBER(VIRTIO_GPU_FLAG_INFO_RING_IDX);
	NUMBER(VIRTIO_GPU_MAX_SCANOUTS);
	NUMBER(VIRTIO_GPU_EVENT_DISPLAY);
	NUMBER(VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP);
	NUMBER(VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK);
	NUMBER(VIRTIO_GPU_CAPSET_VIRGL);
	NUMBER(VIRTIO_GPU_CAPSET_VIRGL2);
	NUMBER(VIRTIO_GPU_BLOB_MEM_GUEST);
	NUMBER(VIRTIO_GPU_BLOB_MEM_HOST3D);
	NUMBER(VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE);
	NUMBER(VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE);
	NUMBER(DRM_BLOB(MEM_GUEST));
	NUMBER(DRM_BLOB(MEM_HOST3D));
	NUMBER(DRM_BLOB(MEM_HOST3D_GUEST));
	NUMBER(DRM_BLOB(FLAG_USE_MAPPABLE));
	NUMBER(DRM_BLOB(FLAG_USE_SHAREABLE));
	NUMBER(DRM_BLOB(FLAG_USE_CROSS_DEVICE));
	NUMBER(VIRTIO_GPU_MAP_CACHE_MASK);
	NUMBER(VIRTIO_GPU_MAP_CACHE_NONE);
	NUMBER(VIRTIO_GPU_MAP_CACHE_CACHED);
	NUMBER(VIRTIO_GPU_MAP_CACHE_UNCACHED);
	NUMBER(VIRTIO_GPU_MAP_CACHE_WC);
	NUMBER(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM);
	NUMBER(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM);
#ifdef VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN
	NUMBER(VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN);
#endif
#ifdef VIRTIO_GPU_CAPSET_VENUS
	NUMBER(VIRTIO_GPU_CAPSET_VENUS);
#endif
#ifdef VIRTIO_GPU_CAPSET_CROSS_DOMAIN
	NUMBER(VIRTIO_GPU_CAPSET_CROSS_DOMAIN);
#endif
#ifdef VIRTIO_GPU_CAPSET_DRM
	NUMBER(VIRTIO_GPU_CAPSET_DRM);
#endif
#ifdef VIRTIO_GPU_F_BLOB_ALIGNMENT
	NUMBER(VIRTIO_GPU_F_BLOB_ALIGNMENT);
	SIZE(virtio_gpu_config);
	MEMBER(virtio_gpu_config, blob_alignment);
#endif
}

static void print_2d(void)
{
	MEMBER(virtio_gpu_config, events_read);
	MEMBER(virtio_gpu_config, events_clear);
	MEMBER(virtio_gpu_config, num_scanouts);
	MEMBER(virtio_gpu_config, num_capsets);
	SIZE(virtio_gpu_ctrl_hdr);
	MEMBER(virtio_gpu_ctrl_hdr, type);
	MEMBER(virtio_gpu_ctrl_hdr, flags);
	MEMBER(virtio_gpu_ctrl_hdr, fence_id);
	MEMBER(virtio_gpu_ctrl_hdr, ctx_id);
	MEMBER(virtio_gpu_ctrl_hdr, ring_idx);
	SIZE(virtio_gpu_rect);
	MEMBER(virtio_gpu_rect, height);
	SIZE(virtio_gpu_mem_entry);
	MEMBER(virtio_gpu_mem_entry, addr);
	MEMBER(virtio_gpu_mem_entry, length);
	SIZE(virtio_gpu_display_one);
	MEMBER(virtio_gpu_display_one, enabled);
	SIZE(virtio_gpu_resp_display_info);
	MEMBER(virtio_gpu_resp_display_info, pmodes);
	SIZE(virtio_gpu_cmd_get_edid);
	MEMBER(virtio_gpu_cmd_get_edid, scanout);
	SIZE(virtio_gpu_resp_edid);
	MEMBER(virtio_gpu_resp_edid, size);
	MEMBER(virtio_gpu_resp_edid, edid);
	SIZE(virtio_gpu_resource_create_2d);
	MEMBER(virtio_gpu_resource_create_2d, resource_id);
	MEMBER(virtio_gpu_resource_create_2d, format);
	MEMBER(virtio_gpu_resource_create_2d, width);
	MEMBER(virtio_gpu_resource_create_2d, height);
	SIZE(virtio_gpu_resource_unref);
	MEMBER(virtio_gpu_resource_unref, resource_id);
	SIZE(virtio_gpu_set_scanout);
	MEMBER(virtio_gpu_set_scanout, r);
	MEMBER(virtio_gpu_set_scanout, scanout_id);
	MEMBER(virtio_gpu_set_scanout, resource_id);
	SIZE(virtio_gpu_resource_flush);
	MEMBER(virtio_gpu_resource_flush, resource_id);
	SIZE(virtio_gpu_transfer_to_host_2d);
	MEMBER(virtio_gpu_transfer_to_host_2d, offset);
	MEMBER(virtio_gpu_transfer_to_host_2d, resource_id);
	SIZE(virtio_gpu_resource_attach_backing);
	MEMBER(virtio_gpu_resource_attach_backing, nr_entries);
	SIZE(virtio_gpu_resource_detach_backing);
	SIZE(virtio_gpu_resource_assign_uuid);
	SIZE(virtio_gpu_resp_resource_uuid);
	MEMBER(virtio_gpu_resp_resource_uuid, uuid);
	SIZE(virtio_gpu_cursor_pos);
	MEMBER(virtio_gpu_cursor_pos, y);
	SIZE(virtio_gpu_update_cursor);
	MEMBER(virtio_gpu_update_cursor, pos);
	MEMBER(virtio_gpu_update_cursor, resource_id);
	MEMBER(virtio_gpu_update_cursor, hot_x);
	MEMBER(virtio_gpu_update_cursor, hot_y);
}

static void print_blob_and_3d(void)
{
	SIZE(virtio_gpu_resource_create_blob);
	MEMBER(virtio_gpu_resource_create_blob, resource_id);
	MEMBER(virtio_gpu_resource_create_blob, blob_mem);
	MEMBER(virtio_gpu_resource_create_blob, blob_flags);
	MEMBER(virtio_gpu_resource_create_blob, nr_entries);
	MEMBER(virtio_gpu_resource_create_blob, blob_id);
	MEMBER(virtio_gpu_resource_create_blob, size);
	SIZE(virtio_gpu_set_scanout_blob);
	MEMBER(virtio_gpu_set_scanout_blob, width);
	MEMBER(virtio_gpu_set_scanout_blob, height);
	MEMBER(virtio_gpu_set_scanout_blob, format);
	MEMBER(virtio_gpu_set_scanout_blob, strides);
	MEMBER(virtio_gpu_set_scanout_blob, offsets);
	SIZE(virtio_gpu_get_capset_info);
	MEMBER(virtio_gpu_get_capset_info, capset_index);
	SIZE(virtio_gpu_resp_capset_info);
	MEMBER(virtio_gpu_resp_capset_info, capset_max_size);
	SIZE(virtio_gpu_get_capset);
	MEMBER(virtio_gpu_get_capset, capset_version);
	SIZE(virtio_gpu_resp_capset);
	SIZE(virtio_gpu_box);
	MEMBER(virtio_gpu_box, d);
	SIZE(virtio_gpu_ctx_create);
	MEMBER(virtio_gpu_ctx_create, nlen);
	MEMBER(virtio_gpu_ctx_create, context_init);
	MEMBER(virtio_gpu_ctx_create, debug_name);
	SIZE(virtio_gpu_ctx_destroy);
	SIZE(virtio_gpu_ctx_resource);
	MEMBER(virtio_gpu_ctx_resource, resource_id);
	SIZE(virtio_gpu_resource_create_3d);
	MEMBER(virtio_gpu_resource_create_3d, target);
	MEMBER(virtio_gpu_resource_create_3d, bind);
	MEMBER(virtio_gpu_resource_create_3d, array_size);
	MEMBER(virtio_gpu_resource_create_3d, last_level);
	MEMBER(virtio_gpu_resource_create_3d, nr_samples);
	MEMBER(virtio_gpu_resource_create_3d, flags);
	SIZE(virtio_gpu_transfer_host_3d);
	MEMBER(virtio_gpu_transfer_host_3d, box);
	MEMBER(virtio_gpu_transfer_host_3d, offset);
	MEMBER(virtio_gpu_transfer_host_3d, resource_id);
	MEMBER(virtio_gpu_transfer_host_3d, level);
	MEMBER(virtio_gpu_transfer_host_3d, stride);
	MEMBER(virtio_gpu_transfer_host_3d, layer_stride);
	SIZE(virtio_gpu_cmd_submit);
	MEMBER(virtio_gpu_cmd_submit, size);
	SIZE(virtio_gpu_resource_map_blob);
	MEMBER(virtio_gpu_resource_map_blob, resource_id);
	MEMBER(virtio_gpu_resource_map_blob, offset);
	SIZE(virtio_gpu_resp_map_info);
	MEMBER(virtio_gpu_resp_map_info, map_info);
	SIZE(virtio_gpu_resource_unmap_blob);
}

int main(void)
{
	print_commands();
	print_constants();
	print_2d();
	print_blob_and_3d();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol of vhost-user, both channels, and of the vhost-user-gpu
 * display socket. Native byte order: both ends are processes of one machine.
 * Names follow the vhost-user specification.
 */
#ifndef PG_PROTOCOL_VHOST_USER_H
#define PG_PROTOCOL_VHOST_USER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/virtio_gpu.h"

/* Feature bit: the back end has protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define VHOST_F_LOG_ALL 26

#define VHOST_USER_PROTOCOL_F_MQ 0
#define VHOST_USER_PROTOCOL_F_LOG_SHMFD 1
#define VHOST_USER_PROTOCOL_F_REPLY_ACK 3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ 5
#define VHOST_USER_PROTOCOL_F_CONFIG 9
#define VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD 10
#define VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD 12
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13
#define VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS 14
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define VHOST_USER_PROTOCOL_F_STATUS 16
#define VHOST_USER_PROTOCOL_F_XEN_MMAP 17
#define VHOST_USER_PROTOCOL_F_SHARED_OBJECT 18
#define VHOST_USER_PROTOCOL_F_DEVICE_STATE 19
#define VHOST_USER_PROTOCOL_F_GPA_ADDRESSES 21
/* As in QEMU 11.1.3; other front ends used 20 or 21, so programs make it an option. */
#define VHOST_USER_PROTOCOL_F_SHMEM 22

#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_REPLY_MASK (1u << 2)
#define VHOST_USER_NEED_REPLY_MASK (1u << 3)

/* Front end to back end. */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_GET_SHARED_OBJECT = 41,
	VHOST_USER_SET_DEVICE_STATE_FD = 42,
	VHOST_USER_CHECK_DEVICE_STATE = 43,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
};

/* Back end to front end, over the socket of SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_IOTLB_MSG = 1,
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
	VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG = 3,
	VHOST_USER_BACKEND_SHARED_OBJECT_ADD = 6,
	VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE = 7,
	VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP = 8,
	VHOST_USER_BACKEND_SHMEM_MAP = 9,
	VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
};

/* Descriptors travel with the first byte of the header. */
struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vhost_user_memory_region {
	uint64_t guest_phys_addr;
	uint64_t memory_size;
	uint64_t userspace_addr;
	uint64_t mmap_offset;
};

#define VHOST_USER_MAX_MEM_TABLE_REGIONS 8
#define VHOST_USER_MAX_FDS 8

/* SET_MEM_TABLE; only the regions that exist are sent. */
struct vhost_user_memory {
	uint32_t nregions;
	uint32_t padding;
	struct vhost_user_memory_region regions[VHOST_USER_MAX_MEM_TABLE_REGIONS];
};

/* ADD_MEM_REG, REM_MEM_REG. */
struct vhost_user_single_mem_region {
	uint64_t padding;
	struct vhost_user_memory_region region;
};

struct vhost_user_log {
	uint64_t size;
	uint64_t offset;
};

/* SET_VRING_NUM, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE. */
struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

#define VHOST_VRING_F_LOG (1u << 0)

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc_user_addr;
	uint64_t used_user_addr;
	uint64_t avail_user_addr;
	uint64_t log_guest_addr;
};

/* The u64 of SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR. */
#define VHOST_USER_VRING_INDEX_MASK 0xffu
#define VHOST_USER_VRING_NOFD_MASK (1u << 8)

#define VHOST_USER_MAX_CONFIG_SIZE 256

/* GET_CONFIG, SET_CONFIG: followed by `size` bytes. */
struct vhost_user_config_header {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
};

struct vhost_user_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t num_queues;
	uint16_t queue_size;
	uint32_t padding; /* of the C structure; absent from messages of 20 bytes */
};

#define VHOST_USER_INFLIGHT_WIRE_SIZE 20

/* GET_SHMEM_CONFIG: indexed by shared memory id; 0 where there is no region. */
struct vhost_user_shmem_config {
	uint32_t nregions;
	uint32_t padding;
	uint64_t memory_sizes[256];
};

#define VHOST_USER_SHMEM_F_READ_WRITE (1u << 0)

/* SHMEM_MAP, SHMEM_UNMAP. */
struct vhost_user_shmem_map {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t len;
	uint64_t flags;
};

/* SHARED_OBJECT_ADD, SHARED_OBJECT_REMOVE, SHARED_OBJECT_LOOKUP. */
struct vhost_user_shared_object {
	uint8_t uuid[16];
};

/* The display socket of GPU_SET_SOCKET: the back end asks, the front end answers. */
enum vhost_user_gpu_request {
	VHOST_USER_GPU_GET_PROTOCOL_FEATURES = 1,
	VHOST_USER_GPU_SET_PROTOCOL_FEATURES = 2,
	VHOST_USER_GPU_GET_DISPLAY_INFO = 3,
	VHOST_USER_GPU_CURSOR_POS = 4,
	VHOST_USER_GPU_CURSOR_POS_HIDE = 5,
	VHOST_USER_GPU_CURSOR_UPDATE = 6,
	VHOST_USER_GPU_SCANOUT = 7,
	VHOST_USER_GPU_UPDATE = 8,
	VHOST_USER_GPU_DMABUF_SCANOUT = 9,
	VHOST_USER_GPU_DMABUF_UPDATE = 10,
	VHOST_USER_GPU_GET_EDID = 11,
	VHOST_USER_GPU_DMABUF_SCANOUT2 = 12,
};

#define VHOST_USER_GPU_PROTOCOL_F_EDID 0
#define VHOST_USER_GPU_PROTOCOL_F_DMABUF2 1

/* flags: VHOST_USER_REPLY_MASK in replies, no version. */
struct vhost_user_gpu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vhost_user_gpu_cursor_pos {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
};

struct vhost_user_gpu_cursor_update {
	struct vhost_user_gpu_cursor_pos pos;
	uint32_t hot_x;
	uint32_t hot_y;
	uint32_t data[VIRTIO_GPU_CURSOR_SIZE * VIRTIO_GPU_CURSOR_SIZE];
};

struct vhost_user_gpu_scanout {
	uint32_t scanout_id;
	uint32_t width;
	uint32_t height;
};

/* Followed by width * height pixels x8r8g8b8; DMABUF_UPDATE is the header alone. */
struct vhost_user_gpu_update {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
};

#define VHOST_USER_GPU_DMABUF_FLAG_Y_0_TOP (1u << 0)

struct vhost_user_gpu_dmabuf_scanout {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
	uint32_t fd_width;
	uint32_t fd_height;
	uint32_t fd_stride;
	uint32_t fd_flags;
	int32_t fd_drm_fourcc;
};

struct vhost_user_gpu_dmabuf_scanout2 {
	struct vhost_user_gpu_dmabuf_scanout dmabuf_scanout;
	uint64_t modifier;
};

struct vhost_user_gpu_edid_request {
	uint32_t scanout_id;
};

static_assert(sizeof(struct vhost_user_header) == 12, "header");
static_assert(sizeof(struct vhost_user_memory_region) == 32, "region");
static_assert(sizeof(struct vhost_user_memory) == 8 + 8 * 32, "memory");
static_assert(sizeof(struct vhost_user_single_mem_region) == 40, "single region");
static_assert(sizeof(struct vhost_user_vring_state) == 8, "vring state");
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "vring addr");
static_assert(sizeof(struct vhost_user_config_header) == 12, "config");
static_assert(offsetof(struct vhost_user_inflight, queue_size) == 18, "inflight");
static_assert(sizeof(struct vhost_user_shmem_config) == 2056, "shmem config");
static_assert(sizeof(struct vhost_user_shmem_map) == 40, "shmem map");
static_assert(sizeof(struct vhost_user_gpu_cursor_update) == 20 + 16384, "cursor update");
static_assert(sizeof(struct vhost_user_gpu_update) == 20, "update");
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout) == 40, "dmabuf scanout");
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout2) == 48, "dmabuf scanout 2");

#endif

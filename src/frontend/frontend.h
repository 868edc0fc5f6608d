/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user front end for a GPU: the part of a virtual machine monitor and
 * of a guest driver that talks to a back end, without any virtual machine.
 * The conformance suite, the benchmark and the tests drive back ends with it.
 *
 * It does what QEMU 11.1.3 does on the wire unless told otherwise, and it can
 * be told to do everything wrong. It is single-threaded: display socket and
 * back-end channel are served while it waits for a virtqueue, and, as in QEMU,
 * not while it waits for a reply on the main channel.
 *
 * The back end is not trusted to answer: every wait ends after
 * settings.timeout_ms. After a time-out or a lost connection the front end is
 * dead: each further call returns the same error at once, so that a caller may
 * test for success once, at the end.
 *
 * Functions return 0 or a negative errno unless they say otherwise;
 * pg_fe_error() has the sentence. This is also a C ABI for ctypes
 * (libpgfrontend.so, not installed); tests/rules/frontend.py mirrors it.
 */
#ifndef PG_FRONTEND_FRONTEND_H
#define PG_FRONTEND_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/vhost_user.h"
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_ring.h"

#define PG_FE_QUEUES 2
#define PG_FE_MAX_REGIONS 8
#define PG_FE_WAIT_DEFAULT UINT32_MAX

enum pg_fe_profile {
	PG_FE_PROFILE_GPU = 0,     /* QEMU's vhost-user-gpu-pci: display socket, RESET_DEVICE */
	PG_FE_PROFILE_GENERIC = 1, /* QEMU's vhost-user-test-device-pci: window, config events */
};

struct pg_fe_region_settings {
	uint64_t guest_address;
	uint64_t size;
};

/* Start from pg_fe_settings_init(). Only fixed-width members: Python mirrors it. */
struct pg_fe_settings {
	uint32_t profile;
	uint32_t timeout_ms;
	uint64_t features; /* accepted of what the back end offers */
	uint64_t
		forced_features; /* accepted whether offered or not, as QEMU's vhost-user-gpu does */
	uint64_t protocol_features; /* accepted of what the back end offers */
	uint64_t display_features;  /* VHOST_USER_GPU_PROTOCOL_F_* of the display socket */
	uint32_t queue_size[PG_FE_QUEUES];
	uint32_t indirect;   /* one indirect descriptor for each chain, if negotiated */
	uint32_t head_count; /* of the display socket's GET_DISPLAY_INFO */
	uint32_t region_count;
	uint32_t connect_timeout_ms; /* how long nobody may listen yet */
	struct pg_fe_region_settings regions[PG_FE_MAX_REGIONS];
};

/* Two regions with a hole between, everything negotiable wanted but packed rings and in-order. */
void pg_fe_settings_init(struct pg_fe_settings *settings);

struct pg_fe_segment {
	uint64_t address; /* guest physical */
	uint32_t length;
	uint32_t writable; /* by the device */
};

struct pg_fe;
struct pg_fe_queue;

/* --- connection (connection.c) --------------------------------------------------------------- */

/* Connects to a listening back end, retrying for connect_timeout_ms while nobody listens yet. */
int pg_fe_connect(const struct pg_fe_settings *settings, const char *path, struct pg_fe **out);

/* Takes a connected socket out of *fd. */
int pg_fe_adopt(const struct pg_fe_settings *settings, int *fd, struct pg_fe **out);

/* Closes everything. Accepts NULL. */
void pg_fe_destroy(struct pg_fe *fe);

/* Device creation: features, protocol features, owner, call descriptors, window. */
int pg_fe_negotiate(struct pg_fe *fe);

/* DRIVER_OK: display socket, features, memory, rings. From the bases of the last pg_fe_stop(). */
int pg_fe_start(struct pg_fe *fe);

/* Pause: display socket closed, rings disabled, GET_VRING_BASE. */
int pg_fe_stop(struct pg_fe *fe);

/* The driver resets the device: pg_fe_stop(), RESET_DEVICE (gpu), rings and guest memory fresh. */
int pg_fe_reset(struct pg_fe *fe);

/* pg_fe_connect() is followed by these in every ordinary use. */
int pg_fe_bring_up(struct pg_fe *fe);

uint64_t pg_fe_offered(const struct pg_fe *fe);
uint64_t pg_fe_features(const struct pg_fe *fe);
uint64_t pg_fe_protocol_offered(const struct pg_fe *fe);
uint64_t pg_fe_protocol_features(const struct pg_fe *fe);

/* What went wrong last, in a sentence; "" if nothing did. */
const char *pg_fe_error(const struct pg_fe *fe);

/* 0, or the error that ended this front end. */
int pg_fe_dead(const struct pg_fe *fe);

/* Serves display socket and back-end channel for `milliseconds`. */
int pg_fe_pump(struct pg_fe *fe, uint32_t milliseconds);

/* --- messages (message.c) -------------------------------------------------------------------- */

/*
 * Sends one message of the main channel and waits for what QEMU would wait for:
 * a defined reply into `reply` (exactly `reply_size` bytes), or with
 * `acknowledge` and REPLY_ACK the u64; -EREMOTEIO if that was not 0.
 */
int pg_fe_message(struct pg_fe *fe, uint32_t request, const void *payload, uint32_t size,
		  const int *fds, uint32_t fd_count, bool acknowledge, void *reply,
		  uint32_t reply_size);

/* Sends `size` bytes as they are, descriptors with the first. Never waits for a reply. */
int pg_fe_send_raw(struct pg_fe *fe, const void *bytes, size_t size, const int *fds,
		   uint32_t fd_count);

/* Sends a message with any header. */
int pg_fe_send_message(struct pg_fe *fe, uint32_t request, uint32_t flags, uint32_t stated_size,
		       const void *payload, size_t size, const int *fds, uint32_t fd_count);

/*
 * Receives one message of the main channel, or fails without killing the front
 * end: -ETIMEDOUT, -ECONNRESET. Descriptors that come along are closed and counted.
 */
int pg_fe_receive(struct pg_fe *fe, struct vhost_user_header *header, void *payload,
		  size_t capacity, uint32_t *fd_count, uint32_t timeout_ms);

int pg_fe_get_config(struct pg_fe *fe, uint32_t offset, uint32_t size, void *data);
int pg_fe_set_config(struct pg_fe *fe, uint32_t offset, uint32_t size, const void *data);
int pg_fe_set_mem_table(struct pg_fe *fe);
/* ADD_MEM_REG or REM_MEM_REG for region `index`. */
int pg_fe_change_slot(struct pg_fe *fe, uint32_t index, bool add);

/* --- guest memory (ram.c) -------------------------------------------------------------------- */

/* Guest memory that nobody else got: its guest address, or 0 when all is taken. */
uint64_t pg_fe_alloc(struct pg_fe *fe, uint64_t size, uint64_t alignment);

/* Forgets allocations made since pg_fe_mark(). No command may have grown in between. */
uint64_t pg_fe_mark(const struct pg_fe *fe);
void pg_fe_release(struct pg_fe *fe, uint64_t mark);

/* Where guest memory lies in this process; NULL unless all of it is in one region. */
void *pg_fe_memory(const struct pg_fe *fe, uint64_t address, uint64_t size);

/* First address behind region `index`. */
uint64_t pg_fe_region_end(const struct pg_fe *fe, uint32_t index);

/* --- queues (queue.c, split.c, packed.c) ------------------------------------------------------ */

/* Makes a chain available without notifying. Returns 0 and a token, -ENOSPC if the ring is full. */
int pg_fe_submit(struct pg_fe *fe, uint32_t index, const struct pg_fe_segment *segments,
		 uint32_t count, uint64_t *token);

/* Notifies the back end if it asked to be. */
int pg_fe_kick(struct pg_fe *fe, uint32_t index);

/* Notifies in any case. */
int pg_fe_kick_always(struct pg_fe *fe, uint32_t index);

/* Waits until the chain is used; `used_length` may be NULL. */
int pg_fe_wait(struct pg_fe *fe, uint32_t index, uint64_t token, uint32_t timeout_ms,
	       uint32_t *used_length);

/* Returns 1 and the oldest unclaimed completion, 0 if there is none, or a negative errno. */
int pg_fe_poll_used(struct pg_fe *fe, uint32_t index, uint64_t *token, uint32_t *used_length);

uint32_t pg_fe_queue_free(const struct pg_fe *fe, uint32_t index);

/* --- commands (command.c) --------------------------------------------------------------------- */

/* Cuts every following request and response into descriptors of that many bytes; 0: as Linux does. */
void pg_fe_set_shape(struct pg_fe *fe, uint32_t readable_chunk, uint32_t writable_chunk);

/* For the next command only. */
void pg_fe_fence_next(struct pg_fe *fe, uint32_t flags, uint64_t fence_id, uint8_t ring_idx);
void pg_fe_context_next(struct pg_fe *fe, uint32_t ctx_id);

/*
 * Executes a request: `request` with its header, then `extra`. `response_size`
 * writable bytes are offered and what was written is in `response`, its length
 * in *used_length (may be NULL). Returns 0 or a negative errno.
 */
int pg_fe_execute(struct pg_fe *fe, uint32_t queue, const void *request, size_t size,
		  const void *extra, size_t extra_size, void *response, uint32_t response_size,
		  uint32_t *used_length);

/* The same in two steps; `handle` stays valid until finish. */
int pg_fe_command_start(struct pg_fe *fe, uint32_t queue, const void *request, size_t size,
			const void *extra, size_t extra_size, uint32_t response_size,
			uint32_t *handle);
int pg_fe_command_finish(struct pg_fe *fe, uint32_t handle, uint32_t timeout_ms, void *response,
			 uint32_t response_size, uint32_t *used_length);

/* Whether it is complete by now, without waiting. */
bool pg_fe_command_done(struct pg_fe *fe, uint32_t handle);

/* The header of the last response, as it came. */
void pg_fe_last_response(const struct pg_fe *fe, struct virtio_gpu_ctrl_hdr *header);

/* What is wrong with the last response, as every response has to be; "" if nothing. */
const char *pg_fe_framing_fault(const struct pg_fe *fe);

/* --- GPU commands (gpu.c): each returns the response's type, or a negative errno --------------- */

int pg_fe_get_display_info(struct pg_fe *fe, struct virtio_gpu_resp_display_info *info);
int pg_fe_get_edid(struct pg_fe *fe, uint32_t scanout, struct virtio_gpu_resp_edid *edid);
int pg_fe_create_2d(struct pg_fe *fe, uint32_t id, uint32_t format, uint32_t width,
		    uint32_t height);
int pg_fe_unref(struct pg_fe *fe, uint32_t id);
int pg_fe_set_scanout(struct pg_fe *fe, uint32_t scanout, uint32_t id, uint32_t x, uint32_t y,
		      uint32_t width, uint32_t height);
int pg_fe_flush(struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height);
int pg_fe_transfer(struct pg_fe *fe, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		   uint32_t height, uint64_t offset);
/* `stated` entries are announced, `count` are sent. */
int pg_fe_attach_entries(struct pg_fe *fe, uint32_t id, uint32_t stated,
			 const struct virtio_gpu_mem_entry *entries, uint32_t count);
int pg_fe_attach(struct pg_fe *fe, uint32_t id, uint64_t address, uint32_t length);
/* The range in entries of `piece` bytes. */
int pg_fe_attach_pieces(struct pg_fe *fe, uint32_t id, uint64_t address, uint64_t length,
			uint32_t piece);
int pg_fe_detach(struct pg_fe *fe, uint32_t id);
int pg_fe_get_capset_info(struct pg_fe *fe, uint32_t index,
			  struct virtio_gpu_resp_capset_info *info);
int pg_fe_get_capset(struct pg_fe *fe, uint32_t id, uint32_t version, void *response,
		     uint32_t response_size);
int pg_fe_assign_uuid(struct pg_fe *fe, uint32_t id, uint8_t uuid[16]);
int pg_fe_create_blob_entries(struct pg_fe *fe, uint32_t id, uint32_t mem, uint32_t flags,
			      uint64_t blob_id, uint64_t size, uint32_t stated,
			      const struct virtio_gpu_mem_entry *entries, uint32_t count);
/* A guest blob in one entry, or in entries of `piece` bytes. */
int pg_fe_create_blob(struct pg_fe *fe, uint32_t id, uint64_t address, uint64_t size,
		      uint32_t piece);
int pg_fe_set_scanout_blob(struct pg_fe *fe, uint32_t scanout, uint32_t id,
			   const struct virtio_gpu_rect *r, uint32_t width, uint32_t height,
			   uint32_t format, uint32_t stride, uint32_t offset);
int pg_fe_ctx_create(struct pg_fe *fe, uint32_t ctx_id, uint32_t context_init, const char *name);
int pg_fe_ctx_destroy(struct pg_fe *fe, uint32_t ctx_id);
int pg_fe_ctx_attach(struct pg_fe *fe, uint32_t ctx_id, uint32_t id);
int pg_fe_ctx_detach(struct pg_fe *fe, uint32_t ctx_id, uint32_t id);
int pg_fe_create_3d(struct pg_fe *fe, const struct virtio_gpu_resource_create_3d *fields);
int pg_fe_transfer_3d(struct pg_fe *fe, bool to_host,
		      const struct virtio_gpu_transfer_host_3d *fields);
int pg_fe_submit_3d(struct pg_fe *fe, uint32_t ctx_id, uint32_t stated, const void *commands,
		    uint32_t size);
int pg_fe_map_blob(struct pg_fe *fe, uint32_t id, uint64_t offset, uint32_t *map_info);
int pg_fe_unmap_blob(struct pg_fe *fe, uint32_t id);
/* On the cursor queue and, as Linux does, without a response: 0 or a negative errno. */
int pg_fe_update_cursor(struct pg_fe *fe, uint32_t scanout, uint32_t id, int32_t x, int32_t y,
			uint32_t hot_x, uint32_t hot_y);
int pg_fe_move_cursor(struct pg_fe *fe, uint32_t scanout, int32_t x, int32_t y);

struct virtio_gpu_rect pg_fe_rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height);
void pg_fe_fill_header(struct virtio_gpu_ctrl_hdr *header, uint32_t type);
struct virtio_gpu_mem_entry pg_fe_entry(uint64_t address, uint32_t length);

/* --- display socket (display.c) ---------------------------------------------------------------- */

struct pg_fe_cursor {
	uint32_t visible;
	uint32_t x, y;
	uint32_t hot_x, hot_y;
	uint32_t updates; /* images received */
	uint32_t moves;
	uint32_t pixels[VIRTIO_GPU_CURSOR_SIZE * VIRTIO_GPU_CURSOR_SIZE];
};

/* What QEMU's console would show of one head. */
struct pg_fe_head {
	uint32_t width, height; /* 0: off */
	uint32_t scanouts;      /* SCANOUT messages */
	uint32_t updates;       /* UPDATE and DMABUF_UPDATE messages */
	uint32_t last_x, last_y, last_width, last_height;
	uint64_t bytes;   /* of pixels received */
	uint32_t *pixels; /* x8r8g8b8, width * height; NULL if off or a dma-buf */
	struct pg_fe_cursor cursor;
	/* private: a dma-buf scanout */
	struct vhost_user_gpu_dmabuf_scanout dmabuf;
	void *dmabuf_map;
	uint64_t dmabuf_size;
};

/* NULL for a head that does not exist, and on profile generic. */
const struct pg_fe_head *pg_fe_get_head(const struct pg_fe *fe, uint32_t head);

/* Serves the display socket until head `head` had `updates` updates in all. */
int pg_fe_wait_updates(struct pg_fe *fe, uint32_t head, uint32_t updates, uint32_t timeout_ms);

/* Serves until nothing came for `quiet_ms`. */
int pg_fe_settle(struct pg_fe *fe, uint32_t quiet_ms);

/* One pixel of what a head shows, 0x00RRGGBB; 0xffffffff where nothing is. */
uint32_t pg_fe_pixel(const struct pg_fe *fe, uint32_t index, uint32_t x, uint32_t y);

/* How many messages broke the display protocol, and what the first did. */
uint32_t pg_fe_display_faults(const struct pg_fe *fe, const char **first);

/* How many requests had flags, which QEMU ignores. */
uint32_t pg_fe_display_odd_flags(const struct pg_fe *fe);

/* What GET_DISPLAY_INFO and GET_EDID answer from now on. `edid_size` is what the reply states. */
int pg_fe_set_display(struct pg_fe *fe, uint32_t head, uint32_t width, uint32_t height,
		      bool enabled);
int pg_fe_set_edid(struct pg_fe *fe, uint32_t edid_size);

/* While stalled nothing is read from the display socket. */
void pg_fe_stall_display(struct pg_fe *fe, bool stalled);

/* A new display socket, as QEMU brings it after `cont`; pictures received so far are forgotten. */
int pg_fe_replace_display(struct pg_fe *fe);

/* Closes the front end's side, as QEMU does on `stop`. */
void pg_fe_close_display(struct pg_fe *fe);

/* --- back-end channel (backend.c) ---------------------------------------------------------------- */

uint32_t pg_fe_config_changes(const struct pg_fe *fe);
uint64_t pg_fe_window_size(const struct pg_fe *fe);
const void *pg_fe_window(const struct pg_fe *fe);
uint32_t pg_fe_window_mappings(const struct pg_fe *fe);
uint32_t pg_fe_shared_objects(const struct pg_fe *fe);

#endif

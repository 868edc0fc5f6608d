/* SPDX-License-Identifier: MIT */
/*
 * The inside of the front end, for src/frontend and for rules that break rings
 * on purpose (src/cli/conform). Not for Python.
 */
#ifndef PG_FRONTEND_INTERNAL_H
#define PG_FRONTEND_INTERNAL_H

#include "frontend/frontend.h"

struct pg_fe_region {
	uint64_t guest_address;
	uint64_t size;
	uint64_t offset; /* in the memfd */
	uint64_t next;   /* offset of the first byte that pg_fe_alloc() has not given away */
};

/* One head (of a chain in flight) or buffer id. */
struct pg_fe_slot {
	uint64_t token;
	uint64_t table; /* its indirect table in guest memory, kept for re-use */
	uint32_t table_capacity;
	uint32_t writable; /* bytes of the chain that the device may write */
	uint16_t descriptors;
	uint16_t next; /* descriptor of a split chain; not read back from shared memory */
	bool busy;
};

struct pg_fe_completion {
	uint64_t token;
	uint32_t length;
};

struct pg_fe_queue {
	uint32_t index;
	uint32_t size;
	bool packed, event_idx, in_order, indirect;
	bool made; /* its rings have guest memory */
	int kick, call, err;

	uint64_t desc_address, avail_address, used_address;
	union {
		struct virtq_desc *split;
		struct pvirtq_desc *packed;
	} desc;
	/* split: struct virtq_avail; packed: the driver's struct pvirtq_event_suppress */
	void *avail;
	/* split: struct virtq_used; packed: the device's struct pvirtq_event_suppress */
	void *used;

	struct pg_fe_slot *slots;
	/*
	 * Free ids, first in first out, so that in-order devices see them in ring order.
	 * Split: descriptors, of which a chain's first is its id. Packed: buffer ids.
	 */
	uint16_t *ids;
	uint32_t ids_head, ids_count;
	uint32_t free_count;  /* packed: descriptors not in use */
	uint16_t avail_index; /* split: counts for ever; packed: ring position */
	uint16_t used_index;
	uint16_t added; /* made available since the last decision to kick */
	bool avail_wrap, used_wrap;
	/* ids in the order in which they were made available, for in-order */
	uint16_t *order;
	uint32_t order_head, order_count;
	uint64_t next_token;
	uint32_t base; /* of SET_VRING_BASE at the next start */

	struct pg_fe_completion *done; /* used, not yet claimed */
	size_t done_count, done_capacity;
	uint64_t kicks, interrupts;
};

/* The guest memory of one command in flight. */
struct pg_fe_command {
	uint64_t request, response; /* guest addresses */
	uint64_t request_capacity, response_capacity;
	uint64_t token;
	uint32_t queue;
	uint32_t response_size;
	struct virtio_gpu_ctrl_hdr header; /* of the request */
	bool busy;
};

struct pg_fe_display {
	int fd;
	bool stalled;
	uint64_t features; /* accepted by the back end */
	uint32_t edid_size;
	struct virtio_gpu_resp_display_info info;
	struct pg_fe_head heads[VIRTIO_GPU_MAX_SCANOUTS];
	uint32_t head_count;
	uint32_t faults, odd_flags;
	char first_fault[160];
	uint32_t info_requests, edid_requests;
};

#define PG_FE_MAX_MAPPINGS 1024

struct pg_fe_backend {
	int fd;
	uint32_t config_changes;
	uint64_t window_size;
	void *window;
	struct {
		uint64_t offset, length;
	} mappings[PG_FE_MAX_MAPPINGS];
	uint32_t mapping_count;
	uint8_t objects[64][16];
	uint32_t object_count;
};

struct pg_fe {
	struct pg_fe_settings settings;
	int socket;
	int dead;
	char error[320];

	uint64_t offered, features;
	uint64_t protocol_offered, protocol_features;
	bool negotiated, started, slots_added;

	int memfd;
	uint8_t *ram;
	uint64_t ram_size;
	struct pg_fe_region regions[PG_FE_MAX_REGIONS];
	uint32_t region_count;

	struct pg_fe_queue queues[PG_FE_QUEUES];
	struct pg_fe_display display;
	struct pg_fe_backend backend;

	uint32_t readable_chunk, writable_chunk;
	uint32_t next_flags, next_context;
	uint64_t next_fence;
	uint8_t next_ring;
	struct pg_fe_command *commands;
	uint32_t command_count;
	struct pg_fe_segment *segments; /* scratch */
	size_t segment_capacity;
	struct virtio_gpu_ctrl_hdr last_response;
	struct virtio_gpu_update_cursor last_cursor;
	char framing_fault[200];
};

/* Notes the sentence and returns `error`. */
__attribute__((format(printf, 3, 4))) int pg_fe_fail(struct pg_fe *fe, int error,
						     const char *format, ...);
/* The same, and the front end is dead from now on. */
__attribute__((format(printf, 3, 4))) int pg_fe_die(struct pg_fe *fe, int error, const char *format,
						    ...);

/* socket.c: exactly `size` bytes until `deadline_ns`; 0, -ETIMEDOUT, -ECONNRESET or other. */
int pg_fe_socket_send(int fd, const void *bytes, size_t size, const int *fds, uint32_t fd_count,
		      uint64_t deadline_ns);
int pg_fe_socket_receive(int fd, void *bytes, size_t size, int *fds, uint32_t *fd_count,
			 uint64_t deadline_ns);
int pg_fe_wait_readable(int fd, uint64_t deadline_ns);
uint64_t pg_fe_deadline(const struct pg_fe *fe, uint32_t timeout_ms);

/* ram.c */
int pg_fe_ram_create(struct pg_fe *fe);
void pg_fe_ram_destroy(struct pg_fe *fe);
void pg_fe_ram_forget(struct pg_fe *fe);
uint64_t pg_fe_user_address(const struct pg_fe *fe, uint64_t guest_address);

/* queue.c, split.c, packed.c */
int pg_fe_queue_create(struct pg_fe *fe, uint32_t index);
void pg_fe_queue_destroy(struct pg_fe_queue *queue);
/* Fresh rings in guest memory with everything free. */
int pg_fe_queue_prepare(struct pg_fe *fe, struct pg_fe_queue *queue);
void pg_fe_queue_reset(struct pg_fe_queue *queue);
void pg_fe_queue_done(struct pg_fe *fe, struct pg_fe_queue *queue, uint16_t id, uint32_t length);
uint64_t pg_fe_slot_table(struct pg_fe *fe, struct pg_fe_slot *slot, uint32_t count);
int pg_fe_collect(struct pg_fe *fe, struct pg_fe_queue *queue);
bool pg_fe_arm(struct pg_fe_queue *queue);
/* Drains the call eventfd; whether it had been signalled. */
bool pg_fe_take_interrupt(struct pg_fe_queue *queue);
int pg_fe_split_prepare(struct pg_fe *fe, struct pg_fe_queue *queue);
int pg_fe_split_add(struct pg_fe *fe, struct pg_fe_queue *queue,
		    const struct pg_fe_segment *segments, uint32_t count, uint16_t *id);
int pg_fe_split_collect(struct pg_fe *fe, struct pg_fe_queue *queue);
bool pg_fe_split_arm(struct pg_fe_queue *queue);
bool pg_fe_split_wants_kick(struct pg_fe_queue *queue);
int pg_fe_packed_prepare(struct pg_fe *fe, struct pg_fe_queue *queue);
int pg_fe_packed_add(struct pg_fe *fe, struct pg_fe_queue *queue,
		     const struct pg_fe_segment *segments, uint32_t count, uint16_t *id);
int pg_fe_packed_collect(struct pg_fe *fe, struct pg_fe_queue *queue);
bool pg_fe_packed_arm(struct pg_fe_queue *queue);
bool pg_fe_packed_wants_kick(struct pg_fe_queue *queue);

/* serve.c: waits for one of: `extra_fd` readable, something served, the deadline. */
int pg_fe_serve(struct pg_fe *fe, int extra_fd, bool *extra_ready, uint64_t deadline_ns);

/* display.c, backend.c: handle one message. */
int pg_fe_display_open(struct pg_fe *fe);
int pg_fe_display_serve(struct pg_fe *fe);
void pg_fe_display_reset(struct pg_fe *fe);
int pg_fe_backend_serve(struct pg_fe *fe);
int pg_fe_backend_open_window(struct pg_fe *fe, uint64_t size);
void pg_fe_backend_close(struct pg_fe *fe);
/* A new device forgets its mappings, as QEMU does at reset. */
void pg_fe_backend_reset(struct pg_fe *fe);

/* The names of main channel requests. */
const char *pg_fe_request_name(uint32_t request);

#endif

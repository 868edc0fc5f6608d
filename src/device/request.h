/* SPDX-License-Identifier: MIT */
/*
 * One request on its way through the device: the only place that reads a
 * request's memory and the only one that writes a response's.
 *
 * The guest can change its memory at any time. Header and fixed part are copied
 * once, before anything is looked at; a trailing array is read once, from front
 * to back. Handlers see copies only.
 */
#ifndef PG_DEVICE_REQUEST_H
#define PG_DEVICE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/device.h>

#include "base/list.h"
#include "memory/iov.h"
#include "protocol/commands.h"

struct pg_call {
	struct paragpu_device *device;
	struct paragpu_request *request;
	const struct pg_command *command; /* NULL: unknown */
	/* The copy: header and fixed part; zeroes beyond what the guest sent. */
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		uint8_t bytes[PG_REQUEST_FIXED_MAX];
		uint64_t alignment;
	} fixed;
	size_t size;               /* bytes of the copy that the guest sent */
	struct pg_iov_reader tail; /* what follows the fixed part */
	bool tail_short;           /* sticky: more of the tail was read than there is */
	bool replied;
	bool deferred;            /* the response comes later */
	struct pg_signal *signal; /* set aside for a fence; see signal.h */
	struct pg_list *place;    /* before which its claims go; NULL: behind all; see order.h */
};

/*
 * A handler returns this instead of a response when it can't do anything yet:
 * it is called again after a later pg_order_run(). It must not have read the tail.
 */
#define PG_CALL_AGAIN 0

/* Copies the request. Trailing bytes are read later, after pg_call_set_command(). */
void pg_call_init(struct pg_call *call, struct paragpu_device *device,
		  struct paragpu_request *request);

/* Says where the fixed part ends. False if the request is too short for it. */
bool pg_call_set_command(struct pg_call *call, const struct pg_command *command);

/* The fixed part as the command's structure. */
#define pg_call_fixed(call, type) ((const struct type *)(const void *)(call)->fixed.bytes)

/* Whether `size` more bytes follow. Ask before allocating for them. */
bool pg_call_has(const struct pg_call *call, uint64_t size);

/*
 * Reads the next `size` bytes of the tail. Beyond the end it yields zeroes and
 * sets call->tail_short for good: look at that once, at the end.
 */
void pg_call_read(struct pg_call *call, void *destination, size_t size);

/*
 * Executes a call whose command is set, and answers it unless the answer comes
 * later or the call was put off.
 */
void pg_call_execute(struct pg_call *call);

/*
 * Writes the response: a structure that begins with its header, which is filled
 * in here. Responses start from zeroes: declare them `= {0}`. Returns `type`.
 */
uint32_t pg_call_reply(struct pg_call *call, uint32_t type, void *response, size_t size);

/*
 * The same for a request whose handler has returned; `hdr` is the copy of its
 * request's header. Truncates to what the writable part holds.
 */
void pg_reply(struct paragpu_device *device, struct paragpu_request *request,
	      const struct virtio_gpu_ctrl_hdr *hdr, uint32_t type, void *response, size_t size);

/* Makes the request's record outlive the call. */
void pg_record_keep(struct paragpu_request *request);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t pg_clock_ns(void);

/* A handler executes one command and returns its response type, VIRTIO_GPU_RESP_*. */
typedef uint32_t (*pg_handler)(struct pg_call *call);

/* The handlers, by enum pg_command_index; NULL: the device lacks the command. */
extern const pg_handler pg_handlers[PG_COMMAND_COUNT];

uint32_t pg_get_display_info(struct pg_call *call);
uint32_t pg_get_edid(struct pg_call *call);
uint32_t pg_resource_create_2d(struct pg_call *call);
uint32_t pg_transfer_to_host_2d(struct pg_call *call);
uint32_t pg_resource_unref(struct pg_call *call);
uint32_t pg_resource_assign_uuid(struct pg_call *call);
uint32_t pg_resource_attach_backing(struct pg_call *call);
uint32_t pg_resource_detach_backing(struct pg_call *call);
uint32_t pg_resource_create_blob(struct pg_call *call);
uint32_t pg_set_scanout(struct pg_call *call);
uint32_t pg_set_scanout_blob(struct pg_call *call);
uint32_t pg_resource_flush(struct pg_call *call);
uint32_t pg_get_capset_info(struct pg_call *call);
uint32_t pg_get_capset(struct pg_call *call);
uint32_t pg_ctx_create(struct pg_call *call);
uint32_t pg_ctx_destroy(struct pg_call *call);
uint32_t pg_ctx_attach_resource(struct pg_call *call);
uint32_t pg_ctx_detach_resource(struct pg_call *call);
uint32_t pg_resource_create_3d(struct pg_call *call);
uint32_t pg_transfer_to_host_3d(struct pg_call *call);
uint32_t pg_transfer_from_host_3d(struct pg_call *call);
uint32_t pg_submit_3d(struct pg_call *call);
uint32_t pg_resource_map_blob(struct pg_call *call);
uint32_t pg_resource_unmap_blob(struct pg_call *call);
uint32_t pg_update_cursor(struct pg_call *call);
uint32_t pg_move_cursor(struct pg_call *call);

/* The resource that an id names, or NULL; id 0 names none. */
struct pg_resource *pg_call_resource(const struct pg_call *call, le32 id);

#endif

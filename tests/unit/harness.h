/* SPDX-License-Identifier: MIT */
/*
 * A device in this process, driven through its public interface only, with 16 MiB
 * of guest memory at GUEST_BASE and a display that writes down what it is told.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <paragpu/device.h>

#include "protocol/commands.h"

#define GUEST_BASE UINT64_C(0x40000000)
#define GUEST_SIZE (UINT64_C(16) << 20)
#define ALL_FEATURES (PG_F(EDID) | PG_F(RESOURCE_UUID) | PG_F(RESOURCE_BLOB) | PG_F(BLOB_ALIGNMENT))

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

/* A display that records. Fields may be cleared between commands. */
struct recorder {
	struct paragpu_display base;
	struct paragpu_display_ops ops;
	unsigned int scanouts, offs, flushes, cursors, images, questions;
	uint32_t head;
	struct paragpu_picture picture; /* of the last scanout or flush */
	struct paragpu_rect damage;
	struct paragpu_cursor cursor;
	bool hold; /* take a hold in each flush */
	struct paragpu_flush *held[16];
	unsigned int held_count;
	struct paragpu_query *query; /* the open question */
};

/* One request with room for the largest response. */
struct ask {
	struct paragpu_request request;
	struct iovec readable[2], writable;
	uint8_t bytes[128];
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
		struct virtio_gpu_resp_resource_uuid uuid;
		uint8_t bytes[2048];
	} response;
	size_t written;
	unsigned int completed;
	unsigned int place; /* in the order of completions, from 1 */
};

struct harness {
	struct paragpu_settings settings;
	struct paragpu_device *device;
	struct paragpu_memory *memory;
	uint8_t *ram;
	struct recorder display;
	unsigned int completions, config_changes, traces;
	struct ask ask; /* of the functions below */
	uint64_t fence; /* if not 0, commands carry this fence */
	char trace[256];
};

/* Default settings, to be changed before harness_start(). */
void harness_init(struct harness *harness);

/* Makes the device with two heads unless settings say otherwise, its memory and its display. */
void harness_start(struct harness *harness);
void harness_stop(struct harness *harness);

/* cmocka fixtures: init, start; stop. */
int harness_setup(void **state);
int harness_teardown(void **state);

/* Submits any bytes on any queue. The ask must live until it is completed. */
void harness_submit(struct harness *harness, struct ask *ask, enum paragpu_queue queue,
		    const void *command, size_t size, const void *tail, size_t tail_size);

/* Submits a command with its type filled in, asserts that it completes, returns the response type. */
uint32_t harness_command(struct harness *harness, uint32_t type, void *command, size_t size,
			 const void *tail, size_t tail_size);

static inline uint32_t response_type(const struct ask *ask)
{
	return pg_from_le32(ask->response.hdr.type);
}

/* The commands. All return the response type. */
uint32_t create_2d(struct harness *harness, uint32_t id, uint32_t format, uint32_t width,
		   uint32_t height);
uint32_t create_blob(struct harness *harness, uint32_t id, uint64_t size,
		     const struct virtio_gpu_mem_entry *entries, uint32_t count);
uint32_t attach(struct harness *harness, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		uint32_t count);
uint32_t detach(struct harness *harness, uint32_t id);
uint32_t unref(struct harness *harness, uint32_t id);
uint32_t set_scanout(struct harness *harness, uint32_t head, uint32_t id, struct paragpu_rect rect);
uint32_t set_scanout_blob(struct harness *harness, uint32_t head, uint32_t id, uint32_t width,
			  uint32_t height, uint32_t format, uint32_t stride, uint32_t offset,
			  struct paragpu_rect rect);
uint32_t transfer(struct harness *harness, uint32_t id, struct paragpu_rect rect, uint64_t offset);
uint32_t flush(struct harness *harness, uint32_t id, struct paragpu_rect rect);
uint32_t update_cursor(struct harness *harness, uint32_t head, uint32_t id, int32_t x, int32_t y,
		       uint32_t hot_x, uint32_t hot_y);
uint32_t move_cursor(struct harness *harness, uint32_t head, int32_t x, int32_t y);

static inline struct paragpu_rect rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct paragpu_rect){x, y, width, height};
}

static inline void assert_rect(const struct paragpu_rect *actual, uint32_t x, uint32_t y,
			       uint32_t width, uint32_t height)
{
	assert_int_equal(actual->x, x);
	assert_int_equal(actual->y, y);
	assert_int_equal(actual->width, width);
	assert_int_equal(actual->height, height);
}

static inline struct virtio_gpu_mem_entry entry(uint64_t offset, uint32_t length)
{
	return (struct virtio_gpu_mem_entry){
		.addr = pg_to_le64(GUEST_BASE + offset),
		.length = pg_to_le32(length),
	};
}

/* A digest of all that can be seen of a device's state, to show that an error changed nothing. */
uint64_t harness_state(struct harness *harness);

#endif

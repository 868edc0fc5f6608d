/* SPDX-License-Identifier: MIT */
/*
 * Work: a command that goes on after its handler returned, in stages, each of
 * which may ask renderers and the window for something and wait for all of it.
 *
 * The work is tied to its request, which waits for it. Reset drops all work: no
 * stage runs any more, and nothing that it asked for is answered (renderers) or
 * heeded (the window).
 */
#ifndef PG_DEVICE_OPERATION_H
#define PG_DEVICE_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/renderer.h>

#include "base/list.h"
#include "device/order.h"
#include "device/renderer.h"
#include "device/scanout.h"
#include "protocol/virtio_gpu.h"

struct pg_call;
struct pg_context;
struct pg_object;
struct pg_work;

/* One call to a renderer; there is room for one to each in every work. */
struct paragpu_operation {
	struct pg_list link; /* in the renderer's list, while it is open */
	struct pg_work *work;
};

/* What an answer brings besides success. */
enum pg_wanted {
	PG_WANT_NOTHING,
	PG_WANT_BLOB,
	PG_WANT_IMAGE,
};

struct pg_work {
	struct pg_list link; /* in the device's list */
	struct pg_claim claim;
	struct paragpu_device *device;
	struct paragpu_request *request;
	struct virtio_gpu_ctrl_hdr hdr; /* of the request */
	unsigned int pending;           /* what the stage waits for, itself included */
	int error;                      /* the first one of the stage */
	void (*next)(struct pg_work *work);

	enum pg_wanted wanted;
	bool answered; /* `memory` or `image` is filled in; its descriptor is the work's until taken */
	union {
		struct paragpu_export memory;
		struct paragpu_image image;
	} answer;

	/* The command's own; pointers only for work whose claim keeps what they point to. */
	struct pg_context *context;
	struct pg_resource *resource;
	uint32_t resource_id;
	uint64_t serial; /* of the resource, to tell it from a later one with its id */
	struct pg_object *object;
	struct pg_view view;
	struct paragpu_rect rect;
	uint32_t head;
	struct virtio_gpu_update_cursor cursor;

	struct paragpu_operation operations[PG_MAX_RENDERERS];
};

/*
 * Turns a call into work; commands that touch `keys` (NULL: none) wait until it
 * is finished. Returns NULL when there is no memory, or too much is held.
 */
struct pg_work *pg_work_begin(struct pg_call *call, const struct pg_keys *keys);

/* Asks a renderer: the operation to pass to it. The stage waits for its answer. */
struct paragpu_operation *pg_work_ask(struct pg_work *work, struct pg_renderer *renderer);

/* The stage waits for one thing more, which is over with pg_work_arrived(). */
void pg_work_wait(struct pg_work *work);
void pg_work_arrived(struct pg_work *work, int error);

/*
 * The stage has asked for everything: `next` runs as soon as all is answered,
 * perhaps now. `next` looks at work->error and ends in this function again, or in
 * one of the following. The work may be gone afterwards.
 */
void pg_work_stage(struct pg_work *work, void (*next)(struct pg_work *work));

/* The last stage: answers the request and frees the work. */
void pg_work_finish(struct pg_work *work, uint32_t type);
void pg_work_reply(struct pg_work *work, uint32_t type, void *response, size_t size);

/* As a `next`: answers with OK_NODATA or with the error. */
void pg_work_finish_plainly(struct pg_work *work);

/* The one place where a renderer's errno becomes a response; 0 becomes OK_NODATA. */
uint32_t pg_response_of(int error);

/* Frees all work, after the renderers forgot their operations. */
void pg_works_drop_all(struct paragpu_device *device);

/* Frees what pg_work_begin() keeps for the next. */
void pg_works_finish(struct paragpu_device *device);

#endif

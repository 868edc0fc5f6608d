/* SPDX-License-Identifier: MIT */
/*
 * What the device process and a worker say to each other: one record for each
 * function of renderer.h and each answer, in the order of the calls. Both ends
 * come from the same build, so there is no negotiation, only a check.
 *
 * A `handle` names an open operation or fence of the device process. Variable
 * parts follow the structure. Unknown bits and padding are 0.
 */
#ifndef PG_WORKER_WIRE_H
#define PG_WORKER_WIRE_H

#include <stdint.h>

#include <paragpu/renderer.h>

#define PG_WIRE_MAGIC 0x70677731u /* changes with every change in this file */
#define PG_WIRE_NAME 72
#define PG_WIRE_REASON 120

enum pg_wire_type {
	/* to the worker */
	PG_WIRE_MEMORY_BEGIN = 1, /* a new table of guest memory: */
	PG_WIRE_MEMORY_REGION,    /* + descriptor */
	PG_WIRE_MEMORY_COMMIT,
	PG_WIRE_CONTEXT_CREATE,
	PG_WIRE_CONTEXT_DESTROY, /* struct pg_wire_pair, as the next two */
	PG_WIRE_CONTEXT_ATTACH,
	PG_WIRE_CONTEXT_DETACH,
	PG_WIRE_SUBMIT, /* + stream */
	PG_WIRE_FENCE,
	PG_WIRE_RESOURCE_CREATE_3D,
	PG_WIRE_RESOURCE_CREATE_BLOB, /* + spans */
	PG_WIRE_RESOURCE_IMPORT,      /* + spans, + descriptor */
	PG_WIRE_ATTACH_BACKING,       /* struct pg_wire_resource + spans */
	PG_WIRE_DETACH_BACKING,       /* struct pg_wire_resource, as the next */
	PG_WIRE_RESOURCE_UNREF,
	PG_WIRE_TRANSFER,
	PG_WIRE_PRESENT,
	PG_WIRE_PING, /* struct pg_wire_signal */

	/* from the worker */
	PG_WIRE_HELLO,
	PG_WIRE_CAPSET, /* + data, in the order of the hello */
	PG_WIRE_DONE,
	PG_WIRE_BLOB_CREATED, /* + descriptor */
	PG_WIRE_PRESENTED,    /* + descriptor, or none: as last time */
	PG_WIRE_SIGNAL,
	PG_WIRE_CONTEXT_LOST,
	PG_WIRE_LOST, /* struct pg_wire_context_lost */
	PG_WIRE_PONG,
};

/* The first message on the socket, with the ring memory and two eventfds: the worker's, the device's. */
struct pg_wire_setup {
	uint32_t magic;
	uint32_t to_worker_size;
	uint32_t to_device_size;
	uint32_t pad;
};

/* The message on the socket that brings a record's descriptors. */
struct pg_wire_descriptors {
	uint64_t sequence; /* counts such messages in each direction, from 1 */
	uint32_t count;
	uint32_t pad;
};

struct pg_wire_region {
	uint64_t guest_addr, size, fd_offset;
};

struct pg_wire_context_create {
	uint64_t handle;
	uint32_t ctx_id, capset_id;
	uint32_t serial; /* tells contexts with the same id apart */
	uint32_t pad;
	char name[PG_WIRE_NAME];
};

struct pg_wire_pair {
	uint32_t ctx_id, resource_id;
};

struct pg_wire_submit {
	uint64_t handle;
	uint32_t ctx_id, pad;
};

struct pg_wire_fence {
	uint64_t handle;
	uint32_t ctx_id;
	uint8_t has_ring, ring_idx;
	uint8_t pad[2];
};

struct pg_wire_create_3d {
	uint64_t handle;
	uint32_t resource_id, pad;
	struct paragpu_resource_3d args;
};

struct pg_wire_create_blob {
	uint64_t handle;
	uint32_t ctx_id, resource_id;
	struct paragpu_blob args;
};

struct pg_wire_export {
	uint64_t fd_offset, size;
	uint32_t handle, map_info;
	uint8_t mappable;
	uint8_t pad[7];
};

struct pg_wire_image {
	uint32_t width, height, format, stride;
	uint64_t modifier;
	struct pg_wire_export memory;
};

#define PG_WIRE_IMPORT_BLOB 1u
#define PG_WIRE_IMPORT_IMAGE 2u
#define PG_WIRE_IMPORT_MEMORY 4u

struct pg_wire_import {
	uint64_t handle;
	uint32_t resource_id, parts;
	struct paragpu_blob blob;
	struct pg_wire_image image; /* its memory holds with IMPORT_MEMORY alone too */
};

struct pg_wire_resource {
	uint64_t handle;
	uint32_t resource_id, pad;
};

struct pg_wire_transfer {
	uint64_t handle;
	uint32_t ctx_id, resource_id;
	uint32_t to_host, pad;
	struct paragpu_transfer args;
};

struct pg_wire_present {
	uint64_t handle;
	uint32_t resource_id, pad;
	struct paragpu_rect rect;
};

struct pg_wire_hello {
	uint32_t magic;
	uint32_t capset_count;
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
};

struct pg_wire_done {
	uint64_t handle;
	int32_t error;
	uint32_t pad;
};

struct pg_wire_blob_created {
	uint64_t handle;
	struct pg_wire_export memory;
};

struct pg_wire_presented {
	uint64_t handle;
	struct pg_wire_image image;
};

struct pg_wire_signal {
	uint64_t handle;
};

struct pg_wire_context_lost {
	uint32_t ctx_id, serial;
	char reason[PG_WIRE_REASON];
};

/* No holes, the same in every build. */
_Static_assert(sizeof(struct pg_wire_setup) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_descriptors) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_region) == 24, "layout");
_Static_assert(sizeof(struct pg_wire_context_create) == 96, "layout");
_Static_assert(sizeof(struct pg_wire_pair) == 8, "layout");
_Static_assert(sizeof(struct pg_wire_submit) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_fence) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_create_3d) == 56, "layout");
_Static_assert(sizeof(struct pg_wire_create_blob) == 40, "layout");
_Static_assert(sizeof(struct pg_wire_export) == 32, "layout");
_Static_assert(sizeof(struct pg_wire_image) == 56, "layout");
_Static_assert(sizeof(struct pg_wire_import) == 96, "layout");
_Static_assert(sizeof(struct pg_wire_resource) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_transfer) == 72, "layout");
_Static_assert(sizeof(struct pg_wire_present) == 32, "layout");
_Static_assert(sizeof(struct pg_wire_hello) == 200, "layout");
_Static_assert(sizeof(struct pg_wire_done) == 16, "layout");
_Static_assert(sizeof(struct pg_wire_blob_created) == 40, "layout");
_Static_assert(sizeof(struct pg_wire_presented) == 64, "layout");
_Static_assert(sizeof(struct pg_wire_context_lost) == 128, "layout");
_Static_assert(sizeof(struct paragpu_span) == 16, "layout");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the worker says, checked and handed to the device. A guest may own the
 * worker: handles must be open and of the right kind, memory must be as large as
 * it claims and unable to shrink under us, and anything else ends the worker.
 */
#include "worker/proxy_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "protocol/virtio_gpu.h"

/* Fills *memory from what the worker claims of *fd, which it takes on success. */
static int check_export(const struct pg_wire_export *claim, int *fd, struct paragpu_export *memory)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end;
	off_t length;

	*memory = (struct paragpu_export){
		.handle = PARAGPU_HANDLE_NONE,
		.fd = -1,
		.size = claim->size,
		.map_info = claim->map_info & VIRTIO_GPU_MAP_CACHE_MASK,
	};
	if (claim->handle > PARAGPU_HANDLE_OPAQUE ||
	    (claim->handle == PARAGPU_HANDLE_NONE) != (*fd < 0))
		return -EPROTO;
	if (*fd < 0)
		return 0;
	if (claim->handle == PARAGPU_HANDLE_SHM && !(fcntl(*fd, F_GET_SEALS) & F_SEAL_SHRINK))
		return -EPROTO;
	if (claim->mappable) {
		length = lseek(*fd, 0, SEEK_END);
		if (length <= 0 || claim->fd_offset % page ||
		    !pg_align_up_u64((uint64_t)length, page, &end) ||
		    !pg_range_inside(claim->fd_offset, claim->size, end))
			return -EPROTO;
	}
	memory->handle = claim->handle;
	memory->fd_offset = claim->fd_offset;
	memory->mappable = claim->mappable != 0;
	memory->fd = pg_take_fd(fd);
	return 0;
}

/* Takes the operation out if the handle is open and of one of the kinds. */
static struct paragpu_operation *close_operation(struct pg_proxy *proxy, uint64_t handle,
						 enum pg_slot_kind kind)
{
	struct pg_slot *slot = pg_slot_find(proxy, handle);
	struct paragpu_operation *operation;

	if (!slot || slot->kind == PG_SLOT_FENCE || (kind != PG_SLOT_FREE && slot->kind != kind))
		return NULL;
	operation = slot->operation;
	pg_slot_give(proxy, slot);
	return operation;
}

static int hello(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_hello *said = message->payload;

	if (proxy->greeted || said->magic != PG_WIRE_MAGIC ||
	    said->capset_count > PARAGPU_MAX_CAPSETS)
		return -EPROTO;
	proxy->greeted = true;
	/* the device has asked the first worker, and what it said stays */
	if (proxy->starts > 1)
		return 0;
	for (uint32_t i = 0; i < said->capset_count; i++) {
		if (!said->capsets[i].max_size ||
		    said->capsets[i].max_size > PARAGPU_MAX_CAPSET_SIZE)
			return -EPROTO;
	}
	proxy->capset_count = said->capset_count;
	memcpy(proxy->capsets, said->capsets, sizeof(proxy->capsets));
	return 0;
}

static int capset(struct pg_proxy *proxy, struct pg_message *message)
{
	void *data;

	if (!proxy->greeted)
		return -EPROTO;
	if (proxy->starts > 1)
		return 0;
	if (proxy->capsets_filled >= proxy->capset_count ||
	    message->size != proxy->capsets[proxy->capsets_filled].max_size)
		return -EPROTO;
	data = malloc(message->size);
	if (!data)
		return -ENOMEM;
	memcpy(data, message->payload, message->size);
	proxy->capset_data[proxy->capsets_filled++] = data;
	return 0;
}

static int done(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_done *said = message->payload;
	struct pg_slot *slot = pg_slot_find(proxy, said->handle);
	bool failed = said->error < 0;
	struct paragpu_operation *operation;

	if (!slot || said->error > 0 || said->error < -4095 ||
	    (!failed && slot->kind != PG_SLOT_DONE && slot->kind != PG_SLOT_CONTEXT))
		return -EPROTO;
	if (failed && slot->kind == PG_SLOT_CONTEXT)
		free(pg_idmap_take(&proxy->contexts, slot->ctx_id));
	operation = close_operation(proxy, said->handle, PG_SLOT_FREE);
	if (!operation)
		return -EPROTO;
	paragpu_operation_done(operation, said->error);
	return 0;
}

static int blob_created(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_blob_created *said = message->payload;
	struct pg_slot *slot = pg_slot_find(proxy, said->handle);
	struct paragpu_export memory;

	if (!slot || slot->kind != PG_SLOT_BLOB ||
	    check_export(&said->memory, &message->fd, &memory))
		return -EPROTO;
	paragpu_operation_blob_created(close_operation(proxy, said->handle, PG_SLOT_BLOB), &memory);
	return 0;
}

static int presented(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_presented *said = message->payload;
	struct pg_slot *slot = pg_slot_find(proxy, said->handle);
	struct pg_wire_export claim = said->image.memory;
	struct paragpu_image image = {
		.width = said->image.width,
		.height = said->image.height,
		.format = said->image.format,
		.stride = said->image.stride,
		.modifier = said->image.modifier,
	};
	uint64_t needed;

	if (!slot || slot->kind != PG_SLOT_PRESENT)
		return -EPROTO;
	/* linear pixels are read here: they must all be there */
	if (!image.width || !image.height || image.width > UINT32_MAX / 4 ||
	    (!image.modifier &&
	     (image.stride < image.width * 4 || !pg_mul_u64(image.stride, image.height, &needed) ||
	      needed > claim.size)))
		return -EPROTO;
	if (message->fd < 0)
		claim.handle = PARAGPU_HANDLE_NONE; /* as last time */
	if (check_export(&claim, &message->fd, &image.memory))
		return -EPROTO;
	image.memory.fd_offset = claim.fd_offset;
	paragpu_operation_presented(close_operation(proxy, said->handle, PG_SLOT_PRESENT), &image);
	return 0;
}

static int signalled(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_signal *said = message->payload;
	struct pg_slot *slot = pg_slot_find(proxy, said->handle);
	uint64_t cookie;

	/* a fence whose context went meanwhile is none of the device's business */
	if (!slot || slot->kind != PG_SLOT_FENCE)
		return 0;
	cookie = slot->cookie;
	pg_slot_give(proxy, slot);
	paragpu_renderer_signal(&proxy->base, cookie);
	return 0;
}

static int context_lost(struct pg_proxy *proxy, struct pg_message *message)
{
	struct pg_wire_context_lost *said = message->payload;
	struct pg_proxy_context *context = pg_idmap_get(&proxy->contexts, said->ctx_id);

	/* destroyed, and perhaps made anew, while the news was under way */
	if (!context || context->serial != said->serial)
		return 0;
	said->reason[sizeof(said->reason) - 1] = 0;
	pg_log(proxy->log, PG_LOG_DEBUG, proxy->name, "context %u is lost: %s", said->ctx_id,
	       said->reason);
	free(pg_idmap_take(&proxy->contexts, said->ctx_id));
	pg_slot_drop_fences(proxy, said->ctx_id);
	paragpu_renderer_context_lost(&proxy->base, said->ctx_id, said->reason);
	return 0;
}

static int lost(struct pg_proxy *proxy, struct pg_message *message)
{
	const struct pg_wire_context_lost *said = message->payload;

	memcpy(proxy->reason, said->reason, sizeof(proxy->reason) - 1);
	pg_proxy_fail(proxy, proxy->reason);
	return 0;
}

static int pong(struct pg_proxy *proxy, struct pg_message *message)
{
	(void)message;
	proxy->pinged = false;
	return 0;
}

int pg_proxy_answer(struct pg_proxy *proxy, struct pg_message *message)
{
	static const struct {
		enum pg_wire_type type;
		int (*function)(struct pg_proxy *proxy, struct pg_message *message);
		size_t size;
	} answers[] = {
		{PG_WIRE_SIGNAL, signalled, sizeof(struct pg_wire_signal)},
		{PG_WIRE_DONE, done, sizeof(struct pg_wire_done)},
		{PG_WIRE_BLOB_CREATED, blob_created, sizeof(struct pg_wire_blob_created)},
		{PG_WIRE_PRESENTED, presented, sizeof(struct pg_wire_presented)},
		{PG_WIRE_CONTEXT_LOST, context_lost, sizeof(struct pg_wire_context_lost)},
		{PG_WIRE_LOST, lost, sizeof(struct pg_wire_context_lost)},
		{PG_WIRE_PONG, pong, sizeof(struct pg_wire_signal)},
		{PG_WIRE_HELLO, hello, sizeof(struct pg_wire_hello)},
	};

	if (message->type == PG_WIRE_CAPSET)
		return capset(proxy, message);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].type == message->type)
			return message->size == answers[i].size
				       ? answers[i].function(proxy, message)
				       : -EPROTO;
	}
	return -EPROTO;
}

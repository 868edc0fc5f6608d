/* SPDX-License-Identifier: MIT */
/*
 * The device's calls as records to the worker. What the ring has no room for
 * waits in memory, in order and up to a bound: a worker that does not keep up
 * costs the guest an error, never the device a wait.
 */
#include "worker/proxy_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "memory/iov.h"

/* Operations are refused above the first; what cannot be refused ends the worker above the second. */
#define QUEUE_SOFT_LIMIT ((size_t)64 << 20)
#define QUEUE_HARD_LIMIT ((size_t)192 << 20)

/* --- sending --- */

static int queue_record(struct pg_proxy *proxy, enum pg_wire_type type,
			const struct iovec pieces[2], int fd)
{
	size_t size = pieces[0].iov_len + pieces[1].iov_len;
	struct pg_queued *queued;

	if (proxy->queued + size > QUEUE_SOFT_LIMIT && type != PG_WIRE_CONTEXT_DESTROY &&
	    type != PG_WIRE_CONTEXT_ATTACH && type != PG_WIRE_CONTEXT_DETACH)
		return -ENOMEM;
	if (proxy->queued + size > QUEUE_HARD_LIMIT) {
		pg_proxy_fail(proxy, "it does not keep up with its work");
		return -ENOMEM;
	}
	queued = malloc(sizeof(*queued) + size);
	if (!queued)
		return -ENOMEM;
	queued->type = type;
	queued->size = size;
	queued->fd = -1;
	if (fd >= 0) {
		queued->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (queued->fd < 0) {
			free(queued);
			return -ENOMEM;
		}
	}
	pg_iov_read(pieces, 2, 0, queued->payload, size);
	pg_list_append(&proxy->queue, &queued->link);
	proxy->queued += sizeof(*queued) + size;
	return 0;
}

int pg_proxy_send(struct pg_proxy *proxy, enum pg_wire_type type, const void *head, size_t size,
		  const void *data, size_t data_size, int fd)
{
	const struct iovec pieces[2] = {
		{.iov_base = (void *)(uintptr_t)head, .iov_len = size},
		{.iov_base = (void *)(uintptr_t)data, .iov_len = data_size},
	};
	int error = -EAGAIN;

	proxy->used = true;
	/* lost already: it gets its answer with the rest, in the next dispatch */
	if (proxy->failure)
		return 0;
	if (pg_list_empty(&proxy->queue))
		error = pg_channel_send(&proxy->channel, type, pieces, 2, fd);
	if (error == -EAGAIN)
		error = queue_record(proxy, type, pieces, fd);
	if (error && error != -ENOMEM && error != -EMSGSIZE) {
		pg_proxy_fail(proxy, "its connection is broken");
		error = 0;
	}
	if (!error)
		pg_proxy_watch(proxy);
	return error;
}

static void queued_free(struct pg_proxy *proxy, struct pg_queued *queued)
{
	pg_list_remove(&queued->link);
	proxy->queued -= sizeof(*queued) + queued->size;
	pg_close(&queued->fd);
	free(queued);
}

void pg_proxy_flush(struct pg_proxy *proxy)
{
	while (!proxy->failure && !pg_list_empty(&proxy->queue)) {
		struct pg_queued *queued =
			pg_container_of(proxy->queue.next, struct pg_queued, link);
		const struct iovec piece = {.iov_base = queued->payload, .iov_len = queued->size};
		int error = pg_channel_send(&proxy->channel, queued->type, &piece, 1, queued->fd);

		if (error == -EAGAIN)
			return;
		if (error)
			pg_proxy_fail(proxy, "its connection is broken");
		queued_free(proxy, queued);
	}
}

void pg_proxy_drop_queue(struct pg_proxy *proxy)
{
	while (!pg_list_empty(&proxy->queue))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that removal changes the list */
		queued_free(proxy, pg_container_of(proxy->queue.next, struct pg_queued, link));
}

/*
 * Opens an operation: its handle goes first in every record that has one. The
 * caller then sends, and says what came of it to finish_operation().
 */
static uint64_t open_operation(struct pg_proxy *proxy, enum pg_slot_kind kind, uint32_t ctx_id,
			       struct paragpu_operation *operation)
{
	uint64_t handle = proxy->process.pid || proxy->failure ? pg_slot_take(proxy, kind, ctx_id)
							       : 0;

	if (handle)
		pg_slot_find(proxy, handle)->operation = operation;
	else /* without a worker there is nothing that it could be about */
		paragpu_operation_done(operation, proxy->process.pid ? -ENOMEM : -EIO);
	return handle;
}

static void finish_operation(struct pg_proxy *proxy, uint64_t handle, int error)
{
	struct pg_slot *slot = error ? pg_slot_find(proxy, handle) : NULL;
	struct paragpu_operation *operation;

	if (!slot)
		return;
	operation = slot->operation;
	pg_slot_give(proxy, slot);
	paragpu_operation_done(operation, error == -EMSGSIZE ? -E2BIG : error);
}

/* --- memory --- */

static int send_regions(struct pg_proxy *proxy)
{
	struct paragpu_memory_region region;
	int error = 0;

	for (size_t i = 0;
	     !error && proxy->memory && paragpu_memory_get_region(proxy->memory, i, &region); i++) {
		const struct pg_wire_region record = {region.guest_addr, region.size,
						      region.fd_offset};

		/* an embedder's pointer means nothing in another process: a hole there */
		if (region.fd >= 0)
			error = pg_proxy_send(proxy, PG_WIRE_MEMORY_REGION, &record, sizeof(record),
					      NULL, 0, region.fd);
	}
	return error;
}

void pg_proxy_send_memory(struct pg_proxy *proxy)
{
	bool used = proxy->used;
	int error = pg_proxy_send(proxy, PG_WIRE_MEMORY_BEGIN, NULL, 0, NULL, 0, -1);

	if (!error)
		error = send_regions(proxy);
	if (!error)
		error = pg_proxy_send(proxy, PG_WIRE_MEMORY_COMMIT, NULL, 0, NULL, 0, -1);
	if (error)
		pg_proxy_fail(proxy, "it cannot be told of the guest's memory");
	proxy->used = used;
}

/* --- contexts --- */

static int add_context(struct pg_proxy *proxy, uint32_t ctx_id, uint32_t *serial)
{
	struct pg_proxy_context *context = calloc(1, sizeof(*context));
	int error;

	if (!context)
		return -ENOMEM;
	context->id = ctx_id;
	context->serial = *serial = ++proxy->next_serial;
	error = pg_idmap_add(&proxy->contexts, ctx_id, context);
	if (error)
		free(context);
	return error == -EEXIST ? -EINVAL : error;
}

void pg_proxy_context_create(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t capset_id,
			     const char *name, struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_context_create call = {.ctx_id = ctx_id, .capset_id = capset_id};
	int error = pg_proxy_need(proxy);

	if (!error)
		error = add_context(proxy, ctx_id, &call.serial);
	if (error) {
		paragpu_operation_done(operation, error);
		return;
	}
	strncpy(call.name, name ? name : "", sizeof(call.name) - 1);
	call.handle = open_operation(proxy, PG_SLOT_CONTEXT, ctx_id, operation);
	if (call.handle)
		error = pg_proxy_send(proxy, PG_WIRE_CONTEXT_CREATE, &call, sizeof(call), NULL, 0,
				      -1);
	if (error || !call.handle)
		free(pg_idmap_take(&proxy->contexts, ctx_id));
	finish_operation(proxy, call.handle, error);
}

/* What has no answer must not get lost, or the worker would think something else than the device. */
static void send_pair(struct pg_proxy *proxy, enum pg_wire_type type, uint32_t ctx_id,
		      uint32_t resource_id)
{
	const struct pg_wire_pair call = {.ctx_id = ctx_id, .resource_id = resource_id};

	if (pg_proxy_send(proxy, type, &call, sizeof(call), NULL, 0, -1))
		pg_proxy_fail(proxy, "it does not keep up with its work");
}

void pg_proxy_context_destroy(struct paragpu_renderer *renderer, uint32_t ctx_id)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_proxy_context *context = pg_idmap_take(&proxy->contexts, ctx_id);

	if (!context)
		return;
	free(context);
	pg_slot_drop_fences(proxy, ctx_id);
	send_pair(proxy, PG_WIRE_CONTEXT_DESTROY, ctx_id, 0);
}

void pg_proxy_context_attach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	if (pg_idmap_get(&proxy->contexts, ctx_id))
		send_pair(proxy, PG_WIRE_CONTEXT_ATTACH, ctx_id, resource_id);
}

void pg_proxy_context_detach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);

	if (pg_idmap_get(&proxy->contexts, ctx_id))
		send_pair(proxy, PG_WIRE_CONTEXT_DETACH, ctx_id, resource_id);
}

void pg_proxy_submit(struct paragpu_renderer *renderer, uint32_t ctx_id, const struct iovec *pieces,
		     size_t count, size_t size, struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_submit call = {.ctx_id = ctx_id};
	void *gathered = NULL;
	const void *stream = count == 1 ? pieces[0].iov_base : NULL;
	int error = 0;

	if (!pg_idmap_get(&proxy->contexts, ctx_id)) {
		paragpu_operation_done(operation, -ESRCH);
		return;
	}
	call.handle = open_operation(proxy, PG_SLOT_DONE, ctx_id, operation);
	if (!call.handle)
		return;
	if (count > 1 || (count == 1 && pieces[0].iov_len < size)) {
		gathered = malloc(size ? size : 1);
		stream = gathered;
		if (!gathered)
			error = -ENOMEM;
		else if (pg_iov_read(pieces, count, 0, gathered, size) != size)
			error = -EINVAL;
	}
	if (!error)
		error = pg_proxy_send(proxy, PG_WIRE_SUBMIT, &call, sizeof(call), stream, size, -1);
	free(gathered);
	finish_operation(proxy, call.handle, error);
}

int pg_proxy_fence(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		   uint8_t ring_idx, uint64_t cookie)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_fence call = {.ctx_id = ctx_id, .has_ring = has_ring, .ring_idx = ring_idx};
	int error;

	if (!proxy->process.pid || (ctx_id && !pg_idmap_get(&proxy->contexts, ctx_id)))
		return -ESRCH;
	if (has_ring && ring_idx >= PARAGPU_MAX_RINGS)
		return -EINVAL;
	call.handle = pg_slot_take(proxy, PG_SLOT_FENCE, ctx_id);
	if (!call.handle)
		return -ENOMEM;
	pg_slot_find(proxy, call.handle)->cookie = cookie;
	error = pg_proxy_send(proxy, PG_WIRE_FENCE, &call, sizeof(call), NULL, 0, -1);
	if (error)
		pg_slot_give(proxy, pg_slot_find(proxy, call.handle));
	return error;
}

/* --- resources --- */

/* Makers of something need a worker; returns false if the operation is answered. */
static bool need_worker(struct pg_proxy *proxy, struct paragpu_operation *operation)
{
	int error = pg_proxy_need(proxy);

	if (error)
		paragpu_operation_done(operation, error);
	return !error;
}

void pg_proxy_resource_create_3d(struct paragpu_renderer *renderer, uint32_t resource_id,
				 const struct paragpu_resource_3d *args,
				 struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_create_3d call = {.resource_id = resource_id, .args = *args};

	if (!need_worker(proxy, operation))
		return;
	call.handle = open_operation(proxy, PG_SLOT_DONE, 0, operation);
	if (call.handle)
		finish_operation(proxy, call.handle,
				 pg_proxy_send(proxy, PG_WIRE_RESOURCE_CREATE_3D, &call,
					       sizeof(call), NULL, 0, -1));
}

void pg_proxy_resource_create_blob(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   uint32_t resource_id, const struct paragpu_blob *args,
				   const struct paragpu_span *spans, size_t count,
				   struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_create_blob call = {
		.ctx_id = ctx_id, .resource_id = resource_id, .args = *args};

	if (!pg_idmap_get(&proxy->contexts, ctx_id)) {
		paragpu_operation_done(operation, -ESRCH);
		return;
	}
	call.handle = open_operation(proxy, PG_SLOT_BLOB, ctx_id, operation);
	if (call.handle)
		finish_operation(proxy, call.handle,
				 pg_proxy_send(proxy, PG_WIRE_RESOURCE_CREATE_BLOB, &call,
					       sizeof(call), spans, count * sizeof(*spans), -1));
}

static struct pg_wire_export wire_export(const struct paragpu_export *memory)
{
	return (struct pg_wire_export){
		.fd_offset = memory->fd_offset,
		.size = memory->size,
		.handle = memory->fd < 0 ? PARAGPU_HANDLE_NONE : memory->handle,
		.map_info = memory->map_info,
		.mappable = memory->mappable,
	};
}

void pg_proxy_resource_import(struct paragpu_renderer *renderer, uint32_t resource_id,
			      const struct paragpu_import *import,
			      struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	const struct paragpu_export *memory = import->memory;
	struct pg_wire_import call = {.resource_id = resource_id};

	if (!need_worker(proxy, operation))
		return;
	if (import->blob) {
		call.parts |= PG_WIRE_IMPORT_BLOB;
		call.blob = *import->blob;
	}
	if (import->image) {
		call.parts |= PG_WIRE_IMPORT_IMAGE;
		call.image = (struct pg_wire_image){
			.width = import->image->width,
			.height = import->image->height,
			.format = import->image->format,
			.stride = import->image->stride,
			.modifier = import->image->modifier,
		};
		if (!memory)
			memory = &import->image->memory;
	}
	if (import->memory)
		call.parts |= PG_WIRE_IMPORT_MEMORY;
	if (memory)
		call.image.memory = wire_export(memory);
	call.handle = open_operation(proxy, PG_SLOT_DONE, 0, operation);
	if (call.handle)
		finish_operation(proxy, call.handle,
				 pg_proxy_send(proxy, PG_WIRE_RESOURCE_IMPORT, &call, sizeof(call),
					       import->spans,
					       import->count * sizeof(*import->spans),
					       memory ? memory->fd : -1));
}

void pg_proxy_resource_attach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      const struct paragpu_span *spans, size_t count,
				      struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_resource call = {.resource_id = resource_id};

	call.handle = open_operation(proxy, PG_SLOT_DONE, 0, operation);
	if (call.handle)
		finish_operation(proxy, call.handle,
				 pg_proxy_send(proxy, PG_WIRE_ATTACH_BACKING, &call, sizeof(call),
					       spans, count * sizeof(*spans), -1));
}

static void on_resource(struct paragpu_renderer *renderer, enum pg_wire_type type,
			uint32_t resource_id, struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_resource call = {.resource_id = resource_id};

	call.handle = open_operation(proxy, PG_SLOT_DONE, 0, operation);
	if (call.handle)
		finish_operation(proxy, call.handle,
				 pg_proxy_send(proxy, type, &call, sizeof(call), NULL, 0, -1));
}

void pg_proxy_resource_detach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      struct paragpu_operation *operation)
{
	on_resource(renderer, PG_WIRE_DETACH_BACKING, resource_id, operation);
}

void pg_proxy_resource_unref(struct paragpu_renderer *renderer, uint32_t resource_id,
			     struct paragpu_operation *operation)
{
	on_resource(renderer, PG_WIRE_RESOURCE_UNREF, resource_id, operation);
}

void pg_proxy_transfer(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
		       bool to_host, const struct paragpu_transfer *args,
		       struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_transfer call = {
		.ctx_id = ctx_id, .resource_id = resource_id, .to_host = to_host, .args = *args};

	call.handle = open_operation(proxy, PG_SLOT_DONE, ctx_id, operation);
	if (call.handle)
		finish_operation(
			proxy, call.handle,
			pg_proxy_send(proxy, PG_WIRE_TRANSFER, &call, sizeof(call), NULL, 0, -1));
}

void pg_proxy_present(struct paragpu_renderer *renderer, uint32_t resource_id,
		      struct paragpu_rect rect, struct paragpu_operation *operation)
{
	struct pg_proxy *proxy = pg_proxy_from(renderer);
	struct pg_wire_present call = {.resource_id = resource_id, .rect = rect};

	call.handle = open_operation(proxy, PG_SLOT_PRESENT, 0, operation);
	if (call.handle)
		finish_operation(
			proxy, call.handle,
			pg_proxy_send(proxy, PG_WIRE_PRESENT, &call, sizeof(call), NULL, 0, -1));
}

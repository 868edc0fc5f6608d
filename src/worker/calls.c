/* SPDX-License-Identifier: MIT */
/*
 * From records to calls of the renderer, one function each. A record of the
 * wrong size ends the worker: both ends are of one build, so the other is broken.
 */
#include "worker/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* A new operation, or NULL when the server has to end. */
static struct paragpu_operation *operation_new(struct pg_server *server, uint64_t handle)
{
	struct paragpu_operation *operation = calloc(1, sizeof(*operation));

	if (!operation) {
		server->error = -ENOMEM;
		return NULL;
	}
	operation->server = server;
	operation->handle = handle;
	return operation;
}

/* The answer to what the renderer has no function for. */
static void answer(struct pg_server *server, uint64_t handle, int error)
{
	const struct pg_wire_done done = {.handle = handle, .error = error};

	pg_server_send(server, PG_WIRE_DONE, &done, sizeof(done), NULL, 0, -1);
}

/* The spans behind a structure. Returns false if the rest is no whole number of them. */
static bool spans_after(const struct pg_message *message, size_t head,
			const struct paragpu_span **spans, size_t *count)
{
	size_t rest = message->size - head;

	*spans = (const void *)((const uint8_t *)message->payload + head);
	*count = rest / sizeof(**spans);
	return rest % sizeof(**spans) == 0;
}

/* --- memory --- */

static int memory_begin(struct pg_server *server, struct pg_message *message)
{
	(void)message;
	paragpu_memory_unref(&server->next_memory);
	return paragpu_memory_create(&server->next_memory);
}

static int memory_region(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_region *region = message->payload;

	if (!server->next_memory || message->fd < 0)
		return -EPROTO;
	return paragpu_memory_add_fd(server->next_memory, region->guest_addr, region->size,
				     &message->fd, region->fd_offset);
}

static int memory_commit(struct pg_server *server, struct pg_message *message)
{
	(void)message;
	if (server->renderer->ops->set_memory)
		server->renderer->ops->set_memory(server->renderer, server->next_memory);
	paragpu_memory_unref(&server->next_memory);
	return 0;
}

/* --- contexts --- */

static int context_create(struct pg_server *server, struct pg_message *message)
{
	struct pg_wire_context_create *call = message->payload;
	struct pg_served_context *context = calloc(1, sizeof(*context));
	struct paragpu_operation *operation = operation_new(server, call->handle);
	int error = context && operation ? 0 : -ENOMEM;

	if (!error) {
		*context = (struct pg_served_context){call->ctx_id, call->serial};
		error = pg_idmap_add(&server->contexts, call->ctx_id, context);
	}
	if (error) {
		free(context);
		free(operation);
		return error == -ENOMEM ? error : -EPROTO;
	}
	call->name[sizeof(call->name) - 1] = 0;
	operation->ctx_id = call->ctx_id;
	server->renderer->ops->context_create(server->renderer, call->ctx_id, call->capset_id,
					      call->name, operation);
	return 0;
}

static int context_destroy(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_pair *call = message->payload;
	struct pg_served_context *context = pg_idmap_take(&server->contexts, call->ctx_id);

	/* not there: its loss is on the way to the other side */
	if (context)
		server->renderer->ops->context_destroy(server->renderer, call->ctx_id);
	free(context);
	return 0;
}

static int context_attach(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_pair *call = message->payload;

	if (server->renderer->ops->context_attach && pg_idmap_get(&server->contexts, call->ctx_id))
		server->renderer->ops->context_attach(server->renderer, call->ctx_id,
						      call->resource_id);
	return 0;
}

static int context_detach(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_pair *call = message->payload;

	if (server->renderer->ops->context_detach && pg_idmap_get(&server->contexts, call->ctx_id))
		server->renderer->ops->context_detach(server->renderer, call->ctx_id,
						      call->resource_id);
	return 0;
}

static int submit(struct pg_server *server, struct pg_message *message)
{
	struct pg_wire_submit *call = message->payload;
	const struct iovec stream = {
		.iov_base = (uint8_t *)message->payload + sizeof(*call),
		.iov_len = message->size - sizeof(*call),
	};
	struct paragpu_operation *operation;

	if (!pg_idmap_get(&server->contexts, call->ctx_id)) {
		answer(server, call->handle, -EIO);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->submit(server->renderer, call->ctx_id, &stream, 1,
					      stream.iov_len, operation);
	return 0;
}

static int fence(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_fence *call = message->payload;
	struct paragpu_renderer *renderer = server->renderer;
	bool gone = call->ctx_id && !pg_idmap_get(&server->contexts, call->ctx_id);

	/* it was promised to signal, and what it would wait for has failed: so it is done */
	if (gone || !renderer->ops->fence ||
	    renderer->ops->fence(renderer, call->ctx_id, call->has_ring, call->ring_idx,
				 call->handle))
		paragpu_renderer_signal(renderer, call->handle);
	return 0;
}

/* --- resources --- */

static int create_3d(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_create_3d *call = message->payload;
	struct paragpu_operation *operation;

	if (!server->renderer->ops->resource_create_3d) {
		answer(server, call->handle, -EOPNOTSUPP);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->resource_create_3d(server->renderer, call->resource_id,
							  &call->args, operation);
	return 0;
}

static int create_blob(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_create_blob *call = message->payload;
	const struct paragpu_span *spans;
	struct paragpu_operation *operation;
	size_t count;

	if (!spans_after(message, sizeof(*call), &spans, &count))
		return -EPROTO;
	if (!server->renderer->ops->resource_create_blob ||
	    !pg_idmap_get(&server->contexts, call->ctx_id)) {
		answer(server, call->handle,
		       server->renderer->ops->resource_create_blob ? -EIO : -EOPNOTSUPP);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->resource_create_blob(server->renderer, call->ctx_id,
							    call->resource_id, &call->args, spans,
							    count, operation);
	return 0;
}

static int import(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_import *call = message->payload;
	const struct pg_wire_image *theirs = &call->image;
	const struct paragpu_image image = {
		.width = theirs->width,
		.height = theirs->height,
		.format = theirs->format,
		.stride = theirs->stride,
		.modifier = theirs->modifier,
		.memory = {.handle = theirs->memory.handle,
			   .fd = message->fd,
			   .fd_offset = theirs->memory.fd_offset,
			   .size = theirs->memory.size,
			   .map_info = theirs->memory.map_info,
			   .mappable = theirs->memory.mappable != 0},
	};
	struct paragpu_import whole = {
		.blob = call->parts & PG_WIRE_IMPORT_BLOB ? &call->blob : NULL,
		.image = call->parts & PG_WIRE_IMPORT_IMAGE ? &image : NULL,
		.memory = call->parts & PG_WIRE_IMPORT_MEMORY ? &image.memory : NULL,
	};
	struct paragpu_operation *operation;

	if (!spans_after(message, sizeof(*call), &whole.spans, &whole.count) ||
	    theirs->memory.handle > PARAGPU_HANDLE_OPAQUE)
		return -EPROTO;
	if (!server->renderer->ops->resource_import) {
		answer(server, call->handle, -EOPNOTSUPP);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->resource_import(server->renderer, call->resource_id, &whole,
						       operation);
	return 0;
}

static int attach_backing(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_resource *call = message->payload;
	const struct paragpu_span *spans;
	struct paragpu_operation *operation;
	size_t count;

	if (!spans_after(message, sizeof(*call), &spans, &count))
		return -EPROTO;
	if (!server->renderer->ops->resource_attach_backing) {
		answer(server, call->handle, 0);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->resource_attach_backing(server->renderer, call->resource_id,
							       spans, count, operation);
	return 0;
}

static int on_resource(struct pg_server *server, struct pg_message *message,
		       void (*function)(struct paragpu_renderer *renderer, uint32_t resource_id,
					struct paragpu_operation *operation))
{
	const struct pg_wire_resource *call = message->payload;
	struct paragpu_operation *operation;

	if (!function) {
		answer(server, call->handle, 0);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		function(server->renderer, call->resource_id, operation);
	return 0;
}

static int detach_backing(struct pg_server *server, struct pg_message *message)
{
	return on_resource(server, message, server->renderer->ops->resource_detach_backing);
}

static int unref(struct pg_server *server, struct pg_message *message)
{
	return on_resource(server, message, server->renderer->ops->resource_unref);
}

static int transfer(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_transfer *call = message->payload;
	struct paragpu_operation *operation;

	if (!server->renderer->ops->transfer ||
	    (call->ctx_id && !pg_idmap_get(&server->contexts, call->ctx_id))) {
		answer(server, call->handle, server->renderer->ops->transfer ? -EIO : -EOPNOTSUPP);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->transfer(server->renderer, call->ctx_id, call->resource_id,
						call->to_host != 0, &call->args, operation);
	return 0;
}

static int present(struct pg_server *server, struct pg_message *message)
{
	const struct pg_wire_present *call = message->payload;
	struct paragpu_operation *operation;

	if (!server->renderer->ops->present) {
		answer(server, call->handle, -EOPNOTSUPP);
		return 0;
	}
	operation = operation_new(server, call->handle);
	if (operation)
		server->renderer->ops->present(server->renderer, call->resource_id, call->rect,
					       operation);
	return 0;
}

static int ping(struct pg_server *server, struct pg_message *message)
{
	pg_server_send(server, PG_WIRE_PONG, message->payload, sizeof(struct pg_wire_signal), NULL,
		       0, -1);
	return 0;
}

/* --- all of them --- */

int pg_server_call(struct pg_server *server)
{
	static const struct {
		int (*function)(struct pg_server *server, struct pg_message *message);
		size_t size;
		bool more; /* something may follow the structure */
	} calls[] = {
		[PG_WIRE_MEMORY_BEGIN] = {memory_begin, 0, false},
		[PG_WIRE_MEMORY_REGION] = {memory_region, sizeof(struct pg_wire_region), false},
		[PG_WIRE_MEMORY_COMMIT] = {memory_commit, 0, false},
		[PG_WIRE_CONTEXT_CREATE] = {context_create, sizeof(struct pg_wire_context_create),
					    false},
		[PG_WIRE_CONTEXT_DESTROY] = {context_destroy, sizeof(struct pg_wire_pair), false},
		[PG_WIRE_CONTEXT_ATTACH] = {context_attach, sizeof(struct pg_wire_pair), false},
		[PG_WIRE_CONTEXT_DETACH] = {context_detach, sizeof(struct pg_wire_pair), false},
		[PG_WIRE_SUBMIT] = {submit, sizeof(struct pg_wire_submit), true},
		[PG_WIRE_FENCE] = {fence, sizeof(struct pg_wire_fence), false},
		[PG_WIRE_RESOURCE_CREATE_3D] = {create_3d, sizeof(struct pg_wire_create_3d), false},
		[PG_WIRE_RESOURCE_CREATE_BLOB] = {create_blob, sizeof(struct pg_wire_create_blob),
						  true},
		[PG_WIRE_RESOURCE_IMPORT] = {import, sizeof(struct pg_wire_import), true},
		[PG_WIRE_ATTACH_BACKING] = {attach_backing, sizeof(struct pg_wire_resource), true},
		[PG_WIRE_DETACH_BACKING] = {detach_backing, sizeof(struct pg_wire_resource), false},
		[PG_WIRE_RESOURCE_UNREF] = {unref, sizeof(struct pg_wire_resource), false},
		[PG_WIRE_TRANSFER] = {transfer, sizeof(struct pg_wire_transfer), false},
		[PG_WIRE_PRESENT] = {present, sizeof(struct pg_wire_present), false},
		[PG_WIRE_PING] = {ping, sizeof(struct pg_wire_signal), false},
	};
	struct pg_message *message = &server->channel.message;
	int error;

	if (message->type >= sizeof(calls) / sizeof(calls[0]) || !calls[message->type].function ||
	    message->size < calls[message->type].size ||
	    (message->size > calls[message->type].size && !calls[message->type].more))
		return -EPROTO;
	error = calls[message->type].function(server, message);
	return error ? error : server->error;
}

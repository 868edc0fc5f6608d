/* SPDX-License-Identifier: MIT */
/*
 * The life of contexts: CTX_CREATE, CTX_DESTROY, loss. Linux uses the id of a
 * destroyed context again at once and sends commands to contexts whose creation
 * failed; both are ordinary here.
 */
#include "device/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"
#include "device/signal.h"

void pg_contexts_init(struct pg_contexts *contexts)
{
	for (unsigned int i = 0; i < PG_CONTEXT_BUCKETS; i++)
		pg_list_init(&contexts->buckets[i]);
}

struct pg_context *pg_context_find(const struct paragpu_device *device, uint32_t id)
{
	pg_list_for_each(link, &device->contexts.buckets[id % PG_CONTEXT_BUCKETS]) {
		struct pg_context *context = pg_container_of(link, struct pg_context, link);

		if (context->id == id)
			return context;
	}
	return NULL;
}

struct pg_context *pg_call_context(const struct pg_call *call)
{
	return pg_context_find(call->device, pg_from_le32(call->fixed.hdr.ctx_id));
}

/* Takes it out of the table and from its resources, and frees it. */
static void forget(struct paragpu_device *device, struct pg_context *context)
{
	while (!pg_list_empty(&context->attachments))
		pg_attachment_free(pg_container_of(context->attachments.next, struct pg_attachment,
						   of_context));
	pg_list_remove(&context->link);
	pg_quota_give_context(&device->quota);
	free(context);
}

/* The text is not terminated for sure, and its length is anyone's guess. */
static void copy_name(struct pg_context *context, const struct virtio_gpu_ctx_create *command)
{
	uint32_t length = pg_from_le32(command->nlen);

	if (length > PG_CONTEXT_NAME)
		length = PG_CONTEXT_NAME;
	memcpy(context->name, command->debug_name, length);
	context->name[length] = '\0';
}

/* The capset that the command asks for, or NULL if there is none such. */
static const struct pg_capset *wanted_capset(const struct pg_call *call)
{
	uint32_t init = pg_from_le32(pg_call_fixed(call, virtio_gpu_ctx_create)->context_init);

	if (init && (!pg_device_has(call->device, VIRTIO_GPU_F_CONTEXT_INIT) ||
		     init & ~VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK))
		return NULL;
	return init ? pg_capset_find(call->device, init) : pg_capset_default(call->device);
}

static void created(struct pg_work *work)
{
	if (work->error)
		forget(work->device, work->context);
	pg_work_finish_plainly(work);
}

uint32_t pg_ctx_create(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	uint32_t id = pg_from_le32(call->fixed.hdr.ctx_id);
	const struct pg_capset *capset = wanted_capset(call);
	const struct pg_keys keys = {.context = id};
	struct pg_context *context;
	struct pg_work *work;

	if (!id || pg_context_find(device, id))
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!capset)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!pg_quota_take_context(&device->quota))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	context = calloc(1, sizeof(*context));
	work = context ? pg_work_begin(call, &keys) : NULL;
	if (!work) {
		free(context);
		pg_quota_give_context(&device->quota);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	context->id = id;
	context->capset_id = capset->info.id;
	context->renderer = capset->renderer;
	pg_list_init(&context->attachments);
	pg_list_append(&device->contexts.buckets[id % PG_CONTEXT_BUCKETS], &context->link);
	copy_name(context, pg_call_fixed(call, virtio_gpu_ctx_create));
	work->context = context;
	pg_ops(capset->renderer)
		->context_create(capset->renderer->base, id, capset->info.id, context->name,
				 pg_work_ask(work, capset->renderer));
	pg_work_stage(work, created);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_ctx_destroy(struct pg_call *call)
{
	struct paragpu_device *device = call->device;
	struct pg_context *context = pg_call_context(call);
	struct pg_renderer *renderer;
	uint32_t id;

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	renderer = context->lost ? NULL : context->renderer;
	id = context->id;
	if (renderer)
		pg_ops(renderer)->context_destroy(renderer->base, id);
	forget(device, context);
	/* Last: completing a request lets the guest go on, even make this context again. */
	if (renderer)
		pg_signals_end_context(renderer, id, false);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void paragpu_renderer_context_lost(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   const char *reason)
{
	struct paragpu_device *device = renderer->device;
	struct pg_context *context;

	if (!device)
		return;
	context = pg_context_find(device, ctx_id);
	if (!context || context->lost || context->renderer != renderer->state)
		return;
	pg_log(&device->log, PG_LOG_WARN, PG_LOG_DEVICE, "context %u of renderer %s is lost: %s",
	       ctx_id, renderer->ops->name, reason);
	context->lost = true;
	device->lost++;
	pg_signals_end_context(renderer->state, ctx_id, true);
}

void pg_contexts_lose(struct paragpu_device *device, struct pg_renderer *renderer)
{
	for (unsigned int i = 0; i < PG_CONTEXT_BUCKETS; i++) {
		pg_list_for_each(link, &device->contexts.buckets[i]) {
			struct pg_context *context = pg_container_of(link, struct pg_context, link);

			if (context->renderer != renderer)
				continue;
			if (!context->lost)
				device->lost++;
			context->lost = true;
			context->renderer = NULL;
		}
	}
}

void pg_contexts_drop_all(struct paragpu_device *device)
{
	for (unsigned int i = 0; i < PG_CONTEXT_BUCKETS; i++)
		while (!pg_list_empty(&device->contexts.buckets[i]))
			forget(device, pg_container_of(device->contexts.buckets[i].next,
						       struct pg_context, link));
}

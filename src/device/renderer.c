/* SPDX-License-Identifier: MIT */
/* Attaching, losing and resetting renderers; see renderer.h. */
#include "device/renderer.h"

#include <errno.h>
#include <stdlib.h>

#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"
#include "device/signal.h"
#include "device/window.h"

static bool functions_set(const struct paragpu_renderer_ops *ops)
{
	return ops->get_capsets && ops->fill_capset && ops->reset && ops->context_create &&
	       ops->context_destroy && ops->submit;
}

static int check_capsets(const struct paragpu_device *device, const struct paragpu_capset *capsets,
			 size_t count)
{
	if (count > PARAGPU_MAX_CAPSETS - device->capset_count)
		return -ENOSPC;
	for (size_t i = 0; i < count; i++) {
		if (!capsets[i].id || capsets[i].id > PG_MAX_CAPSET_ID ||
		    capsets[i].max_size > PARAGPU_MAX_CAPSET_SIZE)
			return -EINVAL;
		if (pg_capset_find(device, capsets[i].id))
			return -EEXIST;
		for (size_t j = 0; j < i; j++)
			if (capsets[j].id == capsets[i].id)
				return -EEXIST;
	}
	return 0;
}

static unsigned int free_index(const struct paragpu_device *device)
{
	unsigned int index = 0;

	while (index < PG_MAX_RENDERERS && device->renderers[index])
		index++;
	return index;
}

int paragpu_device_add_renderer(struct paragpu_device *device, struct paragpu_renderer *base)
{
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	unsigned int index = free_index(device);
	struct pg_renderer *renderer;
	size_t count;
	int error;

	if (base->device || device->accepted)
		return -EBUSY;
	if (index == PG_MAX_RENDERERS)
		return -ENOSPC;
	if (!functions_set(base->ops))
		return -EINVAL;
	count = base->ops->get_capsets(base, capsets);
	error = check_capsets(device, capsets, count);
	if (error)
		return error;
	renderer = calloc(1, sizeof(*renderer));
	if (!renderer)
		return -ENOMEM;
	renderer->base = base;
	renderer->device = device;
	renderer->index = index;
	pg_list_init(&renderer->operations);
	pg_list_init(&renderer->fences);
	base->device = device;
	base->state = renderer;
	device->renderers[index] = renderer;
	for (size_t i = 0; i < count; i++)
		device->capsets[device->capset_count++] =
			(struct pg_capset){.info = capsets[i], .renderer = renderer};
	if (base->ops->set_memory)
		base->ops->set_memory(base, device->memory);
	return 0;
}

/* Its descriptors stay: what displays and the VMM have of it outlives it. */
static void lose_resources(struct pg_renderer *renderer)
{
	struct paragpu_device *device = renderer->device;

	for (struct pg_resource *resource = pg_resource_table_first(&device->resources); resource;
	     resource = pg_resource_table_next(&device->resources, resource)) {
		resource->known &= (uint8_t)~(1u << renderer->index);
		if (resource->owner != renderer)
			continue;
		resource->owner = NULL;
		resource->lost = true;
	}
}

void paragpu_renderer_lost(struct paragpu_renderer *base, const char *reason)
{
	struct pg_renderer *renderer = base->state;
	struct paragpu_device *device = base->device;
	struct pg_list operations;

	if (!device)
		return;
	pg_log(&device->log, PG_LOG_WARN, PG_LOG_DEVICE,
	       "renderer %s is lost (%s): its contexts end, the next one starts it anew",
	       base->ops->name, reason);
	device->lost++;
	/*
	 * First all marks, then all answers: an answer lets commands go on that
	 * may ask the renderer for something, and that belongs to its next life.
	 */
	pg_list_init(&operations);
	pg_list_for_each_safe(link, &renderer->operations) {
		pg_list_remove(link);
		pg_list_append(&operations, link);
	}
	pg_contexts_lose(device, renderer);
	lose_resources(renderer);
	pg_signals_fail(renderer);
	while (!pg_list_empty(&operations))
		paragpu_operation_done(
			pg_container_of(operations.next, struct paragpu_operation, link), -EIO);
	pg_window_replace_lost(device);
}

void paragpu_device_remove_renderer(struct paragpu_device *device, struct paragpu_renderer *base)
{
	struct pg_renderer *renderer = base->state;
	uint32_t kept = 0;

	if (base->device != device)
		return;
	for (uint32_t i = 0; i < device->capset_count; i++)
		if (device->capsets[i].renderer != renderer)
			device->capsets[kept++] = device->capsets[i];
	device->capset_count = kept;
	base->ops->reset(base);
	if (base->ops->set_memory)
		base->ops->set_memory(base, NULL);
	paragpu_renderer_lost(base, "it was removed");
	device->renderers[renderer->index] = NULL;
	base->device = NULL;
	base->state = NULL;
	free(renderer);
}

struct pg_renderer *pg_renderer_default(const struct paragpu_device *device)
{
	const struct pg_capset *capset = pg_capset_default(device);

	if (capset && pg_ops(capset->renderer)->resource_create_3d)
		return capset->renderer;
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++)
		if (device->renderers[i] && pg_ops(device->renderers[i])->resource_create_3d)
			return device->renderers[i];
	return NULL;
}

void pg_renderers_unref(struct pg_work *work, const struct pg_resource *resource)
{
	struct paragpu_device *device = work->device;
	uint8_t known = resource->known;

	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++) {
		struct pg_renderer *renderer = device->renderers[i];

		if ((known >> i & 1) && pg_ops(renderer)->resource_unref)
			pg_ops(renderer)->resource_unref(renderer->base, resource->id,
							 pg_work_ask(work, renderer));
	}
}

void pg_renderers_set_memory(struct paragpu_device *device)
{
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++) {
		const struct pg_renderer *renderer = device->renderers[i];

		if (renderer && pg_ops(renderer)->set_memory)
			pg_ops(renderer)->set_memory(renderer->base, device->memory);
	}
}

void pg_renderers_reset(struct paragpu_device *device)
{
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++)
		if (device->renderers[i])
			pg_ops(device->renderers[i])->reset(device->renderers[i]->base);
}

void pg_renderers_finish(struct paragpu_device *device)
{
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++) {
		struct pg_renderer *renderer = device->renderers[i];

		if (!renderer)
			continue;
		if (pg_ops(renderer)->set_memory)
			pg_ops(renderer)->set_memory(renderer->base, NULL);
		renderer->base->device = NULL;
		renderer->base->state = NULL;
		device->renderers[i] = NULL;
		free(renderer);
	}
}

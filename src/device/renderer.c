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

int paragpu_device_add_renderer(struct paragpu_device *device, struct paragpu_renderer *renderer)
{
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	unsigned int index = free_index(device);
	struct pg_renderer *state;
	size_t count;
	int error;

	if (renderer->device || device->accepted)
		return -EBUSY;
	if (index == PG_MAX_RENDERERS)
		return -ENOSPC;
	if (!functions_set(renderer->ops))
		return -EINVAL;
	count = renderer->ops->get_capsets(renderer, capsets);
	error = check_capsets(device, capsets, count);
	if (error)
		return error;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->base = renderer;
	state->device = device;
	state->index = index;
	pg_list_init(&state->operations);
	pg_list_init(&state->fences);
	renderer->device = device;
	renderer->state = state;
	device->renderers[index] = state;
	for (size_t i = 0; i < count; i++)
		device->capsets[device->capset_count++] =
			(struct pg_capset){.info = capsets[i], .renderer = state};
	if (renderer->ops->set_memory)
		renderer->ops->set_memory(renderer, device->memory);
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

void paragpu_renderer_lost(struct paragpu_renderer *renderer, const char *reason)
{
	struct pg_renderer *state = renderer->state;
	struct paragpu_device *device = renderer->device;
	struct pg_list operations;

	if (!device)
		return;
	pg_log(&device->log, PG_LOG_WARN, PG_LOG_DEVICE,
	       "renderer %s is lost (%s): its contexts end, the next one starts it anew",
	       renderer->ops->name, reason);
	device->lost++;
	/*
	 * First all marks, then all answers: an answer lets commands go on that
	 * may ask the renderer for something, and that belongs to its next life.
	 */
	pg_list_init(&operations);
	pg_list_for_each_safe(link, &state->operations) {
		pg_list_remove(link);
		pg_list_append(&operations, link);
	}
	pg_contexts_lose(device, state);
	lose_resources(state);
	pg_signals_fail(state);
	while (!pg_list_empty(&operations))
		paragpu_operation_done(
			pg_container_of(operations.next, struct paragpu_operation, link), -EIO);
	pg_window_replace_lost(device);
}

void paragpu_device_remove_renderer(struct paragpu_device *device,
				    struct paragpu_renderer *renderer)
{
	struct pg_renderer *state = renderer->state;
	uint32_t kept = 0;

	if (renderer->device != device)
		return;
	for (uint32_t i = 0; i < device->capset_count; i++)
		if (device->capsets[i].renderer != state)
			device->capsets[kept++] = device->capsets[i];
	device->capset_count = kept;
	renderer->ops->reset(renderer);
	if (renderer->ops->set_memory)
		renderer->ops->set_memory(renderer, NULL);
	paragpu_renderer_lost(renderer, "it was removed");
	device->renderers[state->index] = NULL;
	renderer->device = NULL;
	renderer->state = NULL;
	free(state);
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

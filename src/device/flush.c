/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_FLUSH and the displays that hold it.
 *
 * Each display gets a flush object of its own, so that the holds of a display
 * which goes away can be told from others'. It is made before the display is
 * called, because nothing may fail once pixels were shown.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/present.h"
#include "device/request.h"

struct paragpu_flush {
	struct pg_list link;
	struct paragpu_device *device;
	struct paragpu_display *display;
	struct paragpu_request *request; /* NULL: nobody waits */
	unsigned int holds;
	bool active; /* the display's flush function is running */
};

int pg_flush_prepare(struct paragpu_display *display)
{
	if (!display->spare_flush)
		display->spare_flush = calloc(1, sizeof(*display->spare_flush));
	return display->spare_flush ? 0 : -ENOMEM;
}

void paragpu_flush_hold(struct paragpu_flush *flush)
{
	assert(flush->active);
	if (!flush->holds++ && flush->request)
		flush->request->device.waits++;
}

void paragpu_flush_release(struct paragpu_flush *flush)
{
	struct paragpu_device *device = flush->device;
	struct paragpu_request *request = flush->request;

	assert(flush->holds);
	if (--flush->holds)
		return;
	if (!flush->active) {
		pg_list_remove(&flush->link);
		free(flush);
	}
	if (request)
		pg_fence_arrived(device, request);
}

void pg_flush_display(struct paragpu_device *device, struct paragpu_display *display,
		      const struct paragpu_rect damage[PARAGPU_MAX_HEADS],
		      struct paragpu_request *request)
{
	struct paragpu_flush *flush = display->spare_flush;

	/* A flush inside this one (by way of `complete`) makes another spare. */
	display->spare_flush = NULL;
	*flush = (struct paragpu_flush){
		.device = device,
		.display = display,
		.request = request,
		.active = true,
	};
	for (uint32_t head = 0; head < device->head_count; head++) {
		struct paragpu_picture picture;

		/* Looked up anew: a display that releases an older flush lets the guest go on. */
		if (damage[head].width && pg_scanout_picture(device, head, &picture) &&
		    pg_rect_inside(&damage[head], picture.width, picture.height))
			display->ops->flush(display, head, &picture, damage[head], flush);
	}
	flush->active = false;
	if (flush->holds)
		pg_list_append(&device->flushes, &flush->link);
	else if (display->spare_flush)
		free(flush);
	else
		display->spare_flush = flush;
}

void pg_flushes_release(struct paragpu_device *device, struct paragpu_display *display)
{
	struct paragpu_flush *found;

	do {
		found = NULL;
		pg_list_for_each(link, &device->flushes) {
			struct paragpu_flush *flush =
				pg_container_of(link, struct paragpu_flush, link);

			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
			if (flush->display == display) {
				found = flush;
				break;
			}
		}
		if (found) {
			found->holds = 1;
			paragpu_flush_release(found);
		}
	} while (found);
	free(display->spare_flush);
	display->spare_flush = NULL;
}

void pg_flushes_orphan(struct paragpu_device *device)
{
	pg_list_for_each(link, &device->flushes)
		pg_container_of(link, struct paragpu_flush, link)->request = NULL;
}

/* Fills in the damage of each head that shows the resource. False if nothing is to be seen. */
static bool find_damage(const struct paragpu_device *device, const struct pg_resource *resource,
			const struct paragpu_rect *flushed,
			struct paragpu_rect damage[PARAGPU_MAX_HEADS])
{
	bool any = false;

	for (uint32_t head = 0; head < device->head_count; head++) {
		const struct pg_view *view = &device->scanouts[head].view;

		damage[head] = (struct paragpu_rect){0};
		if (view->resource != resource)
			continue;
		damage[head] = pg_rect_intersect(flushed, &view->rect);
		if (!damage[head].width)
			continue;
		damage[head].x -= view->rect.x;
		damage[head].y -= view->rect.y;
		any = true;
	}
	return any;
}

uint32_t pg_flush_resource(struct paragpu_device *device, struct pg_resource *resource,
			   const struct paragpu_rect *flushed, struct paragpu_request *request)
{
	struct paragpu_rect damage[PARAGPU_MAX_HEADS];

	if (!resource->scanouts || !find_damage(device, resource, flushed, damage))
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (device->fences.pending >= device->quota.limits.pending)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	pg_list_for_each(link, &device->displays) {
		struct paragpu_display *display = pg_display_of(link);

		if (display->ops->flush && pg_flush_prepare(display))
			return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	pg_list_for_each(link, &device->displays) {
		struct paragpu_display *display = pg_display_of(link);

		/* Prepared above, but a flush inside another display's may have used it. */
		if (display->ops->flush && !pg_flush_prepare(display))
			pg_flush_display(device, display, damage, request);
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_resource_flush(struct pg_call *call)
{
	const struct virtio_gpu_resource_flush *command =
		pg_call_fixed(call, virtio_gpu_resource_flush);
	struct paragpu_device *device = call->device;
	struct pg_resource *resource = pg_call_resource(call, command->resource_id);
	struct paragpu_rect flushed = pg_rect_from_wire(&command->r);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->kind != PARAGPU_RESOURCE_BLOB &&
	    !pg_rect_inside(&flushed, resource->as.image.width, resource->as.image.height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	device->flush_count++;
	if (resource->scanouts && pg_resource_needs_present(resource))
		return pg_flush_present(call, resource, &flushed);
	return pg_flush_resource(device, resource, &flushed, call->request);
}

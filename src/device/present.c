/* SPDX-License-Identifier: MIT */
/*
 * Pictures of renderers; see present.h. What a renderer says of an image is
 * checked against the file it comes with: the renderer's process may be in the
 * guest's hands.
 */
#include "device/present.h"

#include <errno.h>
#include <fcntl.h>

#include "base/checked.h"
#include "base/fd.h"
#include "device/device.h"
#include "device/request.h"

static bool readable_here(const struct pg_resource *resource)
{
	return resource->memory.fd >= 0 && resource->memory.mappable;
}

bool pg_resource_needs_present(const struct pg_resource *resource)
{
	return resource->owner && pg_ops(resource->owner)->present &&
	       (resource->kind != PARAGPU_RESOURCE_BLOB || !readable_here(resource));
}

int pg_resource_open(struct paragpu_device *device, struct pg_resource *resource)
{
	int fd, error;

	if (resource->host)
		return 0;
	if (!pg_resource_is_foreign(resource))
		return resource->backing ? 0 : -EINVAL;
	if (!readable_here(resource))
		return -EINVAL;
	fd = fcntl(resource->memory.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = pg_object_create_file(&device->quota, &fd, resource->memory.fd_offset,
				      resource->memory.size, true, &resource->host);
	pg_close(&fd);
	return error;
}

/* The bytes from the image's first pixel to its last; false if the numbers make no sense. */
static bool image_length(const struct paragpu_image *image, uint64_t *length)
{
	if (!image->width || !image->height || !pg_format_find(image->format) ||
	    image->stride < (uint64_t)image->width * 4)
		return false;
	*length = (uint64_t)(image->height - 1) * image->stride + (uint64_t)image->width * 4;
	return true;
}

/* Whether all that heads show, and may show, of the resource lies in the image. */
static bool covers(const struct paragpu_device *device, const struct pg_resource *resource,
		   const struct paragpu_image *image)
{
	if (resource->kind == PARAGPU_RESOURCE_3D &&
	    (image->width < resource->as.image.width || image->height < resource->as.image.height))
		return false;
	for (uint32_t head = 0; head < device->head_count; head++) {
		const struct pg_view *view = &device->scanouts[head].view;

		if (view->resource == resource &&
		    !pg_rect_inside(&view->rect, image->width, image->height))
			return false;
	}
	return true;
}

/* The object of the image's bytes, with a reference for the caller. */
static int find_object(struct paragpu_device *device, const struct pg_resource *resource,
		       struct paragpu_image *image, uint64_t length, struct pg_object **out)
{
	struct paragpu_export *memory = &image->memory;

	if (memory->fd < 0) {
		if (!resource->host || resource->host->size < length)
			return -EINVAL;
		*out = pg_object_ref(resource->host);
		return 0;
	}
	/* A tiled image has its own idea of its length. */
	if ((!image->modifier && memory->size < length) ||
	    !pg_file_covers(memory->fd, memory->fd_offset, memory->size, memory->mappable))
		return -EINVAL;
	return pg_object_create_file(&device->quota, &memory->fd, memory->fd_offset, memory->size,
				     memory->mappable && !image->modifier, out);
}

int pg_present_adopt(struct pg_work *work, struct pg_resource *resource)
{
	struct paragpu_device *device = work->device;
	struct paragpu_image *image = &work->answer.image;
	struct pg_object *old = resource->host, *object;
	uint64_t length;
	int error;

	if (!work->answered || !image_length(image, &length) || !covers(device, resource, image))
		return -EINVAL;
	error = find_object(device, resource, image, length, &object);
	if (error)
		return error;
	resource->host = object;
	for (uint32_t head = 0; head < device->head_count; head++) {
		struct pg_view *view = &device->scanouts[head].view;

		if (view->resource != resource ||
		    (object == old && view->stride == image->stride &&
		     view->format == image->format && view->modifier == image->modifier))
			continue;
		view->stride = image->stride;
		view->format = image->format;
		view->modifier = image->modifier;
		view->offset = 0;
		pg_displays_scanout(device, head);
	}
	/* Only now: until they were told, displays may have looked at the old bytes. */
	pg_object_unref(&old);
	return 0;
}

uint32_t pg_present(struct pg_call *call, const struct pg_keys *keys, struct pg_resource *resource,
		    const struct paragpu_rect *rect, struct pg_work **out)
{
	struct pg_renderer *renderer = resource->owner;
	struct pg_work *work = pg_work_begin(call, keys);

	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	work->wanted = PG_WANT_IMAGE;
	work->resource_id = resource->id;
	work->serial = resource->serial;
	work->rect = *rect;
	pg_ops(renderer)->present(renderer->base, resource->id, *rect, pg_work_ask(work, renderer));
	*out = work;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void scanout_presented(struct pg_work *work)
{
	const struct paragpu_image *image = &work->answer.image;
	int error = work->error;

	if (!error)
		error = pg_present_adopt(work, work->view.resource);
	if (!error && !pg_rect_inside(&work->view.rect, image->width, image->height))
		error = -EINVAL;
	if (!error) {
		work->view.format = image->format;
		work->view.stride = image->stride;
		work->view.modifier = image->modifier;
		work->view.offset = 0;
		pg_scanout_set(work->device, work->head, &work->view);
	}
	pg_work_finish(work, pg_response_of(error));
}

uint32_t pg_scanout_present(struct pg_call *call, uint32_t head, const struct pg_view *view)
{
	const struct pg_keys keys = {.resource = view->resource->id, .head = head + 1};
	struct pg_work *work;
	uint32_t result;

	if (view->resource->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!pg_resource_needs_present(view->resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	result = pg_present(call, &keys, view->resource, &view->rect, &work);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	work->view = *view;
	work->head = head;
	pg_work_stage(work, scanout_presented);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void flush_presented(struct pg_work *work)
{
	struct paragpu_device *device = work->device;
	struct pg_resource *resource = pg_resource_if_same(device, work->resource_id, work->serial);
	uint32_t result = pg_response_of(work->error);

	if (!work->error && resource) {
		result = pg_response_of(pg_present_adopt(work, resource));
		if (result == VIRTIO_GPU_RESP_OK_NODATA)
			result = pg_flush_resource(device, resource, &work->rect, work->request);
	}
	pg_work_finish(work, result);
}

uint32_t pg_flush_present(struct pg_call *call, struct pg_resource *resource,
			  const struct paragpu_rect *flushed)
{
	struct pg_work *work;
	uint32_t result = pg_present(call, NULL, resource, flushed, &work);

	if (result == VIRTIO_GPU_RESP_OK_NODATA)
		pg_work_stage(work, flush_presented);
	return result;
}

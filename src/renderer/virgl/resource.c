/* SPDX-License-Identifier: MIT */
/*
 * Resources in the library: textures and buffers of OpenGL, blobs of contexts,
 * and other people's memory. The table here is authoritative: the library is
 * never called with an id that is not in it. It keeps arrays of iovecs by
 * pointer, so these belong to the resource and go after it.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "memory/table.h"
#include "protocol/virtio_gpu.h"

/* gallium's, of an ordinary picture */
#define TARGET_2D 2
#define BIND_PICTURE \
	(VIRGL_RES_BIND_RENDER_TARGET | VIRGL_RES_BIND_SAMPLER_VIEW | VIRGL_RES_BIND_SCANOUT)

/* --- guest pages --- */

struct pages {
	struct iovec *iov;
	size_t count, room;
};

static int pages_add(struct pages *pages, void *base, size_t length)
{
	struct iovec *last = pages->count ? &pages->iov[pages->count - 1] : NULL;

	if (last && (char *)last->iov_base + last->iov_len == base) {
		last->iov_len += length;
		return 0;
	}
	if (pages->count == pages->room) {
		size_t room = pages->room ? 2 * pages->room : 16;
		struct iovec *iov = room > INT_MAX ? NULL
						   : reallocarray(pages->iov, room, sizeof(*iov));

		if (!iov)
			return -ENOMEM;
		pages->iov = iov;
		pages->room = room;
	}
	pages->iov[pages->count++] = (struct iovec){.iov_base = base, .iov_len = length};
	return 0;
}

/* Where the spans are in this process; runs that follow each other become one. */
static int pages_find(struct paragpu_memory *memory, const struct paragpu_span *spans, size_t count,
		      struct pages *pages)
{
	size_t hint = 0;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		uint64_t addr = spans[i].guest_addr;
		uint64_t left = spans[i].length;

		while (left && !error) {
			uint64_t length;
			uint8_t *base = pg_memory_lookup(memory, addr, left, &length, &hint);

			error = base ? pages_add(pages, base, (size_t)length) : -EINVAL;
			addr += length;
			left -= length;
		}
	}
	if (error)
		free(pages->iov);
	return error;
}

static int set_pages(struct pg_virgl *virgl, struct pg_virgl_resource *resource,
		     const struct paragpu_span *spans, size_t count)
{
	struct pages pages = {0};
	int error = pages_find(virgl->memory, spans, count, &pages);

	if (error)
		return error;
	resource->iov = pages.iov;
	resource->iov_count = (int)pages.count;
	if (pages.count)
		resource->memory = paragpu_memory_ref(virgl->memory);
	return 0;
}

static void free_pages(struct pg_virgl_resource *resource)
{
	free(resource->iov);
	resource->iov = NULL;
	resource->iov_count = 0;
	paragpu_memory_unref(&resource->memory);
}

static void detach_pages(struct pg_virgl *virgl, struct pg_virgl_resource *resource)
{
	struct iovec *iov = NULL;
	int count = 0;

	if (!resource->iov)
		return;
	virgl->lib.resource_detach_iov((int)resource->id, &iov, &count);
	free_pages(resource);
}

/* --- the table --- */

static int resource_add(struct pg_virgl *virgl, uint32_t id, enum pg_virgl_kind kind,
			struct pg_virgl_resource **out)
{
	struct pg_virgl_resource *resource = calloc(1, sizeof(*resource));
	int error;

	if (!resource)
		return -ENOMEM;
	resource->id = id;
	resource->kind = kind;
	resource->view.fd = -1;
	error = pg_idmap_add(&virgl->resources, id, resource);
	if (error) {
		free(resource);
		return error == -EEXIST ? -EINVAL : error;
	}
	virgl->used = true;
	*out = resource;
	return 0;
}

/* The library did not take it. */
static void resource_remove(struct pg_virgl *virgl, struct pg_virgl_resource *resource)
{
	pg_idmap_take(&virgl->resources, resource->id);
	pg_virgl_view_finish(resource);
	free_pages(resource);
	free(resource);
}

void pg_virgl_resource_drop(struct pg_virgl *virgl, struct pg_virgl_resource *resource)
{
	virgl->lib.force_ctx_0();
	detach_pages(virgl, resource);
	pg_virgl_view_finish(resource);
	virgl->lib.resource_unref(resource->id);
	free(resource);
}

void pg_virgl_resource_unref(struct paragpu_renderer *renderer, uint32_t resource_id,
			     struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_resource *resource = pg_idmap_take(&virgl->resources, resource_id);

	if (resource)
		pg_virgl_resource_drop(virgl, resource);
	paragpu_operation_done(operation, resource ? 0 : -ENOENT);
}

/* --- images --- */

static int create_image(struct pg_virgl *virgl, uint32_t id, const struct paragpu_resource_3d *args)
{
	struct virgl_renderer_resource_create_args theirs = {
		.handle = id,
		.target = args->target,
		.format = args->format,
		.bind = args->bind,
		.width = args->width,
		.height = args->height,
		.depth = args->depth,
		.array_size = args->array_size,
		.last_level = args->last_level,
		.nr_samples = args->nr_samples,
		.flags = args->flags,
	};
	struct pg_virgl_resource *resource;
	int error;

	if (!virgl->has_vrend)
		return -EOPNOTSUPP;
	error = resource_add(virgl, id, PG_VIRGL_IMAGE, &resource);
	if (error)
		return error;
	virgl->lib.force_ctx_0();
	error = pg_virgl_error(virgl->lib.resource_create(&theirs, NULL, 0));
	if (error)
		resource_remove(virgl, resource);
	else
		resource->has_pixels = args->target == TARGET_2D;
	return error;
}

void pg_virgl_resource_create_3d(struct paragpu_renderer *renderer, uint32_t resource_id,
				 const struct paragpu_resource_3d *args,
				 struct paragpu_operation *operation)
{
	paragpu_operation_done(operation, create_image(pg_virgl_from(renderer), resource_id, args));
}

/* --- blobs --- */

static int create_blob(struct pg_virgl *virgl, uint32_t ctx_id, const struct paragpu_blob *args,
		       struct pg_virgl_resource *resource)
{
	struct virgl_renderer_resource_create_blob_args theirs = {
		.res_handle = resource->id,
		.ctx_id = ctx_id,
		.blob_mem = args->blob_mem,
		.blob_flags = args->blob_flags,
		.blob_id = args->blob_id,
		.size = args->size,
		.iovecs = resource->iov,
		.num_iovs = (uint32_t)resource->iov_count,
	};
	struct pg_virgl_context *context = pg_idmap_get(&virgl->contexts, ctx_id);
	int result;

	virgl->lib.force_ctx_0();
	result = virgl->lib.resource_create_blob(&theirs);
	/* an unknown blob id looks the same as a dead process */
	if (result == -1 && context && context->remote)
		pg_virgl_context_suspect(virgl, context);
	return result == -1 ? -EINVAL : pg_virgl_error(result);
}

void pg_virgl_resource_create_blob(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   uint32_t resource_id, const struct paragpu_blob *args,
				   const struct paragpu_span *spans, size_t count,
				   struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_context *context = pg_idmap_get(&virgl->contexts, ctx_id);
	struct pg_virgl_resource *resource = NULL;
	struct paragpu_export memory;
	int error = context ? resource_add(virgl, resource_id, PG_VIRGL_BLOB, &resource) : -ESRCH;

	if (!error)
		error = set_pages(virgl, resource, spans, count);
	if (!error)
		error = create_blob(virgl, ctx_id, args, resource);
	if (error) {
		if (resource)
			resource_remove(virgl, resource);
		paragpu_operation_done(operation, error);
		return;
	}
	resource->has_pixels = !context->remote;
	pg_virgl_export(virgl, resource_id, args, &memory);
	virgl->lib.force_ctx_0();
	paragpu_operation_blob_created(operation, &memory);
}

/* --- other people's memory --- */

/* Guest pages alone: contexts of OpenGL can make a texture of them. */
static int import_pages(struct pg_virgl *virgl, uint32_t id, const struct paragpu_blob *blob,
			const struct paragpu_span *spans, size_t count)
{
	struct paragpu_blob args = {
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_GUEST,
		.blob_flags = blob->blob_flags,
		.size = blob->size,
	};
	struct pg_virgl_resource *resource;
	int error = resource_add(virgl, id, PG_VIRGL_IMPORTED, &resource);

	if (error)
		return error;
	error = set_pages(virgl, resource, spans, count);
	if (!error)
		error = create_blob(virgl, 0, &args, resource);
	if (error)
		resource_remove(virgl, resource);
	return error;
}

static int import_file(struct pg_virgl *virgl, uint32_t id, const struct paragpu_export *memory)
{
	struct virgl_renderer_resource_import_blob_args theirs = {
		.res_handle = id,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
		.fd_type = memory->handle == PARAGPU_HANDLE_DMABUF
				   ? VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF
				   : VIRGL_RENDERER_BLOB_FD_TYPE_SHM,
		.size = memory->size,
	};
	struct pg_virgl_resource *resource;
	int error;

	/* the library maps files from their first byte on */
	if (memory->fd_offset ||
	    (memory->handle != PARAGPU_HANDLE_DMABUF && memory->handle != PARAGPU_HANDLE_SHM))
		return -EOPNOTSUPP;
	error = resource_add(virgl, id, PG_VIRGL_IMPORTED, &resource);
	if (error)
		return error;
	/* the library's on success */
	theirs.fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
	error = theirs.fd < 0 ? -errno : pg_virgl_error(virgl->lib.resource_import_blob(&theirs));
	if (error) {
		pg_close(&theirs.fd);
		resource_remove(virgl, resource);
	}
	return error;
}

/* The library cannot look into the device's image: it gets a texture with what is in it now. */
static int copy_image_in(struct pg_virgl *virgl, uint32_t id, const struct paragpu_image *image)
{
	struct virgl_box box = {.w = image->width, .h = image->height, .d = 1};
	struct iovec iov = {.iov_len = (size_t)image->memory.size};
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t slack = image->memory.fd_offset % page;
	void *base;
	int error;

	base = mmap(NULL, image->memory.size + slack, PROT_READ, MAP_SHARED, image->memory.fd,
		    (off_t)(image->memory.fd_offset - slack));
	if (base == MAP_FAILED)
		return -errno;
	iov.iov_base = (char *)base + slack;
	error = pg_virgl_error(
		virgl->lib.transfer_write_iov(id, 0, 0, image->stride, 0, &box, 0, &iov, 1));
	munmap(base, image->memory.size + slack);
	return error;
}

static int import_image(struct pg_virgl *virgl, uint32_t id, const struct paragpu_image *image,
			const struct paragpu_span *spans, size_t count)
{
	const struct paragpu_resource_3d args = {
		.target = TARGET_2D,
		.format = image->format,
		.bind = BIND_PICTURE,
		.width = image->width,
		.height = image->height,
		.depth = 1,
		.array_size = 1,
	};
	struct pg_virgl_resource *resource;
	int error = create_image(virgl, id, &args);

	if (error)
		return error;
	if (image->memory.fd >= 0 && image->memory.size)
		error = copy_image_in(virgl, id, image);
	resource = pg_idmap_get(&virgl->resources, id);
	if (!error && count) {
		error = set_pages(virgl, resource, spans, count);
		if (!error)
			error = pg_virgl_error(virgl->lib.resource_attach_iov(
				(int)id, resource->iov, resource->iov_count));
		if (error)
			free_pages(resource);
	}
	if (error)
		pg_virgl_resource_drop(virgl, pg_idmap_take(&virgl->resources, id));
	return error;
}

void pg_virgl_resource_import(struct paragpu_renderer *renderer, uint32_t resource_id,
			      const struct paragpu_import *import,
			      struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	const struct paragpu_image *image = import->image;
	const struct paragpu_export *memory = import->memory;
	int error = -EOPNOTSUPP;

	if (!memory && image)
		memory = &image->memory;
	if (memory && memory->fd < 0)
		memory = NULL;
	virgl->lib.force_ctx_0();
	if (image && virgl->has_vrend && !(memory && memory->handle == PARAGPU_HANDLE_DMABUF))
		error = import_image(virgl, resource_id, image, import->spans, import->count);
	else if (memory)
		error = import_file(virgl, resource_id, memory);
	else if (import->blob && import->count)
		error = import_pages(virgl, resource_id, import->blob, import->spans,
				     import->count);
	virgl->lib.force_ctx_0();
	paragpu_operation_done(operation, error);
}

/* --- backing --- */

static int attach_backing(struct pg_virgl *virgl, uint32_t id, const struct paragpu_span *spans,
			  size_t count)
{
	struct pg_virgl_resource *resource = pg_idmap_get(&virgl->resources, id);
	int error;

	if (!resource)
		return -ENOENT;
	if (resource->iov || resource->kind == PG_VIRGL_BLOB)
		return -EINVAL;
	error = set_pages(virgl, resource, spans, count);
	if (!error)
		error = pg_virgl_error(virgl->lib.resource_attach_iov((int)id, resource->iov,
								      resource->iov_count));
	if (error)
		free_pages(resource);
	return error;
}

void pg_virgl_resource_attach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      const struct paragpu_span *spans, size_t count,
				      struct paragpu_operation *operation)
{
	paragpu_operation_done(operation,
			       attach_backing(pg_virgl_from(renderer), resource_id, spans, count));
}

void pg_virgl_resource_detach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_resource *resource = pg_idmap_get(&virgl->resources, resource_id);

	/* a guest blob is its pages: they go with it */
	if (resource && resource->kind == PG_VIRGL_IMAGE)
		detach_pages(virgl, resource);
	paragpu_operation_done(operation, !resource                          ? -ENOENT
					  : resource->kind == PG_VIRGL_IMAGE ? 0
									     : -EINVAL);
}

void pg_virgl_transfer(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
		       bool to_host, const struct paragpu_transfer *args,
		       struct paragpu_operation *operation)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_resource *resource = pg_idmap_get(&virgl->resources, resource_id);
	struct virgl_box box = {args->x, args->y, args->z, args->w, args->h, args->d};
	int error = 0;
	int result;

	if (!resource)
		error = -ENOENT;
	else if (ctx_id && !pg_idmap_get(&virgl->contexts, ctx_id))
		error = -ESRCH;
	else if (!resource->iov || args->level > INT_MAX)
		/* the library would refuse too, but also put the context in error for good */
		error = -EINVAL;
	if (error) {
		paragpu_operation_done(operation, error);
		return;
	}
	virgl->lib.force_ctx_0();
	if (to_host)
		result = virgl->lib.transfer_write_iov(resource_id, ctx_id, (int)args->level,
						       args->stride, args->layer_stride, &box,
						       args->offset, NULL, 0);
	else
		result = virgl->lib.transfer_read_iov(resource_id, ctx_id, args->level,
						      args->stride, args->layer_stride, &box,
						      args->offset, NULL, 0);
	paragpu_operation_done(operation, pg_virgl_error(result));
}

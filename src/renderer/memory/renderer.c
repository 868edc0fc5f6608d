/* SPDX-License-Identifier: MIT */
/*
 * The context type `memory` as a renderer: contexts, resources, fences. It
 * answers at once, from within each call; only fences on rings that a stream
 * holds come later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "protocol/commands.h"
#include "renderer/memory/internal.h"

static struct pg_memory_renderer *of(struct paragpu_renderer *base)
{
	return (struct pg_memory_renderer *)(void *)base;
}

static struct pg_memory_context *find_context(const struct pg_memory_renderer *renderer,
					      uint32_t id)
{
	pg_list_for_each(link, &renderer->contexts) {
		struct pg_memory_context *context =
			pg_container_of(link, struct pg_memory_context, link);

		if (context->id == id)
			return context;
	}
	return NULL;
}

struct pg_memory_resource *pg_memory_find(const struct pg_memory_renderer *renderer, uint32_t id)
{
	pg_list_for_each(link, &renderer->resources[id % PG_STORE_BUCKETS]) {
		struct pg_memory_resource *resource =
			pg_container_of(link, struct pg_memory_resource, link);

		if (resource->id == id)
			return resource;
	}
	return NULL;
}

static struct pg_memory_attachment *find_attachment(const struct pg_memory_context *context,
						    uint32_t resource_id)
{
	pg_list_for_each(link, &context->attachments) {
		struct pg_memory_attachment *attachment =
			pg_container_of(link, struct pg_memory_attachment, link);

		if (attachment->resource_id == resource_id)
			return attachment;
	}
	return NULL;
}

struct pg_memory_resource *pg_memory_find_attached(const struct pg_memory_renderer *renderer,
						   const struct pg_memory_context *context,
						   uint32_t id)
{
	return find_attachment(context, id) ? pg_memory_find(renderer, id) : NULL;
}

static size_t get_capsets(struct paragpu_renderer *base,
			  struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS])
{
	capsets[0] = (struct paragpu_capset){
		.id = of(base)->settings.capset_id,
		.max_version = 1,
		.max_size = sizeof(struct pg_memory_capset),
	};
	return 1;
}

static int fill_capset(struct paragpu_renderer *base, uint32_t id, uint32_t version, void *data,
		       size_t size)
{
	const struct pg_memory_capset capset = {
		.version = pg_to_le32(1),
		.commands = pg_to_le32(PG_MEMORY_COMMANDS),
		.host_bytes = pg_to_le64(of(base)->settings.host_bytes),
	};

	(void)id;
	(void)version;
	memcpy(data, &capset, size < sizeof(capset) ? size : sizeof(capset));
	return 0;
}

static void set_memory(struct paragpu_renderer *base, struct paragpu_memory *memory)
{
	struct pg_memory_renderer *renderer = of(base);
	struct paragpu_memory *old = renderer->memory;

	renderer->memory = memory ? paragpu_memory_ref(memory) : NULL;
	paragpu_memory_unref(&old);
}

static void free_resource(struct pg_memory_renderer *renderer, struct pg_memory_resource *resource)
{
	pg_list_remove(&resource->link);
	pg_store_finish(renderer, &resource->store);
	free(resource->spans);
	free(resource);
}

static void free_fences(struct pg_list *fences)
{
	pg_list_for_each_safe(link, fences)
		free(pg_container_of(link, struct pg_memory_fence, link));
	pg_list_init(fences);
}

static void free_context(struct pg_memory_renderer *renderer, struct pg_memory_context *context)
{
	pg_list_remove(&context->link);
	pg_list_for_each_safe(link, &context->attachments)
		free(pg_container_of(link, struct pg_memory_attachment, link));
	pg_list_for_each_safe(link, &context->allocations) {
		struct pg_memory_allocation *allocation =
			pg_container_of(link, struct pg_memory_allocation, link);

		pg_store_finish(renderer, &allocation->store);
		free(allocation);
	}
	free_fences(&context->fences);
	free(context);
}

static void reset(struct paragpu_renderer *base)
{
	struct pg_memory_renderer *renderer = of(base);

	while (!pg_list_empty(&renderer->contexts))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
		free_context(renderer, pg_container_of(renderer->contexts.next,
						       struct pg_memory_context, link));
	for (unsigned int i = 0; i < PG_STORE_BUCKETS; i++)
		while (!pg_list_empty(&renderer->resources[i]))
			free_resource(renderer, pg_container_of(renderer->resources[i].next,
								struct pg_memory_resource, link));
	free_fences(&renderer->done);
}

static void context_create(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t capset_id,
			   const char *name, struct paragpu_operation *operation)
{
	struct pg_memory_context *context = calloc(1, sizeof(*context));

	(void)capset_id;
	(void)name;
	if (context) {
		context->id = ctx_id;
		pg_list_init(&context->attachments);
		pg_list_init(&context->allocations);
		pg_list_init(&context->fences);
		pg_list_append(&of(base)->contexts, &context->link);
	}
	paragpu_operation_done(operation, context ? 0 : -ENOMEM);
}

static void context_destroy(struct paragpu_renderer *base, uint32_t ctx_id)
{
	struct pg_memory_context *context = find_context(of(base), ctx_id);

	if (context)
		free_context(of(base), context);
}

static void context_attach(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id)
{
	struct pg_memory_context *context = find_context(of(base), ctx_id);
	struct pg_memory_attachment *attachment;

	if (!context || find_attachment(context, resource_id))
		return;
	attachment = malloc(sizeof(*attachment));
	if (!attachment)
		return; /* commands that name it fail */
	attachment->resource_id = resource_id;
	pg_list_append(&context->attachments, &attachment->link);
}

static void context_detach(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id)
{
	const struct pg_memory_context *context = find_context(of(base), ctx_id);
	struct pg_memory_attachment *attachment = context ? find_attachment(context, resource_id)
							  : NULL;

	if (attachment) {
		pg_list_remove(&attachment->link);
		free(attachment);
	}
}

/* Signals what streams released; each lets the guest go on, which may call anything here. */
static void signal_done(struct pg_memory_renderer *renderer)
{
	while (!pg_list_empty(&renderer->done)) {
		struct pg_memory_fence *fence =
			pg_container_of(renderer->done.next, struct pg_memory_fence, link);
		uint64_t cookie = fence->cookie;

		pg_list_remove(&fence->link);
		free(fence);
		paragpu_renderer_signal(&renderer->base, cookie);
	}
}

static void submit(struct paragpu_renderer *base, uint32_t ctx_id, const struct iovec *pieces,
		   size_t count, size_t size, struct paragpu_operation *operation)
{
	struct pg_memory_renderer *renderer = of(base);
	struct pg_memory_context *context = find_context(renderer, ctx_id);
	uint8_t *stream = malloc(size);
	size_t done = 0;
	int error;

	if (!context || !stream) {
		free(stream);
		paragpu_operation_done(operation, context ? -ENOMEM : -ESRCH);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		memcpy(stream + done, pieces[i].iov_base, pieces[i].iov_len);
		done += pieces[i].iov_len;
	}
	error = pg_memory_execute(renderer, context, stream, done);
	free(stream);
	paragpu_operation_done(operation, error);
	signal_done(renderer);
}

static int fence(struct paragpu_renderer *base, uint32_t ctx_id, bool has_ring, uint8_t ring_idx,
		 uint64_t cookie)
{
	struct pg_memory_context *context = find_context(of(base), ctx_id);
	struct pg_memory_fence *waiting;

	if (!has_ring || !context || !(context->held >> ring_idx & 1)) {
		paragpu_renderer_signal(base, cookie);
		return 0;
	}
	waiting = malloc(sizeof(*waiting));
	if (!waiting)
		return -ENOMEM;
	waiting->ring = ring_idx;
	waiting->cookie = cookie;
	pg_list_append(&context->fences, &waiting->link);
	return 0;
}

static struct pg_memory_resource *new_resource(struct pg_memory_renderer *renderer, uint32_t id,
					       uint64_t size)
{
	struct pg_memory_resource *resource = calloc(1, sizeof(*resource));

	if (!resource)
		return NULL;
	resource->id = id;
	resource->size = size;
	resource->store.fd = -1;
	pg_list_append(&renderer->resources[id % PG_STORE_BUCKETS], &resource->link);
	return resource;
}

static int set_spans(struct pg_memory_resource *resource, const struct paragpu_span *spans,
		     size_t count)
{
	struct paragpu_span *copy = NULL;

	if (count) {
		copy = calloc(count, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, spans, count * sizeof(*copy));
	}
	free(resource->spans);
	resource->spans = copy;
	resource->span_count = count;
	return 0;
}

static void resource_create_3d(struct paragpu_renderer *base, uint32_t resource_id,
			       const struct paragpu_resource_3d *args,
			       struct paragpu_operation *operation)
{
	struct pg_memory_renderer *renderer = of(base);
	struct pg_memory_resource *resource;
	uint64_t size;
	int error;

	/* Flat images of 32-bit pixels: what can be shown. */
	if (args->target != 2 || !pg_format_find(args->format) || !args->height ||
	    args->depth > 1 || args->array_size > 1 || args->last_level || args->nr_samples > 1 ||
	    !pg_mul_u64((uint64_t)args->width * 4, args->height, &size)) {
		paragpu_operation_done(operation, -EINVAL);
		return;
	}
	resource = new_resource(renderer, resource_id, size);
	error = resource ? pg_store_create(renderer, size, &resource->store) : -ENOMEM;
	if (error) {
		if (resource)
			free_resource(renderer, resource);
		paragpu_operation_done(operation, error);
		return;
	}
	resource->width = args->width;
	resource->height = args->height;
	resource->format = args->format;
	paragpu_operation_done(operation, 0);
}

/* The memory of a new blob: what a stream made under this id, or fresh for id 0. */
static int take_store(struct pg_memory_renderer *renderer, const struct pg_memory_context *context,
		      const struct paragpu_blob *args, struct pg_store *store)
{
	if (!args->blob_id)
		return pg_store_create(renderer, args->size, store);
	pg_list_for_each(link, &context->allocations) {
		struct pg_memory_allocation *allocation =
			pg_container_of(link, struct pg_memory_allocation, link);

		if (allocation->blob_id != args->blob_id)
			continue;
		if (allocation->store.size < args->size)
			return -EINVAL;
		*store = allocation->store;
		pg_list_remove(&allocation->link);
		free(allocation);
		return 0;
	}
	return -EINVAL;
}

static void resource_create_blob(struct paragpu_renderer *base, uint32_t ctx_id,
				 uint32_t resource_id, const struct paragpu_blob *args,
				 const struct paragpu_span *spans, size_t count,
				 struct paragpu_operation *operation)
{
	struct pg_memory_renderer *renderer = of(base);
	const struct pg_memory_context *context = find_context(renderer, ctx_id);
	struct pg_memory_resource *resource = new_resource(renderer, resource_id, args->size);
	struct paragpu_export memory = {
		.handle = PARAGPU_HANDLE_SHM,
		.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
		.mappable = true,
	};
	int error = resource && context ? set_spans(resource, spans, count) : -ENOMEM;

	if (!error)
		error = take_store(renderer, context, args, &resource->store);
	if (!error) {
		memory.size = resource->store.size;
		memory.fd = fcntl(resource->store.fd, F_DUPFD_CLOEXEC, 0);
		error = memory.fd < 0 ? -ENOMEM : 0;
	}
	if (!error) {
		paragpu_operation_blob_created(operation, &memory);
		return;
	}
	if (resource)
		free_resource(renderer, resource);
	paragpu_operation_done(operation, error);
}

static void resource_import(struct paragpu_renderer *base, uint32_t resource_id,
			    const struct paragpu_import *import,
			    struct paragpu_operation *operation)
{
	struct pg_memory_renderer *renderer = of(base);
	const struct paragpu_export *memory = import->memory;
	uint64_t size = import->blob ? import->blob->size : memory ? memory->size : 0;
	struct pg_memory_resource *resource = new_resource(renderer, resource_id, size);
	int error = resource ? set_spans(resource, import->spans, import->count) : -ENOMEM;

	if (!error && memory)
		error = pg_store_import(memory, &resource->store);
	if (!error && memory && resource->store.size < size)
		error = -EINVAL;
	if (error && resource)
		free_resource(renderer, resource);
	paragpu_operation_done(operation, error);
}

static void resource_attach_backing(struct paragpu_renderer *base, uint32_t resource_id,
				    const struct paragpu_span *spans, size_t count,
				    struct paragpu_operation *operation)
{
	struct pg_memory_resource *resource = pg_memory_find(of(base), resource_id);

	paragpu_operation_done(operation, resource ? set_spans(resource, spans, count) : -ENOENT);
}

static void resource_detach_backing(struct paragpu_renderer *base, uint32_t resource_id,
				    struct paragpu_operation *operation)
{
	struct pg_memory_resource *resource = pg_memory_find(of(base), resource_id);

	paragpu_operation_done(operation, resource ? set_spans(resource, NULL, 0) : -ENOENT);
}

static void resource_unref(struct paragpu_renderer *base, uint32_t resource_id,
			   struct paragpu_operation *operation)
{
	struct pg_memory_resource *resource = pg_memory_find(of(base), resource_id);

	if (resource)
		free_resource(of(base), resource);
	paragpu_operation_done(operation, 0);
}

/* Copies `length` bytes between the guest's pages and the memory of the host. */
static void copy_row(const struct pg_memory_renderer *renderer,
		     const struct pg_memory_resource *resource, bool to_host, uint64_t guest,
		     uint64_t host, size_t length)
{
	struct pg_cursor cursor = {
		.renderer = renderer,
		.resource = resource,
		.guest = true,
		.offset = guest,
	};

	if (to_host)
		pg_cursor_read(&cursor, resource->store.bytes + host, length);
	else
		pg_cursor_write(&cursor, resource->store.bytes + host, length);
}

/* An image by its box; a blob as one row of bytes. */
static int transfer_rows(const struct pg_memory_renderer *renderer,
			 const struct pg_memory_resource *resource, bool to_host,
			 const struct paragpu_transfer *args)
{
	uint64_t pixel = resource->width ? 4 : 1, width = resource->width;
	uint64_t row = args->w * pixel, stride = args->stride ? args->stride : width * pixel;
	uint64_t offset = args->offset;

	if (resource->store.fd < 0 || !resource->span_count || args->level || args->z ||
	    args->d != 1)
		return -EINVAL;
	if (!resource->width) {
		if (args->y || args->h != 1 || !pg_range_inside(args->x, row, resource->store.size))
			return -EINVAL;
	} else if (!pg_range_inside(args->x, args->w, width) ||
		   !pg_range_inside(args->y, args->h, resource->height)) {
		return -EINVAL;
	}
	for (uint32_t y = 0; y < args->h; y++) {
		copy_row(renderer, resource, to_host, offset,
			 ((uint64_t)(args->y + y) * width + args->x) * pixel, (size_t)row);
		if (!pg_add_u64(offset, stride, &offset))
			return -EINVAL;
	}
	return 0;
}

static void transfer(struct paragpu_renderer *base, uint32_t ctx_id, uint32_t resource_id,
		     bool to_host, const struct paragpu_transfer *args,
		     struct paragpu_operation *operation)
{
	const struct pg_memory_resource *resource = pg_memory_find(of(base), resource_id);

	(void)ctx_id;
	paragpu_operation_done(
		operation, resource ? transfer_rows(of(base), resource, to_host, args) : -ENOENT);
}

static void present(struct paragpu_renderer *base, uint32_t resource_id, struct paragpu_rect rect,
		    struct paragpu_operation *operation)
{
	const struct pg_memory_resource *resource = pg_memory_find(of(base), resource_id);
	struct paragpu_image image;

	(void)rect; /* the bytes are always there */
	if (!resource || !resource->width) {
		paragpu_operation_done(operation, resource ? -EINVAL : -ENOENT);
		return;
	}
	image = (struct paragpu_image){
		.width = resource->width,
		.height = resource->height,
		.format = resource->format,
		.stride = resource->width * 4,
		.memory =
			{
				.handle = PARAGPU_HANDLE_SHM,
				.fd = fcntl(resource->store.fd, F_DUPFD_CLOEXEC, 0),
				.size = resource->store.size,
				.map_info = VIRTIO_GPU_MAP_CACHE_CACHED,
				.mappable = true,
			},
	};
	if (image.memory.fd < 0)
		paragpu_operation_done(operation, -ENOMEM);
	else
		paragpu_operation_presented(operation, &image);
}

static const struct paragpu_renderer_ops ops = {
	.name = "memory",
	.get_capsets = get_capsets,
	.fill_capset = fill_capset,
	.set_memory = set_memory,
	.reset = reset,
	.context_create = context_create,
	.context_destroy = context_destroy,
	.context_attach = context_attach,
	.context_detach = context_detach,
	.submit = submit,
	.fence = fence,
	.resource_create_3d = resource_create_3d,
	.resource_create_blob = resource_create_blob,
	.resource_import = resource_import,
	.resource_attach_backing = resource_attach_backing,
	.resource_detach_backing = resource_detach_backing,
	.resource_unref = resource_unref,
	.transfer = transfer,
	.present = present,
};

int pg_memory_renderer_create(const struct pg_memory_settings *settings,
			      struct paragpu_renderer **out)
{
	struct pg_memory_renderer *renderer = calloc(1, sizeof(*renderer));

	if (!renderer)
		return -ENOMEM;
	renderer->base.ops = &ops;
	renderer->settings = *settings;
	pg_list_init(&renderer->contexts);
	pg_list_init(&renderer->done);
	for (unsigned int i = 0; i < PG_STORE_BUCKETS; i++)
		pg_list_init(&renderer->resources[i]);
	*out = &renderer->base;
	return 0;
}

void pg_memory_renderer_destroy(struct paragpu_renderer **base)
{
	struct pg_memory_renderer *renderer;

	if (!*base)
		return;
	renderer = of(*base);
	*base = NULL;
	reset(&renderer->base);
	paragpu_memory_unref(&renderer->memory);
	free(renderer);
}

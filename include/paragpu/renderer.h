/* SPDX-License-Identifier: MIT */
/*
 * Renderers: who executes what guests say inside contexts (virtio
 * specification, "GPU Device", the commands under VIRTIO_GPU_F_VIRGL).
 *
 * The device keeps every id, checks every number that the protocol itself
 * defines, knows which resource is attached to which context, and orders the
 * fences. A renderer gets calls that are already right in that sense, and
 * interprets only what is its own: command streams, blob ids, image formats.
 *
 * A call is an operation: the renderer answers it once, at once or later, from
 * the device's thread, by one paragpu_operation_*() function. Calls arrive in
 * the guest's order; a renderer must execute them as if in that order but may
 * answer in another. Answers carry 0 or a negative errno, which the device
 * turns into the protocol's: -ENOMEM into ERR_OUT_OF_MEMORY, -EINVAL and -E2BIG
 * into ERR_INVALID_PARAMETER, -ENOENT into ERR_INVALID_RESOURCE_ID, -ESRCH into
 * ERR_INVALID_CONTEXT_ID, all others into ERR_UNSPEC.
 *
 * An implementation embeds struct paragpu_renderer as its first member, fills
 * `ops`, and hands itself to paragpu_device_add_renderer() before the driver
 * starts. `get_capsets`, `fill_capset`, `reset`, `context_create`,
 * `context_destroy` and `submit` must be set; any other function that is absent
 * (NULL) means that the renderer can't do it, or has nothing to do.
 *
 * Threads: the device calls on its own thread only. A renderer that has
 * threads or processes of its own makes `poll_fd` readable when it has news and
 * delivers them inside `dispatch`.
 */
#ifndef PARAGPU_RENDERER_H
#define PARAGPU_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <paragpu/display.h>
#include <paragpu/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

struct paragpu_renderer;

/* One call under way. Opaque; consumed by its answer. */
struct paragpu_operation;

struct paragpu_capset {
	uint32_t id; /* VIRTIO_GPU_CAPSET_*, 1..30 */
	uint32_t max_version;
	uint32_t max_size; /* at most PARAGPU_MAX_CAPSET_SIZE */
};

#define PARAGPU_MAX_CAPSETS 16
#define PARAGPU_MAX_CAPSET_SIZE 65536
#define PARAGPU_MAX_RINGS 64

/* A run of guest physical memory. */
struct paragpu_span {
	uint64_t guest_addr;
	uint64_t length;
};

/* RESOURCE_CREATE_3D; numbers are the renderer's to check. */
struct paragpu_resource_3d {
	uint32_t target, format, bind;
	uint32_t width, height, depth;
	uint32_t array_size, last_level, nr_samples;
	uint32_t flags;
};

/* RESOURCE_CREATE_BLOB; blob_mem, flags and size are checked by the device. */
struct paragpu_blob {
	uint32_t blob_mem, blob_flags;
	uint64_t blob_id;
	uint64_t size;
};

/* TRANSFER_TO_HOST_3D, TRANSFER_FROM_HOST_3D. */
struct paragpu_transfer {
	uint32_t x, y, z, w, h, d;
	uint64_t offset; /* of the box's first texel in the backing */
	uint32_t level, stride, layer_stride;
};

/* What kind of file a blob's memory is. */
enum paragpu_handle {
	PARAGPU_HANDLE_NONE,   /* cannot leave the renderer */
	PARAGPU_HANDLE_SHM,    /* memfd: map it anywhere */
	PARAGPU_HANDLE_DMABUF, /* map it, or give it to another device */
	PARAGPU_HANDLE_OPAQUE, /* for the same driver only */
};

/*
 * Memory of a renderer that others may use. With an answer the descriptor
 * passes to the device.
 */
struct paragpu_export {
	enum paragpu_handle handle;
	int fd;             /* -1 with PARAGPU_HANDLE_NONE */
	uint64_t fd_offset; /* where the first byte lies in the file */
	uint64_t size;      /* bytes that exist there: the truth, whatever the guest said */
	uint32_t map_info;  /* VIRTIO_GPU_MAP_CACHE_*: how the host maps it */
	bool mappable;      /* mmap() of fd at fd_offset works in any process */
	uint64_t reserved[4];
};

/* Where the pixels of a resource are, after `present`. */
struct paragpu_image {
	uint32_t width, height;
	uint32_t format; /* enum virtio_gpu_formats, as the bytes lie */
	uint32_t stride;
	uint64_t modifier; /* 0: linear, mappable */
	struct paragpu_export memory;
};

/*
 * What a resource that this renderer did not make consists of. Everything is
 * valid during the call only: duplicate the descriptor, copy the spans.
 */
struct paragpu_import {
	const struct paragpu_blob *blob;   /* a blob, else NULL: an image */
	const struct paragpu_image *image; /* an image with its memory, else NULL */
	const struct paragpu_export
		*memory; /* the host's bytes, of a blob too; NULL: none that can leave */
	const struct paragpu_span *spans; /* the guest's pages */
	size_t count;                     /* of spans; 0: none */
	void *reserved[4];
};

struct paragpu_renderer_ops {
	const char *name;

	/* The capsets that it really can serve on this host, found by trying. Returns their number. */
	size_t (*get_capsets)(struct paragpu_renderer *renderer,
			      struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS]);

	/* Fills `size` = max_size zeroed bytes. Returns 0 or a negative errno; never blocks. */
	int (*fill_capset)(struct paragpu_renderer *renderer, uint32_t id, uint32_t version,
			   void *data, size_t size);

	/* Readable when `dispatch` has something to deliver; -1: never. Stays the renderer's. */
	int (*poll_fd)(struct paragpu_renderer *renderer);
	void (*dispatch)(struct paragpu_renderer *renderer);

	/* The guest's memory from now on; take a reference to keep it. NULL: none. */
	void (*set_memory)(struct paragpu_renderer *renderer, struct paragpu_memory *memory);

	/*
	 * Everything ends: contexts, resources, fences. Nothing that was under
	 * way is answered any more (its operations are gone), and the renderer
	 * must stop touching guest memory before it returns. Afterwards it is as new.
	 */
	void (*reset)(struct paragpu_renderer *renderer);

	/* `ctx_id` is new and not 0; `capset_id` is one of its own; `name` has at most 64 characters. */
	void (*context_create)(struct paragpu_renderer *renderer, uint32_t ctx_id,
			       uint32_t capset_id, const char *name,
			       struct paragpu_operation *operation);
	/* The device completes the context's fences itself: none may be signalled afterwards. */
	void (*context_destroy)(struct paragpu_renderer *renderer, uint32_t ctx_id);

	void (*context_attach)(struct paragpu_renderer *renderer, uint32_t ctx_id,
			       uint32_t resource_id);
	void (*context_detach)(struct paragpu_renderer *renderer, uint32_t ctx_id,
			       uint32_t resource_id);

	/* A command stream, to be copied before returning. */
	void (*submit)(struct paragpu_renderer *renderer, uint32_t ctx_id,
		       const struct iovec *pieces, size_t count, size_t size,
		       struct paragpu_operation *operation);

	/*
	 * A fence behind everything called before it on the same timeline:
	 * paragpu_renderer_signal(renderer, cookie) once that is done, successful
	 * or not. `ctx_id` 0, without a ring, is the timeline of all contexts.
	 * Returns 0, or a negative errno and then it never signals.
	 */
	int (*fence)(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		     uint8_t ring_idx, uint64_t cookie);

	/* An image of the renderer's own. */
	void (*resource_create_3d)(struct paragpu_renderer *renderer, uint32_t resource_id,
				   const struct paragpu_resource_3d *args,
				   struct paragpu_operation *operation);

	/*
	 * A blob from context `ctx_id` (HOST3D, HOST3D_GUEST): answered by
	 * paragpu_operation_blob_created() on success.
	 */
	void (*resource_create_blob)(struct paragpu_renderer *renderer, uint32_t ctx_id,
				     uint32_t resource_id, const struct paragpu_blob *args,
				     const struct paragpu_span *spans, size_t count,
				     struct paragpu_operation *operation);

	/*
	 * A resource of the device (2D image, guest blob) or of another renderer
	 * is about to be attached to one of its contexts, for the first time
	 * since this renderer knows it. `context_attach` follows success.
	 */
	void (*resource_import)(struct paragpu_renderer *renderer, uint32_t resource_id,
				const struct paragpu_import *import,
				struct paragpu_operation *operation);

	/* Guest pages come under, or go from, a resource that it knows. Copy the spans. */
	void (*resource_attach_backing)(struct paragpu_renderer *renderer, uint32_t resource_id,
					const struct paragpu_span *spans, size_t count,
					struct paragpu_operation *operation);
	void (*resource_detach_backing)(struct paragpu_renderer *renderer, uint32_t resource_id,
					struct paragpu_operation *operation);

	/* Answered when nothing touches the resource's guest pages any more. */
	void (*resource_unref)(struct paragpu_renderer *renderer, uint32_t resource_id,
			       struct paragpu_operation *operation);

	void (*transfer)(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
			 bool to_host, const struct paragpu_transfer *args,
			 struct paragpu_operation *operation);

	/*
	 * Makes the pixels of `rect` readable for displays. Answered by
	 * paragpu_operation_presented(). The same memory may be answered each time.
	 */
	void (*present)(struct paragpu_renderer *renderer, uint32_t resource_id,
			struct paragpu_rect rect, struct paragpu_operation *operation);

	void *reserved[8];
};

struct paragpu_renderer {
	const struct paragpu_renderer_ops *ops;
	/* private to the device */
	void *device;
	void *state;
	void *reserved[5];
};

/* The answer to an operation: 0 or a negative errno. */
void paragpu_operation_done(struct paragpu_operation *operation, int error);

/*
 * Success of resource_create_blob; *memory is copied, its descriptor passes to
 * the device. Memory smaller than the blob is refused: the guest gets
 * ERR_INVALID_PARAMETER and `resource_unref` follows.
 */
void paragpu_operation_blob_created(struct paragpu_operation *operation,
				    const struct paragpu_export *memory);

/* Success of present; *image is copied, its descriptor passes to the device; fd -1: as last time. */
void paragpu_operation_presented(struct paragpu_operation *operation,
				 const struct paragpu_image *image);

/* The fence with this cookie is done. Inside `dispatch`, or any call of the device. */
void paragpu_renderer_signal(struct paragpu_renderer *renderer, uint64_t cookie);

/*
 * A context is lost (its process died, its stream was broken for good). Its
 * fences complete, commands to it are answered with ERR_UNSPEC until the guest
 * destroys it; the renderer has forgotten it, and `context_destroy` does not follow.
 */
void paragpu_renderer_context_lost(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   const char *reason);

/*
 * All is lost: every context, resource and open operation of this renderer. The
 * device answers the operations with ERR_UNSPEC; heads keep their last picture;
 * mappings are replaced by zeroes. The next context_create starts afresh.
 */
void paragpu_renderer_lost(struct paragpu_renderer *renderer, const char *reason);

#ifdef __cplusplus
}
#endif

#endif

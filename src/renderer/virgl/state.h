/* SPDX-License-Identifier: MIT */
/*
 * What the files of the virglrenderer renderer share. Everything belongs to the
 * caller's thread except what is marked: the library calls back from its own
 * threads when fences are done.
 */
#ifndef PG_RENDERER_VIRGL_STATE_H
#define PG_RENDERER_VIRGL_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <paragpu/renderer.h>

#include "base/idmap.h"
#include "base/list.h"
#include "renderer/virgl/library.h"
#include "renderer/virgl/virgl.h"

#define PG_VIRGL_MODULE "virgl"

/* What an event of the epoll descriptor is about; everything below is a context's id. */
#define PG_VIRGL_EVENT_WAKE ((uint64_t)1 << 32)
#define PG_VIRGL_EVENT_POLL ((uint64_t)2 << 32)
#define PG_VIRGL_EVENT_SERVER ((uint64_t)3 << 32)

/* A fence that has not signalled. */
struct pg_virgl_fence {
	struct pg_list link;
	uint64_t id; /* ours; ascending over all fences of the renderer */
	uint64_t cookie;
	uint32_t ctx_id; /* whose; 0: of no context */
	uint32_t ring;
};

struct pg_virgl_context {
	uint32_t id;
	uint32_t capset;
	bool remote;  /* lives in a process of the render server: can die alone */
	bool suspect; /* a call failed: to be checked */
	int socket;   /* the library's connection to that process, watched only; -1: unknown */
	size_t max_submit;
	struct pg_list fences; /* by id */
	/* written by the library's threads under `lock` */
	_Atomic uint64_t done[PARAGPU_MAX_RINGS]; /* highest id signalled on each ring */
};

enum pg_virgl_kind {
	PG_VIRGL_IMAGE,    /* made from create_3d arguments */
	PG_VIRGL_BLOB,     /* of a context */
	PG_VIRGL_IMPORTED, /* somebody else's memory */
};

struct pg_virgl_resource {
	uint32_t id;
	enum pg_virgl_kind kind;
	bool has_pixels; /* a texture of OpenGL's: can be presented */

	/* The guest's pages: the library keeps the pointer to the array. */
	struct iovec *iov;
	int iov_count;
	struct paragpu_memory *memory; /* keeps what `iov` points to mapped */

	/* Where `present` left the pixels. */
	struct {
		int fd;          /* a memfd of ours, or a dma-buf of the texture; -1: none yet */
		uint8_t *pixels; /* the memfd mapped, or NULL */
		size_t size;
		bool sent; /* the device has the descriptor already */
		struct paragpu_image image;
	} view;
};

struct pg_virgl {
	struct paragpu_renderer base;
	struct pg_virgl_library lib;
	struct virgl_renderer_callbacks callbacks;
	const struct pg_logger *log;
	char *server_path;
	char *render_node;

	int flags;      /* the library runs with these; 0: it does not run */
	bool has_vrend; /* the OpenGL half works */
	bool used;      /* something was made since init */
	bool suspects;  /* a context's `suspect` is set */
	struct paragpu_capset capsets[PARAGPU_MAX_CAPSETS];
	size_t capset_count;

	int epoll;      /* all of the following, and the contexts' sockets */
	int wake;       /* eventfd: a fence was signalled */
	int vrend_poll; /* the library's, watched only */
	int server_pidfd;
	pid_t server_pid;
	bool server_gone;

	struct paragpu_memory *memory;
	struct pg_idmap contexts; /* changed under `lock` */
	struct pg_idmap resources;

	uint64_t next_fence;
	struct pg_list global; /* fences of OpenGL, whichever context: `id` counts below */
	struct pg_list ready;  /* fences with nothing to wait for */
	uint32_t next_global;

	pthread_mutex_t lock; /* the map of contexts, against the library's threads */
	_Atomic uint32_t global_done;
	atomic_bool remote_news;
};

static inline struct pg_virgl *pg_virgl_from(struct paragpu_renderer *renderer)
{
	return pg_container_of(renderer, struct pg_virgl, base);
}

/* renderer.c: makes the poll descriptor readable. Any thread. */
void pg_virgl_wake(struct pg_virgl *virgl);

/* server.c: the render server, a child of ours. */
int pg_virgl_server_start(struct pg_virgl *virgl);
void pg_virgl_server_stop(struct pg_virgl *virgl);

/* fence.c */
void pg_virgl_fence_callbacks(struct pg_virgl *virgl);
int pg_virgl_fence(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		   uint8_t ring_idx, uint64_t cookie);
/* Signals everything that is done. */
void pg_virgl_fence_retire(struct pg_virgl *virgl);
/* Forgets the fences of a context, or (NULL) all. */
void pg_virgl_fence_drop(struct pg_virgl *virgl, struct pg_virgl_context *context);

/* context.c */
void pg_virgl_context_create(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t capset_id,
			     const char *name, struct paragpu_operation *operation);
void pg_virgl_context_destroy(struct paragpu_renderer *renderer, uint32_t ctx_id);
void pg_virgl_context_attach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id);
void pg_virgl_context_detach(struct paragpu_renderer *renderer, uint32_t ctx_id,
			     uint32_t resource_id);
void pg_virgl_submit(struct paragpu_renderer *renderer, uint32_t ctx_id, const struct iovec *pieces,
		     size_t count, size_t size, struct paragpu_operation *operation);
/* Ends a context in the library and forgets it. */
void pg_virgl_context_drop(struct pg_virgl *virgl, struct pg_virgl_context *context);
/* The context's process failed a call or hung up: finds out in the next dispatch whether it is dead. */
void pg_virgl_context_suspect(struct pg_virgl *virgl, struct pg_virgl_context *context);
void pg_virgl_context_check_suspects(struct pg_virgl *virgl);
/* Whether a throw-away context of this capset can be made and signals a fence. */
int pg_virgl_context_try(struct pg_virgl *virgl, uint32_t capset_id);

/* resource.c */
void pg_virgl_resource_create_3d(struct paragpu_renderer *renderer, uint32_t resource_id,
				 const struct paragpu_resource_3d *args,
				 struct paragpu_operation *operation);
void pg_virgl_resource_create_blob(struct paragpu_renderer *renderer, uint32_t ctx_id,
				   uint32_t resource_id, const struct paragpu_blob *args,
				   const struct paragpu_span *spans, size_t count,
				   struct paragpu_operation *operation);
void pg_virgl_resource_import(struct paragpu_renderer *renderer, uint32_t resource_id,
			      const struct paragpu_import *import,
			      struct paragpu_operation *operation);
void pg_virgl_resource_attach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      const struct paragpu_span *spans, size_t count,
				      struct paragpu_operation *operation);
void pg_virgl_resource_detach_backing(struct paragpu_renderer *renderer, uint32_t resource_id,
				      struct paragpu_operation *operation);
void pg_virgl_resource_unref(struct paragpu_renderer *renderer, uint32_t resource_id,
			     struct paragpu_operation *operation);
void pg_virgl_transfer(struct paragpu_renderer *renderer, uint32_t ctx_id, uint32_t resource_id,
		       bool to_host, const struct paragpu_transfer *args,
		       struct paragpu_operation *operation);
/* Ends a resource in the library and frees it; it is in no table any more. */
void pg_virgl_resource_drop(struct pg_virgl *virgl, struct pg_virgl_resource *resource);

/* export.c: the memory of a blob that the library has just made. Sets *memory in any case. */
void pg_virgl_export(struct pg_virgl *virgl, uint32_t resource_id, const struct paragpu_blob *blob,
		     struct paragpu_export *memory);
/*
 * Where in the file of `fd` the bytes lie that are mapped at `pointer`. Returns
 * 0, or -ENXIO if that address is not a mapping of that file.
 */
int pg_virgl_find_offset(int fd, const void *pointer, uint64_t *offset);

/* present.c */
void pg_virgl_present(struct paragpu_renderer *renderer, uint32_t resource_id,
		      struct paragpu_rect rect, struct paragpu_operation *operation);
void pg_virgl_view_finish(struct pg_virgl_resource *resource);

#endif

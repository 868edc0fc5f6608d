/* SPDX-License-Identifier: MIT */
/*
 * Fences. The library crashes if an OpenGL context is destroyed while fences
 * of its own are pending, whichever guest process asked for them. So all of
 * OpenGL shares the fences of the library's context 0: 32-bit numbers, strictly
 * in order, that survive the end of any guest context. Only contexts with a
 * process of their own get fences of their own, per ring.
 *
 * The library signals from its own threads, possibly before the call that made
 * the fence returns: a fence is registered first. Its callbacks only raise a
 * number and wake the caller's thread.
 */
#include "renderer/virgl/state.h"

#include <errno.h>
#include <stdlib.h>

/* On the library's thread. */
static void global_signalled(void *cookie, uint32_t id)
{
	struct pg_virgl *virgl = cookie;

	atomic_store_explicit(&virgl->global_done, id, memory_order_release);
	pg_virgl_wake(virgl);
}

/* On a thread of the context's, which ends before the context does. */
static void ring_signalled(void *cookie, uint32_t ctx_id, uint32_t ring, uint64_t id)
{
	struct pg_virgl *virgl = cookie;
	struct pg_virgl_context *context;

	pthread_mutex_lock(&virgl->lock);
	context = pg_idmap_get(&virgl->contexts, ctx_id);
	/* ids ascend over all contexts: one of an earlier owner of ctx_id retires nothing */
	if (context && ring < PARAGPU_MAX_RINGS && atomic_load(&context->done[ring]) < id) {
		atomic_store_explicit(&context->done[ring], id, memory_order_release);
		atomic_store_explicit(&virgl->remote_news, true, memory_order_release);
	}
	pthread_mutex_unlock(&virgl->lock);
	pg_virgl_wake(virgl);
}

void pg_virgl_fence_callbacks(struct pg_virgl *virgl)
{
	virgl->callbacks.write_fence = global_signalled;
	virgl->callbacks.write_context_fence = ring_signalled;
}

static void fence_free(struct pg_virgl_fence *fence)
{
	pg_list_remove(&fence->link);
	free(fence);
}

static int fence_remote(struct pg_virgl *virgl, struct pg_virgl_context *context,
			struct pg_virgl_fence *fence)
{
	int result;

	fence->id = ++virgl->next_fence;
	pg_list_append(&context->fences, &fence->link);
	result = virgl->lib.context_create_fence(context->id, 0, fence->ring, fence->id);
	if (!result)
		return 0;
	fence_free(fence);
	if (result == -1)
		pg_virgl_context_suspect(virgl, context);
	return pg_virgl_error(result);
}

static int fence_global(struct pg_virgl *virgl, struct pg_virgl_fence *fence)
{
	int result;

	fence->id = ++virgl->next_global;
	pg_list_append(&virgl->global, &fence->link);
	result = virgl->lib.create_fence((int)virgl->next_global, 0);
	if (result)
		fence_free(fence);
	return pg_virgl_error(result);
}

int pg_virgl_fence(struct paragpu_renderer *renderer, uint32_t ctx_id, bool has_ring,
		   uint8_t ring_idx, uint64_t cookie)
{
	struct pg_virgl *virgl = pg_virgl_from(renderer);
	struct pg_virgl_context *context = ctx_id ? pg_idmap_get(&virgl->contexts, ctx_id) : NULL;
	struct pg_virgl_fence *fence;

	if (ctx_id && !context)
		return -ESRCH;
	/* only contexts with processes of their own have more than one timeline */
	if (has_ring &&
	    (ring_idx >= PARAGPU_MAX_RINGS || (ring_idx && !(context && context->remote))))
		return -EINVAL;
	fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	*fence = (struct pg_virgl_fence){.cookie = cookie, .ctx_id = ctx_id, .ring = ring_idx};
	if (has_ring && context && context->remote)
		return fence_remote(virgl, context, fence);
	if (virgl->has_vrend)
		return fence_global(virgl, fence);
	/* without OpenGL nothing runs on the common timeline: done, but not from inside this call */
	pg_list_append(&virgl->ready, &fence->link);
	pg_virgl_wake(virgl);
	return 0;
}

static void signal_fence(struct pg_virgl *virgl, struct pg_virgl_fence *fence)
{
	uint64_t cookie = fence->cookie;

	fence_free(fence);
	paragpu_renderer_signal(&virgl->base, cookie);
}

static void retire_rings(struct pg_virgl *virgl)
{
	struct pg_virgl_context *context;
	size_t cursor = 0;

	if (!atomic_exchange_explicit(&virgl->remote_news, false, memory_order_acquire))
		return;
	/* collected first: signalling may call back into this renderer and change the map */
	while ((context = pg_idmap_next(&virgl->contexts, &cursor))) {
		pg_list_for_each_safe(link, &context->fences) {
			struct pg_virgl_fence *fence =
				pg_container_of(link, struct pg_virgl_fence, link);

			if (fence->id >
			    atomic_load_explicit(&context->done[fence->ring], memory_order_acquire))
				continue;
			pg_list_remove(link);
			pg_list_append(&virgl->ready, link);
		}
	}
}

void pg_virgl_fence_retire(struct pg_virgl *virgl)
{
	uint32_t done = atomic_load_explicit(&virgl->global_done, memory_order_acquire);

	while (!pg_list_empty(&virgl->global)) {
		struct pg_virgl_fence *fence =
			pg_container_of(virgl->global.next, struct pg_virgl_fence, link);

		if ((int32_t)(done - (uint32_t)fence->id) < 0)
			break;
		pg_list_remove(&fence->link);
		pg_list_append(&virgl->ready, &fence->link);
	}
	retire_rings(virgl);
	while (!pg_list_empty(&virgl->ready))
		signal_fence(virgl,
			     pg_container_of(virgl->ready.next, struct pg_virgl_fence, link));
}

static void drop_from(struct pg_list *list, const struct pg_virgl_context *context)
{
	pg_list_for_each_safe(link, list) {
		struct pg_virgl_fence *fence = pg_container_of(link, struct pg_virgl_fence, link);

		if (!context || fence->ctx_id == context->id)
			fence_free(fence);
	}
}

void pg_virgl_fence_drop(struct pg_virgl *virgl, struct pg_virgl_context *context)
{
	drop_from(&virgl->global, context);
	drop_from(&virgl->ready, context);
	if (context)
		drop_from(&context->fences, NULL);
}

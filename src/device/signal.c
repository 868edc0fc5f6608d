/* SPDX-License-Identifier: MIT */
/* Fences of renderers; see signal.h. Cookies come back from outside: unknown ones are ignored. */
#include "device/signal.h"

#include <stdlib.h>

#include "device/device.h"
#include "device/request.h"

struct pg_signal {
	struct pg_list link; /* in its bucket */
	struct pg_list of_renderer;
	struct pg_renderer *renderer;
	uint64_t cookie;
	struct paragpu_request *request;
	struct virtio_gpu_ctrl_hdr hdr; /* of the request */
	bool has_ring;
};

void pg_signals_init(struct pg_signals *signals)
{
	for (unsigned int i = 0; i < PG_SIGNAL_BUCKETS; i++)
		pg_list_init(&signals->buckets[i]);
}

static struct pg_list *bucket_of(struct pg_signals *signals, uint64_t cookie)
{
	return &signals->buckets[cookie % PG_SIGNAL_BUCKETS];
}

static void forget(struct paragpu_device *device, struct pg_signal *signal)
{
	pg_list_remove(&signal->link);
	pg_list_remove(&signal->of_renderer);
	device->signals.open--;
	free(signal);
}

static void arrive(struct paragpu_device *device, struct pg_signal *signal)
{
	struct paragpu_request *request = signal->request;

	forget(device, signal);
	pg_fence_arrived(device, request);
}

bool pg_signal_prepare(struct pg_call *call)
{
	if (!(pg_from_le32(call->fixed.hdr.flags) & VIRTIO_GPU_FLAG_FENCE))
		return true;
	call->signal = malloc(sizeof(*call->signal));
	return call->signal != NULL;
}

void pg_signal_expect(struct pg_call *call, struct pg_renderer *renderer)
{
	const struct virtio_gpu_ctrl_hdr *hdr = &call->fixed.hdr;
	struct paragpu_device *device = call->device;
	bool has_ring = pg_fence_has_ring(device, hdr);
	struct pg_signal *signal = call->signal;
	uint64_t cookie;

	if (!signal || !pg_ops(renderer)->fence)
		return;
	call->signal = NULL;
	cookie = ++device->signals.last_cookie;
	*signal = (struct pg_signal){
		.renderer = renderer,
		.cookie = cookie,
		.request = call->request,
		.hdr = *hdr,
		.has_ring = has_ring,
	};
	pg_list_append(bucket_of(&device->signals, cookie), &signal->link);
	pg_list_append(&renderer->fences, &signal->of_renderer);
	device->signals.open++;
	call->request->device.waits++;
	/* May signal at once. If it is refused there is nothing to wait for. */
	if (pg_ops(renderer)->fence(renderer->base, has_ring ? pg_from_le32(hdr->ctx_id) : 0,
				    has_ring, has_ring ? hdr->ring_idx : 0, cookie))
		paragpu_renderer_signal(renderer->base, cookie);
}

void paragpu_renderer_signal(struct paragpu_renderer *renderer, uint64_t cookie)
{
	struct paragpu_device *device = renderer->device;

	if (!device)
		return;
	pg_list_for_each(link, bucket_of(&device->signals, cookie)) {
		struct pg_signal *signal = pg_container_of(link, struct pg_signal, link);

		if (signal->cookie != cookie || signal->renderer != renderer->state)
			continue;
		arrive(device, signal);
		return;
	}
}

static void fail(struct paragpu_device *device, struct pg_signal *signal)
{
	struct virtio_gpu_ctrl_hdr response = {0};

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
	pg_reply(device, signal->request, &signal->hdr, VIRTIO_GPU_RESP_ERR_UNSPEC, &response,
		 sizeof(response));
	arrive(device, signal);
}

/* The first of those that `over` has collected, one at a time: `complete` may change everything. */
static void end_all(struct paragpu_device *device, struct pg_list *over, bool failed)
{
	while (!pg_list_empty(over)) {
		struct pg_signal *signal =
			pg_container_of(over->next, struct pg_signal, of_renderer);

		if (failed)
			fail(device, signal);
		else
			arrive(device, signal);
	}
}

void pg_signals_fail(struct pg_renderer *renderer)
{
	struct pg_list over;

	pg_list_init(&over);
	pg_list_for_each_safe(link, &renderer->fences) {
		pg_list_remove(link);
		pg_list_append(&over, link);
	}
	end_all(renderer->device, &over, true);
}

static bool on_ring_of(const struct pg_signal *signal, uint32_t context_id)
{
	return signal->has_ring && pg_from_le32(signal->hdr.ctx_id) == context_id;
}

void pg_signals_end_context(struct pg_renderer *renderer, uint32_t context_id, bool failed)
{
	struct pg_list over;

	pg_list_init(&over);
	pg_list_for_each_safe(link, &renderer->fences) {
		if (!on_ring_of(pg_container_of(link, struct pg_signal, of_renderer), context_id))
			continue;
		pg_list_remove(link);
		pg_list_append(&over, link);
	}
	end_all(renderer->device, &over, failed);
}

uint64_t pg_signals_of_context(const struct pg_renderer *renderer, uint32_t context_id)
{
	uint64_t count = 0;

	pg_list_for_each(link, &renderer->fences)
		count += on_ring_of(pg_container_of(link, struct pg_signal, of_renderer),
				    context_id);
	return count;
}

void pg_signals_drop_all(struct paragpu_device *device)
{
	for (unsigned int i = 0; i < PG_SIGNAL_BUCKETS; i++)
		while (!pg_list_empty(&device->signals.buckets[i]))
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
			forget(device, pg_container_of(device->signals.buckets[i].next,
						       struct pg_signal, link));
}

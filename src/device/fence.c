/* SPDX-License-Identifier: MIT */
/* Requests under way and timelines; see fence.h. */
#include "device/fence.h"

#include <assert.h>
#include <stdlib.h>

#include "device/device.h"
#include "device/request.h"

static_assert(sizeof(struct pg_list) == sizeof(((struct paragpu_request *)0)->device.link),
	      "the public structure has room for a list link");

static struct pg_list *link_of(struct paragpu_request *request)
{
	return (struct pg_list *)(void *)request->device.link;
}

static struct paragpu_request *request_of(struct pg_list *link)
{
	return pg_container_of(link, struct paragpu_request, device.link);
}

void pg_fences_init(struct pg_fences *fences)
{
	pg_list_init(&fences->global.link);
	pg_list_init(&fences->global.requests);
	pg_list_init(&fences->unordered.link);
	pg_list_init(&fences->unordered.requests);
	for (unsigned int i = 0; i < PG_TIMELINE_BUCKETS; i++)
		pg_list_init(&fences->buckets[i]);
}

static struct pg_list *bucket_of(struct pg_fences *fences, uint32_t ctx_id, uint8_t ring_idx)
{
	return &fences->buckets[(ctx_id * 31 + ring_idx) % PG_TIMELINE_BUCKETS];
}

bool pg_fence_has_ring(const struct paragpu_device *device, const struct virtio_gpu_ctrl_hdr *hdr)
{
	return (pg_from_le32(hdr->flags) & VIRTIO_GPU_FLAG_INFO_RING_IDX) &&
	       hdr->ring_idx < PG_MAX_RINGS && pg_device_has(device, VIRTIO_GPU_F_CONTEXT_INIT);
}

/* The timeline of a request, which may be made for it: see timeline_release(). */
static struct pg_timeline *timeline_of(struct paragpu_device *device,
				       const struct virtio_gpu_ctrl_hdr *hdr)
{
	struct pg_fences *fences = &device->fences;
	uint32_t flags = pg_from_le32(hdr->flags);
	uint32_t ctx_id = pg_from_le32(hdr->ctx_id);
	struct pg_timeline *timeline;
	struct pg_list *bucket;

	if (!(flags & VIRTIO_GPU_FLAG_FENCE))
		return &fences->unordered;
	if (!pg_fence_has_ring(device, hdr))
		return &fences->global;
	bucket = bucket_of(fences, ctx_id, hdr->ring_idx);
	pg_list_for_each(link, bucket) {
		timeline = pg_container_of(link, struct pg_timeline, link);
		if (timeline->ctx_id == ctx_id && timeline->ring_idx == hdr->ring_idx)
			return timeline;
	}
	timeline = calloc(1, sizeof(*timeline));
	if (!timeline)
		return &fences->global; /* stricter than need be, but right */
	timeline->ctx_id = ctx_id;
	timeline->ring_idx = hdr->ring_idx;
	pg_list_init(&timeline->requests);
	pg_list_append(bucket, &timeline->link);
	return timeline;
}

/* Timelines of rings live while something is on them. */
static void timeline_release(struct pg_fences *fences, struct pg_timeline *timeline)
{
	if (timeline == &fences->global || timeline == &fences->unordered || timeline->retiring ||
	    !pg_list_empty(&timeline->requests))
		return;
	pg_list_remove(&timeline->link);
	free(timeline);
}

static void release_record(struct paragpu_request *request)
{
	struct pg_record *record = request->device.record;

	request->device.record = NULL;
	if (record && record->allocated)
		free(record);
}

static void trace(struct paragpu_device *device, struct paragpu_request *request)
{
	const struct pg_record *record = request->device.record;
	struct paragpu_trace trace = {
		.started_ns = request->device.started_ns,
		.duration_ns = pg_clock_ns() - request->device.started_ns,
		.queue = request->queue,
		.response = request->device.response,
		.request = record ? record->bytes : NULL,
		.request_size = record ? record->size : 0,
	};

	device->host.trace(device->host.data, &trace);
}

/* Gives the request back; it may be reused from within `complete`. */
static void complete(struct paragpu_device *device, struct paragpu_request *request)
{
	if (device->host.trace)
		trace(device, request);
	release_record(request);
	device->host.complete(device->host.data, request, request->device.written);
}

/* Completes what is done at the front of a timeline. `complete` may submit more to it meanwhile. */
static void retire(struct paragpu_device *device, struct pg_timeline *timeline)
{
	if (timeline->retiring)
		return;
	timeline->retiring = true;
	while (!pg_list_empty(&timeline->requests)) {
		struct paragpu_request *request = request_of(timeline->requests.next);

		if (request->device.waits)
			break;
		pg_list_remove(link_of(request));
		device->fences.pending--;
		complete(device, request);
	}
	timeline->retiring = false;
	timeline_release(&device->fences, timeline);
}

/* Whether something on the timeline comes before a request that arrives now. */
static bool blocks(const struct paragpu_device *device, const struct pg_timeline *timeline)
{
	return timeline != &device->fences.unordered &&
	       (timeline->retiring || !pg_list_empty(&timeline->requests));
}

void pg_fence_enter(struct paragpu_device *device, struct paragpu_request *request,
		    const struct virtio_gpu_ctrl_hdr *hdr)
{
	struct pg_timeline *timeline = timeline_of(device, hdr);

	request->device.fence_id = pg_from_le64(hdr->fence_id);
	if (!request->device.waits && !blocks(device, timeline)) {
		timeline_release(&device->fences, timeline);
		complete(device, request);
		return;
	}
	pg_record_keep(request);
	request->device.timeline = timeline;
	pg_list_append(&timeline->requests, link_of(request));
	device->fences.pending++;
}

void pg_fence_arrived(struct paragpu_device *device, struct paragpu_request *request)
{
	struct pg_timeline *timeline = request->device.timeline;

	assert(request->device.waits);
	if (--request->device.waits || !timeline)
		return;
	if (timeline != &device->fences.unordered) {
		retire(device, timeline);
		return;
	}
	pg_list_remove(link_of(request));
	device->fences.pending--;
	complete(device, request);
}

static void drop_timeline(struct pg_timeline *timeline)
{
	while (!pg_list_empty(&timeline->requests)) {
		struct paragpu_request *request = request_of(timeline->requests.next);

		pg_list_remove(link_of(request));
		release_record(request);
		request->device.timeline = NULL;
	}
}

void pg_fences_drop_all(struct paragpu_device *device)
{
	struct pg_fences *fences = &device->fences;

	drop_timeline(&fences->global);
	drop_timeline(&fences->unordered);
	for (unsigned int i = 0; i < PG_TIMELINE_BUCKETS; i++) {
		while (!pg_list_empty(&fences->buckets[i])) {
			struct pg_timeline *timeline =
				pg_container_of(fences->buckets[i].next, struct pg_timeline, link);

			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
			drop_timeline(timeline);
			timeline_release(fences, timeline);
		}
	}
	fences->pending = 0;
}

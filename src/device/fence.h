/* SPDX-License-Identifier: MIT */
/*
 * Requests that are under way, and the order in which they retire ("Device
 * Operation: Request header", fences).
 *
 * A fenced request belongs to a timeline: that of its (context, ring) if it
 * names a ring, else the global one. On a timeline requests retire in the order
 * of their arrival, since a guest takes the response of fence N for the
 * completion of everything before N: an error or a quick command queues behind
 * slow ones. Requests without a fence retire as soon as they are done.
 */
#ifndef PG_DEVICE_FENCE_H
#define PG_DEVICE_FENCE_H

#include <paragpu/host.h>

#include "base/list.h"
#include "protocol/virtio_gpu.h"

struct paragpu_device;

#define PG_TIMELINE_BUCKETS 64
#define PG_MAX_RINGS 64

struct pg_timeline {
	struct pg_list link; /* in its bucket; the global one is in none */
	struct pg_list requests;
	uint32_t ctx_id;
	uint8_t ring_idx;
	bool retiring;
};

struct pg_fences {
	struct pg_timeline global;
	struct pg_timeline unordered; /* without a fence: only a list */
	struct pg_list buckets[PG_TIMELINE_BUCKETS];
	uint32_t pending;
};

/* What the trace needs of a request that is done later. */
struct pg_record {
	bool allocated;
	uint32_t size;
	uint8_t bytes[];
};

void pg_fences_init(struct pg_fences *fences);

/*
 * Forgets all requests, as reset demands: none is completed, none is touched
 * again but to free what they hold.
 */
void pg_fences_drop_all(struct paragpu_device *device);

/*
 * The end of pg_submit: the request retires if it waits for nothing
 * (`device.waits` is 0) and nothing is before it; else it is kept.
 */
void pg_fence_enter(struct paragpu_device *device, struct paragpu_request *request,
		    const struct virtio_gpu_ctrl_hdr *hdr);

/* Whether the header names a ring that there is: its timeline is the ring's, not the global one. */
bool pg_fence_has_ring(const struct paragpu_device *device, const struct virtio_gpu_ctrl_hdr *hdr);

/* One of the things that the request waits for happened. */
void pg_fence_arrived(struct paragpu_device *device, struct paragpu_request *request);

#endif

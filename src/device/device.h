/* SPDX-License-Identifier: MIT */
/*
 * The device's own state. One thread at a time, no locks. Handlers get at it
 * through struct pg_call (request.h); nothing outside device/ sees it.
 */
#ifndef PG_DEVICE_DEVICE_H
#define PG_DEVICE_DEVICE_H

#include <paragpu/device.h>

#include "base/list.h"
#include "base/log.h"
#include "device/context.h"
#include "device/fence.h"
#include "device/order.h"
#include "device/quota.h"
#include "device/renderer.h"
#include "device/resource.h"
#include "device/scanout.h"
#include "device/signal.h"
#include "device/window.h"

#define PG_LOG_DEVICE "device"

struct paragpu_device {
	struct paragpu_host host;
	struct pg_logger log;

	uint64_t offered;  /* feature bits */
	uint64_t accepted; /* always a subset */
	uint32_t head_count;
	uint32_t blob_alignment;
	uint32_t events; /* VIRTIO_GPU_EVENT_*, not yet cleared by the driver */
	struct paragpu_head heads[PARAGPU_MAX_HEADS];

	struct paragpu_memory *memory; /* NULL: none */
	struct pg_resource_table resources;
	struct pg_quota quota;
	struct pg_fences fences;
	struct pg_scanout scanouts[PARAGPU_MAX_HEADS];
	uint64_t last_serial; /* of resources */

	struct pg_renderer *renderers[PG_MAX_RENDERERS]; /* NULL: a free place */
	struct pg_capset capsets[PARAGPU_MAX_CAPSETS];
	uint32_t capset_count;
	struct pg_contexts contexts;
	struct pg_signals signals;
	struct pg_order order;
	struct pg_list works;       /* struct pg_work, open */
	struct pg_list spare_works; /* free ones */
	uint32_t spare_work_count;
	struct pg_window window;

	struct pg_list displays; /* struct paragpu_display.link, in order of attachment */
	struct pg_list flushes;  /* struct paragpu_flush that are held */
	struct pg_list queries;  /* struct paragpu_query that are open */

	/* What the counters of struct paragpu_stats count. */
	uint64_t commands, errors, malformed, flush_count, bytes_transferred, resets, lost;
};

static inline bool pg_device_has(const struct paragpu_device *device, unsigned int feature)
{
	return device->accepted >> feature & 1;
}

/* Whether the head may be given to a guest. If not, *problem says why. */
bool pg_head_valid(const struct paragpu_head *head, const char **problem);

#endif

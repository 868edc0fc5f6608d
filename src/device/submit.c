/* SPDX-License-Identifier: MIT */
/*
 * SUBMIT_3D: a command stream for a context. The size is the guest's word and
 * compared with what the request really has before anything depends on it; the
 * renderer copies the stream out of guest memory once.
 */
#include <stdlib.h>

#include "device/context.h"
#include "device/device.h"
#include "device/operation.h"
#include "device/request.h"
#include "device/signal.h"

#define FEW_PIECES 64

static uint32_t submit(struct pg_call *call, struct pg_renderer *renderer, size_t size,
		       struct iovec *pieces, size_t capacity)
{
	struct pg_work *work = pg_work_begin(call, NULL);
	size_t count;

	if (!work)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	count = pg_iov_reader_pieces(&call->tail, size, pieces, capacity);
	pg_ops(renderer)->submit(renderer->base, pg_from_le32(call->fixed.hdr.ctx_id), pieces,
				 count, size, pg_work_ask(work, renderer));
	pg_signal_expect(call, renderer);
	pg_work_stage(work, pg_work_finish_plainly);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t pg_submit_3d(struct pg_call *call)
{
	uint32_t size = pg_from_le32(pg_call_fixed(call, virtio_gpu_cmd_submit)->size);
	const struct pg_context *context = pg_call_context(call);
	struct iovec few[FEW_PIECES], *pieces = few;
	size_t capacity = call->tail.count;
	uint32_t result;

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!pg_call_has(call, size))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (size > call->device->quota.limits.submit_bytes || !pg_signal_prepare(call))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (context->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	/* Linux sends nothing at all, with a fence, for a point to wait for. */
	if (!size) {
		pg_signal_expect(call, context->renderer);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	if (capacity > FEW_PIECES)
		pieces = calloc(capacity, sizeof(*pieces));
	if (!pieces)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	result = submit(call, context->renderer, size, pieces, capacity);
	if (pieces != few)
		free(pieces);
	return result;
}

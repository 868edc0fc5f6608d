/* SPDX-License-Identifier: MIT */
/*
 * Work and operations; see operation.h. Renderers are trusted not to answer
 * twice, but not in what they answer: that is checked where it is used.
 */
#include "device/operation.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "device/device.h"
#include "device/request.h"

#define SPARE_WORKS 64

uint32_t pg_response_of(int error)
{
	switch (error) {
	case 0:
		return VIRTIO_GPU_RESP_OK_NODATA;
	case -ENOMEM:
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	case -EINVAL:
	case -E2BIG:
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	case -ENOENT:
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	case -ESRCH:
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	default:
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
}

/* An empty work, from the spare ones if there are some. */
static struct pg_work *obtain(struct paragpu_device *device)
{
	struct pg_work *work;

	if (pg_list_empty(&device->spare_works))
		return calloc(1, sizeof(*work));
	work = pg_container_of(device->spare_works.next, struct pg_work, link);
	pg_list_remove(&work->link);
	device->spare_work_count--;
	memset(work, 0, sizeof(*work));
	return work;
}

static void give_back(struct pg_work *work)
{
	struct paragpu_device *device = work->device;

	pg_claim_release(&work->claim);
	pg_list_remove(&work->link);
	if (work->answered)
		pg_close(work->wanted == PG_WANT_IMAGE ? &work->answer.image.memory.fd
						       : &work->answer.memory.fd);
	pg_object_unref(&work->object);
	if (device->spare_work_count >= SPARE_WORKS) {
		free(work);
		return;
	}
	device->spare_work_count++;
	pg_list_append(&device->spare_works, &work->link);
}

struct pg_work *pg_work_begin(struct pg_call *call, const struct pg_keys *keys)
{
	struct paragpu_device *device = call->device;
	struct pg_work *work;

	if (device->fences.pending >= device->quota.limits.pending)
		return NULL;
	work = obtain(device);
	if (!work)
		return NULL;
	work->device = device;
	work->request = call->request;
	work->hdr = call->fixed.hdr;
	work->pending = 1;
	for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++)
		pg_list_init(&work->operations[i].link);
	pg_list_append(&device->works, &work->link);
	pg_list_init(&work->claim.link);
	if (keys)
		pg_claim_take(call, &work->claim, keys);
	call->deferred = true;
	call->request->device.waits++;
	return work;
}

struct paragpu_operation *pg_work_ask(struct pg_work *work, struct pg_renderer *renderer)
{
	struct paragpu_operation *operation = &work->operations[renderer->index];

	assert(!operation->work);
	operation->work = work;
	pg_list_append(&renderer->operations, &operation->link);
	work->pending++;
	return operation;
}

void pg_work_wait(struct pg_work *work)
{
	work->pending++;
}

void pg_work_arrived(struct pg_work *work, int error)
{
	assert(work->pending);
	if (error && !work->error)
		work->error = error;
	if (--work->pending)
		return;
	work->pending = 1;
	work->next(work);
}

void pg_work_stage(struct pg_work *work, void (*next)(struct pg_work *work))
{
	work->next = next;
	pg_work_arrived(work, 0);
}

void pg_work_reply(struct pg_work *work, uint32_t type, void *response, size_t size)
{
	struct paragpu_device *device = work->device;
	struct paragpu_request *request = work->request;
	bool claimed = !pg_list_empty(&work->claim.link);

	pg_reply(device, request, &work->hdr, type, response, size);
	give_back(work);
	pg_fence_arrived(device, request);
	if (claimed)
		pg_order_run(device);
}

void pg_work_finish(struct pg_work *work, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr response = {0};

	pg_work_reply(work, type, &response, sizeof(response));
}

void pg_work_finish_plainly(struct pg_work *work)
{
	pg_work_finish(work, pg_response_of(work->error));
}

void pg_works_drop_all(struct paragpu_device *device)
{
	while (!pg_list_empty(&device->works)) {
		struct pg_work *work = pg_container_of(device->works.next, struct pg_work, link);

		for (unsigned int i = 0; i < PG_MAX_RENDERERS; i++)
			pg_list_remove(&work->operations[i].link);
		give_back(work);
	}
}

void pg_works_finish(struct paragpu_device *device)
{
	pg_list_for_each_safe(link, &device->spare_works)
		free(pg_container_of(link, struct pg_work, link));
	pg_list_init(&device->spare_works);
	device->spare_work_count = 0;
}

/* Ends the operation. Returns its work. */
static struct pg_work *consume(struct paragpu_operation *operation)
{
	struct pg_work *work = operation->work;

	assert(work);
	pg_list_remove(&operation->link);
	operation->work = NULL;
	return work;
}

void paragpu_operation_done(struct paragpu_operation *operation, int error)
{
	pg_work_arrived(consume(operation), error);
}

void paragpu_operation_blob_created(struct paragpu_operation *operation,
				    const struct paragpu_export *memory)
{
	struct pg_work *work = consume(operation);

	if (work->wanted != PG_WANT_BLOB || work->answered) {
		int fd = memory->fd;

		pg_close(&fd);
		pg_work_arrived(work, -EPROTO);
		return;
	}
	work->answer.memory = *memory;
	work->answered = true;
	pg_work_arrived(work, 0);
}

void paragpu_operation_presented(struct paragpu_operation *operation,
				 const struct paragpu_image *image)
{
	struct pg_work *work = consume(operation);

	if (work->wanted != PG_WANT_IMAGE || work->answered) {
		int fd = image->memory.fd;

		pg_close(&fd);
		pg_work_arrived(work, -EPROTO);
		return;
	}
	work->answer.image = *image;
	work->answered = true;
	pg_work_arrived(work, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * GET_DISPLAY_INFO and GET_EDID: answered from the device's own heads, or by a
 * display that knows better, perhaps later.
 *
 * The two answers must agree (Linux drops an EDID's preferred mode that differs
 * from the display information), so an EDID that the display has none for is
 * made of that display's own display information.
 */
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/request.h"

struct paragpu_query {
	struct pg_list link;
	struct paragpu_device *device;
	struct paragpu_display *display;
	struct paragpu_request *request; /* NULL: reset forgot it */
	struct virtio_gpu_ctrl_hdr hdr;  /* of the request */
	bool wants_edid;
	bool asked_info; /* what the display is being asked for now */
	uint32_t head;
};

static struct paragpu_display *find_display(struct paragpu_device *device, bool edid)
{
	pg_list_for_each(link, &device->displays) {
		struct paragpu_display *display = pg_display_of(link);

		if (display->ops->get_display_info || (edid && display->ops->get_edid))
			return display;
	}
	return NULL;
}

static void finish(struct paragpu_query *query, uint32_t type, void *response, size_t size)
{
	struct paragpu_device *device = query->device;
	struct paragpu_request *request = query->request;

	if (request)
		pg_reply(device, request, &query->hdr, type, response, size);
	pg_list_remove(&query->link);
	free(query);
	if (request)
		pg_fence_arrived(device, request);
}

static void fill_display_info(struct virtio_gpu_resp_display_info *response,
			      const struct paragpu_head *heads, size_t count)
{
	*response = (struct virtio_gpu_resp_display_info){0};
	for (size_t i = 0; i < count && i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		response->pmodes[i].r.x = pg_to_le32(heads[i].x);
		response->pmodes[i].r.y = pg_to_le32(heads[i].y);
		response->pmodes[i].r.width = pg_to_le32(heads[i].width);
		response->pmodes[i].r.height = pg_to_le32(heads[i].height);
		response->pmodes[i].enabled = pg_to_le32(heads[i].connected);
	}
}

static void fill_edid(struct virtio_gpu_resp_edid *response, const struct paragpu_head *head,
		      uint32_t index)
{
	*response = (struct virtio_gpu_resp_edid){0};
	response->size = pg_to_le32((uint32_t)paragpu_edid(head, index, response->edid));
}

/* Answers with `heads`, be they the device's or a display's. */
static void answer_from_heads(struct paragpu_query *query, const struct paragpu_head *heads,
			      size_t count)
{
	union {
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
	} response;
	const struct paragpu_head *head;

	if (!query->wants_edid) {
		fill_display_info(&response.info, heads,
				  count < query->device->head_count ? count
								    : query->device->head_count);
		finish(query, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, &response.info,
		       sizeof(response.info));
		return;
	}
	/* Linux asks for the EDID of unconnected heads too and deserves a good one. */
	head = query->head < count && heads[query->head].width && heads[query->head].height
		       ? &heads[query->head]
		       : &query->device->heads[query->head];
	fill_edid(&response.edid, head, query->head);
	finish(query, VIRTIO_GPU_RESP_OK_EDID, &response.edid, sizeof(response.edid));
}

void paragpu_query_answer_display_info(struct paragpu_query *query,
				       const struct paragpu_head *heads, size_t count)
{
	if (query->asked_info)
		answer_from_heads(query, heads, count);
	else
		paragpu_query_decline(query);
}

void paragpu_query_answer_edid(struct paragpu_query *query, const void *edid, size_t size)
{
	struct virtio_gpu_resp_edid response = {0};

	if (query->asked_info || !size || size > sizeof(response.edid) || size % 128) {
		paragpu_query_decline(query);
		return;
	}
	response.size = pg_to_le32((uint32_t)size);
	memcpy(response.edid, edid, size);
	finish(query, VIRTIO_GPU_RESP_OK_EDID, &response, sizeof(response));
}

void paragpu_query_decline(struct paragpu_query *query)
{
	struct paragpu_display *display = query->display;

	/* No EDID: perhaps at least the size that the display would have. */
	if (!query->asked_info && query->request && display->device &&
	    display->ops->get_display_info) {
		query->asked_info = true;
		display->ops->get_display_info(display, query);
		return;
	}
	answer_from_heads(query, query->device->heads, query->device->head_count);
}

void pg_queries_answer(struct paragpu_device *device, struct paragpu_display *display)
{
	struct paragpu_query *found;

	do {
		found = NULL;
		pg_list_for_each(link, &device->queries) {
			struct paragpu_query *query =
				pg_container_of(link, struct paragpu_query, link);

			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed left the list */
			if (query->display == display) {
				found = query;
				break;
			}
		}
		if (found)
			answer_from_heads(found, device->heads, device->head_count);
	} while (found);
}

void pg_queries_orphan(struct paragpu_device *device)
{
	pg_list_for_each(link, &device->queries)
		pg_container_of(link, struct paragpu_query, link)->request = NULL;
}

/* Asks a display. False if there is none to ask, or no room to wait for it. */
static bool ask(struct pg_call *call, bool wants_edid, uint32_t head)
{
	struct paragpu_device *device = call->device;
	struct paragpu_display *display = find_display(device, wants_edid);
	struct paragpu_query *query;

	if (!display || device->fences.pending >= device->quota.limits.pending)
		return false;
	query = calloc(1, sizeof(*query));
	if (!query)
		return false;
	query->device = device;
	query->display = display;
	query->request = call->request;
	query->hdr = call->fixed.hdr;
	query->wants_edid = wants_edid;
	query->head = head;
	pg_list_append(&device->queries, &query->link);
	call->request->device.waits++;
	call->deferred = true;
	if (wants_edid && display->ops->get_edid) {
		display->ops->get_edid(display, head, query);
	} else {
		query->asked_info = true;
		display->ops->get_display_info(display, query);
	}
	return true;
}

uint32_t pg_get_display_info(struct pg_call *call)
{
	struct virtio_gpu_resp_display_info response;

	if (ask(call, false, 0))
		return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
	fill_display_info(&response, call->device->heads, call->device->head_count);
	return pg_call_reply(call, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, &response, sizeof(response));
}

uint32_t pg_get_edid(struct pg_call *call)
{
	uint32_t head = pg_from_le32(pg_call_fixed(call, virtio_gpu_cmd_get_edid)->scanout);
	struct virtio_gpu_resp_edid response;

	if (head >= call->device->head_count)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (ask(call, true, head))
		return VIRTIO_GPU_RESP_OK_EDID;
	fill_edid(&response, &call->device->heads[head], head);
	return pg_call_reply(call, VIRTIO_GPU_RESP_OK_EDID, &response, sizeof(response));
}

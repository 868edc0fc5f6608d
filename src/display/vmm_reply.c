/* SPDX-License-Identifier: MIT */
/*
 * What the front end answers on the display socket. It answers in order and
 * only when asked; an answer is believed after every field was looked at. One
 * that does not fit ends the use of this socket: there is no way to find the
 * beginning of the next.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "display/vmm.h"

static size_t reply_payload(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		return sizeof(uint64_t);
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		return sizeof(struct virtio_gpu_resp_display_info);
	case VHOST_USER_GPU_GET_EDID:
		return sizeof(struct virtio_gpu_resp_edid);
	default:
		return 0; /* DMABUF_UPDATE */
	}
}

static struct pg_vmm_request *find_edid_request(struct pg_vmm *vmm)
{
	pg_list_for_each(link, &vmm->requests) {
		struct pg_vmm_request *request = pg_container_of(link, struct pg_vmm_request, link);

		if (request->request == VHOST_USER_GPU_GET_EDID)
			return request;
	}
	return NULL;
}

/*
 * Questions that waited for the features in vain. To decline one may make
 * another and send it, which changes the list: so nothing is sent meanwhile,
 * and each look begins anew.
 */
static void decline_edids(struct pg_vmm *vmm)
{
	struct pg_vmm_request *request;

	vmm->pumping = true;
	while ((request = find_edid_request(vmm))) {
		struct paragpu_query *query = request->query;

		pg_list_remove(&request->link);
		free(request);
		paragpu_query_decline(query);
	}
	vmm->pumping = false;
}

static void take_features(struct pg_vmm *vmm, const uint8_t *payload)
{
	uint64_t wanted = 1u << VHOST_USER_GPU_PROTOCOL_F_EDID;

	if (vmm->options.dmabuf)
		wanted |= 1u << VHOST_USER_GPU_PROTOCOL_F_DMABUF2;
	memcpy(&vmm->features, payload, sizeof(vmm->features));
	pg_log(vmm->logger, PG_LOG_DEBUG, PG_VMM_MODULE, "display features of %s: 0x%" PRIx64,
	       vmm->options.name, vmm->features);
	vmm->features &= wanted;
	vmm->features_known = true;
	vmm->features_due = true;
	if (!(vmm->features >> VHOST_USER_GPU_PROTOCOL_F_EDID & 1))
		decline_edids(vmm);
}

static void answer_display_info(struct paragpu_query *query, const uint8_t *payload)
{
	struct virtio_gpu_resp_display_info info;
	struct paragpu_head heads[PARAGPU_MAX_HEADS] = {0};

	memcpy(&info, payload, sizeof(info));
	if (pg_from_le32(info.hdr.type) != VIRTIO_GPU_RESP_OK_DISPLAY_INFO) {
		paragpu_query_decline(query);
		return;
	}
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		const struct virtio_gpu_rect *rect = &info.pmodes[i].r;
		uint32_t width = pg_from_le32(rect->width), height = pg_from_le32(rect->height);

		if (!width || !height || width > 65535 || height > 65535)
			continue; /* no such head, or nothing that a guest could use */
		heads[i].connected = pg_from_le32(info.pmodes[i].enabled) != 0;
		heads[i].x = pg_from_le32(rect->x);
		heads[i].y = pg_from_le32(rect->y);
		heads[i].width = width;
		heads[i].height = height;
	}
	paragpu_query_answer_display_info(query, heads, PARAGPU_MAX_HEADS);
}

static void answer_edid(struct paragpu_query *query, const uint8_t *payload)
{
	struct virtio_gpu_resp_edid edid;
	uint32_t size;

	memcpy(&edid, payload, sizeof(edid));
	size = pg_from_le32(edid.size);
	if (pg_from_le32(edid.hdr.type) != VIRTIO_GPU_RESP_OK_EDID || !size || size % 128 ||
	    size > sizeof(edid.edid))
		paragpu_query_decline(query);
	else
		paragpu_query_answer_edid(query, edid.edid, size);
}

static void take_reply(struct pg_vmm *vmm, const uint8_t *payload)
{
	struct pg_vmm_request *request =
		pg_container_of(vmm->waiting.next, struct pg_vmm_request, link);

	pg_list_remove(&request->link);
	switch (request->request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		take_features(vmm, payload);
		break;
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		if (request->query)
			answer_display_info(request->query, payload);
		break;
	case VHOST_USER_GPU_GET_EDID:
		if (request->query)
			answer_edid(request->query, payload);
		break;
	default:
		vmm->heads[request->head].dmabuf_waiting = false;
		pg_vmm_settle(vmm, &vmm->heads[request->head]);
		break;
	}
	free(request);
}

/* Returns false if this can't be the answer to what was asked first. */
static bool fits(const struct pg_vmm *vmm, const struct vhost_user_gpu_header *header)
{
	const struct pg_vmm_request *request;
	uint32_t asked = 0;

	if (!pg_list_empty(&vmm->waiting)) {
		request = pg_container_of(vmm->waiting.next, const struct pg_vmm_request, link);
		asked = request->request;
		if (header->request == asked && header->flags & VHOST_USER_REPLY_MASK &&
		    header->size == reply_payload(asked))
			return true;
	}
	pg_log(vmm->logger, PG_LOG_WARN, PG_VMM_MODULE,
	       "%s sent request %" PRIu32 ", flags 0x%" PRIx32 ", %" PRIu32
	       " bytes on the display socket where an answer to request %" PRIu32
	       " was due; the socket is closed",
	       vmm->options.name, header->request, header->flags, header->size, asked);
	return false;
}

/* Bytes of the reply that has begun; its header, as long as that is not complete. */
static size_t reply_target(const struct pg_vmm *vmm)
{
	struct vhost_user_gpu_header header;

	if (vmm->reply_size < sizeof(header))
		return sizeof(header);
	memcpy(&header, vmm->reply, sizeof(header));
	return sizeof(header) + header.size;
}

/* Returns false when the socket is gone. */
static bool take_bytes(struct pg_vmm *vmm)
{
	struct vhost_user_gpu_header header;

	if (vmm->reply_size == sizeof(header)) {
		memcpy(&header, vmm->reply, sizeof(header));
		if (!fits(vmm, &header)) {
			pg_vmm_lose_socket(vmm);
			return false;
		}
	}
	if (vmm->reply_size >= sizeof(header) && vmm->reply_size == reply_target(vmm)) {
		vmm->reply_size = 0;
		take_reply(vmm, vmm->reply + sizeof(header));
	}
	return vmm->fd >= 0;
}

void pg_vmm_receive(struct pg_vmm *vmm)
{
	while (vmm->fd >= 0) {
		/* Descriptors that come unasked are closed by the kernel: no room for them is given. */
		ssize_t got = recv(vmm->fd, vmm->reply + vmm->reply_size,
				   reply_target(vmm) - vmm->reply_size, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			pg_log(vmm->logger, PG_LOG_DEBUG, PG_VMM_MODULE,
			       "%s closed the display socket", vmm->options.name);
			pg_vmm_lose_socket(vmm);
			return;
		}
		vmm->reply_size += (size_t)got;
		if (!take_bytes(vmm))
			return;
	}
}

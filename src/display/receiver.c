/* SPDX-License-Identifier: MIT */
/* The VMM's end of the display socket; see receiver.h. */
#include "display/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* No head is larger than 16384 x 16384: beyond, a guest could ask for our memory. */
#define MAX_PIXELS (1u << 28)

/* A turn of the loop handles this much, so that nothing else starves. */
#define MAX_BYTES_A_TURN (16u << 20)

void pg_receiver_init(struct pg_receiver *receiver, int fd, const struct pg_receiver_ops *ops,
		      void *data)
{
	*receiver = (struct pg_receiver){.ops = ops, .data = data, .fd = fd};
}

void pg_receiver_finish(struct pg_receiver *receiver)
{
	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++) {
		free(receiver->heads[i].pixels);
		receiver->heads[i].pixels = NULL;
	}
}

static int take_scanout(struct pg_receiver *receiver, const uint8_t *payload)
{
	struct vhost_user_gpu_scanout scanout;
	struct pg_receiver_head *head;

	memcpy(&scanout, payload, sizeof(scanout));
	if (scanout.scanout_id >= PARAGPU_MAX_HEADS)
		return -EPROTO;
	if (!scanout.width || !scanout.height)
		scanout.width = scanout.height = 0;
	else if (scanout.height > MAX_PIXELS / scanout.width)
		return -EFBIG;
	head = &receiver->heads[scanout.scanout_id];
	free(head->pixels);
	head->width = scanout.width;
	head->height = scanout.height;
	head->pixels = NULL;
	if (head->width) {
		head->pixels = calloc((size_t)head->width * head->height, 4);
		if (!head->pixels) {
			head->width = head->height = 0;
			return -ENOMEM;
		}
	}
	if (receiver->ops->scanout)
		receiver->ops->scanout(receiver->data, scanout.scanout_id);
	return 0;
}

static int take_cursor(struct pg_receiver *receiver, const uint8_t *payload)
{
	uint32_t request = receiver->message.header.request;
	struct vhost_user_gpu_cursor_update update;
	struct paragpu_cursor *cursor;
	bool image = request == VHOST_USER_GPU_CURSOR_UPDATE;

	memcpy(&update, payload, image ? sizeof(update) : sizeof(update.pos));
	if (update.pos.scanout_id >= PARAGPU_MAX_HEADS)
		return -EPROTO;
	cursor = &receiver->heads[update.pos.scanout_id].cursor;
	cursor->visible = request != VHOST_USER_GPU_CURSOR_POS_HIDE;
	cursor->x = (int32_t)update.pos.x;
	cursor->y = (int32_t)update.pos.y;
	if (image) {
		cursor->hot_x = update.hot_x;
		cursor->hot_y = update.hot_y;
		memcpy(cursor->pixels, update.data, sizeof(cursor->pixels));
	}
	if (receiver->ops->cursor)
		receiver->ops->cursor(receiver->data, update.pos.scanout_id, image);
	return 0;
}

/* The one question that a device asks of everybody: we have no features. */
static int answer_features(struct pg_receiver *receiver)
{
	struct {
		struct vhost_user_gpu_header header;
		uint8_t features[8];
	} reply = {{VHOST_USER_GPU_GET_PROTOCOL_FEATURES, VHOST_USER_REPLY_MASK, 8}, {0}};

	/* It is the first message, so there is room for the answer. */
	if (send(receiver->fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(reply))
		return -EPIPE;
	return 0;
}

static int begin_pixels(struct pg_receiver *receiver, const uint8_t *payload)
{
	struct vhost_user_gpu_update *update = &receiver->update;
	const struct pg_receiver_head *head;

	memcpy(update, payload, sizeof(*update));
	if (update->scanout_id >= PARAGPU_MAX_HEADS)
		return -EPROTO;
	head = &receiver->heads[update->scanout_id];
	if (!update->width || !update->height || update->x > head->width ||
	    update->width > head->width - update->x || update->y > head->height ||
	    update->height > head->height - update->y ||
	    receiver->message.header.size !=
		    sizeof(*update) + (uint64_t)update->width * update->height * 4)
		return -EPROTO;
	receiver->in_pixels = true;
	receiver->pixels_have = 0;
	return 0;
}

/* Bytes of the message that are needed at once: all but the pixels. 0: there is no such message. */
static size_t needed(const struct pg_receiver *receiver)
{
	const struct vhost_user_gpu_header *header = &receiver->message.header;
	size_t payload;

	if (receiver->have < sizeof(*header))
		return sizeof(*header);
	switch (header->request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		payload = 0;
		break;
	case VHOST_USER_GPU_SET_PROTOCOL_FEATURES:
		payload = sizeof(uint64_t);
		break;
	case VHOST_USER_GPU_CURSOR_POS:
	case VHOST_USER_GPU_CURSOR_POS_HIDE:
		payload = sizeof(struct vhost_user_gpu_cursor_pos);
		break;
	case VHOST_USER_GPU_CURSOR_UPDATE:
		payload = sizeof(struct vhost_user_gpu_cursor_update);
		break;
	case VHOST_USER_GPU_SCANOUT:
		payload = sizeof(struct vhost_user_gpu_scanout);
		break;
	case VHOST_USER_GPU_UPDATE:
		return header->size < sizeof(struct vhost_user_gpu_update)
			       ? 0
			       : sizeof(*header) + sizeof(struct vhost_user_gpu_update);
	default:
		return 0;
	}
	return header->size == payload ? sizeof(*header) + payload : 0;
}

static int take_message(struct pg_receiver *receiver)
{
	const uint8_t *payload = receiver->message.bytes + sizeof(struct vhost_user_gpu_header);

	receiver->have = 0;
	switch (receiver->message.header.request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		return answer_features(receiver);
	case VHOST_USER_GPU_SET_PROTOCOL_FEATURES:
		return 0;
	case VHOST_USER_GPU_SCANOUT:
		return take_scanout(receiver, payload);
	case VHOST_USER_GPU_UPDATE:
		return begin_pixels(receiver, payload);
	default:
		return take_cursor(receiver, payload);
	}
}

/* Receives into `to`. Returns the number of bytes, -EAGAIN, or why there will be none. */
static ssize_t receive(struct pg_receiver *receiver, void *to, size_t size)
{
	ssize_t got;

	do
		got = recv(receiver->fd, to, size, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return got ? got : -EPIPE;
}

static ssize_t run_pixels(struct pg_receiver *receiver)
{
	const struct vhost_user_gpu_update *update = &receiver->update;
	struct pg_receiver_head *head = &receiver->heads[update->scanout_id];
	uint64_t row_size = update->width * 4ull;
	uint64_t row = receiver->pixels_have / row_size, skip = receiver->pixels_have % row_size;
	uint32_t *to = head->pixels + (size_t)(update->y + row) * head->width + update->x;
	/* whole rows of the picture lie behind each other */
	uint64_t size = update->width == head->width ? row_size * (update->height - row) : row_size;
	ssize_t got = receive(receiver, (uint8_t *)to + skip, size - skip);

	if (got < 0)
		return got;
	receiver->pixels_have += (uint64_t)got;
	if (receiver->pixels_have < row_size * update->height)
		return got;
	receiver->in_pixels = false;
	if (receiver->ops->update)
		receiver->ops->update(
			receiver->data, update->scanout_id,
			(struct paragpu_rect){update->x, update->y, update->width, update->height});
	return got;
}

static ssize_t run_message(struct pg_receiver *receiver)
{
	ssize_t got = receive(receiver, receiver->message.bytes + receiver->have,
			      needed(receiver) - receiver->have);
	size_t all;
	int error = 0;

	if (got < 0)
		return got;
	receiver->have += (size_t)got;
	all = needed(receiver);
	if (!all)
		return -EPROTO;
	if (receiver->have == all)
		error = take_message(receiver);
	return error ? error : got;
}

int pg_receiver_run(struct pg_receiver *receiver)
{
	uint64_t bytes = 0;

	while (bytes < MAX_BYTES_A_TURN) {
		ssize_t got = receiver->in_pixels ? run_pixels(receiver) : run_message(receiver);

		if (got == -EAGAIN)
			return 0;
		if (got < 0)
			return (int)got;
		bytes += (uint64_t)got;
	}
	return 0;
}

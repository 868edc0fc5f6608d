/* SPDX-License-Identifier: MIT */
/*
 * Streams messages into the display socket without ever waiting. Pixels in the
 * wire's format go from where they lie to the kernel; others pass a small
 * stage. A message of pixels that was begun keeps its announced size: when the
 * socket has room again it goes on from the picture of that moment, and with
 * zeroes if that picture is gone (the head's next SCANOUT follows at once).
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "display/vmm.h"

#define MAX_PIECES 512

/* What is left goes out in the next turn of the loop. */
#define MAX_BYTES_A_TURN (16u << 20)

struct pieces {
	struct iovec items[MAX_PIECES];
	size_t count;
};

static void add_piece(struct pieces *pieces, const void *bytes, size_t size)
{
	pieces->items[pieces->count++] = (struct iovec){
		.iov_base = (void *)(uintptr_t)bytes,
		.iov_len = size,
	};
}

/* Whether memory of this format is the wire's x8r8g8b8 in the host's byte order. */
static bool is_wire_format(uint32_t format)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	return format == VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM ||
	       format == VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
#else
	return format == VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM ||
	       format == VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM;
#endif
}

/* Adds what is left of a row, which lies in pieces. Returns false if it is not wholly backed. */
static bool add_scattered_row(const struct pg_vmm_message *message,
			      const struct paragpu_picture *picture, uint32_t row, uint64_t skip,
			      struct pieces *pieces)
{
	uint32_t pixels = (uint32_t)(skip / 4);
	size_t trim = skip % 4; /* the socket may have stopped within a pixel */
	struct iovec *first = pieces->items + pieces->count;
	size_t room = MAX_PIECES - pieces->count;
	size_t needed = paragpu_picture_row(picture, message->rect.x + pixels,
					    message->rect.y + row, message->rect.width - pixels,
					    first, room);

	if (!needed)
		return false;
	pieces->count += needed < room ? needed : room;
	for (; trim; first++) {
		size_t cut = trim < first->iov_len ? trim : first->iov_len;

		first->iov_base = (uint8_t *)first->iov_base + cut;
		first->iov_len -= cut;
		trim -= cut;
	}
	return true;
}

/* Adds pixels in place. Returns false if there are none that can be sent so. */
static bool add_in_place(const struct pg_vmm_message *message,
			 const struct paragpu_picture *picture, struct pieces *pieces)
{
	const struct paragpu_rect *rect = &message->rect;
	uint64_t row_size = rect->width * 4ull;
	uint64_t at = message->pixels_sent;
	size_t before = pieces->count;
	const uint8_t *corner = NULL;

	if (!is_wire_format(picture->format))
		return false;
	if (picture->pixels) {
		corner = picture->pixels + (uint64_t)rect->y * picture->stride + rect->x * 4ull;
		if (picture->stride == row_size) {
			add_piece(pieces, corner + at, message->pixels_size - at);
			return true;
		}
	}
	while (at < message->pixels_size && pieces->count < MAX_PIECES) {
		uint32_t row = (uint32_t)(at / row_size);
		uint64_t skip = at % row_size;

		if (picture->pixels)
			add_piece(pieces, corner + (uint64_t)row * picture->stride + skip,
				  row_size - skip);
		else if (!add_scattered_row(message, picture, row, skip, pieces))
			break;
		at += row_size - skip;
	}
	return pieces->count > before;
}

/* Converts the next pixels into the stage: some rows, or a part of a very long one. */
static void fill_stage(struct pg_vmm *vmm, const struct paragpu_picture *picture)
{
	struct pg_vmm_message *message = &vmm->message;
	struct paragpu_rect rect = message->rect;
	uint64_t row_size = rect.width * 4ull;
	uint64_t row = message->pixels_sent / row_size;
	uint64_t rows = PG_VMM_STAGE_SIZE / row_size;

	message->stage_from = row * row_size;
	rect.y += (uint32_t)row;
	if (rows) {
		rect.height -= (uint32_t)row;
		if (rect.height > rows)
			rect.height = (uint32_t)rows;
	} else {
		uint32_t skip = (uint32_t)(message->pixels_sent % row_size / 4);

		message->stage_from += skip * 4ull;
		rect.x += skip;
		rect.width -= skip;
		if (rect.width > PG_VMM_STAGE_SIZE / 4)
			rect.width = PG_VMM_STAGE_SIZE / 4;
		rect.height = 1;
	}
	message->stage_to = message->stage_from + (uint64_t)rect.width * rect.height * 4;
	if (!picture || paragpu_picture_read_xrgb(picture, rect, vmm->stage, rect.width * 4ull))
		memset(vmm->stage, 0, message->stage_to - message->stage_from);
}

static void add_pixels(struct pg_vmm *vmm, struct pieces *pieces)
{
	struct pg_vmm_message *message = &vmm->message;
	const struct pg_vmm_head *head = &vmm->heads[message->head];
	uint64_t at = message->pixels_sent;
	struct paragpu_picture picture;

	if (message->serial != head->serial ||
	    !paragpu_display_picture(&vmm->display.base, message->head, &picture) ||
	    picture.width != head->width || picture.height != head->height)
		message->blank = true;
	if (!message->blank && add_in_place(message, &picture, pieces))
		return;
	if (at < message->stage_from || at >= message->stage_to)
		fill_stage(vmm, message->blank ? NULL : &picture);
	add_piece(pieces, vmm->stage + (at - message->stage_from), message->stage_to - at);
}

static void advance(struct pg_vmm *vmm, size_t sent)
{
	struct pg_vmm_message *message = &vmm->message;
	size_t of_bytes = message->size - message->sent;

	if (sent)
		pg_close(&message->fd); /* it went with the first byte */
	if (of_bytes > sent)
		of_bytes = sent;
	message->sent += of_bytes;
	message->pixels_sent += sent - of_bytes;
	if (message->sent < message->size || message->pixels_sent < message->pixels_size)
		return;
	message->active = false;
	if (message->pixels_size)
		pg_vmm_settle(vmm, &vmm->heads[message->head]);
}

static ssize_t send_pieces(struct pg_vmm *vmm, struct pieces *pieces)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = pieces->items, .msg_iovlen = pieces->count};

	if (vmm->message.fd >= 0) {
		struct cmsghdr *header;

		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &vmm->message.fd, sizeof(int));
	}
	return sendmsg(vmm->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_some(struct pg_vmm *vmm)
{
	struct pg_vmm_message *message = &vmm->message;
	struct pieces pieces = {.count = 0};
	size_t wanted = 0;
	ssize_t sent;

	if (message->sent < message->size)
		add_piece(&pieces, message->bytes + message->sent, message->size - message->sent);
	if (message->pixels_size)
		add_pixels(vmm, &pieces);
	for (size_t i = 0; i < pieces.count; i++)
		wanted += pieces.items[i].iov_len;
	sent = send_pieces(vmm, &pieces);
	if (sent >= 0) {
		vmm->sent += (size_t)sent;
		vmm->full = (size_t)sent < wanted;
		advance(vmm, (size_t)sent);
	} else if (errno == EAGAIN) {
		vmm->full = true;
	} else if (errno == EFAULT && message->pixels_size && !message->blank) {
		message->blank = true; /* the guest's memory has been cut short under us */
	} else if (errno != EINTR) {
		pg_log(vmm->logger, PG_LOG_DEBUG, PG_VMM_MODULE,
		       "the display socket of %s failed: %s", vmm->options.name, strerror(errno));
		pg_vmm_lose_socket(vmm);
	}
}

void pg_vmm_pump(struct pg_vmm *vmm)
{
	uint32_t events = EPOLLIN;

	if (vmm->pumping)
		return;
	vmm->pumping = true;
	vmm->sent = 0;
	while (vmm->fd >= 0 && !vmm->full && (vmm->message.active || pg_vmm_choose(vmm))) {
		send_some(vmm);
		/* A reader as fast as we must not keep everybody else waiting. */
		vmm->full |= vmm->sent > MAX_BYTES_A_TURN;
	}
	vmm->pumping = false;
	if (vmm->fd < 0)
		return;
	if (vmm->full)
		events |= EPOLLOUT;
	if (pg_watch_set_events(&vmm->watch, events) < 0)
		pg_vmm_lose_socket(vmm);
}

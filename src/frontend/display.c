/* SPDX-License-Identifier: MIT */
/*
 * The display socket as QEMU serves it: answers GET_DISPLAY_INFO and GET_EDID,
 * keeps what SCANOUT, UPDATE and the cursor messages make of the heads.
 *
 * Where QEMU would crash or ignore nonsense, this counts a fault instead: a
 * rule that ends with a fault has failed, whatever else it saw.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "frontend/internal.h"

#define MAX_PAYLOAD (256u << 20)

struct message {
	struct vhost_user_gpu_header header;
	uint64_t deadline;
	uint32_t left; /* bytes of the payload not yet read */
	int fd;
};

__attribute__((format(printf, 2, 3))) static void fault(struct pg_fe_display *display,
							const char *format, ...)
{
	va_list arguments;

	if (display->faults++)
		return;
	va_start(arguments, format);
	vsnprintf(display->first_fault, sizeof(display->first_fault), format, arguments);
	va_end(arguments);
}

static void forget_head(struct pg_fe_head *head)
{
	free(head->pixels);
	if (head->dmabuf_map)
		munmap(head->dmabuf_map, head->dmabuf_size);
	head->pixels = NULL;
	head->dmabuf_map = NULL;
	head->width = head->height = 0;
}

/* Pictures, cursors and counters; modes stay. */
static void forget_heads(struct pg_fe_display *display)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		forget_head(&display->heads[i]);
		memset(&display->heads[i], 0, sizeof(display->heads[i]));
	}
}

void pg_fe_display_reset(struct pg_fe *fe)
{
	forget_heads(&fe->display);
	fe->display.head_count = fe->settings.head_count;
	fe->display.edid_size = 1024;
	for (uint32_t i = 0; i < fe->display.head_count && i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		pg_fe_set_display(fe, i, 1024, 768, true);
}

int pg_fe_set_display(struct pg_fe *fe, uint32_t head, uint32_t width, uint32_t height,
		      bool enabled)
{
	if (head >= VIRTIO_GPU_MAX_SCANOUTS)
		return -EINVAL;
	fe->display.info.pmodes[head] = (struct virtio_gpu_display_one){
		.r = pg_fe_rect(0, 0, width, height),
		.enabled = pg_to_le32(enabled),
	};
	return 0;
}

int pg_fe_set_edid(struct pg_fe *fe, uint32_t edid_size)
{
	fe->display.edid_size = edid_size;
	return 0;
}

void pg_fe_stall_display(struct pg_fe *fe, bool stalled)
{
	fe->display.stalled = stalled;
}

void pg_fe_close_display(struct pg_fe *fe)
{
	pg_close(&fe->display.fd);
}

int pg_fe_display_open(struct pg_fe *fe)
{
	int pair[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return pg_fe_fail(fe, -errno, "cannot make a socket pair");
	pg_close(&fe->display.fd);
	fe->display.fd = pair[0];
	pg_set_nonblocking(pair[0]);
	forget_heads(&fe->display);
	error = pg_fe_message(fe, VHOST_USER_GPU_SET_SOCKET, NULL, 0, &pair[1], 1, false, NULL, 0);
	pg_close(&pair[1]);
	return error;
}

int pg_fe_replace_display(struct pg_fe *fe)
{
	return pg_fe_display_open(fe);
}

static int get(struct pg_fe *fe, struct message *message, void *bytes, uint32_t size)
{
	int error =
		pg_fe_socket_receive(fe->display.fd, bytes, size, NULL, NULL, message->deadline);

	message->left -= size;
	if (error == -ECONNRESET)
		return pg_fe_die(fe, error, "the back end closed the display socket in a message");
	return error ? pg_fe_die(fe, error, "the back end sent half a display message") : 0;
}

static int skip(struct pg_fe *fe, struct message *message)
{
	char waste[4096];

	while (message->left) {
		uint32_t size = message->left < sizeof(waste) ? message->left
							      : (uint32_t)sizeof(waste);
		int error = get(fe, message, waste, size);

		if (error)
			return error;
	}
	return 0;
}

static int reply(struct pg_fe *fe, uint32_t request, const void *payload, uint32_t size)
{
	struct {
		struct vhost_user_gpu_header header;
		uint8_t payload[sizeof(struct virtio_gpu_resp_edid)];
	} message = {.header = {request, VHOST_USER_REPLY_MASK, size}};

	if (size)
		memcpy(message.payload, payload, size);
	return pg_fe_socket_send(fe->display.fd, &message, sizeof(message.header) + size, NULL, 0,
				 pg_fe_deadline(fe, PG_FE_WAIT_DEFAULT));
}

/* A plain EDID 1.4 base block: enough for a back end to hand on. */
static void fill_edid(struct pg_fe *fe, struct virtio_gpu_resp_edid *edid)
{
	static const uint8_t start[20] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,  0x42, 0x41,
					  1, 0,    0,    0,    0,    0,    1,    30, 1,    4};
	uint8_t sum = 0;

	memset(edid, 0, sizeof(*edid));
	edid->hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_EDID);
	edid->size = pg_to_le32(fe->display.edid_size);
	memcpy(edid->edid, start, sizeof(start));
	for (int i = 0; i < 127; i++)
		sum = (uint8_t)(sum + edid->edid[i]);
	edid->edid[127] = (uint8_t)-sum;
}

static int answer_edid(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_edid_request request;
	struct virtio_gpu_resp_edid edid;
	int error = get(fe, message, &request, sizeof(request));

	if (error)
		return error;
	fe->display.edid_requests++;
	fill_edid(fe, &edid);
	return reply(fe, VHOST_USER_GPU_GET_EDID, &edid, sizeof(edid));
}

static int answer_info(struct pg_fe *fe)
{
	fe->display.info_requests++;
	fe->display.info.hdr.type = pg_to_le32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	return reply(fe, VHOST_USER_GPU_GET_DISPLAY_INFO, &fe->display.info,
		     sizeof(fe->display.info));
}

/* NULL and a fault if there is no such head. */
static struct pg_fe_head *find_head(struct pg_fe *fe, uint32_t scanout, const char *what)
{
	if (scanout < fe->display.head_count)
		return &fe->display.heads[scanout];
	fault(&fe->display, "%s for scanout %u of %u", what, scanout, fe->display.head_count);
	return NULL;
}

static int take_scanout(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_scanout scanout;
	struct pg_fe_head *head;
	int error = get(fe, message, &scanout, sizeof(scanout));

	if (error)
		return error;
	head = find_head(fe, scanout.scanout_id, "SCANOUT");
	if (!head)
		return 0;
	head->scanouts++;
	forget_head(head);
	if (!scanout.width || !scanout.height)
		return 0;
	if (scanout.width > 32768 || scanout.height > 32768) {
		fault(&fe->display, "SCANOUT of %ux%u", scanout.width, scanout.height);
		return 0;
	}
	head->pixels = calloc((size_t)scanout.width * scanout.height, 4);
	if (!head->pixels)
		return pg_fe_die(fe, -ENOMEM, "out of memory");
	head->width = scanout.width;
	head->height = scanout.height;
	return 0;
}

/* Reads rows of pixels into place, many with each system call. */
static int get_rows(struct pg_fe *fe, struct message *message, uint32_t *first, size_t stride,
		    uint32_t width, uint32_t height)
{
	size_t row_bytes = (size_t)width * 4;
	size_t total = row_bytes * height, done = 0;

	while (done < total) {
		struct iovec rows[IOV_MAX];
		size_t row = done / row_bytes, within = done % row_bytes;
		int count = 0;
		ssize_t got;

		for (; row < height && count < IOV_MAX; row++, count++, within = 0) {
			rows[count].iov_base = (uint8_t *)(first + row * stride) + within;
			rows[count].iov_len = row_bytes - within;
		}
		got = readv(fe->display.fd, rows, count);
		if (got > 0) {
			done += (size_t)got;
		} else if (got < 0 && errno == EAGAIN) {
			int error = pg_fe_wait_readable(fe->display.fd, message->deadline);

			if (error)
				return pg_fe_die(fe, error, "the back end sent half an UPDATE");
		} else if (!got || errno != EINTR) {
			return pg_fe_die(fe, -ECONNRESET,
					 "the back end closed the display socket in an UPDATE");
		}
	}
	message->left -= (uint32_t)total;
	return 0;
}

static void note_update(struct pg_fe_head *head, const struct vhost_user_gpu_update *update)
{
	head->updates++;
	head->last_x = update->x;
	head->last_y = update->y;
	head->last_width = update->width;
	head->last_height = update->height;
}

static bool update_fits(const struct pg_fe_head *head, const struct vhost_user_gpu_update *update)
{
	return (uint64_t)update->x + update->width <= head->width &&
	       (uint64_t)update->y + update->height <= head->height;
}

static int take_update(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_update update;
	struct pg_fe_head *head;
	int error = get(fe, message, &update, sizeof(update));

	if (error)
		return error;
	if ((uint64_t)update.width * update.height * 4 != message->left) {
		fault(&fe->display, "UPDATE of %ux%u with %u bytes", update.width, update.height,
		      message->left);
		return skip(fe, message);
	}
	head = find_head(fe, update.scanout_id, "UPDATE");
	if (!head)
		return skip(fe, message);
	if (!head->pixels || !update_fits(head, &update)) {
		fault(&fe->display,
		      head->pixels ? "UPDATE %ux%u+%u+%u outside its scanout"
				   : "UPDATE %ux%u+%u+%u before SCANOUT",
		      update.width, update.height, update.x, update.y);
		return skip(fe, message);
	}
	note_update(head, &update);
	head->bytes += message->left;
	if (!message->left)
		return 0;
	return get_rows(fe, message, head->pixels + (size_t)update.y * head->width + update.x,
			head->width, update.width, update.height);
}

static void map_dmabuf(struct pg_fe *fe, struct pg_fe_head *head, int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return;
	/* dma-bufs report their size by seeking, memfds by both */
	head->dmabuf_size = (uint64_t)lseek(fd, 0, SEEK_END);
	if (head->dmabuf_size < (uint64_t)head->dmabuf.fd_stride * head->dmabuf.fd_height) {
		fault(&fe->display, "DMABUF_SCANOUT: the buffer is smaller than the picture");
		return;
	}
	head->dmabuf_map = mmap(NULL, head->dmabuf_size, PROT_READ, MAP_SHARED, fd, 0);
	if (head->dmabuf_map == MAP_FAILED)
		head->dmabuf_map = NULL;
	head->width = head->dmabuf.width;
	head->height = head->dmabuf.height;
}

static int take_dmabuf(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_dmabuf_scanout2 scanout = {0};
	uint32_t size = message->header.request == VHOST_USER_GPU_DMABUF_SCANOUT ? 40 : 48;
	struct pg_fe_head *head;
	int error = get(fe, message, &scanout, size);

	if (error)
		return error;
	head = find_head(fe, scanout.dmabuf_scanout.scanout_id, "DMABUF_SCANOUT");
	if (!head)
		return 0;
	head->scanouts++;
	forget_head(head);
	head->dmabuf = scanout.dmabuf_scanout;
	if (message->fd >= 0)
		map_dmabuf(fe, head, message->fd);
	return 0;
}

static int take_dmabuf_update(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_update update;
	struct pg_fe_head *head;
	int error = get(fe, message, &update, sizeof(update));

	if (error)
		return error;
	head = find_head(fe, update.scanout_id, "DMABUF_UPDATE");
	if (head && !update_fits(head, &update))
		fault(&fe->display, "DMABUF_UPDATE outside its scanout");
	else if (head)
		note_update(head, &update);
	return reply(fe, VHOST_USER_GPU_DMABUF_UPDATE, NULL, 0);
}

static int take_cursor(struct pg_fe *fe, struct message *message)
{
	struct vhost_user_gpu_cursor_update update;
	bool image = message->header.request == VHOST_USER_GPU_CURSOR_UPDATE;
	struct pg_fe_head *head;
	int error = get(fe, message, &update, image ? sizeof(update) : sizeof(update.pos));

	if (error)
		return error;
	head = find_head(fe, update.pos.scanout_id, "cursor message");
	if (!head)
		return 0;
	head->cursor.x = update.pos.x;
	head->cursor.y = update.pos.y;
	head->cursor.visible = message->header.request != VHOST_USER_GPU_CURSOR_POS_HIDE;
	if (!image) {
		head->cursor.moves++;
		return 0;
	}
	head->cursor.updates++;
	head->cursor.hot_x = update.hot_x;
	head->cursor.hot_y = update.hot_y;
	memcpy(head->cursor.pixels, update.data, sizeof(update.data));
	return 0;
}

static int take_features(struct pg_fe *fe, struct message *message)
{
	int error = get(fe, message, &fe->display.features, sizeof(fe->display.features));

	if (!error && (fe->display.features & ~fe->settings.display_features))
		fault(&fe->display, "SET_PROTOCOL_FEATURES with bits that were not offered");
	return error;
}

/* The sizes that may be; UPDATE is checked by its own rectangle. */
static bool size_fits(const struct vhost_user_gpu_header *header)
{
	static const uint32_t sizes[] = {
		[VHOST_USER_GPU_GET_PROTOCOL_FEATURES] = 0,
		[VHOST_USER_GPU_SET_PROTOCOL_FEATURES] = 8,
		[VHOST_USER_GPU_GET_DISPLAY_INFO] = 0,
		[VHOST_USER_GPU_CURSOR_POS] = 12,
		[VHOST_USER_GPU_CURSOR_POS_HIDE] = 12,
		[VHOST_USER_GPU_CURSOR_UPDATE] = sizeof(struct vhost_user_gpu_cursor_update),
		[VHOST_USER_GPU_SCANOUT] = 12,
		[VHOST_USER_GPU_UPDATE] = 20,
		[VHOST_USER_GPU_DMABUF_SCANOUT] = 40,
		[VHOST_USER_GPU_DMABUF_UPDATE] = 20,
		[VHOST_USER_GPU_GET_EDID] = 4,
		[VHOST_USER_GPU_DMABUF_SCANOUT2] = 48,
	};

	if (!header->request || header->request >= sizeof(sizes) / sizeof(sizes[0]))
		return false;
	if (header->request == VHOST_USER_GPU_UPDATE)
		return header->size >= sizes[header->request] && header->size <= MAX_PAYLOAD;
	return header->size == sizes[header->request];
}

static int handle(struct pg_fe *fe, struct message *message)
{
	switch (message->header.request) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		return reply(fe, VHOST_USER_GPU_GET_PROTOCOL_FEATURES,
			     &fe->settings.display_features, sizeof(uint64_t));
	case VHOST_USER_GPU_SET_PROTOCOL_FEATURES:
		return take_features(fe, message);
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		return answer_info(fe);
	case VHOST_USER_GPU_GET_EDID:
		return answer_edid(fe, message);
	case VHOST_USER_GPU_CURSOR_POS:
	case VHOST_USER_GPU_CURSOR_POS_HIDE:
	case VHOST_USER_GPU_CURSOR_UPDATE:
		return take_cursor(fe, message);
	case VHOST_USER_GPU_SCANOUT:
		return take_scanout(fe, message);
	case VHOST_USER_GPU_UPDATE:
		return take_update(fe, message);
	case VHOST_USER_GPU_DMABUF_UPDATE:
		return take_dmabuf_update(fe, message);
	default: /* size_fits() left the two */
		return take_dmabuf(fe, message);
	}
}

int pg_fe_display_serve(struct pg_fe *fe)
{
	struct message message = {
		.deadline = pg_fe_deadline(fe, PG_FE_WAIT_DEFAULT),
		.fd = -1,
	};
	uint32_t fd_count = 1;
	int error = pg_fe_socket_receive(fe->display.fd, &message.header, sizeof(message.header),
					 &message.fd, &fd_count, message.deadline);

	if (error == -ECONNRESET) { /* its right */
		pg_close(&fe->display.fd);
		return 0;
	}
	if (error)
		return pg_fe_die(fe, error, "the back end sent half a display message");
	message.left = message.header.size;
	if (message.header.flags)
		fe->display.odd_flags++;
	if (!size_fits(&message.header)) {
		fault(&fe->display, "display request %u with %u bytes", message.header.request,
		      message.header.size);
		error = message.header.size > MAX_PAYLOAD
				? pg_fe_die(fe, -EPROTO, "%s", fe->display.first_fault)
				: skip(fe, &message);
	} else {
		error = handle(fe, &message);
	}
	pg_close(&message.fd);
	return error == -ECONNRESET || !error ? fe->dead : pg_fe_die(fe, error, "display socket");
}

const struct pg_fe_head *pg_fe_get_head(const struct pg_fe *fe, uint32_t head)
{
	if (fe->settings.profile != PG_FE_PROFILE_GPU || head >= VIRTIO_GPU_MAX_SCANOUTS)
		return NULL;
	return &fe->display.heads[head];
}

int pg_fe_wait_updates(struct pg_fe *fe, uint32_t head, uint32_t updates, uint32_t timeout_ms)
{
	uint64_t deadline = pg_fe_deadline(fe, timeout_ms);

	if (head >= VIRTIO_GPU_MAX_SCANOUTS)
		return -EINVAL;
	while (!fe->dead && fe->display.heads[head].updates < updates) {
		int error = pg_fe_serve(fe, -1, NULL, deadline);

		if (error == -ETIMEDOUT)
			return pg_fe_fail(
				fe, error, "head %u: %u updates came, %u were awaited%s%s", head,
				fe->display.heads[head].updates, updates,
				fe->display.faults ? "; wrong: " : "", fe->display.first_fault);
		if (error)
			return error;
	}
	return fe->dead;
}

uint32_t pg_fe_pixel(const struct pg_fe *fe, uint32_t index, uint32_t x, uint32_t y)
{
	const struct pg_fe_head *head = pg_fe_get_head(fe, index);
	const uint8_t *row;
	uint32_t pixel;

	if (!head || x >= head->width || y >= head->height)
		return 0xffffffff;
	if (head->pixels)
		return head->pixels[(size_t)y * head->width + x] & 0xffffff;
	if (!head->dmabuf_map)
		return 0xffffffff;
	row = (const uint8_t *)head->dmabuf_map +
	      (size_t)(head->dmabuf.y + y) * head->dmabuf.fd_stride;
	memcpy(&pixel, row + (size_t)(head->dmabuf.x + x) * 4, 4);
	return pixel & 0xffffff;
}

uint32_t pg_fe_display_odd_flags(const struct pg_fe *fe)
{
	return fe->display.odd_flags;
}

uint32_t pg_fe_display_faults(const struct pg_fe *fe, const char **first)
{
	if (first)
		*first = fe->display.first_fault;
	return fe->display.faults;
}

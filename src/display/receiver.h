/* SPDX-License-Identifier: MIT */
/*
 * The VMM's end of the display socket: turns what a device says into a picture
 * per head in memory of its own. Viewers (viewer.h) stand on it.
 *
 * The sender is the device process, which a guest may have taken over: every
 * message is checked, and the first wrong one is the last.
 */
#ifndef PG_DISPLAY_RECEIVER_H
#define PG_DISPLAY_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/display.h>

#include "protocol/vhost_user.h"

struct pg_receiver_head {
	uint32_t width, height; /* 0: off */
	uint32_t *pixels;       /* 0x??RRGGBB, width to a row */
	struct paragpu_cursor cursor;
};

/* Any may be NULL. None may finish the receiver. */
struct pg_receiver_ops {
	/* The head has another size, or is off; its pixels are black. */
	void (*scanout)(void *data, uint32_t head);
	void (*update)(void *data, uint32_t head, struct paragpu_rect rect);
	void (*cursor)(void *data, uint32_t head, bool image_changed);
};

struct pg_receiver {
	const struct pg_receiver_ops *ops;
	void *data;
	int fd;
	struct pg_receiver_head heads[PARAGPU_MAX_HEADS];
	/* private: the message under way */
	union {
		struct vhost_user_gpu_header header;
		uint8_t bytes[sizeof(struct vhost_user_gpu_header) +
			      sizeof(struct vhost_user_gpu_cursor_update)];
	} message;
	size_t have;
	bool in_pixels;
	struct vhost_user_gpu_update update;
	uint64_t pixels_have;
};

/* `fd` stays the caller's; non-blocking. */
void pg_receiver_init(struct pg_receiver *receiver, int fd, const struct pg_receiver_ops *ops,
		      void *data);
void pg_receiver_finish(struct pg_receiver *receiver);

/*
 * Handles what has arrived, up to some megabytes. Returns 0, -EPIPE when the
 * device is gone, -EPROTO for a message that makes no sense, or another error.
 */
int pg_receiver_run(struct pg_receiver *receiver);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The parts of the VMM display, for its own files only:
 *
 *   vmm.c         what the device tells us, and what of it is still to be said
 *   vmm_choose.c  chooses the next message
 *   vmm_output.c  streams it out
 *   vmm_reply.c   what the front end answers
 *
 * Nothing is queued as bytes. Each head carries flags and a region for what
 * the front end has not seen; a message is made when the socket has room, from
 * what is true then. So memory is bounded however slow the front end is.
 */
#ifndef PG_DISPLAY_VMM_H
#define PG_DISPLAY_VMM_H

#include <pixman.h>

#include "base/list.h"
#include "display/display.h"
#include "protocol/vhost_user.h"

#define PG_VMM_MODULE "display"

/* Converted pixels on their way out. */
#define PG_VMM_STAGE_SIZE ((size_t)256 << 10)

/*
 * Damage and the flushes that wait for it. A head has two: what is being sent,
 * and what came since; so that a guest that flushes without end can't keep an
 * earlier flush waiting.
 */
struct pg_vmm_pass {
	pixman_region32_t damage;
	struct paragpu_flush **holds;
	size_t hold_count, hold_capacity;
};

struct pg_vmm_head {
	bool shown;              /* the device shows a picture */
	uint32_t width, height;  /* of it */
	uint32_t serial;         /* changes with the size and on and off */
	uint32_t picture_serial; /* changes with every picture */
	bool announced;          /* SCANOUT of `serial` went out: UPDATE is allowed */
	bool on;                 /* the front end may show something of this head */
	bool dmabuf;             /* the front end has a DMABUF_SCANOUT of ours */
	uint32_t dmabuf_serial;  /* picture_serial of it */
	bool dmabuf_usable;      /* what was found out about `dmabuf_checked` */
	uint32_t dmabuf_checked; /* picture_serial */
	bool dmabuf_waiting;     /* DMABUF_UPDATE is not answered */
	struct pg_vmm_pass now, next;
	struct paragpu_cursor *cursor; /* NULL until the device told */
	bool cursor_image_due, cursor_due;
};

/* The message on its way: bytes made at its beginning, then perhaps pixels of a head. */
struct pg_vmm_message {
	bool active;
	uint8_t bytes[sizeof(struct vhost_user_gpu_header) +
		      sizeof(struct vhost_user_gpu_cursor_update)];
	size_t size, sent;
	int fd; /* goes with the first byte; ours */
	uint32_t head, serial;
	bool blank; /* the picture can't be read any more: zeroes for the rest */
	struct paragpu_rect rect;
	uint64_t pixels_size, pixels_sent; /* bytes; 0: no pixels */
	uint64_t stage_from, stage_to;     /* part of the pixels that lies in the stage */
};

/* A request that has a reply: not sent yet, or waiting for it. */
struct pg_vmm_request {
	struct pg_list link;
	uint32_t request;
	uint32_t head;
	struct paragpu_query *query; /* NULL for those of our own and of a device that is gone */
};

struct pg_vmm {
	struct pg_display display;
	struct pg_loop *loop;
	const struct pg_logger *logger;
	struct pg_vmm_options options;

	int fd;
	struct pg_watch watch;
	bool pumping;
	bool full;   /* the socket took no more: wait for EPOLLOUT */
	size_t sent; /* in this turn of the loop */

	bool features_known;
	bool features_due; /* SET_PROTOCOL_FEATURES is to be sent */
	uint64_t features;
	struct pg_list requests; /* to be sent */
	struct pg_list waiting;  /* for their replies, in order */

	struct pg_vmm_head heads[PARAGPU_MAX_HEADS];
	uint32_t turn; /* the head that is looked at first */
	struct pg_vmm_message message;
	uint8_t *stage; /* PG_VMM_STAGE_SIZE; takes no memory until it is used */

	uint8_t reply[sizeof(struct vhost_user_gpu_header) + sizeof(struct virtio_gpu_resp_edid)];
	size_t reply_size;

	/* Flushes whose holds are given back when no call of the device is below us. */
	struct paragpu_flush **released;
	size_t released_count, released_capacity;
	struct pg_deferred release;
	struct pg_timer hold_limit;
};

/* vmm.c */
void pg_vmm_lose_socket(struct pg_vmm *vmm);
/* Ends a pass that is all sent: gives its holds back and begins the next. */
void pg_vmm_settle(struct pg_vmm *vmm, struct pg_vmm_head *head);
/* A request of ours that waits for being sent. Returns 0 or -ENOMEM. */
int pg_vmm_add_request(struct pg_vmm *vmm, uint32_t request, uint32_t head,
		       struct paragpu_query *query);

/* vmm_choose.c: makes the next message. Returns false if there is nothing to say. */
bool pg_vmm_choose(struct pg_vmm *vmm);

/* vmm_output.c: sends until there is nothing to say or the socket is full. */
void pg_vmm_pump(struct pg_vmm *vmm);

/* vmm_reply.c: reads what is there. */
void pg_vmm_receive(struct pg_vmm *vmm);

#endif

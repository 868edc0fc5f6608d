/* SPDX-License-Identifier: MIT */
/*
 * The displays that come with the programs. Each is a struct paragpu_display
 * (include/paragpu/display.h) with an owner's handle around it; all run on one
 * event loop, none blocks, and none ends the process whatever its other side
 * does. Several may be attached to one device at once.
 */
#ifndef PG_DISPLAY_DISPLAY_H
#define PG_DISPLAY_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paragpu/display.h>

#include "base/log.h"
#include "base/loop.h"

/* Embedded first in every display of ours. */
struct pg_display {
	struct paragpu_display base; /* for paragpu_device_add_display() */
	void (*destroy)(struct pg_display *display);
	void (*detached)(struct pg_display *display); /* may be NULL */
};

/*
 * Frees a display, which the device must have let go of
 * (paragpu_device_remove_display), and sets *display to NULL. Accepts NULL.
 */
void pg_display_destroy(struct pg_display **display);

/*
 * To be called after paragpu_device_remove_display() for a display that lives
 * on, before it is attached again: it forgets what it owed to the device and
 * shows nothing.
 */
void pg_display_detached(struct pg_display *display);

/* --- the VMM's windows, by the vhost-user-gpu display socket: vmm.c --- */

struct pg_vmm_options {
	/*
	 * Pictures that are dma-bufs go to the front end as such. Only for front
	 * ends with a GL display: QEMU without one drops such a picture silently.
	 */
	bool dmabuf;
	/* Tells dma-bufs from other files; NULL: by their file system. */
	bool (*is_dmabuf)(int fd);
	/* The front end answers the guest's GET_DISPLAY_INFO and GET_EDID. */
	bool queries;
	/*
	 * The longest that a flush waits for a slow front end, in nanoseconds; 0:
	 * it never waits. What was not sent by then is sent as it is when the
	 * front end gets to it.
	 */
	uint64_t hold_ns;
	/* Who is at the other end, for messages; a constant. */
	const char *name;
	/* Called when the front end is gone, but not by destruction; may be NULL. */
	void (*lost)(void *data);
	/* Called at the end of the destruction; may be NULL. */
	void (*destroyed)(void *data);
	void *data;
};

/* dmabuf off, queries on, flushes wait 100 ms at most. */
void pg_vmm_options_init(struct pg_vmm_options *options);

/* A display without a socket: it takes part in nothing. `logger` must outlive it. */
int pg_vmm_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_vmm_options *options, struct pg_display **out);

/*
 * Takes *fd, a connected stream socket, in place of the one before, and shows
 * everything again on it; *fd is -1 afterwards. An *fd of -1 takes the present
 * socket away. A front end that closes its end does the same by itself.
 */
int pg_vmm_set_socket(struct pg_display *display, int *fd);

bool pg_vmm_connected(const struct pg_display *display);

/* --- stills on demand: observer.c; image.h and png_file.h for what to do with them --- */

struct pg_image;

/* A display that only remembers what a still needs. Attach one per device. */
int pg_observer_create(struct pg_display **out);

/*
 * Takes a still of `head`, with its pointer drawn in if `with_cursor`. The
 * caller finishes it with pg_image_finish(). Returns 0, -ENODEV if the head is
 * off or the observer not attached, or another negative errno.
 */
int pg_observer_take(const struct pg_display *display, uint32_t head, bool with_cursor,
		     struct pg_image *image);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The device's displays: attaching, detaching, telling. Displays are the
 * embedder's code and trusted; see paragpu/display.h for what they may do.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "device/device.h"

static_assert(sizeof(struct pg_list) == sizeof(((struct paragpu_display *)0)->link),
	      "the public structure has room for a list link");

static struct pg_list *link_of(struct paragpu_display *display)
{
	return (struct pg_list *)(void *)display->link;
}

static void tell_scanout(const struct paragpu_device *device, struct paragpu_display *display,
			 uint32_t head)
{
	struct paragpu_picture picture;
	bool on;

	if (!display->ops->scanout)
		return;
	on = pg_scanout_picture(device, head, &picture);
	display->ops->scanout(display, head, on ? &picture : NULL);
}

void pg_displays_scanout(struct paragpu_device *device, uint32_t head)
{
	pg_list_for_each(link, &device->displays)
		tell_scanout(device, pg_display_of(link), head);
}

void pg_displays_cursor(struct paragpu_device *device, uint32_t head, bool image_changed)
{
	pg_list_for_each(link, &device->displays) {
		struct paragpu_display *display = pg_display_of(link);

		if (display->ops->cursor)
			display->ops->cursor(display, head, &device->scanouts[head].cursor,
					     image_changed);
	}
}

int paragpu_device_add_display(struct paragpu_device *device, struct paragpu_display *display)
{
	struct paragpu_rect damage[PARAGPU_MAX_HEADS];

	if (display->device)
		return -EBUSY;
	if (display->ops->flush && pg_flush_prepare(display))
		return -ENOMEM;
	display->device = device;
	pg_list_append(&device->displays, link_of(display));
	for (uint32_t head = 0; head < device->head_count; head++) {
		const struct pg_scanout *scanout = &device->scanouts[head];

		tell_scanout(device, display, head);
		if (scanout->cursor.visible && display->ops->cursor)
			display->ops->cursor(display, head, &scanout->cursor, true);
		damage[head] = (struct paragpu_rect){
			.width = scanout->view.rect.width,
			.height = scanout->view.rect.height,
		};
	}
	if (display->ops->flush)
		pg_flush_display(device, display, damage, NULL);
	return 0;
}

void paragpu_device_remove_display(struct paragpu_device *device, struct paragpu_display *display)
{
	if (display->device != device)
		return;
	pg_list_remove(link_of(display));
	display->device = NULL;
	pg_queries_answer(device, display);
	pg_flushes_release(device, display);
}

bool paragpu_display_picture(const struct paragpu_display *display, uint32_t head,
			     struct paragpu_picture *picture)
{
	const struct paragpu_device *device = display->device;

	return device && head < device->head_count && pg_scanout_picture(device, head, picture);
}

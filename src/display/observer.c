/* SPDX-License-Identifier: MIT */
/*
 * A display that shows nothing: it remembers the pointers and takes stills on
 * demand. It costs a device nothing while nobody asks.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "display/display.h"
#include "display/image.h"

struct observer {
	struct pg_display display;
	struct paragpu_cursor *cursors[PARAGPU_MAX_HEADS]; /* NULL: never seen */
};

static void on_cursor(struct paragpu_display *display, uint32_t head,
		      const struct paragpu_cursor *cursor, bool image_changed)
{
	struct observer *observer = pg_container_of(display, struct observer, display.base);

	(void)image_changed;
	if (!observer->cursors[head])
		observer->cursors[head] = malloc(sizeof(*cursor));
	if (observer->cursors[head])
		*observer->cursors[head] = *cursor;
}

static const struct paragpu_display_ops observer_ops = {
	.name = "observer",
	.cursor = on_cursor,
};

static void destroy(struct pg_display *display)
{
	struct observer *observer = pg_container_of(display, struct observer, display);

	for (size_t i = 0; i < PARAGPU_MAX_HEADS; i++)
		free(observer->cursors[i]);
	free(observer);
}

int pg_observer_create(struct pg_display **out)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (!observer)
		return -ENOMEM;
	observer->display.base.ops = &observer_ops;
	observer->display.destroy = destroy;
	*out = &observer->display;
	return 0;
}

int pg_observer_take(const struct pg_display *display, uint32_t head, bool with_cursor,
		     struct pg_image *image)
{
	const struct observer *observer = pg_container_of(display, const struct observer, display);
	int error = pg_image_take(&display->base, head, image);

	if (!error && with_cursor && observer->cursors[head])
		pg_image_draw_cursor(image, observer->cursors[head]);
	return error;
}

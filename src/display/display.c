/* SPDX-License-Identifier: MIT */
/* What all displays have in common; see display.h. */
#include "display/display.h"

void pg_display_destroy(struct pg_display **display)
{
	struct pg_display *taken = *display;

	*display = NULL;
	if (taken)
		taken->destroy(taken);
}

void pg_display_detached(struct pg_display *display)
{
	if (display->detached)
		display->detached(display);
}

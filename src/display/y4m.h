/* SPDX-License-Identifier: MIT */
/*
 * Y4M capture: uncompressed video that ffmpeg, mpv and others read. 4:4:4,
 * 8 bits, BT.601 in limited range, at a fixed rate: a frame is repeated where
 * nothing changed, and the last state wins where more changed than fits.
 */
#ifndef PG_DISPLAY_Y4M_H
#define PG_DISPLAY_Y4M_H

#include "display/display.h"

struct pg_y4m_settings {
	const struct pg_logger *logger;
	char path[512]; /* for messages */
	uint32_t head;
	uint32_t fps; /* 1..1000 */
};

/* The life of the capture's process, a pg_viewer_main; `file` is open for writing, `data` the settings. */
int pg_y4m_capture(int socket, int file, void *data);

#endif

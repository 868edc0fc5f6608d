/* SPDX-License-Identifier: MIT */
/* The VNC server: where it listens (vnc.c), and its process (vnc_server.c). */
#ifndef PG_DISPLAY_VNC_H
#define PG_DISPLAY_VNC_H

#include "display/display.h"

struct pg_vnc_settings {
	const struct pg_logger *logger;
	int head;         /* the one to show; -1: all that are on, side by side */
	char password[9]; /* VNC looks at 8 characters; "": none is asked */
	char path[108];   /* of the UNIX socket, removed at the end; "": TCP */
};

/* The life of the process, a pg_viewer_main; `listener` is a listening socket, `data` the settings. */
int pg_vnc_server(int socket, int listener, void *data);

#endif

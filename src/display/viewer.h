/* SPDX-License-Identifier: MIT */
/*
 * Viewers: displays in a process of their own, so that a slow disk, a slow
 * network or a bug in a library costs the device neither time nor its life. A
 * viewer is fed by the VMM display (vmm.c) over a socket pair, as a VMM is.
 */
#ifndef PG_DISPLAY_VIEWER_H
#define PG_DISPLAY_VIEWER_H

#include "display/display.h"

/*
 * The viewer's life. `socket` brings the display protocol (receiver.h); its
 * end is the end of the viewer, which then finishes what it has and returns
 * an exit status. `resource` is the descriptor that pg_viewer_create() was
 * given; all others but standard input, output and error are closed. SIGINT
 * and SIGTERM are ignored: the device decides when it is over.
 */
typedef int (*pg_viewer_main)(int socket, int resource, void *data);

/*
 * Forks a viewer. Call it while the process has but one thread and nothing
 * mapped that the viewer must not see. Takes *resource. `name`, a constant, is
 * for messages: "the VNC server". When the display is destroyed the viewer
 * gets some seconds to finish.
 */
int pg_viewer_create(struct pg_loop *loop, const struct pg_logger *logger, const char *name,
		     pg_viewer_main main, int *resource, void *data, struct pg_display **out);

#endif

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
 * The life of a viewer that needs no program of its own. `socket` brings the display protocol (receiver.h); its
 * end is the end of the viewer, which then finishes what it has and returns
 * an exit status. `resource` is the descriptor that pg_viewer_create() was
 * given; all others but standard input, output and error are closed. SIGINT
 * and SIGTERM are ignored: the device decides when it is over.
 */
typedef int (*pg_viewer_main)(int socket, int resource, void *data);

/*
 * What is to become of the new process. A viewer that needs libraries is a
 * program, so that they take no memory in the device's process and their bugs
 * are not its bugs; it finds `socket` at descriptor 3 and `resource` at 4.
 */
struct pg_viewer_plan {
	const char *name;         /* a constant, for messages: "the VNC server" */
	const char *const *words; /* the program's path, then its arguments, then NULL; */
	pg_viewer_main main;      /* or, if that is NULL, what to call */
	void *data;
};

/*
 * Forks a viewer. Call it while the process has but one thread and nothing
 * mapped that the viewer must not see. Takes *resource. A program that can't be
 * started is an error here; one that ends later is said in a message and hurts
 * nobody. When the display is destroyed the viewer gets some seconds to finish.
 */
int pg_viewer_create(struct pg_loop *loop, const struct pg_logger *logger,
		     const struct pg_viewer_plan *plan, int *resource, struct pg_display **out);

#endif

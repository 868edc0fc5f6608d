/* SPDX-License-Identifier: MIT */
/*
 * Displays as people ask for them:
 *
 *   vnc:PORT                  VNC on 127.0.0.1; also vnc:ADDRESS:PORT, vnc:[ADDRESS]:PORT
 *   vnc:unix:PATH             VNC on a UNIX socket that only its owner can open
 *     ,password-file=FILE     asks for the password in the first line of FILE (8 characters at
 *                             most); needed on any address that others can reach
 *     ,head=N                 shows head N alone; else all that are on, side by side
 *   y4m:FILE[@FPS]            video of head 0, 30 frames a second, into FILE (a pipe is fine)
 *     ,head=N                 of head N
 *
 * VNC clients can look, but not type or point: virtio-gpu carries no input. A
 * comma can't be part of a path here.
 */
#ifndef PG_DISPLAY_OPTIONS_H
#define PG_DISPLAY_OPTIONS_H

#include "display/display.h"

/* A sentence for people: what was asked, what was wrong, what to do. */
struct pg_problem {
	char text[320];
};

/* Returns `error`. */
__attribute__((format(printf, 3, 4))) int pg_problem_set(struct pg_problem *problem, int error,
							 const char *format, ...);

/*
 * Makes the display that `option` asks for. Call it before the process has
 * threads, guest memory or a sandbox: displays may get processes of their own.
 * Returns 0, or a negative errno and a sentence in *problem.
 */
int pg_display_from_option(const char *option, struct pg_loop *loop, const struct pg_logger *logger,
			   struct pg_display **out, struct pg_problem *problem);

/* The kinds that can be had and those that can't: "vnc, y4m" or "y4m (no vnc: … is not installed)". */
const char *pg_display_kinds(void);

struct pg_vnc_options {
	const char *path;           /* UNIX socket; NULL: TCP */
	const char *address, *port; /* numbers */
	const char *password_file;  /* NULL: no password */
	int head;                   /* -1: all */
};

int pg_vnc_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_vnc_options *options, struct pg_display **out,
		  struct pg_problem *problem);

struct pg_y4m_options {
	const char *path;
	uint32_t head;
	uint32_t fps; /* 1..1000 */
};

/* The file is made anew. */
int pg_y4m_create(struct pg_loop *loop, const struct pg_logger *logger,
		  const struct pg_y4m_options *options, struct pg_display **out,
		  struct pg_problem *problem);

#endif

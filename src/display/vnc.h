/* SPDX-License-Identifier: MIT */
/*
 * The VNC server: where it listens (vnc.c), and the program that serves
 * (vnc_server.c), which alone links libvncserver:
 *
 *   paragpu-vnc [--head=N] [--password-file=FILE]
 *
 * with the display socket at descriptor 3 and a listening socket at 4.
 */
#ifndef PG_DISPLAY_VNC_H
#define PG_DISPLAY_VNC_H

#include <limits.h>
#include <stdbool.h>

#include "display/options.h"

#define PG_VNC_PROGRAM "paragpu-vnc"

/* The device's process itself, for pg_vnc_find(). */
#define PG_VNC_SELF "/proc/self/exe"

/* VNC looks at 8 characters. */
#define PG_VNC_PASSWORD_SIZE 9

/*
 * Finds the program that a paragpud of this path runs: beside it, as in the
 * build, else where programs for programs are installed. Returns whether there
 * is one; if not, `path` is where it should be installed.
 */
bool pg_vnc_find(const char *paragpud, char path[PATH_MAX]);

/* The first line of a file that only its owner can read; never waits. */
int pg_vnc_read_password(const char *path, char password[PG_VNC_PASSWORD_SIZE],
			 struct pg_problem *problem);

#endif

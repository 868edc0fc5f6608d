/* SPDX-License-Identifier: MIT */
/*
 * The folder of this user in which running devices are found:
 * $XDG_RUNTIME_DIR/paragpu, /run/user/UID/paragpu or /tmp/paragpu-UID, the
 * first whose parent there is. NAME.gpu is a device's vhost-user socket,
 * NAME.control its control socket.
 */
#ifndef PG_CLI_RUNTIME_H
#define PG_CLI_RUNTIME_H

#include <stddef.h>

#define PG_CONTROL_SUFFIX ".control"

/* Stores the folder's path, without a look at it. Returns 0 or -ENAMETOOLONG. */
int pg_runtime_folder(char *path, size_t size);

/*
 * Makes the folder, which only this user may enter, if it is missing. Returns 0,
 * or a negative errno and a message for people, also if it belongs to somebody else.
 */
int pg_runtime_make(char *path, size_t size, char *problem, size_t problem_size);

/*
 * Finds the control socket of `name`; of the one running device if `name` is
 * NULL. A name with a slash is a path already. Returns 0, or a negative errno
 * and a message for people, which lists the devices if there are several.
 */
int pg_runtime_find_control(const char *name, char *path, size_t size, char *problem,
			    size_t problem_size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * File descriptors with visible ownership: who takes a descriptor takes an
 * `int *` and leaves -1 behind.
 */
#ifndef PG_BASE_FD_H
#define PG_BASE_FD_H

/*
 * Closes *fd if it is open and sets it to -1. errno is kept, so that this may
 * stand in an error path. EINTR is not retried: on Linux the descriptor is
 * gone by then and a second close could hit a stranger's.
 */
void pg_close(int *fd);

/* Takes the descriptor out of *fd: returns it and leaves -1. */
static inline int pg_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Sets O_NONBLOCK. Returns 0 or a negative errno. */
int pg_set_nonblocking(int fd);

#endif

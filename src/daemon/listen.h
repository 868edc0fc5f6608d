/* SPDX-License-Identifier: MIT */
/*
 * UNIX sockets that paragpud listens on: made safely, taken away at the end.
 */
#ifndef PG_DAEMON_LISTEN_H
#define PG_DAEMON_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

struct pg_listener {
	int fd; /* -1: none */
	const char *path;
	/* which file it made, so that it removes no other */
	dev_t device;
	ino_t inode;
};

/*
 * Listens on `path`, which must outlive the listener, without blocking. The
 * file gets `mode` less the umask at the moment it appears. A socket file on
 * which nobody listens any more is replaced, anything else in the way is not.
 * Returns 0, or a negative errno and a message for people.
 */
int pg_listen(struct pg_listener *listener, const char *path, mode_t mode, char *problem,
	      size_t problem_size);

/* Closes the socket and removes its file, if it is still ours. Harmless for one that was not made. */
void pg_listener_finish(struct pg_listener *listener);

#endif

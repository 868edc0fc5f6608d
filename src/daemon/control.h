/* SPDX-License-Identifier: MIT */
/*
 * The control socket: lines of JSON in, lines of JSON out
 * (docs/control-protocol.md). This part knows sockets, lines and clients;
 * what can be asked is a table, in commands.c.
 *
 * Only the owner of the process and root get in, by the mode of the file and
 * by their credentials. Even they are not believed: requests are parsed
 * strictly, bounded in size and number, and a client that does not read costs
 * a bounded buffer and never a moment of the device's time.
 */
#ifndef PG_DAEMON_CONTROL_H
#define PG_DAEMON_CONTROL_H

#include <stddef.h>

#include <jansson.h>

#include "base/log.h"
#include "base/loop.h"

struct pg_control;
struct pg_client;

/* What a command gives back; starts as all zeroes but fd, which starts as -1. */
struct pg_answer {
	json_t *result;    /* a reference for the client; NULL: an error */
	char problem[256]; /* then this says what was wrong and what to do */
	int fd;            /* goes with the result, or -1; the client's */
	bool follow;       /* lines of pg_control_tell() follow until the client leaves */
};

struct pg_control_command {
	const char *name;
	/*
	 * jansson's format for json_unpack_ex() is the command's business: it gets
	 * the whole request, an object.
	 */
	void (*run)(void *data, json_t *request, struct pg_answer *answer);
};

/*
 * Serves `commands`, which end with one without a name, on the UNIX socket
 * `path`. `path`, `commands`, `logger` and `data` must outlive it. Returns 0, or
 * a negative errno and a message for people in `problem`.
 */
int pg_control_create(struct pg_loop *loop, const struct pg_logger *logger, const char *path,
		      const struct pg_control_command *commands, void *data,
		      struct pg_control **out, char *problem, size_t problem_size);

/* Hangs up on all clients and removes the socket. Sets *control to NULL; accepts NULL. */
void pg_control_destroy(struct pg_control **control);

/* Whether anybody follows: otherwise pg_control_tell() has no use. */
bool pg_control_followed(const struct pg_control *control);

/*
 * Sends {"trace": text} to all who follow. Never waits: who does not read fast
 * enough misses lines, and is told how many.
 */
void pg_control_tell(struct pg_control *control, const char *text);

#endif

/* SPDX-License-Identifier: MIT */
/* The asking side of the control socket (docs/control-protocol.md). */
#ifndef PG_CLI_CLIENT_H
#define PG_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct pg_control_client {
	int fd;
	int received_fd; /* came with the last answer, or -1; take it out or it is closed */
	char *bytes;
	size_t used, size, capacity; /* bytes [used, size) are not read yet */
};

/*
 * Connects to the device `name` (see pg_runtime_find_control). Returns 0 or an
 * exit status; the reason was printed. pg_client_close() in any case.
 */
int pg_client_open(struct pg_control_client *client, const char *name);
void pg_client_close(struct pg_control_client *client);

/*
 * Asks: takes the reference to `request`, returns the result, a new reference,
 * or NULL; the reason was printed.
 */
json_t *pg_client_ask(struct pg_control_client *client, json_t *request);

/*
 * The next line, a new reference; waits for it. Returns NULL when the device
 * has hung up (then *error is 0) or after a failure (a negative errno).
 */
json_t *pg_client_read(struct pg_control_client *client, int *error);

#endif

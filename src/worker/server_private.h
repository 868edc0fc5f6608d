/* SPDX-License-Identifier: MIT */
/* What the files of the worker's server share; see server.h. */
#ifndef PG_WORKER_SERVER_PRIVATE_H
#define PG_WORKER_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <paragpu/renderer.h>

#include "base/idmap.h"
#include "worker/channel.h"
#include "worker/server.h"
#include "worker/wire.h"

struct pg_served_context {
	uint32_t id;
	uint32_t serial;
};

struct pg_server {
	struct pg_channel channel;
	struct paragpu_renderer *renderer;
	const struct pg_logger *log;
	int epoll;
	int error; /* the end, and why */
	uint64_t spin_ns;
	struct pg_idmap contexts;
	struct paragpu_memory *next_memory; /* being told, region by region */
};

struct paragpu_operation {
	struct pg_server *server;
	uint64_t handle;
	uint32_t ctx_id; /* of a context that failure does away with; 0: none */
};

/* Sends a record: `head` and then `data`. Failure ends the server. */
void pg_server_send(struct pg_server *server, enum pg_wire_type type, const void *head, size_t size,
		    const void *data, size_t data_size, int fd);

/* calls.c: makes the call in channel.message. Returns 0, or a negative errno if it is none. */
int pg_server_call(struct pg_server *server);

#endif

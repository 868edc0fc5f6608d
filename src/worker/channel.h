/* SPDX-License-Identifier: MIT */
/*
 * One end of the connection between device process and worker: a ring each way
 * in one sealed memfd, a bell (eventfd) each way, and a socket that carries
 * descriptors, matched to their records by number. A payload too long for the
 * ring travels as a file. Never blocks. The other side is not trusted.
 */
#ifndef PG_WORKER_CHANNEL_H
#define PG_WORKER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "worker/ring.h"

#define PG_CHANNEL_MAX_PAYLOAD (128u << 20)

struct pg_message {
	uint32_t type;
	size_t size;
	void *payload; /* a private copy, aligned to 16; until the next receive */
	int fd;        /* of the record, or -1: take it with pg_take_fd() */
};

struct pg_channel {
	struct pg_ring in, out;
	int socket;
	int bell_in; /* readable: something came, or there is room again */
	int bell_out;

	/* private */
	void *memory;
	size_t memory_size;
	uint64_t sent, received; /* messages with descriptors */
	struct pg_message message;
	size_t payload_room;
};

/* All descriptors -1. */
void pg_channel_init(struct pg_channel *channel);
/* The device's end: makes everything; *peer gets the socket for the worker. */
int pg_channel_create(struct pg_channel *channel, int *peer);
/* The worker's end, from its socket, which it takes. Waits for the first message. */
int pg_channel_join(struct pg_channel *channel, int *socket);
void pg_channel_finish(struct pg_channel *channel);

/*
 * Sends a record; of `fd`, if it is not -1, a duplicate arrives. Returns 0;
 * -EAGAIN, and bell_in will ring when to try again; -EMSGSIZE over the maximum;
 * any other error means that the other side is gone or broken.
 */
int pg_channel_send(struct pg_channel *channel, uint32_t type, const struct iovec *pieces,
		    size_t count, int fd);

/* Returns 1 if channel->message is the next record, 0 if there is none, or a negative errno. */
int pg_channel_receive(struct pg_channel *channel);

/* Empties the bell. */
void pg_channel_quiet(struct pg_channel *channel);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where paragpud's lines go: standard error. At most so many a second, since a
 * guest or a VMM may be the cause of them, and never at the price of waiting
 * for whoever reads them.
 */
#ifndef PG_DAEMON_MESSAGES_H
#define PG_DAEMON_MESSAGES_H

#include <stdint.h>

#include "base/log.h"

/* Lines at once, and lines a second for ever. */
#define PG_MESSAGE_BURST 200
#define PG_MESSAGE_RATE 20

struct pg_messages {
	int fd;
	const char *program;
	/* private */
	uint64_t last_ns;
	uint64_t credit; /* in nanoseconds' worth of lines */
	uint64_t left_out;
};

void pg_messages_init(struct pg_messages *messages, int fd, const char *program);

/* A pg_log_sink; `data` is the struct pg_messages. */
void pg_messages_write(void *data, enum pg_log_level level, const char *module,
		       const char *message);

#endif

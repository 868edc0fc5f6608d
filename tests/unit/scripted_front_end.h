/* SPDX-License-Identifier: MIT */
/*
 * A front end for tests of the vhost-user server, in the same thread and on the
 * same loop: it sends exactly what it is told to, right or wrong, and has a
 * guest of 1 MiB with one small split ring per queue.
 */
#ifndef PG_TESTS_SCRIPTED_FRONT_END_H
#define PG_TESTS_SCRIPTED_FRONT_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "protocol/vhost_user.h"
#include "transport/vhost_user/vhost_user.h"

#define RAM_SIZE UINT64_C(0x100000)
#define RAM_GUEST UINT64_C(0x40000000)
#define RAM_USER UINT64_C(0x7f0000000000)
#define QUEUE_SIZE 16

struct scripted {
	struct pg_loop *loop;
	struct pg_logger logger;
	char log[8192]; /* all messages, one a line */
	struct pg_vhost_user *server;
	struct paragpu_device *device;
	int socket;  /* the main channel */
	int channel; /* our end of the back-end channel, or -1 */
	int ram_fd;
	uint8_t *ram;
	int kick[2], call[2], err[2];
	uint16_t avail[2];
	uint16_t used_seen[2];
	/* what the callbacks saw */
	unsigned int opened, closed, resets, resumes, displays;
	bool keep_display; /* else it is left in the server's hands */
	int display_fd;
	/* of the requests to the front end */
	unsigned int done;
	int result;
	/* the test's own */
	unsigned int fds_before;
	int blob;
	void *extra;
};

/* `settings` may be NULL; its loop, logger and callbacks are filled in. Connects. */
void scripted_init(struct scripted *s, struct pg_vhost_user_settings *settings);
/* Fails the test if a descriptor is left open. */
void scripted_finish(struct scripted *s);
/* A new connection; the old one must have gone. */
void scripted_connect(struct scripted *s);
/* Closes the main channel and lets the server see it. */
void scripted_disconnect(struct scripted *s);

/* Lets the server do all that it can do now. */
void scripted_run(struct scripted *s);

/* Sends one message; `flags` is added to version 1. */
void scripted_send(struct scripted *s, uint32_t request, uint32_t flags, const void *payload,
		   uint32_t size, const int *fds, size_t fd_count);
/* Receives one reply of the server. Returns the size of its payload, or -1 if there is none. */
int scripted_reply(struct scripted *s, uint32_t request, void *payload, size_t capacity, int *fd);
/* Sends and returns the u64 that comes back, or fails the test. */
uint64_t scripted_get(struct scripted *s, uint32_t request);
/* Sends with need_reply and returns the acknowledgement: 0 is success. */
uint64_t scripted_ack(struct scripted *s, uint32_t request, const void *payload, uint32_t size,
		      const int *fds, size_t fd_count);
/* Whether the server has closed the connection. */
bool scripted_gone(struct scripted *s);

/* The steps of QEMU. Each fails the test if the server refuses. */
void scripted_negotiate(struct scripted *s, uint64_t protocol_features);
void scripted_set_features(struct scripted *s, uint64_t features);
void scripted_share_ram(struct scripted *s);
void scripted_open_channel(struct scripted *s);
void scripted_start_queue(struct scripted *s, uint32_t index, uint32_t base);
void scripted_enable(struct scripted *s, uint32_t index, bool on);
uint32_t scripted_stop_queue(struct scripted *s, uint32_t index);
/* All of it: negotiated, memory shared, both queues running from the beginning. */
void scripted_start(struct scripted *s);
/* What the guest's driver does at a reset. */
void scripted_clear_rings(struct scripted *s);

/* Puts a request of `type` on queue `index`; its response will be at scripted_response(). */
void scripted_request(struct scripted *s, uint32_t index, uint32_t type);
void scripted_offer(struct scripted *s, uint32_t index, const void *request, uint32_t size);
void scripted_kick(struct scripted *s, uint32_t index);
/* How many used elements came since the last call. */
unsigned int scripted_used(struct scripted *s, uint32_t index);
/* The type of the last response of the queue. */
uint32_t scripted_response(struct scripted *s, uint32_t index);
/* Whether the eventfd was written since the last call. */
bool scripted_event(int fd);

/* The next request on the back-end channel: its number, or 0 if there is none. */
uint32_t scripted_channel_request(struct scripted *s, void *payload, size_t capacity, int *fd);
void scripted_channel_reply(struct scripted *s, uint32_t request, uint64_t value);
/* A pg_vhost_user_done that counts in s->done. */
void scripted_done(void *data, int result);

/* Descriptors this process has open. */
unsigned int count_fds(void);

#endif
